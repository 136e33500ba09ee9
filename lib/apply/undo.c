/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/undo.h"
#include "base/parse.h"
#include "lib/apply/identity.h"
#include "lib/apply/lanes.h"
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
static int is_back(struct pp_effects *effects, const struct pp_step *step, const char *known,
	struct pp_error *error)
{
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
	pp_identity_read(effects->context, step->subject, identity);
	if (!known || !identity[0] || pp_identity_same(known, identity))
		return 0;
	bool found = pp_identity_find(effects->context, known, elsewhere) >= 0;
	pp_effects_say(effects, PP_EVENT_NOTE,
		"%s is another device now (%s, it was %s) and is left alone%s%s", step->subject,
		identity, known, found ? "; that one is at " : "", found ? elsewhere : "");
	return 1;
}

/* 1: it was moved; 0: it was back already, or there is nothing to be moved. */
static int move_back(struct pp_effects *effects, struct pp_move *move)
{
	const struct pp_step *step = move->step;
	struct pp_driver_state now;
	int r = is_back(effects, step, move->data, &move->error);
	if (r != 0)
		return r < 0 ? r : 0;
	PP_FREE char *text = pp_step_text(step, true);
	pp_effects_say(effects, PP_EVENT_UNDO, "%s", text ? text : step->subject);
	move->back = true;
	r = pp_step_move(effects, step, move->to, &move->error);
	/* A write can say ENODEV of a device that is there. */
	if (r < 0 && pp_step_read(effects->context, step, &now) == -ENODEV)
		r = 0;
	return r;
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

struct undo {
	struct pp_effects *effects;
	struct pp_journal *journal;
	struct pp_locks *locks;
	const struct pp_address *subjects;
	size_t n_subjects;
	bool *ret_changed;
};

/* Steps of drivers that stand together before *AT, last first, or one other step; *AT is at them.
 */
static size_t moves_gather(const struct undo *undo, size_t *at, struct pp_move *moves)
{
	const struct pp_journal *journal = undo->journal;
	size_t count = 0;
	while (*at > 0) {
		const struct pp_step *step = &journal->plan->steps[*at - 1];
		bool wanted =
			holds(journal, *at - 1) && selected(step, undo->subjects, undo->n_subjects);
		if (wanted && count > 0 && step->kind != PP_STEP_DRIVER)
			break;
		--*at;
		if (!wanted)
			continue;
		moves[count++] = (struct pp_move){
			.step = step, .to = &step->from, .data = journal->identities[*at]};
		if (step->kind != PP_STEP_DRIVER)
			break;
	}
	return count;
}

/* A line that does not fit on a full disk is not missed: the state says it again. */
static int moves_end(
	struct undo *undo, const struct pp_move *moves, size_t count, struct pp_error *error)
{
	int first = 0;
	for (size_t i = 0; i < count; i++) {
		size_t number = (size_t)(moves[i].step - undo->journal->plan->steps);
		*undo->ret_changed |= moves[i].back;
		if (moves[i].stuck)
			pp_locks_stuck(undo->locks, moves[i].step->subject, moves[i].stuck);
		if (moves[i].result >= 0) {
			undo->journal->undone[number] = true;
			pp_journal_write(undo->effects, undo->journal, "undone", (ssize_t)number);
		} else if (first == 0) {
			first = moves[i].result;
			if (error)
				*error = moves[i].error;
		}
	}
	return first;
}

/* Nothing can be written to a device that a child hangs in: it is left to recovery. */
static int moves_undo(
	struct undo *undo, struct pp_move *moves, size_t count, struct pp_error *error)
{
	size_t n = 0;
	int stuck = 0;
	for (size_t i = 0; i < count; i++)
		if (pp_locks_is_stuck(undo->locks, moves[i].step->subject))
			stuck = -ETIMEDOUT;
		else
			moves[n++] = moves[i];
	pp_lanes_run(undo->effects, undo->locks, moves, n, move_back, false);
	int r = moves_end(undo, moves, n, error);
	return r < 0 ? r : stuck;
}

/* What the host was given and is taken back as a whole is unfinished meanwhile: recovery then goes
 * on with it. (A guest's is known by the guest that is gone.) */
int pp_undo_run(struct pp_effects *effects, struct pp_journal *journal, struct pp_locks *locks,
	const struct pp_address *subjects, size_t n_subjects, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_locks_freep) struct pp_locks *functions = NULL;
	int first = subjects ? 0 : guard_functions(effects, journal, &functions, error);
	if (first < 0)
		return first;
	PP_FREE struct pp_move *moves = calloc(journal->plan->n_steps + 1, sizeof(*moves));
	struct pp_error unheeded;
	if (!moves)
		return pp_error_oom(error);
	bool whole = journal->applied && !subjects && !pp_journal_guest(journal);
	if (whole)
		pp_journal_write(effects, journal, "undo", -1);
	for (size_t i = journal->plan->n_steps, count; i > 0;) {
		struct undo undo = {effects, journal, locks, subjects, n_subjects, ret_changed};
		count = moves_gather(&undo, &i, moves);
		int r = moves_undo(&undo, moves, count, first < 0 ? &unheeded : error);
		first = first < 0 ? first : r;
	}
	if (first < 0 && whole) /* what could not go back stands on as a change */
		pp_journal_write(effects, journal, "applied", -1);
	return first;
}

/* ---- devices that are given back ---- */

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
