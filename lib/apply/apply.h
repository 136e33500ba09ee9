/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Apply: a plan forwards, in a journal; and what others of this library ask of journals. */
#ifndef LIB_APPLY_APPLY_H
#define LIB_APPLY_APPLY_H

#include "lib/apply/effects.h"

/* pp_apply, on effects that the caller made (tests put faults into them). */
int pp_apply_on(struct pp_effects *effects, const struct pp_plan *plan, bool *ret_changed,
	struct pp_error *error);

/* pp_rehearse, the same way. */
int pp_rehearse_on(struct pp_effects *effects, const struct pp_plan *plan,
	int (*work)(void *data, struct pp_error *error), void *data, struct pp_error *error);

/* Who knows which guests there are. */
struct pp_guest_judge {
	/* Whether a guest that owns devices has ended: they are given back. */
	bool (*gone)(struct pp_context *context, const char *guest, void *data);
	/* Whether nobody takes care of a guest that is there (NULL: somebody does). */
	bool (*alone)(struct pp_context *context, const char *guest, void *data);
	void *data;
};
/* Undoes what was interrupted, ends what was as good as done, gives back what guests that are gone
 * had (JUDGE may be NULL: none is). Goes through all and returns the first failure. */
int pp_journal_recover(struct pp_context *context, const struct pp_apply_options *options,
	const struct pp_guest_judge *judge, bool *ret_changed, struct pp_error *error);
int pp_journal_recover_on(struct pp_effects *effects, const struct pp_guest_judge *judge,
	bool *ret_changed, struct pp_error *error);
int pp_journal_unfinished(struct pp_context *context, const struct pp_guest_judge *judge,
	struct pp_unfinished_list **ret_list, struct pp_error *error);

/* Gives back the devices of an owner ("guest:NAME"), or those of ADDRESSES alone (NULL: all), where
 * they came from, and forgets them. Devices that do not go back stay in the journal. */
int pp_journal_release(struct pp_context *context, const char *owner,
	const struct pp_address *addresses, size_t n_addresses,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error);
int pp_journal_release_on(struct pp_effects *effects, const char *owner,
	const struct pp_address *addresses, size_t n_addresses, bool *ret_changed,
	struct pp_error *error);

/* Undoes one journal of the host, which has to be finished and to have nothing later standing on
 * it: that is looked at under the locks of its devices. */
int pp_journal_undo_on(
	struct pp_effects *effects, const char *name, bool *ret_changed, struct pp_error *error);

int pp_change_check(struct pp_context *context, const char *name, struct pp_error *error);

/* The devices that an owner has by its journals; the caller frees. */
int pp_journal_devices(struct pp_context *context, const char *owner,
	struct pp_address **ret_addresses, size_t *ret_count, struct pp_error *error);

#endif
