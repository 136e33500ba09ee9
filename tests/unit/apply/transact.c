/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions as callers see them: what is said, what is refused, who wins, what
 * breaks in the middle. */
#include "tests/unit/apply/machine.h"
#include <signal.h>

#define GUEST "guest:win11"

struct told {
	struct machine *machine;
	char text[4096];
	/* At the first event of this kind whose text holds this word, do this. */
	enum pp_event_kind kind;
	const char *word;
	void (*action)(struct machine *machine);
};

static void hear(enum pp_event_kind kind, const char *text, void *data)
{
	static const char *const words[] = {"step", "done", "wait", "undo", "note"};
	struct told *told = data;
	size_t used = strlen(told->text);
	snprintf(told->text + used, sizeof(told->text) - used, "%s %s\n", words[kind], text);
	if (told->action && kind == told->kind && strstr(text, told->word)) {
		void (*action)(struct machine *) = told->action;
		told->action = NULL;
		action(told->machine);
	}
}

static int apply_told(struct machine *machine, struct pp_plan *plan, struct told *told,
	bool *changed, struct pp_error *error)
{
	struct pp_apply_options options = {.progress = hear, .data = told, .deadline_ms = 300};
	told->machine = machine;
	int r = pp_apply(machine->context, plan, &options, changed, error);
	pp_plan_free(plan);
	return r;
}

/* ---- the good road ---- */

static void test_there_and_back(void **state)
{
	struct machine *machine = *state;
	struct told told = {0};
	struct pp_error error = {0};
	bool changed = false;
	assert_int_equal(apply_told(machine, plan_detach(machine, "13", NULL, NULL), &told,
				 &changed, &error),
		0);
	assert_true(changed);
	assert_string_equal(told.text, "step module vfio-pci: load\n"
				       "done module vfio-pci: load\n"
				       "step 0000:00:1a.7: ehci-pci -> vfio-pci\n"
				       "step 0000:01:00.0: nvme -> vfio-pci\n"
				       "done 0000:00:1a.7: ehci-pci -> vfio-pci\n"
				       "done 0000:01:00.0: nvme -> vfio-pci\n");
	machine_expect(machine, EHCI, "vfio-pci", "vfio-pci");
	assert_string_equal(owner_of(machine, EHCI), "host");
	assert_string_equal(owner_of(machine, UHCI), "");

	/* Asked for what is there: no step, no change. */
	struct pp_plan *plan = plan_detach(machine, "13", NULL, NULL);
	assert_int_equal(plan->n_steps, 0);
	assert_int_equal(machine_apply(machine, plan, &error), 0);

	/* One comes back; the journal goes on remembering the other. */
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "1"), &error), 1);
	machine_expect(machine, EHCI, "ehci-pci", "");
	assert_string_equal(owner_of(machine, EHCI), "");
	assert_string_equal(owner_of(machine, NVME), "host");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "13"), &error), 1);
	machine_expect_first(machine);
	assert_int_equal(count_journals(machine), 0);
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "13"), &error), 0);
}

/* The list of all that are out says of each what is said of it alone; this one came from DRIVER. */
static void check_owned(struct machine *machine, const struct pp_address *one, const char *driver)
{
	struct pp_owned_list *list = NULL;
	struct pp_error error = {0};
	struct pp_driver_state origin;
	struct pp_address address;
	char owner[128];
	assert_int_equal(pp_owned_list(machine->context, &list, &error), 0);
	for (size_t i = 0; i < PP_COUNT(fixtures); i++) {
		pp_address_parse(fixtures[i].address, &address);
		assert_int_equal(pp_device_owner(machine->context, &address, owner, sizeof(owner),
					 &origin, &error),
			0);
		const struct pp_owned *owned = pp_owned_find(list, &address);
		assert_string_equal(owned ? owned->owner : "", owner);
		if (owned)
			assert_memory_equal(&owned->origin, &origin, sizeof(origin));
	}
	assert_int_equal(list->n_items, 2);
	assert_string_equal(pp_owned_find(list, one)->origin.driver, driver);
	pp_owned_list_free(list);
}

