/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What PCI controllers say of themselves to the guest, where the author did not: their device,
 * chassis, port and bus number. */
#include "lib/domain/placing.h"

static int lowest_bus_nr(const struct pp_assigning *assigning)
{
	int lowest = 256;

	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER &&
			device->controller.type == PP_CONTROLLER_PCI &&
			device->controller.bus_nr >= 0 && device->controller.bus_nr < lowest)
			lowest = device->controller.bus_nr;
	}
	return lowest;
}

static void fill_controller(struct pp_assigning *assigning, struct pp_domain_device *device)
{
	static const char *const names[] = {
		[PP_BUS_PCI_BRIDGE] = "pci-bridge",
		[PP_BUS_DMI_BRIDGE] = "i82801b11-bridge",
		[PP_BUS_TO_PCI_BRIDGE] = "pcie-pci-bridge",
		[PP_BUS_ROOT_PORT] = "pcie-root-port",
		[PP_BUS_UPSTREAM] = "x3130-upstream",
		[PP_BUS_DOWNSTREAM] = "xio3130-downstream",
		[PP_BUS_EXPANDER] = "pxb",
		[PP_BUS_PCIE_EXPANDER] = "pxb-pcie",
	};
	struct pp_controller *controller = &device->controller;
	enum pp_bus_model model = pp_bus_model_of(controller->model);

	if (!controller->model_name && controller->index > 0)
		controller->model_name = names[model];
	if (model == PP_BUS_PCI_BRIDGE && controller->chassis_nr < 0)
		controller->chassis_nr = controller->index;
	if ((model == PP_BUS_EXPANDER || model == PP_BUS_PCIE_EXPANDER) && controller->bus_nr < 0)
		controller->bus_nr = lowest_bus_nr(assigning) - 2;
	if (model != PP_BUS_ROOT_PORT && model != PP_BUS_DOWNSTREAM)
		return;
	if (controller->chassis < 0)
		controller->chassis = controller->index;
	if (controller->port < 0)
		controller->port = model == PP_BUS_DOWNSTREAM
					   ? device->place.slot
					   : (device->place.slot << 3) + device->place.function;
}

static int check_chassis(struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	for (const struct pp_domain_device *other = assigning->devices; other < device; other++)
		if (other->kind == PP_DEV_CONTROLLER && other->controller.chassis >= 0 &&
			other->controller.chassis == device->controller.chassis)
			return pp_assigning_fail(assigning, device->line,
				"chassis %d is used already by the controller on line %d",
				device->controller.chassis, other->line);
	return 0;
}

int pp_placing_bridges(struct pp_assigning *assigning)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind != PP_DEV_CONTROLLER ||
			device->controller.type != PP_CONTROLLER_PCI)
			continue;
		fill_controller(assigning, device);
		if (device->controller.chassis_nr == 0)
			r = pp_assigning_fail(
				assigning, device->line, "chassisNr='0' of a pci-bridge cannot be");
		else
			r = check_chassis(assigning, device);
	}
	return r;
}
