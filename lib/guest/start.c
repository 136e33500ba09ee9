/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a guest: its devices leave the host, a supervisor takes over, and QEMU runs; or nothing
 * was. */
#include "base/file.h"
#include "lib/apply/apply.h"
#include "lib/apply/reason.h"
#include "lib/guest/claim.h"
#include "lib/guest/guest.h"
#include "lib/guest/launch.h"
#include "lib/guest/networkpool.h"
#include "lib/guest/prepare.h"
#include "lib/guest/release.h"
#include "lib/guest/remember.h"
#include "lib/guest/tend.h"
#include "lib/guest/trial.h"
#include "lib/host/libvirt.h"
#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <string.h>

/* What comes after QEMU's own deadlines: it is killed, and devices go back. */
#define AFTER_MS 330000
#define LOOKS 5      /* at a guest that others begin and leave meanwhile */
#define WORD_MS 2000 /* after this long the one who waits hears what for */

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_plan *, pp_plan_free)
PP_DEFINE_CLEANUP(struct pp_findings *, pp_findings_free)

struct start {
	struct pp_context *context;
	const struct pp_start_options *options;
	struct pp_guest *guest;
	struct pp_definition
		*run; /* with the virtual functions that it got; NULL: it asks for none */
	const struct pp_domain *domain;
	struct pp_host *host;
	struct pp_plan *own_plan; /* where the caller gave none */
	const struct pp_plan *plan;
	struct pp_arena *arena;
	struct pp_record_launch launch;
	struct pp_record_state state;
	int folder_fd, lock_fd;
	int pool_fd; /* the lock under which functions are chosen, until the journal says whose */
};

static void start_done(struct start *start)
{
	pp_guest_free(start->guest);
	pp_definition_free(start->run);
	pp_host_free(start->host);
	pp_plan_free(start->own_plan);
	pp_arena_free(start->arena);
	pp_closep(&start->folder_fd);
	pp_closep(&start->lock_fd);
	pp_closep(&start->pool_fd);
}

static void say(const struct start *start, enum pp_event_kind kind, const char *text)
{
	if (start->options->apply.progress)
		start->options->apply.progress(kind, text, start->options->apply.data);
}

static int refuse_busy(const struct start *start, struct pp_error *error)
{
	struct pp_process carer = pp_record_carer(start->guest->record);

	if (carer.pid > 0)
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY, "it is being started by process %d",
			(int)carer.pid);
	else
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"another process is starting it, or still gives its devices back");
	pp_error_remedy(error, "`pcipass domstate %s` shows how far it is", start->guest->name);
	return -EBUSY;
}

/* 1: it runs already. */
static int look_at_run(struct start *start, struct pp_error *error)
{
	struct pp_guest *guest = start->guest;

	if (pp_guest_is_active(guest))
		return guest->record->state.supervisor.pid ? 1 : refuse_busy(start, error);
	int r = pp_guest_tend(start->context, guest->name, true, &guest->record, error);
	if (r < 0)
		return r;
	if (!guest->record->exists || guest->record->state.fault ||
		!guest->record->state.life.unreleased)
		return 0;
	pp_error_set(error, PP_STATUS_RECOVER, -EIO, "devices of its last run are not back: %s",
		guest->record->state.devices ? guest->record->state.devices : "not known why");
	pp_error_remedy(error, "`pcipass recover`");
	return -EIO;
}

/* 1: it runs already; 0: the lock is ours. */
static int take_lock(struct start *start, struct pp_error *error)
{
	int r = pp_record_folder(
		start->context, start->guest->name, true, &start->folder_fd, error);
	if (r >= 0)
		r = pp_record_lock(start->folder_fd, PP_RECORD_LOCK_MS, &start->lock_fd, error);
	if (r >= 0 || r != -EBUSY)
		return r;
	r = pp_guest_reload(start->context, start->guest, error);
	if (r >= 0 && pp_guest_is_active(start->guest) &&
		start->guest->record->state.supervisor.pid)
		return 1;
	return r < 0 ? r : refuse_busy(start, error);
}

