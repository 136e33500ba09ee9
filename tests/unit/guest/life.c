/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a guest: every happening in every state that can be reached. */
#include "lib/guest/life.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- stories ---- */

#define STEP(life, kind, detail) pp_life_step(life, (struct pp_happening){kind, detail})

static void start_to_running(struct pp_life *life)
{
	unsigned did = STEP(life, PP_HAPPENED_BEGIN, 0);
	assert_int_equal(did, PP_DO_SPAWN | PP_DO_CONNECT | PP_DO_ARM_START | PP_DO_SAVE);
	did = STEP(life, PP_HAPPENED_GREETING, 0);
	assert_int_equal(did, PP_DO_NEGOTIATE | PP_DO_ASK);
	did = STEP(life, PP_HAPPENED_STATUS, PP_RUN_PRELAUNCH);
	assert_int_equal(did, PP_DO_CONTINUE);
	assert_int_equal(life->phase, PP_PHASE_STARTING);
	did = STEP(life, PP_HAPPENED_CONTINUED, 0);
	assert_int_equal(did, PP_DO_DISARM | PP_DO_SAVE | PP_DO_REPORT);
	assert_int_equal(life->phase, PP_PHASE_RUNNING);
}

static void end_to_ended(struct pp_life *life, int status, int released)
{
	unsigned did = STEP(life, PP_HAPPENED_QEMU_ENDED, status);
	assert_int_equal(did, PP_DO_DISARM | PP_DO_SAVE | PP_DO_RELEASE);
	assert_int_equal(life->phase, PP_PHASE_RELEASING);
	did = STEP(life, PP_HAPPENED_RELEASED, released);
	assert_int_equal(did, PP_DO_SAVE | PP_DO_FINISH);
	assert_int_equal(life->phase, PP_PHASE_ENDED);
	assert_int_equal(life->unreleased, released < 0);
}

static void test_shutdown(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_SHUTDOWN);
	assert_int_equal(life.phase, PP_PHASE_IN_SHUTDOWN);
	assert_int_equal(STEP(&life, PP_HAPPENED_STOP, 0), 0);
	end_to_ended(&life, 0, 0);
	assert_int_equal(life.end, PP_END_SHUTDOWN);
}

/* It shut down, and QEMU was told to wait: whoever asked for it lets it begin anew, or it ends. */
static void test_reboot(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	unsigned did = STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_SHUTDOWN);
	assert_int_equal(did, PP_DO_SAVE | PP_DO_ARM_STOP);
	did = STEP(&life, PP_HAPPENED_RESUME, 0);
	assert_int_equal(did, PP_DO_SAVE | PP_DO_DISARM);
	assert_int_equal(life.phase, PP_PHASE_RUNNING);
	assert_int_equal(life.end, PP_END_NONE);
	STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_SHUTDOWN);
	did = STEP(&life, PP_HAPPENED_DEADLINE, 0);
	assert_int_equal(did, PP_DO_QUIT | PP_DO_ARM_STOP | PP_DO_SAVE);
	end_to_ended(&life, 0, 0);
	assert_int_equal(life.end, PP_END_SHUTDOWN);
}

static void test_destroy(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	unsigned did = STEP(&life, PP_HAPPENED_DESTROY, 0);
	assert_int_equal(did, PP_DO_QUIT | PP_DO_ARM_STOP | PP_DO_SAVE);
	assert_int_equal(STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_DESTROYED), 0);
	assert_int_equal(STEP(&life, PP_HAPPENED_DESTROY, 0), 0);
	end_to_ended(&life, 0, 0);
	assert_int_equal(life.end, PP_END_DESTROYED);
}

