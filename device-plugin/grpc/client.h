/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call to a gRPC server on a Unix socket: one message there, one back. */
#ifndef DEVICE_PLUGIN_GRPC_CLIENT_H
#define DEVICE_PLUGIN_GRPC_CLIENT_H

#include "device-plugin/grpc/frame.h"
#include "device-plugin/grpc/loop.h"

struct grpc_request;
/* TEXT is what the server says of a CODE that is not GRPC_OK. Told once; the request is gone then.
 */
typedef void grpc_done(
	enum grpc_code code, const char *text, const uint8_t *message, size_t length, void *data);
/* -errno where nobody listens at PATH; then DONE is not told. */
int grpc_request_send(struct loop *loop, const char *path, const char *method, const void *message,
	size_t length, int deadline_ms, grpc_done *done, void *data,
	struct grpc_request **ret_request);
/* Nobody is told any more; NULL is none. */
void grpc_request_cancel(struct grpc_request *request);

#endif
