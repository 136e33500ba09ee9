/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes of /dev that processes have open: displays, sound, input, VFIO groups, disks opened as a
 * whole, anything else that lies on a PCI function. By number, for names in /dev are anybody's. */
#include "base/parse.h"
#include "lib/host/use.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NVIDIA_MAJOR 195
#define NVIDIA_CARDS "/proc/driver/nvidia/gpus"
#define NVIDIA_LAST 247 /* above: nodes that are no card's */

/* A node that was met, and what it lies on. */
struct node {
	struct pp_tree_stat stat;
	struct pp_owners owners;
	enum pp_use_kind kind;
};

/* A process that has nodes of one device and kind open. */
struct holder {
	const char *process;
	const struct pp_device *device;
	enum pp_use_kind kind;
	const char *nodes; /* "/dev/dri/card0, /dev/dri/renderD128" */
	const char *first; /* "/proc/1432/fd/12" */
	size_t n_nodes;
};

struct scan {
	struct pp_reader *reader;
	struct node *nodes;
	size_t n_nodes;
	struct holder *holders;
	size_t n_holders;
};

/* ---- nodes ---- */

static enum pp_use_kind kind_of(const char *path)
{
	static const struct {
		const char *part;
		enum pp_use_kind kind;
	} kinds[] = {
		{"/vfio-dev/", PP_USE_VFIO},
		{"/drm/", PP_USE_DISPLAY},
		{"/graphics/", PP_USE_DISPLAY},
		{"/sound/", PP_USE_SOUND},
		{"/input/", PP_USE_INPUT},
		{"/hidraw/", PP_USE_INPUT},
	};
	for (size_t i = 0; i < PP_COUNT(kinds); i++)
		if (strstr(path, kinds[i].part))
			return kinds[i].kind;
	return PP_USE_HOLDER;
}

static int add_owner(struct pp_reader *reader, struct pp_owners *owners, struct pp_device *device)
{
	size_t size = owners->count * sizeof(struct pp_device *);
	struct pp_device **items = pp_arena_grow(
		reader->scratch, owners->items, size, size + sizeof(struct pp_device *));
	if (!items)
		return -ENOMEM;
	items[owners->count++] = device;
	owners->items = items;
	return 0;
}

/* /dev/vfio/12 is group 12; "noiommu-3" stands for a group too. */
static int group_owners(struct pp_reader *reader, const char *name, struct pp_owners *owners)
{
	int number, r = 0;
	if (pp_text_starts(name, "noiommu-"))
		name += strlen("noiommu-");
	if (pp_parse_int(name, &number) < 0 || number < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < reader->n_devices; i++) {
		struct pp_device *device = &reader->devices[i];
		if (device->group == number && device->driver && strstr(device->driver, "vfio"))
			r = add_owner(reader, owners, device);
	}
	return r;
}

/* NVIDIA's own driver registers nothing in sysfs: "Device Minor: 	 0" tells which card it is.
 */
static int nvidia_owners(struct pp_reader *reader, unsigned minor, struct pp_owners *owners)
{
	char **names, *text;
	size_t count, length;
	int r = pp_tree_list(reader->tree, reader->scratch, NVIDIA_CARDS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		char path[PP_PATH_MAX];
		struct pp_address address;
		if (pp_address_parse(names[i], &address) < 0 ||
			pp_path(path, sizeof(path), NVIDIA_CARDS "/%s/information", names[i]) < 0 ||
			pp_tree_read(reader->tree, reader->scratch, path, &text, &length) < 0)
			continue;
		const char *at = strstr(text, "Device Minor:"), *end;
		uint64_t number;
		if (!at)
			continue;
		at += strlen("Device Minor:");
		at += strspn(at, " \t");
		struct pp_device *device = pp_reader_device(reader, &address);
		if (device && pp_parse_prefix(at, 10, UINT32_MAX, &number, &end) == 0 &&
			number == minor)
			return add_owner(reader, owners, device);
	}
	return 0;
}

