/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/boot.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/context.h"
#include <errno.h>
#include <string.h>

#define EFIVARS "/sys/firmware/efi/efivars/"
#define LOADER_GUID "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static const char *const texts[] = {
	"/etc/default/grub",
	"/etc/default/limine",
	"/etc/grub2-efi.cfg",
	"/etc/kernel/cmdline",
	"/etc/kernel/install.conf",
	"/etc/mkinitcpio.conf",
	"/etc/os-release",
	"/etc/sysctl.d/60-pcipass.conf",
	"/etc/tmpfiles.d/pcipass.conf",
	"/etc/modules-load.d/pcipass.conf",
	"/etc/modprobe.d/pcipass.conf",
	"/boot/grub/grub.cfg",
	"/boot/grub/custom.cfg",
	"/boot/grub/grub.conf",
	"/boot/grub/menu.lst",
	"/boot/grub2/grub.cfg",
	"/boot/grub2/grubenv",
	"/boot/loader/loader.conf",
	"/efi/loader/loader.conf",
	"/boot/efi/loader/loader.conf",
	"/boot/grub2/custom.cfg",
	"/boot/limine.conf",
	"/boot/limine/limine.conf",
	"/boot/EFI/limine/limine.conf",
	"/boot/efi/limine.conf",
	"/boot/efi/EFI/limine/limine.conf",
	"/boot/limine.cfg",
	"/boot/limine/limine.cfg",
	"/proc/self/mountinfo",
	"/proc/sys/vm/nr_hugepages",
	"/sys/class/dmi/id/bios_version",
	"/sys/class/dmi/id/board_name",
	"/sys/class/dmi/id/board_vendor",
	"/sys/class/dmi/id/product_name",
	"/sys/class/dmi/id/sys_vendor",
	"/sys/fs/selinux/booleans/virt_manage_sysfs",
	"/sys/fs/selinux/booleans/virt_use_sysfs",
	"/sys/fs/selinux/booleans/virt_use_vfio",
	"/usr/sbin/grub-mkconfig",
	"/usr/sbin/grub2-mkconfig",
	"/usr/bin/grub-mkconfig",
};
/* Only whether they are there. */
static const char *const marks[] = {
	"/etc/kernel/proxmox-boot-uuids",
	"/etc/modules-load.d",
	"/usr/lib/modules-load.d",
	"/usr/lib/tmpfiles.d",
	"/run/ostree-booted",
	"/run/systemd/system",
	"/sys/firmware/efi",
	"/sys/fs/selinux/enforce",
	"/sys/kernel/security/apparmor",
};
/* Folders whose files of a suffix are read. */
static const struct {
	const char *folder, *suffix;
	bool read;
} folders[] = {
	{"/etc/default/grub.d", ".cfg", true},
	{"/etc/cmdline.d", ".conf", true},
	{"/etc/mkinitcpio.d", ".preset", true},
	{"/boot/loader/entries", ".conf", true},
	{"/efi/loader/entries", ".conf", true},
	{"/boot/efi/loader/entries", ".conf", true},
	{"/boot/EFI/Linux", ".efi", false},
	{"/efi/EFI/Linux", ".efi", false},
	{"/boot/efi/EFI/Linux", ".efi", false},
};
static const char *const programs[] = {"bootctl", "dracut", "grub-editenv", "grub-mkconfig",
	"grub-reboot", "grub2-editenv", "grub2-mkconfig", "grub2-reboot", "grubby",
	"kernel-install", "limine-mkinitcpio", "limine-update", "mkinitcpio", "proxmox-boot-tool",
	"rpm-ostree", "setsebool", "sysctl", "systemd-tmpfiles", "update-grub", "update-initramfs"};
static const char *const paths[] = {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};
static const char *const variables[] = {"LoaderInfo", "StubInfo", "LoaderEntrySelected"};

struct reading {
	struct pp_tree *tree;
	struct pp_arena *arena;
	struct pp_boot_file *files;
	size_t n_files, room;
};

static struct pp_boot_file *add(struct reading *reading, const char *path)
{
	if (reading->n_files == reading->room) {
		size_t room = reading->room ? reading->room * 2 : 64;
		struct pp_boot_file *files = pp_arena_grow(reading->arena, reading->files,
			reading->n_files * sizeof(*files), room * sizeof(*files));
		if (!files)
			return NULL;
		reading->files = files;
		reading->room = room;
	}
	struct pp_boot_file *file = &reading->files[reading->n_files];
	*file = (struct pp_boot_file){.path = pp_arena_strdup(reading->arena, path)};
	reading->n_files += file->path != NULL;
	return file->path ? file : NULL;
}

static int read_text(struct reading *reading, const char *path)
{
	struct pp_tree_stat stat;
	char *target, *text;
	size_t length;
	bool link = pp_tree_link(reading->tree, reading->arena, path, &target) == 0;
	if (!link && !pp_tree_exists(reading->tree, path))
		return 0;
	struct pp_boot_file *file = add(reading, path);
	if (!file)
		return -ENOMEM;
	if (link)
		file->link = pp_tree_real(reading->tree, reading->arena, path, &target) == 0
				     ? target
				     : pp_arena_strdup(reading->arena, "nowhere");
	file->error = pp_tree_read(reading->tree, reading->arena, path, &text, &length);
	if (file->error == -ENOMEM)
		return -ENOMEM;
	if (file->error == 0) {
		file->text = text;
		file->length = length;
	}
	file->writable = pp_tree_is_text(reading->tree) ||
			 (pp_tree_stat(reading->tree, path, &stat) == 0 && stat.mode & 0200);
	return 0;
}

