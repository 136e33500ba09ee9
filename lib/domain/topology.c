/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/topology.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>

struct making {
	struct pp_arena *arena;
	const struct pp_domain *assigned;
	const struct pp_bus_set *set;
	struct pp_guest_pci *pci;
	struct pp_error *error;
	bool oom;
};

/* ---- what is there ---- */

const char *pp_chipset_function(bool q35, unsigned slot, unsigned function)
{
	static const struct {
		bool q35;
		unsigned slot, function;
		const char *name;
	} own[] = {
		{false, 0, 0, "host bridge (i440FX)"},
		{false, 1, 0, "ISA bridge (PIIX3)"},
		{false, 1, 1, "IDE controller (PIIX3)"},
		{false, 1, 2, "USB controller (PIIX3)"},
		{false, 1, 3, "power management (PIIX4)"},
		{true, 0, 0, "host bridge (Q35)"},
		{true, 0x1f, 0, "ISA bridge (ICH9)"},
		{true, 0x1f, 2, "SATA controller (ICH9)"},
		{true, 0x1f, 3, "SMBus (ICH9)"},
	};

	for (size_t i = 0; i < PP_COUNT(own); i++)
		if (own[i].q35 == q35 && own[i].slot == slot && own[i].function == function)
			return own[i].name;
	return NULL;
}

static const struct pp_domain_device *controller_of(const struct pp_domain *assigned, unsigned bus)
{
	for (size_t i = 0; i < assigned->n_devices; i++)
		if (pp_bus_behind(&assigned->devices[i]) == (int)bus)
			return &assigned->devices[i];
	return NULL;
}

bool pp_bus_is_hot(const struct pp_domain *assigned, const struct pp_bus_set *set, unsigned index)
{
	const struct pp_domain_device *controller = controller_of(assigned, index);

	switch (set->buses[index].model) {
	case PP_BUS_ROOT_PORT:
	case PP_BUS_DOWNSTREAM:
		return !controller || controller->controller.hotplug != PP_OFF;
	case PP_BUS_PCI_BRIDGE:
	case PP_BUS_TO_PCI_BRIDGE:
		return true; /* by ACPI, or by their own controller (SHPC) */
	case PP_BUS_PCI_ROOT:
	case PP_BUS_DMI_BRIDGE:
		return assigned->features.acpi;
	default:
		return false;
	}
}

static const char *describe(struct making *making, const struct pp_domain_device *device)
{
	const char *element = pp_domain_device_element(device->kind), *detail = NULL;
	char *text;

	switch (device->kind) {
	case PP_DEV_CONTROLLER:
		detail = device->controller.model;
		break;
	case PP_DEV_VIDEO:
		detail = device->video.model;
		break;
	case PP_DEV_INTERFACE:
		detail = device->interface.model;
		break;
	case PP_DEV_DISK:
		detail = device->disk.target;
		break;
	case PP_DEV_SOUND:
		detail = device->sound.model;
		break;
	case PP_DEV_WATCHDOG:
		detail = device->watchdog.model;
		break;
	default:
		break;
	}
	if (!detail)
		return element;
	text = pp_arena_printf(making->arena, "%s %s", element, detail);
	making->oom = making->oom || !text;
	return text;
}

static bool can_be_unplugged(
	struct making *making, unsigned bus, const struct pp_domain_device *device)
{
	return pp_bus_behind(device) < 0 && pp_bus_is_hot(making->assigned, making->set, bus) &&
	       (device->kind == PP_DEV_HOSTDEV || device->kind == PP_DEV_RNG);
}

static void add_function(struct making *making, unsigned bus, unsigned slot, unsigned function,
	struct pp_guest_function *functions)
{
	const struct pp_domain_device *device =
		making->set->buses[bus].slots[slot].owners[function];
	const char *own =
		bus == 0 ? pp_chipset_function(making->assigned->os.q35, slot, function) : NULL;
	struct pp_guest_function *made = &functions[making->pci->n_functions];

	if (!device && !own)
		return;
	making->pci->n_functions++;
	*made = (struct pp_guest_function){.bus = bus,
		.slot = slot,
		.function = function,
		.hold = PP_HOLD_MACHINE,
		.what = own,
		.behind = -1};
	if (!device)
		return;
	made->what = describe(making, device);
	made->alias = pp_arena_strdup(making->arena, device->alias);
	made->line = device->line;
	made->behind = pp_bus_behind(device);
	made->hold = can_be_unplugged(making, bus, device) ? PP_HOLD_HOT : PP_HOLD_COLD;
	making->oom = making->oom || !made->alias;
	if (device->kind != PP_DEV_HOSTDEV)
		return;
	made->is_host = true;
	made->host = device->hostdev.source;
}

