/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Aliases: QEMU's id of each device, in libvirt's words. */
#include "base/parse.h"
#include "lib/domain/assign.h"
#include <string.h>

static bool is_lsi(struct pp_assigning *assigning, unsigned controller)
{
	const struct pp_domain_device *device =
		pp_assigning_controller(assigning, PP_CONTROLLER_SCSI, (int)controller);

	return device && pp_text_is(device->controller.model, "lsilogic");
}

static const char *disk_alias(struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	static const char *const names[] = {
		"virtio-disk", "sata", "ide", "scsi", "usb-disk", "fdc", "nvme"};
	struct pp_arena *arena = assigning->domain->arena;
	const struct pp_disk *disk = &device->disk;
	const struct pp_place *place = &device->place;

	if (disk->bus == PP_BUS_VIRTIO || disk->bus == PP_BUS_USB)
		return pp_arena_printf(arena, "%s%u", names[disk->bus], disk->target_index);
	if (disk->bus == PP_BUS_SCSI && !is_lsi(assigning, place->controller))
		return pp_arena_printf(arena, "scsi%u-%u-%u-%u", place->controller, place->bus,
			place->target, place->unit);
	return pp_arena_printf(
		arena, "%s%u-%u-%u", names[disk->bus], place->controller, place->bus, place->unit);
}

static const char *controller_alias(struct pp_arena *arena, const struct pp_domain *domain,
	const struct pp_controller *controller)
{
	static const char *const names[] = {
		"pci.", "usb", "sata", "ide", "scsi", "virtio-serial", "fdc", "ccid", "nvme"};

	switch (controller->type) {
	case PP_CONTROLLER_PCI:
		return pp_arena_printf(arena, "%s.%d",
			controller->index == 0 && domain->os.q35 ? "pcie" : "pci",
			controller->index);
	case PP_CONTROLLER_USB:
	case PP_CONTROLLER_IDE:
		if (controller->index == 0)
			return names[controller->type];
		break;
	case PP_CONTROLLER_SATA:
		if (controller->index == 0 && domain->os.q35)
			return "ide"; /* the chipset's own: QEMU calls its ports ide.N */
		break;
	default:
		break;
	}
	return pp_arena_printf(arena, "%s%d", names[controller->type], controller->index);
}

static const char *kind_prefix(enum pp_domain_device_kind kind)
{
	static const char *const prefixes[PP_DEV_KINDS] = {
		[PP_DEV_INTERFACE] = "net",
		[PP_DEV_MEMBALLOON] = "balloon",
		[PP_DEV_REDIRDEV] = "redir",
		[PP_DEV_FILESYSTEM] = "fs",
	};

	return prefixes[kind] ? prefixes[kind] : pp_domain_device_element(kind);
}

int pp_assigning_aliases(struct pp_assigning *assigning)
{
	unsigned counts[PP_DEV_KINDS] = {0};
	struct pp_arena *arena = assigning->domain->arena;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];
		bool own = device->alias && device->kind != PP_DEV_CONTROLLER;
		unsigned number = counts[device->kind];

		/* The author's own aliases take no number from interfaces and host devices. */
		if (!own || (device->kind != PP_DEV_INTERFACE && device->kind != PP_DEV_HOSTDEV))
			counts[device->kind]++;
		if (own)
			continue;
		if (device->kind == PP_DEV_DISK)
			device->alias = disk_alias(assigning, device);
		else if (device->kind == PP_DEV_CONTROLLER)
			device->alias =
				controller_alias(arena, assigning->domain, &device->controller);
		else if (device->kind == PP_DEV_AUDIO)
			device->alias = pp_arena_printf(arena, "audio%d", device->audio.id);
		else if (device->kind == PP_DEV_SERIAL || device->kind == PP_DEV_PARALLEL)
			device->alias = pp_arena_printf(arena, "%s%d", kind_prefix(device->kind),
				device->chardev.target_port);
		else
			device->alias =
				pp_arena_printf(arena, "%s%u", kind_prefix(device->kind), number);
		if (!device->alias)
			return pp_error_oom(assigning->error);
	}
	return 0;
}
