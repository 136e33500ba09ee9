/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Cut text must not end in half a character. */
static void trim_utf8(char *text, size_t size, int wanted)
{
	if (wanted < 0 || (size_t)wanted < size)
		return;
	size_t end = strlen(text);
	size_t start = end;
	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (need > 1 && end - start + 1 < need)
		text[start - 1] = '\0';
}

static void put(char *text, size_t size, const char *format, va_list args)
{
	trim_utf8(text, size, vsnprintf(text, size, format, args));
}

static int positive(int code)
{
	return code == 0 ? EIO : code < 0 ? -code : code;
}

static void start(struct pp_error *error, enum pp_status status, int code)
{
	error->status = status;
	error->code = positive(code);
	error->id[0] = '\0';
	error->remedy[0] = '\0';
}

int pp_error_set(struct pp_error *error, enum pp_status status, int code, const char *format, ...)
{
	if (!error)
		return -positive(code);
	/* An argument may be the old text. */
	char text[sizeof(error->text)];
	va_list args;
	va_start(args, format);
	put(text, sizeof(text), format, args);
	va_end(args);
	start(error, status, code);
	memcpy(error->text, text, sizeof(text));
	return -error->code;
}

int pp_error_errno(struct pp_error *error, int code, const char *format, ...)
{
	if (!error)
		return -positive(code);
	char text[sizeof(error->text)];
	va_list args;
	va_start(args, format);
	put(text, sizeof(text), format, args);
	va_end(args);
	start(error, PP_STATUS_FAILED, code);
	char reason[128];
	int n = snprintf(error->text, sizeof(error->text), "%s: %s", text,
		strerror_r(error->code, reason, sizeof(reason)));
	trim_utf8(error->text, sizeof(error->text), n);
	return -error->code;
}

int pp_error_wrap(struct pp_error *error, const char *format, ...)
{
	if (!error)
		return -EIO;
	char old[sizeof(error->text)];
	memcpy(old, error->text, sizeof(old));
	/* The cause stands at the end; a long prefix must not push it out. */
	char prefix[sizeof(error->text) / 4];
	va_list args;
	va_start(args, format);
	put(prefix, sizeof(prefix), format, args);
	va_end(args);
	int n = snprintf(error->text, sizeof(error->text), "%s: %s", prefix, old);
	trim_utf8(error->text, sizeof(error->text), n);
	return -positive(error->code);
}

void pp_error_remedy(struct pp_error *error, const char *format, ...)
{
	if (!error)
		return;
	char text[sizeof(error->remedy)];
	va_list args;
	va_start(args, format);
	put(text, sizeof(text), format, args);
	va_end(args);
	memcpy(error->remedy, text, sizeof(text));
}

void pp_error_id(struct pp_error *error, const char *id)
{
	if (error)
		snprintf(error->id, sizeof(error->id), "%s", id ? id : "");
}

void pp_error_clear(struct pp_error *error)
{
	if (error)
		memset(error, 0, sizeof(*error));
}

int pp_error_keep_first(int first, int r, const struct pp_error *own, struct pp_error *error)
{
	if (first < 0 || r >= 0)
		return first;
	if (error)
		*error = *own;
	return r;
}

int pp_error_oom(struct pp_error *error)
{
	return pp_error_set(error, PP_STATUS_FAILED, ENOMEM, "out of memory");
}
