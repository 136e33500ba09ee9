/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree_fd.h"
#include "base/file.h"
#include "base/parse.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An attribute of sysfs comes whole in one read, so that a short one is its end; seq files of /proc
 * and of the file systems below /sys/kernel and /sys/fs may give less than there is. */
static bool short_is_end(const char *path)
{
	if (!pp_text_starts(path, "/sys/") || pp_text_starts(path, "/sys/fs/"))
		return false;
	return !pp_text_starts(path, "/sys/kernel/") ||
	       pp_text_starts(path, "/sys/kernel/iommu_groups/");
}

ssize_t pp_tree_fd_read(int fd, const char *path, char *data, size_t size)
{
	size_t length = 0;
	while (length < size) {
		size_t want = size - length;
		ssize_t n = read(fd, data + length, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		length += (size_t)n;
		if (n == 0 || ((size_t)n < want && (size_t)n < PP_TREE_PIECE && short_is_end(path)))
			break;
	}
	return (ssize_t)length;
}

int pp_tree_keep(struct pp_arena *arena, const char *data, size_t length, char **ret_data,
	size_t *ret_length)
{
	char *copy = pp_arena_strndup(arena, data, length);
	if (!copy)
		return -ENOMEM;
	*ret_data = copy;
	if (ret_length)
		*ret_length = length;
	return 0;
}

/* What a file on a disk says of its size is true; it may be cut short meanwhile. */
static int read_sized(int fd, const char *path, size_t size, struct pp_arena *arena,
	const char *first, size_t n_first, char **ret_data, size_t *ret_length)
{
	char *data = pp_arena_alloc(arena, size + 1);
	if (!data)
		return -ENOMEM;
	memcpy(data, first, n_first);
	ssize_t n = pp_tree_fd_read(fd, path, data + n_first, size - n_first);
	if (n < 0)
		return (int)n;
	*ret_data = data;
	if (ret_length)
		*ret_length = n_first + (size_t)n;
	return 0;
}

int pp_tree_fd_whole(int fd, const char *path, size_t max, struct pp_arena *arena, char **ret_data,
	size_t *ret_length)
{
	struct stat st;
	char first[PP_TREE_PIECE];
	ssize_t n = pp_tree_fd_read(fd, path, first, sizeof(first));
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(first))
		return pp_tree_keep(arena, first, (size_t)n, ret_data, ret_length);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size > sizeof(first) &&
		(uint64_t)st.st_size <= max)
		return read_sized(fd, path, (size_t)st.st_size, arena, first, sizeof(first),
			ret_data, ret_length);
	PP_FREE char *rest = NULL;
	size_t length;
	max = max > sizeof(first) ? max - sizeof(first) : 0;
	int r = pp_file_read_fd(fd, max, &rest, &length);
	if (r < 0)
		return r;
	char *data = pp_arena_alloc(arena, sizeof(first) + length + 1);
	if (!data)
		return -ENOMEM;
	memcpy(data, first, sizeof(first));
	memcpy(data + sizeof(first), rest, length);
	*ret_data = data;
	if (ret_length)
		*ret_length = sizeof(first) + length;
	return 0;
}
