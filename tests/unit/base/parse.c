/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

struct number {
	const char *text;
	int base;
	uint64_t max;
	int result;
	uint64_t value;
};
static const struct number numbers[] = {
	{"0", 10, UINT64_MAX, 0, 0},
	{"18446744073709551615", 10, UINT64_MAX, 0, UINT64_MAX},
	{"18446744073709551616", 10, UINT64_MAX, -ERANGE, 0},
	{"99999999999999999999999999", 10, UINT64_MAX, -ERANGE, 0},
	{"99999999999999999999999999x", 10, UINT64_MAX, -EINVAL, 0},
	{"99999999999999999999999999ab", 10, UINT64_MAX, -EINVAL, 0},
	{"256", 10, 255, -ERANGE, 0},
	{"", 10, UINT64_MAX, -EINVAL, 0},
	{" 1", 10, UINT64_MAX, -EINVAL, 0},
	{"1 ", 10, UINT64_MAX, -EINVAL, 0},
	{"1\n", 10, UINT64_MAX, -EINVAL, 0},
	{"+1", 10, UINT64_MAX, -EINVAL, 0},
	{"-1", 10, UINT64_MAX, -EINVAL, 0},
	{"0x10", 10, UINT64_MAX, -EINVAL, 0},
	{"0x10", 16, UINT64_MAX, 0, 16},
	{"0X1F", 16, UINT64_MAX, 0, 31},
	{"1f", 16, UINT64_MAX, 0, 31},
	{"0x", 16, UINT64_MAX, -EINVAL, 0},
	{"0xg", 16, UINT64_MAX, -EINVAL, 0},
	{"ffffffffffffffff", 16, UINT64_MAX, 0, UINT64_MAX},
	{"10000000000000000", 16, UINT64_MAX, -ERANGE, 0},
	{"1f", 10, UINT64_MAX, -EINVAL, 0},
	{"0x1f", 0, UINT64_MAX, 0, 31},
	{"31", 0, UINT64_MAX, 0, 31},
	{"010", 0, UINT64_MAX, 0, 10}, /* never octal */
	{"0660", 8, UINT64_MAX, 0, 0660},
	{"8", 8, UINT64_MAX, -EINVAL, 0},
	{"\xef\xbc\x91", 10, UINT64_MAX, -EINVAL, 0}, /* a fullwidth one */
	{NULL, 10, UINT64_MAX, -EINVAL, 0},
};

static void whole_numbers(void **state)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *n = &numbers[i];
		uint64_t value = 77;
		int r = pp_parse_u64(n->text, n->base, n->max, &value);
		if (r != n->result || value != (r < 0 ? 77 : n->value))
			fail_msg("'%s' gives %d", n->text ? n->text : "NULL", r);
	}
}

static void signed_numbers(void **state)
{
	int value = 7;
	assert_int_equal(pp_parse_int("-2147483648", &value), 0);
	assert_int_equal(value, INT_MIN);
	assert_int_equal(pp_parse_int("2147483647", &value), 0);
	assert_int_equal(value, INT_MAX);
	assert_int_equal(pp_parse_int("-1", &value), 0);
	assert_int_equal(value, -1);
	assert_int_equal(pp_parse_int("2147483648", &value), -ERANGE);
	assert_int_equal(pp_parse_int("-2147483649", &value), -ERANGE);
	assert_int_equal(pp_parse_int("--1", &value), -EINVAL);
	assert_int_equal(pp_parse_int("-", &value), -EINVAL);
	assert_int_equal(pp_parse_int("- 1", &value), -EINVAL);
	assert_int_equal(pp_parse_int(NULL, &value), -EINVAL);
	uint32_t small = 3;
	assert_int_equal(pp_parse_u32("4294967295", 10, &small), 0);
	assert_int_equal(small, UINT32_MAX);
	assert_int_equal(pp_parse_u32("4294967296", 10, &small), -ERANGE);
}

