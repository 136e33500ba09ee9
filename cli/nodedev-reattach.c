/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "cli/verb.h"

static bool group, live, config, persistent;
static const char *trial;
static const struct pp_option options[] = {
	{"group", 0, NULL, "its whole IOMMU group comes back", &group},
	{"live", 0, NULL, "now: the usual", &live},
	{"config", 0, NULL, "from the next boot on; not now", &config},
	{"persistent", 0, NULL, "both", &persistent},
	CLI_TRY_OPTION(&trial),
};

static int reattach(struct cli *cli, const struct pp_host *host, struct cli_devices *devices)
{
	PP_FREE char *blame = cli_devices_blame(devices, "re-attach");
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	if (!blame)
		return cli_oom(cli);
	int r = pp_plan_reattach(cli->context, host, devices->items, devices->count, &plan, &error);
	if (r >= 0)
		return cli_apply(cli, plan, blame);
	cli_blame(cli, "%s", blame);
	return cli_fail(cli, &error);
}

/* By its address alone, too: a binding outlives its device. */
static int unbind_word(struct cli *cli, const struct pp_host *host, const char *word,
	struct pp_address *ret_address)
{
	const struct pp_device *device;
	struct pp_error error = {0};
	if (pp_address_parse(word, ret_address) == 0)
		return PP_STATUS_OK;
	if (pp_device_find(cli->context, host, word, &device, &error) < 0)
		return cli_fail(cli, &error);
	*ret_address = device->address;
	return PP_STATUS_OK;
}

static int unbind(struct cli *cli, const struct pp_host *host, const char *const *words,
	size_t n_words, bool *ret_changed)
{
	PP_FREE struct pp_address *addresses = calloc(n_words, sizeof(*addresses));
	struct pp_error error = {0};
	char text[PP_ADDRESS_SIZE];
	if (!addresses)
		return cli_oom(cli);
	for (size_t i = 0; i < n_words; i++) {
		int status = unbind_word(cli, host, words[i], &addresses[i]);
		if (status)
			return status;
		if (cli->dry_run)
			cli_print(cli, "%s: to its own driver at each boot\n",
				pp_address_text(&addresses[i], text));
	}
	if (cli->dry_run)
		return PP_STATUS_OK;
	if (pp_bindings_remove(cli->context, addresses, n_words, ret_changed, &error) < 0)
		return cli_fail(cli, &error);
	cli_boot_image(cli, *ret_changed);
	return PP_STATUS_OK;
}

static int run_config(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	bool changed = false;
	if (group)
		return cli_usage(cli, "--group goes with what is done now: name its devices");
	int status = cli_read(cli, PP_READ_DEVICES, &host);
	if (!status)
		status = unbind(cli, host, words, n_words, &changed);
	cli_set_bool(cli, "changed", changed);
	if (status || live || cli->dry_run)
		return status;
	for (size_t i = 0; i < n_words; i++)
		cli_print(cli, "Device %s re-attached from the next boot on\n", words[i]);
	cli_end(cli);
	return status;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_try(cli, trial);
	if (status)
		return status;
	config |= persistent;
	live |= persistent || !config;
	if (trial && config)
		return cli_usage(cli, "--try is for what is done now: not with --config");
	if (config)
		status = run_config(cli, words, n_words);
	if (status || !live)
		return status;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	status = cli_devices_read(cli, PP_READ_DEVICES | PP_READ_GROUPS | PP_READ_USES, words,
		n_words, group, &host, &devices);
	if (status)
		return status;
	status = reattach(cli, host, &devices);
	if (status || cli->dry_run)
		return status;
	cli_devices_say(cli, &devices, "re-attached");
	return status;
}

const struct cli_verb cli_verb_nodedev_reattach = {
	.name = "nodedev-reattach",
	.group = CLI_TAKE_BACK,
	.summary = "give devices back to the driver that they had",
	.example = "  # pcipass nodedev-reattach 00:1a.7\n"
		   "  Device 00:1a.7 re-attached\n",
	.usage = "DEVICE... [--group] [--config | --persistent] [--try SECONDS]",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run,
};
