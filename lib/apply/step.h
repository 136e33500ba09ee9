/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A step of a plan, whatever its kind: the state that its subject has now, and to another one. */
#ifndef LIB_APPLY_STEP_H
#define LIB_APPLY_STEP_H

#include "lib/apply/effects.h"

/* Of a step whose subject is a device. -ENODEV: it is not there. */
int pp_step_read(
	struct pp_context *context, const struct pp_step *step, struct pp_driver_state *ret_state);
/* TO: the step's from or to. What is there already is not written. */
int pp_step_move(struct pp_effects *effects, const struct pp_step *step,
	const struct pp_driver_state *to, struct pp_error *error);

#endif