static void test_destroy_of_one_that_hangs(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	STEP(&life, PP_HAPPENED_DESTROY, 0);
	unsigned did = STEP(&life, PP_HAPPENED_DEADLINE, 0);
	assert_int_equal(did, PP_DO_KILL | PP_DO_ARM_KILL | PP_DO_SAVE);
	did = STEP(&life, PP_HAPPENED_DEADLINE, 0);
	assert_int_equal(did, PP_DO_SAVE);
	assert_true(life.stuck);
	assert_int_equal(STEP(&life, PP_HAPPENED_DEADLINE, 0), 0);
	end_to_ended(&life, -9, 0);
	assert_int_equal(life.end, PP_END_DESTROYED);
	assert_false(life.stuck);
}

static void test_killed(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	STEP(&life, PP_HAPPENED_MONITOR_LOST, 0);
	end_to_ended(&life, -9, -5);
	assert_int_equal(life.end, PP_END_SIGNAL);
	assert_int_equal(life.end_detail, 9);
	assert_true(pp_end_is_crash(life.end));
}

static void test_panic(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	assert_int_equal(STEP(&life, PP_HAPPENED_PANIC, 0), 0);
	STEP(&life, PP_HAPPENED_STOP, 0);
	assert_int_equal(life.run, PP_RUN_PANICKED);
	STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_PANIC);
	end_to_ended(&life, 0, 0);
	assert_int_equal(life.end, PP_END_PANIC);
	assert_true(pp_end_is_crash(life.end));
}

static void test_panic_and_restart(void **state)
{
	struct pp_life life = {.restart_on_panic = true};
	start_to_running(&life);
	assert_int_equal(STEP(&life, PP_HAPPENED_PANIC, 0), PP_DO_RESTART);
	STEP(&life, PP_HAPPENED_STOP, 0);
	assert_int_equal(STEP(&life, PP_HAPPENED_RESUME, 0), PP_DO_SAVE);
	assert_int_equal(life.phase, PP_PHASE_RUNNING);
	assert_false(life.panicked);
}

static void test_start_fails(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 0);
	end_to_ended(&life, 1, 0);
	assert_int_equal(life.end, PP_END_FAILED);
	assert_int_equal(life.end_detail, 1);

	/* The monitor closes a moment before QEMU is gone. */
	life = (struct pp_life){0};
	STEP(&life, PP_HAPPENED_BEGIN, 0);
	STEP(&life, PP_HAPPENED_MONITOR_LOST, 0);
	end_to_ended(&life, -11, 0);
	assert_int_equal(life.end, PP_END_FAILED);
	assert_int_equal(life.end_detail, -11);

	life = (struct pp_life){0};
	STEP(&life, PP_HAPPENED_BEGIN, 0);
	unsigned did = STEP(&life, PP_HAPPENED_SPAWN_FAILED, 0);
	assert_true(did & PP_DO_RELEASE);
	assert_int_equal(life.end, PP_END_FAILED);
}

static void test_start_takes_too_long(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 0);
	unsigned did = STEP(&life, PP_HAPPENED_DEADLINE, 0);
	assert_int_equal(did, PP_DO_TERMINATE | PP_DO_ARM_STOP | PP_DO_SAVE);
	STEP(&life, PP_HAPPENED_DEADLINE, 0);
	end_to_ended(&life, -9, 0);
	assert_int_equal(life.end, PP_END_TIMEOUT);
}

static void test_trial_is_over(void **state)
{
	struct pp_life life = {0};
	start_to_running(&life);
	unsigned did = STEP(&life, PP_HAPPENED_TRIAL_OVER, 0);
	assert_int_equal(did, PP_DO_QUIT | PP_DO_ARM_STOP | PP_DO_SAVE);
	/* Its supervisor is killed at that: the next one goes on with it. */
	life = (struct pp_life){.end = life.end};
	did = STEP(&life, PP_HAPPENED_BEGIN, 1);
	assert_int_equal(did, PP_DO_TERMINATE | PP_DO_ARM_STOP | PP_DO_SAVE);
	assert_int_equal(STEP(&life, PP_HAPPENED_TRIAL_OVER, 0), 0);
	end_to_ended(&life, 0, 0);
	assert_int_equal(life.end, PP_END_TRIAL);

	/* Before it ran; and a guest that is on its way out by itself. */
	life = (struct pp_life){0};
	STEP(&life, PP_HAPPENED_BEGIN, 0);
	did = STEP(&life, PP_HAPPENED_TRIAL_OVER, 0);
	assert_int_equal(did, PP_DO_TERMINATE | PP_DO_ARM_STOP | PP_DO_SAVE);
	life = (struct pp_life){0};
	start_to_running(&life);
	STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_SHUTDOWN);
	assert_true(STEP(&life, PP_HAPPENED_TRIAL_OVER, 0) & PP_DO_ARM_STOP);
	end_to_ended(&life, 0, 0);
	assert_int_equal(life.end, PP_END_SHUTDOWN);
}

