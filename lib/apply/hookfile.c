/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of libvirt's hook: a script beside those of others, which are never touched. It holds up
 * only guests that have devices of the host, and those also when pcipass itself fails: then nobody
 * has looked whether the host needs the device. It says so; libvirt shows what it says. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/context.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HOOKS "/etc/libvirt/hooks"
#define FOLDER HOOKS "/qemu.d"
#define HOOK FOLDER "/pcipass"
#define MARK "# Written by `pcipass libvirt-hook --enable`"
#define MADE "# folders made for it:"

static const char script[] =
	"#!/bin/sh\n" MARK "; `pcipass libvirt-hook --disable` removes it.\n"
	"# A guest without devices of the host is never held up. One with devices does not start "
	"when\n"
	"# pcipass is not there, crashes or does not answer: nobody would have looked whether the "
	"host\n"
	"# needs them. What has ended is given back in any case: `pcipass recover` does what "
	"failed.\n"
	"case \"$2 $3\" in 'prepare begin' | 'release end') ;; *) exit 0 ;; esac\n"
	"xml=$(timeout 10 cat 2>/dev/null)\n"
	"if [ \"$2\" = prepare ]; then\n"
	"\tcase $xml in\n"
	"\t*'<hostdev'* | *\"type='hostdev'\"* | *\"type='nvme'\"*) ;;\n"
	"\t*'</domain>'*) exit 0 ;;\n"
	"\tesac\n"
	"fi\n"
	"printf '%s\\n' \"$xml\" | timeout -k 10 100 \"$pcipass\" libvirt-hook run \"$@\" "
	">/dev/null\n"
	"status=$?\n"
	"case $status in 0 | 1 | 3 | 4 | 5) exit $status ;; esac\n"
	"why=\"ended with status $status\"\n"
	"[ $status != 124 ] && [ $status != 137 ] || why='did not end in time'\n"
	"[ -x \"$pcipass\" ] || why='is not there'\n"
	"echo \"pcipass ($pcipass) $why: the devices of guest $1 were not looked after.\" >&2\n"
	"[ \"$2\" = prepare ] || echo 'pcipass recover gives them back.' >&2\n"
	"[ \"$2\" != prepare ] || echo \"To start it without pcipass: rm $0\" >&2\n"
	"exit 1\n";

static int full_path(struct pp_context *context, const char *path, char **ret_path)
{
	return asprintf(ret_path, "%s%s", context->root ? context->root : "", path) < 0 ? -ENOMEM
											: 0;
}

/* The script for a program; FOLDERS: those that were made for it. The caller frees. */
static char *make_script(const char *program, const char *folders)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	const char *body = strstr(script, "case ");
	pp_buffer_append(&text, script, (size_t)(body - script));
	pp_buffer_printf(&text, MADE "%s\n", folders);
	pp_buffer_printf(&text, "pcipass='%s'\n", program);
	pp_buffer_puts(&text, body);
	return pp_buffer_take(&text);
}

/* What stands behind a word of a line of the script; in the arena, NULL: no such line. */
static char *line_of(struct pp_arena *arena, const char *text, const char *word)
{
	const char *at = strstr(text, word);
	at = at ? at + strlen(word) : NULL;
	return at ? pp_arena_strndup(arena, at, strcspn(at, "\n'")) : NULL;
}

/* -ENOENT: there is none; -EEXIST: it is not ours. */
static int read_hook(struct pp_context *context, struct pp_arena *arena, char **ret_text)
{
	size_t length;
	int r = pp_tree_read(context->tree, arena, HOOK, ret_text, &length);
	if (r < 0)
		return r;
	return strstr(*ret_text, MARK) ? 0 : -EEXIST;
}

static int refuse_foreign(struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, -EEXIST,
		HOOK " is there, and was not written by pcipass: it is left alone");
	pp_error_remedy(error, "look at it, and give it another name or remove it");
	return -EEXIST;
}

/* ---- state ---- */

