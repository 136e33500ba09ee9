/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places on disk controllers and on virtio-serial controllers. */
#include "base/parse.h"
#include "lib/domain/assign.h"
#include <string.h>

static enum pp_controller_type controller_type(enum pp_disk_bus bus)
{
	switch (bus) {
	case PP_BUS_SATA:
		return PP_CONTROLLER_SATA;
	case PP_BUS_IDE:
		return PP_CONTROLLER_IDE;
	case PP_BUS_FDC:
		return PP_CONTROLLER_FDC;
	case PP_BUS_NVME:
		return PP_CONTROLLER_NVME;
	default:
		return PP_CONTROLLER_SCSI;
	}
}

/* Where libvirt puts the Nth disk of a bus. */
static void default_place(const struct pp_disk *disk, struct pp_place *place)
{
	unsigned index = disk->target_index;

	*place = (struct pp_place){.type = PP_PLACE_DRIVE};
	switch (disk->bus) {
	case PP_BUS_IDE:
		place->controller = index / 4;
		place->bus = index % 4 / 2;
		place->unit = index % 2;
		break;
	case PP_BUS_SATA:
		place->controller = index / 6;
		place->unit = index % 6;
		break;
	case PP_BUS_NVME:
		place->controller = index / 256;
		place->unit = index % 256;
		break;
	case PP_BUS_FDC:
		place->controller = index / 2;
		place->unit = index % 2;
		break;
	default: /* SCSI: as many as the narrowest controller takes, whose unit 7 is itself */
		place->controller = index / 7;
		place->unit = index % 7;
		break;
	}
}

static int check_drive(struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	static const struct {
		const char *name;
		unsigned controllers, buses, targets, units;
	} limits[] = {
		[PP_BUS_SATA] = {"sata", 255, 1, 1, 6},
		[PP_BUS_IDE] = {"ide", 1, 2, 1, 2},
		[PP_BUS_SCSI] = {"scsi", 255, 1, 256, 16384},
		[PP_BUS_FDC] = {"fdc", 1, 1, 1, 2},
		[PP_BUS_NVME] = {"nvme", 255, 1, 1, 256},
	};
	const struct pp_place *place = &device->place;
	int line = place->line ? place->line : device->line;
	enum pp_disk_bus bus = device->disk.bus;

	if (place->controller >= limits[bus].controllers || place->bus >= limits[bus].buses ||
		place->target >= limits[bus].targets || place->unit >= limits[bus].units)
		return pp_assigning_fail(assigning, line,
			"disk %s: bus='%s' has no controller %u, bus %u, target %u, unit %u",
			device->disk.target, limits[bus].name, place->controller, place->bus,
			place->target, place->unit);
	return 0;
}

static bool same_drive(const struct pp_domain_device *a, const struct pp_domain_device *b)
{
	return a->kind == PP_DEV_DISK && b->kind == PP_DEV_DISK && a->disk.bus == b->disk.bus &&
	       a->place.type == PP_PLACE_DRIVE && b->place.type == PP_PLACE_DRIVE &&
	       a->place.controller == b->place.controller && a->place.bus == b->place.bus &&
	       a->place.target == b->place.target && a->place.unit == b->place.unit;
}

static int assign_drive(struct pp_assigning *assigning, size_t index)
{
	struct pp_domain_device *device = &assigning->devices[index];
	int r;

	if (device->place.type == PP_PLACE_NONE)
		default_place(&device->disk, &device->place);
	r = check_drive(assigning, device);
	for (size_t i = 0; r == 0 && i < index; i++)
		if (same_drive(device, &assigning->devices[i]))
			r = pp_assigning_fail(assigning, device->line,
				"disk %s: controller %u, bus %u, target %u, unit %u is taken "
				"already by the "
				"disk on line %d",
				device->disk.target, device->place.controller, device->place.bus,
				device->place.target, device->place.unit,
				assigning->devices[i].line);
	return r;
}

static int imply_controllers(struct pp_assigning *assigning, enum pp_controller_type type)
{
	int max = -1;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_DISK && device->place.type == PP_PLACE_DRIVE &&
			controller_type(device->disk.bus) == type &&
			(int)device->place.controller > max)
			max = (int)device->place.controller;
	}
	for (int index = 0; index <= max; index++)
		if (!pp_assigning_controller(assigning, type, index) &&
			!pp_assigning_add_controller(assigning, type, index, NULL))
			return -ENOMEM;
	return 0;
}

