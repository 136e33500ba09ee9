/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/poke.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LONG_MS 60000

static char folder[] = "/tmp/pcipass-poke-XXXXXX";
static char file[64], fifo[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	close(open(file, O_WRONLY | O_CREAT, 0600));
	return mkfifo(fifo, 0600);
}

static int teardown(void **state)
{
	(void)state;
	unlink(file);
	unlink(fifo);
	return rmdir(folder);
}

static struct pp_poke *begin(const char *path, const char *text, int keep_fd)
{
	struct pp_poke *poke = NULL;
	struct pp_poke_order order = {.path = path, .text = text, .keep_fd = keep_fd};
	assert_int_equal(pp_poke_start(&order, &poke), 0);
	return poke;
}

static int end(struct pp_poke *poke)
{
	int result = 1;
	assert_true(pp_poke_wait(poke, LONG_MS, &result));
	pp_poke_leave(poke);
	return result;
}

static void test_writes(void **state)
{
	char text[16] = "";
	(void)state;
	assert_int_equal(end(begin(file, "vfio-pci", -1)), 0);
	int fd = open(file, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 8);
	assert_string_equal(text, "vfio-pci");
	close(fd);
	assert_int_equal(end(begin("/nowhere/at/all", "x", -1)), -ENOENT);
	assert_int_equal(end(begin(folder, "x", -1)), -EISDIR);
}

/* How many descriptors it has; KEEP must be one of them. */
static unsigned descriptors(pid_t pid, int keep)
{
	char path[64];
	unsigned seen = 0;
	bool kept = false;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.') {
			kept = kept || atoi(entry->d_name) == keep;
			seen++;
		}
	closedir(dir);
	assert_true(kept);
	return seen;
}

static void await_gone(pid_t pid)
{
	for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(kill(pid, 0), -1);
}

/* A FIFO without a reader cannot be opened: the child hangs in the kernel, as in an unbind. */
static pid_t hang(struct pp_poke *poke)
{
	int result;
	assert_false(pp_poke_wait(poke, 0, &result));
	for (int i = 0; i < 1000 && pp_poke_pid(poke) == 0; i++)
		poll(NULL, 0, 10);
	assert_false(pp_poke_wait(poke, 50, &result));
	pid_t pid = pp_poke_pid(poke);
	assert_true(pid > 0 && pid != getpid());
	return pid;
}

static void test_hangs(void **state)
{
	char text[8] = "";
	int keep = open(file, O_RDONLY);
	(void)state;
	struct pp_poke *poke = begin(fifo, "late", keep);
	pid_t pid = hang(poke);
	for (int i = 0; i < 1000 && descriptors(pid, keep) != 4; i++)
		poll(NULL, 0, 10);
	assert_int_equal(descriptors(pid, keep), 4); /* 0 to 2, which are /dev/null, and the lock */
	int reader = open(fifo, O_RDONLY);           /* lets it go on */
	int result = 1;
	assert_true(pp_poke_wait(poke, LONG_MS, &result));
	assert_int_equal(result, 0);
	assert_int_equal(read(reader, text, sizeof(text) - 1), 4);
	assert_string_equal(text, "late");
	pp_poke_leave(poke);
	await_gone(pid);
	close(reader);
	close(keep);
}

static void test_left(void **state)
{
	int keep = open(file, O_RDONLY);
	(void)state;
	struct pp_poke *poke = begin(fifo, "x", keep);
	pid_t pid = hang(poke);
	pp_poke_leave(poke); /* the caller goes on, with other writes */
	assert_int_equal(end(begin(file, "y", keep)), 0);
	assert_int_equal(kill(pid, 0), 0);
	kill(pid, SIGKILL);
	await_gone(pid); /* it is reaped by nobody of ours */
	close(keep);
}

static void test_killed(void **state)
{
	int keep = open(file, O_RDONLY);
	(void)state;
	struct pp_poke *poke = begin(fifo, "x", keep);
	kill(hang(poke), SIGKILL);
	assert_int_equal(end(poke), -ECHILD);
	close(keep);
}

static void test_many(void **state)
{
	struct pp_poke *pokes[32];
	(void)state;
	for (size_t i = 0; i < PP_COUNT(pokes); i++)
		pokes[i] = begin(i % 2 ? file : folder, "x", -1);
	for (size_t i = 0; i < PP_COUNT(pokes); i++)
		assert_int_equal(end(pokes[i]), i % 2 ? 0 : -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
