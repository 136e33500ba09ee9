/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/trial.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "lib/apply/lock.h"
#include "lib/apply/undo.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#define KEEP_WAIT_MS 5000
#define RETRY_MS 3000 /* a device can be held for a while */
#define RETRIES 200
#define SYSTEMD_MS 20000

/* ---- the process that waits ---- */

struct watch {
	struct pp_context *context;
	const char *guest; /* NULL: the host's */
	void (*trial_over)(struct pp_context *context, const char *guest);
	char name[16];
	int64_t until;
};

/* How long it has left; -1: it is no longer on trial. */
static int64_t watch_left(const struct watch *watch)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	if (pp_journals_load(watch->context, &journals, NULL) < 0)
		return 0;
	for (size_t i = 0; i < journals->n_items; i++)
		if (pp_text_is(journals->items[i].name, watch->name) &&
			journals->items[i].until == watch->until)
			return pp_journal_trial_left(&journals->items[i]);
	return -1;
}

/* Until the time is over (a host that sleeps does not stop it), or the journal is written to. */
static void watch_wait(const struct watch *watch, int64_t ms)
{
	char path[PP_PATH_MAX];
	struct itimerspec time = {.it_value = {ms / 1000, ms % 1000 * 1000000 + 1}};
	PP_CLOSE int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	PP_CLOSE int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (timer < 0 || timerfd_settime(timer, 0, &time, NULL) < 0)
		_exit(1);
	struct pollfd fds[] = {{timer, POLLIN, 0}, {notify, POLLIN, 0}};
	pp_path(path, sizeof(path), "%s/journal/%s", watch->context->run, watch->name);
	if (notify >= 0)
		inotify_add_watch(notify, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
	/* It may have been written to before it was watched. */
	if (watch_left(watch) >= 0)
		poll(fds, PP_COUNT(fds), -1);
}

static void watch_run(struct watch *watch, const char *root) __attribute__((noreturn));
static void watch_run(struct watch *watch, const char *root)
{
	struct pp_effects effects;
	bool changed;
	int64_t left;
	if (pp_context_open(root[0] ? root : NULL, &watch->context, NULL) < 0 ||
		pp_effects_init(&effects, watch->context, NULL, NULL) < 0)
		_exit(1);
	for (int tries = 0; tries < RETRIES && (left = watch_left(watch)) >= 0;) {
		if (left > 0) {
			watch_wait(watch, left);
			continue;
		}
		if (tries++ > 0)
			watch_wait(watch, RETRY_MS);
		pp_trials_end_on(&effects, &changed, NULL);
		if (watch->guest && watch->trial_over)
			watch->trial_over(watch->context, watch->guest);
	}
	_exit(0);
}

/* Nothing of the caller's stays with it: no lock, no descriptor, no terminal. */
static void detach_process(bool live)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(1);
	close_range(3, ~0U, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGHUP, SIG_IGN);
	if (live && chdir("/") < 0)
		_exit(1);
}

