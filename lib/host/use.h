/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uses: what on the host would miss a device. The kernel refuses nothing because it is in use, so
 * this is all there is between a user and a lost disk. Each file knows one kind of use. */
#ifndef HOST_USE_H
#define HOST_USE_H

#include "lib/host/owner.h"

/* Texts that are NULL mean that memory is out. */
int pp_use_add(struct pp_reader *reader, struct pp_use use);
/* The same use for each of the devices. */
int pp_use_add_all(struct pp_reader *reader, const struct pp_owners *owners, struct pp_use use);
/* Is there a use of this kind, device and name already? NAME NULL: any. */
bool pp_use_known(const struct pp_reader *reader, const struct pp_device *device, const char *name);

int pp_uses_read_disks(struct pp_reader *reader); /* use_disk.c: mounts, swap */
struct pp_mount;
/* use_share.c: folders that the machine around this one shares with it */
int pp_uses_read_shares(struct pp_reader *reader, const struct pp_mount *mounts, size_t n_mounts);
int pp_uses_read_volumes(
	struct pp_reader *reader); /* use_volume.c: LVM, MD, LUKS, ZFS, btrfs, boot */
int pp_uses_read_nets(
	struct pp_reader *reader); /* use_net.c: routes, addresses, bridges; sessions */
int pp_uses_read_files(struct pp_reader *reader);  /* use_file.c: open nodes of /dev, VFIO */
int pp_uses_read_guests(struct pp_reader *reader); /* use_guest.c: libvirt's that run */
/* Makes the use by a process that of the guest which it runs, if it does. */
int pp_use_name_guest(struct pp_reader *reader, const char *process, struct pp_use *use);
int pp_uses_read_consoles(struct pp_reader *reader); /* use_console.c: displays, keyboards */

/* A block device of the host. */
struct pp_disk {
	const char *path; /* of sysfs */
	const char *name; /* "nvme0n1p1"; of a device-mapper volume "vg-root" */
	struct pp_owners owners;
};
/* By number, or by its node (/dev/sda1) where MAJOR is 0. -ENOENT: it is none, or none of PCI. */
int pp_disk_find(struct pp_reader *reader, unsigned major, unsigned minor, const char *node,
	struct pp_disk *ret_disk);
/* By its name in /sys/class/block. */
int pp_disk_named(struct pp_reader *reader, const char *name, struct pp_disk *ret_disk);

/* An address of an interface of this host, IPv4 as an IPv6 one (::ffff:a.b.c.d). */
struct pp_net_address {
	uint8_t bytes[16];
	const char *interface;
	const char *text;
	const char *evidence;
	bool link_local;
};
int pp_net_addresses(struct pp_reader *reader, struct pp_net_address **ret_list, size_t *ret_count);
/* Interfaces that carry the caller's session, and those of others who are logged in from afar. */
int pp_uses_read_sessions(
	struct pp_reader *reader, const struct pp_net_address *addresses, size_t n_addresses);

#endif
