/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests on trial, with a real QEMU: over in time, too early, kept, and without a supervisor. */
#include "lib/apply/journal.h"
#include "lib/plan/plan.h"
#include "tests/unit/guest/run.h"
#include <time.h>

/* As `start --try` leaves it: until MS from now. */
static void put_on_trial(struct run *run, int ms, bool kept)
{
	struct pp_effects effects;
	struct pp_plan *plan = NULL;
	struct pp_journal *journal = NULL;
	struct timespec now;
	const struct pp_step step = {.kind = PP_STEP_DRIVER,
		.subject = "0000:02:00.0",
		.from = {.driver = "e1000e"},
		.to = {.driver = "vfio-pci", .override = "vfio-pci"}};
	char path[128];
	snprintf(path, sizeof(path), "%s/sys", run->root);
	mkdir(path, 0755);
	clock_gettime(CLOCK_BOOTTIME, &now);
	assert_int_equal(pp_plan_new("start", "guest:g", &plan, NULL), 0);
	assert_int_equal(pp_plan_add(plan, &step, NULL), 0);
	assert_int_equal(pp_effects_init(&effects, run->context, NULL, &run->error), 0);
	if (pp_journal_begin(&effects, plan, &journal, &run->error) < 0)
		fail_msg("%s", run->error.text);
	int64_t until = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + ms;
	assert_int_equal(pp_journal_write_until(&effects, journal, until), 0);
	assert_int_equal(pp_journal_write(&effects, journal, "applied", -1), 0);
	if (kept)
		assert_int_equal(pp_journal_write(&effects, journal, "kept", -1), 0);
	pp_journal_free(journal);
	pp_plan_free(plan);
}

static size_t count_journals(struct run *run)
{
	struct pp_journals *journals = NULL;
	assert_int_equal(pp_journals_load(run->context, &journals, NULL), 0);
	size_t count = journals->n_items;
	pp_journals_free(journals);
	return count;
}

static void test_on_trial(void **state)
{
	struct run *run = *state;
	put_on_trial(run, 3000, false);
	run_start(run, run_idle_qemu);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "on trial, and nobody kept it in time");
	assert_int_equal(count_journals(run), 0);
	pp_record_free(record);
}

/* Over before QEMU was there; and the start's own waiting ends. */
static void test_trial_too_short(void **state)
{
	struct run *run = *state;
	put_on_trial(run, 0, false);
	run_start_with(run, run_idle_qemu, (struct pp_record_launch){0});
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 0);
	struct pp_record *record = run_end(run);
	assert_int_equal(record->state.life.end, PP_END_TRIAL);
	pp_record_free(record);
}

static void test_trial_kept(void **state)
{
	struct run *run = *state;
	put_on_trial(run, 1, true);
	run_start(run, run_idle_qemu);
	nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	kill(run->supervisor, SIGTERM);
	struct pp_record *record = run_end(run);
	run_assert_shown(record, PP_GUEST_SHUT_OFF, "destroyed");
	pp_record_free(record);
}

/* Everything of ours is killed: the next one that comes ends it, and says so. */
static void test_trial_without_a_supervisor(void **state)
{
	struct run *run = *state;
	struct pp_unfinished_list *list = NULL;
	struct pp_error error = {0};
	bool changed = false;
	/* (it was kept for as long as this takes) */
	put_on_trial(run, 1, true);
	run_start(run, run_idle_qemu);
	run_kill_supervisor(run);
	put_on_trial(run, 1, false);
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	assert_int_equal(pp_unfinished_list(run->context, &list, NULL), 0);
	assert_int_equal(list->n_items, 1);
	assert_true(list->items[0].trial);
	assert_non_null(strstr(list->items[0].text, "was on trial, and nobody kept it in time"));
	pp_unfinished_free(list);
	if (pp_trials_end(run->context, NULL, &changed, &error) < 0)
		fail_msg("%s", error.text);
	if (geteuid() != 0) /* only root tends */
		return;
	assert_true(changed);
	struct pp_record *record = run_record(run);
	assert_int_equal(record->state.life.end, PP_END_TRIAL);
	assert_false(pp_process_alive(&record->engine));
	assert_non_null(strstr(run->notes, "it was on trial, and nobody kept it in time"));
	assert_int_equal(count_journals(run), 0);
	pp_record_free(record);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, run_setup, run_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_on_trial),
		CASE(test_trial_too_short),
		CASE(test_trial_kept),
		CASE(test_trial_without_a_supervisor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
