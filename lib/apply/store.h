/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A store: a folder of ours under run/pcipass, reached without leaving the machine's root, and the
 * locks on its files. The locks belong to the open file (OFD), so that a child which hangs in the
 * kernel keeps the lock of its device after we have gone. */
#ifndef LIB_APPLY_STORE_H
#define LIB_APPLY_STORE_H

#include "lib/context.h"

/* Opens run/pcipass/NAME. MAKE: makes it where it is missing, else -ENOENT without an error set. */
int pp_store_open(struct pp_context *context, const char *name, bool make, int *ret_fd,
	struct pp_error *error);

/* Opens a folder of the machine, "/etc/default", without leaving its root. MAKE: with MODE, where
 * it is missing. The descriptor, or -errno. */
int pp_store_inside(struct pp_context *context, const char *folder, bool make, mode_t mode);

int pp_lock_try(int fd);                   /* -EAGAIN: another has it */
int pp_lock_wait(int fd, int deadline_ms); /* -ETIMEDOUT: another still has it */
bool pp_lock_held(int fd);                 /* by another; takes nothing */

#endif
