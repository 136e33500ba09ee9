/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is set for the kernel and its modules: in boot loaders, modprobe.d, lists of modules. */
#include "base/parse.h"
#include "lib/host/modules.h"
#include "lib/host/setting.h"
#include <errno.h>
#include <string.h>

struct pp_setting *pp_setting_add(struct pp_reader *reader, enum pp_setting_kind kind,
	const char *tool, const char *file, unsigned line)
{
	if (reader->n_settings == reader->size_settings) {
		size_t size = reader->size_settings ? reader->size_settings * 2 : 16;
		struct pp_setting *settings = pp_arena_grow(reader->arena, reader->settings,
			reader->n_settings * sizeof(*settings), size * sizeof(*settings));
		if (!settings)
			return NULL;
		reader->settings = settings;
		reader->size_settings = size;
	}
	struct pp_setting *setting = &reader->settings[reader->n_settings++];
	*setting = (struct pp_setting){
		.kind = kind, .tool = tool, .file = file, .line = line, .known = true};
	return setting;
}

char *pp_setting_text(struct pp_reader *reader, const char *text, size_t length)
{
	while (length && (*text == ' ' || *text == '\t')) {
		text++;
		length--;
	}
	while (length && strchr(" \t\r", text[length - 1]))
		length--;
	return pp_arena_strndup(reader->arena, text, length);
}

int pp_setting_lines(struct pp_reader *reader, const char *path, pp_setting_line *each, void *data)
{
	char *text;
	size_t size;
	int r = pp_tree_read(reader->tree, reader->scratch, path, &text, &size);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	char *file = pp_arena_strdup(reader->arena, path);
	if (!file)
		return -ENOMEM;
	r = 0;
	unsigned number = 0;
	for (const char *at = text; r == 0 && *at;) {
		const char *line = at + strspn(at, " \t");
		const char *end = line + strcspn(line, "\n");
		number++;
		at = *end ? end + 1 : end;
		if (line < end && *line != '#')
			r = each(reader, file, number, line, (size_t)(end - line), data);
	}
	return r;
}

int pp_setting_folder(struct pp_reader *reader, const char *folder, const char *suffix,
	pp_setting_line *each, void *data)
{
	char **names, path[PP_PATH_MAX];
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (pp_text_ends(names[i], suffix) &&
			pp_path(path, sizeof(path), "%s/%s", folder, names[i]) == 0)
			r = pp_setting_lines(reader, path, each, data);
	return r;
}

/* ---- boot loaders ---- */

static int add_parameters(struct pp_reader *reader, const char *loader, const char *file,
	unsigned number, const char *text, size_t length)
{
	char *value = pp_setting_text(reader, text, length);
	struct pp_setting *setting =
		value ? pp_setting_add(reader, PP_SETTING_PARAMETERS, loader, file, number) : NULL;
	if (!setting)
		return -ENOMEM;
	setting->name = loader;
	setting->value = value;
	return 0;
}

/* GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on" */
static int grub_line(struct pp_reader *reader, const char *file, unsigned number, const char *line,
	size_t length, void *data)
{
	static const char *const keys[] = {"GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"};
	size_t key = strcspn(line, "+=\n");
	const char *value = line + key, *end = line + length;
	bool wanted = false;
	for (size_t i = 0; i < PP_COUNT(keys); i++)
		wanted |= strlen(keys[i]) == key && strncmp(line, keys[i], key) == 0;
	if (!wanted)
		return 0;
	value += *value == '+';
	value += *value == '=';
	char quote = value < end && (*value == '"' || *value == '\'') ? *value++ : '\0';
	const char *stop = quote ? memchr(value, quote, (size_t)(end - value)) : NULL;
	if (value >= end)
		return 0;
	return add_parameters(
		reader, "grub", file, number, value, (size_t)((stop ? stop : end) - value));
}

static int plain_line(struct pp_reader *reader, const char *file, unsigned number, const char *line,
	size_t length, void *data)
{
	return add_parameters(reader, data, file, number, line, length);
}

/* An entry of the Boot Loader Specification: only that of the kernel that runs. */
struct entry {
	bool running;
	unsigned number;
	const char *options;
	size_t length;
};

static int entry_line(struct pp_reader *reader, const char *file, unsigned number, const char *line,
	size_t length, void *data)
{
	struct entry *entry = data;
	if (pp_text_starts(line, "options ")) {
		entry->number = number;
		entry->options = line + strlen("options ");
		entry->length = length - strlen("options ");
	}
	if ((pp_text_starts(line, "linux ") || pp_text_starts(line, "version ")) &&
		reader->release && memmem(line, length, reader->release, strlen(reader->release)))
		entry->running = true;
	return 0;
}

static int read_entries(struct pp_reader *reader, const char *folder)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct entry entry = {0};
		char *path = pp_arena_printf(reader->arena, "%s/%s", folder, names[i]);
		if (!path)
			return -ENOMEM;
		if (pp_text_ends(names[i], ".conf"))
			r = pp_setting_lines(reader, path, entry_line, &entry);
		if (r == 0 && entry.running && entry.options)
			r = add_parameters(reader, "systemd-boot", path, entry.number,
				entry.options, entry.length);
	}
	return r;
}

