/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/nvram.h"
#include "base/file.h"
#include "base/parse.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TEMPLATE_MAX (64 << 20) /* of 528 KiB today */

const char *pp_nvram_path(
	const struct pp_context *context, const char *name, struct pp_arena *arena)
{
	return pp_arena_printf(arena, "%s/nvram/%s_VARS.fd", context->lib, name);
}

static bool is_ours(const struct pp_context *context, const char *path)
{
	return pp_text_starts(path, context->lib) &&
	       pp_text_starts(path + strlen(context->lib), "/nvram/");
}

static int refuse(const struct pp_flash *flash, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_NOT_READY, -ENOENT,
		"there is no %s, and no template is known for the variables of %s",
		flash->variables, flash->code);
	pp_error_id(error, "no-nvram");
	pp_error_remedy(error, "<nvram template='...'> in its definition names one, or <os "
			       "firmware='efi'> without a path in <loader> finds both");
	return -ENOENT;
}

int pp_nvram_make(
	const struct pp_context *context, const struct pp_flash *flash, struct pp_error *error)
{
	PP_FREE char *data = NULL;
	size_t length = 0;
	struct stat found;

	if (!flash->variables || stat(flash->variables, &found) == 0)
		return 0;
	if (errno != ENOENT)
		return pp_error_errno(error, -errno, "cannot look at %s", flash->variables);
	if (!flash->template)
		return refuse(flash, error);
	int r = pp_file_read(AT_FDCWD, flash->template, TEMPLATE_MAX, &data, &length);
	if (r < 0)
		return pp_error_errno(error, r, "cannot read %s, of which %s is made",
			flash->template, flash->variables);
	if (is_ours(context, flash->variables)) {
		PP_FREE char *folder = NULL;
		if (asprintf(&folder, "%s/nvram", context->lib) < 0)
			return pp_error_oom(error);
		r = pp_file_mkdirs(AT_FDCWD, folder, 0700);
	}
	if (r >= 0)
		r = pp_file_replace(AT_FDCWD, flash->variables, data, length, 0600);
	return r < 0 ? pp_error_errno(
			       error, r, "cannot make %s of %s", flash->variables, flash->template)
		     : 0;
}

const char *pp_nvram_find(struct pp_context *context, const struct pp_guest *guest)
{
	const struct pp_domain *domain = guest->definition ? guest->definition->domain : NULL;
	const char *path = domain && domain->os.nvram
				   ? domain->os.nvram
				   : pp_nvram_path(context, guest->name, guest->arena);
	struct stat found;

	return path && lstat(path, &found) == 0 ? path : NULL;
}
