/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions come and go: define, undefine. */
#include "cli/guests.h"
#include "cli/verb.h"

/* What is understood is found out by making QEMU's arguments of it. */
static int try_xml(struct cli *cli, const char *file, const char *xml, size_t length)
{
	struct pp_error error = {0};
	PP_CLEANUP(pp_strv_freep) char **argv = NULL;
	cli_set_bool(cli, "changed", false);
	if (pp_guest_argv(cli->context, NULL, xml, length, &argv, &error) < 0) {
		cli_blame(cli, "Failed to define domain from %s", file);
		return cli_fail(cli, &error);
	}
	cli_print(cli, "define the guest in %s\n", file);
	return PP_STATUS_OK;
}

static int run_define(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	PP_FREE char *xml = NULL;
	size_t length = 0;
	if (!status)
		status = cli_read_xml(cli, words[0], &xml, &length);
	if (status)
		return status;
	if (cli->dry_run)
		return try_xml(cli, words[0], xml, length);
	struct pp_error error = {0};
	PP_FREE char *name = NULL;
	bool changed = false;
	if (pp_guest_define(cli->context, xml, length, words[0], &name, &changed, &error) < 0) {
		cli_set_bool(cli, "changed", false);
		cli_blame(cli, "Failed to define domain from %s", words[0]);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", changed);
	cli_set_string(cli, "name", name);
	cli_print(cli, "Domain '%s' defined from %s\n", name, words[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run_undefine(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	if (!status)
		status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run) {
		cli_print(cli, "remove the definition of guest %s\n", list->items[0].name);
		return PP_STATUS_OK;
	}
	struct pp_error error = {0};
	if (pp_guest_undefine(cli->context, words[0], &error) < 0) {
		cli_blame(cli, "Failed to undefine domain '%s'", words[0]);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", true);
	cli_print(cli, "Domain '%s' has been undefined\n", words[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_define = {
	.name = "define",
	.group = CLI_GUESTS,
	.summary = "define a guest by libvirt's XML",
	.example = "  # pcipass define win11.xml\n"
		   "  Domain 'win11' defined from win11.xml\n",
	.usage = "FILE",
	.details = "FILE may be - for standard input. What pcipass does not understand is an error "
		   "that names\n"
		   "the element and its line; nothing is dropped.\n",
	.min_words = 1,
	.max_words = 1,
	.words = "a file",
	.word_option = "file",
	.writes = true,
	.run = run_define,
};

const struct cli_verb cli_verb_undefine = {
	.name = "undefine",
	.group = CLI_GUESTS,
	.summary = "remove a guest's definition",
	.example = "  # pcipass undefine win11\n"
		   "  Domain 'win11' has been undefined\n",
	.usage = "DOMAIN",
	.details = "Its disks stay. A guest that runs goes on running.\n",
	.min_words = 1,
	.max_words = 1,
	.words = "a guest (name, uuid or id)",
	.word_option = "domain",
	.writes = true,
	.run = run_undefine,
};
