/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A claim: what a guest that runs has for itself and no other may have: its user, and the images
 * that it writes. */
#ifndef LIB_GUEST_CLAIM_H
#define LIB_GUEST_CLAIM_H

#include "lib/guest/record.h"

/* Users of QEMU, and their groups of the same number: 0x7a000000 and up. SECURITY.md says why
 * there. */
#define PP_CLAIM_FIRST_USER 0x7a000000u
#define PP_CLAIM_USERS 0xffffu /* the one behind the last is who QEMU is asked as */

/* Whether QEMU gets a user of its own: on this machine, when we are root; else it runs as we do. */
bool pp_claim_has_user(const struct pp_context *context);
/* Refuses (-EBUSY) images that another guest has; gives LAUNCH a user, where it has OWN. Nobody
 * else claims until the descriptor is closed: by then the launch and the state are written. */
int pp_claim_make(struct pp_context *context, const char *name, struct pp_record_launch *launch,
	int *ret_lock_fd, struct pp_error *error);

#endif
