/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/plug.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/placing.h"
#include "lib/domain/topology.h"
#include <string.h>

/* The guest as it runs, and what comes. */
struct plugging {
	struct pp_arena *arena;
	const struct pp_domain *assigned; /* as it runs */
	const struct pp_bus_set *set;     /* its buses as they are */
	struct pp_assigning assigning;    /* the same, and the new devices behind it */
	struct pp_placing placing;
	struct pp_domain domain;
	size_t first; /* the first new one */
};

/* ---- as it is ---- */

/* The buses once more, in which only those can be found that take a device now. */
static int copy_buses(struct plugging *plugging)
{
	struct pp_bus_set *set = &plugging->assigning.set;

	*set = *plugging->set;
	set->file = plugging->assigning.file;
	set->error = NULL;
	set->grows = false;
	set->buses = pp_arena_array(plugging->arena, PP_BUS_MAX, sizeof(*set->buses));
	if (!set->buses)
		return -ENOMEM;
	memcpy(set->buses, plugging->set->buses, PP_BUS_MAX * sizeof(*set->buses));
	for (unsigned i = 0; i < set->n_buses; i++)
		if (!pp_bus_is_hot(plugging->assigned, plugging->set, i))
			set->buses[i].accepts = 0;
	return 0;
}

static int prepare(struct plugging *plugging, const struct pp_domain_device *devices, size_t count)
{
	struct pp_assigning *assigning = &plugging->assigning;
	const struct pp_domain *assigned = plugging->assigned;
	size_t size = assigned->n_devices + count;
	bool *placed = pp_arena_array(plugging->arena, size, sizeof(*placed));

	plugging->first = assigned->n_devices;
	assigning->devices = pp_arena_array(plugging->arena, size, sizeof(*assigning->devices));
	assigning->needs = pp_arena_array(plugging->arena, size, sizeof(*assigning->needs));
	if (!placed || !assigning->devices || !assigning->needs)
		return -ENOMEM;
	memcpy(assigning->devices, assigned->devices,
		assigned->n_devices * sizeof(*assigned->devices));
	memcpy(assigning->devices + plugging->first, devices, count * sizeof(*devices));
	memset(placed, true, plugging->first);
	assigning->n_devices = assigning->size = size;
	plugging->domain = *assigned;
	plugging->domain.devices = assigning->devices;
	plugging->domain.n_devices = size;
	assigning->domain = &plugging->domain;
	plugging->placing = (struct pp_placing){
		.assigning = assigning, .set = &assigning->set, .placed = placed, .tight = true};
	pp_assigning_needs(assigning);
	return copy_buses(plugging);
}

/* ---- places ---- */

static int check_kind(struct plugging *plugging, const struct pp_domain_device *device)
{
	struct pp_assigning *assigning = &plugging->assigning;

	if (device->kind != PP_DEV_HOSTDEV || device->hostdev.type != PP_HOSTDEV_PCI)
		return pp_assigning_fail(assigning, device->line,
			"a <%s> cannot be plugged into a guest that runs: host devices alone can",
			pp_domain_device_element(device->kind));
	if (device->place.type == PP_PLACE_UNASSIGNED)
		return pp_assigning_fail(assigning, device->line,
			"a device that the guest is not shown (<address type='unassigned'/>) "
			"cannot be plugged into a guest that runs");
	return 0;
}

static int take_explicit(struct plugging *plugging, size_t index)
{
	struct pp_assigning *assigning = &plugging->assigning;
	const struct pp_domain_device *device = &assigning->devices[index];
	const struct pp_place *place = &device->place;
	int line = place->line ? place->line : device->line;

	if (place->bus >= plugging->set->n_buses)
		return pp_assigning_fail(
			assigning, line, "the guest has no PCI bus 0x%02x", place->bus);
	if (!pp_bus_is_hot(plugging->assigned, plugging->set, place->bus))
		return pp_assigning_fail(assigning, line,
			"the guest's bus 0x%02x (%s) takes no device while the guest runs",
			place->bus, pp_bus_model_name(plugging->set->buses[place->bus].model));
	if (plugging->set->buses[place->bus].slots[place->slot].functions)
		return pp_assigning_fail(assigning, line,
			"slot 0x%02x of the guest's bus 0x%02x has a device already: functions are "
			"added to a slot before the guest sees it, never later",
			place->slot, place->bus);
	assigning->set.error = assigning->error;
	int r = pp_placing_settle(&plugging->placing, index, place, assigning->needs[index], true);
	assigning->set.error = NULL;
	return r;
}

