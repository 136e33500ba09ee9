/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/grpc/client.h"
#include "base/parse.h"
#include "device-plugin/grpc/wire.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct grpc_request {
	struct wire wire;
	struct loop_source *timer;
	struct pp_buffer out;
	size_t sent;
	struct grpc_inbox inbox;
	char *text;    /* grpc-message */
	uint64_t code; /* grpc-status */
	bool has_code, http_ok, ended;
	int32_t stream;
	grpc_done *done;
	void *data;
};

void grpc_request_cancel(struct grpc_request *request)
{
	if (!request)
		return;
	loop_remove(request->timer);
	wire_close(&request->wire);
	pp_buffer_done(&request->out);
	grpc_inbox_done(&request->inbox);
	free(request->text);
	free(request);
}

static void end(struct grpc_request *request, enum grpc_code code, const char *text)
{
	const uint8_t *message = NULL;
	size_t length = 0;
	if (code == GRPC_OK && !grpc_inbox_take(&request->inbox, &message, &length)) {
		code = request->inbox.fault;
		text = request->inbox.why;
	}
	request->done(code, code == GRPC_OK ? "" : text, message, length, request->data);
	grpc_request_cancel(request);
}

static void on_closed(void *data)
{
	struct grpc_request *request = data;
	if (!request->ended || !request->has_code)
		end(request, GRPC_UNAVAILABLE, "the connection was closed before the answer");
	else
		end(request, (enum grpc_code)request->code, request->text ? request->text : "");
}

static void on_deadline(uint32_t events, void *data)
{
	end(data, GRPC_DEADLINE_EXCEEDED, "no answer in time");
}

static bool is(const uint8_t *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags, void *data)
{
	struct grpc_request *request = data;
	char digits[8] = "";
	if (frame->hd.stream_id != request->stream)
		return 0;
	if (is(name, name_length, ":status"))
		request->http_ok = is(value, value_length, "200");
	else if (is(name, name_length, "grpc-status") && value_length < sizeof(digits)) {
		memcpy(digits, value, value_length);
		request->has_code = pp_parse_u64(digits, 10, 99, &request->code) == 0;
	} else if (is(name, name_length, "grpc-message") && !request->text)
		request->text = grpc_text_decode((const char *)value, value_length);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
	size_t length, void *data)
{
	struct grpc_request *request = data;
	grpc_inbox_feed(&request->inbox, bytes, length);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *data)
{
	struct grpc_request *request = data;
	request->ended = request->http_ok;
	/* The session wants nothing more then, and the wire says that it is closed. */
	nghttp2_session_terminate_session(session, NGHTTP2_NO_ERROR);
	return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *data)
{
	struct grpc_request *request = source->ptr;
	size_t left = request->out.length - request->sent;
	size_t length = left < size ? left : size;
	memcpy(bytes, request->out.data + request->sent, length);
	request->sent += length;
	if (request->sent == request->out.length)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)length;
}

static int new_session(struct grpc_request *request, nghttp2_session **ret_session)
{
	nghttp2_session_callbacks *callbacks = NULL;
	if (nghttp2_session_callbacks_new(&callbacks) < 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	int r = nghttp2_session_client_new(ret_session, callbacks, request);
	nghttp2_session_callbacks_del(callbacks);
	return r < 0 ? -ENOMEM : 0;
}

static int submit(struct grpc_request *request, const char *method, int deadline_ms)
{
	char timeout[32];
	nghttp2_session *session = request->wire.session;
	nghttp2_data_provider provider = {{.ptr = request}, read_request};
	snprintf(timeout, sizeof(timeout), "%dm", deadline_ms);
	const nghttp2_nv headers[] = {wire_header(":method", "POST"),
		wire_header(":scheme", "http"), wire_header(":path", method),
		wire_header(":authority", "localhost"),
		wire_header("content-type", "application/grpc"), wire_header("te", "trailers"),
		wire_header("grpc-timeout", timeout)};
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
	request->stream =
		nghttp2_submit_request(session, NULL, headers, PP_COUNT(headers), &provider, NULL);
	return request->stream < 0 ? -ENOMEM : 0;
}

static int connect_to(const char *path, int *ret_fd)
{
	struct sockaddr_un address;
	int r = wire_address(path, &address);
	if (r < 0)
		return r;
	PP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

int grpc_request_send(struct loop *loop, const char *path, const char *method, const void *message,
	size_t length, int deadline_ms, grpc_done *done, void *data,
	struct grpc_request **ret_request)
{
	nghttp2_session *session = NULL;
	int fd = -1;
	int r = connect_to(path, &fd);
	if (r < 0)
		return r;
	struct grpc_request *request = calloc(1, sizeof(*request));
	if (!request || new_session(request, &session) < 0) {
		free(request);
		close(fd);
		return -ENOMEM;
	}
	request->done = done;
	request->data = data;
	request->wire.closed = on_closed;
	request->wire.data = request;
	r = wire_open(&request->wire, loop, fd, session);
	if (r == 0)
		r = loop_add_timer(loop, on_deadline, request, &request->timer);
	if (r == 0)
		r = grpc_frame_put(&request->out, message, length);
	if (r == 0)
		r = submit(request, method, deadline_ms);
	if (r < 0) {
		grpc_request_cancel(request);
		return r;
	}
	loop_set(request->timer, deadline_ms);
	wire_pump(&request->wire);
	*ret_request = request;
	return 0;
}
