/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of virtual functions: how many there are, and whether the host's drivers take new ones.
 */
#ifndef LIB_APPLY_VFS_H
#define LIB_APPLY_VFS_H

#include "lib/apply/effects.h"

/* -ENODEV: the device is not there; -EOPNOTSUPP: it has no SR-IOV. */
int pp_vfs_read(struct pp_context *context, const char *address, unsigned *ret_count);
int pp_vfs_autoprobe_read(struct pp_context *context, const char *address, bool *ret_on);
/* What is so already is not written. */
int pp_vfs_move(
	struct pp_effects *effects, const char *address, unsigned count, struct pp_error *error);
int pp_vfs_autoprobe_move(
	struct pp_effects *effects, const char *address, bool on, struct pp_error *error);

#endif
