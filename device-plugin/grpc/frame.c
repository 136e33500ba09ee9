/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/grpc/frame.h"
#include "base/parse.h"
#include <string.h>

void grpc_inbox_done(struct grpc_inbox *inbox)
{
	pp_buffer_done(&inbox->bytes);
}

static void refuse(struct grpc_inbox *inbox, enum grpc_code code, const char *why)
{
	if (!inbox->fault) {
		inbox->fault = code;
		inbox->why = why;
	}
}

static size_t length_of(const struct grpc_inbox *inbox)
{
	const uint8_t *at = (const uint8_t *)inbox->bytes.data;
	return (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
}

static void check_prefix(struct grpc_inbox *inbox)
{
	if (inbox->bytes.data[0] == 1)
		refuse(inbox, GRPC_UNIMPLEMENTED, "compressed messages are not understood");
	else if (inbox->bytes.data[0] != 0)
		refuse(inbox, GRPC_INTERNAL, "the message begins with no flag of gRPC's");
	else if (length_of(inbox) > GRPC_MESSAGE_MAX)
		refuse(inbox, GRPC_RESOURCE_EXHAUSTED, "the message is larger than 1 MiB");
}

void grpc_inbox_feed(struct grpc_inbox *inbox, const uint8_t *data, size_t length)
{
	/* The prefix first, byte by byte if need be: nothing is kept for a length that it forbids.
	 */
	size_t have = inbox->bytes.length;
	size_t part = have < GRPC_PREFIX ? GRPC_PREFIX - have : 0;
	part = part < length ? part : length;
	if (inbox->fault || length == 0)
		return;
	if (part > 0 && pp_buffer_append(&inbox->bytes, data, part) < 0)
		refuse(inbox, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	if (inbox->fault || inbox->bytes.length < GRPC_PREFIX)
		return;
	check_prefix(inbox);
	if (inbox->fault)
		return;
	size_t room = length_of(inbox) + GRPC_PREFIX - inbox->bytes.length;
	if (length - part > room)
		refuse(inbox, GRPC_INTERNAL, "more than one message for one call");
	else if (length > part && pp_buffer_append(&inbox->bytes, data + part, length - part) < 0)
		refuse(inbox, GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

bool grpc_inbox_take(struct grpc_inbox *inbox, const uint8_t **ret_message, size_t *ret_length)
{
	if (!inbox->fault && (inbox->bytes.length < GRPC_PREFIX ||
				     inbox->bytes.length - GRPC_PREFIX < length_of(inbox)))
		refuse(inbox, GRPC_INTERNAL, "the message ended too early");
	if (inbox->fault)
		return false;
	*ret_message = (const uint8_t *)inbox->bytes.data + GRPC_PREFIX;
	*ret_length = inbox->bytes.length - GRPC_PREFIX;
	return true;
}

int grpc_frame_put(struct pp_buffer *buffer, const void *message, size_t length)
{
	const uint8_t prefix[GRPC_PREFIX] = {0, (uint8_t)(length >> 24), (uint8_t)(length >> 16),
		(uint8_t)(length >> 8), (uint8_t)length};
	int r = pp_buffer_append(buffer, prefix, sizeof(prefix));
	return r < 0 || length == 0 ? r : pp_buffer_append(buffer, message, length);
}

char *grpc_text_encode(const char *text)
{
	PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '%')
			pp_buffer_printf(&out, "%%%02X", *c);
		else
			pp_buffer_putc(&out, (char)*c);
	return pp_buffer_take(&out);
}

char *grpc_text_decode(const char *text, size_t length)
{
	PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
	for (size_t i = 0; i < length; i++) {
		char hex[3] = "";
		uint64_t value;
		if (text[i] == '%' && i + 2 < length)
			memcpy(hex, text + i + 1, 2);
		if (hex[0] && pp_parse_u64(hex, 16, 255, &value) == 0 && value) {
			pp_buffer_putc(&out, (char)value);
			i += 2;
		} else if (text[i]) {
			pp_buffer_putc(&out, text[i]);
		}
	}
	return pp_buffer_take(&out);
}
