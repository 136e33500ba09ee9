/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mediated devices and vDPA devices as node devices, and the types that a parent offers. */
#include "base/parse.h"
#include "lib/host/node_reader.h"
#include <string.h>

static int read_type(const struct pp_udev *udev, const char *id, struct pp_node_mdev_type *type)
{
	static const char *const keys[] = {"name", "device_api", "available_instances"};
	const char *values[PP_COUNT(keys)] = {NULL};
	for (size_t i = 0; i < PP_COUNT(keys); i++) {
		char name[PP_PATH_MAX];
		if (pp_path(name, sizeof(name), "mdev_supported_types/%s/%s", id, keys[i]) < 0)
			return -ENODEV;
		int r = pp_udev_attribute(udev, name, &values[i]);
		if (r < 0)
			return r;
	}
	*type = (struct pp_node_mdev_type){.id = id, .name = values[0], .api = values[1]};
	return values[1] && values[2] && pp_parse_u32(values[2], 10, &type->instances) >= 0
		       ? 0
		       : -ENODEV;
}

/* By their ids; virsh has them in the order of the folder. */
int pp_node_mdev_types(
	const struct pp_udev *udev, struct pp_node_mdev_type **ret_types, size_t *ret_count)
{
	char path[PP_PATH_MAX], **names;
	size_t count;
	if (pp_path(path, sizeof(path), "%s/mdev_supported_types", udev->path) < 0)
		return -ENODEV;
	int r = pp_tree_list(udev->tree, udev->arena, path, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : -ENODEV;
	struct pp_node_mdev_type *types =
		pp_arena_array(udev->arena, count ? count : 1, sizeof(*types));
	if (!types)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		r = read_type(udev, names[i], &types[i]);
		if (r < 0)
			return r;
	}
	*ret_types = types;
	*ret_count = count;
	return 0;
}

int pp_node_mdev_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	struct pp_node_mdev *mdev = &record->mdev;
	char path[PP_PATH_MAX], *name;
	uint64_t group;
	if (pp_path(path, sizeof(path), "%s/mdev_type", udev->path) < 0)
		return -ENODEV;
	int r = pp_tree_link_name(udev->tree, udev->arena, path, &name);
	if (r < 0)
		return r == -ENOMEM ? r : -ENODEV;
	mdev->type = name;
	mdev->uuid = udev->name;
	if (pp_path(path, sizeof(path), "%s/iommu_group", udev->path) < 0)
		return -ENODEV;
	r = pp_tree_link_name(udev->tree, udev->arena, path, &name);
	if (r < 0 || pp_parse_u64(name, 10, INT32_MAX, &group) < 0)
		return r == -ENOMEM ? r : -ENODEV;
	mdev->group = (unsigned)group;
	const char *end = udev->name - 1, *start = end;
	while (start > udev->path && start[-1] != '/')
		start--;
	mdev->parent = pp_arena_strndup(udev->arena, start, (size_t)(end - start));
	return mdev->parent ? 0 : -ENOMEM;
}

/* /dev/vhost-vdpa-0, by the folder of this name below the device */
int pp_node_vdpa_look(const struct pp_udev *udev, struct pp_node_record *record)
{
	char **names;
	size_t count;
	int r = pp_tree_list(udev->tree, udev->arena, udev->path, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : -ENODEV;
	for (size_t i = 0; i < count; i++) {
		if (!pp_text_starts(names[i], "vhost-vdpa"))
			continue;
		record->chardev = pp_arena_printf(udev->arena, "/dev/%s", names[i]);
		if (!record->chardev)
			return -ENOMEM;
		return pp_tree_exists(udev->tree, record->chardev) ? 0 : -ENODEV;
	}
	return -ENODEV;
}
