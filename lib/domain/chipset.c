/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slots of the guest's machine: those that the chipset itself has, and those where people and
 * guests expect a device. */
#include "base/parse.h"
#include "lib/domain/placing.h"
#include <string.h>

static int take_chipset(struct pp_placing *placing, unsigned slot, unsigned function)
{
	const struct pp_place place = {.type = PP_PLACE_PCI, .slot = slot, .function = function};

	return pp_bus_take(placing->set, &place, PP_CONNECT_PCI | PP_CONNECT_PCIE, true, NULL);
}

/* A controller that is part of the chipset: its address is what it is. */
static int fix_controller(
	struct pp_placing *placing, enum pp_controller_type type, unsigned slot, unsigned function)
{
	struct pp_domain_device *device = pp_assigning_controller(placing->assigning, type, 0);
	const struct pp_place place = {.type = PP_PLACE_PCI, .slot = slot, .function = function};

	if (!device ||
		(type == PP_CONTROLLER_USB && !pp_text_is(device->controller.model, "piix3-uhci")))
		return 0;
	if (device->place.type == PP_PLACE_PCI &&
		(device->place.bus || device->place.slot != slot ||
			device->place.function != function))
		return pp_assigning_fail(placing->assigning, device->place.line,
			"this controller is part of the chipset, and its address is bus 0x00, slot "
			"0x%02x, "
			"function 0x%x",
			slot, function);
	placing->placed[device - placing->assigning->devices] = true;
	if (!placing->dry)
		device->place = place;
	return 0;
}

int pp_placing_chipset(struct pp_placing *placing)
{
	static const struct {
		unsigned slot, function;
	} piix[] = {{1, 0}, {1, 1}, {1, 2}, {1, 3}}, ich9[] = {{0x1f, 0}, {0x1f, 2}, {0x1f, 3}};
	bool q35 = placing->assigning->domain->os.q35;
	int r = 0;

	for (size_t i = 0; r == 0 && !q35 && i < PP_COUNT(piix); i++)
		r = take_chipset(placing, piix[i].slot, piix[i].function);
	for (size_t i = 0; r == 0 && q35 && i < PP_COUNT(ich9); i++)
		r = take_chipset(placing, ich9[i].slot, ich9[i].function);
	if (r < 0)
		return r;
	if (q35)
		return fix_controller(placing, PP_CONTROLLER_SATA, 0x1f, 2);
	r = fix_controller(placing, PP_CONTROLLER_IDE, 1, 1);
	return r ? r : fix_controller(placing, PP_CONTROLLER_USB, 1, 2);
}

/* ---- where people and guests expect it ---- */

/* A fixed slot of bus 0 if it is free; else nothing happens. */
static int settle_slot(struct pp_placing *placing, size_t index, unsigned slot, bool *ret_settled)
{
	const struct pp_place place = {.type = PP_PLACE_PCI, .slot = slot};

	*ret_settled = pp_bus_slot_is_free(placing->set, 0, slot);
	return *ret_settled ? pp_placing_settle(placing, index, &place,
				      PP_CONNECT_PCI | PP_CONNECT_PCIE, true)
			    : 0;
}

static int prefer_slots(struct pp_placing *placing, size_t index)
{
	const struct pp_domain_device *device = &placing->assigning->devices[index];
	bool q35 = placing->assigning->domain->os.q35, settled = false;
	int r = 0;

	if (device->kind == PP_DEV_VIDEO && device->video.primary == PP_ON)
		return settle_slot(placing, index, q35 ? 1 : 2, &settled);
	if (!q35)
		return 0;
	if (device->kind == PP_DEV_SOUND && pp_text_is(device->sound.model, "ich9"))
		return settle_slot(placing, index, 0x1b, &settled);
	if (device->kind != PP_DEV_CONTROLLER)
		return 0;
	if (pp_text_is(device->controller.model, "dmi-to-pci-bridge"))
		return settle_slot(placing, index, 0x1e, &settled);
	if (!pp_text_is(device->controller.model, "ich9-uhci1"))
		return 0;
	r = settle_slot(placing, index, 0x1d, &settled);
	return r < 0 || settled ? r : settle_slot(placing, index, 0x1a, &settled);
}

int pp_placing_preferred(struct pp_placing *placing)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < placing->assigning->n_devices; i++)
		if (pp_placing_wants(placing, i))
			r = prefer_slots(placing, i);
	return r;
}
