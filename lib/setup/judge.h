/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A judgement: whether what host-setup once did is in effect now; and why not. */
#ifndef LIB_SETUP_JUDGE_H
#define LIB_SETUP_JUDGE_H

#include "lib/host/boot.h"
#include "lib/setup/setup.h"

int pp_setup_judge(const struct pp_host *host, const struct pp_boot *boot,
	const struct pp_setup_past *past, struct pp_findings **ret_findings,
	struct pp_error *error);
/* A boot once is to be made permanent: this is that boot. */
int pp_setup_may_confirm(
	const struct pp_host *host, const struct pp_setup_past *past, struct pp_error *error);

#endif
