/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QMP connection: one client's talk with a QEMU. It never blocks by itself: the owner waits for
 * the descriptor and takes messages out; pp_qmp_call waits for one reply with a deadline. Whatever
 * breaks the protocol ends the connection with -EPROTO; QEMU itself is not touched by that. */
#ifndef LIB_QEMU_QMP_H
#define LIB_QEMU_QMP_H

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include <stdbool.h>
#include <stdint.h>

/* The longest message that is taken: the schema of a QEMU is about 300 KiB. */
#define PP_QMP_MESSAGE_MAX (8u * 1024 * 1024)
/* How many commands may be without an answer at one time. */
#define PP_QMP_PENDING_MAX 16

struct pp_qmp;

enum pp_qmp_kind {
	PP_QMP_GREETING, /* data: the "QMP" object */
	PP_QMP_RETURN,   /* id; data: the "return" value */
	PP_QMP_ERROR,    /* id; name: the class; text: the description */
	PP_QMP_EVENT,    /* name; data: the "data" object or NULL */
};
/* Borrowed from the message that the connection holds until the next one is taken. */
struct pp_qmp_message {
	enum pp_qmp_kind kind;
	uint64_t id;
	const char *name;
	const char *text;
	const struct pp_json *data;
};

/* Takes the descriptor of a connected stream socket, also when it fails. */
int pp_qmp_open(int fd, struct pp_qmp **ret_qmp, struct pp_error *error);
/* Connects to a socket that QEMU listens on; NAME is in the folder DIR_FD (a path may be longer
 * than what a socket's address holds) or a path with AT_FDCWD. Does not wait for the greeting. */
int pp_qmp_connect(int dir_fd, const char *name, struct pp_qmp **ret_qmp, struct pp_error *error);
void pp_qmp_free(struct pp_qmp *qmp);
PP_DEFINE_CLEANUP(struct pp_qmp *, pp_qmp_free)

int pp_qmp_fd(const struct pp_qmp *qmp);
/* Whether bytes wait to be written: then wait for POLLOUT too. */
bool pp_qmp_writing(const struct pp_qmp *qmp);

/* Sends a command; ARGUMENTS (may be NULL) are given away. The reply comes as a message with the
 * id. */
int pp_qmp_send(struct pp_qmp *qmp, const char *command, struct pp_json *arguments,
	uint64_t *ret_id, struct pp_error *error);
/* Writes what waits, reads what is there, and takes one message: 1, or 0 when none is complete.
 * -ECONNRESET: QEMU closed; -EPROTO: not QMP. */
int pp_qmp_receive(struct pp_qmp *qmp, struct pp_qmp_message *ret_message, struct pp_error *error);

/* Waits for the greeting and negotiates. Events that come meanwhile are kept for pp_qmp_receive. */
int pp_qmp_negotiate(struct pp_qmp *qmp, int deadline_ms, struct pp_error *error);
/* One command and its reply. QEMU's own error is -EREMOTEIO with its description unchanged in the
 * text; *ret_value (may be NULL) is owned by the caller. */
int pp_qmp_call(struct pp_qmp *qmp, const char *command, struct pp_json *arguments, int deadline_ms,
	struct pp_json **ret_value, struct pp_error *error);

#endif