/* Some other hook for QEMU is there: then libvirt looks into the folder at each call. */
static bool has_others(struct pp_context *context, struct pp_arena *arena)
{
	char **names;
	size_t count;
	if (pp_tree_exists(context->tree, HOOKS "/qemu"))
		return true;
	if (pp_tree_list(context->tree, arena, FOLDER, &names, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!pp_text_is(names[i], "pcipass"))
			return true;
	return false;
}

/* When a process began, in seconds of the clock; 0: not known. */
static uint64_t began(struct pp_context *context, struct pp_arena *arena, const char *process)
{
	char path[PP_PATH_MAX];
	char *text, *stat;
	size_t length;
	const char *word = NULL, *end;
	uint64_t boot, ticks;
	if (pp_path(path, sizeof(path), "/proc/%s/stat", process) < 0 ||
		pp_tree_read(context->tree, arena, "/proc/stat", &text, &length) < 0 ||
		pp_tree_read(context->tree, arena, path, &stat, &length) < 0)
		return 0;
	const char *at = strrchr(stat, ')'), *btime = strstr(text, "\nbtime ");
	for (unsigned i = 0; at && i < 21; i++) /* field 22; the ) belongs to the second */
		if (!pp_text_word(&at, " ", &word, &length))
			return 0;
	if (!word || !btime || pp_parse_prefix(word, 10, UINT64_MAX, &ticks, &end) < 0 ||
		pp_parse_prefix(btime + 7, 10, UINT64_MAX, &boot, &end) < 0)
		return 0;
	return boot + ticks / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* libvirt looks for hooks when its daemon starts; until one is there it never looks again. */
static bool is_unseen(struct pp_context *context, struct pp_arena *arena)
{
	PP_FREE char *path = NULL;
	struct stat stat;
	char **names;
	size_t count;
	if (has_others(context, arena) || full_path(context, HOOK, &path) < 0 ||
		lstat(path, &stat) < 0 ||
		pp_tree_list(context->tree, arena, "/proc", &names, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		char comm[PP_PATH_MAX], *name;
		if (strspn(names[i], "0123456789") != strlen(names[i]) ||
			pp_path(comm, sizeof(comm), "/proc/%s/comm", names[i]) < 0 ||
			pp_tree_line(context->tree, arena, comm, &name) < 0 ||
			(!pp_text_is(name, "libvirtd") && !pp_text_is(name, "virtqemud")))
			continue;
		uint64_t start = began(context, arena, names[i]);
		if (start && start + 1 < (uint64_t)stat.st_mtime)
			return true;
	}
	return false;
}

int pp_libvirt_hook_info(
	struct pp_context *context, struct pp_libvirt_hook_info *ret_info, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_libvirt_hook_info info = {.state = PP_HOOK_ON, .path = HOOK};
	char *text = NULL;
	if (!arena)
		return pp_error_oom(error);
	info.libvirt = pp_tree_exists(context->tree, "/etc/libvirt/qemu") ||
		       pp_tree_exists(context->tree, "/run/libvirt");
	int r = read_hook(context, arena, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		info.state = PP_HOOK_OFF;
	else if (r == -EEXIST)
		info.state = PP_HOOK_FOREIGN;
	else if (r < 0)
		return pp_error_errno(error, r, "reading " HOOK);
	else {
		const char *program = line_of(arena, text, "pcipass='");
		const char *folders = line_of(arena, text, MADE);
		PP_FREE char *wanted = make_script(program ? program : "", folders ? folders : "");
		if (!pp_text_is(wanted, text))
			info.state = PP_HOOK_CHANGED;
		else if (is_unseen(context, arena))
			info.state = PP_HOOK_UNSEEN;
	}
	*ret_info = info;
	return 0;
}

/* ---- on and off ---- */

/* Makes the folders that are missing; their names, each after a blank. */
static int make_folders(struct pp_context *context, struct pp_buffer *made)
{
	static const char *const folders[] = {"/etc", "/etc/libvirt", HOOKS, FOLDER};
	for (size_t i = 0; i < PP_COUNT(folders); i++) {
		PP_FREE char *path = NULL;
		if (full_path(context, folders[i], &path) < 0)
			return -ENOMEM;
		if (mkdir(path, 0755) == 0)
			pp_buffer_printf(made, " %s", folders[i]);
		else if (errno != EEXIST)
			return -errno;
	}
	return made->failed;
}

static int may_write(struct pp_context *context, struct pp_error *error)
{
	if (!context->read_only)
		return 0;
	return pp_error_set(error, PP_STATUS_FAILED, -EROFS,
		"the hook of %s cannot be changed: a machine as text is only read", context->root);
}

int pp_libvirt_hook_enable(
	struct pp_context *context, const char *program, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_BUFFER struct pp_buffer folders = PP_BUFFER_INIT;
	PP_FREE char *path = NULL;
	char *old = NULL;
	int r = may_write(context, error);
	if (r < 0)
		return r;
	if (!arena || full_path(context, HOOK, &path) < 0)
		return pp_error_oom(error);
	if (*program != '/' || strpbrk(program, "'\n"))
		return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s cannot be called from a hook: it is no absolute path, or has a quote "
			"in it",
			program);
	r = read_hook(context, arena, &old);
	if (r == -EEXIST)
		return refuse_foreign(error);
	if (r >= 0) /* what was made for it then is still ours to remove */
		pp_buffer_puts(
			&folders, line_of(arena, old, MADE) ? line_of(arena, old, MADE) : "");
	else
		r = make_folders(context, &folders);
	if (r < 0)
		return pp_error_errno(error, r, "making the folder " FOLDER);
	PP_FREE char *text = make_script(program, pp_buffer_text(&folders));
	if (!text)
		return pp_error_oom(error);
	*ret_changed = !pp_text_is(old, text);
	if (!*ret_changed)
		return 0;
	r = pp_file_replace(AT_FDCWD, path, text, strlen(text), 0755);
	return r < 0 ? pp_error_errno(error, r, "writing %s", path) : 0;
}

int pp_libvirt_hook_disable(struct pp_context *context, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_FREE char *path = NULL;
	char *text = NULL;
	int r = may_write(context, error);
	if (r < 0)
		return r;
	if (!arena || full_path(context, HOOK, &path) < 0)
		return pp_error_oom(error);
	*ret_changed = false;
	r = read_hook(context, arena, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == -EEXIST)
		return refuse_foreign(error);
	if (r < 0)
		return pp_error_errno(error, r, "reading " HOOK);
	if (unlink(path) < 0)
		return pp_error_errno(error, -errno, "removing %s", path);
	*ret_changed = true;
	/* The folders that were made for it, the deepest first; another's file keeps its folder. */
	const char *folders = line_of(arena, text, MADE);
	static const char *const all[] = {FOLDER, HOOKS, "/etc/libvirt", "/etc"};
	for (size_t i = 0; i < PP_COUNT(all); i++) {
		PP_FREE char *folder = NULL;
		size_t length = strlen(all[i]);
		const char *found = folders;
		bool ours = false;
		while (found && (found = strstr(found, all[i]))) {
			ours |= found[length] == ' ' || !found[length];
			found += length;
		}
		if (ours && full_path(context, all[i], &folder) == 0 && rmdir(folder) < 0 &&
			errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
			return pp_error_errno(error, -errno, "removing %s", folder);
	}
	return 0;
}
