/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/node.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/context.h"
#include "lib/host/node_reader.h"
#include <string.h>
#include <strings.h>

const char *const pp_node_cap_names[PP_NODE_CAPS] = {"system", "pci", "usb_device", "usb", "net",
	"scsi_host", "scsi_target", "scsi", "storage", "fc_host", "vports", "scsi_generic", "drm",
	"mdev_types", "mdev", "ccw", "css", "vdpa", "ap_card", "ap_queue", "ap_matrix", "vpd"};

/* Where devices of the kinds that virsh shows are found. */
static const struct place {
	const char *path, *subsystem;
} places[] = {
	{"/sys/bus/mdev/devices", "mdev"},
	{"/sys/bus/pci/devices", "pci"},
	{"/sys/bus/scsi/devices", "scsi"},
	{"/sys/bus/usb/devices", "usb"},
	{"/sys/bus/vdpa/devices", "vdpa"},
	{"/sys/class/block", "block"},
	{"/sys/class/drm", "drm"},
	{"/sys/class/net", "net"},
	{"/sys/class/scsi_generic", "scsi_generic"},
};

struct found {
	const char *path, *subsystem;
};
struct reading {
	struct pp_node_reader reader;
	const char *detail;
	struct found *found;
	size_t n_found, size_found;
	struct pp_nodes *nodes; /* while they are read: by path */
};

/* ---- finding ---- */

/* A link of /sys/bus and /sys/class leads to ../../../devices/...: no need to ask the kernel. */
static int resolve(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_path)
{
	char *target;
	int r = pp_tree_link(tree, arena, path, &target);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return pp_tree_real(tree, arena, path, ret_path);
	const char *at = target;
	while (pp_text_starts(at, "../"))
		at += 3;
	if (at == target || !pp_text_starts(at, "devices/") || strstr(at, "/../"))
		return pp_tree_real(tree, arena, path, ret_path);
	*ret_path = pp_arena_printf(arena, "/sys/%s", at);
	return *ret_path ? 0 : -ENOMEM;
}

