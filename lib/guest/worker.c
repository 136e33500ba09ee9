/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/worker.h"
#include "base/cleanup.h"
#include "lib/guest/plugrecord.h"
#include "lib/guest/settle.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define AGAIN_USEC (10ULL * 1000000)
#define FAILURES_MAX 30

static bool reap(struct pp_worker *worker)
{
	siginfo_t info = {0};
	int r = waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED);

	worker->source = sd_event_source_disable_unref(worker->source);
	close(PP_TAKE_FD(worker->pidfd));
	return r == 0 && info.si_code == CLD_EXITED && info.si_status == 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	pp_worker_start(data);
	return 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct pp_worker *worker = data;
	bool good = reap(worker);

	worker->failures = good ? 0 : worker->failures + 1;
	if (worker->again) {
		pp_worker_start(worker);
	} else if (!good && worker->failures < FAILURES_MAX) {
		/* QEMU was busy with another, or stood still. */
		worker->timer_source = sd_event_source_disable_unref(worker->timer_source);
		sd_event_add_time_relative(worker->event, &worker->timer_source, CLOCK_MONOTONIC,
			AGAIN_USEC, 0, on_timer, worker);
	}
	return 0;
}

/* In the child: the guest's lock is its parent's, who may be killed and followed by another. */
static void work(const struct pp_worker *worker)
{
	if (*worker->lock_fd >= 0)
		close(*worker->lock_fd);
	_exit(pp_guest_settle_name(worker->context, worker->name, NULL, NULL) < 0);
}

void pp_worker_start(struct pp_worker *worker)
{
	worker->again = worker->pidfd >= 0;
	if (worker->again || !worker->event)
		return;
	pid_t pid = fork();
	if (pid == 0)
		work(worker);
	if (pid < 0)
		return;
	worker->pidfd = pidfd_open(pid, 0);
	if (worker->pidfd < 0 || sd_event_add_io(worker->event, &worker->source, worker->pidfd,
					 EPOLLIN, on_end, worker) < 0) {
		/* Then it is waited for, as it would be without a process. */
		waitpid(pid, NULL, 0);
		pp_closep(&worker->pidfd);
		worker->pidfd = -1;
	}
}

static int on_verb(sd_event_source *source, const struct inotify_event *event, void *data)
{
	struct pp_worker *worker = data;
	PP_CLEANUP(pp_plug_record_freep) struct pp_plug_record *plug = NULL;

	if (pp_plug_record_load(worker->folder_fd, &plug, NULL) >= 0 && plug->n_coming > 0)
		pp_worker_start(worker);
	return 0;
}

void pp_worker_init(struct pp_worker *worker, struct pp_context *context, const char *name,
	sd_event *event, int folder_fd, const int *lock_fd)
{
	char path[64];

	*worker = (struct pp_worker){.context = context,
		.name = name,
		.event = event,
		.folder_fd = folder_fd,
		.lock_fd = lock_fd,
		.pidfd = -1};
	PP_CLOSE int fd =
		openat(folder_fd, PP_PLUG_VERB, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && pp_path(path, sizeof(path), "/proc/self/fd/%d", fd) >= 0)
		sd_event_add_inotify(
			event, &worker->verb_source, path, IN_CLOSE_WRITE, on_verb, worker);
}

void pp_worker_finish(struct pp_worker *worker, int wait_ms)
{
	struct pollfd wait = {.fd = worker->pidfd, .events = POLLIN};

	worker->verb_source = sd_event_source_disable_unref(worker->verb_source);
	worker->timer_source = sd_event_source_disable_unref(worker->timer_source);
	worker->event = NULL;
	if (worker->pidfd < 0)
		return;
	int r;
	do
		r = poll(&wait, 1, wait_ms);
	while (r < 0 && errno == EINTR);
	if (r > 0) {
		reap(worker);
		return;
	}
	worker->source = sd_event_source_disable_unref(worker->source);
	close(PP_TAKE_FD(worker->pidfd));
}

void pp_worker_done(struct pp_worker *worker)
{
	sd_event_source_disable_unref(worker->verb_source);
	sd_event_source_disable_unref(worker->timer_source);
	sd_event_source_disable_unref(worker->source);
	pp_closep(&worker->pidfd);
}
