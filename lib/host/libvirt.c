/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/libvirt.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFINED "/etc/libvirt/qemu"
#define STATUS "/run/libvirt/qemu"
#define SESSION_DEFINED ".config/libvirt/qemu"
#define SESSION_STATUS "libvirt/qemu/run"
/* Of a user's folder no more than this is read, whatever he puts there. */
#define SESSION_FILE_MAX ((size_t)1 << 20)
#define SESSION_FILES 1000

struct scan {
	struct pp_tree *tree;
	struct pp_arena *arena, *scratch;
	struct pp_libvirt_guest *guests;
	size_t count, room;
};

static int add_guest(struct scan *scan, const struct pp_libvirt_guest *guest)
{
	if (scan->count == scan->room) {
		size_t room = scan->room ? scan->room * 2 : 16;
		struct pp_libvirt_guest *guests = pp_arena_grow(scan->arena, scan->guests,
			scan->room * sizeof(*guests), room * sizeof(*guests));
		if (!guests)
			return -ENOMEM;
		scan->guests = guests;
		scan->room = room;
	}
	scan->guests[scan->count++] = *guest;
	return 0;
}

/* ---- processes ---- */

/* The next argument of a process's command line. */
static const char *next_argument(const char *text, size_t length, const char *argument)
{
	const char *next = argument + strlen(argument) + 1;
	return next < text + length ? next : NULL;
}

/* The guest's name in "guest=win11,debug-threads=on" (a comma in it is written twice), or "win11".
 */
static char *name_of(struct pp_arena *arena, const char *argument)
{
	const char *at =
		pp_text_starts(argument, "guest=") ? argument + strlen("guest=") : argument;
	char *name = pp_arena_strdup(arena, at), *to = name;
	for (const char *c = name; c && *c; c++) {
		if (*c == ',' && c[1] != ',')
			break;
		c += *c == ',';
		*to++ = *c;
	}
	if (to)
		*to = '\0';
	return name;
}

/* Ours has written down its pid (lib/guest/record.h). */
static bool is_ours(
	struct pp_tree *tree, struct pp_arena *arena, const char *name, const char *process)
{
	char path[PP_PATH_MAX];
	char *line;
	return pp_path(path, sizeof(path), "/run/pcipass/guests/%s/engine", name) == 0 &&
	       pp_tree_line(tree, arena, path, &line) >= 0 && pp_text_starts(line, process) &&
	       line[strlen(process)] == ' ';
}

/* Who started it: where libvirt's QEMU has its files is on its command line. */
static const char *tool_of(struct pp_tree *tree, struct pp_arena *arena, const char *name,
	const char *process, const char *text, size_t length)
{
	if (is_ours(tree, arena, name, process))
		return "pcipass";
	return memmem(text, length, "/libvirt/qemu/", strlen("/libvirt/qemu/")) ? "libvirt"
										: "qemu";
}

int pp_qemu_guest(struct pp_tree *tree, struct pp_arena *arena, const char *process,
	const char **ret_name, const char **ret_tool)
{
	char path[PP_PATH_MAX];
	char *text;
	size_t length;
	*ret_name = NULL;
	if (pp_path(path, sizeof(path), "/proc/%s/cmdline", process) < 0)
		return 0;
	int r = pp_tree_read(tree, arena, path, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = length ? text : NULL; at; at = next_argument(text, length, at)) {
		const char *value =
			pp_text_is(at, "-name") ? next_argument(text, length, at) : NULL;
		if (!value)
			continue;
		*ret_name = name_of(arena, value);
		if (!*ret_name)
			return -ENOMEM;
		*ret_tool = tool_of(tree, arena, *ret_name, process, text, length);
		return 0;
	}
	return 0;
}

/* A status file outlives a guest whose daemon was killed: the process says whether it is true. */
static int is_alive(struct scan *scan, const struct pp_libvirt_guest *guest)
{
	char process[16], path[PP_PATH_MAX];
	const char *name, *tool;
	snprintf(process, sizeof(process), "%d", (int)guest->qemu);
	int r = pp_qemu_guest(scan->tree, scan->scratch, process, &name, &tool);
	if (r < 0 || name)
		return r < 0 ? r : pp_text_is(name, guest->name);
	/* It may hide what it is from us; a zombie says nothing either, and holds nothing. */
	pp_path(path, sizeof(path), "/proc/%s/cmdline", process);
	char byte;
	ssize_t n = pp_tree_read_bytes(scan->tree, path, &byte, 1);
	return n == -EACCES || n == -EPERM;
}

