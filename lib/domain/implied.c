/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt adds to a definition without being asked: the machine's own controllers, a
 * controller for each disk and channel, a balloon, a display for graphics. A guest that comes from
 * there has them too. */
#include "base/parse.h"
#include "lib/domain/assign.h"
#include <string.h>

static int unused_index(struct pp_assigning *assigning, enum pp_controller_type type)
{
	int index = 0;

	while (pp_assigning_controller(assigning, type, index))
		index++;
	return index;
}

static bool same_usb_set(const struct pp_domain_device *a, const struct pp_domain_device *b)
{
	return a->controller.type == PP_CONTROLLER_USB && pp_usb_is_ich9(a->controller.model) &&
	       pp_usb_is_ich9(b->controller.model) &&
	       !pp_text_is(a->controller.model, b->controller.model);
}

/* Behind another of ICH9's and without an index, one belongs to the same set, if that has none of
 * its model yet; -1: it does not. */
static int set_index(struct pp_assigning *assigning, size_t index)
{
	const struct pp_domain_device *device = &assigning->devices[index], *before = NULL;

	if (device->controller.type != PP_CONTROLLER_USB || !device->controller.model ||
		!pp_usb_is_ich9(device->controller.model))
		return -1;
	for (size_t i = 0; i < index; i++)
		if (assigning->devices[i].kind == PP_DEV_CONTROLLER &&
			assigning->devices[i].controller.type == PP_CONTROLLER_USB)
			before = &assigning->devices[i];
	if (!before || !pp_usb_is_ich9(before->controller.model))
		return -1;
	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *other = &assigning->devices[i];

		if (other->kind == PP_DEV_CONTROLLER &&
			other->controller.type == PP_CONTROLLER_USB &&
			other->controller.index == before->controller.index &&
			!same_usb_set(device, other))
			return -1;
	}
	return before->controller.index;
}

static int check_indexes(struct pp_assigning *assigning)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONTROLLER)
			continue;
		if (device->controller.index < 0)
			device->controller.index = set_index(assigning, i);
		if (device->controller.index < 0)
			device->controller.index = unused_index(assigning, device->controller.type);
		for (size_t j = 0; j < i; j++) {
			const struct pp_domain_device *other = &assigning->devices[j];

			if (other->kind == PP_DEV_CONTROLLER &&
				other->controller.type == device->controller.type &&
				other->controller.index == device->controller.index &&
				!same_usb_set(device, other))
				return pp_assigning_fail(assigning, device->line,
					"a controller of this type with index %d is there already "
					"on line %d",
					device->controller.index, other->line);
		}
	}
	return 0;
}

static int imply_root(struct pp_assigning *assigning)
{
	const char *root = assigning->domain->os.q35 ? "pcie-root" : "pci-root";
	const struct pp_domain_device *device =
		pp_assigning_controller(assigning, PP_CONTROLLER_PCI, 0);

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *other = &assigning->devices[i];

		if (other->kind != PP_DEV_CONTROLLER || other->controller.type != PP_CONTROLLER_PCI)
			continue;
		/* Also the root of the other machine: nothing stands for it in QEMU's arguments. */
		if ((other->controller.index == 0) != pp_text_is(other->controller.model, root) ||
			(other->controller.index > 0 &&
				pp_text_ends(other->controller.model, "-root")))
			return pp_assigning_fail(assigning, other->line,
				"this machine has one %s, with index 0; %s with index %d cannot be",
				root, other->controller.model, other->controller.index);
		if (other->controller.index == 0 && other->place.type != PP_PLACE_NONE)
			return pp_assigning_fail(
				assigning, other->line, "%s can have no address", root);
	}
	if (!device && !pp_assigning_add_controller(assigning, PP_CONTROLLER_PCI, 0, root))
		return -ENOMEM;
	return 0;
}

static bool has_controller(const struct pp_assigning *assigning, enum pp_controller_type type)
{
	for (size_t i = 0; i < assigning->n_devices; i++)
		if (assigning->devices[i].kind == PP_DEV_CONTROLLER &&
			assigning->devices[i].controller.type == type)
			return true;
	return false;
}

static int imply_usb(struct pp_assigning *assigning)
{
	bool q35 = assigning->domain->os.q35;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_USB && !device->controller.model)
			device->controller.model = "piix3-uhci";
	}
	if (has_controller(assigning, PP_CONTROLLER_USB))
		return 0;
	return pp_assigning_add_controller(
		       assigning, PP_CONTROLLER_USB, 0, q35 ? "qemu-xhci" : "piix3-uhci")
		       ? 0
		       : -ENOMEM;
}

