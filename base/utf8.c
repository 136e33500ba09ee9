/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/utf8.h"
#include "base/buffer.h"
#include <string.h>

/* The bytes of the character at TEXT, 0 where there is none. */
static size_t character(const unsigned char *text, size_t length)
{
	unsigned char c = text[0];
	if (c < 0x80)
		return 1;
	size_t need = c >= 0xf5 ? 0 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
	if (need == 0 || need > length)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
		   (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f);
	return bad ? 0 : need;
}

size_t pp_utf8_valid_length(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length) {
		size_t n = character((const unsigned char *)text + at, length - at);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

bool pp_utf8_valid(const char *text, size_t length)
{
	return pp_utf8_valid_length(text, length) == length;
}

char *pp_utf8_clean(const char *text, size_t length)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	for (;;) {
		size_t good = pp_utf8_valid_length(text, length);
		pp_buffer_append(&buffer, text, good);
		if (good == length)
			return pp_buffer_take(&buffer);
		pp_buffer_puts(&buffer, "\xef\xbf\xbd");
		text += good + 1;
		length -= good + 1;
	}
}
