/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/virtiofsd.h"
#include "base/file.h"
#include "base/tree.h"
#include "lib/guest/descriptor.h"
#include "lib/guest/room.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define SOCKET_FD 3
#define DIRECTORY_FD 4
#define SOCKET_NAME "virtiofsd.sock"
#define NOFILE 65536 /* the guest's open files are its */

static int find_program(const char **ret_path, struct pp_error *error)
{
	static const char *const places[] = {
		"/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd", NULL};

	*ret_path = pp_process_program(places);
	if (*ret_path)
		return 0;
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
		"the guest has a directory of the host, and virtiofsd, which serves it, is not "
		"installed: the package qemu-system-common, or virtiofsd, has it");
	return -ENOENT;
}

/* ---- a user namespace ---- */

/* What a process says of itself and of its children: nothing of the host. */
static int say(const char *path, const char *text)
{
	PP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_map(pid_t pid, const char *name, uint32_t inside, uint32_t outside)
{
	char path[64], text[64];
	int r = pid > 0 ? pp_path(path, sizeof(path), "/proc/%d/%s", (int)pid, name)
			: pp_path(path, sizeof(path), "/proc/self/%s", name);

	if (r >= 0)
		r = pp_path(text, sizeof(text), "%u %u 1\n", inside, outside);
	return r < 0 ? r : say(path, text);
}

/* In the process that is going to be virtiofsd: root of a namespace with nobody else. */
static int become_root(void *data)
{
	const struct pp_record_launch *launch = data;

	/* Who has changed its user may else not write its own maps. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || unshare(CLONE_NEWUSER) < 0)
		return -errno;
	int r = say("/proc/self/setgroups", "deny");
	if (r >= 0)
		r = write_map(0, "uid_map", 0, launch->uid);
	return r < 0 ? r : write_map(0, "gid_map", 0, launch->gid);
}

/* A namespace in which the directory's owner is the guest's user, for the mount alone: it lives as
 * long as the descriptor. */
static int open_owners(const struct pp_record_launch *launch, const struct stat *found, int *ret_fd)
{
	int go[2];
	char path[64];

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		char byte = 0;
		close(go[0]);
		byte = unshare(CLONE_NEWUSER) < 0 ? (char)errno : 0;
		if (write(go[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	close(go[1]);
	char byte = EIO;
	int r = pid < 0 ? -errno : 0;
	if (r >= 0 && (read(go[0], &byte, 1) != 1 || byte))
		r = -byte;
	close(go[0]);
	if (r >= 0)
		r = write_map(pid, "uid_map", found->st_uid, launch->uid);
	if (r >= 0)
		r = write_map(pid, "gid_map", found->st_gid, launch->gid);
	if (r >= 0)
		r = pp_path(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (r >= 0 && fd < 0)
		r = -errno;
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (r >= 0)
		*ret_fd = fd;
	return r;
}

/* ---- the directory ---- */

/* Files that run as root for whoever starts them could be put there. */
static int check_owner(
	const struct pp_launch_file *file, const struct stat *found, int fd, struct pp_error *error)
{
	struct statvfs system;

	if (found->st_uid != 0 || file->readonly ||
		(fstatvfs(fd, &system) == 0 && (system.f_flag & ST_NOSUID)))
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EPERM,
		"the directory %s is root's: a guest that writes there could leave programs that "
		"run as root; <readonly/> in its <filesystem>, another user's directory, or a file "
		"system that is mounted nosuid",
		file->path);
	return -EPERM;
}

/* The directory by itself, without what is mounted below it. */
static int open_directory(const struct pp_record_launch *launch, const struct pp_launch_file *file,
	int *ret_fd, struct pp_error *error)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      MOUNT_ATTR_NOEXEC | MOUNT_ATTR_IDMAP |
					      (file->readonly ? MOUNT_ATTR_RDONLY : 0)};
	PP_CLOSE int owners = -1;
	struct stat found;
	PP_CLOSE int fd = open(file->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &found) < 0)
		return pp_error_errno(error, -errno, "cannot open the directory %s", file->path);
	int r = check_owner(file, &found, fd, error);
	if (r < 0)
		return r;
	PP_CLOSE int tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	r = tree < 0 ? -errno : open_owners(launch, &found, &owners);
	attr.userns_fd = (uint64_t)owners;
	if (r >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		r = -errno;
	if (r < 0)
		return pp_error_errno(error, r,
			"cannot show the directory %s to the guest's user%s", file->path,
			r == -EINVAL
				? ", for its file system knows no idmapped mounts (ext4, xfs and "
				  "btrfs do)"
				: "");
	*ret_fd = PP_TAKE_FD(tree);
	return 0;
}

/* ---- the process ---- */

static uint64_t open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_max < NOFILE ? limit.rlim_max : NOFILE;
}

static int spawn(const struct pp_record_launch *launch, const struct pp_launch_file *file,
	const char *program, const struct pp_spawn_fd *fds, size_t n_fds, struct pp_error *error)
{
	static const char *const no_folders[] = {NULL};
	const char *argv[] = {program, "--fd=3", "-f", "-o",
		launch->own ? "source=" PP_ROOM_SHARE : "source=.", "-o", "sandbox=chroot",
		"--rlimit-nofile=0", file->more ? "-o" : NULL, file->more, NULL};
	struct pp_room room = {.uid = launch->uid,
		.gid = launch->gid,
		.folders = no_folders,
		.share_fd = DIRECTORY_FD};
	struct pp_spawn spawn = {
		.argv = argv,
		.fds = fds,
		.n_fds = n_fds,
		.set_ids = launch->set_ids,
		.uid = launch->uid,
		.gid = launch->gid,
		.nofile = open_files(),
		.no_new_privs = launch->own,
		.no_capabilities = launch->own,
		.before_ids = launch->own ? pp_room_enter : NULL,
		.before_data = &room,
		.in_child = launch->own ? become_root : NULL,
		.data = (void *)launch,
		.new_session = true,
		.chdir = launch->own ? NULL : file->path,
	};
	pid_t pid;

	return pp_process_spawn(&spawn, &pid, error);
}

/* It waits for one to come, and that is QEMU. */
static int make_sockets(int folder_fd, int *ret_listen_fd, int *ret_fd, struct pp_error *error)
{
	char path[64];
	struct pp_launch_file connected = {.use = PP_FILE_CONNECT, .path = path};
	PP_CLOSE int listen_fd = -1;

	int r = pp_path(path, sizeof(path), "/proc/self/fd/%d/" SOCKET_NAME, folder_fd);
	if (r >= 0)
		r = pp_descriptor_listen(folder_fd, SOCKET_NAME, &listen_fd);
	if (r < 0)
		return pp_error_errno(error, r, "cannot make a socket to virtiofsd");
	r = pp_descriptor_open(&connected, NULL, ret_fd, error);
	unlinkat(folder_fd, SOCKET_NAME, 0);
	if (r >= 0)
		*ret_listen_fd = PP_TAKE_FD(listen_fd);
	return r;
}

int pp_virtiofsd_open(const struct pp_record_launch *launch, const struct pp_launch_file *file,
	int folder_fd, int log_fd, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int directory_fd = -1;
	PP_CLOSE int listen_fd = -1;
	PP_CLOSE int fd = -1;
	const char *program;

	int r = find_program(&program, error);
	if (r >= 0 && launch->own)
		r = open_directory(launch, file, &directory_fd, error);
	if (r >= 0)
		r = make_sockets(folder_fd, &listen_fd, &fd, error);
	if (r < 0)
		return r;
	const struct pp_spawn_fd fds[] = {
		{log_fd, 2}, {listen_fd, SOCKET_FD}, {directory_fd, DIRECTORY_FD}};
	r = spawn(launch, file, program, fds, launch->own ? 3 : 2, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "virtiofsd for %s", file->path) : r;
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}
