/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/road.h"
#include "cli/verb.h"

#define NAMED_MAX 8

static const char *forced[256];
static size_t n_forced;
static bool live, config, persistent;
static const struct pp_option options[] = {
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses one that goes; may be repeated",
		NULL, NULL, forced, &n_forced, PP_COUNT(forced) - 1},
	{"live", 0, NULL, "now, until the host restarts: the usual", &live},
	{"config", 0, NULL, "from the next boot on; not now. 0 ends it", &config},
	{"persistent", 0, NULL, "both", &persistent},
};

static int set_now(struct cli *cli, const struct pp_host *host, const struct pp_device *pf,
	unsigned count, const char *blame)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	if (pp_plan_setvfs(cli->context, host, pf, count, &plan, &error) < 0) {
		cli_blame(cli, "%s", blame);
		return cli_fail(cli, &error);
	}
	if (plan->n_steps > 0 && pf->n_virtual_functions > 0) {
		int status = cli_heed_functions(cli, host, pf, forced, blame);
		if (status)
			return status;
	}
	return cli_apply(cli, plan, blame);
}

static int set_later(struct cli *cli, const struct pp_host *host, const struct pp_device *pf,
	unsigned count, const char *blame, bool *ret_changed)
{
	struct pp_error error = {0};
	if (cli->dry_run) {
		cli_print(cli, "%s: %u virtual functions at each boot\n", pf->name, count);
		return PP_STATUS_OK;
	}
	int r = count ? pp_bindings_add_functions(
				cli->context, host, pf, count, ret_changed, &error)
		      : pp_bindings_remove(cli->context, &pf->address, 1, ret_changed, &error);
	if (r >= 0)
		return PP_STATUS_OK;
	cli_blame(cli, "%s", blame);
	return cli_fail(cli, &error);
}

/* "00:09.1, 00:09.2"; of many the first and the last. */
static void put_names(struct pp_buffer *text, const struct pp_device *pf)
{
	size_t n = pf->n_virtual_functions;
	for (size_t i = 0; i < n; i++) {
		if (n > NAMED_MAX && i > 0 && i < n - 1)
			continue;
		pp_buffer_printf(text, "%s%s",
			i == 0          ? ": "
			: n > NAMED_MAX ? " to "
					: ", ",
			cli_short_address(pf->virtual_functions[i]));
	}
}

static int say_now(struct cli *cli, const struct pp_address *address, const char *word)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	int status = cli_read(cli, PP_READ_CONFIG, &host);
	const struct pp_device *pf = status ? NULL : pp_host_device(host, address);
	if (!pf)
		return status;
	struct pp_json *functions = pp_json_array();
	for (size_t i = 0; i < pf->n_virtual_functions; i++)
		pp_json_add_string(functions, pf->virtual_functions[i]->name);
	cli_set(cli, "functions", functions);
	pp_buffer_printf(&text, "Device %s has %u virtual function%s", word, pf->sriov_count,
		pf->sriov_count == 1 ? "" : "s");
	put_names(&text, pf);
	cli_print(cli, "%s\n", pp_buffer_text(&text));
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	uint64_t count;
	if (pp_parse_u64(words[1], 10, UINT16_MAX, &count) < 0)
		return cli_usage(cli, "'%s' is no number of virtual functions", words[1]);
	config |= persistent;
	live |= persistent || !config;
	int status = cli_devices_read(cli, CLI_READ_TO_ACT, words, 1, false, &host, &devices);
	if (status)
		return status;
	PP_BUFFER struct pp_buffer blame = PP_BUFFER_INIT;
	pp_buffer_printf(
		&blame, "Failed to set the number of virtual functions of device %s", words[0]);
	const struct pp_device *pf = devices.items[0];
	bool later = false;
	if (live)
		status = set_now(cli, host, pf, (unsigned)count, pp_buffer_text(&blame));
	if (!status && config)
		status = set_later(cli, host, pf, (unsigned)count, pp_buffer_text(&blame), &later);
	if (later || !live)
		cli_set_bool(cli, "changed", later);
	if (status || cli->dry_run)
		return status;
	if (live)
		return say_now(cli, &pf->address, words[0]);
	cli_print(cli, "Device %s has %u virtual functions from the next boot on\n", words[0],
		(unsigned)count);
	cli_end(cli);
	return status;
}

const struct cli_verb cli_verb_nodedev_setvfs = {
	.name = "nodedev-setvfs",
	.group = CLI_GIVE,
	.summary = "how many virtual functions (SR-IOV) a device has",
	.example = "  # pcipass nodedev-setvfs 01:00.0 2\n"
		   "  Device 01:00.0 has 2 virtual functions: 01:10.0, 01:10.2\n"
		   "  # pcipass nodedev-detach 01:10.0\n"
		   "  Device 01:10.0 detached\n",
	.usage = "DEVICE NUMBER [--config | --persistent] [--force-for NAME]...",
	.details =
		"The device's own driver makes them, so it has to be bound to it. They come "
		"without "
		"drivers of\n"
		"the host (sriov_drivers_autoprobe is off meanwhile); nodedev-reattach gives one "
		"to them. Another\n"
		"number than 0 is reached by way of 0: all that are there go, none of which may be "
		"in use. What\n"
		"systemd, netplan or NetworkManager set the number of is left to them.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 2,
	.max_words = 2,
	.words = "a device and a number",
	.word_option = "device",
	.writes = true,
	.run = run,
};
