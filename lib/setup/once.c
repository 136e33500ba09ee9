/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A boot once: an entry like the one that was booted, with the change, which the loader takes for
 * the next boot alone. A host that does not come up with it falls back by itself. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include "lib/setup/setup.h"
#include <errno.h>
#include <string.h>

static bool not_once(struct pp_maker *maker, const char *why, const char *evidence)
{
	pp_maker_find(maker, PP_NOTE, "boot-once",
		pp_maker_printf(maker,
			"the change cannot be tried for one boot first (%s): it is made for good",
			why),
		evidence, "keep a way to choose another entry, or a rescue system, at hand");
	return false;
}

/* All words but those that loaders add stand in the running kernel's line. */
static bool runs(const struct pp_maker *maker, const char *words, size_t length)
{
	const char *line = maker->host->kernel ? maker->host->kernel->command_line : NULL;
	const char *at = words, *word;
	size_t size, n = 0;
	while (line && pp_words_next(&at, words + length, PP_WORDS_PLAIN, &word, &size) > 0) {
		const char *found = line, *other;
		size_t other_size;
		bool same = false;
		while (!same && pp_text_word(&found, " \t\n", &other, &other_size))
			same = other_size == size && strncmp(other, word, size) == 0;
		if (!same)
			return false;
		n++;
	}
	return n > 0;
}

static const char *wanted(struct pp_maker *maker)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (const char *const *word = maker->change.add; word && *word; word++)
		pp_buffer_printf(&text, "%s%s", text.length ? " " : "with ", *word);
	for (const char *const *word = maker->change.remove; !maker->change.add && word && *word;
		word++)
		if (pp_maker_running(maker, *word))
			pp_buffer_printf(&text, "%s%s", text.length ? " and " : "without ", *word);
	return pp_maker_printf(maker, "%s", pp_buffer_text(&text));
}

/* ---- GRUB ---- */

/* GRUB takes its note of the next boot away by writing to a block of its environment: it cannot on
 * LVM, RAID, or file systems that move what is written. */
static bool can_forget(const struct pp_maker *maker)
{
	static const char *const systems[] = {"ext2", "ext3", "ext4", "vfat", "xfs"};
	const char *at = pp_boot_text(maker->boot, "/proc/self/mountinfo");
	size_t best = 0;
	bool can = false;
	while (at && *at) {
		const char *end = strchrnul(at, '\n'), *word = at, *point = NULL;
		const char *dash = memmem(at, (size_t)(end - at), " - ", 3);
		size_t length = 0;
		for (int i = 0; i < 5 && pp_text_word(&word, " \n", &point, &length); i++)
			;
		bool holds = dash && point &&
			     (length == 1 || (strncmp("/boot/grub", point, length) == 0 &&
						     (length == strlen("/boot/grub") ||
							     "/boot/grub"[length] == '/')));
		if (holds && length >= best) {
			const char *type = dash + 3, *source = strchr(type, ' ');
			best = length;
			can = false;
			for (size_t i = 0; source && i < PP_COUNT(systems); i++)
				can |= pp_text_starts(type, systems[i]) &&
				       type[strlen(systems[i])] == ' ';
			can = can && pp_text_starts(source, " /dev/") &&
			      !pp_text_starts(source, " /dev/mapper/") &&
			      !pp_text_starts(source, " /dev/dm-") &&
			      !pp_text_starts(source, " /dev/md");
		}
		at = *end ? end + 1 : end;
	}
	return can;
}

static const char *first_word(const char *line, size_t *ret_length)
{
	line += strspn(line, " \t");
	*ret_length = strcspn(line, " \t\n");
	return line;
}

/* The line of a menu entry that names kernel and parameters. */
static bool is_kernel_line(const char *line, const char **ret_path, size_t *ret_path_length,
	const char **ret_words, size_t *ret_length)
{
	size_t length;
	const char *word = first_word(line, &length);
	if (!((length == 5 && strncmp(word, "linux", 5) == 0) ||
		    (length == 7 && strncmp(word, "linux16", 7) == 0) ||
		    (length == 8 && strncmp(word, "linuxefi", 8) == 0)))
		return false;
	*ret_path = first_word(word + length, ret_path_length);
	*ret_words = *ret_path + *ret_path_length;
	*ret_length = strcspn(*ret_words, "\n");
	return true;
}

