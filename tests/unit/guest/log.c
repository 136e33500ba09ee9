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

/* QEMU gives up: its words, then the registers of each processor. */
static void test_registers(void **state)
{
	static const char begin[] =
		"qemu-system-x86_64: VFIO_MAP_DMA failed: No space left on device\n"
		"qemu: hardware error: vfio: DMA mapping failed\n";
	static const char dump[] =
		"CPU #0:\nEAX=00000000 EBX=00000000 ECX=00000000 EDX=00800f12\n"
		"EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n"
		"ES =0000 00000000 0000ffff 00009300\nGDT=     00000000 0000ffff\n"
		"CR0=60000010 CR2=00000000\nDR0=0000000000000000 DR3=0000000000000000 \n"
		"FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\n"
		"XMM06=0000000000000000 0000000000000000 XMM07=0000000000000000 0000000000000000\n";
	struct folder *folder = *state;
	PP_FREE char *words = NULL;

	assert_true(write(folder->log, dump, strlen(dump)) > 0);
	words = pp_log_last_words(folder->fd, 2000);
	assert_int_equal(strlen(words), strlen(dump) - 1); /* there is nothing else */
	free(words);
	assert_int_equal(ftruncate(folder->log, 0), 0);
	assert_true(write(folder->log, begin, strlen(begin)) > 0);
	for (size_t i = 0; i < 4; i++)
		assert_true(write(folder->log, dump, strlen(dump)) > 0);
	words = pp_log_last_words(folder->fd, 200);
	assert_int_equal(strncmp(words, begin, strlen(begin) - 1), 0);
	assert_int_equal(strlen(words), strlen(begin) - 1);
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
		cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
