/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node devices: the machine's devices as virsh shows them, read from sysfs and udev's database by
 * the rules of libvirt 9.0. Texts are as the files have them, not always UTF-8. */
#ifndef HOST_NODE_H
#define HOST_NODE_H

#include "base/arena.h"
#include <pcipass.h>

/* In the order in which --cap knows them; each is a bit of pp_node_record.caps. */
enum pp_node_cap {
	PP_NODE_SYSTEM,
	PP_NODE_PCI,
	PP_NODE_USB_DEVICE,
	PP_NODE_USB, /* an interface of a USB device */
	PP_NODE_NET,
	PP_NODE_SCSI_HOST,
	PP_NODE_SCSI_TARGET,
	PP_NODE_SCSI,
	PP_NODE_STORAGE,
	PP_NODE_FC_HOST,
	PP_NODE_VPORTS,
	PP_NODE_SCSI_GENERIC,
	PP_NODE_DRM,
	PP_NODE_MDEV_TYPES,
	PP_NODE_MDEV,
	PP_NODE_CCW,
	PP_NODE_CSS,
	PP_NODE_VDPA,
	PP_NODE_AP_CARD,
	PP_NODE_AP_QUEUE,
	PP_NODE_AP_MATRIX,
	PP_NODE_VPD,
	PP_NODE_CAPS,
};
extern const char *const pp_node_cap_names[PP_NODE_CAPS];

/* Absent texts are NULL, absent numbers -1, where not said otherwise. */
struct pp_node_system {
	const char *product, *vendor, *version, *serial;
	uint8_t uuid[16]; /* zeros: not known */
	const char *bios_vendor, *bios_version, *bios_date;
};

struct pp_node_mdev_type {
	const char *id, *name, *api;
	unsigned instances;
};

struct pp_vpd_custom {
	char index;
	const char *value;
};
struct pp_vpd {
	const char *name;
	bool readonly, readwrite; /* such a section is there */
	const char *change_level, *manufacture_id, *part_number, *serial_number;
	const char *asset_tag;
	struct pp_vpd_custom vendor[36], vendor_rw[36],
		system_rw[36]; /* in the order of their coming */
	size_t n_vendor, n_vendor_rw, n_system_rw;
};

struct pp_node_pci {
	int class_code; /* -1: not said */
	struct pp_address address;
	uint16_t vendor, product;
	const char *vendor_name, *product_name;
	bool is_virtual_function;
	struct pp_address physical_function;
	struct pp_address *virtual_functions;
	size_t n_virtual_functions;
	unsigned max_virtual_functions; /* 0: none */
	int group;
	struct pp_address *group_devices; /* by address */
	size_t n_group_devices;
	int numa_node;
	/* what only root is shown */
	enum pp_header header;
	bool express, link;
	unsigned link_port, link_cap_speed, link_cap_width, link_speed, link_width;
	struct pp_node_mdev_type *mdev_types;
	size_t n_mdev_types;
	const struct pp_vpd *vpd;
};

struct pp_node_usb_device {
	unsigned bus, device, vendor, product;
	const char *vendor_name, *product_name;
};
struct pp_node_usb {
	unsigned number, class_code, subclass, protocol;
};
struct pp_node_net {
	const char *interface, *address;
	const char *state; /* "up" */
	unsigned speed;    /* Mbit/s, 0: not shown */
	unsigned features; /* a bit for each of pp_node_feature_names */
	bool wireless;
};
#define PP_NODE_FEATURES 14
extern const char *const pp_node_feature_names[PP_NODE_FEATURES];

struct pp_node_scsi_host {
	unsigned host;
	int unique_id;
	const char *wwnn, *wwpn, *fabric_wwn; /* with PP_NODE_FC_HOST */
	int max_vports, vports;               /* with PP_NODE_VPORTS */
};
struct pp_node_scsi_target {
	const char *target;
	const char *rport, *wwpn; /* of a fibre channel's remote port */
};
struct pp_node_scsi {
	unsigned host, bus, target, lun;
	const char *type;
};
struct pp_node_storage {
	const char *bus, *drive_type, *model, *vendor, *serial;
	bool removable, media;
	const char *media_label;
	uint64_t size, media_size, blocks, block_size;
};
struct pp_node_mdev {
	const char *type, *uuid, *parent;
	unsigned group;
};

struct pp_node_record {
	struct pp_node node;
	enum pp_node_cap type;
	uint32_t caps;
	bool detailed;
	const char *devnode; /* "/dev/sda" */
	const char **links;  /* by byte */
	size_t n_links;
	const char *driver;
	union {
		struct pp_node_system system;
		struct pp_node_pci pci;
		struct pp_node_usb_device usb_device;
		struct pp_node_usb usb;
		struct pp_node_net net;
		struct pp_node_scsi_host scsi_host;
		struct pp_node_scsi_target scsi_target;
		struct pp_node_scsi scsi;
		struct pp_node_storage storage;
		const char *drm_type;
		struct pp_node_mdev mdev;
		const char *chardev; /* vdpa */
		struct {
			const char *address;
			struct pp_node_mdev_type *types;
			size_t n_types;
		} mdev_parent;
	};
};

struct pp_nodes {
	struct pp_arena *arena;
	struct pp_node_record *records; /* in virsh's order, by name */
	size_t n_records;
};

/* Also "did you mean"; NULL: there is none of this name. */
const struct pp_node_record *pp_node_find(const struct pp_nodes *nodes, const char *name);

#endif
