/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/descriptor.h"
#include "base/parse.h"
#include "base/tree.h"
#include "lib/guest/network.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#define COPY_MAX ((off_t)4 << 30)
#define OPEN_FLAGS (O_NONBLOCK | O_NOCTTY | O_CLOEXEC) /* never wait for a pipe's other end */

/* ---- which file it is ---- */

static char *id_of(const struct stat *found)
{
	char *id = NULL;
	int n;

	if (S_ISBLK(found->st_mode))
		n = asprintf(&id, "block %u:%u", major(found->st_rdev), minor(found->st_rdev));
	else
		n = asprintf(&id, "%u:%u:%llu", major(found->st_dev), minor(found->st_dev),
			(unsigned long long)found->st_ino);
	return n < 0 ? NULL : id;
}

int pp_descriptor_id(const char *path, char **ret_id, struct pp_error *error)
{
	struct stat found;

	if (stat(path, &found) < 0)
		return pp_error_errno(error, -errno, "cannot find %s", path);
	char *id = id_of(&found);
	if (!id)
		return pp_error_oom(error);
	*ret_id = id;
	return 0;
}

/* ---- what is read, or is there to be written ---- */

static int refuse(const char *path, const char *what, struct pp_error *error)
{
	return pp_error_set(error, PP_STATUS_FAILED, -EINVAL, "%s is %s", path, what);
}

static int check_found(const struct pp_launch_file *file, const char *id, const struct stat *found,
	struct pp_error *error)
{
	if (file->image && !S_ISREG(found->st_mode) && !S_ISBLK(found->st_mode))
		return refuse(file->path, "neither a file nor a block device", error);
	if (!file->image && !S_ISREG(found->st_mode) && !S_ISCHR(found->st_mode))
		return refuse(file->path, "neither a file nor a character device", error);
	if (!id)
		return 0;
	PP_FREE char *now = id_of(found);
	if (!now)
		return pp_error_oom(error);
	return pp_text_is(now, id)
		       ? 0
		       : refuse(file->path, "not the file any more that was checked", error);
}

static int open_found(
	const struct pp_launch_file *file, const char *id, int *ret_fd, struct pp_error *error)
{
	int access = file->use == PP_FILE_WRITE ? O_RDWR : O_RDONLY;
	struct stat found;

	PP_CLOSE int fd = open(file->path, access | OPEN_FLAGS);
	if (fd < 0 || fstat(fd, &found) < 0)
		return pp_error_errno(error, -errno, "cannot open %s to %s", file->path,
			file->use == PP_FILE_WRITE ? "write" : "read");
	int r = check_found(file, id, &found, error);
	if (r < 0)
		return r;
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

/* ---- what is made ---- */

/* The folder of PATH, and the name in it. */
static int open_folder(const char *path, const char **ret_name, int *ret_fd, struct pp_error *error)
{
	const char *slash = strrchr(path, '/');
	PP_FREE char *folder =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!folder)
		return pp_error_oom(error);
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot open the folder %s", folder);
	*ret_name = slash ? slash + 1 : path;
	*ret_fd = fd;
	return 0;
}

/* Whoever else may put files into a folder could have put one there that we would overwrite. */
static bool is_foreign(const struct stat *folder, const struct stat *found)
{
	bool others = folder->st_uid != geteuid() || (folder->st_mode & (S_IWGRP | S_IWOTH));

	return others && (found->st_uid != geteuid() || found->st_nlink != 1);
}

