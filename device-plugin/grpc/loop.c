/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-plugin/grpc/loop.h"
#include "base/cleanup.h"
#include "base/file.h"
#include <limits.h>
#include <sys/epoll.h>

struct loop_source {
	struct loop *loop;
	struct loop_source *next;
	loop_function *function;
	void *data;
	int fd;        /* -1: a timer */
	long long due; /* of a timer; 0: off */
	bool removed;  /* freed when the round is over */
};
struct loop {
	int epoll;
	struct loop_source *sources;
	bool sweep, ended;
	int status;
};

int loop_new(struct loop **ret_loop, struct pp_error *error)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return pp_error_oom(error);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		int r = pp_error_errno(error, -errno, "making an event loop");
		free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->sources) {
		struct loop_source *source = loop->sources;
		loop->sources = source->next;
		free(source);
	}
	close(loop->epoll);
	free(loop);
}

static struct loop_source *add(struct loop *loop, loop_function *function, void *data)
{
	struct loop_source *source = calloc(1, sizeof(*source));
	if (!source)
		return NULL;
	*source = (struct loop_source){loop, loop->sources, function, data, -1, 0, false};
	loop->sources = source;
	return source;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_function *function, void *data,
	struct loop_source **ret_source)
{
	struct loop_source *source = add(loop, function, data);
	struct epoll_event event = {.events = events, .data.ptr = source};
	if (!source)
		return -ENOMEM;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;
		loop_remove(source);
		return r;
	}
	source->fd = fd;
	*ret_source = source;
	return 0;
}

int loop_change(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	return epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

int loop_add_timer(
	struct loop *loop, loop_function *function, void *data, struct loop_source **ret_source)
{
	struct loop_source *source = add(loop, function, data);
	if (!source)
		return -ENOMEM;
	*ret_source = source;
	return 0;
}

void loop_set(struct loop_source *timer, int milliseconds)
{
	timer->due = milliseconds < 0 ? 0 : pp_clock_ms() + milliseconds;
}

bool loop_is_set(const struct loop_source *timer)
{
	return timer->due != 0;
}

void loop_remove(struct loop_source *source)
{
	if (!source || source->removed)
		return;
	if (source->fd >= 0)
		epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->removed = true;
	source->loop->sweep = true;
}

static void sweep(struct loop *loop)
{
	for (struct loop_source **at = &loop->sources; *at;) {
		struct loop_source *source = *at;
		if (!source->removed) {
			at = &source->next;
			continue;
		}
		*at = source->next;
		free(source);
	}
	loop->sweep = false;
}

static int until_due(const struct loop *loop, int milliseconds)
{
	long long now = pp_clock_ms(), wait = milliseconds < 0 ? INT_MAX : milliseconds;
	bool any = milliseconds >= 0;
	for (const struct loop_source *source = loop->sources; source; source = source->next) {
		if (source->removed || !source->due)
			continue;
		long long left = source->due > now ? source->due - now : 0;
		wait = left < wait ? left : wait;
		any = true;
	}
	return any ? (int)wait : -1;
}

static void fire(struct loop *loop)
{
	long long now = pp_clock_ms();
	/* What a timer adds stands before the first one, and waits for the next round. */
	for (struct loop_source *source = loop->sources; source; source = source->next) {
		if (source->removed || !source->due || source->due > now)
			continue;
		source->due = 0;
		source->function(0, source->data);
	}
}

int loop_turn(struct loop *loop, int milliseconds)
{
	struct epoll_event events[32];
	if (loop->sweep)
		sweep(loop);
	int n = epoll_wait(loop->epoll, events, PP_COUNT(events), until_due(loop, milliseconds));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;
		if (!source->removed)
			source->function(events[i].events, source->data);
	}
	fire(loop);
	if (loop->sweep)
		sweep(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->ended) {
		int r = loop_turn(loop, -1);
		if (r < 0)
			return r;
	}
	return loop->status;
}

void loop_end(struct loop *loop, int status)
{
	if (!loop->ended)
		loop->status = status;
	loop->ended = true;
}
