/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The road of every verb that moves devices: findings may refuse it, the plan is shown or applied.
 */
#ifndef CLI_ROAD_H
#define CLI_ROAD_H

#include "cli/devices.h"

/* All that checks look at, and the names that their words use. */
#define CLI_READ_TO_ACT ((unsigned)PP_READ_ALL)

/* Says the findings that matter; an exit status when one of them refuses, after BLAME ("Failed to
 * detach device 00:1a.7"). They go into the result. */
int cli_heed(struct cli *cli, const struct pp_findings *findings, const char *blame);
/* The same of who uses virtual functions of PF (may be NULL) that are to go. */
int cli_heed_functions(struct cli *cli, const struct pp_host *host, const struct pp_device *pf,
	const char *const *force, const char *blame);
/* Puts the steps into the result; with --dry-run prints them. */
void cli_show_plan(struct cli *cli, const struct pp_plan *plan);
/* Applies it (not with --dry-run), tells of progress. Returns an exit status; "changed" is set. */
int cli_apply(struct cli *cli, const struct pp_plan *plan, const char *blame);
/* --try SECONDS, TEXT as it was given (NULL: it was not). An exit status when it is wrong. */
int cli_try(struct cli *cli, const char *text);
#define CLI_TRY_OPTION(text)                                                                       \
	{                                                                                          \
		"try", 0, "SECONDS",                                                               \
			"undone by itself after that time, unless `pcipass keep` comes first",     \
			NULL, text                                                                 \
	}
void cli_apply_options(struct cli *cli, struct pp_apply_options *options);

#endif