static int refuse_full(struct plugging *plugging, const struct pp_domain_device *device)
{
	size_t index = (size_t)(device - plugging->assigning.devices);
	bool express = plugging->assigning.needs[index] & PP_CONNECT_PCIE;
	struct pp_error *error = plugging->assigning.error;
	char host[PP_ADDRESS_SIZE];

	pp_error_set(error, PP_STATUS_NOT_READY, -ENOSPC,
		"no place is left in the guest for %s (%s) while it runs: %s",
		pp_address_text(&device->hostdev.source, host),
		express ? "PCI Express" : "conventional PCI",
		pp_bus_hot_obstacle(plugging->assigned, plugging->set, express));
	pp_error_id(error, "no-free-port");
	pp_error_remedy(error,
		"`pcipass dompcilist %s` shows its slots; --config puts the device "
		"into its definition, for the next start",
		plugging->domain.name);
	return -ENOSPC;
}

static int place_devices(struct plugging *plugging)
{
	struct pp_assigning *assigning = &plugging->assigning;
	int r = 0;

	for (size_t i = plugging->first; r == 0 && i < assigning->n_devices; i++)
		r = check_kind(plugging, &assigning->devices[i]);
	for (size_t i = plugging->first; r == 0 && i < assigning->n_devices; i++)
		if (assigning->devices[i].place.type == PP_PLACE_PCI)
			r = take_explicit(plugging, i);
	for (size_t i = plugging->first; r == 0 && i < assigning->n_devices; i++)
		if (pp_placing_wants(&plugging->placing, i) &&
			pp_placing_hostdev(&plugging->placing, i) < 0)
			r = refuse_full(plugging, &assigning->devices[i]);
	return r;
}

/* ---- aliases ---- */

static bool is_alias(const struct pp_assigning *assigning, const char *alias)
{
	for (size_t i = 0; i < assigning->n_devices; i++)
		if (pp_text_is(assigning->devices[i].alias, alias))
			return true;
	return false;
}

static int name_devices(struct plugging *plugging)
{
	struct pp_assigning *assigning = &plugging->assigning;
	unsigned number = 0;

	for (size_t i = plugging->first; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];
		const char *alias = device->alias;

		device->alias = NULL; /* it is compared with those of others alone */
		while (!alias || is_alias(assigning, alias)) {
			alias = pp_arena_printf(plugging->arena, "hostdev%u", number++);
			if (!alias)
				return -ENOMEM;
		}
		device->alias = alias;
	}
	return 0;
}

/* ---- both ---- */

/* All that was chosen, said explicitly: it is looked at like any other definition. */
static int settle(
	struct plugging *plugging, const struct pp_domain *live, struct pp_domain **ret_assigned)
{
	struct pp_assigning *assigning = &plugging->assigning;
	struct pp_domain all = *live;
	size_t count = assigning->n_devices - plugging->first;
	struct pp_domain_device *devices =
		pp_arena_array(plugging->arena, live->n_devices + count, sizeof(*devices));

	if (!devices)
		return -ENOMEM;
	memcpy(devices, live->devices, live->n_devices * sizeof(*devices));
	memcpy(devices + live->n_devices, assigning->devices + plugging->first,
		count * sizeof(*devices));
	all.devices = devices;
	all.n_devices = live->n_devices + count;
	struct pp_domain *assigned;
	int r = pp_domain_assign(&all, NULL, 0, assigning->file, &assigned, assigning->error);
	if (r < 0)
		return r;
	/* The aliases lie in our arena. */
	for (size_t i = live->n_devices; i < all.n_devices; i++) {
		struct pp_domain_device *device = (struct pp_domain_device *)&assigned->devices[i];
		device->alias = pp_arena_strdup(assigned->arena, device->alias);
		if (!device->alias) {
			pp_domain_free(assigned);
			return -ENOMEM;
		}
	}
	*ret_assigned = assigned;
	return 0;
}

