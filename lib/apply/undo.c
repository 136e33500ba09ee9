/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/undo.h"
#include "base/parse.h"
#include "lib/apply/identity.h"
#include "lib/apply/step.h"
#include "lib/apply/vfsuse.h"
#include "lib/plan/plan.h"
#include <string.h>

#define FORGET_WAIT_MS 5000

static bool selected(
	const struct pp_step *step, const struct pp_address *subjects, size_t n_subjects)
{
	struct pp_address address;
	if (!subjects)
		return true;
	if (!pp_step_of_device(step) || pp_address_parse(step->subject, &address) < 0)
		return false;
	for (size_t i = 0; i < n_subjects; i++)
		if (pp_address_compare(&subjects[i], &address) == 0)
			return true;
	return false;
}

/* Modules stay loaded, and a claim never moved anything. */
static bool holds(const struct pp_journal *journal, size_t i)
{
	const struct pp_step *step = &journal->plan->steps[i];
	if (!pp_step_of_device(step) || !pp_journal_counts(journal, i))
		return false;
	return !pp_step_idle(step) || pp_journal_guest(journal);
}

bool pp_undo_spent(const struct pp_journal *journal)
{
	for (size_t i = 0; i < journal->plan->n_steps; i++)
		if (holds(journal, i))
			return false;
	return true;
}

/* 1: it is where it came from, or is no longer the one that was moved; 0: it has to be moved. */
static int is_back(struct pp_effects *effects, const struct pp_journal *journal, size_t i,
	struct pp_error *error)
{
	const struct pp_step *step = &journal->plan->steps[i];
	struct pp_driver_state now;
	char identity[PP_IDENTITY_SIZE] = "", elsewhere[PP_ADDRESS_SIZE];
	if (pp_step_idle(step))
		return 1;
	int r = pp_step_read(effects->context, step, &now);
	if (r == -ENODEV) {
		pp_effects_say(effects, PP_EVENT_NOTE, "%s is no longer there", step->subject);
		return 1;
	}
	if (r < 0)
		return pp_error_errno(error, r, "%s: reading its state", step->subject);
	if (pp_driver_same(&now, &step->from))
		return 1;
	const char *known = journal->identities[i];
	pp_identity_read(effects->context, step->subject, identity);
	if (!known || !identity[0] || pp_identity_same(known, identity))
		return 0;
	bool found = pp_identity_find(effects->context, known, elsewhere) >= 0;
	pp_effects_say(effects, PP_EVENT_NOTE,
		"%s is another device now (%s, it was %s) and is left alone%s%s", step->subject,
		identity, known, found ? "; that one is at " : "", found ? elsewhere : "");
	return 1;
}

static int undo_one(struct pp_effects *effects, struct pp_journal *journal, struct pp_locks *locks,
	size_t i, bool *ret_changed, struct pp_error *error)
{
	const struct pp_step *step = &journal->plan->steps[i];
	struct pp_driver_state now;
	int r = is_back(effects, journal, i, error);
	if (r == 0) {
		PP_FREE char *text = pp_step_text(step, true);
		pp_effects_say(effects, PP_EVENT_UNDO, "%s", text ? text : step->subject);
		pp_locks_focus(locks, effects, step->subject);
		*ret_changed = true;
		r = pp_step_move(effects, step, &step->from, error);
		/* A write can say ENODEV of a device that is there. */
		if (r < 0 && pp_step_read(effects->context, step, &now) == -ENODEV)
			r = 0;
	}
	if (r == -ETIMEDOUT && effects->stuck)
		pp_locks_stuck(locks, step->subject, effects->stuck);
	if (r < 0)
		return r;
	/* A line that does not fit on a full disk is not missed: the state says it again. */
	journal->undone[i] = true;
	pp_journal_write(effects, journal, "undone", (ssize_t)i);
	return 0;
}

/* Functions that were made go with the change that made them, but not those that someone uses by
 * now: then nothing of it is undone. */
