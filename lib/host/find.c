/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/context.h"
#include "lib/host/names.h"
#include "lib/host/owner.h"
#include <string.h>

/* Folders of sysfs whose names people know a device by. */
static const char *const folders[] = {
	"/sys/class/net",
	"/sys/class/block",
	"/sys/class/drm",
	"/sys/class/sound",
	"/sys/class/nvme",
	"/sys/class/scsi_host",
	"/sys/class/scsi_generic",
	"/sys/class/graphics",
	"/sys/class/input",
	"/sys/class/hidraw",
	"/sys/class/tty",
	"/sys/bus/usb/devices",
};

/* The devices that match, in the order of addresses. */
struct search {
	struct pp_reader *reader;
	const char *name;
	struct pp_owners matches;
};

static int add_match(struct search *search, struct pp_device *device)
{
	size_t size = (search->matches.count + 1) * sizeof(struct pp_device *);
	struct pp_device **items = pp_arena_grow(search->reader->scratch, search->matches.items,
		size - sizeof(struct pp_device *), size);
	if (!items)
		return -ENOMEM;
	items[search->matches.count++] = device;
	search->matches.items = items;
	return 0;
}

/* ---- ways to write a device ---- */

/* "pci_0000_00_1a_7" -> "0000:00:1a.7", "pci_8086_3a6c" -> "8086:3a6c": underscores, from the left.
 */
static char *plain_name(struct pp_arena *arena, const char *name)
{
	char *text = pp_arena_strdup(arena, name);
	if (!text || !pp_text_starts(text, "pci_"))
		return text;
	text += strlen("pci_");
	size_t count = 0;
	for (const char *at = text; *at; at++)
		count += *at == '_';
	if (count != 1 && count != 3)
		return text;
	for (char *at = text; *at; at++)
		if (*at == '_')
			*at = count-- == 1 && strrchr(text, ':') ? '.' : ':';
	return text;
}

static int match_address(struct search *search, const char *text)
{
	struct pp_address address;
	int r = pp_address_parse(text, &address);
	struct pp_device *device = r == 0 ? pp_reader_device(search->reader, &address) : NULL;
	return device ? add_match(search, device) : 0;
}

/* "8086:3a6c" */
static int match_id(struct search *search, const char *text)
{
	const char *colon = strchr(text, ':');
	uint64_t vendor, product;
	const char *end;
	if (!colon || colon - text != 4 || strlen(colon + 1) != 4 ||
		pp_parse_prefix(text, 16, 0xffff, &vendor, &end) < 0 || end != colon ||
		pp_parse_u64(colon + 1, 16, 0xffff, &product) < 0)
		return 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < search->reader->n_devices; i++) {
		struct pp_device *device = &search->reader->devices[i];
		if (device->vendor == vendor && device->product == product)
			r = add_match(search, device);
	}
	return r;
}

/* A node of sysfs: the function that it lies on, and only where it lies on none, those of its
 * parts. */
static int match_node(struct search *search, const char *path)
{
	char *real;
	int r = pp_tree_real(search->reader->tree, search->reader->scratch, path, &real);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	struct pp_device *device = pp_reader_device_of_path(search->reader, real);
	return device ? add_match(search, device)
		      : pp_owners_find(search->reader, path, &search->matches);
}

static int match_name(struct search *search, const char *name)
{
	int r = 0;
	if (!*name || strchr(name, '/') || *name == '.')
		return 0;
	for (size_t i = 0; r == 0 && search->matches.count == 0 && i < PP_COUNT(folders); i++) {
		char path[PP_PATH_MAX];
		if (pp_path(path, sizeof(path), "%s/%s", folders[i], name) == 0)
			r = match_node(search, path);
	}
	return r;
}

/* "/dev/disk/by-id/nvme-..." by its number; where the node is missing, by its name. */
static int match_dev(struct search *search, const char *path)
{
	struct pp_tree_stat stat;
	int r = pp_tree_stat(search->reader->tree, path, &stat);
	if (r == 0 && (stat.type == 'b' || stat.type == 'c')) {
		char node[PP_PATH_MAX];
		pp_path(node, sizeof(node), "/sys/dev/%s/%u:%u",
			stat.type == 'b' ? "block" : "char", stat.major, stat.minor);
		r = match_node(search, node);
		if (r < 0 || search->matches.count > 0)
			return r;
	}
	return match_name(search, strrchr(path, '/') + 1);
}

static int match_any(struct search *search)
{
	const char *name = search->name;
	if (pp_text_starts(name, "/dev/"))
		return match_dev(search, name);
	if (*name == '/')
		return pp_text_starts(name, "/sys/") ? match_node(search, name) : 0;
	char *plain = plain_name(search->reader->scratch, name);
	if (!plain)
		return -ENOMEM;
	int r = match_address(search, plain);
	if (r == 0 && search->matches.count == 0)
		r = match_id(search, plain);
	if (r == 0 && search->matches.count == 0)
		r = match_name(search, name);
	return r;
}

/* ---- what is said when it is not exactly one ---- */

