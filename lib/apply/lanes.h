/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lanes: moves of devices that have nothing to do with each other run at the same time, so that
 * what the kernel sleeps for each (a reset's 100 ms, a driver that lets go) is waited for once. The
 * functions of one slot stay in the plan's order; virtual functions have no such neighbours. */
#ifndef LIB_APPLY_LANES_H
#define LIB_APPLY_LANES_H

#include "lib/apply/lock.h"

struct pp_move {
	const struct pp_step *step;
	const struct pp_driver_state *to;
	bool back;  /* as an undo: what is back already is left */
	void *data; /* of WORK */
	int result; /* of WORK; -ECANCELED: not begun, for another one had failed */
	pid_t stuck;
	struct pp_error error;
};
/* Of one move, with effects of its own; 0 or -errno. Messages may be said; no journal is written.
 */
typedef int pp_move_work(struct pp_effects *effects, struct pp_move *move);

/* How many of the COUNT moves may run at the same time. */
size_t pp_lanes_count(struct pp_context *context, const struct pp_move *moves, size_t count);
/* Does WORK for all and waits for their end. STOP: what fails keeps those that have not begun from
 * it, as does a signal that asks to end. */
void pp_lanes_run(struct pp_effects *effects, const struct pp_locks *locks, struct pp_move *moves,
	size_t count, pp_move_work *work, bool stop);

#endif
