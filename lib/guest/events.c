/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading along what happens to guests (news.h): the end of a file, and inotify. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/tree.h"
#include "lib/guest/news.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

PP_DEFINE_CLEANUP(struct pp_events *, pp_events_close)

struct pp_events {
	struct pp_context *context;
	char *path;      /* of the file */
	int notify_fd;   /* inotify */
	int watch;       /* -1: none */
	bool whole_path; /* it is of the file's folder; else of one above, which is all there is */
	int fd;          /* the file; -1: it is not there yet */
	struct pp_buffer text; /* read, not yet given out */
	size_t at;             /* of it, where the next line begins */
	struct pp_json *line;  /* of the last event that was given out */
};

/* ---- waiting ---- */

/* The folder of the file, or the nearest above it that is there: it will be made in that. */
static int watch_folder(struct pp_events *events)
{
	PP_FREE char *folder = strdup(events->path);
	char *slash;

	if (!folder)
		return -ENOMEM;
	events->whole_path = true;
	while ((slash = strrchr(folder, '/'))) {
		*slash = '\0';
		int watch = inotify_add_watch(events->notify_fd, *folder ? folder : "/",
			IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
				IN_ONLYDIR);
		if (watch >= 0) {
			if (events->watch >= 0 && events->watch != watch)
				inotify_rm_watch(events->notify_fd, events->watch);
			events->watch = watch;
			return 0;
		}
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
		events->whole_path = false;
	}
	return -ENOENT;
}

/* What is read is thrown away: the file says what happened. */
static void drain(struct pp_events *events)
{
	char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool gone = false;
	ssize_t n;

	while ((n = read(events->notify_fd, bytes, sizeof(bytes))) > 0)
		for (const char *at = bytes; at < bytes + n;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			gone |= event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) &&
				event->wd == events->watch;
			at += sizeof(*event) + event->len;
		}
	/* Between the look and the watch of a folder that was just made, it may have got more. */
	while (gone || !events->whole_path) {
		bool before = events->whole_path && !gone;
		int last = events->watch;
		gone = false;
		if (watch_folder(events) < 0 || before || events->watch == last)
			return;
	}
}

/* ---- reading ---- */

static int open_file(struct pp_events *events, bool at_end)
{
	events->fd = open(events->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (events->fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	return at_end && lseek(events->fd, 0, SEEK_END) < 0 ? -errno : 0;
}

static int read_more(struct pp_events *events)
{
	char bytes[4096];

	if (events->fd < 0)
		return 0;
	ssize_t n = read(events->fd, bytes, sizeof(bytes));
	if (n <= 0)
		return n < 0 ? -errno : 0;
	pp_buffer_append(&events->text, bytes, (size_t)n);
	return events->text.failed ? -ENOMEM : 1;
}

/* Another file has its name: nobody writes to ours any more. */
static bool is_old(const struct pp_events *events)
{
	struct stat named, opened;

	if (events->fd < 0)
		return true;
	return stat(events->path, &named) == 0 && fstat(events->fd, &opened) == 0 &&
	       (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
}

/* 1: there is more text; 0: not now. */
static int read_on(struct pp_events *events)
{
	for (;;) {
		bool old = is_old(events);
		int r = read_more(events);
		if (r != 0 || !old)
			return r;
		pp_closep(&events->fd);
		events->fd = -1;
		r = open_file(events, false);
		if (r < 0 || events->fd < 0)
			return r;
	}
}

/* ---- lines ---- */

static bool next_line(struct pp_events *events, const char **ret_line, size_t *ret_length)
{
	const char *begin = events->text.data ? events->text.data + events->at : NULL;
	const char *end = begin ? memchr(begin, '\n', events->text.length - events->at) : NULL;

	if (!end) {
		/* Only the rest is kept. */
		if (events->at > 0) {
			events->text.length -= events->at;
			memmove(events->text.data, begin, events->text.length + 1);
		}
		events->at = 0;
		return false;
	}
	*ret_line = begin;
	*ret_length = (size_t)(end - begin);
	events->at += *ret_length + 1;
	return true;
}

static bool understand(
	struct pp_events *events, const char *line, size_t length, struct pp_guest_event *ret_event)
{
	pp_json_free(PP_TAKE(events->line));
	if (pp_json_parse(line, length, &events->line, NULL) < 0)
		return false;
	const struct pp_json *json = events->line;
	struct pp_guest_event event = {
		.guest = pp_json_get_string(json, "guest"),
		.event = pp_json_get_string(json, "event"),
		.detail = pp_json_get_string(json, "detail"),
		.reason = pp_json_get_string(json, "reason"),
		.device = pp_json_get_string(json, "device"),
	};
	pp_json_get_int(json, "time", &event.when_ms);
	if (!event.guest || !event.event)
		return false;
	*ret_event = event;
	return true;
}

/* ---- the whole ---- */

int pp_events_open(
	struct pp_context *context, struct pp_events **ret_events, struct pp_error *error)
{
	PP_CLEANUP(pp_events_closep) struct pp_events *events = calloc(1, sizeof(*events));

	if (!events)
		return pp_error_oom(error);
	events->context = context;
	events->notify_fd = events->fd = events->watch = -1;
	if (context->read_only)
		return pp_error_set(error, PP_STATUS_USAGE, -EROFS,
			"nothing happens on a machine that is written down as text");
	if (asprintf(&events->path, "%s/" PP_NEWS_FILE, context->run) < 0) {
		events->path = NULL;
		return pp_error_oom(error);
	}
	events->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int r = events->notify_fd < 0 ? -errno : watch_folder(events);
	if (r >= 0)
		drain(events);
	if (r >= 0)
		r = open_file(events, true);
	if (r < 0)
		pp_error_errno(
			error, r, "cannot read along what happens to guests (%s)", events->path);
	if (r == -EACCES)
		pp_error_remedy(error, "run it as root");
	if (r < 0)
		return r;
	*ret_events = PP_TAKE(events);
	return 0;
}

void pp_events_close(struct pp_events *events)
{
	if (!events)
		return;
	pp_closep(&events->notify_fd);
	pp_closep(&events->fd);
	pp_buffer_done(&events->text);
	pp_json_free(events->line);
	free(events->path);
	free(events);
}

int pp_events_fd(const struct pp_events *events)
{
	return events->notify_fd;
}

int pp_events_next(
	struct pp_events *events, struct pp_guest_event *ret_event, struct pp_error *error)
{
	const char *line;
	size_t length;

	for (;;) {
		while (next_line(events, &line, &length))
			if (understand(events, line, length, ret_event))
				return 1;
		/* Before it is read: what comes from now on wakes the one who waits. */
		drain(events);
		int r = read_on(events);
		if (r < 0)
			return pp_error_errno(error, r, "cannot read %s", events->path);
		if (r == 0)
			return 0;
	}
}