/* It is not asked for its inode: it is always opened anew. */
static int open_device(const struct pp_launch_file *file, int *ret_fd, struct pp_error *error)
{
	struct stat found;

	PP_CLOSE int fd = open(file->path, O_RDWR | OPEN_FLAGS);
	if (fd < 0 || fstat(fd, &found) < 0)
		return pp_error_errno(error, -errno, "cannot open %s", file->path);
	if (!S_ISCHR(found.st_mode))
		return refuse(file->path, "no character device", error);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static int open_output(const struct pp_launch_file *file, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	const char *name;
	struct stat folder, found;

	int r = open_folder(file->path, &name, &folder_fd, error);
	if (r < 0)
		return r;
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | OPEN_FLAGS;
	if (file->use == PP_FILE_APPEND)
		flags |= O_APPEND;
	PP_CLOSE int fd = openat(folder_fd, name, flags, 0600);
	if (fd < 0 && errno == ELOOP)
		return refuse(
			file->path, "a symbolic link, which is not followed to be written", error);
	if (fd < 0 || fstat(fd, &found) < 0 || fstat(folder_fd, &folder) < 0)
		return pp_error_errno(error, -errno, "cannot open %s to write", file->path);
	r = check_found(file, NULL, &found, error);
	if (r < 0)
		return r;
	if (S_ISREG(found.st_mode) && is_foreign(&folder, &found))
		return refuse(file->path,
			"of another user, in a folder that others may write: it is not overwritten",
			error);
	if (file->use == PP_FILE_TRUNCATE && S_ISREG(found.st_mode) && ftruncate(fd, 0) < 0)
		return pp_error_errno(error, -errno, "cannot empty %s", file->path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

/* ---- what QEMU opens by its name ---- */

static int copy_bytes(int from, int to, off_t size)
{
	while (size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		size -= n;
	}
	return 0;
}

/* An inode that any user may open again through /proc/self/fd, and nobody may change. */
static int open_copy(const struct pp_launch_file *file, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int from = -1;
	struct stat found;

	int r = open_found(file, NULL, &from, error);
	if (r < 0)
		return r;
	if (fstat(from, &found) < 0 || !S_ISREG(found.st_mode))
		return refuse(file->path, "not a file", error);
	if (found.st_size > COPY_MAX)
		return pp_error_errno(error, -EFBIG, "cannot load %s", file->path);
	PP_CLOSE int fd = memfd_create("pcipass", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot load %s", file->path);
	r = copy_bytes(from, fd, found.st_size);
	if (r >= 0 && fcntl(fd, F_ADD_SEALS,
			      F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r < 0)
		return pp_error_errno(error, r, "cannot load %s", file->path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

/* ---- sockets ---- */

/* The path leads through the folder's descriptor, for a socket's address holds 107 bytes. */
static int make_address(int folder_fd, const char *name, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return pp_path(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/%s",
		folder_fd, name);
}

int pp_descriptor_listen(int folder_fd, const char *name, int *ret_fd)
{
	struct sockaddr_un address;
	struct stat found;

	int r = make_address(folder_fd, name, &address);
	if (r < 0)
		return r;
	if (fstatat(folder_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISSOCK(found.st_mode))
			return -EEXIST;
		if (unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	PP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 8) < 0)
		return -errno;
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static int open_socket(const struct pp_launch_file *file, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int folder_fd = -1;
	struct sockaddr_un address;
	const char *name;

	int r = open_folder(file->path, &name, &folder_fd, error);
	if (r < 0)
		return r;
	if (file->use == PP_FILE_LISTEN) {
		r = pp_descriptor_listen(folder_fd, name, ret_fd);
		return r < 0 ? pp_error_errno(error, r, "cannot make the socket %s", file->path)
			     : 0;
	}
	r = make_address(folder_fd, name, &address);
	PP_CLOSE int fd = r < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r >= 0 && (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0))
		r = -errno;
	if (r < 0)
		return pp_error_errno(error, r, "cannot connect to the socket %s", file->path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

int pp_descriptor_open(
	const struct pp_launch_file *file, const char *id, int *ret_fd, struct pp_error *error)
{
	switch (file->use) {
	case PP_FILE_READ:
	case PP_FILE_WRITE:
		return open_found(file, id, ret_fd, error);
	case PP_FILE_TRUNCATE:
	case PP_FILE_APPEND:
		return open_output(file, ret_fd, error);
	case PP_FILE_COPY:
		return open_copy(file, ret_fd, error);
	case PP_FILE_LISTEN:
	case PP_FILE_CONNECT:
		return open_socket(file, ret_fd, error);
	case PP_FILE_DEVICE:
		return open_device(file, ret_fd, error);
	case PP_FILE_TAP:
		return pp_network_tap(file, ret_fd, error);
	case PP_FILE_NODE:
	case PP_FILE_TPM:
	case PP_FILE_SHARE:
	case PP_FILE_SHMEM:
		break; /* room.c, swtpm.c, virtiofsd.c, shmem.c */
	}
	return -EINVAL;
}
