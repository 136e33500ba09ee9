/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the kubelet's, in an arena: protobuf-c wants arrays of pointers. */
#ifndef DEVICE_PLUGIN_MESSAGE_H
#define DEVICE_PLUGIN_MESSAGE_H

#include "base/arena.h"
#include <protobuf-c/protobuf-c.h>

/* COUNT pointers to zeroed messages of one kind, each given its descriptor; NULL: out of memory. */
void **message_array(
	struct pp_arena *arena, const ProtobufCMessageDescriptor *descriptor, size_t count);
/* A text that the message does not change. */
char *message_text(const char *text);

#endif
