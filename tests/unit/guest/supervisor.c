/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The supervisor with a real QEMU, and with programs that behave badly in its place: every way
 * in which a guest, its QEMU and its supervisor can end. */
#include "tests/unit/guest/run.h"
#include "lib/guest/log.h"
#include "lib/qemu/qmp.h"
#include <time.h>

static struct pp_record *tend(struct run *run)
{
	struct pp_record *record = run_record(run);
	int r = pp_guest_tend(run->context, "g", false, &record, &run->error);
	if (r < 0)
		fail_msg("%s", run->error.text);
	return record;
}

/* ---- a QEMU as it should be ---- */

static void test_runs_and_is_destroyed(void **state)
{
	struct run *run = *state;
	run_start_with(run, run_idle_qemu, (struct pp_record_launch){.console = "charserial0"});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
	struct pp_record *record = run_record(run);
	run_assert_shown(record, PP_GUEST_RUNNING, "booted");
	assert_int_equal(record->state.supervisor.pid, run->supervisor);
	assert_true(pp_process_alive(&record->engine));
	assert_int_equal(strncmp(record->state.console, "/dev/pts/", 9), 0);
	struct pp_process carer = pp_record_carer(record);
	assert_int_equal(carer.pid, run->supervisor);
	/* Nothing to tend. */
	assert_int_equal(pp_guest_tend(run->context, "g", true, &record, &run->error), 0);
	pp_record_free(record);

	kill(run->supervisor, SIGTERM);
	record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

/* QEMU as it runs on a host: a user of its own, in a room of its own. */
static void test_alone(void **state)
{
	struct run *run = *state;
	if (geteuid() != 0)
		skip();
	char own[128], display[160], kernel[96];
	snprintf(own, sizeof(own), "%s/run/pcipass/guests/g/own", run->root);
	snprintf(display, sizeof(display), "unix:%s/vnc.sock", own);
	snprintf(kernel, sizeof(kernel), "%s/kernel", run->root);
	static unsigned char sectors[4096]; /* as much of a kernel as its loader looks at */
	memcpy(sectors + 0x1fe, "\x55\xaa", 2);
	memcpy(sectors + 0x202, "HdrS\x00\x02", 6);
	sectors[0x1f1] = 1;
	assert_int_equal(pp_file_replace(AT_FDCWD, kernel, sectors, sizeof(sectors), 0600), 0);
	const char *const argv[] = {RUN_QEMU, "-chardev", "pty,id=charserial0", "-serial",
		"chardev:charserial0", "-kernel", "/proc/self/fd/12", "-vnc", display, "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", NULL};
	const struct pp_launch_file files[] = {{.use = PP_FILE_COPY, .path = kernel, .fd = 12}};
	run_start_with(run, argv,
		(struct pp_record_launch){.console = "charserial0",
			.own = own,
			.set_ids = true,
			.uid = 2046820354,
			.gid = 2046820354,
			.files = files,
			.ids = (const char *const[]){NULL},
			.n_files = 1});
	int runs = pp_supervisor_await(run->status_fd, RUN_MS);
	struct pp_record *record = run_record(run);
	if (runs != 1)
		fail_msg("%s", record->state.text);
	run_assert_shown(record, PP_GUEST_RUNNING, "booted");
	char path[64];
	PP_FREE char *status = NULL;
	snprintf(path, sizeof(path), "/proc/%d/status", record->engine.pid);
	assert_int_equal(pp_file_read(AT_FDCWD, path, 65536, &status, NULL), 0);
	assert_non_null(strstr(status, "Uid:\t2046820354\t2046820354\t2046820354\t2046820354\n"));
	assert_non_null(strstr(status, "CapBnd:\t0000000000000000\n"));
	assert_non_null(strstr(status, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(status, "Seccomp:\t2\n"));
	struct stat found;
	assert_int_equal(stat(record->state.console, &found), 0);
	assert_int_equal(found.st_uid, 2046820354);
	assert_int_equal(stat(display + strlen("unix:"), &found), 0);
	assert_true(S_ISSOCK(found.st_mode));
	/* Killed, and found again from outside its room. */
	run_kill_supervisor(run);
	pp_record_free(record);
	record = tend(run);
	pid_t other = record->state.supervisor.pid;
	assert_true(other > 0);
	kill(other, SIGTERM);
	struct pp_process engine = record->engine;
	run_gone(&engine);
	pp_record_free(record);
}

static void test_paused(void **state)
{
	struct run *run = *state;
	run_start_with(run, run_idle_qemu, (struct pp_record_launch){.paused = true});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
	struct pp_record *record = run_record(run);
	run_assert_shown(record, PP_GUEST_PAUSED, "starting up");
	pp_record_free(record);
	kill(run->supervisor, SIGTERM);
	pp_record_free(run_end(run));
}

/* A boot sector of a few instructions, on a disk. */
static const char *make_disk(
	struct run *run, const unsigned char *code, size_t length, char *argument)
{
	static unsigned char disk[1 << 20]; /* the firmware wants some cylinders */
	char path[128];
	memset(disk, 0, 512);
	memcpy(disk, code, length);
	disk[510] = 0x55;
	disk[511] = 0xaa;
	snprintf(path, sizeof(path), "%s/disk", run->root);
	assert_int_equal(pp_file_replace(AT_FDCWD, path, disk, sizeof(disk), 0600), 0);
	sprintf(argument, "file=%s,if=none,id=d,format=raw", path);
	return argument;
}

static void test_shuts_down_by_itself(void **state)
{
	struct run *run = *state;
	/* mov dx, 0x604; mov ax, 0x2000; out dx, ax; hlt */
	static const unsigned char code[] = {0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4};
	char drive[256];
	const char *const argv[] = {RUN_QEMU, "-drive", make_disk(run, code, sizeof(code), drive),
		"-device", "ide-hd,drive=d", NULL};
	run_start(run, argv);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "shutdown");
	pp_record_free(record);
}

static void test_panics(void **state)
{
	struct run *run = *state;
	/* mov dx, 0x505; mov al, 1; out dx, al; hlt */
	static const unsigned char code[] = {0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xf4};
	char drive[256];
	const char *const argv[] = {RUN_QEMU, "-drive", make_disk(run, code, sizeof(code), drive),
		"-device", "ide-hd,drive=d", "-device", "pvpanic", NULL};
	run_start(run, argv);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_CRASHED, "guest panic");
	pp_record_free(record);
}

