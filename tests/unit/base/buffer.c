/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void it_grows(void **state)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	assert_string_equal(pp_buffer_text(&buffer), "");
	for (int i = 0; i < 10000; i++)
		assert_int_equal(pp_buffer_printf(&buffer, "%d,", i % 10), 0);
	assert_int_equal(buffer.length, 20000);
	assert_int_equal(strlen(buffer.data), 20000);
	pp_buffer_reset(&buffer);
	assert_string_equal(pp_buffer_text(&buffer), "");
	pp_buffer_putc(&buffer, 'x');
	assert_string_equal(pp_buffer_text(&buffer), "x");
}

static void bytes_may_be_nul(void **state)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	pp_buffer_append(&buffer, "a\0b", 3);
	pp_buffer_append(&buffer, NULL, 0);
	assert_int_equal(buffer.length, 3);
	assert_memory_equal(buffer.data, "a\0b", 4);
}

static void xml_is_escaped(void **state)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	pp_buffer_put_xml(&buffer, "<a b='c'>&\"x");
	pp_buffer_put_xml(&buffer, "");
	assert_string_equal(pp_buffer_text(&buffer), "&lt;a b=&apos;c&apos;&gt;&amp;&quot;x");
}

static void marks_of_scdoc_are_escaped(void **state)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	pp_buffer_put_scdoc(&buffer, "a_b *c* <d> #e");
	assert_string_equal(pp_buffer_text(&buffer), "a\\_b \\*c\\* \\<d\\> \\#e");
}

static void taking_empties_it(void **state)
{
	struct pp_buffer buffer = PP_BUFFER_INIT;
	char *text = pp_buffer_take(&buffer);
	assert_string_equal(text, "");
	free(text);
	pp_buffer_puts(&buffer, "abc");
	text = pp_buffer_take(&buffer);
	assert_string_equal(text, "abc");
	assert_null(buffer.data);
	assert_int_equal(buffer.length, 0);
	free(text);
}

static void a_failure_is_remembered(void **state)
{
	struct pp_buffer buffer = PP_BUFFER_INIT;
	pp_buffer_puts(&buffer, "abc");
	assert_int_equal(pp_buffer_append(&buffer, "", SIZE_MAX - 1), -ENOMEM);
	assert_int_equal(pp_buffer_puts(&buffer, "d"), -ENOMEM);
	assert_int_equal(pp_buffer_put_xml(&buffer, "<"), -ENOMEM);
	assert_string_equal(pp_buffer_text(&buffer), "abc");
	assert_null(pp_buffer_take(&buffer));
	assert_int_equal(buffer.failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows),
		cmocka_unit_test(bytes_may_be_nul),
		cmocka_unit_test(xml_is_escaped),
		cmocka_unit_test(marks_of_scdoc_are_escaped),
		cmocka_unit_test(taking_empties_it),
		cmocka_unit_test(a_failure_is_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
