/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot loader that is really used, by what the firmware, the kernel's command line and the
 * files say, in this order. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include <errno.h>
#include <string.h>

static const struct {
	const char *word, *name;
} loaders[PP_LOADERS] = {
	[PP_LOADER_GRUB] = {"grub", "GRUB"},
	[PP_LOADER_BLS] = {"grub-bls", "GRUB with boot loader entries"},
	[PP_LOADER_LEGACY] = {"grub-legacy", "legacy GRUB"},
	[PP_LOADER_ENTRIES] = {"systemd-boot", "systemd-boot"},
	[PP_LOADER_UKI] = {"uki", "a unified kernel image"},
	[PP_LOADER_LIMINE] = {"limine", "Limine"},
	[PP_LOADER_OSTREE] = {"rpm-ostree", "rpm-ostree"},
};

static const char *const limine_files[] = {"/boot/limine.conf", "/boot/limine/limine.conf",
	"/boot/EFI/limine/limine.conf", "/boot/efi/limine.conf", "/boot/efi/EFI/limine/limine.conf",
	"/boot/limine.cfg", "/boot/limine/limine.cfg"};
static const char *const entry_folders[] = {
	"/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries"};

const char *pp_loader_entries(const struct pp_maker *maker)
{
	for (size_t i = 0; i < PP_COUNT(entry_folders); i++)
		if (pp_boot_has_under(maker->boot, entry_folders[i]))
			return entry_folders[i];
	return NULL;
}

static const char *images(const struct pp_maker *maker)
{
	static const char *const folders[] = {
		"/boot/EFI/Linux", "/efi/EFI/Linux", "/boot/efi/EFI/Linux"};
	for (size_t i = 0; i < PP_COUNT(folders); i++)
		if (pp_boot_has_under(maker->boot, folders[i]))
			return folders[i];
	return NULL;
}

const char *pp_loader_limine(const struct pp_maker *maker)
{
	for (size_t i = 0; i < PP_COUNT(limine_files); i++)
		if (pp_boot_file(maker->boot, limine_files[i]))
			return limine_files[i];
	return NULL;
}

