/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker: a process of the supervisor's own that settles what a guest has of the host's devices
 * (settle.h). That takes its time, and the supervisor must hear its guest meanwhile. */
#ifndef LIB_GUEST_WORKER_H
#define LIB_GUEST_WORKER_H

#include "lib/context.h"
#include <systemd/sd-event.h>

struct pp_worker {
	struct pp_context *context;
	const char *name;
	sd_event *event;
	int folder_fd;
	const int *lock_fd; /* of the guest: the worker does not keep it */
	int pidfd;          /* -1: none is at work */
	bool again;         /* something has happened since it began */
	unsigned failures;  /* one after the other */
	sd_event_source *source, *verb_source, *timer_source;
};

/* Watches for verbs that end, however they do. What fails here leaves it to the next verb. */
void pp_worker_init(struct pp_worker *worker, struct pp_context *context, const char *name,
	sd_event *event, int folder_fd, const int *lock_fd);
void pp_worker_done(struct pp_worker *worker);
/* Devices may have come or gone. */
void pp_worker_start(struct pp_worker *worker);
/* QEMU has ended: nobody begins anything any more, and what is at work comes to its end first. */
void pp_worker_finish(struct pp_worker *worker, int wait_ms);

#endif
