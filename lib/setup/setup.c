/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/setup.h"
#include "base/parse.h"
#include "lib/setup/diff.h"
#include "lib/setup/maker.h"
#include <errno.h>
#include <string.h>

void pp_setup_free(struct pp_setup *setup)
{
	if (setup)
		pp_arena_free(setup->arena);
}

static bool is_wanted(const struct pp_words_change *change)
{
	return (change->add && *change->add) || (change->remove && *change->remove);
}

static void say_reboot(struct pp_maker *maker)
{
	if (is_wanted(&maker->change))
		maker->setup.reboot = "the kernel takes its parameters at its start";
}

static int make_parameters(struct pp_maker *maker, struct pp_error *error)
{
	enum pp_loader_kind kind;
	if (!is_wanted(&maker->change))
		return 0;
	size_t before = maker->n_steps;
	int r = pp_loader_find(maker, &kind, error);
	if (r >= 0)
		r = pp_loader_edit(maker, kind, error);
	for (size_t i = before; i < maker->n_steps; i++)
		maker->setup.trial |= maker->steps[i].trial;
	if (r >= 0 && maker->n_steps == before)
		pp_maker_find(maker, PP_NOTE, "reboot-missing",
			"the parameters are set in the boot loader already: this boot was without "
			"them",
			pp_maker_printf(maker, "%s (%s)", maker->setup.loader,
				maker->setup.evidence ? maker->setup.evidence : ""),
			"reboot; if it stays so, another loader starts this machine: --loader");
	return r < 0 ? r : 0;
}

/* One is set already, and was not confirmed. */
static bool waits(struct pp_maker *maker, const struct pp_setup_past *past)
{
	const char *line = maker->host->kernel ? maker->host->kernel->command_line : NULL;
	bool runs = line && pp_words_has_all(line, strlen(line), past->change.add) &&
		    !pp_words_has_any(line, strlen(line), past->change.remove);
	if (!past->trial)
		return false;
	if (runs)
		pp_maker_find(maker, PP_NOTE, "boot-once",
			"this boot has the new parameters, for this boot alone", NULL,
			"pcipass host-setup --confirm makes them permanent");
	else if (past->rebooted)
		pp_maker_find(maker, PP_WARN, "boot-once",
			"an entry for one boot was set, and was not taken, or did not come up",
			NULL, "pcipass host-setup --undo takes it away");
	else
		pp_maker_find(maker, PP_NOTE, "boot-once", "an entry for the next boot is set",
			NULL, "reboot, then pcipass host-setup --check");
	return true;
}

static int make(struct pp_maker *maker, const struct pp_setup_past *past, bool confirm,
	struct pp_error *error)
{
	int r;
	if (confirm) {
		maker->change = past->change;
		maker->permanent = maker->setup.confirm = true;
		return make_parameters(maker, error);
	}
	if (maker->options->pages_only)
		return pp_need_pages(maker, error);
	pp_need_iommu(maker);
	pp_need_interrupts(maker);
	say_reboot(maker);
	if (waits(maker, past))
		maker->change = (struct pp_words_change){0};
	r = make_parameters(maker, error);
	if (r < 0)
		return r;
	pp_need_modules(maker);
	pp_need_policy(maker);
	pp_need_image(maker, past->image);
	return pp_need_pages(maker, error);
}

/* Facts and options do not live as long as what is made of them. */
static const char *own(struct pp_maker *maker, const char *text)
{
	return text ? pp_maker_printf(maker, "%s", text) : NULL;
}

static const char *const *own_list(struct pp_maker *maker, const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	const char **copy = pp_arena_array(maker->arena, n + 1, sizeof(*copy));
	maker->failed |= !copy;
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = own(maker, list[i]);
	return copy;
}

void pp_maker_own(struct pp_maker *maker)
{
	for (size_t i = 0; i < maker->n_steps; i++) {
		struct pp_setup_step *step = &maker->steps[i];
		step->subject = own(maker, step->subject);
		step->from = own(maker, step->from);
		step->to = own(maker, step->to);
		step->add = own_list(maker, step->add);
		step->remove = own_list(maker, step->remove);
		step->argv = step->argv ? own_list(maker, step->argv) : NULL;
		step->undo = step->undo ? own_list(maker, step->undo) : NULL;
	}
	for (size_t i = 0; i < maker->n_findings; i++) {
		maker->findings[i].text = own(maker, maker->findings[i].text);
		maker->findings[i].evidence = own(maker, maker->findings[i].evidence);
		maker->findings[i].remedy = own(maker, maker->findings[i].remedy);
	}
	maker->setup.evidence = own(maker, maker->setup.evidence);
}

int pp_setup_make(const struct pp_host *host, const struct pp_boot *boot,
	const struct pp_setup_options *options, const struct pp_setup_past *past, bool confirm,
	struct pp_setup **ret_setup, struct pp_error *error)
{
	static const struct pp_setup_options none;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_maker maker = {.host = host,
		.boot = boot,
		.options = options ? options : &none,
		.arena = arena,
		.permanent = options && options->permanent};
	struct pp_setup *setup = arena ? pp_arena_alloc(arena, sizeof(*setup)) : NULL;
	if (!setup)
		return pp_error_oom(error);
	int r = make(&maker, past, confirm, error);
	if (r < 0)
		return r;
	pp_maker_own(&maker);
	maker.setup.add = own_list(&maker, maker.change.add);
	maker.setup.remove = own_list(&maker, maker.change.remove);
	if (maker.failed)
		return pp_error_oom(error);
	*setup = maker.setup;
	setup->steps = maker.steps;
	setup->n_steps = maker.n_steps;
	setup->findings =
		(struct pp_findings){.items = maker.findings, .n_items = maker.n_findings};
	setup->arena = PP_TAKE(arena);
	*ret_setup = setup;
	return 0;
}

/* ---- in words ---- */

char *pp_setup_step_text(const struct pp_setup_step *step, bool back)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	const char *from = back ? step->to : step->from, *to = back ? step->from : step->to;
	if (step->kind == PP_SETUP_FILE)
		pp_buffer_printf(
			&text, "%s %s", from ? (to ? "change" : "remove") : "write", step->subject);
	else if (step->kind == PP_SETUP_VALUE)
		pp_buffer_printf(&text, "%s: %s -> %s", step->subject, from, to);
	else if (!back || step->refresh)
		pp_buffer_printf(&text, "run %s", step->subject);
	else {
		pp_buffer_puts(&text, step->undo ? "run" : "");
		for (const char *const *word = step->undo; word && *word; word++)
			pp_buffer_printf(&text, " %s", **word ? *word : "''");
	}
	return pp_buffer_take(&text);
}

char *pp_setup_text(const struct pp_setup *setup)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (int refresh = 0; refresh <= 1; refresh++)
		for (size_t i = 0; i < setup->n_steps; i++) {
			const struct pp_setup_step *step = &setup->steps[i];
			if (step->refresh != refresh)
				continue;
			if (step->kind == PP_SETUP_FILE) {
				if (pp_diff(step->subject, step->from, step->to, &text) < 0)
					return NULL;
				continue;
			}
			PP_FREE char *line = pp_setup_step_text(step, false);
			pp_buffer_printf(&text, "%s\n", line ? line : "");
		}
	return pp_buffer_take(&text);
}
