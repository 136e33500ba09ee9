/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "cli/verb.h"

/* What was done is what the user asks of this verb: it is data. */
static void tell(enum pp_event_kind kind, const char *text, void *data)
{
	struct cli *cli = data;
	if (cli->json || kind == PP_EVENT_STEP || kind == PP_EVENT_WAIT) {
		cli_progress(kind, text, data);
		return;
	}
	cli_progress_end(cli);
	PP_FREE char *clean = cli_clean(text);
	cli_print(cli, "%s\n", clean ? clean : text);
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	struct pp_error error = {0};
	int status = cli_open(cli);
	if (status)
		return status;
	cli_set_bool(cli, "changed", false);
	PP_CLEANUP(pp_unfinished_freep) struct pp_unfinished_list *list = NULL;
	if (pp_unfinished_list(cli->context, &list, &error) < 0)
		return cli_fail(cli, &error);
	struct pp_json *array = pp_json_array();
	for (size_t i = 0; i < list->n_items; i++) {
		struct pp_json *object = pp_json_object();
		pp_json_set_string(object, "journal", list->items[i].journal);
		pp_json_set_string(object, "owner", list->items[i].owner);
		pp_json_set_string(object, "verb", list->items[i].verb);
		pp_json_set_string(object, "text", list->items[i].text);
		pp_json_add(array, object);
		if (cli->dry_run)
			cli_print(cli, "undo: %s\n", list->items[i].text);
	}
	cli_set(cli, "unfinished", array);
	if (cli->dry_run)
		return PP_STATUS_OK;
	struct pp_apply_options options = {.progress = tell, .data = cli};
	bool changed = false;
	pp_context_notices(cli->context, tell, cli);
	int r = pp_recover(cli->context, &options, &changed, &error);
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", changed);
	if (r < 0)
		return cli_fail(cli, &error);
	if (!changed)
		cli_print(cli, "Nothing to recover\n");
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_recover = {
	.name = "recover",
	.group = CLI_TAKE_BACK,
	.summary = "put right what an interrupted run left",
	.example = "  # pcipass recover --dry-run\n"
		   "  # pcipass recover\n",
	.usage = "",
	.details = "Undoes what was interrupted, gives back the devices of guests that are gone, "
		   "and looks after\n"
		   "guests whose supervisor was killed.\n",
	.writes = true,
	.run = run,
};
