/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices with something of the host behind them: host devices, input, USB over SPICE, the TPM. */
#include "base/parse.h"
#include "lib/qemu/arguments.h"
#include <stdio.h>
#include <string.h>

/* ---- host devices ---- */

static void put_pci(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	char host[PP_ADDRESS_SIZE];

	if (device->place.type == PP_PLACE_UNASSIGNED)
		return;
	pp_arguments_device(arguments, device, "vfio-pci");
	pp_arguments_prop(arguments, "host", pp_address_text(&device->hostdev.source, host));
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_boot(arguments, device);
	pp_arguments_place(arguments, device);
	pp_arguments_rom(arguments, device);
	pp_arguments_end(arguments);
}

static bool usb_fits(const struct pp_usb_node *node, const struct pp_hostdev *hostdev)
{
	if (hostdev->usb_bus &&
		(node->bus != hostdev->usb_bus || node->device != hostdev->usb_device))
		return false;
	return !hostdev->usb_vendor ||
	       (node->vendor == hostdev->usb_vendor && node->product == hostdev->usb_product);
}

/* The one that is meant: QEMU is given it, and looks for none by itself. */
static const struct pp_usb_node *find_usb(
	struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_hostdev *hostdev = &device->hostdev;
	const struct pp_usb_node *found = NULL;

	for (size_t i = 0; i < arguments->options->n_usb; i++) {
		const struct pp_usb_node *node = &arguments->options->usb[i];

		if (!usb_fits(node, hostdev))
			continue;
		if (found)
			pp_arguments_fail(arguments, hostdev->source_line,
				"the host has more than one USB device %04x:%04x: bus %u, device "
				"%u, and bus %u, device %u; say which with <address>",
				node->vendor, node->product, found->bus, found->device, node->bus,
				node->device);
		found = node;
	}
	if (!found && hostdev->usb_vendor)
		pp_arguments_fail(arguments, hostdev->source_line,
			"the USB device %04x:%04x is not on this host%s", hostdev->usb_vendor,
			hostdev->usb_product, hostdev->usb_bus ? " at this address" : "");
	else if (!found)
		pp_arguments_fail(arguments, hostdev->source_line,
			"the host has no USB device on bus %u, device %u", hostdev->usb_bus,
			hostdev->usb_device);
	return found;
}

static void put_usb(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_hostdev *hostdev = &device->hostdev;
	const struct pp_usb_node *node =
		arguments->options->usb ? find_usb(arguments, device) : NULL;
	char path[64];

	pp_arguments_device(arguments, device, "usb-host");
	if (node) {
		snprintf(path, sizeof(path), "/dev/bus/usb/%03u/%03u", node->bus, node->device);
		pp_arguments_prop(
			arguments, "hostdevice", pp_arguments_file(arguments, PP_FILE_WRITE, path));
	}
	if (!node && hostdev->usb_vendor) {
		pp_arguments_propf(arguments, "vendorid", "0x%04x", hostdev->usb_vendor);
		pp_arguments_propf(arguments, "productid", "0x%04x", hostdev->usb_product);
	}
	if (!node && hostdev->usb_bus) {
		pp_arguments_propf(arguments, "hostbus", "%u", hostdev->usb_bus);
		pp_arguments_propf(arguments, "hostaddr", "%u", hostdev->usb_device);
	}
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_boot(arguments, device);
	pp_arguments_usb_place(arguments, &device->place);
	pp_arguments_end(arguments);
}

void pp_arguments_hostdev(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	if (device->hostdev.type == PP_HOSTDEV_USB)
		put_usb(arguments, device);
	else
		put_pci(arguments, device);
}

void pp_arguments_redirdev(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	pp_arguments_begin(arguments, "-chardev", "spicevmc");
	pp_arguments_propf(arguments, "id", "char%s", device->alias);
	pp_arguments_prop(arguments, "name", "usbredir");
	pp_arguments_end(arguments);
	pp_arguments_device(arguments, device, "usb-redir");
	pp_arguments_propf(arguments, "chardev", "char%s", device->alias);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_boot(arguments, device);
	pp_arguments_usb_place(arguments, &device->place);
	pp_arguments_end(arguments);
}

/* ---- input ---- */

/* The host's keyboard or mouse, shared with it: no device of the guest's. */
static void put_evdev(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_input *input = &device->input;

	pp_arguments_begin(arguments, "-object", "input-linux");
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_prop(arguments, "evdev", pp_arguments_node(arguments, input->source));
	if (input->grab_all)
		pp_arguments_prop(arguments, "grab_all", "on");
	pp_arguments_switch(arguments, "repeat", input->repeat);
	pp_arguments_prop(arguments, "grab-toggle", input->grab_toggle);
	pp_arguments_end(arguments);
}

static const char *input_type(const struct pp_input *input, bool is_virtio)
{
	if (pp_text_is(input->type, "tablet"))
		return is_virtio ? "virtio-tablet-pci" : "usb-tablet";
	if (pp_text_is(input->type, "mouse"))
		return is_virtio ? "virtio-mouse-pci" : "usb-mouse";
	if (pp_text_is(input->type, "passthrough"))
		return "virtio-input-host-pci";
	return is_virtio ? "virtio-keyboard-pci" : "usb-kbd";
}

void pp_arguments_input(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_input *input = &device->input;
	bool is_virtio = pp_text_is(input->bus, "virtio");

	if (pp_text_is(input->type, "evdev")) {
		put_evdev(arguments, device);
		return;
	}
	if (pp_text_is(input->bus, "ps2"))
		return; /* part of the machine */
	pp_arguments_device(arguments, device, input_type(input, is_virtio));
	pp_arguments_prop(arguments, "id", device->alias);
	if (input->source)
		pp_arguments_prop(arguments, "evdev", pp_arguments_node(arguments, input->source));
	if (!is_virtio)
		pp_arguments_usb_place(arguments, &device->place);
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

/* ---- the TPM ---- */

void pp_arguments_swtpm(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	int fd = pp_arguments_tpm(arguments);

	pp_arguments_begin(arguments, "-chardev", "socket");
	pp_arguments_propf(arguments, "id", "char%s", device->alias);
	if (fd > 0)
		pp_arguments_propf(arguments, "fd", "%d", fd);
	else
		pp_arguments_propf(arguments, "path", "%s/swtpm.sock", arguments->options->folder);
	pp_arguments_end(arguments);
	pp_arguments_begin(arguments, "-tpmdev", "emulator");
	pp_arguments_propf(arguments, "id", "tpm-%s", device->alias);
	pp_arguments_propf(arguments, "chardev", "char%s", device->alias);
	pp_arguments_end(arguments);
	pp_arguments_device(arguments, device, device->tpm.model);
	pp_arguments_propf(arguments, "tpmdev", "tpm-%s", device->alias);
	pp_arguments_prop(arguments, "id", device->alias);
	pp_arguments_end(arguments);
}