static int add_found(struct reading *reading, const char *path, const char *subsystem)
{
	if (reading->n_found == reading->size_found) {
		size_t size = reading->size_found ? 2 * reading->size_found : 64;
		struct found *larger = realloc(reading->found, size * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		reading->found = larger;
		reading->size_found = size;
	}
	reading->found[reading->n_found++] = (struct found){path, subsystem};
	return 0;
}

static int find_in(struct reading *reading, const struct place *place)
{
	struct pp_arena *arena = reading->reader.arena;
	char **names, path[PP_PATH_MAX], *real;
	size_t count;
	int r = pp_tree_list(reading->reader.tree, arena, place->path, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		if (pp_path(path, sizeof(path), "%s/%s", place->path, names[i]) < 0)
			continue;
		r = resolve(reading->reader.tree, arena, path, &real);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || !pp_text_starts(real, "/sys/devices/"))
			continue;
		r = add_found(reading, real, place->subsystem);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_found(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

/* ---- reading one ---- */

/* PP_NODE_CAPS: not of a kind that virsh shows. */
static enum pp_node_cap type_of(const struct pp_udev *udev)
{
	static const struct {
		const char *devtype;
		enum pp_node_cap type;
	} devtypes[] = {{"usb_device", PP_NODE_USB_DEVICE}, {"usb_interface", PP_NODE_USB},
		{"scsi_host", PP_NODE_SCSI_HOST}, {"scsi_target", PP_NODE_SCSI_TARGET},
		{"scsi_device", PP_NODE_SCSI}, {"disk", PP_NODE_STORAGE}, {"wlan", PP_NODE_NET},
		{"drm_minor", PP_NODE_DRM}};
	const char *devtype = pp_udev_property(udev, "DEVTYPE");
	if (devtype) {
		for (size_t i = 0; i < PP_COUNT(devtypes); i++)
			if (strcmp(devtypes[i].devtype, devtype) == 0)
				return devtypes[i].type;
		return PP_NODE_CAPS;
	}
	if (strcmp(udev->subsystem, "scsi_generic") == 0)
		return PP_NODE_SCSI_GENERIC;
	if (strcmp(udev->subsystem, "mdev") == 0)
		return PP_NODE_MDEV;
	if (strcmp(udev->subsystem, "vdpa") == 0)
		return PP_NODE_VDPA;
	/* Wired interfaces and PCI functions have no type of their own. */
	if (pp_udev_property(udev, "INTERFACE"))
		return PP_NODE_NET;
	return pp_udev_property(udev, "PCI_CLASS") ? PP_NODE_PCI : PP_NODE_CAPS;
}

static int look_drm(const struct pp_udev *udev, struct pp_node_record *record)
{
	static const char *const types[] = {"primary", "control", "render"};
	unsigned minor;
	if (pp_udev_property_number(udev, "MINOR", 10, &minor) < 0 || minor >> 6 >= PP_COUNT(types))
		return -ENODEV;
	record->drm_type = types[minor >> 6];
	return 0;
}

static int look(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record)
{
	switch (record->type) {
	case PP_NODE_PCI:
		return pp_node_pci_look(reader, udev, record);
	case PP_NODE_NET:
		return pp_node_net_look(udev, record);
	case PP_NODE_STORAGE:
		return pp_node_storage_look(udev, record);
	case PP_NODE_SCSI_HOST:
		return pp_node_scsi_host_look(udev, record);
	case PP_NODE_SCSI_TARGET:
		return pp_node_scsi_target_look(udev, record);
	case PP_NODE_SCSI:
		return pp_node_scsi_look(udev, record);
	case PP_NODE_USB_DEVICE:
		return pp_node_usb_device_look(udev, record);
	case PP_NODE_USB:
		return pp_node_usb_look(udev, record);
	case PP_NODE_SCSI_GENERIC:
		return record->devnode ? 0 : -ENODEV;
	case PP_NODE_DRM:
		return look_drm(udev, record);
	case PP_NODE_MDEV:
		return pp_node_mdev_look(udev, record);
	case PP_NODE_VDPA:
		return pp_node_vdpa_look(udev, record);
	default:
		return -ENODEV;
	}
}

static int detail(const struct pp_node_reader *reader, const struct pp_udev *udev,
	struct pp_node_record *record)
{
	char path[PP_PATH_MAX], *real;
	record->detailed = true;
	record->links = udev->links;
	record->n_links = udev->n_links;
	if (pp_path(path, sizeof(path), "%s/driver", udev->path) >= 0) {
		int r = pp_tree_link_name(udev->tree, udev->arena, path, &real);
		if (r == -ENOMEM)
			return r;
		record->driver = r < 0 ? NULL : real;
	}
	switch (record->type) {
	case PP_NODE_PCI:
		return pp_node_pci_detail(reader, udev, record);
	case PP_NODE_NET:
		return pp_node_net_detail(reader, udev, record);
	case PP_NODE_STORAGE:
		return pp_node_storage_detail(udev, record);
	default:
		return 0;
	}
}

/* What is neither letter nor digit of ASCII is "_". */
static const char *make_name(const struct pp_udev *udev, const struct pp_node_record *record)
{
	const char *suffix = NULL;
	if (record->type == PP_NODE_NET)
		suffix = record->net.address;
	else if (record->type == PP_NODE_STORAGE)
		suffix = record->storage.serial;
	else if (record->type == PP_NODE_MDEV)
		suffix = record->mdev.parent;
	char *name = pp_arena_printf(udev->arena, "%s_%s%s%s", udev->subsystem, udev->name,
		suffix ? "_" : "", suffix ? suffix : "");
	for (char *at = name; at && *at; at++)
		if (!((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
			    (*at >= 'a' && *at <= 'z')))
			*at = '_';
	return name;
}

static const char *make_devnode(const struct pp_udev *udev)
{
	const char *name = pp_udev_property(udev, "DEVNAME");
	return *name == '/' ? name : pp_arena_printf(udev->arena, "/dev/%s", name);
}

/* The nearest device above that is shown. Paths sort before what is below them. */
static const char *find_parent(const struct pp_nodes *nodes, const char *path)
{
	for (size_t length = strlen(path); length > strlen("/sys/devices");) {
		while (length > 0 && path[length - 1] != '/')
			length--;
		length--;
		size_t low = 1, high = nodes->n_records;
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			const char *other = nodes->records[middle].node.path;
			int order = strncmp(path, other, length);
			if (order == 0 && !other[length])
				return nodes->records[middle].node.name;
			if (order <= 0)
				high = middle;
			else
				low = middle + 1;
		}
	}
	return "computer";
}

static int read_one(struct reading *reading, const struct found *found)
{
	struct pp_udev udev;
	const struct pp_node_reader *reader = &reading->reader;
	int r = pp_udev_read(reader->tree, reader->arena, found->path, found->subsystem, &udev);
	if (r < 0)
		return r;
	struct pp_node_record record = {.type = type_of(&udev)};
	if (record.type == PP_NODE_CAPS)
		return -ENODEV;
	record.caps = 1u << record.type;
	if (pp_udev_property(&udev, "DEVNAME") && !(record.devnode = make_devnode(&udev)))
		return -ENOMEM;
	r = look(reader, &udev, &record);
	if (r < 0)
		return r;
	record.node = (struct pp_node){.name = make_name(&udev, &record),
		.parent = find_parent(reading->nodes, found->path),
		.path = found->path,
		.type = pp_node_cap_names[record.type]};
	if (!record.node.name)
		return -ENOMEM;
	bool wanted = reading->detail &&
		      (!*reading->detail || strcmp(reading->detail, record.node.name) == 0);
	r = wanted ? detail(reader, &udev, &record) : 0;
	if (r >= 0)
		reading->nodes->records[reading->nodes->n_records++] = record;
	return r;
}

/* ---- reading all ---- */

static int read_computer(struct reading *reading)
{
	struct pp_node_record *record = &reading->nodes->records[reading->nodes->n_records++];
	*record = (struct pp_node_record){.type = PP_NODE_SYSTEM,
		.caps = 1u << PP_NODE_SYSTEM,
		.node = {.name = "computer", .type = pp_node_cap_names[PP_NODE_SYSTEM]}};
	if (!reading->detail || (*reading->detail && strcmp(reading->detail, "computer") != 0))
		return 0;
	record->detailed = true;
	return pp_node_system_detail(&reading->reader, record);
}

static int compare_names(const void *a, const void *b)
{
	const struct pp_node *left = a, *right = b;
	int order = strcasecmp(left->name, right->name);
	return order ? order : strcmp(left->name, right->name);
}

static int compare_records(const void *a, const void *b)
{
	const struct pp_node *left = a, *right = b;
	int order = compare_names(a, b);
	if (order || !left->path || !right->path)
		return order;
	return strcmp(left->path, right->path);
}

/* By name; of several with the same name the last one counts. */
static void sort_records(struct pp_nodes *nodes)
{
	size_t kept = 0;
	qsort(nodes->records, nodes->n_records, sizeof(*nodes->records), compare_records);
	for (size_t i = 0; i < nodes->n_records; i++) {
		if (kept > 0 && strcmp(nodes->records[kept - 1].node.name,
					nodes->records[i].node.name) == 0)
			kept--;
		nodes->records[kept++] = nodes->records[i];
	}
	nodes->n_records = kept;
}

static int read_all(struct reading *reading)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < PP_COUNT(places); i++)
		r = find_in(reading, &places[i]);
	if (r < 0)
		return r;
	if (reading->n_found > 0)
		qsort(reading->found, reading->n_found, sizeof(*reading->found), compare_found);

	struct pp_nodes *nodes = reading->nodes;
	nodes->records =
		pp_arena_array(nodes->arena, reading->n_found + 1, sizeof(*nodes->records));
	if (!nodes->records)
		return -ENOMEM;
	r = read_computer(reading);
	for (size_t i = 0; r != -ENOMEM && i < reading->n_found; i++)
		if (i == 0 || strcmp(reading->found[i - 1].path, reading->found[i].path) != 0)
			r = read_one(reading, &reading->found[i]);
	if (r == -ENOMEM)
		return r;
	sort_records(nodes);
	return 0;
}

int pp_nodes_read(struct pp_context *context, const char *detail_of, struct pp_nodes **ret_nodes,
	struct pp_error *error)
{
	struct pp_nodes *nodes = calloc(1, sizeof(*nodes));
	struct pp_arena *arena = pp_arena_new();
	if (!nodes || !arena) {
		free(nodes);
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	nodes->arena = arena;
	bool live = pp_tree_is_live(context->tree);
	struct reading reading = {.reader = {.tree = context->tree,
					  .arena = arena,
					  .privileged = !live || geteuid() == 0,
					  .live = live},
		.detail = detail_of,
		.nodes = nodes};
	int r = read_all(&reading);
	free(reading.found);
	if (r < 0) {
		pp_nodes_free(nodes);
		return pp_error_oom(error);
	}
	*ret_nodes = nodes;
	return 0;
}

void pp_nodes_free(struct pp_nodes *nodes)
{
	if (!nodes)
		return;
	pp_arena_free(nodes->arena);
	free(nodes);
}

const struct pp_node_record *pp_node_find(const struct pp_nodes *nodes, const char *name)
{
	const struct pp_node key = {.name = name};
	return bsearch(
		&key, nodes->records, nodes->n_records, sizeof(*nodes->records), compare_names);
}
