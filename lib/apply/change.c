/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What pcipass has changed on this host and is still in effect, and back again. Devices that are
 * out are known by the journals, which do not outlive a boot, as the devices' drivers do not
 * either. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/apply.h"
#include "lib/apply/journal.h"
#include "lib/apply/setup.h"
#include "lib/apply/step.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

PP_DEFINE_CLEANUP(struct pp_binding_list *, pp_binding_list_free)
PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)

#define HOOK_ID "hook"
#define BOOT_ID "boot-" /* and an address */
#define SETUP_ID "setup"

void pp_change_list_free(struct pp_change_list *list)
{
	if (list)
		pp_arena_free(list->arena);
}

/* ---- devices ---- */

/* A reattach on trial is one too: it will be undone. */
static bool is_change(const struct pp_journal *journal)
{
	if (!journal->plan || journal->stale || journal->released || !journal->applied)
		return false;
	return !journal->plan->returns || pp_journal_trial_left(journal) > 0;
}

static bool is_in_effect(const struct pp_journal *journal, size_t i)
{
	const struct pp_step *step = &journal->plan->steps[i];
	if (step->kind == PP_STEP_MODULE)
		return !pp_step_idle(step);
	if (step->kind == PP_STEP_AUTOPROBE) /* it is back before the change is complete */
		return false;
	return pp_journal_counts(journal, i) && (!pp_step_idle(step) || pp_journal_guest(journal));
}

/* Its devices are virtual functions that were let go of, for them to go. */
static bool ends_functions(const struct pp_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == PP_STEP_VFS)
			return true;
	return false;
}

/* "0": it is nowhere else than where the step put it. */
static void put_now(struct pp_context *context, const struct pp_plan *plan,
	const struct pp_step *step, struct pp_buffer *now)
{
	struct pp_driver_state state;
	if (!pp_step_of_device(step))
		return;
	int r = pp_step_read(context, step, &state);
	if (step->kind == PP_STEP_FUNCTION) {
		if (r >= 0 && !pp_driver_same(&state, &step->to))
			pp_buffer_printf(now, "%s%s has %s now", now->length ? "\n" : "",
				step->subject, state.driver);
		return;
	}
	if (step->kind == PP_STEP_VFS) {
		if (r >= 0 && !pp_driver_same(&state, &step->to))
			pp_buffer_printf(now, "%s%s has %s virtual functions now",
				now->length ? "\n" : "", step->subject, state.driver);
		return;
	}
	if (ends_functions(plan))
		return;
	if (r == -ENODEV)
		pp_buffer_printf(
			now, "%s%s is no longer there", now->length ? "\n" : "", step->subject);
	else if (r >= 0 && !pp_driver_same(&state, &step->to) &&
		 !(pp_text_is(step->to.driver, "*") && state.driver[0]))
		pp_buffer_printf(now, "%s%s is with %s%s%s now", now->length ? "\n" : "",
			step->subject, state.driver[0] ? state.driver : "no driver",
			state.override[0] ? ", driver_override " : "", state.override);
}

static int add_journal(struct pp_context *context, struct pp_arena *arena,
	const struct pp_journal *journal, struct pp_change *ret_change)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer now = PP_BUFFER_INIT;
	const char *guest = pp_journal_guest(journal);
	for (size_t i = 0; i < journal->plan->n_steps; i++) {
		if (!is_in_effect(journal, i))
			continue;
		PP_FREE char *line = pp_step_text(&journal->plan->steps[i], false);
		if (!line)
			return -ENOMEM;
		pp_buffer_printf(&text, "%s%s", text.length ? "\n" : "", line);
		put_now(context, journal->plan, &journal->plan->steps[i], &now);
	}
	const char *number = journal->name + strspn(journal->name, "0");
	*ret_change = (struct pp_change){
		.id = pp_arena_strdup(arena, number),
		.when = journal->made,
		.verb = pp_arena_strdup(arena, journal->plan->verb),
		.guest = guest ? pp_arena_strdup(arena, guest) : NULL,
		.text = pp_arena_strdup(arena, pp_buffer_text(&text)),
		.now = now.length ? pp_arena_strdup(arena, pp_buffer_text(&now)) : NULL,
		.try_ms = pp_journal_trial_left(journal),
	};
	return text.failed || now.failed || !ret_change->id || !ret_change->text ||
			       !ret_change->verb
		       ? -ENOMEM
		       : 0;
}

