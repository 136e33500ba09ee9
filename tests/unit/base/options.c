/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static bool tree, all;
static const char *columns, *last;
static const char *force[16];
static size_t n_force;
static const struct pp_option options[] = {
	{"tree", 0, NULL, "a tree", &tree, NULL},
	{"all", 'a', NULL, "all", &all, NULL},
	{"output", 'o', "COLUMNS", "columns", NULL, &columns},
	{"force-for", 0, "NAME", "force", NULL, &last, force, &n_force, 3},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static struct pp_error error;
static const char *words[16];
static size_t n_words;

static int parse(int argc, const char *const *argv)
{
	tree = all = false;
	columns = last = NULL;
	n_force = n_words = 0;
	memset(&error, 0, sizeof(error));
	return pp_options_parse(
		options, N_OPTIONS, argc, (char *const *)argv, words, &n_words, &error);
}
#define PARSE(...)                                                                                 \
	parse(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                         \
		(const char *const[]){__VA_ARGS__})

static void every_form(void **state)
{
	assert_int_equal(PARSE("x", "--tree", "-ao", "A,B", "y"), 0);
	assert_true(tree && all);
	assert_string_equal(columns, "A,B");
	assert_int_equal(n_words, 2);
	assert_string_equal(words[0], "x");
	assert_string_equal(words[1], "y");
	assert_int_equal(PARSE("--output=A=B"), 0);
	assert_string_equal(columns, "A=B");
	assert_int_equal(PARSE("--output="), 0);
	assert_string_equal(columns, "");
	assert_int_equal(PARSE("-oX"), 0);
	assert_string_equal(columns, "X");
	assert_int_equal(PARSE("--output", "--tree"), 0);
	assert_string_equal(columns, "--tree");
	assert_false(tree);
	assert_int_equal(PARSE("-", "--", "--tree", "--", ""), 0);
	assert_int_equal(n_words, 4);
	assert_false(tree);
	assert_int_equal(parse(0, NULL), 0);
}

static void repeated(void **state)
{
	assert_int_equal(PARSE("--force-for", "sda", "--force-for=eth0"), 0);
	assert_int_equal(n_force, 2);
	assert_string_equal(force[0], "sda");
	assert_string_equal(force[1], "eth0");
	assert_string_equal(last, "eth0");
	assert_int_equal(
		PARSE("--force-for=a", "--force-for=b", "--force-for=c", "--force-for=d"), -E2BIG);
	assert_int_equal(error.status, PP_STATUS_USAGE);
}

static void wrong(void **state)
{
	assert_int_equal(PARSE("--tre"), -EINVAL);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	assert_string_equal(error.text, "unknown option --tre");
	assert_string_equal(error.remedy, "did you mean --tree?");
	assert_int_equal(PARSE("--quite-other"), -EINVAL);
	assert_string_equal(error.remedy, "");
	assert_int_equal(PARSE("-az"), -EINVAL);
	assert_string_equal(error.text, "unknown option -z");
	assert_int_equal(PARSE("--output"), -EINVAL);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	assert_int_equal(PARSE("-o"), -EINVAL);
	assert_int_equal(PARSE("--tree=yes"), -EINVAL);
	assert_int_equal(PARSE("--=x"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),
		cmocka_unit_test(repeated),
		cmocka_unit_test(wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
