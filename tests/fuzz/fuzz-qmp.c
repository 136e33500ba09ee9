/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what QEMU's monitor says, in pieces and then closed: each message that is taken has
 * what its kind promises, each refusal says why, and nothing is answered that was not asked. Once
 * with a listener who takes messages as they come, once with one who waits for an answer. */
#include "base/cleanup.h"
#include "lib/qemu/qmp.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 512
#define ASKED 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct pp_qmp_message *message)
{
	bool reply = message->kind == PP_QMP_RETURN || message->kind == PP_QMP_ERROR;
	if (message->kind == PP_QMP_GREETING && !pp_json_is_object(message->data))
		abort();
	if (message->kind == PP_QMP_EVENT && !message->name)
		abort();
	if (message->kind == PP_QMP_ERROR && (!message->name || !message->text))
		abort();
	if (reply && (message->id == 0 || message->id > ASKED))
		abort();
}

/* All that is there: 0, or why no more will come. */
static int take(struct pp_qmp *qmp, unsigned *replies)
{
	struct pp_error error = {0};
	struct pp_qmp_message message;
	int r;
	while ((r = pp_qmp_receive(qmp, &message, &error)) > 0) {
		check_message(&message);
		*replies += message.kind == PP_QMP_RETURN || message.kind == PP_QMP_ERROR;
	}
	if (r < 0 && !error.text[0])
		abort();
	return r;
}

static struct pp_qmp *connection(int *ret_peer)
{
	struct pp_qmp *qmp = NULL;
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	*ret_peer = fds[1];
	if (fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0 || pp_qmp_open(fds[0], &qmp, NULL) < 0)
		abort();
	return qmp;
}

static void listen_to(const uint8_t *data, size_t size)
{
	static const char *const asked[ASKED] = {"qmp_capabilities", "query-status", "device_add"};
	PP_CLOSE int peer = -1;
	PP_CLEANUP(pp_qmp_freep) struct pp_qmp *qmp = connection(&peer);
	unsigned replies = 0;
	int r = 0;
	for (size_t i = 0; i < ASKED; i++)
		if (pp_qmp_send(qmp, asked[i], NULL, NULL, NULL) < 0)
			abort();
	for (size_t at = 0; r == 0 && at < size;) {
		size_t length = size - at < PIECE ? size - at : PIECE;
		ssize_t n = write(peer, data + at, length);
		if (n < 0 && errno != EAGAIN)
			abort();
		at += n > 0 ? (size_t)n : 0;
		r = take(qmp, &replies);
	}
	shutdown(peer, SHUT_WR);
	/* What is read in one go is bounded. */
	for (unsigned tries = 0; r == 0 && tries < 1000; tries++)
		r = take(qmp, &replies);
	if (r == 0 || replies > ASKED)
		abort();
}

static void wait_for(const uint8_t *data, size_t size)
{
	PP_CLOSE int peer = -1;
	PP_CLEANUP(pp_qmp_freep) struct pp_qmp *qmp = connection(&peer);
	struct pp_error error = {0};
	PP_CLEANUP(pp_json_freep) struct pp_json *value = NULL;
	unsigned replies = 0;
	if (write(peer, data, size < 65536 ? size : 65536) < 0 && errno != EAGAIN)
		abort();
	shutdown(peer, SHUT_WR);
	int r = pp_qmp_negotiate(qmp, 1000, &error);
	if (r >= 0)
		r = pp_qmp_call(qmp, "query-status", NULL, 1000, &value, &error);
	if (r < 0 && (!error.text[0] || value || r == -ETIMEDOUT))
		abort();
	if (r >= 0)
		take(qmp, &replies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	listen_to(data, size);
	wait_for(data, size);
	return 0;
}
