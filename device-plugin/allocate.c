/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/allocate.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "device-plugin/message.h"
#include <string.h>

/* All addresses of the units, for those who do without KubeVirt. */
#define ALL_PREFIX "PCIPASS_DEVICES_"
#define KUBEVIRT_PREFIX "PCI_RESOURCE_"

struct allocation {
	struct plugin_resource *resource;
	struct pp_arena *arena;
	struct pp_error *error;
	struct plugin_unit **units; /* of all containers */
	size_t n_units;
};

static enum grpc_code refuse(
	struct allocation *allocation, enum grpc_code code, const char *id, const char *why)
{
	pp_error_set(allocation->error, PP_STATUS_NOT_READY, -EINVAL, "pcipass: %s: %s: %s",
		allocation->resource->pool->resource, id, why);
	return code;
}

static enum grpc_code no_memory(struct allocation *allocation)
{
	pp_error_oom(allocation->error);
	return GRPC_RESOURCE_EXHAUSTED;
}

static enum grpc_code add_unit(struct allocation *allocation, const char *id)
{
	struct plugin_unit *unit = plugin_unit_find(allocation->resource, id);
	if (!unit)
		return refuse(allocation, GRPC_NOT_FOUND, id, "there is no such unit");
	for (size_t i = 0; i < allocation->n_units; i++)
		if (allocation->units[i] == unit)
			return refuse(allocation, GRPC_INVALID_ARGUMENT, id, "it is named twice");
	const char *refusal = pp_health_refusal(&unit->health);
	if (refusal)
		return refuse(allocation, GRPC_FAILED_PRECONDITION, id, refusal);
	allocation->units[allocation->n_units++] = unit;
	return GRPC_OK;
}

static enum grpc_code find_units(
	struct allocation *allocation, const Kubelet__AllocateRequest *request)
{
	enum grpc_code code = GRPC_OK;
	allocation->units = pp_arena_array(
		allocation->arena, allocation->resource->n_units + 1, sizeof(struct plugin_unit *));
	if (!allocation->units)
		return no_memory(allocation);
	for (size_t i = 0; i < request->n_containers; i++) {
		const Kubelet__ContainerAllocateRequest *container = request->containers[i];
		if (container->n_ids == 0)
			return refuse(allocation, GRPC_INVALID_ARGUMENT, "a container",
				"no unit is asked for");
		for (size_t j = 0; code == GRPC_OK && j < container->n_ids; j++)
			code = add_unit(allocation, container->ids[j]);
	}
	return code;
}

/* ---- the answer ---- */

static bool has_node(const Kubelet__ContainerAllocateResponse *response, const char *path)
{
	for (size_t i = 0; i < response->n_devices; i++)
		if (pp_text_is(response->devices[i]->host_path, path))
			return true;
	return false;
}

static int add_node(
	struct pp_arena *arena, Kubelet__ContainerAllocateResponse *response, const char *path)
{
	if (has_node(response, path))
		return 0;
	Kubelet__Node **node =
		(Kubelet__Node **)message_array(arena, &kubelet__node__descriptor, 1);
	char *copy = pp_arena_strdup(arena, path);
	size_t size = response->n_devices * sizeof(*node);
	response->devices = pp_arena_grow(arena, response->devices, size, size + 2 * sizeof(*node));
	if (!node || !copy || !response->devices)
		return -ENOMEM;
	node[0]->host_path = node[0]->container_path = copy;
	node[0]->permissions = message_text("mrw");
	response->devices[response->n_devices++] = node[0];
	return 0;
}

static enum grpc_code add_nodes(struct allocation *allocation, const struct plugin_unit *unit,
	Kubelet__ContainerAllocateResponse *response)
{
	char **nodes = NULL;
	struct pp_error why = {0};
	if (plugin_unit_nodes(allocation->resource->plugin, unit, &nodes, &why) < 0)
		return refuse(allocation, GRPC_FAILED_PRECONDITION, unit->id, why.text);
	int r = 0;
	for (size_t i = 0; r == 0 && nodes[i]; i++)
		r = add_node(allocation->arena, response, nodes[i]);
	pp_strv_free(nodes);
	return r < 0 ? no_memory(allocation) : GRPC_OK;
}

