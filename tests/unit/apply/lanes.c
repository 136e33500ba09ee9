/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that have nothing to do with each other move at the same time. */
#include "lib/apply/lanes.h"
#include "tests/unit/apply/machine.h"
#include <limits.h>
#include <poll.h>
#include <time.h>

#define MANY 8
#define SLOW_MS 300

static const char *address_of(unsigned i, char text[PP_ADDRESS_SIZE])
{
	snprintf(text, PP_ADDRESS_SIZE, "0000:%02x:00.0", 0x20 + i);
	return text;
}

/* Eight more, each in a slot of its own; their driver takes its time to let go. */
static int setup(void **state)
{
	char rules[1024];
	int n = snprintf(rules, sizeof(rules), "match pci:vSLOW*\n");
	machine_setup(state);
	struct machine *machine = *state;
	for (unsigned i = 0; i < MANY; i++) {
		char address[PP_ADDRESS_SIZE];
		struct fixture fixture = {.address = address_of(i, address),
			.driver = "slowdrv",
			.override = "",
			.modalias = "pci:vSLOW",
			.group = 20 + (int)i};
		if (i == 0)
			put_driver(machine, "slowdrv", "");
		char group[64];
		snprintf(group, sizeof(group), "/sys/kernel/iommu_groups/%d", fixture.group);
		put_folder(machine, group);
		put_device(machine, &fixture);
		n += snprintf(
			rules + n, sizeof(rules) - (size_t)n, "slow %s %d\n", address, SLOW_MS);
	}
	put(machine, "/model/drivers/slowdrv", rules);
	put_driver(machine, "vfio-pci", "");
	return 0;
}

