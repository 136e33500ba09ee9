/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/log.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* Stays in the log itself: QEMU may die with its next word, and these are asked for then. */
#define KEEP 4096
/* What QEMU prints of a processor when it gives up. */
#define REGISTERS 8192

int pp_log_begin(int folder_fd, int *ret_fd, struct pp_error *error)
{
	if (renameat(folder_fd, PP_LOG, folder_fd, PP_LOG_OLD) < 0 && errno != ENOENT)
		return pp_error_errno(error, -errno, "cannot put the file %s aside", PP_LOG);
	int fd = openat(folder_fd, PP_LOG,
		O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pp_error_errno(error, -errno, "cannot make the file %s", PP_LOG);
	*ret_fd = fd;
	return 0;
}

/* TEXT is the end of something longer: from a line's begin on, unless there is just one. */
static const char *whole_lines(const char *text)
{
	const char *newline = strchr(text, '\n');
	return newline ? newline + 1 : text;
}

/* At most MAX bytes of the end, as text; NULL where there is nothing. */
static char *read_end(int fd, size_t max, bool *ret_cut)
{
	off_t size = lseek(fd, 0, SEEK_END);
	if (size <= 0)
		return NULL;
	off_t from = size > (off_t)max ? size - (off_t)max : 0;
	char *text = calloc(1, max + 1);
	ssize_t n = text ? pread(fd, text, max, from) : -1;
	if (n <= 0) {
		free(text);
		return NULL;
	}
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = '?';
	*ret_cut = from > 0;
	return text;
}

int pp_log_trim(int folder_fd)
{
	struct stat status;
	bool cut = false;
	PP_CLOSE int fd = openat(folder_fd, PP_LOG, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size <= PP_LOG_MAX)
		return 0;
	PP_FREE char *text = read_end(fd, PP_LOG_MAX, &cut);
	int r = text ? pp_file_replace(folder_fd, PP_LOG_OLD, text, strlen(text), 0600) : -ENOMEM;
	/* QEMU appends: it goes on at the new end. Better its words are lost than the memory. */
	if (ftruncate(fd, 0) < 0)
		return -errno;
	size_t length = text ? strlen(text) : 0;
	size_t keep = length < KEEP ? length : KEEP;
	if (r >= 0)
		r = pp_file_write_all(fd, text + length - keep, keep);
	return r < 0 ? r : 1;
}

static int on_write(sd_event_source *source, const struct inotify_event *event, void *data)
{
	pp_log_trim((int)(intptr_t)data);
	return 0;
}

int pp_log_watch(sd_event *event, int folder_fd, sd_event_source **ret_source)
{
	char path[64];
	int r = pp_path(path, sizeof(path), "/proc/self/fd/%d/%s", folder_fd, PP_LOG);
	if (r < 0)
		return r;
	return sd_event_add_inotify(
		event, ret_source, path, IN_MODIFY, on_write, (void *)(intptr_t)folder_fd);
}

/* "EIP=0000fff0 EFL=00000002 [-------] CPL=0", "CPU #0:" */
static bool is_register_line(const char *line, size_t length)
{
	static const char in_dump[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdef =[].-";
	if (length >= strlen("CPU #") && strncmp(line, "CPU #", strlen("CPU #")) == 0)
		return true;
	return length > 0 && *line >= 'A' && *line <= 'Z' && strcspn(line, "=") < 7 &&
	       strspn(line, in_dump) >= length;
}

/* When QEMU gives up, it prints the registers of its processors behind what went wrong: pages of
 * them, so that nothing else is left of the end. Where there is nothing else they stay. */
static void drop_registers(char *text)
{
	char *to = text;
	bool any = false;
	for (const char *line = text; *line && !any;
		line += strcspn(line, "\n"), line += *line == '\n')
		any = *line != '\n' && !is_register_line(line, strcspn(line, "\n"));
	if (!any)
		return;
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		size_t whole = length + (line[length] == '\n');
		if (!is_register_line(line, length)) {
			memmove(to, line, whole);
			to += whole;
		}
		line += whole;
	}
	*to = '\0';
}

char *pp_log_last_words(int folder_fd, size_t max)
{
	bool cut = false;
	PP_CLOSE int fd = openat(folder_fd, PP_LOG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	PP_FREE char *text = fd < 0 ? NULL : read_end(fd, max + REGISTERS, &cut);
	if (!text)
		return NULL;
	drop_registers(text);
	size_t n = strlen(text);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		text[--n] = '\0';
	const char *start = n > max ? text + n - max : text;
	if (n > max || cut)
		start = whole_lines(start);
	return *start ? strdup(start) : NULL;
}
