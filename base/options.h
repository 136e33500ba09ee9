/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of a verb: one table gives the parser, the help, the manual and the completion. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

struct pp_option {
	const char *name;     /* "tree", without dashes */
	char letter;          /* 'o' or 0 */
	const char *argument; /* "COLUMNS", NULL for a switch */
	const char *help;     /* one sentence */
	bool *set;            /* made true when given; may be NULL */
	const char **value;   /* the last argument given; may be NULL */
	const char **all;     /* every argument given; may be NULL */
	size_t *n_all;        /* how many, with ALL */
	size_t room;          /* how many there may be, with ALL */
};

/* Parses ARGV (without the verb): long options with "--name VALUE" or "--name=VALUE", letters, "--"
 * ends them; words may stand between. An unknown option is a usage error that names the nearest
 * one. The words, in order, are put into WORDS (room for argc pointers). */
int pp_options_parse(const struct pp_option *options, size_t n_options, int argc, char *const *argv,
	const char **words, size_t *ret_n_words, struct pp_error *error);

#endif
