/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes that are made of disks, whether anything is mounted from them or not: device mapper (LVM,
 * LUKS, multipath), MD, bcache; the members of mounted btrfs and imported ZFS; and where the host
 * booted from. */
#include "base/parse.h"
#include "lib/host/use.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCKS "/sys/class/block"
#define BTRFS "/sys/fs/btrfs"
#define POOLS "/proc/spl/kstat/zfs"
#define EFI "/sys/firmware/efi/efivars"
#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"

static bool known_to_all(const struct pp_reader *reader, const struct pp_disk *disk)
{
	for (size_t i = 0; i < disk->owners.count; i++)
		if (!pp_use_known(reader, disk->owners.items[i], disk->name))
			return false;
	return true;
}

static int add_volume(struct pp_reader *reader, const struct pp_disk *disk, const char *text,
	const char *evidence)
{
	if (known_to_all(reader, disk))
		return 0;
	return pp_use_add_all(reader, &disk->owners,
		(struct pp_use){.kind = PP_USE_HOLDER,
			.name = disk->name,
			.blocking = true,
			.text = text,
			.evidence = evidence});
}

/* ---- device mapper, MD, bcache ---- */

static const char *mapper_words(struct pp_reader *reader, const struct pp_disk *disk)
{
	static const struct {
		const char *prefix, *words;
	} kinds[] = {
		{"LVM-", "the logical volume"},
		{"CRYPT-", "the open encrypted volume"},
		{"mpath-", "the multipath disk"},
		{"part", "the partition"},
	};
	char path[PP_PATH_MAX];
	char *uuid;
	if (pp_path(path, sizeof(path), "%s/dm/uuid", disk->path) < 0 ||
		pp_tree_line(reader->tree, reader->scratch, path, &uuid) < 0)
		return "the device-mapper volume";
	for (size_t i = 0; i < PP_COUNT(kinds); i++)
		if (pp_text_starts(uuid, kinds[i].prefix))
			return kinds[i].words;
	return "the device-mapper volume";
}

static int add_stacked(struct pp_reader *reader, const char *name)
{
	const char *words = pp_text_starts(name, "md") ? "the RAID array" : "the cached disk";
	struct pp_disk disk;
	int r = pp_disk_named(reader, name, &disk);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	/* a partition goes with its disk, and a disk that lies on PCI itself is no volume */
	if (!pp_text_starts(disk.path, "/sys/devices/virtual/block/") ||
		strchr(disk.path + strlen("/sys/devices/virtual/block/"), '/'))
		return 0;
	if (pp_text_starts(name, "dm-"))
		words = mapper_words(reader, &disk);
	return add_volume(reader, &disk,
		pp_arena_printf(reader->arena, "%s %s lies on it", words, disk.name),
		pp_arena_printf(reader->arena, "%s/slaves", disk.path));
}

static int read_stacked(struct pp_reader *reader)
{
	static const char *const kinds[] = {"dm-", "md", "bcache", "drbd"};
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, BLOCKS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		bool stacked = false;
		for (size_t k = 0; k < PP_COUNT(kinds); k++)
			stacked = stacked || pp_text_starts(names[i], kinds[k]);
		if (stacked)
			r = add_stacked(reader, names[i]);
	}
	return r;
}

/* ---- btrfs ---- */

static int read_members(struct pp_reader *reader, const char *uuid)
{
	char folder[PP_PATH_MAX];
	char **names;
	size_t count;
	int r = pp_path(folder, sizeof(folder), BTRFS "/%s/devices", uuid);
	if (r == 0)
		r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		struct pp_disk disk;
		r = pp_disk_named(reader, names[i], &disk);
		if (r == 0)
			r = add_volume(reader, &disk,
				pp_arena_printf(reader->arena,
					"%s is a member of the mounted btrfs %s", disk.name, uuid),
				pp_arena_printf(reader->arena, "%s/%s", folder, names[i]));
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

/* Only file systems that are mounted stand there. */
static int read_btrfs(struct pp_reader *reader)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, BTRFS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_members(reader, names[i]);
	return r;
}

/* ---- ZFS ---- */

/* The value of "E:KEY=value" in a text of udev's database, NULL: it is not there. */
static char *udev_value(struct pp_arena *arena, const char *text, const char *key)
{
	const char *line;
	size_t length, n = strlen(key);
	while (pp_text_word(&text, "\n", &line, &length))
		if (length > n + 3 && strncmp(line, "E:", 2) == 0 &&
			strncmp(line + 2, key, n) == 0 && line[n + 2] == '=')
			return pp_arena_strndup(arena, line + n + 3, length - n - 3);
	return NULL;
}

