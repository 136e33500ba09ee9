/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static char folder[64];
static int at = -1;

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/pcipass-file-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return at < 0;
}

static int teardown(void **state)
{
	close(at);
	return pp_file_remove_tree(AT_FDCWD, folder);
}

static void replaced_and_read(void **state)
{
	PP_FREE char *data = NULL, *more = NULL;
	size_t length = 0;
	assert_int_equal(pp_file_replace(at, "a", "one\0two", 7, 0640), 0);
	assert_int_equal(pp_file_read(at, "a", 7, &data, &length), 0);
	assert_int_equal(length, 7);
	assert_memory_equal(data, "one\0two", 8);
	struct stat st;
	assert_int_equal(fstatat(at, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(pp_file_read(at, "a", 6, &more, NULL), -EFBIG);
	assert_int_equal(pp_file_read(at, "missing", 6, &more, NULL), -ENOENT);
	assert_int_equal(pp_file_read(at, ".", 6, &more, NULL), -EISDIR);
	assert_null(more);
	assert_int_equal(pp_file_replace(at, "no/such", "", 0, 0600), -ENOENT);
	assert_int_equal(pp_file_replace(at, "x/", "", 0, 0600), -EISDIR);
	assert_int_equal(pp_file_replace(at, "..", "", 0, 0600), -EISDIR);
}

static int count_entries(void)
{
	int n = 0;
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buffer[4096];
	for (ssize_t got; (got = getdents64(fd, buffer, sizeof(buffer))) > 0;)
		for (ssize_t i = 0; i < got; n++)
			i += *(unsigned short *)(buffer + i + 16);
	close(fd);
	return n - 2;
}

static void a_failed_replacement_leaves_nothing(void **state)
{
	assert_int_equal(mkdirat(at, "d", 0700), 0);
	int before = count_entries();
	assert_int_equal(pp_file_replace(at, "d", "x", 1, 0600), -EISDIR);
	assert_int_equal(count_entries(), before);
}

/* Only what an interrupted replacement has left. */
static void swept(void **state)
{
	static const char *const kept[] = {"s", ".s", ".s.0123456789a", ".s.0123456789abc",
		".s.0123456789aG", ".sx.0123456789ab", "s.0123456789ab"};
	for (size_t i = 0; i < PP_COUNT(kept); i++)
		assert_int_equal(pp_file_replace(at, kept[i], "", 0, 0600), 0);
	assert_int_equal(pp_file_replace(at, ".s.0123456789ab", "", 0, 0600), 0);
	int before = count_entries();
	pp_file_sweep(at, "s");
	assert_int_equal(count_entries(), before - 1);
	assert_false(pp_file_exists(at, ".s.0123456789ab"));
	/* not while its writer lives */
	assert_int_equal(pp_file_replace(at, ".s.0123456789ab", "", 0, 0600), 0);
	int writer = openat(at, ".s.0123456789ab", O_WRONLY | O_CLOEXEC);
	assert_int_equal(flock(writer, LOCK_EX), 0);
	pp_file_sweep(at, "s");
	assert_true(pp_file_exists(at, ".s.0123456789ab"));
	close(writer);
	pp_file_sweep(at, "s");
	assert_false(pp_file_exists(at, ".s.0123456789ab"));
	/* or of any */
	assert_int_equal(pp_file_replace(at, ".two.words.0123456789ab", "", 0, 0600), 0);
	assert_int_equal(pp_file_replace(at, "..0123456789ab", "", 0, 0600), 0);
	pp_file_sweep(at, NULL);
	assert_false(pp_file_exists(at, ".two.words.0123456789ab"));
	assert_false(pp_file_exists(at, ".sx.0123456789ab"));
	assert_int_equal(count_entries(), before - 1);
	assert_int_equal(unlinkat(at, "..0123456789ab", 0), 0);
	assert_int_equal(pp_file_replace(at, ".sx.0123456789ab", "", 0, 0600), 0);
	for (size_t i = 0; i < PP_COUNT(kept); i++)
		assert_int_equal(unlinkat(at, kept[i], 0), 0);
}

static void a_link_is_replaced_and_not_followed(void **state)
{
	assert_int_equal(pp_file_replace(at, "kept", "kept", 4, 0600), 0);
	assert_int_equal(symlinkat("kept", at, "link"), 0);
	PP_FREE char *target = NULL, *data = NULL;
	assert_int_equal(pp_file_link(at, "link", &target), 0);
	assert_string_equal(target, "kept");
	assert_int_equal(pp_file_replace(at, "link", "new", 3, 0600), 0);
	assert_int_equal(pp_file_read(at, "kept", 100, &data, NULL), 0);
	assert_string_equal(data, "kept");
	assert_int_equal(pp_file_link(at, "link", &target), -EINVAL);
}

static void long_links(void **state)
{
	char target[3001];
	memset(target, 'x', 3000);
	target[3000] = '\0';
	assert_int_equal(symlinkat(target, at, "long"), 0);
	PP_FREE char *got = NULL;
	assert_int_equal(pp_file_link(at, "long", &got), 0);
	assert_string_equal(got, target);
}

static void large_files(void **state)
{
	size_t size = 3000001;
	PP_FREE char *data = malloc(size);
	memset(data, 'y', size);
	assert_int_equal(pp_file_replace(at, "large", data, size, 0600), 0);
	PP_FREE char *got = NULL;
	size_t length;
	assert_int_equal(pp_file_read(at, "large", size, &got, &length), 0);
	assert_int_equal(length, size);
	assert_memory_equal(got, data, size);
}

static void poking(void **state)
{
	PP_FREE char *data = NULL;
	assert_int_equal(pp_file_poke(at, "poke", "x"), -ENOENT);
	assert_int_equal(pp_file_replace(at, "poke", "longer", 6, 0600), 0);
	assert_int_equal(pp_file_poke(at, "poke", "x\n"), 0);
	assert_int_equal(pp_file_read(at, "poke", 10, &data, NULL), 0);
	assert_string_equal(data, "x\n");
	assert_int_equal(pp_file_poke(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
}

static void folders(void **state)
{
	assert_int_equal(pp_file_mkdirs(at, "p/q/r", 0755), 0);
	assert_int_equal(pp_file_mkdirs(at, "p/q/r", 0755), 0);
	assert_int_equal(pp_file_mkdirs(at, "p/q/r/", 0755), 0);
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, folder, 0755), 0);
	assert_int_equal(pp_file_replace(at, "p/file", "", 0, 0600), 0);
	assert_int_equal(pp_file_mkdirs(at, "p/file", 0755), -ENOTDIR);
	assert_int_equal(pp_file_mkdirs(at, "p/file/x", 0755), -ENOTDIR);
	assert_true(pp_file_exists(at, "p/q/r"));
	/* A link inside of a tree is removed, not what it leads to. */
	assert_int_equal(pp_file_replace(at, "outside", "x", 1, 0600), 0);
	assert_int_equal(symlinkat("../outside", at, "p/link"), 0);
	assert_int_equal(symlinkat("..", at, "p/up"), 0);
	assert_int_equal(pp_file_remove_tree(at, "p"), 0);
	assert_false(pp_file_exists(at, "p"));
	assert_true(pp_file_exists(at, "outside"));
	assert_int_equal(pp_file_remove_tree(at, "p"), 0);
}

struct race {
	int stop;
	int torn;
};

static void *reader(void *data)
{
	struct race *race = data;
	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
		char *text = NULL;
		size_t length;
		if (pp_file_read(at, "race", 100000, &text, &length) < 0 || length == 0 ||
			strspn(text, text[0] == 'a' ? "a" : "b") != length)
			race->torn++;
		free(text);
	}
	return NULL;
}

static void a_reader_sees_old_or_new(void **state)
{
	static char a[50000], b[20000];
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	struct race race = {0};
	assert_int_equal(pp_file_replace(at, "race", a, sizeof(a), 0600), 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, reader, &race), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pp_file_replace(at, "race", i & 1 ? a : b,
					 i & 1 ? sizeof(a) : sizeof(b), 0600),
			0);
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(race.torn, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_and_read),
		cmocka_unit_test(a_failed_replacement_leaves_nothing),
		cmocka_unit_test(swept),
		cmocka_unit_test(a_link_is_replaced_and_not_followed),
		cmocka_unit_test(long_links),
		cmocka_unit_test(large_files),
		cmocka_unit_test(poking),
		cmocka_unit_test(folders),
		cmocka_unit_test(a_reader_sees_old_or_new),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
