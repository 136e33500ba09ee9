/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"

static bool all;
static const struct pp_option options[] = {
	{"all", 'a', NULL, "also what passed", &all},
};

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	if (!status)
		status = cli_read(cli, CLI_READ_TO_ACT, &host);
	if (status)
		return status;
	struct pp_error error = {0};
	struct pp_check_options check = {.guest = words[0]};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	if (pp_guest_prepare(cli->context, host, words[0], &check, &findings, &plan, &error) < 0)
		return cli_fail(cli, &error);
	status = cli_findings_status(findings);
	cli_set_bool(cli, "can_start", !status);
	cli_set(cli, "findings", cli_findings_json(findings));
	cli_findings(cli, stdout, findings, all ? PP_PASS : PP_NOTE);
	cli_print(cli, "%s %s start\n", words[0], status ? "cannot" : "can");
	return status;
}

const struct cli_verb cli_verb_domcheck = {
	.name = "domcheck",
	.group = CLI_GUESTS,
	.summary = "can a guest start with its devices; if not, why, and what to do",
	.example = "  $ pcipass domcheck win11\n",
	.usage = "DOMAIN",
	.details = "Exit status: 0 it can start, 3 not ready, 4 a device is in use.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = 1,
	.words = "a guest (name or uuid)",
	.word_option = "domain",
	.run = run,
};
