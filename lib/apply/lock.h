/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks of devices: run/pcipass/locks/ADDRESS, held while a device is moved. The file says by whom.
 */
#ifndef LIB_APPLY_LOCK_H
#define LIB_APPLY_LOCK_H

#include "lib/apply/effects.h"

struct pp_locks;

/* Takes the lock of each device of a plan, by address, so that two that want the same devices
 * cannot wait for each other. WAIT_MS: how long for each one that another has; then -EBUSY, saying
 * who. */
int pp_locks_take(struct pp_effects *effects, const struct pp_plan *plan, int wait_ms,
	struct pp_locks **ret_locks, struct pp_error *error);
void pp_locks_free(struct pp_locks *locks);
PP_DEFINE_CLEANUP(struct pp_locks *, pp_locks_free)
/* From now on a child that hangs keeps the lock of this device alone. */
void pp_locks_focus(const struct pp_locks *locks, struct pp_effects *effects, const char *address);
/* Writes into the lock of a device that a child hangs: the next verb says so. */
void pp_locks_stuck(struct pp_locks *locks, const char *address, pid_t pid);
bool pp_locks_is_stuck(const struct pp_locks *locks, const char *address);

#endif
