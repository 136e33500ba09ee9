/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of shell assignments, as /etc/default/grub: which values a few variables get, and an edit
 * of these values that leaves everything else as it is. What cannot be understood is a fault with
 * its line, never a guess. */
#ifndef LIB_SETUP_SHELL_H
#define LIB_SETUP_SHELL_H

#include "base/arena.h"
#include "lib/setup/words.h"

enum pp_shell_form {
	PP_SHELL_BARE,   /* NAME=value */
	PP_SHELL_DOUBLE, /* NAME="value" */
	PP_SHELL_SINGLE, /* NAME='value' */
	PP_SHELL_MIXED,  /* anything else */
};
struct pp_shell_assignment {
	const char *name; /* one of those asked for */
	bool append;      /* += */
	unsigned line;
	enum pp_shell_form form;
	size_t start, end; /* of the value in the text, within its quotes */
};
struct pp_shell {
	struct pp_shell_assignment *items;
	size_t n_items;
	unsigned fault_line; /* 0: all was understood */
	const char *fault;
};

/* NAMES: NULL-terminated. 0 or -ENOMEM; faults are in *ret_shell. */
int pp_shell_parse(struct pp_arena *arena, const char *text, size_t length,
	const char *const *names, struct pp_shell *ret_shell);
/* What a variable has after a file, which it had as VALUE before (NULL: unset); NULL: unset. */
const char *pp_shell_value(struct pp_arena *arena, const char *text, const struct pp_shell *shell,
	const char *name, const char *value);
/* Removes from all assignments; adds to the last one of the first of NAMES that has any, else as a
 * line of its own. -EINVAL: *ret_line and *ret_fault say why not. */
int pp_shell_edit(struct pp_arena *arena, const char *text, size_t length, const char *const *names,
	const struct pp_words_change *change, struct pp_buffer *out, unsigned *ret_line,
	const char **ret_fault);

#endif
