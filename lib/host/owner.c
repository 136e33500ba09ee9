/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/owner.h"
#include "base/parse.h"
#include <errno.h>
#include <string.h>

#define PARTS_DEEP 12 /* crypt on LVM on MD on partitions ... */

static int add_owner(struct pp_reader *reader, struct pp_owners *owners, struct pp_device *device)
{
	for (size_t i = 0; i < owners->count; i++)
		if (owners->items[i] == device)
			return 0;
	size_t size = owners->count * sizeof(struct pp_device *);
	struct pp_device **items = pp_arena_grow(
		reader->scratch, owners->items, size, size + sizeof(struct pp_device *));
	if (!items)
		return -ENOMEM;
	items[owners->count++] = device;
	owners->items = items;
	return 0;
}

/* The function itself, and endpoints above it: VMD has whole buses behind it that leave with it. */
static int add_chain(struct pp_reader *reader, struct pp_owners *owners, const char *path)
{
	const char *word;
	size_t length;
	struct pp_device *lowest = pp_reader_device_of_path(reader, path);
	int r = lowest ? add_owner(reader, owners, lowest) : 0;
	while (r == 0 && lowest && pp_text_word(&path, "/", &word, &length)) {
		char text[PP_ADDRESS_SIZE];
		struct pp_address address;
		if (length >= sizeof(text))
			continue;
		memcpy(text, word, length);
		text[length] = '\0';
		struct pp_device *device = pp_address_parse(text, &address) == 0
						   ? pp_reader_device(reader, &address)
						   : NULL;
		if (device && device->class_code >> 16 != 0x06)
			r = add_owner(reader, owners, device);
	}
	return r;
}

static bool is_controller(const char *name)
{
	return pp_text_starts(name, "nvme") && name[4] &&
	       strspn(name + 4, "0123456789") == strlen(name + 4);
}

static bool is_lower(const char *name)
{
	return pp_text_starts(name, "lower_");
}

static bool is_any(const char *name)
{
	return true;
}

static int find(
	struct pp_reader *reader, const char *path, unsigned deep, struct pp_owners *owners);

/* Each link in FOLDER whose name is a part's. -ENOENT: there is no such folder. */
static int find_parts(struct pp_reader *reader, const char *folder,
	bool (*is_part)(const char *name), unsigned deep, struct pp_owners *owners)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	for (size_t i = 0; i < count; i++) {
		char part[PP_PATH_MAX];
		if (!is_part(names[i]) ||
			pp_path(part, sizeof(part), "%s/%s", folder, names[i]) < 0)
			continue;
		r = find(reader, part, deep + 1, owners);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The folder of a node, without its last COUNT parts. */
static char *folder_above(struct pp_reader *reader, const char *path, unsigned count)
{
	char *folder = pp_arena_strdup(reader->scratch, path);
	for (; folder && count > 0; count--) {
		char *slash = strrchr(folder, '/');
		if (!slash || slash == folder)
			break;
		*slash = '\0';
	}
	return folder;
}

static int find_block_parts(
	struct pp_reader *reader, const char *path, unsigned deep, struct pp_owners *owners)
{
	/* a partition's parts are those of the disk above it */
	for (unsigned above = 0; above < 2; above++) {
		char slaves[PP_PATH_MAX];
		char *node = folder_above(reader, path, above);
		if (!node)
			return -ENOMEM;
		if (pp_path(slaves, sizeof(slaves), "%s/slaves", node) < 0)
			return 0;
		int r = find_parts(reader, slaves, is_any, deep, owners);
		if (r != -ENOENT)
			return r;
	}
	return 0;
}

static int find_virtual(
	struct pp_reader *reader, const char *path, unsigned deep, struct pp_owners *owners)
{
	static const char subsystems[] = "/sys/devices/virtual/nvme-subsystem/";
	int r = 0;
	if (pp_text_starts(path, "/sys/devices/virtual/block/"))
		return find_block_parts(reader, path, deep, owners);
	if (pp_text_starts(path, "/sys/devices/virtual/net/"))
		r = find_parts(reader, path, is_lower, deep, owners);
	if (pp_text_starts(path, subsystems)) {
		size_t name = strcspn(path + strlen(subsystems), "/");
		char *folder = pp_arena_strndup(reader->scratch, path, strlen(subsystems) + name);
		r = folder ? find_parts(reader, folder, is_controller, deep, owners) : -ENOMEM;
	}
	return r == -ENOMEM ? r : 0;
}

static int find(struct pp_reader *reader, const char *path, unsigned deep, struct pp_owners *owners)
{
	char *real;
	int r = pp_tree_real(reader->tree, reader->scratch, path, &real);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	size_t before = owners->count;
	r = add_chain(reader, owners, real);
	if (r < 0 || owners->count > before || deep >= PARTS_DEEP)
		return r;
	return find_virtual(reader, real, deep, owners);
}

int pp_owners_find(struct pp_reader *reader, const char *path, struct pp_owners *ret_owners)
{
	struct pp_owners owners = {0};
	int r = find(reader, path, 0, &owners);
	if (r == 0)
		*ret_owners = owners;
	return r;
}
