/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/trialwatch.h"
#include "lib/apply/trial.h"
#include "lib/guest/trial.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

#define AGAIN_MS 200 /* where the look failed: it is being kept, or there is no memory */

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
	struct pp_trial_watch *watch = data;
	return pp_trial_watch(watch, sd_event_source_get_event(source));
}

static int look(const struct pp_trial_watch *watch, int64_t *ret_left)
{
	PP_FREE char *owner = NULL;
	if (asprintf(&owner, "guest:%s", watch->guest) < 0)
		return -ENOMEM;
	return pp_trial_left(watch->context, owner, PP_TRIAL_VERB, ret_left, NULL);
}

int pp_trial_watch(struct pp_trial_watch *watch, sd_event *event)
{
	int64_t left = 0;
	if (look(watch, &left) < 0)
		left = AGAIN_MS;
	pp_trial_watch_end(watch);
	if (left < 0)
		return 0;
	if (left == 0) {
		watch->over(watch->data);
		return 0;
	}
	/* A host that sleeps does not stop it. */
	return sd_event_add_time_relative(event, &watch->source, CLOCK_BOOTTIME,
		(uint64_t)(left + 1) * 1000, 1000, on_time, watch);
}

void pp_trial_watch_end(struct pp_trial_watch *watch)
{
	watch->source = sd_event_source_disable_unref(watch->source);
}
