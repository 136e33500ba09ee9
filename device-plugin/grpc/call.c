/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/grpc/call.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>

#define PATH_MAX_LENGTH 256

struct grpc_call *grpc_call_new(struct wire *wire, int32_t stream)
{
	struct grpc_call *call = calloc(1, sizeof(*call));
	if (call) {
		call->wire = wire;
		call->stream = stream;
	}
	return call;
}

void grpc_call_free(struct grpc_call *call)
{
	if (!call->answered && call->closed)
		call->closed(call, call->data);
	grpc_inbox_done(&call->inbox);
	pp_buffer_done(&call->out);
	pp_buffer_done(&call->news);
	free(call->path);
	free(call->text);
	free(call);
}

static bool is(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(text, word, length) == 0;
}

int grpc_call_header(struct grpc_call *call, const char *name, size_t name_length,
	const char *value, size_t value_length)
{
	if (call->dispatched)
		return 0;
	if (is(name, name_length, ":method"))
		call->post = is(value, value_length, "POST");
	else if (is(name, name_length, "content-type"))
		call->grpc = value_length >= 16 && memcmp(value, "application/grpc", 16) == 0 &&
			     (value_length == 16 || value[16] == '+' || value[16] == ';');
	else if (is(name, name_length, ":path") && value_length < PATH_MAX_LENGTH && !call->path) {
		call->path = strndup(value, value_length);
		return call->path ? 0 : -ENOMEM;
	}
	return 0;
}

/* ---- the answer ---- */

static size_t trailers(const struct grpc_call *call, char status[16], nghttp2_nv headers[2])
{
	snprintf(status, 16, "%d", (int)call->code);
	headers[0] = wire_header("grpc-status", status);
	if (!call->text)
		return 1;
	headers[1] = wire_header("grpc-message", call->text);
	return 2;
}

static void next_news(struct grpc_call *call)
{
	struct pp_buffer old = call->out;
	call->out = call->news;
	call->sent = 0;
	call->news = old;
	pp_buffer_reset(&call->news);
}

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *data)
{
	struct grpc_call *call = source->ptr;
	if (call->sent == call->out.length && call->news.length > 0)
		next_news(call);
	size_t left = call->out.length - call->sent;
	if (left == 0 && !call->answered)
		return NGHTTP2_ERR_DEFERRED;
	size_t length = left < size ? left : size;
	if (length > 0)
		memcpy(bytes, call->out.data + call->sent, length);
	call->sent += length;
	if (call->answered && call->sent == call->out.length && call->news.length == 0) {
		char status[16];
		nghttp2_nv headers[2];
		size_t count = trailers(call, status, headers);
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (nghttp2_submit_trailer(session, stream, headers, count) < 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return (ssize_t)length;
}

static void begin(struct grpc_call *call)
{
	const nghttp2_nv headers[] = {
		wire_header(":status", "200"), wire_header("content-type", "application/grpc")};
	nghttp2_data_provider provider = {{.ptr = call}, read_answer};
	if (call->begun)
		nghttp2_session_resume_data(call->wire->session, call->stream);
	else
		nghttp2_submit_response(
			call->wire->session, call->stream, headers, PP_COUNT(headers), &provider);
	call->begun = true;
	wire_pump(call->wire);
}

void grpc_call_send(struct grpc_call *call, const void *message, size_t length)
{
	if (call->answered)
		return;
	pp_buffer_reset(&call->news);
	if (grpc_frame_put(&call->news, message, length) < 0) {
		pp_buffer_done(&call->news);
		grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	begin(call);
}

void grpc_call_answer(struct grpc_call *call, const void *message, size_t length)
{
	if (call->answered)
		return;
	if (grpc_frame_put(&call->news, message, length) < 0) {
		pp_buffer_done(&call->news);
		grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	call->answered = true;
	begin(call);
}

void grpc_call_fail(struct grpc_call *call, enum grpc_code code, const char *text)
{
	if (call->answered)
		return;
	call->answered = true;
	call->code = code;
	call->text = text ? grpc_text_encode(text) : NULL;
	if (call->begun) {
		begin(call);
		return;
	}
	char status[16];
	nghttp2_nv headers[4] = {
		wire_header(":status", "200"), wire_header("content-type", "application/grpc")};
	size_t count = 2 + trailers(call, status, headers + 2);
	nghttp2_submit_response(call->wire->session, call->stream, headers, count, NULL);
	wire_pump(call->wire);
}

void grpc_call_watch(
	struct grpc_call *call, void (*closed)(struct grpc_call *call, void *data), void *data)
{
	call->closed = closed;
	call->data = data;
}
