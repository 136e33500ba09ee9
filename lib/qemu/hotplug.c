/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/qemu/hotplug.h"
#include "base/parse.h"
#include <stdio.h>

static int set_place(struct pp_json *json, const struct pp_domain *assigned,
	const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;
	bool express = place->bus == 0 && assigned->os.q35;
	char bus[32], slot[32];

	snprintf(bus, sizeof(bus), "%s.%u", express ? "pcie" : "pci", place->bus);
	snprintf(slot, sizeof(slot), "0x%x.0x%x", place->slot, place->function);
	int r = pp_json_set_string(json, "bus", bus);
	if (r >= 0)
		r = pp_json_set_string(json, "addr", slot);
	if (r >= 0 && place->multifunction != PP_UNSET)
		r = pp_json_set_bool(json, "multifunction", place->multifunction == PP_ON);
	return r;
}

static int set_rest(struct pp_json *json, const struct pp_domain_device *device, const char *rom)
{
	int r = 0;

	if (device->rom_enabled == PP_OFF)
		rom = "";
	else if (device->rom_bar != PP_UNSET)
		r = pp_json_set_int(json, "rombar", device->rom_bar == PP_ON);
	if (r >= 0 && rom)
		r = pp_json_set_string(json, "romfile", rom);
	if (r >= 0 && device->boot_order)
		r = pp_json_set_int(json, "bootindex", device->boot_order);
	if (r >= 0 && device->acpi_index)
		r = pp_json_set_int(json, "acpi-index", device->acpi_index);
	return r;
}

struct pp_json *pp_hotplug_arguments(
	const struct pp_domain *assigned, const struct pp_domain_device *device, const char *rom)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = pp_json_object();
	char host[PP_ADDRESS_SIZE];

	if (!json || pp_json_set_string(json, "driver", "vfio-pci") < 0 ||
		pp_json_set_string(json, "host", pp_address_text(&device->hostdev.source, host)) <
			0 ||
		pp_json_set_string(json, "id", device->alias) < 0 ||
		set_place(json, assigned, device) < 0 || set_rest(json, device, rom) < 0)
		return NULL;
	return PP_TAKE(json);
}

bool pp_hotplug_has(const struct pp_json *peripherals, const char *alias)
{
	for (size_t i = 0; i < pp_json_length(peripherals); i++)
		if (pp_text_is(pp_json_get_string(pp_json_at(peripherals, i), "name"), alias))
			return true;
	return false;
}