int pp_qemu_holds_device(struct pp_tree *tree, const char *process)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char folder[PP_PATH_MAX], path[PP_PATH_MAX];
	char **names, *target;
	size_t count;
	if (!arena)
		return -ENOMEM;
	pp_path(folder, sizeof(folder), "/proc/%s/fd", process);
	int r = pp_tree_list(tree, arena, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 1;
	for (size_t i = 0; i < count; i++)
		if (pp_path(path, sizeof(path), "%s/%s", folder, names[i]) == 0 &&
			pp_tree_link(tree, arena, path, &target) == 0 &&
			pp_text_starts(target, "/dev/vfio/"))
			return 1;
	return 0;
}

/* Whether PROCESS, which says that it is libvirt's of this name, is. */
static int is_libvirts(
	struct pp_tree *tree, struct pp_arena *arena, const char *name, const char *process)
{
	char path[PP_PATH_MAX];
	char *line;
	if (pp_path(path, sizeof(path), STATUS "/%s.pid", name) == 0 &&
		pp_tree_line(tree, arena, path, &line) == 0 && pp_text_is(line, process))
		return 1;
	return pp_qemu_holds_device(tree, process);
}

int pp_qemu_lives(struct pp_tree *tree, const char *name, const char *tool)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	char **names;
	size_t count;
	if (!arena)
		return -ENOMEM;
	int r = pp_tree_list(tree, arena, "/proc", &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		const char *guest, *by;
		int pid;
		if (strspn(names[i], "0123456789") != strlen(names[i]))
			continue;
		r = pp_qemu_guest(tree, arena, names[i], &guest, &by);
		if (r < 0)
			return r;
		if (!pp_text_is(guest, name) || !pp_text_is(by, tool) ||
			pp_parse_int(names[i], &pid) < 0)
			continue;
		r = pp_text_is(tool, "libvirt") ? is_libvirts(tree, arena, name, names[i]) : 1;
		if (r != 0)
			return r < 0 ? r : pid;
	}
	return 0;
}

/* ---- files ---- */

int pp_libvirt_file(struct pp_tree *tree, struct pp_arena *arena, const char *path,
	const char *session, char **ret_text, size_t *ret_length)
{
	if (!session)
		return pp_tree_read(tree, arena, path, ret_text, ret_length);
	return pp_tree_read_regular(tree, arena, path, SESSION_FILE_MAX, ret_text, ret_length);
}

/* 1: a guest; 0: none of it is believed. */
static int read_file(struct scan *scan, const char *path, const char *session,
	struct pp_libvirt_guest *ret_guest)
{
	char *text;
	size_t length;
	int r = pp_libvirt_file(scan->tree, scan->scratch, path, session, &text, &length);
	if (r >= 0)
		r = pp_libvirt_parse(scan->arena, text, length, ret_guest);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return 1;
}

static int read_definition(
	struct scan *scan, const char *folder, const char *file, const char *session)
{
	char path[PP_PATH_MAX], autostart[PP_PATH_MAX];
	struct pp_libvirt_guest guest;
	if (pp_path(path, sizeof(path), "%s/%s", folder, file) < 0)
		return 0;
	int r = read_file(scan, path, session, &guest);
	if (r <= 0)
		return r;
	guest.file = pp_arena_strdup(scan->arena, path);
	guest.session = session;
	guest.state = "shut off";
	guest.qemu = 0;
	guest.autostart =
		pp_path(autostart, sizeof(autostart), "%s/autostart/%s", folder, file) == 0 &&
		pp_tree_exists(scan->tree, autostart);
	return guest.file ? add_guest(scan, &guest) : -ENOMEM;
}

/* The definition that a run belongs to: same name, and both the system's or both a session's. */
static struct pp_libvirt_guest *find_definition(
	struct scan *scan, const struct pp_libvirt_guest *run)
{
	for (size_t i = 0; i < scan->count; i++) {
		struct pp_libvirt_guest *guest = &scan->guests[i];
		if (pp_text_is(guest->name, run->name) && pp_text_is(guest->uuid, run->uuid) &&
			!guest->session == !run->session)
			return guest;
	}
	return NULL;
}

static int read_status(struct scan *scan, const char *folder, const char *file, const char *session)
{
	char path[PP_PATH_MAX];
	struct pp_libvirt_guest guest;
	if (pp_path(path, sizeof(path), "%s/%s", folder, file) < 0)
		return 0;
	int r = read_file(scan, path, session, &guest);
	if (r > 0)
		r = guest.qemu > 0 ? is_alive(scan, &guest) : 0;
	if (r <= 0)
		return r;
	guest.status = pp_arena_strdup(scan->arena, path);
	guest.session = session;
	if (!guest.state)
		guest.state = "running";
	if (!guest.status)
		return -ENOMEM;
	struct pp_libvirt_guest *known = find_definition(scan, &guest);
	if (!known)
		return add_guest(scan, &guest);
	guest.file = known->file;
	guest.autostart = known->autostart;
	*known = guest;
	return 0;
}

