/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB 2: /etc/default/grub, the drop-ins beside it where its generator reads them, and that
 * generator. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include "lib/setup/setup.h"
#include "lib/setup/shell.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAIN "/etc/default/grub"
#define FOLDER "/etc/default/grub.d"

/* Debian's generator and its children read them, upstream's does not. */
static bool has_dropins(const struct pp_maker *maker)
{
	static const char *const generators[] = {
		"/usr/sbin/grub-mkconfig", "/usr/sbin/grub2-mkconfig", "/usr/bin/grub-mkconfig"};
	for (size_t i = 0; i < PP_COUNT(generators); i++) {
		const char *text = pp_boot_text(maker->boot, generators[i]);
		if (text)
			return strstr(text, "default/grub.d/") != NULL;
	}
	return false;
}

static bool is_part(const struct pp_maker *maker, const char *path)
{
	return pp_text_is(path, MAIN) || (has_dropins(maker) && pp_boot_under(path, FOLDER));
}

/* The text that a file is going to have. */
static const char *planned(const struct pp_maker *maker, const struct pp_boot_file *file)
{
	for (size_t i = 0; i < maker->n_steps; i++)
		if (maker->steps[i].kind == PP_SETUP_FILE &&
			pp_text_is(maker->steps[i].subject, file->path))
			return maker->steps[i].to;
	return file->text;
}

static int read_values(struct pp_maker *maker, const char *path, const char *text,
	const char *values[2], struct pp_error *error)
{
	struct pp_shell shell;
	int r = pp_shell_parse(maker->arena, text, strlen(text), pp_grub_names, &shell);
	if (r < 0)
		return pp_error_oom(error);
	if (shell.fault_line) {
		pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s:%u: %s; the file is left as it is", path, shell.fault_line,
			shell.fault);
		pp_error_id(error, "loader-file");
		pp_error_remedy(error, "write " MAIN " with plain NAME=\"...\" on lines of their "
				       "own, or set the parameters by hand");
		return -EINVAL;
	}
	for (size_t i = 0; pp_grub_names[i]; i++)
		values[i] = pp_shell_value(maker->arena, text, &shell, pp_grub_names[i], values[i]);
	return 0;
}

/* 1: with the steps so far, the generator gives the kernel what it is to have. */
static int is_set(struct pp_maker *maker, const char *dropin, struct pp_error *error)
{
	const char *values[2] = {NULL, NULL};
	int r = 0;
	for (size_t i = 0; r >= 0 && i < maker->boot->n_files; i++) {
		const struct pp_boot_file *file = &maker->boot->files[i];
		if (!is_part(maker, file->path) || (dropin && pp_text_is(file->path, dropin)))
			continue;
		if (!file->text) {
			pp_error_set(error, PP_STATUS_FAILED, file->error, "%s: it cannot be read",
				file->path);
			return -EIO;
		}
		if (pp_bootfile_is_blank(file->text, file->length) && !pp_text_is(file->path, MAIN))
			continue;
		r = pp_bootfile_check(file->path, file->text, file->length, error);
		const char *text = r < 0 ? NULL : planned(maker, file);
		if (text)
			r = read_values(maker, file->path, text, values, error);
	}
	if (r >= 0 && dropin) {
		struct pp_boot_file file = {.path = dropin};
		const char *text = planned(maker, &file);
		r = text ? read_values(maker, dropin, text, values, error) : 0;
	}
	const char *all = pp_maker_printf(
		maker, "%s %s", values[1] ? values[1] : "", values[0] ? values[0] : "");
	if (r < 0 || !all)
		return r < 0 ? r : pp_error_oom(error);
	return pp_words_has_all(all, strlen(all), maker->change.add) &&
	       !pp_words_has_any(all, strlen(all), maker->change.remove);
}

/* What is to go is taken out of every file that has it. */
static int take_out(struct pp_maker *maker, struct pp_error *error)
{
	const struct pp_words_change take = {.remove = maker->change.remove};
	int r = 0;
	for (size_t i = 0; r >= 0 && i < maker->boot->n_files; i++) {
		const struct pp_boot_file *file = &maker->boot->files[i];
		bool mentions = false;
		if (!is_part(maker, file->path) || !file->text)
			continue;
		for (const char *const *word = take.remove; word && *word; word++)
			mentions |= strstr(file->text, *word) != NULL;
		if (mentions)
			r = pp_maker_edit(maker, PP_BOOTFILE_GRUB, file->path, &take, error);
	}
	return r;
}

