/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kubelet calls: v1beta1.DevicePlugin, and pluginregistration.Registration. */
#include "base/file.h"
#include "base/parse.h"
#include "device-plugin/allocate.h"
#include "device-plugin/message.h"
#include "device-plugin/plugin.h"
#include "pool/prefer.h"
#include "v1beta1.pb-c.h"
#include <stdio.h>
#include <string.h>

#define PLUGIN "/v1beta1.DevicePlugin/"
#define REGISTRATION "/pluginregistration.Registration/"
#define PATIENCE_MS 20000 /* of a PreStartContainer; the kubelet's own ends at 30 s */

static void answer(struct grpc_call *call, const void *message)
{
	const ProtobufCMessage *base = message;
	size_t length = protobuf_c_message_get_packed_size(base);
	PP_FREE uint8_t *bytes = malloc(length + 1);
	if (!bytes) {
		grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	protobuf_c_message_pack(base, bytes);
	grpc_call_answer(call, bytes, length);
}

static void answer_nothing(struct grpc_call *call)
{
	grpc_call_answer(call, "", 0);
}

static void refuse_message(struct grpc_call *call)
{
	grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "the request is not understood");
}

/* ---- options and list ---- */

static void run_options(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	Kubelet__Options options = KUBELET__OPTIONS__INIT;
	options.pre_start_required = true;
	options.get_preferred_allocation_available = true;
	answer(call, &options);
}

static int fill_device(
	struct pp_arena *arena, const struct plugin_unit *unit, Kubelet__Device *device)
{
	device->id = message_text(unit->id);
	device->health = message_text(unit->health.healthy ? "Healthy" : "Unhealthy");
	/* Zero would be a node: without one there is no topology. */
	if (unit->health.facts.numa_node < 0)
		return 0;
	Kubelet__Topology **topology =
		(Kubelet__Topology **)message_array(arena, &kubelet__topology__descriptor, 1);
	Kubelet__NumaNode **nodes =
		(Kubelet__NumaNode **)message_array(arena, &kubelet__numa_node__descriptor, 1);
	if (!topology || !nodes)
		return -ENOMEM;
	nodes[0]->id = unit->health.facts.numa_node;
	topology[0]->nodes = nodes;
	topology[0]->n_nodes = 1;
	device->topology = topology[0];
	return 0;
}

static int pack_list(const struct plugin_resource *resource, struct pp_arena *arena,
	uint8_t **ret_bytes, size_t *ret_length)
{
	Kubelet__DeviceList list = KUBELET__DEVICE_LIST__INIT;
	list.n_devices = resource->n_units;
	list.devices = (Kubelet__Device **)message_array(
		arena, &kubelet__device__descriptor, resource->n_units);
	if (!list.devices)
		return -ENOMEM;
	for (size_t i = 0; i < resource->n_units; i++)
		if (fill_device(arena, &resource->units[i], list.devices[i]) < 0)
			return -ENOMEM;
	size_t length = kubelet__device_list__get_packed_size(&list);
	uint8_t *bytes = pp_arena_alloc(arena, length + 1);
	if (!bytes)
		return -ENOMEM;
	kubelet__device_list__pack(&list, bytes);
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}

void plugin_service_tell(struct plugin_resource *resource)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	uint8_t *bytes;
	size_t length;
	if (!resource->listeners)
		return;
	if (!arena || pack_list(resource, arena, &bytes, &length) < 0) {
		plugin_log("%s: out of memory", resource->pool->resource);
		return;
	}
	for (struct plugin_listener *listener = resource->listeners; listener;
		listener = listener->next)
		grpc_call_send(listener->call, bytes, length);
}

static void on_listener_gone(struct grpc_call *call, void *data)
{
	struct plugin_listener *listener = data;
	for (struct plugin_listener **at = &listener->resource->listeners; *at; at = &(*at)->next)
		if (*at == listener) {
			*at = listener->next;
			break;
		}
	free(listener);
}