static int imply_sata(struct pp_assigning *assigning)
{
	if (!assigning->domain->os.q35 || pp_assigning_controller(assigning, PP_CONTROLLER_SATA, 0))
		return 0;
	return pp_assigning_add_controller(assigning, PP_CONTROLLER_SATA, 0, NULL) ? 0 : -ENOMEM;
}

static size_t count_kind(const struct pp_assigning *assigning, enum pp_domain_device_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < assigning->n_devices; i++)
		count += assigning->devices[i].kind == kind;
	return count;
}

static struct pp_domain_device *first_of(
	struct pp_assigning *assigning, enum pp_domain_device_kind kind)
{
	for (size_t i = 0; i < assigning->n_devices; i++)
		if (assigning->devices[i].kind == kind)
			return &assigning->devices[i];
	return NULL;
}

static bool console_is_serial(const struct pp_domain_device *device)
{
	return !device->chardev.target_type || pp_text_is(device->chardev.target_type, "serial");
}

/* A pty has no path before it is there. */
static bool console_says_nothing_new(
	const struct pp_domain_device *console, const struct pp_domain_device *serial)
{
	const struct pp_chardev *a = &console->chardev, *b = &serial->chardev;

	return a->type == b->type && pp_text_is(a->path, b->path) && a->append == b->append &&
	       a->listen == b->listen && !console->alias && console->place.type == PP_PLACE_NONE;
}

/* The first <console> is the first <serial> once more; where there is no serial, it becomes one. */
static int imply_consoles(struct pp_assigning *assigning)
{
	struct pp_domain_device *serial = first_of(assigning, PP_DEV_SERIAL), *added;
	bool first = true;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONSOLE)
			continue;
		if (console_is_serial(device) && !first)
			return pp_assigning_fail(assigning, device->line,
				"only the first <console> can be a serial port; give this one "
				"<target type='virtio'/>");
		first = false;
		if (!console_is_serial(device))
			continue;
		/* A guest that runs has been settled before, and its console has an alias. */
		if (serial && !device->chardev.duplicate &&
			!console_says_nothing_new(device, serial))
			return pp_assigning_fail(assigning, device->line,
				"the first <console> is the <serial> on line %d, and says "
				"something "
				"else; leave it out, or give it <target type='virtio'/>",
				serial->line);
		device->chardev.duplicate = true;
		if (serial)
			continue;
		added = pp_assigning_add(assigning, PP_DEV_SERIAL);
		if (!added)
			return -ENOMEM;
		added->line = device->line;
		added->alias = device->alias;
		device->alias = NULL;
		added->chardev = device->chardev;
		added->chardev.duplicate = false;
		added->chardev.target_type = NULL;
		added->chardev.target_port = -1;
	}
	return 0;
}

static int next_port(const struct pp_assigning *assigning, enum pp_domain_device_kind kind)
{
	int port = 0;

	for (size_t i = 0; i < assigning->n_devices; i++)
		if (assigning->devices[i].kind == kind &&
			assigning->devices[i].chardev.target_port == port) {
			port++;
			i = (size_t)-1;
		}
	return port;
}

static int number_ports(struct pp_assigning *assigning, enum pp_domain_device_kind kind)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != kind)
			continue;
		if (device->chardev.target_port < 0)
			device->chardev.target_port = next_port(assigning, kind);
		if (kind == PP_DEV_SERIAL && !device->chardev.target_type)
			device->chardev.target_type = "isa-serial";
		if (device->chardev.target_port > 3 &&
			!pp_text_is(device->chardev.target_type, "pci-serial") &&
			!pp_text_is(device->chardev.target_type, "usb-serial"))
			return pp_assigning_fail(assigning, device->line,
				"a guest has at most 4 %s ports of this type (port 0 to 3)",
				pp_domain_device_element(kind));
		for (size_t j = 0; j < i; j++)
			if (assigning->devices[j].kind == kind &&
				assigning->devices[j].chardev.target_port ==
					device->chardev.target_port)
				return pp_assigning_fail(assigning, device->line,
					"port %d is used already by the <%s> on line %d",
					device->chardev.target_port, pp_domain_device_element(kind),
					assigning->devices[j].line);
	}
	return 0;
}

