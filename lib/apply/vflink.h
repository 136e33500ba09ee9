/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of rtnetlink about one virtual function of a network card: what its physical function
 * gives it. As bytes: nothing is sent here. */
#ifndef LIB_APPLY_VFLINK_H
#define LIB_APPLY_VFLINK_H

#include "lib/plan/plan.h"
#include <sys/types.h>

#define PP_VFLINK_MAX 512

/* Asks for all that is known of interface INDEX, its functions included. Returns the length. */
size_t pp_vflink_ask(uint8_t bytes[PP_VFLINK_MAX], int index, uint32_t number);
enum pp_vflink_what {
	PP_VFLINK_MAC,
	PP_VFLINK_VLAN,
	PP_VFLINK_SPOOF,
	PP_VFLINK_TRUST,
	PP_VFLINK_N
};
/* Sets one of these, of function FUNCTION, to what STATE says; to be acknowledged. */
size_t pp_vflink_set(uint8_t bytes[PP_VFLINK_MAX], int index, uint32_t number, unsigned function,
	enum pp_vflink_what what, const struct pp_function_state *state);
/* Whether the two differ in it. */
bool pp_vflink_differs(enum pp_vflink_what what, const struct pp_function_state *a,
	const struct pp_function_state *b);
const char *pp_vflink_word(enum pp_vflink_what what); /* "MAC", "VLAN" ... */

/* What an answer to the first says of FUNCTION. -ENOENT: nothing; -EBADMSG: it is cut short, or no
 * answer; else the errno that it has in it. */
int pp_vflink_parse(const uint8_t *bytes, size_t length, unsigned function,
	struct pp_function_state *ret_state);
/* 0 or the errno of an acknowledgement; -EBADMSG: it is none. */
int pp_vflink_acknowledged(const uint8_t *bytes, size_t length);

#endif
