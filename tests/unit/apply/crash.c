/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A crash at every effect of a transaction, and again at every effect of the recovery; then a
 * recovery that is left in peace: the machine is in one of the two right states, and says which. */
#include "tests/unit/apply/machine.h"

/* A fork under the address sanitizer costs ten times as much: there, a part of them, another one
 * for each scenario and effect. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7u
#define PART 3u
#else
#define STRIDE 1u
#define PART 1u
#endif

struct scenario {
	const char *name;
	const char *before; /* devices that were detached earlier, NULL: none */
	const char *before_driver;
	const char *devices; /* digits: numbers of fixtures */
	const char *driver;  /* detach to it; NULL: vfio-pci */
	const char *guest;   /* owner; NULL: the host */
	bool reattach;
	bool gone;     /* the guest is gone when recovery looks */
	bool release;  /* crash in the release of a guest that has started */
	bool rehearse; /* put back at once */
	bool trial;    /* its time is not over yet */
};

static const struct scenario scenarios[] = {
	{.name = "one device", .devices = "1"},
	{.name = "two of a group", .devices = "01"},
	{.name = "four devices", .devices = "0134"},
	{.name = "no driver before", .devices = "2"},
	{.name = "no driver and with one", .devices = "21"},
	{.name = "override before", .devices = "5"},
	{.name = "all", .devices = "012345"},
	{.name = "pci-stub", .devices = "13", .driver = "pci-stub"},
	{.name = "reattach", .before = "1", .devices = "1", .reattach = true},
	{.name = "reattach two", .before = "01", .devices = "01", .reattach = true},
	{.name = "reattach one of two", .before = "13", .devices = "3", .reattach = true},
	{.name = "reattach to none", .before = "2", .devices = "2", .reattach = true},
	{.name = "reattach with override", .before = "5", .devices = "5", .reattach = true},
	{.name = "reattach four", .before = "1345", .devices = "1345", .reattach = true},
	{.name = "stub to vfio", .before = "1", .before_driver = "pci-stub", .devices = "14"},
	{.name = "guest", .devices = "13", .guest = "guest:win11"},
	{.name = "guest that is gone", .devices = "13", .guest = "guest:win11", .gone = true},
	{.name = "guest on the host's",
		.before = "1",
		.before_driver = "pci-stub",
		.devices = "134",
		.guest = "guest:win11",
		.gone = true},
	{.name = "guest claims", .before = "1", .devices = "14", .guest = "guest:win11"},
	{.name = "release",
		.devices = "134",
		.guest = "guest:win11",
		.gone = true,
		.release = true},
	{.name = "trial", .devices = "13", .trial = true},
	{.name = "trial of reattach",
		.before = "13",
		.devices = "13",
		.reattach = true,
		.trial = true},
	{.name = "rehearsal", .devices = "1", .rehearse = true},
	{.name = "rehearsal of four", .before = "4", .devices = "0134", .rehearse = true},
	{.name = "release to the host's",
		.before = "1",
		.before_driver = "pci-stub",
		.devices = "14",
		.guest = "guest:win11",
		.gone = true,
		.release = true},
};

static bool gone(struct pp_context *context, const char *guest, void *data)
{
	return *(bool *)data;
}

/* The machine as it is before the transaction in question. */
static void set_up(struct machine *machine, const struct scenario *scenario)
{
	struct pp_error error = {0};
	machine_reset(machine);
	if (scenario->before &&
		machine_apply(machine,
			plan_detach(machine, scenario->before, scenario->before_driver, NULL),
			&error) < 0)
		fail_msg("%s", error.text);
	if (scenario->release &&
		machine_apply(machine,
			plan_detach(machine, scenario->devices, NULL, scenario->guest), &error) < 0)
		fail_msg("%s", error.text);
}

/* What is done while a rehearsal has the devices. */
static int are_out(void *data, struct pp_error *error)
{
	char now[1024];
	machine_text(data, now, sizeof(now));
	return strstr(now, "vfio-pci") ? 0 : -ENOMSG;
}