static void run_list(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	struct plugin_resource *resource = data;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct plugin_listener *listener = calloc(1, sizeof(*listener));
	uint8_t *bytes;
	size_t n;
	if (!listener || !arena || pack_list(resource, arena, &bytes, &n) < 0) {
		free(listener);
		grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*listener = (struct plugin_listener){resource->listeners, resource, call};
	resource->listeners = listener;
	grpc_call_watch(call, on_listener_gone, listener);
	grpc_call_send(call, bytes, n);
}

/* ---- preferred allocation ---- */

static bool has(char **ids, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (pp_text_is(ids[i], id))
			return true;
	return false;
}

static int prefer(struct plugin_resource *resource, struct pp_arena *arena,
	const Kubelet__ContainerPreferRequest *request, Kubelet__ContainerPreferResponse *response)
{
	size_t count = 0;
	struct pp_candidate *candidates =
		pp_arena_array(arena, resource->n_units + 1, sizeof(*candidates));
	char **ids = pp_arena_array(arena, resource->n_units + 1, sizeof(*ids));
	if (!candidates || !ids)
		return -ENOMEM;
	for (size_t i = 0; i < resource->n_units; i++) {
		const struct plugin_unit *unit = &resource->units[i];
		bool must = has(request->must_include, request->n_must_include, unit->id);
		if (must || has(request->available, request->n_available, unit->id))
			candidates[count++] = (struct pp_candidate){unit->id,
				unit->health.facts.numa_node, unit->health.facts.root, must, false};
	}
	if (request->size < 0 || pp_candidates_choose(candidates, count, (size_t)request->size) < 0)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (candidates[i].chosen)
			ids[response->n_ids++] = message_text(candidates[i].id);
	response->ids = ids;
	return 0;
}

static void run_prefer(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	Kubelet__PreferRequest *request = kubelet__prefer_request__unpack(NULL, length, message);
	Kubelet__PreferResponse response = KUBELET__PREFER_RESPONSE__INIT;
	if (!request) {
		refuse_message(call);
		return;
	}
	response.n_containers = request->n_containers;
	response.containers = arena ? (Kubelet__ContainerPreferResponse **)message_array(arena,
					      &kubelet__container_prefer_response__descriptor,
					      request->n_containers)
				    : NULL;
	int r = response.containers ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < request->n_containers; i++)
		r = prefer(data, arena, request->containers[i], response.containers[i]);
	if (r == -EINVAL)
		grpc_call_fail(
			call, GRPC_INVALID_ARGUMENT, "so many of these units cannot be chosen");
	else if (r < 0)
		grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		answer(call, &response);
	kubelet__prefer_request__free_unpacked(request, NULL);
}

/* ---- allocate ---- */

static void run_allocate(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	struct plugin_resource *resource = data;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	Kubelet__AllocateRequest *request =
		kubelet__allocate_request__unpack(NULL, length, message);
	Kubelet__AllocateResponse response = KUBELET__ALLOCATE_RESPONSE__INIT;
	struct pp_error error = {0};
	enum grpc_code code = GRPC_RESOURCE_EXHAUSTED;
	if (!request) {
		refuse_message(call);
		return;
	}
	if (arena)
		code = plugin_allocate(resource, arena, request, &response, &error);
	if (code == GRPC_OK)
		answer(call, &response);
	else {
		plugin_log("%s: Allocate is refused: %s", resource->pool->resource, error.text);
		grpc_call_fail(call, code, error.text);
	}
	kubelet__allocate_request__free_unpacked(request, NULL);
	plugin_tell(resource->plugin);
}

/* ---- pre-start ---- */

struct plugin_waiter {
	struct plugin_waiter *next;
	struct plugin_resource *resource;
	struct grpc_call *call;
	struct loop_source *timer;
	size_t count;
	struct {
		struct plugin_unit *unit;
		bool tried; /* a job for this call was begun */
	} wanted[];
};

static void waiter_free(struct plugin_waiter *waiter)
{
	for (struct plugin_waiter **at = &waiter->resource->waiters; *at; at = &(*at)->next)
		if (*at == waiter) {
			*at = waiter->next;
			break;
		}
	loop_remove(waiter->timer);
	free(waiter);
}

static void fail_waiter(struct plugin_waiter *waiter, enum grpc_code code, const char *what,
	const struct plugin_unit *unit, const char *why)
{
	char text[PP_SAID_SIZE + 64];
	snprintf(text, sizeof(text), "%s%s: %s", what, unit->id, why);
	plugin_log("%s: PreStartContainer: %s", waiter->resource->pool->resource, text);
	grpc_call_fail(waiter->call, code, text);
	waiter_free(waiter);
}

/* True: it has its answer, and is gone. */
static bool judge(struct plugin_waiter *waiter, bool late)
{
	const struct plugin_unit *waiting = NULL;
	for (size_t i = 0; i < waiter->count; i++) {
		struct plugin_unit *unit = waiter->wanted[i].unit;
		const char *refusal = pp_health_refusal(&unit->health);
		if (refusal) {
			fail_waiter(waiter, GRPC_FAILED_PRECONDITION, "", unit, refusal);
			return true;
		}
		if (unit->health.prepared)
			continue;
		const char *wait = pp_health_wait(&unit->health);
		bool again = waiter->wanted[i].tried && !unit->health.busy;
		if (late || unit->health.facts.held || again) {
			fail_waiter(waiter, GRPC_UNAVAILABLE, "not yet: ", unit,
				wait               ? wait
				: *unit->postponed ? unit->postponed
						   : "it is not ready");
			return true;
		}
		waiting = unit;
	}
	if (waiting)
		return false;
	for (size_t i = 0; i < waiter->count; i++)
		plugin_step(waiter->wanted[i].unit, PP_HEALTH_TOLD, NULL, NULL);
	answer_nothing(waiter->call);
	waiter_free(waiter);
	return true;
}

