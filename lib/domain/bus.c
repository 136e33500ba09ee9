/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/bus.h"
#include "base/parse.h"
#include <string.h>

static const struct model {
	const char *name;
	unsigned needs;
	unsigned accepts;
	unsigned min_slot, max_slot;
} models[] = {
	[PP_BUS_PCI_ROOT] = {"pci-root", 0,
		PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE | PP_CONNECT_EXPANDER | PP_CONNECT_AUTO, 1,
		31},
	[PP_BUS_PCIE_ROOT] = {"pcie-root", 0,
		PP_CONNECT_PCIE | PP_CONNECT_ROOT_PORT | PP_CONNECT_DMI_BRIDGE |
			PP_CONNECT_PCIE_EXPANDER,
		1, 31},
	[PP_BUS_PCI_BRIDGE] = {"pci-bridge", PP_CONNECT_PCI_BRIDGE,
		PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE | PP_CONNECT_AUTO, 1, 31},
	[PP_BUS_DMI_BRIDGE] = {"dmi-to-pci-bridge", PP_CONNECT_DMI_BRIDGE,
		PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE, 0, 31},
	[PP_BUS_TO_PCI_BRIDGE] = {"pcie-to-pci-bridge", PP_CONNECT_TO_PCI_BRIDGE,
		PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE | PP_CONNECT_AUTO, 1, 31},
	[PP_BUS_ROOT_PORT] = {"pcie-root-port", PP_CONNECT_ROOT_PORT | PP_CONNECT_AGGREGATE,
		PP_CONNECT_PCIE | PP_CONNECT_UPSTREAM | PP_CONNECT_TO_PCI_BRIDGE | PP_CONNECT_AUTO,
		0, 0},
	[PP_BUS_UPSTREAM] = {"pcie-switch-upstream-port", PP_CONNECT_UPSTREAM,
		PP_CONNECT_DOWNSTREAM, 0, 31},
	[PP_BUS_DOWNSTREAM] = {"pcie-switch-downstream-port", PP_CONNECT_DOWNSTREAM,
		PP_CONNECT_PCIE | PP_CONNECT_UPSTREAM | PP_CONNECT_TO_PCI_BRIDGE | PP_CONNECT_AUTO,
		0, 0},
	[PP_BUS_EXPANDER] = {"pci-expander-bus", PP_CONNECT_EXPANDER,
		PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE | PP_CONNECT_AUTO, 0, 31},
	[PP_BUS_PCIE_EXPANDER] = {"pcie-expander-bus", PP_CONNECT_PCIE_EXPANDER,
		PP_CONNECT_ROOT_PORT | PP_CONNECT_DMI_BRIDGE, 0, 31},
};

enum pp_bus_model pp_bus_model_of(const char *name)
{
	for (size_t i = 1; i < PP_COUNT(models); i++)
		if (pp_text_is(models[i].name, name))
			return i;
	return PP_BUS_NONE;
}

const char *pp_bus_model_name(enum pp_bus_model model)
{
	return models[model].name;
}

unsigned pp_bus_model_needs(enum pp_bus_model model)
{
	return models[model].needs;
}

void pp_bus_set_model(struct pp_bus *bus, enum pp_bus_model model)
{
	bus->model = model;
	bus->accepts = models[model].accepts;
	bus->min_slot = models[model].min_slot;
	bus->max_slot = models[model].max_slot;
}

static bool accepts(const struct pp_bus *bus, unsigned needs, bool is_explicit)
{
	const unsigned endpoint = PP_CONNECT_PCI | PP_CONNECT_PCIE;
	unsigned offered = bus->accepts;

	if (is_explicit) {
		if (offered & endpoint)
			offered |= endpoint;
		offered |= PP_CONNECT_AUTO;
	}
	if (!(needs & offered & PP_CONNECT_TYPES))
		return false;
	return !(needs & PP_CONNECT_AUTO) || (offered & PP_CONNECT_AUTO);
}

static bool any_accepts(const struct pp_bus_set *set, unsigned connect)
{
	for (unsigned i = 0; i < set->n_buses; i++)
		if (set->buses[i].accepts & connect)
			return true;
	return false;
}

/* Which bus to add for a device of these needs. The first conventional device of an Express guest
 * gets a pcie-to-pci-bridge (and that a root port before it), the next ones pci-bridges. */