static void test_start_paused(void **state)
{
	struct pp_life life = {.start_paused = true};
	STEP(&life, PP_HAPPENED_BEGIN, 0);
	STEP(&life, PP_HAPPENED_GREETING, 0);
	unsigned did = STEP(&life, PP_HAPPENED_STATUS, PP_RUN_PRELAUNCH);
	assert_int_equal(did, PP_DO_DISARM | PP_DO_SAVE | PP_DO_REPORT);
	assert_int_equal(life.phase, PP_PHASE_PAUSED);
	STEP(&life, PP_HAPPENED_RESUME, 0);
	assert_int_equal(life.phase, PP_PHASE_RUNNING);
}

static void test_adopt(void **state)
{
	struct pp_life life = {0};
	unsigned did = STEP(&life, PP_HAPPENED_BEGIN, 1);
	assert_int_equal(did, PP_DO_CONNECT | PP_DO_ARM_MONITOR | PP_DO_SAVE);
	STEP(&life, PP_HAPPENED_GREETING, 0);
	did = STEP(&life, PP_HAPPENED_STATUS, PP_RUN_RUNNING);
	assert_int_equal(did, PP_DO_DISARM | PP_DO_SAVE | PP_DO_REPORT);
	end_to_ended(&life, PP_QEMU_UNSEEN, 0);
	assert_int_equal(life.end, PP_END_DIED);
}

static void test_adopt_one_that_ends_before_it_answers(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 1);
	STEP(&life, PP_HAPPENED_GREETING, 0);
	end_to_ended(&life, PP_QEMU_UNSEEN, 0);
	assert_int_equal(life.end, PP_END_UNSEEN);
}

static void test_adopt_one_that_tells_of_its_end(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 1);
	STEP(&life, PP_HAPPENED_GREETING, 0);
	STEP(&life, PP_HAPPENED_STATUS, PP_RUN_RUNNING);
	STEP(&life, PP_HAPPENED_SHUTDOWN, PP_END_TERMINATED);
	end_to_ended(&life, PP_QEMU_UNSEEN, 0);
	assert_int_equal(life.end, PP_END_TERMINATED);
}

static void test_adopt_one_whose_start_was_interrupted(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 1);
	STEP(&life, PP_HAPPENED_GREETING, 0);
	assert_int_equal(STEP(&life, PP_HAPPENED_STATUS, PP_RUN_PRELAUNCH), PP_DO_CONTINUE);
}

static void test_adopt_one_that_does_not_answer(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 1);
	unsigned did = STEP(&life, PP_HAPPENED_DEADLINE, 0);
	assert_int_equal(did, PP_DO_DISARM | PP_DO_SAVE | PP_DO_REPORT);
	assert_int_equal(life.phase, PP_PHASE_RUNNING);
	assert_false(life.monitor);
	did = STEP(&life, PP_HAPPENED_DESTROY, 0);
	assert_int_equal(did, PP_DO_TERMINATE | PP_DO_ARM_STOP | PP_DO_SAVE);
}

