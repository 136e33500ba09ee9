/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One HTTP/2 connection on a socket that does not block: what comes goes into the session, what the
 * session has to say goes out as far as the other side takes it. */
#ifndef DEVICE_PLUGIN_GRPC_WIRE_H
#define DEVICE_PLUGIN_GRPC_WIRE_H

#include "device-plugin/grpc/loop.h"
#include <nghttp2/nghttp2.h>

struct wire {
	struct loop *loop;
	int fd;
	nghttp2_session *session;
	struct loop_source *source;
	const uint8_t *pending; /* the session's, not written yet */
	size_t n_pending;
	bool inside; /* the session works: it is not to be called again */
	bool broken;
	bool wants_out;
	void (*closed)(void *data); /* it is of no use any more; may free all of it */
	void *data;
};
/* Takes SESSION and FD over in any case. */
int wire_open(struct wire *wire, struct loop *loop, int fd, nghttp2_session *session);
void wire_close(struct wire *wire);
/* Sends what the session has to say; later, where the session is at work now. */
void wire_pump(struct wire *wire);

/* A header's fields, borrowed while it is submitted. */
nghttp2_nv wire_header(const char *name, const char *value);
/* As sun_path takes it, from a path of any length; -ENAMETOOLONG. */
struct sockaddr_un;
int wire_address(const char *path, struct sockaddr_un *ret_address);

#endif
