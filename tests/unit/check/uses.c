/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uses of a device, by whoever it may be: refused with exit status 4, unless it is forced by its
 * name. */
#include "fixture.h"

static const struct {
	const char *id;
	enum pp_severity severity;
	enum pp_use_kind kind;
	const char *name, *remedy;
} cases[] = {
	{"in-use-mount", PP_FAIL, PP_USE_MOUNT, "vg-root", "umount /dev/mapper/vg-root"},
	{"in-use-swap", PP_FAIL, PP_USE_SWAP, "sda2", "swapoff /dev/sda2"},
	{"in-use-holder", PP_FAIL, PP_USE_HOLDER, "sda3", "vgchange"},
	{"in-use-route", PP_FAIL, PP_USE_ROUTE, "eth0", "eth0"},
	{"in-use-session", PP_FAIL, PP_USE_SESSION, "eth0", "log in by another way"},
	{"in-use-bridge-port", PP_FAIL, PP_USE_BRIDGE_PORT, "eth0", "ip link set eth0 nomaster"},
	{"in-use-address", PP_FAIL, PP_USE_ADDRESS, "eth0", "ip link set eth0 down"},
	{"in-use-display", PP_FAIL, PP_USE_DISPLAY, "Xorg", "stop Xorg"},
	{"in-use-sound", PP_FAIL, PP_USE_SOUND, "pipewire", "stop pipewire"},
	{"in-use-input", PP_FAIL, PP_USE_INPUT, "keyboard", "keyboard"},
	{"in-use-vfio", PP_FAIL, PP_USE_VFIO, "qemu-system-x86", "qemu-system-x86"},
	{"in-use-guest", PP_FAIL, PP_USE_GUEST, "win10", "shut guest win10 down"},
	{"in-use-virtual-functions", PP_FAIL, PP_USE_VIRTUAL_FUNCTIONS, "0000:02:10.0",
		"0000:02:10.0"},
};

static const struct pp_finding *check_use(const struct pp_host *host, const struct pp_use *use,
	const struct pp_check_options *options, const char *id, struct pp_findings **ret_findings)
{
	struct pp_host used = *host;
	const struct pp_device *device = fixture_find(host, NVME);

	used.uses = use;
	used.n_uses = 1;
	assert_int_equal(pp_check_devices(&used, &device, 1, options, ret_findings, NULL), 0);
	return fixture_finding(*ret_findings, id);
}

static void test_kinds(void **state)
{
	struct pp_host *host = fixture_host(NULL);

	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct pp_use use = {.kind = cases[i].kind,
			.device = fixture_find(host, NVME),
			.name = cases[i].name,
			.text = "the very words",
			.evidence = "/proc/x: y",
			.blocking = true};
		const char *force[] = {"other", cases[i].name, NULL};
		struct pp_check_options options = {0};
		struct pp_error error = {0};
		struct pp_findings *findings;
		const struct pp_finding *finding =
			check_use(host, &use, &options, cases[i].id, &findings);

		assert_non_null(finding);
		assert_int_equal(finding->severity, cases[i].severity);
		assert_int_equal(finding->status, PP_STATUS_IN_USE);
		assert_string_equal(finding->name, cases[i].name);
		assert_string_equal(finding->text, "the very words");
		assert_non_null(strstr(finding->remedy, cases[i].remedy));
		assert_int_equal(pp_findings_refuse(findings, &error), -EBUSY);
		assert_int_equal(error.status, PP_STATUS_IN_USE);
		assert_string_equal(error.id, cases[i].id);
		assert_string_equal(error.text, NVME ": the very words");
		assert_non_null(strstr(error.remedy, "--force-for"));
		pp_findings_free(findings);

		options.force = force;
		finding = check_use(host, &use, &options, cases[i].id, &findings);
		assert_int_equal(finding->severity, PP_WARN);
		assert_int_equal(pp_findings_refuse(findings, &error), 0);
		pp_findings_free(findings);

		use.blocking = false;
		options.force = NULL;
		finding = check_use(host, &use, &options, cases[i].id, &findings);
		assert_int_equal(finding->severity, PP_NOTE);
		pp_findings_free(findings);

		use.device = fixture_find(host, NIC);
		use.blocking = true;
		assert_null(check_use(host, &use, &options, cases[i].id, &findings));
		pp_findings_free(findings);
	}
	pp_host_free(host);
}

/* The guest that is asked for is not in its own way. */
static void test_own_guest(void **state)
{
	struct pp_host *host = fixture_host(NULL);
	struct pp_use use = {.kind = PP_USE_GUEST,
		.device = fixture_find(host, NVME),
		.name = "win10",
		.text = "guest win10 has it",
		.evidence = "/run/pcipass",
		.blocking = true};
	struct pp_check_options options = {.guest = "win10"};
	struct pp_findings *findings;

	assert_null(check_use(host, &use, &options, "in-use-guest", &findings));
	pp_findings_free(findings);
	options.guest = "win11";
	assert_non_null(check_use(host, &use, &options, "in-use-guest", &findings));
	pp_findings_free(findings);
	pp_host_free(host);
}

