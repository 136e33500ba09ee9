/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest on trial (`start --try`): it is ended, and its devices go back, unless it is kept in
 * time. The journal of its start is the truth. Its supervisor ends it; who is left of those that
 * wait for the end of a trial sees to it that there is one. */
#ifndef LIB_GUEST_TRIAL_H
#define LIB_GUEST_TRIAL_H

#include "lib/context.h"

#define PP_TRIAL_VERB "start"

/* As struct pp_effects asks: the guest gets a supervisor, if it has none. */
void pp_guest_trial_over(struct pp_context *context, const char *guest);

#endif
