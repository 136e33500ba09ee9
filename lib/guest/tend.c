/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/tend.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/guest/supervisor.h"
#include "lib/guest/unit.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An adopted QEMU has 10 s to answer; devices that go back have a deadline each. */
#define ADOPT_MS 300000

struct pp_process pp_record_carer(const struct pp_record *record)
{
	const struct pp_record_state *state = &record->state;

	if (pp_process_alive(&state->supervisor))
		return state->supervisor;
	/* Who asks after its own supervisor has ended takes no care of it any more. */
	if (state->supervisor.pid == 0 && state->starter.pid != getpid() &&
		pp_process_alive(&state->starter))
		return state->starter;
	return (struct pp_process){0};
}

/* Beside the program that runs, as in a build tree, else where it is installed. */
static int find_program(char *path, size_t size)
{
	static const char *const places[] = {"../supervise", "../../supervise"};
	PP_FREE char *self = NULL;

	if (pp_file_link(AT_FDCWD, "/proc/self/exe", &self) >= 0 && strrchr(self, '/')) {
		*strrchr(self, '/') = '\0';
		for (size_t i = 0; i < PP_COUNT(places); i++)
			if (pp_path(path, size, "%s/%s/pcipass-supervise", self, places[i]) >= 0 &&
				access(path, X_OK) == 0)
				return 0;
	}
	int r = pp_path(path, size, "%s/pcipass-supervise", PCIPASS_LIBEXEC);
	if (r < 0)
		return r;
	return access(path, X_OK) < 0 ? -errno : 0;
}

/* As a child of ours, in a session of its own. */
static int spawn_child(struct pp_context *context, const char *name, const struct pp_unit_fds *unit,
	pid_t *ret_pid, struct pp_error *error)
{
	char program[PP_PATH_MAX];
	PP_FREE char *root = *context->root ? realpath(context->root, NULL) : NULL;
	int r = find_program(program, sizeof(program));
	if (r < 0) {
		pp_error_errno(error, r, "cannot find the program that takes care of guests, %s",
			"pcipass-supervise");
		pp_error_remedy(error, "install pcipass whole: it belongs in %s", PCIPASS_LIBEXEC);
		return r;
	}
	if (*context->root && !root)
		return pp_error_errno(error, -errno, "cannot find %s again", context->root);
	const char *argv[8] = {program, "--handed"};
	size_t n = 2;
	if (unit->adopt)
		argv[n++] = "--adopt";
	if (root) { /* its working directory is another one */
		argv[n++] = "--root";
		argv[n++] = root;
	}
	argv[n++] = "--";
	argv[n] = name;
	struct pp_spawn_fd fds[] = {
		{unit->status, PP_SUPERVISOR_STATUS_FD}, {unit->lock, PP_SUPERVISOR_LOCK_FD}};
	struct pp_spawn spawn = {
		.argv = argv, .fds = fds, .n_fds = PP_COUNT(fds), .new_session = true};
	return pp_process_spawn(&spawn, ret_pid, error);
}

/* By systemd, where it runs; where it cannot, the guest is not worse off than without it. */
static int spawn(struct pp_context *context, const char *name, const struct pp_unit_fds *fds,
	pid_t *ret_pid, struct pp_error *error)
{
	struct pp_error own = {0};
	int r = pp_unit_start(context, name, fds, ret_pid, &own);
	if (r >= 0)
		return r;
	if (r != -EOPNOTSUPP)
		pp_context_note(
			context, "guest %s: %s: it runs without a unit of systemd", name, own.text);
	return spawn_child(context, name, fds, ret_pid, error);
}

int pp_supervisor_spawn(struct pp_context *context, const char *name, bool adopt, int lock_fd,
	int *ret_status_fd, pid_t *ret_pid, struct pp_error *error)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return pp_error_errno(error, -errno, "cannot make a pipe");
	PP_CLOSE int read_fd = pipe_fds[0];
	PP_CLOSE int write_fd = pipe_fds[1];
	struct pp_unit_fds fds = {.status = write_fd, .lock = lock_fd, .adopt = adopt};
	int r = spawn(context, name, &fds, ret_pid, error);
	if (r < 0)
		return r;
	*ret_status_fd = PP_TAKE_FD(read_fd);
	return 0;
}