static void test_adopt_one_whose_monitor_is_closed(void **state)
{
	struct pp_life life = {0};
	STEP(&life, PP_HAPPENED_BEGIN, 1);
	assert_int_equal(STEP(&life, PP_HAPPENED_MONITOR_LOST, 0), PP_DO_CONNECT);
	STEP(&life, PP_HAPPENED_GREETING, 0);
	assert_int_equal(STEP(&life, PP_HAPPENED_MONITOR_LOST, 0), PP_DO_CONNECT);
	unsigned did = STEP(&life, PP_HAPPENED_MONITOR_LOST, 0);
	assert_int_equal(did, PP_DO_DISARM | PP_DO_SAVE | PP_DO_REPORT);
	assert_int_equal(life.phase, PP_PHASE_RUNNING);
	assert_false(life.monitor);
}

static void test_adopt_one_that_was_being_destroyed(void **state)
{
	struct pp_life life = {.end = PP_END_DESTROYED};
	unsigned did = STEP(&life, PP_HAPPENED_BEGIN, 1);
	assert_int_equal(did, PP_DO_TERMINATE | PP_DO_ARM_STOP | PP_DO_SAVE);
	end_to_ended(&life, PP_QEMU_UNSEEN, 0);
	assert_int_equal(life.end, PP_END_DESTROYED);
}

/* ---- everything ---- */

struct known {
	struct pp_life life;
	bool qemu;  /* it lives */
	bool armed; /* a deadline is running */
	bool reported;
	unsigned released; /* how often */
};
#define KNOWN_MAX 60000
static struct known known[KNOWN_MAX];
static size_t n_known;

static void learn(const struct known *one)
{
	for (size_t i = 0; i < n_known; i++)
		if (memcmp(&known[i], one, sizeof(*one)) == 0)
			return;
	assert_true(n_known < KNOWN_MAX);
	memcpy(&known[n_known++], one, sizeof(*one));
}

/* What the supervisor does, as far as it shows: and what must hold of it. */
static void follow(struct known *one, const struct pp_life *before, unsigned did)
{
	const struct pp_life *life = &one->life;
	unsigned arm = PP_DO_ARM_START | PP_DO_ARM_MONITOR | PP_DO_ARM_STOP | PP_DO_ARM_KILL;
	unsigned talk = PP_DO_NEGOTIATE | PP_DO_ASK | PP_DO_CONTINUE | PP_DO_QUIT | PP_DO_RESTART;

	assert_int_equal(did & arm & ((did & arm) - 1), 0); /* one at most */
	if (did & arm)
		one->armed = true;
	if (did & PP_DO_DISARM)
		one->armed = false;
	if (did & PP_DO_SPAWN) {
		assert_false(one->qemu);
		one->qemu = true;
	}
	/* Never while QEMU lives, and once. */
	if (did & PP_DO_RELEASE) {
		assert_false(one->qemu);
		assert_int_equal(one->released, 0);
		one->released++;
	}
	if (did & talk) {
		assert_true(one->qemu);
		assert_true(life->monitor);
	}
	/* A guest that is to go is not told to run. */
	if (did & (PP_DO_CONTINUE | PP_DO_RESTART))
		assert_true(life->phase < PP_PHASE_IN_SHUTDOWN);
	if (did & (PP_DO_KILL | PP_DO_TERMINATE))
		assert_true(one->qemu);
	if (did & PP_DO_REPORT) {
		assert_false(one->reported);
		assert_true(life->phase == PP_PHASE_RUNNING || life->phase == PP_PHASE_PAUSED ||
			    life->phase == PP_PHASE_IN_SHUTDOWN);
		one->reported = true;
	}
	assert_int_equal(!!(did & PP_DO_FINISH),
		life->phase == PP_PHASE_ENDED && before->phase != PP_PHASE_ENDED);
	/* What is waited for has a deadline, unless it may take for ever. */
	if (life->phase <= PP_PHASE_STARTING || life->phase == PP_PHASE_STOPPING)
		assert_true(one->armed);
	if (life->phase == PP_PHASE_RUNNING || life->phase == PP_PHASE_PAUSED)
		assert_false(one->armed);
	/* Phases that others see are written down. */
	if (life->phase != before->phase && life->phase != PP_PHASE_LAUNCHING &&
		life->phase != PP_PHASE_ASKING && life->phase != PP_PHASE_STARTING)
		assert_true(did & PP_DO_SAVE);
	if (life->phase >= PP_PHASE_RELEASING)
		assert_int_not_equal(life->end, PP_END_NONE);
}