/* Returns how many effects it had. */
static unsigned transact(struct machine *machine, const struct scenario *scenario,
	const struct pp_fault *fault, int *ret_result, struct pp_error *error)
{
	struct pp_effects effects;
	bool changed;
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	effects.fault = *fault;
	effects.try_seconds = scenario->trial ? 3600 : 0;
	effects.unwatched = true;
	if (scenario->release) {
		*ret_result =
			pp_journal_release_on(&effects, scenario->guest, NULL, 0, &changed, error);
		return effects.count;
	}
	struct pp_plan *plan = scenario->reattach ? plan_reattach(machine, scenario->devices)
						  : plan_detach(machine, scenario->devices,
							    scenario->driver, scenario->guest);
	*ret_result = scenario->rehearse ? pp_rehearse_on(&effects, plan, are_out, machine, error)
					 : pp_apply_on(&effects, plan, &changed, error);
	pp_plan_free(plan);
	return effects.count;
}

static void recover(
	struct machine *machine, const struct scenario *scenario, const struct pp_fault *fault)
{
	struct pp_effects effects;
	struct pp_error error = {0};
	bool changed, is_gone = scenario->gone;
	struct pp_guest_judge judge = {.gone = gone, .data = &is_gone};
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	effects.fault = *fault;
	if (pp_journal_recover_on(&effects, &judge, &changed, &error) < 0)
		fail_msg("%s: recovery: %s", scenario->name, error.text);
}

/* Runs one of the two in a process of its own; true: it died at the effect that it was to die at.
 */
static bool dies(
	struct machine *machine, const struct scenario *scenario, bool recovery, unsigned at)
{
	struct pp_fault fault = {.kind = PP_FAULT_DIE, .at = at};
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct pp_error error = {0};
		int result = 0;
		if (recovery)
			recover(machine, scenario, &fault);
		else
			transact(machine, scenario, &fault, &result, &error);
		_exit(result < 0 ? 1 : 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != PP_FAULT_EXIT)
		fail_msg("%s: exit status %d", scenario->name, WEXITSTATUS(status));
	return WEXITSTATUS(status) == PP_FAULT_EXIT;
}

struct states {
	char before[1024], after[1024];
	size_t journals_before, journals_after;
};

/* Whether a journal of the transaction itself says that it was applied. */
static bool was_applied(
	struct machine *machine, const struct scenario *scenario, const struct states *states)
{
	struct pp_journals *journals = NULL;
	size_t applied = 0;
	assert_int_equal(pp_journals_load(machine->context, &journals, NULL), 0);
	for (size_t i = 0; i < journals->n_items; i++)
		if (journals->items[i].plan->returns == scenario->reattach)
			applied += journals->items[i].applied;
	pp_journals_free(journals);
	return applied > (scenario->reattach ? 0 : states->journals_before);
}

static void check(struct machine *machine, const struct scenario *scenario,
	const struct states *states, bool applied, unsigned at, unsigned again)
{
	char now[1024];
	bool is_gone = scenario->gone;
	struct pp_guest_judge judge = {.gone = gone, .data = &is_gone};
	machine_text(machine, now, sizeof(now));
	bool after = scenario->release || (applied && !scenario->gone);
	const char *wanted = after ? states->after : states->before;
	if (strcmp(now, wanted) != 0)
		fail_msg("%s, crash at %u and %u, %sapplied:\n is %s\nnot %s", scenario->name, at,
			again, applied ? "" : "not ", now, wanted);
	size_t journals = after ? states->journals_after : states->journals_before;
	if (count_journals(machine) != journals || count_unfinished(machine, &judge) != 0)
		fail_msg("%s, crash at %u and %u: %zu journals instead of %zu, %zu unfinished",
			scenario->name, at, again, count_journals(machine), journals,
			count_unfinished(machine, &judge));
}

static void learn(struct machine *machine, const struct scenario *scenario, struct states *states,
	unsigned *ret_effects)
{
	struct pp_error error = {0};
	int result = 0;
	set_up(machine, scenario);
	machine_text(machine, states->before, sizeof(states->before));
	states->journals_before = count_journals(machine);
	*ret_effects = transact(machine, scenario, &(struct pp_fault){0}, &result, &error);
	if (result < 0)
		fail_msg("%s: %s", scenario->name, error.text);
	machine_text(machine, states->after, sizeof(states->after));
	states->journals_after = count_journals(machine);
	assert_int_equal(strcmp(states->before, states->after) == 0, scenario->rehearse);
}

