/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/news.h"
#include "base/file.h"
#include "base/json.h"
#include "base/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 5 /* at a file that others exchange meanwhile */

/* ---- what is news ---- */

static bool is_up(enum pp_phase phase)
{
	return phase == PP_PHASE_RUNNING || phase == PP_PHASE_PAUSED;
}

static struct pp_news lifecycle(const char *detail, const char *reason)
{
	return (struct pp_news){.event = "lifecycle", .detail = detail, .reason = reason};
}

/* Its CPUs stand: why is in its run state, or was said by the panic before. */
static bool came_to_stand(const struct pp_life *before, const struct pp_life *after)
{
	if (after->phase != PP_PHASE_PAUSED || after->run == PP_RUN_PANICKED)
		return false;
	return before->phase == PP_PHASE_RUNNING ||
	       (before->phase == PP_PHASE_PAUSED && before->run != after->run);
}

static const char *stand_word(enum pp_run_state run)
{
	if (run == PP_RUN_IO_ERROR || run == PP_RUN_WATCHDOG)
		return pp_run_state_word(run);
	return "paused";
}

static bool came_to_run(const struct pp_life *before, const struct pp_life *after)
{
	return after->phase == PP_PHASE_RUNNING &&
	       (before->phase == PP_PHASE_PAUSED || before->phase == PP_PHASE_IN_SHUTDOWN);
}

size_t pp_news_of(const struct pp_life *before, const struct pp_life *after,
	struct pp_happening happening, struct pp_news ret_news[2])
{
	size_t n = 0;

	/* One that is adopted has started before. */
	if (!is_up(before->phase) && before->phase < PP_PHASE_RUNNING && is_up(after->phase) &&
		!after->adopted) {
		ret_news[n++] = lifecycle("started", "booted");
		if (after->phase == PP_PHASE_PAUSED)
			ret_news[n++] = lifecycle("suspended", "paused");
		return n;
	}
	if (after->panicked && !before->panicked)
		ret_news[n++] = lifecycle("crashed", "panicked");
	if (came_to_stand(before, after))
		ret_news[n++] = lifecycle("suspended", stand_word(after->run));
	else if (came_to_run(before, after))
		ret_news[n++] = lifecycle("resumed", "unpaused");
	else if (before->phase != after->phase && after->phase == PP_PHASE_IN_SHUTDOWN &&
		 after->end != PP_END_PANIC)
		ret_news[n++] = lifecycle("shutdown",
			happening.kind == PP_HAPPENED_SHUTDOWN && after->end == PP_END_TERMINATED
				? "host"
				: "guest");
	else if (before->phase != after->phase && after->phase == PP_PHASE_ENDED)
		ret_news[n++] = lifecycle("stopped", pp_end_word(after->end));
	return n;
}

/* ---- a line ---- */

static char *line_of(const char *guest, const struct pp_news *news)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *line = pp_json_object();
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	if (!line ||
		pp_json_set_int(line, "time", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) <
			0 ||
		pp_json_set_string(line, "guest", guest) < 0 ||
		pp_json_set_string(line, "event", news->event) < 0 ||
		pp_json_set_string(line, "detail", news->detail) < 0 ||
		pp_json_set_string(line, "reason", news->reason) < 0 ||
		pp_json_set_string(line, "device", news->device) < 0)
		return NULL;
	PP_FREE char *text = pp_json_print(line, false);
	char *ended = NULL;
	return text && asprintf(&ended, "%s\n", text) >= 0 ? ended : NULL;
}

/* ---- the file ---- */

static bool is_still(int folder_fd, int fd)
{
	struct stat named, opened;

	return fstatat(folder_fd, PP_NEWS_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &opened) == 0 && named.st_ino == opened.st_ino;
}

/* The file under its lock. One that is full becomes events.old, which its readers read to its end.
 */
static int open_last(int folder_fd)
{
	for (int looks = 0; looks < LOOKS; looks++) {
		struct stat found;
		PP_CLOSE int fd = openat(folder_fd, PP_NEWS_FILE,
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &found) < 0)
			return -errno;
		if (!is_still(folder_fd, fd))
			continue;
		if (found.st_size < PP_NEWS_MAX)
			return PP_TAKE_FD(fd);
		if (renameat(folder_fd, PP_NEWS_FILE, folder_fd, PP_NEWS_FILE ".old") < 0)
			return -errno;
	}
	return -EBUSY;
}

static void append(int fd, const char *line)
{
	struct stat before;
	size_t length = strlen(line);

	if (fstat(fd, &before) < 0)
		return;
	ssize_t n = write(fd, line, length);
	/* A full disk: half a line would spoil the next. */
	if (n >= 0 && (size_t)n < length && ftruncate(fd, before.st_size) < 0)
		return;
}

void pp_news_tell(struct pp_context *context, const char *guest, const struct pp_news *news)
{
	PP_FREE char *line = line_of(guest, news);
	PP_CLOSE int folder_fd = open(context->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	PP_CLOSE int fd = -1;

	if (!line || strlen(line) > PP_NEWS_LINE_MAX || folder_fd < 0)
		return;
	fd = open_last(folder_fd);
	if (fd >= 0)
		append(fd, line);
}
