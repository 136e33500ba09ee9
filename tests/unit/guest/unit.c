/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Units: their names, and what is handed over to the one that runs in them. */
#include "lib/guest/unit.h"
#include "tests/unit/guest/run.h"
#include <sys/socket.h>
#include <sys/un.h>

#define NAME "g"

static int folder(struct run *run)
{
	int fd;
	assert_int_equal(pp_record_folder(run->context, NAME, true, &fd, &run->error), 0);
	return fd;
}

static void test_names(void **state)
{
	static const struct {
		const char *guest, *unit;
	} names[] = {
		{"win11", "pcipass-guest@win11.service"},
		{"a-b c", "pcipass-guest@a\\x2db\\x20c.service"},
		{".hidden", "pcipass-guest@\\x2ehidden.service"},
		{"v1.2", "pcipass-guest@v1.2.service"},
		{"\xc3\xbc@%", "pcipass-guest@\\xc3\\xbc\\x40\\x25.service"},
	};
	for (size_t i = 0; i < PP_COUNT(names); i++) {
		char *unit = pp_unit_name(names[i].guest);
		assert_string_equal(unit, names[i].unit);
		free(unit);
	}
}

/* What runs in the unit: says by the pipe that it came, and whether the lock is held with it. */
static void in_unit(struct run *run) __attribute__((noreturn));
static void in_unit(struct run *run)
{
	struct pp_unit_fds fds;
	if (pp_unit_receive(run->context, NAME, &fds, NULL) < 0 || !fds.adopt ||
		fcntl(fds.status, F_GETFD) != FD_CLOEXEC || fcntl(fds.lock, F_GETFD) != FD_CLOEXEC)
		_exit(1);
	_exit(write(fds.status, "runs", 4) == 4 ? 0 : 2);
}

static void test_handed_over(void **state)
{
	struct run *run = *state;
	PP_CLOSE int folder_fd = folder(run);
	PP_CLOSE int lock_fd = -1;
	int pipe_fds[2], status;
	char word[8] = "";
	pid_t pid, served = 0;
	assert_int_equal(pp_record_lock(folder_fd, 0, &lock_fd, &run->error), 0);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	PP_CLOSE int listener = pp_unit_listen(folder_fd);
	assert_true(listener >= 0);
	pid = fork();
	if (pid == 0)
		in_unit(run);
	struct pp_unit_fds fds = {.status = pipe_fds[1], .lock = lock_fd, .adopt = true};
	assert_int_equal(pp_unit_hand_over(listener, &fds, &served), 0);
	assert_int_equal(served, pid);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], word, sizeof(word)), 4);
	assert_string_equal(word, "runs");
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Nobody waits: systemd itself has started the unit, and the guest is adopted. */
static void test_nobody(void **state)
{
	struct run *run = *state;
	struct pp_unit_fds fds;
	assert_int_equal(pp_unit_receive(run->context, NAME, &fds, NULL), -ENOENT);
	PP_CLOSE int folder_fd = folder(run);
	assert_int_equal(pp_unit_receive(run->context, NAME, &fds, NULL), -ENOENT);
	int listener = pp_unit_listen(folder_fd);
	assert_true(listener >= 0);
	close(listener); /* who listened was killed */
	assert_int_equal(pp_unit_receive(run->context, NAME, &fds, NULL), -ENOENT);
}

static void expect_refused(struct run *run, int listener, const char *bytes, int result)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int to = accept(listener, NULL, NULL);
		if (*bytes && write(to, bytes, strlen(bytes)) < 0)
			_exit(1);
		_exit(0);
	}
	struct pp_unit_fds fds = {.status = -7};
	assert_int_equal(pp_unit_receive(run->context, NAME, &fds, NULL), result);
	assert_int_equal(fds.status, -7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_bad(void **state)
{
	struct run *run = *state;
	PP_CLOSE int folder_fd = folder(run);
	PP_CLOSE int listener = pp_unit_listen(folder_fd);
	assert_true(listener >= 0);
	expect_refused(run, listener, "s", -EBADMSG);
	expect_refused(run, listener, "", -ECONNRESET);
}

/* Another root than /: there is no systemd that would be asked. */
static void test_elsewhere(void **state)
{
	struct run *run = *state;
	struct pp_unit_fds fds = {.status = -1, .lock = -1};
	pid_t pid;
	assert_int_equal(pp_unit_start(run->context, NAME, &fds, &pid, &run->error), -EOPNOTSUPP);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, run_setup, run_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		TEST(test_handed_over),
		TEST(test_nobody),
		TEST(test_bad),
		TEST(test_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
