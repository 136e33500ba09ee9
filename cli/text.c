/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text for terminals: facts of a machine may hold anything. */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/cli.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
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

/* The first character of TEXT: its bytes, and its columns. A byte that is none is one of each. */
static size_t character(const char *text, size_t left, mbstate_t *state, size_t *ret_columns)
{
	wchar_t wide;
	size_t n = mbrtowc(&wide, text, left, state);
	if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
		*state = (mbstate_t){0};
		*ret_columns = 1;
		return 1;
	}
	int columns = wcwidth(wide);
	*ret_columns = columns > 0 ? (size_t)columns : 0;
	return n;
}

size_t cli_width(const char *text)
{
	mbstate_t state = {0};
	size_t width = 0, left = strlen(text), columns;
	while (left > 0) {
		size_t n = character(text, left, &state, &columns);
		width += columns;
		text += n;
		left -= n;
	}
	return width;
}

size_t cli_fit(const char *text, size_t columns)
{
	mbstate_t state = {0};
	size_t length = strlen(text), done = 0, width = 0, more;
	while (done < length) {
		size_t n = character(text + done, length - done, &state, &more);
		if (width + more > columns)
			break;
		width += more;
		done += n;
	}
	return done;
}

size_t cli_terminal_width(int fd)
{
	struct winsize size = {0};
	const char *columns = getenv("COLUMNS");
	uint64_t width;
	if (!isatty(fd))
		return 0;
	if (columns && pp_parse_u64(columns, 10, 10000, &width) == 0)
		return (size_t)width;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
