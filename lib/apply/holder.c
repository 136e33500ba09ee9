/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/holder.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FRESH_MS 300

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

/* What of VFIO's a process has open. */
struct open {
	pid_t pid;
	char node[64];
};

struct pp_holders {
	pthread_mutex_t lock; /* several threads may ask */
	struct open *items;
	size_t n_items, room;
	long long when; /* it was looked at, by pp_clock_ms; 0: never */
};

static int add(struct pp_holders *holders, pid_t pid, const char *node)
{
	if (holders->n_items == holders->room) {
		size_t room = holders->room ? holders->room * 2 : 16;
		struct open *items = reallocarray(holders->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		holders->items = items;
		holders->room = room;
	}
	struct open *item = &holders->items[holders->n_items++];
	item->pid = pid;
	snprintf(item->node, sizeof(item->node), "%s", node);
	return 0;
}

/* Processes come and go, and may not be ours to look at. */
static int look_at(struct pp_context *context, struct pp_arena *arena, const char *pid,
	struct pp_holders *holders)
{
	char path[PP_PATH_MAX];
	char **fds = NULL, *target = NULL;
	size_t count = 0;
	uint32_t number;
	int r = 0;
	if (pp_parse_u32(pid, 10, &number) < 0 ||
		pp_path(path, sizeof(path), "/proc/%s/fd", pid) < 0 ||
		pp_tree_list(context->tree, arena, path, &fds, &count) < 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (pp_path(path, sizeof(path), "/proc/%s/fd/%s", pid, fds[i]) == 0 &&
			pp_tree_link(context->tree, arena, path, &target) >= 0 &&
			pp_text_starts(target, "/dev/vfio/"))
			r = add(holders, (pid_t)number, target);
	return r;
}

static int look(struct pp_context *context, struct pp_holders *holders)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **pids = NULL;
	size_t count = 0;
	holders->n_items = 0;
	holders->when = 0;
	if (!arena)
		return -ENOMEM;
	int r = pp_tree_list(context->tree, arena, "/proc", &pids, &count);
	if (r < 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = look_at(context, arena, pids[i], holders);
	if (r >= 0)
		holders->when = pp_clock_ms();
	return r;
}

static void describe(struct pp_context *context, const struct open *item, struct pp_holder *holder)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char path[PP_PATH_MAX], pid[16];
	char *name = NULL;
	const char *guest, *tool;
	*holder = (struct pp_holder){.pid = item->pid};
	memcpy(holder->node, item->node, sizeof(holder->node));
	snprintf(pid, sizeof(pid), "%d", (int)item->pid);
	if (arena && pp_path(path, sizeof(path), "/proc/%s/comm", pid) == 0 &&
		pp_tree_line(context->tree, arena, path, &name) == 0)
		snprintf(holder->name, sizeof(holder->name), "%s", name);
	if (arena && pp_qemu_guest(context->tree, arena, pid, &guest, &tool) == 0 && guest)
		snprintf(holder->name, sizeof(holder->name), "guest %s, %s", guest, tool);
}

static int find(struct pp_context *context, const struct pp_holders *holders,
	const struct nodes *nodes, struct pp_holder *ret_holder)
{
	for (size_t i = 0; i < holders->n_items; i++) {
		const struct open *item = &holders->items[i];
		if (!pp_text_is(item->node, nodes->group) && !pp_text_is(item->node, nodes->device))
			continue;
		describe(context, item, ret_holder);
		return 1;
	}
	return 0;
}

struct pp_holders *pp_holders_new(void)
{
	struct pp_holders *holders = calloc(1, sizeof(*holders));
	if (holders)
		pthread_mutex_init(&holders->lock, NULL);
	return holders;
}

void pp_holders_free(struct pp_holders *holders)
{
	if (!holders)
		return;
	pthread_mutex_destroy(&holders->lock);
	free(holders->items);
	free(holders);
}

int pp_holders_find(struct pp_context *context, struct pp_holders *holders, const char *address,
	struct pp_holder *ret_holder)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct nodes nodes = {0};
	int r = 0;
	if (!arena)
		return -ENOMEM;
	nodes_read(context, arena, address, &nodes);
	if (!nodes.group[0] && !nodes.device[0])
		return 0;
	pthread_mutex_lock(&holders->lock);
	if (!holders->when || pp_clock_ms() - holders->when > FRESH_MS)
		r = look(context, holders);
	if (r >= 0)
		r = find(context, holders, &nodes, ret_holder);
	pthread_mutex_unlock(&holders->lock);
	return r;
}

int pp_holder_find(struct pp_context *context, const char *address, struct pp_holder *ret_holder)
{
	PP_CLEANUP(pp_holders_freep) struct pp_holders *holders = pp_holders_new();
	return holders ? pp_holders_find(context, holders, address, ret_holder) : -ENOMEM;
}
