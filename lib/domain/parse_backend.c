/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices with something of the host behind them: host devices, USB over SPICE, the TPM. */
#include "base/parse.h"
#include "lib/domain/parse_device.h"
#include <string.h>

static void parse_pci(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_hostdev *hostdev)
{
	const struct pp_element *source = pp_element_child(element, "source");
	const struct pp_element *driver = pp_element_child(element, "driver");
	const struct pp_element *address = pp_element_child(source, "address");

	hostdev->type = PP_HOSTDEV_PCI;
	hostdev->driver_name = pp_parsing_attribute(parsing, driver, "name");
	hostdev->driver_model = pp_parsing_attribute(parsing, driver, "model");
	hostdev->source_line = address->line;
	pp_parsing_pci(parsing, address, &hostdev->source);
	if (hostdev->driver_model &&
		(!*hostdev->driver_model || strlen(hostdev->driver_model) > 60 ||
			strpbrk(hostdev->driver_model, "/ \n")))
		pp_parsing_fail(parsing, driver->line,
			"model='%.60s' of <driver> is not the name of a driver",
			hostdev->driver_model);
}

/* "0x1d6b" of <vendor> or <product>. */
static unsigned parse_usb_id(
	struct pp_parsing *parsing, const struct pp_element *source, const char *name)
{
	return pp_parsing_number(parsing, pp_element_child(source, name), "id", 0xffff, 0);
}

static void parse_usb(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_hostdev *hostdev)
{
	const struct pp_element *source = pp_element_child(element, "source");
	const struct pp_element *address = pp_element_child(source, "address");

	hostdev->type = PP_HOSTDEV_USB;
	hostdev->source_line = source->line;
	hostdev->usb_vendor = parse_usb_id(parsing, source, "vendor");
	hostdev->usb_product = parse_usb_id(parsing, source, "product");
	hostdev->usb_bus = pp_parsing_number(parsing, address, "bus", 999, 0);
	hostdev->usb_device = pp_parsing_number(parsing, address, "device", 127, 0);
	if (!pp_element_child(source, "vendor") != !pp_element_child(source, "product") ||
		(!hostdev->usb_vendor && !address) ||
		(address && (!hostdev->usb_bus || !hostdev->usb_device)))
		pp_parsing_fail(parsing, source->line,
			"the <source> of a USB device is a <vendor id=> and a <product id=>, an "
			"<address bus= device=> that are not 0, or both");
}

void pp_parsing_hostdev(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	device->hostdev.managed = pp_parsing_is(element, "managed", "yes");
	if (pp_parsing_is(element, "type", "usb"))
		parse_usb(parsing, element, &device->hostdev);
	else
		parse_pci(parsing, element, &device->hostdev);
}

/* A virtual function of a network card: a host device from here on. */
void pp_parsing_function(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_hostdev *hostdev = &device->hostdev;

	device->kind = PP_DEV_HOSTDEV;
	hostdev->interface = true;
	hostdev->managed = pp_parsing_is(element, "managed", "yes");
	parse_pci(parsing, element, hostdev);
	pp_parsing_mac(parsing, element, hostdev->mac, &hostdev->has_mac);
	hostdev->vlan = pp_parsing_vlan(parsing, element);
}

/* The grammar has one: what a SPICE viewer plugs in. */
void pp_parsing_redirdev(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	device->chardev.type = PP_CHARDEV_SPICEVMC;
	device->chardev.target_port = -1;
}

void pp_parsing_tpm(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	const char *model = pp_parsing_attribute(parsing, element, "model");

	device->tpm.model = model ? model : "tpm-tis";
}
