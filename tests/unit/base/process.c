/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process.h"
#include "base/cleanup.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void identity(void **state)
{
	struct pp_process self, other;
	assert_int_equal(pp_process_self(&self), 0);
	assert_int_equal(self.pid, getpid());
	assert_true(pp_process_alive(&self));
	other = self;
	other.start--;
	assert_false(pp_process_alive(&other));
	assert_int_equal(pp_process_fd(&other), -ESRCH);
	PP_CLOSE int fd = pp_process_fd(&self);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(pp_process_of(0, &other), -ESRCH);
	assert_int_equal(pp_process_of(-5, &other), -ESRCH);
	assert_int_equal(pp_process_of(0x7ffffff0, &other), -ESRCH);
	assert_false(pp_process_alive(&(struct pp_process){0}));
}

static void a_zombie_is_not_alive(void **state)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	struct pp_process process;
	siginfo_t info;
	assert_int_equal(pp_process_of(pid, &process), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(pp_process_alive(&process));
	assert_int_equal(pp_process_fd(&process), -ESRCH);
	waitpid(pid, NULL, 0);
}

static void names_with_brackets(void **state)
{
	/* The name of a process may look like the rest of its stat line. */
	FILE *comm = fopen("/proc/self/comm", "r+");
	char old[64] = "", name[64];
	assert_non_null(fgets(old, sizeof(old), comm));
	fclose(comm);
	assert_int_equal(pp_file_poke(AT_FDCWD, "/proc/self/comm", "a) Z 1 (b"), 0);
	struct pp_process self;
	assert_int_equal(pp_process_self(&self), 0);
	assert_true(pp_process_alive(&self));
	assert_int_equal(pp_process_name(getpid(), name, sizeof(name)), 0);
	assert_string_equal(name, "a) Z 1 (b");
	assert_int_equal(pp_process_name(getpid(), name, 4), 0);
	assert_string_equal(name, "a) ");
	assert_int_equal(pp_process_name(0x7ffffff0, name, sizeof(name)), -ESRCH);
	pp_file_poke(AT_FDCWD, "/proc/self/comm", old);
}

static int answer(void *data)
{
	return *(int *)data;
}

static int hang(void *data)
{
	for (;;)
		pause();
	return 0;
}

static int die(void *data)
{
	kill(getpid(), SIGKILL);
	return 0;
}

static void work(void **state)
{
	int value = 7;
	assert_int_equal(pp_process_work(answer, &value, 60000, NULL), 7);
	value = -EBUSY;
	pid_t pid = 0;
	assert_int_equal(pp_process_work(answer, &value, 60000, &pid), -EBUSY);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* it was reaped */
	assert_int_equal(pp_process_work(die, NULL, 60000, NULL), -ECHILD);
}

static void work_that_hangs_is_left(void **state)
{
	pid_t pid = 0;
	long long start = pp_clock_ms();
	assert_int_equal(pp_process_work(hang, NULL, 100, &pid), -ETIMEDOUT);
	long long took = pp_clock_ms() - start;
	assert_true(took >= 95 && took < 60000);
	assert_int_equal(kill(pid, 0), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int run(int deadline_ms, char **ret_output, const char *script)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	return pp_process_run(argv, deadline_ms, ret_output);
}

static void running(void **state)
{
	PP_FREE char *output = NULL, *second = NULL, *third = NULL;
	assert_int_equal(run(60000, &output, "echo out; echo err >&2; exit 3"), 3);
	assert_string_equal(output, "out\nerr\n");
	assert_int_equal(run(60000, NULL, "kill -9 $$"), 128 + SIGKILL);
	assert_int_equal(run(60000, &second, "head -c 3000000 /dev/zero; exit 4"), 4);
	assert_non_null(second);
	assert_int_equal(
		run(60000, &third, "pwd; ulimit -n >/dev/null; read x; echo \"[$x]\"; echo $HOME"),
		0);
	assert_string_equal(third, "/\n[]\n\n"); /* stdin is empty, the environment bare */
}

static void running_too_long(void **state)
{
	char *output = NULL;
	long long start = pp_clock_ms();
	assert_int_equal(run(200, &output, "sleep 100 & sleep 100"), -ETIMEDOUT);
	assert_true(pp_clock_ms() - start < 60000);
	assert_null(output);
}

static void a_grandchild_is_not_waited_for(void **state)
{
	PP_FREE char *output = NULL;
	long long start = pp_clock_ms();
	assert_int_equal(run(60000, &output, "echo x; (sleep 40) & exit 0"), 0);
	assert_true(pp_clock_ms() - start < 30000);
	assert_string_equal(output, "x\n");
}

static void programs_by_name(void **state)
{
	PP_FREE char *output = NULL;
	assert_int_equal(
		pp_process_run((const char *const[]){"echo", "hello", NULL}, 60000, &output), 0);
	assert_string_equal(output, "hello\n");
	assert_int_equal(
		pp_process_run((const char *const[]){"no-such-program", NULL}, 60000, NULL),
		-ENOENT);
	assert_int_equal(
		pp_process_run((const char *const[]){"/no/such", NULL}, 60000, NULL), -ENOENT);
}

static void a_failed_exec_is_an_error_here(void **state)
{
	struct pp_error error = {0};
	pid_t pid = 0;
	struct pp_spawn spawn = {.argv = (const char *const[]){"/etc/passwd", NULL}};
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), -EACCES);
	assert_string_equal(
		error.text, "cannot start /etc/passwd: cannot run it: Permission denied");
	assert_int_equal(pid, 0);
	spawn.argv = (const char *const[]){"/bin/true", NULL};
	spawn.chdir = "/no/such/folder";
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), -ENOENT);
	assert_non_null(strstr(error.text, "cannot change to its folder"));
	spawn.chdir = NULL;
	spawn.fds = &(struct pp_spawn_fd){987, 1};
	spawn.n_fds = 1;
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), -EBADF);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
}

