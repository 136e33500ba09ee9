/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* USB devices and their interfaces as node devices. */
#include "lib/host/node_reader.h"

/* As the hardware database of udev calls it, else as it calls itself. */
static int read_name(const struct pp_udev *udev, const char *property, const char *attribute,
	const char **ret_name)
{
	*ret_name = pp_udev_property(udev, property);
	return *ret_name ? 0 : pp_udev_text(udev, attribute, ret_name);
}

int pp_node_usb_device_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_usb_device *device = &record->usb_device;
	if (pp_udev_property_number(udev, "BUSNUM", 10, &device->bus) < 0 ||
		pp_udev_property_number(udev, "DEVNUM", 10, &device->device) < 0 ||
		pp_udev_property_number(udev, "ID_VENDOR_ID", 16, &device->vendor) < 0 ||
		pp_udev_property_number(udev, "ID_MODEL_ID", 16, &device->product) < 0)
		return -ENODEV;
	int r = read_name(udev, "ID_VENDOR_FROM_DATABASE", "manufacturer", &device->vendor_name);
	return r < 0 ? r
		     : read_name(udev, "ID_MODEL_FROM_DATABASE", "product", &device->product_name);
}

int pp_node_usb_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_usb *usb = &record->usb;
	static const char *const names[] = {
		"bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"};
	unsigned *const values[] = {&usb->number, &usb->class_code, &usb->subclass, &usb->protocol};
	for (size_t i = 0; i < PP_COUNT(names); i++) {
		uint64_t value = 0;
		int r = pp_udev_number(udev, names[i], 16, UINT32_MAX, &value);
		if (r < 0)
			return r == -EINVAL ? -ENODEV : r;
		*values[i] = (unsigned)value;
	}
	return 0;
}
