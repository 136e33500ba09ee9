/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "cli/road.h"
#include "cli/verb.h"

static bool group;
static const struct pp_option options[] = {
	{"group", 0, NULL, "its whole IOMMU group comes back", &group},
};

static int reattach(struct cli *cli, const struct pp_host *host, struct cli_devices *devices)
{
	PP_BUFFER struct pp_buffer blame = PP_BUFFER_INIT;
	char text[CLI_NODE_SIZE];
	pp_buffer_printf(&blame, "Failed to re-attach device%s", devices->count > 1 ? "s" : "");
	for (size_t i = 0; i < devices->count; i++)
		pp_buffer_printf(&blame, " %s", cli_device_called(devices, i, text));
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	int r = pp_plan_reattach(cli->context, host, devices->items, devices->count, &plan, &error);
	if (r >= 0)
		return cli_apply(cli, plan, pp_buffer_text(&blame));
	cli_blame(cli, "%s", pp_buffer_text(&blame));
	return cli_fail(cli, &error);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	if (status)
		return status;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	CLI_DEVICES struct cli_devices devices = {0};
	status = cli_read(cli, PP_READ_DEVICES | PP_READ_GROUPS | PP_READ_USES, &host);
	if (!status)
		status = cli_devices_find(cli, host, words, n_words, &devices);
	if (!status && group && cli_devices_add_groups(host, &devices) < 0)
		status = cli_oom(cli);
	if (status)
		return status;
	cli_set(cli, "devices", cli_devices_json(&devices));
	status = reattach(cli, host, &devices);
	if (status || cli->dry_run)
		return status;
	char text[CLI_NODE_SIZE];
	for (size_t i = 0; i < devices.count; i++)
		cli_print(cli, "Device %s re-attached\n", cli_device_called(&devices, i, text));
	cli_end(cli);
	return status;
}

const struct cli_verb cli_verb_nodedev_reattach = {
	.name = "nodedev-reattach",
	.group = CLI_TAKE_BACK,
	.summary = "give devices back to the driver that they had",
	.example = "  # pcipass nodedev-reattach 00:1a.7\n"
		   "  Device 00:1a.7 re-attached\n",
	.usage = "DEVICE... [--group]",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = CLI_ANY,
	.words = "a device",
	.word_option = "device",
	.writes = true,
	.run = run,
};
