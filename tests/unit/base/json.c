/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char *const good[] = {
	"{}",
	"[]",
	" [ 1 , -2 , 3.5e10, 1E+2 ] ",
	"\"x\"",
	"12",
	"true",
	"null",
	"false",
	"{\"a\":{\"b\":[null,true,false]}}",
	"\"\\u20ac\\n\\\"\\\\\"",
	"\"/* not a comment */\"",
	"\"NaN 'x' Infinity\"",
	"\"\xe2\x82\xac\"",
	"9223372036854775807",
	"\n{ }\n",
	"\"\"",
};
static const char *const bad[] = {
	"",
	" ",
	"{",
	"}",
	"[1,]",
	"[1 2]",
	"{\"a\":}",
	"{\"a\" 1}",
	"{a:1}",
	"{'a':1}",
	"[1]]",
	"{} {}",
	"1 2",
	"tru",
	"True",
	"TRUE",
	"nul",
	"NaN",
	"nan",
	"Infinity",
	"-Infinity",
	"[-]",
	"// x\n1",
	"/* x */ 1",
	"[1]/**/",
	"\"a\nb\"",
	"\"\t\"",
	"\"",
	"\"\\x\"",
	"\"\\u12\"",
	"+1",
	"0x10",
	"\"\xff\"",
	"\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"",
	"\xef\xbb\xbf{}",
	"{\"a\":1,}",
	"[,1]",
	"{\"a\":1 \"b\":2}",
	"01",
	"1.",
	".5",
	"1e",
	"--1",
	"[1e+]",
	"truex",
	"[truefalse]",
};

static void strict(void **state)
{
	for (size_t i = 0; i < PP_COUNT(good); i++) {
		struct pp_json *value = NULL;
		struct pp_error error = {0};
		if (pp_json_parse(good[i], strlen(good[i]), &value, &error) != 0)
			fail_msg("refused: %s: %s", good[i], error.text);
		pp_json_free(value);
	}
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		struct pp_json *value = NULL;
		struct pp_error error = {0};
		if (pp_json_parse(bad[i], strlen(bad[i]), &value, &error) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_null(value);
		assert_true(strncmp(error.text, "JSON is not valid at line ", 26) == 0);
	}
}

static void a_nul_is_not_the_end(void **state)
{
	struct pp_json *value = NULL;
	assert_int_equal(pp_json_parse("{}\0x", 4, &value, NULL), -EINVAL);
	assert_int_equal(pp_json_parse("\"a\0b\"", 5, &value, NULL), -EINVAL);
	assert_int_equal(pp_json_parse("[1\0]", 4, &value, NULL), -EINVAL);
	assert_null(value);
}

static void every_truncation_is_refused(void **state)
{
	static const char text[] =
		"{\"execute\":\"x\",\"a\":[1,-2.5e3,true,null,\"\\u20ac\xe2\x82\xac\"]}";
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct pp_json *value = NULL;
		if (pp_json_parse(text, n, &value, NULL) == 0)
			fail_msg("taken: %.*s", (int)n, text);
	}
}

static char *nested(size_t depth)
{
	char *text = malloc(depth * 2 + 1);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[depth * 2] = '\0';
	return text;
}

static void half_a_pair_is_replaced(void **state)
{
	struct pp_json *value = NULL;
	assert_int_equal(pp_json_parse("\"\\ud800\"", 8, &value, NULL), 0);
	assert_string_equal(pp_json_text_of(value), "\xef\xbf\xbd");
	pp_json_free(value);
}

static void depth_has_an_end(void **state)
{
	static const size_t depths[] = {60, 63, 66, 100000};
	for (size_t i = 0; i < PP_COUNT(depths); i++) {
		PP_FREE char *text = nested(depths[i]);
		struct pp_json *value = NULL;
		int r = pp_json_parse(text, strlen(text), &value, NULL);
		assert_int_equal(r, depths[i] <= 64 ? 0 : -EINVAL);
		pp_json_free(value);
	}
}

