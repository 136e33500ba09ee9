/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/apply.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/driver.h"
#include "lib/apply/journal.h"
#include "lib/apply/lanes.h"
#include "lib/apply/lock.h"
#include "lib/apply/reason.h"
#include "lib/apply/step.h"
#include "lib/apply/trial.h"
#include "lib/apply/undo.h"
#include "lib/plan/plan.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct run {
	struct pp_effects *effects;
	struct pp_plan *plan; /* as it stands under the locks */
	struct pp_locks *locks;
	struct pp_journal *journal;
	int (*work)(
		void *data, struct pp_error *error); /* a rehearsal: NULL in a plan that stays */
	void *data;
};

/* ---- signals: one that asks for an end waits until the devices are somewhere ---- */

static void signals_hold(sigset_t *old)
{
	sigset_t set;
	pp_effects_signals(&set);
	sigaddset(&set, SIGPIPE); /* whoever listened to the progress may go away */
	sigprocmask(SIG_BLOCK, &set, old);
}

/* ---- before anything is written ---- */

static int refuse_recover(
	const struct pp_journal *journal, const char *subject, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_RECOVER, -EBUSY, "%s: an earlier %s %s (journal %s)", subject,
		journal->plan->verb,
		journal->applied && pp_journal_trial_left(journal) == 0
			? "was on trial, its time is over, and it was not undone"
			: "was interrupted in the middle",
		journal->name);
	pp_error_id(error, "unfinished");
	pp_error_remedy(error, "pcipass recover");
	return -EBUSY;
}

static int refuse_trial(
	const struct pp_journal *journal, const char *subject, int64_t left, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"%s: %s of it is on trial for %lld s more, and will be undone then", subject,
		journal->plan->verb, (long long)(left + 999) / 1000);
	pp_error_id(error, "on-trial");
	pp_error_remedy(error, "`pcipass keep` if it is to stay, or `pcipass changes --undo %u`",
		(unsigned)strtoul(journal->name, NULL, 10));
	return -EBUSY;
}

/* Whether a journal is in the way of moving one device. */
static int check_journal(const struct pp_journal *journal, const struct pp_plan *plan,
	const char *subject, struct pp_error *error)
{
	const char *guest = pp_journal_guest(journal);
	for (size_t i = 0; i < journal->plan->n_steps; i++) {
		const struct pp_step *step = &journal->plan->steps[i];
		if (!pp_step_of_device(step) || !pp_text_is(step->subject, subject))
			continue;
		/* What a guest on trial has is the guest's until that has ended. */
		int64_t left = guest ? -1 : pp_journal_trial_left(journal);
		if (journal->applied && left > 0 && pp_journal_counts(journal, i))
			return refuse_trial(journal, subject, left, error);
		if ((!pp_journal_finished(journal) || left == 0) && !journal->released)
			return refuse_recover(journal, subject, error);
		if (!guest || !pp_journal_counts(journal, i) ||
			pp_text_is(journal->plan->owner, plan->owner))
			continue;
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY, "%s is in guest %s%s", subject, guest,
			pp_owner_is_libvirt(journal->plan->owner) ? ", libvirt, running" : "");
		pp_error_id(error, "device-in-guest");
		pp_error_remedy(error, "shut the guest down, or detach the device from it; if it "
				       "has ended already, "
				       "`pcipass recover`");
		return -EBUSY;
	}
	return 0;
}

static int check_journals(struct run *run, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int r = pp_journals_load(run->effects->context, &journals, error);
	for (size_t i = 0; r >= 0 && i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		if (!journal->plan || journal->stale)
			continue;
		for (size_t j = 0; r >= 0 && j < run->plan->n_steps; j++)
			if (pp_step_of_device(&run->plan->steps[j]))
				r = check_journal(
					journal, run->plan, run->plan->steps[j].subject, error);
	}
	return r;
}

/* "uhci_hcd (driver_override none)", "2"; the caller frees. */
static char *state_words(
	const struct pp_step *step, const struct pp_driver_state *state, const char *word)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_puts(&text, state->driver[0] ? state->driver : "none");
	if (step->kind == PP_STEP_DRIVER)
		pp_buffer_printf(
			&text, " (%s%s)", word, state->override[0] ? state->override : "none");
	return pp_buffer_take(&text);
}

