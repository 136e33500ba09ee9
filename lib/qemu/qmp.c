/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/qemu/qmp.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Events that arrive while a call waits for its reply are kept, up to this many. */
#define KEPT_MAX 256

struct pp_qmp {
	int fd;
	bool greeted;
	bool closed; /* QEMU closed its end; what was read before is still given out */
	uint64_t next_id;
	uint64_t pending[PP_QMP_PENDING_MAX];
	size_t n_pending;
	struct pp_json_stream *stream;
	struct pp_buffer out;
	size_t out_done;
	struct pp_json *current;
	struct pp_json *kept[KEPT_MAX];
	size_t n_kept;
};

static int protocol_error(struct pp_error *error, const char *what)
{
	return pp_error_set(
		error, PP_STATUS_FAILED, -EPROTO, "QEMU's monitor sent what is not QMP: %s", what);
}

int pp_qmp_open(int fd, struct pp_qmp **ret_qmp, struct pp_error *error)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int r = -errno;
		close(fd);
		return pp_error_errno(error, r, "cannot use the connection to QEMU's monitor");
	}
	struct pp_qmp *qmp = calloc(1, sizeof(*qmp));
	if (qmp)
		qmp->stream = pp_json_stream_new(PP_QMP_MESSAGE_MAX);
	if (!qmp || !qmp->stream) {
		free(qmp);
		close(fd);
		return pp_error_oom(error);
	}
	qmp->fd = fd;
	qmp->next_id = 1;
	*ret_qmp = qmp;
	return 0;
}

int pp_qmp_connect(int dir_fd, const char *name, struct pp_qmp **ret_qmp, struct pp_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = dir_fd == AT_FDCWD ? pp_path(address.sun_path, sizeof(address.sun_path), "%s", name)
				   : pp_path(address.sun_path, sizeof(address.sun_path),
					     "/proc/self/fd/%d/%s", dir_fd, name);
	if (r < 0)
		return pp_error_errno(error, r, "cannot connect to QEMU's monitor %s", name);

	PP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return pp_error_errno(error, -errno, "cannot connect to QEMU's monitor %s", name);
	return pp_qmp_open(PP_TAKE_FD(fd), ret_qmp, error);
}

void pp_qmp_free(struct pp_qmp *qmp)
{
	if (!qmp)
		return;
	for (size_t i = 0; i < qmp->n_kept; i++)
		pp_json_free(qmp->kept[i]);
	pp_json_free(qmp->current);
	pp_json_stream_free(qmp->stream);
	pp_buffer_done(&qmp->out);
	close(qmp->fd);
	free(qmp);
}

int pp_qmp_fd(const struct pp_qmp *qmp)
{
	return qmp->fd;
}

bool pp_qmp_writing(const struct pp_qmp *qmp)
{
	return qmp->out_done < qmp->out.length;
}

static int write_some(struct pp_qmp *qmp, struct pp_error *error)
{
	while (pp_qmp_writing(qmp)) {
		ssize_t n = send(qmp->fd, qmp->out.data + qmp->out_done,
			qmp->out.length - qmp->out_done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			/* Its last words may still be there to be read. */
			pp_buffer_reset(&qmp->out);
			qmp->out_done = 0;
			return 0;
		}
		if (n < 0)
			return pp_error_errno(error, -errno, "cannot write to QEMU's monitor");
		qmp->out_done += (size_t)n;
	}
	pp_buffer_reset(&qmp->out);
	qmp->out_done = 0;
	return 0;
}

int pp_qmp_send(struct pp_qmp *qmp, const char *command, struct pp_json *arguments,
	uint64_t *ret_id, struct pp_error *error)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *given = arguments;
	if (qmp->n_pending == PP_QMP_PENDING_MAX)
		return pp_error_set(error, PP_STATUS_FAILED, -EBUSY,
			"QEMU's monitor has %d commands to answer before %s", PP_QMP_PENDING_MAX,
			command);

	PP_CLEANUP(pp_json_freep) struct pp_json *message = pp_json_object();
	uint64_t id = qmp->next_id;
	if (!message || pp_json_set_string(message, "execute", command) < 0 ||
		pp_json_set_int(message, "id", (int64_t)id) < 0 ||
		(given && pp_json_set(message, "arguments", PP_TAKE(given)) < 0))
		return pp_error_oom(error);

	PP_FREE char *text = pp_json_print(message, false);
	if (!text || pp_buffer_puts(&qmp->out, text) < 0 || pp_buffer_puts(&qmp->out, "\r\n") < 0)
		return pp_error_oom(error);
	qmp->next_id++;
	qmp->pending[qmp->n_pending++] = id;
	if (ret_id)
		*ret_id = id;
	return write_some(qmp, error);
}

