/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The supervisor: the process that takes care of one guest. It starts QEMU (or finds it again),
 * talks to its monitor, and when QEMU has ended, in whatever way, gives the devices back. It sleeps
 * unless something happens, and killing it loses nothing: the guest goes on, and is adopted again.
 *
 * SIGTERM and SIGINT ask it to end the guest. */
#ifndef LIB_GUEST_SUPERVISOR_H
#define LIB_GUEST_SUPERVISOR_H

#include "base/error.h"
#include "lib/context.h"

/* What a verb and the supervisor that it starts agree on. */
#define PP_SUPERVISOR_STATUS_FD 3 /* a pipe: PP_SUPERVISOR_RUNS, or its end */
#define PP_SUPERVISOR_LOCK_FD 4   /* of the guest, held for as long as the supervisor lives */
#define PP_SUPERVISOR_RUNS "runs\n"

struct pp_supervise_options {
	bool adopt;    /* QEMU may be there already; nothing is started */
	int status_fd; /* -1: none */
	int lock_fd;   /* -1: it takes the lock itself */
};
/* Returns when the guest has ended and its devices are back (or could not be given back: that is in
 * the guest's state). */
int pp_supervise(struct pp_context *context, const char *name,
	const struct pp_supervise_options *options, struct pp_error *error);

#endif
