/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hot plug: a device for a QEMU that runs, in the words of its monitor. */
#ifndef QEMU_HOTPLUG_H
#define QEMU_HOTPLUG_H

#include "base/json.h"
#include "lib/domain/domain.h"

/* The arguments of device_add for a host device whose place and alias are settled: what -device
 * would say of it. ROM: the name of its ROM's file for QEMU; NULL: its own. NULL: no memory. */
struct pp_json *pp_hotplug_arguments(
	const struct pp_domain *assigned, const struct pp_domain_device *device, const char *rom);

/* The objects that QEMU made for devices with an id, in the answer to qom-list
 * /machine/peripheral. */
bool pp_hotplug_has(const struct pp_json *peripherals, const char *alias);

#endif
