/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/vfio/register.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct pp_register *of(uint32_t class_code, uint16_t vendor, uint16_t product)
{
	struct pp_device device = {.class_code = class_code, .vendor = vendor, .product = product};
	return pp_register_of(&device);
}

static void test_known(void **state)
{
	assert_string_equal(of(0x010802, 0x144d, 0xa80a)->name, "NVMe VS");
	assert_int_equal(of(0x010601, 0x8086, 0x2922)->bar, 5);
	assert_int_equal(of(0x020000, 0x8086, 0x10d3)->offset, 8);
	assert_int_equal(of(0x00ff00, 0x1234, 0x11e8)->offset, 0);
}

/* A network card that is not known may have a read-to-clear register anywhere. */
static void test_unknown(void **state)
{
	assert_null(of(0x020000, 0x8086, 0xffff));
	assert_null(of(0x020000, 0x10ec, 0x10d3));
	assert_null(of(0x0c0300, 0x8086, 0x2937));
	assert_null(of(0x030000, 0x10de, 0x2484));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
