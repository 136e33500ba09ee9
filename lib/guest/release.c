/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/release.h"
#include "base/cleanup.h"
#include "lib/apply/apply.h"
#include <stdio.h>

int pp_guest_release(struct pp_context *context, const char *name, struct pp_error *error)
{
	PP_FREE char *owner = NULL;
	if (asprintf(&owner, "guest:%s", name) < 0)
		return pp_error_oom(error);
	return pp_journal_release(context, owner, NULL, 0, NULL, NULL, error);
}
