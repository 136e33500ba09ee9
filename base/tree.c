/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/tree_fd.h"
#include "base/tree_text.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define READ_MAX ((size_t)16 << 20)
#define TEXT_MAX ((size_t)256 << 20)

struct pp_tree {
	char *root;                /* "" live, the folder, or the file */
	int root_fd;               /* of a folder, else -1 */
	struct pp_tree_text *text; /* of a machine as text, else NULL */
	pp_tree_seen *seen;
	void *seen_data;
	struct pp_trouble trouble;
};

void pp_tree_watch(struct pp_tree *tree, pp_tree_seen *seen, void *data)
{
	tree->seen = seen;
	tree->seen_data = data;
}

static void tell(const struct pp_tree *tree, enum pp_tree_access access, const char *path)
{
	if (tree->seen)
		tree->seen(access, path, tree->seen_data);
}

static ssize_t noted(struct pp_tree *tree, const char *path, ssize_t result)
{
	return pp_trouble_note(&tree->trouble, path, result);
}

struct pp_trouble pp_tree_trouble_take(struct pp_tree *tree)
{
	return pp_trouble_take(&tree->trouble);
}

/* ---- opening ---- */

static struct pp_tree *tree_new(const char *root)
{
	struct pp_tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return NULL;
	tree->root_fd = -1;
	tree->root = strdup(root);
	if (!tree->root) {
		free(tree);
		return NULL;
	}
	for (size_t n = strlen(root); n > 1 && tree->root[n - 1] == '/'; n--)
		tree->root[n - 1] = '\0';
	return tree;
}

void pp_tree_free(struct pp_tree *tree)
{
	if (!tree)
		return;
	if (tree->root_fd >= 0)
		close(tree->root_fd);
	pp_tree_text_free(tree->text);
	free(tree->root);
	free(tree);
}

int pp_tree_parse(const char *name, const char *text, size_t length, struct pp_tree **ret_tree,
	struct pp_error *error)
{
	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = tree_new(name);
	if (!tree)
		return pp_error_oom(error);
	int r = pp_tree_text_parse(name, text, length, &tree->text, error);
	if (r < 0)
		return r;
	*ret_tree = PP_TAKE(tree);
	return 0;
}

static int open_file(const char *path, struct pp_tree **ret_tree, struct pp_error *error)
{
	PP_FREE char *text = NULL;
	size_t length;
	int r = pp_file_read(AT_FDCWD, path, TEXT_MAX, &text, &length);
	if (r < 0)
		return pp_error_errno(error, r, "cannot read the machine in %s", path);
	return pp_tree_parse(path, text, length, ret_tree, error);
}

int pp_tree_open(const char *root, struct pp_tree **ret_tree, struct pp_error *error)
{
	struct stat st, live = {0};
	bool is_live = !root || strcmp(root, "/") == 0;
	if (!is_live && stat(root, &st) < 0) {
		pp_error_errno(error, errno, "cannot open the root %s", root);
		if (error)
			error->status = PP_STATUS_USAGE;
		return error ? -error->code : -ENOENT;
	}
	/* However it is written: "/." is this machine too, and must be guarded like it. */
	if (!is_live && S_ISDIR(st.st_mode) && stat("/", &live) == 0)
		is_live = st.st_dev == live.st_dev && st.st_ino == live.st_ino;
	if (!is_live && S_ISREG(st.st_mode))
		return open_file(root, ret_tree, error);
	if (!is_live && !S_ISDIR(st.st_mode))
		return pp_error_set(error, PP_STATUS_USAGE, EINVAL,
			"the root %s is neither a folder nor a file that describes a machine",
			root);

	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = tree_new(is_live ? "" : root);
	if (!tree)
		return pp_error_oom(error);
	if (!is_live) {
		tree->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (tree->root_fd < 0)
			return pp_error_errno(error, errno, "cannot open the root %s", root);
	}
	*ret_tree = PP_TAKE(tree);
	return 0;
}

