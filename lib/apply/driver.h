/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The step of a driver: reading which driver a device has, and moving it to another one. */
#ifndef LIB_APPLY_DRIVER_H
#define LIB_APPLY_DRIVER_H

#include "lib/apply/effects.h"

/* -ENODEV: the device is not there. */
int pp_driver_read(
	struct pp_context *context, const char *address, struct pp_driver_state *ret_state);
/* Moves a device to TO and reads again. What is there already is not written. */
int pp_driver_move(struct pp_effects *effects, const char *address,
	const struct pp_driver_state *to, struct pp_error *error);
bool pp_module_loaded(struct pp_context *context, const char *module);

#endif
