/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans: which steps, in which words, and back from JSON, also from bad JSON. */
#include "tests/unit/apply/machine.h"
#include "base/json.h"

static struct pp_device device(const char *address, const char *driver, const char *override)
{
	struct pp_device made = {
		.name = address, .driver = driver, .driver_override = override, .group = 1};
	assert_int_equal(pp_address_parse(address, &made.address), 0);
	return made;
}

static struct pp_plan *detach(const struct pp_device *devices, size_t n, const char *driver)
{
	const struct pp_device *list[8];
	struct pp_plan *plan = NULL;
	struct pp_host host = {.devices = devices, .n_devices = n};
	for (size_t i = 0; i < n; i++)
		list[i] = &devices[i];
	assert_int_equal(pp_plan_detach(&host, list, n, driver, &plan, NULL), 0);
	return plan;
}

static void expect_text(struct pp_plan *plan, const char *wanted)
{
	char *text = pp_plan_text(plan);
	assert_string_equal(text, wanted);
	free(text);
	pp_plan_free(plan);
}

static void test_detach(void **state)
{
	struct pp_device devices[] = {
		device("0000:00:1a.7", "ehci-pci", NULL),
		device("0000:01:00.0", NULL, NULL),
		device("0000:02:00.0", "igb_uio", "igb_uio"),
	};
	expect_text(detach(devices, 3, NULL), "module vfio-pci: load\n"
					      "0000:00:1a.7: ehci-pci -> vfio-pci\n"
					      "0000:01:00.0: no driver -> vfio-pci\n"
					      "0000:02:00.0: igb_uio -> vfio-pci\n");
	struct pp_plan *plan = detach(devices, 3, "pci-stub");
	assert_int_equal(plan->n_steps, 4);
	assert_string_equal(plan->verb, "nodedev-detach");
	assert_string_equal(plan->owner, "host");
	assert_false(plan->returns);
	assert_string_equal(plan->steps[3].from.override, "igb_uio");
	assert_string_equal(plan->steps[3].to.override, "pci-stub");
	pp_plan_free(plan);
}

static void test_detach_already(void **state)
{
	struct pp_device devices[] = {
		device("0000:00:1a.7", "vfio-pci", "vfio-pci"),
		device("0000:01:00.0", "nvme", NULL),
		device("0000:01:00.0", "nvme", NULL),
	};
	expect_text(detach(devices, 1, NULL), "");
	/* vfio-pci has a device, so it is loaded; one device named twice is one step. */
	expect_text(detach(devices, 3, NULL), "0000:01:00.0: nvme -> vfio-pci\n");

	const struct pp_device *list[] = {&devices[1]};
	struct pp_kernel kernel = {.vfio_pci_loaded = true};
	struct pp_host host = {.devices = &devices[1], .n_devices = 1, .kernel = &kernel};
	struct pp_plan *plan = NULL;
	assert_int_equal(pp_plan_detach(&host, list, 1, NULL, &plan, NULL), 0);
	expect_text(plan, "0000:01:00.0: nvme -> vfio-pci\n");
}

static void test_detach_variant(void **state)
{
	struct pp_device devices[] = {
		device("0000:01:00.1", "mlx5_core", NULL),
		device("0000:01:00.2", "mlx5_core", NULL),
		device("0000:02:00.0", "nvme", NULL),
	};
	devices[0].vfio_module = devices[1].vfio_module = "mlx5_vfio_pci";
	devices[2].vfio_module = "vfio_pci";
	expect_text(detach(devices, 3, NULL), "module mlx5_vfio_pci: load\n"
					      "0000:01:00.1: mlx5_core -> mlx5_vfio_pci\n"
					      "0000:01:00.2: mlx5_core -> mlx5_vfio_pci\n"
					      "module vfio-pci: load\n"
					      "0000:02:00.0: nvme -> vfio-pci\n");
	expect_text(detach(devices, 1, "vfio-pci"),
		"module vfio-pci: load\n0000:01:00.1: mlx5_core -> vfio-pci\n");
}

