/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A trial: a plan that is undone by itself unless it is kept in time. The journal is the truth; a
 * process of ours waits for the end, and systemd, where it runs, wakes `pcipass recover` as well.
 * Where none of them is left, the next verb undoes it. That a guest runs is a trial, too: then it
 * is the guest's supervisor that ends it, and with the guest its devices go back. */
#ifndef LIB_APPLY_TRIAL_H
#define LIB_APPLY_TRIAL_H

#include "lib/apply/journal.h"

/* Before the first step: from now on it is undone in time even if we are killed. */
int pp_trial_arm(struct pp_effects *effects, struct pp_journal *journal, struct pp_error *error);

/* How long the trial of what OWNER began with VERB has left, in milliseconds; 0: it is over and was
 * not kept, -1: nothing of it is on trial. -EAGAIN: it is being kept now. */
int pp_trial_left(struct pp_context *context, const char *owner, const char *verb,
	int64_t *ret_left, struct pp_error *error);

/* pp_trials_keep and the host's part of pp_trials_end, on effects that the caller made. */
int pp_trials_keep_on(struct pp_effects *effects, size_t *ret_count, struct pp_error *error);
int pp_trials_end_on(struct pp_effects *effects, bool *ret_changed, struct pp_error *error);

#endif
