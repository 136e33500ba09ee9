/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared memory: a file in /dev/shm that guests, and programs of the host, have together. It is
 * root's, and stays when the guest ends; the guest's user of this run is let in by its access
 * list. */
#ifndef LIB_GUEST_SHMEM_H
#define LIB_GUEST_SHMEM_H

#include "lib/guest/record.h"

/* Made with its size where it is not there; the caller closes *ret_fd. */
int pp_shmem_open(const struct pp_record_launch *launch, const struct pp_launch_file *file,
	int *ret_fd, struct pp_error *error);

#endif