/* With --group, a member that is in use stops it too. */
static void test_group_member(void **state)
{
	struct pp_host *host = fixture_host(NULL);
	const struct pp_device *ehci = fixture_find(host, EHCI);
	struct pp_use use = {.kind = PP_USE_MOUNT,
		.device = fixture_find(host, UHCI),
		.name = "sda",
		.text = "sda is mounted on /",
		.evidence = "/proc/self/mountinfo: /",
		.blocking = true};
	struct pp_check_options options = {.group = true};
	struct pp_host used = *host;
	struct pp_findings *findings;

	used.uses = &use;
	used.n_uses = 1;
	assert_int_equal(pp_check_devices(&used, &ehci, 1, &options, &findings, NULL), 0);
	assert_int_equal(pp_findings_worst(findings), PP_FAIL);
	assert_string_equal(fixture_finding(findings, "in-use-mount")->subject, UHCI);
	pp_findings_free(findings);
	pp_host_free(host);
}

static void test_vanished_and_out(void **state)
{
	struct pp_host *host = fixture_host(NULL);
	struct pp_device device = *fixture_find(host, NVME);
	const struct pp_device *pointer = &device;
	struct pp_use use = {.kind = PP_USE_VFIO,
		.device = &device,
		.name = "qemu",
		.text = "qemu has it open",
		.evidence = "/proc/1/fd/3"};
	struct pp_host used = *host;
	struct pp_findings *findings;

	device.flags |= PP_DEVICE_VANISHED; /* {"device-vanished", PP_FAIL */
	assert_int_equal(pp_check_devices(host, &pointer, 1, NULL, &findings, NULL), 0);
	assert_int_equal(fixture_finding(findings, "device-vanished")->severity, PP_FAIL);
	pp_findings_free(findings);

	used.uses = &use; /* {"suspend", PP_NOTE */
	used.n_uses = 1;
	assert_int_equal(pp_check_host(&used, &findings, NULL), 0);
	assert_int_equal(fixture_finding(findings, "suspend")->severity, PP_NOTE);
	pp_findings_free(findings);
	use.kind = PP_USE_GUEST; /* a holder that has a name */
	use.owner = "win11, pcipass, running";
	assert_int_equal(pp_check_host(&used, &findings, NULL), 0);
	assert_int_equal(fixture_finding(findings, "suspend")->severity, PP_NOTE);
	pp_findings_free(findings);
	pp_host_free(host);
}

/* pci-stub needs no IOMMU and no viable group: it only takes the device away from the host. */
static void test_stub(void **state)
{
	struct pp_host *host =
		fixture_host("-/sys/kernel/iommu_groups/*\n-*/iommu_group\n"
			     "-/sys/class/iommu/*\n-/sys/firmware/acpi/tables/DMAR\n");
	const struct pp_device *device = fixture_find(host, EHCI);
	struct pp_check_options options = {.driver = "pci-stub"};
	struct pp_findings *findings;

	assert_int_equal(pp_check_devices(host, &device, 1, &options, &findings, NULL), 0);
	assert_true(pp_findings_worst(findings) < PP_WARN);
	pp_findings_free(findings);
	assert_int_equal(pp_check_devices(host, &device, 1, NULL, &findings, NULL), 0);
	assert_int_equal(pp_findings_worst(findings), PP_FAIL);
	pp_findings_free(findings);
	pp_host_free(host);
}

/* A device in use, in a group that could not go either: exit status 4, and who uses it. */
static void test_use_weighs_most(void **state)
{
	struct pp_finding items[] = {
		{.severity = PP_FAIL,
			.status = PP_STATUS_NOT_READY,
			.id = "group-not-viable",
			.subject = NVME,
			.text = "not alone"},
		{.severity = PP_WARN,
			.status = PP_STATUS_RECOVER,
			.id = "no-reset",
			.subject = NVME,
			.text = "only a warning"},
		{.severity = PP_FAIL,
			.status = PP_STATUS_IN_USE,
			.id = "disk-in-use",
			.subject = NVME,
			.text = "mounted"},
		{.severity = PP_FAIL,
			.status = PP_STATUS_IN_USE,
			.id = "other",
			.subject = NVME,
			.text = "later"},
	};
	const struct pp_findings findings = {.items = items, .n_items = PP_COUNT(items)};
	struct pp_error error = {0};

	assert_int_equal(pp_findings_refuse(&findings, &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	assert_string_equal(error.id, "disk-in-use");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_use_weighs_most),
		cmocka_unit_test(test_own_guest),
		cmocka_unit_test(test_group_member),
		cmocka_unit_test(test_vanished_and_out),
		cmocka_unit_test(test_stub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
