/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/trial.h"
#include "base/parse.h"
#include "lib/apply/journal.h"
#include "lib/apply/trial.h"
#include "lib/guest/tend.h"
#include "lib/plan/plan.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

#define AGAIN_MS 200 /* where the look failed: it is being kept, or there is no memory */

/* ---- in its supervisor -------------------------------------------------------------------------
 */

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

/* ---- for who comes and finds it alone ----------------------------------------------------------
 */

void pp_guest_trial_over(struct pp_context *context, const char *guest)
{
	PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
	if (pp_record_load(context, guest, &record, NULL) >= 0)
		pp_guest_tend(context, guest, false, &record, NULL);
}

static bool is_over(const struct pp_journal *journal)
{
	return pp_journal_guest(journal) && journal->applied && !journal->stale &&
	       !journal->released && pp_text_is(journal->plan->verb, PP_TRIAL_VERB) &&
	       !pp_owner_is_libvirt(journal->plan->owner) && pp_journal_trial_left(journal) == 0;
}

static int end_guests(struct pp_context *context, bool *changed, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int first = pp_journals_load(context, &journals, error);
	for (size_t i = 0; journals && i < journals->n_items; i++) {
		PP_CLEANUP(pp_record_freep) struct pp_record *record = NULL;
		struct pp_error own = {0};
		if (!is_over(&journals->items[i]))
			continue;
		const char *guest = pp_journal_guest(&journals->items[i]);
		int r = pp_record_load(context, guest, &record, &own);
		if (r >= 0)
			r = pp_guest_tend(context, guest, false, &record, &own);
		*changed |= r > 0;
		first = pp_error_keep_first(first, r, &own, error);
	}
	return first;
}

int pp_trials_end(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	struct pp_error own = {0};
	bool guests = false, host = false;
	int first = pp_effects_init(&effects, context, options, error);
	if (first < 0)
		return first;
	/* A network card first: it may be all that someone waits for. */
	first = pp_trials_end_on(&effects, &host, error);
	int r = end_guests(context, &guests, &own);
	first = pp_error_keep_first(first, r, &own, error);
	if (first >= 0 || guests || host)
		*ret_changed = guests || host;
	return first;
}
