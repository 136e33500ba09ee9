/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs of pcipass, and callkill with them, without the start of a program for each, which in
 * software emulation takes longer than most verbs: the libraries are loaded once, and each verb is
 * a child that begins in main. Reads lines of words with tabs between them:
 *
 *   OUT  pcipass VERB...             a verb; what it says goes into the file OUT
 *   OUT  callkill OPTIONS... pcipass VERB...   the same, killed at one of its system calls
 *
 * and answers each with a line, the exit status (128 and the signal's number). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 64
#define SECONDS 200 /* of one verb */

int main(int argc, char **argv);          /* cli/main.c */
int callkill_main(int argc, char **argv); /* tests/lab/callkill.c */
void callkill_verb(char **words);

/* The child of callkill that is traced, too. */
void callkill_verb(char **words)
{
	int count = 0;
	if (strcmp(words[0], "pcipass") != 0)
		return;
	while (words[count])
		count++;
	prctl(PR_SET_NAME, "pcipass");
	alarm(SECONDS);
	exit(main(count, words));
}

static void be(int count, char **words)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = open(words[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(125);
	close(null);
	close(out);
	if (strcmp(words[1], "callkill") == 0)
		exit(callkill_main(count - 1, words + 1));
	callkill_verb(words + 1);
	exit(127);
}

static int answer(int count, char **words)
{
	int status;
	pid_t pid = count < 2 ? -1 : fork();
	if (pid == 0)
		be(count, words);
	if (pid < 0)
		return 125;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 125;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the place of main, which is the verbs'. */
static __attribute__((constructor)) void serve(void)
{
	char *line = NULL, *words[WORDS];
	size_t size = 0;
	while (getline(&line, &size, stdin) > 0) {
		int count = 0;
		line[strcspn(line, "\n")] = '\0';
		for (char *at = strtok(line, "\t"); at && count < WORDS - 1;
			at = strtok(NULL, "\t"))
			words[count++] = at;
		words[count] = NULL;
		printf("%d\n", answer(count, words));
		fflush(stdout);
	}
	free(line);
	exit(0);
}
