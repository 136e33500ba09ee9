/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's log: bounded, its last words kept, the run before kept beside it. */
#include "lib/guest/log.h"
#include "base/cleanup.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

struct folder {
	char path[64];
	int fd, log;
};

static int setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	struct pp_error error = {0};

	strcpy(folder->path, "/tmp/pcipass-log-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder->fd >= 0);
	assert_int_equal(pp_log_begin(folder->fd, &folder->log, &error), 0);
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	struct folder *folder = *state;

	close(folder->log);
	close(folder->fd);
	pp_file_remove_tree(AT_FDCWD, folder->path);
	free(folder);
	return 0;
}

/* Lines "N xxx...", of 64 bytes each. */
static void say(struct folder *folder, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		assert_int_equal(dprintf(folder->log, "%7u %055d\n", i, 0), 64);
}

static off_t size_of(struct folder *folder, const char *name)
{
	struct stat status;
	return fstatat(folder->fd, name, &status, 0) < 0 ? -errno : status.st_size;
}

static void test_short(void **state)
{
	struct folder *folder = *state;
	PP_FREE char *words = NULL;

	assert_null(pp_log_last_words(folder->fd, 100));
	say(folder, 0, 10);
	assert_int_equal(pp_log_trim(folder->fd), 0);
	assert_int_equal(size_of(folder, PP_LOG), 640);
	words = pp_log_last_words(folder->fd, 100);
	assert_non_null(words);
	assert_int_equal(strncmp(words, "      9 ", 8), 0);
}

static void test_long(void **state)
{
	struct folder *folder = *state;
	PP_FREE char *words = NULL;
	PP_FREE char *old = NULL;
	size_t length;

	say(folder, 0, 50000);
	assert_int_equal(pp_log_trim(folder->fd), 1);
	assert_in_range(size_of(folder, PP_LOG), 1, 8192);
	assert_in_range(size_of(folder, PP_LOG_OLD), PP_LOG_MAX - 64, PP_LOG_MAX);
	assert_int_equal(pp_file_read(folder->fd, PP_LOG_OLD, 4 << 20, &old, &length), 0);
	assert_non_null(strstr(old, "  49999 "));
	assert_null(strstr(old, "      1 0"));
	/* Its writer goes on where the log ends now. */
	words = pp_log_last_words(folder->fd, 100);
	assert_non_null(words);
	assert_int_equal(strncmp(words, "  49999 ", 8), 0);
	say(folder, 50000, 50001);
	free(words);
	words = pp_log_last_words(folder->fd, 100);
	assert_int_equal(strncmp(words, "  50000 ", 8), 0);
	assert_in_range(size_of(folder, PP_LOG), 1, 8192 + 64);
}

static void test_next_run(void **state)
{
	struct folder *folder = *state;
	struct pp_error error = {0};

	say(folder, 0, 10);
	close(folder->log);
	assert_int_equal(pp_log_begin(folder->fd, &folder->log, &error), 0);
	assert_int_equal(size_of(folder, PP_LOG), 0);
	assert_int_equal(size_of(folder, PP_LOG_OLD), 640);
	assert_null(pp_log_last_words(folder->fd, 100));
}

static void test_odd(void **state)
{
	struct folder *folder = *state;
	PP_FREE char *words = NULL;

	assert_int_equal(write(folder->log, "a\0b\n\0\n", 6), 6);
	words = pp_log_last_words(folder->fd, 100);
	assert_string_equal(words, "a?b\n?");
	/* Not a file of ours: not followed, not trimmed. */
	unlinkat(folder->fd, PP_LOG, 0);
	assert_int_equal(symlinkat("/etc/passwd", folder->fd, PP_LOG), 0);
	assert_int_equal(pp_log_trim(folder->fd), -ELOOP);
	assert_null(pp_log_last_words(folder->fd, 100));
}

/* The log is trimmed while it is written to, by the loop of whoever watches it. */
static void test_watch(void **state)
{
	struct folder *folder = *state;
	sd_event *event = NULL;
	sd_event_source *source = NULL;

	assert_true(sd_event_new(&event) >= 0);
	assert_true(pp_log_watch(event, folder->fd, &source) >= 0);
	for (unsigned i = 0; i < 20; i++) {
		say(folder, i * 10000, (i + 1) * 10000);
		while (sd_event_run(event, 0) > 0)
			;
		assert_in_range(size_of(folder, PP_LOG), 0, PP_LOG_MAX);
		assert_true(size_of(folder, PP_LOG_OLD) <= PP_LOG_MAX);
	}
	sd_event_source_disable_unref(source);
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
