/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/check/check.h"
#include "base/parse.h"
#include <string.h>

int pp_check_run_init(struct pp_check_run *run, const struct pp_host *host,
	const struct pp_check_options *options)
{
	static const struct pp_check_options none;

	*run = (struct pp_check_run){.host = host, .options = options ? options : &none};
	run->arena = pp_arena_new();
	return run->arena ? 0 : -ENOMEM;
}

void pp_check_run_done(struct pp_check_run *run)
{
	pp_arena_free(run->arena);
	run->arena = NULL;
}

int pp_check_run_take(struct pp_check_run *run, struct pp_findings **ret_findings)
{
	struct pp_findings *findings = pp_arena_alloc(run->arena, sizeof(*findings));

	if (run->failed || !findings)
		return -ENOMEM;
	findings->items = run->items;
	findings->n_items = run->n_items;
	findings->arena = PP_TAKE(run->arena);
	*ret_findings = findings;
	return 0;
}

static const char *subject_of(const struct pp_check_run *run)
{
	if (run->device)
		return run->device->name;
	return run->guest && pp_text_is(run->info->scope, "guest") ? run->guest->name : "host";
}

/* Findings outlive the host that they are about. */
static const char *copy(struct pp_check_run *run, const char *text)
{
	const char *own = pp_arena_strdup(run->arena, text);

	if (!own)
		run->failed = true;
	return own;
}

static const char *vtext(struct pp_check_run *run, const char *format, va_list args)
{
	char *text = pp_arena_vprintf(run->arena, format, args);

	if (!text)
		run->failed = true;
	return text;
}

void pp_finding_add(struct pp_check_run *run, enum pp_severity severity, const char *format, ...)
{
	if (run->n_items == run->room) {
		size_t room = run->room ? run->room * 2 : 16;
		struct pp_finding *items = pp_arena_grow(run->arena, run->items,
			run->n_items * sizeof(*items), room * sizeof(*items));

		if (!items) {
			run->failed = true;
			return;
		}
		run->items = items;
		run->room = room;
	}
	struct pp_finding *finding = &run->items[run->n_items++];
	const struct pp_check *check = run->info->check;
	va_list args;

	memset(finding, 0, sizeof(*finding));
	finding->id = run->info->id;
	finding->severity = severity;
	if (severity == PP_FAIL)
		finding->status = check->status ? check->status : PP_STATUS_NOT_READY;
	finding->subject = copy(run, subject_of(run));
	va_start(args, format);
	finding->text = vtext(run, format, args);
	va_end(args);
}

/* NULL after a failed pp_finding_add, too: nothing is then handed out at all. */
static struct pp_finding *last(struct pp_check_run *run)
{
	return run->failed || run->n_items == 0 ? NULL : &run->items[run->n_items - 1];
}

void pp_finding_evidence(struct pp_check_run *run, const char *format, ...)
{
	struct pp_finding *finding = last(run);
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	finding->evidence = vtext(run, format, args);
	va_end(args);
}

void pp_finding_remedy(struct pp_check_run *run, const char *format, ...)
{
	struct pp_finding *finding = last(run);
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	finding->remedy = vtext(run, format, args);
	va_end(args);
}

void pp_finding_can_do(struct pp_check_run *run)
{
	struct pp_finding *finding = last(run);

	if (finding)
		finding->can_do = true;
}

void pp_finding_force(struct pp_check_run *run, const char *name)
{
	struct pp_finding *finding = last(run);

	if (!finding || !name)
		return;
	finding->name = copy(run, name);
	for (const char *const *force = run->options->force; force && *force; force++) {
		if (finding->severity != PP_FAIL || !pp_text_is(*force, name))
			continue;
		finding->severity = PP_WARN;
		finding->status = PP_STATUS_OK;
	}
}

const char *pp_check_join(struct pp_check_run *run, const char *list, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *word = vtext(run, format, args);
	va_end(args);
	if (!word || !list)
		return word;
	const char *joined = pp_arena_printf(run->arena, "%s, %s", list, word);
	if (!joined)
		run->failed = true;
	return joined;
}

void pp_findings_free(struct pp_findings *findings)
{
	if (findings)
		pp_arena_free(findings->arena);
}

enum pp_severity pp_findings_worst(const struct pp_findings *findings)
{
	enum pp_severity worst = PP_PASS;

	for (size_t i = 0; i < findings->n_items; i++) {
		if (findings->items[i].severity > worst)
			worst = findings->items[i].severity;
	}
	return worst;
}

/* The first of those that weigh most: that a device is used comes before that it could not go. */
static const struct pp_finding *worst_failure(const struct pp_findings *findings)
{
	const struct pp_finding *worst = NULL;

	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];

		if (finding->severity == PP_FAIL && (!worst || finding->status > worst->status))
			worst = finding;
	}
	return worst;
}

int pp_findings_refuse(const struct pp_findings *findings, struct pp_error *error)
{
	const struct pp_finding *finding = worst_failure(findings);

	if (!finding)
		return 0;
	int code = finding->status == PP_STATUS_IN_USE ? -EBUSY : -EPERM;
	pp_error_set(error, finding->status, code, "%s: %s", finding->subject, finding->text);
	pp_error_id(error, finding->id);
	if (finding->name && finding->remedy)
		pp_error_remedy(error, "%s; or --force-for %s to do it all the same",
			finding->remedy, finding->name);
	else if (finding->name)
		pp_error_remedy(error, "--force-for %s does it all the same", finding->name);
	else if (finding->remedy)
		pp_error_remedy(error, "%s", finding->remedy);
	return code;
}
