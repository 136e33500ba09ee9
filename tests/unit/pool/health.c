/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The health of a unit: its story step by step, and what holds after any events whatever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool/health.h"
#include <stdio.h>
#include <string.h>

static unsigned see(struct pp_unit_health *health, enum pp_sickness sickness, bool held)
{
	struct pp_unit_facts facts = {.sickness = sickness, .held = held, .numa_node = -1};
	snprintf(facts.reason, sizeof(facts.reason), sickness ? "sick" : "");
	snprintf(facts.holder, sizeof(facts.holder), held ? "qemu (pid 7) holds it" : "");
	return pp_health_step(health, PP_HEALTH_SEEN, &facts, NULL);
}

static unsigned on(struct pp_unit_health *health, enum pp_health_event event)
{
	return pp_health_step(health, event, NULL, "words");
}

static void test_two_tenants(void **state)
{
	(void)state;
	struct pp_unit_health health;
	pp_health_init(&health);
	assert_non_null(pp_health_refusal(&health));
	assert_int_equal(see(&health, PP_SICK_NOT, false), PP_DO_TELL);
	assert_null(pp_health_refusal(&health));
	assert_int_equal(on(&health, PP_HEALTH_GIVEN), PP_DO_RECORD);
	assert_int_equal(on(&health, PP_HEALTH_WANTED), PP_DO_PREPARE);
	assert_non_null(pp_health_wait(&health));
	assert_int_equal(on(&health, PP_HEALTH_WANTED), 0); /* one job at a time */
	assert_int_equal(on(&health, PP_HEALTH_DONE), 0);
	assert_true(health.prepared);
	assert_int_equal(on(&health, PP_HEALTH_WANTED), 0); /* not again: it is prepared */
	on(&health, PP_HEALTH_TOLD);
	assert_int_equal(see(&health, PP_SICK_NOT, true), PP_DO_RECORD);
	assert_true(health.healthy); /* who has it got it from us */
	assert_true(health.open && health.dirty);
	assert_int_equal(on(&health, PP_HEALTH_WANTED), 0); /* its user still has it */
	assert_string_equal(pp_health_wait(&health), "qemu (pid 7) holds it");
	assert_int_equal(see(&health, PP_SICK_NOT, false), PP_DO_RECORD | PP_DO_RELEASE);
	/* The next one comes while it is cleaned. */
	assert_int_equal(on(&health, PP_HEALTH_GIVEN), PP_DO_RECORD);
	assert_int_equal(on(&health, PP_HEALTH_WANTED), 0);
	assert_non_null(pp_health_wait(&health));
	on(&health, PP_HEALTH_DONE);
	assert_false(health.prepared || health.dirty); /* that was for the one before */
	assert_int_equal(on(&health, PP_HEALTH_WANTED), PP_DO_PREPARE);
}

static void test_quarantine(void **state)
{
	(void)state;
	struct pp_unit_health health;
	pp_health_init(&health);
	see(&health, PP_SICK_NOT, false);
	on(&health, PP_HEALTH_WANTED);
	assert_int_equal(on(&health, PP_HEALTH_FAILED), PP_DO_QUARANTINE | PP_DO_TELL);
	assert_string_equal(pp_health_refusal(&health), "in quarantine: words");
	assert_int_equal(see(&health, PP_SICK_NOT, false), 0); /* it stays */
	assert_int_equal(on(&health, PP_HEALTH_UNCORDONED), PP_DO_TELL);
	assert_null(pp_health_refusal(&health));
	assert_int_equal(on(&health, PP_HEALTH_CORDONED), PP_DO_TELL);
	assert_string_equal(pp_health_refusal(&health), "cordoned: words");
	/* Busy with another is no failure of the device. */
	on(&health, PP_HEALTH_UNCORDONED);
	on(&health, PP_HEALTH_WANTED);
	assert_int_equal(on(&health, PP_HEALTH_POSTPONED), 0);
	assert_true(health.healthy && !health.prepared);
}

static void test_others(void **state)
{
	(void)state;
	struct pp_unit_health health;
	pp_health_init(&health);
	see(&health, PP_SICK_NOT, true); /* a guest that got it elsewhere */
	assert_string_equal(pp_health_refusal(&health), "in use: qemu (pid 7) holds it");
	assert_int_equal(see(&health, PP_SICK_NOT, false), PP_DO_TELL);
	/* Killed with a guest running, and there again: it is as it was. */
	pp_health_init(&health);
	pp_health_restore(&health, true);
	assert_int_equal(see(&health, PP_SICK_NOT, true), PP_DO_TELL);
	assert_true(health.healthy);
	/* It goes while it is in use: sick, and nothing is reset. */
	assert_int_equal(see(&health, PP_SICK_ABSENT, false), PP_DO_RECORD | PP_DO_TELL);
	assert_false(health.healthy || health.busy);
}

