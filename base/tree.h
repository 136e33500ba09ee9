/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree: the files of a machine, read only. Either a directory (the live "/", or another root) or
 * a machine written down as text (tests/hosts/NAME.host), one file a line:
 *
 *   # comment
 *   /sys/bus/pci/devices/0000:00:1a.7 -> ../../../devices/pci0000:00/0000:00:1a.7
 *   /sys/devices/pci0000:00/0000:00:1a.7/vendor = 0x8086        (a newline is added to what is
 * read) /sys/devices/pci0000:00/0000:00:1a.7/config : 86806c3a...   (bytes in hex) /proc/mounts =
 * /dev/sda1 / ext4 rw 0 0\n/dev/...            (\n \t \\ \xNN are escapes) /dev/kvm % c 10 232 0660
 * 0 109                              (node: type major minor mode uid gid)
 *   /sys/kernel/iommu_groups/                                   (an empty folder)
 *   /sys/firmware/acpi/tables/DMAR ! EACCES                     (an error that reading gives)
 *
 * Paths are absolute and follow links inside the tree (a link cannot leave it). Errors are -errno.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/trouble.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pp_tree;

/* NULL or "/" is the live machine; a directory; or a regular file: a machine as text. */
int pp_tree_open(const char *root, struct pp_tree **ret_tree, struct pp_error *error);
/* TEXT as in a .host file; NAME is used in messages. */
int pp_tree_parse(const char *name, const char *text, size_t length, struct pp_tree **ret_tree,
	struct pp_error *error);
void pp_tree_free(struct pp_tree *tree);
PP_DEFINE_CLEANUP(struct pp_tree *, pp_tree_free)

bool pp_tree_is_live(const struct pp_tree *tree);
bool pp_tree_is_text(const struct pp_tree *tree); /* a machine as text: nothing can be written */
const char *pp_tree_root(const struct pp_tree *tree); /* "" for live, the directory, or the file */

/* The whole file; at most 16 MiB. In the arena, NUL added. */
int pp_tree_read(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_data,
	size_t *ret_length);
/* The same of a regular file of at most MAX bytes that is no link, and of nothing else: where
 * others can put what they like, a fifo would stop us, and to open a node (a watchdog, a tape) or a
 * file of the kernel's does something. -ENXIO: it is no such file; -EFBIG. */
int pp_tree_read_regular(struct pp_tree *tree, struct pp_arena *arena, const char *path, size_t max,
	char **ret_data, size_t *ret_length);
/* At most SIZE bytes from the start; returns how many, or -errno. */
ssize_t pp_tree_read_bytes(struct pp_tree *tree, const char *path, void *bytes, size_t size);
/* A file that is read in pieces (config space, of which not every byte may be touched). */
struct pp_tree_file {
	int fd;           /* -1: the data */
	const char *data; /* lives in the tree */
	size_t length;
};
int pp_tree_file_open(struct pp_tree *tree, const char *path, struct pp_tree_file *ret_file);
/* SIZE bytes at OFFSET; fewer at the end. Returns how many, or -errno. */
ssize_t pp_tree_file_read(
	const struct pp_tree_file *file, uint64_t offset, void *bytes, size_t size);
void pp_tree_file_close(struct pp_tree_file *file);
/* One line without its newline and trailing blanks. */
int pp_tree_line(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_line);
int pp_tree_u64(struct pp_tree *tree, const char *path, int base, uint64_t *ret_value);
int pp_tree_int(struct pp_tree *tree, const char *path, int *ret_value);
/* A link's target as it is written, and the last part of it ("ehci-pci" of driver). */
int pp_tree_link(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_target);
int pp_tree_link_name(
	struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_name);
/* The path with all links followed (relative to the tree's root). */
int pp_tree_real(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_path);
/* The names in a folder, without . and .., sorted by byte. */
int pp_tree_list(struct pp_tree *tree, struct pp_arena *arena, const char *path, char ***ret_names,
	size_t *ret_count);
bool pp_tree_exists(struct pp_tree *tree, const char *path);

struct pp_tree_stat {
	char type; /* f file, d folder, c b character and block device, l other */
	unsigned mode, uid, gid, major, minor;
	uint64_t size;
};
int pp_tree_stat(struct pp_tree *tree, const char *path, struct pp_tree_stat *ret_stat);

/* SEEN is told of every path that is asked for, before it is looked at: a machine is written down
 * as text by what was asked of it. NULL: nobody. */
enum pp_tree_access {
	PP_TREE_READ,
	PP_TREE_LINK,
	PP_TREE_REAL,
	PP_TREE_LIST,
	PP_TREE_EXISTS,
	PP_TREE_STAT,
};
typedef void pp_tree_seen(enum pp_tree_access access, const char *path, void *data);
void pp_tree_watch(struct pp_tree *tree, pp_tree_seen *seen, void *data);

/* The trouble since this was asked last. */
struct pp_trouble pp_tree_trouble_take(struct pp_tree *tree);

/* Makes a path: pp_tree_path(buffer, size, "%s/%s", ...) style helper; -ENAMETOOLONG when cut. */
int pp_path(char *buffer, size_t size, const char *format, ...) PP_PRINTF(3, 4);
#define PP_PATH_MAX 4096

#endif
