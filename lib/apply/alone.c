/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recovery where nobody knows of guests. What knows them (lib/guest) calls the functions behind
 * these. */
#include "lib/apply/apply.h"

int pp_recover(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error)
{
	return pp_journal_recover(context, options, NULL, ret_changed, error);
}

int pp_unfinished_list(
	struct pp_context *context, struct pp_unfinished_list **ret_list, struct pp_error *error)
{
	return pp_journal_unfinished(context, NULL, ret_list, error);
}