static int describe(struct pp_reader *reader, struct node *node)
{
	static const char groups[] = "/sys/devices/virtual/vfio/";
	char path[PP_PATH_MAX];
	char *real;
	const struct pp_tree_stat *stat = &node->stat;
	if (stat->type == 'c' && stat->major == NVIDIA_MAJOR && stat->minor <= NVIDIA_LAST) {
		node->kind = PP_USE_DISPLAY;
		return nvidia_owners(reader, stat->minor, &node->owners);
	}
	pp_path(path, sizeof(path), "/sys/dev/%s/%u:%u", stat->type == 'b' ? "block" : "char",
		stat->major, stat->minor);
	int r = pp_tree_real(reader->tree, reader->scratch, path, &real);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	node->kind = kind_of(real);
	if (!pp_text_starts(real, groups))
		return pp_owners_find(reader, real, &node->owners);
	node->kind = PP_USE_VFIO;
	return group_owners(reader, real + strlen(groups), &node->owners);
}

static int find_node(
	struct scan *scan, const struct pp_tree_stat *stat, const struct node **ret_node)
{
	for (size_t i = 0; i < scan->n_nodes; i++) {
		const struct pp_tree_stat *known = &scan->nodes[i].stat;
		if (known->type == stat->type && known->major == stat->major &&
			known->minor == stat->minor) {
			*ret_node = &scan->nodes[i];
			return 0;
		}
	}
	struct pp_reader *reader = scan->reader;
	struct node *nodes = pp_arena_grow(reader->scratch, scan->nodes,
		scan->n_nodes * sizeof(*nodes), (scan->n_nodes + 1) * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	scan->nodes = nodes;
	struct node *node = &nodes[scan->n_nodes++];
	*node = (struct node){.stat = *stat};
	*ret_node = node;
	return describe(reader, node);
}

/* ---- processes ---- */

static int add_holder(struct scan *scan, const char *process, const struct node *node,
	const struct pp_device *device, const char *path, const char *target)
{
	struct pp_arena *arena = scan->reader->arena;
	for (size_t i = 0; i < scan->n_holders; i++) {
		struct holder *holder = &scan->holders[i];
		if (holder->process != process || holder->device != device ||
			holder->kind != node->kind)
			continue;
		if (holder->n_nodes >= 4 || strstr(holder->nodes, target))
			return 0;
		holder->n_nodes++;
		holder->nodes = pp_arena_printf(arena, "%s, %s", holder->nodes, target);
		return holder->nodes ? 0 : -ENOMEM;
	}
	struct holder *holders = pp_arena_grow(scan->reader->scratch, scan->holders,
		scan->n_holders * sizeof(*holders), (scan->n_holders + 1) * sizeof(*holders));
	struct holder holder = {.process = process,
		.device = device,
		.kind = node->kind,
		.nodes = pp_arena_strdup(arena, target),
		.first = pp_arena_strdup(arena, path),
		.n_nodes = 1};
	if (!holders || !holder.nodes || !holder.first)
		return -ENOMEM;
	holders[scan->n_holders++] = holder;
	scan->holders = holders;
	return 0;
}

/* Nodes that lie on no device: what most processes have open is not looked up at all. */
static bool is_common(const char *target)
{
	static const char *const names[] = {"null", "zero", "full", "random", "urandom", "ptmx",
		"tty", "console", "kmsg", "fuse", "kvm", "rfkill", "uinput", "vfio/vfio", "iommu",
		"net/tun"};
	static const char *const folders[] = {"pts/", "shm/", "mqueue/", "hugepages/"};
	const char *name = target + strlen("/dev/");
	for (size_t i = 0; i < PP_COUNT(names); i++)
		if (pp_text_is(name, names[i]))
			return true;
	for (size_t i = 0; i < PP_COUNT(folders); i++)
		if (pp_text_starts(name, folders[i]))
			return true;
	return pp_text_starts(name, "tty") && name[3] >= '0' && name[3] <= '9';
}

static int read_descriptor(struct scan *scan, const char *process, const char *path)
{
	struct pp_reader *reader = scan->reader;
	struct pp_tree_stat stat;
	const struct node *node;
	char *target;
	int r = pp_tree_link(reader->tree, reader->scratch, path, &target);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (!pp_text_starts(target, "/dev/") || is_common(target) ||
		pp_tree_stat(reader->tree, path, &stat) < 0 ||
		(stat.type != 'c' && stat.type != 'b'))
		return 0;
	r = find_node(scan, &stat, &node);
	if (r < 0)
		return r;
	struct node found = *node; /* the list may move */
	for (size_t i = 0; r == 0 && i < found.owners.count; i++)
		r = add_holder(scan, process, &found, found.owners.items[i], path, target);
	return r;
}

static int read_process(struct scan *scan, const char *process)
{
	char folder[PP_PATH_MAX], path[PP_PATH_MAX];
	char **names;
	size_t count;
	pp_path(folder, sizeof(folder), "/proc/%s/fd", process);
	int r = pp_tree_list(scan->reader->tree, scan->reader->scratch, folder, &names, &count);
	if (r < 0) /* it ended, or it is another user's */
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (pp_path(path, sizeof(path), "%s/%s", folder, names[i]) == 0)
			r = read_descriptor(scan, process, path);
	return r;
}

/* udev reads what has just come and lets go of it: nobody's data. By its program, for a name is
 * anybody's; `udevadm lock` holds a disk for others. */
static bool is_udev(struct pp_reader *reader, const char *process, const char *name)
{
	static const char *const programs[] = {"/udevadm", "/systemd-udevd", "/udevd"};
	char path[PP_PATH_MAX];
	char *program;
	if (!pp_text_is(name, "(udev-worker)") && !pp_text_is(name, "systemd-udevd") &&
		!pp_text_is(name, "udevd"))
		return false;
	pp_path(path, sizeof(path), "/proc/%s/exe", process);
	if (pp_tree_link(reader->tree, reader->scratch, path, &program) < 0)
		return false;
	const char *last = strrchr(program, '/');
	for (size_t i = 0; last && i < PP_COUNT(programs); i++)
		if (pp_text_is(last, programs[i]))
			return true;
	return false;
}

static int add_uses(struct scan *scan)
{
	struct pp_reader *reader = scan->reader;
	int r = 0;
	for (size_t i = 0; r == 0 && i < scan->n_holders; i++) {
		const struct holder *holder = &scan->holders[i];
		char path[PP_PATH_MAX];
		char *name;
		pp_path(path, sizeof(path), "/proc/%s/comm", holder->process);
		r = pp_tree_line(reader->tree, reader->arena, path, &name);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || !*name)
			name = pp_arena_printf(reader->arena, "process-%s", holder->process);
		if (!name)
			return -ENOMEM;
		struct pp_use use = {.kind = holder->kind,
			.device = holder->device,
			.name = name,
			.blocking = holder->kind == PP_USE_VFIO ||
				    !is_udev(reader, holder->process, name),
			.text = pp_arena_printf(reader->arena, "%s (%s) has %s open", name,
				holder->process, holder->nodes),
			.evidence = pp_arena_printf(
				reader->arena, "%s -> %s", holder->first, holder->nodes)};
		r = holder->kind == PP_USE_VFIO ? pp_use_name_guest(reader, holder->process, &use)
						: 0;
		if (r == 0)
			r = pp_use_add(reader, use);
	}
	return r;
}

int pp_uses_read_files(struct pp_reader *reader)
{
	struct scan scan = {.reader = reader};
	char **names;
	size_t count;
	char self[16] = "";
	if (pp_tree_is_live(reader->tree))
		snprintf(self, sizeof(self), "%d", (int)getpid());
	int r = pp_tree_list(reader->tree, reader->scratch, "/proc", &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (strspn(names[i], "0123456789") == strlen(names[i]) &&
			!pp_text_is(names[i], self))
			r = read_process(&scan, names[i]);
	return r == 0 ? add_uses(&scan) : r;
}
