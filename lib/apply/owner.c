/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose a device is, and where it came from, as the journals remember it. */
#include "base/arena.h"
#include "base/parse.h"
#include "lib/apply/apply.h"
#include "lib/apply/identity.h"
#include "lib/apply/journal.h"
#include "lib/plan/plan.h"
#include <stdlib.h>
#include <string.h>

/* Whether what is at the address now is what was there then. */
static bool same_device(
	struct pp_context *context, const struct pp_journal *journal, size_t i, const char *subject)
{
	char identity[PP_IDENTITY_SIZE] = "";
	if (!journal->identities[i])
		return true;
	pp_identity_read(context, subject, identity);
	return pp_identity_same(journal->identities[i], identity);
}

/* The step that moved SUBJECT, or claims it, in a journal that holds; NULL: none. */
static const struct pp_step *step_of(
	struct pp_context *context, const struct pp_journal *journal, const char *subject)
{
	if (!journal->plan || journal->stale || !pp_journal_finished(journal))
		return NULL;
	for (size_t i = 0; i < journal->plan->n_steps; i++)
		if (journal->plan->steps[i].kind == PP_STEP_DRIVER &&
			pp_journal_counts(journal, i) &&
			pp_text_is(journal->plan->steps[i].subject, subject) &&
			same_device(context, journal, i, subject))
			return &journal->plan->steps[i];
	return NULL;
}

/* The host's moves of a device, back from the newest for as long as each begins where the one
 * before it ended: in between someone else may have moved it. */
static struct pp_origin origin_of(
	struct pp_context *context, const struct pp_journals *journals, const char *subject)
{
	struct pp_origin origin = {0};
	for (size_t i = journals->n_items; i-- > 0;) {
		const struct pp_step *step = step_of(context, &journals->items[i], subject);
		if (!step || pp_step_idle(step) || pp_journal_guest(&journals->items[i]))
			continue;
		if (origin.known && !pp_driver_same(&step->to, &origin.state))
			break;
		origin = (struct pp_origin){.known = true, .state = step->from};
	}
	return origin;
}

/* Who has it, and where it came from; "": it is not out. */
static const char *owner_of(struct pp_context *context, const struct pp_journals *journals,
	const struct pp_address *address, struct pp_driver_state *ret_origin)
{
	char subject[PP_ADDRESS_SIZE];
	pp_address_text(address, subject);
	struct pp_origin origin = origin_of(context, journals, subject);
	const char *who = origin.known ? "host" : "";
	for (size_t i = 0; i < journals->n_items; i++) {
		const struct pp_step *step = step_of(context, &journals->items[i], subject);
		if (!step || !pp_journal_guest(&journals->items[i]))
			continue;
		who = journals->items[i].plan->owner;
		if (!origin.known)
			origin.state = step->from;
	}
	*ret_origin = origin.state;
	return who;
}

int pp_device_owner(struct pp_context *context, const struct pp_address *address, char *owner,
	size_t size, struct pp_driver_state *ret_origin, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	struct pp_driver_state origin;
	char subject[PP_ADDRESS_SIZE];
	int r = pp_journals_load(context, &journals, error);
	if (r < 0)
		return r;
	const char *who = owner_of(context, journals, address, &origin);
	if (strlen(who) >= size)
		return pp_error_set(error, PP_STATUS_FAILED, -ENAMETOOLONG,
			"the owner of %s has a name of %zu bytes",
			pp_address_text(address, subject), strlen(who));
	strcpy(owner, who);
	if (ret_origin)
		*ret_origin = origin;
	return 0;
}

/* ---- all of them ---- */

static int by_address(const void *a, const void *b)
{
	const struct pp_owned *left = a, *right = b;
	return pp_address_compare(&left->address, &right->address);
}

