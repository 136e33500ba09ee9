/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"
#include <errno.h>

static void good_addresses(void **state)
{
	static const struct {
		const char *text, *full;
	} cases[] = {
		{"0000:00:1a.7", "0000:00:1a.7"},
		{"00:1a.7", "0000:00:1a.7"},
		{"0:1a.7", "0000:00:1a.7"},
		{"FF:1F.0", "0000:ff:1f.0"},
		{"10000:e1:00.0", "10000:e1:00.0"},
		{"ffffffff:ff:1f.7", "ffffffff:ff:1f.7"},
		{"1:2:3.4", "0001:02:03.4"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pp_address address;
		char text[PP_ADDRESS_SIZE];
		assert_int_equal(pp_address_parse(cases[i].text, &address), 0);
		assert_string_equal(pp_address_text(&address, text), cases[i].full);
	}
}

static void bad_addresses(void **state)
{
	static const char *const invalid[] = {"", ":", ".", "::.", "00:1a", "1a.7", "00:1a.",
		"00:.7", ":1a.7", "0000:00:1a.7 ", " 00:1a.7", "00:1a.7x", "00:1a.77", "000:1a.7",
		"00:1aa.7", "123456789:00:1a.7", "0x00:1a.7", "00:0x1.0", "-1:1a.7", "00:1a:7",
		"a:b:c:d.0", "0000:00:1a.g", "0000:zz:1a.0"};
	static const char *const over[] = {"00:20.0", "00:1a.8", "0000:00:ff.0", "00:1f.f"};
	struct pp_address address = {1, 2, 3, 4};
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		if (pp_address_parse(invalid[i], &address) != -EINVAL)
			fail_msg("\"%s\" was taken", invalid[i]);
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		assert_int_equal(pp_address_parse(over[i], &address), -ERANGE);
	assert_int_equal(pp_address_parse(NULL, &address), -EINVAL);
	assert_int_equal(address.domain, 1); /* untouched */
	assert_int_equal(address.function, 4);
}

static void order(void **state)
{
	static const char *const sorted[] = {"0000:00:00.0", "0000:00:00.1", "0000:00:01.0",
		"0000:01:00.0", "0001:00:00.0", "2000:00:00.0", "10000:00:00.0"};
	for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++) {
		for (size_t k = 0; k < sizeof(sorted) / sizeof(sorted[0]); k++) {
			struct pp_address a, b;
			pp_address_parse(sorted[i], &a);
			pp_address_parse(sorted[k], &b);
			int want = i < k ? -1 : i > k;
			assert_int_equal(pp_address_compare(&a, &b), want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