static int refuse_changed(
	const struct pp_step *step, const struct pp_driver_state *now, struct pp_error *error)
{
	PP_FREE char *was = state_words(step, &step->from, "driver_override ");
	PP_FREE char *is = state_words(step, now, "");
	if (!was || !is)
		return pp_error_oom(error);
	pp_error_set(error, PP_STATUS_FAILED, -ESTALE,
		"%s has changed since it was looked at: its %s was %s, now it is %s", step->subject,
		step->kind == PP_STEP_DRIVER     ? "driver"
		: step->kind == PP_STEP_VFS      ? "number of virtual functions"
		: step->kind == PP_STEP_FUNCTION ? "state on its card"
						 : "sriov_drivers_autoprobe",
		was, is);
	pp_error_remedy(error, "look at what else moves it, and try again");
	return -ESTALE;
}

/* Whether a step before it makes the state that this one begins with. */
static bool is_second(const struct pp_plan *plan, const struct pp_step *step)
{
	for (const struct pp_step *other = plan->steps; other < step; other++)
		if (other->kind == step->kind && pp_text_is(other->subject, step->subject))
			return true;
	return false;
}

/* The plan was made some time ago and without a lock: each state is read again. */
static int check_step(struct run *run, struct pp_step *step, struct pp_error *error)
{
	struct pp_driver_state now;
	if (step->kind == PP_STEP_MODULE) {
		if (pp_module_loaded(run->effects->context, step->subject))
			step->from = step->to;
		return 0;
	}
	if (is_second(run->plan, step))
		return 0;
	int r = pp_step_read(run->effects->context, step, &now);
	if (r == -ENODEV) {
		pp_error_set(error, PP_STATUS_NOT_READY, r, "%s is no longer there", step->subject);
		pp_error_id(error, "device-vanished");
		return r;
	}
	if (r < 0)
		return pp_error_errno(error, r, "%s: reading its state", step->subject);
	if (pp_driver_same(&now, &step->from))
		return 0;
	if (pp_driver_same(&now, &step->to) && step->kind != PP_STEP_AUTOPROBE) {
		step->from = step->to;
		return 0;
	}
	return refuse_changed(step, &now, error);
}

static bool all_idle(const struct pp_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (!pp_step_idle(&plan->steps[i]))
			return false;
	return true;
}

/* ---- forwards ---- */

static int step_move(struct run *run, const struct pp_step *step, struct pp_error *error)
{
	if (pp_step_of_device(step))
		pp_locks_focus(run->locks, run->effects, step->subject);
	int r = pp_step_move(run->effects, step, &step->to, error);
	if (r == -ETIMEDOUT && run->effects->stuck)
		pp_locks_stuck(run->locks, step->subject, run->effects->stuck);
	return r;
}

static int journal_failed(const struct pp_journal *journal, int code, struct pp_error *error)
{
	return pp_error_errno(error, code, "writing to the journal %s", journal->name);
}

static int step_run(struct run *run, size_t i, struct pp_error *error)
{
	const struct pp_step *step = &run->plan->steps[i];
	if (pp_step_idle(step))
		return 0;
	if (pp_effects_asked_to_end())
		return pp_error_set(error, PP_STATUS_FAILED, -EINTR, "a signal asked to stop");
	PP_FREE char *text = pp_step_text(step, false);
	if (!text)
		return pp_error_oom(error);
	int r = pp_journal_write(run->effects, run->journal, "try", (ssize_t)i);
	if (r < 0)
		return journal_failed(run->journal, r, error);
	pp_effects_say(run->effects, PP_EVENT_STEP, "%s", text);
	r = step_move(run, step, error);
	if (r >= 0)
		pp_effects_say(run->effects, PP_EVENT_DONE, "%s", text);
	return r;
}

/* ---- forwards, several at the same time ---- */

static int move_forward(struct pp_effects *effects, struct pp_move *move)
{
	return pp_step_move(effects, move->step, move->to, &move->error);
}

static void moves_say(
	struct run *run, const struct pp_move *moves, size_t count, enum pp_event_kind kind)
{
	for (size_t i = 0; i < count; i++) {
		PP_FREE char *text = pp_step_text(moves[i].step, false);
		if (text && moves[i].result >= 0)
			pp_effects_say(run->effects, kind, "%s", text);
	}
}

/* Each has its line in the journal before the first of them is begun. */
static int moves_try(
	struct run *run, const struct pp_move *moves, size_t count, struct pp_error *error)
{
	int r = 0;
	if (pp_effects_asked_to_end())
		return pp_error_set(error, PP_STATUS_FAILED, -EINTR, "a signal asked to stop");
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = pp_journal_write(
			run->effects, run->journal, "try", moves[i].step - run->plan->steps);
	return r < 0 ? journal_failed(run->journal, r, error) : 0;
}

