/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/words.h"
#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

int pp_words_next(const char **cursor, const char *end, enum pp_words_quoting quoting,
	const char **ret_word, size_t *ret_length)
{
	const char *at = *cursor;
	bool quoted = false;
	while (at < end && is_blank(*at))
		at++;
	const char *word = at;
	while (at < end && (quoted || !is_blank(*at))) {
		bool escape = quoting == PP_WORDS_ESCAPED && *at == '\\' && at + 1 < end;
		quoted ^= escape ? at[1] == '"' : *at == '"';
		at += escape ? 2 : 1;
	}
	if (quoted)
		return -EINVAL;
	*cursor = at;
	if (at == word)
		return 0;
	*ret_word = word;
	*ret_length = (size_t)(at - word);
	return 1;
}

/* Where a word has a parameter: the element behind its "=" and ",". "quiet" is its own element. */
static const char *element_of(
	const char *word, size_t length, const char *parameter, size_t *ret_length)
{
	const char *equals = strchr(parameter, '=');
	size_t key = equals ? (size_t)(equals - parameter) + 1 : 0;
	size_t wanted = strlen(parameter + key);
	const char *end = word + length;
	if (!equals) {
		*ret_length = length;
		return length == wanted && strncmp(word, parameter, wanted) == 0 ? word : NULL;
	}
	if (length < key || strncmp(word, parameter, key) != 0)
		return NULL;
	for (const char *at = word + key; at <= end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;
		*ret_length = wanted;
		if ((size_t)(stop - at) == wanted && strncmp(at, parameter + key, wanted) == 0)
			return at;
		at = stop + 1;
	}
	return NULL;
}

bool pp_words_has(const char *text, size_t length, const char *parameter)
{
	const char *at = text, *word;
	size_t size, element;
	while (pp_words_next(&at, text + length, PP_WORDS_PLAIN, &word, &size) > 0)
		if (element_of(word, size, parameter, &element))
			return true;
	return false;
}

bool pp_words_has_any(const char *text, size_t length, const char *const *parameters)
{
	for (; parameters && *parameters; parameters++)
		if (pp_words_has(text, length, *parameters))
			return true;
	return false;
}

bool pp_words_has_all(const char *text, size_t length, const char *const *parameters)
{
	for (; parameters && *parameters; parameters++)
		if (!pp_words_has(text, length, *parameters))
			return false;
	return true;
}

/* A word without the elements that are to go; empty: nothing of it stays. */
static int reduce(const char *word, size_t length, const char *const *remove, struct pp_buffer *out)
{
	pp_buffer_append(out, word, length);
	for (; remove && *remove; remove++) {
		size_t size;
		const char *found;
		while (!out->failed && out->length > 0 &&
			(found = element_of(out->data, out->length, *remove, &size))) {
			size_t start = (size_t)(found - out->data), end = start + size;
			bool first = start == 0 || out->data[start - 1] == '=';
			if (first && end == out->length) { /* its only one */
				pp_buffer_reset(out);
				break;
			}
			start -= !first;
			end += first;
			memmove(out->data + start, out->data + end, out->length - end + 1);
			out->length -= end - start;
		}
	}
	return out->failed;
}

static int add_missing(const struct pp_words_change *change, size_t start, struct pp_buffer *out)
{
	for (const char *const *add = change->add; add && *add; add++) {
		const char *own = pp_buffer_text(out) + (out->data ? start : 0);
		size_t length = out->length - start;
		if (pp_words_has(own, length, *add))
			continue;
		if (length > 0 && !is_blank(own[length - 1]))
			pp_buffer_putc(out, ' ');
		pp_buffer_puts(out, *add);
	}
	return out->failed;
}

int pp_words_edit(const char *text, size_t length, enum pp_words_quoting quoting,
	const struct pp_words_change *change, struct pp_buffer *out)
{
	const char *at = text, *end = text + length, *word, *last = text;
	size_t size, start = out->length;
	int r;
	while ((r = pp_words_next(&at, end, quoting, &word, &size)) > 0) {
		PP_BUFFER struct pp_buffer reduced = PP_BUFFER_INIT;
		if (reduce(word, size, change->remove, &reduced) < 0)
			return -ENOMEM;
		if (reduced.length == 0) { /* the blanks before it go along, or those behind */
			if (out->length == start && word == last)
				while (at < end && is_blank(*at))
					at++;
			last = at;
			continue;
		}
		pp_buffer_append(out, last, (size_t)(word - last));
		pp_buffer_append(out, reduced.data, reduced.length);
		last = at;
	}
	if (r < 0)
		return r;
	pp_buffer_append(out, last, (size_t)(end - last));
	return out->failed ? out->failed : add_missing(change, start, out);
}