static int refuse(void *data)
{
	return -EXDEV;
}

static void the_hook_can_refuse(void **state)
{
	struct pp_error error = {0};
	pid_t pid = 0;
	struct pp_spawn spawn = {
		.argv = (const char *const[]){"/bin/true", NULL}, .in_child = refuse};
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), -EXDEV);
}

/* Runs SCRIPT with SPAWN and returns what it wrote to descriptor 1. */
static char *output_of(struct pp_spawn *spawn, const char *script)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	struct pp_spawn_fd map[8] = {{fds[1], 1}};
	for (size_t i = 0; i < spawn->n_fds; i++)
		map[i + 1] = spawn->fds[i];
	spawn->fds = map;
	spawn->n_fds++;
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	spawn->argv = argv;
	struct pp_error error = {0};
	pid_t pid;
	if (pp_process_spawn(spawn, &pid, &error) < 0)
		fail_msg("%s", error.text);
	close(fds[1]);
	char *text = NULL;
	assert_int_equal(pp_file_read_fd(fds[0], 100000, &text, NULL), 0);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return text;
}

static void only_the_given_descriptors(void **state)
{
	/* Some that would be inherited, and two that swap numbers. */
	int leak = fcntl(0, F_DUPFD, 40);
	int a = open("/dev/null", O_RDONLY), b = open("/dev/zero", O_RDONLY);
	assert_true(leak >= 40 && a >= 0 && b >= 0);
	struct pp_spawn_fd fds[] = {{a, b}, {b, a}};
	struct pp_spawn spawn = {.fds = fds, .n_fds = 2};
	/* ls itself opens one more, the folder. */
	PP_FREE char *numbers = output_of(&spawn, "exec ls /proc/self/fd");
	char script[100], want[100];
	snprintf(want, sizeof(want), "0\n1\n2\n%d\n%d\n%d\n", a, b, b + 1);
	assert_string_equal(numbers, want);
	struct pp_spawn again = {.fds = fds, .n_fds = 2};
	snprintf(script, sizeof(script), "readlink /proc/$$/fd/0 /proc/$$/fd/%d /proc/$$/fd/%d", a,
		b);
	PP_FREE char *targets = output_of(&again, script);
	assert_string_equal(targets, "/dev/null\n/dev/zero\n/dev/null\n");
	close(leak);
	close(a);
	close(b);
}

