/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The initramfs holds copies of the bindings: which tool of the distribution makes it, and whether
 * it was made before they were changed. */
#include "base/arena.h"
#include "base/parse.h"
#include "lib/context.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct tool {
	const char *program, *command;
	bool supported;
} tools[] = {
	{"/usr/sbin/update-initramfs", "update-initramfs -u -k all", true},
	{"/usr/bin/dracut", "dracut --force --regenerate-all", true},
	{"/usr/sbin/dracut", "dracut --force --regenerate-all", true},
	{"/usr/bin/mkinitcpio", "mkinitcpio -P", false},
};

static int modified(struct pp_context *context, const char *path, struct timespec *ret_time)
{
	char full[PP_PATH_MAX];
	struct stat stat;
	if (context->read_only || pp_path(full, sizeof(full), "%s%s", context->root, path) < 0)
		return -ENOENT;
	if (lstat(full, &stat) < 0)
		return -errno;
	*ret_time = stat.st_mtim;
	return 0;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* The folder's own time: that of the last file which came or went. */
static bool is_stale(struct pp_context *context, struct pp_arena *arena)
{
	static const char *const images[] = {
		"/boot/initrd.img-%s", "/boot/initramfs-%s.img", "/boot/initrd-%s"};
	struct timespec changed = {0}, made = {0};
	char *release, path[PP_PATH_MAX];
	if (modified(context, "/etc/pcipass/bindings", &changed) < 0 ||
		pp_tree_line(context->tree, arena, "/proc/sys/kernel/osrelease", &release) < 0)
		return false;
	for (size_t i = 0; i < PP_COUNT(images); i++)
		if (pp_path(path, sizeof(path), images[i], release) >= 0 &&
			modified(context, path, &made) >= 0)
			return is_older(&made, &changed);
	return false;
}

int pp_boot_image_info(
	struct pp_context *context, struct pp_boot_image_info *ret_info, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_boot_image_info info = {0};
	if (!arena)
		return pp_error_oom(error);
	for (size_t i = 0; i < PP_COUNT(tools) && !info.command; i++) {
		if (!pp_tree_exists(context->tree, tools[i].program))
			continue;
		info.command = tools[i].command;
		info.supported = tools[i].supported;
	}
	info.stale = info.command && is_stale(context, arena);
	*ret_info = info;
	return 0;
}