static void test_origin_of_many_moves(void **state)
{
	struct machine *machine = *state;
	struct pp_driver_state origin;
	struct pp_address address;
	struct pp_error error = {0};
	char owner[16];
	pp_address_parse(fixtures[NVME].address, &address);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", "pci-stub", NULL), &error), 1);
	assert_int_equal(machine_apply(machine, plan_detach(machine, "34", NULL, NULL), &error), 1);
	assert_int_equal(
		pp_device_owner(machine->context, &address, owner, sizeof(owner), &origin, &error),
		0);
	assert_string_equal(owner, "host");
	assert_string_equal(origin.driver, "nvme");
	assert_int_equal(pp_device_owner(machine->context, &address, owner, 2, &origin, &error),
		-ENAMETOOLONG);
	check_owned(machine, &address, "nvme");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "3"), &error), 1);
	machine_expect(machine, NVME, "nvme", "");
	assert_int_equal(count_journals(machine), 1);
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "4"), &error), 1);
	assert_int_equal(count_journals(machine), 0);
}

/* Someone brought it back by hand, to another driver, and then it was detached again. */
static void test_origin_of_a_broken_chain(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	assert_int_equal(machine_apply(machine, plan_detach(machine, "4", NULL, NULL), &error), 1);
	struct pp_effects effects;
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	struct pp_driver_state by_hand = {.driver = "igb_uio", .override = "igb_uio"};
	assert_int_equal(pp_driver_move(&effects, fixtures[NIC].address, &by_hand, &error), 0);
	assert_int_equal(machine_apply(machine, plan_detach(machine, "4", NULL, NULL), &error), 1);
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "4"), &error), 1);
	machine_expect(machine, NIC, "igb_uio", "igb_uio");
	assert_int_equal(count_journals(machine), 0);
}

/* Without a memory it is the kernel that chooses. */
static void test_kernel_chooses(void **state)
{
	struct machine *machine = *state;
	struct told told = {0};
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(machine_apply(machine, plan_detach(machine, "12", NULL, NULL), &error), 1);
	machine_remove(machine, "/run");
	assert_int_equal(
		apply_told(machine, plan_reattach(machine, "12"), &told, &changed, &error), 0);
	machine_expect(machine, EHCI, "ehci-pci", "");
	machine_expect(machine, SMBUS, "", "");
	expect_word(told.text, "note 0000:00:1f.3: no driver of this host took it");
}

/* A driver whose module was unloaded meanwhile is loaded again. */
static void test_driver_module_gone(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	assert_int_equal(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
	machine_remove(machine, "/sys/bus/pci/drivers/ehci-pci");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "1"), &error), 1);
	machine_expect(machine, EHCI, "ehci-pci", "");

	assert_int_equal(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
	machine_remove(machine, "/sys/bus/pci/drivers/ehci-pci");
	machine_remove(machine, "/model/drivers/ehci-pci");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "1"), &error), -ENOENT);
	expect_word(error.text, "no driver ehci-pci");
	/* It has not left vfio-pci for nothing. */
	machine_expect(machine, EHCI, "vfio-pci", "vfio-pci");
	assert_string_equal(owner_of(machine, EHCI), "host");
	assert_int_equal(count_unfinished(machine, NULL), 0);
}

/* ---- guests ---- */

static void test_guest(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false;
	struct pp_address nvme;
	pp_address_parse(fixtures[NVME].address, &nvme);
	assert_int_equal(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "134", NULL, GUEST), &error), 1);
	assert_string_equal(owner_of(machine, EHCI), GUEST);
	assert_string_equal(owner_of(machine, NVME), GUEST);

	/* Nobody else gets them: not another guest, not the host. */
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "1", NULL, "guest:b"), &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	expect_word(error.text, "0000:00:1a.7 is in guest win11");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "1"), &error), -EBUSY);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", "pci-stub", NULL), &error),
		-EBUSY);

	/* One is given back alone, then the rest: what the host had taken stays with the host. */
	assert_int_equal(
		pp_journal_release(machine->context, GUEST, &nvme, 1, NULL, &changed, &error), 0);
	assert_true(changed);
	machine_expect(machine, NVME, "nvme", "");
	assert_string_equal(owner_of(machine, NVME), "");
	machine_expect(machine, NIC, "vfio-pci", "vfio-pci");
	assert_int_equal(
		pp_journal_release(machine->context, "guest:b", NULL, 0, NULL, &changed, &error),
		0);
	assert_false(changed);
	assert_int_equal(
		pp_journal_release(machine->context, GUEST, NULL, 0, NULL, &changed, &error), 0);
	machine_expect(machine, NIC, "e1000e", "");
	machine_expect(machine, EHCI, "vfio-pci", "vfio-pci");
	assert_string_equal(owner_of(machine, EHCI), "host");
	assert_int_equal(count_journals(machine), 1);
	assert_int_equal(
		pp_journal_release(machine->context, GUEST, NULL, 0, NULL, &changed, &error), 0);
	assert_false(changed);
}

