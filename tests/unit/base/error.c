/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void set_fills_and_returns(void **state)
{
	struct pp_error error;
	assert_int_equal(
		pp_error_set(&error, PP_STATUS_IN_USE, EBUSY, "%s is busy", "sda"), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	assert_int_equal(error.code, EBUSY);
	assert_string_equal(error.text, "sda is busy");
	assert_string_equal(error.id, "");
	assert_string_equal(error.remedy, "");
}

static void codes_of_either_sign(void **state)
{
	struct pp_error error;
	assert_int_equal(pp_error_set(&error, PP_STATUS_FAILED, -EPERM, "x"), -EPERM);
	assert_int_equal(pp_error_set(&error, PP_STATUS_FAILED, 0, "x"), -EIO);
	assert_int_equal(error.code, EIO);
}

static void null_errors_only_return(void **state)
{
	assert_int_equal(pp_error_set(NULL, PP_STATUS_FAILED, ENOENT, "x"), -ENOENT);
	assert_int_equal(pp_error_errno(NULL, -ENOENT, "x"), -ENOENT);
	assert_int_equal(pp_error_wrap(NULL, "x"), -EIO);
	assert_int_equal(pp_error_oom(NULL), -ENOMEM);
	pp_error_remedy(NULL, "x");
	pp_error_id(NULL, "x");
	pp_error_clear(NULL);
}

static void errno_is_said(void **state)
{
	struct pp_error error;
	assert_int_equal(pp_error_errno(&error, -ENOENT, "cannot open %s", "/x"), -ENOENT);
	assert_string_equal(error.text, "cannot open /x: No such file or directory");
	assert_int_equal(error.status, PP_STATUS_FAILED);
}

static void wrap_keeps_all_but_the_text(void **state)
{
	struct pp_error error;
	pp_error_set(&error, PP_STATUS_NOT_READY, ENODEV, "not there");
	pp_error_id(&error, "no-device");
	pp_error_remedy(&error, "plug it in");
	assert_int_equal(pp_error_wrap(&error, "device %d", 7), -ENODEV);
	assert_string_equal(error.text, "device 7: not there");
	assert_string_equal(error.remedy, "plug it in");
	assert_string_equal(error.id, "no-device");
	assert_int_equal(error.status, PP_STATUS_NOT_READY);
}

static void the_old_text_may_be_an_argument(void **state)
{
	struct pp_error error;
	pp_error_set(&error, PP_STATUS_FAILED, EIO, "inner");
	pp_error_set(&error, PP_STATUS_USAGE, EINVAL, "outer (%s)", error.text);
	assert_string_equal(error.text, "outer (inner)");
}

static void long_text_is_cut_between_characters(void **state)
{
	struct pp_error error;
	char text[3001];
	for (size_t i = 0; i < 3000; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[3000] = '\0';
	for (int shift = 0; shift < 4; shift++) {
		pp_error_set(&error, PP_STATUS_FAILED, EIO, "%.*s%s", shift, "....", text);
		size_t length = strlen(error.text);
		assert_true(length < sizeof(error.text) && length + 3 >= sizeof(error.text) - 1);
		assert_int_equal((length - (size_t)shift) % 3, 0);
		pp_error_remedy(&error, "%.*s%s", shift, "....", text);
		assert_int_equal((strlen(error.remedy) - (size_t)shift) % 3, 0);
		pp_error_wrap(&error, "%s", text);
		assert_true(pp_utf8_valid(error.text, strlen(error.text)));
	}
}

static void a_long_prefix_keeps_the_cause(void **state)
{
	struct pp_error error;
	pp_error_set(&error, PP_STATUS_FAILED, EIO, "the cause");
	pp_error_wrap(&error, "%5000d", 1);
	assert_non_null(strstr(error.text, ": the cause"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_and_returns),
		cmocka_unit_test(codes_of_either_sign),
		cmocka_unit_test(null_errors_only_return),
		cmocka_unit_test(errno_is_said),
		cmocka_unit_test(wrap_keeps_all_but_the_text),
		cmocka_unit_test(the_old_text_may_be_an_argument),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(a_long_prefix_keeps_the_cause),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
