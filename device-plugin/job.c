/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reset sleeps in the kernel, and a command takes as long as it likes: both run in a process of
 * their own, which says at its end in one line how it went. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/process.h"
#include "device-plugin/plugin.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define RESET_DEADLINE_MS 120000

/* What the process says first. */
#define WORD_DONE 'D'
#define WORD_FAILED 'F'
#define WORD_POSTPONED 'P'

struct plugin_job {
	struct plugin_unit *unit;
	pid_t pid;
	int fd;
	struct loop_source *source, *timer;
	struct pp_buffer said;
};

/* ---- in the process ---- */

static char run_command(
	const char *const *argv, const char *what, int deadline_ms, struct pp_buffer *said)
{
	PP_FREE char *output = NULL;
	if (!argv)
		return WORD_DONE;
	int r = pp_process_run(argv, deadline_ms, &output);
	if (r == 0)
		return WORD_DONE;
	if (r == -ETIMEDOUT)
		pp_buffer_printf(said, "its command to %s, %s, has not ended after %d s", what,
			argv[0], deadline_ms / 1000);
	else if (r < 0)
		pp_buffer_printf(said, "its command to %s, %s: %s", what, argv[0], strerror(-r));
	else
		pp_buffer_printf(said, "its command to %s, %s, ended with %d%s%.200s", what,
			argv[0], r, output && *output ? ": " : "", output ? output : "");
	return WORD_FAILED;
}

static char verdict(const struct pp_error *error, struct pp_buffer *said)
{
	pp_buffer_puts(said, error->text);
	bool busy = error->status == PP_STATUS_IN_USE || error->status == PP_STATUS_RECOVER;
	return busy ? WORD_POSTPONED : WORD_FAILED;
}

static char reset_members(struct pp_context *context, const struct plugin_unit *unit,
	const struct pp_host *host, struct pp_buffer *said)
{
	PP_FREE const struct pp_device **members = NULL;
	size_t count = 0;
	if (pp_unit_members(unit->entry, host, &members, &count) < 0)
		return WORD_POSTPONED;
	for (size_t i = 0; i < count; i++) {
		PP_FREE char *method = NULL;
		struct pp_error error = {0};
		if (pp_device_reset(context, members[i], &method, &error) < 0)
			return verdict(&error, said);
	}
	return WORD_DONE;
}

/* Reset, and then still what it was. */
static char reset_unit(const struct plugin_unit *unit, struct pp_buffer *said)
{
	struct pp_context *context PP_CLEANUP(pp_context_closep) = NULL;
	struct pp_host *before PP_CLEANUP(pp_host_freep) = NULL;
	struct pp_host *after PP_CLEANUP(pp_host_freep) = NULL;
	struct pp_unit_facts facts;
	struct pp_error error = {0};
	int r = pp_context_open(unit->resource->plugin->options.root, &context, &error);
	if (r == 0)
		r = pp_host_read(context, PP_READ_CONFIG | PP_READ_HOLDERS, &before, &error);
	if (r == 0)
		r = pp_unit_look(unit->entry, before, &facts, &error);
	if (r < 0 || facts.sickness || facts.held) {
		pp_buffer_puts(said, r < 0 ? error.text : facts.held ? facts.holder : facts.reason);
		return WORD_POSTPONED;
	}
	char word = unit->entry->no_reset ? WORD_DONE : reset_members(context, unit, before, said);
	if (word != WORD_DONE)
		return word;
	r = pp_host_read(context, PP_READ_CONFIG, &after, &error);
	if (r == 0)
		r = pp_unit_look(unit->entry, after, &facts, &error);
	if (r < 0 || facts.sickness) {
		pp_buffer_printf(said, "after its reset: %s", r < 0 ? error.text : facts.reason);
		return r < 0 ? WORD_POSTPONED : WORD_FAILED;
	}
	return WORD_DONE;
}

/* A command that fails before use has done no harm to the device; one that fails afterwards leaves
 * it nobody knows how. */