static int imply_video(struct pp_assigning *assigning)
{
	struct pp_domain_device *device = first_of(assigning, PP_DEV_VIDEO);

	if (!device && count_kind(assigning, PP_DEV_GRAPHICS)) {
		device = pp_assigning_add(assigning, PP_DEV_VIDEO);
		if (!device)
			return -ENOMEM;
		device->video.model = "cirrus";
	}
	if (!device)
		return 0;
	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *other = &assigning->devices[i];

		if (other->kind == PP_DEV_VIDEO && pp_text_is(other->video.model, "none") &&
			count_kind(assigning, PP_DEV_VIDEO) > 1)
			return pp_assigning_fail(assigning, other->line,
				"<video> of type 'none' must be the only one");
		if (other->kind == PP_DEV_VIDEO && other->video.primary == PP_ON &&
			other != device) {
			if (device->video.primary == PP_ON)
				return pp_assigning_fail(assigning, other->line,
					"only one <video> can be primary; the one on line %d is",
					device->line);
			device = other;
		}
	}
	device->video.primary = PP_ON;
	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *other = &assigning->devices[i];

		if (other->kind == PP_DEV_VIDEO && other != device &&
			!pp_text_is(other->video.model, "virtio") &&
			!pp_text_is(other->video.model, "qxl"))
			return pp_assigning_fail(assigning, other->line,
				"<video> of type '%s' can only be the first one; others are "
				"'virtio' or 'qxl'",
				other->video.model);
	}
	return 0;
}

static int imply_balloon(struct pp_assigning *assigning)
{
	struct pp_domain_device *device;

	if (count_kind(assigning, PP_DEV_MEMBALLOON))
		return 0;
	device = pp_assigning_add(assigning, PP_DEV_MEMBALLOON);
	if (!device)
		return -ENOMEM;
	device->memballoon.model = "virtio";
	return 0;
}

/* Sound needs somewhere to go: SPICE where there is one, else nowhere. */
static int imply_audio(struct pp_assigning *assigning)
{
	struct pp_domain_device *device;
	bool spice = false;

	for (size_t i = 0; i < assigning->n_devices; i++)
		spice = spice || (assigning->devices[i].kind == PP_DEV_GRAPHICS &&
					 assigning->devices[i].graphics.type == PP_GRAPHICS_SPICE);
	if (count_kind(assigning, PP_DEV_AUDIO) || !count_kind(assigning, PP_DEV_SOUND))
		return 0;
	device = pp_assigning_add(assigning, PP_DEV_AUDIO);
	if (!device)
		return -ENOMEM;
	device->audio.id = 1;
	device->audio.type = spice ? "spice" : "none";
	return 0;
}

/* The same definition gives the same addresses: FNV-1a over the guest's uuid (or name) and the
 * number. */
static int imply_mac_addresses(struct pp_assigning *assigning)
{
	const struct pp_domain *domain = assigning->domain;
	const char *seed = domain->uuid ? domain->uuid : domain->name;
	unsigned number = 0;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];
		uint32_t hash = 2166136261u + number;

		if (device->kind != PP_DEV_INTERFACE)
			continue;
		number++;
		if (device->interface.has_mac)
			continue;
		for (const char *c = seed; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 16777619u;
		memcpy(device->interface.mac,
			(uint8_t[]){0x52, 0x54, 0x00, hash >> 16, hash >> 8, hash}, 6);
		device->interface.has_mac = true;
	}
	return 0;
}

static int imply_channel_names(struct pp_assigning *assigning)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CHANNEL && !device->chardev.target_name &&
			device->chardev.type == PP_CHARDEV_SPICEVMC)
			device->chardev.target_name = "com.redhat.spice.0";
	}
	return 0;
}

int pp_assigning_implied(struct pp_assigning *assigning)
{
	static int (*const steps[])(struct pp_assigning *) = {
		check_indexes,
		imply_root,
		imply_usb,
		imply_sata,
		imply_consoles,
		imply_channel_names,
		imply_mac_addresses,
		imply_video,
		imply_balloon,
		imply_audio,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < PP_COUNT(steps); i++)
		r = steps[i](assigning);
	if (r == 0)
		r = number_ports(assigning, PP_DEV_SERIAL);
	return r ? r : number_ports(assigning, PP_DEV_PARALLEL);
}
