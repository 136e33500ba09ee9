/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/modules.h"
#include "base/parse.h"
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define ALIAS "alias vfio_pci:"

static int read_list(struct pp_reader *reader, const char *name, const char **ret_text)
{
	static const char *const folders[] = {"/lib/modules", "/usr/lib/modules"};
	*ret_text = "";
	for (size_t i = 0; reader->release && i < PP_COUNT(folders); i++) {
		char path[PP_PATH_MAX];
		char *text;
		size_t length;
		int r = pp_path(path, sizeof(path), "%s/%s/%s", folders[i], reader->release, name);
		if (r == 0)
			r = pp_tree_read(reader->tree, reader->scratch, path, &text, &length);
		if (r == -ENOMEM)
			return r;
		if (r == 0) {
			*ret_text = text;
			return 0;
		}
	}
	return 0;
}

/* "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci" */
static int read_aliases(struct pp_reader *reader, struct pp_modules *modules)
{
	const char *text;
	int r = read_list(reader, "modules.alias", &text);
	if (r < 0)
		return r;
	size_t room = 0;
	for (const char *at = text; (at = strstr(at, ALIAS));) {
		at += strlen(ALIAS);
		size_t line = strcspn(at, "\n"), pattern = strcspn(at, " \n");
		if (pattern + 1 >= line)
			continue;
		if (modules->n_aliases == room) {
			size_t item = sizeof(*modules->aliases);
			modules->aliases = pp_arena_grow(reader->scratch, modules->aliases,
				room * item, (2 * room + 32) * item);
			if (!modules->aliases)
				return -ENOMEM;
			room = 2 * room + 32;
		}
		struct pp_module_alias *alias = &modules->aliases[modules->n_aliases++];
		alias->pattern = pp_arena_strndup(reader->scratch, at, pattern);
		alias->module =
			pp_arena_strndup(reader->arena, at + pattern + 1, line - pattern - 1);
		if (!alias->pattern || !alias->module)
			return -ENOMEM;
	}
	return 0;
}

int pp_modules_read(struct pp_reader *reader, const struct pp_modules **ret_modules)
{
	if (!reader->modules) {
		struct pp_modules *modules = pp_arena_alloc(reader->scratch, sizeof(*modules));
		if (!modules)
			return -ENOMEM;
		int r = read_list(reader, "modules.builtin", &modules->builtin);
		if (r == 0)
			r = read_aliases(reader, modules);
		if (r < 0)
			return r;
		reader->modules = modules;
	}
	*ret_modules = reader->modules;
	return 0;
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* "kernel/drivers/vfio/pci/vfio-pci.ko.xz: ..." */
static bool line_names(const char *line, size_t length, const char *name)
{
	const char *colon = memchr(line, ':', length);
	if (colon)
		length = (size_t)(colon - line);
	const char *slash = memrchr(line, '/', length);
	const char *at = slash ? slash + 1 : line, *end = line + length;
	for (; *name && at < end; name++, at++)
		if (plain(*at) != plain(*name))
			return false;
	return *name == '\0' && end - at >= 3 && strncmp(at, ".ko", 3) == 0;
}

static bool list_has(const char *list, const char *name)
{
	const char *line;
	size_t length;
	while (pp_text_word(&list, "\n", &line, &length))
		if (line_names(line, length, name))
			return true;
	return false;
}

bool pp_modules_builtin(const struct pp_modules *modules, const char *name)
{
	return list_has(modules->builtin, name);
}

static int read_loadable(struct pp_reader *reader)
{
	const struct pp_modules *modules;
	int r = pp_modules_read(reader, &modules);
	return r < 0 || modules->loadable
		       ? r
		       : read_list(reader, "modules.dep", &reader->modules->loadable);
}

int pp_modules_loadable(struct pp_reader *reader, const char *name, bool *ret_loadable)
{
	int r = read_loadable(reader);
	if (r == 0)
		*ret_loadable = list_has(reader->modules->loadable, name);
	return r;
}

int pp_modules_known(struct pp_reader *reader, bool *ret_known)
{
	int r = read_loadable(reader);
	if (r == 0)
		*ret_known = *reader->modules->loadable || *reader->modules->builtin;
	return r;
}

static unsigned wildcards(const char *pattern)
{
	unsigned count = 0;
	for (; *pattern; pattern++)
		count += *pattern == '*';
	return count;
}

const char *pp_modules_vfio(const struct pp_modules *modules, const char *modalias)
{
	const char *found = NULL;
	unsigned best = UINT32_MAX;
	if (!pp_text_starts(modalias, "pci:"))
		return NULL;
	for (size_t i = 0; i < modules->n_aliases; i++) {
		const struct pp_module_alias *alias = &modules->aliases[i];
		if (wildcards(alias->pattern) >= best ||
			fnmatch(alias->pattern, modalias + strlen("pci:"), 0) != 0)
			continue;
		best = wildcards(alias->pattern);
		found = alias->module;
	}
	return found;
}