/* By a child that ends at once, so that it is nobody's child. */
static int watch_start(const struct pp_effects *effects, const struct pp_journal *journal)
{
	struct pp_context *context = effects->context;
	struct watch watch = {.guest = pp_journal_guest(journal),
		.trial_over = effects->trial_over,
		.until = journal->until};
	int status = 0;
	snprintf(watch.name, sizeof(watch.name), "%s", journal->name);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		detach_process(context->live);
		pid_t own = setsid() < 0 ? -1 : fork();
		if (own == 0)
			watch_run(&watch, context->root);
		_exit(own < 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

/* ---- systemd ---- */

static bool has_systemd(struct pp_context *context)
{
	return context->live && pp_tree_exists(context->tree, "/run/systemd/system");
}

static void unit_name(const struct pp_journal *journal, char name[64])
{
	snprintf(name, 64, "pcipass-try-%s-%" PRId64, journal->name, journal->until);
}

/* A timer that survives whatever is killed of ours. Its lack is no error: there is the process. */
static void wake_by_systemd(struct pp_effects *effects, const struct pp_journal *journal)
{
	char name[64], unit[80], after[48];
	PP_FREE char *program = NULL, *output = NULL;
	if (!has_systemd(effects->context) ||
		pp_file_link(AT_FDCWD, "/proc/self/exe", &program) < 0 ||
		!pp_text_ends(program, "/pcipass"))
		return;
	unit_name(journal, name);
	snprintf(unit, sizeof(unit), "--unit=%s", name);
	snprintf(after, sizeof(after), "--on-active=%us", effects->try_seconds + 1);
	const char *const argv[] = {"/usr/bin/systemd-run", "--quiet", "--collect", unit, after,
		"--timer-property=AccuracySec=100ms", program, "recover", NULL};
	if (pp_process_run(argv, SYSTEMD_MS, &output) != 0)
		pp_effects_say(effects, PP_EVENT_NOTE,
			"systemd could not be asked to end the trial: only pcipass's own process "
			"will");
}

static void forget_systemd(struct pp_effects *effects, const struct pp_journal *journal)
{
	char name[64], unit[80];
	PP_FREE char *output = NULL;
	if (!has_systemd(effects->context))
		return;
	unit_name(journal, name);
	snprintf(unit, sizeof(unit), "%s.timer", name);
	const char *const argv[] = {"/usr/bin/systemctl", "--quiet", "stop", unit, NULL};
	pp_process_run(argv, SYSTEMD_MS, &output);
}

int pp_trial_arm(struct pp_effects *effects, struct pp_journal *journal, struct pp_error *error)
{
	struct timespec now;
	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return pp_error_errno(error, -errno, "reading the clock");
	int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	int r = pp_journal_write_until(effects, journal, ms + (int64_t)effects->try_seconds * 1000);
	if (r < 0)
		return pp_error_errno(error, r, "writing to the journal %s", journal->name);
	if (effects->unwatched)
		return 0;
	r = watch_start(effects, journal);
	if (r < 0)
		return pp_error_errno(error, r,
			"starting the process that undoes it in time; nothing was changed");
	wake_by_systemd(effects, journal);
	return 0;
}

/* ---- looking ---- */

static bool is_trial_of(const struct pp_journal *journal, const char *owner, const char *verb)
{
	return journal->plan && !journal->stale && !journal->released &&
	       pp_journal_trial_left(journal) >= 0 && pp_text_is(journal->plan->owner, owner) &&
	       pp_text_is(journal->plan->verb, verb);
}

/* Under its lock: who keeps it has it, too, so that what is found to be over cannot be kept. */
static int look_again(struct pp_effects *effects, const char *name, int64_t *ret_left)
{
	PP_CLEANUP(pp_journal_freep) struct pp_journal *journal = NULL;
	int r = pp_journal_own(effects, name, 0, &journal, NULL);
	if (r == -ENOENT) {
		*ret_left = -1;
		return 0;
	}
	if (r >= 0)
		*ret_left = pp_journal_trial_left(journal);
	return r;
}

int pp_trial_left(struct pp_context *context, const char *owner, const char *verb,
	int64_t *ret_left, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	struct pp_effects effects;
	int64_t left = -1;
	int r = pp_effects_init(&effects, context, NULL, error);
	if (r >= 0)
		r = pp_journals_load(context, &journals, error);
	for (size_t i = 0; r >= 0 && left != 0 && i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		if (!is_trial_of(journal, owner, verb))
			continue;
		left = pp_journal_trial_left(journal);
		if (left == 0)
			r = look_again(&effects, journal->name, &left);
	}
	if (r >= 0)
		*ret_left = left;
	return r;
}

/* ---- kept ---- */

static int keep_one(
	struct pp_effects *effects, const struct pp_journal *listed, struct pp_error *error)
{
	PP_CLEANUP(pp_locks_freep) struct pp_locks *locks = NULL;
	PP_CLEANUP(pp_journal_freep) struct pp_journal *journal = NULL;
	int r = pp_locks_take(effects, listed->plan, KEEP_WAIT_MS, &locks, error);
	if (r >= 0)
		r = pp_journal_own(effects, listed->name, KEEP_WAIT_MS, &journal, error);
	if (r == -EAGAIN)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"the journal %s is held by another pcipass", listed->name);
	if (r == -ENOENT || (r >= 0 && pp_journal_trial_left(journal) <= 0)) {
		pp_error_set(error, PP_STATUS_FAILED, -ETIME, "too late: the trial of %s was over",
			listed->plan->verb);
		pp_error_id(error, "trial-over");
		return -ETIME;
	}
	if (r < 0)
		return r;
	if (!journal->applied) {
		pp_error_set(error, PP_STATUS_RECOVER, -EBUSY,
			"%s was interrupted in the middle: there is nothing whole to keep",
			listed->plan->verb);
		pp_error_id(error, "unfinished");
		pp_error_remedy(error, "pcipass recover");
		return -EBUSY;
	}
	r = pp_journal_write(effects, journal, "kept", -1);
	if (r < 0)
		return pp_error_errno(error, r, "writing to the journal %s", journal->name);
	/* From here on it is as if it had never been on trial; what fails now, `recover` does. */
	if (journal->plan->returns && pp_undo_forget(effects, journal->plan, error) >= 0)
		r = pp_journal_end(effects, journal);
	forget_systemd(effects, journal);
	pp_effects_say(effects, PP_EVENT_DONE, "kept: %s", journal->plan->verb);
	return r;
}

static int nothing_on_trial(const struct pp_journals *journals, struct pp_error *error)
{
	for (size_t i = 0; i < journals->n_items; i++)
		if (journals->items[i].kept && !journals->items[i].stale)
			return 0; /* kept already */
	pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
		"nothing is on trial: it was kept before, or its time was over and it was undone");
	pp_error_id(error, "no-trial");
	pp_error_remedy(error, "pcipass changes shows what is in effect");
	return -ENOENT;
}

int pp_trials_keep_on(struct pp_effects *effects, size_t *ret_count, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	size_t count = 0, seen = 0;
	int r = pp_journals_load(effects->context, &journals, error);
	for (size_t i = 0; r >= 0 && i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		/* A running one is kept, too: it waits for its own locks. */
		if (!journal->plan || journal->stale || journal->released ||
			pp_journal_trial_left(journal) < 0)
			continue;
		seen++;
		r = keep_one(effects, journal, error);
		count += r >= 0;
	}
	if (r >= 0 && seen == 0)
		r = nothing_on_trial(journals, error);
	if (r >= 0)
		*ret_count = count;
	return r;
}

int pp_trials_keep(struct pp_context *context, const struct pp_apply_options *options,
	size_t *ret_count, struct pp_error *error)
{
	struct pp_effects effects;
	int r = pp_effects_init(&effects, context, options, error);
	return r < 0 ? r : pp_trials_keep_on(&effects, ret_count, error);
}