/* Happenings that the supervisor cannot see in this state. */
static bool is_possible(const struct known *one, struct pp_happening happening)
{
	bool asked = one->life.monitor && one->qemu;

	switch (happening.kind) {
	case PP_HAPPENED_BEGIN:
		return false;
	case PP_HAPPENED_SPAWN_FAILED:
		return one->life.phase == PP_PHASE_LAUNCHING && !one->life.adopted;
	case PP_HAPPENED_QEMU_ENDED:
		return one->qemu;
	case PP_HAPPENED_RELEASED:
		return one->life.phase == PP_PHASE_RELEASING;
	case PP_HAPPENED_DEADLINE:
		return one->armed;
	case PP_HAPPENED_GREETING:
		return one->qemu && !one->life.monitor;
	case PP_HAPPENED_STATUS:
	case PP_HAPPENED_CONTINUED:
	case PP_HAPPENED_REFUSED:
	case PP_HAPPENED_SHUTDOWN:
	case PP_HAPPENED_PANIC:
	case PP_HAPPENED_STOP:
	case PP_HAPPENED_RESUME:
		return asked;
	case PP_HAPPENED_MONITOR_LOST:
	case PP_HAPPENED_DESTROY:
	case PP_HAPPENED_TRIAL_OVER:
		return true;
	}
	return true;
}

static void try_all_details(const struct known *from, enum pp_happening_kind kind)
{
	static const int ends[] = {
		PP_END_SHUTDOWN, PP_END_RESET, PP_END_PANIC, PP_END_DESTROYED, PP_END_TERMINATED};
	static const int statuses[] = {0, 1, -9, PP_QEMU_UNSEEN};
	static const int results[] = {0, -5};
	int runs[PP_RUN_COUNT];
	for (int i = 0; i < PP_RUN_COUNT; i++)
		runs[i] = i;
	const int none = 0, *details = &none;
	size_t count = 1;

	if (kind == PP_HAPPENED_SHUTDOWN)
		details = ends, count = sizeof(ends) / sizeof(*ends);
	else if (kind == PP_HAPPENED_QEMU_ENDED)
		details = statuses, count = sizeof(statuses) / sizeof(*statuses);
	else if (kind == PP_HAPPENED_RELEASED)
		details = results, count = 2;
	else if (kind == PP_HAPPENED_STATUS)
		details = runs, count = PP_RUN_COUNT;
	for (size_t i = 0; i < count; i++) {
		struct pp_happening happening = {kind, details[i]};
		struct known to;
		memcpy(&to, from, sizeof(to));
		if (!is_possible(from, happening))
			continue;
		if (kind == PP_HAPPENED_QEMU_ENDED || kind == PP_HAPPENED_SPAWN_FAILED)
			to.qemu = false;
		if (kind == PP_HAPPENED_DEADLINE)
			to.armed = false;
		unsigned did = pp_life_step(&to.life, happening);
		follow(&to, &from->life, did);
		learn(&to);
	}
}

static void begin_all(void)
{
	static const enum pp_end ends[] = {PP_END_NONE, PP_END_SHUTDOWN, PP_END_DESTROYED,
		PP_END_FAILED, PP_END_TIMEOUT, PP_END_TRIAL};
	for (int flags = 0; flags < 8; flags++)
		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
			struct known one;
			memset(&one, 0, sizeof(one));
			bool adopt = flags & 1;
			if (!adopt && i > 0)
				continue;
			one.life.start_paused = flags & 2;
			one.life.restart_on_panic = flags & 4;
			one.life.end = ends[i];
			one.qemu = adopt;
			struct pp_life before = one.life;
			unsigned did = STEP(&one.life, PP_HAPPENED_BEGIN, adopt);
			follow(&one, &before, did);
			learn(&one);
		}
}

