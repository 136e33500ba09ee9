/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A resource with the kubelet: a socket of its own in the kubelet's folder, told to the kubelet
 * once; again, when either socket is another one. A kubelet that starts removes all sockets there.
 */
#include "base/parse.h"
#include "device-plugin/plugin.h"
#include "v1beta1.pb-c.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define REGISTER "/v1beta1.Registration/Register"
#define VERSION "v1beta1"
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define REGISTER_DEADLINE_MS 15000 /* it may dial back first, for 10 s */

static int lock(struct plugin_resource *resource, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	PP_FREE char *name = NULL;
	int r = pp_state_open(resource->plugin->context, false, PP_POOL_STATE, &folder, error);
	if (r < 0)
		return r;
	if (asprintf(&name, "%s.lock", resource->name) < 0)
		return pp_error_oom(error);
	PP_CLOSE int fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return pp_error_errno(
			error, -errno, "making the lock of %s", resource->pool->resource);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"another pcipass-device-plugin serves %s: the kubelet would take the "
			"lists of both, in turn",
			resource->pool->resource);
		pp_error_remedy(error, "stop one of them (systemd's, or a pod's)");
		return -EBUSY;
	}
	resource->lock_fd = PP_TAKE_FD(fd);
	return 0;
}

static char *kubelet_socket(const struct plugin *plugin)
{
	char *path = NULL;
	return asprintf(&path, "%s/kubelet.sock", plugin->options.kubelet_dir) < 0 ? NULL : path;
}

static bool listen_again(struct plugin_resource *resource)
{
	struct pp_error error = {0};
	int r = resource->server
			? grpc_server_again(resource->server, &error)
			: grpc_server_open(resource->plugin->loop, resource->socket, plugin_methods,
				  plugin_n_methods, resource, &resource->server, &error);
	resource->registered = false;
	if (r < 0 && !resource->said_waiting)
		plugin_log("%s: waiting for the kubelet: %s", resource->pool->resource, error.text);
	resource->said_waiting = r < 0;
	return r == 0;
}

static void try_later(struct plugin_resource *resource)
{
	resource->backoff_ms = resource->backoff_ms ? resource->backoff_ms * 2 : BACKOFF_MIN_MS;
	if (resource->backoff_ms > BACKOFF_MAX_MS)
		resource->backoff_ms = BACKOFF_MAX_MS;
	loop_set(resource->timer, resource->backoff_ms);
}

/* What the kubelet itself answers does not change by asking again. */
static void on_registered(
	enum grpc_code code, const char *text, const uint8_t *message, size_t length, void *data)
{
	struct plugin_resource *resource = data;
	const char *name = resource->pool->resource;
	resource->request = NULL;
	if (code == GRPC_OK) {
		plugin_log("%s: registered with the kubelet", name);
		resource->registered = true;
		resource->backoff_ms = 0;
		/* Its old connections would go on to overwrite the list. */
		grpc_server_forget(resource->server);
		return;
	}
	if (code == GRPC_UNAVAILABLE || code == GRPC_DEADLINE_EXCEEDED || code == GRPC_CANCELLED) {
		plugin_log("%s: the kubelet did not register it: %s", name, text);
		try_later(resource);
		return;
	}
	plugin_log("error: %s: the kubelet refuses it: %s", name, text);
	loop_end(resource->plugin->loop, PP_STATUS_FAILED);
}

static int send_register(struct plugin_resource *resource, const char *path)
{
	Kubelet__Options options = KUBELET__OPTIONS__INIT;
	Kubelet__RegisterRequest request = KUBELET__REGISTER_REQUEST__INIT;
	options.pre_start_required = true;
	options.get_preferred_allocation_available = true;
	request.version = (char *)(uintptr_t)VERSION;
	request.endpoint = resource->name;
	request.resource_name = (char *)(uintptr_t)resource->pool->resource;
	request.options = &options;
	size_t length = kubelet__register_request__get_packed_size(&request);
	PP_FREE uint8_t *bytes = malloc(length + 1);
	if (!bytes)
		return -ENOMEM;
	kubelet__register_request__pack(&request, bytes);
	return grpc_request_send(resource->plugin->loop, path, REGISTER, bytes, length,
		REGISTER_DEADLINE_MS, on_registered, resource, &resource->request);
}

static void do_register(struct plugin_resource *resource)
{
	PP_FREE char *path = kubelet_socket(resource->plugin);
	struct stat st;
	if (!path || resource->request)
		return;
	int r = lstat(path, &st) < 0 ? -errno : 0;
	if (r == 0) {
		resource->kubelet_device = st.st_dev;
		resource->kubelet_inode = st.st_ino;
		r = send_register(resource, path);
	}
	if (r == 0)
		return;
	if (!resource->said_waiting)
		plugin_log("%s: waiting for the kubelet: %s: %s", resource->pool->resource, path,
			strerror(-r));
	resource->said_waiting = true;
	try_later(resource);
}

static bool same_kubelet(const struct plugin_resource *resource)
{
	PP_FREE char *path = kubelet_socket(resource->plugin);
	struct stat st;
	return path && lstat(path, &st) == 0 && st.st_dev == resource->kubelet_device &&
	       st.st_ino == resource->kubelet_inode;
}

void plugin_attend(struct plugin_resource *resource)
{
	bool again = !resource->server || !grpc_server_stands(resource->server);
	if (again && !listen_again(resource)) {
		try_later(resource);
		return;
	}
	/* In the registry's folder the kubelet finds it by itself. */
	if (resource->plugin->options.registry_dir)
		return;
	bool other = !same_kubelet(resource);
	if (resource->request && (again || other)) {
		grpc_request_cancel(resource->request);
		resource->request = NULL;
	}
	if (resource->request || (resource->registered && !other))
		return;
	if (other)
		resource->backoff_ms = 0;
	resource->registered = false;
	do_register(resource);
}

static void on_timer(uint32_t events, void *data)
{
	plugin_attend(data);
}

int plugin_serve(struct plugin_resource *resource, struct pp_error *error)
{
	int r = lock(resource, error);
	if (r < 0)
		return r;
	return loop_add_timer(resource->plugin->loop, on_timer, resource, &resource->timer) < 0
		       ? pp_error_oom(error)
		       : 0;
}

void plugin_serve_end(struct plugin_resource *resource)
{
	grpc_request_cancel(resource->request);
	plugin_service_end(resource);
	grpc_server_close(resource->server);
}
