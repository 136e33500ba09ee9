/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/demand.h"
#include <errno.h>
#include <sys/stat.h>

static int refuse_folder(
	const char *element, const char *path, const char *file, int line, struct pp_error *error)
{
	struct stat found;

	if (!path || stat(path, &found) < 0 || !S_ISDIR(found.st_mode))
		return 0;
	return pp_error_set(error, PP_STATUS_FAILED, -EISDIR,
		"%s:%d: <%s> names %s, which is a directory, not a file", file, line, element,
		path);
}

static int need_folder(
	const struct pp_domain_device *device, const char *file, struct pp_error *error)
{
	struct stat found;

	if (stat(device->filesystem.source, &found) < 0)
		return pp_error_errno(error, -errno, "%s:%d: cannot look at <filesystem> %s", file,
			device->line, device->filesystem.source);
	if (S_ISDIR(found.st_mode))
		return 0;
	return pp_error_set(error, PP_STATUS_FAILED, -ENOTDIR,
		"%s:%d: <filesystem> names %s, which is no directory", file, device->line,
		device->filesystem.source);
}

int pp_demand_files(const struct pp_domain *domain, const char *file, struct pp_error *error)
{
	const struct pp_domain_os *os = &domain->os;

	int r = refuse_folder("kernel", os->kernel, file, os->kernel_line, error);
	if (r >= 0)
		r = refuse_folder("initrd", os->initrd, file, os->initrd_line, error);
	if (r >= 0)
		r = refuse_folder("loader", os->loader, file, os->loader_line, error);
	for (size_t i = 0; r >= 0 && i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (device->kind == PP_DEV_DISK)
			r = refuse_folder("disk", device->disk.source, file, device->line, error);
		if (device->kind == PP_DEV_FILESYSTEM)
			r = need_folder(device, file, error);
		if (r >= 0 && device->rom_enabled != PP_OFF)
			r = refuse_folder("rom", device->rom_file, file, device->line, error);
	}
	return r;
}
