/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/options.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include <string.h>

struct parser {
	const struct pp_option *options;
	size_t n_options;
	int argc, at;
	char *const *argv;
	struct pp_error *error;
};

static void suggest(const struct parser *parser, const char *name)
{
	const char **names = calloc(parser->n_options + 1, sizeof(*names));
	if (!names)
		return;
	for (size_t i = 0; i < parser->n_options; i++)
		names[i] = parser->options[i].name;
	const char *nearest = pp_text_nearest(name, names);
	if (nearest)
		pp_error_remedy(parser->error, "did you mean --%s?", nearest);
	free(names);
}

/* Takes one option; ARGUMENT is NULL where it has not been seen yet. */
static int take(struct parser *parser, const struct pp_option *option, const char *argument)
{
	if (!option->argument && argument)
		return pp_error_set(parser->error, PP_STATUS_USAGE, EINVAL,
			"option --%s takes no argument, but '%s' was given", option->name,
			argument);
	if (option->argument && !argument) {
		if (parser->at + 1 >= parser->argc)
			return pp_error_set(parser->error, PP_STATUS_USAGE, EINVAL,
				"option --%s needs an argument: --%s %s", option->name,
				option->name, option->argument);
		argument = parser->argv[++parser->at];
	}
	if (option->set)
		*option->set = true;
	if (argument && option->value)
		*option->value = argument;
	if (argument && option->all && *option->n_all >= option->room)
		return pp_error_set(parser->error, PP_STATUS_USAGE, E2BIG,
			"option --%s was given more than %zu times", option->name, option->room);
	if (argument && option->all)
		option->all[(*option->n_all)++] = argument;
	return 0;
}

static int long_option(struct parser *parser, const char *text)
{
	size_t length = strcspn(text, "=");
	const char *argument = text[length] ? text + length + 1 : NULL;
	for (size_t i = 0; i < parser->n_options; i++) {
		const char *name = parser->options[i].name;
		if (strlen(name) == length && memcmp(name, text, length) == 0)
			return take(parser, &parser->options[i], argument);
	}
	PP_FREE char *name = strndup(text, length);
	if (!name)
		return pp_error_oom(parser->error);
	pp_error_set(parser->error, PP_STATUS_USAGE, EINVAL, "unknown option --%s", name);
	suggest(parser, name);
	return -EINVAL;
}

static int letters(struct parser *parser, const char *text)
{
	for (; *text; text++) {
		const struct pp_option *option = NULL;
		for (size_t i = 0; i < parser->n_options && !option; i++)
			if (parser->options[i].letter == *text)
				option = &parser->options[i];
		if (!option)
			return pp_error_set(
				parser->error, PP_STATUS_USAGE, EINVAL, "unknown option -%s", text);
		if (option->argument)
			return take(parser, option, text[1] ? text + 1 : NULL);
		int r = take(parser, option, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

int pp_options_parse(const struct pp_option *options, size_t n_options, int argc, char *const *argv,
	const char **words, size_t *ret_n_words, struct pp_error *error)
{
	struct parser parser = {.options = options,
		.n_options = n_options,
		.argc = argc,
		.argv = argv,
		.error = error};
	size_t n_words = 0;
	bool ended = false;
	for (; parser.at < argc; parser.at++) {
		const char *text = argv[parser.at];
		int r = 0;
		if (ended || text[0] != '-' || !text[1])
			words[n_words++] = text;
		else if (strcmp(text, "--") == 0)
			ended = true;
		else if (text[1] == '-')
			r = long_option(&parser, text + 2);
		else
			r = letters(&parser, text + 1);
		if (r < 0)
			return r;
	}
	*ret_n_words = n_words;
	return 0;
}
