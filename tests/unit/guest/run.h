/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs of guests in a folder of their own, for tests: a real QEMU that has no devices of the host.
 */
#ifndef TESTS_UNIT_GUEST_RUN_H
#define TESTS_UNIT_GUEST_RUN_H

#include "base/cleanup.h"
#include "base/file.h"
#include "lib/guest/engine.h"
#include "lib/guest/guest.h"
#include "lib/guest/record.h"
#include "lib/guest/tend.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define RUN_MS 120000 /* more than any machine needs */

struct run {
	char root[64];
	struct pp_context *context;
	struct pp_error error;
	char notes[4096];
	int folder_fd;
	int status_fd;
	pid_t supervisor;
};

static void run_note(enum pp_event_kind kind, const char *text, void *data)
{
	struct run *run = data;
	strncat(run->notes, text, sizeof(run->notes) - strlen(run->notes) - 1);
	strncat(run->notes, "\n", sizeof(run->notes) - strlen(run->notes) - 1);
}

static int run_setup(void **state)
{
	struct run *run = calloc(1, sizeof(*run));
	strcpy(run->root, "/tmp/pcipass-guest-XXXXXX");
	run->status_fd = run->folder_fd = -1;
	assert_non_null(mkdtemp(run->root));
	assert_int_equal(pp_context_open(run->root, &run->context, &run->error), 0);
	pp_context_notices(run->context, run_note, run);
	*state = run;
	return 0;
}

static inline struct pp_record *run_record(struct run *run)
{
	struct pp_record *record = NULL;
	assert_int_equal(pp_record_load(run->context, "g", &record, &run->error), 0);
	return record;
}

/* What a failed test left running is ours, and known by its files. */
static int run_teardown(void **state)
{
	struct run *run = *state;
	struct pp_record *record = NULL;
	if (pp_record_load(run->context, "g", &record, NULL) == 0) {
		const struct pp_process *left[] = {&record->state.supervisor, &record->engine};
		for (size_t i = 0; i < 2; i++) {
			int fd = pp_process_fd(left[i]);
			if (fd < 0)
				continue;
			kill(left[i]->pid, SIGKILL);
			struct pollfd wait = {.fd = fd, .events = POLLIN};
			poll(&wait, 1, 10000);
			close(fd);
		}
		pp_record_free(record);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	pp_closep(&run->status_fd);
	pp_closep(&run->folder_fd);
	pp_context_close(run->context);
	pp_file_remove_tree(AT_FDCWD, run->root);
	free(run);
	return 0;
}

/* Waits until the process has gone; ours are reaped. */
static inline void run_gone(const struct pp_process *process)
{
	int fd = pp_process_fd(process);
	if (fd >= 0) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&wait, 1, RUN_MS), 1);
		close(fd);
	}
	waitpid(process->pid, NULL, WNOHANG);
	assert_false(pp_process_alive(process));
}

#define RUN_MONITORS                                                                               \
	"-chardev", "socket,id=m,fd=10,server=on,wait=off", "-mon", "chardev=m,mode=control",      \
		"-chardev", "socket,id=v,fd=11,server=on,wait=off", "-mon",                        \
		"chardev=v,mode=control"
#define RUN_QEMU                                                                                   \
	"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-S", "-M",    \
		"q35,accel=tcg", "-m", "32", RUN_MONITORS

static const char *const run_idle_qemu[] = {
	RUN_QEMU, "-chardev", "pty,id=charserial0", "-serial", "chardev:charserial0", NULL};

static inline void run_start_with(
	struct run *run, const char *const *argv, struct pp_record_launch launch)
{
	struct pp_record_state state = {0};
	int lock_fd = -1;

	launch.uuid = "6d1a4a0e-5d0c-4b0e-8a3e-0a5b1c2d3e4f";
	launch.id = 1;
	launch.argv = argv;
	if (!launch.start_ms)
		launch.start_ms = RUN_MS;
	if (!launch.stop_ms)
		launch.stop_ms = RUN_MS;
	pp_closep(&run->folder_fd);
	run->folder_fd = -1;
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &lock_fd, &run->error), 0);
	assert_int_equal(pp_record_clear(run->folder_fd), 0);
	assert_int_equal(pp_record_save_launch(run->folder_fd, "g", &launch, &run->error), 0);
	assert_int_equal(pp_process_self(&state.starter), 0);
	assert_int_equal(pp_record_save_state(run->folder_fd, "g", &state, &run->error), 0);
	pp_closep(&run->status_fd);
	run->status_fd = -1;
	int r = pp_supervisor_spawn(
		run->context, "g", false, lock_fd, &run->status_fd, &run->supervisor, &run->error);
	if (r < 0)
		fail_msg("%s", run->error.text);
	close(lock_fd);
}

static inline void run_start(struct run *run, const char *const *argv)
{
	run_start_with(run, argv, (struct pp_record_launch){0});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
}

/* The supervisor that was started here comes to its end. */
static inline struct pp_record *run_end(struct run *run)
{
	int status;
	assert_int_equal(waitpid(run->supervisor, &status, 0), run->supervisor);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	struct pp_record *record = run_record(run);
	assert_int_equal(record->state.life.phase, PP_PHASE_ENDED);
	assert_false(record->state.life.unreleased);
	assert_true(pp_record_is_over(record));
	assert_false(pp_process_alive(&record->engine));
	return record;
}

static inline void run_kill_supervisor(struct run *run)
{
	kill(run->supervisor, SIGKILL);
	assert_int_equal(waitpid(run->supervisor, NULL, 0), run->supervisor);
}

static inline void run_assert_shown(
	const struct pp_record *record, enum pp_guest_state state, const char *reason)
{
	const char *shown;
	assert_int_equal(pp_record_show(record, &shown), state);
	if (!strstr(shown, reason))
		fail_msg("'%s' is not in '%s'", reason, shown);
}

#endif
