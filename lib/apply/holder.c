/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/holder.h"
#include "base/arena.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include <stdio.h>
#include <string.h>

struct nodes {
	char group[64];  /* "/dev/vfio/4" */
	char device[64]; /* "/dev/vfio/devices/vfio0" */
};

static void nodes_read(struct pp_context *context, struct pp_arena *arena, const char *address,
	struct nodes *nodes)
{
	char path[PP_PATH_MAX];
	char *group = NULL, **names = NULL;
	size_t count = 0;
	if (pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address) == 0 &&
		pp_tree_link_name(context->tree, arena, path, &group) == 0)
		snprintf(nodes->group, sizeof(nodes->group), "/dev/vfio/%s", group);
	if (pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", address) == 0 &&
		pp_tree_list(context->tree, arena, path, &names, &count) == 0 && count > 0)
		snprintf(nodes->device, sizeof(nodes->device), "/dev/vfio/devices/%s", names[0]);
}

/* Fills in what it finds; processes come and go and may not be ours to look at. */
static bool process_holds(struct pp_context *context, struct pp_arena *arena, const char *pid,
	const struct nodes *nodes, struct pp_holder *ret_holder)
{
	char path[PP_PATH_MAX];
	char **fds = NULL, *target = NULL, *name = NULL;
	const char *guest, *tool;
	size_t count = 0;
	if (pp_path(path, sizeof(path), "/proc/%s/fd", pid) < 0 ||
		pp_tree_list(context->tree, arena, path, &fds, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (pp_path(path, sizeof(path), "/proc/%s/fd/%s", pid, fds[i]) < 0 ||
			pp_tree_link(context->tree, arena, path, &target) < 0)
			continue;
		if (!pp_text_is(target, nodes->group) && !pp_text_is(target, nodes->device))
			continue;
		*ret_holder = (struct pp_holder){0};
		snprintf(ret_holder->node, sizeof(ret_holder->node), "%s", target);
		if (pp_path(path, sizeof(path), "/proc/%s/comm", pid) == 0 &&
			pp_tree_line(context->tree, arena, path, &name) == 0)
			snprintf(ret_holder->name, sizeof(ret_holder->name), "%s", name);
		if (pp_qemu_guest(context->tree, arena, pid, &guest, &tool) == 0 && guest)
			snprintf(ret_holder->name, sizeof(ret_holder->name), "guest %s, %s", guest,
				tool);
		return true;
	}
	return false;
}

int pp_holder_find(struct pp_context *context, const char *address, struct pp_holder *ret_holder)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct nodes nodes = {0};
	char **pids = NULL;
	size_t count = 0;
	if (!arena)
		return -ENOMEM;
	nodes_read(context, arena, address, &nodes);
	if (!nodes.group[0] && !nodes.device[0])
		return 0;
	int r = pp_tree_list(context->tree, arena, "/proc", &pids, &count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		uint32_t pid;
		if (pp_parse_u32(pids[i], 10, &pid) < 0 ||
			!process_holds(context, arena, pids[i], &nodes, ret_holder))
			continue;
		ret_holder->pid = (pid_t)pid;
		return 1;
	}
	return 0;
}
