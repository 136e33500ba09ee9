/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/guests.h"
#include "cli/road.h"
#include "cli/verb.h"
#include <string.h>

static bool all;
static const struct pp_option options[] = {
	{"all", 'a', NULL, "also what passed", &all},
};

/* What pcipass has no definition of may be a file, or a guest of libvirt's. */
static int check(struct cli *cli, const struct pp_host *host, const char *word, char **ret_name,
	struct pp_findings **ret_findings)
{
	struct pp_error error = {0}, own = {0};
	struct pp_check_options checks = {.guest = word};
	PP_FREE char *xml = NULL;
	size_t length;
	if (cli_is_file(word)) {
		checks.guest = NULL;
		int status = cli_read_xml(cli, word, &xml, &length);
		if (status)
			return status;
		return pp_libvirt_check_xml(cli->context, host, xml, length, word, &checks,
			       ret_name, ret_findings, &error) < 0
			       ? cli_fail(cli, &error)
			       : PP_STATUS_OK;
	}
	*ret_name = strdup(word);
	if (!*ret_name)
		return cli_oom(cli);
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	int r = pp_guest_prepare(cli->context, host, word, &checks, ret_findings, &plan, &error);
	if (r == -ENOENT)
		r = pp_libvirt_check(cli->context, host, word, &checks, ret_findings, &own);
	if (r < 0)
		return cli_fail(cli, *own.text ? &own : &error);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	int status = cli_read(cli, CLI_READ_TO_ACT, &host);
	if (status)
		return status;
	PP_FREE char *name = NULL;
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	status = check(cli, host, words[0], &name, &findings);
	if (status)
		return status;
	status = cli_findings_status(findings);
	cli_set_bool(cli, "can_start", !status);
	cli_set(cli, "findings", cli_findings_json(findings));
	cli_findings(cli, stdout, findings, all ? PP_PASS : PP_NOTE);
	cli_print(cli, "%s %s start\n", name, status ? "cannot" : "can");
	return status;
}

const struct cli_verb cli_verb_domcheck = {
	.name = "domcheck",
	.group = CLI_GUESTS,
	.summary = "can a guest start with its devices; if not, why, and what to do",
	.example = "  $ pcipass domcheck win11\n",
	.usage = "DOMAIN | FILE",
	.details = "A guest of ours, one of libvirt's, or a file with its XML.\n"
		   "Exit status: 0 it can start, 3 not ready, 4 a device is in use.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.min_words = 1,
	.max_words = 1,
	.words = "a guest (name or uuid) or a file",
	.word_option = "domain",
	.run = run,
};
