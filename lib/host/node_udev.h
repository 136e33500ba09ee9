/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device as udev's library shows it: what its uevent file says, and what udev's rules have found
 * out about it, from the database below /run/udev/data. */
#ifndef HOST_NODE_UDEV_H
#define HOST_NODE_UDEV_H

#include "base/arena.h"
#include "base/tree.h"

struct pp_property {
	const char *key, *value;
};

struct pp_udev {
	struct pp_tree *tree;
	struct pp_arena *arena;
	const char *path;      /* /sys/devices/... */
	const char *name;      /* the last part of it */
	const char *subsystem; /* "pci" */
	struct pp_property *properties;
	size_t n_properties, size_properties;
	const char **links; /* "/dev/disk/by-id/..." by byte, none twice */
	size_t n_links, size_links;
};

/* -ENODEV where it is no device (any more), -ENOMEM. */
int pp_udev_read(struct pp_tree *tree, struct pp_arena *arena, const char *path,
	const char *subsystem, struct pp_udev *ret_udev);

/* NULL where there is none. */
const char *pp_udev_property(const struct pp_udev *udev, const char *key);
/* Of the uevent file alone or of the database: numbers that must be there; -EINVAL otherwise. */
int pp_udev_property_number(
	const struct pp_udev *udev, const char *key, int base, unsigned *ret_value);

/* A sysfs attribute without newlines at its end: NULL where it cannot be read. */
int pp_udev_attribute(const struct pp_udev *udev, const char *name, const char **ret_value);
/* The same for showing: without control characters, and NULL for "". */
int pp_udev_text(const struct pp_udev *udev, const char *name, const char **ret_value);
/* An attribute that need not be there (*value stays), but must be a number: -EINVAL otherwise. */
int pp_udev_number(
	const struct pp_udev *udev, const char *name, int base, uint64_t max, uint64_t *value);
bool pp_udev_has(const struct pp_udev *udev, const char *name);

#endif
