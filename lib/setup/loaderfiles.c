/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The edits of each loader's files, and what makes of them what is booted. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include <errno.h>
#include <string.h>

/* One that starts Linux, or may: one that cannot be read, or is empty, is refused when it is
 * edited. */
static bool is_entry(const struct pp_boot_file *file, const char *folder)
{
	if (!pp_boot_under(file->path, folder) || strstr(file->path, PP_ONCE_ENTRY))
		return false;
	return !file->text || pp_bootfile_is_blank(file->text, file->length) ||
	       pp_text_starts(file->text, "linux") || strstr(file->text, "\nlinux");
}

static int edit_entries(struct pp_maker *maker, const char *folder, struct pp_error *error)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && folder && i < maker->boot->n_files; i++)
		if (is_entry(&maker->boot->files[i], folder))
			r = pp_maker_edit(
				maker, PP_BOOTFILE_ENTRY, maker->boot->files[i].path, NULL, error);
	return r;
}

static bool is_set(const char *text, const struct pp_words_change *change)
{
	return text && pp_words_has_all(text, strlen(text), change->add) &&
	       !pp_words_has_any(text, strlen(text), change->remove);
}

/* All entries have it already; $kernelopts stands in GRUB's environment. */
static bool entries_done(struct pp_maker *maker, const char *folder)
{
	const char *environment = pp_boot_text(maker->boot, "/boot/grub2/grubenv");
	for (size_t i = 0; folder && i < maker->boot->n_files; i++) {
		const struct pp_boot_file *file = &maker->boot->files[i];
		bool indirect = file->text && strstr(file->text, "$kernelopts");
		if (is_entry(file, folder) && !is_set(file->text, &maker->change) &&
			!(indirect && is_set(environment, &maker->change)))
			return false;
	}
	return folder != NULL;
}

/* "--args=a b", or NULL where there is nothing. */
static const char *joined(struct pp_maker *maker, const char *option, const char *const *words)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (; words && *words; words++)
		pp_buffer_printf(&text, "%s%s", text.length ? " " : option, *words);
	return text.length ? pp_maker_printf(maker, "%s", pp_buffer_text(&text)) : NULL;
}

/* Of what is to be removed, what is there now: only that comes back with an undo. */
static const char *const *removed(struct pp_maker *maker)
{
	size_t n = 0;
	while (maker->change.remove && maker->change.remove[n])
		n++;
	const char **list = pp_arena_array(maker->arena, n + 1, sizeof(*list));
	maker->failed |= !list;
	for (size_t i = 0, at = 0; list && i < n; i++) {
		const char *word = maker->change.remove[i];
		bool there = pp_maker_running(maker, word);
		for (size_t j = 0; !there && j < maker->boot->n_files; j++) {
			const struct pp_boot_file *file = &maker->boot->files[j];
			there = pp_boot_under(file->path, "/boot/loader/entries") && file->text &&
				pp_words_has(file->text, file->length, word);
		}
		if (there)
			list[at++] = word;
	}
	return list;
}

static void edit_grubby(struct pp_maker *maker, const char *grubby)
{
	const char *all = "--update-kernel=ALL";
	const char *const *was = removed(maker);
	const char *add = joined(maker, "--args=", maker->change.add);
	const char *take = joined(maker, "--remove-args=", was);
	const char *back = joined(maker, "--remove-args=", maker->change.add);
	const char *again = joined(maker, "--args=", was);
	const char *first = add ? add : take, *first_back = back ? back : again;
	if (first)
		pp_maker_command(maker,
			pp_maker_list(maker, grubby, all, first, add ? take : NULL, NULL),
			pp_maker_list(maker, grubby, all, first_back, back ? again : NULL, NULL));
}

