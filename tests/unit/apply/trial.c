/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trials: undone by themselves, by the next one, or kept; what is in effect, and back; and who a
 * device is. */
#include "lib/apply/identity.h"
#include "lib/apply/trial.h"
#include "tests/unit/apply/machine.h"
#include <poll.h>
#include <time.h>

#define GUEST "guest:win11"

static void expect(struct machine *machine, int device, const char *driver)
{
	struct pp_driver_state now;
	assert_int_equal(pp_driver_read(machine->context, fixtures[device].address, &now), 0);
	assert_string_equal(now.driver, driver);
}

/* Applies on trial; without the process that would undo it. */
static int try_plan(struct machine *machine, struct pp_plan *plan, unsigned at)
{
	struct pp_effects effects;
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	effects.try_seconds = 3600;
	effects.unwatched = true;
	if (at)
		effects.fault = (struct pp_fault){.kind = PP_FAULT_DIE, .at = at};
	int r = pp_apply_on(&effects, plan, &changed, &error);
	pp_plan_free(plan);
	if (r < 0)
		fail_msg("%s", error.text);
	return (int)effects.count;
}

/* The time of all trials is over: "until N" becomes "until 1". */
static void let_expire(struct machine *machine)
{
	struct pp_journals *journals = NULL;
	assert_int_equal(pp_journals_load(machine->context, &journals, NULL), 0);
	for (size_t i = 0; i < journals->n_items; i++) {
		char path[512], *text;
		size_t length;
		snprintf(path, sizeof(path), "%s/run/pcipass/journal/%s", machine->root,
			journals->items[i].name);
		assert_int_equal(pp_file_read(AT_FDCWD, path, 65536, &text, &length), 0);
		char *until = strstr(text, "\nuntil ");
		if (until) {
			char *end = strchr(until + 1, '\n');
			memmove(until + 8, end, strlen(end) + 1);
			until[7] = '1';
			FILE *file = fopen(path, "we");
			fputs(text, file);
			fclose(file);
		}
		free(text);
	}
	pp_journals_free(journals);
}

static int end_trials(struct machine *machine, unsigned at)
{
	struct pp_effects effects;
	struct pp_error error = {0};
	bool changed = false;
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	if (at)
		effects.fault = (struct pp_fault){.kind = PP_FAULT_DIE, .at = at};
	if (pp_trials_end_on(&effects, &changed, &error) < 0)
		fail_msg("%s", error.text);
	return changed;
}

static int keep(struct machine *machine, size_t *count, struct pp_error *error)
{
	return pp_trials_keep(machine->context, NULL, count, error);
}

/* ---- trials ---- */

static void test_undone_by_itself(void **state)
{
	struct machine *machine = *state;
	struct pp_apply_options options = {.try_seconds = 1};
	struct pp_plan *plan = plan_detach(machine, "13", NULL, NULL);
	bool changed;
	assert_int_equal(pp_apply(machine->context, plan, &options, &changed, NULL), 0);
	pp_plan_free(plan);
	expect(machine, NVME, "vfio-pci");
	for (int i = 0; i < 200 && count_journals(machine) > 0; i++)
		poll(NULL, 0, 50);
	assert_int_equal(count_journals(machine), 0);
	expect(machine, NVME, "nvme");
	expect(machine, EHCI, "ehci-pci");
}

static void test_next_verb(void **state)
{
	struct machine *machine = *state;
	struct pp_unfinished_list *list = NULL;
	try_plan(machine, plan_detach(machine, "13", NULL, NULL), 0);
	assert_int_equal(count_unfinished(machine, NULL), 0);
	assert_int_equal(end_trials(machine, 0), false);
	let_expire(machine);
	assert_int_equal(pp_unfinished_list(machine->context, &list, NULL), 0);
	assert_int_equal(list->n_items, 1);
	assert_true(list->items[0].trial);
	expect_word(list->items[0].text, "was on trial, and nobody kept it in time");
	pp_unfinished_free(list);
	assert_int_equal(end_trials(machine, 0), true);
	expect(machine, NVME, "nvme");
	expect(machine, EHCI, "ehci-pci");
	assert_int_equal(count_journals(machine), 0);
}

