/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Controllers: the PCI buses first, each after the one that it sits on; then USB, disks,
 * virtio-serial. */
#include "base/parse.h"
#include "lib/domain/bus.h"
#include "lib/qemu/arguments.h"
#include <inttypes.h>
#include <string.h>

static void put_number(struct pp_arguments *arguments, const char *name, int value)
{
	if (value >= 0)
		pp_arguments_propf(arguments, name, "%d", value);
}

static void put_pci(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_controller *controller = &device->controller;

	pp_arguments_device(arguments, device, controller->model_name);
	put_number(arguments, "chassis_nr", controller->chassis_nr);
	put_number(arguments, "bus_nr", controller->bus_nr);
	put_number(arguments, "numa_node", controller->node);
	put_number(arguments, "port", controller->port);
	put_number(arguments, "chassis", controller->chassis);
	pp_arguments_prop(arguments, "id", device->alias);
	if (controller->hotplug != PP_UNSET)
		pp_arguments_switch(arguments, "hotplug", controller->hotplug);
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

static const struct pp_domain_device *pci_controller(const struct pp_domain *domain, int index)
{
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_CONTROLLER &&
			domain->devices[i].controller.type == PP_CONTROLLER_PCI &&
			domain->devices[i].controller.index == index)
			return &domain->devices[i];
	return NULL;
}

/* An added root port can have a higher index than the bridge that sits in it. */
static void put_pci_tree(struct pp_arguments *arguments)
{
	bool done[PP_BUS_MAX] = {true};
	bool progress = true;

	while (progress) {
		progress = false;
		for (int index = 1; index < PP_BUS_MAX; index++) {
			const struct pp_domain_device *device =
				pci_controller(arguments->domain, index);

			if (!device || done[index] || !done[device->place.bus])
				continue;
			put_pci(arguments, device);
			done[index] = progress = true;
		}
	}
}

static const char *usb_type(const char *model)
{
	static const struct {
		const char *model, *type;
	} types[] = {
		{"piix3-uhci", "piix3-usb-uhci"},
		{"piix4-uhci", "piix4-usb-uhci"},
		{"ehci", "usb-ehci"},
		{"ich9-ehci1", "ich9-usb-ehci1"},
		{"ich9-uhci1", "ich9-usb-uhci1"},
		{"ich9-uhci2", "ich9-usb-uhci2"},
		{"ich9-uhci3", "ich9-usb-uhci3"},
		{"pci-ohci", "pci-ohci"},
		{"nec-xhci", "nec-usb-xhci"},
		{"qemu-xhci", "qemu-xhci"},
	};

	for (size_t i = 0; i < PP_COUNT(types); i++)
		if (pp_text_is(types[i].model, model))
			return types[i].type;
	return NULL;
}

static void put_usb(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	const struct pp_controller *controller = &device->controller;
	const char *type = usb_type(controller->model);

	if (!type)
		return; /* "none" */
	pp_arguments_device(arguments, device, type);
	if (pp_text_starts(controller->model, "ich9-uhci")) {
		if (controller->index == 0)
			pp_arguments_prop(arguments, "masterbus", "usb.0");
		else
			pp_arguments_propf(arguments, "masterbus", "usb%d.0", controller->index);
		put_number(arguments, "firstport",
			controller->master_start_port < 0 ? 0 : controller->master_start_port);
	} else {
		if (pp_text_ends(controller->model, "-xhci")) {
			put_number(arguments, "p2", controller->ports);
			put_number(arguments, "p3", controller->ports);
		}
		pp_arguments_prop(arguments, "id", device->alias);
	}
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

static const char *scsi_type(const char *model)
{
	static const struct {
		const char *model, *type;
	} types[] = {
		{"virtio-scsi", "virtio-scsi-pci"},
		{"lsilogic", "lsi53c895a"},
		{"lsisas1068", "mptsas1068"},
		{"lsisas1078", "megasas"},
		{"vmpvscsi", "pvscsi"},
		{"am53c974", "am53c974"},
		{"dc390", "dc390"},
	};

	for (size_t i = 0; i < PP_COUNT(types); i++)
		if (pp_text_is(types[i].model, model))
			return types[i].type;
	return model;
}

static void put_simple(
	struct pp_arguments *arguments, const struct pp_domain_device *device, const char *type)
{
	const struct pp_controller *controller = &device->controller;

	pp_arguments_device(arguments, device, type);
	pp_arguments_prop(arguments, "id", device->alias);
	put_number(arguments, "num_queues", controller->queues);
	put_number(arguments, "cmd_per_lun", controller->cmd_per_lun);
	put_number(arguments, "max_sectors", controller->max_sectors);
	put_number(arguments, "max_ports", controller->ports);
	put_number(arguments, "vectors", controller->vectors);
	if (controller->iothread)
		pp_arguments_propf(arguments, "iothread", "iothread%u", controller->iothread);
	if (controller->type == PP_CONTROLLER_NVME)
		pp_arguments_prop(arguments, "serial",
			controller->serial ? controller->serial : device->alias);
	pp_arguments_place(arguments, device);
	pp_arguments_end(arguments);
}

static void put_other(struct pp_arguments *arguments, const struct pp_domain_device *device)
{
	switch (device->controller.type) {
	case PP_CONTROLLER_SCSI:
		put_simple(arguments, device, scsi_type(device->controller.model));
		break;
	case PP_CONTROLLER_VIRTIO_SERIAL:
		put_simple(arguments, device, "virtio-serial-pci");
		break;
	case PP_CONTROLLER_NVME:
		put_simple(arguments, device, "nvme");
		break;
	case PP_CONTROLLER_SATA:
		if (!arguments->domain->os.q35 || device->controller.index > 0)
			put_simple(arguments, device, "ich9-ahci");
		break;
	case PP_CONTROLLER_FDC:
		if (arguments->domain->os.q35)
			pp_arguments_pair(arguments, "-device", "isa-fdc");
		break;
	default:
		break; /* the IDE controller of pc is part of the machine */
	}
}

void pp_arguments_controllers(struct pp_arguments *arguments)
{
	const struct pp_domain *domain = arguments->domain;

	put_pci_tree(arguments);
	for (int companions = 0; companions < 2; companions++)
		for (size_t i = 0; i < domain->n_devices; i++) {
			const struct pp_domain_device *device = &domain->devices[i];

			if (device->kind == PP_DEV_CONTROLLER &&
				device->controller.type == PP_CONTROLLER_USB &&
				pp_text_starts(device->controller.model, "ich9-uhci") ==
					!!companions)
				put_usb(arguments, device);
		}
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_CONTROLLER)
			put_other(arguments, &domain->devices[i]);
}
