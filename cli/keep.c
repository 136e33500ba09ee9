/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "cli/verb.h"

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	struct pp_error error = {0};
	size_t count = 0;
	int status = cli_open(cli);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run) {
		cli_print(cli, "keep what is on trial\n");
		return PP_STATUS_OK;
	}
	struct pp_apply_options options;
	cli_apply_options(cli, &options);
	int r = pp_trials_keep(cli->context, &options, &count, &error);
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", count > 0);
	if (r < 0)
		return cli_fail(cli, &error);
	cli_print(cli, count > 0 ? "Kept\n" : "Kept already\n");
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_keep = {
	.name = "keep",
	.group = CLI_GIVE,
	.summary = "what was done with --try stays",
	.example = "  # pcipass keep\n"
		   "  Kept\n",
	.usage = "",
	.details =
		"After `pcipass nodedev-detach enp2s0 --force-for enp2s0 --try 60`, for one, or "
		"`start GUEST --try 180`.\n"
		"What is not kept in time is undone, also when the session that tried it is gone, "
		"and when\n"
		"pcipass was killed. An error says that it is too late.\n",
	.writes = true,
	.run = run,
};