static enum pp_bus_model missing_model(
	const struct pp_bus_set *set, unsigned needs, bool port_added)
{
	if (needs & (PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE)) {
		if (any_accepts(set, PP_CONNECT_PCI_BRIDGE))
			return PP_BUS_PCI_BRIDGE;
		return port_added ? PP_BUS_TO_PCI_BRIDGE : PP_BUS_ROOT_PORT;
	}
	if (needs & (PP_CONNECT_PCIE | PP_CONNECT_UPSTREAM | PP_CONNECT_TO_PCI_BRIDGE))
		return PP_BUS_ROOT_PORT;
	if (needs & PP_CONNECT_DOWNSTREAM)
		return PP_BUS_UPSTREAM;
	return PP_BUS_NONE;
}

static const char *needs_name(unsigned needs)
{
	for (size_t i = 1; i < PP_COUNT(models); i++)
		if (models[i].needs & needs & PP_CONNECT_TYPES)
			return models[i].name;
	return needs & PP_CONNECT_PCIE ? "PCI Express device" : "conventional PCI device";
}

static int grow(struct pp_bus_set *set, unsigned bus, unsigned needs, int line)
{
	bool port_added = false;

	while (set->n_buses <= bus) {
		enum pp_bus_model model = missing_model(set, needs, port_added);

		if (set->n_buses == PP_BUS_MAX)
			return pp_error_set(set->error, PP_STATUS_FAILED, -ENOSPC,
				"%s:%d: the guest has 256 PCI buses already, and none has room for "
				"this %s",
				set->file, line, needs_name(needs));
		if (model == PP_BUS_NONE)
			return pp_error_set(set->error, PP_STATUS_FAILED, -EINVAL,
				"%s:%d: no bus of this guest has a place for a %s", set->file, line,
				needs_name(needs));
		port_added = model == PP_BUS_ROOT_PORT;
		set->buses[set->n_buses].line = line;
		pp_bus_set_model(&set->buses[set->n_buses++], model);
	}
	return 0;
}

static int fail_taken(const struct pp_bus_set *set, const struct pp_place *place, int line,
	const struct pp_domain_device *other)
{
	if (!other)
		return pp_error_set(set->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: the guest's address %02x:%02x.%x belongs to the machine's own "
			"chipset; choose "
			"another, or take the <address> out and one is chosen",
			set->file, line, place->bus, place->slot, place->function);
	return pp_error_set(set->error, PP_STATUS_FAILED, -EINVAL,
		"%s:%d: the guest's address %02x:%02x.%x is taken already by <%s> on line %d",
		set->file, line, place->bus, place->slot, place->function,
		pp_domain_device_element(other->kind), other->line);
}