static void test_left(void **state)
{
	(void)state;
	struct pp_unit_health health;
	pp_health_init(&health);
	see(&health, PP_SICK_NOT, false);
	assert_int_equal(on(&health, PP_HEALTH_LEFT), 0); /* nobody has it */
	/* A pod that never came as far as its container. */
	on(&health, PP_HEALTH_GIVEN);
	assert_int_equal(on(&health, PP_HEALTH_LEFT), PP_DO_RECORD);
	assert_false(health.given || health.busy);
	/* One whose container came, and did not open it: what was prepared for it is released. */
	on(&health, PP_HEALTH_GIVEN);
	on(&health, PP_HEALTH_WANTED);
	on(&health, PP_HEALTH_DONE);
	on(&health, PP_HEALTH_TOLD);
	assert_int_equal(on(&health, PP_HEALTH_LEFT), PP_DO_RECORD | PP_DO_RELEASE);
	assert_non_null(pp_health_wait(&health));
	on(&health, PP_HEALTH_DONE);
	assert_null(pp_health_wait(&health));
	assert_false(health.prepared || health.given);
	/* Its process lives on: it is not released under it. */
	on(&health, PP_HEALTH_GIVEN);
	see(&health, PP_SICK_NOT, true);
	assert_int_equal(on(&health, PP_HEALTH_LEFT), 0);
	assert_true(health.given && health.open);
	/* As the record says, and gone meanwhile. */
	pp_health_init(&health);
	pp_health_restore(&health, false);
	see(&health, PP_SICK_NOT, false);
	assert_int_equal(on(&health, PP_HEALTH_LEFT), PP_DO_RECORD | PP_DO_RELEASE);
}

/* ---- a model ---- */

struct model {
	enum pp_sickness sickness;
	bool seen, held, given, job, cordoned, quarantined;
};

static uint64_t seed = 88172645463325252u;
static unsigned draw(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

/* What the outside knows after an event, computed from what happened and not from the machine. */
static void follow(struct model *model, enum pp_health_event event, unsigned actions)
{
	if (event == PP_HEALTH_GIVEN || event == PP_HEALTH_WANTED)
		model->given = true;
	if (event == PP_HEALTH_UNCORDONED)
		model->cordoned = model->quarantined = false;
	if (event == PP_HEALTH_CORDONED || event == PP_HEALTH_QUARANTINED) {
		model->cordoned = event == PP_HEALTH_CORDONED;
		model->quarantined = !model->cordoned;
	}
	if (event == PP_HEALTH_FAILED && model->job)
		model->quarantined = true;
	if (event == PP_HEALTH_DONE || event == PP_HEALTH_FAILED || event == PP_HEALTH_POSTPONED)
		model->job = false;
	if (actions & (PP_DO_PREPARE | PP_DO_RELEASE)) {
		assert_false(model->job); /* never two at once */
		assert_false(model->held);
		model->job = true;
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 2000; run++) {
		struct pp_unit_health health;
		struct model model = {0};
		bool told = false;
		pp_health_init(&health);
		for (unsigned step = 0; step < 100; step++) {
			enum pp_health_event event =
				draw(2) ? PP_HEALTH_SEEN : draw(PP_HEALTH_UNCORDONED + 1);
			bool was_open = health.open, was_prepared = health.prepared;
			unsigned actions;
			if (event == PP_HEALTH_SEEN) {
				model.seen = true;
				model.sickness = draw(3) ? PP_SICK_NOT : draw(PP_SICK_CHECK + 1);
				model.held = model.sickness != PP_SICK_ABSENT && draw(3) == 0;
				actions = see(&health, model.sickness, model.held);
				if (was_open && !model.held)
					model.given = false;
			} else {
				actions = on(&health, event);
				if (event == PP_HEALTH_LEFT && !was_open && !model.held)
					model.given = false;
			}
			follow(&model, event, actions);
			if (actions & PP_DO_TELL)
				told = !told;
			bool healthy = model.seen && !model.sickness && !model.cordoned &&
				       !model.quarantined && (!model.held || model.given);
			assert_int_equal(health.healthy, healthy);
			assert_int_equal(told, healthy); /* each change is told, once */
			assert_int_equal(health.busy, model.job);
			assert_int_equal(health.given, model.given);
			assert_int_equal(!pp_health_refusal(&health), healthy);
			assert_true(healthy || health.said[0]);
			/* Nobody is told that it is prepared after someone else had it, or while
			 * it is worked on. */
			assert_false(
				health.prepared && (health.dirty || health.busy || model.held));
			if (!was_prepared && health.prepared)
				assert_int_equal(event, PP_HEALTH_DONE);
			assert_true(!health.open || health.given);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_tenants),
		cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
