/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/release.h"
#include "base/cleanup.h"
#include "lib/apply/apply.h"
#include <stdio.h>

int pp_guest_release_some(struct pp_context *context, const char *name,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	PP_FREE char *owner = NULL;
	if (asprintf(&owner, "guest:%s", name) < 0)
		return pp_error_oom(error);
	return pp_journal_release(
		context, owner, addresses, n_addresses, options, ret_changed, error);
}

int pp_guest_release(struct pp_context *context, const char *name, struct pp_error *error)
{
	return pp_guest_release_some(context, name, NULL, 0, NULL, NULL, error);
}
