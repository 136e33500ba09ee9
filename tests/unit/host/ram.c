/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/ram.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)

static void test_small(void **state)
{
	struct pp_ram_piece pieces[2];

	assert_int_equal(pp_ram_lay_out(GIB, true, false, pieces), 1);
	assert_int_equal(pieces[0].address, 0);
	assert_int_equal(pieces[0].size, GIB);
	/* q35 keeps its room below 4 GiB from 2.75 GiB on, i440fx from 3.5 GiB on */
	assert_int_equal(pp_ram_lay_out(0xb0000000 - 1, true, false, pieces), 1);
	assert_int_equal(pp_ram_lay_out(0xe0000000 - 1, false, false, pieces), 1);
}

static void test_split(void **state)
{
	struct pp_ram_piece pieces[2];

	assert_int_equal(pp_ram_lay_out(0xb0000000, true, false, pieces), 2);
	assert_int_equal(pieces[0].size, 2 * GIB);
	assert_int_equal(pieces[1].address, 4 * GIB);
	assert_int_equal(pieces[1].size, 0xb0000000 - 2 * GIB);
	assert_int_equal(pp_ram_lay_out(0xe0000000, false, false, pieces), 2);
	assert_int_equal(pieces[0].size, 3 * GIB);
}

static void test_hole(void **state)
{
	struct pp_ram_piece pieces[2];

	/* as much as fits below HyperTransport's hole, and one byte more */
	uint64_t fits = 0xfd00000000 - 2 * GIB;
	pp_ram_lay_out(fits, true, true, pieces);
	assert_int_equal(pieces[1].address, 4 * GIB);
	pp_ram_lay_out(fits + 1, true, true, pieces);
	assert_int_equal(pieces[1].address, 1024 * GIB);
	pp_ram_lay_out(fits + 1, true, false, pieces);
	assert_int_equal(pieces[1].address, 4 * GIB);
}

static void test_machine(void **state)
{
	assert_true(pp_machine_is_before("pc-q35-6.2", 7, 1));
	assert_true(pp_machine_is_before("pc-i440fx-7.0", 7, 1));
	assert_false(pp_machine_is_before("pc-q35-7.1", 7, 1));
	assert_false(pp_machine_is_before("pc-q35-10.0", 7, 1));
	assert_false(pp_machine_is_before("q35", 7, 1));
	assert_false(pp_machine_is_before("pc-", 7, 1));
	assert_false(pp_machine_is_before("pc-q35-99999999999999999999.1", 7, 1));
	assert_false(pp_machine_is_before(NULL, 7, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
