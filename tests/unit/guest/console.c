/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A terminal at a guest's console. The guest is a pseudo terminal of ours, and a record that says
 * that it runs. */
#include "tests/unit/guest/run.h"
#include <termios.h>

struct pty {
	int master, slave;
};

static void pty_open(struct pty *pty)
{
	pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(pty->master >= 0);
	assert_int_equal(grantpt(pty->master), 0);
	assert_int_equal(unlockpt(pty->master), 0);
	pty->slave = open(ptsname(pty->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(pty->slave >= 0);
}

static void pty_close(struct pty *pty)
{
	close(pty->master);
	close(pty->slave);
}

/* We are its supervisor, and QEMU. */
static void write_guest(struct run *run, const char *console)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct pp_record_launch launch = {.uuid = "6d1a4a0e-5d0c-4b0e-8a3e-0a5b1c2d3e4f",
		.id = 1,
		.argv = argv,
		.start_ms = RUN_MS,
		.stop_ms = RUN_MS};
	struct pp_record_state state = {.console = console};

	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_record_save_launch(run->folder_fd, "g", &launch, &run->error), 0);
	int fd = openat(run->folder_fd, "engine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pp_record_save_engine(fd), 0);
	close(fd);
	assert_int_equal(pp_process_self(&state.supervisor), 0);
	state.life.phase = PP_PHASE_RUNNING;
	state.life.monitor = true;
	assert_int_equal(pp_record_save_state(run->folder_fd, "g", &state, &run->error), 0);
}

static pid_t start_console(struct run *run, const struct pty *terminal)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	int r = pp_guest_console(run->context, "g", terminal->slave, terminal->slave, &run->error);
	if (r < 0)
		fprintf(stderr, "%s\n", run->error.text);
	_exit(r == 0 ? 0 : 1);
}

static bool is_raw(const struct pty *terminal)
{
	struct termios now;
	assert_int_equal(tcgetattr(terminal->slave, &now), 0);
	return !(now.c_lflag & (ICANON | ISIG | ECHO));
}

static void await_raw(const struct pty *terminal)
{
	long long end = pp_clock_ms() + RUN_MS;
	while (!is_raw(terminal) && pp_clock_ms() < end)
		poll(NULL, 0, 5);
	assert_true(is_raw(terminal));
}

static void expect_text(int fd, const char *text)
{
	char seen[64] = "";
	size_t n = 0;

	while (n < strlen(text)) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&wait, 1, RUN_MS), 1);
		ssize_t more = read(fd, seen + n, strlen(text) - n);
		assert_true(more > 0);
		n += (size_t)more;
	}
	assert_string_equal(seen, text);
}

static int end_of(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Both directions, every byte the guest's own but for the escape, and the terminal as it was. */
static void test_console(void **state)
{
	struct run *run = *state;
	struct pty guest, terminal;
	struct termios raw;

	pty_open(&guest);
	pty_open(&terminal);
	tcgetattr(guest.slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(guest.slave, TCSANOW, &raw);
	write_guest(run, ptsname(guest.master));

	pid_t pid = start_console(run, &terminal);
	await_raw(&terminal);
	assert_int_equal(write(guest.master, "login: ", 7), 7);
	expect_text(terminal.master, "login: ");
	assert_int_equal(write(terminal.master, "me\r\x03", 4), 4);
	expect_text(guest.master, "me\r\x03");
	assert_int_equal(write(terminal.master, "\x1d", 1), 1);
	assert_int_equal(end_of(pid), 0);
	assert_false(is_raw(&terminal));
	pty_close(&guest);
	pty_close(&terminal);
}

/* It ends as it would have ended, but the terminal is as before. */
static void test_signal(void **state)
{
	struct run *run = *state;
	struct pty guest, terminal;
	int status;

	pty_open(&guest);
	pty_open(&terminal);
	write_guest(run, ptsname(guest.master));
	pid_t pid = start_console(run, &terminal);
	await_raw(&terminal);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_false(is_raw(&terminal));
	pty_close(&guest);
	pty_close(&terminal);
}

/* QEMU names the console: what is no pseudo terminal is not opened. */
static void test_not_a_terminal(void **state)
{
	struct run *run = *state;
	struct pty terminal;

	pty_open(&terminal);
	write_guest(run, "/dev/pts/../null");
	assert_int_equal(
		pp_guest_console(run->context, "g", terminal.slave, terminal.slave, &run->error),
		-ENOTTY);
	assert_false(is_raw(&terminal));
	pty_close(&terminal);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, run_setup, run_forget)

/* The record says that QEMU is us. */
static int run_forget(void **state)
{
	struct run *run = *state;
	if (run->folder_fd >= 0)
		pp_record_clear(run->folder_fd);
	return run_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_console), CASE(test_signal), CASE(test_not_a_terminal)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
