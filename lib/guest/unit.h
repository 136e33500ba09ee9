/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A unit: where systemd runs the host, each guest's supervisor is a service of its own,
 * pcipass-guest@NAME.service: it outlives the session that started it, and comes back when it is
 * killed. Whoever starts a guest asks systemd for the unit, and hands the guest's lock and a pipe
 * over to what runs in it, by a socket in the guest's folder. */
#ifndef LIB_GUEST_UNIT_H
#define LIB_GUEST_UNIT_H

#include "lib/context.h"

struct pp_unit_fds {
	int status; /* written to by the supervisor */
	int lock;
	bool adopt; /* QEMU may be there already */
};

/* Starts NAME's unit and hands FDS over. -EOPNOTSUPP where there is no systemd or no such unit: the
 * caller runs the supervisor itself. *ret_pid: the supervisor. */
int pp_unit_start(struct pp_context *context, const char *name, const struct pp_unit_fds *fds,
	pid_t *ret_pid, struct pp_error *error);

/* In the unit: takes them. -ENOENT: nobody hands anything over, systemd itself started it. */
int pp_unit_receive(struct pp_context *context, const char *name, struct pp_unit_fds *ret_fds,
	struct pp_error *error);

/* The two halves of pp_unit_start around what systemd does: a socket in the guest's folder, and
 * what goes to the first of our own user that asks there. */
int pp_unit_listen(int folder_fd);
int pp_unit_hand_over(int listener, const struct pp_unit_fds *fds, pid_t *ret_pid);

/* "pcipass-guest@a\x2db.service"; the caller frees. */
char *pp_unit_name(const char *guest);

#endif
