/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each device needs of a PCI bus: a conventional slot, or an Express one where the guest has
 * them. */
#include "base/parse.h"
#include "lib/domain/assign.h"

#define CONVENTIONAL (PP_CONNECT_PCI | PP_CONNECT_AUTO)

static unsigned controller_needs(const struct pp_controller *controller, unsigned express)
{
	switch (controller->type) {
	case PP_CONTROLLER_PCI:
		return pp_bus_model_needs(pp_bus_model_of(controller->model));
	case PP_CONTROLLER_USB:
		if (pp_text_is(controller->model, "none"))
			return 0;
		return pp_text_ends(controller->model, "-xhci") ? express : CONVENTIONAL;
	case PP_CONTROLLER_SCSI:
		return pp_text_is(controller->model, "virtio-scsi") ? express : CONVENTIONAL;
	case PP_CONTROLLER_VIRTIO_SERIAL:
	case PP_CONTROLLER_NVME:
		return express;
	case PP_CONTROLLER_SATA:
	case PP_CONTROLLER_IDE:
		return CONVENTIONAL;
	default:
		return 0;
	}
}

static const struct pp_hostdev_fact *fact_of(
	const struct pp_assigning *assigning, const struct pp_address *address)
{
	for (size_t i = 0; i < assigning->n_facts; i++)
		if (!pp_address_compare(&assigning->facts[i].address, address))
			return &assigning->facts[i];
	return NULL;
}

static unsigned hostdev_needs(const struct pp_assigning *assigning,
	const struct pp_domain_device *device, unsigned express)
{
	const struct pp_hostdev_fact *fact = fact_of(assigning, &device->hostdev.source);

	if (device->place.type == PP_PLACE_UNASSIGNED || device->hostdev.type != PP_HOSTDEV_PCI)
		return 0;
	if (device->place.type == PP_PLACE_PCI || !fact || fact->express)
		return express;
	return CONVENTIONAL;
}

static unsigned video_needs(const char *model, unsigned express)
{
	if (pp_text_is(model, "none") || pp_text_is(model, "ramfb"))
		return 0;
	return pp_text_is(model, "virtio") || pp_text_is(model, "bochs") ? express : CONVENTIONAL;
}

static unsigned interface_needs(const char *model, unsigned express)
{
	return pp_text_is(model, "virtio") || pp_text_is(model, "e1000e") ||
			       pp_text_is(model, "vmxnet3") || pp_text_is(model, "igb")
		       ? express
		       : CONVENTIONAL;
}

static unsigned sound_needs(const char *model)
{
	return pp_text_is(model, "ich6") || pp_text_is(model, "ich9") ||
			       pp_text_is(model, "ac97") || pp_text_is(model, "es1370")
		       ? CONVENTIONAL
		       : 0;
}

static unsigned device_needs(const struct pp_assigning *assigning,
	const struct pp_domain_device *device, unsigned express)
{
	switch (device->kind) {
	case PP_DEV_CONTROLLER:
		return controller_needs(&device->controller, express);
	case PP_DEV_INTERFACE:
		return interface_needs(device->interface.model, express);
	case PP_DEV_DISK:
		return device->disk.bus == PP_BUS_VIRTIO ? express : 0;
	case PP_DEV_HOSTDEV:
		return hostdev_needs(assigning, device, express);
	case PP_DEV_SERIAL:
		return pp_text_is(device->chardev.target_type, "pci-serial") ? CONVENTIONAL : 0;
	case PP_DEV_VIDEO:
		return video_needs(device->video.model, express);
	case PP_DEV_INPUT:
		return pp_text_is(device->input.bus, "virtio") ? express : 0;
	case PP_DEV_MEMBALLOON:
		return pp_text_is(device->memballoon.model, "virtio") ? express : 0;
	case PP_DEV_RNG:
	case PP_DEV_FILESYSTEM:
		return express;
	case PP_DEV_SHMEM:
		return CONVENTIONAL;
	case PP_DEV_WATCHDOG:
		return pp_text_is(device->watchdog.model, "i6300esb") ? CONVENTIONAL : 0;
	case PP_DEV_SOUND:
		return sound_needs(device->sound.model);
	default:
		return 0;
	}
}

void pp_assigning_needs(struct pp_assigning *assigning)
{
	unsigned express =
		assigning->domain->os.q35 ? PP_CONNECT_PCIE | PP_CONNECT_AUTO : CONVENTIONAL;

	for (size_t i = 0; i < assigning->n_devices; i++)
		assigning->needs[i] = device_needs(assigning, &assigning->devices[i], express);
}
