/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/trial.h"
#include "base/parse.h"
#include "lib/apply/journal.h"
#include "lib/apply/trial.h"
#include "lib/guest/tend.h"
#include "lib/plan/plan.h"

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
