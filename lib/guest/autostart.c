/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/autostart.h"
#include "base/file.h"
#include "lib/guest/guest.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int link_path(struct pp_context *context, const char *name, char *path, size_t size)
{
	return pp_path(path, size, "%s/autostart/%s.xml", context->etc, name);
}

bool pp_autostart_is(struct pp_context *context, const char *name)
{
	char path[PP_PATH_MAX];
	return pp_path(path, sizeof(path), "/etc/pcipass/autostart/%s.xml", name) >= 0 &&
	       pp_tree_exists(context->tree, path);
}

int pp_autostart_set(struct pp_context *context, const char *name, bool on, struct pp_error *error)
{
	char path[PP_PATH_MAX], target[PP_PATH_MAX], folder[PP_PATH_MAX];
	int r = link_path(context, name, path, sizeof(path));
	if (r >= 0)
		r = pp_path(target, sizeof(target), "../guests/%s.xml", name);
	if (r >= 0)
		r = pp_path(folder, sizeof(folder), "%s/autostart", context->etc);
	if (r >= 0 && on)
		r = pp_file_mkdirs(AT_FDCWD, folder, 0700);
	if (r < 0)
		return pp_error_errno(
			error, r, "guest %s: making %s/autostart", name, context->etc);
	if (!on && unlink(path) == 0)
		return 1;
	if (!on && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (on && symlink(target, path) == 0)
		return 1;
	if (on && errno == EEXIST)
		return 0;
	return pp_error_errno(
		error, -errno, "guest %s: %s %s", name, on ? "making" : "removing", path);
}

int pp_guest_autostart(struct pp_context *context, const char *name, bool on, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_guest_freep) struct pp_guest *guest = NULL;
	int r = pp_guest_may_write(context, "let a guest start with the host", error);
	if (r >= 0)
		r = pp_guest_load(context, name, &guest, error);
	if (r >= 0 && !guest->definition)
		r = pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
			"guest %s: it runs, but is not defined any more", guest->name);
	if (r >= 0)
		r = pp_autostart_set(context, guest->name, on, error);
	if (r >= 0)
		*ret_changed = r > 0;
	return r < 0 ? r : 0;
}