/* Under the lock. 0: nobody has begun it since it was looked at; 1: someone has, and left it. */
static int look_under_lock(struct start *start, struct pp_error *error)
{
	PP_CLEANUP(pp_record_freep) struct pp_record *fresh = NULL;

	int r = pp_record_load_at(start->folder_fd, start->guest->name, &fresh, error);
	return r < 0 ? r : !pp_record_is_over(fresh);
}

/* 1: it runs already; 0: it is off, and the lock is ours. */
static int take_guest(struct start *start, struct pp_error *error)
{
	for (int looks = 0; looks < LOOKS; looks++) {
		int r = look_at_run(start, error);
		if (r == 0)
			r = pp_guest_domain(start->guest, &start->domain, error);
		if (r == 0)
			r = take_lock(start, error);
		if (r != 0)
			return r;
		r = look_under_lock(start, error);
		if (r <= 0)
			return r;
		/* Its QEMU may run: another supervisor takes care of it first. */
		pp_closep(&start->lock_fd);
		pp_closep(&start->folder_fd);
		start->lock_fd = start->folder_fd = -1;
		r = pp_guest_reload(start->context, start->guest, error);
		if (r < 0)
			return r;
	}
	return refuse_busy(start, error);
}

/* A plan that the caller made has functions that were free then: they are chosen anew, now that
 * nobody else chooses. */
static int take_functions(struct start *start, struct pp_error *error)
{
	bool asked;
	int r = pp_networkpool_asked(start->context, start->domain, &asked, error);
	if (r < 0 || !asked)
		return r;
	r = pp_networkpool_lock(start->context, &start->pool_fd, error);
	if (r >= 0)
		r = pp_host_read(start->context, PP_READ_ALL, &start->host, error);
	if (r >= 0)
		r = pp_networkpool_choose(
			start->context, start->host, start->guest->definition, &start->run, error);
	if (r < 0)
		return r;
	start->domain = start->run->domain;
	start->plan = NULL;
	return 0;
}

static int make_plan(struct start *start, struct pp_error *error)
{
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	struct pp_check_options options = {.act = true};

	if (start->plan && !pp_domain_next_hostdev(start->domain, NULL))
		return 0;
	int r = 0;
	if (!start->host)
		r = pp_host_read(start->context,
			start->plan ? PP_READ_CONFIG | PP_READ_GROUPS : PP_READ_ALL, &start->host,
			error);
	if (r < 0 || start->plan)
		return r;
	r = pp_guest_prepare_loaded(start->context, start->host, start->guest, start->domain,
		&options, &findings, &start->own_plan, error);
	if (r >= 0)
		r = pp_findings_refuse(findings, error);
	start->plan = start->own_plan;
	return r;
}

static int make_launch(struct start *start, struct pp_error *error)
{
	start->arena = pp_arena_new();
	if (!start->arena)
		return pp_error_oom(error);
	int r = pp_guest_launch_make(start->context, start->guest->name,
		start->run ? start->run : start->guest->definition, start->host, start->arena,
		&start->launch, error);
	if (r < 0)
		return r;
	start->launch.paused = start->options->paused;
	if (start->options->deadline_ms > 0)
		start->launch.start_ms = start->options->deadline_ms;
	return pp_record_next_id(start->context, &start->launch.id, error);
}

/* The state comes last: with it, there is a run. */
static int write_record(struct start *start, struct pp_error *error)
{
	const char *live = start->launch.live;
	PP_CLOSE int claims_fd = -1;

	int r = pp_record_clear(start->folder_fd);
	if (r >= 0)
		r = pp_file_replace(start->folder_fd, PP_RECORD_LIVE, live, strlen(live), 0600);
	if (r < 0)
		return pp_error_errno(error, r, "cannot write down what is started");
	r = pp_process_self(&start->state.starter);
	if (r < 0)
		return pp_error_errno(error, r, "cannot tell who starts it");
	r = pp_claim_make(start->context, start->guest->name, &start->launch, &claims_fd, error);
	if (r < 0)
		return r;
	r = pp_record_save_launch(start->folder_fd, start->guest->name, &start->launch, error);
	return r < 0 ? r
		     : pp_record_save_state(
			       start->folder_fd, start->guest->name, &start->state, error);
}

