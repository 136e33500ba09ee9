/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owners: the PCI functions that a node of sysfs sits on. Most nodes lie below one; what the kernel
 * makes out of others (device mapper, MD, NVMe with several paths, bridges, bonds) has those of its
 * parts. */
#ifndef HOST_OWNER_H
#define HOST_OWNER_H

#include "lib/host/reader.h"

struct pp_owners {
	struct pp_device **items; /* each once, in the order found */
	size_t count;
};

/* PATH: of /sys, links are followed. 0 (also with none) or -ENOMEM. */
int pp_owners_find(struct pp_reader *reader, const char *path, struct pp_owners *ret_owners);

#endif