static void test_kept(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	size_t count = 0;
	assert_int_equal(keep(machine, &count, &error), -ENOENT);
	expect_word(error.text, "nothing is on trial");
	try_plan(machine, plan_detach(machine, "3", NULL, NULL), 0);
	assert_int_equal(keep(machine, &count, &error), 0);
	assert_int_equal(count, 1);
	let_expire(machine);
	assert_int_equal(end_trials(machine, 0), false);
	expect(machine, NVME, "vfio-pci");
	assert_string_equal(owner_of(machine, NVME), "host");
	assert_int_equal(keep(machine, &count, &error), 0);
	assert_int_equal(count, 0);
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "3"), &error), 1);
	assert_int_equal(count_journals(machine), 0);
}

static void test_too_late(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	size_t count = 0;
	try_plan(machine, plan_detach(machine, "3", NULL, NULL), 0);
	let_expire(machine);
	assert_int_equal(keep(machine, &count, &error), -ETIME);
	expect_word(error.text, "too late");
	assert_int_equal(end_trials(machine, 0), true);
	expect(machine, NVME, "nvme");
}

/* A reattach on trial: the memory of where the device came from stays until it is kept. */
static void test_reattach(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	size_t count = 0;
	assert_int_equal(machine_apply(machine, plan_detach(machine, "3", NULL, NULL), &error), 1);
	try_plan(machine, plan_reattach(machine, "3"), 0);
	expect(machine, NVME, "nvme");
	let_expire(machine);
	assert_int_equal(end_trials(machine, 0), true);
	expect(machine, NVME, "vfio-pci");
	assert_int_equal(count_journals(machine), 1);

	try_plan(machine, plan_reattach(machine, "3"), 0);
	assert_int_equal(keep(machine, &count, &error), 0);
	expect(machine, NVME, "nvme");
	assert_int_equal(count_journals(machine), 0);
}

static void test_in_the_way(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	try_plan(machine, plan_detach(machine, "3", NULL, NULL), 0);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", "pci-stub", NULL), &error),
		-EBUSY);
	assert_string_equal(error.id, "on-trial");
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	expect_word(error.remedy, "pcipass keep");
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", NULL, GUEST), &error), -EBUSY);
	assert_int_equal(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
}

