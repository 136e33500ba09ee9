/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A room: all that QEMU sees of the host. A mount namespace with a root of its own, read only: the
 * system's programs and settings, /sys, a /proc without the processes of others, a /dev with the
 * nodes that this guest needs and no others, all its own, and one folder in which it may make
 * sockets. Not there: homes, disks of other guests, their state.
 *
 * It lives as long as QEMU, whatever becomes of pcipass. Who adds a device later makes its node
 * through /proc/PID/root/dev, as root. */
#ifndef LIB_GUEST_ROOM_H
#define LIB_GUEST_ROOM_H

#include "base/arena.h"
#include "base/error.h"
#include "lib/guest/record.h"

struct pp_room_node {
	const char *name; /* below /dev: "vfio/12" */
	dev_t number;
};
struct pp_room {
	uid_t uid;
	gid_t gid;
	const char *own; /* its own folder: there under the same path; NULL: none */
	int share_fd;    /* without OWN: a mount that is shown as PP_ROOM_SHARE, and closed */
	const char *const *folders; /* more folders to read, NULL-terminated */
	const struct pp_room_node *nodes;
	size_t n_nodes;
};

#define PP_ROOM_SHARE "/share"

/* What the launch needs, as the host is now; in the arena. */
int pp_room_plan(const struct pp_record_launch *launch, struct pp_arena *arena,
	struct pp_room *ret_room, struct pp_error *error);
/* In the process that is going to be QEMU, while it is root. DATA is a struct pp_room. What fails
 * is said on descriptor 2. */
int pp_room_enter(void *data);

#endif
