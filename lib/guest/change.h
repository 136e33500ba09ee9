/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A change of a guest's definition: devices more or less, everything else as its author wrote it.
 * It is read anew, and replaced whole or not at all. */
#ifndef LIB_GUEST_CHANGE_H
#define LIB_GUEST_CHANGE_H

#include "lib/context.h"

/* DEVICES: each the text of one element, from FILE; host devices that it has are left out. DRY:
 * everything is looked at, nothing written. Changed nothing, *ret_changed stays as it is. */
int pp_change_add(struct pp_context *context, const char *name, const char *const *devices,
	size_t n_devices, const char *file, bool dry, bool *ret_changed, struct pp_error *error);
int pp_change_remove(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses, bool dry, bool *ret_changed,
	struct pp_error *error);

#endif
