/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recovery and release: journals that others left, backwards. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/apply.h"
#include "lib/apply/journal.h"
#include "lib/apply/lock.h"
#include "lib/apply/setup.h"
#include "lib/apply/trial.h"
#include "lib/apply/undo.h"
#include "lib/host/libvirt.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LIBVIRT_STARTS_S 120

enum fate {
	FATE_KEEP,   /* it is as it should be */
	FATE_END,    /* nothing is left to do */
	FATE_FORGET, /* its devices are back; that has to be written into the others */
	FATE_UNDO,   /* what it tried goes back */
	FATE_ASIDE,  /* it cannot be read */
	FATE_LEAVE,  /* another version's */
	FATE_OVER,   /* a guest's trial: its supervisor has to end the guest first, and is not there
		      */
};

struct recovery {
	struct pp_effects *effects;
	const struct pp_guest_judge *judge;
	bool trials;       /* only what was on trial and is over */
	const char *only;  /* undo this one, which is as it should be */
	const char *owner; /* release: this owner's alone, whatever state they are in */
	const struct pp_address *addresses;
	size_t n_addresses;
	bool changed;
};

/* libvirt's daemon gives back what its guests had, through our hook. That it was killed and never
 * came back is known from this: there is no QEMU, and it has had the time to start one. */
static bool libvirt_gone(
	struct pp_context *context, const char *guest, const struct pp_journal *journal)
{
	PP_FREE char *path = NULL;
	struct stat stat;
	if (pp_qemu_lives(context->tree, guest, "libvirt") != 0)
		return false;
	if (asprintf(&path, "%s/journal/%s", context->run, journal->name) < 0 ||
		lstat(path, &stat) < 0)
		return false;
	return time(NULL) - stat.st_mtime > LIBVIRT_STARTS_S;
}

static bool guest_gone(struct pp_context *context, const struct pp_guest_judge *judge,
	const struct pp_journal *journal)
{
	const char *guest = pp_journal_guest(journal);
	if (guest && pp_owner_is_libvirt(journal->plan->owner))
		return libvirt_gone(context, guest, journal);
	return guest && judge && judge->gone && judge->gone(context, guest, judge->data);
}

static bool guest_alone(struct pp_context *context, const struct pp_guest_judge *judge,
	const struct pp_journal *journal)
{
	const char *guest = pp_journal_guest(journal);
	return guest && judge && judge->alone && judge->alone(context, guest, judge->data);
}

static enum fate fate_of(struct pp_context *context, const struct pp_guest_judge *judge,
	const struct pp_journal *journal)
{
	if (journal->running)
		return FATE_KEEP;
	if (journal->stale && journal->version)
		return FATE_END;
	if (journal->foreign)
		return FATE_LEAVE;
	if (!journal->plan)
		return FATE_ASIDE;
	if (journal->released)
		return FATE_END;
	int64_t trial = pp_journal_trial_left(journal);
	if (journal->applied && trial >= 0 && !pp_journal_guest(journal))
		return trial > 0 ? FATE_KEEP : FATE_UNDO;
	if (journal->applied && journal->plan->returns)
		return FATE_FORGET;
	if (!journal->applied)
		return FATE_UNDO;
	if (pp_undo_spent(journal))
		return FATE_END;
	if (guest_gone(context, judge, journal))
		return FATE_UNDO;
	return trial == 0 && guest_alone(context, judge, journal) ? FATE_OVER : FATE_KEEP;
}

static bool is_owners(const struct recovery *recovery, const struct pp_journal *journal)
{
	return journal->plan && pp_text_is(journal->plan->owner, recovery->owner);
}

