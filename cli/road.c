/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/road.h"
#include "base/parse.h"
#include "cli/verb.h"
#include <string.h>

#define TRY_MAX 86400

static bool knows_force(const struct cli_verb *verb)
{
	for (size_t i = 0; i < verb->n_options; i++)
		if (pp_text_is(verb->options[i].name, "force-for"))
			return true;
	return false;
}

int cli_heed(struct cli *cli, const struct pp_findings *findings, const char *blame)
{
	cli_set(cli, "findings", cli_findings_json(findings));
	struct pp_error error = {0};
	if (pp_findings_refuse(findings, &error) >= 0) {
		cli_findings(cli, stderr, findings, PP_WARN);
		return PP_STATUS_OK;
	}
	cli_blame(cli, "%s", blame);
	cli_findings(cli, stderr, findings, PP_WARN);
	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];
		if (finding->severity == PP_FAIL && finding->name && knows_force(cli->verb))
			cli_say(cli, "     --force-for %s overrides [%s]", finding->name,
				finding->id);
	}
	cli_set_bool(cli, "changed", false);
	return error.status ? error.status : PP_STATUS_NOT_READY;
}

/* What a check says of giving them to a guest does not matter here: only who uses them. */
int cli_heed_functions(struct cli *cli, const struct pp_host *host, const struct pp_device *pf,
	const char *const *force, const char *blame)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options check = {.group = true, .force = force, .act = true};
	struct pp_error error = {0};
	if (!pf || pf->n_virtual_functions == 0)
		return PP_STATUS_OK;
	if (pp_check_devices(host, pf->virtual_functions, pf->n_virtual_functions, &check,
		    &findings, &error) < 0)
		return cli_fail(cli, &error);
	PP_FREE struct pp_finding *uses = calloc(findings->n_items + 1, sizeof(*uses));
	if (!uses)
		return cli_oom(cli);
	struct pp_findings used = {.items = uses};
	for (size_t i = 0; i < findings->n_items; i++)
		if (findings->items[i].severity == PP_FAIL &&
			findings->items[i].status == PP_STATUS_IN_USE)
			uses[used.n_items++] = findings->items[i];
	return used.n_items ? cli_heed(cli, &used, blame) : PP_STATUS_OK;
}

void cli_show_plan(struct cli *cli, const struct pp_plan *plan)
{
	PP_FREE char *json = pp_plan_json(plan);
	PP_CLEANUP(pp_json_freep) struct pp_json *object = NULL;
	if (json && pp_json_parse(json, strlen(json), &object, NULL) == 0)
		cli_set(cli, "steps", pp_json_copy(pp_json_get(object, "steps")));
	if (!cli->dry_run)
		return;
	PP_FREE char *text = pp_plan_text(plan);
	if (text && *text)
		cli_print(cli, "%s", text);
	if (plan->n_steps == 0)
		cli_say(cli, "nothing is to be done");
}

void cli_apply_options(struct cli *cli, struct pp_apply_options *options)
{
	*options = (struct pp_apply_options){
		.progress = cli_progress, .data = cli, .try_seconds = cli->try_seconds};
}

int cli_try(struct cli *cli, const char *text)
{
	uint64_t seconds;
	if (!text)
		return PP_STATUS_OK;
	if (pp_parse_u64(text, 10, TRY_MAX, &seconds) < 0 || seconds == 0)
		return cli_usage(cli, "--try takes seconds, 1 to %d, not '%s'", TRY_MAX, text);
	cli->try_seconds = (unsigned)seconds;
	return PP_STATUS_OK;
}

int cli_apply(struct cli *cli, const struct pp_plan *plan, const char *blame)
{
	bool changed = false;
	cli_show_plan(cli, plan);
	cli_set_bool(cli, "changed", false);
	if (cli->dry_run || plan->n_steps == 0)
		return PP_STATUS_OK;
	struct pp_apply_options options;
	cli_apply_options(cli, &options);
	struct pp_error error = {0};
	int r = pp_apply(cli->context, plan, &options, &changed, &error);
	cli_progress_end(cli);
	cli_set_bool(cli, "changed", changed);
	if (r >= 0 && changed && cli->try_seconds > 0) {
		cli_set_int(cli, "try_seconds", cli->try_seconds);
		cli_say(cli, "on trial: undone in %u s, unless `pcipass keep` comes first",
			cli->try_seconds);
	}
	if (r >= 0)
		return PP_STATUS_OK;
	cli_blame(cli, "%s", blame);
	return cli_fail(cli, &error);
}
