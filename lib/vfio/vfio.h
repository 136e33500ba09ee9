/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device through VFIO, by its group: container, group, device, regions, interrupts, DMA mappings.
 * Every refusal that a guest would meet comes back as the kernel's errno, with what was being done.
 * No globals, no exit, usable without the rest of pcipass: of that base/error.c alone is needed.
 *
 *	struct pp_vfio vfio = PP_VFIO_INIT;
 *	struct pp_vfio_device device = PP_VFIO_DEVICE_INIT;
 *	enum pp_vfio_stage stage;
 *
 *	if (pp_vfio_open(group, &vfio, &stage, &error) == 0 &&
 *		pp_vfio_map(&vfio, memory, size, address) == 0 &&
 *		pp_vfio_device_open(&vfio, "0000:01:00.0", &device, &error) == 0)
 *		...
 *	pp_vfio_device_close(&device);
 *	pp_vfio_close(&vfio);
 *
 * examples/vfio.c is a program made of it. The device must be with vfio-pci (or a variant of
 * it), the other endpoints of its group with it, with pci-stub, or without driver. Opening and
 * closing reset the device where it has a reset; a device is closed before its group.
 * Descriptors are close-on-exec; nothing here is for two threads at once with the same struct.
 * Functions return 0 or -errno. Only the legacy interface (/dev/vfio/N) is used: Debian's
 * kernels have no other. */
#ifndef LIB_VFIO_VFIO_H
#define LIB_VFIO_VFIO_H

#include "base/error.h"
#include <pcipass.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pp_vfio_range {
	uint64_t start, end; /* both included */
};

/* An IOMMU context with one group in it. */
struct pp_vfio {
	int container, group;         /* descriptors, -1 */
	int number;                   /* of the group */
	int iommu_type;               /* VFIO_TYPE1v2_IOMMU or VFIO_TYPE1_IOMMU */
	uint64_t page_sizes;          /* bit mask */
	struct pp_vfio_range *ranges; /* guest (bus) addresses that can be mapped; NULL: not said */
	size_t n_ranges;
	int64_t dma_avail; /* mappings that are still allowed, -1: not said */
};
#define PP_VFIO_INIT                                                                               \
	{                                                                                          \
		.container = -1, .group = -1, .dma_avail = -1                                      \
	}

/* Where an open failed, and with it which failure of the catalogue it is. */
enum pp_vfio_stage {
	PP_VFIO_NODE,      /* /dev/vfio/N */
	PP_VFIO_VIABLE,    /* GROUP_GET_STATUS */
	PP_VFIO_CONTAINER, /* GROUP_SET_CONTAINER */
	PP_VFIO_IOMMU,     /* SET_IOMMU */
	PP_VFIO_INFO,
	PP_VFIO_READY,
};
/* *ret_stage is where it stopped, or PP_VFIO_READY: with the errno it tells what is wrong. NODE:
 * -ENOENT (not on VFIO), -EACCES, -EBUSY (another process has the group). VIABLE: -EPERM. CONTAINER
 * or IOMMU: -EPERM (no interrupt remapping), -EINVAL (firmware wants memory of the group one to
 * one).
 */
int pp_vfio_open(
	int group, struct pp_vfio *vfio, enum pp_vfio_stage *ret_stage, struct pp_error *error);
void pp_vfio_close(struct pp_vfio *vfio);
/* MEMORY, SIZE and ADDRESS are page aligned; the device may read and write it at ADDRESS. All of it
 * is pinned. -ENOMEM (the limit of locked memory, or memory itself), -EINVAL (ADDRESS is not among
 * the ranges), -ENOSPC (too many mappings), -EEXIST (mapped already). */
int pp_vfio_map(struct pp_vfio *vfio, void *memory, uint64_t size, uint64_t address);
int pp_vfio_unmap(struct pp_vfio *vfio, uint64_t size, uint64_t address);

struct pp_vfio_region {
	uint64_t size, offset; /* bytes; of the device's descriptor */
	bool readable, writable, mappable;
	uint64_t map_offset, map_size; /* the largest part that can be mapped */
};
#define PP_VFIO_REGIONS 9 /* BAR 0..5, ROM, config, VGA */
#define PP_VFIO_CONFIG 7
#define PP_VFIO_INTERRUPTS 5 /* INTx, MSI, MSI-X, error, request */
struct pp_vfio_interrupt {
	unsigned count;
	bool eventfd, maskable;
};
struct pp_vfio_device {
	int fd;         /* -1 */
	unsigned flags; /* VFIO_DEVICE_FLAGS_ */
	bool reset;
	struct pp_vfio_region regions[PP_VFIO_REGIONS];
	unsigned n_regions;
	struct pp_vfio_interrupt interrupts[PP_VFIO_INTERRUPTS];
};
#define PP_VFIO_DEVICE_INIT                                                                        \
	{                                                                                          \
		.fd = -1                                                                           \
	}
/* ADDRESS: "0000:01:00.0"; its facts, regions and interrupts are read at once. */
int pp_vfio_device_open(struct pp_vfio *vfio, const char *address, struct pp_vfio_device *device,
	struct pp_error *error);
void pp_vfio_device_close(struct pp_vfio_device *device);
/* Configuration space as VFIO shows it; -EIO where less came. */
int pp_vfio_config_read(struct pp_vfio_device *device, unsigned offset, void *bytes, size_t size);
int pp_vfio_config_write(
	struct pp_vfio_device *device, unsigned offset, const void *bytes, size_t size);
/* Maps the mappable part of a region; *ret_memory is munmap'ed by the caller with *ret_size.
 * -EOPNOTSUPP: it cannot be mapped. Memory decoding must be on (command register) before it is
 * used.
 */
int pp_vfio_region_map(
	struct pp_vfio_device *device, unsigned region, void **ret_memory, size_t *ret_size);
/* The function alone; -ENOTTY: it has no reset. Sleeps as long as the kernel's method does. */
int pp_vfio_reset(struct pp_vfio_device *device);
/* What a hot reset would take along: addresses with their groups; free() the list. -ENODEV: none.
 */
struct pp_vfio_dependent {
	struct pp_address address;
	int group;
};
int pp_vfio_hot_reset_set(
	struct pp_vfio_device *device, struct pp_vfio_dependent **ret_list, size_t *ret_count);
/* All of that set at once, which must be in the device's own group: -EINVAL where it is not, or
 * where one of them has a driver that is not VFIO's. */
int pp_vfio_hot_reset(struct pp_vfio *vfio, struct pp_vfio_device *device);
/* INDEX is INTx, MSI or MSI-X (0, 1, 2); vector 0 goes to EVENTFD, -1 takes it away. */
int pp_vfio_interrupt_set(struct pp_vfio_device *device, unsigned index, int eventfd);
/* The kernel signals the vector as if the device had. */
int pp_vfio_interrupt_trigger(struct pp_vfio_device *device, unsigned index);
/* INTx only. */
int pp_vfio_interrupt_mask(struct pp_vfio_device *device, bool masked);

#endif
