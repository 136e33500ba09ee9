/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The very texts of QEMU, libvirt and the kernel lead to their rows and checks; so do ids. */
#include "fixture.h"
#include "lib/check/rows.h"

static const struct {
	const char *text, *rows;
} texts[] = {
	{"qemu-system-x86_64: -device vfio-pci,host=01:00.0: vfio 0000:01:00.0: group 1 is not "
	 "viable\n"
	 "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
		"1 62"},
	{"vfio 0000:00:14.0: no iommu_group found: No such file or directory", "2 3"},
	{"vfio-pci 0000:01:00.0: probe with driver vfio-pci failed with error -22",
		"2 3 46 47 51 64"},
	{"vfio-pci 0000:01:00.0: probe with driver vfio-pci failed with error -16", "48"},
	{"error: unsupported configuration: host doesn't support passthrough of host PCI devices",
		"2 3"},
	{"vfio 0000:01:00.0: failed to setup container for group 4: Failed to set iommu for "
	 "container: "
	 "Operation not permitted",
		"16 17"},
	{"vfio_iommu_type1_attach_group: No interrupt remapping support. Use the module param "
	 "\"allow_unsafe_interrupts\" to enable VFIO IOMMU support on this platform",
		"16"},
	{"vfio-pci 0000:03:00.0: Firmware has requested this device have a 1:1 IOMMU mapping, "
	 "rejecting "
	 "configuring the device without a 1:1 mapping. Contact your platform vendor.",
		"17"},
	{"DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.",
		"17"},
	{"vfio 0000:01:00.0: failed to open /dev/vfio/4: No such file or directory", "25 64 42"},
	{"vfio 0000:01:00.0: failed to open /dev/vfio/4: Permission denied", "37"},
	{"vfio 0000:01:00.0: failed to open /dev/vfio/4: Device or resource busy", "38 39"},
	{"VFIO_MAP_DMA failed: Cannot allocate memory", "20 21"},
	{"vfio_dma_map(0x55, 0x0, 0x80000000, 0x7f) = -12 (Cannot allocate memory)", "20 21"},
	{"vfio_dma_map(0x55, 0x10000000000, 0x1000, 0x7f) = -22 (Invalid argument)", "29 30"},
	{"VFIO_MAP_DMA failed: Invalid argument", "29 30"},
	{"VFIO_MAP_DMA failed: No space left on device", "44"},
	{"vfio_dma_map(0x55, 0x1000, 0x1000, 0x7f) = -14 (Bad address)", "43"},
	{"vfio-pci 0000:c3:00.0: BAR 0: can't reserve [mem 0x2800000000-0x2fffffffff 64bit pref]",
		"9"},
	{"vfio: Cannot reset device 0000:00:1a.7, no available reset mechanism.", "11 15"},
	{"internal error: Unable to reset PCI device 0000:00:14.0: no FLR, PM reset or bus reset "
	 "available",
		"11 15"},
	{"pci 0000:01:00.0: not ready 65535ms after FLR; giving up", "12 14"},
	{"pci 0000:01:00.0: not ready 1023ms after resume; waiting", "12 14 58"},
	{"vfio-pci 0000:01:00.0: Unable to change power state from D3cold to D0, device "
	 "inaccessible",
		"14"},
	{"vfio: Unable to power on device, stuck in D3", "14"},
	{"error: internal error: Unknown PCI header type '127' for device '0000:01:00.0'", "13"},
	{"NVRM: Attempting to remove device 0000:07:00.0 with non-zero usage count!", "8"},
	{"Bus 'pcie.0' does not support hotplugging", "28"},
	{"Hot-unplug failed: guest is busy (power indicator blinking)", "27"},
	{"Device h1 is already in the process of unplug", "27"},
	{"vfio 0000:02:00.0: group 1 used in multiple address spaces", "40"},
	{"vfio-pci 0000:01:00.0: Cannot bind to PF with SR-IOV enabled", "48"},
	{"not enough MMIO resources for SR-IOV", "49"},
	{"error: Unmanaged PCI device 0000:01:00.0 must be manually detached from the host", "65"},
	{"error: Non-endpoint PCI devices cannot be assigned to guests", "64"},
	{"Lockdown: setpci: direct PCI access is restricted; see man kernel_lockdown.7", "60"},
	{"irq 16: nobody cared (try booting with the \"irqpoll\" option)", "56"},
	{"AMD-Vi: Unknown option - 'on'", "3"},
	{"8086:37c9 exists in vfio-pci device denylist, driver probing disallowed.", "47"},
	{"vfio_err_notifier_handler(0000:01:00.0) Unrecoverable error detected. Please collect any "
	 "data "
	 "possible and then kill the guest",
		"57"},
	{"Invalid PCI ROM header signature: expecting 0xaa55, got 0xffff", "34"},
	{"EXT4-fs (nvme0n1): shut down requested (2)", "6"},
};

static struct pp_explanations *explain(const char *text, const struct pp_host *host)
{
	struct pp_explanations *explanations;
	struct pp_error error = {0};

