/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/cleanup.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_STEP ((size_t)4096)
#define REMOVE_DEPTH 128

int pp_file_read_fd(int fd, size_t max, char **ret_data, size_t *ret_length)
{
	size_t size = READ_STEP + 1, length = 0;
	PP_FREE char *data = malloc(size);
	if (!data)
		return -ENOMEM;
	for (;;) {
		if (length == size - 1) {
			if (size > SIZE_MAX / 2)
				return -EFBIG;
			char *more = realloc(data, size * 2);
			if (!more)
				return -ENOMEM;
			data = more;
			size *= 2;
		}
		ssize_t n = read(fd, data + length, size - 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > max)
			return -EFBIG;
	}
	data[length] = '\0';
	*ret_data = PP_TAKE(data);
	if (ret_length)
		*ret_length = length;
	return 0;
}

int pp_file_read(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_length)
{
	PP_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	return pp_file_read_fd(fd, max, ret_data, ret_length);
}

int pp_file_poke(int dir_fd, const char *path, const char *text)
{
	PP_CLOSE int fd = openat(dir_fd, path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	size_t length = strlen(text);
	ssize_t n = write(fd, text, length);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

int pp_file_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;
	while (length > 0) {
		ssize_t n = write(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

/* The folder of a path ("." where it names none); the rest begins at *ret_name. */
static char *folder_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* A new file that is locked while its writer lives: 0 where it was swept before it was. */
static int locked_open(int folder, const char *temporary, mode_t mode, int *ret_fd)
{
	struct stat st;
	PP_CLOSE int fd = openat(folder, temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0700);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	/* Where files cannot be locked, nothing is swept either. */
	bool caught = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (caught || st.st_nlink == 0)
		return 0;
	*ret_fd = PP_TAKE_FD(fd);
	return 1;
}

static int temporary_open(int folder, const char *name, mode_t mode, char **ret_temporary)
{
	for (int try = 0; try < 100; try++) {
		uint64_t random = 0;
		int fd = -1;
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -EIO;
		PP_FREE char *temporary = NULL;
		if (asprintf(&temporary, ".%.200s.%012llx", name,
			    (unsigned long long)(random & 0xffffffffffffULL)) < 0) {
			temporary = NULL;
			return -ENOMEM;
		}
		int r = locked_open(folder, temporary, mode, &fd);
		if (r > 0)
			*ret_temporary = PP_TAKE(temporary);
		if (r != 0)
			return r < 0 ? r : fd;
	}
	return -EEXIST;
}

static int fill(int fd, const void *data, size_t length, mode_t mode)
{
	int r = pp_file_write_all(fd, data, length);
	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int pp_file_replace(int dir_fd, const char *path, const void *data, size_t length, mode_t mode)
{
	const char *name;
	PP_FREE char *folder_path = folder_of(path, &name);
	if (!folder_path)
		return -ENOMEM;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EISDIR;
	PP_CLOSE int folder = openat(dir_fd, folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	PP_FREE char *temporary = NULL;
	PP_CLOSE int fd = temporary_open(folder, name, mode, &temporary);
	if (fd < 0)
		return fd;
	int r = fill(fd, data, length, mode);
	if (r >= 0 && renameat(folder, temporary, folder, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(folder, temporary, 0);
		return r;
	}
	/* Some file systems cannot sync a folder; the file itself is already there. */
	if (fsync(folder) < 0 && errno != EINVAL && errno != EROFS)
		return -errno;
	return 0;
}

/* As temporary_open names them; NAME may be NULL. */
static bool is_temporary(const char *file, const char *name)
{
	const char *suffix = strrchr(file, '.');
	if (file[0] != '.' || suffix - file < 2 || strlen(suffix) != 13 ||
		strspn(suffix + 1, "0123456789abcdef") != 12)
		return false;
	size_t length = (size_t)(suffix - file) - 1;
	return !name || (length == strnlen(name, 200) && strncmp(file + 1, name, length) == 0);
}

/* Whoever lives and writes it has it locked. */
static void sweep_one(int folder, const char *temporary)
{
	PP_CLOSE int fd = openat(folder, temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(folder, temporary, 0);
}

void pp_file_sweep(int folder, const char *name)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	if (!entries) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(entries));)
		if (is_temporary(entry->d_name, name))
			sweep_one(folder, entry->d_name);
	closedir(entries);
}

static int mkdir_one(int dir_fd, const char *path, mode_t mode)
{
	if (mkdirat(dir_fd, path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	struct stat st;
	if (fstatat(dir_fd, path, &st, 0) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int pp_file_mkdirs(int dir_fd, const char *path, mode_t mode)
{
	PP_FREE char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (char *at = copy + (copy[0] == '/'); (at = strchr(at, '/')); at++) {
		*at = '\0';
		int r = *copy ? mkdir_one(dir_fd, copy, mode) : 0;
		*at = '/';
		if (r < 0)
			return r;
	}
	return mkdir_one(dir_fd, copy, mode);
}

static int remove_at(int dir_fd, const char *name, int depth);

static int remove_children(int dir_fd, const char *name, int depth)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	DIR *folder = fdopendir(fd);
	if (!folder) {
		int r = -errno;
		close(fd);
		return r;
	}
	int r = 0;
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(folder);
		if (!entry) {
			r = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_at(dirfd(folder), entry->d_name, depth + 1);
		if (r < 0)
			break;
	}
	closedir(folder);
	return r;
}

static int remove_at(int dir_fd, const char *name, int depth)
{
	if (depth > REMOVE_DEPTH)
		return -ELOOP;
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	int r = remove_children(dir_fd, name, depth);
	if (r < 0)
		return r;
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int pp_file_remove_tree(int dir_fd, const char *path)
{
	return remove_at(dir_fd, path, 0);
}

int pp_file_link(int dir_fd, const char *path, char **ret_target)
{
	for (size_t size = 128; size <= (size_t)1 << 20; size *= 4) {
		PP_FREE char *target = malloc(size);
		if (!target)
			return -ENOMEM;
		ssize_t n = readlinkat(dir_fd, path, target, size);
		if (n < 0)
			return -errno;
		if ((size_t)n == size)
			continue;
		target[n] = '\0';
		*ret_target = PP_TAKE(target);
		return 0;
	}
	return -ENAMETOOLONG;
}

bool pp_file_exists(int dir_fd, const char *path)
{
	return faccessat(dir_fd, path, F_OK, AT_EACCESS) == 0;
}

long long pp_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

long long pp_clock_ms(void)
{
	return pp_clock_ns() / 1000000;
}
