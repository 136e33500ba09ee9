/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device through VFIO, by its group: container, group, device, regions, interrupts, DMA mappings.
 * Every refusal that a guest would meet comes back as the kernel's errno, with what was being done.
 * No globals, no exit, usable without the rest of pcipass. */
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
/* *ret_stage is where it stopped, or PP_VFIO_READY. */
int pp_vfio_open(
	int group, struct pp_vfio *vfio, enum pp_vfio_stage *ret_stage, struct pp_error *error);
void pp_vfio_close(struct pp_vfio *vfio);
/* MEMORY is page aligned; readable and writable by the device at ADDRESS. */
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
int pp_vfio_device_open(struct pp_vfio *vfio, const char *address, struct pp_vfio_device *device,
	struct pp_error *error);
void pp_vfio_device_close(struct pp_vfio_device *device);
int pp_vfio_config_read(struct pp_vfio_device *device, unsigned offset, void *bytes, size_t size);
int pp_vfio_config_write(
	struct pp_vfio_device *device, unsigned offset, const void *bytes, size_t size);
/* Maps the mappable part of a region; *ret_memory is munmap'ed by the caller with *ret_size. */
int pp_vfio_region_map(
	struct pp_vfio_device *device, unsigned region, void **ret_memory, size_t *ret_size);
int pp_vfio_reset(struct pp_vfio_device *device);
/* What a hot reset would take along: addresses with their groups; free() the list. -ENODEV: none.
 */
struct pp_vfio_dependent {
	struct pp_address address;
	int group;
};
int pp_vfio_hot_reset_set(
	struct pp_vfio_device *device, struct pp_vfio_dependent **ret_list, size_t *ret_count);
/* INDEX is INTx, MSI or MSI-X (0, 1, 2); vector 0 goes to EVENTFD, -1 takes it away. */
int pp_vfio_interrupt_set(struct pp_vfio_device *device, unsigned index, int eventfd);
/* The kernel signals the vector as if the device had. */
int pp_vfio_interrupt_trigger(struct pp_vfio_device *device, unsigned index);
/* INTx only. */
int pp_vfio_interrupt_mask(struct pp_vfio_device *device, bool masked);

#endif
