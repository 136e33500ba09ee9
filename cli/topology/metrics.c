/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/topology/metrics.h"
#include <stdbool.h>
#include <string.h>

/* Advance widths from blank to tilde, in hundredths of the font's size: DejaVu Sans, plain and
 * bold, wider than nearly all that a system draws sans-serif with. */
static const unsigned char plain[95] = {32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37, 32,
	34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 54, 100, 69, 69, 70, 78, 64,
	58, 78, 76, 30, 30, 66, 56, 87, 75, 79, 61, 79, 70, 64, 62, 74, 69, 99, 69, 62, 69, 40, 34,
	40, 84, 50, 50, 62, 64, 55, 64, 62, 36, 64, 64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 53,
	40, 64, 60, 82, 60, 60, 53, 64, 34, 64, 84};
static const unsigned char bold[95] = {35, 46, 53, 84, 70, 101, 88, 31, 46, 46, 53, 84, 38, 42, 38,
	37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40, 84, 84, 84, 59, 100, 78, 77, 74, 84, 69,
	69, 83, 84, 38, 38, 78, 64, 100, 84, 86, 74, 86, 78, 73, 69, 82, 78, 111, 78, 73, 73, 46,
	37, 46, 84, 50, 50, 68, 72, 60, 72, 68, 44, 72, 72, 35, 35, 67, 35, 105, 72, 69, 72, 72, 50,
	60, 48, 72, 66, 93, 65, 66, 59, 72, 37, 72, 84};
/* Any other letter, and one of the scripts that are written in squares */
enum { LETTER = 90, SQUARE = 110, FIXED = 62 };
#define ELLIPSIS "\xe2\x80\xa6"

static int char_width(unsigned char c, enum topology_font font)
{
	if ((c & 0xc0) == 0x80)
		return 0; /* the rest of a character */
	if (c >= 0xe3)
		return SQUARE;
	if (c < 0x80 && font == TOPOLOGY_MONO)
		return FIXED;
	if (c >= 0x20 && c < 0x7f)
		return font == TOPOLOGY_BOLD ? bold[c - 0x20] : plain[c - 0x20];
	return LETTER;
}

int topology_text_width(const char *text, size_t length, enum topology_font font, int size)
{
	long width = 0;
	for (size_t i = 0; i < length && width < 100000000; i++)
		width += char_width((unsigned char)text[i], font);
	return (int)((width * size + 99) / 100);
}

/* How many bytes of TEXT are no wider than WIDTH; at least one character. */
static size_t fitting(const char *text, enum topology_font font, int size, int width)
{
	long most = (long)width * 100 / size, now = 0;
	size_t n = 0;
	while (text[n]) {
		size_t end = n + 1;
		now += char_width((unsigned char)text[n], font);
		while (((unsigned char)text[end] & 0xc0) == 0x80)
			end++;
		if (now > most && n > 0)
			break;
		n = end;
	}
	return n;
}

static const char *cut(
	struct pp_arena *arena, const char *text, enum topology_font font, int size, int width)
{
	size_t n = fitting(text, font, size, width - topology_text_width(ELLIPSIS, 3, font, size));
	return pp_arena_printf(arena, "%.*s" ELLIPSIS, (int)n, text);
}

const char **topology_text_wrap(struct pp_arena *arena, const char *text, enum topology_font font,
	int size, int first, int width, size_t most, size_t *ret_count)
{
	const char **lines = pp_arena_array(arena, most, sizeof(*lines));
	size_t count = 0;
	if (!lines)
		return NULL;
	text += strspn(text, " \n\t");
	while (*text && count < most) {
		int room = count == 0 ? first : width;
		size_t n = fitting(text, font, size, room), end = n;
		bool more = text[n] != '\0';
		while (more && end > 0 && text[end] != ' ' && text[end - 1] != ' ')
			end--;
		if (!more || end == 0)
			end = n; /* a word that is too long is broken */
		bool last = more && count + 1 == most;
		lines[count] = last ? cut(arena, text, font, size, room)
				    : pp_arena_strndup(arena, text, end);
		if (!lines[count++])
			return NULL;
		text += end;
		text += strspn(text, " \n\t");
	}
	*ret_count = count;
	return lines;
}