/* limine.conf: the first entry's */
static int limine_line(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data)
{
	bool *done = data;
	size_t key = pp_text_starts(line, "cmdline:")          ? strlen("cmdline:")
		     : pp_text_starts(line, "kernel_cmdline:") ? strlen("kernel_cmdline:")
							       : 0;
	if (*done || !key)
		return 0;
	*done = true;
	return add_parameters(reader, "limine", file, number, line + key, length - key);
}

static int read_loaders(struct pp_reader *reader)
{
	static const char *const entries[] = {
		"/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries"};
	static const char *const limines[] = {"/boot/limine.conf", "/boot/limine/limine.conf"};
	bool proxmox = pp_tree_exists(reader->tree, "/etc/kernel/proxmox-boot-uuids");
	bool limine = false;
	int r = pp_setting_lines(reader, "/etc/default/grub", grub_line, NULL);
	if (r == 0)
		r = pp_setting_folder(reader, "/etc/default/grub.d", ".cfg", grub_line, NULL);
	if (r == 0)
		r = pp_setting_lines(reader, "/etc/kernel/cmdline", plain_line,
			(void *)(proxmox ? "proxmox" : "systemd-boot"));
	for (size_t i = 0; r == 0 && i < PP_COUNT(entries); i++)
		r = read_entries(reader, entries[i]);
	for (size_t i = 0; r == 0 && i < PP_COUNT(limines); i++)
		r = pp_setting_lines(reader, limines[i], limine_line, &limine);
	return r;
}

/* ---- modules ---- */

/* A module's name as the kernel writes it: with underscores. */
static char *module_name(struct pp_reader *reader, const char *text, size_t length)
{
	char *name = pp_setting_text(reader, text, length);
	for (char *at = name; at && (at = strchr(at, '-'));)
		*at = '_';
	return name;
}

/* "options vfio-pci ids=10de:1b80,10de:10f0" */
static int modprobe_line(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data)
{
	const char *at = line, *word, *end = line + length;
	size_t size;
	if (!pp_text_word(&at, " \t", &word, &size) || size != strlen("options") ||
		strncmp(word, "options", size) != 0)
		return 0;
	if (!pp_text_word(&at, " \t\n", &word, &size) || word + size > end)
		return 0;
	if (!pp_text_starts(word, "vfio"))
		return 0;
	char *name = module_name(reader, word, size);
	char *value = pp_setting_text(reader, word + size, (size_t)(end - word - size));
	struct pp_setting *setting =
		name && value ? pp_setting_add(reader, PP_SETTING_OPTIONS, "modprobe", file, number)
			      : NULL;
	if (!setting)
		return -ENOMEM;
	setting->name = name;
	setting->value = value;
	return 0;
}

/* Where there are no lists, it is not known, and taken for there. */
static int has_module(struct pp_reader *reader, const char *name, bool *ret_has)
{
	bool known = false;
	int r = reader->modules ? pp_modules_known(reader, &known) : 0;
	if (r < 0)
		return r;
	*ret_has = !known || pp_modules_builtin(reader->modules, name);
	return *ret_has ? 0 : pp_modules_loadable(reader, name, ret_has);
}

/* Each module of ours on a line: "vfio_pci", "MODULES=(vfio vfio_pci)", "force_drivers+=" vfio ""
 */
static int module_line(struct pp_reader *reader, const char *file, unsigned number,
	const char *line, size_t length, void *data)
{
	const char *word;
	size_t size;
	for (const char *at = line; pp_text_word(&at, " \t\n\"'()=", &word, &size);) {
		if (word >= line + length || *word == '#')
			break;
		if (!pp_text_starts(word, "vfio") && !pp_text_starts(word, "kvm"))
			continue;
		char *name = module_name(reader, word, size);
		struct pp_setting *setting =
			name ? pp_setting_add(reader, PP_SETTING_LOAD, data, file, number) : NULL;
		if (!setting)
			return -ENOMEM;
		setting->name = name;
		int r = has_module(reader, name, &setting->known);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_modules(struct pp_reader *reader)
{
	static const char *const options[] = {
		"/usr/lib/modprobe.d", "/run/modprobe.d", "/etc/modprobe.d"};
	static const struct {
		const char *path, *tool;
	} lists[] = {
		{"/etc/modules", "modules"},
		{"/etc/initramfs-tools/modules", "initramfs-tools"},
		{"/etc/mkinitcpio.conf", "mkinitcpio"},
		{"/etc/dracut.conf", "dracut"},
	};
	int r = 0;
	for (size_t i = 0; r == 0 && i < PP_COUNT(options); i++)
		r = pp_setting_folder(reader, options[i], ".conf", modprobe_line, NULL);
	for (size_t i = 0; r == 0 && i < PP_COUNT(lists); i++)
		r = pp_setting_lines(reader, lists[i].path, module_line, (void *)lists[i].tool);
	if (r == 0)
		r = pp_setting_folder(reader, "/etc/modules-load.d", ".conf", module_line,
			(void *)"modules-load");
	if (r == 0)
		r = pp_setting_folder(
			reader, "/etc/dracut.conf.d", ".conf", module_line, (void *)"dracut");
	return r;
}

int pp_settings_read(struct pp_reader *reader)
{
	int r = read_loaders(reader);
	return r < 0 ? r : read_modules(reader);
}