int pp_supervisor_await(int status_fd, int deadline_ms)
{
	long long end = pp_clock_ms() + deadline_ms;

	for (;;) {
		long long left = end - pp_clock_ms();
		struct pollfd wait = {.fd = status_fd, .events = POLLIN};
		int r = poll(&wait, 1, left > 0 ? (int)left : 0);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && left <= 0)
			return -ETIMEDOUT;
		if (r <= 0)
			continue;
		char word[sizeof(PP_SUPERVISOR_RUNS)] = "";
		ssize_t n = read(status_fd, word, sizeof(word) - 1);
		if (n < 0 && errno == EINTR)
			continue;
		return n > 0 && strcmp(word, PP_SUPERVISOR_RUNS) == 0;
	}
}

static bool may_tend(const struct pp_context *context)
{
	return !context->read_only && geteuid() == 0;
}

static bool needs_tending(const struct pp_record *record, bool retry)
{
	if (pp_record_is_over(record) || pp_record_carer(record).pid != 0)
		return false;
	/* It said that devices are not back: trying again is for those who ask for it. */
	return record->state.fault || record->state.life.phase != PP_PHASE_ENDED || retry;
}

static void tell(struct pp_context *context, const char *name, const struct pp_record *record)
{
	const struct pp_record_state *state = &record->state;

	if (state->fault)
		pp_context_note(
			context, "guest %s: its state cannot be read: %s", name, state->fault);
	else if (state->life.phase != PP_PHASE_ENDED)
		pp_context_note(context,
			"guest %s: its supervisor was gone; a new one (process %d) has adopted it, "
			"and "
			"QEMU (process %d) runs on",
			name, (int)state->supervisor.pid, (int)record->engine.pid);
	else if (state->life.unreleased)
		pp_context_note(context, "guest %s: it has ended, and its devices are not back: %s",
			name, state->devices ? state->devices : "not known why");
	else if (state->life.end == PP_END_TRIAL)
		pp_context_note(context,
			"guest %s: it was on trial, and nobody kept it in time: it was ended, and "
			"its "
			"devices are back with the host",
			name);
	else
		pp_context_note(context,
			"guest %s: it and its supervisor were gone; its devices are back with the "
			"host",
			name);
}

/* With the lock in hand. */
static int adopt(struct pp_context *context, const char *name, int folder_fd, int lock_fd,
	struct pp_record **ret_record, struct pp_error *error)
{
	PP_CLOSE int status_fd = -1;
	pid_t pid;

	int r = pp_supervisor_spawn(context, name, true, lock_fd, &status_fd, &pid, error);
	if (r < 0)
		return r;
	r = pp_supervisor_await(status_fd, ADOPT_MS);
	if (r < 0)
		return pp_error_errno(
			error, r, "its new supervisor (process %d) does not answer", (int)pid);
	PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
	r = pp_record_load_at(folder_fd, name, &record, error);
	if (r < 0)
		return r;
	tell(context, name, record);
	*ret_record = PP_TAKE(record);
	return 1;
}

int pp_guest_tend(struct pp_context *context, const char *name, bool retry,
	struct pp_record **record, struct pp_error *error)
{
	if (!needs_tending(*record, retry) || !may_tend(context))
		return 0;
	PP_CLOSE int folder_fd = -1;
	PP_CLOSE int lock_fd = -1;
	int r = pp_record_folder(context, name, false, &folder_fd, error);
	if (r >= 0)
		r = pp_record_lock(folder_fd, PP_RECORD_LOCK_MS, &lock_fd, error);
	if (r == -EBUSY) {
		/* Somebody has just begun to; what is shown is a moment old. */
		pp_error_clear(error);
		return 0;
	}
	/* Now nobody else can change it: is it still as it was? */
	PP_CLEANUP(pp_record_freep) struct pp_record *fresh = NULL;
	if (r >= 0)
		r = pp_record_load_at(folder_fd, name, &fresh, error);
	if (r >= 0 && needs_tending(fresh, retry)) {
		struct pp_record *after = NULL;
		r = adopt(context, name, folder_fd, lock_fd, &after, error);
		if (after) {
			pp_record_free(fresh);
			fresh = after;
		}
	}
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s: its supervisor is gone", name) : r;
	pp_record_free(*record);
	*record = PP_TAKE(fresh);
	return 1;
}
