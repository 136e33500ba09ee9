/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File systems that are mounted, and swap. */
#include "base/parse.h"
#include "lib/host/use.h"
#include <errno.h>
#include <string.h>

#define MOUNTS "/proc/self/mountinfo"
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

/* ---- mounts
 * ----------------------------------------------------------------------------------------- */

struct mount {
	unsigned major, minor;
	const char *point, *source, *line;
	size_t more; /* other places of the same */
};

/* Blanks and backslashes are written as three octal digits. */
static char *unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at;) {
		bool octal = at[0] == '\\' && strspn(at + 1, "01234567") >= 3 && at[1] <= '3';
		*to++ = octal ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'))
			      : *at;
		at += octal ? 4 : 1;
	}
	*to = '\0';
	return text;
}

static char *copy_word(struct pp_reader *reader, const char **cursor)
{
	const char *word;
	size_t length;
	if (!pp_text_word(cursor, " \t", &word, &length))
		return NULL;
	char *text = pp_arena_strndup(reader->arena, word, length);
	return text ? unescape(text) : NULL;
}

/* "36 35 259:1 / /mnt rw,noatime shared:1 - ext4 /dev/nvme0n1p1 rw" */
static bool parse_mount(struct pp_reader *reader, const char *line, struct mount *ret_mount)
{
	const char *at = line, *word, *end;
	size_t length;
	uint64_t major, minor;
	if (!pp_text_word(&at, " ", &word, &length) || !pp_text_word(&at, " ", &word, &length) ||
		!pp_text_word(&at, " ", &word, &length) ||
		pp_parse_prefix(word, 10, UINT32_MAX, &major, &end) < 0 || *end != ':' ||
		pp_parse_prefix(end + 1, 10, UINT32_MAX, &minor, &end) < 0 || *end != ' ' ||
		!pp_text_word(&at, " ", &word, &length))
		return false;
	*ret_mount =
		(struct mount){.major = (unsigned)major, .minor = (unsigned)minor, .line = line};
	ret_mount->point = copy_word(reader, &at);
	const char *dash = strstr(at, " - ");
	if (!ret_mount->point || !dash)
		return false;
	dash += strlen(" - ");
	if (!pp_text_word(&dash, " ", &word, &length))
		return false;
	ret_mount->source = copy_word(reader, &dash);
	return ret_mount->source;
}

static bool same_mount(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor &&
	       (a->major != 0 || pp_text_is(a->source, b->source));
}

static int add_mount(struct pp_reader *reader, const struct mount *mount)
{
	struct pp_disk disk;
	int r = pp_disk_find(reader, mount->major, mount->minor, mount->source, &disk);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	struct pp_use use = {.kind = PP_USE_MOUNT,
		.name = disk.name,
		.blocking = true,
		.evidence = pp_arena_printf(reader->arena, MOUNTS ": %s", mount->line)};
	use.text = mount->more ? pp_arena_printf(reader->arena,
					 "%s is mounted on %s and %zu more place%s", disk.name,
					 mount->point, mount->more, mount->more == 1 ? "" : "s")
			       : pp_arena_printf(reader->arena, "%s is mounted on %s", disk.name,
					 mount->point);
	return pp_use_add_all(reader, &disk.owners, use);
}

static int read_mounts(struct pp_reader *reader)
{
	char *text;
	size_t length, room = 1, count = 0;
	int r = pp_tree_read(reader->tree, reader->scratch, MOUNTS, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		room++;
	struct mount *mounts = pp_arena_array(reader->scratch, room, sizeof(*mounts));
	if (!mounts)
		return -ENOMEM;
	for (char *line = text, *next; line && *line; line = next) {
		struct mount mount;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!parse_mount(reader, line, &mount) ||
			(mount.major == 0 && !pp_text_starts(mount.source, "/dev/")))
			continue;
		size_t i = 0;
		while (i < count && !same_mount(&mounts[i], &mount))
			i++;
		if (i < count)
			mounts[i].more++;
		else
			mounts[count++] = mount;
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_mount(reader, &mounts[i]);
	return r;
}

/* ---- swap
 * --------------------------------------------------------------------------------------------- */

/* "/dev/nvme0n1p2    partition    8388604    0    -2"; a file lies on a mounted file system. */
static int add_swap(struct pp_reader *reader, const char *line)
{
	const char *at = line, *type;
	size_t length;
	char *node = copy_word(reader, &at);
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
	int r = read_mounts(reader);
	return r < 0 ? r : read_swaps(reader);
}
