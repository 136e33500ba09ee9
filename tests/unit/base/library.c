/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/library.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static double (*power)(double, double), (*other)(double);

static const struct pp_library_function functions[] = {{"pow", &power}, {"sqrt", &other}};
static const struct pp_library_function wrong[] = {{"pow", &power}, {"no_such_function", &other}};

static void loads_once(void **state)
{
	struct pp_library library = {.soname = "libm.so.6",
		.package = "libc6",
		.functions = functions,
		.n_functions = 2};
	struct pp_error error = {0};
	assert_int_equal(pp_library_load(&library, &error), 0);
	assert_true(library.loaded);
	assert_true(power(2, 10) == 1024 && other(81) == 9);
	power = NULL;
	assert_int_equal(pp_library_load(&library, &error), 0);
	assert_null(power); /* once */
}

static void not_installed(void **state)
{
	struct pp_library library = {
		.soname = "libpcipass-none.so.7", .package = "libpcipass-none"};
	struct pp_error error = {0};
	assert_int_equal(pp_library_load(&library, &error), -ELIBACC);
	assert_false(library.loaded);
	assert_non_null(strstr(error.text, "cannot load libpcipass-none.so.7"));
	assert_non_null(strstr(error.text, "package libpcipass-none"));
}

static void lacks_a_function(void **state)
{
	struct pp_library library = {
		.soname = "libm.so.6", .package = "libc6", .functions = wrong, .n_functions = 2};
	struct pp_error error = {0};
	assert_int_equal(pp_library_load(&library, &error), -ELIBACC);
	assert_false(library.loaded);
	assert_non_null(strstr(error.text, "no_such_function"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_once),
		cmocka_unit_test(not_installed),
		cmocka_unit_test(lacks_a_function),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
