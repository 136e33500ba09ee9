/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people sit at: displays that nothing has open, keyboards and mice. */
#include "base/parse.h"
#include "lib/host/use.h"
#include <errno.h>
#include <string.h>

#define INPUTS "/proc/bus/input/devices"

/* ---- displays ---- */

static bool has_kind(
	const struct pp_reader *reader, const struct pp_device *device, enum pp_use_kind kind)
{
	for (size_t i = 0; i < reader->n_uses; i++)
		if (reader->uses[i].device == device && reader->uses[i].kind == kind)
			return true;
	return false;
}

static int add_display(
	struct pp_reader *reader, const char *folder, const char *name, const char *words)
{
	char path[PP_PATH_MAX];
	struct pp_owners owners;
	if (pp_path(path, sizeof(path), "%s/%s", folder, name) < 0)
		return 0;
	int r = pp_owners_find(reader, path, &owners);
	for (size_t i = 0; r == 0 && i < owners.count; i++) {
		if (has_kind(reader, owners.items[i], PP_USE_DISPLAY))
			continue;
		r = pp_use_add(reader, (struct pp_use){.kind = PP_USE_DISPLAY,
					       .device = owners.items[i],
					       .name = pp_arena_strdup(reader->arena, name),
					       .text = pp_arena_printf(reader->arena, words, name),
					       .evidence = pp_arena_strdup(reader->arena, path)});
	}
	return r;
}

/* "card0", but not its connectors "card0-HDMI-A-1" nor "renderD128"; "fb0" */
static int read_displays(
	struct pp_reader *reader, const char *folder, const char *prefix, const char *words)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (pp_text_starts(names[i], prefix) && !strchr(names[i], '-'))
			r = add_display(reader, folder, names[i], words);
	return r;
}

/* ---- keyboards and mice ---- */

/* A field of a block: "S: Sysfs=/devices/..." */
static char *field(struct pp_arena *arena, const char *block, size_t length, const char *key)
{
	const char *at = memmem(block, length, key, strlen(key));
	if (!at)
		return NULL;
	at += strlen(key);
	const char *end = memchr(at, '\n', length - (size_t)(at - block));
	return pp_arena_strndup(arena, at, (size_t)((end ? end : block + length) - at));
}

static bool has_handler(const char *handlers, const char *name, bool prefix)
{
	const char *word;
	size_t length, n = strlen(name);
	while (pp_text_word(&handlers, " ", &word, &length))
		if (strncmp(word, name, n) == 0 && (length == n || (prefix && length > n)))
			return true;
	return false;
}

/* The SysRq handler is bound to what has the keys of a keyboard, "kbd" to every button too. */
static int add_input(struct pp_reader *reader, const char *block, size_t length)
{
	char path[PP_PATH_MAX];
	struct pp_owners owners;
	const char *handlers = field(reader->scratch, block, length, "\nH: Handlers=");
	const char *sysfs = field(reader->scratch, block, length, "\nS: Sysfs=");
	char *name = field(reader->scratch, block, length, "\nN: Name=\"");
	if (!handlers || !sysfs || !name || pp_path(path, sizeof(path), "/sys%s", sysfs) < 0)
		return 0;
	if (pp_text_ends(name, "\""))
		name[strlen(name) - 1] = '\0';
	bool keyboard = has_handler(handlers, "sysrq", false);
	if (!keyboard && !has_handler(handlers, "mouse", true))
		return 0;
	int r = pp_owners_find(reader, path, &owners);
	if (r < 0 || owners.count == 0)
		return r;
	return pp_use_add_all(reader, &owners,
		(struct pp_use){.kind = PP_USE_INPUT,
			.name = keyboard ? "keyboard" : "mouse",
			.blocking = keyboard,
			.text = pp_arena_printf(reader->arena, "the %s \"%s\" is plugged in there",
				keyboard ? "keyboard" : "mouse", name),
			.evidence = pp_arena_printf(reader->arena, INPUTS ": Sysfs=%s", sysfs)});
}

static int read_inputs(struct pp_reader *reader)
{
	char *text;
	size_t length;
	int r = pp_tree_read(reader->tree, reader->scratch, INPUTS, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *block = text; r == 0 && *block;) {
		const char *end = strstr(block, "\n\n");
		size_t size = end ? (size_t)(end - block) : strlen(block);
		r = add_input(reader, block, size);
		block += size + (end ? 2 : 0);
	}
	return r;
}

int pp_uses_read_consoles(struct pp_reader *reader)
{
	int r = read_displays(
		reader, "/sys/class/drm", "card", "no program has its display %s open");
	if (r == 0)
		r = read_displays(reader, "/sys/class/graphics", "fb",
			"it is the framebuffer %s of the host's console");
	return r == 0 ? read_inputs(reader) : r;
}
