/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/engine.h"
#include "base/file.h"
#include "base/tree.h"
#include "lib/guest/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A socket that QEMU is going to accept on: connecting works from now on, whenever it is ready. The
 * path leads through the folder's descriptor, for a socket's address holds 107 bytes. */
static int listen_at(int folder_fd, const char *name, int *ret_fd, struct pp_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = pp_path(
		address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder_fd, name);
	if (r >= 0 && unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		return pp_error_errno(error, r, "cannot make the socket %s", name);
	PP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 8) < 0)
		return pp_error_errno(error, -errno, "cannot make the socket %s", name);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static int open_engine(int folder_fd, int *ret_fd, struct pp_error *error)
{
	int fd = openat(
		folder_fd, "engine", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot make the file engine");
	*ret_fd = fd;
	return 0;
}

static int write_engine(void *data)
{
	return pp_record_save_engine(*(const int *)data);
}

int pp_engine_spawn(int folder_fd, const struct pp_record_launch *launch, int *ret_pidfd,
	struct pp_error *error)
{
	PP_CLOSE int qmp = -1;
	PP_CLOSE int verbs = -1;
	PP_CLOSE int log = -1;
	PP_CLOSE int engine = -1;

	int r = listen_at(folder_fd, PP_RECORD_QMP, &qmp, error);
	if (r >= 0)
		r = listen_at(folder_fd, PP_RECORD_VERBS, &verbs, error);
	if (r >= 0)
		r = pp_log_begin(folder_fd, &log, error);
	if (r >= 0)
		r = open_engine(folder_fd, &engine, error);
	if (r < 0)
		return r;
	/* Above the numbers that are placed in the child, where it is written to. */
	PP_CLOSE int high = fcntl(engine, F_DUPFD_CLOEXEC, 64);
	if (high < 0)
		return pp_error_errno(error, -errno, "cannot place descriptors");

	struct pp_spawn_fd fds[] = {
		{log, 1}, {log, 2}, {qmp, PP_ENGINE_QMP_FD}, {verbs, PP_ENGINE_VERBS_FD}};
	struct pp_spawn spawn = {
		.argv = launch->argv,
		.fds = fds,
		.n_fds = PP_COUNT(fds),
		.set_ids = launch->set_ids,
		.uid = launch->uid,
		.gid = launch->gid,
		.groups = launch->groups,
		.n_groups = launch->n_groups,
		.memlock = launch->memlock,
		.new_session = true,
		.in_child = write_engine,
		.data = &high,
	};
	pid_t pid;
	r = pp_process_spawn(&spawn, &pid, error);
	if (r < 0)
		return r;
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		r = -errno;
		/* What cannot be watched must not run. */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return pp_error_errno(error, r, "cannot watch QEMU");
	}
	*ret_pidfd = pidfd;
	return 0;
}