	if (pp_explain(text, strlen(text), host, &explanations, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	return explanations;
}

static void test_texts(void **state)
{
	for (size_t i = 0; i < PP_COUNT(texts); i++) {
		struct pp_explanations *explanations = explain(texts[i].text, NULL);

		if (explanations->n_items != 1)
			fail_msg("%zu explanations of: %s", explanations->n_items, texts[i].text);
		if (strcmp(explanations->items[0].rows, texts[i].rows) != 0)
			fail_msg("rows %s, not %s, of: %s", explanations->items[0].rows,
				texts[i].rows, texts[i].text);
		assert_true(*explanations->items[0].cause && *explanations->items[0].remedy);
		pp_explanations_free(explanations);
	}
}

static void test_unknown(void **state)
{
	static const char *const unknown[] = {"", "\n", "hello", "error: failed to connect",
		"no-such-id", "vfio", "\xff\xfe", "error -2"};

	for (size_t i = 0; i < PP_COUNT(unknown); i++) {
		struct pp_explanations *explanations = explain(unknown[i], NULL);
		assert_int_equal(explanations->n_items, 0);
		pp_explanations_free(explanations);
	}
	struct pp_explanations *explanations = NULL;
	assert_int_equal(pp_explain("a\0is not viable", 15, NULL, &explanations, NULL), 0);
	pp_explanations_free(explanations);
}

static void test_several_lines(void **state)
{
	struct pp_explanations *explanations = explain(
		"first\nvfio 0000:01:00.0: group 1 is not viable\nPlease ensure all devices within "
		"the iommu_group are bound to their vfio bus driver.\nirq 9: nobody cared\n",
		NULL);

	assert_int_equal(explanations->n_items, 2);
	assert_string_equal(
		explanations->items[0].line, "vfio 0000:01:00.0: group 1 is not viable");
	pp_explanations_free(explanations);
}

/* Every check can be asked for by its id. */
static void test_ids(void **state)
{
	size_t count;
	const struct pp_check_info *table = pp_check_table(&count);
	struct pp_host *host = fixture_host(NULL);

	for (size_t i = 0; i < count; i++) {
		struct pp_explanations *explanations = explain(table[i].id, host);

		assert_int_equal(explanations->n_items, 1);
		assert_string_equal(explanations->items[0].ids, table[i].id);
		assert_true(*explanations->items[0].cause);
		assert_non_null(explanations->items[0].remedy);
		assert_non_null(explanations->findings);
		pp_explanations_free(explanations);
	}
	pp_host_free(host);
}

/* And what is no check, but stands in brackets. */
static void test_other_ids(void **state)
{
	size_t count, n_checks;
	const struct pp_explain_id *ids = pp_explain_ids(&count);
	const struct pp_check_info *checks = pp_check_table(&n_checks);

	for (size_t i = 0; i < count; i++) {
		struct pp_explanations *explanations = explain(ids[i].id, NULL);

		assert_int_equal(explanations->n_items, 1);
		assert_string_equal(explanations->items[0].cause, ids[i].cause);
		assert_string_equal(explanations->items[0].remedy, ids[i].remedy);
		pp_explanations_free(explanations);
		for (size_t j = 0; j < n_checks; j++)
			assert_string_not_equal(checks[j].id, ids[i].id);
	}
}

/* What the host says to it now: of the device that is named, or of those that have it. */
static void test_host(void **state)
{
	struct pp_host *host = fixture_host(NULL);
	struct pp_explanations *explanations =
		explain("vfio " EHCI ": group 1 is not viable", host);
	const struct pp_finding *finding =
		fixture_finding(explanations->findings, "group-not-viable");

	assert_non_null(finding);
	assert_string_equal(finding->subject, EHCI);
	assert_int_equal(explanations->findings->n_items, 1);
	pp_explanations_free(explanations);

	explanations = explain("group 1 is not viable", host);
	assert_int_equal(explanations->findings->n_items, 2); /* EHCI and UHCI */
	pp_explanations_free(explanations);

	explanations = explain("vfio 0000:00:14.0: no iommu_group found", host);
	pp_host_free(host); /* what was found outlives the host */
	assert_int_equal(explanations->findings->n_items, 1);
	assert_int_equal(explanations->findings->items[0].severity, PP_PASS);
	assert_string_equal(explanations->findings->items[0].subject, "host");
	pp_explanations_free(explanations);
}

/* The table of texts names only checks and rows that exist. */
static void test_table(void **state)
{
	size_t n_texts, n_checks;
	const struct pp_explain_entry *entries = pp_explain_table(&n_texts);
	const struct pp_check_info *checks = pp_check_table(&n_checks);

	for (size_t i = 0; i < n_texts; i++) {
		const char *word;
		size_t length;

		for (const char *at = entries[i].ids; pp_text_word(&at, " ", &word, &length);) {
			bool known = false;

			for (size_t j = 0; j < n_checks; j++)
				known |= strlen(checks[j].id) == length &&
					 strncmp(checks[j].id, word, length) == 0;
			if (!known)
				fail_msg("\"%s\" names a check that is none: %.*s",
					entries[i].fragment, (int)length, word);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_several_lines),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_other_ids),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
