/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: QEMU's process, started in one place, as what the launch says (user, groups,
 * descriptors, limits). It is nobody's hostage: it listens on its monitors' sockets itself, and its
 * words go to a file. */
#ifndef LIB_GUEST_ENGINE_H
#define LIB_GUEST_ENGINE_H

#include "base/error.h"
#include "lib/guest/record.h"

/* The numbers under which QEMU finds the sockets of its monitors. */
#define PP_ENGINE_QMP_FD 10
#define PP_ENGINE_VERBS_FD 11
#define PP_ENGINE_FILES_FD 12 /* and from here on, what its definition names */

/* Starts what the launch says; its identity is in the file "engine" before it is QEMU. */
int pp_engine_spawn(int folder_fd, const struct pp_record_launch *launch, int *ret_pidfd,
	struct pp_error *error);

#endif