/* Begins the jobs that this call needs and nobody does yet. */
static void want(struct plugin_waiter *waiter)
{
	for (size_t i = 0; i < waiter->count; i++) {
		struct plugin_unit *unit = waiter->wanted[i].unit;
		const struct pp_unit_health *health = &unit->health;
		if (health->prepared || health->busy || health->facts.held || !health->healthy ||
			waiter->wanted[i].tried)
			continue;
		waiter->wanted[i].tried = true;
		plugin_step(unit, PP_HEALTH_WANTED, NULL, NULL);
	}
}

void plugin_service_wake(struct plugin_resource *resource)
{
	struct plugin_waiter *next;
	for (struct plugin_waiter *waiter = resource->waiters; waiter; waiter = next) {
		next = waiter->next;
		want(waiter);
		judge(waiter, false);
	}
}

static void on_patience(uint32_t events, void *data)
{
	judge(data, true);
}

static void on_waiter_gone(struct grpc_call *call, void *data)
{
	waiter_free(data);
}

static enum grpc_code fill_waiter(struct plugin_resource *resource,
	const Kubelet__PreStartRequest *request, struct plugin_waiter *waiter,
	struct pp_error *error)
{
	for (size_t i = 0; i < request->n_ids; i++) {
		struct plugin_unit *unit = plugin_unit_find(resource, request->ids[i]);
		if (!unit) {
			pp_error_set(error, PP_STATUS_FAILED, -ENOENT, "there is no unit %s",
				request->ids[i]);
			return GRPC_NOT_FOUND;
		}
		for (size_t j = 0; j < waiter->count; j++)
			if (waiter->wanted[j].unit == unit) {
				pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
					"the unit %s is named twice", unit->id);
				return GRPC_INVALID_ARGUMENT;
			}
		waiter->wanted[waiter->count++].unit = unit;
	}
	return GRPC_OK;
}

static void run_prestart(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	struct plugin_resource *resource = data;
	struct pp_error error = {0};
	enum grpc_code code = GRPC_RESOURCE_EXHAUSTED;
	Kubelet__PreStartRequest *request =
		kubelet__pre_start_request__unpack(NULL, length, message);
	if (!request) {
		refuse_message(call);
		return;
	}
	struct plugin_waiter *waiter =
		calloc(1, sizeof(*waiter) + request->n_ids * sizeof(waiter->wanted[0]));
	if (waiter) {
		waiter->resource = resource;
		waiter->call = call;
		code = fill_waiter(resource, request, waiter, &error);
	}
	kubelet__pre_start_request__free_unpacked(request, NULL);
	if (code == GRPC_OK &&
		loop_add_timer(resource->plugin->loop, on_patience, waiter, &waiter->timer) < 0)
		code = GRPC_RESOURCE_EXHAUSTED;
	if (code != GRPC_OK) {
		free(waiter);
		grpc_call_fail(call, code, *error.text ? error.text : "out of memory");
		return;
	}
	waiter->next = resource->waiters;
	resource->waiters = waiter;
	grpc_call_watch(call, on_waiter_gone, waiter);
	loop_set(waiter->timer, PATIENCE_MS);
	if (plugin_look(resource->plugin, &error) < 0)
		plugin_log("looking at the host: %s", error.text);
	plugin_tell(resource->plugin);
}

/* ---- the registry's folder ---- */

static void run_info(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	struct plugin_resource *resource = data;
	Kubelet__PluginInfo info = KUBELET__PLUGIN_INFO__INIT;
	char *versions[] = {message_text("v1beta1")};
	info.type = message_text("DevicePlugin");
	info.name = message_text(resource->pool->resource);
	info.endpoint = resource->socket;
	info.supported_versions = versions;
	info.n_supported_versions = 1;
	answer(call, &info);
}

static void run_status(struct grpc_call *call, const uint8_t *message, size_t length, void *data)
{
	struct plugin_resource *resource = data;
	Kubelet__RegistrationStatus *status =
		kubelet__registration_status__unpack(NULL, length, message);
	if (!status) {
		refuse_message(call);
		return;
	}
	resource->registered = status->plugin_registered;
	if (status->plugin_registered)
		plugin_log("%s: registered with the kubelet", resource->pool->resource);
	else
		plugin_log("%s: the kubelet did not register it: %s", resource->pool->resource,
			status->error);
	kubelet__registration_status__free_unpacked(status, NULL);
	answer_nothing(call);
}

void plugin_service_end(struct plugin_resource *resource)
{
	/* Their calls tell them when the server closes; what they would do then needs nothing. */
	resource->changed = false;
}

const struct grpc_method plugin_methods[] = {
	{PLUGIN "GetDevicePluginOptions", run_options},
	{PLUGIN "ListAndWatch", run_list},
	{PLUGIN "GetPreferredAllocation", run_prefer},
	{PLUGIN "Allocate", run_allocate},
	{PLUGIN "PreStartContainer", run_prestart},
	{REGISTRATION "GetInfo", run_info},
	{REGISTRATION "NotifyRegistrationStatus", run_status},
};
const size_t plugin_n_methods = PP_COUNT(plugin_methods);