static void add_line(struct pp_buffer *text, const struct pp_device *device)
{
	const char *what = device->product_name ? device->product_name : device->class_name;
	pp_buffer_printf(text, "\n  %s  [%04x:%04x] %s%s%s", device->name, device->vendor,
		device->product, what ? what : "", device->driver ? ", driver " : ", no driver",
		device->driver ? device->driver : "");
}

static int set_ambiguous(struct search *search, struct pp_error *error)
{
	PP_BUFFER struct pp_buffer lines = PP_BUFFER_INIT;
	if (search->reader->n_devices && !(search->reader->depth & PP_READ_NAMES))
		pp_names_read(search->reader);
	for (size_t i = 0; i < search->matches.count; i++)
		add_line(&lines, search->matches.items[i]);
	int r = pp_error_set(error, PP_STATUS_FAILED, ENOTUNIQ,
		"%s is not one PCI device but %zu:%s", search->name, search->matches.count,
		pp_buffer_text(&lines));
	pp_error_id(error, "device-ambiguous");
	pp_error_remedy(error, "name one of them by its address");
	return r;
}

/* One of the ways to write DEVICE, the one that NAME looks like. */
static char *as_written(struct pp_arena *arena, const char *name, const struct pp_device *device)
{
	const struct pp_address *at = &device->address;
	const char *colon = strchr(name, ':');
	if (pp_text_starts(name, "pci_"))
		return pp_arena_printf(arena, "pci_%04x_%02x_%02x_%x", at->domain, at->bus,
			at->slot, at->function);
	if (colon && !strchr(name, '.') && !strchr(colon + 1, ':'))
		return pp_arena_printf(arena, "%04x:%04x", device->vendor, device->product);
	if (at->domain == 0 && (!colon || !strchr(colon + 1, ':')))
		return pp_arena_printf(arena, "%02x:%02x.%x", at->bus, at->slot, at->function);
	return pp_arena_strdup(arena, device->name);
}

static size_t add_names(struct search *search, const char *folder, const char **list, size_t room)
{
	char **names;
	size_t count, used = 0;
	if (pp_tree_list(search->reader->tree, search->reader->scratch, folder, &names, &count) < 0)
		return 0;
	for (size_t i = 0; i < count && used < room; i++)
		list[used++] = names[i];
	return used;
}

static const char *nearest(struct search *search)
{
	enum { NAMES_ROOM = 256 };
	struct pp_reader *reader = search->reader;
	const char *name = search->name;
	size_t n = 0;
	const char **list = pp_arena_array(
		reader->scratch, reader->n_devices + 2 * NAMES_ROOM + 1, sizeof(*list));
	if (!list)
		return NULL;
	bool address = strchr(name, ':') || pp_text_starts(name, "pci_");
	for (size_t i = 0; address && i < reader->n_devices; i++) {
		list[n] = as_written(reader->scratch, name, &reader->devices[i]);
		n += list[n] != NULL;
	}
	if (!address) {
		n += add_names(search, "/sys/class/net", list + n, NAMES_ROOM);
		n += add_names(search, "/sys/class/block", list + n, NAMES_ROOM);
	}
	list[n] = NULL;
	return pp_text_nearest(pp_text_starts(name, "/dev/") ? name + strlen("/dev/") : name, list);
}

static int set_unknown(struct search *search, struct pp_error *error)
{
	static const char list[] = "`pcipass nodedev-list --long` shows all";
	static const char *const reasons[] = {
		[0] = ": no address, id, interface or disk here has that name",
		[ENODEV] = " on this host",
		[ERANGE] = ": in an address the slot is at most 1f and the function at most 7",
	};
	struct pp_address address;
	char *plain = plain_name(search->reader->scratch, search->name);
	int kind = plain ? pp_address_parse(plain, &address) : -EINVAL;
	int r = pp_error_set(error, PP_STATUS_FAILED, ENODEV, "there is no PCI device %s%s",
		search->name,
		reasons[kind == 0         ? ENODEV
			: kind == -ERANGE ? ERANGE
					  : 0]);
	pp_error_id(error, "device-unknown");
	const char *near = nearest(search);
	if (near && !pp_text_is(near, search->name))
		pp_error_remedy(error, "did you mean %s? %s", near, list);
	else
		pp_error_remedy(error, "%s", list);
	return r;
}

int pp_device_find(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_device **ret_device, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return pp_error_oom(error);
	/* names may be looked up for a message, so it works on a copy */
	struct pp_device *devices = pp_arena_array(arena, host->n_devices + 1, sizeof(*devices));
	if (!devices)
		return pp_error_oom(error);
	if (host->n_devices)
		memcpy(devices, host->devices, host->n_devices * sizeof(*devices));
	struct pp_reader reader = {.tree = context->tree,
		.arena = arena,
		.scratch = arena,
		.depth = host->depth,
		.devices = devices,
		.n_devices = host->n_devices};
	struct search search = {.reader = &reader, .name = name};

	int r = match_any(&search);
	if (r < 0)
		return pp_error_oom(error);
	if (search.matches.count == 0)
		return set_unknown(&search, error);
	if (search.matches.count > 1)
		return set_ambiguous(&search, error);
	*ret_device = &host->devices[search.matches.items[0] - devices];
	return 0;
}
