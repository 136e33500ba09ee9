/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest holds of the host, given back when it has ended. */
#ifndef LIB_GUEST_RELEASE_H
#define LIB_GUEST_RELEASE_H

#include "base/error.h"
#include "lib/context.h"

/* The devices of a guest, back to the drivers that they had, in the reverse order, and read again.
 * Done twice it does nothing. An error names those that are not back. */
int pp_guest_release(struct pp_context *context, const char *name, struct pp_error *error);
/* Those of ADDRESSES alone. */
int pp_guest_release_some(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error);

#endif