static void values(void **state)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	struct pp_json *array = pp_json_array();
	assert_int_equal(pp_json_set_string(object, "s", "text"), 0);
	assert_int_equal(pp_json_set_string(object, "n", NULL), 0);
	assert_int_equal(pp_json_set_int(object, "i", INT64_MIN), 0);
	assert_int_equal(pp_json_set_bool(object, "b", true), 0);
	assert_int_equal(pp_json_add_string(array, "x"), 0);
	assert_int_equal(pp_json_add(array, pp_json_int(7)), 0);
	assert_int_equal(pp_json_set(object, "a", array), 0);

	int64_t number = 0;
	bool yes = false;
	assert_string_equal(pp_json_get_string(object, "s"), "text");
	assert_null(pp_json_get_string(object, "n"));
	assert_null(pp_json_get_string(object, "i"));
	assert_null(pp_json_get_string(object, "missing"));
	assert_null(pp_json_get_string(NULL, "s"));
	assert_null(pp_json_get(array, "s"));
	assert_int_equal(pp_json_get_int(object, "i", &number), 0);
	assert_true(number == INT64_MIN);
	assert_int_equal(pp_json_get_int(object, "s", &number), -EINVAL);
	assert_int_equal(pp_json_get_bool(object, "b", &yes), 0);
	assert_true(yes);
	assert_int_equal(pp_json_get_bool(object, "i", &yes), -EINVAL);
	assert_int_equal(pp_json_length(array), 2);
	assert_int_equal(pp_json_length(object), 0);
	assert_string_equal(pp_json_text_of(pp_json_at(array, 0)), "x");
	assert_null(pp_json_at(array, 2));
	assert_true(pp_json_is_object(object) && pp_json_is_array(array));

	PP_CLEANUP(pp_json_freep) struct pp_json *copy = pp_json_copy(object);
	PP_FREE char *one = pp_json_print(object, false), *two = pp_json_print(copy, false);
	assert_string_equal(one, "{\"s\":\"text\",\"n\":null,\"i\":-9223372036854775808,\"b\":true,"
				 "\"a\":[\"x\",7]}");
	assert_string_equal(one, two);
	assert_null(pp_json_copy(NULL));
}

static void pretty(void **state)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	struct pp_json *array = pp_json_array();
	pp_json_add_string(array, "/sys");
	pp_json_set(object, "a", array);
	pp_json_set(object, "b", pp_json_array());
	pp_json_set(object, "c", pp_json_object());
	PP_FREE char *text = pp_json_print(object, true);
	assert_string_equal(
		text, "{\n  \"a\": [\n    \"/sys\"\n  ],\n  \"b\": [\n  ],\n  \"c\": {\n  }\n}");
}

static void bad_bytes_are_replaced(void **state)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *object = pp_json_object();
	assert_int_equal(pp_json_set_string(object, "k\xff", "a\xff\xc3z\xe2\x82"), 0);
	PP_FREE char *text = pp_json_print(object, false);
	assert_true(pp_utf8_valid(text, strlen(text)));
	assert_string_equal(
		text, "{\"k\xef\xbf\xbd\":\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"}");
}

static int count_key(const char *key, const struct pp_json *value, void *data)
{
	int *n = data;
	return ++*n == 2 ? 42 : 0;
}

static void each(void **state)
{
	struct pp_json *value = NULL;
	int n = 0;
	assert_int_equal(pp_json_parse("{\"a\":1,\"b\":2,\"c\":3}", 19, &value, NULL), 0);
	assert_int_equal(pp_json_each(value, count_key, &n), 42);
	assert_int_equal(n, 2);
	assert_int_equal(pp_json_each(NULL, count_key, &n), -EINVAL);
	pp_json_free(value);
}

