/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A gRPC server on a Unix socket: calls with one message each, answered at once, later, or by a
 * stream of messages of which only the latest counts. */
#ifndef DEVICE_PLUGIN_GRPC_SERVER_H
#define DEVICE_PLUGIN_GRPC_SERVER_H

#include "device-plugin/grpc/frame.h"
#include "device-plugin/grpc/loop.h"
#include <sys/types.h>

struct grpc_server;
struct grpc_call;
struct grpc_method {
	const char *path; /* "/v1beta1.DevicePlugin/Allocate" */
	/* Answers, now or later, by one of the functions below. MESSAGE lives until it returns. */
	void (*run)(struct grpc_call *call, const uint8_t *message, size_t length, void *data);
};

/* What is at PATH is replaced. METHODS and DATA are the caller's, and stay. */
int grpc_server_open(struct loop *loop, const char *path, const struct grpc_method *methods,
	size_t n_methods, void *data, struct grpc_server **ret_server, struct pp_error *error);
/* Calls that are not answered are told that they are closed. The socket is removed, if it is still
 * the one that was made. */
void grpc_server_close(struct grpc_server *server);
/* The socket at its path is still the one that it listens on. */
bool grpc_server_stands(const struct grpc_server *server);
/* Listens anew at its path; connections stay until grpc_server_forget. */
int grpc_server_again(struct grpc_server *server, struct pp_error *error);
/* Ends the connections from before the last grpc_server_again. */
void grpc_server_forget(struct grpc_server *server);

/* The one answer. The call is over, also for its owner. */
void grpc_call_answer(struct grpc_call *call, const void *message, size_t length);
void grpc_call_fail(struct grpc_call *call, enum grpc_code code, const char *text);
/* One message of a stream, which stays open. What the other side has not begun to take is replaced.
 */
void grpc_call_send(struct grpc_call *call, const void *message, size_t length);
/* CLOSED is told when the call ends without its owner having answered. */
void grpc_call_watch(
	struct grpc_call *call, void (*closed)(struct grpc_call *call, void *data), void *data);

#endif
