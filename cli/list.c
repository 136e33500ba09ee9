/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/guests.h"
#include "cli/verb.h"
#include <string.h>

static bool all, inactive, names, uuids, ids;
static const struct pp_option options[] = {
	{"all", 'a', NULL, "also those that do not run", &all},
	{"inactive", 0, NULL, "only those that do not run", &inactive},
	{"name", 0, NULL, "names alone", &names},
	{"uuid", 0, NULL, "uuids alone", &uuids},
	{"id", 0, NULL, "ids alone", &ids},
};

static bool shown(const struct pp_guest_info *guest)
{
	bool runs = cli_guest_runs(guest);
	return all || (inactive ? !runs : runs);
}

enum { COLUMNS = 3 };

static int print_table(struct cli *cli, const struct pp_guest_list *list)
{
	PP_FREE const char **texts = calloc((list->n_items + 1) * COLUMNS, sizeof(*texts));
	PP_FREE char(*ids_of)[16] = calloc(list->n_items + 1, sizeof(*ids_of));
	static const char *const headings[COLUMNS] = {"Id", "Name", "State"};
	size_t n = 0;
	if (!texts || !ids_of)
		return cli_oom(cli);
	for (size_t c = 0; c < COLUMNS; c++)
		texts[n++] = headings[c];
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_guest_info *guest = &list->items[i];
		if (!shown(guest))
			continue;
		if (guest->id >= 0)
			snprintf(ids_of[i], sizeof(ids_of[i]), "%d", guest->id);
		texts[n++] = ids_of[i];
		texts[n++] = guest->name;
		texts[n++] = pp_guest_state_text(guest->state);
	}
	return cli_virsh_table(cli, texts, COLUMNS, n / COLUMNS);
}

/* ---- one word a guest ---- */

static void print_words(struct cli *cli, const struct pp_guest_list *list)
{
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_guest_info *guest = &list->items[i];
		if (!shown(guest))
			continue;
		if (ids && guest->id >= 0)
			cli_print(cli, "%d\n", guest->id);
		else if (ids)
			cli_print(cli, "-\n");
		else
			cli_print(cli, "%s\n", names ? guest->name : guest->uuid);
	}
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (names + uuids + ids > 1)
		return cli_usage(cli, "only one of --name, --uuid and --id can be given");
	int status = cli_open(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	bool brief = !cli->json && !uuids;
	if ((brief ? pp_guest_list_brief : pp_guest_list)(cli->context, &list, &error) < 0)
		return cli_fail(cli, &error);
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < list->n_items; i++) {
		struct pp_json *object = pp_json_object();
		if (shown(&list->items[i])) {
			cli_guest_json(object, &list->items[i]);
			pp_json_add(array, object);
		} else {
			pp_json_free(object);
		}
	}
	cli_set(cli, "guests", array);
	if (names || uuids || ids)
		print_words(cli, list);
	else
		status = print_table(cli, list);
	cli_end(cli);
	return status;
}

const struct cli_verb cli_verb_list = {
	.name = "list",
	.group = CLI_GUESTS,
	.summary = "guests that run, or all",
	.example = "  $ pcipass list --all\n"
		   "   Id   Name    State\n"
		   "  -----------------------\n"
		   "   1    win11   running\n",
	.usage = "[--all | --inactive] [--name | --uuid | --id]",
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
