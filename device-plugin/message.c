/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/message.h"
#include <stdint.h>

void **message_array(
	struct pp_arena *arena, const ProtobufCMessageDescriptor *descriptor, size_t count)
{
	void **items = pp_arena_array(arena, count + 1, sizeof(void *));
	if (!items)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		items[i] = pp_arena_alloc(arena, descriptor->sizeof_message);
		if (!items[i])
			return NULL;
		protobuf_c_message_init(descriptor, items[i]);
	}
	return items;
}

char *message_text(const char *text)
{
	return (char *)(uintptr_t)text;
}
