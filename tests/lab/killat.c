/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* killat CALL N PROGRAM...: runs PROGRAM and kills it (SIGKILL) where it enters its Nth system call
 * of that name; its children are left alone. Exit status 137 when it was killed there, else the
 * program's. strace does the same, but stops each call of the program, which takes four times as
 * long in software emulation; with its seccomp filter (6.1) it sends no signals. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} calls[] = {
	{"ioctl", SYS_ioctl},
	{"write", SYS_write},
	{"pwrite64", SYS_pwrite64},
	{"clone", SYS_clone},
	{"clone3", SYS_clone3},
	{"wait4", SYS_wait4},
	{"unlinkat", SYS_unlinkat},
	{"ftruncate", SYS_ftruncate},
	{"renameat", SYS_renameat},
	{"renameat2", SYS_renameat2},
};

static int number_of(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].number;
	return -1;
}

/* The kernel stops the program at this call alone. */
static int stop_at(int call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static void be_traced(int call, char **program)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) || stop_at(call) < 0)
		_exit(126);
	execvp(program[0], program);
	_exit(127);
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The signal that the program is to get as it goes on: those of tracing itself are none. */
static long passed_on(int status)
{
	int signal = WSTOPSIG(status);

	return status >> 16 || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

/* Until the last child has ended too: without a tracer the filter would fail its calls. */
static int watch(pid_t program, long wanted)
{
	long count = 0;
	int status, result = 125;

	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			return errno == ECHILD ? result : 125;
		if (!WIFSTOPPED(status)) {
			if (pid == program)
				result = status_of(status);
			continue;
		}
		int event = status >> 8;
		if (pid == program && event == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8) &&
			++count == wanted)
			kill(program, SIGKILL);
		else
			ptrace(PTRACE_CONT, pid, NULL, passed_on(status));
	}
}

int main(int argc, char **argv)
{
	int call = argc > 3 ? number_of(argv[1]) : -1, status;
	long wanted = argc > 3 ? strtol(argv[2], NULL, 10) : 0;
	long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE;

	if (call < 0 || wanted < 1) {
		fprintf(stderr, "usage: killat CALL N PROGRAM...\n");
		return 2;
	}
	pid_t program = fork();
	if (program < 0)
		return 125;
	if (program == 0)
		be_traced(call, argv + 3);
	if (waitpid(program, &status, 0) < 0 || !WIFSTOPPED(status) ||
		ptrace(PTRACE_SETOPTIONS, program, NULL, options) < 0 ||
		ptrace(PTRACE_CONT, program, NULL, 0) < 0)
		return 125;
	return watch(program, wanted);
}