static void add_bus(struct making *making, unsigned index, struct pp_guest_bus *made)
{
	const struct pp_bus *bus = &making->set->buses[index];

	*made = (struct pp_guest_bus){
		.index = index,
		.model = pp_bus_model_name(bus->model),
		.alias = pp_arena_printf(making->arena, "%s.%u",
			bus->model == PP_BUS_PCIE_ROOT ? "pcie" : "pci", index),
		.min_slot = bus->min_slot,
		.max_slot = bus->max_slot,
		.hot = pp_bus_is_hot(making->assigned, making->set, index),
	};
	making->oom = making->oom || !made->alias;
	for (unsigned slot = bus->min_slot; slot <= bus->max_slot; slot++)
		if (!bus->slots[slot].functions)
			made->free_slots |= UINT32_C(1) << slot;
}

static int make_tree(struct making *making)
{
	const struct pp_bus_set *set = making->set;
	size_t count = making->assigned->n_devices + 16;
	struct pp_guest_function *functions =
		pp_arena_array(making->arena, count, sizeof(*functions));
	struct pp_guest_bus *buses = pp_arena_array(making->arena, set->n_buses, sizeof(*buses));

	if (!functions || !buses)
		return pp_error_oom(making->error);
	for (unsigned bus = 0; bus < set->n_buses; bus++) {
		add_bus(making, bus, &buses[bus]);
		for (unsigned slot = 0; slot < 32; slot++)
			for (unsigned function = 0; function < 8; function++)
				add_function(making, bus, slot, function, functions);
	}
	making->pci->buses = buses;
	making->pci->n_buses = set->n_buses;
	making->pci->functions = functions;
	return making->oom ? pp_error_oom(making->error) : 0;
}

/* ---- what can be added while it runs ---- */

static bool is_express(const struct pp_bus *bus)
{
	return bus->accepts & PP_CONNECT_PCIE;
}

static unsigned count_free(const struct pp_bus *bus)
{
	unsigned count = 0;

	for (unsigned slot = bus->min_slot; slot <= bus->max_slot; slot++)
		count += !bus->slots[slot].functions;
	return count;
}

static const char *hot_obstacle(const struct pp_domain *assigned, bool express, bool any)
{
	if (express && any)
		return "each root port has a device: a <controller type='pci' "
		       "model='pcie-root-port'/> more, from its next start";
	if (express)
		return "it has no root port that takes one: a <controller type='pci' "
		       "model='pcie-root-port'/>, from its next start";
	if (!any && !assigned->os.q35 && !assigned->features.acpi)
		return "it has no ACPI, without which nothing tells it of a new device: "
		       "<features><acpi/></features>, from its next start";
	if (any)
		return "each slot has a device: a <controller type='pci' model='pci-bridge'/> "
		       "more, from its next start";
	return "it has no conventional bus that takes one: a <controller type='pci' "
	       "model='pcie-to-pci-bridge'/>, from its next start";
}

const char *pp_bus_hot_obstacle(
	const struct pp_domain *assigned, const struct pp_bus_set *set, bool express)
{
	bool any = false;

	for (unsigned i = 0; i < set->n_buses; i++)
		any = any ||
		      (is_express(&set->buses[i]) == express && pp_bus_is_hot(assigned, set, i));
	return hot_obstacle(assigned, express, any);
}

static struct pp_guest_room hot_room(const struct making *making, bool express)
{
	struct pp_guest_room room = {0};

	for (unsigned i = 0; i < making->set->n_buses; i++) {
		const struct pp_bus *bus = &making->set->buses[i];

		if (is_express(bus) == express && pp_bus_is_hot(making->assigned, making->set, i))
			room.devices += count_free(bus);
	}
	room.functions = room.devices * 8;
	room.obstacle = pp_bus_hot_obstacle(making->assigned, making->set, express);
	return room;
}

/* ---- what can be added for a start ---- */

struct probing {
	const struct pp_domain *domain;
	const struct pp_hostdev_fact *facts;
	size_t n_facts;
	struct pp_domain_device *devices; /* the domain's, then room for probes */
	bool express;
	struct pp_error error; /* why the last one did not fit */
};

/* A device of one function, of which there can be any number. */
static struct pp_domain_device probe_of(bool express)
{
	struct pp_domain_device device = {.kind = PP_DEV_RNG, .line = 1};

	if (express)
		return device;
	device.kind = PP_DEV_SOUND;
	device.sound = (struct pp_sound){.model = "es1370", .audio = -1};
	return device;
}