static bool is_gone(struct pp_context *context, const char *guest, void *data)
{
	assert_string_equal(guest, "win11");
	return *(bool *)data;
}

static void test_guest_gone(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false, gone = false;
	struct pp_guest_judge judge = {.gone = is_gone, .data = &gone};
	struct pp_unfinished_list *list = NULL;
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "34", NULL, GUEST), &error), 1);
	assert_int_equal(count_unfinished(machine, &judge), 0);
	assert_int_equal(pp_journal_recover(machine->context, NULL, &judge, &changed, &error), 0);
	assert_false(changed);
	machine_expect(machine, NIC, "vfio-pci", "vfio-pci");
	gone = true;
	assert_int_equal(pp_journal_unfinished(machine->context, &judge, &list, &error), 0);
	assert_int_equal(list->n_items, 1);
	assert_string_equal(list->items[0].owner, GUEST);
	assert_string_equal(list->items[0].text,
		"guest win11 is gone and has not given back 0000:01:00.0, 0000:02:00.0");
	pp_unfinished_free(list);
	assert_int_equal(pp_journal_recover(machine->context, NULL, &judge, &changed, &error), 0);
	assert_true(changed);
	machine_expect_first(machine);
	assert_int_equal(count_journals(machine), 0);
}

/* ---- refusals and failures ---- */

static void test_changed_since(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	struct pp_effects effects;
	struct pp_driver_state stub = {.driver = "pci-stub", .override = "pci-stub"};
	struct pp_plan *plan = plan_detach(machine, "13", NULL, NULL);
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	assert_int_equal(pp_driver_move(&effects, fixtures[NVME].address, &stub, &error), 0);
	assert_int_equal(machine_apply(machine, plan, &error), -ESTALE);
	expect_word(error.text, "was nvme (driver_override none), now it is pci-stub (pci-stub)");
	machine_expect(machine, EHCI, "ehci-pci", "");
	assert_int_equal(count_journals(machine), 0);

	/* Moved by someone else to just where it should go is as good. */
	plan = plan_detach(machine, "13", "igb_uio", NULL);
	struct pp_driver_state there = {.driver = "igb_uio", .override = "igb_uio"};
	assert_int_equal(pp_driver_move(&effects, fixtures[NVME].address, &there, &error), 0);
	assert_int_equal(machine_apply(machine, plan, &error), 1);
	machine_expect(machine, EHCI, "igb_uio", "igb_uio");
}

static void test_bind_fails(void **state)
{
	struct machine *machine = *state;
	struct told told = {0};
	struct pp_error error = {0};
	put(machine, "/model/drivers/vfio-pci", "fail 0000:01:00.0 16\n");
	bool changed = true;
	assert_int_equal(apply_told(machine, plan_detach(machine, "134", NULL, NULL), &told,
				 &changed, &error),
		-EBUSY);
	put(machine, "/model/drivers/vfio-pci", "");
	assert_int_equal(error.status, PP_STATUS_FAILED);
	assert_string_equal(error.id, "bind-failed");
	expect_word(
		error.text, "nodedev-detach was undone: 0000:01:00.0: vfio-pci did not take it");
	expect_word(error.text, "busy");
	machine_expect_first(machine);
	assert_int_equal(count_journals(machine), 0);
}

