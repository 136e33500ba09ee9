/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define OUTPUT_MAX ((size_t)1 << 20)
#define STAT_MAX ((size_t)4096)

/* The state letter and the start time out of /proc/PID/stat. */
static int stat_of(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	PP_FREE char *text = NULL;
	int r = pp_file_read(AT_FDCWD, path, STAT_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* The name stands in brackets and may hold anything, brackets too. */
	const char *cursor = strrchr(text, ')');
	if (!cursor)
		return -EBADMSG;
	cursor++;
	const char *word;
	size_t length;
	for (int field = 3; pp_text_word(&cursor, " ", &word, &length); field++) {
		if (field == 3)
			*ret_state = word[0];
		const char *end;
		if (field == 22)
			return pp_parse_prefix(word, 10, UINT64_MAX, ret_start, &end);
	}
	return -EBADMSG;
}

int pp_process_of(pid_t pid, struct pp_process *ret_process)
{
	char state = 0;
	uint64_t start = 0;
	if (pid <= 0)
		return -ESRCH;
	int r = stat_of(pid, &state, &start);
	if (r < 0)
		return r;
	*ret_process = (struct pp_process){.pid = pid, .start = start};
	return 0;
}

int pp_process_self(struct pp_process *ret_process)
{
	return pp_process_of(getpid(), ret_process);
}

int pp_process_spare(void)
{
	static const char never[] = "-1000";
	PP_CLOSE int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : pp_file_write_all(fd, never, sizeof(never) - 1);
}

bool pp_process_alive(const struct pp_process *process)
{
	char state = 0;
	uint64_t start = 0;
	if (process->pid <= 0 || stat_of(process->pid, &state, &start) < 0)
		return false;
	return start == process->start && state != 'Z' && state != 'X';
}

int pp_process_fd(const struct pp_process *process)
{
	if (process->pid <= 0)
		return -ESRCH;
	PP_CLOSE int fd = pidfd_open(process->pid, 0);
	if (fd < 0)
		return -errno;
	/* Looked at after opening: the descriptor is now of this process or of none. */
	if (!pp_process_alive(process))
		return -ESRCH;
	return PP_TAKE_FD(fd);
}

int pp_process_name(pid_t pid, char *name, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	PP_FREE char *text = NULL;
	size_t length;
	int r = pp_file_read(AT_FDCWD, path, STAT_MAX, &text, &length);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	if (length > 0 && text[length - 1] == '\n')
		text[length - 1] = '\0';
	snprintf(name, size, "%s", text);
	return 0;
}

/* Waits until FD can be read or has ended; 0 at the deadline (pp_clock_ms), which negative never
 * is. */
static int wait_readable(int fd, long long deadline)
{
	for (;;) {
		long long left = deadline < 0 ? -1 : deadline - pp_clock_ms();
		if (deadline >= 0 && left < 0)
			left = 0;
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		int r = poll(&poll_fd, 1, left > 1000000 ? 1000000 : (int)left);
		if (r > 0)
			return 1;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && deadline >= 0 && pp_clock_ms() >= deadline)
			return 0;
	}
}

static long long deadline_of(int deadline_ms)
{
	return deadline_ms < 0 ? -1 : pp_clock_ms() + deadline_ms;
}

static int reap(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

/* ---- work in a child ---- */

static void work_child(int (*work)(void *), void *data, int result_fd) __attribute__((noreturn));
static void work_child(int (*work)(void *), void *data, int result_fd)
{
	/* Whoever reads what this program prints must not wait for a child that is stuck. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		if (fd != result_fd)
			dup2(null, fd);
	int result = work(data);
	pp_file_write_all(result_fd, &result, sizeof(result));
	_exit(0);
}

int pp_process_work(int (*work)(void *data), void *data, int deadline_ms, pid_t *ret_pid)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	PP_CLOSE int read_fd = pipe_fds[0];
	PP_CLOSE int write_fd = pipe_fds[1];
	long long deadline = deadline_of(deadline_ms);
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		close(read_fd);
		work_child(work, data, write_fd);
	}
	if (ret_pid)
		*ret_pid = pid;
	close(write_fd);
	write_fd = -1;

	int ready = wait_readable(read_fd, deadline);
	if (ready <= 0)
		return ready == 0 ? -ETIMEDOUT : ready;
	int result = 0;
	ssize_t n;
	do
		n = read(read_fd, &result, sizeof(result));
	while (n < 0 && errno == EINTR);
	int r = n < 0 ? -errno : 0;
	reap(pid);
	if (r < 0)
		return r;
	return n == sizeof(result) ? result : -ECHILD;
}

/* ---- run to the end ---- */

/* Takes what is there; 0 at its end, 1 when there may be more later. */
static int collect(int fd, struct pp_buffer *buffer)
{
	char piece[4096];
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		if (n == 0)
			return 0;
		size_t room = OUTPUT_MAX - buffer->length;
		int r = pp_buffer_append(buffer, piece, (size_t)n < room ? (size_t)n : room);
		if (r < 0)
			return r;
	}
}

/* 0 when the child has ended, -ETIMEDOUT, or an error. */
static int attend(int output, int pidfd, long long deadline, struct pp_buffer *buffer)
{
	bool open = true;
	for (;;) {
		long long left = deadline < 0 ? -1 : deadline - pp_clock_ms();
		if (deadline >= 0 && left <= 0)
			return -ETIMEDOUT;
		struct pollfd fds[2] = {{.fd = pidfd, .events = POLLIN},
			{.fd = open ? output : -1, .events = POLLIN}};
		int r = poll(fds, 2, left > 1000000 ? 1000000 : (int)left);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		if (fds[1].revents) {
			r = collect(output, buffer);
			if (r < 0)
				return r;
			open = r > 0;
		}
		/* What the child's own children still hold open is not waited for. */
		if (fds[0].revents)
			return open ? (collect(output, buffer) < 0 ? -EIO : 0) : 0;
	}
}

int pp_process_run(const char *const *argv, int deadline_ms, char **ret_output)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	PP_CLOSE int read_fd = pipe_fds[0];
	PP_CLOSE int write_fd = pipe_fds[1];
	if (fcntl(read_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	struct pp_spawn_fd fds[] = {{write_fd, 1}, {write_fd, 2}};
	struct pp_spawn spawn = {
		.argv = argv, .fds = fds, .n_fds = PP_COUNT(fds), .new_session = true};
	long long deadline = deadline_of(deadline_ms);
	pid_t pid;
	int r = pp_process_spawn(&spawn, &pid, NULL);
	if (r < 0)
		return r;
	close(write_fd);
	write_fd = -1;

	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	PP_CLOSE int pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? -errno : attend(read_fd, pidfd, deadline, &buffer);
	if (r < 0)
		kill(-pid, SIGKILL);
	int status = reap(pid);
	if (r < 0)
		return r;
	if (status < 0)
		return status;
	if (ret_output) {
		*ret_output = pp_buffer_take(&buffer);
		if (!*ret_output)
			return -ENOMEM;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
