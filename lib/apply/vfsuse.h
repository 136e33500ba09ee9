/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual functions that are about to go without having been asked for: when a change is undone. */
#ifndef LIB_APPLY_VFSUSE_H
#define LIB_APPLY_VFSUSE_H

#include "lib/apply/lock.h"

/* Refuses when one of those that the device has now is a guest's, is held through VFIO, or is used
 * by the host; else they are locked until *ret_locks (NULL: it has none) is freed. HELD: the plan
 * whose devices the caller has locked. */
int pp_vfs_guard(struct pp_effects *effects, const char *address, const struct pp_plan *held,
	struct pp_locks **ret_locks, struct pp_error *error);

#endif