/* "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-6.1": the kernel that was loaded. */
static bool is_booted(const struct pp_maker *maker, const char *path, size_t length)
{
	const char *line = maker->host->kernel ? maker->host->kernel->command_line : NULL;
	const char *image = line ? strstr(line, "BOOT_IMAGE=") : NULL;
	if (!image)
		return false;
	image += strlen("BOOT_IMAGE=");
	size_t size = strcspn(image, " \n");
	const char *device = memchr(image, ')', size);
	if (device && *path != '(') {
		size -= (size_t)(device + 1 - image);
		image = device + 1;
	}
	return size == length && strncmp(image, path, size) == 0;
}

/* The body of the first entry that is the running one, its kernel's line changed. */
static bool copy_booted(struct pp_maker *maker, const char *config, struct pp_buffer *out)
{
	bool inside = false, matches = false;
	for (const char *line = config; *line;) {
		const char *path, *words, *next = strchrnul(line, '\n');
		size_t path_length, length;
		size_t size;
		const char *word = first_word(line, &size);
		bool last = size == 1 && *word == '}';
		if (size == 9 && strncmp(word, "menuentry", 9) == 0) {
			pp_buffer_reset(out);
			inside = !memmem(line, (size_t)(next - line), "recovery", 8);
			matches = false;
		} else if (inside && last && matches) {
			return out->failed == 0;
		} else if (inside && last) {
			inside = false;
		} else if (inside && is_kernel_line(line, &path, &path_length, &words, &length)) {
			matches = is_booted(maker, path, path_length) && runs(maker, words, length);
			pp_buffer_append(out, line, (size_t)(words - line));
			if (pp_words_edit(words, length, PP_WORDS_PLAIN, &maker->change, out) < 0)
				inside = false;
			pp_buffer_putc(out, '\n');
		} else if (inside) {
			pp_buffer_append(out, line, (size_t)(next - line));
			pp_buffer_putc(out, '\n');
		}
		line = *next ? next + 1 : next;
	}
	return false;
}

static void put_grub_entry(struct pp_maker *maker, const char *path, const char *body)
{
	const char *old = pp_boot_text(maker->boot, path);
	const char *to = pp_maker_printf(maker,
		"%s%s" PP_SETUP_MARK "menuentry 'pcipass: once %s' --id " PP_SETUP_TRIAL
		" {\n%s}\n",
		old ? old : "", old && *old && !pp_text_ends(old, "\n") ? "\n" : "", wanted(maker),
		body);
	pp_maker_step(maker, &(struct pp_setup_step){.kind = PP_SETUP_FILE,
				     .subject = path,
				     .from = old,
				     .to = to,
				     .trial = true});
}

bool pp_grub_once(struct pp_maker *maker)
{
	const char *config = pp_grub_config(maker);
	const char *text = config ? pp_boot_text(maker->boot, config) : NULL;
	bool second = config && pp_text_starts(config, "/boot/grub2/");
	const char *custom = second ? "/boot/grub2/custom.cfg" : "/boot/grub/custom.cfg";
	const char *tool = pp_boot_program(maker->boot, second ? "grub2-reboot" : "grub-reboot");
	const char *editor =
		pp_boot_program(maker->boot, second ? "grub2-editenv" : "grub-editenv");
	PP_BUFFER struct pp_buffer body = PP_BUFFER_INIT;
	const struct pp_boot_file *file;
	if (!tool || !text || !strstr(text, "custom.cfg") || !strstr(text, "next_entry"))
		return not_once(maker, "GRUB's menu here does not know how", config);
	if (!can_forget(maker))
		return not_once(maker,
			"GRUB cannot write to where /boot lies, and would boot it again and again",
			"/proc/self/mountinfo");
	if (pp_maker_look(maker, custom, &file, NULL) < 0 ||
		(file && strstr(file->text, PP_SETUP_TRIAL)))
		return not_once(maker, "its file cannot be used", custom);
	if (!copy_booted(maker, text, &body))
		return not_once(maker, "no entry of GRUB's menu is the one that runs", config);
	put_grub_entry(maker, custom, pp_buffer_text(&body));
	pp_maker_command(maker, pp_maker_list(maker, tool, PP_SETUP_TRIAL, NULL),
		editor ? pp_maker_list(maker, editor, "-", "unset", "next_entry", NULL) : NULL);
	maker->steps[maker->n_steps ? maker->n_steps - 1 : 0].trial = true;
	return true;
}