static enum fate fate_now(const struct recovery *recovery, const struct pp_journal *journal)
{
	enum fate fate = fate_of(recovery->effects->context, recovery->judge, journal);
	if (recovery->only && !pp_text_is(journal->name, recovery->only))
		return FATE_KEEP;
	if (recovery->only && fate == FATE_KEEP && !journal->running && journal->applied)
		return FATE_UNDO;
	if (recovery->owner && !is_owners(recovery, journal))
		return FATE_KEEP;
	bool over = pp_journal_trial_left(journal) == 0;
	if (recovery->trials && (!over || (fate != FATE_UNDO && fate != FATE_END)))
		return FATE_KEEP;
	if (recovery->owner && fate == FATE_KEEP && !journal->running)
		return FATE_UNDO;
	return fate;
}

/* ---- the list ---- */

static void put_devices(struct pp_buffer *text, const struct pp_plan *plan)
{
	const char *between = "";
	enum pp_step_kind kind = PP_STEP_DRIVER;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == PP_STEP_VFS)
			kind = PP_STEP_VFS; /* the others are its virtual functions */
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (plan->steps[i].kind != kind)
			continue;
		pp_buffer_printf(text, "%s%s", between, plan->steps[i].subject);
		between = ", ";
	}
}

static size_t last_tried(const struct pp_journal *journal)
{
	for (size_t i = journal->plan->n_steps; i-- > 0;)
		if (journal->tried[i])
			return i + 1;
	return 0;
}

static void put_text(struct pp_buffer *text, const struct pp_journal *journal, enum fate fate)
{
	const char *guest = pp_journal_guest(journal);
	if (fate == FATE_ASIDE) {
		pp_buffer_printf(text, "the journal %s cannot be read", journal->name);
		return;
	}
	if (fate == FATE_LEAVE) {
		pp_buffer_printf(text, "the journal %s is of another version of pcipass (%u)",
			journal->name, journal->version);
		return;
	}
	if ((fate == FATE_UNDO || fate == FATE_OVER) && pp_journal_trial_left(journal) == 0) {
		pp_buffer_printf(text, "%s of ", journal->plan->verb);
		put_devices(text, journal->plan);
		pp_buffer_puts(text, " was on trial, and nobody kept it in time");
		return;
	}
	if (fate == FATE_UNDO && journal->applied) {
		pp_buffer_printf(text, "guest %s is gone and has not given back ", guest);
		put_devices(text, journal->plan);
		return;
	}
	pp_buffer_printf(text, "%s%s of ", journal->undoing ? "undoing " : "", journal->plan->verb);
	put_devices(text, journal->plan);
	if (journal->undoing)
		pp_buffer_puts(text, " was interrupted");
	else if (journal->applied)
		pp_buffer_puts(text, " was interrupted after its last step");
	else if (last_tried(journal) == 0)
		pp_buffer_puts(text, " was interrupted before its first step");
	else
		pp_buffer_printf(text, " was interrupted at step %zu of %zu", last_tried(journal),
			journal->plan->n_steps);
}

static void tell(struct recovery *recovery, const struct pp_journal *journal, enum fate fate)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	put_text(&text, journal, fate);
	recovery->changed = true;
	pp_effects_say(recovery->effects, PP_EVENT_NOTE, "%s: %s", pp_buffer_text(&text),
		fate == FATE_FORGET ? "it is complete now"
		: pp_journal_guest(journal) != NULL && journal->applied
			? "given back now"
			: "everything is as it was before");
}

/* Under the locks of its devices and its own; it may have changed since it was listed. */
static int act(struct recovery *recovery, struct pp_journal *journal, struct pp_locks *locks,
	struct pp_error *error)
{
	struct pp_effects *effects = recovery->effects;
	enum fate fate = fate_now(recovery, journal);
	int r = recovery->only ? pp_change_check(effects->context, journal->name, error) : 0;
	if (r < 0)
		return r;
	switch (fate) {
	case FATE_KEEP:
	case FATE_LEAVE:
	case FATE_ASIDE:
	case FATE_OVER:
		return 0;
	case FATE_FORGET:
		r = pp_undo_forget(effects, journal->plan, error);
		break;
	case FATE_UNDO:
		r = pp_undo_run(effects, journal, locks, recovery->addresses, recovery->n_addresses,
			&recovery->changed, error);
		if (r >= 0 && !pp_undo_spent(journal))
			return 0; /* a part was asked for, the rest stays */
		break;
	case FATE_END:
		break;
	}
	if (r < 0)
		return r;
	r = pp_journal_end(effects, journal);
	if (r < 0)
		return pp_error_errno(error, r, "removing the journal %s", journal->name);
	if (!recovery->owner && !recovery->only && fate != FATE_END)
		tell(recovery, journal, fate);
	return 0;
}

