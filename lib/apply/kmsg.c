/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/kmsg.h"
#include "base/cleanup.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define RECORD_MAX 8192 /* the kernel gives one record a read, and cuts it here */
#define LINES 2

int pp_kmsg_open(struct pp_context *context)
{
	if (!context->live)
		return -1;
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void pp_kmsg_find(int fd, const char *needle, char *text, size_t size)
{
	char record[RECORD_MAX + 1];
	char lines[LINES][256] = {""};
	unsigned found = 0;
	text[0] = '\0';
	while (fd >= 0) {
		ssize_t n = read(fd, record, RECORD_MAX);
		if (n < 0 && (errno == EINTR || errno == EPIPE)) /* EPIPE: records were lost */
			continue;
		if (n <= 0)
			break;
		record[n] = '\0';
		char *line = strchr(record, ';'); /* "level,number,time,flags;text\n KEY=value" */
		if (!line)
			continue;
		line[strcspn(line, "\n")] = '\0';
		bool again = found > 0 && strncmp(lines[(found - 1) % LINES], line + 1, 255) == 0;
		if (strstr(line, needle) && !again)
			snprintf(lines[found++ % LINES], sizeof(lines[0]), "%s", line + 1);
	}
	size_t used = 0;
	for (unsigned i = found > LINES ? found - LINES : 0; i < found && used < size; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", used ? "; " : "", lines[i % LINES]);
}
