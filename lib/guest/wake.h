/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Awake: a host does not go to sleep while a guest has devices of it, for they may be dead
 * afterwards. Asked of logind, where it runs; who wants the host to sleep is told why it does not,
 * and can insist. */
#ifndef LIB_GUEST_WAKE_H
#define LIB_GUEST_WAKE_H

#include "lib/context.h"

/* Holds for as long as the descriptor is open. -EOPNOTSUPP: nobody can be asked. */
int pp_wake_hold(
	struct pp_context *context, const char *guest, int *ret_fd, struct pp_error *error);

#endif
