/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of gRPC in the bytes of a stream: one byte that says whether it is compressed, four of
 * length, the message. Pure. */
#ifndef DEVICE_PLUGIN_GRPC_FRAME_H
#define DEVICE_PLUGIN_GRPC_FRAME_H

#include "base/buffer.h"
#include <stdbool.h>
#include <stdint.h>

#define GRPC_PREFIX 5
#define GRPC_MESSAGE_MAX (1 << 20)

enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
};

/* One message as it comes; what is behind it is too much, for a call has one. */
struct grpc_inbox {
	struct pp_buffer bytes;
	enum grpc_code fault; /* why no more is taken */
	const char *why;
};
void grpc_inbox_done(struct grpc_inbox *inbox);
void grpc_inbox_feed(struct grpc_inbox *inbox, const uint8_t *data, size_t length);
/* The message, borrowed. False where there is none, whole and alone: then fault and why say it. */
bool grpc_inbox_take(struct grpc_inbox *inbox, const uint8_t **ret_message, size_t *ret_length);

/* Prefix and message behind what is in the buffer. */
int grpc_frame_put(struct pp_buffer *buffer, const void *message, size_t length);

/* As grpc-message wants it: what is not printable ASCII, and %, as %XX. The caller frees. */
char *grpc_text_encode(const char *text);
char *grpc_text_decode(const char *text, size_t length);

#endif
