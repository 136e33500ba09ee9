/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void pieces_are_zeroed_and_apart(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	unsigned char *pieces[300];
	for (size_t i = 0; i < 300; i++) {
		size_t size = i * 37 % 5000;
		pieces[i] = pp_arena_alloc(arena, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)(i & 0xff), size);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t j = 0; j < i * 37 % 5000; j++)
			assert_int_equal(pieces[i][j], i & 0xff);
	pp_arena_free(arena);
}

static void a_large_piece_does_not_waste_the_chunk(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	char *small = pp_arena_strdup(arena, "a");
	assert_non_null(pp_arena_alloc(arena, (size_t)10 << 20));
	char *next = pp_arena_strdup(arena, "b");
	assert_ptr_equal(next, small + 16);
	pp_arena_free(arena);
}

static void impossible_sizes_are_refused(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	assert_null(pp_arena_alloc(arena, SIZE_MAX));
	assert_null(pp_arena_alloc(arena, SIZE_MAX - 20));
	assert_null(pp_arena_array(arena, SIZE_MAX / 2, 3));
	assert_null(pp_arena_strndup(arena, "", SIZE_MAX));
	assert_non_null(pp_arena_alloc(arena, 0));
	assert_non_null(pp_arena_array(arena, 0, 8));
	pp_arena_free(arena);
	pp_arena_free(NULL);
}

static void texts(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	assert_string_equal(pp_arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(pp_arena_printf(arena, "%s-%d", "x", 42), "x-42");
	assert_int_equal(strlen(pp_arena_printf(arena, "%20000d", 1)), 20000);
	assert_true(pp_arena_used(arena) >= 20000);
	pp_arena_free(arena);
}

static void growth_copies_and_zeroes(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	char *old = pp_arena_strdup(arena, "1234567");
	char *new = pp_arena_grow(arena, old, 8, 4096);
	assert_string_equal(new, "1234567");
	assert_int_equal(new[4095], 0);
	assert_string_equal(old, "1234567");
	assert_non_null(pp_arena_grow(arena, NULL, 0, 8));
	pp_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_apart),
		cmocka_unit_test(a_large_piece_does_not_waste_the_chunk),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(texts),
		cmocka_unit_test(growth_copies_and_zeroes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