/* ---- libvirt's hook ---- */

static bool hook_is_ours(struct pp_context *context, struct pp_libvirt_hook_info *info)
{
	return pp_libvirt_hook_info(context, info, NULL) >= 0 && info->state != PP_HOOK_OFF &&
	       info->state != PP_HOOK_FOREIGN;
}

static int add_hook(struct pp_context *context, struct pp_arena *arena,
	const struct pp_libvirt_hook_info *info, struct pp_change *ret_change)
{
	PP_FREE char *path = NULL;
	struct stat stat;
	if (asprintf(&path, "%s%s", context->root, info->path) < 0)
		return -ENOMEM;
	*ret_change = (struct pp_change){
		.id = HOOK_ID,
		.when = !context->read_only && lstat(path, &stat) == 0 ? stat.st_mtime : 0,
		.verb = "libvirt-hook",
		.text = pp_arena_printf(arena, "%s written", info->path),
		.now = info->state == PP_HOOK_CHANGED ? "it is not as pcipass writes it now" : NULL,
		.try_ms = -1,
	};
	return ret_change->text ? 0 : -ENOMEM;
}

/* ---- bindings ---- */

static int add_bindings(struct pp_arena *arena, const struct pp_binding_list *bindings, bool stale,
	struct pp_change_list *list, struct pp_change *items)
{
	for (size_t i = 0; i < bindings->n_items; i++) {
		const struct pp_binding *binding = &bindings->items[i];
		const char *now = stale ? "not yet in the initramfs" : NULL;
		struct pp_change *change = &items[list->n_items++];
		*change = (struct pp_change){
			.id = pp_arena_printf(arena, BOOT_ID "%s", binding->address),
			.when = binding->when,
			.verb = binding->functions ? "nodedev-setvfs --config"
						   : "nodedev-detach --config",
			.text = binding->functions
					? pp_arena_printf(arena,
						  "%s: %u virtual functions at each boot",
						  binding->address, binding->functions)
					: pp_arena_printf(arena, "%s: to %s at each boot",
						  binding->address, binding->driver),
			.now = binding->fault ? pp_arena_strdup(arena, binding->fault) : now,
			.try_ms = -1,
		};
		if (!change->id || !change->text || (binding->fault && !change->now))
			return -ENOMEM;
	}
	return 0;
}

/* ---- host-setup ---- */

static int add_setup(
	struct pp_arena *arena, struct pp_setup_state *state, struct pp_change *ret_change)
{
	PP_FREE char *text = PP_TAKE(state->text);
	*ret_change = (struct pp_change){
		.id = SETUP_ID,
		.when = state->when,
		.verb = "host-setup",
		.text = pp_arena_strdup(arena, text),
		.now = state->unfinished ? "it was interrupted" : NULL,
		.try_ms = -1,
	};
	return ret_change->text ? 0 : -ENOMEM;
}

