/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kills a process before its Nth system call, whichever that is:
 * callkill [-f] [-c CALLS] FILE N COMMAND...   a command
 * callkill [-f] [-c CALLS] -p PID FILE N       a process that is there; ends when that one has
 *
 *   -c    only these count: their numbers, with commas
 *   -f    the calls of its children count, too, and are where it may hit; not those of a program
 *         that is not of ours (QEMU)
 *   FILE  says what was hit: "killed PID NAME NUMBER-OF-THE-CALL ALL", ALL being how many calls of
 *         any kind there had been; or "ended COUNT", when it had made that many of those that count
 *         and came to its end
 *
 * The exit status is the command's. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* tests/lab/verbs.c: a verb without the start of a program. */
void callkill_verb(char **words) __attribute__((weak));

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)
#define CALLS 1024
#define FOLLOW (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

struct job {
	const char *file;
	pid_t first;
	unsigned long wanted, count, all;
	bool follow, hit, attached;
	bool some, counts[CALLS]; /* with -c */
};

static void fail(const char *what)
{
	fprintf(stderr, "callkill: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void say(const struct job *job, const char *text)
{
	int fd = open(job->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(job->file);
	close(fd);
}

/* comm */
static void name_of(pid_t pid, char *name, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, size - 1);
	close(fd);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

static void kill_here(struct job *job, pid_t pid, unsigned long long number)
{
	char name[64], text[160];
	name_of(pid, name, sizeof(name));
	snprintf(text, sizeof(text), "killed %d %s %llu %lu\n", (int)pid, name, number, job->all);
	say(job, text);
	job->hit = true;
	kill(pid, SIGKILL);
}

/* True: it has been killed. */
static bool count_call(struct job *job, pid_t pid)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	job->all++;
	if (job->some && (info.entry.nr >= CALLS || !job->counts[info.entry.nr]))
		return false;
	if (job->hit || ++job->count != job->wanted)
		return false;
	kill_here(job, pid, info.entry.nr);
	return true;
}

static bool is_ours(pid_t pid)
{
	char name[64];
	name_of(pid, name, sizeof(name));
	return strncmp(name, "pcipass", 7) == 0;
}

/* The signal that it gets as it goes on: those of tracing itself are none. */
static long passed_on(int status)
{
	int signal = WSTOPSIG(status);
	return status >> 16 ? 0 : signal;
}

static void serve(struct job *job, pid_t pid, int status)
{
	long signal = passed_on(status);
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		if (count_call(job, pid))
			return;
		signal = 0;
	}
	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8) && !is_ours(pid)) {
		ptrace(PTRACE_DETACH, pid, NULL, 0);
		return;
	}
	ptrace(job->hit ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL, signal);
}

static int watch(struct job *job)
{
	char text[64];
	int status;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno != EINTR)
			return 125;
		if (pid > 0 && WIFSTOPPED(status))
			serve(job, pid, status);
		else if (pid == job->first)
			break;
	}
	if (!job->hit) {
		snprintf(text, sizeof(text), "ended %lu\n", job->count);
		say(job, text);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t command_start(char **command)
{
	pid_t pid = fork();
	if (pid == 0) {
		raise(SIGSTOP); /* until it is traced */
		if (callkill_verb)
			callkill_verb(command);
		execvp(command[0], command);
		_exit(127);
	}
	int status;
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) < 0)
		fail("fork");
	return pid;
}

static void choose(struct job *job, const char *list)
{
	char *end;
	job->some = true;
	for (const char *at = list; *at; at = *end ? end + 1 : end) {
		unsigned long number = strtoul(at, &end, 10);
		if (end == at || number >= CALLS) {
			errno = EINVAL;
			fail(list);
		}
		job->counts[number] = true;
	}
}

int main(int argc, char **argv)
{
	static struct job job;
	int option;
	while ((option = getopt(argc, argv, "+fc:p:")) != -1) {
		if (option == 'f')
			job.follow = true;
		else if (option == 'c')
			choose(&job, optarg);
		else if (option == 'p')
			job.first = (pid_t)strtol(optarg, NULL, 10);
		else
			return 125;
	}
	job.attached = job.first > 0;
	if (argc - optind < (job.attached ? 2 : 3)) {
		fprintf(stderr, "usage: callkill [-f] [-c CALLS] [-p PID] FILE N [COMMAND...]\n");
		return 125;
	}
	job.file = argv[optind];
	job.wanted = strtoul(argv[optind + 1], NULL, 10);
	unlink(job.file);
	if (!job.attached)
		job.first = command_start(argv + optind + 2);
	if (ptrace(PTRACE_SEIZE, job.first, NULL, OPTIONS | (job.follow ? FOLLOW : 0)) < 0)
		fail("cannot trace it");
	if (job.attached) {
		ptrace(PTRACE_INTERRUPT, job.first, NULL, 0);
		puts("traced");
		fflush(stdout);
	} else {
		kill(job.first, SIGCONT);
	}
	return watch(&job);
}
