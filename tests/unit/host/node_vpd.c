/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/node_vpd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct pp_arena *arena;

struct bytes {
	uint8_t data[512];
	size_t length;
};

static void add(struct bytes *bytes, const char *text, size_t length)
{
	memcpy(bytes->data + bytes->length, text, length);
	bytes->length += length;
}

static void add_field(struct bytes *bytes, const char *keyword, const char *value)
{
	const char size = (char)strlen(value);
	add(bytes, keyword, 2);
	add(bytes, &size, 1);
	add(bytes, value, strlen(value));
}

static size_t open_section(struct bytes *bytes, uint8_t tag)
{
	add(bytes, (const char[]){(char)tag, 0, 0}, 3);
	return bytes->length;
}

static void close_section(struct bytes *bytes, size_t start)
{
	bytes->data[start - 2] = (uint8_t)(bytes->length - start);
	bytes->data[start - 1] = (uint8_t)((bytes->length - start) >> 8);
}

/* The checksum is in the section, whose length is known then. */
static void close_readonly(struct bytes *bytes, size_t start)
{
	uint8_t sum = 0;
	add(bytes, "RV\1\0", 4);
	close_section(bytes, start);
	for (size_t i = 0; i < bytes->length; i++)
		sum = (uint8_t)(sum + bytes->data[i]);
	bytes->data[bytes->length - 1] = (uint8_t)-sum;
}

static struct bytes card(void)
{
	struct bytes bytes = {0};
	size_t start = open_section(&bytes, 0x82);
	add(&bytes, " A card ", 8);
	close_section(&bytes, start);
	start = open_section(&bytes, 0x90);
	add_field(&bytes, "PN", " P7\t");
	add_field(&bytes, "SN", "1\x7f");
	add_field(&bytes, "V0", "first");
	add_field(&bytes, "V0", "second");
	add_field(&bytes, "VZ", "");
	add_field(&bytes, "XX", "\xff\xff");
	close_readonly(&bytes, start);
	start = open_section(&bytes, 0x91);
	add_field(&bytes, "YA", "tag");
	add_field(&bytes, "Y5", "system");
	add_field(&bytes, "RW", "\1\2\3");
	close_section(&bytes, start);
	add(&bytes, "\x78", 1);
	return bytes;
}

static int parse(const struct bytes *bytes, const struct pp_vpd **ret_vpd)
{
	/* exactly as long as it is, so that a read behind it is seen */
	uint8_t *copy = malloc(bytes->length ? bytes->length : 1);
	memcpy(copy, bytes->data, bytes->length);
	int r = pp_vpd_parse(copy, bytes->length, arena, ret_vpd);
	free(copy);
	return r;
}

static void test_card(void **state)
{
	const struct bytes bytes = card();
	const struct pp_vpd *vpd;
	assert_int_equal(parse(&bytes, &vpd), 0);
	assert_string_equal(vpd->name, "A card");
	assert_true(vpd->readonly && vpd->readwrite);
	assert_string_equal(vpd->part_number, "P7");
	assert_null(vpd->serial_number);
	assert_int_equal(vpd->n_vendor, 2);
	assert_string_equal(vpd->vendor[0].value, "second");
	assert_string_equal(vpd->vendor[1].value, "");
	assert_string_equal(vpd->asset_tag, "tag");
	assert_int_equal(vpd->n_system_rw, 1);
	assert_int_equal(vpd->system_rw[0].index, '5');
}

/* Cut anywhere it is refused, with any one byte changed it is survived. */
static void test_cut_and_changed(void **state)
{
	const struct bytes whole = card();
	const struct pp_vpd *vpd = NULL;
	for (size_t length = 0; length < whole.length; length++) {
		struct bytes cut = whole;
		cut.length = length;
		assert_int_equal(parse(&cut, &vpd), -EINVAL);
		assert_null(vpd);
	}
	for (size_t i = 0; i < whole.length * 256; i++) {
		struct bytes changed = whole;
		changed.data[i / 256] = (uint8_t)i;
		parse(&changed, &vpd);
	}
}

static void test_refused(void **state)
{
	const struct pp_vpd *vpd = NULL;
	struct bytes bytes = card();
	bytes.data[20] ^= 1; /* checksum */
	assert_int_equal(parse(&bytes, &vpd), -EINVAL);

	bytes = (struct bytes){.data = {0x78}, .length = 1}; /* nothing that can be read only */
	assert_int_equal(parse(&bytes, &vpd), -EINVAL);

	bytes = (struct bytes){0}; /* a checksum that is not the last */
	size_t start = open_section(&bytes, 0x90);
	add(&bytes, "RV\1\0", 4);
	add_field(&bytes, "PN", "1");
	close_section(&bytes, start);
	add(&bytes, "\x78", 1);
	assert_int_equal(parse(&bytes, &vpd), -EINVAL);
	assert_null(vpd);
}

static int setup(void **state)
{
	arena = pp_arena_new();
	return arena ? 0 : -1;
}
static int teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_card),
		cmocka_unit_test(test_cut_and_changed),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