int pp_changes_list(
	struct pp_context *context, struct pp_change_list **ret_list, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_CLEANUP(pp_binding_list_freep) struct pp_binding_list *bindings = NULL;
	struct pp_boot_image_info image = {0};
	struct pp_libvirt_hook_info hook;
	struct pp_setup_state setup = {0};
	if (!arena)
		return pp_error_oom(error);
	int r = pp_journals_load(context, &journals, error);
	if (r >= 0)
		r = pp_bindings_list(context, &bindings, error);
	if (r >= 0)
		r = pp_boot_image_info(context, &image, error);
	if (r < 0)
		return r;
	struct pp_change_list *list = pp_arena_alloc(arena, sizeof(*list));
	struct pp_change *items =
		pp_arena_array(arena, journals->n_items + bindings->n_items + 2, sizeof(*items));
	if (!list || !items)
		return pp_error_oom(error);
	*list = (struct pp_change_list){.items = items, .arena = arena};
	if (hook_is_ours(context, &hook))
		r = add_hook(context, arena, &hook, &items[list->n_items++]);
	if (r >= 0)
		r = add_bindings(arena, bindings, image.stale, list, items);
	/* a record that others may not read is no reason to say nothing */
	if (r >= 0 && pp_setup_look(context, &setup) >= 0 && setup.any)
		r = add_setup(arena, &setup, &items[list->n_items++]);
	free(setup.text);
	for (size_t i = 0; r >= 0 && i < journals->n_items; i++)
		if (is_change(&journals->items[i]))
			r = add_journal(
				context, arena, &journals->items[i], &items[list->n_items++]);
	if (r < 0)
		return pp_error_oom(error);
	arena = NULL; /* the list is in it */
	*ret_list = list;
	return 0;
}

/* ---- back ---- */

static bool same_device(const struct pp_journal *a, const struct pp_journal *b)
{
	for (size_t i = 0; i < a->plan->n_steps; i++)
		for (size_t j = 0; j < b->plan->n_steps; j++)
			if (pp_step_of_device(&a->plan->steps[i]) && is_in_effect(a, i) &&
				is_in_effect(b, j) &&
				pp_text_is(a->plan->steps[i].subject, b->plan->steps[j].subject))
				return true;
	return false;
}

static int refuse_guest(
	const struct pp_journal *journal, const char *subject, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
		"change %s: the devices are in guest %s, and come back when it ends", subject,
		pp_journal_guest(journal));
	pp_error_id(error, "device-in-guest");
	pp_error_remedy(error, "shut the guest down; if it has ended already, `pcipass recover`");
	return -EBUSY;
}

/* An interrupted move of the same devices, which `recover` would undo beneath this. */
static bool in_the_way(const struct pp_journal *journal, const struct pp_journal *other)
{
	if (journal == other || !other->plan || other->stale || other->released ||
		pp_journal_finished(other))
		return false;
	for (size_t i = 0; i < journal->plan->n_steps; i++)
		for (size_t j = 0; j < other->plan->n_steps; j++)
			if (pp_step_of_device(&journal->plan->steps[i]) &&
				pp_text_is(journal->plan->steps[i].subject,
					other->plan->steps[j].subject) &&
				!(other->applied && pp_journal_trial_left(other) > 0))
				return true;
	return false;
}

static int refuse_unfinished(
	const struct pp_journal *other, const char *subject, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_RECOVER, -EBUSY,
		"change %s: an earlier %s of the same device was interrupted in the middle "
		"(journal %s)",
		subject, other->plan->verb, other->name);
	pp_error_id(error, "unfinished");
	pp_error_remedy(error, "pcipass recover");
	return -EBUSY;
}

/* What came later on the same devices goes first: else it would be undone to a state that nobody
 * had. */
static int check_undo(
	const struct pp_journals *journals, size_t at, const char *id, struct pp_error *error)
{
	const struct pp_journal *journal = &journals->items[at];
	if (pp_journal_guest(journal))
		return refuse_guest(journal, id, error);
	for (size_t i = 0; i < journals->n_items; i++)
		if (in_the_way(journal, &journals->items[i]))
			return refuse_unfinished(&journals->items[i], id, error);
	for (size_t i = at + 1; i < journals->n_items; i++) {
		const struct pp_journal *later = &journals->items[i];
		if (!is_change(later) || !same_device(journal, later))
			continue;
		if (pp_journal_guest(later))
			return refuse_guest(later, id, error);
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"change %s: change %u of the same device came later", id,
			(unsigned)strtoul(later->name, NULL, 10));
		pp_error_remedy(error, "undo that one first; --all does them in order");
		return -EBUSY;
	}
	return 0;
}

int pp_change_check(struct pp_context *context, const char *name, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int r = pp_journals_load(context, &journals, error);
	for (size_t i = 0; r >= 0 && i < journals->n_items; i++)
		if (pp_text_is(journals->items[i].name, name) && journals->items[i].plan)
			return check_undo(journals, i, name + strspn(name, "0"), error);
	return r;
}