/* Behind all others, which may set the variable anew. */
static const char *dropin_path(struct pp_maker *maker)
{
	const char *name = "zz-pcipass.cfg";
	for (size_t i = 0; i < maker->boot->n_files; i++) {
		const char *path = maker->boot->files[i].path;
		if (!pp_boot_under(path, FOLDER) || pp_text_ends(path, "-pcipass.cfg"))
			continue;
		while (name && strcmp(path + strlen(FOLDER "/"), name) > 0 && strlen(name) < 64)
			name = pp_maker_printf(maker, "z%s", name);
	}
	return name ? pp_maker_printf(maker, FOLDER "/%s", name) : FOLDER "/zz-pcipass.cfg";
}

static void put_dropin(struct pp_maker *maker, const char *path)
{
	PP_BUFFER struct pp_buffer words = PP_BUFFER_INIT;
	for (const char *const *word = maker->change.add; word && *word; word++)
		pp_buffer_printf(&words, " %s", *word);
	if (words.length > 0)
		pp_maker_file(maker, path,
			pp_maker_printf(maker, PP_SETUP_MARK "%s=\"$%s%s\"\n", pp_grub_names[0],
				pp_grub_names[0], pp_buffer_text(&words)));
}

/* In the place of a drop-in; where there was a removal in the same file, as one step with it. */
static int put_in_place(struct pp_maker *maker, struct pp_error *error)
{
	for (size_t i = 0; i < maker->n_steps; i++)
		if (pp_text_is(maker->steps[i].subject, MAIN)) {
			maker->steps[i] = maker->steps[--maker->n_steps];
			break;
		}
	return pp_maker_edit(maker, PP_BOOTFILE_GRUB, MAIN, NULL, error);
}

static int refresh(struct pp_maker *maker, struct pp_error *error)
{
	const char *config = pp_grub_config(maker);
	const char *proxmox = pp_boot_program(maker->boot, "proxmox-boot-tool");
	const char *tool = pp_boot_program(maker->boot, "update-grub");
	bool is_proxmox = proxmox && pp_boot_file(maker->boot, "/etc/kernel/proxmox-boot-uuids");
	if (tool)
		pp_maker_refresh(maker, pp_maker_list(maker, tool, NULL));
	if (is_proxmox)
		pp_maker_refresh(maker, pp_maker_list(maker, proxmox, "refresh", NULL));
	if (tool || is_proxmox)
		return 0;
	tool = pp_boot_program(maker->boot, "grub2-mkconfig");
	tool = tool ? tool : pp_boot_program(maker->boot, "grub-mkconfig");
	if (tool && config) {
		pp_maker_refresh(maker, pp_maker_list(maker, tool, "-o", config, NULL));
		return 0;
	}
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
		"GRUB's generator was not found (update-grub, grub2-mkconfig, grub-mkconfig): "
		"a change of " MAIN " would have no effect");
	pp_error_remedy(error, "install it (Debian: grub2-common), or name another --loader");
	return -ENOENT;
}

/* What the generator made last has it. */
static bool config_has(const struct pp_maker *maker)
{
	const char *config = pp_grub_config(maker);
	const char *text = config ? pp_boot_text(maker->boot, config) : NULL;
	for (const char *const *word = maker->change.add; text && word && *word; word++)
		if (!strstr(text, *word))
			return false;
	return true;
}

int pp_grub_edit(struct pp_maker *maker, struct pp_error *error)
{
	if (!pp_boot_file(maker->boot, MAIN))
		return pp_error_set(
			error, PP_STATUS_NOT_READY, -ENOENT, MAIN " is not there, though GRUB is");
	int r = is_set(maker, NULL, error);
	if (r > 0)
		return config_has(maker) ? 0 : refresh(maker, error);
	if (r < 0 || (!maker->permanent && pp_grub_once(maker)))
		return r;
	const char *dropin = has_dropins(maker) ? dropin_path(maker) : NULL;
	r = take_out(maker, error);
	if (r >= 0 && dropin)
		put_dropin(maker, dropin);
	else if (r >= 0)
		r = put_in_place(maker, error);
	if (r >= 0)
		r = is_set(maker, dropin, error);
	if (r == 0) {
		pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"a later line of " MAIN " or a file of " FOLDER
			" would set the parameters anew; nothing was changed");
		pp_error_id(error, "loader-file");
		pp_error_remedy(error, "grep -rn GRUB_CMDLINE_LINUX " MAIN "* shows which");
		return -EINVAL;
	}
	return r < 0 ? r : refresh(maker, error);
}
