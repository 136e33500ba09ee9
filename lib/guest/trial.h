/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest on trial (`start --try`): it is ended, and its devices go back, unless it is kept in
 * time. The journal of its start is the truth. Its supervisor ends it; who is left of those that
 * wait for the end of a trial sees to it that there is one. */
#ifndef LIB_GUEST_TRIAL_H
#define LIB_GUEST_TRIAL_H

#include "lib/context.h"
#include <systemd/sd-event.h>

#define PP_TRIAL_VERB "start"

struct pp_trial_watch {
	struct pp_context *context;
	const char *guest;
	void (*over)(void *data); /* once */
	void *data;
	sd_event_source *source;
};

/* Looks at the trial now, and when its time is over; calls OVER if it was not kept. A guest that is
 * on none is not looked at again. Returns -errno where there is no timer: it stays then. */
int pp_trial_watch(struct pp_trial_watch *watch, sd_event *event);
void pp_trial_watch_end(struct pp_trial_watch *watch);

/* As struct pp_effects asks: the guest gets a supervisor, if it has none. */
void pp_guest_trial_over(struct pp_context *context, const char *guest);

#endif
