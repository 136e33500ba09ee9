/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which units go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "pool/prefer.h"
#include <string.h>

/* Four on node 0 (two below each of two root complexes), two on node 1. */
static const struct pp_candidate machine[] = {
	{"a", 0, "pci0000:00", false, false},
	{"b", 0, "pci0000:40", false, false},
	{"c", 0, "pci0000:00", false, false},
	{"d", 0, "pci0000:40", false, false},
	{"e", 1, "pci0000:80", false, false},
	{"f", 1, "pci0000:80", false, false},
};

static void expect(const char *must, size_t count, const char *words)
{
	struct pp_candidate items[PP_COUNT(machine)];
	char chosen[16] = "";
	memcpy(items, machine, sizeof(machine));
	for (size_t i = 0; i < PP_COUNT(items); i++)
		items[i].must = strchr(must, items[i].id[0]) != NULL;
	assert_int_equal(pp_candidates_choose(items, PP_COUNT(items), count), 0);
	for (size_t i = 0; i < PP_COUNT(items); i++)
		if (items[i].chosen)
			strcat(chosen, items[i].id);
	assert_string_equal(chosen, words);
}

static void test_choose(void **state)
{
	(void)state;
	expect("", 0, "");
	expect("", 2, "ef");  /* the smallest place that has room */
	expect("", 1, "e");   /* large places stay whole */
	expect("", 3, "abc"); /* one node */
	expect("a", 2, "ac"); /* beside what it must have, below its root */
	expect("f", 2, "ef");
	expect("d", 3, "abd");  /* its node, then the first */
	expect("ae", 3, "aef"); /* the smaller of the two */
	expect("", 6, "abcdef");
	expect("abcdef", 6, "abcdef");
}

static void test_impossible(void **state)
{
	(void)state;
	struct pp_candidate items[2] = {{"a", 0, "x", true, false}, {"b", 0, "x", true, false}};
	assert_int_equal(pp_candidates_choose(items, 2, 1), -EINVAL);
	assert_int_equal(pp_candidates_choose(items, 2, 3), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_impossible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