/* Its own driver does not take it back either: a loud state, and `recover` when it can. */
static void test_undo_fails(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	put(machine, "/model/drivers/vfio-pci", "fail 0000:01:00.0 16\n");
	put(machine, "/model/drivers/nvme",
		"match pci:v*d*sv*sd*bc01sc08i02*\nfail 0000:01:00.0 5\n");
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "13", NULL, NULL), &error), -EBUSY);
	put(machine, "/model/drivers/vfio-pci", "");
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	expect_word(error.text, "undoing: 0000:01:00.0: nvme did not take it");
	expect_word(error.remedy, "recover");
	machine_expect(machine, EHCI, "ehci-pci", "");
	machine_expect(machine, NVME, "", "");
	assert_int_equal(count_unfinished(machine, NULL), 1);

	/* The next verb says so, for this device alone. */
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", NULL, NULL), &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	expect_word(error.text, "0000:01:00.0: an earlier nodedev-detach was interrupted");
	assert_int_equal(machine_apply(machine, plan_detach(machine, "4", NULL, NULL), &error), 1);

	assert_int_equal(machine_recover(machine, &error), -EIO);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	put(machine, "/model/drivers/nvme", "match pci:v*d*sv*sd*bc01sc08i02*\n");
	assert_int_equal(machine_recover(machine, &error), 1);
	machine_expect(machine, NVME, "nvme", "");
	machine_expect(machine, NIC, "vfio-pci", "vfio-pci");
	assert_int_equal(count_unfinished(machine, NULL), 0);
}

static void test_no_module(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "1", "nosuch", NULL), &error), -ENOENT);
	assert_int_equal(error.status, PP_STATUS_NOT_READY);
	expect_word(error.text, "module nosuch could not be loaded");
	machine_expect_first(machine);
	assert_int_equal(count_journals(machine), 0);
}

static void test_holder(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	assert_int_equal(machine_apply(machine, plan_detach(machine, "13", NULL, NULL), &error), 1);
	machine_hold(machine, "/dev/vfio/5");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "13"), &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	assert_string_equal(error.id, "vfio-held");
	expect_word(error.text, "qemu-system-x86 (pid 4242) holds /dev/vfio/5");
	machine_expect(machine, EHCI, "vfio-pci", "vfio-pci");
	machine_expect(machine, NVME, "vfio-pci", "vfio-pci");
	assert_int_equal(count_unfinished(machine, NULL), 0);
	/* Another group's node is nobody's business. */
	machine_hold(machine, "/dev/vfio/55");
	assert_int_equal(machine_apply(machine, plan_reattach(machine, "13"), &error), 1);
	machine_expect_first(machine);
}

/* ---- things that happen in the middle ---- */

static void remove_nvme(struct machine *machine)
{
	machine_remove(machine, "/sys/bus/pci/drivers/nvme/0000:01:00.0");
	machine_remove(machine, "/sys/bus/pci/devices/0000:01:00.0");
	machine_remove(machine, "/sys/devices/pci0000:00/0000:01:00.0");
}

static void test_removed_before(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	struct pp_plan *plan = plan_detach(machine, "13", NULL, NULL);
	remove_nvme(machine);
	assert_int_equal(machine_apply(machine, plan, &error), -ENODEV);
	expect_word(error.text, "0000:01:00.0 is no longer there");
	machine_expect(machine, EHCI, "ehci-pci", "");
}

static void test_removed_in_the_middle(void **state)
{
	struct machine *machine = *state;
	struct told told = {.kind = PP_EVENT_STEP, .word = "01:00.0", .action = remove_nvme};
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(apply_told(machine, plan_detach(machine, "134", NULL, NULL), &told,
				 &changed, &error),
		-ENODEV);
	expect_word(error.text, "0000:01:00.0 is no longer there");
	expect_word(told.text, "note 0000:01:00.0 is no longer there");
	machine_expect(machine, EHCI, "ehci-pci", "");
	machine_expect(machine, NIC, "e1000e", "");
	assert_int_equal(count_journals(machine), 0);
}

static void test_removed_while_out(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "134", NULL, GUEST), &error), 1);
	remove_nvme(machine);
	assert_int_equal(
		pp_journal_release(machine->context, GUEST, NULL, 0, NULL, &changed, &error), 0);
	machine_expect(machine, EHCI, "ehci-pci", "");
	machine_expect(machine, NIC, "e1000e", "");
	assert_int_equal(count_journals(machine), 0);
}