static int add_pool_member(struct pp_reader *reader, const char *name)
{
	char path[PP_PATH_MAX];
	char *number, *text;
	size_t length;
	struct pp_disk disk;
	int r = pp_disk_named(reader, name, &disk);
	if (r == 0)
		r = pp_path(path, sizeof(path), "%s/dev", disk.path);
	if (r == 0)
		r = pp_tree_line(reader->tree, reader->scratch, path, &number);
	if (r == 0)
		r = pp_path(path, sizeof(path), "/run/udev/data/b%s", number);
	if (r == 0)
		r = pp_tree_read(reader->tree, reader->scratch, path, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const char *type = udev_value(reader->scratch, text, "ID_FS_TYPE");
	const char *pool = udev_value(reader->scratch, text, "ID_FS_LABEL");
	char state[PP_PATH_MAX];
	if (!pp_text_is(type, "zfs_member") || !pool || strchr(pool, '/') ||
		pp_path(state, sizeof(state), POOLS "/%s", pool) < 0 ||
		!pp_tree_exists(reader->tree, state))
		return 0;
	return add_volume(reader, &disk,
		pp_arena_printf(reader->arena, "%s is a member of the imported ZFS pool %s",
			disk.name, pool),
		pp_arena_printf(
			reader->arena, "%s: ID_FS_TYPE=zfs_member, and %s is there", path, state));
}

static int read_zfs(struct pp_reader *reader)
{
	char **names;
	size_t count;
	if (!pp_tree_exists(reader->tree, POOLS))
		return 0;
	int r = pp_tree_list(reader->tree, reader->scratch, BLOCKS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_pool_member(reader, names[i]);
	return r;
}

/* ---- the partition that the firmware booted from ---- */

enum {
	EFI_ATTRIBUTES = 4, /* before each variable's value */
	OPTION_PATH = 6,    /* a boot option: attributes, length of the path, description, path */
	NODE_MEDIA = 4,
	NODE_DISK = 1,
	NODE_DISK_LENGTH = 42,
	NODE_END = 0x7f,
};

static unsigned get16(const uint8_t *bytes)
{
	return (unsigned)(bytes[0] | bytes[1] << 8);
}

/* The partition's GUID in the path of a boot option. */
static bool option_partition(const uint8_t *option, size_t length, uint8_t guid[16])
{
	size_t at = OPTION_PATH;
	while (at + 2 <= length && get16(option + at) != 0)
		at += 2;
	at += 2;
	while (at + 4 <= length) {
		size_t size = get16(option + at + 2);
		if (option[at] == NODE_END || size < 4 || size > length - at)
			return false;
		if (option[at] == NODE_MEDIA && option[at + 1] == NODE_DISK &&
			size >= NODE_DISK_LENGTH && option[at + 41] == 2) {
			memcpy(guid, option + at + 24, 16);
			return true;
		}
		at += size;
	}
	return false;
}

static int read_boot(struct pp_reader *reader)
{
	uint8_t current[EFI_ATTRIBUTES + 2], guid[16];
	char path[PP_PATH_MAX];
	char *option;
	size_t length;
	ssize_t n = pp_tree_read_bytes(
		reader->tree, EFI "/BootCurrent-" EFI_GLOBAL, current, sizeof(current));
	if (n != (ssize_t)sizeof(current))
		return 0;
	pp_path(path, sizeof(path), EFI "/Boot%04X-" EFI_GLOBAL, get16(current + EFI_ATTRIBUTES));
	int r = pp_tree_read(reader->tree, reader->scratch, path, &option, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (length < EFI_ATTRIBUTES || !option_partition((const uint8_t *)option + EFI_ATTRIBUTES,
					       length - EFI_ATTRIBUTES, guid))
		return 0;
	char node[PP_PATH_MAX];
	pp_path(node, sizeof(node),
		"/dev/disk/by-partuuid/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		"%02x%02x%02x%02x%02x%02x",
		guid[3], guid[2], guid[1], guid[0], guid[5], guid[4], guid[7], guid[6], guid[8],
		guid[9], guid[10], guid[11], guid[12], guid[13], guid[14], guid[15]);
	struct pp_disk disk;
	struct pp_tree_stat stat;
	if (pp_tree_stat(reader->tree, node, &stat) < 0 || stat.type != 'b')
		return 0;
	r = pp_disk_find(reader, stat.major, stat.minor, node, &disk);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return add_volume(reader, &disk,
		pp_arena_printf(reader->arena,
			"%s is the EFI system partition that this host booted from", disk.name),
		pp_arena_printf(reader->arena, "%s: %s", path, node));
}

int pp_uses_read_volumes(struct pp_reader *reader)
{
	int r = read_stacked(reader);
	if (r == 0)
		r = read_btrfs(reader);
	if (r == 0)
		r = read_zfs(reader);
	if (r == 0)
		r = read_boot(reader);
	return r;
}
