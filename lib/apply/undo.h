/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo: a journal backwards. What was tried goes back to the state that it had, where it differs.
 */
#ifndef LIB_APPLY_UNDO_H
#define LIB_APPLY_UNDO_H

#include "lib/apply/journal.h"
#include "lib/apply/lock.h"

/* Undoes the steps of an owned journal, last first; with SUBJECTS, of these devices alone. What
 * fails is left as it is and the others are done; the first failure is returned. *ret_changed is
 * only made true. */
int pp_undo_run(struct pp_effects *effects, struct pp_journal *journal, struct pp_locks *locks,
	const struct pp_address *subjects, size_t n_subjects, bool *ret_changed,
	struct pp_error *error);
/* Nothing is left in it for which it would have to stay. */
bool pp_undo_spent(const struct pp_journal *journal);
/* The devices of a plan that gives back are no longer remembered as taken by the host's journals.
 */
int pp_undo_forget(struct pp_effects *effects, const struct pp_plan *plan, struct pp_error *error);

#endif
