/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files that read node devices share. Each kind has a look (is it shown, and by which
 * name), and most a detail (what only its XML shows). 0, -ENODEV where virsh shows no such node,
 * -ENOMEM. */
#ifndef HOST_NODE_READER_H
#define HOST_NODE_READER_H

#include "lib/host/node.h"
#include "lib/host/node_udev.h"

struct pp_node_reader {
	struct pp_tree *tree;
	struct pp_arena *arena;
	bool privileged; /* config space is shown to root alone */
	bool live;
};

/* SUFFIX: what its name has after subsystem and device name. */
int pp_node_pci_look(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record);
int pp_node_pci_detail(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record);

int pp_node_net_look(const struct pp_udev *udev, struct pp_node_record *record);
int pp_node_net_detail(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record);
/* The features of an interface, a bit for each of pp_node_feature_names. They are in no file: those
 * of another machine stand in its /ethtool/NAME, as "rx tx sg". */
int pp_node_net_features(
	const struct pp_node_reader *reader, const char *interface, unsigned *ret_features);
/* The same as the line of such a file, in the arena. */
int pp_node_net_features_text(
	const struct pp_node_reader *reader, const char *interface, char **ret_text);

int pp_node_storage_look(const struct pp_udev *udev, struct pp_node_record *record);
int pp_node_storage_detail(const struct pp_udev *udev, struct pp_node_record *record);

int pp_node_scsi_host_look(const struct pp_udev *udev, struct pp_node_record *record);
int pp_node_scsi_target_look(const struct pp_udev *udev, struct pp_node_record *record);
int pp_node_scsi_look(const struct pp_udev *udev, struct pp_node_record *record);

int pp_node_usb_device_look(const struct pp_udev *udev, struct pp_node_record *record);
int pp_node_usb_look(const struct pp_udev *udev, struct pp_node_record *record);

int pp_node_mdev_look(const struct pp_udev *udev, struct pp_node_record *record);
int pp_node_mdev_types(
	const struct pp_udev *udev, struct pp_node_mdev_type **ret_types, size_t *ret_count);
int pp_node_vdpa_look(const struct pp_udev *udev, struct pp_node_record *record);

/* "computer" */
int pp_node_system_detail(const struct pp_node_reader *reader, struct pp_node_record *record);

#endif