static int read_mark(struct reading *reading, const char *path)
{
	for (size_t i = 0; i < reading->n_files; i++)
		if (strcmp(reading->files[i].path, path) == 0)
			return 0; /* it was read */
	if (!pp_tree_exists(reading->tree, path))
		return 0;
	return add(reading, path) ? 0 : -ENOMEM;
}

static int read_folder(struct reading *reading, const char *folder, const char *suffix, bool read)
{
	char **names, path[PP_PATH_MAX];
	size_t count;
	int r = pp_tree_list(reading->tree, reading->arena, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		if (!pp_text_ends(names[i], suffix) || names[i][0] == '.' ||
			pp_path(path, sizeof(path), "%s/%s", folder, names[i]) < 0)
			continue;
		r = read ? read_text(reading, path) : read_mark(reading, path);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of a firmware's variable the ASCII in its UTF-16, behind four bytes of attributes. */
static int read_variable(struct reading *reading, const char *name)
{
	char path[PP_PATH_MAX], *raw;
	size_t length;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	if (pp_path(path, sizeof(path), EFIVARS "%s" LOADER_GUID, name) < 0)
		return 0;
	int r = pp_tree_read(reading->tree, reading->arena, path, &raw, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 4; i + 1 < length && (raw[i] || raw[i + 1]); i += 2)
		pp_buffer_putc(&text, raw[i + 1] || raw[i] < ' ' ? '?' : raw[i]);
	struct pp_boot_file *file = add(reading, name);
	if (!file)
		return -ENOMEM;
	file->text = pp_arena_strdup(reading->arena, pp_buffer_text(&text));
	file->length = text.length;
	return file->text ? 0 : -ENOMEM;
}

static int read_programs(struct reading *reading)
{
	for (size_t i = 0; i < PP_COUNT(programs); i++)
		for (size_t j = 0; j < PP_COUNT(paths); j++) {
			char path[64];
			if (pp_path(path, sizeof(path), "%s%s", paths[j], programs[i]) < 0)
				continue;
			int r = read_mark(reading, path);
			if (r < 0)
				return r;
		}
	return 0;
}

static int read_pages(struct reading *reading, int node, uint64_t size)
{
	char path[PP_PATH_MAX];
	if (pp_path(path, sizeof(path),
		    "/sys/devices/system/node/node%d/hugepages/hugepages-%llukB/nr_hugepages", node,
		    (unsigned long long)size >> 10) < 0)
		return 0;
	return read_text(reading, path);
}

static int read_all(struct reading *reading, const struct pp_host *host)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && i < PP_COUNT(texts); i++)
		r = read_text(reading, texts[i]);
	for (size_t i = 0; r >= 0 && i < PP_COUNT(marks); i++)
		r = read_mark(reading, marks[i]);
	for (size_t i = 0; r >= 0 && i < PP_COUNT(folders); i++)
		r = read_folder(reading, folders[i].folder, folders[i].suffix, folders[i].read);
	for (size_t i = 0; r >= 0 && i < PP_COUNT(variables); i++)
		r = read_variable(reading, variables[i]);
	for (size_t i = 0; r >= 0 && host->memory && i < host->memory->n_nodes; i++)
		r = read_pages(reading, host->memory->nodes[i].node, host->memory->hugepage_size);
	if (r >= 0 && host->kernel && host->kernel->config &&
		!pp_text_ends(host->kernel->config, ".gz"))
		r = read_text(reading, host->kernel->config);
	return r < 0 ? r : read_programs(reading);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(
		((const struct pp_boot_file *)a)->path, ((const struct pp_boot_file *)b)->path);
}

int pp_boot_read(struct pp_context *context, const struct pp_host *host, struct pp_boot **ret_boot,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct reading reading = {.tree = context->tree, .arena = arena};
	struct pp_boot *boot = arena ? pp_arena_alloc(arena, sizeof(*boot)) : NULL;
	if (!boot || read_all(&reading, host) < 0)
		return pp_error_oom(error);
	if (reading.n_files > 0)
		qsort(reading.files, reading.n_files, sizeof(*reading.files), by_path);
	*boot = (struct pp_boot){
		.files = reading.files, .n_files = reading.n_files, .arena = PP_TAKE(arena)};
	*ret_boot = boot;
	return 0;
}

void pp_boot_free(struct pp_boot *boot)
{
	if (boot)
		pp_arena_free(boot->arena);
}

const struct pp_boot_file *pp_boot_file(const struct pp_boot *boot, const char *path)
{
	for (size_t i = 0; i < boot->n_files; i++)
		if (strcmp(boot->files[i].path, path) == 0)
			return &boot->files[i];
	return NULL;
}

const char *pp_boot_text(const struct pp_boot *boot, const char *path)
{
	const struct pp_boot_file *file = pp_boot_file(boot, path);
	return file ? file->text : NULL;
}

const char *pp_boot_program(const struct pp_boot *boot, const char *name)
{
	for (size_t i = 0; i < PP_COUNT(paths); i++) {
		char path[64];
		if (pp_path(path, sizeof(path), "%s%s", paths[i], name) < 0)
			continue;
		const struct pp_boot_file *file = pp_boot_file(boot, path);
		if (file)
			return file->path;
	}
	return NULL;
}

bool pp_boot_under(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	return strncmp(path, folder, length) == 0 && path[length] == '/';
}

bool pp_boot_has_under(const struct pp_boot *boot, const char *folder)
{
	for (size_t i = 0; i < boot->n_files; i++)
		if (pp_boot_under(boot->files[i].path, folder))
			return true;
	return false;
}
