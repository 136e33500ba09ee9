/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device's reset: by which method, and when not. */
#include "tests/unit/apply/machine.h"

static int reset(struct machine *machine, int device, char **ret_method, struct pp_error *error)
{
	machine_look(machine);
	return pp_device_reset(machine->context, &machine->devices[device], ret_method, error);
}

static void test_reset(void **state)
{
	struct machine *machine = *state;
	const char *path = "/sys/devices/pci0000:00/0000:01:00.0/reset_method";
	struct pp_error error = {0};
	char *method = NULL;
	assert_int_equal(reset(machine, NVME, &method, &error), -ENOTTY);
	assert_int_equal(error.status, PP_STATUS_NOT_READY);
	assert_string_equal(error.id, "no-reset");
	put(machine, path, "\n");
	assert_int_equal(reset(machine, NVME, &method, &error), -ENOTTY);
	put(machine, path, "bus flr\n");
	assert_int_equal(reset(machine, NVME, &method, &error), 0);
	assert_string_equal(method, "flr");
	free(method);
	put(machine, path, "bus\n");
	assert_int_equal(reset(machine, NVME, &method, &error), -ENOTTY);
	assert_string_equal(error.id, "reset-bus-siblings");
	expect_word(error.text, "0000:00:1a.7");
	put(machine, path, "flr\n");
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "3", NULL, "guest:win11"), &error), 1);
	assert_int_equal(reset(machine, NVME, &method, &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	expect_word(error.text, "is in guest win11");
	machine_hold(machine, "/dev/vfio/6");
	put(machine, "/sys/devices/pci0000:00/0000:02:00.0/reset_method", "flr\n");
	assert_int_equal(reset(machine, NIC, &method, &error), -EBUSY);
	expect_word(error.text, "qemu-system-x86 (pid 4242)");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