static int check_place(const struct pp_bus_set *set, const struct pp_place *place, unsigned needs,
	bool is_explicit, int line)
{
	const struct pp_bus *bus;

	if (place->bus >= set->n_buses)
		return pp_error_set(set->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: the guest has no PCI bus 0x%02x", set->file, line, place->bus);
	bus = &set->buses[place->bus];
	if (!accepts(bus, needs, is_explicit))
		return pp_error_set(set->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: the guest's bus 0x%02x is a %s: a %s cannot be put there",
			set->file, line, place->bus, pp_bus_model_name(bus->model),
			needs_name(needs));
	if (place->slot < bus->min_slot || place->slot > bus->max_slot)
		return pp_error_set(set->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: the guest's bus 0x%02x (%s) has no slot 0x%02x; it has 0x%02x to "
			"0x%02x",
			set->file, line, place->bus, pp_bus_model_name(bus->model), place->slot,
			bus->min_slot, bus->max_slot);
	return 0;
}

int pp_bus_behind(const struct pp_domain_device *device)
{
	bool is_bus = device && device->kind == PP_DEV_CONTROLLER &&
		      device->controller.type == PP_CONTROLLER_PCI;

	return is_bus ? device->controller.index : -1;
}

int pp_bus_take(struct pp_bus_set *set, const struct pp_place *place, unsigned needs,
	bool is_explicit, const struct pp_domain_device *owner)
{
	int line = place->line ? place->line : owner ? owner->line : 0, r = 0;
	struct pp_bus_slot *slot;

	if (set->grows)
		r = grow(set, place->bus, needs, line);
	if (r == 0)
		r = check_place(set, place, needs, is_explicit, line);
	if (r < 0)
		return r;
	slot = &set->buses[place->bus].slots[place->slot];
	if (slot->functions & (1 << place->function))
		return fail_taken(set, place, line, slot->owners[place->function]);
	if (!slot->functions)
		slot->aggregate = needs & PP_CONNECT_AGGREGATE;
	slot->functions |= 1 << place->function;
	slot->owners[place->function] = owner;
	if (pp_bus_behind(owner) > 0 && pp_bus_behind(owner) < PP_BUS_MAX)
		set->buses[pp_bus_behind(owner)].below = place->bus + 1;
	return 0;
}

bool pp_bus_is_below(const struct pp_bus_set *set, unsigned bus, int controller)
{
	for (unsigned steps = 0; controller > 0 && steps < PP_BUS_MAX; steps++) {
		if (bus == (unsigned)controller)
			return true;
		if (!set->buses[bus].below)
			return false;
		bus = set->buses[bus].below - 1;
	}
	return false;
}

static bool find_on_bus(const struct pp_bus *bus, unsigned needs, struct pp_place *place)
{
	for (place->slot = bus->min_slot; place->slot <= bus->max_slot; place->slot++) {
		const struct pp_bus_slot *slot = &bus->slots[place->slot];

		place->function = 0;
		if (!slot->functions)
			return true;
		if (!(needs & PP_CONNECT_AGGREGATE) || !slot->aggregate)
			continue;
		for (; place->function < 8; place->function++)
			if (!(slot->functions & (1 << place->function)))
				return true;
	}
	return false;
}

int pp_bus_find(struct pp_bus_set *set, unsigned needs, int line, struct pp_place *ret_place)
{
	return pp_bus_find_for(set, needs, line, -1, ret_place);
}

int pp_bus_find_for(
	struct pp_bus_set *set, unsigned needs, int line, int behind, struct pp_place *ret_place)
{
	struct pp_place place = {.type = PP_PLACE_PCI};
	int r;

	for (place.bus = 0; place.bus < set->n_buses; place.bus++) {
		const struct pp_bus *bus = &set->buses[place.bus];

		if (accepts(bus, needs, false) && !pp_bus_is_below(set, place.bus, behind) &&
			find_on_bus(bus, needs, &place)) {
			*ret_place = place;
			return 0;
		}
	}
	if (!set->grows)
		return pp_error_set(set->error, PP_STATUS_FAILED, -ENOSPC,
			"%s:%d: no PCI slot is free in the guest for this %s", set->file, line,
			needs_name(needs));
	place.bus = set->n_buses;
	if (needs & (PP_CONNECT_PCI | PP_CONNECT_PCI_BRIDGE) &&
		!any_accepts(set, PP_CONNECT_PCI_BRIDGE))
		place.bus++; /* a root port, and the bridge in it */
	r = grow(set, place.bus, needs, line);
	if (r < 0)
		return r;
	place.slot = set->buses[place.bus].min_slot;
	place.function = 0;
	*ret_place = place;
	return 0;
}

bool pp_bus_slot_is_free(const struct pp_bus_set *set, unsigned bus, unsigned slot)
{
	return bus < set->n_buses && !set->buses[bus].slots[slot].functions;
}

/* ---- I/O windows ---- */

/* Whether it has I/O addresses. Behind an Express port most have none: virtio is modern there, and
 * of host devices it is not known. */
static bool takes_io(const struct pp_bus *bus, const struct pp_domain_device *device)
{
	bool express = bus->model == PP_BUS_ROOT_PORT || bus->model == PP_BUS_DOWNSTREAM;

	if (express)
		return device->kind == PP_DEV_INTERFACE &&
		       pp_text_is(device->interface.model, "e1000e");
	return device->kind != PP_DEV_WATCHDOG &&
	       !(device->kind == PP_DEV_SOUND && pp_text_starts(device->sound.model, "ich"));
}

unsigned pp_bus_windows(const struct pp_bus_set *set, unsigned index)
{
	const struct pp_bus *bus = &set->buses[index];
	unsigned count = 0;
	bool own = false;

	for (unsigned slot = bus->min_slot; slot <= bus->max_slot; slot++)
		for (unsigned function = 0; function < 8; function++) {
			const struct pp_domain_device *device = bus->slots[slot].owners[function];
			int behind = pp_bus_behind(device);

			/* No bus is below itself: this ends. */
			if (behind > 0 && (unsigned)behind < set->n_buses)
				count += pp_bus_windows(set, behind);
			else if (device && behind < 0)
				own = own || takes_io(bus, device);
		}
	if (index == 0)
		return count;
	count += own;
	/* What can be hot plugged later gets room beforehand. */
	if (!count && (bus->model == PP_BUS_PCI_BRIDGE || bus->model == PP_BUS_TO_PCI_BRIDGE))
		return 1;
	return count;
}

unsigned pp_bus_windows_max(bool q35)
{
	return q35 ? 14 : 8;
}

bool pp_bus_windows_fit(const struct pp_bus_set *set, const struct pp_domain *domain)
{
	return domain->os.efi || pp_bus_windows(set, 0) <= pp_bus_windows_max(domain->os.q35);
}