/* ---- systemd-boot ---- */

static const char *key_value(const char *text, const char *key, size_t *ret_length)
{
	size_t length = strlen(key);
	for (const char *line = text; *line;) {
		const char *next = strchrnul(line, '\n');
		if (strncmp(line, key, length) == 0 &&
			(line[length] == ' ' || line[length] == '\t')) {
			const char *value = line + length + strspn(line + length, " \t");
			*ret_length = (size_t)(next - value);
			return value;
		}
		line = *next ? next + 1 : next;
	}
	return NULL;
}

static const struct pp_boot_file *booted_entry(const struct pp_maker *maker, const char *folder)
{
	const char *selected = pp_boot_text(maker->boot, "LoaderEntrySelected");
	for (size_t i = 0; i < maker->boot->n_files; i++) {
		const struct pp_boot_file *file = &maker->boot->files[i];
		size_t length;
		if (!pp_boot_under(file->path, folder) || !file->text)
			continue;
		const char *name = file->path + strlen(folder) + 1;
		const char *options = key_value(file->text, "options", &length);
		if (selected ? pp_text_is(name, selected) : options && runs(maker, options, length))
			return file;
	}
	return NULL;
}

static char *entry_text(struct pp_maker *maker, const struct pp_boot_file *file)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT, edited = PP_BUFFER_INIT;
	pp_buffer_puts(&text, PP_SETUP_MARK);
	for (const char *line = file->text; *line;) {
		const char *next = strchrnul(line, '\n');
		if (pp_text_starts(line, "title"))
			pp_buffer_printf(&text, "title pcipass: once %s\n", wanted(maker));
		else if (pp_text_starts(line, "sort-key"))
			pp_buffer_puts(&text, "sort-key zz-pcipass\n");
		else
			pp_buffer_printf(&text, "%.*s\n", (int)(next - line), line);
		line = *next ? next + 1 : next;
	}
	if (text.failed || pp_bootfile_edit(PP_BOOTFILE_ENTRY, file->path, text.data, text.length,
				   &maker->change, &edited, NULL) < 0)
		return NULL;
	return pp_maker_printf(maker, "%s", pp_buffer_text(&edited));
}

bool pp_entries_once(struct pp_maker *maker, const char *folder)
{
	const char *tool = pp_boot_program(maker->boot, "bootctl");
	const char *settings =
		folder ? pp_boot_text(maker->boot,
				 pp_maker_printf(maker, "%.*s/loader.conf",
					 (int)(strlen(folder) - strlen("/entries")), folder))
		       : NULL;
	if (!tool || !folder)
		return not_once(maker, "bootctl is not installed", NULL);
	if (settings && strstr(settings, "@saved"))
		return not_once(
			maker, "systemd-boot makes the last entry its default", "default @saved");
	const struct pp_boot_file *file = booted_entry(maker, folder);
	char *text = file ? entry_text(maker, file) : NULL;
	if (!text)
		return not_once(maker, "no entry is the one that runs", folder);
	char *path = pp_maker_printf(maker, "%s/" PP_ONCE_ENTRY, folder);
	pp_maker_step(maker, &(struct pp_setup_step){.kind = PP_SETUP_FILE,
				     .subject = path,
				     .from = path ? pp_boot_text(maker->boot, path) : NULL,
				     .to = text,
				     .trial = true});
	pp_maker_command(maker, pp_maker_list(maker, tool, "set-oneshot", PP_ONCE_ENTRY, NULL),
		pp_maker_list(maker, tool, "set-oneshot", "", NULL));
	maker->steps[maker->n_steps ? maker->n_steps - 1 : 0].trial = true;
	return true;
}