static int undo_journal(struct pp_context *context, const char *id,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	struct pp_effects effects;
	uint64_t number = 0, of;
	int r = pp_journals_load(context, &journals, error);
	if (r < 0)
		return r;
	if (pp_parse_u64(id, 10, 999999, &number) < 0)
		return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"'%s' is no change: they are numbers, `" HOOK_ID "` or `" SETUP_ID "`", id);
	for (size_t i = 0; i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		if (!is_change(journal) ||
			pp_parse_u64(journal->name + strspn(journal->name, "0"), 10, 999999, &of) <
				0 ||
			of != number)
			continue;
		r = check_undo(journals, i, id, error);
		if (r >= 0)
			r = pp_effects_init(&effects, context, options, error);
		return r < 0 ? r : pp_journal_undo_on(&effects, journal->name, ret_changed, error);
	}
	pp_error_set(error, PP_STATUS_FAILED, -ENOENT, "there is no change %s", id);
	pp_error_remedy(error, "pcipass changes lists them");
	return -ENOENT;
}

static const struct pp_binding *binding_at(
	const struct pp_binding_list *bindings, const char *address)
{
	for (size_t i = 0; i < bindings->n_items; i++)
		if (pp_text_is(bindings->items[i].address, address))
			return &bindings->items[i];
	return NULL;
}

/* What a binding did at this boot, which no journal remembers: its device is with the driver that
 * it names, and nobody moved it since. */
static int return_bound(struct pp_context *context, const struct pp_binding *binding,
	const struct pp_address *address, const struct pp_apply_options *options, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = NULL;
	char owner[PP_DRIVER_SIZE + 64];
	int r = pp_device_owner(context, address, owner, sizeof(owner), NULL, error);
	if (r < 0 || pp_text_is(owner, "host"))
		return r;
	r = pp_host_read(context, PP_READ_DEVICES | PP_READ_GROUPS, &host, error);
	if (r < 0)
		return r;
	const struct pp_device *device = pp_host_device(host, address);
	if (!device || binding->functions || !pp_text_is(device->driver, binding->driver))
		return 0;
	if (owner[0]) {
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY, "change " BOOT_ID "%s: it is in %s",
			device->name, owner);
		pp_error_id(error, "device-in-guest");
		pp_error_remedy(error, "shut the guest down first");
		return -EBUSY;
	}
	r = pp_plan_reattach(context, host, &device, 1, &plan, error);
	return r < 0 ? r : pp_apply(context, plan, options, ret_changed, error);
}

static int undo_binding(struct pp_context *context, const char *id,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_binding_list_freep) struct pp_binding_list *bindings = NULL;
	struct pp_address address;
	char name[PP_ADDRESS_SIZE];
	bool moved = false, removed = false;
	if (pp_address_parse(id + strlen(BOOT_ID), &address) < 0)
		return pp_error_set(
			error, PP_STATUS_USAGE, -EINVAL, "'%s' is no change: no address", id);
	int r = pp_bindings_list(context, &bindings, error);
	if (r < 0)
		return r;
	const struct pp_binding *binding = binding_at(bindings, pp_address_text(&address, name));
	if (binding && !binding->fault)
		r = return_bound(context, binding, &address, options, &moved, error);
	if (r >= 0)
		r = pp_bindings_remove(context, &address, 1, &removed, error);
	*ret_changed = moved || removed;
	return r;
}

int pp_change_undo(struct pp_context *context, const char *id,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	bool changed = false;
	int r;
	if (pp_text_is(id, HOOK_ID))
		r = pp_libvirt_hook_disable(context, &changed, error);
	else if (pp_text_starts(id, BOOT_ID))
		r = undo_binding(context, id, options, &changed, error);
	else if (pp_text_is(id, SETUP_ID))
		r = pp_setup_undo(context, options, &changed, error);
	else
		r = undo_journal(context, id, options, &changed, error);
	if (r >= 0 || changed)
		*ret_changed = changed;
	return r;
}
