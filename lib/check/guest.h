/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facts of a guest that its checks need, as plain data: lib/guest fills them from the
 * definition, the engine and the state. What is not known is 0 or NULL, unless said otherwise. */
#ifndef LIB_CHECK_GUEST_H
#define LIB_CHECK_GUEST_H

#include "base/arena.h"
#include <pcipass.h>

/* What the definition, or a persistent setting, remembers of a device. */
struct pp_guest_identity {
	uint16_t vendor, product, subvendor, subproduct;
	uint8_t revision;
	const char *serial; /* PCI serial number, NVMe serial or MAC, as text; NULL: none */
	const char *group;  /* addresses of the endpoints of its IOMMU group, with blanks; NULL */
};

struct pp_guest_hostdev {
	struct pp_address address;      /* on the host, as the definition says */
	const struct pp_device *device; /* NULL: nothing is there */
	bool managed;
	bool placed;  /* its place in the guest is known: */
	unsigned bus; /* 0: the root bus */
	uint8_t slot, function;
	bool shared_bus;      /* its bus in the guest is a conventional one */
	const char *written;  /* "FILE:LINE" of its definition; NULL: not known */
	bool rom_off;         /* <rom bar='off'/> or enabled='no' */
	const char *rom_file; /* NULL: the device's own */
	unsigned boot_order;  /* 0: not booted from */
	const struct pp_guest_identity *remembered; /* NULL: nothing is */
	const char *serial;                         /* as it is now; NULL: none or not known */
};

/* A file of the host that QEMU has to open. */
struct pp_guest_file {
	const char *what; /* "rom", "disk", "kernel" */
	const char *path;
	int error; /* -errno that the user QEMU runs as would get; 0: none */
	enum pp_rom_kind { PP_ROM_UNREAD, PP_ROM_WHOLE, PP_ROM_EMPTY, PP_ROM_FOREIGN } rom;
};

struct pp_guest_facts {
	const char *name;
	bool libvirt;            /* libvirt starts it */
	bool kvm;                /* else pure emulation */
	bool q35;                /* else i440fx */
	bool machine_before_7_1; /* machine type of QEMU 7.0 or older: they leave memory in the
				    hole that AMD's IOMMU has below 1 TiB */
	bool efi;
	bool running, paused;     /* now */
	uint64_t resident;        /* bytes that its QEMU has while it runs, 0: not known */
	uint64_t memory;          /* bytes */
	const char *memory_place; /* of its definition, "FILE:LINE"; NULL: not known */
	bool memory_locked;       /* <locked/> */
	bool hugepages;
	uint64_t hugepage_size; /* 0: the host's default */
	uint64_t memlock;       /* bytes QEMU must be able to lock, 0: none, UINT64_MAX: any */
	int numa_node;          /* of the host that its memory is bound to, -1: none */
	unsigned phys_bits;     /* addresses that its processor has, 0: not known */
	uint64_t
		mmio_window; /* bytes above RAM set for 64-bit BARs, 0: the firmware's own choice */
	bool iommu;          /* it has an IOMMU of its own: */
	bool iommu_intel;    /* else virtio, SMMU or AMD's */
	enum pp_guest_switch {
		PP_SWITCH_UNSAID,
		PP_SWITCH_OFF,
		PP_SWITCH_ON
	} iommu_caching,
		iommu_intremap, split_irqchip;
	unsigned iommu_width; /* aw_bits, 0: not said */
	bool windows;
	bool kvm_hidden, vendor_id; /* <kvm><hidden state='on'/>, <hyperv><vendor_id> */
	unsigned free_ports;        /* places left in which a device can be plugged while it runs */
	unsigned mappings;          /* pieces of memory that VFIO maps, 0: not known */
	const struct pp_guest_hostdev *hostdevs;
	size_t n_hostdevs;
	const struct pp_guest_file *files;
	size_t n_files;
};

/* The endpoints of a group by address, with blanks: what "group" of an identity is. NULL: no
 * memory.
 */
const char *pp_group_endpoints(struct pp_arena *arena, const struct pp_group *group);

/* Every check of a guest: the host's that stand in the way, each device's, and its own. */
int pp_check_guest(const struct pp_host *host, const struct pp_guest_facts *guest,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_error *error);

#endif
