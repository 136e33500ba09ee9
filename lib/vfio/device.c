/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cleanup.h"
#include "lib/vfio/vfio.h"
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* A sparse region names the parts that can be mapped; the largest is kept. */
static void largest_area(struct pp_vfio_region *region, const struct vfio_region_info *info)
{
	uint32_t next = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	region->map_size = info->size;
	for (unsigned hops = 0; next && hops < 16; hops++) {
		const struct vfio_region_info_cap_sparse_mmap *sparse;
		if (next + sizeof(*sparse) > info->argsz)
			return;
		sparse = (const void *)((const char *)info + next);
		next = sparse->header.next;
		if (sparse->header.id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		size_t room =
			info->argsz - ((const char *)sparse - (const char *)info) - sizeof(*sparse);
		region->map_size = 0;
		for (uint32_t i = 0; i < sparse->nr_areas && i < room / sizeof(sparse->areas[0]);
			i++)
			if (sparse->areas[i].size > region->map_size) {
				region->map_offset = sparse->areas[i].offset;
				region->map_size = sparse->areas[i].size;
			}
	}
}

static int region_info(int fd, unsigned index, struct pp_vfio_region *region)
{
	uint32_t size = sizeof(struct vfio_region_info);

	for (unsigned tries = 0; tries < 2; tries++) {
		PP_FREE struct vfio_region_info *info = calloc(1, size);
		if (!info)
			return -ENOMEM;
		info->argsz = size;
		info->index = index;
		if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info) < 0)
			return -errno;
		if (info->argsz > size && info->argsz <= 1 << 16) {
			size = info->argsz;
			continue;
		}
		region->size = info->size;
		region->offset = info->offset;
		region->readable = info->flags & VFIO_REGION_INFO_FLAG_READ;
		region->writable = info->flags & VFIO_REGION_INFO_FLAG_WRITE;
		region->mappable = info->flags & VFIO_REGION_INFO_FLAG_MMAP;
		if (region->mappable)
			largest_area(region, info);
		return 0;
	}
	return -EBADMSG;
}

static int device_facts(struct pp_vfio_device *device, struct pp_error *error)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	if (ioctl(device->fd, VFIO_DEVICE_GET_INFO, &info) < 0)
		return pp_error_errno(error, -errno, "asking what the device is");
	device->flags = info.flags;
	device->reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	device->n_regions = info.num_regions < PP_VFIO_REGIONS ? info.num_regions : PP_VFIO_REGIONS;
	for (unsigned i = 0; i < device->n_regions; i++) {
		int r = region_info(device->fd, i, &device->regions[i]);
		if (r < 0 && r != -EINVAL) /* no VGA region */
			return pp_error_errno(error, r, "asking for region %u", i);
	}
	for (unsigned i = 0; i < info.num_irqs && i < PP_VFIO_INTERRUPTS; i++) {
		struct vfio_irq_info irq = {.argsz = sizeof(irq), .index = i};
		if (ioctl(device->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq) < 0)
			continue; /* a kind that this device has not */
		device->interrupts[i].count = irq.count;
		device->interrupts[i].eventfd = irq.flags & VFIO_IRQ_INFO_EVENTFD;
		device->interrupts[i].maskable = irq.flags & VFIO_IRQ_INFO_MASKABLE;
	}
	return 0;
}

int pp_vfio_device_open(struct pp_vfio *vfio, const char *address, struct pp_vfio_device *device,
	struct pp_error *error)
{
	struct pp_vfio_device opened = PP_VFIO_DEVICE_INIT;

	opened.fd = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (opened.fd < 0)
		return pp_error_errno(error, -errno, "opening %s through VFIO", address);
	int r = device_facts(&opened, error);
	if (r < 0) {
		pp_vfio_device_close(&opened);
		return r;
	}
	*device = opened;
	return 0;
}

void pp_vfio_device_close(struct pp_vfio_device *device)
{
	pp_closep(&device->fd);
	device->fd = -1;
}

int pp_vfio_config_read(struct pp_vfio_device *device, unsigned offset, void *bytes, size_t size)
{
	ssize_t n = pread(device->fd, bytes, size, device->regions[PP_VFIO_CONFIG].offset + offset);

	return n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
}

