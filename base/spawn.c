/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pp_process_spawn: the one way in which a program is started. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum stage { DESCRIPTORS, LIMITS, VIEW, IDS, PRIVILEGES, FOLDER, HOOK, EXEC };
static const char *const stage_texts[] = {
	[DESCRIPTORS] = "cannot set up its descriptors",
	[LIMITS] = "cannot set its limits",
	[VIEW] = "cannot set up what it sees",
	[IDS] = "cannot change to its user and groups",
	[PRIVILEGES] = "cannot drop privileges",
	[FOLDER] = "cannot change to its folder",
	[HOOK] = "cannot prepare it",
	[EXEC] = "cannot run it",
};
struct failure {
	enum stage stage;
	int code; /* positive errno */
};

static void close_on_exec_from(int first)
{
	if (close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	struct rlimit limit;
	long end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536
			   ? (long)limit.rlim_cur
			   : 65536;
	for (long fd = first; fd < end; fd++)
		fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

/* Everything is moved above the numbers that are wanted first, so that none is overwritten. */
static int place_descriptors(const struct pp_spawn *spawn, int *moved, int *error_fd)
{
	int base = 3;
	for (size_t i = 0; i < spawn->n_fds; i++)
		if (spawn->fds[i].child >= base)
			base = spawn->fds[i].child + 1;
	int fd = fcntl(*error_fd, F_DUPFD_CLOEXEC, base);
	if (fd < 0)
		return -errno;
	*error_fd = fd;
	for (size_t i = 0; i < spawn->n_fds; i++) {
		moved[i] = fcntl(spawn->fds[i].parent, F_DUPFD_CLOEXEC, base);
		if (moved[i] < 0)
			return -errno;
	}
	close_on_exec_from(3);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	int high = fcntl(null, F_DUPFD_CLOEXEC, base);
	if (high < 0)
		return -errno;
	for (int i = 0; i <= 2; i++)
		if (dup2(high, i) < 0)
			return -errno;
	for (size_t i = 0; i < spawn->n_fds; i++)
		if (dup2(moved[i], spawn->fds[i].child) < 0)
			return -errno;
	return 0;
}

static int set_limit(__rlimit_resource_t resource, uint64_t value)
{
	if (value == 0)
		return 0;
	rlim_t limit = value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
	struct rlimit old;
	if (getrlimit(resource, &old) < 0)
		return -errno;
	struct rlimit new = {
		.rlim_cur = limit, .rlim_max = limit > old.rlim_max ? limit : old.rlim_max};
	return setrlimit(resource, &new) < 0 ? -errno : 0;
}

static int set_ids(const struct pp_spawn *spawn)
{
	if (!spawn->set_ids)
		return 0;
	if (setgroups(spawn->n_groups, spawn->groups) < 0 ||
		setresgid(spawn->gid, spawn->gid, spawn->gid) < 0 ||
		setresuid(spawn->uid, spawn->uid, spawn->uid) < 0)
		return -errno;
	return 0;
}

/* The bounding set goes while there is CAP_SETPCAP, the others once nothing is left to be done with
 * them; the kernel knows fewer capabilities than the header, or more. */
static int drop_bounding(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static void reset_signals(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* SIGKILL and the C library's own refuse */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_privileges(const struct pp_spawn *spawn, pid_t parent)
{
	if (spawn->no_capabilities) {
		int r = drop_capabilities();
		if (r < 0)
			return r;
	}
	if (spawn->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (!spawn->die_with_parent)
		return 0;
	/* A change of ids forgets this, so it comes after; the parent may be gone already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int prepare(
	const struct pp_spawn *spawn, pid_t parent, int *moved, int *error_fd, enum stage *stage)
{
	*stage = DESCRIPTORS;
	if (spawn->new_session)
		setsid();
	int r = place_descriptors(spawn, moved, error_fd);
	if (r < 0)
		return r;
	*stage = LIMITS;
	r = set_limit(RLIMIT_MEMLOCK, spawn->memlock);
	if (r >= 0)
		r = set_limit(RLIMIT_NOFILE, spawn->nofile);
	if (r < 0)
		return r;
	*stage = VIEW;
	r = spawn->before_ids ? spawn->before_ids(spawn->before_data) : 0;
	if (r < 0)
		return r;
	*stage = IDS;
	r = spawn->no_capabilities ? drop_bounding() : 0;
	if (r >= 0)
		r = set_ids(spawn);
	if (r < 0)
		return r;
	*stage = PRIVILEGES;
	r = set_privileges(spawn, parent);
	if (r < 0)
		return r;
	*stage = FOLDER;
	if (chdir(spawn->chdir ? spawn->chdir : "/") < 0)
		return -errno;
	*stage = HOOK;
	return spawn->in_child ? spawn->in_child(spawn->data) : 0;
}

static void child(const struct pp_spawn *spawn, const char *program, pid_t parent, int *moved,
	int error_fd) __attribute__((noreturn));
static void child(
	const struct pp_spawn *spawn, const char *program, pid_t parent, int *moved, int error_fd)
{
	static const char *const plain[] = {"PATH=" DEFAULT_PATH, "LC_ALL=C", NULL};
	reset_signals();
	enum stage stage;
	int r = prepare(spawn, parent, moved, &error_fd, &stage);
	if (r >= 0) {
		stage = EXEC;
		const char *const *envp = spawn->envp ? spawn->envp : plain;
		execve(program, (char *const *)spawn->argv, (char *const *)envp);
		r = -errno;
	}
	struct failure failure = {.stage = stage, .code = -r};
	pp_file_write_all(error_fd, &failure, sizeof(failure));
	_exit(127);
}

const char *pp_process_program(const char *const *paths)
{
	for (; *paths; paths++)
		if (access(*paths, X_OK) == 0)
			return *paths;
	return NULL;
}

/* A name without a slash is looked for in the system's own folders, not in the user's PATH. */
static int find_program(const char *name, char *path, size_t size)
{
	if (strchr(name, '/'))
		return (size_t)snprintf(path, size, "%s", name) < size ? 0 : -ENAMETOOLONG;
	const char *cursor = DEFAULT_PATH, *folder;
	size_t length;
	while (pp_text_word(&cursor, ":", &folder, &length)) {
		int n = snprintf(path, size, "%.*s/%s", (int)length, folder, name);
		if (n > 0 && (size_t)n < size && access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

int pp_process_spawn(const struct pp_spawn *spawn, pid_t *ret_pid, struct pp_error *error)
{
	char program[PATH_MAX];
	int r = find_program(spawn->argv[0], program, sizeof(program));
	if (r < 0)
		return pp_error_errno(error, r, "cannot find the program %s", spawn->argv[0]);
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return pp_error_errno(error, errno, "cannot start %s: pipe", program);
	PP_CLOSE int read_fd = pipe_fds[0];
	PP_CLOSE int write_fd = pipe_fds[1];
	PP_FREE int *moved = calloc(spawn->n_fds + 1, sizeof(*moved));
	if (!moved)
		return pp_error_oom(error);

	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return pp_error_errno(error, errno, "cannot start %s: fork", program);
	if (pid == 0)
		child(spawn, program, parent, moved, write_fd);
	close(write_fd);
	write_fd = -1;

	struct failure failure = {0};
	ssize_t n;
	do
		n = read(read_fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		*ret_pid = pid;
		return 0;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != sizeof(failure) || failure.stage > EXEC)
		return pp_error_errno(error, EIO, "cannot start %s", program);
	return pp_error_errno(
		error, failure.code, "cannot start %s: %s", program, stage_texts[failure.stage]);
}
