/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* USB ports: each USB device gets one; hubs are added where the controllers have too few. */
#include "base/parse.h"
#include "lib/domain/assign.h"
#include <string.h>

#define HUB_PORTS 8 /* of QEMU's usb-hub */
#define MAX_PORTS 16

static bool is_usb(const struct pp_domain_device *device)
{
	switch (device->kind) {
	case PP_DEV_DISK:
		return device->disk.bus == PP_BUS_USB;
	case PP_DEV_INPUT:
		return pp_text_is(device->input.bus, "usb");
	case PP_DEV_SERIAL:
		return pp_text_is(device->chardev.target_type, "usb-serial");
	case PP_DEV_SOUND:
		return pp_text_is(device->sound.model, "usb");
	case PP_DEV_HOSTDEV:
		return device->hostdev.type == PP_HOSTDEV_USB;
	case PP_DEV_HUB:
	case PP_DEV_REDIRDEV:
		return true;
	default:
		return false;
	}
}

bool pp_usb_is_ich9(const char *model)
{
	return pp_text_starts(model, "ich9-");
}

bool pp_usb_is_companion(const char *model)
{
	return pp_text_starts(model, "ich9-uhci");
}

static unsigned ports_of(const struct pp_controller *controller)
{
	static const struct {
		const char *model;
		unsigned ports;
	} table[] = {
		{"piix3-uhci", 2},
		{"piix4-uhci", 2},
		{"ehci", 6},
		{"ich9-ehci1", 6},
		{"pci-ohci", 3},
		{"nec-xhci", 4},
		{"qemu-xhci", 4},
	};

	if (pp_text_ends(controller->model, "-xhci") && controller->ports > 0)
		return controller->ports;
	for (size_t i = 0; i < PP_COUNT(table); i++)
		if (pp_text_is(table[i].model, controller->model))
			return table[i].ports;
	return 0; /* none, and companions: their ports are those of the EHCI */
}

/* The ports of controller BUS itself ("2"), or those of a hub ("1.2"). */
static bool port_taken(const struct pp_assigning *assigning, unsigned bus, const char *port)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_place *place = &assigning->devices[i].place;

		if (place->type == PP_PLACE_USB && place->bus == bus &&
			pp_text_is(place->port, port))
			return true;
	}
	return false;
}

static int try_ports(struct pp_assigning *assigning, struct pp_domain_device *device, unsigned bus,
	const char *prefix, unsigned ports)
{
	for (unsigned port = 1; port <= ports; port++) {
		const char *text = pp_arena_printf(assigning->domain->arena, "%s%s%u",
			prefix ? prefix : "", prefix ? "." : "", port);

		if (!text)
			return pp_error_oom(assigning->error);
		if (port_taken(assigning, bus, text))
			continue;
		device->place.type = PP_PLACE_USB;
		device->place.bus = bus;
		device->place.port = text;
		return 1;
	}
	return 0;
}

static bool is_controller(const struct pp_domain_device *device)
{
	return device->kind == PP_DEV_CONTROLLER && device->controller.type == PP_CONTROLLER_USB &&
	       ports_of(&device->controller) > 0;
}

/* A controller's own ports, then those of the hubs behind it. */
static int try_bus(struct pp_assigning *assigning, struct pp_domain_device *device,
	const struct pp_controller *controller)
{
	unsigned bus = (unsigned)controller->index;
	int r = try_ports(assigning, device, bus, NULL, ports_of(controller));

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *hub = &assigning->devices[i];

		if (hub->kind == PP_DEV_HUB && hub != device && hub->place.port &&
			hub->place.bus == bus)
			r = try_ports(assigning, device, bus, hub->place.port, HUB_PORTS);
	}
	return r;
}

static int find_port(struct pp_assigning *assigning, struct pp_domain_device *device)
{
	bool fixed = device->place.type == PP_PLACE_USB; /* a bus was given, no port */
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		const struct pp_domain_device *other = &assigning->devices[i];

		if (is_controller(other) &&
			(!fixed || device->place.bus == (unsigned)other->controller.index))
			r = try_bus(assigning, device, &other->controller);
	}
	if (r == 0)
		return pp_assigning_fail(assigning, device->line,
			"no USB port of the guest is free for this <%s>",
			pp_domain_device_element(device->kind));
	return r < 0 ? r : 0;
}

static int check_explicit(struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *other = &assigning->devices[i];

		if (other < device && is_usb(other) && other->place.type == PP_PLACE_USB &&
			other->place.bus == place->bus &&
			pp_text_is(other->place.port, place->port))
			return pp_assigning_fail(assigning, place->line,
				"USB bus %u, port %s is taken already by <%s> on line %d",
				place->bus, place->port, pp_domain_device_element(other->kind),
				other->line);
	}
	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *other = &assigning->devices[i];
		uint64_t port;
		const char *end;

		if (!is_controller(other) || (unsigned)other->controller.index != place->bus)
			continue;
		if (pp_parse_prefix(place->port, 10, MAX_PORTS, &port, &end) < 0 || port == 0 ||
			port > ports_of(&other->controller))
			return pp_assigning_fail(assigning, place->line,
				"USB controller %u has no port %s; it has 1 to %u", place->bus,
				place->port, ports_of(&other->controller));
		return 0;
	}
	return pp_assigning_fail(assigning, place->line,
		"the guest has no USB controller with index %u", place->bus);
}

static unsigned count_free(const struct pp_assigning *assigning)
{
	unsigned free_ports = 0, taken = 0;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (is_controller(device))
			free_ports += ports_of(&device->controller);
		else if (device->kind == PP_DEV_HUB)
			free_ports += HUB_PORTS;
		taken += is_usb(device);
	}
	return free_ports < taken ? taken - free_ports : 0;
}

static int add_hubs(struct pp_assigning *assigning)
{
	unsigned missing = count_free(assigning);
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < assigning->n_devices; i++)
		any = any || is_controller(&assigning->devices[i]);
	while (r == 0 && any && missing > 0) {
		struct pp_domain_device *hub = pp_assigning_add(assigning, PP_DEV_HUB);

		if (!hub)
			return -ENOMEM;
		hub->model = "usb";
		r = find_port(assigning, hub);
		missing -= missing < HUB_PORTS - 1 ? missing : HUB_PORTS - 1;
	}
	return r;
}

int pp_assigning_usb(struct pp_assigning *assigning)
{
	static const enum pp_domain_device_kind order[] = {PP_DEV_HUB, PP_DEV_HOSTDEV, PP_DEV_DISK,
		PP_DEV_INPUT, PP_DEV_SOUND, PP_DEV_SERIAL, PP_DEV_REDIRDEV};
	size_t n_devices = assigning->n_devices;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_devices; i++)
		if (is_usb(&assigning->devices[i]) && assigning->devices[i].place.port)
			r = check_explicit(assigning, &assigning->devices[i]);
	if (r == 0)
		r = add_hubs(assigning);
	for (size_t k = 0; r == 0 && k < PP_COUNT(order); k++)
		for (size_t i = 0; r == 0 && i < n_devices; i++) {
			struct pp_domain_device *device = &assigning->devices[i];

			if (device->kind == order[k] && is_usb(device) && !device->place.port)
				r = find_port(assigning, device);
		}
	return r;
}