static void refuse_windows(struct probing *probing)
{
	pp_error_set(&probing->error, PP_STATUS_FAILED, -ENOSPC,
		": its firmware (SeaBIOS) has I/O addresses for %u conventional buses, and each "
		"of them is full",
		pp_bus_windows_max(probing->domain->os.q35));
}

static bool fits(struct probing *probing, size_t count)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	struct pp_domain domain = *probing->domain;
	const struct pp_bus_set *set;

	if (domain.n_devices + count > PP_DOMAIN_MAX_DEVICES) {
		pp_error_set(&probing->error, PP_STATUS_FAILED, -ENOSPC,
			": a definition has at most %d devices", PP_DOMAIN_MAX_DEVICES);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		probing->devices[domain.n_devices + i] = probe_of(probing->express);
	domain.devices = probing->devices;
	domain.n_devices += count;
	if (pp_domain_assign_buses(&domain, probing->facts, probing->n_facts, "", &assigned, &set,
		    &probing->error) < 0)
		return false;
	if (pp_bus_windows_fit(set, &domain))
		return true;
	refuse_windows(probing);
	return false;
}

/* The allocator itself is asked: what it takes for 1, 2, 4 ... and what lies in between. */
static unsigned count_fitting(struct probing *probing)
{
	size_t low = 0, high = 1, middle;

	while (fits(probing, high)) {
		low = high;
		high *= 2;
	}
	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (fits(probing, middle))
			low = middle;
		else
			high = middle;
	}
	fits(probing, low + 1); /* for its reason */
	return low;
}

/* Functions that can join a device of the definition in its slot. */
static unsigned count_beside(const struct pp_bus_set *set, bool express)
{
	unsigned count = 0;

	for (unsigned i = 0; i < set->n_buses; i++)
		for (unsigned slot = 0; slot < 32 && is_express(&set->buses[i]) == express;
			slot++) {
			const struct pp_bus_slot *found = &set->buses[i].slots[slot];
			const struct pp_domain_device *first = found->owners[0];

			if (first && pp_bus_behind(first) < 0 &&
				first->place.multifunction != PP_OFF)
				count += 8 - __builtin_popcount(found->functions);
		}
	return count;
}

static int cold_room(struct making *making, struct probing *probing, bool express,
	struct pp_guest_room *ret_room)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	const struct pp_bus_set *set;
	const char *why;

	int r = pp_domain_assign_buses(probing->domain, probing->facts, probing->n_facts,
		"definition", &assigned, &set, making->error);
	if (r < 0)
		return r;
	probing->express = express;
	ret_room->devices = count_fitting(probing);
	ret_room->functions = ret_room->devices * 8 + count_beside(set, express);
	why = strchr(probing->error.text, ' '); /* behind FILE:LINE: */
	ret_room->obstacle = pp_arena_strdup(making->arena, why ? why + 1 : probing->error.text);
	return ret_room->obstacle ? 0 : pp_error_oom(making->error);
}

static int make_rooms(struct making *making, struct probing *probing)
{
	struct pp_guest_pci *pci = making->pci;
	int r;

	pci->express = making->assigned->os.q35;
	pci->hot = hot_room(making, pci->express);
	r = cold_room(making, probing, pci->express, &pci->cold);
	if (r < 0 || !pci->express)
		return r;
	pci->hot_conventional = hot_room(making, false);
	return cold_room(making, probing, false, &pci->cold_conventional);
}

int pp_topology_make(const struct pp_domain *domain, const struct pp_domain *next,
	const struct pp_hostdev_fact *facts, size_t n_facts, const char *file,
	struct pp_guest_pci **ret_pci, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	struct making making = {.arena = arena, .error = error};
	struct probing probing = {.domain = next, .facts = facts, .n_facts = n_facts};

	if (!arena)
		return pp_error_oom(error);
	making.pci = pp_arena_alloc(arena, sizeof(*making.pci));
	probing.devices =
		pp_arena_array(arena, PP_DOMAIN_MAX_DEVICES + 1, sizeof(*probing.devices));
	if (!making.pci || !probing.devices)
		return pp_error_oom(error);
	if (next->n_devices)
		memcpy(probing.devices, next->devices, next->n_devices * sizeof(*next->devices));
	int r = pp_domain_assign_buses(domain, facts, n_facts, file, &assigned, &making.set, error);
	making.assigned = assigned;
	if (r >= 0)
		r = make_tree(&making);
	if (r >= 0)
		r = make_rooms(&making, &probing);
	if (r < 0)
		return r;
	making.pci->arena = arena;
	*ret_pci = making.pci;
	arena = NULL;
	return 0;
}
