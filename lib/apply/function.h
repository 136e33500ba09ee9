/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The step of what a network card gives one of its virtual functions: MAC, VLAN, spoof check,
 * trust.
 */
#ifndef LIB_APPLY_FUNCTION_H
#define LIB_APPLY_FUNCTION_H

#include "lib/apply/effects.h"
#include "lib/plan/plan.h"

/* -ENODEV: it is not there; -EOPNOTSUPP: it is no virtual function, or not of a network card that
 * its own driver has. */
int pp_function_read(
	struct pp_context *context, const char *address, struct pp_function_state *ret_state);
int pp_function_move(struct pp_effects *effects, const char *address,
	const struct pp_function_state *to, struct pp_error *error);
/* Adds to PLAN what an <interface> asks for; MAC NULL, VLAN 0: as it is. */
int pp_function_plan(struct pp_context *context, const char *address, const uint8_t mac[6],
	unsigned vlan, struct pp_plan *plan, struct pp_error *error);

#endif