static int lock_and_act(
	struct recovery *recovery, const struct pp_journal *listed, struct pp_error *error)
{
	PP_CLEANUP(pp_locks_freep) struct pp_locks *locks = NULL;
	PP_CLEANUP(pp_journal_freep) struct pp_journal *journal = NULL;
	struct pp_effects *effects = recovery->effects;
	int r = 0;
	if (listed->plan)
		r = pp_locks_take(effects, listed->plan, effects->deadline_ms, &locks, error);
	if (r >= 0)
		r = pp_journal_own(effects, listed->name, 0, &journal, error);
	if (r == -EAGAIN || r == -ENOENT) /* another sees to it, or has */
		return 0;
	return r < 0 ? r : act(recovery, journal, locks, error);
}

static int recover_one(
	struct recovery *recovery, const struct pp_journal *journal, struct pp_error *error)
{
	struct pp_effects *effects = recovery->effects;
	enum fate fate = fate_now(recovery, journal);
	int r;
	switch (fate) {
	case FATE_KEEP:
	case FATE_OVER:
		return 0;
	case FATE_LEAVE:
		pp_error_set(error, PP_STATUS_RECOVER, -EPROTONOSUPPORT,
			"the journal %s/%s/%s was written by another version of pcipass (%u), and "
			"not all of it can be understood: it is left alone",
			effects->context->run, "journal", journal->name, journal->version);
		pp_error_remedy(error, "run `recover` of that version");
		return -EPROTONOSUPPORT;
	case FATE_ASIDE:
		r = pp_journal_set_aside(effects, journal->name);
		if (r < 0)
			return pp_error_errno(
				error, r, "setting the journal %s aside", journal->name);
		pp_effects_say(effects, PP_EVENT_NOTE,
			"the journal %s cannot be read; it was set aside as bad-%s", journal->name,
			journal->name);
		recovery->changed = true;
		return 0;
	default:
		break;
	}
	if (fate == FATE_END && journal->stale)
		pp_effects_say(effects, PP_EVENT_NOTE,
			"the journal %s is from before the last boot and is removed",
			journal->name);
	r = lock_and_act(recovery, journal, error);
	if (r < 0 && error && error->status != PP_STATUS_IN_USE)
		error->status = PP_STATUS_RECOVER;
	return r;
}

/* Newest first: a guest's journal stands on the host's. */
static int recover_all(struct recovery *recovery, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int first = pp_journals_load(recovery->effects->context, &journals, error);
	if (first < 0)
		return first;
	for (size_t i = journals->n_items; i-- > 0;) {
		struct pp_error own = {0};
		int r = recover_one(recovery, &journals->items[i], &own);
		if (r < 0 && first == 0) {
			first = r;
			if (error)
				*error = own;
		}
	}
	return first;
}

int pp_journal_recover_on(struct pp_effects *effects, const struct pp_guest_judge *judge,
	bool *ret_changed, struct pp_error *error)
{
	struct recovery recovery = {.effects = effects, .judge = judge};
	pp_journal_sweep(effects);
	int r = recover_all(&recovery, error);
	if (ret_changed && (r >= 0 || recovery.changed))
		*ret_changed = recovery.changed;
	return r;
}

int pp_journal_undo_on(
	struct pp_effects *effects, const char *name, bool *ret_changed, struct pp_error *error)
{
	struct recovery recovery = {.effects = effects, .only = name};
	int r = recover_all(&recovery, error);
	if (r >= 0 || recovery.changed)
		*ret_changed = recovery.changed;
	return r;
}

