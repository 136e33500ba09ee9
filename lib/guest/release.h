/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest holds of the host, given back when it has ended. */
#ifndef LIB_GUEST_RELEASE_H
#define LIB_GUEST_RELEASE_H

#include "base/error.h"
#include "lib/context.h"

/* The devices of a guest, back to the drivers that they had, in the reverse order, and read again.
 * Done twice it does nothing. An error names those that are not back. */
int pp_guest_release(struct pp_context *context, const char *name, struct pp_error *error);

#endif
