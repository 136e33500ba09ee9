/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools: libvirt's networks of virtual functions (<forward mode='hostdev'>). A definition that
 * names one asks for a function that is free; the definition of its run names the one that it got.
 */
#ifndef LIB_GUEST_NETWORKPOOL_H
#define LIB_GUEST_NETWORKPOOL_H

#include "lib/guest/definition.h"

/* Whether an interface of DOMAIN asks for one. -ENOMEM, else 0. */
int pp_networkpool_asked(struct pp_context *context, const struct pp_domain *domain,
	bool *ret_asked, struct pp_error *error);
/* The definition of the next run: each asking interface has the first function that nobody has;
 * NULL where none asks. HOST: read with PP_READ_CONFIG and PP_READ_USES. -EBUSY: none is free, with
 * who has them. */
int pp_networkpool_choose(struct pp_context *context, const struct pp_host *host,
	const struct pp_definition *definition, struct pp_definition **ret_run,
	struct pp_error *error);
/* Between the choice and the journal that says whose it is, nobody else chooses: -EBUSY when that
 * takes another longer than a minute. */
int pp_networkpool_lock(struct pp_context *context, int *ret_fd, struct pp_error *error);

#endif
