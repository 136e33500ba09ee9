/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text for terminals: facts of a machine may hold anything. */
#include "base/buffer.h"
#include "cli/cli.h"
#include <string.h>
#include <wchar.h>

char *cli_clean(const char *text)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	for (const unsigned char *c = (const unsigned char *)(text ? text : ""); *c; c++) {
		bool control = (*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f;
		/* U+0080 to U+009F: control characters that terminals obey too */
		bool high = *c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;
		if (high)
			pp_buffer_printf(&buffer, "\\x%02x", *c++);
		if (control || high)
			pp_buffer_printf(&buffer, "\\x%02x", *c);
		else
			pp_buffer_putc(&buffer, (char)*c);
	}
	return pp_buffer_take(&buffer);
}

size_t cli_width(const char *text)
{
	mbstate_t state = {0};
	size_t width = 0, left = strlen(text);
	while (left > 0) {
		wchar_t wide;
		size_t n = mbrtowc(&wide, text, left, &state);
		if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
			memset(&state, 0, sizeof(state));
			n = 1;
			width++;
		} else {
			int columns = wcwidth(wide);
			width += columns > 0 ? (size_t)columns : 0;
		}
		text += n;
		left -= n;
	}
	return width;
}
