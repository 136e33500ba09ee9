/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8: whether text is it, and text made it. Overlong forms, surrogates and values above U+10FFFF
 * are not. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes of TEXT are valid from its start. */
size_t pp_utf8_valid_length(const char *text, size_t length);
bool pp_utf8_valid(const char *text, size_t length);
/* A copy with U+FFFD in the place of each byte that is not; the caller frees. */
char *pp_utf8_clean(const char *text, size_t length);

#endif
