/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "cli/verb.h"

static bool group;
static const char *trial;
static const struct pp_option options[] = {
	{"group", 0, NULL, "its whole IOMMU group comes back", &group},
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

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_try(cli, trial);
	if (status)
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
	.usage = "DEVICE... [--group] [--try SECONDS]",
	.options = options,
	.n_options = PP_COUNT(options),
	CLI_SOME_DEVICES,
	.writes = true,
	.run = run,
};