static int edit_bls(struct pp_maker *maker, struct pp_error *error)
{
	const char *folder = "/boot/loader/entries";
	const char *grubby = pp_boot_program(maker->boot, "grubby");
	if (entries_done(maker, folder))
		return 0;
	if (grubby) {
		edit_grubby(maker, grubby);
		return 0;
	}
	int r = edit_entries(maker, folder, error);
	if (r >= 0) /* for kernels that come later */
		r = pp_maker_edit(maker, PP_BOOTFILE_GRUB, "/etc/default/grub", NULL, error);
	return r < 0 ? r
		     : pp_maker_edit(
			       maker, PP_BOOTFILE_CMDLINE, "/etc/kernel/cmdline", NULL, error);
}

static int edit_ostree(struct pp_maker *maker)
{
	const char *tool = pp_boot_program(maker->boot, "rpm-ostree");
	const char *const *was = removed(maker);
	const char *argv[20] = {tool, "kargs"}, *undo[20] = {tool, "kargs"};
	size_t n = 2;
	if (entries_done(maker, "/boot/loader/entries"))
		return 0;
	for (const char *const *add = maker->change.add; add && *add && n < 18; add++, n++) {
		argv[n] = pp_maker_printf(maker, "--append-if-missing=%s", *add);
		undo[n] = pp_maker_printf(maker, "--delete-if-present=%s", *add);
	}
	for (const char *const *remove = was; remove && *remove && n < 18; remove++, n++) {
		argv[n] = pp_maker_printf(maker, "--delete-if-present=%s", *remove);
		undo[n] = pp_maker_printf(maker, "--append-if-missing=%s", *remove);
	}
	if (n > 2)
		pp_maker_command(maker,
			pp_maker_list(maker, tool, argv[1], argv[2], argv[3], argv[4], argv[5],
				argv[6], NULL),
			pp_maker_list(maker, tool, undo[1], undo[2], undo[3], undo[4], undo[5],
				undo[6], NULL));
	return 0;
}

static int edit_legacy(struct pp_maker *maker, struct pp_error *error)
{
	static const char *const files[] = {"/boot/grub/grub.conf", "/boot/grub/menu.lst"};
	int r = 0;
	for (size_t i = 0; r >= 0 && i < PP_COUNT(files); i++) {
		const struct pp_boot_file *file = pp_boot_file(maker->boot, files[i]);
		bool other = file && file->link && pp_text_is(file->link, files[!i]);
		if (file && !other) /* the one is a link to the other, as distributions have it */
			r = pp_maker_edit(maker, PP_BOOTFILE_LEGACY, files[i], NULL, error);
	}
	return r;
}

static int edit_limine(struct pp_maker *maker, struct pp_error *error)
{
	static const char settings[] = "/etc/default/limine";
	const char *tool = pp_boot_program(maker->boot, "limine-mkinitcpio");
	const struct pp_boot_file *file = pp_boot_file(maker->boot, settings);
	bool plain = file && file->text && !pp_bootfile_is_blank(file->text, file->length) &&
		     !strstr(file->text, "KERNEL_CMDLINE[default]");
	tool = tool ? tool : pp_boot_program(maker->boot, "limine-update");
	if (!tool || !file || plain)
		return pp_maker_edit(
			maker, PP_BOOTFILE_LIMINE, pp_loader_limine(maker), NULL, error);
	size_t before = maker->n_steps;
	int r = pp_maker_edit(maker, PP_BOOTFILE_LIMINE_DEFAULT, settings, NULL, error);
	if (r >= 0 && maker->n_steps > before)
		pp_maker_refresh(maker, pp_maker_list(maker, tool, NULL));
	return r;
}

