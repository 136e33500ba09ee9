/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A buffer: bytes that grow, always followed by a NUL. A failed append is remembered. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/cleanup.h"
#include "base/error.h"
#include <stdarg.h>
#include <stddef.h>

struct pp_buffer {
	char *data; /* NULL until something was appended */
	size_t length;
	size_t size;
	int failed; /* 0 or -ENOMEM */
};

#define PP_BUFFER_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}
void pp_buffer_done(struct pp_buffer *buffer);
#define PP_BUFFER PP_CLEANUP(pp_buffer_done)

int pp_buffer_append(struct pp_buffer *buffer, const void *data, size_t length);
int pp_buffer_puts(struct pp_buffer *buffer, const char *text);
int pp_buffer_putc(struct pp_buffer *buffer, char c);
int pp_buffer_printf(struct pp_buffer *buffer, const char *format, ...) PP_PRINTF(2, 3);
int pp_buffer_vprintf(struct pp_buffer *buffer, const char *format, va_list args);
/* XML-escaped (& < > ' "), as libvirt writes them: &amp; &lt; &gt; &apos; &quot; */
int pp_buffer_put_xml(struct pp_buffer *buffer, const char *text);
/* As a manual page's source has it: what scdoc reads as a mark behind a backslash. */
int pp_buffer_put_scdoc(struct pp_buffer *buffer, const char *text);
void pp_buffer_reset(struct pp_buffer *buffer);
/* The text, owned by the caller, never NULL but for lack of memory (also an earlier one). */
char *pp_buffer_take(struct pp_buffer *buffer);
const char *pp_buffer_text(const struct pp_buffer *buffer); /* "" where empty */

#endif
