/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a journal: what is understood of it names devices and drivers that can be written,
 * and nothing more. Once as it is, and once with the sum of its plan made right, for else hardly a
 * changed plan would be looked at. */
#include "base/parse.h"
#include "lib/apply/journalread.h"
#include "lib/apply/undo.h"
#include "lib/plan/plan.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool state_valid(const struct pp_driver_state *state, bool any)
{
	if (state->override[0] && !pp_driver_valid(state->override))
		return false;
	if (any && pp_text_is(state->driver, "*"))
		return true;
	return !state->driver[0] || pp_driver_valid(state->driver);
}

static void check_plan(const struct pp_journal *journal)
{
	const struct pp_plan *plan = journal->plan;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct pp_step *step = &plan->steps[i];
		struct pp_address address;
		char text[PP_ADDRESS_SIZE];
		if (!pp_driver_valid(step->subject))
			abort();
		if (step->kind == PP_STEP_DRIVER &&
			(pp_address_parse(step->subject, &address) < 0 ||
				!pp_text_is(step->subject, pp_address_text(&address, text)) ||
				!state_valid(&step->from, false) || !state_valid(&step->to, true)))
			abort();
		if (journal->undone[i] && pp_journal_counts(journal, i))
			abort();
	}
	if (!pp_journal_finished(journal) && journal->applied && !journal->released &&
		!plan->returns)
		abort();
	if (journal->kept && pp_journal_trial_left(journal) >= 0)
		abort();
	pp_undo_spent(journal);
}

static void parse(struct pp_context *context, char *text, size_t size)
{
	struct pp_journal journal = {.fd = -1};
	if (pp_journal_parse(context, "000001", text, size, &journal) == 0 && journal.plan)
		check_plan(&journal);
	pp_journal_done(&journal);
}

/* "plan SUM {...}": as many digits as there are. */
static void make_right(char *text)
{
	char sum[17];
	char *plan = strstr(text, "\nplan ");
	char *line = plan ? strchr(plan + 6, ' ') : NULL;
	char *end = line ? strchr(line, '\n') : NULL;
	if (!end || line - (plan + 6) != 16)
		return;
	*end = '\0';
	snprintf(sum, sizeof(sum), "%016" PRIx64, pp_journal_sum(line + 1));
	memcpy(plan + 6, sum, 16);
	*end = '\n';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pp_context context = {0};
	if (pp_tree_parse("fuzz", "", 0, &context.tree, NULL) < 0)
		return 0;
	for (int right = 0; right < 2; right++) {
		char *text = calloc(1, size + 1);
		if (!text)
			break;
		memcpy(text, data, size);
		if (right)
			make_right(text);
		parse(&context, text, size);
		free(text);
	}
	pp_tree_free(context.tree);
	return 0;
}
