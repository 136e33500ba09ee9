/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The system calls without which PCI functions cannot be listed with driver, group, class and ids,
 * and nothing else: for each its uevent and the link to its group; pci.ids is mapped, and not
 * looked at. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	DIR *folder = opendir("/sys/bus/pci/devices");
	int ids = open("/usr/share/misc/pci.ids", O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (!folder || ids < 0 || fstat(ids, &st) < 0 ||
		mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, ids, 0) == MAP_FAILED)
		return 1;
	for (struct dirent *entry; (entry = readdir(folder));) {
		char path[64], text[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.20s/uevent", entry->d_name);
		int fd = openat(dirfd(folder), path, O_RDONLY | O_CLOEXEC);
		ssize_t length = read(fd, text, sizeof(text));
		close(fd);
		snprintf(path, sizeof(path), "%.20s/iommu_group", entry->d_name);
		char group[256];
		ssize_t size = readlinkat(dirfd(folder), path, group, sizeof(group) - 1);
		group[size > 0 ? size : 0] = '\0';
		const char *number = strrchr(group, '/');
		printf("%s %s %.*s\n", entry->d_name, number ? number + 1 : "-",
			length > 0 ? (int)length : 0, text);
	}
	return 0;
}
