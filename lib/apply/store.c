/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/store.h"
#include "base/cleanup.h"
#include "base/process.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A link in the tree of another machine must not lead out of it. */
static int open_inside(int root, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* Opens PATH below ROOT part by part; PATH is changed while it works. LAST: the mode of what it
 * leads to, where that is made. */
static int open_parts(int root, char *path, bool make, mode_t last)
{
	PP_CLOSE int at = fcntl(root, F_DUPFD_CLOEXEC, 3);
	if (at < 0)
		return -errno;
	for (char *part = path; part;) {
		char *slash = strchr(part, '/');
		mode_t mode = slash ? 0755 : last;
		if (slash)
			*slash = '\0';
		if (make && mkdirat(at, part, mode) < 0 && errno != EEXIST)
			return -errno;
		int fd = open_inside(root, path);
		if (fd < 0)
			return fd;
		close(at);
		at = fd;
		if (slash)
			*slash = '/';
		part = slash ? slash + 1 : NULL;
	}
	return PP_TAKE_FD(at);
}

static int check_owner(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	bool ours = st.st_uid == 0 || st.st_uid == geteuid();
	return ours && !(st.st_mode & 022) ? 0 : -EPERM;
}

int pp_store_open(struct pp_context *context, const char *name, bool make, int *ret_fd,
	struct pp_error *error)
{
	char path[PP_PATH_MAX];
	int r = pp_path(path, sizeof(path), "run/pcipass/%s", name);
	const char *top = context->root[0] ? context->root : "/";
	PP_CLOSE int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r >= 0)
		r = root < 0 ? -errno : open_parts(root, path, make, 0700);
	if (r == -ENOENT && !make)
		return r;
	PP_CLOSE int fd = r;
	if (r >= 0 && context->live)
		r = check_owner(fd);
	if (r == -EPERM)
		return pp_error_set(error, PP_STATUS_FAILED, r,
			"/run/pcipass/%s belongs to someone else or others may write to it", name);
	if (r < 0) {
		r = pp_error_errno(error, r, "opening %s/run/pcipass/%s", context->root, name);
		if (r == -EACCES)
			pp_error_remedy(error, "run it as root");
		return r;
	}
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

int pp_store_inside(struct pp_context *context, const char *folder, bool make, mode_t mode)
{
	PP_FREE char *path = strdup(folder + (*folder == '/'));
	const char *top = context->root[0] ? context->root : "/";
	PP_CLOSE int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!path)
		return -ENOMEM;
	return root < 0 ? -errno : open_parts(root, path, make, mode);
}

int pp_state_open(struct pp_context *context, bool lasting, const char *name, int *ret_fd,
	struct pp_error *error)
{
	char path[PP_PATH_MAX];
	if (!lasting)
		return pp_store_open(context, name, true, ret_fd, error);
	if (context->read_only)
		return pp_error_set(
			error, PP_STATUS_FAILED, -EROFS, "a machine as text keeps no state");
	int r = pp_path(path, sizeof(path), "/var/lib/pcipass/%s", name);
	if (r >= 0)
		r = pp_store_inside(context, path, true, 0700);
	if (r < 0)
		return pp_error_errno(
			error, r, "opening %s/var/lib/pcipass/%s", context->root, name);
	*ret_fd = r;
	return 0;
}

/* ---- locks ---- */

static int lock(int fd, int command, struct flock *flock)
{
	*flock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
	while (fcntl(fd, command, flock) < 0)
		if (errno != EINTR)
			return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

int pp_lock_try(int fd)
{
	struct flock flock;
	return lock(fd, F_OFD_SETLK, &flock);
}

bool pp_lock_held(int fd)
{
	struct flock flock;
	return lock(fd, F_OFD_GETLK, &flock) == 0 && flock.l_type != F_UNLCK;
}

static int wait_work(void *data)
{
	struct flock flock;
	return lock(*(int *)data, F_OFD_SETLKW, &flock);
}

/* The lock belongs to the open file, which the child shares: what it gets is ours. */
int pp_lock_wait(int fd, int deadline_ms)
{
	int r = pp_lock_try(fd);
	if (r != -EAGAIN || deadline_ms <= 0)
		return r;
	pid_t pid = 0;
	r = pp_process_work(wait_work, &fd, deadline_ms, &pid);
	if (r != -ETIMEDOUT)
		return r;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return pp_lock_try(fd) == 0 ? 0 : -ETIMEDOUT;
}
