/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The paths of the host in a definition: what root is going to open or run for whoever wrote it. */
#include "base/parse.h"
#include "base/tree.h"
#include "lib/domain/domain.h"
#include "lib/context.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct list {
	struct pp_guest_paths *paths;
	struct pp_guest_path *items;
	size_t count, size;
	bool oom;
};

static struct pp_guest_path *add(
	struct list *list, const char *what, const char *path, bool written)
{
	if (!path || !*path || list->oom)
		return NULL;
	/* A console that is the serial port once more names the same file. */
	for (size_t i = 0; i < list->count; i++)
		if (pp_text_is(list->items[i].path, path) && list->items[i].written == written)
			return NULL;
	if (list->count == list->size) {
		size_t size = list->size ? list->size * 2 : 16;
		struct pp_guest_path *items = pp_arena_grow(list->paths->arena, list->items,
			list->size * sizeof(*items), size * sizeof(*items));
		list->oom = !items;
		if (!items)
			return NULL;
		list->items = items;
		list->size = size;
	}
	const char *copy = pp_arena_strdup(list->paths->arena, path);
	list->oom = !copy;
	struct pp_guest_path *item = &list->items[list->count++];
	*item = (struct pp_guest_path){.what = what, .path = copy, .written = written};
	return item;
}

/* The first folder of its path, or itself, that somebody other than root can change; NULL: none. */
static char *find_foreign(struct pp_arena *arena, const char *real)
{
	struct stat found;

	for (const char *end = real; end;) {
		end = strchr(end + 1, '/');
		char *part =
			pp_arena_strndup(arena, real, end ? (size_t)(end - real) : strlen(real));
		if (!part || stat(part, &found) < 0)
			return NULL;
		if (found.st_uid != 0 || (found.st_mode & S_IWOTH) ||
			((found.st_mode & S_IWGRP) && found.st_gid != 0))
			return part;
	}
	return NULL;
}

/* The system's own programs are below /usr, where packages put them. */
static void judge_emulator(struct list *list, struct pp_guest_path *emulator)
{
	PP_FREE char *real = realpath(emulator->path, NULL);

	if (!real)
		return; /* it is not there: the start says so */
	struct pp_arena *arena = list->paths->arena;
	/* As it is written, for a link on the way could be exchanged; and what it leads to. */
	const char *foreign = find_foreign(arena, emulator->path);
	if (!foreign)
		foreign = find_foreign(arena, real);
	if (foreign)
		emulator->fault = pp_arena_printf(arena, "others than root can change %s", foreign);
	else if (!pp_text_starts(real, "/usr/"))
		emulator->fault = pp_arena_printf(arena, "%s is no program of the system's", real);
	list->oom |= (foreign || !pp_text_starts(real, "/usr/")) && !emulator->fault;
}

static void add_shmem(struct list *list, const char *element, const struct pp_shmem *shmem)
{
	PP_FREE char *path = NULL;

	if (!shmem->server && asprintf(&path, "/dev/shm/%s", shmem->name) < 0)
		path = NULL;
	list->oom |= !shmem->server && !path;
	add(list, element, shmem->server ? shmem->server : path, true);
}

static void add_device(struct list *list, const struct pp_domain_device *device)
{
	const char *element = pp_domain_device_element(device->kind);

	switch (device->kind) {
	case PP_DEV_DISK:
		add(list, element, device->disk.source, !device->disk.readonly);
		break;
	case PP_DEV_SERIAL:
	case PP_DEV_PARALLEL:
	case PP_DEV_CONSOLE:
	case PP_DEV_CHANNEL:
		if (!device->chardev.duplicate)
			add(list, element, device->chardev.path, true);
		break;
	case PP_DEV_GRAPHICS:
		add(list, element, device->graphics.socket, true);
		break;
	case PP_DEV_INTERFACE:
		if (device->interface.source)
			add(list,
				device->interface.type == PP_INTERFACE_BRIDGE ? "bridge"
									      : "network",
				device->interface.source, false);
		break;
	case PP_DEV_RNG:
		add(list, element, device->rng.source, false);
		break;
	case PP_DEV_INPUT:
		add(list, element, device->input.source, true);
		break;
	case PP_DEV_FILESYSTEM:
		add(list, element, device->filesystem.source, !device->filesystem.readonly);
		break;
	case PP_DEV_SHMEM:
		add_shmem(list, element, &device->shmem);
		break;
	default:
		break;
	}
	if (device->rom_enabled != PP_OFF)
		add(list, "rom", device->rom_file, false);
}

static int fill(const struct pp_domain *domain, bool live, struct list *list)
{
	struct pp_guest_path *emulator = add(list, "emulator", domain->emulator, false);

	if (emulator && live)
		judge_emulator(list, emulator);
	add(list, "kernel", domain->os.kernel, false);
	add(list, "initrd", domain->os.initrd, false);
	add(list, "loader", domain->os.loader, false);
	add(list, "nvram", domain->os.nvram, true);
	add(list, "nvram template", domain->os.nvram_template, false);
	for (size_t i = 0; i < domain->n_devices; i++)
		add_device(list, &domain->devices[i]);
	list->paths->items = list->items;
	list->paths->n_items = list->count;
	return list->oom ? -ENOMEM : 0;
}

int pp_guest_paths(struct pp_context *context, const char *xml, size_t length, const char *file,
	struct pp_guest_paths **ret_paths, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;

	int r = pp_domain_parse(xml, length, file, &domain, error);
	if (r < 0)
		return r;
	struct pp_arena *arena = pp_arena_new();
	struct list list = {.paths = arena ? pp_arena_alloc(arena, sizeof(*list.paths)) : NULL};
	if (!list.paths) {
		pp_arena_free(arena);
		return pp_error_oom(error);
	}
	list.paths->arena = arena;
	if (fill(domain, context->live, &list) < 0) {
		pp_guest_paths_free(list.paths);
		return pp_error_oom(error);
	}
	*ret_paths = list.paths;
	return 0;
}

void pp_guest_paths_free(struct pp_guest_paths *paths)
{
	if (paths)
		pp_arena_free(paths->arena);
}
