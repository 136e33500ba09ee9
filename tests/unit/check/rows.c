/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 65 ways to fail: each is seen by a check beforehand, or explained after it, or documented;
 * each check has its test; the list of known-bad devices is well formed. */
#include "fixture.h"
#include "base/file.h"
#include "lib/check/knownbad.h"
#include "lib/check/rows.h"
#include <fcntl.h>
#include <stdlib.h>

static bool before(unsigned row)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (pp_check_row_listed(table[i].rows, row))
			return true;
	}
	return false;
}

static bool after(unsigned row)
{
	size_t count;
	const struct pp_explain_entry *table = pp_explain_table(&count);

	for (size_t i = 0; i < count; i++) {
		if (pp_check_row_listed(table[i].rows, row))
			return true;
	}
	return false;
}

static void test_coverage(void **state)
{
	size_t count, n_before = 0, n_after = 0, n_documented = 0;
	const struct pp_check_row *rows = pp_check_rows(&count);

	assert_int_equal(count, PP_CHECK_ROWS);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].number, i + 1);
		assert_true(*rows[i].cause && *rows[i].remedy);
		if (before(rows[i].number))
			n_before++;
		else if (after(rows[i].number))
			n_after++;
		else if (rows[i].limit)
			n_documented++;
		else
			fail_msg("row %u is nowhere", rows[i].number);
	}
	print_message("of %zu rows: %zu diagnosed before, %zu only after, %zu only documented\n",
		count, n_before, n_after, n_documented);
	assert_true(n_before >= 55);
}

static void test_table(void **state)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	for (size_t i = 0; i < count; i++) {
		assert_non_null(table[i].check->run);
		assert_true(*table[i].title && *table[i].reads && *table[i].rows);
		assert_true(
			strspn(table[i].id, "abcdefghijklmnopqrstuvwxyz-") == strlen(table[i].id));
		assert_true(strlen(table[i].id) < sizeof(((struct pp_error *)0)->id));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(table[i].id, table[j].id);
	}
}

/* Each check is named with its severity in one of the tables of tests. */
static void test_tested(void **state)
{
	static const char *const files[] = {"cases", "uses", "guests", "healthy"};
	const char *source = getenv("PCIPASS_SOURCE");
	struct pp_buffer all = PP_BUFFER_INIT;
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);

	if (!source)
		skip();
	for (size_t i = 0; i < PP_COUNT(files); i++) {
		PP_FREE char *text = NULL;
		char path[4096];
		size_t length;

		snprintf(path, sizeof(path), "%s/tests/unit/check/%s.c", source, files[i]);
		assert_int_equal(pp_file_read(AT_FDCWD, path, 1 << 20, &text, &length), 0);
		pp_buffer_puts(&all, text);
	}
	for (size_t i = 0; i < count; i++) {
		char wanted[96];

		snprintf(wanted, sizeof(wanted), "{\"%s\", PP_", table[i].id);
		if (!strstr(pp_buffer_text(&all), wanted))
			fail_msg("no test of %s", table[i].id);
	}
	pp_buffer_done(&all);
}

static void test_known_bad(void **state)
{
	const char *cursor = pp_known_bad_list;
	struct pp_known_bad entry;
	size_t count = 0;
	int r;

	while ((r = pp_known_bad_next(&cursor, &entry)) != 0) {
		if (r < 0)
			fail_msg("behind entry %zu: a line that is none", count);
		assert_true(entry.text_length > 10 && entry.source_length > 5);
		assert_int_equal(entry.text[entry.text_length - 1], '.');
		assert_int_equal(entry.device & ~entry.mask, 0);
		count++;
	}
	assert_true(count > 50);
}

static void test_known_bad_lines(void **state)
{
	static const char *const bad[] = {"1022", "1022:", "1022:1487", "1022:1487 ",
		"1022:1487 xyz text", "1022:1487 flr", "1022:1487 flr ", "12345:1487 flr x [y]",
		"1022:1487/ flr x [y]", "1022:1487- flr x [y]", "1022:1487-123 flr x [y]",
		"1022:1487 flr x [y", "zzzz:1487 flr x", " 1022:1487 flr x", "1022:1487\nflr x"};
	struct pp_known_bad entry;
	const char *cursor;

	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		cursor = bad[i];
		if (pp_known_bad_next(&cursor, &entry) != -EINVAL)
			fail_msg("\"%s\" is taken", bad[i]);
	}
	cursor = "# comment\n\n1022:1480/fff0-03 bus It hangs.  [who]\n";
	assert_int_equal(pp_known_bad_next(&cursor, &entry), 1);
	assert_int_equal(entry.revision, 3);
	assert_int_equal(entry.kind, PP_BAD_BUS);
	assert_int_equal(entry.text_length, (int)strlen("It hangs."));
	assert_int_equal(entry.source_length, 3);
	struct pp_device device = {.vendor = 0x1022, .product = 0x148f, .revision = 3};
	assert_true(pp_known_bad_is(&entry, &device));
	device.revision = 4;
	assert_false(pp_known_bad_is(&entry, &device));
	assert_int_equal(pp_known_bad_next(&cursor, &entry), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_tested),
		cmocka_unit_test(test_known_bad),
		cmocka_unit_test(test_known_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
