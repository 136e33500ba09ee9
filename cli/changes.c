/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "cli/road.h"
#include "cli/table.h"
#include "cli/verb.h"
#include <string.h>
#include <time.h>

static const char *undo;
static bool all;
static const struct pp_option options[] = {
	{"undo", 0, "CHANGE", "undo this one", NULL, &undo},
	{"all", 0, NULL, "undo all of them, the newest first", &all},
};

enum { CHANGE, WHEN, BY, WHAT, STATE };
static const struct cli_column columns[] = {
	{"CHANGE", "", CLI_TEXT, false, 0, CHANGE},
	{"WHEN", "", CLI_TEXT, false, 0, WHEN},
	{"BY", "", CLI_TEXT, false, 0, BY},
	{"WHAT", "", CLI_TEXT, false, 0, WHAT},
	{"STATE", "", CLI_TEXT, true, 0, STATE},
};

/* A list of lines as one, with ; between; the caller frees. */
static char *one_line(const char *lines)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (const char *c = lines; *c; c++)
		if (*c == '\n')
			pp_buffer_puts(&text, "; ");
		else
			pp_buffer_putc(&text, *c);
	return pp_buffer_take(&text);
}

static char *cell(const struct pp_change *change, int id)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	char when[32];
	time_t at = (time_t)change->when;
	struct tm local;
	switch (id) {
	case CHANGE:
		return strdup(change->id);
	case WHEN:
		if (at == 0 || !localtime_r(&at, &local) ||
			strftime(when, sizeof(when), "%F %T", &local) == 0)
			return strdup("");
		return strdup(when);
	case BY:
		pp_buffer_puts(&text, change->verb);
		if (change->guest)
			pp_buffer_printf(&text, " (guest %s)", change->guest);
		return pp_buffer_take(&text);
	case WHAT:
		return one_line(change->text);
	default:
		if (change->try_ms >= 0)
			pp_buffer_printf(&text, "on trial, %lld s left",
				(long long)(change->try_ms + 999) / 1000);
		if (change->now) {
			PP_FREE char *now = one_line(change->now);
			pp_buffer_printf(&text, "%s%s", text.length ? "; " : "", now ? now : "");
		}
		return pp_buffer_take(&text);
	}
}

static int print(struct cli *cli, const struct pp_change_list *list)
{
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	struct pp_error error = {0};
	if (list->n_items == 0) {
		cli_print(cli, "Nothing that pcipass did is in effect\n");
		return PP_STATUS_OK;
	}
	if (cli->json)
		return PP_STATUS_OK;
	if (cli_table_new(columns, PP_COUNT(columns), "CHANGE,WHEN,BY,WHAT,STATE", NULL, &table,
		    &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < list->n_items; i++) {
		int row = cli_table_row(table, -1);
		for (size_t c = 0; c < cli_table_columns(table); c++) {
			PP_FREE char *text = cell(&list->items[i], cli_table_column(table, c)->id);
			if (row < 0 || !text || cli_table_set(table, row, c, text) < 0)
				return cli_oom(cli);
		}
	}
	return cli_table_print(table, stdout, true, -1) < 0 ? cli_oom(cli) : PP_STATUS_OK;
}

static void put_json(struct cli *cli, const struct pp_change_list *list)
{
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_change *change = &list->items[i];
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "id", change->id);
		pp_json_set_int(object, "when", change->when);
		pp_json_set_string(object, "verb", change->verb);
		pp_json_set_string(object, "guest", change->guest);
		pp_json_set_string(object, "text", change->text);
		pp_json_set_string(object, "now", change->now);
		pp_json_set(
			object, "try_ms", change->try_ms < 0 ? NULL : pp_json_int(change->try_ms));
		pp_json_add(array, object);
	}
	cli_set(cli, "changes", array);
}

static int undo_one(struct cli *cli, const char *id, bool *changed)
{
	struct pp_apply_options how;
	struct pp_error error = {0};
	bool own = false;
	cli_apply_options(cli, &how);
	int r = pp_change_undo(cli->context, id, &how, &own, &error);
	cli_progress_end(cli);
	*changed |= own;
	if (r < 0)
		return cli_fail(cli, &error);
	cli_print(cli, "Change %s undone\n", id);
	return PP_STATUS_OK;
}

static bool chosen(const struct pp_change *change)
{
	return all || strcmp(change->id, undo) == 0;
}

static int undo_chosen(struct cli *cli, const struct pp_change_list *list)
{
	bool changed = false, known = false;
	int worst = PP_STATUS_OK;
	for (size_t i = list->n_items; i-- > 0;) {
		const struct pp_change *change = &list->items[i];
		if (!chosen(change))
			continue;
		known = true;
		if (cli->dry_run) {
			PP_FREE char *what = one_line(change->text);
			cli_print(cli, "undo %s: %s\n", change->id, what ? what : change->text);
			continue;
		}
		int status = undo_one(cli, change->id, &changed);
		worst = status > worst ? status : worst;
	}
	if (!known && undo && !cli->dry_run) /* says that there is none, or that it is no number */
		worst = undo_one(cli, undo, &changed);
	cli_set_bool(cli, "changed", changed);
	if (!known && all)
		cli_print(cli, "Nothing that pcipass did is in effect\n");
	return worst;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	if (undo && all)
		return cli_usage(cli, "--undo and --all do not go together");
	int status = cli_open(cli);
	if (status)
		return status;
	if ((undo || all) && cli_lacks_root(cli))
		return cli_refuse(cli, PP_STATUS_FAILED,
			"changes --%s changes this machine, which only root may do: sudo pcipass "
			"changes ...",
			all ? "all" : "undo");
	PP_CLEANUP(pp_change_list_freep) struct pp_change_list *list = NULL;
	struct pp_error error = {0};
	if (pp_changes_list(cli->context, &list, &error) < 0)
		return cli_fail(cli, &error);
	put_json(cli, list);
	return undo || all ? undo_chosen(cli, list) : print(cli, list);
}

const struct cli_verb cli_verb_changes = {
	.name = "changes",
	.group = CLI_TAKE_BACK,
	.summary = "what pcipass changed on this host, and back again",
	.example = "  # pcipass changes\n"
		   "  CHANGE WHEN                BY             WHAT                             "
		   "STATE\n"
		   "  1      2026-11-22 19:20:11 nodedev-detach 0000:02:00.0: e1000e -> vfio-pci\n"
		   "  # pcipass changes --undo 1\n"
		   "  Change 1 undone\n",
	.usage = "[--undo CHANGE | --all]",
	.details = "Devices that are out (drivers do not outlive a boot), those that are bound at "
		   "each boot\n"
		   "(`boot-ADDRESS`), and libvirt's hook (`hook`). STATE says what is no longer as "
		   "the change left it, and what is on trial. A module "
		   "that was loaded\n"
		   "stays loaded. What a guest has comes back when the guest ends. A number is "
		   "given once, and not\n"
		   "again after a boot.\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
