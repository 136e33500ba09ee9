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

/* ---- virsh's table -----------------------------------------------------------------------------
 */

enum { COLUMNS = 3 };
struct cells {
	char id[16];
	char *texts[COLUMNS];
};

static void put_row(struct cli *cli, char *const *texts, const size_t *widths)
{
	for (size_t c = 0; c < COLUMNS; c++) {
		int pad = c + 1 < COLUMNS ? (int)(widths[c] - cli_width(texts[c])) + 2 : 0;
		cli_print(cli, " %s%*s", texts[c], pad, "");
	}
	cli_print(cli, "\n");
}

static void put_table(struct cli *cli, struct cells *rows, size_t n_rows)
{
	size_t widths[COLUMNS] = {0}, rule = 0;
	for (size_t r = 0; r < n_rows; r++)
		for (size_t c = 0; c < COLUMNS; c++)
			if (cli_width(rows[r].texts[c]) > widths[c])
				widths[c] = cli_width(rows[r].texts[c]);
	for (size_t c = 0; c < COLUMNS; c++)
		rule += widths[c] + 3;
	put_row(cli, rows[0].texts, widths);
	for (size_t i = 0; i < rule; i++)
		cli_print(cli, "-");
	cli_print(cli, "\n");
	for (size_t r = 1; r < n_rows; r++)
		put_row(cli, rows[r].texts, widths);
}

static int print_table(struct cli *cli, const struct pp_guest_list *list)
{
	PP_FREE struct cells *rows = calloc(list->n_items + 1, sizeof(*rows));
	if (!rows)
		return cli_oom(cli);
	static char headings[COLUMNS][8] = {"Id", "Name", "State"};
	size_t n = 1;
	for (size_t c = 0; c < COLUMNS; c++)
		rows[0].texts[c] = headings[c];
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_guest_info *guest = &list->items[i];
		struct cells *row = &rows[n];
		if (!shown(guest))
			continue;
		if (guest->id >= 0)
			snprintf(row->id, sizeof(row->id), "%d", guest->id);
		else
			snprintf(row->id, sizeof(row->id), "-");
		row->texts[0] = row->id;
		row->texts[1] = cli_clean(guest->name);
		row->texts[2] = (char *)pp_guest_state_text(guest->state);
		n += row->texts[1] != NULL;
	}
	put_table(cli, rows, n);
	for (size_t i = 1; i < n; i++)
		free(rows[i].texts[1]);
	return PP_STATUS_OK;
}

/* ---- one word a guest --------------------------------------------------------------------------
 */

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
	if (pp_guest_list(cli->context, &list, &error) < 0)
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
