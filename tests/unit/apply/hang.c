/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes that hang in the kernel: what is put back, what stays locked and by whom, what comes
 * after. */
#include "tests/unit/apply/machine.h"
#include "lib/apply/store.h"
#include <poll.h>
#include <signal.h>

/* The thread that stands still for it reaps it. */
static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(kill(pid, 0), -1);
}

static int lock_of_a_guest(struct machine *machine)
{
	char path[PP_PATH_MAX];
	assert_true(pp_path(path, sizeof(path), "%s/guests-lock", machine->root) >= 0);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pp_lock_try(fd), 0);
	/* Where the supervisor has it: above the device's own. */
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 64);
	assert_true(high >= 64);
	close(fd);
	return high;
}

static void hang_at(struct machine *machine, unsigned at, unsigned *hangs)
{
	struct pp_effects effects;
	struct pp_apply_options options = {.deadline_ms = 500};
	struct pp_error error = {0};
	bool changed;
	machine_reset(machine);
	struct pp_plan *plan = plan_detach(machine, "134", NULL, NULL);
	assert_int_equal(pp_effects_init(&effects, machine->context, &options, NULL), 0);
	effects.fault = (struct pp_fault){.kind = PP_FAULT_HANG, .at = at};
	int guests_lock = lock_of_a_guest(machine);
	int r = pp_apply_on(&effects, plan, &changed, &error);
	pp_plan_free(plan);
	/* Whoever moves devices for a guest has its lock, which ends with him, whatever hangs. */
	close(guests_lock);
	close(lock_of_a_guest(machine));
	if (r == 0) /* a journal's line: nothing there can hang */
		return;
	(*hangs)++;
	assert_int_equal(r, -ETIMEDOUT);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	assert_string_equal(error.id, "write-hangs");
	expect_word(error.text, "still hangs in the kernel");

	/* What does not hang was put back; the rest is unfinished, and locked by the child. */
	pid_t child = -1;
	assert_int_equal(sscanf(strstr(error.text, "; pid ") + 6, "%d", &child), 1);
	/* On a machine with much to do the child may not have let go of the journal yet. */
	for (int i = 0; i < 500 && count_unfinished(machine, NULL) == 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(count_unfinished(machine, NULL), 1);
	assert_true(machine_recover(machine, &error) < 0);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	expect_word(error.text, "of an earlier pcipass nodedev-detach still hangs in the kernel");
	int stuck = strstr(error.text, "1a.7:")      ? EHCI
		    : strstr(error.text, "01:00.0:") ? NVME
						     : NIC;
	const char which[] = {(char)('0' + stuck), '\0'};
	plan = plan_detach(machine, which, NULL, NULL);
	if (plan->n_steps == 0)
		pp_plan_free(plan);
	else
		assert_int_equal(machine_apply(machine, plan, &error), -EBUSY);
	for (int i = 0; i < (int)N_FIXTURES; i++)
		if (i != stuck)
			machine_expect(machine, i, fixtures[i].driver, fixtures[i].override);
	end(child);
	assert_true(machine_recover(machine, &error) >= 0);
	machine_expect_first(machine);
	assert_int_equal(count_journals(machine), 0);
}

static void test_hang(void **state)
{
	struct machine *machine = *state;
	unsigned hangs = 0;
	for (unsigned at = 1; at <= 19; at++)
		hang_at(machine, at, &hangs);
	assert_int_equal(hangs, 9); /* three writes for each of three devices */
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hang),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
