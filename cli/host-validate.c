/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/devices.h"
#include "cli/verb.h"

static bool quiet;
static const struct pp_option options[] = {
	{"quiet", 'q', NULL, "only what is not in order", &quiet},
};

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	/* none of its checks asks of a device more than its driver and its group */
	int status = cli_read(cli, PP_READ_SETTINGS | PP_READ_HOLDERS, &host);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	if (pp_check_host(host, &findings, &error) < 0)
		return cli_fail(cli, &error);
	status = cli_findings_status(findings);
	cli_set_bool(cli, "ready", !status);
	cli_set(cli, "findings", cli_findings_json(findings));
	cli_findings(cli, stdout, findings, quiet ? PP_WARN : PP_PASS);
	return status;
}

const struct cli_verb cli_verb_host_validate = {
	.name = "host-validate",
	.group = CLI_HOST,
	.summary = "is this host ready to give devices to guests",
	.example = "  $ pcipass host-validate\n"
		   "  PASS [iommu-on] host: ...\n",
	.usage = "[--quiet]",
	.details = "Exit status: 0 ready (warnings too), 3 not ready.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
