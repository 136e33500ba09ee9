/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is remembered of a guest's host devices, in LIB/guests/NAME.json: which devices they were
 * when the guest was defined (or first started with them), and the groups they were in. Addresses
 * move when a card is added, and another device would go without a word. */
#ifndef LIB_GUEST_REMEMBER_H
#define LIB_GUEST_REMEMBER_H

#include "base/arena.h"
#include "lib/check/guest.h"
#include "lib/context.h"
#include "lib/domain/domain.h"

/* Remembers the devices of DOMAIN as they are on HOST (read with PP_READ_CONFIG and
 * PP_READ_GROUPS). ANEW: all; else only those of which nothing is remembered, and those that it has
 * no more are forgotten. */
int pp_guest_remember(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_domain *domain, bool anew, struct pp_error *error);
/* The same for the devices at ADDRESSES; of libvirt's guests, whose NAME is "libvirt:win11". */
int pp_guest_remember_at(struct pp_context *context, const struct pp_host *host, const char *name,
	const struct pp_address *addresses, size_t n_addresses, bool anew, struct pp_error *error);
/* Nothing remembered is no error. */
int pp_guest_forget(struct pp_context *context, const char *name, struct pp_error *error);

/* Fills "remembered" and "serial" of each. A file that is damaged, or of another version, is as
 * good as none: what is not known is not compared. 0 or -ENOMEM. */
int pp_guest_recall(struct pp_context *context, const char *name, struct pp_arena *arena,
	struct pp_guest_hostdev *hostdevs, size_t n_hostdevs);

#endif
