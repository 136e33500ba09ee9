/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/swtpm.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/guest/room.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SOCKET_FD 3

/* Its files are of the user that the guest had the last time; nobody else can reach them. */
static int own_files(int folder_fd, const struct pp_record_launch *launch)
{
	PP_CLOSE int again = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;
	int r = 0;

	if (!folder)
		return -errno;
	PP_TAKE_FD(again);
	while (r == 0 && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			fchownat(dirfd(folder), entry->d_name, launch->uid, launch->gid,
				AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	closedir(folder);
	return r;
}

static int make_state(
	const struct pp_record_launch *launch, const char *state, struct pp_error *error)
{
	int r = pp_file_mkdirs(AT_FDCWD, state, 0700);
	if (r < 0)
		return pp_error_errno(error, r, "cannot make %s, for the guest's TPM", state);
	if (!launch->own)
		return 0;
	PP_CLOSE int fd = open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : own_files(fd, launch);
	if (r >= 0 && fchown(fd, launch->uid, launch->gid) < 0)
		r = -errno;
	return r < 0 ? pp_error_errno(error, r, "cannot give %s to the guest's TPM", state) : 0;
}

static int find_program(const char **ret_path, struct pp_error *error)
{
	static const char *const places[] = {"/usr/bin/swtpm", "/usr/local/bin/swtpm", NULL};

	*ret_path = pp_process_program(places);
	if (*ret_path)
		return 0;
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
		"the guest has a TPM, and swtpm, which emulates it, is not installed");
	pp_error_remedy(error, "install the package swtpm");
	return -ENOENT;
}

static int spawn(const struct pp_record_launch *launch, const char *program, const char *state,
	int socket_fd, int log_fd, struct pp_error *error)
{
	static const char *const no_folders[] = {NULL};
	const char *const argv[] = {program, "socket", "--tpm2", "--tpmstate", "dir=.,mode=0600",
		"--ctrl", "type=unixio,clientfd=3", "--terminate", NULL};
	struct pp_room room = {
		.uid = launch->uid, .gid = launch->gid, .own = state, .folders = no_folders};
	const struct pp_spawn_fd fds[] = {{log_fd, 2}, {socket_fd, SOCKET_FD}};
	struct pp_spawn spawn = {
		.argv = argv,
		.fds = fds,
		.n_fds = PP_COUNT(fds),
		.set_ids = launch->set_ids,
		.uid = launch->uid,
		.gid = launch->gid,
		.groups = launch->groups,
		.n_groups = launch->n_groups,
		.no_new_privs = launch->own,
		.no_capabilities = launch->own,
		.before_ids = launch->own ? pp_room_enter : NULL,
		.before_data = &room,
		.new_session = true,
		.chdir = state,
	};
	pid_t pid;

	return pp_process_spawn(&spawn, &pid, error);
}

int pp_swtpm_open(const struct pp_record_launch *launch, const char *state, int log_fd, int *ret_fd,
	struct pp_error *error)
{
	const char *program;
	int ends[2];

	int r = find_program(&program, error);
	if (r >= 0)
		r = make_state(launch, state, error);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return pp_error_errno(error, -errno, "cannot make a socket to the guest's TPM");
	PP_CLOSE int ours = ends[0];
	PP_CLOSE int its = ends[1];
	r = spawn(launch, program, state, its, log_fd, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "the guest's TPM") : r;
	*ret_fd = PP_TAKE_FD(ours);
	return 0;
}