static int moves_run(struct run *run, struct pp_move *moves, size_t count, struct pp_error *error)
{
	int first = moves_try(run, moves, count, error);
	if (first < 0)
		return first;
	moves_say(run, moves, count, PP_EVENT_STEP);
	pp_lanes_run(run->effects, run->locks, moves, count, move_forward, true);
	moves_say(run, moves, count, PP_EVENT_DONE);
	for (size_t i = 0; i < count; i++) {
		if (moves[i].stuck)
			pp_locks_stuck(run->locks, moves[i].step->subject, moves[i].stuck);
		if (moves[i].result >= 0 || moves[i].result == -ECANCELED || first < 0)
			continue;
		first = moves[i].result;
		if (error)
			*error = moves[i].error;
	}
	for (size_t i = 0; first >= 0 && i < count; i++)
		if (moves[i].result < 0)
			first = pp_error_set(
				error, PP_STATUS_FAILED, -EINTR, "a signal asked to stop");
	return first;
}

/* The steps of drivers from I on that stand together; *ret_next is behind them. */
static size_t moves_gather(
	const struct pp_plan *plan, size_t i, struct pp_move *moves, size_t *ret_next)
{
	size_t count = 0;
	for (; i < plan->n_steps; i++) {
		const struct pp_step *step = &plan->steps[i];
		if (pp_step_idle(step))
			continue;
		if (step->kind != PP_STEP_DRIVER)
			break;
		moves[count++] = (struct pp_move){.step = step, .to = &step->to};
	}
	*ret_next = i;
	return count;
}

static int steps_run(struct run *run, struct pp_error *error)
{
	PP_FREE struct pp_move *moves = calloc(run->plan->n_steps + 1, sizeof(*moves));
	int r = 0;
	if (!moves)
		return pp_error_oom(error);
	for (size_t i = 0, next; r >= 0 && i < run->plan->n_steps; i = next) {
		size_t count = moves_gather(run->plan, i, moves, &next);
		if (pp_lanes_count(run->effects->context, moves, count) > 1) {
			r = moves_run(run, moves, count, error);
			continue;
		}
		if (next == i) /* a step of another kind, by itself */
			next++;
		for (; r >= 0 && i < next; i++)
			r = step_run(run, i, error);
	}
	return r;
}

static int applied(struct run *run, struct pp_error *error)
{
	int r = pp_journal_write(run->effects, run->journal, "applied", -1);
	return r < 0 ? journal_failed(run->journal, r, error) : 0;
}

/* What the caller reads when not everything could be put back. */
static void undo_failed(struct run *run, const struct pp_error *own, struct pp_error *error)
{
	if (!error)
		return;
	if (own->text[0] && !error->text[0]) {
		*error = *own;
	} else if (own->text[0]) {
		struct pp_error first = *error;
		pp_error_set(error, PP_STATUS_RECOVER, first.code,
			"%s failed, and could not be undone either: %s\nundoing: %s",
			run->plan->verb, first.text, own->text);
		pp_error_id(error, first.id);
	}
	error->status = PP_STATUS_RECOVER;
	if (!error->remedy[0])
		pp_error_remedy(error, "pcipass recover");
}

static void undo(struct run *run, struct pp_error *error)
{
	struct pp_error own = {0};
	bool changed = false;
	int r = pp_undo_run(run->effects, run->journal, run->locks, NULL, 0, &changed, &own);
	if (r >= 0) {
		r = pp_journal_end(run->effects, run->journal);
		if (r < 0)
			pp_error_errno(&own, r, "removing the journal %s", run->journal->name);
	}
	if (r < 0)
		undo_failed(run, &own, error);
	else if (changed && !run->work)
		pp_error_wrap(error, "%s was undone", run->plan->verb);
}

/* Never "applied": whoever finds the journal later undoes it, as this does. */
static int rehearse(struct run *run, struct pp_error *error)
{
	struct pp_error own = {0};
	int r = steps_run(run, error);
	if (r >= 0)
		r = run->work(run->data, error);
	undo(run, r < 0 ? error : &own);
	if (r < 0 || !own.text[0])
		return r;
	*error = own;
	return -EIO;
}

/* After `applied` nothing is undone any more. What is left to do is `recover`'s, and stands in the
 * way of the devices' next move. A trial is finished when it is kept. */
