/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void pp_buffer_done(struct pp_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct pp_buffer)PP_BUFFER_INIT;
}

/* Room for EXTRA bytes and a NUL behind what is there. */
static int reserve(struct pp_buffer *buffer, size_t extra)
{
	if (buffer->failed)
		return buffer->failed;
	size_t need;
	if (__builtin_add_overflow(buffer->length, extra, &need) || need >= SIZE_MAX / 2)
		return buffer->failed = -ENOMEM;
	if (need < buffer->size)
		return 0;
	size_t size = buffer->size ? buffer->size : 64;
	while (size <= need)
		size *= 2;
	char *data = realloc(buffer->data, size);
	if (!data)
		return buffer->failed = -ENOMEM;
	buffer->data = data;
	buffer->size = size;
	return 0;
}

int pp_buffer_append(struct pp_buffer *buffer, const void *data, size_t length)
{
	int r = reserve(buffer, length);
	if (r < 0)
		return r;
	if (length)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
	return 0;
}

int pp_buffer_puts(struct pp_buffer *buffer, const char *text)
{
	return pp_buffer_append(buffer, text, strlen(text));
}

int pp_buffer_putc(struct pp_buffer *buffer, char c)
{
	return pp_buffer_append(buffer, &c, 1);
}

int pp_buffer_vprintf(struct pp_buffer *buffer, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return buffer->failed = -ENOMEM;
	int r = reserve(buffer, (size_t)length);
	if (r < 0)
		return r;
	vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args);
	buffer->length += (size_t)length;
	return 0;
}

int pp_buffer_printf(struct pp_buffer *buffer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int r = pp_buffer_vprintf(buffer, format, args);
	va_end(args);
	return r;
}

static const char *xml_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\'':
		return "&apos;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

int pp_buffer_put_xml(struct pp_buffer *buffer, const char *text)
{
	while (*text) {
		size_t plain = strcspn(text, "&<>'\"");
		int r = pp_buffer_append(buffer, text, plain);
		if (r < 0)
			return r;
		text += plain;
		if (!*text)
			break;
		r = pp_buffer_puts(buffer, xml_entity(*text++));
		if (r < 0)
			return r;
	}
	return buffer->failed;
}

int pp_buffer_put_scdoc(struct pp_buffer *buffer, const char *text)
{
	for (; *text; text++) {
		if (strchr("_*\\#`~<>[]", *text))
			pp_buffer_putc(buffer, '\\');
		pp_buffer_putc(buffer, *text);
	}
	return buffer->failed;
}

void pp_buffer_reset(struct pp_buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = 0;
	if (buffer->data)
		buffer->data[0] = '\0';
}

char *pp_buffer_take(struct pp_buffer *buffer)
{
	if (buffer->failed || reserve(buffer, 0) < 0) {
		pp_buffer_done(buffer);
		return NULL;
	}
	char *text = buffer->data;
	text[buffer->length] = '\0';
	*buffer = (struct pp_buffer)PP_BUFFER_INIT;
	return text;
}

const char *pp_buffer_text(const struct pp_buffer *buffer)
{
	return buffer->data ? buffer->data : "";
}