static void prefixes(void **state)
{
	uint64_t value;
	const char *end;
	assert_int_equal(pp_parse_prefix("12:34", 16, 0xff, &value, &end), 0);
	assert_int_equal(value, 0x12);
	assert_string_equal(end, ":34");
	assert_int_equal(pp_parse_prefix("123:34", 16, 0xff, &value, &end), -ERANGE);
	assert_int_equal(pp_parse_prefix(":34", 16, 0xff, &value, &end), -EINVAL);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{"512", 0, 512 * 1024ULL}, /* counted in KiB here */
		{"512b", 0, 512},
		{"512bytes", 0, 512},
		{"1k", 0, 1024},
		{"1KiB", 0, 1024},
		{"1KB", 0, 1000},
		{"2M", 0, 2 << 20},
		{"4G", 0, 4ULL << 30},
		{"4gib", 0, 4ULL << 30},
		{"1T", 0, 1ULL << 40},
		{"15E", 0, 15ULL << 60},
		{"16E", -ERANGE, 0},
		{"18446744073709551615", -ERANGE, 0},
		{"1 G", -EINVAL, 0},
		{"G", -EINVAL, 0},
		{"1Gi", -EINVAL, 0},
		{"1X", -EINVAL, 0},
		{"-1G", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"1+", -EINVAL, 0},
		{"1\xcb", -EINVAL, 0},
		{"", -EINVAL, 0},
		{NULL, -EINVAL, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;
		int r = pp_parse_size(cases[i].text, 1024, &value);
		if (r != cases[i].result || value != cases[i].value)
			fail_msg("'%s' gives %d", cases[i].text ? cases[i].text : "NULL", r);
	}
}

static void hex_bytes(void **state)
{
	uint8_t bytes[4];
	size_t length = 9;
	assert_int_equal(pp_parse_hex_bytes("8680 6C3a", bytes, 4, &length), 0);
	assert_int_equal(length, 4);
	assert_memory_equal(bytes, "\x86\x80\x6c\x3a", 4);
	assert_int_equal(pp_parse_hex_bytes("", bytes, 4, &length), 0);
	assert_int_equal(length, 0);
	assert_int_equal(pp_parse_hex_bytes("123", bytes, 4, &length), -EINVAL);
	assert_int_equal(pp_parse_hex_bytes("1 2", bytes, 4, &length), -EINVAL);
	assert_int_equal(pp_parse_hex_bytes("zz", bytes, 4, &length), -EINVAL);
	assert_int_equal(pp_parse_hex_bytes("0011223344", bytes, 4, &length), -ERANGE);
}

static void words(void **state)
{
	const char *cursor = "  a, bc,,d ", *word;
	size_t length;
	char all[32] = "";
	while (pp_text_word(&cursor, " ,", &word, &length)) {
		strncat(all, word, length);
		strcat(all, "|");
	}
	assert_string_equal(all, "a|bc|d|");
	assert_false(pp_text_word(&cursor, " ,", &word, &length));
	assert_true(pp_text_is(NULL, NULL));
	assert_false(pp_text_is("a", NULL));
	assert_true(pp_text_is("a", "a"));
	assert_true(pp_text_starts("pci_0", "pci_"));
	assert_false(pp_text_starts("pc", "pci_"));
	assert_false(pp_text_starts(NULL, "x"));
	assert_true(pp_text_ends("a.host", ".host"));
	assert_false(pp_text_ends("host", ".host"));
	assert_false(pp_text_ends(NULL, ""));
}

static void distances(void **state)
{
	assert_int_equal(pp_text_distance("", ""), 0);
	assert_int_equal(pp_text_distance("", "abc"), 3);
	assert_int_equal(pp_text_distance("abc", ""), 3);
	assert_int_equal(pp_text_distance("kitten", "sitting"), 3);
	assert_int_equal(pp_text_distance("strat", "start"), 1);
	assert_int_equal(pp_text_distance("nodedev-dettach", "nodedev-detach"), 1);
	char a[201], b[201];
	memset(a, 'a', 200);
	memset(b, 'b', 200);
	a[200] = b[200] = '\0';
	assert_int_equal(pp_text_distance(a, b), 200);
	assert_int_equal(pp_text_distance(a, a), 0);
}

static void nearest(void **state)
{
	static const char *const list[] = {
		"start", "destroy", "list", "define", "nodedev-list", NULL};
	assert_string_equal(pp_text_nearest("strat", list), "start");
	assert_string_equal(pp_text_nearest("lst", list), "list");
	assert_string_equal(pp_text_nearest("nodedevlist", list), "nodedev-list");
	assert_null(pp_text_nearest("xyzzy", list));
	assert_null(pp_text_nearest("", list));
	assert_null(pp_text_nearest("xy", list));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(sizes),
		cmocka_unit_test(hex_bytes),
		cmocka_unit_test(words),
		cmocka_unit_test(distances),
		cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