int pp_trials_end_on(struct pp_effects *effects, bool *ret_changed, struct pp_error *error)
{
	struct recovery recovery = {.effects = effects, .trials = true};
	int r = recover_all(&recovery, error);
	if (r >= 0 || recovery.changed)
		*ret_changed = recovery.changed;
	return r;
}

int pp_journal_recover(struct pp_context *context, const struct pp_apply_options *options,
	const struct pp_guest_judge *judge, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	struct pp_setup_hands hands = {.effects = &effects};
	struct pp_error own = {0};
	bool setup = false;
	int r = pp_effects_init(&effects, context, options, error);
	if (r < 0)
		return r;
	int mended = pp_setup_recover_on(&hands, &setup, &own);
	r = pp_journal_recover_on(&effects, judge, ret_changed, error);
	if (setup && ret_changed)
		*ret_changed = true;
	if (r >= 0 && mended < 0 && error)
		*error = own;
	return r < 0 ? r : mended;
}

int pp_journal_release_on(struct pp_effects *effects, const char *owner,
	const struct pp_address *addresses, size_t n_addresses, bool *ret_changed,
	struct pp_error *error)
{
	struct recovery recovery = {.effects = effects,
		.owner = owner,
		.addresses = addresses,
		.n_addresses = n_addresses};
	int r = recover_all(&recovery, error);
	if (ret_changed && (r >= 0 || recovery.changed))
		*ret_changed = recovery.changed;
	return r;
}

int pp_journal_release(struct pp_context *context, const char *owner,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	int r = pp_effects_init(&effects, context, options, error);
	return r < 0 ? r
		     : pp_journal_release_on(
			       &effects, owner, addresses, n_addresses, ret_changed, error);
}

/* ---- the list ---- */

static int list_add(struct pp_unfinished_list *list, struct pp_unfinished *items,
	const struct pp_journal *journal, enum fate fate)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	put_text(&text, journal, fate);
	struct pp_unfinished item = {
		.journal = pp_arena_strdup(list->arena, journal->name),
		.owner = pp_arena_strdup(list->arena, journal->plan ? journal->plan->owner : ""),
		.verb = pp_arena_strdup(list->arena, journal->plan ? journal->plan->verb : ""),
		.trial = (fate == FATE_UNDO || fate == FATE_OVER) &&
			 pp_journal_trial_left(journal) == 0,
		.text = pp_arena_strdup(list->arena, pp_buffer_text(&text)),
	};
	if (text.failed || !item.journal || !item.owner || !item.verb || !item.text)
		return -ENOMEM;
	items[list->n_items++] = item;
	return 0;
}

void pp_unfinished_free(struct pp_unfinished_list *list)
{
	if (list)
		pp_arena_free(list->arena);
}

int pp_journal_unfinished(struct pp_context *context, const struct pp_guest_judge *judge,
	struct pp_unfinished_list **ret_list, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return pp_error_oom(error);
	int r = pp_journals_load(context, &journals, error);
	if (r < 0)
		return r;
	struct pp_unfinished_list *list = pp_arena_alloc(arena, sizeof(*list));
	struct pp_unfinished *items = pp_arena_array(arena, journals->n_items + 1, sizeof(*items));
	struct pp_setup_state setup = {0};
	if (!list || !items)
		return pp_error_oom(error);
	*list = (struct pp_unfinished_list){.items = items, .arena = arena};
	for (size_t i = 0; i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		enum fate fate = fate_of(context, judge, journal);
		/* What is only to be removed is not worth a word. */
		if (fate != FATE_KEEP && fate != FATE_END &&
			list_add(list, items, journal, fate) < 0)
			return pp_error_oom(error);
	}
	if (pp_setup_look(context, &setup) >= 0 && setup.unfinished)
		items[list->n_items++] = (struct pp_unfinished){.journal = "setup",
			.owner = "host",
			.verb = "host-setup",
			.text = "host-setup was interrupted"};
	free(setup.text);
	arena = NULL; /* the list is in it */
	*ret_list = list;
	return 0;
}
