/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU without a guest: it takes its devices through VFIO as QEMU does, with memory that they may
 * reach, and obeys its monitors; but it is there in no time, where QEMU needs seconds in software
 * emulation. For what is killed hundreds of times beside it. What it can do the real one is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define QEMU "/usr/bin/qemu-system-x86_64"
#define MEMORY (8 << 20)
#define LISTENERS 2
#define MONITORS 8

/* As lib/guest/engine.h places them. */
static const int listeners[LISTENERS] = {10, 11};

struct monitor {
	int fd;
	char line[8192];
	size_t length;
};
static struct monitor monitors[MONITORS];
static const char *status = "prelaunch";

static void fail(const char *what)
{
	fprintf(stderr, "stand-in: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- devices ---- */

static int group_of(const char *address)
{
	char path[128], target[256], *slash;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	slash = strrchr(target, '/');
	if (!slash)
		fail(path);
	snprintf(path, sizeof(path), "/dev/vfio/%s", slash + 1);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

/* All that it opens stays open until it ends. */
static void take(const char *address, bool first)
{
	static int container = -1;
	if (container < 0)
		container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = group_of(address);
	if (container < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0)
		fail("VFIO_GROUP_SET_CONTAINER");
	if (first && ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
		fail("VFIO_SET_IOMMU");
	int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (device < 0)
		fail("VFIO_GROUP_GET_DEVICE_FD");
	if (ioctl(device, VFIO_DEVICE_RESET) < 0 && errno != ENOTTY && errno != EINVAL)
		fail("VFIO_DEVICE_RESET");
	if (!first)
		return;
	void *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.size = MEMORY};
	if (memory == MAP_FAILED || ioctl(container, VFIO_IOMMU_MAP_DMA, &map) < 0)
		fail("VFIO_IOMMU_MAP_DMA");
}

static void take_all(int argc, char **argv)
{
	bool first = true;
	for (int i = 1; i + 1 < argc; i++) {
		char address[13] = "";
		const char *host = strstr(argv[i + 1], "vfio-pci,host=");
		if (strcmp(argv[i], "-device") != 0 || !host)
			continue;
		memcpy(address, host + 14, strnlen(host + 14, 12));
		take(address, first);
		first = false;
	}
}

/* ---- monitors ---- */

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return; /* whoever asked is gone */
}

static void say_all(const char *text)
{
	for (int i = 0; i < MONITORS; i++)
		if (monitors[i].fd >= 0)
			say(monitors[i].fd, text);
}

static void end(const char *reason)
{
	char text[256];
	snprintf(text, sizeof(text),
		"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 0}, \"event\": \"SHUTDOWN\", "
		"\"data\": {\"guest\": false, \"reason\": \"%s\"}}\r\n",
		reason);
	say_all(text);
	exit(0);
}

static bool asks(const char *line, const char *command)
{
	const char *at = strstr(line, "\"execute\"");
	at = at ? strchr(at + 9, '"') : NULL;
	return at && strncmp(at + 1, command, strlen(command)) == 0 &&
	       at[1 + strlen(command)] == '"';
}

static void obey(struct monitor *monitor, const char *line)
{
	const char *id = strstr(line, "\"id\"");
	char text[256], data[64] = "{}";
	if (asks(line, "query-status"))
		snprintf(data, sizeof(data), "{\"status\": \"%s\", \"running\": %s}", status,
			strcmp(status, "running") == 0 ? "true" : "false");
	else if (asks(line, "cont"))
		status = "running";
	else if (asks(line, "stop"))
		status = "paused";
	id = id ? id + 4 + strcspn(id + 4, "0123456789\r\n") : "";
	snprintf(text, sizeof(text), "{\"return\": %s, \"id\": %lu}\r\n", data,
		strtoul(id, NULL, 10));
	say(monitor->fd, text);
	if (asks(line, "quit"))
		end("host-qmp-quit");
}

static void meet(int listener)
{
	static const char greeting[] =
		"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, "
		"\"package\": \"stand-in\"}, \"capabilities\": []}}\r\n";
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	for (int i = 0; fd >= 0 && i < MONITORS; i++) {
		if (monitors[i].fd >= 0)
			continue;
		monitors[i].fd = fd;
		monitors[i].length = 0;
		say(fd, greeting);
		return;
	}
	close(fd);
}

static void hear(struct monitor *monitor)
{
	char *end;
	ssize_t n = read(monitor->fd, monitor->line + monitor->length,
		sizeof(monitor->line) - monitor->length - 1);
	if (n <= 0) {
		close(monitor->fd);
		monitor->fd = -1;
		return;
	}
	monitor->length += (size_t)n;
	monitor->line[monitor->length] = '\0';
	while (monitor->fd >= 0 && (end = strchr(monitor->line, '\n'))) {
		*end = '\0';
		obey(monitor, monitor->line);
		monitor->length -= (size_t)(end + 1 - monitor->line);
		memmove(monitor->line, end + 1, monitor->length + 1);
	}
}

static volatile sig_atomic_t asked_to_end;
static void on_term(int number)
{
	(void)number;
	asked_to_end = 1;
}

static void serve(void)
{
	struct pollfd wait[LISTENERS + MONITORS];
	for (int i = 0; i < LISTENERS; i++)
		wait[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
	for (int i = 0; i < MONITORS; i++)
		wait[LISTENERS + i] = (struct pollfd){.fd = monitors[i].fd, .events = POLLIN};
	int n = poll(wait, LISTENERS + MONITORS, -1);
	if (asked_to_end)
		end("host-signal");
	for (int i = 0; n > 0 && i < LISTENERS + MONITORS; i++) {
		if (!wait[i].revents)
			continue;
		if (i < LISTENERS)
			meet(listeners[i]);
		else
			hear(&monitors[i - LISTENERS]);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "-machine") == 0 && strcmp(argv[i + 1], "none") == 0) {
			execv(QEMU, argv);
			fail(QEMU);
		}
	for (int i = 0; i < MONITORS; i++)
		monitors[i].fd = -1;
	signal(SIGTERM, on_term);
	take_all(argc, argv);
	for (;;)
		serve();
}
