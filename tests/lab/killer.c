/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kills a process at its Nth call of one kind, before that is done: killer HIT NUMBER N WHO
 * COMMAND...
 *
 *   HIT     a file, in which stands what was killed; empty when the call was not reached
 *   NUMBER  of the system call
 *   WHO     "first": the command itself; "other": each process that is not the command; a path:
 *           whichever process makes its Nth call on a descriptor of that file
 *
 * The kernel asks about calls of this kind alone (seccomp's user notification), also of processes
 * that outlive the command, for which this goes on answering; all others run at full speed, which
 * in software emulation is many times that of strace. The exit status is the command's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
	const char *hit, *who;
	unsigned number, when, seen;
	pid_t first;
	bool begun;
	int listener;
	struct { /* of the others */
		pid_t pid;
		unsigned seen;
	} others[64];
	size_t n_others;
};

static void fail(const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int filter_install(unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	/* A signal that comes meanwhile must not let it ask twice. */
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		&program);
}

/* It waits for the word that someone answers. */
static void child_run(char **command, unsigned number, int word)
{
	char byte;
	if (filter_install(number) < 0 || read(word, &byte, 1) != 1)
		_exit(125);
	execvp(command[0], command);
	_exit(127);
}

/* The child has it as its lowest free descriptor. */
static int listener_take(pid_t child, int expected)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	int fd = -1;
	for (int tries = 0; pidfd >= 0 && tries < 5000 && fd < 0; tries++) {
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, expected, 0);
		if (fd < 0)
			poll(NULL, 0, 1);
	}
	close(pidfd);
	return fd;
}

/* Still ourselves, before it becomes the command. */
static bool is_command(struct job *job)
{
	char path[64], name[32];
	if (job->begun)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)job->first);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);
	close(fd);
	name[n > 0 ? n : 0] = '\0';
	job->begun = strcmp(name, "killer\n") != 0;
	return job->begun;
}

static bool on_path(const struct job *job, const struct seccomp_notif *asked)
{
	char link[64], target[4096];
	snprintf(link, sizeof(link), "/proc/%u/fd/%d", asked->pid, (int)asked->data.args[0]);
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return strcmp(target, job->who) == 0;
}

static unsigned *counter_of(struct job *job, pid_t pid)
{
	for (size_t i = 0; i < job->n_others; i++)
		if (job->others[i].pid == pid)
			return &job->others[i].seen;
	size_t i = job->n_others < 64 ? job->n_others++ : 63;
	job->others[i].pid = pid;
	job->others[i].seen = 0;
	return &job->others[i].seen;
}

static bool is_meant(struct job *job, const struct seccomp_notif *asked)
{
	pid_t pid = (pid_t)asked->pid;
	if (job->who[0] == '/')
		return on_path(job, asked) && ++job->seen == job->when;
	if (strcmp(job->who, "other") == 0)
		return pid != job->first && ++*counter_of(job, pid) == job->when;
	return pid == job->first && is_command(job) && ++job->seen == job->when;
}

static void answer(struct job *job)
{
	struct seccomp_notif asked = {0};
	struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	if (ioctl(job->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return; /* whoever asked is gone */
	if (is_meant(job, &asked)) {
		int fd = open(job->hit, O_WRONLY | O_APPEND | O_CLOEXEC);
		dprintf(fd, "%u killed at call %u\n", asked.pid, job->number);
		close(fd);
		kill((pid_t)asked.pid, SIGKILL);
		return; /* without an answer it dies where it waits, and the call is not done */
	}
	answer.id = asked.id;
	ioctl(job->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* Until the last process that can ask is gone. */
static void answer_all(struct job *job)
{
	struct pollfd wait = {.fd = job->listener, .events = POLLIN};
	while (poll(&wait, 1, -1) >= 0 || errno == EINTR) {
		if (wait.revents & POLLIN)
			answer(job);
		else if (wait.revents & (POLLHUP | POLLERR))
			return;
	}
}

int main(int argc, char **argv)
{
	int status = 0;
	if (argc < 6) {
		fprintf(stderr, "usage: killer HIT NUMBER N first|other|PATH COMMAND...\n");
		return 125;
	}
	struct job job = {.hit = argv[1],
		.number = (unsigned)strtoul(argv[2], NULL, 10),
		.when = (unsigned)strtoul(argv[3], NULL, 10),
		.who = argv[4]};
	int hit = open(job.hit, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int word[2];
	if (hit < 0 || pipe2(word, O_CLOEXEC) < 0)
		fail(job.hit);
	int expected = dup(0); /* the lowest that is free */
	close(expected);
	job.first = fork();
	if (job.first < 0)
		fail("fork");
	if (job.first == 0)
		child_run(argv + 5, job.number, word[0]);
	job.listener = listener_take(job.first, expected);
	if (job.listener < 0)
		fail("no listener");
	pid_t answering = fork();
	if (answering < 0)
		fail("fork");
	if (answering == 0) {
		setsid();
		close(word[1]);
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd <= 2; fd++)
			dup2(null, fd);
		answer_all(&job);
		return 0;
	}
	close(job.listener);
	if (write(word[1], "", 1) != 1)
		fail("the command is gone");
	while (waitpid(job.first, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