static struct pp_plan *plan_of(unsigned count, bool back)
{
	struct pp_plan *plan = NULL;
	assert_int_equal(pp_plan_new("nodedev-detach", "host", &plan, NULL), 0);
	for (unsigned i = 0; i < count; i++) {
		struct pp_step step = {.kind = PP_STEP_DRIVER,
			.from = {.driver = "slowdrv"},
			.to = {.driver = "vfio-pci", .override = "vfio-pci"}};
		address_of(i, step.subject);
		if (back) {
			struct pp_driver_state from = step.from;
			step.from = step.to;
			step.to = from;
		}
		assert_int_equal(pp_plan_add(plan, &step, NULL), 0);
	}
	return plan;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double move(struct machine *machine, unsigned count, bool back)
{
	struct pp_error error = {0};
	double start = seconds();
	if (machine_apply(machine, plan_of(count, back), &error) != 1)
		fail_msg("%s", error.text);
	return seconds() - start;
}

static unsigned how_many_on(struct machine *machine, const char *driver)
{
	unsigned count = 0;
	for (unsigned i = 0; i < MANY; i++) {
		struct pp_driver_state now;
		char address[PP_ADDRESS_SIZE];
		assert_int_equal(pp_driver_read(machine->context, address_of(i, address), &now), 0);
		count += strcmp(now.driver, driver) == 0;
	}
	return count;
}

/* One after the other cannot take less than this. */
#define IN_TURN_MS (MANY * SLOW_MS)

/* What the kernel sleeps is not paid for each. The best of several rounds: others use this machine
 * too. */
static void test_eight_as_one(void **state)
{
	struct machine *machine = *state;
	double best = 1e9;
	for (int round = 0; round < 5 && best * 1e3 >= IN_TURN_MS / 2; round++) {
		double one = move(machine, 1, false);
		move(machine, 1, true);
		double eight = move(machine, MANY, false);
		assert_int_equal(how_many_on(machine, "vfio-pci"), MANY);
		move(machine, MANY, true);
		printf("one %.0f ms, %d of them %.0f ms\n", one * 1e3, MANY, eight * 1e3);
		best = eight < best ? eight : best;
	}
	assert_true(best * 1e3 < IN_TURN_MS / 2);
	assert_int_equal(how_many_on(machine, "slowdrv"), MANY);
}

/* The undo as well: here of a change. */
static void test_undo(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false;
	put(machine, "/model/drivers/vfio-pci", "");
	move(machine, MANY, false);
	assert_int_equal(pp_change_undo(machine->context, "1", NULL, &changed, &error), 0);
	assert_true(changed);
	assert_int_equal(how_many_on(machine, "slowdrv"), MANY);
	assert_int_equal(count_journals(machine), 0);
}

/* One that cannot go: all are back, and it is that one's error. */
static void test_one_fails(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	put(machine, "/model/drivers/vfio-pci", "fail 0000:23:00.0 22\n");
	put(machine, "/model/drivers/slowdrv", "match pci:vSLOW*\n");
	assert_true(machine_apply(machine, plan_of(MANY, false), &error) < 0);
	assert_string_equal(error.id, "bind-failed");
	assert_non_null(strstr(error.text, "0000:23:00.0"));
	assert_non_null(strstr(error.text, "was undone"));
	assert_int_equal(how_many_on(machine, "slowdrv"), MANY);
	assert_int_equal(count_journals(machine), 0);
	assert_int_equal(count_unfinished(machine, NULL), 0);
}

static void test_hangs(void **state)
{
	struct machine *machine = *state;
	struct pp_effects effects;
	struct pp_error error = {0};
	bool changed;
	struct pp_plan *plan = plan_of(MANY, false);
	put(machine, "/model/drivers/slowdrv", "match pci:vSLOW*\n");
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	effects.deadline_ms = 300;
	/* one of the writes, behind the lines of the journal */
	effects.fault = (struct pp_fault){.kind = PP_FAULT_HANG, .at = MANY + 10};
	assert_int_equal(pp_apply_on(&effects, plan, &changed, &error), -ETIMEDOUT);
	assert_string_equal(error.id, "write-hangs");
	assert_true(how_many_on(machine, "slowdrv") >= MANY - 1);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	pid_t stuck = (pid_t)strtol(strstr(error.text, "; pid ") + 6, NULL, 10);
	assert_true(stuck > 1);
	assert_int_equal(kill(stuck, SIGKILL), 0);
	for (int i = 0; i < 1000 && kill(stuck, 0) == 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(pp_journal_recover(machine->context, NULL, NULL, &changed, &error), 0);
	assert_int_equal(how_many_on(machine, "slowdrv"), MANY);
	pp_plan_free(plan);
}

static unsigned reset(struct machine *machine, unsigned count, char **methods,
	struct pp_error *error, int *ret_result)
{
	struct pp_device devices[MANY] = {0};
	const struct pp_device *all[MANY];
	char names[MANY][PP_ADDRESS_SIZE];
	double start = seconds();
	for (unsigned i = 0; i < count; i++) {
		devices[i].name = address_of(i, names[i]);
		assert_int_equal(pp_address_parse(names[i], &devices[i].address), 0);
		all[i] = &devices[i];
	}
	*ret_result = pp_devices_reset(machine->context, all, count, methods, error);
	return (unsigned)((seconds() - start) * 1e3);
}

static void test_resets(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	char *methods[MANY] = {0}, rules[1024] = "", path[256], address[PP_ADDRESS_SIZE];
	unsigned best = UINT_MAX;
	int r;
	for (unsigned i = 0, n = 0; i < MANY; i++) {
		n += (unsigned)snprintf(rules + n, sizeof(rules) - n, "reset %s %d\n",
			address_of(i, address), SLOW_MS);
		snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/reset_method", address);
		put(machine, path, "flr\n");
		snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/reset", address);
		put(machine, path, "");
	}
	put(machine, "/model/drivers/slowdrv", rules);
	for (int round = 0; round < 5 && best >= IN_TURN_MS / 2; round++) {
		unsigned ms = reset(machine, MANY, methods, &error, &r);
		assert_int_equal(r, 0);
		best = ms < best ? ms : best;
		for (unsigned i = 0; i < MANY; i++) {
			assert_string_equal(methods[i], "flr");
			free(methods[i]);
		}
	}
	printf("%d resets of %d ms: %u ms\n", MANY, SLOW_MS, best);
	assert_in_range(best, SLOW_MS, IN_TURN_MS / 2);

	/* one that fails keeps no other from it, and is named */
	snprintf(path, sizeof(path), "%s/sys/devices/pci0000:00/0000:22:00.0/reset", machine->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	reset(machine, MANY, methods, &error, &r);
	assert_true(r < 0);
	assert_non_null(strstr(error.text, "0000:22:00.0: its reset by flr failed"));
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(i == 2 ? !methods[i] : methods[i] && strcmp(methods[i], "flr") == 0);
		free(methods[i]);
		methods[i] = NULL;
	}
	/* one that cannot be reset keeps all from it: before the first */
	put(machine, "/sys/devices/pci0000:00/0000:25:00.0/reset_method", "\n");
	reset(machine, MANY, methods, &error, &r);
	assert_int_equal(r, -ENOTTY);
	assert_string_equal(error.id, "no-reset");
	for (unsigned i = 0; i < MANY; i++)
		assert_null(methods[i]);
}

static void test_order_in_a_slot(void **state)
{
	static const char *const names[] = {"0000:00:1a.0", "0000:00:1a.7", "0000:01:00.0"};
	struct machine *machine = *state;
	struct pp_step steps[3] = {0};
	struct pp_move moves[3] = {0};
	for (size_t i = 0; i < 3; i++) {
		strcpy(steps[i].subject, names[i]);
		moves[i].step = &steps[i];
	}
	assert_int_equal(pp_lanes_count(machine->context, moves, 3), 2);
	assert_int_equal(pp_lanes_count(machine->context, moves, 1), 1);
	assert_int_equal(pp_lanes_count(machine->context, moves, 0), 0);
}

/* Virtual functions of one slot have nothing to do with each other, but with their physical one,
 * wherever that is. */
static void test_virtual(void **state)
{
	static const char *const names[] = {
		"0000:00:1a.0", "0000:00:1a.7", "0000:01:00.0", "0000:02:00.0"};
	struct machine *machine = *state;
	struct pp_step steps[4] = {0};
	struct pp_move moves[4] = {0};
	for (size_t i = 0; i < 4; i++) {
		strcpy(steps[i].subject, names[i]);
		moves[i].step = &steps[i];
	}
	put_link(machine, "/sys/devices/pci0000:00/0000:00:1a.0/physfn", "../0000:02:00.0");
	assert_int_equal(pp_lanes_count(machine->context, moves, 3), 3);
	put_link(machine, "/sys/devices/pci0000:00/0000:00:1a.7/physfn", "../0000:02:00.0");
	assert_int_equal(pp_lanes_count(machine->context, moves, 3), 3);
	/* both and their physical one, which comes last, are one */
	assert_int_equal(pp_lanes_count(machine->context, moves, 4), 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_eight_as_one),
		TEST(test_undo),
		TEST(test_one_fails),
		TEST(test_hangs),
		TEST(test_resets),
		TEST(test_order_in_a_slot),
		TEST(test_virtual),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
