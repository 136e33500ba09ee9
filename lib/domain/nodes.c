/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host device is nearest to one of the host's nodes. Where the guest has cells, and one has its
 * memory from that node, the device goes behind an expander bus of that cell: the guest then knows
 * what is near to what. libvirt leaves that to the author; what he places stays where it is. */
#include "base/parse.h"
#include "lib/domain/assign.h"

static const struct pp_hostdev_fact *fact_of(
	const struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	for (size_t i = 0; i < assigning->n_facts; i++)
		if (!pp_address_compare(&assigning->facts[i].address, &device->hostdev.source))
			return &assigning->facts[i];
	return NULL;
}

/* The cell with memory of a node of the host; -1: none. */
static int cell_of(const struct pp_domain *domain, unsigned node)
{
	for (size_t i = 0; i < domain->n_cells; i++)
		if (domain->cells[i].from.mode != PP_NUMA_UNSET &&
			pp_set_count(&domain->cells[i].from.nodes) == 1 &&
			pp_set_has(&domain->cells[i].from.nodes, node))
			return (int)i;
	return -1;
}

/* -1: it stays where it would be anyway. */
static int wanted_cell(const struct pp_assigning *assigning, const struct pp_domain_device *device)
{
	const struct pp_hostdev_fact *fact;

	if (device->kind != PP_DEV_HOSTDEV || device->hostdev.type != PP_HOSTDEV_PCI ||
		device->place.type != PP_PLACE_NONE)
		return -1;
	fact = fact_of(assigning, device);
	return fact && fact->express && fact->has_node ? cell_of(assigning->domain, fact->node)
						       : -1;
}

static int unused_index(struct pp_assigning *assigning)
{
	int index = 1;

	while (pp_assigning_controller(assigning, PP_CONTROLLER_PCI, index))
		index++;
	return index;
}

static bool same_slot(const struct pp_assigning *assigning, const struct pp_domain_device *a,
	const struct pp_domain_device *b)
{
	const struct pp_address *one = &a->hostdev.source, *two = &b->hostdev.source;

	return one->domain == two->domain && one->bus == two->bus && one->slot == two->slot &&
	       !fact_of(assigning, a)->virtual_function && !fact_of(assigning, b)->virtual_function;
}

static void put_behind(struct pp_domain_device *device, int port, unsigned function)
{
	device->place = (struct pp_place){
		.type = PP_PLACE_PCI, .bus = (unsigned)port, .function = (uint8_t)function};
}

/* A port on the expander bus, for a device and those of its slot. */
static int add_port(struct pp_assigning *assigning, size_t first, int expander, unsigned slot)
{
	struct pp_domain_device *device = &assigning->devices[first];
	const int cell = wanted_cell(assigning, device);
	unsigned lowest = device->hostdev.source.function;
	struct pp_domain_device *port = pp_assigning_add_controller(
		assigning, PP_CONTROLLER_PCI, unused_index(assigning), "pcie-root-port");

	if (!port)
		return -ENOMEM;
	port->place = (struct pp_place){
		.type = PP_PLACE_PCI, .bus = (unsigned)expander, .slot = (uint8_t)slot};
	for (size_t i = first; i < assigning->n_devices; i++)
		if (wanted_cell(assigning, &assigning->devices[i]) == cell &&
			same_slot(assigning, &assigning->devices[i], device) &&
			assigning->devices[i].hostdev.source.function < lowest)
			lowest = assigning->devices[i].hostdev.source.function;
	for (size_t i = assigning->n_devices; i-- > first;) {
		struct pp_domain_device *other = &assigning->devices[i];
		unsigned function = other->hostdev.source.function;

		if (wanted_cell(assigning, other) == cell &&
			(i == first || same_slot(assigning, other, device)))
			put_behind(
				other, port->controller.index, function == lowest ? 0 : function);
	}
	return 0;
}

/* An expander bus of the cell with a port for each slot; *TOP: the first bus number above it that
 * is taken. */
static int add_expander(struct pp_assigning *assigning, int cell, int *top)
{
	struct pp_domain_device *expander = NULL;
	int ports = 0, r = 0;

	for (size_t i = 0; r == 0 && i < assigning->n_devices; i++) {
		if (wanted_cell(assigning, &assigning->devices[i]) != cell)
			continue;
		if (!expander)
			expander = pp_assigning_add_controller(assigning, PP_CONTROLLER_PCI,
				unused_index(assigning), "pcie-expander-bus");
		if (!expander)
			return -ENOMEM;
		expander->controller.node = cell;
		r = add_port(assigning, i, expander->controller.index, (unsigned)ports++);
	}
	if (!expander)
		return r;
	/* Its own bus, and one behind each port. */
	*top -= ports + 1;
	expander->controller.bus_nr = *top;
	return r;
}

int pp_assigning_nodes(struct pp_assigning *assigning)
{
	const struct pp_domain *domain = assigning->domain;
	int top = 256, r = 0;

	if (!domain->os.q35 || domain->n_cells < 2)
		return 0;
	for (size_t i = 0; i < assigning->n_devices; i++) {
		const struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER && device->controller.bus_nr >= 0 &&
			device->controller.bus_nr < top)
			top = device->controller.bus_nr;
	}
	for (size_t cell = 0; r == 0 && cell < domain->n_cells; cell++)
		r = add_expander(assigning, (int)cell, &top);
	return r;
}
