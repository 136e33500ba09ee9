/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's TPM: a swtpm beside its QEMU, of the same user and in a room of its own, which ends
 * when QEMU is gone. What it remembers is in a folder of its guest's uuid, and stays. */
#ifndef LIB_GUEST_SWTPM_H
#define LIB_GUEST_SWTPM_H

#include "lib/guest/record.h"

/* Starts one; STATE is its folder. The descriptor is QEMU's end of its socket; what it has to say
 * goes to LOG_FD. */
int pp_swtpm_open(const struct pp_record_launch *launch, const char *state, int log_fd, int *ret_fd,
	struct pp_error *error);

#endif
