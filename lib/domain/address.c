/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/address.h"
#include "base/buffer.h"
#include "lib/domain/assign.h"
#include <string.h>

int pp_assigning_fail(struct pp_assigning *assigning, int line, const char *format, ...)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;

	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	return pp_error_set(assigning->error, PP_STATUS_FAILED, -EINVAL, "%s:%d: %s",
		assigning->file, line, pp_buffer_text(&text));
}

struct pp_domain_device *pp_assigning_add(
	struct pp_assigning *assigning, enum pp_domain_device_kind kind)
{
	struct pp_domain_device *device;

	if (assigning->n_devices == assigning->size) {
		pp_assigning_fail(assigning, assigning->domain->memory_line,
			"the definition implies too many devices");
		return NULL;
	}
	device = &assigning->devices[assigning->n_devices++];
	device->kind = kind;
	assigning->domain->n_devices = assigning->n_devices;
	return device;
}

struct pp_domain_device *pp_assigning_controller(
	struct pp_assigning *assigning, enum pp_controller_type type, int index)
{
	for (size_t i = 0; i < assigning->n_devices; i++) {
		struct pp_domain_device *device = &assigning->devices[i];

		if (device->kind == PP_DEV_CONTROLLER && device->controller.type == type &&
			device->controller.index == index)
			return device;
	}
	return NULL;
}

struct pp_domain_device *pp_assigning_add_controller(
	struct pp_assigning *assigning, enum pp_controller_type type, int index, const char *model)
{
	struct pp_domain_device *device = pp_assigning_add(assigning, PP_DEV_CONTROLLER);

	if (!device)
		return NULL;
	device->controller = (struct pp_controller){
		.type = type,
		.index = index,
		.model = model,
		.ports = -1,
		.vectors = -1,
		.queues = -1,
		.max_sectors = -1,
		.cmd_per_lun = -1,
		.chassis_nr = -1,
		.chassis = -1,
		.port = -1,
		.bus_nr = -1,
		.node = -1,
		.master_start_port = -1,
	};
	return device;
}

static int prepare(
	struct pp_assigning *assigning, const struct pp_domain *domain, struct pp_arena *arena)
{
	/* Each device can imply a controller, and the PCI controllers are at most 256. */
	size_t size = domain->n_devices * 2 + PP_BUS_MAX + 64;

	assigning->domain = pp_arena_alloc(arena, sizeof(*domain));
	assigning->devices = pp_arena_array(arena, size, sizeof(*assigning->devices));
	assigning->needs = pp_arena_array(arena, size, sizeof(*assigning->needs));
	assigning->set.buses = pp_arena_array(arena, PP_BUS_MAX, sizeof(*assigning->set.buses));
	if (!assigning->domain || !assigning->devices || !assigning->needs || !assigning->set.buses)
		return pp_error_oom(assigning->error);
	*assigning->domain = *domain;
	assigning->domain->arena = arena;
	assigning->domain->devices = assigning->devices;
	if (domain->n_devices)
		memcpy(assigning->devices, domain->devices,
			domain->n_devices * sizeof(*assigning->devices));
	assigning->n_devices = domain->n_devices;
	assigning->size = size;
	assigning->set.file = assigning->file;
	assigning->set.error = assigning->error;
	return 0;
}

int pp_domain_assign_buses(const struct pp_domain *domain, const struct pp_hostdev_fact *facts,
	size_t n_facts, const char *file, struct pp_domain **ret_assigned,
	const struct pp_bus_set **ret_set, struct pp_error *error)
{
	static int (*const stages[])(struct pp_assigning *) = {
		pp_assigning_implied,
		pp_assigning_nodes,
		pp_assigning_drives,
		pp_assigning_serial_ports,
		pp_assigning_usb,
		pp_assigning_pci,
		pp_assigning_aliases,
	};
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_assigning assigning = {
		.file = file, .error = error, .facts = facts, .n_facts = n_facts};
	struct pp_bus_set *set;
	int r;

	if (!arena)
		return pp_error_oom(error);
	set = pp_arena_alloc(arena, sizeof(*set));
	if (!set)
		return pp_error_oom(error);
	r = prepare(&assigning, domain, arena);
	for (size_t i = 0; r == 0 && i < PP_COUNT(stages); i++)
		r = stages[i](&assigning);
	if (r < 0)
		return r;
	arena = NULL;
	*set = assigning.set;
	set->error = NULL;
	*ret_set = set;
	*ret_assigned = assigning.domain;
	return 0;
}

int pp_domain_assign(const struct pp_domain *domain, const struct pp_hostdev_fact *facts,
	size_t n_facts, const char *file, struct pp_domain **ret_assigned, struct pp_error *error)
{
	const struct pp_bus_set *set;

	return pp_domain_assign_buses(domain, facts, n_facts, file, ret_assigned, &set, error);
}
