/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/vfio/vfio.h"
#include "base/cleanup.h"
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int group_status(struct pp_vfio *vfio, enum pp_vfio_stage *stage, struct pp_error *error)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	*stage = PP_VFIO_VIABLE;
	if (ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status) < 0)
		return pp_error_errno(
			error, -errno, "asking for the status of IOMMU group %d", vfio->number);
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	return pp_error_set(error, PP_STATUS_NOT_READY, -EPERM,
		"IOMMU group %d is not viable: a member of it is with a driver of the host",
		vfio->number);
}

/* The kernel's answers grow by what does not fit in the struct: asked for the size first. */
static int grown_info(int fd, unsigned long request, size_t least, void **ret_info)
{
	uint32_t *info = calloc(1, least);
	if (!info)
		return -ENOMEM;
	info[0] = (uint32_t)least;
	if (ioctl(fd, request, info) < 0) {
		int r = -errno;
		if (r != -ENOSPC || info[0] <= least) {
			free(info);
			return r;
		}
	}
	uint32_t size = info[0];
	if (size > least && size <= 1 << 20) {
		free(info);
		info = calloc(1, size);
		if (!info)
			return -ENOMEM;
		info[0] = size;
		if (ioctl(fd, request, info) < 0) {
			int r = -errno;
			free(info);
			return r;
		}
	}
	*ret_info = info;
	return 0;
}

static int take_ranges(struct pp_vfio *vfio, const struct vfio_info_cap_header *header, size_t room)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap = (const void *)header;

	if (room < sizeof(*cap) ||
		cap->nr_iovas > (room - sizeof(*cap)) / sizeof(cap->iova_ranges[0]))
		return -EBADMSG;
	free(vfio->ranges);
	vfio->ranges = calloc(cap->nr_iovas ? cap->nr_iovas : 1, sizeof(*vfio->ranges));
	if (!vfio->ranges)
		return -ENOMEM;
	vfio->n_ranges = cap->nr_iovas;
	for (uint32_t i = 0; i < cap->nr_iovas; i++) {
		vfio->ranges[i].start = cap->iova_ranges[i].start;
		vfio->ranges[i].end = cap->iova_ranges[i].end;
	}
	return 0;
}

static int iommu_info(struct pp_vfio *vfio)
{
	PP_FREE void *memory = NULL;
	int r = grown_info(vfio->container, VFIO_IOMMU_GET_INFO,
		sizeof(struct vfio_iommu_type1_info), &memory);
	if (r < 0)
		return r;

	const struct vfio_iommu_type1_info *info = memory;
	if (info->flags & VFIO_IOMMU_INFO_PGSIZES)
		vfio->page_sizes = info->iova_pgsizes;
	uint32_t next = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
	for (unsigned hops = 0; next && hops < 16; hops++) {
		if (next + sizeof(struct vfio_info_cap_header) > info->argsz)
			return -EBADMSG;
		const struct vfio_info_cap_header *header =
			(const void *)((const char *)memory + next);
		size_t room = info->argsz - next;
		if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
			r = take_ranges(vfio, header, room);
			if (r < 0)
				return r;
		} else if (header->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL &&
			   room >= sizeof(struct vfio_iommu_type1_info_dma_avail)) {
			vfio->dma_avail =
				((const struct vfio_iommu_type1_info_dma_avail *)header)->avail;
		}
		next = header->next;
	}
	return 0;
}

static int open_stages(struct pp_vfio *vfio, enum pp_vfio_stage *stage, struct pp_error *error)
{
	char node[32];

	snprintf(node, sizeof(node), "/dev/vfio/%d", vfio->number);
	*stage = PP_VFIO_NODE;
	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return pp_error_errno(error, -errno, "opening /dev/vfio/vfio");
	vfio->group = open(node, O_RDWR | O_CLOEXEC);
	if (vfio->group < 0)
		return pp_error_errno(error, -errno, "opening %s", node);

	int r = group_status(vfio, stage, error);
	if (r < 0)
		return r;
	*stage = PP_VFIO_CONTAINER;
	if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) < 0)
		return pp_error_errno(
			error, -errno, "putting IOMMU group %d into a container", vfio->number);
	*stage = PP_VFIO_IOMMU;
	vfio->iommu_type = ioctl(vfio->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) > 0
				   ? VFIO_TYPE1v2_IOMMU
				   : VFIO_TYPE1_IOMMU;
	if (ioctl(vfio->container, VFIO_SET_IOMMU, vfio->iommu_type) < 0)
		return pp_error_errno(error, -errno,
			"giving the container of IOMMU group %d its IOMMU", vfio->number);
	*stage = PP_VFIO_INFO;
	r = iommu_info(vfio);
	if (r < 0)
		return pp_error_errno(
			error, r, "asking what the IOMMU of group %d can do", vfio->number);
	*stage = PP_VFIO_READY;
	return 0;
}

int pp_vfio_open(
	int group, struct pp_vfio *vfio, enum pp_vfio_stage *ret_stage, struct pp_error *error)
{
	struct pp_vfio opened = PP_VFIO_INIT;

	opened.number = group;
	int r = open_stages(&opened, ret_stage, error);
	if (r < 0) {
		pp_vfio_close(&opened);
		return r;
	}
	*vfio = opened;
	return 0;
}

void pp_vfio_close(struct pp_vfio *vfio)
{
	/* the group first: its end takes it out of the container */
	pp_closep(&vfio->group);
	pp_closep(&vfio->container);
	free(vfio->ranges);
	*vfio = (struct pp_vfio)PP_VFIO_INIT;
}

int pp_vfio_map(struct pp_vfio *vfio, void *memory, uint64_t size, uint64_t address)
{
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = address,
		.size = size};

	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) < 0 ? -errno : 0;
}

int pp_vfio_unmap(struct pp_vfio *vfio, uint64_t size, uint64_t address)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = address, .size = size};

	return ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? -errno : 0;
}
