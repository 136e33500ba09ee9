/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The model of the kernel does what the kernel was seen to do, and stays inside its directory. */
#include "lib/apply/model.h"
#include "tests/unit/apply/machine.h"

#define EHCI_ADDRESS "0000:00:1a.7"
#define SMBUS_ADDRESS "0000:00:1f.3"
#define OVERRIDE(address) "/sys/bus/pci/devices/" address "/driver_override"
#define DRIVER(driver, file) "/sys/bus/pci/drivers/" driver "/" file
#define PROBE "/sys/bus/pci/drivers_probe"

static int setup(void **state)
{
	machine_setup(state);
	struct machine *machine = *state;
	assert_int_equal(pp_model_load(machine->context, "vfio-pci"), 0);
	return 0;
}

static int poke(struct machine *machine, const char *path, const char *text)
{
	return pp_model_write(machine->context, path, text);
}

static void expect(
	struct machine *machine, const char *address, const char *driver, const char *override)
{
	struct pp_driver_state now;
	assert_int_equal(pp_driver_read(machine->context, address, &now), 0);
	assert_string_equal(now.driver, driver);
	assert_string_equal(now.override, override);
}

static void test_override(void **state)
{
	struct machine *machine = *state;
	struct pp_arena *arena = pp_arena_new();
	char *text = NULL;
	assert_int_equal(poke(machine, OVERRIDE(EHCI_ADDRESS), "vfio-pci\n"), 0);
	expect(machine, EHCI_ADDRESS, "ehci-pci", "vfio-pci");
	/* A device that has a driver is not probed. */
	assert_int_equal(poke(machine, PROBE, EHCI_ADDRESS), 0);
	expect(machine, EHCI_ADDRESS, "ehci-pci", "vfio-pci");
	assert_int_equal(poke(machine, DRIVER("ehci-pci", "unbind"), EHCI_ADDRESS), 0);
	expect(machine, EHCI_ADDRESS, "", "vfio-pci");
	/* The override restricts matching, also for bind. */
	assert_int_equal(poke(machine, DRIVER("ehci-pci", "bind"), EHCI_ADDRESS), -ENODEV);
	assert_int_equal(poke(machine, PROBE, EHCI_ADDRESS "\n"), 0);
	expect(machine, EHCI_ADDRESS, "vfio-pci", "vfio-pci");
	assert_int_equal(poke(machine, DRIVER("vfio-pci", "bind"), EHCI_ADDRESS), -EBUSY);
	assert_int_equal(poke(machine, DRIVER("ehci-pci", "unbind"), EHCI_ADDRESS), -ENODEV);

	assert_int_equal(poke(machine, OVERRIDE(EHCI_ADDRESS), "\n"), 0);
	assert_int_equal(
		pp_tree_line(machine->context->tree, arena, OVERRIDE(EHCI_ADDRESS), &text), 0);
	assert_string_equal(text, "(null)");
	assert_int_equal(poke(machine, DRIVER("vfio-pci", "unbind"), EHCI_ADDRESS), 0);
	assert_int_equal(poke(machine, PROBE, EHCI_ADDRESS), 0);
	expect(machine, EHCI_ADDRESS, "ehci-pci", "");
	pp_arena_free(arena);
}

static void test_links(void **state)
{
	struct machine *machine = *state;
	struct pp_arena *arena = pp_arena_new();
	char *real = NULL;
	poke(machine, OVERRIDE(EHCI_ADDRESS), "vfio-pci\n");
	poke(machine, DRIVER("ehci-pci", "unbind"), EHCI_ADDRESS);
	poke(machine, PROBE, EHCI_ADDRESS);
	assert_int_equal(pp_tree_real(machine->context->tree, arena,
				 "/sys/bus/pci/devices/" EHCI_ADDRESS "/driver", &real),
		0);
	assert_string_equal(real, "/sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(pp_tree_real(machine->context->tree, arena,
				 DRIVER("vfio-pci", EHCI_ADDRESS), &real),
		0);
	assert_string_equal(real, "/sys/devices/pci0000:00/" EHCI_ADDRESS);
	assert_false(pp_tree_exists(machine->context->tree, DRIVER("ehci-pci", EHCI_ADDRESS)));
	pp_arena_free(arena);
}

