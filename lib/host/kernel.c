/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/host/modules.h"
#include <errno.h>
#include <string.h>

static int read_line(struct pp_reader *reader, const char *path, const char **ret_line)
{
	char *line;
	int r = pp_tree_line(reader->tree, reader->arena, path, &line);
	if (r == 0)
		*ret_line = line;
	return r == -ENOMEM ? r : 0;
}

/* "Y" or "N" of a module's parameter; -1 where it is not loaded. */
static int read_switch(struct pp_reader *reader, const char *path)
{
	char value[2];
	ssize_t length = pp_tree_read_bytes(reader->tree, path, value, sizeof(value));
	if (length < 1)
		return -1;
	return value[0] == 'Y' || value[0] == '1';
}

static int find_config(struct pp_reader *reader, struct pp_kernel *kernel)
{
	static const char *const formats[] = {"/boot/config-%s", "/lib/modules/%s/config"};
	for (size_t i = 0; kernel->release && i < PP_COUNT(formats); i++) {
		char *path = pp_arena_printf(reader->arena, formats[i], kernel->release);
		if (!path)
			return -ENOMEM;
		if (pp_tree_exists(reader->tree, path)) {
			kernel->config = path;
			return 0;
		}
	}
	if (pp_tree_exists(reader->tree, "/proc/config.gz"))
		kernel->config = "/proc/config.gz";
	return 0;
}

/* "none [integrity] confidentiality" -> "integrity" */
static int read_lockdown(struct pp_reader *reader, struct pp_kernel *kernel)
{
	const char *line = NULL;
	int r = read_line(reader, "/sys/kernel/security/lockdown", &line);
	const char *open = line ? strchr(line, '[') : NULL;
	const char *close = open ? strchr(open, ']') : NULL;
	if (r < 0 || !close)
		return r;
	kernel->lockdown = pp_arena_strndup(reader->arena, open + 1, (size_t)(close - open - 1));
	return kernel->lockdown ? 0 : -ENOMEM;
}

static int read_vfio(struct pp_reader *reader, struct pp_kernel *kernel)
{
	const struct pp_modules *modules;
	int r = pp_modules_read(reader, &modules);
	if (r < 0)
		return r;
	for (size_t i = 0; i < reader->n_devices; i++)
		reader->devices[i].vfio_module =
			pp_modules_vfio(modules, reader->devices[i].modalias);
	kernel->vfio_pci_loaded = pp_tree_exists(reader->tree, "/sys/bus/pci/drivers/vfio-pci");
	kernel->vfio_pci_builtin = pp_modules_builtin(modules, "vfio-pci");
	kernel->vfio_pci_available = kernel->vfio_pci_loaded || kernel->vfio_pci_builtin;
	if (!kernel->vfio_pci_available)
		r = pp_modules_loadable(reader, "vfio-pci", &kernel->vfio_pci_available);
	if (r < 0)
		return r;
	kernel->vfio_node = pp_tree_exists(reader->tree, "/dev/vfio/vfio");
	kernel->iommufd_node = pp_tree_exists(reader->tree, "/dev/iommu");
	kernel->kvm_node = pp_tree_exists(reader->tree, "/dev/kvm");
	kernel->unsafe_interrupts = read_switch(
		reader, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	kernel->denylist_disabled =
		read_switch(reader, "/sys/module/vfio_pci/parameters/disable_denylist");

	uint64_t limit;
	kernel->dma_entry_limit = -1;
	if (pp_tree_u64(reader->tree, "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit", 10,
		    &limit) == 0 &&
		limit <= INT64_MAX)
		kernel->dma_entry_limit = (int64_t)limit;
	return 0;
}

int pp_kernel_read(struct pp_reader *reader)
{
	struct pp_kernel *kernel = pp_arena_alloc(reader->arena, sizeof(*kernel));
	if (!kernel)
		return -ENOMEM;
	reader->kernel = kernel;
	int r = read_line(reader, "/proc/sys/kernel/osrelease", &kernel->release);
	if (kernel->release && (*kernel->release == '.' || strchr(kernel->release, '/')))
		kernel->release = NULL; /* it becomes part of paths */
	reader->release = kernel->release;
	if (r == 0)
		r = read_line(reader, "/proc/cmdline", &kernel->command_line);
	if (r == 0)
		r = read_line(reader, "/sys/kernel/security/lsm", &kernel->security);
	if (r == 0)
		r = find_config(reader, kernel);
	if (r == 0)
		r = read_lockdown(reader, kernel);
	if (r == 0)
		r = read_vfio(reader, kernel);
	return r;
}