/* Bytes from the socket into the stream, as far as they are there. A bounded number in one go: a
 * QEMU that talks without end must not keep its listener from its other work. */
static int read_some(struct pp_qmp *qmp, struct pp_error *error)
{
	char bytes[16384];

	if (qmp->closed)
		return 0;
	ssize_t n = recv(qmp->fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET)) {
		qmp->closed = true;
		return 0;
	}
	if (n < 0)
		return pp_error_errno(error, -errno, "cannot read from QEMU's monitor");
	int r = pp_json_stream_feed(qmp->stream, bytes, (size_t)n);
	if (r == -ENOMEM)
		return pp_error_oom(error);
	if (r == -EFBIG || r == -EMSGSIZE)
		return protocol_error(error, "a message without end");
	if (r < 0)
		return protocol_error(error, "bytes that are not JSON");
	return 1;
}

/* One value out of the stream: 1, 0 when more bytes are needed. */
static int next_value(struct pp_qmp *qmp, struct pp_json **ret_value, struct pp_error *error)
{
	for (;;) {
		struct pp_json *value = NULL;
		int r = pp_json_stream_next(qmp->stream, &value);
		if (r == -ENOMEM)
			return pp_error_oom(error);
		if (r < 0)
			return protocol_error(error, r == -EFBIG || r == -EMSGSIZE
							     ? "a message without end"
							     : "bytes that are not JSON");
		if (value) {
			*ret_value = value;
			return 1;
		}
		r = read_some(qmp, error);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (!qmp->closed)
			return 0;
		return pp_error_set(
			error, PP_STATUS_FAILED, -ECONNRESET, "QEMU closed its monitor");
	}
}

static int forget_pending(struct pp_qmp *qmp, uint64_t id)
{
	for (size_t i = 0; i < qmp->n_pending; i++) {
		if (qmp->pending[i] != id)
			continue;
		qmp->pending[i] = qmp->pending[--qmp->n_pending];
		return 0;
	}
	return -ENOENT;
}

static int understand_reply(struct pp_qmp *qmp, const struct pp_json *value,
	struct pp_qmp_message *ret_message, struct pp_error *error)
{
	const struct pp_json *failure = pp_json_get(value, "error");
	struct pp_qmp_message message = {.kind = PP_QMP_RETURN};
	int64_t id;

	if (failure) {
		message.kind = PP_QMP_ERROR;
		message.data = failure;
		message.name = pp_json_get_string(failure, "class");
		message.text = pp_json_get_string(failure, "desc");
		if (!message.name || !message.text)
			return protocol_error(error, "an error without class or description");
	} else {
		message.data = pp_json_get(value, "return");
	}
	if (pp_json_get_int(value, "id", &id) < 0 || id < 0) {
		/* QEMU could not read what it was sent, and so not its id either. */
		if (failure)
			return pp_error_set(error, PP_STATUS_FAILED, -EPROTO,
				"QEMU's monitor did not understand a command: %s", message.text);
		return protocol_error(error, "an answer without an id");
	}
	message.id = (uint64_t)id;
	if (forget_pending(qmp, message.id) < 0)
		return protocol_error(error, "an answer to what was not asked");
	*ret_message = message;
	return 1;
}

/* What a value is; it stays owned by the connection. */
static int understand(struct pp_qmp *qmp, const struct pp_json *value,
	struct pp_qmp_message *ret_message, struct pp_error *error)
{
	if (!pp_json_is_object(value))
		return protocol_error(error, "a value that is not an object");
	if (!qmp->greeted) {
		const struct pp_json *greeting = pp_json_get(value, "QMP");
		if (!pp_json_is_object(greeting))
			return protocol_error(error, "no greeting");
		qmp->greeted = true;
		*ret_message = (struct pp_qmp_message){.kind = PP_QMP_GREETING, .data = greeting};
		return 1;
	}
	const char *event = pp_json_get_string(value, "event");
	if (event) {
		*ret_message = (struct pp_qmp_message){
			.kind = PP_QMP_EVENT, .name = event, .data = pp_json_get(value, "data")};
		return 1;
	}
	if (pp_json_get(value, "return") || pp_json_get(value, "error"))
		return understand_reply(qmp, value, ret_message, error);
	return protocol_error(error, "neither an answer nor an event");
}