static void test_qemu_killed(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	struct pp_record *record = run_record(run);
	kill(record->engine.pid, SIGKILL);
	pp_record_free(record);
	record = run_end(run);
	run_assert_shown(record, PP_GUEST_CRASHED, "killed by signal 9");
	pp_record_free(record);
}

static void test_qemu_terminated(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	struct pp_record *record = run_record(run);
	kill(record->engine.pid, SIGTERM);
	pp_record_free(record);
	record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "terminated");
	pp_record_free(record);
}

static void test_verbs_have_a_monitor(void **state)
{
	struct run *run = *state;
	struct pp_qmp *qmp = NULL;
	run_start(run, run_idle_qemu);
	assert_int_equal(pp_qmp_connect(run->folder_fd, PP_RECORD_VERBS, &qmp, &run->error), 0);
	assert_int_equal(pp_qmp_negotiate(qmp, RUN_MS, &run->error), 0);
	assert_int_equal(pp_qmp_call(qmp, "stop", NULL, RUN_MS, NULL, &run->error), 0);
	assert_int_equal(pp_qmp_call(qmp, "cont", NULL, RUN_MS, NULL, &run->error), 0);
	assert_int_equal(pp_qmp_call(qmp, "quit", NULL, RUN_MS, NULL, &run->error), 0);
	pp_qmp_free(qmp);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

/* ---- starts that fail ---- */

static void test_qemu_refuses(void **state)
{
	struct run *run = *state;
	const char *const argv[] = {RUN_QEMU, "-device", "no-such-device", NULL};
	run_start_with(run, argv, (struct pp_record_launch){0});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 0);
	struct pp_record *record = run_end(run);
	assert_int_equal(record->state.life.end, PP_END_FAILED);
	assert_int_equal(record->state.life.end_detail, 1);
	assert_non_null(
		strstr(record->state.text, "'no-such-device' is not a valid device model name"));
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "failed");
	pp_record_free(record);
}

