/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/setup.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/apply/journalread.h"
#include "lib/apply/setuprecord.h"
#include "lib/apply/setupstep.h"
#include "lib/apply/store.h"
#include "lib/setup/judge.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#define LOCK_WAIT_MS 5000
#define LOCK "host-setup"

static int take_lock(struct pp_context *context, int *ret_fd, struct pp_error *error)
{
	PP_CLOSE int folder = -1;
	int r = pp_store_open(context, "locks", true, &folder, error);
	if (r < 0)
		return r;
	PP_CLOSE int fd = openat(folder, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : pp_lock_wait(fd, LOCK_WAIT_MS);
	if (r == -ETIMEDOUT)
		return pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"another host-setup is at work on this machine");
	if (r < 0)
		return pp_error_errno(error, r, "taking the lock of host-setup");
	pp_setup_record_sweep(context);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}

static bool is_locked(struct pp_context *context)
{
	PP_CLOSE int folder = -1;
	if (pp_store_open(context, "locks", false, &folder, NULL) < 0)
		return false;
	PP_CLOSE int fd = openat(folder, LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && pp_lock_held(fd);
}

/* ---- back ---- */

static bool same_words(const char *const *a, const char *const *b)
{
	while (*a && *b && pp_text_is(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

/* Each once, those of the steps from BASE on. */
static int run_refreshes(struct pp_setup_hands *hands, const struct pp_setup_record *record,
	size_t base, struct pp_error *error)
{
	int r = 0;
	for (size_t i = base; r >= 0 && i < record->n_steps; i++) {
		bool seen = !record->steps[i].refresh;
		for (size_t j = base; !seen && j < i; j++)
			seen = record->steps[j].refresh &&
			       same_words(record->steps[j].argv, record->steps[i].argv);
		if (!seen)
			r = pp_setupstep_run(hands, record->steps[i].argv, error);
	}
	return r;
}

/* Takes back the steps from BASE on; what is back is no longer in the record. The first failure is
 * told, and the others are still done. */
static int take_back(struct pp_setup_hands *hands, struct pp_setup_record *record, size_t base,
	bool trials, struct pp_error *error)
{
	int first = 0;
	for (size_t i = record->n_steps; i-- > base;) {
		struct pp_error own = {0};
		const struct pp_setup_step *step = &record->steps[i];
		if (step->refresh || (trials && !step->trial))
			continue;
		int r = pp_setupstep_undo(hands, step, record->made[i], &own);
		if (r >= 0) {
			record->steps[i].kind = PP_SETUP_COMMAND; /* nothing any more */
			record->steps[i].undo = NULL;
			record->steps[i].argv = NULL;
		} else if (first == 0) {
			first = r;
			if (error)
				*error = own;
		}
	}
	if (first == 0 && !trials)
		first = run_refreshes(hands, record, base, error);
	for (size_t i = record->n_steps; i-- > base;)
		if (!record->steps[i].argv || (first == 0 && !trials && record->steps[i].refresh))
			if (record->steps[i].kind == PP_SETUP_COMMAND)
				pp_setup_record_remove(record, i);
	return first;
}

/* What an interrupted run left is taken back before anything else. */
static int take_back_unfinished(struct pp_setup_hands *hands, struct pp_setup_record *record,
	bool *ret_changed, struct pp_error *error)
{
	if (record->base < 0)
		return 0;
	pp_effects_say(hands->effects, PP_EVENT_NOTE,
		"an earlier host-setup was interrupted: what it did is taken back");
	*ret_changed = true;
	int r = take_back(hands, record, (size_t)record->base, false, error);
	if (r >= 0)
		record->base = -1;
	int saved = pp_setup_record_save(hands->effects, record, r < 0 ? NULL : error);
	return r < 0 ? pp_error_wrap(error, "taking back an interrupted host-setup") : saved;
}

/* ---- there ---- */

/* What was shown is what is changed: nobody has written to these files since. */
static int check_files(
	struct pp_context *context, const struct pp_setup *setup, struct pp_error *error)
{
	for (size_t i = 0; i < setup->n_steps; i++) {
		const struct pp_setup_step *step = &setup->steps[i];
		char *text = NULL;
		if (step->kind != PP_SETUP_FILE)
			continue;
		int r = pp_setupstep_text(context, step->subject, &text, error);
		PP_FREE char *now = text;
		if (r < 0)
			return r;
		if (pp_text_is(now, step->from))
			continue;
		pp_error_set(error, PP_STATUS_IN_USE, -EBUSY,
			"%s was changed by another program since it was read; nothing was done",
			step->subject);
		pp_error_remedy(error, "run host-setup again");
		return -EBUSY;
	}
	return 0;
}

static int put_into_record(struct pp_setup_hands *hands, const struct pp_setup *setup,
	struct pp_setup_record *record, struct pp_error *error)
{
	struct pp_context *context = hands->effects->context;
	PP_FREE char *boot = pp_journal_boot(context);
	record->base = (ssize_t)record->n_steps;
	record->when = time(NULL);
	record->boot = boot ? pp_arena_strdup(record->arena, boot) : NULL;
	if (setup->loader) {
		record->loader = setup->loader;
		record->add = setup->add;
		record->remove = setup->remove;
	}
	for (size_t i = 0; i < setup->n_steps; i++)
		if (pp_setup_record_add(record, &setup->steps[i],
			    pp_setupstep_makes_folder(context, &setup->steps[i])) < 0)
			return pp_error_oom(error);
	return pp_setup_record_save(hands->effects, record, error);
}

static int do_steps(struct pp_setup_hands *hands, const struct pp_setup_record *record, size_t base,
	struct pp_error *error)
{
	int r = 0;
	for (size_t i = base; r >= 0 && i < record->n_steps; i++) {
		const struct pp_setup_step *step = &record->steps[i];
		if (step->refresh)
			continue;
		PP_FREE char *text = pp_setup_step_text(step, false);
		pp_effects_say(hands->effects, PP_EVENT_STEP, "%s", text ? text : step->subject);
		r = pp_setupstep_do(hands, step, error);
	}
	return r < 0 ? r : run_refreshes(hands, record, base, error);
}

/* What only makes another file of others' anew leaves nothing to take back. */
static void forget_done(struct pp_setup_record *record, size_t base)
{
	for (size_t i = record->n_steps; i-- > base;)
		if (record->steps[i].kind == PP_SETUP_COMMAND && !record->steps[i].undo &&
			!record->steps[i].refresh)
			pp_setup_record_remove(record, i);
}

static int apply_locked(struct pp_setup_hands *hands, const struct pp_setup *setup,
	struct pp_setup_record *record, bool *changed, struct pp_error *error)
{
	size_t before = record->n_steps;
	int r = check_files(hands->effects->context, setup, error);
	if (r < 0)
		return r;
	r = put_into_record(hands, setup, record, error);
	if (r < 0)
		return r;
	*changed = true;
	r = do_steps(hands, record, before, error);
	if (r < 0) {
		struct pp_error own = {0};
		int back = take_back(hands, record, before, false, &own);
		if (back >= 0)
			record->base = -1;
		int saved = pp_setup_record_save(hands->effects, record, NULL);
		*changed = back < 0 || saved < 0;
		if (*changed && error)
			pp_error_remedy(error,
				"not all of it could be taken back (%.200s): pcipass "
				"recover, when what is in the way is gone",
				own.text);
		return r;
	}
	if (setup->confirm)
		r = take_back(hands, record, 0, true, error);
	forget_done(record, before);
	record->base = -1;
	int saved = pp_setup_record_save(hands->effects, record, r < 0 ? NULL : error);
	return r < 0 ? r : saved;
}

int pp_setup_apply_on(struct pp_setup_hands *hands, const struct pp_setup *setup, bool *ret_changed,
	struct pp_error *error)
{
	PP_CLEANUP(pp_setup_record_freep) struct pp_setup_record *record = NULL;
	PP_CLOSE int lock = -1;
	bool changed = false;
	if (setup->n_steps == 0 && !setup->confirm) {
		if (ret_changed)
			*ret_changed = false;
		return 0;
	}
	int r = take_lock(hands->effects->context, &lock, error);
	if (r >= 0)
		r = pp_setup_record_load(hands->effects->context, &record, error);
	if (r >= 0 && record->base >= 0) {
		r = take_back_unfinished(hands, record, &changed, error);
		if (r >= 0) {
			pp_error_set(error, PP_STATUS_RECOVER, -EBUSY,
				"an earlier host-setup was interrupted; what it had done was taken "
				"back now, and the files are not as they were read");
			pp_error_remedy(error, "run host-setup again");
			r = -EBUSY;
		}
	} else if (r >= 0) {
		r = apply_locked(hands, setup, record, &changed, error);
	}
	if (ret_changed)
		*ret_changed = changed;
	return r;
}

int pp_setup_undo_on(struct pp_setup_hands *hands, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_setup_record_freep) struct pp_setup_record *record = NULL;
	PP_CLOSE int lock = -1;
	int r = take_lock(hands->effects->context, &lock, error);
	if (r >= 0)
		r = pp_setup_record_load(hands->effects->context, &record, error);
	if (r < 0)
		return r;
	if (ret_changed)
		*ret_changed = record->n_steps > 0;
	if (record->n_steps == 0)
		return 0;
	/* From here on it is an interrupted one, if it ends in the middle. */
	record->base = 0;
	r = pp_setup_record_save(hands->effects, record, error);
	if (r < 0)
		return r;
	r = take_back(hands, record, 0, false, error);
	if (r >= 0)
		record->base = -1;
	int saved = pp_setup_record_save(hands->effects, record, r < 0 ? NULL : error);
	return r < 0 ? r : saved;
}

int pp_setup_recover_on(struct pp_setup_hands *hands, bool *ret_changed, struct pp_error *error)
{
	PP_CLEANUP(pp_setup_record_freep) struct pp_setup_record *record = NULL;
	PP_CLOSE int lock = -1;
	int r = pp_setup_record_load(hands->effects->context, &record, error);
	if (r < 0 || record->base < 0)
		return r;
	r = take_lock(hands->effects->context, &lock, error);
	pp_setup_record_free(PP_TAKE(record));
	if (r >= 0)
		r = pp_setup_record_load(hands->effects->context, &record, error);
	return r < 0 ? r : take_back_unfinished(hands, record, ret_changed, error);
}

int pp_setup_look(struct pp_context *context, struct pp_setup_state *ret_state)
{
	PP_CLEANUP(pp_setup_record_freep) struct pp_setup_record *record = NULL;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	int r = pp_setup_record_load(context, &record, NULL);
	if (r < 0)
		return r;
	struct pp_setup_state state = {.any = record->n_steps > 0,
		.unfinished = record->base >= 0 && !is_locked(context),
		.when = record->when};
	for (size_t i = 0; i < record->n_steps; i++) {
		PP_FREE char *line = pp_setup_step_text(&record->steps[i], false);
		pp_buffer_printf(&text, "%s%s", text.length ? "\n" : "", line ? line : "");
	}
	state.text = pp_buffer_take(&text);
	*ret_state = state;
	return state.text ? 0 : -ENOMEM;
}

/* ---- the public road ---- */

static int hands_init(struct pp_setup_hands *hands, struct pp_effects *effects,
	struct pp_context *context, const struct pp_apply_options *options, struct pp_error *error)
{
	*hands = (struct pp_setup_hands){.effects = effects};
	return pp_effects_init(effects, context, options, error);
}

int pp_setup_apply(struct pp_context *context, const struct pp_setup *setup,
	const struct pp_apply_options *options, bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	struct pp_setup_hands hands;
	int r = hands_init(&hands, &effects, context, options, error);
	return r < 0 ? r : pp_setup_apply_on(&hands, setup, ret_changed, error);
}

int pp_setup_undo(struct pp_context *context, const struct pp_apply_options *options,
	bool *ret_changed, struct pp_error *error)
{
	struct pp_effects effects;
	struct pp_setup_hands hands;
	int r = hands_init(&hands, &effects, context, options, error);
	return r < 0 ? r : pp_setup_undo_on(&hands, ret_changed, error);
}

/* What the record says of the loader's parameters. */
static void past_of(struct pp_context *context, const struct pp_setup_record *record,
	struct pp_setup_past *past)
{
	PP_FREE char *boot = pp_journal_boot(context);
	*past = (struct pp_setup_past){.any = record->n_steps > 0,
		.trial = pp_setup_record_has_trial(record),
		.rebooted = boot && record->boot && !pp_text_is(boot, record->boot),
		.loader = record->loader};
	past->change = (struct pp_words_change){.add = record->add, .remove = record->remove};
}

/* What there is, and what of it was set; the past borrows from the record. */
static int read_past(struct pp_context *context, const struct pp_host *host,
	struct pp_setup_record **ret_record, struct pp_boot **ret_boot,
	struct pp_setup_past *ret_past, struct pp_error *error)
{
	int r = pp_setup_record_load(context, ret_record, error);
	if (r >= 0)
		r = pp_boot_read(context, host, ret_boot, error);
	if (r >= 0)
		past_of(context, *ret_record, ret_past);
	return r;
}

static int plan(struct pp_context *context, const struct pp_host *host,
	const struct pp_setup_options *options, bool confirm, struct pp_setup **ret_setup,
	struct pp_error *error)
{
	PP_CLEANUP(pp_setup_record_freep) struct pp_setup_record *record = NULL;
	PP_CLEANUP(pp_boot_freep) struct pp_boot *boot = NULL;
	struct pp_setup_past past;
	struct pp_boot_image_info image = {0};
	int r = read_past(context, host, &record, &boot, &past, error);
	if (r >= 0)
		r = pp_boot_image_info(context, &image, error);
	if (r < 0)
		return r;
	past.image = image.stale && image.supported ? image.command : NULL;
	if (confirm) {
		r = pp_setup_may_confirm(host, &past, error);
		return r < 0 ? r : pp_setup_make(host, boot, NULL, &past, true, ret_setup, error);
	}
	return pp_setup_make(host, boot, options, &past, false, ret_setup, error);
}

int pp_setup_plan(struct pp_context *context, const struct pp_host *host,
	const struct pp_setup_options *options, struct pp_setup **ret_setup, struct pp_error *error)
{
	return plan(context, host, options, false, ret_setup, error);
}

int pp_setup_confirm(struct pp_context *context, const struct pp_host *host,
	struct pp_setup **ret_setup, struct pp_error *error)
{
	return plan(context, host, NULL, true, ret_setup, error);
}

int pp_setup_check(struct pp_context *context, const struct pp_host *host,
	struct pp_findings **ret_findings, struct pp_error *error)
{
	PP_CLEANUP(pp_setup_record_freep) struct pp_setup_record *record = NULL;
	PP_CLEANUP(pp_boot_freep) struct pp_boot *boot = NULL;
	struct pp_setup_past past;
	int r = read_past(context, host, &record, &boot, &past, error);
	if (r < 0)
		return r;
	return pp_setup_judge(host, boot, &past, ret_findings, error);
}
