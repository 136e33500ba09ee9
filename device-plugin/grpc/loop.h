/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One event loop: descriptors and timers, each with a function. A source may be removed at any
 * time, also in its own function. */
#ifndef DEVICE_PLUGIN_GRPC_LOOP_H
#define DEVICE_PLUGIN_GRPC_LOOP_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;
typedef void loop_function(uint32_t events, void *data); /* EPOLLIN ...; 0 of a timer */

int loop_new(struct loop **ret_loop, struct pp_error *error);
void loop_free(struct loop *loop); /* and its sources; descriptors are their owners' */
/* EVENTS as epoll has them. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_function *function, void *data,
	struct loop_source **ret_source);
int loop_change(struct loop_source *source, uint32_t events);
/* Off until it is set. */
int loop_add_timer(
	struct loop *loop, loop_function *function, void *data, struct loop_source **ret_source);
void loop_set(struct loop_source *timer, int milliseconds); /* once, from now; -1: off */
bool loop_is_set(const struct loop_source *timer);
void loop_remove(struct loop_source *source); /* NULL is none */
/* Until loop_end; returns what that was told. */
int loop_run(struct loop *loop);
void loop_end(struct loop *loop, int status);
/* One round, of at most MILLISECONDS; for tests. */
int loop_turn(struct loop *loop, int milliseconds);

#endif