/* The probe says that all is well; bind says why it is not. */
static void expect_silent_failure(struct machine *machine, int error)
{
	assert_int_equal(poke(machine, OVERRIDE(SMBUS_ADDRESS), "vfio-pci\n"), 0);
	assert_int_equal(poke(machine, PROBE, SMBUS_ADDRESS), 0);
	expect(machine, SMBUS_ADDRESS, "", "vfio-pci");
	assert_int_equal(poke(machine, DRIVER("vfio-pci", "bind"), SMBUS_ADDRESS), error);
	expect(machine, SMBUS_ADDRESS, "", "vfio-pci");
}

static void test_probe_fails(void **state)
{
	struct machine *machine = *state;
	char path[256];
	put(machine, "/model/drivers/vfio-pci", "fail " SMBUS_ADDRESS " 22\n");
	expect_silent_failure(machine, -EINVAL);
	put(machine, "/model/drivers/vfio-pci", "");
	put(machine, "/sys/devices/pci0000:00/" SMBUS_ADDRESS "/sriov_numvfs", "2\n");
	expect_silent_failure(machine, -EBUSY);
	put(machine, "/sys/devices/pci0000:00/" SMBUS_ADDRESS "/sriov_numvfs", "0\n");
	snprintf(path, sizeof(path), "%s/sys/devices/pci0000:00/%s/iommu_group", machine->root,
		SMBUS_ADDRESS);
	assert_int_equal(unlink(path), 0);
	expect_silent_failure(machine, -EINVAL);
	/* pci-stub wants no IOMMU. */
	assert_int_equal(poke(machine, OVERRIDE(SMBUS_ADDRESS), "pci-stub\n"), 0);
	assert_int_equal(poke(machine, PROBE, SMBUS_ADDRESS), 0);
	expect(machine, SMBUS_ADDRESS, "pci-stub", "pci-stub");
}

static void test_not_there(void **state)
{
	struct machine *machine = *state;
	assert_int_equal(poke(machine, PROBE, "0000:09:00.0"), -ENODEV);
	assert_int_equal(poke(machine, PROBE, ""), -ENODEV);
	assert_int_equal(poke(machine, PROBE, "../../../etc"), -ENODEV);
	assert_int_equal(poke(machine, DRIVER("nosuch", "bind"), EHCI_ADDRESS), -ENOENT);
	assert_int_equal(poke(machine, DRIVER("..", "bind"), EHCI_ADDRESS), -ENOENT);
	assert_int_equal(poke(machine, OVERRIDE("0000:09:00.0"), "x\n"), -ENOENT);
	assert_int_equal(
		poke(machine, "/sys/bus/pci/devices/" EHCI_ADDRESS "/config", "x"), -EACCES);
	assert_int_equal(poke(machine, "/etc/passwd", "x"), -ENOENT);
	assert_int_equal(pp_model_load(machine->context, "nosuch"), -ENOENT);
	assert_int_equal(pp_model_load(machine->context, "../x"), -ENOENT);
}

static void test_modules(void **state)
{
	struct machine *machine = *state;
	put(machine, "/model/drivers/i801_smbus", "match pci:v00008086d00002930*\n");
	assert_false(pp_module_loaded(machine->context, "i801_smbus"));
	assert_int_equal(pp_model_load(machine->context, fixtures[SMBUS].modalias), 0);
	assert_true(pp_module_loaded(machine->context, "i801_smbus"));
	expect(machine, SMBUS_ADDRESS, "i801_smbus", "");
	expect(machine, EHCI_ADDRESS, "ehci-pci", "");
}

