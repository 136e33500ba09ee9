/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* The digits at the start; the end is given also when the value does not fit (-ERANGE). */
static int scan(const char *text, int base, uint64_t *ret_value, const char **ret_end)
{
	bool prefixed =
		text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_value(text[2]) < 16;
	if (prefixed && base != 10) {
		text += 2;
		base = 16;
	}
	if (base == 0)
		base = 10;
	if (digit_value(*text) >= base)
		return -EINVAL;
	uint64_t value = 0;
	bool over = false;
	for (; digit_value(*text) < base; text++)
		over = over || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
		       __builtin_add_overflow(value, (uint64_t)digit_value(*text), &value);
	*ret_end = text;
	if (over)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int pp_parse_prefix(
	const char *text, int base, uint64_t max, uint64_t *ret_value, const char **ret_end)
{
	const char *end;
	uint64_t value;
	int r = text ? scan(text, base, &value, &end) : -EINVAL;
	if (r < 0)
		return r;
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	*ret_end = end;
	return 0;
}

int pp_parse_u64(const char *text, int base, uint64_t max, uint64_t *ret_value)
{
	const char *end;
	uint64_t value = 0;
	int r = text ? scan(text, base, &value, &end) : -EINVAL;
	if (r == -EINVAL || *end)
		return -EINVAL;
	if (r < 0 || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int pp_parse_u32(const char *text, int base, uint32_t *ret_value)
{
	uint64_t value;
	int r = pp_parse_u64(text, base, UINT32_MAX, &value);
	if (r < 0)
		return r;
	*ret_value = (uint32_t)value;
	return 0;
}

int pp_parse_int(const char *text, int *ret_value)
{
	uint64_t value;
	if (!text)
		return -EINVAL;
	bool minus = text[0] == '-';
	int r = pp_parse_u64(text + minus, 10, (uint64_t)INT_MAX + minus, &value);
	if (r < 0)
		return r;
	*ret_value = minus ? (int)-(int64_t)value : (int)value;
	return 0;
}

static int size_factor(const char *suffix, uint64_t unit, uint64_t *ret_factor)
{
	static const char letters[] = "kmgtpe";
	if (!*suffix) {
		*ret_factor = unit;
		return 0;
	}
	if (strcasecmp(suffix, "b") == 0 || strcasecmp(suffix, "byte") == 0 ||
		strcasecmp(suffix, "bytes") == 0) {
		*ret_factor = 1;
		return 0;
	}
	const char *letter = strchr(letters, suffix[0] | 0x20);
	if (!letter || !(suffix[0] & 0x40))
		return -EINVAL;
	uint64_t step;
	if (!suffix[1] || strcasecmp(suffix + 1, "ib") == 0)
		step = 1024;
	else if (strcasecmp(suffix + 1, "b") == 0)
		step = 1000;
	else
		return -EINVAL;
	uint64_t factor = 1;
	for (long i = 0; i <= letter - letters; i++)
		factor *= step;
	*ret_factor = factor;
	return 0;
}

int pp_parse_size(const char *text, uint64_t unit, uint64_t *ret_bytes)
{
	uint64_t value, factor, bytes;
	const char *end;
	if (!text)
		return -EINVAL;
	int r = pp_parse_prefix(text, 10, UINT64_MAX, &value, &end);
	if (r < 0)
		return r;
	r = size_factor(end, unit, &factor);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(value, factor, &bytes))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int pp_parse_hex_bytes(const char *text, uint8_t *bytes, size_t size, size_t *ret_length)
{
	size_t length = 0;
	while (*text) {
		if (*text == ' ') {
			text++;
			continue;
		}
		int high = digit_value(text[0]);
		int low = high < 16 ? digit_value(text[1]) : 99;
		if (low >= 16)
			return -EINVAL;
		if (length == size)
			return -ERANGE;
		bytes[length++] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	*ret_length = length;
	return 0;
}

bool pp_parse_mac(const char *text, uint8_t mac[6], const char **ret_end)
{
	uint8_t bytes[6];
	for (int i = 0; i < 6; i++, text += 3) {
		int high = digit_value(text[0]);
		int low = high < 16 ? digit_value(text[1]) : 99;
		if (low >= 16 || (i < 5 && text[2] != ':'))
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(mac, bytes, sizeof(bytes));
	*ret_end = text - 1;
	return true;
}

bool pp_text_is(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool pp_text_starts(const char *text, const char *prefix)
{
	return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool pp_text_ends(const char *text, const char *suffix)
{
	size_t length = text ? strlen(text) : 0, want = strlen(suffix);
	return text && length >= want && memcmp(text + length - want, suffix, want) == 0;
}

bool pp_text_word(
	const char **cursor, const char *separators, const char **ret_word, size_t *ret_length)
{
	const char *start = *cursor + strspn(*cursor, separators);
	size_t length = strcspn(start, separators);
	*cursor = start + length;
	if (length == 0)
		return false;
	*ret_word = start;
	*ret_length = length;
	return true;
}

#define DISTANCE_MAX 64

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned pp_text_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	if (la > DISTANCE_MAX || lb > DISTANCE_MAX)
		return strcmp(a, b) == 0 ? 0 : (unsigned)(la > lb ? la : lb);
	unsigned rows[3][DISTANCE_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= lb; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned change = last[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = min_of(change, min_of(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min_of(now[j], before[j - 2] + 1);
		}
		unsigned *old = before;
		before = last;
		last = now;
		now = old;
	}
	return last[lb];
}

const char *pp_text_nearest(const char *text, const char *const *list)
{
	size_t length = strlen(text);
	unsigned limit = length <= 2 ? 1 : length <= 5 ? 2 : 3;
	unsigned best = limit + 1;
	const char *nearest = NULL;
	for (; *list; list++) {
		unsigned distance = pp_text_distance(text, *list);
		/* Half of a word is not a misspelling of it, but its start is. */
		if (distance >= length && length > 0)
			continue;
		if (distance < best) {
			best = distance;
			nearest = *list;
		}
	}
	return nearest;
}
