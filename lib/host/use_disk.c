/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File systems that are mounted, and swap. */
#include "base/parse.h"
#include "lib/host/mounts.h"
#include "lib/host/use.h"
#include <errno.h>
#include <string.h>

#define SWAPS "/proc/swaps"

static int describe(struct pp_reader *reader, const char *path, struct pp_disk *disk)
{
	char *real, *name;
	int r = pp_tree_real(reader->tree, reader->scratch, path, &real);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	r = pp_owners_find(reader, real, &disk->owners);
	if (r < 0 || disk->owners.count == 0)
		return r < 0 ? r : -ENOENT;
	disk->path = real;
	disk->name = pp_arena_strdup(reader->arena, strrchr(real, '/') + 1);
	char label[PP_PATH_MAX];
	if (!disk->name || pp_path(label, sizeof(label), "%s/dm/name", real) < 0)
		return disk->name ? 0 : -ENOMEM;
	if (!pp_text_starts(disk->name, "dm-"))
		return 0;
	r = pp_tree_line(reader->tree, reader->arena, label, &name);
	if (r == 0 && *name)
		disk->name = name;
	return r == -ENOMEM ? r : 0;
}

int pp_disk_named(struct pp_reader *reader, const char *name, struct pp_disk *ret_disk)
{
	char path[PP_PATH_MAX];
	struct pp_disk disk = {0};
	if (!*name || strchr(name, '/') ||
		pp_path(path, sizeof(path), "/sys/class/block/%s", name) < 0)
		return -ENOENT;
	int r = describe(reader, path, &disk);
	if (r == 0)
		*ret_disk = disk;
	return r;
}

int pp_disk_find(struct pp_reader *reader, unsigned major, unsigned minor, const char *node,
	struct pp_disk *ret_disk)
{
	char path[PP_PATH_MAX];
	struct pp_tree_stat stat;
	struct pp_disk disk = {0};
	if (major == 0 && !pp_text_starts(node, "/dev/"))
		return -ENOENT;
	if (major == 0) {
		if (pp_tree_stat(reader->tree, node, &stat) < 0 || stat.type != 'b')
			return pp_disk_named(reader, strrchr(node, '/') + 1, ret_disk);
		major = stat.major;
		minor = stat.minor;
	}
	pp_path(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	int r = describe(reader, path, &disk);
	if (r == 0)
		*ret_disk = disk;
	return r;
}

/* ---- mounts ---- */

struct mount {
	const struct pp_mount *mount;
	size_t more; /* other places of the same */
	bool root;   /* one of them is / or /usr */
};

static bool same_mount(const struct pp_mount *a, const struct pp_mount *b)
{
	return a->major == b->major && a->minor == b->minor &&
	       (a->major != 0 || pp_text_is(a->source, b->source));
}

static int add_mount(struct pp_reader *reader, const struct mount *place)
{
	const struct pp_mount *mount = place->mount;
	size_t more = place->more;
	struct pp_disk disk;
	int r = pp_disk_find(reader, mount->major, mount->minor, mount->source, &disk);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	struct pp_use use = {.kind = PP_USE_MOUNT,
		.name = disk.name,
		.blocking = true,
		.root = place->root,
		.evidence = pp_arena_printf(reader->arena, PP_MOUNTS ": %s", mount->line)};
	use.text = more ? pp_arena_printf(reader->arena, "%s is mounted on %s and %zu more place%s",
				  disk.name, mount->point, more, more == 1 ? "" : "s")
			: pp_arena_printf(
				  reader->arena, "%s is mounted on %s", disk.name, mount->point);
	return pp_use_add_all(reader, &disk.owners, use);
}

static int read_mounts(struct pp_reader *reader, const struct pp_mount *all, size_t n_all)
{
	struct mount *mounts = pp_arena_array(reader->scratch, n_all + 1, sizeof(*mounts));
	size_t count = 0;
	int r = 0;
	if (!mounts)
		return -ENOMEM;
	for (size_t k = 0; k < n_all; k++) {
		size_t i = 0;
		if (all[k].major == 0 && !pp_text_starts(all[k].source, "/dev/"))
			continue;
		while (i < count && !same_mount(mounts[i].mount, &all[k]))
			i++;
		if (i < count)
			mounts[i].more++;
		else
			mounts[count++].mount = &all[k];
		if (pp_text_is(all[k].point, "/") || pp_text_is(all[k].point, "/usr"))
			mounts[i].root = true;
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_mount(reader, &mounts[i]);
	return r;
}

/* ---- swap ---- */

/* "/dev/nvme0n1p2    partition    8388604    0    -2"; a file lies on a mounted file system. */
static int add_swap(struct pp_reader *reader, const char *line)
{
	const char *at = line, *type;
	size_t length;
	const char *node = pp_mounts_word(reader, &at);
	if (!node || !pp_text_word(&at, " \t", &type, &length) ||
		!pp_text_starts(type, "partition"))
		return 0;
	struct pp_disk disk;
	int r = pp_disk_find(reader, 0, 0, node, &disk);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return pp_use_add_all(reader, &disk.owners,
		(struct pp_use){.kind = PP_USE_SWAP,
			.name = disk.name,
			.blocking = true,
			.text = pp_arena_printf(reader->arena, "%s is swap space", disk.name),
			.evidence = pp_arena_printf(reader->arena, SWAPS ": %s", line)});
}

static int read_swaps(struct pp_reader *reader)
{
	char *text;
	size_t length;
	int r = pp_tree_read(reader->tree, reader->scratch, SWAPS, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *line = text, *next; r == 0 && line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (*line == '/')
			r = add_swap(reader, line);
	}
	return r;
}

int pp_uses_read_disks(struct pp_reader *reader)
{
	struct pp_mount *mounts;
	size_t count;
	int r = pp_mounts_read(reader, &mounts, &count);
	if (r == 0)
		r = read_mounts(reader, mounts, count);
	if (r == 0)
		r = pp_uses_read_shares(reader, mounts, count);
	return r < 0 ? r : read_swaps(reader);
}
