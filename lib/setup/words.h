/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of a kernel command line, as it stands in some file: blanks between, quotes around
 * blanks. A word "key=a,b" has the parameters key=a and key=b. */
#ifndef LIB_SETUP_WORDS_H
#define LIB_SETUP_WORDS_H

#include "base/buffer.h"
#include <stdbool.h>

/* Parameters, "intel_iommu=on"; NULL-terminated lists, or NULL. */
struct pp_words_change {
	const char *const *add, *const *remove;
};

/* What quotes in the text: " as for the kernel; or, where the text stands in the shell's "...", \".
 */
enum pp_words_quoting { PP_WORDS_PLAIN, PP_WORDS_ESCAPED };

/* The next word of *cursor, which ends at END; 0: there is none, 1: there is; -EINVAL: a quote is
 * not closed. */
int pp_words_next(const char **cursor, const char *end, enum pp_words_quoting quoting,
	const char **ret_word, size_t *ret_length);
bool pp_words_has(const char *text, size_t length, const char *parameter);
/* Does any of a list stand in it. */
bool pp_words_has_any(const char *text, size_t length, const char *const *parameters);
/* All of a list stand in it. */
bool pp_words_has_all(const char *text, size_t length, const char *const *parameters);
/* TEXT with the change; what stays keeps its blanks. What is there is not added again. */
int pp_words_edit(const char *text, size_t length, enum pp_words_quoting quoting,
	const struct pp_words_change *change, struct pp_buffer *out);

#endif