/* KubeVirt takes one address for each device that the guest asks for, in order: of a unit only its
 * leader may stand there. */
static int add_variables(struct allocation *allocation, struct plugin_unit *const *units,
	size_t count, Kubelet__ContainerAllocateResponse *response)
{
	const char *variable = allocation->resource->pool->variable;
	PP_BUFFER struct pp_buffer leaders = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	for (size_t i = 0; i < count; i++) {
		pp_buffer_printf(&leaders, "%s%s", i ? "," : "", units[i]->id);
		for (size_t j = 0; j < units[i]->entry->n_devices; j++)
			pp_buffer_printf(
				&all, "%s%s", i || j ? "," : "", units[i]->entry->devices[j].name);
	}
	Kubelet__Pair **pairs =
		(Kubelet__Pair **)message_array(allocation->arena, &kubelet__pair__descriptor, 2);
	if (!pairs || leaders.failed || all.failed)
		return -ENOMEM;
	pairs[0]->key = message_text(variable);
	pairs[0]->value = pp_arena_strdup(allocation->arena, pp_buffer_text(&leaders));
	pairs[1]->key = pp_arena_printf(
		allocation->arena, ALL_PREFIX "%s", variable + strlen(KUBEVIRT_PREFIX));
	pairs[1]->value = pp_arena_strdup(allocation->arena, pp_buffer_text(&all));
	response->envs = pairs;
	response->n_envs = 2;
	return pairs[0]->value && pairs[1]->key && pairs[1]->value ? 0 : -ENOMEM;
}

/* "example.com/nvme=0000_01_00.0": a name in CDI has no colon. */
static int add_cdi(struct allocation *allocation, struct plugin_unit *const *units, size_t count,
	Kubelet__ContainerAllocateResponse *response)
{
	if (!allocation->resource->pool->cdi)
		return 0;
	Kubelet__CdiDevice **devices = (Kubelet__CdiDevice **)message_array(
		allocation->arena, &kubelet__cdi_device__descriptor, count);
	if (!devices)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		char *name = pp_arena_printf(allocation->arena, "%s=%s",
			allocation->resource->pool->resource, units[i]->id);
		if (!name)
			return -ENOMEM;
		for (char *c = strchr(name, '='); *c; c++)
			if (*c == ':')
				*c = '_';
		devices[i]->name = name;
	}
	response->cdi_devices = devices;
	response->n_cdi_devices = count;
	return 0;
}

static enum grpc_code fill(struct allocation *allocation, const Kubelet__AllocateRequest *request,
	Kubelet__AllocateResponse *response)
{
	size_t at = 0;
	response->n_containers = request->n_containers;
	response->containers =
		(Kubelet__ContainerAllocateResponse **)message_array(allocation->arena,
			&kubelet__container_allocate_response__descriptor, request->n_containers);
	if (!response->containers)
		return no_memory(allocation);
	for (size_t i = 0; i < request->n_containers; i++) {
		size_t count = request->containers[i]->n_ids;
		struct plugin_unit *const *units = allocation->units + at;
		at += count;
		for (size_t j = 0; j < count; j++) {
			enum grpc_code code =
				add_nodes(allocation, units[j], response->containers[i]);
			if (code != GRPC_OK)
				return code;
		}
		if (add_variables(allocation, units, count, response->containers[i]) < 0 ||
			add_cdi(allocation, units, count, response->containers[i]) < 0)
			return no_memory(allocation);
	}
	return GRPC_OK;
}

enum grpc_code plugin_allocate(struct plugin_resource *resource, struct pp_arena *arena,
	const Kubelet__AllocateRequest *request, Kubelet__AllocateResponse *response,
	struct pp_error *error)
{
	struct allocation allocation = {resource, arena, error, NULL, 0};
	/* What the list said may be over by now. */
	if (plugin_look(resource->plugin, error) < 0)
		return GRPC_UNAVAILABLE;
	enum grpc_code code = find_units(&allocation, request);
	if (code == GRPC_OK)
		code = fill(&allocation, request, response);
	if (code != GRPC_OK)
		return code;
	for (size_t i = 0; i < allocation.n_units; i++)
		plugin_step(allocation.units[i], PP_HEALTH_GIVEN, NULL, NULL);
	return GRPC_OK;
}