static void a_stream_by_single_bytes(void **state)
{
	static const char text[] = "{\"QMP\": {}}\r\n{\"a\":\"}{\\\"\\\\\"}[1]\n";
	PP_CLEANUP(pp_json_stream_freep) struct pp_json_stream *stream = pp_json_stream_new(100);
	char all[200] = "";
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(pp_json_stream_feed(stream, text + i, 1), 0);
		struct pp_json *value;
		int r;
		while ((r = pp_json_stream_next(stream, &value)) > 0) {
			PP_FREE char *one = pp_json_print(value, false);
			strcat(all, one);
			strcat(all, ";");
			pp_json_free(value);
		}
		assert_int_equal(r, 0);
		assert_null(value);
	}
	assert_string_equal(all, "{\"QMP\":{}};{\"a\":\"}{\\\"\\\\\"};[1];");
}

static void a_stream_at_once(void **state)
{
	PP_CLEANUP(pp_json_stream_freep)
	struct pp_json_stream *stream = pp_json_stream_new(1 << 20);
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (int i = 0; i < 1000; i++)
		pp_buffer_printf(&text, "{\"n\":%d}\n", i);
	pp_json_stream_feed(stream, text.data, text.length);
	struct pp_json *value;
	for (int i = 0; i < 1000; i++) {
		int64_t n;
		assert_int_equal(pp_json_stream_next(stream, &value), 1);
		assert_int_equal(pp_json_get_int(value, "n", &n), 0);
		assert_int_equal(n, i);
		pp_json_free(value);
	}
	assert_int_equal(pp_json_stream_next(stream, &value), 0);
}

static void a_stream_of_rubbish(void **state)
{
	struct pp_json *value;
	PP_CLEANUP(pp_json_stream_freep) struct pp_json_stream *stream = pp_json_stream_new(50);
	pp_json_stream_feed(stream, "hello", 5);
	assert_int_equal(pp_json_stream_next(stream, &value), -EINVAL);
	pp_json_stream_free(stream);
	stream = pp_json_stream_new(50);
	pp_json_stream_feed(stream, "{]{\"a\":1}", 9);
	assert_int_equal(pp_json_stream_next(stream, &value), -EINVAL);
	/* It goes on behind what was wrong. */
	assert_int_equal(pp_json_stream_next(stream, &value), 1);
	pp_json_free(value);
	char many[100];
	memset(many, ' ', sizeof(many));
	many[0] = '[';
	pp_json_stream_feed(stream, many, sizeof(many));
	assert_int_equal(pp_json_stream_next(stream, &value), -EFBIG);
	pp_json_stream_free(NULL);
}

static void blanks_do_not_pile_up(void **state)
{
	struct pp_json *value;
	PP_CLEANUP(pp_json_stream_freep) struct pp_json_stream *stream = pp_json_stream_new(50);
	for (int i = 0; i < 200; i++) {
		pp_json_stream_feed(stream, " \n", 2);
		assert_int_equal(pp_json_stream_next(stream, &value), 0);
	}
	pp_json_stream_feed(stream, "[]", 2);
	assert_int_equal(pp_json_stream_next(stream, &value), 1);
	pp_json_free(value);
}

static void utf8(void **state)
{
	assert_true(pp_utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 14));
	assert_int_equal(pp_utf8_valid_length("ab\xf0\x9f\x98", 5), 2);
	assert_false(pp_utf8_valid("\xf4\x90\x80\x80", 4));
	assert_false(pp_utf8_valid("\xf0\x80\x80\x80", 4));
	assert_false(pp_utf8_valid("\x80", 1));
	PP_FREE char *clean = pp_utf8_clean("", 0);
	assert_string_equal(clean, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),
		cmocka_unit_test(a_nul_is_not_the_end),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(half_a_pair_is_replaced),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(values),
		cmocka_unit_test(pretty),
		cmocka_unit_test(bad_bytes_are_replaced),
		cmocka_unit_test(each),
		cmocka_unit_test(a_stream_by_single_bytes),
		cmocka_unit_test(a_stream_at_once),
		cmocka_unit_test(a_stream_of_rubbish),
		cmocka_unit_test(blanks_do_not_pile_up),
		cmocka_unit_test(utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
