/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a supervisor does with the trial of its guest. */
#ifndef LIB_GUEST_TRIALWATCH_H
#define LIB_GUEST_TRIALWATCH_H

#include "lib/context.h"
#include <systemd/sd-event.h>

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

#endif