static int guard_functions(struct pp_effects *effects, const struct pp_journal *journal,
	struct pp_locks **ret_locks, struct pp_error *error)
{
	for (size_t i = 0; i < journal->plan->n_steps; i++) {
		const struct pp_step *step = &journal->plan->steps[i];
		struct pp_driver_state now;
		if (step->kind == PP_STEP_VFS && holds(journal, i) &&
			pp_step_read(effects->context, step, &now) >= 0 &&
			!pp_driver_same(&now, &step->from))
			return pp_vfs_guard(
				effects, step->subject, journal->plan, ret_locks, error);
	}
	return 0;
}

int pp_undo_run(struct pp_effects *effects, struct pp_journal *journal, struct pp_locks *locks,
	const struct pp_address *subjects, size_t n_subjects, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_locks_freep) struct pp_locks *functions = NULL;
	int first = subjects ? 0 : guard_functions(effects, journal, &functions, error);
	if (first < 0)
		return first;
	for (size_t i = journal->plan->n_steps; i-- > 0;) {
		struct pp_error own = {0};
		if (!holds(journal, i) || !selected(&journal->plan->steps[i], subjects, n_subjects))
			continue;
		/* Nothing can be written to a device that a child hangs in: it is left to recovery.
		 */
		bool stuck = pp_locks_is_stuck(locks, journal->plan->steps[i].subject);
		int r = stuck ? -ETIMEDOUT
			      : undo_one(effects, journal, locks, i, ret_changed, &own);
		if (r < 0 && first == 0) {
			first = r;
			if (error)
				*error = own;
		}
	}
	return first;
}

/* ---- devices that are given back
 * ------------------------------------------------------------------- */

static bool plan_moves(const struct pp_plan *plan, const struct pp_step *step)
{
	/* the switch for new functions goes with their number */
	enum pp_step_kind kind = step->kind == PP_STEP_AUTOPROBE ? PP_STEP_VFS : step->kind;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == kind &&
			pp_text_is(plan->steps[i].subject, step->subject))
			return true;
	return false;
}

static bool concerns(const struct pp_journal *journal, const struct pp_plan *plan)
{
	if (journal->running || journal->stale || !pp_journal_finished(journal) ||
		pp_journal_guest(journal))
		return false;
	for (size_t i = 0; i < journal->plan->n_steps; i++)
		if (holds(journal, i) && plan_moves(plan, &journal->plan->steps[i]))
			return true;
	return false;
}

static int forget_in(struct pp_effects *effects, const char *name, const struct pp_plan *plan,
	struct pp_error *error)
{
	PP_CLEANUP(pp_journal_freep) struct pp_journal *journal = NULL;
	int r = pp_journal_own(effects, name, FORGET_WAIT_MS, &journal, error);
	if (r == -ENOENT)
		return 0;
	if (r == -EAGAIN)
		return pp_error_set(error, PP_STATUS_RECOVER, -EBUSY,
			"the journal %s is held by another pcipass", name);
	if (r < 0 || !concerns(journal, plan))
		return r;
	for (size_t i = 0; r >= 0 && i < journal->plan->n_steps; i++)
		if (holds(journal, i) && plan_moves(plan, &journal->plan->steps[i]))
			r = pp_journal_write(effects, journal, "undone", (ssize_t)i);
	if (r >= 0 && pp_undo_spent(journal))
		r = pp_journal_end(effects, journal);
	return r < 0 ? pp_error_errno(error, r, "writing to the journal %s", name) : 0;
}

int pp_undo_forget(struct pp_effects *effects, const struct pp_plan *plan, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int r = pp_journals_load(effects->context, &journals, error);
	for (size_t i = 0; r >= 0 && i < journals->n_items; i++)
		if (concerns(&journals->items[i], plan))
			r = forget_in(effects, journals->items[i].name, plan, error);
	return r;
}