static void test_no_such_program(void **state)
{
	struct run *run = *state;
	const char *const argv[] = {"/nonexistent/qemu", NULL};
	run_start_with(run, argv, (struct pp_record_launch){0});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 0);
	struct pp_record *record = run_end(run);
	assert_int_equal(record->state.life.end, PP_END_FAILED);
	assert_non_null(strstr(record->state.text, "/nonexistent/qemu"));
	pp_record_free(record);
}

static void test_never_answers(void **state)
{
	struct run *run = *state;
	/* SIGTERM is ignored, as by a QEMU that is stuck. */
	const char *const argv[] = {
		"/bin/sh", "-c", "trap '' TERM; echo waiting >&2; while :; do sleep 1; done", NULL};
	run_start_with(run, argv, (struct pp_record_launch){.start_ms = 500, .stop_ms = 300});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 0);
	struct pp_record *record = run_end(run);
	assert_int_equal(record->state.life.end, PP_END_TIMEOUT);
	assert_string_equal(record->state.text, "waiting");
	pp_record_free(record);
}

#define FAKE(text)                                                                                 \
	{                                                                                          \
		"/usr/bin/python3", "-c",                                                          \
			"import socket, sys, time\n"                                               \
			"s = socket.socket(fileno=10); c, _ = s.accept()\n"                        \
			"def say(t): c.sendall(t.encode())\n" text,                                \
			NULL                                                                       \
	}
#define GREETING "say('{\"QMP\": {\"version\": {}, \"capabilities\": []}}\\r\\n')\n"
#define HANG "time.sleep(600)\n"

static void expect_start_to_fail(struct run *run, const char *const *argv)
{
	run_start_with(run, argv, (struct pp_record_launch){.start_ms = 3000, .stop_ms = 500});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 0);
	pp_record_free(run_end(run));
}

static void test_talks_nonsense(void **state)
{
	static const char *const fakes[][4] = {
		FAKE("say('SSH-2.0-OpenSSH_9.2\\r\\n')\n" HANG),
		FAKE(GREETING "say('{' * 100000)\n" HANG),
		FAKE(GREETING "say('{\"return\": {}, \"id\": 999}')\n" HANG),
		FAKE(GREETING "say('{\"return\"')\nc.close()\n" HANG),
		FAKE(GREETING "say('{\"event\": \"RESUME\"}' * 100000)\n" HANG),
		FAKE(GREETING "say('{\"error\": {\"class\": \"G\", \"desc\": \"no\"}, \"id\": "
			      "1}')\n" HANG),
		FAKE(GREETING
			"say('{\"return\": [[]], \"id\": 1}{\"return\": 7, \"id\": 2}')\n" HANG),
	};
	for (size_t i = 0; i < PP_COUNT(fakes); i++)
		expect_start_to_fail(*state, fakes[i]);
}

static void test_an_event_storm(void **state)
{
	struct run *run = *state;
	/* Runs, then talks without end; it still can be destroyed. */
	const char *const argv[] = FAKE(GREETING
		"say('{\"return\": {}, \"id\": 1}{\"return\": {\"status\": \"running\"}, \"id\": "
		"2}')\n"
		"while True: say('{\"event\": \"STOP\"}{\"event\": \"RESUME\"}' * 1000)\n");
	run_start_with(run, argv, (struct pp_record_launch){.stop_ms = 500});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
	kill(run->supervisor, SIGTERM);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

/* Nobody reads what it says, and it says more than there is room for. */
static void test_talks_without_end(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c",
		"i=0; while [ $i -lt 60 ]; do head -c 100000 /dev/zero | tr '\\0' x; echo; "
		"i=$((i+1)); "
		"sleep 0.02; done; echo the end; exit 3",
		NULL};
	struct run *run = *state;
	struct stat log, old;

	run_start_with(run, argv, (struct pp_record_launch){0});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 0);
	PP_CLEANUP(pp_record_freep) struct pp_record *record = run_end(run);
	assert_int_equal(record->state.life.end, PP_END_FAILED);
	assert_int_equal(record->state.life.end_detail, 3);
	assert_string_equal(record->state.text, "the end");
	assert_int_equal(fstatat(run->folder_fd, PP_LOG, &log, 0), 0);
	assert_int_equal(fstatat(run->folder_fd, PP_LOG_OLD, &old, 0), 0);
	assert_in_range(log.st_size + old.st_size, 1, 2 * PP_LOG_MAX + 400000);
}