/* Reattaching writes to two journals: without its own, the other says whether it came so far. */
static bool applied_after_crash(
	struct machine *machine, const struct scenario *scenario, const struct states *states)
{
	if (was_applied(machine, scenario, states))
		return true;
	if (!scenario->reattach)
		return false;
	char now[1024];
	machine_text(machine, now, sizeof(now));
	return count_journals(machine) == states->journals_after &&
	       strcmp(now, states->after) == 0 && count_unfinished(machine, NULL) == 0;
}

static unsigned crash_everywhere(struct machine *machine, const struct scenario *scenario)
{
	struct states states;
	unsigned effects, combinations = 0;
	learn(machine, scenario, &states, &effects);
	for (unsigned at = 1 + effects % PART; at <= effects; at += PART) {
		bool died = true;
		for (unsigned again = 1 + at % STRIDE; died; again += STRIDE) {
			set_up(machine, scenario);
			assert_true(dies(machine, scenario, false, at));
			bool applied = applied_after_crash(machine, scenario, &states);
			died = dies(machine, scenario, true, again);
			recover(machine, scenario, &(struct pp_fault){0});
			check(machine, scenario, &states, applied, at, again);
			combinations++;
		}
	}
	return combinations;
}

static void test_crash_twice(void **state)
{
	struct machine machine;
	unsigned total = 0;
	machine_open(&machine);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		unsigned n = crash_everywhere(&machine, &scenarios[i]);
		printf("%-24s %5u combinations of two crashes\n", scenarios[i].name, n);
		total += n;
	}
	printf("%-24s %5u combinations\n", "all of them", total);
	machine_close(&machine);
	assert_true(total * STRIDE * PART >= 1000);
}

/* Each effect fails once: the caller hears it and everything is as before, or it went well after
 * all. */
static void fail_everywhere(struct machine *machine, const struct scenario *scenario, int code,
	unsigned count, unsigned *failures, unsigned *successes)
{
	struct states states;
	unsigned effects;
	char now[1024];
	learn(machine, scenario, &states, &effects);
	for (unsigned at = 1; at <= effects; at++) {
		struct pp_fault fault = {
			.kind = PP_FAULT_FAIL, .at = at, .count = count, .error = code};
		struct pp_error error = {0};
		int result = 0;
		set_up(machine, scenario);
		transact(machine, scenario, &fault, &result, &error);
		machine_text(machine, now, sizeof(now));
		bool loose = count > 1 || scenario->release || scenario->rehearse;
		bool done = result >= 0 || strstr(error.text, "is done, but its journal");
		if (!loose && strcmp(now, done ? states.after : states.before) != 0)
			fail_msg("%s, effect %u fails with %d, result %d (%s):\n is %s",
				scenario->name, at, code, result, error.text, now);
		if (result < 0)
			assert_true(error.text[0] && error.code > 0 && error.status != 0);
		bool applied = done || was_applied(machine, scenario, &states);
		(*(result < 0 ? failures : successes))++;
		recover(machine, scenario, &(struct pp_fault){0});
		check(machine, scenario, &states, applied, at, 0);
	}
}

static void test_fail_everywhere(void **state)
{
	static const int codes[] = {-EIO, -EBUSY, -ENODEV, -ENOSPC};
	struct machine machine;
	unsigned failures = 0, successes = 0;
	machine_open(&machine);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		for (size_t j = i % PART; j < sizeof(codes) / sizeof(codes[0]); j += PART) {
			fail_everywhere(
				&machine, &scenarios[i], codes[j], 1, &failures, &successes);
			/* From there on nothing works any more, until `recover`. */
			fail_everywhere(
				&machine, &scenarios[i], codes[j], 1000, &failures, &successes);
		}
	printf("writes that failed: %u transactions gave up, %u went on\n", failures, successes);
	machine_close(&machine);
	assert_true(failures > 100 && successes > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash_twice),
		cmocka_unit_test(test_fail_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
