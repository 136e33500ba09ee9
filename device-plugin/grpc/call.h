/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call at the server's side: a stream of HTTP/2. */
#ifndef DEVICE_PLUGIN_GRPC_CALL_H
#define DEVICE_PLUGIN_GRPC_CALL_H

#include "device-plugin/grpc/frame.h"
#include "device-plugin/grpc/server.h"
#include "device-plugin/grpc/wire.h"

struct grpc_call {
	struct grpc_call *next;
	struct wire *wire;
	int32_t stream;
	char *path;
	bool post, grpc; /* the method is POST, the content is of gRPC's type */
	struct grpc_inbox inbox;
	bool dispatched, answered;
	bool begun;            /* headers of the answer are on their way */
	struct pp_buffer out;  /* is being sent */
	size_t sent;           /* of it */
	struct pp_buffer news; /* comes next; replaced by what is newer */
	enum grpc_code code;   /* once answered */
	char *text;
	void (*closed)(struct grpc_call *call, void *data);
	void *data;
};
struct grpc_call *grpc_call_new(struct wire *wire, int32_t stream);
/* Tells its owner, where it was not answered. */
void grpc_call_free(struct grpc_call *call);
int grpc_call_header(struct grpc_call *call, const char *name, size_t name_length,
	const char *value, size_t value_length);

#endif