static void it_starts_with_closed_standard_descriptors(void **state)
{
	pid_t pid = fork();
	if (pid == 0) {
		/* What a descriptor-poor caller has: everything new lands on 0, 1, 2. */
		close(0);
		close(1);
		close(2);
		char *text = NULL;
		int r = run(60000, &text, "echo x; echo y >&2");
		_exit(r == 0 && text && strcmp(text, "x\ny\n") == 0 ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void limits_and_session(void **state)
{
	struct pp_spawn spawn = {.memlock = 65536,
		.nofile = 77,
		.new_session = true,
		.no_new_privs = true,
		.die_with_parent = true};
	PP_FREE char *text =
		output_of(&spawn, "ulimit -l; ulimit -n; grep NoNewPrivs /proc/self/status; "
				  "[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leader");
	assert_string_equal(text, "64\n77\nNoNewPrivs:\t1\nleader\n");
}

static void the_limit_can_be_raised(void **state)
{
	struct rlimit old, more = {RLIM_INFINITY, RLIM_INFINITY};
	getrlimit(RLIMIT_MEMLOCK, &old);
	if (setrlimit(RLIMIT_MEMLOCK, &more) < 0)
		skip();
	setrlimit(RLIMIT_MEMLOCK, &old);
	struct pp_spawn spawn = {.memlock = UINT64_MAX};
	PP_FREE char *unlimited = output_of(&spawn, "ulimit -l");
	assert_string_equal(unlimited, "unlimited\n");
}

static int note_user(void *data)
{
	return geteuid() == *(const uid_t *)data ? 0 : -EPERM;
}

/* Nothing that root could do is left, and what is set up before was set up as root. */
static void no_capabilities_are_left(void **state)
{
	if (geteuid() != 0)
		skip();
	uid_t root = 0;
	struct pp_spawn spawn = {.set_ids = true,
		.uid = 2046820353,
		.gid = 2046820353,
		.no_capabilities = true,
		.no_new_privs = true,
		.before_ids = note_user,
		.before_data = &root};
	PP_FREE char *text = output_of(&spawn, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status");
	assert_string_equal(text, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
				  "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
				  "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
	root = 1;
	pid_t pid;
	struct pp_error error = {0};
	spawn.argv = (const char *const[]){"/bin/true", NULL};
	spawn.fds = NULL;
	spawn.n_fds = 0;
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), -EPERM);
	assert_non_null(strstr(error.text, "what it sees"));
}

static void ids(void **state)
{
	if (geteuid() != 0)
		skip();
	gid_t groups[] = {7, 9};
	struct pp_spawn spawn = {.set_ids = true,
		.uid = 65534,
		.gid = 65533,
		.groups = groups,
		.n_groups = 2,
		.die_with_parent = true};
	PP_FREE char *text = output_of(&spawn, "grep -E '^(Uid|Gid|Groups)' /proc/self/status");
	assert_string_equal(text, "Uid:\t65534\t65534\t65534\t65534\nGid:"
				  "\t65533\t65533\t65533\t65533\nGroups:\t7 9 \n");
}

static void signals_are_as_new(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	sigset_t all, old;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	struct pp_spawn spawn = {0};
	PP_FREE char *text = output_of(&spawn, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_string_equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void it_dies_with_its_parent(void **state)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t parent = fork();
	if (parent == 0) {
		struct pp_spawn_fd map = {fds[1], 1};
		struct pp_spawn spawn = {.argv = (const char *const[]){"/bin/sleep", "100", NULL},
			.fds = &map,
			.n_fds = 1,
			.die_with_parent = true};
		pid_t pid;
		_exit(pp_process_spawn(&spawn, &pid, NULL) < 0);
	}
	close(fds[1]);
	int status;
	waitpid(parent, &status, 0);
	assert_int_equal(status, 0);
	/* The end of the pipe comes when the last holder has gone. */
	char c;
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_capabilities_are_left),
		cmocka_unit_test(identity),
		cmocka_unit_test(a_zombie_is_not_alive),
		cmocka_unit_test(names_with_brackets),
		cmocka_unit_test(work),
		cmocka_unit_test(work_that_hangs_is_left),
		cmocka_unit_test(running),
		cmocka_unit_test(running_too_long),
		cmocka_unit_test(a_grandchild_is_not_waited_for),
		cmocka_unit_test(programs_by_name),
		cmocka_unit_test(a_failed_exec_is_an_error_here),
		cmocka_unit_test(the_hook_can_refuse),
		cmocka_unit_test(only_the_given_descriptors),
		cmocka_unit_test(it_starts_with_closed_standard_descriptors),
		cmocka_unit_test(limits_and_session),
		cmocka_unit_test(the_limit_can_be_raised),
		cmocka_unit_test(ids),
		cmocka_unit_test(signals_are_as_new),
		cmocka_unit_test(it_dies_with_its_parent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
