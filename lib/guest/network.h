/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The networks of a guest: which bridges they are, and a tap at one of them for each interface. */
#ifndef LIB_GUEST_NETWORK_H
#define LIB_GUEST_NETWORK_H

#include "lib/context.h"
#include "lib/qemu/argv.h"

/* Of each network that DOMAIN names (libvirt's), in ARENA. CHECK: its bridges must be there. */
int pp_network_bridges(struct pp_context *context, const struct pp_domain *domain, const char *file,
	bool check, struct pp_arena *arena, const struct pp_network_bridge **ret_bridges,
	struct pp_error *error);

/* Makes a tap that lives as long as its descriptor, a port of the bridge, and up. */
int pp_network_tap(const struct pp_launch_file *file, int *ret_fd, struct pp_error *error);

#endif