/* Another device at the address is none of the journal's business. */
static void test_exchanged_while_out(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(machine_apply(machine, plan_detach(machine, "3", NULL, GUEST), &error), 1);
	put(machine, "/sys/devices/pci0000:00/0000:01:00.0/modalias", fixtures[NIC].modalias);
	assert_int_equal(
		pp_journal_release(machine->context, GUEST, NULL, 0, NULL, &changed, &error), 0);
	machine_expect(machine, NVME, "vfio-pci", "vfio-pci");
	assert_int_equal(count_journals(machine), 0);
}

static volatile sig_atomic_t signalled;

static void handle(int signal)
{
	signalled = signal;
}

static void send_term(struct machine *machine)
{
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(signalled, 0); /* it waits */
}

static void test_signal(void **state)
{
	struct machine *machine = *state;
	struct told told = {.kind = PP_EVENT_DONE, .word = "1a.7", .action = send_term};
	struct pp_error error = {0};
	bool changed;
	signalled = 0;
	signal(SIGTERM, handle);
	/* of one slot: one after the other */
	assert_int_equal(apply_told(machine, plan_detach(machine, "10", NULL, NULL), &told,
				 &changed, &error),
		-EINTR);
	assert_int_equal(signalled, SIGTERM);
	signal(SIGTERM, SIG_DFL);
	expect_word(error.text, "nodedev-detach was undone: a signal asked to stop");
	machine_expect_first(machine);
	assert_int_equal(count_journals(machine), 0);
}

/* ---- many at once ---- */

static void test_race(void **state)
{
	enum { RACERS = 12 };
	struct machine *machine = *state;
	pid_t pids[RACERS];
	int start[2], won = 0, lost = 0;
	assert_int_equal(pipe(start), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		char name[32], byte;
		struct pp_error error = {0};
		struct pp_context *context = NULL;
		close(start[1]);
		snprintf(name, sizeof(name), "guest:g%d", i);
		struct pp_plan *plan = plan_detach(machine, "134", NULL, name);
		if (pp_context_open(machine->root, &context, &error) < 0 ||
			read(start[0], &byte, 1) != 0)
			_exit(100);
		int r = pp_apply(context, plan, NULL, NULL, &error);
		bool named = strstr(error.text, "guest g") || strstr(error.text, "start g");
		_exit(r == 0 ? 0 : error.status == PP_STATUS_IN_USE && named ? 1 : 2);
	}
	close(start[0]);
	close(start[1]);
	for (int i = 0; i < RACERS; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		won += WEXITSTATUS(status) == 0;
		lost += WEXITSTATUS(status) == 1;
	}
	assert_int_equal(won, 1);
	assert_int_equal(lost, RACERS - 1);
	assert_int_equal(count_journals(machine), 1);
	machine_expect(machine, EHCI, "vfio-pci", "vfio-pci");
}

/* Recovery leaves a transaction alone that is at work. */
static void test_recover_beside(void **state)
{
	struct machine *machine = *state;
	struct pp_effects effects;
	struct pp_journal *journal = NULL;
	struct pp_error error = {0};
	struct pp_plan *plan = plan_detach(machine, "1", NULL, NULL);
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	assert_int_equal(pp_journal_begin(&effects, plan, &journal, &error), 0);
	assert_int_equal(pp_journal_write(&effects, journal, "try", 1), 0);
	assert_int_equal(count_unfinished(machine, NULL), 0);
	assert_int_equal(machine_recover(machine, &error), 0);
	assert_int_equal(count_journals(machine), 1);
	pp_journal_free(journal);
	assert_int_equal(count_unfinished(machine, NULL), 1);
	assert_int_equal(machine_recover(machine, &error), 1);
	assert_int_equal(count_journals(machine), 0);
	assert_int_equal(machine_recover(machine, &error), 0);
	pp_plan_free(plan);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_origin_of_many_moves),
		TEST(test_origin_of_a_broken_chain),
		TEST(test_kernel_chooses),
		TEST(test_driver_module_gone),
		TEST(test_guest),
		TEST(test_guest_gone),
		TEST(test_changed_since),
		TEST(test_bind_fails),
		TEST(test_undo_fails),
		TEST(test_no_module),
		TEST(test_holder),
		TEST(test_removed_before),
		TEST(test_removed_in_the_middle),
		TEST(test_removed_while_out),
		TEST(test_exchanged_while_out),
		TEST(test_signal),
		TEST(test_race),
		TEST(test_recover_beside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
