/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nobody is told that a pod is gone. The kubelet's pod resources API lists who has what: a unit
 * that a pod had there, and that none has any more, is released although it was never opened. One
 * that no list had yet is on its way. A kubelet that was started again knows its pods only little
 * by little: what the lists of another one had says nothing then. */
#include "base/file.h"
#include "base/parse.h"
#include "device-plugin/plugin.h"
#include "v1beta1.pb-c.h"
#include <stdlib.h>
#include <sys/stat.h>

#define LIST "/v1.PodResourcesLister/List"
#define DEADLINE_MS 10000

static bool waits(const struct plugin_unit *unit)
{
	return unit->health.given && !unit->health.open;
}

/* Each kubelet makes the socket anew; its inode's number may be an old one's. */
static struct plugin_socket socket_now(const struct plugin *plugin)
{
	struct stat st;
	if (lstat(plugin->options.pods_socket, &st) < 0)
		return (struct plugin_socket){0};
	return (struct plugin_socket){st.st_dev, st.st_ino, st.st_ctim};
}

static bool same_socket(const struct plugin_socket *a, const struct plugin_socket *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void forget_lists(struct plugin *plugin)
{
	for (size_t i = 0; i < plugin->n_resources; i++)
		for (size_t j = 0; j < plugin->resources[i].n_units; j++)
			plugin->resources[i].units[j].listed = false;
}

static bool has(const Kubelet__PodDevices *devices, const struct plugin_unit *unit)
{
	if (!pp_text_is(devices->resource, unit->resource->pool->resource))
		return false;
	for (size_t i = 0; i < devices->n_ids; i++)
		if (pp_text_is(devices->ids[i], unit->id))
			return true;
	return false;
}

static bool is_listed(const Kubelet__PodList *list, const struct plugin_unit *unit)
{
	for (size_t i = 0; i < list->n_pods; i++)
		for (size_t j = 0; j < list->pods[i]->n_containers; j++) {
			const Kubelet__PodContainer *container = list->pods[i]->containers[j];
			for (size_t k = 0; k < container->n_devices; k++)
				if (has(container->devices[k], unit))
					return true;
		}
	return false;
}

/* What was promised after the question is not in the answer. */
static void look_at(struct plugin_unit *unit, const Kubelet__PodList *list, long long asked_ms)
{
	if (!waits(unit) || unit->given_ms >= asked_ms)
		return;
	if (is_listed(list, unit)) {
		unit->listed = true;
	} else if (unit->listed) {
		unit->listed = false;
		plugin_log("%s: %s: released: its pod is gone", unit->resource->pool->resource,
			unit->id);
		plugin_step(unit, PP_HEALTH_LEFT, NULL, NULL);
	}
}

static void complain(struct plugin *plugin, const char *text)
{
	if (!plugin->pods_fault)
		plugin_log("%s: %s; a device that a pod had and never opened counts as its own "
			   "until the next one has it",
			plugin->options.pods_socket, text);
	plugin->pods_fault = true;
}

static void on_list(
	enum grpc_code code, const char *text, const uint8_t *message, size_t length, void *data)
{
	struct plugin *plugin = data;
	struct plugin_socket now = socket_now(plugin);
	plugin->pods_request = NULL;
	if (!same_socket(&now, &plugin->pods_of))
		return; /* whose answer it is nobody knows */
	Kubelet__PodList *list =
		code == GRPC_OK ? kubelet__pod_list__unpack(NULL, length, message) : NULL;
	if (!list) {
		complain(plugin, code == GRPC_OK ? "its list is not understood" : text);
		return;
	}
	plugin->pods_fault = false;
	for (size_t i = 0; i < plugin->n_resources; i++)
		for (size_t j = 0; j < plugin->resources[i].n_units; j++)
			look_at(&plugin->resources[i].units[j], list, plugin->pods_asked_ms);
	kubelet__pod_list__free_unpacked(list, NULL);
	plugin_tell(plugin);
}

void plugin_pods_ask(struct plugin *plugin)
{
	bool wanted = false;
	for (size_t i = 0; i < plugin->n_resources; i++)
		for (size_t j = 0; j < plugin->resources[i].n_units; j++)
			wanted = wanted || waits(&plugin->resources[i].units[j]);
	if (!wanted || plugin->pods_request)
		return;
	struct plugin_socket now = socket_now(plugin);
	if (!same_socket(&now, &plugin->pods_of))
		forget_lists(plugin);
	plugin->pods_of = now;
	plugin->pods_asked_ms = pp_clock_ms();
	/* Where nobody listens there is no such API, or no kubelet now. */
	if (grpc_request_send(plugin->loop, plugin->options.pods_socket, LIST, "", 0, DEADLINE_MS,
		    on_list, plugin, &plugin->pods_request) < 0)
		plugin->pods_request = NULL;
}
