/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/grpc/server.h"
#include "base/parse.h"
#include "device-plugin/grpc/call.h"
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECTIONS_MAX 32
#define STREAMS_MAX 64

struct grpc_server {
	struct loop *loop;
	const struct grpc_method *methods;
	size_t n_methods;
	void *data;
	char *path;
	int fd;
	struct loop_source *source;
	dev_t device; /* of the socket that was made */
	ino_t inode;
	struct grpc_connection *connections;
	unsigned n_connections, generation;
};
struct grpc_connection {
	struct grpc_server *server;
	struct grpc_connection *next;
	struct wire wire;
	struct grpc_call *calls;
	unsigned generation;
};

/* ---- connections ---- */

static void connection_free(void *data)
{
	struct grpc_connection *connection = data;
	struct grpc_server *server = connection->server;
	for (struct grpc_connection **at = &server->connections; *at; at = &(*at)->next)
		if (*at == connection) {
			*at = connection->next;
			server->n_connections--;
			break;
		}
	while (connection->calls) {
		struct grpc_call *call = connection->calls;
		connection->calls = call->next;
		grpc_call_free(call);
	}
	wire_close(&connection->wire);
	free(connection);
}

static struct grpc_call *call_of(struct grpc_connection *connection, int32_t stream)
{
	for (struct grpc_call *call = connection->calls; call; call = call->next)
		if (call->stream == stream)
			return call;
	return NULL;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct grpc_connection *connection = data;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct grpc_call *call = grpc_call_new(&connection->wire, frame->hd.stream_id);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	call->next = connection->calls;
	connection->calls = call;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags, void *data)
{
	struct grpc_call *call = call_of(data, frame->hd.stream_id);
	if (!call || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	return grpc_call_header(
		       call, (const char *)name, name_length, (const char *)value, value_length) < 0
		       ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
		       : 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
	size_t length, void *data)
{
	struct grpc_call *call = call_of(data, stream);
	if (call)
		grpc_inbox_feed(&call->inbox, bytes, length);
	return 0;
}

static void dispatch(struct grpc_server *server, struct grpc_call *call)
{
	const uint8_t *message;
	size_t length;
	const struct grpc_method *method = NULL;
	for (size_t i = 0; i < server->n_methods && !method; i++)
		if (pp_text_is(server->methods[i].path, call->path))
			method = &server->methods[i];
	if (!call->post || !call->grpc)
		grpc_call_fail(call, GRPC_INTERNAL, "this is no call of gRPC's");
	else if (!method)
		grpc_call_fail(call, GRPC_UNIMPLEMENTED, "no such method");
	else if (!grpc_inbox_take(&call->inbox, &message, &length))
		grpc_call_fail(call, call->inbox.fault, call->inbox.why);
	else
		method->run(call, message, length, server->data);
	pp_buffer_done(&call->inbox.bytes);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct grpc_connection *connection = data;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	struct grpc_call *call = call_of(connection, frame->hd.stream_id);
	if (!call || call->dispatched)
		return 0;
	/* What is refused already need not be waited for. */
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !call->inbox.fault)
		return 0;
	call->dispatched = true;
	dispatch(connection->server, call);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *data)
{
	struct grpc_connection *connection = data;
	for (struct grpc_call **at = &connection->calls; *at; at = &(*at)->next) {
		struct grpc_call *call = *at;
		if (call->stream != stream)
			continue;
		*at = call->next;
		grpc_call_free(call);
		break;
	}
	return 0;
}

static int new_session(struct grpc_connection *connection, nghttp2_session **ret_session)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	if (nghttp2_session_callbacks_new(&callbacks) < 0)
		return -ENOMEM;
	if (nghttp2_option_new(&option) < 0) {
		nghttp2_session_callbacks_del(callbacks);
		return -ENOMEM;
	}
	/* Kubelets before 1.26 send the socket's path as :authority, which HTTP forbids; what
	 * matters of a request is looked at here. */
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	int r = nghttp2_session_server_new2(ret_session, callbacks, connection, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r < 0 ? -ENOMEM : 0;
}

