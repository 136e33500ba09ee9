/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/grpc/wire.h"
#include "base/cleanup.h"
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define READ_SIZE 16384
#define READS 16 /* in one go: others want their turn */

nghttp2_nv wire_header(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), NGHTTP2_NV_FLAG_NONE};
}

int wire_address(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	*ret_address = address;
	return 0;
}

/* 0, or -errno where the connection is over. */
static int write_pending(struct wire *wire)
{
	while (wire->n_pending > 0) {
		ssize_t n =
			send(wire->fd, wire->pending, wire->n_pending, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		wire->pending += n;
		wire->n_pending -= (size_t)n;
	}
	return 0;
}

static int flush(struct wire *wire)
{
	for (;;) {
		int r = write_pending(wire);
		if (r < 0)
			return r;
		wire->inside = true;
		ssize_t n = nghttp2_session_mem_send(wire->session, &wire->pending);
		wire->inside = false;
		if (n <= 0)
			return n < 0 ? -EPROTO : 0;
		wire->n_pending = (size_t)n;
	}
}

void wire_pump(struct wire *wire)
{
	if (wire->inside || wire->broken)
		return;
	int r = flush(wire);
	bool wants_out = r == -EAGAIN;
	if (r < 0 && r != -EAGAIN)
		wire->broken = true;
	if (!wire->broken && wants_out != wire->wants_out) {
		wire->wants_out = wants_out;
		r = loop_change(wire->source, EPOLLIN | (wants_out ? EPOLLOUT : 0));
		wire->broken = r < 0;
	}
	/* The loop comes back to it and sees that it is broken. */
	if (wire->broken)
		shutdown(wire->fd, SHUT_RDWR);
}

static int take(struct wire *wire)
{
	uint8_t bytes[READ_SIZE];
	for (int i = 0; i < READS; i++) {
		ssize_t n = recv(wire->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		wire->inside = true;
		ssize_t taken = nghttp2_session_mem_recv(wire->session, bytes, (size_t)n);
		wire->inside = false;
		if (taken < 0)
			return -EPROTO;
	}
	return 0;
}

static void on_event(uint32_t events, void *data)
{
	struct wire *wire = data;
	bool over = wire->broken;
	if (!over && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		over = take(wire) < 0;
	/* Also after a fault: the session may have a last word (GOAWAY). */
	wire_pump(wire);
	over = over || wire->broken ||
	       (!nghttp2_session_want_read(wire->session) &&
		       !nghttp2_session_want_write(wire->session) && wire->n_pending == 0);
	if (over)
		wire->closed(wire->data);
}

int wire_open(struct wire *wire, struct loop *loop, int fd, nghttp2_session *session)
{
	wire->loop = loop;
	wire->fd = fd;
	wire->session = session;
	int r = loop_add(loop, fd, EPOLLIN, on_event, wire, &wire->source);
	if (r < 0)
		wire_close(wire);
	return r;
}

void wire_close(struct wire *wire)
{
	loop_remove(wire->source);
	wire->source = NULL;
	if (wire->session)
		nghttp2_session_del(wire->session);
	wire->session = NULL;
	pp_closep(&wire->fd);
	wire->fd = -1;
	wire->broken = true;
}