int pp_domain_plug(const struct pp_domain *live, const struct pp_domain_device *devices,
	size_t n_devices, const struct pp_hostdev_fact *facts, size_t n_facts, const char *file,
	struct pp_domain **ret_assigned, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	struct plugging plugging = {.arena = arena,
		.assigning = {.file = file, .error = error, .facts = facts, .n_facts = n_facts}};

	if (!arena)
		return pp_error_oom(error);
	int r = pp_domain_assign_buses(live, NULL, 0, file, &assigned, &plugging.set, error);
	if (r < 0)
		return r;
	plugging.assigned = assigned;
	r = prepare(&plugging, devices, n_devices);
	if (r == 0)
		r = place_devices(&plugging);
	if (r == 0)
		r = name_devices(&plugging);
	if (r == 0)
		r = settle(&plugging, live, ret_assigned);
	return r == -ENOMEM ? pp_error_oom(error) : r;
}

/* ---- out again ---- */

static bool share_slot(const struct pp_place *one, const struct pp_place *other)
{
	return one->type == PP_PLACE_PCI && other->type == PP_PLACE_PCI && one->bus == other->bus &&
	       one->slot == other->slot;
}

static int refuse_unplug(const struct pp_domain *live, const struct pp_address *source,
	struct pp_error *error, const char *format, ...) PP_PRINTF(4, 5);
static int refuse_unplug(const struct pp_domain *live, const struct pp_address *source,
	struct pp_error *error, const char *format, ...)
{
	PP_BUFFER struct pp_buffer why = PP_BUFFER_INIT;
	char host[PP_ADDRESS_SIZE];
	va_list args;

	va_start(args, format);
	pp_buffer_vprintf(&why, format, args);
	va_end(args);
	pp_error_set(error, PP_STATUS_FAILED, -EPERM, "%s cannot leave the guest while it runs: %s",
		pp_address_text(source, host), pp_buffer_text(&why));
	pp_error_id(error, "not-removable");
	pp_error_remedy(error,
		"--config takes it out of the definition, from its next start; "
		"`pcipass shutdown %s` gives it back",
		live->name);
	return -EPERM;
}

static int collect(const struct pp_domain *live, const struct pp_domain_device *found,
	const struct pp_domain_device **ret_first, const struct pp_domain_device **also,
	size_t *ret_count, struct pp_error *error)
{
	const struct pp_address *source = &found->hostdev.source;
	size_t count = 0;

	*ret_first = NULL;
	for (size_t i = 0; i < live->n_devices; i++) {
		const struct pp_domain_device *device = &live->devices[i];
		if (!share_slot(&found->place, &device->place))
			continue;
		if (device->kind != PP_DEV_HOSTDEV)
			return refuse_unplug(live, source, error,
				"the <%s> %s is in its slot, and would go too",
				pp_domain_device_element(device->kind),
				device->alias ? device->alias : "");
		if (device->place.function == 0)
			*ret_first = device;
		if (count < 8)
			also[count++] = device;
	}
	if (!*ret_first)
		return refuse_unplug(live, source, error, "its slot has no function 0");
	*ret_count = count;
	return 0;
}

int pp_domain_unplug(const struct pp_domain *live, const struct pp_address *source,
	const struct pp_domain_device **ret_first, const struct pp_domain_device **also,
	size_t *ret_count, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	const struct pp_domain_device *device = NULL;
	const struct pp_bus_set *set;

	while ((device = pp_domain_next_hostdev(live, device)))
		if (pp_address_compare(&device->hostdev.source, source) == 0)
			break;
	if (!device)
		return -ENOENT;
	if (device->place.type != PP_PLACE_PCI)
		return refuse_unplug(live, source, error, "it has no slot in the guest");
	int r = pp_domain_assign_buses(live, NULL, 0, live->name, &assigned, &set, error);
	if (r < 0)
		return r;
	if (!pp_bus_is_hot(assigned, set, device->place.bus))
		return refuse_unplug(live, source, error,
			"it sits on the guest's bus 0x%02x (%s), from which nothing can be taken "
			"while it runs",
			device->place.bus, pp_bus_model_name(set->buses[device->place.bus].model));
	return collect(live, device, ret_first, also, ret_count, error);
}