/* Root's, or of the user that this is. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static int serve(struct grpc_server *server, int fd)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX}};
	struct grpc_connection *connection = calloc(1, sizeof(*connection));
	nghttp2_session *session = NULL;
	if (!connection || new_session(connection, &session) < 0) {
		free(connection);
		close(fd);
		return -ENOMEM;
	}
	connection->server = server;
	connection->generation = server->generation;
	connection->wire.closed = connection_free;
	connection->wire.data = connection;
	int r = wire_open(&connection->wire, server->loop, fd, session);
	if (r < 0) {
		free(connection);
		return r;
	}
	connection->next = server->connections;
	server->connections = connection;
	server->n_connections++;
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, PP_COUNT(settings));
	wire_pump(&connection->wire);
	return 0;
}

static void on_accept(uint32_t events, void *data)
{
	struct grpc_server *server = data;
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!is_trusted(fd) || server->n_connections >= CONNECTIONS_MAX)
		close(fd);
	else
		serve(server, fd);
}

/* ---- the socket ---- */

/* "/dir/.name": who watches the folder sees nothing that does not answer yet. */
static int hidden_path(const char *path, char **ret_hidden)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	return asprintf(ret_hidden, "%.*s.%s", folder, path, path + folder) < 0 ? -ENOMEM : 0;
}

static int bind_hidden(int fd, const char *path, struct stat *ret_st)
{
	struct sockaddr_un address;
	PP_FREE char *hidden = NULL;
	int r = hidden_path(path, &hidden);
	if (r == 0)
		r = wire_address(hidden, &address);
	if (r < 0)
		return r;
	unlink(hidden);
	mode_t old = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(old);
	if (r < 0)
		return r;
	if (listen(fd, 16) < 0 || lstat(hidden, ret_st) < 0 || rename(hidden, path) < 0) {
		r = -errno;
		unlink(hidden);
	}
	return r;
}

static int listen_at(struct grpc_server *server, struct pp_error *error)
{
	struct stat st;
	struct loop_source *source = NULL;
	PP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : bind_hidden(fd, server->path, &st);
	if (r == 0)
		r = loop_add(server->loop, fd, EPOLLIN, on_accept, server, &source);
	if (r < 0)
		return pp_error_errno(error, r, "listening at %s", server->path);
	loop_remove(server->source);
	pp_closep(&server->fd);
	server->source = source;
	server->fd = PP_TAKE_FD(fd);
	server->device = st.st_dev;
	server->inode = st.st_ino;
	return 0;
}

int grpc_server_open(struct loop *loop, const char *path, const struct grpc_method *methods,
	size_t n_methods, void *data, struct grpc_server **ret_server, struct pp_error *error)
{
	struct grpc_server *server = calloc(1, sizeof(*server));
	if (!server)
		return pp_error_oom(error);
	*server = (struct grpc_server){.loop = loop,
		.methods = methods,
		.n_methods = n_methods,
		.data = data,
		.path = strdup(path),
		.fd = -1};
	int r = server->path ? listen_at(server, error) : pp_error_oom(error);
	if (r < 0) {
		free(server->path);
		free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

bool grpc_server_stands(const struct grpc_server *server)
{
	struct stat st;
	return lstat(server->path, &st) == 0 && st.st_dev == server->device &&
	       st.st_ino == server->inode;
}

int grpc_server_again(struct grpc_server *server, struct pp_error *error)
{
	int r = listen_at(server, error);
	if (r == 0)
		server->generation++;
	return r;
}

void grpc_server_forget(struct grpc_server *server)
{
	struct grpc_connection *next;
	for (struct grpc_connection *connection = server->connections; connection;
		connection = next) {
		next = connection->next;
		if (connection->generation != server->generation)
			connection_free(connection);
	}
}

void grpc_server_close(struct grpc_server *server)
{
	if (!server)
		return;
	while (server->connections)
		connection_free(server->connections);
	if (grpc_server_stands(server))
		unlink(server->path);
	loop_remove(server->source);
	pp_closep(&server->fd);
	free(server->path);
	free(server);
}