/* What puts /etc/kernel/cmdline into the images. */
static int refresh_images(struct pp_maker *maker, struct pp_error *error)
{
	const struct pp_boot *boot = maker->boot;
	const char *release = maker->host->kernel ? maker->host->kernel->release : NULL;
	const char *tool = pp_boot_program(boot, "mkinitcpio");
	bool preset = false;
	for (size_t i = 0; i < boot->n_files; i++)
		preset |= pp_boot_under(boot->files[i].path, "/etc/mkinitcpio.d") &&
			  boot->files[i].text && strstr(boot->files[i].text, "_uki=");
	if (tool && preset) {
		pp_maker_refresh(maker, pp_maker_list(maker, tool, "-P", NULL));
		return 0;
	}
	tool = pp_boot_program(boot, "kernel-install");
	if (tool && release) {
		pp_maker_refresh(maker,
			pp_maker_list(maker, tool, "add", release,
				pp_maker_printf(maker, "/usr/lib/modules/%s/vmlinuz", release),
				NULL));
		return 0;
	}
	tool = pp_boot_program(boot, "dracut");
	if (tool) {
		pp_maker_refresh(
			maker, pp_maker_list(maker, tool, "--force", "--regenerate-all", NULL));
		return 0;
	}
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
		"nothing was found that makes unified kernel images here (mkinitcpio with _uki= in "
		"a preset, kernel-install, dracut)");
	pp_error_remedy(error, "put the parameters where your images get their command line from");
	return -ENOENT;
}

static int edit_images(struct pp_maker *maker, struct pp_error *error)
{
	static const char own[] = "/etc/cmdline.d/zz-pcipass.conf";
	size_t before = maker->n_steps;
	int r = 0;
	if (pp_boot_file(maker->boot, "/etc/kernel/cmdline"))
		r = pp_maker_edit(maker, PP_BOOTFILE_CMDLINE, "/etc/kernel/cmdline", NULL, error);
	else if (pp_boot_has_under(maker->boot, "/etc/cmdline.d")) {
		struct pp_words_change take = {.remove = maker->change.remove};
		for (size_t i = 0; r >= 0 && i < maker->boot->n_files; i++)
			if (pp_boot_under(maker->boot->files[i].path, "/etc/cmdline.d") &&
				!pp_text_is(maker->boot->files[i].path, own))
				r = pp_maker_edit(maker, PP_BOOTFILE_CMDLINE,
					maker->boot->files[i].path, &take, error);
		const char *words = joined(maker, "", maker->change.add);
		if (words)
			pp_maker_file(maker, own,
				pp_maker_printf(maker,
					"# Written by `pcipass host-setup`; `pcipass host-setup "
					"--undo` removes it.\n%s\n",
					words));
	} else
		return pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
			"/etc/kernel/cmdline is not there, from which unified kernel images get "
			"their parameters");
	return r < 0 || maker->n_steps == before ? r : refresh_images(maker, error);
}

static int edit_systemd_boot(struct pp_maker *maker, struct pp_error *error)
{
	const char *proxmox = pp_boot_program(maker->boot, "proxmox-boot-tool");
	const char *folder = pp_loader_entries(maker);
	size_t before = maker->n_steps;
	if (proxmox && pp_boot_file(maker->boot, "/etc/kernel/proxmox-boot-uuids")) {
		int r = pp_maker_edit(
			maker, PP_BOOTFILE_CMDLINE, "/etc/kernel/cmdline", NULL, error);
		if (r >= 0 && maker->n_steps > before)
			pp_maker_refresh(maker, pp_maker_list(maker, proxmox, "refresh", NULL));
		return r;
	}
	if (!maker->permanent && !entries_done(maker, folder) && pp_entries_once(maker, folder))
		return 0;
	int r = edit_entries(maker, folder, error);
	return r < 0 ? r
		     : pp_maker_edit(
			       maker, PP_BOOTFILE_CMDLINE, "/etc/kernel/cmdline", NULL, error);
}

int pp_loader_edit(struct pp_maker *maker, enum pp_loader_kind kind, struct pp_error *error)
{
	switch (kind) {
	case PP_LOADER_GRUB:
		return pp_grub_edit(maker, error);
	case PP_LOADER_BLS:
		return edit_bls(maker, error);
	case PP_LOADER_LEGACY:
		return edit_legacy(maker, error);
	case PP_LOADER_ENTRIES:
		return edit_systemd_boot(maker, error);
	case PP_LOADER_UKI:
		return edit_images(maker, error);
	case PP_LOADER_LIMINE:
		return edit_limine(maker, error);
	default:
		return edit_ostree(maker);
	}
}