int pp_vfio_config_write(
	struct pp_vfio_device *device, unsigned offset, const void *bytes, size_t size)
{
	ssize_t n =
		pwrite(device->fd, bytes, size, device->regions[PP_VFIO_CONFIG].offset + offset);

	return n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
}

int pp_vfio_region_map(
	struct pp_vfio_device *device, unsigned region, void **ret_memory, size_t *ret_size)
{
	const struct pp_vfio_region *at = &device->regions[region];

	if (region >= device->n_regions || !at->mappable || !at->map_size)
		return -EOPNOTSUPP;
	void *memory = mmap(NULL, at->map_size, PROT_READ | (at->writable ? PROT_WRITE : 0),
		MAP_SHARED, device->fd, at->offset + at->map_offset);
	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	*ret_size = at->map_size;
	return 0;
}

int pp_vfio_reset(struct pp_vfio_device *device)
{
	return ioctl(device->fd, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

int pp_vfio_hot_reset_set(
	struct pp_vfio_device *device, struct pp_vfio_dependent **ret_list, size_t *ret_count)
{
	struct vfio_pci_hot_reset_info head = {.argsz = sizeof(head)};

	if (ioctl(device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &head) < 0 && errno != ENOSPC)
		return -errno;
	if (head.count > 4096)
		return -EBADMSG;
	size_t size = sizeof(head) + head.count * sizeof(struct vfio_pci_dependent_device);
	PP_FREE struct vfio_pci_hot_reset_info *info = calloc(1, size);
	if (!info)
		return -ENOMEM;
	info->argsz = (uint32_t)size;
	if (ioctl(device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info) < 0)
		return -errno;
	uint32_t count = info->count < head.count ? info->count : head.count;
	struct pp_vfio_dependent *list = calloc(count ? count : 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct vfio_pci_dependent_device *at = &info->devices[i];
		list[i].group = (int)at->group_id;
		list[i].address.domain = at->segment;
		list[i].address.bus = at->bus;
		list[i].address.slot = at->devfn >> 3;
		list[i].address.function = at->devfn & 7;
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

int pp_vfio_hot_reset(struct pp_vfio *vfio, struct pp_vfio_device *device)
{
	union {
		struct vfio_pci_hot_reset reset;
		char room[sizeof(struct vfio_pci_hot_reset) + sizeof(int32_t)];
	} hot = {.reset = {.argsz = sizeof(hot), .count = 1}};
	int32_t group = vfio->group;

	memcpy(hot.reset.group_fds, &group, sizeof(group));
	return ioctl(device->fd, VFIO_DEVICE_PCI_HOT_RESET, &hot) < 0 ? -errno : 0;
}

static int set_irqs(struct pp_vfio_device *device, unsigned index, uint32_t flags,
	const int32_t *data, unsigned count)
{
	union {
		struct vfio_irq_set set;
		char room[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = {.set = {.flags = flags, .index = index, .count = count}};

	irq.set.argsz = sizeof(irq.set) + (data ? sizeof(*data) : 0);
	if (data)
		memcpy(irq.set.data, data, sizeof(*data));
	return ioctl(device->fd, VFIO_DEVICE_SET_IRQS, &irq) < 0 ? -errno : 0;
}

int pp_vfio_interrupt_set(struct pp_vfio_device *device, unsigned index, int eventfd)
{
	int32_t fd = eventfd;

	if (eventfd < 0)
		return set_irqs(device, index, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
			NULL, 0);
	return set_irqs(
		device, index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, &fd, 1);
}

int pp_vfio_interrupt_trigger(struct pp_vfio_device *device, unsigned index)
{
	return set_irqs(
		device, index, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, NULL, 1);
}

int pp_vfio_interrupt_mask(struct pp_vfio_device *device, bool masked)
{
	uint32_t action = masked ? VFIO_IRQ_SET_ACTION_MASK : VFIO_IRQ_SET_ACTION_UNMASK;

	return set_irqs(device, 0, VFIO_IRQ_SET_DATA_NONE | action, NULL, 1);
}
