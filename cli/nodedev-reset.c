/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "cli/verb.h"

static const char *forced[256];
static size_t n_forced;
static const struct pp_option options[] = {
	{"force-for", 0, "NAME",
		"although NAME (a disk, interface, process) uses it; may be repeated", NULL, NULL,
		forced, &n_forced, PP_COUNT(forced) - 1},
};

/* A reset stops whoever works with the device; nothing else that a check says of giving it away
 * matters. */
static int refuse_in_use(struct cli *cli, const struct pp_host *host,
	const struct pp_device *device, const char *name)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options check = {.group = true, .force = forced, .act = true};
	struct pp_error error = {0};
	if (pp_check_devices(host, &device, 1, &check, &findings, &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];
		if (finding->severity != PP_FAIL || finding->status != PP_STATUS_IN_USE)
			continue;
		struct pp_findings one = {.items = finding, .n_items = 1};
		cli_blame(cli, "Failed to reset device %s", name);
		cli_findings(cli, stderr, &one, PP_WARN);
		cli_set(cli, "findings", cli_findings_json(&one));
		return PP_STATUS_IN_USE;
	}
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	int status = cli_devices_read(cli, CLI_READ_TO_ACT, words, n_words, false, &host, &devices);
	if (status)
		return status;
	const struct pp_device *device = devices.items[0];
	cli_set_bool(cli, "changed", false);
	status = refuse_in_use(cli, host, device, words[0]);
	if (status)
		return status;
	if (cli->dry_run) {
		cli_print(cli, "reset %s: the first of its methods that works (%s)\n", device->name,
			device->reset_methods && *device->reset_methods ? device->reset_methods
									: "none");
		return PP_STATUS_OK;
	}
	PP_FREE char *method = NULL;
	struct pp_error error = {0};
	if (pp_device_reset(cli->context, device, &method, &error) < 0) {
		cli_blame(cli, "Failed to reset device %s", words[0]);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", true);
	cli_set_string(cli, "method", method);
	if (method)
		cli_say(cli, "by %s", method);
	cli_print(cli, "Device %s reset\n", words[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_nodedev_reset = {
	.name = "nodedev-reset",
	.group = CLI_TAKE_BACK,
	.summary = "reset a device, and say by which method",
	.example = "  # pcipass nodedev-reset 01:00.0\n"
		   "  by flr\n"
		   "  Device 01:00.0 reset\n",
	.usage = "DEVICE [--force-for NAME]...",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_ONE_DEVICE,
	.writes = true,
	.run = run,
};