/* On the firmware's partition only where it is more than a stub. */
const char *pp_grub_config(const struct pp_maker *maker)
{
	const struct pp_boot_file *efi = pp_boot_file(maker->boot, "/etc/grub2-efi.cfg");
	if (efi && efi->link && efi->text && strstr(efi->text, "### BEGIN") &&
		pp_boot_file(maker->boot, "/sys/firmware/efi"))
		return efi->link;
	static const char *const configs[] = {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"};
	for (size_t i = 0; i < PP_COUNT(configs); i++)
		if (pp_boot_file(maker->boot, configs[i]))
			return configs[i];
	return NULL;
}

/* GRUB's own configuration reads the entries. */
static bool is_bls(const struct pp_maker *maker)
{
	const char *config = pp_grub_config(maker);
	const char *text = config ? pp_boot_text(maker->boot, config) : NULL;
	return text && strstr(text, "blscfg") &&
	       pp_boot_has_under(maker->boot, "/boot/loader/entries");
}

/* Is it installed as far as files can say. */
static bool is_there(const struct pp_maker *maker, enum pp_loader_kind kind)
{
	const struct pp_boot *boot = maker->boot;
	bool grub = pp_grub_config(maker) && pp_boot_file(boot, "/etc/default/grub");
	switch (kind) {
	case PP_LOADER_GRUB:
		return grub && !is_bls(maker);
	case PP_LOADER_BLS:
		return is_bls(maker);
	case PP_LOADER_LEGACY:
		return !pp_grub_config(maker) && (pp_boot_file(boot, "/boot/grub/grub.conf") ||
							 pp_boot_file(boot, "/boot/grub/menu.lst"));
	case PP_LOADER_ENTRIES:
		return pp_boot_file(boot, "/etc/kernel/proxmox-boot-uuids")
			       ? pp_boot_file(boot, "/etc/kernel/cmdline") != NULL
			       : pp_loader_entries(maker) && !is_bls(maker);
	case PP_LOADER_UKI:
		return images(maker) != NULL;
	case PP_LOADER_LIMINE:
		return pp_loader_limine(maker) != NULL;
	default:
		return pp_boot_file(boot, "/run/ostree-booted") &&
		       pp_boot_program(boot, "rpm-ostree");
	}
}

/* Every word that the kernel was given stands in the texts of this loader. */
static bool explains_running(const struct pp_maker *maker, enum pp_loader_kind kind)
{
	const char *config = pp_grub_config(maker);
	const char *at = maker->host->kernel ? maker->host->kernel->command_line : NULL;
	const char *word;
	size_t length, found = 0;
	while (at && pp_text_word(&at, " \t\n", &word, &length)) {
		bool seen = pp_text_starts(word, "BOOT_IMAGE=") || pp_text_starts(word, "initrd=");
		for (size_t i = 0; !seen && i < maker->boot->n_files; i++) {
			const struct pp_boot_file *file = &maker->boot->files[i];
			const char *folder = pp_loader_entries(maker);
			bool own = kind == PP_LOADER_GRUB ? pp_text_is(file->path, config)
				   : kind == PP_LOADER_LIMINE
					   ? pp_text_is(file->path, pp_loader_limine(maker))
				   : kind == PP_LOADER_UKI
					   ? pp_text_is(file->path, "/etc/kernel/cmdline")
				   : kind == PP_LOADER_LEGACY
					   ? pp_boot_under(file->path, "/boot/grub")
					   : folder && pp_boot_under(file->path, folder);
			seen = own && file->text && memmem(file->text, file->length, word, length);
		}
		if (!seen)
			return false;
		found++;
	}
	return found > 0;
}

static int found(struct pp_maker *maker, enum pp_loader_kind kind, const char *evidence,
	enum pp_loader_kind *ret_kind)
{
	maker->setup.loader = loaders[kind].name;
	maker->setup.evidence = evidence;
	*ret_kind = kind;
	return 0;
}

static int find_named(struct pp_maker *maker, const char *name, enum pp_loader_kind *ret_kind,
	struct pp_error *error)
{
	for (unsigned i = 0; i < PP_LOADERS; i++)
		if (pp_text_is(loaders[i].word, name))
			return found(maker, i, "--loader", ret_kind);
	pp_error_set(error, PP_STATUS_USAGE, -EINVAL, "'%s' is no boot loader that is known", name);
	pp_error_remedy(
		error, "grub, grub-bls, grub-legacy, systemd-boot, uki, limine, rpm-ostree");
	return -EINVAL;
}

/* What the firmware's variables say: by loaders that tell. -ENOENT: nothing. */
static int find_by_firmware(struct pp_maker *maker, enum pp_loader_kind *ret_kind)
{
	const char *info = pp_boot_text(maker->boot, "LoaderInfo");
	const char *stub = pp_boot_text(maker->boot, "StubInfo");
	char *evidence = pp_maker_printf(maker, "the firmware's variable %s: %s",
		info ? "LoaderInfo" : "StubInfo",
		info   ? info
		: stub ? stub
		       : "");
	bool proxmox = pp_boot_file(maker->boot, "/etc/kernel/proxmox-boot-uuids");
	if (info && pp_text_starts(info, "Limine"))
		return found(maker, PP_LOADER_LIMINE, evidence, ret_kind);
	if (info && pp_text_starts(info, "GRUB"))
		return found(
			maker, is_bls(maker) ? PP_LOADER_BLS : PP_LOADER_GRUB, evidence, ret_kind);
	if (stub && (!info || pp_text_starts(info, "systemd-boot")) && images(maker))
		return found(maker, PP_LOADER_UKI, evidence, ret_kind);
	if (info && pp_text_starts(info, "systemd-boot"))
		return found(maker,
			!pp_loader_entries(maker) && !proxmox && images(maker) ? PP_LOADER_UKI
									       : PP_LOADER_ENTRIES,
			evidence, ret_kind);
	return -ENOENT;
}

static int find_by_files(
	struct pp_maker *maker, enum pp_loader_kind *ret_kind, struct pp_error *error)
{
	PP_BUFFER struct pp_buffer names = PP_BUFFER_INIT;
	unsigned n = 0, n_explain = 0;
	enum pp_loader_kind one = PP_LOADERS, explained = PP_LOADERS;
	for (unsigned i = 0; i < PP_LOADER_OSTREE; i++) {
		if (!is_there(maker, i))
			continue;
		pp_buffer_printf(&names, "%s%s", n ? ", " : "", loaders[i].word);
		one = i;
		n++;
		if (explains_running(maker, i)) {
			explained = i;
			n_explain++;
		}
	}
	if (n == 1)
		return found(maker, one, "its files are the only ones of a boot loader", ret_kind);
	if (n_explain == 1)
		return found(maker, explained, "its files alone have all words of /proc/cmdline",
			ret_kind);
	if (n == 0)
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
			"no boot loader that is known was found (looked for GRUB, systemd-boot, "
			"unified kernel images, Limine and rpm-ostree)");
	else
		pp_error_set(error, PP_STATUS_NOT_READY, -ENOTUNIQ,
			"several boot loaders are installed (%s), and nothing says which of them "
			"starts this machine",
			pp_buffer_text(&names));
	pp_error_id(error, "loader-unknown");
	pp_error_remedy(error, n ? "--loader NAME says which"
				 : "set the parameters where your boot loader has them");
	return n ? -ENOTUNIQ : -ENOENT;
}

int pp_loader_find(struct pp_maker *maker, enum pp_loader_kind *ret_kind, struct pp_error *error)
{
	const char *line = maker->host->kernel ? maker->host->kernel->command_line : NULL;
	if (maker->options->loader)
		return find_named(maker, maker->options->loader, ret_kind, error);
	if (is_there(maker, PP_LOADER_OSTREE))
		return found(maker, PP_LOADER_OSTREE, "/run/ostree-booted", ret_kind);
	if (find_by_firmware(maker, ret_kind) == 0)
		return 0;
	if (line && strstr(line, "BOOT_IMAGE=") &&
		(is_there(maker, PP_LOADER_GRUB) || is_there(maker, PP_LOADER_BLS)))
		return found(maker, is_bls(maker) ? PP_LOADER_BLS : PP_LOADER_GRUB,
			"/proc/cmdline: BOOT_IMAGE=, as GRUB gives it", ret_kind);
	return find_by_files(maker, ret_kind, error);
}
