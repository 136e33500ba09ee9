/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that are not given away any more: cordoned by a person, or in quarantine after a reset
 * that failed. On record in /var/lib/pcipass/pools/cordons.json, so that it outlives a boot. */
#ifndef POOL_CORDON_H
#define POOL_CORDON_H

#include "pool/pool.h"

struct pp_cordon {
	struct pp_address address;
	const char *name; /* "0000:01:00.0" */
	uint16_t vendor, product;
	bool quarantine;
	const char *reason;
	int64_t when; /* seconds since 1970, 0: not known */
};
struct pp_cordons {
	const struct pp_cordon *items; /* by address */
	size_t n_items;
	struct pp_arena *arena;
};
/* A record that is not understood is an error: nothing in it is passed over. */
int pp_cordons_load(
	struct pp_context *context, struct pp_cordons **ret_cordons, struct pp_error *error);
int pp_cordons_parse(
	const char *text, size_t length, struct pp_cordons **ret_cordons, struct pp_error *error);
void pp_cordons_free(struct pp_cordons *cordons);
PP_DEFINE_CLEANUP(struct pp_cordons *, pp_cordons_free)
/* NULL where the device, of these ids, is not on record. */
const struct pp_cordon *pp_cordons_find(const struct pp_cordons *cordons,
	const struct pp_address *address, uint16_t vendor, uint16_t product);

/* Puts it on record, or gives it another reason; a quarantine stays one. */
int pp_cordon_add(struct pp_context *context, const struct pp_cordon *cordon, bool *ret_changed,
	struct pp_error *error);
/* Whatever is at this address, or was. */
int pp_cordon_remove(struct pp_context *context, const struct pp_address *address,
	bool *ret_changed, struct pp_error *error);

/* The folder of the record, to be watched; the caller closes it. */
#define PP_POOL_STATE "pools"
#define PP_CORDONS_FILE "cordons.json"

#endif
