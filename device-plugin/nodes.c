/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/tree.h"
#include "device-plugin/plugin.h"
#include <string.h>

#define VFIO "/dev/vfio"

struct list {
	char **items; /* NULL-terminated */
	size_t count;
};

static int add(struct list *list, const char *format, ...) PP_PRINTF(2, 3);
static int add(struct list *list, const char *format, ...)
{
	va_list args;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	char **items = realloc(list->items, (list->count + 2) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	items[list->count] = pp_buffer_take(&text);
	items[list->count + 1] = NULL;
	return items[list->count++] ? 0 : -ENOMEM;
}

/* "/dev/vfio/devices/vfio3", where the kernel has one for the device. */
static int add_device_node(struct list *list, struct pp_tree *tree, struct pp_arena *arena,
	const struct pp_device *device)
{
	char path[PP_PATH_MAX], **names = NULL;
	size_t count = 0;
	if (pp_path(path, sizeof(path), "%s/vfio-dev", device->path) < 0 ||
		pp_tree_list(tree, arena, path, &names, &count) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		int r = pp_path(path, sizeof(path), VFIO "/devices/%s", names[i]);
		if (r == 0 && pp_tree_exists(tree, path))
			r = add(list, "%s", path);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_there(struct pp_tree *tree, const struct list *list, struct pp_error *error)
{
	for (size_t i = 0; i < list->count; i++)
		if (!pp_tree_exists(tree, list->items[i]))
			return pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
				"%s is not there%s", list->items[i],
				i ? "" : ": the module vfio is not loaded");
	return 0;
}

static int collect(struct list *list, struct pp_tree *tree, const struct pp_host *host,
	const struct plugin_unit *unit)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_FREE int *groups = NULL;
	PP_FREE const struct pp_device **members = NULL;
	size_t n_groups = 0, n_members = 0;
	if (!arena || pp_unit_groups(unit->entry, host, &groups, &n_groups) < 0 ||
		pp_unit_members(unit->entry, host, &members, &n_members) < 0)
		return -ENOMEM;
	int r = add(list, "%s", VFIO "/vfio");
	for (size_t i = 0; r == 0 && i < n_groups; i++)
		r = add(list, VFIO "/%d", groups[i]);
	for (size_t i = 0; r == 0 && i < n_members; i++)
		r = add_device_node(list, tree, arena, members[i]);
	return r;
}

int plugin_unit_nodes(struct plugin *plugin, const struct plugin_unit *unit, char ***ret_nodes,
	struct pp_error *error)
{
	struct pp_host *host PP_CLEANUP(pp_host_freep) = NULL;
	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = NULL;
	struct list list = {0};
	/* Read again: a group has another number after a boot, and a node of its own only while it
	 * is with VFIO. */
	int r = pp_host_read(plugin->context, PP_READ_DEVICES, &host, error);
	if (r == 0)
		r = pp_tree_open(plugin->options.root, &tree, error);
	if (r < 0)
		return r;
	if (collect(&list, tree, host, unit) < 0)
		r = pp_error_oom(error);
	if (r == 0)
		r = check_there(tree, &list, error);
	if (r < 0) {
		pp_strv_free(list.items);
		return r;
	}
	*ret_nodes = list.items;
	return 0;
}
