/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Folders that a machine around this one shares with it (9p, virtiofs), where they are mounted: by
 * tag, for they have no block device. */
#include "base/parse.h"
#include "lib/host/mounts.h"
#include "lib/host/use.h"
#include <errno.h>
#include <string.h>

#define DRIVER_9P "/sys/bus/virtio/drivers/9pnet_virtio"
#define VIRTIOFS "/sys/fs/virtiofs"

struct share {
	const char *type; /* of the mount: "9p", "virtiofs" */
	const char *tag;
	struct pp_owners owners;
	bool mounted;
};
struct shares {
	struct pp_reader *reader;
	struct share *items;
	size_t count;
	const struct pp_mount *mounts;
	size_t n_mounts;
};

/* FOLDER is the share's own, DEVICE a link in it to the device, or "" where it is that. */
static int add_share(struct shares *shares, const char *type, const char *folder,
	const char *tag_file, const char *device)
{
	struct pp_reader *reader = shares->reader;
	struct share share = {.type = type};
	char path[PP_PATH_MAX], *real, *tag;

	if (pp_path(path, sizeof(path), "%s/%s", folder, tag_file) < 0)
		return 0;
	int r = pp_tree_line(reader->tree, reader->arena, path, &tag);
	if (r == 0 && pp_path(path, sizeof(path), "%s%s", folder, device) == 0)
		r = pp_tree_real(reader->tree, reader->scratch, path, &real);
	if (r == 0)
		r = pp_owners_find(reader, real, &share.owners);
	if (r < 0 || share.owners.count == 0)
		return r == -ENOMEM ? r : 0;
	share.tag = tag;
	shares->items[shares->count++] = share;
	return 0;
}

static int list_shares(struct shares *shares, const char *type, const char *folder,
	const char *tag_file, const char *device)
{
	struct pp_reader *reader = shares->reader;
	char path[PP_PATH_MAX], **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	size_t size = shares->count * sizeof(*shares->items);
	shares->items = pp_arena_grow(
		reader->scratch, shares->items, size, size + (count + 1) * sizeof(*shares->items));
	if (!shares->items)
		return -ENOMEM;
	r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (pp_path(path, sizeof(path), "%s/%s", folder, names[i]) == 0)
			r = add_share(shares, type, path, tag_file, device);
	}
	return r;
}

static int add_use(struct shares *shares, struct share *share, const char *line, const char *format,
	const char *where)
{
	struct pp_reader *reader = shares->reader;

	share->mounted = true;
	return pp_use_add_all(reader, &share->owners,
		(struct pp_use){.kind = PP_USE_MOUNT,
			.name = share->tag,
			.blocking = true,
			.text = pp_arena_printf(reader->arena, format, share->tag, where),
			.evidence = pp_arena_printf(reader->arena, PP_MOUNTS ": %s", line)});
}

static int add_mounted(struct shares *shares, const struct pp_mount *mount)
{
	for (size_t i = 0; i < shares->count; i++) {
		struct share *share = &shares->items[i];

		if (!share->mounted && pp_text_is(share->type, mount->type) &&
			pp_text_is(share->tag, mount->source))
			return add_use(shares, share, mount->line,
				"the shared folder %s is mounted on %s", mount->point);
	}
	return 0;
}

/* The lowest layer of a root that is stacked at boot is mounted where nobody sees it any more. */
static const struct pp_mount *hidden_root(const struct shares *shares)
{
	for (size_t i = 0; i < shares->n_mounts; i++) {
		const struct pp_mount *mount = &shares->mounts[i];
		const char *lower = strstr(mount->options, "lowerdir=");

		if (!pp_text_is(mount->point, "/") || !pp_text_is(mount->type, "overlay") || !lower)
			continue;
		lower += strlen("lowerdir=");
		size_t length = strcspn(lower, ":,");
		char *path = pp_arena_strndup(shares->reader->scratch, lower, length);
		bool seen = !path || !*path;
		for (size_t j = 0; !seen && j < shares->n_mounts; j++)
			seen = shares->mounts[j].point[1] &&
			       pp_text_starts(path, shares->mounts[j].point);
		return seen ? NULL : mount;
	}
	return NULL;
}

int pp_uses_read_shares(struct pp_reader *reader, const struct pp_mount *mounts, size_t n_mounts)
{
	struct shares shares = {.reader = reader, .mounts = mounts, .n_mounts = n_mounts};
	int r = list_shares(&shares, "9p", DRIVER_9P, "mount_tag", "");

	if (r == 0)
		r = list_shares(&shares, "virtiofs", VIRTIOFS, "tag", "/device");
	for (size_t i = 0; r == 0 && shares.count && i < n_mounts; i++)
		r = add_mounted(&shares, &mounts[i]);
	const struct pp_mount *root = r == 0 && shares.count ? hidden_root(&shares) : NULL;
	for (size_t i = 0; r == 0 && root && i < shares.count; i++) {
		if (!shares.items[i].mounted)
			r = add_use(&shares, &shares.items[i], root->line,
				"the shared folder %s may be the lowest layer of %s, which is out "
				"of sight",
				"/");
	}
	return r;
}
