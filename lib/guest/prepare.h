/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preparing: from a guest's definition and the host to findings and a plan. */
#ifndef LIB_GUEST_PREPARE_H
#define LIB_GUEST_PREPARE_H

#include "lib/check/guest.h"
#include "lib/guest/guest.h"

/* The facts of a guest that checks ask about, in the arena. */
int pp_guest_facts_fill(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const struct pp_domain *domain, struct pp_arena *arena,
	struct pp_guest_facts *ret_facts, struct pp_error *error);

/* What the rules for addresses want to know of its host devices, in the arena. HOST: read with
 * PP_READ_CONFIG, or NULL: nothing is known. */
struct pp_hostdev_fact;
int pp_guest_hostdev_facts(const struct pp_host *host, const struct pp_domain *domain,
	struct pp_arena *arena, struct pp_hostdev_fact **ret_facts, size_t *ret_count,
	struct pp_error *error);

/* As pp_guest_prepare, for a guest and definition that are loaded. */
int pp_guest_prepare_loaded(struct pp_context *context, const struct pp_host *host,
	const struct pp_guest *guest, const struct pp_domain *domain,
	const struct pp_check_options *options, struct pp_findings **ret_findings,
	struct pp_plan **ret_plan, struct pp_error *error);

#endif