typedef int read_one(struct scan *scan, const char *folder, const char *file, const char *session);

static int read_folder(struct scan *scan, const char *folder, const char *session, read_one *one)
{
	char **names;
	size_t count;
	int r = pp_tree_list(scan->tree, scan->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0, files = 0; r >= 0 && i < count; i++) {
		if (!pp_text_ends(names[i], ".xml"))
			continue;
		if (session && ++files > SESSION_FILES)
			break;
		r = one(scan, folder, names[i], session);
	}
	return r < 0 ? r : 0;
}

/* HOME/.config/libvirt/qemu of everybody. */
static int read_homes(struct scan *scan)
{
	char *text;
	size_t length;
	int r = pp_tree_read(scan->tree, scan->scratch, "/etc/passwd", &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (const char *line = text; r >= 0 && *line;) {
		const char *end = line + strcspn(line, "\n"), *at = line;
		for (unsigned colons = 0; colons < 5 && at < end; at++)
			colons += *at == ':';
		size_t home = strcspn(at, ":\n");
		char *session =
			home > 1 && *at == '/' ? pp_arena_strndup(scan->arena, at, home) : NULL;
		char path[PP_PATH_MAX];
		if (session && pp_path(path, sizeof(path), "%s/" SESSION_DEFINED, session) == 0)
			r = read_folder(scan, path, session, read_definition);
		line = *end ? end + 1 : end;
	}
	return r;
}

/* /run/user/UID/libvirt/qemu/run */
static int read_runs(struct scan *scan)
{
	char **names;
	size_t count;
	int r = pp_tree_list(scan->tree, scan->scratch, "/run/user", &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		char path[PP_PATH_MAX];
		char *session = pp_arena_printf(scan->arena, "/run/user/%s", names[i]);
		if (!session)
			return -ENOMEM;
		if (pp_path(path, sizeof(path), "%s/" SESSION_STATUS, session) == 0)
			r = read_folder(scan, path, session, read_status);
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct pp_libvirt_guest *one = a, *two = b;
	if (!one->session != !two->session)
		return one->session ? 1 : -1;
	int order = strcmp(one->name, two->name);
	return order || !one->session ? order : strcmp(one->session, two->session);
}

int pp_libvirt_read(struct pp_tree *tree, struct pp_arena *arena, bool defined,
	struct pp_libvirt_guest **ret_guests, size_t *ret_count)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *scratch = pp_arena_new();
	struct scan scan = {.tree = tree, .arena = arena, .scratch = scratch};
	int r = scratch ? 0 : -ENOMEM;
	if (r == 0 && defined)
		r = read_folder(&scan, DEFINED, NULL, read_definition);
	if (r >= 0 && defined)
		r = read_homes(&scan);
	if (r >= 0)
		r = read_folder(&scan, STATUS, NULL, read_status);
	if (r >= 0)
		r = read_runs(&scan);
	if (r < 0)
		return r;
	if (scan.count > 1)
		qsort(scan.guests, scan.count, sizeof(*scan.guests), compare);
	*ret_guests = scan.guests;
	*ret_count = scan.count;
	return 0;
}

/* ---- the public list ---- */

int pp_libvirt_list(
	struct pp_context *context, struct pp_libvirt_list **ret_list, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_libvirt_list *list = arena ? pp_arena_alloc(arena, sizeof(*list)) : NULL;
	struct pp_libvirt_guest *guests = NULL;
	size_t count = 0;
	if (!list || pp_libvirt_read(context->tree, arena, true, &guests, &count) < 0)
		return pp_error_oom(error);
	*list = (struct pp_libvirt_list){.items = guests, .n_items = count, .arena = arena};
	arena = NULL;
	*ret_list = list;
	return 0;
}

void pp_libvirt_list_free(struct pp_libvirt_list *list)
{
	if (list)
		pp_arena_free(list->arena);
}

const struct pp_libvirt_guest *pp_libvirt_find(const struct pp_libvirt_list *list, const char *name)
{
	const struct pp_libvirt_guest *found = NULL;
	for (size_t i = 0; i < list->n_items; i++) {
		const struct pp_libvirt_guest *guest = &list->items[i];
		if (!pp_text_is(guest->name, name) && !pp_text_is(guest->uuid, name))
			continue;
		if (!found || (guest->status && !found->status))
			found = guest;
	}
	return found;
}
