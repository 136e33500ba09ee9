/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QEMU for a machine in a folder, whose devices are files: it takes them as the kernel would give
 * them, one owner at a time and with vfio-pci, writes down when it could not, and goes on as the
 * real QEMU with a device of its own at their places. It lies beside "root", the machine, and
 * "owned", which is its alone. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folder[3000];

static void strange(const char *address, const char *what)
{
	char path[4096], line[512];
	snprintf(path, sizeof(path), "%s/strange", folder);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line), "%s: %s\n", address, what);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		_exit(3);
	close(fd);
}

/* Who has it, as it wrote, and what that is now. */
static void two_owners(const char *address, int fd)
{
	char pid[16] = "", path[64], stat[128] = "", what[256];
	if (fd >= 0 && pread(fd, pid, sizeof(pid) - 1, 0) > 0)
		pid[strcspn(pid, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	int of = open(path, O_RDONLY | O_CLOEXEC);
	if (of >= 0 && read(of, stat, 60) < 0)
		stat[0] = '\0';
	snprintf(what, sizeof(what), "two owners: %s (%s) and %d of %d", pid, stat, (int)getpid(),
		(int)getppid());
	strange(address, what);
}

/* Held until QEMU ends, by a lock that can be looked at without taking it. */
static int take(const char *address)
{
	char path[4096], driver[512];
	snprintf(path, sizeof(path), "%s/owned/%s", folder, address);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		two_owners(address, fd);
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