/* Of each step that moves or claims a device, its address: one may be there often. */
static size_t gather_moved(const struct pp_journals *journals, struct pp_owned *items)
{
	size_t count = 0;
	for (size_t i = 0; i < journals->n_items; i++) {
		const struct pp_plan *plan = journals->items[i].plan;
		for (size_t j = 0; plan && j < plan->n_steps; j++)
			if (plan->steps[j].kind == PP_STEP_DRIVER &&
				pp_address_parse(plan->steps[j].subject, &items[count].address) ==
					0)
				count++;
	}
	return count;
}

static size_t steps_of(const struct pp_journals *journals)
{
	size_t count = 0;
	for (size_t i = 0; i < journals->n_items; i++)
		count += journals->items[i].plan ? journals->items[i].plan->n_steps : 0;
	return count;
}

int pp_owned_list(
	struct pp_context *context, struct pp_owned_list **ret_list, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	int r = pp_journals_load(context, &journals, error);
	if (r < 0)
		return r;
	struct pp_owned_list *list = arena ? pp_arena_alloc(arena, sizeof(*list)) : NULL;
	struct pp_owned *items =
		arena ? pp_arena_array(arena, steps_of(journals) + 1, sizeof(*items)) : NULL;
	if (!list || !items)
		return pp_error_oom(error);
	size_t count = gather_moved(journals, items), out = 0;
	qsort(items, count, sizeof(*items), by_address);
	for (size_t i = 0; i < count; i++) {
		struct pp_owned *item = &items[out];
		if (i > 0 && by_address(&items[i], &items[i - 1]) == 0)
			continue;
		item->address = items[i].address;
		const char *who = owner_of(context, journals, &item->address, &item->origin);
		item->owner = pp_arena_strdup(arena, who);
		if (!item->owner)
			return pp_error_oom(error);
		out += *who != '\0';
	}
	*list = (struct pp_owned_list){items, out, PP_TAKE(arena)};
	*ret_list = list;
	return 0;
}

const struct pp_owned *pp_owned_find(
	const struct pp_owned_list *list, const struct pp_address *address)
{
	const struct pp_owned key = {.address = *address};
	if (!list || list->n_items == 0)
		return NULL;
	return bsearch(&key, list->items, list->n_items, sizeof(key), by_address);
}

void pp_owned_list_free(struct pp_owned_list *list)
{
	if (list)
		pp_arena_free(list->arena);
}

int pp_journal_devices(struct pp_context *context, const char *owner,
	struct pp_address **ret_addresses, size_t *ret_count, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	PP_FREE struct pp_address *addresses = NULL;
	size_t count = 0;
	int r = pp_journals_load(context, &journals, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		if (!journal->plan || journal->stale || !pp_text_is(journal->plan->owner, owner))
			continue;
		size_t room = count + journal->plan->n_steps;
		struct pp_address *more = reallocarray(addresses, room + 1, sizeof(*more));
		if (!more)
			return pp_error_oom(error);
		addresses = more;
		for (size_t j = 0; j < journal->plan->n_steps; j++)
			if (journal->plan->steps[j].kind == PP_STEP_DRIVER &&
				pp_journal_counts(journal, j) &&
				pp_address_parse(
					journal->plan->steps[j].subject, &addresses[count]) == 0)
				count++;
	}
	*ret_addresses = PP_TAKE(addresses);
	*ret_count = count;
	return 0;
}

int pp_plan_reattach(struct pp_context *context, const struct pp_host *host,
	const struct pp_device *const *devices, size_t n_devices, struct pp_plan **ret_plan,
	struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int r = pp_journals_load(context, &journals, error);
	if (r < 0)
		return r;
	PP_FREE struct pp_origin *origins = calloc(n_devices + 1, sizeof(*origins));
	if (!origins)
		return pp_error_oom(error);
	for (size_t i = 0; i < n_devices; i++) {
		char subject[PP_ADDRESS_SIZE];
		origins[i] = origin_of(
			context, journals, pp_address_text(&devices[i]->address, subject));
	}
	return pp_plan_restore(host, devices, n_devices, origins, ret_plan, error);
}