static int finish(struct run *run, struct pp_error *error)
{
	struct pp_error own = {0};
	int r = 0;
	if (pp_journal_trial_left(run->journal) >= 0)
		return 0;
	if (run->plan->returns)
		r = pp_undo_forget(run->effects, run->plan, &own);
	else if (!pp_undo_spent(run->journal))
		return 0;
	if (r >= 0)
		r = pp_journal_end(run->effects, run->journal);
	if (r >= 0 || pp_owner_guest(run->plan->owner)) /* which runs without it */
		return 0;
	pp_error_set(error, PP_STATUS_RECOVER, r,
		"%s is done, but its journal %s could not be closed: %s", run->plan->verb,
		run->journal->name, own.text[0] ? own.text : strerror(-r));
	pp_error_id(error, "unfinished");
	pp_error_remedy(error, "pcipass recover");
	return r;
}

static int run_locked(struct run *run, bool *ret_changed, struct pp_error *error)
{
	int r = check_journals(run, error);
	for (size_t i = 0; r >= 0 && i < run->plan->n_steps; i++)
		r = check_step(run, &run->plan->steps[i], error);
	if (r < 0)
		return r;
	bool idle = all_idle(run->plan);
	if (idle && run->work)
		return run->work(run->data, error);
	if (idle && !pp_owner_guest(run->plan->owner)) {
		if (run->plan->returns)
			r = pp_undo_forget(run->effects, run->plan, error);
		*ret_changed = false;
		return r;
	}
	r = pp_journal_begin(run->effects, run->plan, &run->journal, error);
	if (r < 0)
		return r;
	if (run->work)
		return rehearse(run, error);
	if (run->effects->try_seconds > 0)
		r = pp_trial_arm(run->effects, run->journal, error);
	if (r >= 0)
		r = steps_run(run, error);
	if (r >= 0)
		r = applied(run, error);
	if (r < 0) {
		undo(run, error);
		return r;
	}
	*ret_changed = !idle;
	return finish(run, error);
}

static struct pp_plan *plan_copy(const struct pp_plan *plan)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *copy = NULL;
	if (pp_plan_new(plan->verb, plan->owner, &copy, NULL) < 0)
		return NULL;
	copy->returns = plan->returns;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (pp_plan_add(copy, &plan->steps[i], NULL) < 0)
			return NULL;
	return PP_TAKE(copy);
}

static int run_plan(
	struct run *run, const struct pp_plan *plan, bool *ret_changed, struct pp_error *error)
{
	sigset_t old;
	run->plan = plan_copy(plan);
	if (!run->plan)
		return pp_error_oom(error);
	signals_hold(&old);
	int r = pp_locks_take(run->effects, run->plan, 0, &run->locks, error);
	if (r >= 0)
		r = run_locked(run, ret_changed, error);
	pp_journal_free(run->journal);
	pp_locks_free(run->locks);
	pp_plan_free(run->plan);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

int pp_apply_on(struct pp_effects *effects, const struct pp_plan *plan, bool *ret_changed,
	struct pp_error *error)
{
	struct run run = {.effects = effects};
	bool changed = false;
	int r = plan->n_steps > 0 ? run_plan(&run, plan, &changed, error) : 0;
	if ((r >= 0 || changed) && ret_changed)
		*ret_changed = changed;
	return r;
}

int pp_rehearse_on(struct pp_effects *effects, const struct pp_plan *plan,
	int (*work)(void *data, struct pp_error *error), void *data, struct pp_error *error)
{
	struct pp_error unheeded = {0};
	struct run run = {.effects = effects, .work = work, .data = data};
	bool changed = false;
	return run_plan(&run, plan, &changed, error ? error : &unheeded);
}

int pp_rehearse(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_apply_options *options, int (*work)(void *data, struct pp_error *error),
	void *data, struct pp_error *error)
{
	struct pp_effects effects;
	int r = pp_effects_init(&effects, context, options, error);
	return r < 0 ? r : pp_rehearse_on(&effects, plan, work, data, error);
}

int pp_apply(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	int r = pp_effects_init(&effects, context, options, error);
	if (r >= 0)
		r = pp_apply_on(&effects, plan, ret_changed, error);
	if (r < 0)
		pp_reason_add(context, error);
	return r;
}

int pp_apply_none(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_device *const *devices, size_t n_devices,
	const struct pp_apply_options *options, struct pp_error *error)
{
	PP_CLEANUP(pp_plan_freep) struct pp_plan *stays = plan_copy(plan);
	if (!stays)
		return pp_error_oom(error);
	int r = 0;
	for (size_t i = 0; r >= 0 && i < n_devices; i++)
		r = pp_plan_claim(stays, devices[i], error);
	return r < 0 ? r : pp_apply(context, stays, options, NULL, error);
}
