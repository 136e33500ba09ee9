/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU for a machine in a folder, whose devices are files: it takes them as the kernel would give
 * them, one owner at a time and with vfio-pci, writes down when it could not, and goes on as the
 * real QEMU with a device of its own at their places. It lies beside "root", the machine, and
 * "owned", which is its alone. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static char folder[3000];

static void strange(const char *address, const char *what)
{
	char path[4096], line[256];
	snprintf(path, sizeof(path), "%s/strange", folder);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line), "%s: %s\n", address, what);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(3);
	close(fd);
}

/* Held until QEMU ends. */
static int take(const char *address)
{
	char path[4096], driver[512];
	snprintf(path, sizeof(path), "%s/owned/%s", folder, address);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		strange(address, "two owners");
		return -1;
	}
	if (ftruncate(fd, 0) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/root/sys/bus/pci/devices/%s/driver", folder, address);
	ssize_t n = readlink(path, driver, sizeof(driver) - 1);
	driver[n > 0 ? n : 0] = '\0';
	if (strstr(driver, "/vfio-pci"))
		return dprintf(fd, "%d\n", (int)getpid()) < 0 ? -1 : 0;
	strange(address, "QEMU was started and it is not with vfio-pci");
	return -1;
}

/* vfio-pci,host=ADDRESS,id=...: what QEMU lists under its name, and lets go of when it is asked. */
static char *stand_in(char *device)
{
	char *rest = strstr(device, ",id="), *text;

	return rest && asprintf(&text, "pci-testdev%s", rest) > 0 ? text : NULL;
}

int main(int argc, char **argv)
{
	char *kept[1024], *host;
	int n = 0;
	ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	if (length < 0 || argc > 1000)
		return 1;
	folder[length] = '\0';
	*strrchr(folder, '/') = '\0';
	for (int i = 0; i < argc; i++) {
		host = i + 1 < argc && strcmp(argv[i], "-device") == 0
			       ? strstr(argv[i + 1], "vfio-pci,host=")
			       : NULL;
		if (!host) {
			kept[n++] = argv[i];
			continue;
		}
		char address[13] = "";
		memcpy(address, host + 14, strnlen(host + 14, 12));
		if (take(address) < 0)
			return 1;
		kept[n++] = argv[i++];
		kept[n] = stand_in(argv[i]);
		if (!kept[n++])
			return 1;
	}
	kept[n] = NULL;
	execv("/usr/bin/qemu-system-x86_64", kept);
	return 1;
}
