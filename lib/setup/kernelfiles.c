/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel is given at boot beside its parameters: modules, initramfs, huge pages. Files of
 * our own. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include "lib/setup/setup.h"
#include <errno.h>
#include <string.h>

#define MODULES "/etc/modules-load.d/pcipass.conf"
#define SYSCTL "/etc/sysctl.d/60-pcipass.conf"
#define TMPFILES "/etc/tmpfiles.d/pcipass.conf"
#define PAGES_MAX 16777216

/* vfio-pci alone: it brings the others of this kernel along, vfio_virqfd only where that is one. */
void pp_need_modules(struct pp_maker *maker)
{
	const struct pp_kernel *kernel = maker->host->kernel;
	bool has_folder = pp_boot_file(maker->boot, "/etc/modules-load.d") ||
			  pp_boot_file(maker->boot, "/usr/lib/modules-load.d");
	if (!kernel || !kernel->vfio_pci_available || kernel->vfio_pci_builtin || !has_folder)
		return;
	for (size_t i = 0; i < maker->host->n_settings; i++) {
		const struct pp_setting *setting = &maker->host->settings[i];
		bool boot = pp_text_is(setting->tool, "modules") ||
			    pp_text_is(setting->tool, "modules-load");
		if (setting->kind == PP_SETTING_LOAD && boot &&
			pp_text_is(setting->name, "vfio_pci") &&
			!pp_text_is(setting->file, MODULES))
			return;
	}
	pp_maker_file(maker, MODULES, PP_SETUP_MARK "vfio-pci\n");
}

/* A device that is bound from the next boot on is bound there, before the host's driver comes. */
void pp_need_image(struct pp_maker *maker, const char *command)
{
	const char *words[4] = {NULL}, *word;
	size_t length, n = 0;
	for (const char *at = command;
		at && n < PP_COUNT(words) && pp_text_word(&at, " ", &word, &length); n++)
		words[n] = pp_maker_printf(maker, "%.*s", (int)length, word);
	const char *tool = words[0] ? pp_boot_program(maker->boot, words[0]) : NULL;
	if (!tool)
		return;
	pp_maker_find(maker, PP_WARN, "initramfs-stale",
		"a device is bound, or no longer bound, from the next boot on, and the initramfs "
		"does "
		"not know it yet",
		"/etc/pcipass/bindings: newer than the initramfs of this kernel", NULL)
		->can_do = true;
	pp_maker_command(
		maker, pp_maker_list(maker, tool, words[1], words[2], words[3], NULL), NULL);
}

/* ---- huge pages ---- */

static const struct pp_node_memory *node_of(const struct pp_maker *maker, int node)
{
	const struct pp_memory *memory = maker->host->memory;
	for (size_t i = 0; memory && i < memory->n_nodes; i++)
		if (memory->nodes[i].node == node)
			return &memory->nodes[i];
	return NULL;
}

static int check_pages(
	const struct pp_maker *maker, const struct pp_setup_pages *pages, struct pp_error *error)
{
	const struct pp_memory *memory = maker->host->memory;
	uint64_t size = memory ? memory->hugepage_size : 0;
	const struct pp_node_memory *node = pages->node < 0 ? NULL : node_of(maker, pages->node);
	if (!memory || size == 0)
		return pp_error_set(error, PP_STATUS_NOT_READY, -ENOTSUP,
			"this kernel has no huge pages (/proc/meminfo: Hugepagesize)");
	if (pages->node >= 0 && !node)
		return pp_error_set(error, PP_STATUS_USAGE, -ENOENT,
			"there is no NUMA node %d with memory on this host", pages->node);
	uint64_t total = node ? node->total : memory->total;
	if (pages->count > PAGES_MAX || pages->count * size > total / 10 * 9)
		return pp_error_set(error, PP_STATUS_USAGE, -ENOSPC,
			"%u huge pages of %llu KiB are more than nine tenths of the memory that "
			"there is (%llu MiB)",
			pages->count, (unsigned long long)size >> 10,
			(unsigned long long)total >> 20);
	return 0;
}

static void now(struct pp_maker *maker, const char *path, unsigned count)
{
	const char *text = pp_boot_text(maker->boot, path);
	const char *from = text ? pp_arena_strndup(maker->arena, text, strcspn(text, "\n")) : NULL;
	const char *to = pp_maker_printf(maker, "%u", count);
	if (from && !pp_text_is(from, to))
		pp_maker_step(maker,
			&(struct pp_setup_step){
				.kind = PP_SETUP_VALUE, .subject = path, .from = from, .to = to});
}

int pp_need_pages(struct pp_maker *maker, struct pp_error *error)
{
	PP_BUFFER struct pp_buffer nodes = PP_BUFFER_INIT;
	const struct pp_memory *memory = maker->host->memory;
	for (size_t i = 0; i < maker->options->n_pages; i++) {
		const struct pp_setup_pages *pages = &maker->options->pages[i];
		int r = check_pages(maker, pages, error);
		if (r < 0)
			return r;
		if (pages->node < 0) {
			pp_maker_file(maker, SYSCTL,
				pp_maker_printf(maker, PP_SETUP_MARK "vm.nr_hugepages = %u\n",
					pages->count));
			now(maker, "/proc/sys/vm/nr_hugepages", pages->count);
			continue;
		}
		char *path = pp_maker_printf(maker,
			"/sys/devices/system/node/node%d/hugepages/hugepages-%llukB/nr_hugepages",
			pages->node, (unsigned long long)memory->hugepage_size >> 10);
		pp_buffer_printf(&nodes, "w %s - - - - %u\n", path ? path : "", pages->count);
		if (path)
			now(maker, path, pages->count);
	}
	if (nodes.length == 0)
		return 0;
	if (!pp_boot_file(maker->boot, "/usr/lib/tmpfiles.d"))
		return pp_error_set(error, PP_STATUS_NOT_READY, -ENOTSUP,
			"huge pages of one NUMA node are set at boot by systemd-tmpfiles, which "
			"this host has not: leave NODE away");
	pp_maker_file(maker, TMPFILES,
		pp_maker_printf(maker, PP_SETUP_MARK "%s", pp_buffer_text(&nodes)));
	return 0;
}
