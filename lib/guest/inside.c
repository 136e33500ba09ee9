/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/inside.h"
#include "base/file.h"
#include "base/tree.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define CLOSE_STEP_MS 20

PP_DEFINE_CLEANUP(DIR *, closedir)

/* ---- nodes ---- */

/* "vfio/12" */
static int group_node(const struct pp_address *address, char *name, size_t size)
{
	char path[PP_PATH_MAX], device[PP_ADDRESS_SIZE];
	PP_FREE char *link = NULL;

	int r = pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		pp_address_text(address, device));
	if (r >= 0)
		r = pp_file_link(AT_FDCWD, path, &link);
	if (r < 0)
		return r;
	const char *slash = strrchr(link, '/');
	return pp_path(name, size, "vfio/%s", slash ? slash + 1 : link);
}

/* QEMU's own /dev, reached through its process, as root. */
static int open_dev(const struct pp_record *record, int *ret_fd)
{
	char path[PP_PATH_MAX];

	int r = pp_path(path, sizeof(path), "/proc/%d/root/dev", (int)record->engine.pid);
	if (r < 0)
		return r;
	PP_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* What was opened belongs to the process that it was meant of. */
	if (!pp_process_alive(&record->engine))
		return -ESRCH;
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static int make_node(const struct pp_record *record, int dev_fd, const char *name)
{
	const struct pp_record_launch *launch = &record->launch;
	char path[PP_PATH_MAX];
	struct stat host, there;

	int r = pp_path(path, sizeof(path), "/dev/%s", name);
	if (r < 0 || stat(path, &host) < 0)
		return r < 0 ? r : -errno;
	if (!S_ISCHR(host.st_mode))
		return -ENOTTY;
	if (fstatat(dev_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISCHR(there.st_mode) && there.st_rdev == host.st_rdev)
			return 0;
		/* A group's number was given out anew. */
		if (unlinkat(dev_fd, name, 0) < 0)
			return -errno;
	}
	if (mknodat(dev_fd, name, S_IFCHR | 0600, host.st_rdev) < 0 ||
		fchownat(dev_fd, name, launch->uid, launch->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make_nodes(
	const struct pp_record *record, const struct pp_domain *domain, struct pp_error *error)
{
	const struct pp_domain_device *device = NULL;
	char name[64] = "vfio/vfio";
	PP_CLOSE int dev_fd = -1;

	int r = open_dev(record, &dev_fd);
	if (r >= 0)
		r = make_node(record, dev_fd, name);
	while (r >= 0 && (device = pp_domain_next_hostdev(domain, device))) {
		r = group_node(&device->hostdev.source, name, sizeof(name));
		if (r >= 0)
			r = make_node(record, dev_fd, name);
	}
	return r < 0 ? pp_error_errno(error, r,
			       "cannot make the device node /dev/%s for QEMU "
			       "(process %d)",
			       name, (int)record->engine.pid)
		     : 0;
}

/* "vfio/12" of GONE, unless another device of the guest needs it. */
static bool unused_node(
	const struct pp_domain *domain, const struct pp_address *gone, char *name, size_t size)
{
	const struct pp_domain_device *device = NULL;
	char other[64];

	if (group_node(gone, name, size) < 0)
		return false;
	while ((device = pp_domain_next_hostdev(domain, device)))
		if (group_node(&device->hostdev.source, other, sizeof(other)) < 0 ||
			strcmp(name, other) == 0)
			return false;
	return true;
}

static void remove_node(const struct pp_record *record, const struct pp_domain *domain,
	const struct pp_address *gone)
{
	char name[64];
	PP_CLOSE int dev_fd = -1;

	if (unused_node(domain, gone, name, sizeof(name)) && open_dev(record, &dev_fd) >= 0)
		unlinkat(dev_fd, name, 0);
}

/* ---- descriptors ---- */

static bool has_open(const struct pp_record *record, dev_t number)
{
	char path[PP_PATH_MAX];
	struct stat found;
	const struct dirent *entry;

	if (pp_path(path, sizeof(path), "/proc/%d/fd", (int)record->engine.pid) < 0)
		return false;
	PP_CLEANUP(closedirp) DIR *folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		if (fstatat(dirfd(folder), entry->d_name, &found, 0) == 0 &&
			S_ISCHR(found.st_mode) && found.st_rdev == number)
			return true;
	return false;
}

int pp_inside_await_closed(const struct pp_record *record, const struct pp_domain *domain,
	const struct pp_address *gone, int wait_ms)
{
	char name[64], path[PP_PATH_MAX];
	long long end = pp_clock_ms() + wait_ms;
	struct stat node;

	if (!unused_node(domain, gone, name, sizeof(name)) ||
		pp_path(path, sizeof(path), "/dev/%s", name) < 0 || stat(path, &node) < 0)
		return 0;
	/* Nothing tells of it: QEMU frees a device some time after it has said that it is gone. */
	while (has_open(record, node.st_rdev)) {
		if (pp_clock_ms() >= end)
			return -ETIMEDOUT;
		poll(NULL, 0, CLOSE_STEP_MS);
	}
	return 0;
}

/* ---- memory ---- */

/* Both limits: the soft one is what counts, and QEMU raises none. */
static int set_memlock(const struct pp_record *record, const struct pp_domain *domain, bool raise)
{
	uint64_t bytes = pp_domain_memlock(domain);
	rlim_t wanted = bytes == UINT64_MAX ? RLIM_INFINITY : (rlim_t)bytes;
	struct rlimit now;

	if (prlimit(record->engine.pid, RLIMIT_MEMLOCK, NULL, &now) < 0)
		return -errno;
	/* As much as what has no devices gets of us. */
	if (bytes == 0 && getrlimit(RLIMIT_MEMLOCK, &now) < 0)
		return -errno;
	if (bytes == 0)
		wanted = now.rlim_cur;
	else if (raise && now.rlim_cur >= wanted)
		return 0;
	struct rlimit limit = {.rlim_cur = wanted, .rlim_max = wanted};
	return prlimit(record->engine.pid, RLIMIT_MEMLOCK, &limit, NULL) < 0 ? -errno : 0;
}

/* ---- both ---- */

int pp_inside_prepare(
	const struct pp_record *record, const struct pp_domain *domain, struct pp_error *error)
{
	int r = set_memlock(record, domain, true);
	/* A root that may not (in a container): QEMU says best whether what it has is enough. */
	if (r < 0 && r != -EPERM)
		return pp_error_errno(error, r,
			"cannot raise the memory that QEMU (process %d) may lock",
			(int)record->engine.pid);
	return record->launch.own ? make_nodes(record, domain, error) : 0;
}

void pp_inside_withdraw(const struct pp_record *record, const struct pp_domain *domain,
	const struct pp_address *gone)
{
	if (record->launch.own)
		remove_node(record, domain, gone);
	set_memlock(record, domain, false);
}
