/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/vfio/register.h"
#include "base/cleanup.h"

static const struct {
	uint32_t class_code;      /* 0: any */
	uint16_t vendor, product; /* 0: any */
	struct pp_register reg;
} table[] = {
	{0x010802, 0, 0, {"NVMe VS", 0, 0x08, true}},
	{0x0c0330, 0, 0, {"xHCI CAPLENGTH and HCIVERSION", 0, 0x00, true}},
	{0x0c0320, 0, 0, {"EHCI CAPLENGTH and HCIVERSION", 0, 0x00, true}},
	{0x010601, 0, 0, {"AHCI VS", 5, 0x10, true}},
	{0, 0x8086, 0x100e, {"e1000 STATUS", 0, 0x08}},
	{0, 0x8086, 0x100f, {"e1000 STATUS", 0, 0x08}},
	{0, 0x8086, 0x10d3, {"e1000e STATUS", 0, 0x08}},
	{0, 0x8086, 0x10c9, {"igb STATUS", 0, 0x08}},
	{0, 0x8086, 0x1521, {"igb STATUS", 0, 0x08}},
	{0, 0x8086, 0x1533, {"igb STATUS", 0, 0x08}},
	{0, 0x8086, 0x10fb, {"ixgbe STATUS", 0, 0x08}},
	{0, 0x8086, 0x1528, {"ixgbe STATUS", 0, 0x08}},
	{0, 0x1234, 0x11e8, {"edu identification", 0, 0x00, true}},
	{0, 0x1b36, 0x0005, {"pci-testdev header", 0, 0x00}},
};

const struct pp_register *pp_register_of(const struct pp_device *device)
{
	for (size_t i = 0; i < PP_COUNT(table); i++) {
		if (table[i].class_code && table[i].class_code != device->class_code)
			continue;
		if (table[i].vendor &&
			(table[i].vendor != device->vendor || table[i].product != device->product))
			continue;
		return &table[i].reg;
	}
	return NULL;
}