/* What a guest on trial has goes back when the guest has ended, and not before. */
static void test_of_a_guest(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	int64_t left = 0;
	size_t count = 0;
	assert_int_equal(pp_trial_left(machine->context, GUEST, "start", &left, NULL), 0);
	assert_int_equal(left, -1);
	struct pp_plan *plan = plan_detach(machine, "3", NULL, GUEST);
	PP_FREE char *verb = strdup(plan->verb);
	try_plan(machine, plan, 0);
	assert_int_equal(pp_trial_left(machine->context, GUEST, verb, &left, NULL), 0);
	assert_in_range(left, 1, 3600 * 1000);
	assert_int_equal(pp_trial_left(machine->context, "guest:other", verb, &left, NULL), 0);
	assert_int_equal(left, -1);
	assert_int_equal(pp_trial_left(machine->context, GUEST, "other", &left, NULL), 0);
	assert_int_equal(left, -1);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", "pci-stub", NULL), &error),
		-EBUSY);
	assert_string_equal(error.id, "device-in-guest");
	let_expire(machine);
	assert_int_equal(pp_trial_left(machine->context, GUEST, verb, &left, NULL), 0);
	assert_int_equal(left, 0);
	assert_int_equal(end_trials(machine, 0), false);
	expect(machine, NVME, "vfio-pci");
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", "pci-stub", NULL), &error),
		-EBUSY);
	assert_string_equal(error.id, "device-in-guest");
	assert_int_equal(keep(machine, &count, &error), -ETIME);
	bool changed = false;
	assert_int_equal(
		pp_journal_release(machine->context, GUEST, NULL, 0, NULL, &changed, NULL), 0);
	expect(machine, NVME, "nvme");
	assert_int_equal(count_journals(machine), 0);

	try_plan(machine, plan_detach(machine, "3", NULL, GUEST), 0);
	assert_int_equal(keep(machine, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_int_equal(pp_trial_left(machine->context, GUEST, verb, &left, NULL), 0);
	assert_int_equal(left, -1);
}

/* Its process is killed at each effect, then that which ends the trial. */
static void test_killed(void **state)
{
	struct machine *machine = *state;
	int effects = try_plan(machine, plan_detach(machine, "13", NULL, NULL), 0);
	unsigned runs = 0;
	for (int at = 1; at <= effects; at++) {
		for (unsigned again = 1, died = 1; died; again++) {
			int status;
			machine_reset(machine);
			pid_t pid = fork();
			if (pid == 0)
				_exit(try_plan(machine, plan_detach(machine, "13", NULL, NULL),
					      (unsigned)at) < 0);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_int_equal(WEXITSTATUS(status), PP_FAULT_EXIT);
			let_expire(machine);
			pid = fork();
			if (pid == 0) {
				end_trials(machine, again);
				_exit(0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			died = WEXITSTATUS(status) == PP_FAULT_EXIT;
			end_trials(machine, 0);
			runs++;
			/* Before it said "until", it was not yet on trial: that is recovery's. */
			if (count_unfinished(machine, NULL) > 0) {
				assert_true(at <= 6);
				continue;
			}
			expect(machine, NVME, "nvme");
			expect(machine, EHCI, "ehci-pci");
			assert_int_equal(count_journals(machine), 0);
		}
	}
	printf("%u combinations of two crashes in a trial\n", runs);
}

/* ---- changes ---- */

static int undo(struct machine *machine, const char *id, struct pp_error *error)
{
	bool changed = false;
	int r = pp_change_undo(machine->context, id, NULL, &changed, error);
	return r < 0 ? r : changed;
}

static struct pp_change_list *changes_of(struct machine *machine, size_t n)
{
	struct pp_change_list *list = NULL;
	assert_int_equal(pp_changes_list(machine->context, &list, NULL), 0);
	assert_int_equal(list->n_items, n);
	return list;
}

static void test_changes(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	pp_change_list_free(changes_of(machine, 0));
	assert_int_equal(machine_apply(machine, plan_detach(machine, "13", NULL, NULL), &error), 1);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", "pci-stub", NULL), &error), 1);
	assert_int_equal(machine_apply(machine, plan_detach(machine, "4", NULL, GUEST), &error), 1);
	struct pp_change_list *list = changes_of(machine, 3);
	assert_string_equal(list->items[0].id, "1");
	expect_word(
		list->items[0].text, "module vfio-pci: load\n0000:00:1a.7: ehci-pci -> vfio-pci");
	expect_word(list->items[0].now, "0000:01:00.0 is with pci-stub");
	assert_true(list->items[0].when > 0 && list->items[0].when <= time(NULL));
	assert_int_equal(list->items[0].try_ms, -1);
	assert_null(list->items[1].now);
	assert_string_equal(list->items[2].guest, "win11");
	pp_change_list_free(list);

	assert_int_equal(undo(machine, "1", &error), -EBUSY);
	expect_word(error.text, "change 2 of the same device came later");
	assert_int_equal(undo(machine, "3", &error), -EBUSY);
	expect_word(error.text, "guest win11");
	assert_int_equal(undo(machine, "9", &error), -ENOENT);
	assert_int_equal(undo(machine, "../1", &error), -EINVAL);
	assert_int_equal(undo(machine, "2", &error), 1);
	expect(machine, NVME, "vfio-pci");
	assert_int_equal(undo(machine, "1", &error), 1);
	expect(machine, NVME, "nvme");
	expect(machine, EHCI, "ehci-pci");
	pp_change_list_free(changes_of(machine, 1));
}

/* A reattach is killed in the middle: what it moves back is not undone beneath it. */
static void test_undo_beside_an_interrupted_one(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false;
	for (unsigned at = 1;; at++) {
		int status;
		machine_reset(machine);
		assert_int_equal(
			machine_apply(machine, plan_detach(machine, "13", NULL, NULL), &error), 1);
		pid_t pid = fork();
		if (pid == 0) {
			struct pp_effects effects;
			struct pp_plan *plan = plan_reattach(machine, "13");
			pp_effects_init(&effects, machine->context, NULL, NULL);
			effects.fault = (struct pp_fault){.kind = PP_FAULT_DIE, .at = at};
			_exit(pp_apply_on(&effects, plan, &changed, NULL) < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WEXITSTATUS(status) != PP_FAULT_EXIT)
			break;
		size_t unfinished = count_unfinished(machine, NULL);
		int r = undo(machine, "1", &error);
		assert_true(unfinished == 0 || r == -EBUSY || r == -ENOENT);
		assert_true(pp_recover(machine->context, NULL, &changed, NULL) >= 0);
		undo(machine, "1", &error);
		expect(machine, NVME, "nvme");
		expect(machine, EHCI, "ehci-pci");
		assert_int_equal(count_journals(machine), 0);
	}
}

static void test_hook(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed;
	put_folder(machine, "/etc/libvirt");
	assert_int_equal(
		pp_libvirt_hook_enable(machine->context, "/usr/bin/pcipass", &changed, &error), 0);
	struct pp_change_list *list = changes_of(machine, 1);
	assert_string_equal(list->items[0].id, "hook");
	pp_change_list_free(list);
	assert_int_equal(undo(machine, "hook", &error), 1);
	pp_change_list_free(changes_of(machine, 0));
	assert_int_equal(undo(machine, "hook", &error), 0);
}

static void test_trial_undone_by_hand(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	try_plan(machine, plan_detach(machine, "3", NULL, NULL), 0);
	struct pp_change_list *list = changes_of(machine, 1);
	assert_true(list->items[0].try_ms > 3500000);
	pp_change_list_free(list);
	assert_int_equal(undo(machine, "1", &error), 1);
	expect(machine, NVME, "nvme");
	assert_int_equal(count_journals(machine), 0);
}

/* ---- who a device is ---- */

static void put_serial(struct machine *machine, int device, const char *serial)
{
	char path[256];
	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/nvme/nvme0/serial",
		fixtures[device].address);
	put(machine, path, serial);
}

static void test_identity(void **state)
{
	struct machine *machine = *state;
	char text[PP_IDENTITY_SIZE], where[PP_ADDRESS_SIZE];
	const char *address = fixtures[NVME].address;
	put(machine, "/sys/devices/pci0000:00/0000:01:00.0/revision", "0x02\n");
	put_serial(machine, NVME, "S5 X1  \n");
	assert_int_equal(pp_identity_read(machine->context, address, text), 0);
	assert_string_equal(
		text, "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02 rev=02 serial=S5_X1");
	assert_true(pp_identity_same(text, text));
	assert_true(pp_identity_same(text, fixtures[NVME].modalias));
	assert_true(pp_identity_same(fixtures[NVME].modalias, text));
	assert_false(pp_identity_same(text, fixtures[NIC].modalias));
	char other[] = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02 rev=03";
	assert_false(pp_identity_same(text, other));
	assert_int_equal(pp_identity_find(machine->context, text, where), 0);
	assert_string_equal(where, address);
	assert_int_equal(
		pp_identity_find(machine->context, fixtures[NVME].modalias, where), -ENOENT);
	assert_int_equal(pp_identity_read(machine->context, "0000:7f:00.0", text), 0);
	assert_string_equal(text, "");
}

/* Cards of the same kind are exchanged: the one that is there now is not moved, and where the other
 * has gone is said. */
static void test_exchanged(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	put(machine, "/sys/devices/pci0000:00/0000:01:00.0/revision", "0x02\n");
	assert_int_equal(machine_apply(machine, plan_detach(machine, "3", NULL, NULL), &error), 1);
	assert_string_equal(owner_of(machine, NVME), "host");
	put(machine, "/sys/devices/pci0000:00/0000:01:00.0/revision", "0x03\n");
	assert_string_equal(owner_of(machine, NVME), "");
	assert_int_equal(undo(machine, "1", &error), 0);
	expect(machine, NVME, "vfio-pci");
	assert_int_equal(count_journals(machine), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_undone_by_itself),
		TEST(test_next_verb),
		TEST(test_kept),
		TEST(test_too_late),
		TEST(test_reattach),
		TEST(test_in_the_way),
		TEST(test_of_a_guest),
		TEST(test_killed),
		TEST(test_changes),
		TEST(test_undo_beside_an_interrupted_one),
		TEST(test_hook),
		TEST(test_trial_undone_by_hand),
		TEST(test_identity),
		TEST(test_exchanged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
