/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network interfaces: the host's side (-netdev) and the guest's. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"

static const char *find_bridge(
	struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_interface *interface = &device->interface;
	const struct pp_network_bridge *known = arguments->options->bridges;

	if (interface->type == PP_INTERFACE_BRIDGE)
		return interface->source;
	for (; known && known->network; known++)
		if (pp_text_is(known->network, interface->source))
			return known->bridge;
	pp_arguments_fail(arguments, device->line, "the network '%s' is not known to this host",
		interface->source);
	return NULL;
}

/* The kernel's own way of packets between a tap and virtio. */
static bool wants_vhost(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_interface *interface = &device->interface;
	bool asked = pp_text_is(interface->driver, "vhost");

	if (asked && !arguments->options->vhost)
		pp_arguments_fail(arguments, device->line,
			"<driver name='vhost'> needs /dev/vhost-net, which this host has not: "
			"`modprobe vhost_net`, or leave <driver> out");
	return pp_text_is(interface->model, "virtio") && !pp_text_is(interface->driver, "qemu") &&
	       arguments->options->vhost && (asked || arguments->domain->type == PP_DOMAIN_KVM);
}

static void put_tap(struct pp_arguments *arguments, const struct pp_domain_device *device,
	const char *bridge, unsigned number)
{
	bool vhost = wants_vhost(arguments, device);
	int fd = pp_arguments_tap(arguments, &device->interface, bridge);

	pp_arguments_begin(arguments, "-netdev", fd ? "tap" : "bridge");
	if (fd)
		pp_arguments_propf(arguments, "fd", "%d", fd);
	else
		pp_arguments_prop(arguments, "br", bridge);
	pp_arguments_propf(arguments, "id", "hostnet%u", number);
	if (fd && vhost) {
		pp_arguments_prop(arguments, "vhost", "on");
		pp_arguments_propf(arguments, "vhostfd", "%d", pp_arguments_vhost(arguments));
	}
	pp_arguments_end(arguments);
}

static void put_user(struct pp_arguments *arguments, unsigned number)
{
	pp_arguments_begin(arguments, "-netdev", "user");
	pp_arguments_propf(arguments, "id", "hostnet%u", number);
	pp_arguments_end(arguments);
}

void pp_arguments_interface(
	struct pp_arguments *arguments, const struct pp_domain_device *device, unsigned number)
{
	const struct pp_interface *interface = &device->interface;
	bool is_user = interface->type == PP_INTERFACE_USER;
	const char *bridge = is_user ? NULL : find_bridge(arguments, device);

	if (bridge)
		put_tap(arguments, device, bridge, number);
	else if (is_user)
		put_user(arguments, number);
	pp_arguments_device(arguments, device,
		pp_text_is(interface->model, "virtio") ? "virtio-net-pci" : interface->model);
	pp_arguments_propf(arguments, "netdev", "hostnet%u", number);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_propf(arguments, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", interface->mac[0],
		interface->mac[1], interface->mac[2], interface->mac[3], interface->mac[4],
		interface->mac[5]);
	pp_arguments_boot(arguments, device);
	pp_arguments_place(arguments, device);
	pp_arguments_rom(arguments, device);
	pp_arguments_end(arguments);
}