static void test_destroy_of_one_that_hangs(void **state)
{
	struct run *run = *state;
	run_start_with(run, run_idle_qemu, (struct pp_record_launch){.stop_ms = 300});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
	struct pp_record *record = run_record(run);
	kill(record->engine.pid, SIGSTOP);
	pp_record_free(record);
	kill(run->supervisor, SIGTERM);
	record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

static void test_the_starter_is_gone(void **state)
{
	struct run *run = *state;
	run_start_with(run, run_idle_qemu, (struct pp_record_launch){0});
	close(run->status_fd);
	run->status_fd = -1;
	/* Its state says when it runs; nobody else can. */
	for (int i = 0; i < RUN_MS / 20; i++) {
		struct pp_record *record = run_record(run);
		enum pp_phase phase = record->state.life.phase;
		pp_record_free(record);
		if (phase == PP_PHASE_RUNNING)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	kill(run->supervisor, SIGTERM);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

/* ---- the supervisor is killed ---- */

static void test_adopted(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	struct pp_record *before = run_record(run);
	run_kill_supervisor(run);
	assert_true(pp_process_alive(&before->engine));

	struct pp_record *after = tend(run);
	assert_non_null(strstr(run->notes, "adopted"));
	run_assert_shown(after, PP_GUEST_RUNNING, "booted");
	assert_int_equal(after->engine.pid, before->engine.pid);
	assert_int_not_equal(after->state.supervisor.pid, before->state.supervisor.pid);
	assert_true(pp_process_alive(&after->state.supervisor));
	kill(after->state.supervisor.pid, SIGTERM);
	run_gone(&after->state.supervisor);
	pp_record_free(before);
	pp_record_free(after);
	after = run_record(run);
	run_assert_shown(after, PP_GUEST_SHUT_OFF, "destroyed");
	assert_false(pp_process_alive(&after->engine));
	pp_record_free(after);
}

static void test_adopted_and_qemu_killed(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	run_kill_supervisor(run);
	struct pp_record *record = tend(run);
	kill(record->engine.pid, SIGKILL);
	run_gone(&record->state.supervisor);
	pp_record_free(record);
	record = run_record(run);
	assert_int_equal(record->state.life.phase, PP_PHASE_ENDED);
	run_assert_shown(record, PP_GUEST_CRASHED, "QEMU was killed or gave up");
	pp_record_free(record);
}

static void test_both_killed(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	struct pp_record *record = run_record(run);
	run_kill_supervisor(run);
	kill(record->engine.pid, SIGKILL);
	run_gone(&record->engine);
	pp_record_free(record);
	record = tend(run);
	assert_non_null(strstr(run->notes, "devices are back"));
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "while its supervisor was gone");
	assert_true(pp_record_is_over(record));
	pp_record_free(record);
}

static void test_adopted_without_state(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	run_kill_supervisor(run);
	/* Of another version, cut short, not ours: the guest is taken care of all the same. */
	static const char *const texts[] = {
		"{\"version\": 99}", "{\"version\": 1, \"na", "\001\002", ""};
	for (size_t i = 0; i < PP_COUNT(texts); i++) {
		assert_int_equal(pp_file_replace(run->folder_fd, "state.json", texts[i],
					 strlen(texts[i]), 0600),
			0);
		struct pp_record *record = run_record(run);
		assert_non_null(record->state.fault);
		run_assert_shown(record, PP_GUEST_RUNNING, "cannot be read");
		pp_record_free(record);
		record = tend(run);
		assert_null(record->state.fault);
		run_assert_shown(record, PP_GUEST_RUNNING, "booted");
		kill(record->state.supervisor.pid, SIGKILL);
		run_gone(&record->state.supervisor);
		pp_record_free(record);
	}
	assert_int_equal(pp_file_replace(run->folder_fd, "launch.json", "x", 1, 0600), 0);
	struct pp_record *record = tend(run);
	run_assert_shown(record, PP_GUEST_RUNNING, "booted");
	kill(record->state.supervisor.pid, SIGTERM);
	run_gone(&record->state.supervisor);
	pp_record_free(record);
}

static void test_killed_while_it_destroys(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	struct pp_record *record = run_record(run);
	/* QEMU cannot obey, so that there is time. */
	kill(record->engine.pid, SIGSTOP);
	kill(run->supervisor, SIGTERM);
	for (int i = 0; i < RUN_MS / 20 && record->state.life.phase != PP_PHASE_STOPPING; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		pp_record_free(record);
		record = run_record(run);
	}
	assert_int_equal(record->state.life.phase, PP_PHASE_STOPPING);
	run_kill_supervisor(run);
	kill(record->engine.pid, SIGCONT);
	pp_record_free(record);
	record = tend(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

/* Whenever it is killed: QEMU runs and is adopted, or everything is over. Never a QEMU of which
 * nobody knows. */
static void test_killed_at_any_time(void **state)
{
	struct run *run = *state;
	unsigned seed = (unsigned)time(NULL);
	unsigned adopted = 0, over = 0;

	print_message("seed %u\n", seed);
	for (int i = 0; i < 25; i++) {
		run_start_with(run, run_idle_qemu, (struct pp_record_launch){0});
		long us = rand_r(&seed) % 120000;
		nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
		run_kill_supervisor(run);
		struct pp_record *record = tend(run);
		if (record->state.life.phase == PP_PHASE_RUNNING) {
			adopted++;
			assert_true(pp_process_alive(&record->engine));
			kill(record->state.supervisor.pid, SIGTERM);
			run_gone(&record->state.supervisor);
		} else {
			over++;
			assert_int_equal(record->state.life.phase, PP_PHASE_ENDED);
			assert_false(pp_process_alive(&record->engine));
			run_gone(&record->state.supervisor);
		}
		pp_record_free(record);
	}
	print_message("adopted %u, over %u\n", adopted, over);
}

static void test_an_owned_guest_is_left_alone(void **state)
{
	struct run *run = *state;
	int lock_fd = -1;
	run_start(run, run_idle_qemu);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &lock_fd, &run->error), -EBUSY);
	run_kill_supervisor(run);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &lock_fd, &run->error), 0);
	/* Somebody else adopts it at this moment. */
	struct pp_record *record = run_record(run);
	assert_int_equal(pp_guest_tend(run->context, "g", false, &record, &run->error), 0);
	assert_string_equal(run->notes, "");
	pp_record_free(record);
	close(lock_fd);
}

