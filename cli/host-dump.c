/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/verb.h"

static bool full;
static const struct pp_option options[] = {
	{"full", 0, NULL, "also serial numbers, MACs, this host's name and who is logged in",
		&full},
};

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_FREE char *text = NULL;
	if (pp_host_dump(cli->context, !full, &text, &error) < 0)
		return cli_fail(cli, &error);
	cli_set_string(cli, "text", text);
	cli_print(cli, "%s", text);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_host_dump = {
	.name = "host-dump",
	.group = CLI_HOST,
	.summary = "this machine's facts as text, for a bug report",
	.example = "  $ pcipass host-dump >my.host\n"
		   "  $ pcipass nodedev-list --long --root my.host\n",
	.usage = "[--full]",
	.details =
		"Serial numbers, MACs and this host's name are blanked, addresses of networks are\n"
		"not: look through it before you send it. Run it as root, or half is missing.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