bool pp_tree_is_live(const struct pp_tree *tree)
{
	return tree->root_fd < 0 && !tree->text;
}

bool pp_tree_is_text(const struct pp_tree *tree)
{
	return tree->text;
}

const char *pp_tree_root(const struct pp_tree *tree)
{
	return tree->root;
}

static int open_path(const struct pp_tree *tree, const char *path, int flags)
{
	if (*path != '/')
		return -EINVAL;
	flags |= O_CLOEXEC;
	if (tree->root_fd < 0) {
		int fd = open(path, flags | O_NOCTTY);
		return fd < 0 ? -errno : fd;
	}
	if (!(flags & O_PATH))
		flags |= O_NONBLOCK | O_NOCTTY; /* a fifo in a folder must not stop us */
	struct open_how how = {
		.flags = (uint64_t)flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	/* -EAGAIN: the kernel could not tell whether a folder was moved out meanwhile. */
	for (int try = 0; try < 16; try++) {
		long fd = syscall(SYS_openat2, tree->root_fd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN)
			return -errno;
	}
	return -EAGAIN;
}

/* Opens a file of this machine or of a folder, out of which no link leads. */
static int open_at(struct pp_tree *tree, const char *path, int flags)
{
	return (int)noted(tree, path, open_path(tree, path, flags));
}

/* ---- reading ---- */

/* The whole of a file of text: its data live in the tree. */
static int text_file(
	const struct pp_tree *tree, const char *path, const struct pp_tree_node **ret_node)
{
	const struct pp_tree_node *node;
	int r = pp_tree_text_find(tree->text, path, true, &node);
	if (r < 0)
		return r;
	if (node->type == '!')
		return -node->error;
	if (node->type != 'f')
		return node->type == 'd' ? -EISDIR : -ENXIO;
	*ret_node = node;
	return 0;
}

ssize_t pp_tree_read_bytes(struct pp_tree *tree, const char *path, void *bytes, size_t size)
{
	tell(tree, PP_TREE_READ, path);
	if (tree->text) {
		const struct pp_tree_node *node = NULL;
		int r = (int)noted(tree, path, text_file(tree, path, &node));
		if (r < 0)
			return r;
		size_t n = node->length < size ? node->length : size;
		if (n > 0)
			memcpy(bytes, node->data, n);
		return (ssize_t)n;
	}
	PP_CLOSE int fd = open_at(tree, path, O_RDONLY);
	if (fd < 0)
		return fd;
	return noted(tree, path, pp_tree_fd_read(fd, path, bytes, size));
}

int pp_tree_file_open(struct pp_tree *tree, const char *path, struct pp_tree_file *ret_file)
{
	tell(tree, PP_TREE_READ, path);
	if (tree->text) {
		const struct pp_tree_node *node = NULL;
		int r = text_file(tree, path, &node);
		if (r == 0)
			*ret_file = (struct pp_tree_file){-1, node->data, node->length};
		return r;
	}
	int fd = open_at(tree, path, O_RDONLY);
	if (fd < 0)
		return fd;
	*ret_file = (struct pp_tree_file){.fd = fd};
	return 0;
}

ssize_t pp_tree_file_read(
	const struct pp_tree_file *file, uint64_t offset, void *bytes, size_t size)
{
	if (file->fd < 0) {
		if (offset >= file->length)
			return 0;
		size_t rest = file->length - (size_t)offset;
		size = size < rest ? size : rest;
		memcpy(bytes, file->data + offset, size);
		return (ssize_t)size;
	}
	if (offset > INT64_MAX)
		return 0;
	ssize_t n;
	do
		n = pread(file->fd, bytes, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void pp_tree_file_close(struct pp_tree_file *file)
{
	pp_closep(&file->fd);
	file->fd = -1;
}

static int read_text(const struct pp_tree *tree, struct pp_arena *arena, const char *path,
	size_t max, char **ret_data, size_t *ret_length)
{
	const struct pp_tree_node *node = NULL;
	int r = text_file(tree, path, &node);
	if (r < 0)
		return r;
	return node->length > max
		       ? -EFBIG
		       : pp_tree_keep(arena, node->data, node->length, ret_data, ret_length);
}

int pp_tree_read(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_data,
	size_t *ret_length)
{
	tell(tree, PP_TREE_READ, path);
	if (tree->text)
		return (int)noted(
			tree, path, read_text(tree, arena, path, SIZE_MAX, ret_data, ret_length));
	PP_CLOSE int fd = open_at(tree, path, O_RDONLY);
	return fd < 0 ? fd
		      : (int)noted(tree, path,
				pp_tree_fd_whole(fd, path, READ_MAX, arena, ret_data, ret_length));
}

int pp_tree_read_regular(struct pp_tree *tree, struct pp_arena *arena, const char *path, size_t max,
	char **ret_data, size_t *ret_length)
{
	struct stat stat;
	char self[64];
	tell(tree, PP_TREE_READ, path);
	if (tree->text)
		return read_text(tree, arena, path, max, ret_data, ret_length);
	/* What was looked at is what is opened, whatever is put into its place meanwhile. */
	PP_CLOSE int seen = open_at(tree, path, O_PATH | O_NOFOLLOW);
	if (seen < 0)
		return seen;
	if (fstat(seen, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -ENXIO;
	if ((uint64_t)stat.st_size > max)
		return -EFBIG;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", seen);
	PP_CLOSE int fd = open(self, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : pp_tree_fd_whole(fd, path, max, arena, ret_data, ret_length);
}

/* The first line without its newline and trailing blanks, in LINE of SIZE; its length. */
static ssize_t read_line(struct pp_tree *tree, const char *path, char *line, size_t size)
{
	ssize_t n = pp_tree_read_bytes(tree, path, line, size - 1);
	if (n < 0)
		return n;
	char *newline = memchr(line, '\n', (size_t)n);
	size_t length = newline ? (size_t)(newline - line) : (size_t)n;
	while (length > 0 && strchr(" \t\r", line[length - 1]))
		length--;
	line[length] = '\0';
	return (ssize_t)length;
}

int pp_tree_line(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_line)
{
	char line[PP_TREE_PIECE + 1];
	ssize_t n = read_line(tree, path, line, sizeof(line));
	return n < 0 ? (int)n : pp_tree_keep(arena, line, (size_t)n, ret_line, NULL);
}

int pp_tree_u64(struct pp_tree *tree, const char *path, int base, uint64_t *ret_value)
{
	char line[64];
	ssize_t n = read_line(tree, path, line, sizeof(line));
	return n < 0 ? (int)n : pp_parse_u64(line, base, UINT64_MAX, ret_value);
}

int pp_tree_int(struct pp_tree *tree, const char *path, int *ret_value)
{
	char line[64];
	ssize_t n = read_line(tree, path, line, sizeof(line));
	return n < 0 ? (int)n : pp_parse_int(line, ret_value);
}

/* ---- links ---- */

static ssize_t read_link_of(struct pp_tree *tree, const char *path, char *target)
{
	if (tree->text) {
		const struct pp_tree_node *node;
		int r = pp_tree_text_find(tree->text, path, false, &node);
		if (r < 0)
			return r;
		if (node->type != 'l')
			return node->type == '!' ? -node->error : -EINVAL;
		if (node->length >= PP_PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(target, node->data, node->length + 1);
		return (ssize_t)node->length;
	}
	ssize_t n;
	if (tree->root_fd < 0) {
		if (*path != '/')
			return -EINVAL;
		n = readlink(path, target, PP_PATH_MAX);
	} else {
		PP_CLOSE int fd = open_at(tree, path, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return fd;
		n = readlinkat(fd, "", target, PP_PATH_MAX);
		/* With an empty path this is what the kernel says of what is no link. */
		if (n < 0 && errno == ENOENT)
			return -EINVAL;
	}
	if (n < 0)
		return -errno;
	if (n == PP_PATH_MAX)
		return -ENAMETOOLONG;
	target[n] = '\0';
	return n;
}

/* Into TARGET of PP_PATH_MAX; its length. */
static ssize_t read_link(struct pp_tree *tree, const char *path, char *target)
{
	tell(tree, PP_TREE_LINK, path);
	return noted(tree, path, read_link_of(tree, path, target));
}

int pp_tree_link(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_target)
{
	char target[PP_PATH_MAX];
	ssize_t n = read_link(tree, path, target);
	return n < 0 ? (int)n : pp_tree_keep(arena, target, (size_t)n, ret_target, NULL);
}

int pp_tree_link_name(
	struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_name)
{
	char target[PP_PATH_MAX];
	ssize_t n = read_link(tree, path, target);
	if (n < 0)
		return (int)n;
	const char *slash = memrchr(target, '/', (size_t)n);
	const char *name = slash ? slash + 1 : target;
	return pp_tree_keep(arena, name, (size_t)(target + n - name), ret_name, NULL);
}

/* The path of an open file as the kernel knows it, in PATH of PP_PATH_MAX. */
static int path_of_fd(int fd, char *path)
{
	char link[40];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, PP_PATH_MAX);
	if (n < 0)
		return -errno;
	if (n == PP_PATH_MAX)
		return -ENAMETOOLONG;
	path[n] = '\0';
	/* So the kernel marks what went away between opening and asking. */
	if (pp_text_ends(path, " (deleted)") && access(path, F_OK) < 0)
		return -ENOENT;
	return 0;
}

static int real_text(
	const struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_path)
{
	const struct pp_tree_node *node;
	int r = pp_tree_text_find(tree->text, path, true, &node);
	if (r < 0)
		return r;
	size_t length = 0;
	for (const struct pp_tree_node *at = node; at->parent != at; at = at->parent)
		length += strlen(at->name) + 1;
	char *real = pp_arena_alloc(arena, length + 2);
	if (!real)
		return -ENOMEM;
	real[0] = '/';
	for (const struct pp_tree_node *at = node; at->parent != at; at = at->parent) {
		size_t n = strlen(at->name);
		length -= n + 1;
		real[length] = '/';
		memcpy(real + length + 1, at->name, n);
	}
	*ret_path = real;
	return 0;
}

int pp_tree_real(struct pp_tree *tree, struct pp_arena *arena, const char *path, char **ret_path)
{
	tell(tree, PP_TREE_REAL, path);
	if (tree->text)
		return real_text(tree, arena, path, ret_path);
	PP_CLOSE int fd = open_at(tree, path, O_PATH);
	if (fd < 0)
		return fd;
	char real[PP_PATH_MAX];
	int r = (int)noted(tree, path, path_of_fd(fd, real));
	if (r < 0)
		return r;
	const char *from = real;
	if (tree->root_fd >= 0) {
		char root[PP_PATH_MAX];
		r = (int)noted(tree, path, path_of_fd(tree->root_fd, root));
		if (r < 0)
			return r;
		size_t length = strlen(root);
		if (strncmp(real, root, length) != 0 || (real[length] && real[length] != '/'))
			return -EXDEV;
		from = real[length] ? real + length : "/";
	}
	return pp_tree_keep(arena, from, strlen(from), ret_path, NULL);
}

/* ---- folders ---- */

struct names {
	struct pp_arena *arena;
	char **items;
	size_t count, room;
};

static int names_add(struct names *names, const char *name)
{
	if (names->count == names->room) {
		size_t room = names->room ? names->room * 2 : 32;
		char **more = pp_arena_grow(names->arena, names->items,
			names->count * sizeof(*more), room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		names->items = more;
		names->room = room;
	}
	names->items[names->count] = pp_arena_strdup(names->arena, name);
	return names->items[names->count++] ? 0 : -ENOMEM;
}

static int list_text(const struct pp_tree *tree, const char *path, struct names *names)
{
	const struct pp_tree_node *node;
	int r = pp_tree_text_find(tree->text, path, true, &node);
	if (r < 0)
		return r;
	if (node->type != 'd')
		return node->type == '!' ? -node->error : -ENOTDIR;
	for (size_t i = 0; i < node->n_children && r >= 0; i++)
		r = names_add(names, node->children[i]->name);
	return r;
}

static int list_fd(int fd, struct names *names)
{
	_Alignas(struct dirent64) char buffer[32768];
	for (;;) {
		ssize_t n = getdents64(fd, buffer, sizeof(buffer));
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			int r = names_add(names, entry->d_name);
			if (r < 0)
				return r;
		}
	}
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int pp_tree_list(struct pp_tree *tree, struct pp_arena *arena, const char *path, char ***ret_names,
	size_t *ret_count)
{
	tell(tree, PP_TREE_LIST, path);
	struct names names = {.arena = arena};
	int r;
	if (tree->text) {
		r = list_text(tree, path, &names);
	} else {
		PP_CLOSE int fd = open_at(tree, path, O_RDONLY | O_DIRECTORY);
		r = fd < 0 ? fd : list_fd(fd, &names);
	}
	if (noted(tree, path, r) < 0)
		return r;
	if (names.count > 1)
		qsort(names.items, names.count, sizeof(*names.items), compare_texts);
	*ret_names = names.items;
	*ret_count = names.count;
	return 0;
}

bool pp_tree_exists(struct pp_tree *tree, const char *path)
{
	tell(tree, PP_TREE_EXISTS, path);
	if (tree->text) {
		const struct pp_tree_node *node;
		return pp_tree_text_find(tree->text, path, true, &node) >= 0 &&
		       !(node->type == '!' && node->error == ENOENT);
	}
	if (tree->root_fd < 0)
		return *path == '/' && noted(tree, path, access(path, F_OK) < 0 ? -errno : 0) == 0;
	PP_CLOSE int fd = open_at(tree, path, O_PATH);
	return fd >= 0;
}

static char type_of(mode_t mode)
{
	if (S_ISREG(mode))
		return 'f';
	if (S_ISDIR(mode))
		return 'd';
	if (S_ISCHR(mode))
		return 'c';
	return S_ISBLK(mode) ? 'b' : 'l';
}

static int stat_text(const struct pp_tree *tree, const char *path, struct pp_tree_stat *ret_stat)
{
	const struct pp_tree_node *node;
	int r = pp_tree_text_find(tree->text, path, true, &node);
	if (r < 0)
		return r;
	if (node->type == '!')
		return -node->error;
	if (node->type == 'c' || node->type == 'b')
		*ret_stat = node->stat;
	else
		*ret_stat = (struct pp_tree_stat){.type = node->type,
			.mode = node->type == 'd' ? 0755 : 0644,
			.size = node->type == 'f' ? node->length : 0};
	return 0;
}

int pp_tree_stat(struct pp_tree *tree, const char *path, struct pp_tree_stat *ret_stat)
{
	tell(tree, PP_TREE_STAT, path);
	struct stat st;
	if (tree->text)
		return stat_text(tree, path, ret_stat);
	if (tree->root_fd < 0) {
		if (*path != '/')
			return -EINVAL;
		if (stat(path, &st) < 0)
			return (int)noted(tree, path, -errno);
	} else {
		PP_CLOSE int fd = open_at(tree, path, O_PATH);
		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return (int)noted(tree, path, -errno);
	}
	*ret_stat = (struct pp_tree_stat){.type = type_of(st.st_mode),
		.mode = st.st_mode & 07777,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.major = major(st.st_rdev),
		.minor = minor(st.st_rdev),
		.size = (uint64_t)st.st_size};
	return 0;
}

int pp_path(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(buffer, size, format, args);
	va_end(args);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
