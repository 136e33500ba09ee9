/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What says that something changed: the kernel's events of devices, and folders in which files come
 * and go. What happened is not read out of them; they are the cause to look. */
#include "base/file.h"
#include "base/parse.h"
#include "device-plugin/plugin.h"
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#define SETTLE_MS 50 /* events come in flocks */
#define KERNEL_EVENTS 1
#define VFIO "/dev/vfio"

struct plugin_watch {
	struct plugin *plugin;
	int inotify, netlink, state_fd;
	int kubelet_wd, vfio_wd;
	struct loop_source *on_inotify, *on_netlink, *settle;
};

static void soon(struct plugin_watch *watch)
{
	if (!loop_is_set(watch->settle))
		loop_set(watch->settle, SETTLE_MS);
}

static void on_settled(uint32_t events, void *data)
{
	struct plugin_watch *watch = data;
	struct pp_error error = {0};
	if (plugin_look(watch->plugin, &error) < 0 && !watch->plugin->cordons_fault)
		plugin_log("looking at the host: %s", error.text);
	plugin_tell(watch->plugin);
}

/* The kernel's: "bind@/devices/...", and then NAME=VALUE, each ended by a NUL. */
static bool concerns(const char *event, size_t length)
{
	static const char *const subsystems[] = {
		"SUBSYSTEM=pci", "SUBSYSTEM=vfio", "SUBSYSTEM=vfio-dev"};
	for (size_t at = 0; at < length; at += strnlen(event + at, length - at) + 1)
		for (size_t i = 0; i < PP_COUNT(subsystems); i++)
			if (strncmp(event + at, subsystems[i], length - at) == 0)
				return true;
	return false;
}

static void on_netlink(uint32_t events, void *data)
{
	struct plugin_watch *watch = data;
	char event[8192 + 1];
	struct sockaddr_nl from;
	for (int i = 0; i < 64; i++) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(watch->netlink, event, sizeof(event) - 1, MSG_DONTWAIT,
			(struct sockaddr *)&from, &size);
		if (n < 0 && errno == ENOBUFS) {
			soon(watch); /* some were lost */
			continue;
		}
		if (n < 0)
			return;
		event[n] = '\0';
		if (from.nl_pid == 0 && concerns(event, (size_t)n))
			soon(watch);
	}
}

static void attend_all(struct plugin_watch *watch)
{
	for (size_t i = 0; i < watch->plugin->n_resources; i++)
		plugin_attend(&watch->plugin->resources[i]);
}

static void on_inotify(uint32_t events, void *data)
{
	struct plugin_watch *watch = data;
	char bytes[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool kubelet = false;
	ssize_t n = read(watch->inotify, bytes, sizeof(bytes));
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
		at += (ssize_t)(sizeof(*event) + event->len);
		if (event->mask & IN_IGNORED && event->wd == watch->kubelet_wd)
			watch->kubelet_wd = -1;
		else if (event->mask & IN_IGNORED && event->wd == watch->vfio_wd)
			watch->vfio_wd = -1;
		else if (event->wd == watch->kubelet_wd)
			kubelet = true;
		else if (!(event->mask & IN_ISDIR))
			soon(watch);
	}
	if (kubelet) {
		plugin_watch_again(watch);
		attend_all(watch);
	}
}

void plugin_watch_again(struct plugin_watch *watch)
{
	const struct plugin_options *options = &watch->plugin->options;
	const char *folder = options->registry_dir ? options->registry_dir : options->kubelet_dir;
	/* The same folder gives the same number; another one in its place a new one. */
	watch->kubelet_wd = inotify_add_watch(watch->inotify, folder,
		IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_ONLYDIR);
	/* Opened and closed: a unit is in use, and is no more. Not so in a pod, whose nodes are
	 * its own; there the poll sees it. */
	if (pp_context_is_live(watch->plugin->context))
		watch->vfio_wd = inotify_add_watch(watch->inotify, VFIO,
			IN_CREATE | IN_DELETE | IN_OPEN | IN_CLOSE_WRITE | IN_ONLYDIR);
}

static int watch_state(struct plugin_watch *watch, struct pp_error *error)
{
	char path[64];
	int r = pp_state_open(watch->plugin->context, true, PP_POOL_STATE, &watch->state_fd, error);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", watch->state_fd);
	if (inotify_add_watch(watch->inotify, path, IN_MOVED_TO | IN_DELETE) < 0)
		return pp_error_errno(error, -errno, "watching the record of cordons");
	return 0;
}

static int listen_to_kernel(struct plugin_watch *watch, struct pp_error *error)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS};
	if (!pp_context_is_live(watch->plugin->context))
		return 0;
	watch->netlink = socket(
		AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (watch->netlink < 0 ||
		bind(watch->netlink, (struct sockaddr *)&address, sizeof(address)) < 0)
		return pp_error_errno(error, -errno, "listening to the kernel's events");
	int r = loop_add(watch->plugin->loop, watch->netlink, EPOLLIN, on_netlink, watch,
		&watch->on_netlink);
	return r < 0 ? pp_error_errno(error, r, "listening to the kernel's events") : 0;
}

int plugin_watch_open(
	struct plugin *plugin, struct plugin_watch **ret_watch, struct pp_error *error)
{
	struct plugin_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return pp_error_oom(error);
	*watch = (struct plugin_watch){plugin, -1, -1, -1, -1, -1, NULL, NULL, NULL};
	watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r = watch->inotify < 0 ? -errno
				   : loop_add(plugin->loop, watch->inotify, EPOLLIN, on_inotify,
					     watch, &watch->on_inotify);
	if (r == 0)
		r = loop_add_timer(plugin->loop, on_settled, watch, &watch->settle);
	if (r < 0)
		pp_error_errno(error, r, "watching folders");
	if (r == 0)
		r = watch_state(watch, error);
	if (r == 0)
		r = listen_to_kernel(watch, error);
	if (r < 0) {
		plugin_watch_close(watch);
		return r;
	}
	plugin_watch_again(watch);
	*ret_watch = watch;
	return 0;
}

void plugin_watch_close(struct plugin_watch *watch)
{
	if (!watch)
		return;
	loop_remove(watch->on_inotify);
	loop_remove(watch->on_netlink);
	loop_remove(watch->settle);
	pp_closep(&watch->inotify);
	pp_closep(&watch->netlink);
	pp_closep(&watch->state_fd);
	free(watch);
}