/* It never got as far as a supervisor. */
static void write_failure(struct start *start, const char *text, bool unreleased)
{
	start->state.life.phase = PP_PHASE_ENDED;
	start->state.life.end = PP_END_FAILED;
	start->state.life.unreleased = unreleased;
	start->state.text = text;
	start->state.devices = unreleased ? text : NULL;
	pp_record_save_state(start->folder_fd, start->guest->name, &start->state, NULL);
}

static int spawn(struct start *start, int *ret_status_fd, pid_t *ret_pid, struct pp_error *error)
{
	struct pp_error back = {0};

	say(start, PP_EVENT_STEP, "QEMU starts");
	int r = pp_supervisor_spawn(start->context, start->guest->name, false, start->lock_fd,
		ret_status_fd, ret_pid, error);
	if (r >= 0)
		return r;
	if (pp_guest_release(start->context, start->guest->name, &back) >= 0)
		write_failure(start, error ? error->text : NULL, false);
	else
		write_failure(start, back.text, true);
	return r;
}

/* Why it did not come to run, in QEMU's own words where it has any. */
static int explain(const struct pp_record *record, struct pp_error *error)
{
	const struct pp_record_state *state = &record->state;
	const char *reason;
	pp_record_show(record, &reason);
	const char *after = state->life.unreleased ? "; its devices are not all back: "
						   : "; everything is as it was before";
	const char *devices = state->life.unreleased && state->devices ? state->devices : "";
	enum pp_status status = state->life.unreleased ? PP_STATUS_RECOVER : PP_STATUS_FAILED;

	if (state->text && state->life.end == PP_END_TIMEOUT)
		return pp_error_set(error, status, -ETIMEDOUT,
			"QEMU did not answer within %d s%s%s. It said:\n%s",
			record->launch.start_ms / 1000, after, devices, state->text);
	if (state->life.end == PP_END_TIMEOUT)
		return pp_error_set(error, status, -ETIMEDOUT,
			"QEMU did not answer within %d s%s%s", record->launch.start_ms / 1000,
			after, devices);
	if (state->life.end != PP_END_FAILED && state->life.end != PP_END_UNSEEN)
		return pp_error_set(error, status, -ECANCELED, "it ended before it ran (%s)%s%s",
			reason, after, devices);
	if (state->text)
		return pp_error_set(error, status, -ECHILD,
			"QEMU did not start the guest%s%s. It said:\n%s", after, devices,
			state->text);
	if (state->life.end_detail < 0)
		return pp_error_set(error, status, -ECHILD, "QEMU was killed by signal %d%s%s",
			-state->life.end_detail, after, devices);
	return pp_error_set(error, status, -ECHILD,
		"QEMU ended with exit status %d and said nothing%s%s", state->life.end_detail,
		after, devices);
}

/* With host devices all of its memory is allocated and pinned before it runs. */
static void say_waiting(const struct start *start)
{
	PP_FREE char *text = NULL;
	bool pinned = pp_domain_next_hostdev(start->domain, NULL);
	if (asprintf(&text, "waiting for QEMU, at most %d s%s", start->launch.start_ms / 1000,
		    pinned ? ": it prepares the guest's memory for its devices" : "") < 0)
		text = NULL;
	if (text)
		say(start, PP_EVENT_WAIT, text);
}

static int await(struct start *start, int status_fd, pid_t pid, struct pp_error *error)
{
	struct pp_guest *guest = start->guest;
	int most = start->launch.start_ms + start->launch.stop_ms + AFTER_MS;

	int r = pp_supervisor_await(status_fd, WORD_MS);
	if (r == -ETIMEDOUT) {
		say_waiting(start);
		r = pp_supervisor_await(status_fd, most);
	}
	if (r == -ETIMEDOUT) {
		pp_error_set(error, PP_STATUS_FAILED, r,
			"its supervisor (process %d) has not come to an end in time", (int)pid);
		pp_error_remedy(error, "`pcipass dominfo %s` shows what it waits for", guest->name);
		return r;
	}
	if (r < 0)
		return pp_error_errno(error, r, "cannot wait for its supervisor");
	if (r > 0)
		return 0;
	/* The supervisor has ended: as it said, or because it was killed, then another goes on. */
	r = pp_guest_reload(start->context, guest, error);
	if (r < 0)
		return r;
	if (pp_guest_is_active(guest))
		return 0;
	const struct pp_record_launch *launch = &guest->record->launch;
	if (guest->record->exists && (launch->fault || launch->id == start->launch.id))
		return explain(guest->record, error);
	return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"its supervisor (process %d) was killed, and another process starts it anew",
		(int)pid);
}