int pp_assigning_drives(struct pp_assigning *assigning)
{
	static const enum pp_controller_type types[] = {PP_CONTROLLER_SCSI, PP_CONTROLLER_FDC,
		PP_CONTROLLER_IDE, PP_CONTROLLER_SATA, PP_CONTROLLER_NVME};
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_DISK && device->disk.bus != PP_BUS_VIRTIO &&
			device->disk.bus != PP_BUS_USB)
			r = assign_drive(assigning, i);
	}
	for (size_t i = 0; r == 0 && i < PP_COUNT(types); i++)
		r = imply_controllers(assigning, types[i]);
	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONTROLLER)
			continue;
		if (device->controller.type == PP_CONTROLLER_SCSI && !device->controller.model)
			device->controller.model = "lsilogic";
		if ((device->controller.type == PP_CONTROLLER_IDE ||
			    device->controller.type == PP_CONTROLLER_FDC) &&
			device->controller.index > 0)
			r = pp_assigning_fail(assigning, device->line,
				"this machine has only one controller of this type, with index 0");
	}
	return r;
}

/* ---- virtio-serial ---- */

static bool needs_serial_port(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_CHANNEL ||
	       (device->kind == PP_DEV_CONSOLE && !device->chardev.duplicate);
}

static bool port_taken(const struct pp_assigning *assigning, const struct pp_domain_device *except,
	unsigned controller, unsigned port, int *ret_line)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];
		uint64_t number;

		if (device == except || device->place.type != PP_PLACE_VIRTIO_SERIAL ||
			!device->place.port || device->place.controller != controller ||
			pp_parse_u64(device->place.port, 10, 255, &number) < 0 || number != port)
			continue;
		*ret_line = device->line;
		return true;
	}
	return false;
}

static unsigned ports_of(struct pp_assigning *assigning, unsigned controller)
{
	const struct pp_domain_device *device =
		pp_assigning_controller(assigning, PP_CONTROLLER_VIRTIO_SERIAL, (int)controller);

	return device && device->controller.ports > 0 ? (unsigned)device->controller.ports : 31;
}

static int check_port(struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;
	uint64_t port;
	int line;

	if (pp_parse_u64(place->port, 10, 255, &port) < 0 ||
		port >= ports_of(assigning, place->controller) ||
		(port == 0 && device->kind == PP_DEV_CHANNEL) || place->bus != 0)
		return pp_assigning_fail(assigning, place->line,
			"bus %u, port %s of virtio-serial controller %u cannot be: bus 0, ports 1 "
			"to %u are "
			"there%s",
			place->bus, place->port, place->controller,
			ports_of(assigning, place->controller) - 1,
			port == 0 ? ", and port 0 for consoles" : "");
	if (port_taken(assigning, device, place->controller, port, &line))
		return pp_assigning_fail(assigning, place->line,
			"port %s of virtio-serial controller %u is taken already on line %d",
			place->port, place->controller, line);
	return 0;
}

static int find_port(struct pp_assigning *assigning, struct pp_domain_device *device)
{
	struct pp_place *place = &device->place;
	unsigned last = 255, first = place->type == PP_PLACE_VIRTIO_SERIAL ? place->controller : 0;
	int line;

	if (place->type == PP_PLACE_VIRTIO_SERIAL)
		last = first;
	for (unsigned controller = first; controller <= last; controller++) {
		unsigned start = device->kind == PP_DEV_CONSOLE ? 0 : 1;

		for (unsigned port = start; port < ports_of(assigning, controller); port++) {
			if (port_taken(assigning, device, controller, port, &line))
				continue;
			place->type = PP_PLACE_VIRTIO_SERIAL;
			place->controller = controller;
			place->port = pp_arena_printf(assigning->domain->arena, "%u", port);
			return place->port ? 0 : pp_error_oom(assigning->error);
		}
	}
	return pp_assigning_fail(
		assigning, device->line, "no port of a virtio-serial controller is free");
}

static int assign_port(struct pp_assigning *assigning, struct pp_domain_device *device)
{
	if (device->kind == PP_DEV_CHANNEL && !device->chardev.target_name)
		return pp_assigning_fail(assigning, device->line,
			"a channel needs a name: <target type='virtio' name='...'/>");
	if (device->place.type == PP_PLACE_VIRTIO_SERIAL && device->place.port)
		return check_port(assigning, device);
	return find_port(assigning, device);
}

int pp_assigning_serial_ports(struct pp_assigning *assigning)
{
	static const enum pp_domain_device_kind kinds[] = {PP_DEV_CHANNEL, PP_DEV_CONSOLE};
	int max = -1, r = 0;

	for (size_t k = 0; k < PP_COUNT(kinds); k++)
		for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
			struct pp_domain_device *device = &assigning->devices[i];

			if (device->kind != kinds[k] || !needs_serial_port(device))
				continue;
			r = assign_port(assigning, device);
			if ((int)device->place.controller > max)
				max = (int)device->place.controller;
		}
	for (int index = 0; r == 0 && index <= max; index++)
		if (!pp_assigning_controller(assigning, PP_CONTROLLER_VIRTIO_SERIAL, index) &&
			!pp_assigning_add_controller(
				assigning, PP_CONTROLLER_VIRTIO_SERIAL, index, NULL))
			return -ENOMEM;
	return r;
}