static void test_everything(void **state)
{
	begin_all();
	for (size_t i = 0; i < n_known; i++)
		for (int kind = 0; kind < PP_HAPPENED_COUNT; kind++) {
			struct known from;
			memcpy(&from, &known[i], sizeof(from));
			try_all_details(&from, (enum pp_happening_kind)kind);
		}
	/* From each state, the end of QEMU leads to the end of all. */
	size_t ended = 0;
	for (size_t i = 0; i < n_known; i++) {
		struct known one;
		memcpy(&one, &known[i], sizeof(one));
		ended += one.life.phase == PP_PHASE_ENDED;
		if (one.qemu) {
			assert_true(STEP(&one.life, PP_HAPPENED_QEMU_ENDED, 0) & PP_DO_RELEASE);
			assert_true(STEP(&one.life, PP_HAPPENED_RELEASED, 0) & PP_DO_FINISH);
		}
	}
	print_message("%zu states, %zu of them ends\n", n_known, ended);
	assert_true(n_known > 200);
	assert_true(ended > 20);
}

/* What the supervisor never lets happen must not break anything either. */
static void test_nonsense(void **state)
{
	for (int phase = 0; phase < PP_PHASE_COUNT; phase++)
		for (int kind = 0; kind < PP_HAPPENED_COUNT; kind++) {
			struct pp_life life = {.phase = (enum pp_phase)phase};
			unsigned did = STEP(&life, (enum pp_happening_kind)kind, 0);
			assert_true(life.phase < PP_PHASE_COUNT);
			if (phase == PP_PHASE_ENDED)
				assert_int_equal(did, 0);
			if (phase == PP_PHASE_RELEASING && kind != PP_HAPPENED_RELEASED)
				assert_int_equal(did, 0);
		}
}

static void test_words(void **state)
{
	for (int i = 0; i < PP_PHASE_COUNT; i++) {
		enum pp_phase phase;
		assert_int_equal(pp_phase_parse(pp_phase_word((enum pp_phase)i), &phase), 0);
		assert_int_equal(phase, i);
	}
	for (int i = 0; i < PP_END_COUNT; i++) {
		enum pp_end end;
		assert_int_equal(pp_end_parse(pp_end_word((enum pp_end)i), &end), 0);
		assert_int_equal(end, i);
	}
	enum pp_phase phase;
	assert_true(pp_phase_parse("nonsense", &phase) < 0);
	assert_true(pp_phase_parse(NULL, &phase) < 0);
	assert_int_equal(pp_run_state_of("guest-panicked"), PP_RUN_PANICKED);
	assert_int_equal(pp_run_state_of(NULL), PP_RUN_PAUSED);
	assert_int_equal(pp_end_of_shutdown("guest-shutdown"), PP_END_SHUTDOWN);
	assert_int_equal(pp_end_of_shutdown("host-signal"), PP_END_TERMINATED);
	assert_int_equal(pp_end_of_shutdown(NULL), PP_END_TERMINATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_destroy),
		cmocka_unit_test(test_destroy_of_one_that_hangs),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_panic_and_restart),
		cmocka_unit_test(test_start_fails),
		cmocka_unit_test(test_start_takes_too_long),
		cmocka_unit_test(test_trial_is_over),
		cmocka_unit_test(test_start_paused),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_adopt_one_that_ends_before_it_answers),
		cmocka_unit_test(test_adopt_one_that_tells_of_its_end),
		cmocka_unit_test(test_adopt_one_whose_start_was_interrupted),
		cmocka_unit_test(test_adopt_one_that_does_not_answer),
		cmocka_unit_test(test_adopt_one_whose_monitor_is_closed),
		cmocka_unit_test(test_adopt_one_that_was_being_destroyed),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