static int move_devices(struct start *start, struct pp_error *error)
{
	struct pp_effects effects;
	int r = pp_effects_init(&effects, start->context, &start->options->apply, error);
	if (r < 0)
		return r;
	effects.trial_over = pp_guest_trial_over;
	return pp_apply_on(&effects, start->plan, NULL, error);
}

static int run(struct start *start, bool *ret_changed, struct pp_error *error)
{
	PP_CLOSE int status_fd = -1;
	pid_t pid = 0;

	int r = write_record(start, error);
	if (r < 0)
		return r;
	r = move_devices(start, error);
	pp_closep(&start->pool_fd);
	start->pool_fd = -1;
	if (r < 0) {
		write_failure(start, error ? error->text : NULL, false);
		return r;
	}
	r = spawn(start, &status_fd, &pid, error);
	if (r < 0)
		return r;
	/* From here on the supervisor alone holds it. */
	pp_closep(&start->lock_fd);
	start->lock_fd = -1;
	r = await(start, status_fd, pid, error);
	if (r >= 0) {
		say(start, PP_EVENT_DONE, "the guest runs");
		*ret_changed = true;
	}
	return r;
}

/* A definition that was taken over from libvirt: both would have its disks. */
static int refuse_twin(const struct start *start, struct pp_error *error)
{
	int pid = pp_qemu_lives(start->context->tree, start->guest->name, "libvirt");

	if (pid < 0)
		return pp_error_oom(error);
	if (pid == 0)
		return 0;
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"libvirt runs a guest of the same name (%s, libvirt, running; process %d)",
		start->guest->name, pid);
	pp_error_id(error, "libvirt-runs-it");
	pp_error_remedy(error, "virsh shutdown %s", start->guest->name);
	return -EBUSY;
}

static int refuse_trial(const struct start *start, struct pp_error *error)
{
	if (start->options->apply.try_seconds == 0 || start->plan->n_steps > 0)
		return 0;
	pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
		"it has no device of this host: there is nothing that a trial would give back");
	return -EINVAL;
}

/* Devices that it did not have when it was defined; before they leave the host, whose driver knows
 * more of them. A start does not fail for it. */
static void remember(const struct start *start)
{
	struct pp_error error = {0};

	if (start->host && pp_guest_remember(start->context, start->host, start->guest->name,
				   start->domain, false, &error) < 0)
		pp_context_note(start->context, "guest %s: %s", start->guest->name, error.text);
}

static int start_guest(struct start *start, bool *ret_changed, struct pp_error *error)
{
	int r = take_guest(start, error);
	if (r != 0)
		return r < 0 ? r : 0;
	r = refuse_twin(start, error);
	if (r >= 0)
		r = take_functions(start, error);
	if (r >= 0)
		r = make_plan(start, error);
	if (r >= 0)
		r = refuse_trial(start, error);
	if (r >= 0)
		r = make_launch(start, error);
	if (r >= 0)
		remember(start);
	return r < 0 ? r : run(start, ret_changed, error);
}

int pp_guest_start(struct pp_context *context, const char *name, const struct pp_plan *plan,
	const struct pp_start_options *options, bool *ret_changed, struct pp_error *error)
{
	static const struct pp_start_options none;
	PP_CLEANUP(start_done)
	struct start start = {.context = context,
		.options = options ? options : &none,
		.plan = plan,
		.folder_fd = -1,
		.lock_fd = -1,
		.pool_fd = -1};
	bool changed = false;

	int r = pp_guest_may_write(context, "start a guest", error);
	if (r >= 0)
		r = pp_guest_load(context, name, &start.guest, error);
	if (r < 0)
		return r;
	r = start_guest(&start, &changed, error);
	if (r < 0)
		pp_reason_add(context, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s", start.guest->name) : r;
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}