static void test_reset(void **state)
{
	struct machine *machine = *state;
	const char *method = "/sys/devices/pci0000:00/" EHCI_ADDRESS "/reset_method";
	const char *reset = "/sys/bus/pci/devices/" EHCI_ADDRESS "/reset";
	assert_int_equal(poke(machine, reset, "1"), -ENOENT);
	put(machine, method, "\n");
	assert_int_equal(poke(machine, reset, "1"), -ENOTTY);
	put(machine, method, "flr\n");
	assert_int_equal(poke(machine, reset, "1"), 0);
}

/* A tree without tables: what sits on a driver is what the driver takes. */
static void test_learns(void **state)
{
	struct machine *machine = *state;
	machine_remove(machine, "/model");
	assert_int_equal(poke(machine, OVERRIDE(EHCI_ADDRESS), "vfio-pci\n"), 0);
	assert_int_equal(poke(machine, DRIVER("ehci-pci", "unbind"), EHCI_ADDRESS), 0);
	assert_int_equal(poke(machine, PROBE, EHCI_ADDRESS), 0);
	assert_int_equal(poke(machine, OVERRIDE(EHCI_ADDRESS), "\n"), 0);
	assert_int_equal(poke(machine, DRIVER("vfio-pci", "unbind"), EHCI_ADDRESS), 0);
	assert_int_equal(poke(machine, PROBE, EHCI_ADDRESS), 0);
	expect(machine, EHCI_ADDRESS, "ehci-pci", "");
}

/* The directory's links stay in the directory. */
static void test_inside(void **state)
{
	struct machine *machine = *state;
	struct machine other = {0};
	char path[256];
	machine_open(&other);
	machine_remove(machine, "/run");
	snprintf(path, sizeof(path), "%s/run", machine->root);
	assert_int_equal(symlink(other.root, path), 0);
	struct pp_error error = {0};
	int r = machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error);
	assert_true(r < 0 && error.text[0]);
	snprintf(path, sizeof(path), "%s/pcipass", other.root);
	assert_int_equal(access(path, F_OK), -1);
	machine_text(machine, path, sizeof(path));
	assert_non_null(strstr(path, "1a.7=ehci-pci,"));
	machine_close(&other);
}

static void test_live_sysfs(void **state)
{
	struct machine machine = {0};
	struct pp_effects effects;
	struct pp_error error;
	char path[256];
	machine_open(&machine);
	machine_remove(&machine, "/sys");
	snprintf(path, sizeof(path), "%s/sys", machine.root);
	assert_int_equal(symlink("/sys", path), 0);
	assert_int_equal(pp_effects_init(&effects, machine.context, NULL, &error), -EROFS);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	assert_int_equal(unlink(path), 0);
	machine_close(&machine);
}

static void test_text_machine(void **state)
{
	char path[] = "/tmp/pcipass-test-XXXXXX";
	int fd = mkstemp(path);
	struct pp_context *context = NULL;
	struct pp_error error = {0};
	struct pp_plan *plan = NULL;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "/sys/bus/pci/devices/\n", 22), 22);
	close(fd);
	assert_int_equal(pp_context_open(path, &context, NULL), 0);
	assert_int_equal(pp_plan_new("nodedev-detach", "host", &plan, NULL), 0);
	assert_int_equal(pp_apply(context, plan, NULL, NULL, &error), -EROFS);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	assert_non_null(strstr(error.text, path));
	struct pp_unfinished_list *list = NULL;
	assert_int_equal(pp_unfinished_list(context, &list, &error), 0);
	assert_int_equal(list->n_items, 0);
	pp_unfinished_free(list);
	pp_plan_free(plan);
	pp_context_close(context);
	unlink(path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_override),
		TEST(test_links),
		TEST(test_probe_fails),
		TEST(test_not_there),
		TEST(test_modules),
		TEST(test_reset),
		TEST(test_learns),
		TEST(test_inside),
		cmocka_unit_test(test_live_sysfs),
		cmocka_unit_test(test_text_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