static void test_detach_refused(void **state)
{
	static const char *const names[] = {"", "..", "a/b", "*", "-f", "two words", "new\nline",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	struct pp_device nic = device("0000:01:00.0", "e1000e", NULL);
	const struct pp_device *list[] = {&nic};
	struct pp_host host = {.devices = &nic, .n_devices = 1};
	struct pp_plan *plan = NULL;
	struct pp_error error;
	for (size_t i = 0; i < PP_COUNT(names); i++) {
		assert_int_equal(pp_plan_detach(&host, list, 1, names[i], &plan, &error), -EINVAL);
		assert_int_equal(error.status, PP_STATUS_USAGE);
		assert_null(plan);
	}
	nic.header = PP_HEADER_BRIDGE;
	assert_int_equal(pp_plan_detach(&host, list, 1, NULL, &plan, &error), -EINVAL);
	assert_string_equal(error.id, "device-bridge");
	nic.header = PP_HEADER_ENDPOINT;
	nic.flags = PP_DEVICE_VANISHED;
	assert_int_equal(pp_plan_detach(&host, list, 1, NULL, &plan, &error), -ENODEV);
	assert_int_equal(error.status, PP_STATUS_NOT_READY);
}

static void test_restore(void **state)
{
	struct pp_device devices[] = {
		device("0000:00:1a.7", "vfio-pci", "vfio-pci"),
		device("0000:01:00.0", "pci-stub", "pci-stub"),
		device("0000:02:00.0", "e1000e", NULL),
		device("0000:03:00.0", NULL, NULL),
		device("0000:04:00.0", "nvme", NULL),
		device("0000:05:00.0", "vfio-pci", NULL),
		device("0000:06:00.0", "nvme", "vfio-pci"),
	};
	struct pp_origin origins[PP_COUNT(devices)] = {
		[0] = {.known = true, .state = {.driver = "ehci-pci"}},
		[1] = {.known = true},
		[4] = {.known = true, .state = {.driver = "nvme"}},
		[6] = {.known = true, .state = {.driver = "nvme"}},
	};
	const struct pp_device *list[PP_COUNT(devices)];
	struct pp_host host = {.devices = devices, .n_devices = PP_COUNT(devices)};
	struct pp_plan *plan = NULL;
	for (size_t i = 0; i < PP_COUNT(devices); i++)
		list[i] = &devices[i];
	assert_int_equal(pp_plan_restore(&host, list, PP_COUNT(devices), origins, &plan, NULL), 0);
	assert_true(plan->returns);
	/* The e1000e is the host's; the NVMe is back already, and only its memory ends. */
	assert_int_equal(plan->n_steps, 6);
	assert_true(pp_step_idle(&plan->steps[3]));
	expect_text(plan, "0000:00:1a.7: vfio-pci -> ehci-pci\n"
			  "0000:01:00.0: pci-stub -> no driver\n"
			  "0000:03:00.0: no driver -> the kernel's choice\n"
			  "0000:05:00.0: vfio-pci -> the kernel's choice\n"
			  "0000:06:00.0: nvme, driver_override vfio-pci -> none\n");
}

static void test_claim(void **state)
{
	struct pp_device devices[] = {
		device("0000:00:1a.7", "vfio-pci", "vfio-pci"),
		device("0000:01:00.0", "nvme", NULL),
	};
	struct pp_plan *plan = detach(devices, 2, NULL);
	assert_int_equal(pp_plan_name(plan, "start", "guest:win 11", NULL), 0);
	assert_int_equal(pp_plan_claim(plan, &devices[0], NULL), 0);
	assert_int_equal(pp_plan_claim(plan, &devices[1], NULL), 0);
	assert_int_equal(plan->n_steps, 2);
	assert_true(pp_step_idle(&plan->steps[1]));
	char *words = pp_step_text(&plan->steps[1], false);
	assert_string_equal(words, "0000:00:1a.7: stays with vfio-pci");
	free(words);
	char long_name[300];
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(pp_plan_name(plan, "start", long_name, NULL), -ENAMETOOLONG);
	expect_text(plan, "0000:01:00.0: nvme -> vfio-pci\n");
}

static struct pp_plan *parse(const char *text)
{
	struct pp_json *object = NULL;
	struct pp_plan *plan = NULL;
	if (pp_json_parse(text, strlen(text), &object, NULL) < 0)
		return NULL;
	int r = pp_plan_parse(object, &plan, NULL);
	pp_json_free(object);
	assert_true((r < 0) == (plan == NULL));
	return plan;
}

static void test_json(void **state)
{
	struct pp_device devices[] = {
		device("0000:00:1a.7", "ehci-pci", NULL),
		device("0000:02:00.0", "igb_uio", "igb_uio"),
	};
	struct pp_plan *plan = detach(devices, 2, NULL);
	char *text = pp_plan_json(plan);
	struct pp_plan *again = parse(text);
	assert_non_null(again);
	assert_int_equal(again->n_steps, plan->n_steps);
	assert_memory_equal(again->steps, plan->steps, plan->n_steps * sizeof(*plan->steps));
	assert_string_equal(again->owner, "host");
	char *second = pp_plan_json(again);
	assert_string_equal(text, second);
	free(text);
	free(second);
	pp_plan_free(plan);
	pp_plan_free(again);
}

#define STEP(kind, subject, from, to)                                                              \
	"{\"verb\":\"v\",\"owner\":\"host\",\"returns\":false,\"steps\":[{\"kind\":\"" kind        \
	"\",\"subject\":\"" subject "\",\"from\":" from ",\"to\":" to "}]}"
#define EHCI_STATE "{\"driver\":\"ehci-pci\",\"override\":null}"

static void test_json_bad(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"7",
		"{\"verb\":\"v\",\"owner\":\"host\"}",
		"{\"verb\":\"v\",\"owner\":\"host\",\"steps\":{}}",
		"{\"verb\":\"v\",\"owner\":\"host\",\"steps\":[7]}",
		"{\"verb\":\"v\",\"owner\":\"host\",\"steps\":[{}]}",
		"{\"verb\":1,\"owner\":\"host\",\"steps\":[]}",
		"{\"verb\":\"a verb that is longer than all verbs there are\",\"owner\":\"host\","
		"\"steps\":[]}",
		STEP("driver", "../../etc", EHCI_STATE, EHCI_STATE),
		STEP("driver", "0000:00:1a.9", EHCI_STATE, EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "7", EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "null", EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "{\"driver\":7,\"override\":null}", EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "{\"driver\":\"nvme\"}", EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "{\"eriver\":\"nvme\",\"override\":null}",
			EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "{\"driver\":\"a/b\",\"override\":null}",
			EHCI_STATE),
		STEP("driver", "0000:00:1a.7", "{\"driver\":\"*\",\"override\":null}", EHCI_STATE),
		STEP("driver", "0000:00:1a.7", EHCI_STATE, "{\"driver\":\"..\",\"override\":null}"),
		STEP("driver", "0000:00:1a.7", EHCI_STATE, "{\"driver\":\"x\",\"override\":\"*\"}"),
		STEP("module", "../x", "\"absent\"", "\"loaded\""),
		STEP("format-disk", "sda", EHCI_STATE, EHCI_STATE),
	};
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		struct pp_plan *plan = parse(bad[i]);
		if (plan)
			fail_msg("was taken: %s", bad[i]);
	}
	struct pp_plan *plan = parse(
		STEP("driver", "0000:00:1a.7", EHCI_STATE, "{\"driver\":\"*\",\"override\":null}"));
	assert_non_null(plan);
	pp_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_detach_already),
		cmocka_unit_test(test_detach_variant),
		cmocka_unit_test(test_detach_refused),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