static void work(const struct plugin_unit *unit, bool prepare, int fd)
{
	PP_BUFFER struct pp_buffer said = PP_BUFFER_INIT;
	char word = WORD_DONE;
	if (!prepare)
		word = run_command(
			unit->entry->release, "release", unit->entry->deadline_ms, &said);
	if (word == WORD_DONE)
		word = reset_unit(unit, &said);
	if (word == WORD_DONE && prepare &&
		run_command(unit->entry->prepare, "prepare", unit->entry->deadline_ms, &said) !=
			WORD_DONE)
		word = WORD_POSTPONED;
	pp_file_write_all(fd, &word, 1);
	pp_file_write_all(fd, pp_buffer_text(&said), said.length);
}

/* ---- outside ---- */

void plugin_job_forget(struct plugin_job *job)
{
	if (!job)
		return;
	loop_remove(job->source);
	loop_remove(job->timer);
	pp_closep(&job->fd);
	pp_buffer_done(&job->said);
	job->unit->job = NULL;
	free(job);
}

static void finish(struct plugin_job *job, char word, const char *text)
{
	struct plugin_unit *unit = job->unit;
	struct plugin *plugin = unit->resource->plugin;
	PP_FREE char *copy = strdup(text && *text ? text : "it ended without a word");
	plugin_job_forget(job);
	unit->postponed[0] = '\0';
	if (word == WORD_POSTPONED)
		snprintf(unit->postponed, sizeof(unit->postponed), "%s", copy ? copy : "");
	if (word != WORD_DONE)
		plugin_log(
			"%s: %s: %s", unit->resource->pool->resource, unit->id, copy ? copy : "");
	plugin_step(unit,
		word == WORD_DONE     ? PP_HEALTH_DONE
		: word == WORD_FAILED ? PP_HEALTH_FAILED
				      : PP_HEALTH_POSTPONED,
		NULL, copy);
	plugin_tell(plugin);
}

static void on_said(uint32_t events, void *data)
{
	struct plugin_job *job = data;
	char bytes[512];
	ssize_t n = read(job->fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		if (job->said.length < PP_REASON_SIZE)
			pp_buffer_append(&job->said, bytes, (size_t)n);
		return;
	}
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
		;
	const char *text = pp_buffer_text(&job->said);
	finish(job, *text ? *text : WORD_FAILED, *text ? text + 1 : text);
}

static void on_late(uint32_t events, void *data)
{
	struct plugin_job *job = data;
	kill(job->pid, SIGKILL); /* it may hang in the kernel: nobody waits for its end */
	finish(job, WORD_FAILED, "its reset has not ended in time");
}

static pid_t fork_work(const struct plugin_unit *unit, bool prepare, int fd)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* The lock and the connections are not this process's: where the plugin is killed, the next
	 * one must not wait for it. */
	signal(SIGCHLD, SIG_DFL);
	if (fd != 3)
		dup3(fd, 3, O_CLOEXEC);
	close_range(4, ~0U, 0);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	work(unit, prepare, 3);
	_exit(0);
}

void plugin_job_start(struct plugin_unit *unit, bool prepare)
{
	struct loop *loop = unit->resource->plugin->loop;
	struct plugin_job *job = calloc(1, sizeof(*job));
	int fds[2] = {-1, -1};
	if (!job || pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		goto failed;
	*job = (struct plugin_job){.unit = unit, .fd = fds[0]};
	if (loop_add(loop, fds[0], EPOLLIN, on_said, job, &job->source) < 0 ||
		loop_add_timer(loop, on_late, job, &job->timer) < 0)
		goto failed;
	job->pid = fork_work(unit, prepare, fds[1]);
	if (job->pid < 0)
		goto failed;
	close(fds[1]);
	unit->job = job;
	loop_set(job->timer, RESET_DEADLINE_MS + unit->entry->deadline_ms);
	return;
failed:
	snprintf(unit->postponed, sizeof(unit->postponed), "no process for its reset: %s",
		strerror(errno));
	if (job && job->source)
		loop_remove(job->source);
	if (job && job->timer)
		loop_remove(job->timer);
	pp_closep(&fds[0]);
	pp_closep(&fds[1]);
	free(job);
	plugin_step(unit, PP_HEALTH_POSTPONED, NULL, NULL);
}