/* ---- what it costs ---- */

static long status_value(pid_t pid, const char *file, const char *key)
{
	char path[64];
	char *text = NULL;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	assert_int_equal(pp_file_read(AT_FDCWD, path, 65536, &text, NULL), 0);
	const char *at = strstr(text, key);
	long value = at ? strtol(at + strlen(key), NULL, 10) : -1;
	free(text);
	return value;
}

static void test_sleeps(void **state)
{
	struct run *run = *state;
	run_start(run, run_idle_qemu);
	nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	long before = status_value(run->supervisor, "status", "\nvoluntary_ctxt_switches:");
	nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	long after = status_value(run->supervisor, "status", "\nvoluntary_ctxt_switches:");
	print_message("PSS %ld kB\n", status_value(run->supervisor, "smaps_rollup", "\nPss:"));
	assert_true(before > 0);
	assert_int_equal(before, after);
	kill(run->supervisor, SIGTERM);
	pp_record_free(run_end(run));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, run_setup, run_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_runs_and_is_destroyed),
		CASE(test_alone),
		CASE(test_paused),
		CASE(test_shuts_down_by_itself),
		CASE(test_panics),
		CASE(test_qemu_killed),
		CASE(test_qemu_terminated),
		CASE(test_verbs_have_a_monitor),
		CASE(test_qemu_refuses),
		CASE(test_no_such_program),
		CASE(test_never_answers),
		CASE(test_talks_nonsense),
		CASE(test_an_event_storm),
		CASE(test_talks_without_end),
		CASE(test_destroy_of_one_that_hangs),
		CASE(test_the_starter_is_gone),
		CASE(test_adopted),
		CASE(test_adopted_and_qemu_killed),
		CASE(test_both_killed),
		CASE(test_adopted_without_state),
		CASE(test_killed_while_it_destroys),
		CASE(test_killed_at_any_time),
		CASE(test_an_owned_guest_is_left_alone),
		CASE(test_sleeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
