/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions come and go: define, undefine. */
#include "cli/guests.h"
#include "cli/verb.h"
#include <errno.h>
#include <string.h>

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

static const char *from_libvirt;
static bool own_emulator;
static const struct pp_option define_options[] = {
	{"from-libvirt", 0, "DOMAIN", "take the definition of a guest of libvirt's over", NULL,
		&from_libvirt},
	{"own-emulator", 0, NULL, "run an emulator that is not the system's own", &own_emulator},
};

/* What cannot be carried over is told, and is for the user to give up. */
static int take_over(struct cli *cli, char **ret_xml, size_t *ret_length)
{
	struct pp_error error = {0};
	PP_FREE char *xml = NULL, *lost = NULL;
	if (pp_libvirt_takeover(cli->context, from_libvirt, &xml, &lost, &error) < 0)
		return cli_fail(cli, &error);
	struct pp_json *list = pp_json_array();
	for (const char *line = lost; *line;) {
		size_t length = strcspn(line, "\n");
		PP_FREE char *text = strndup(line, length);
		cli_say(cli, "not carried over: %s", text ? text : "");
		pp_json_add_string(list, text);
		line += length + (line[length] == '\n');
	}
	cli_set(cli, "lost", list);
	cli_set_bool(cli, "changed", false);
	if (*lost && !cli->yes && !cli->dry_run) {
		pp_error_set(&error, PP_STATUS_FAILED, -EINVAL,
			"%s was not defined: not all of libvirt's definition can be carried over",
			from_libvirt);
		pp_error_remedy(&error, "--yes defines it without that");
		return cli_fail(cli, &error);
	}
	*ret_length = strlen(xml);
	*ret_xml = PP_TAKE(xml);
	return PP_STATUS_OK;
}

static void say_paths(struct cli *cli, const struct pp_guest_paths *paths)
{
	struct pp_json *list = pp_json_array();

	for (size_t i = 0; i < paths->n_items; i++) {
		const struct pp_guest_path *path = &paths->items[i];
		struct pp_json *object = pp_json_object();
		PP_FREE char *clean = cli_clean(path->path);
		cli_say(cli, "on this host: %s %s%s", path->what, clean ? clean : path->path,
			path->written ? " (written)" : "");
		pp_json_set_string(object, "what", path->what);
		pp_json_set_string(object, "path", path->path);
		pp_json_set_bool(object, "written", path->written);
		pp_json_add(list, object);
	}
	cli_set(cli, "paths", list);
}

/* Who defines it for another sees what root is going to open for him; a program that others brought
 * along is run only when that is said. */
static int look_at_paths(struct cli *cli, const char *file, const char *xml, size_t length)
{
	PP_CLEANUP(pp_guest_paths_freep) struct pp_guest_paths *paths = NULL;
	struct pp_error error = {0};

	if (pp_guest_paths(cli->context, xml, length, file, &paths, &error) < 0)
		return PP_STATUS_OK; /* what is wrong with it is said by whoever defines it */
	say_paths(cli, paths);
	for (size_t i = 0; i < paths->n_items && !own_emulator; i++) {
		const struct pp_guest_path *path = &paths->items[i];
		if (!path->fault)
			continue;
		pp_error_set(&error, PP_STATUS_FAILED, -EPERM,
			"its emulator %s is not the system's own: %s", path->path, path->fault);
		pp_error_id(&error, "own-emulator");
		pp_error_remedy(&error, "--own-emulator runs it all the same");
		cli_set_bool(cli, "changed", false);
		cli_blame(cli, "Failed to define domain from %s", file);
		return cli_fail(cli, &error);
	}
	return PP_STATUS_OK;
}

static int run_define(struct cli *cli, const char *const *words, size_t n_words)
{
	const char *file = from_libvirt ? from_libvirt : words[0];
	if ((n_words > 0) == (from_libvirt != NULL))
		return cli_usage(cli, "define needs a file, or --from-libvirt DOMAIN");
	int status = cli_open(cli);
	PP_FREE char *xml = NULL;
	size_t length = 0;
	if (!status)
		status = from_libvirt ? take_over(cli, &xml, &length)
				      : cli_read_xml(cli, file, &xml, &length);
	if (status)
		return status;
	status = look_at_paths(cli, file, xml, length);
	if (status)
		return status;
	if (cli->dry_run)
		return try_xml(cli, file, xml, length);
	struct pp_error error = {0};
	PP_FREE char *name = NULL;
	bool changed = false;
	if (pp_guest_define(cli->context, xml, length, file, &name, &changed, &error) < 0) {
		cli_set_bool(cli, "changed", false);
		cli_blame(cli, "Failed to define domain from %s", file);
		return cli_fail(cli, &error);
	}
	cli_set_bool(cli, "changed", changed);
	cli_set_string(cli, "name", name);
	cli_print(cli, "Domain '%s' defined from %s\n", name, file);
	cli_end(cli);
	return PP_STATUS_OK;
}

static bool remove_nvram, keep_nvram;
static const struct pp_option undefine_options[] = {
	{"nvram", 0, NULL, "remove the variables of its UEFI too", &remove_nvram},
	{"keep-nvram", 0, NULL, "leave the variables of its UEFI where they are", &keep_nvram},
};

static int run_undefine(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	enum pp_nvram nvram = remove_nvram ? PP_NVRAM_REMOVE
			      : keep_nvram ? PP_NVRAM_KEEP
					   : PP_NVRAM_ASK;
	if (remove_nvram && keep_nvram)
		return cli_usage(cli, "--nvram and --keep-nvram cannot be used together");
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run) {
		cli_print(cli, "remove the definition of guest %s\n", list->items[0].name);
		return PP_STATUS_OK;
	}
	struct pp_error error = {0};
	if (pp_guest_undefine(cli->context, words[0], nvram, &error) < 0) {
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
	.usage = "FILE | --from-libvirt DOMAIN",
	.details = "FILE may be - for standard input. What pcipass does not understand is an error "
		   "that names\n"
		   "the element and its line; nothing is dropped. --from-libvirt says what it "
		   "cannot carry "
		   "over, and\n"
		   "defines the guest without that only with --yes; while libvirt's runs, ours "
		   "does not "
		   "start.\n"
		   "Which devices it names is remembered (ids, serial number, IOMMU group): start "
		   "refuses\n"
		   "when another is at one of these addresses later.\n"
		   "What the definition makes root open or run on this host is shown. An emulator "
		   "outside of\n"
		   "/usr, or one that others than root can change, is refused without "
		   "--own-emulator.\n",
	.options = define_options,
	.n_options = PP_COUNT(define_options),
	.min_words = 0,
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
	.usage = "DOMAIN [--nvram | --keep-nvram]",
	.details =
		"Its disks stay. A guest that runs goes on running. Where its UEFI has variables, "
		"one of\n"
		"the options is needed, as with virsh.\n",
	.options = undefine_options,
	.n_options = PP_COUNT(undefine_options),
	CLI_ONE_GUEST,
	.writes = true,
	.run = run_undefine,
};