/* The next message from the wire, leaving the kept ones alone. */
static int receive_new(
	struct pp_qmp *qmp, struct pp_qmp_message *ret_message, struct pp_error *error)
{
	int r = write_some(qmp, error);
	if (r < 0)
		return r;
	struct pp_json *value = NULL;
	r = next_value(qmp, &value, error);
	if (r <= 0)
		return r;
	pp_json_free(qmp->current);
	qmp->current = value;
	return understand(qmp, value, ret_message, error);
}

int pp_qmp_receive(struct pp_qmp *qmp, struct pp_qmp_message *ret_message, struct pp_error *error)
{
	if (qmp->n_kept == 0)
		return receive_new(qmp, ret_message, error);
	pp_json_free(qmp->current);
	qmp->current = qmp->kept[0];
	memmove(qmp->kept, qmp->kept + 1, --qmp->n_kept * sizeof(*qmp->kept));
	return understand(qmp, qmp->current, ret_message, error);
}

static int wait_ready(struct pp_qmp *qmp, long long end, struct pp_error *error)
{
	long long left = end - pp_clock_ms();
	if (left <= 0)
		return pp_error_set(
			error, PP_STATUS_FAILED, -ETIMEDOUT, "QEMU's monitor does not answer");
	struct pollfd wait = {
		.fd = qmp->fd, .events = (short)(POLLIN | (pp_qmp_writing(qmp) ? POLLOUT : 0))};
	if (poll(&wait, 1, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR)
		return pp_error_errno(error, -errno, "cannot wait for QEMU's monitor");
	return 0;
}

/* The next greeting or reply; events are kept. */
static int await_answer(struct pp_qmp *qmp, long long end, struct pp_qmp_message *ret_message,
	struct pp_error *error)
{
	for (;;) {
		struct pp_qmp_message message;
		int r = receive_new(qmp, &message, error);
		if (r == 0)
			r = wait_ready(qmp, end, error);
		else if (r > 0 && message.kind != PP_QMP_EVENT) {
			*ret_message = message;
			return 0;
		} else if (r > 0 && qmp->n_kept == KEPT_MAX)
			return protocol_error(error, "events without end");
		else if (r > 0)
			qmp->kept[qmp->n_kept++] = PP_TAKE(qmp->current);
		if (r < 0)
			return r;
	}
}

int pp_qmp_call(struct pp_qmp *qmp, const char *command, struct pp_json *arguments, int deadline_ms,
	struct pp_json **ret_value, struct pp_error *error)
{
	long long end = pp_clock_ms() + deadline_ms;
	struct pp_qmp_message message = {0};
	uint64_t id = 0;

	int r = pp_qmp_send(qmp, command, arguments, &id, error);
	while (r >= 0 && message.id != id)
		r = await_answer(qmp, end, &message, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "%s", command) : r;
	if (message.kind == PP_QMP_ERROR)
		return pp_error_set(
			error, PP_STATUS_FAILED, -EREMOTEIO, "%s: %s", command, message.text);
	if (!ret_value)
		return 0;
	struct pp_json *value = pp_json_copy(message.data);
	if (!value && message.data)
		return pp_error_oom(error);
	*ret_value = value;
	return 0;
}

int pp_qmp_negotiate(struct pp_qmp *qmp, int deadline_ms, struct pp_error *error)
{
	long long begin = pp_clock_ms();
	if (!qmp->greeted) {
		struct pp_qmp_message message;
		int r = await_answer(qmp, begin + deadline_ms, &message, error);
		if (r < 0)
			return r;
	}
	long long left = begin + deadline_ms - pp_clock_ms();
	return pp_qmp_call(qmp, "qmp_capabilities", NULL, left > 0 ? (int)left : 0, NULL, error);
}
