/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who serves a directory of the host to a guest: a virtiofsd of the guest's own user, which is root
 * in a user namespace with nobody else, in a room in which there is that directory alone. There the
 * directory's owner is shown as that user (an idmapped mount): it reads and writes what the owner
 * may, and as the owner. It ends when QEMU has closed its socket. */
#ifndef LIB_GUEST_VIRTIOFSD_H
#define LIB_GUEST_VIRTIOFSD_H

#include "lib/guest/record.h"

/* *ret_fd: the socket for QEMU; the caller closes. LOG_FD is where it says what it has to. */
int pp_virtiofsd_open(const struct pp_record_launch *launch, const struct pp_launch_file *file,
	int folder_fd, int log_fd, int *ret_fd, struct pp_error *error);

#endif
