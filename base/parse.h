/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict parsing of numbers and words: the whole text or -EINVAL; out of range is -ERANGE. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* BASE 10 or 16 (an 0x prefix is allowed with 16) or 0 (prefix decides, no octal). No sign, no
 * blanks. */
int pp_parse_u64(const char *text, int base, uint64_t max, uint64_t *ret_value);
int pp_parse_u32(const char *text, int base, uint32_t *ret_value);
int pp_parse_int(const char *text, int *ret_value); /* decimal, a leading - is allowed */
/* The leading digits of TEXT; *ret_end is behind them. -EINVAL without a digit. */
int pp_parse_prefix(
	const char *text, int base, uint64_t max, uint64_t *ret_value, const char **ret_end);
/* "512", "512k", "2M", "4G", "1KiB", "1KB" ... in bytes; UNIT is what a bare number counts in. */
int pp_parse_size(const char *text, uint64_t unit, uint64_t *ret_bytes);
int pp_parse_hex_bytes(const char *text, uint8_t *bytes, size_t size, size_t *ret_length);
/* The leading "52:54:00:12:34:56" of TEXT; *ret_end is behind it. */
bool pp_parse_mac(const char *text, uint8_t mac[6], const char **ret_end);
bool pp_text_is(const char *a, const char *b); /* NULL-safe equality */
bool pp_text_starts(const char *text, const char *prefix);
bool pp_text_ends(const char *text, const char *suffix);
/* The next word of *cursor, split at any of SEPARATORS; false at the end. Does not change the text.
 */
bool pp_text_word(
	const char **cursor, const char *separators, const char **ret_word, size_t *ret_length);
/* How many edits make A into B (Damerau-Levenshtein), for "did you mean". */
unsigned pp_text_distance(const char *a, const char *b);
/* The nearest of a NULL-terminated list, or NULL when none is near enough to be meant. */
const char *pp_text_nearest(const char *text, const char *const *list);

#endif
