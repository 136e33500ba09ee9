/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A healthy host gives no FAIL and no WARN. */
#include "fixture.h"
#include <stdlib.h>

static void expect_healthy(const struct pp_findings *findings)
{
	if (pp_findings_worst(findings) >= PP_WARN)
		fixture_print(findings);
	assert_true(pp_findings_worst(findings) < PP_WARN);
	assert_int_equal(pp_findings_refuse(findings, NULL), 0);
}

/* What is fine is said too, each once. */
static const struct {
	const char *id;
	enum pp_severity severity;
	const char *says;
} passes[] = {
	{"no-iommu", PP_PASS, "9 groups"},
	{"iommu-table", PP_PASS, "DMAR"},
	{"iommu-width", PP_PASS, "48 bits (256 TiB)"},
	{"no-interrupt-remapping", PP_PASS, "remaps"},
	{"vfio-missing", PP_PASS, "vfio-pci"},
	{"vfio-backend", PP_PASS, "groups"},
	{"dma-entry-limit", PP_PASS, "enough"},
	{"no-kvm", PP_PASS, "KVM"},
};

static void expect_passes(const struct pp_findings *findings)
{
	for (size_t i = 0; i < PP_COUNT(passes); i++) {
		size_t count = 0;

		for (size_t j = 0; j < findings->n_items; j++) {
			const struct pp_finding *finding = &findings->items[j];

			if (strcmp(finding->id, passes[i].id) != 0)
				continue;
			assert_int_equal(finding->severity, passes[i].severity);
			assert_non_null(strstr(finding->text, passes[i].says));
			count++;
		}
		assert_int_equal(count, 1);
	}
}

static void test_host(void **state)
{
	struct pp_host *host = fixture_host(NULL);
	struct pp_findings *findings;

	assert_int_equal(pp_check_host(host, &findings, NULL), 0);
	expect_healthy(findings);
	expect_passes(findings);
	pp_findings_free(findings);
	pp_host_free(host);
}

static void check_device(const struct pp_host *host, const char *name, bool group)
{
	const struct pp_device *device = fixture_find(host, name);
	struct pp_check_options options = {.group = group, .act = true};
	struct pp_findings *findings;

	assert_non_null(device);
	assert_int_equal(pp_check_devices(host, &device, 1, &options, &findings, NULL), 0);
	expect_healthy(findings);
	pp_findings_free(findings);
}

static void test_devices(void **state)
{
	struct pp_host *host = fixture_host(NULL);

	check_device(host, NVME, false);
	check_device(host, NIC, false);
	check_device(host, EHCI, true);
	check_device(host, UHCI, true);
	check_device(host, GPU, false);
	check_device(host, PCI_NIC, false);
	pp_host_free(host);
}

/* The emulated hosts, as they were written down: what is said of what can go, beside what is fine.
 * Their USB and SATA controllers have no reset. */
static const struct {
	const char *kind, *device, *notes;
} lab[] = {
	{"lab-intel", "0000:01:00.0", ""},
	{"lab-intel", "0000:02:00.0", ""},
	{"lab-intel", "0000:00:1a.7",
		"takes-along 0000:00:1a.7, no-reset 0000:00:1a.7, no-reset 0000:00:1a.0, "
		"interrupt-shared 0000:00:1a.0, "},
	{"lab-intel", "0000:00:1f.2",
		"takes-along 0000:00:1f.2, no-reset 0000:00:1f.2, no-reset 0000:00:1f.3, "
		"interrupt-shared 0000:00:1f.3, "},
	{"lab-amd", "0000:00:05.0", ""},
	{"lab-amd", "0000:00:06.0", ""},
	{"lab-amd", "0000:00:1a.7",
		"takes-along 0000:00:1a.7, no-reset 0000:00:1a.7, no-reset 0000:00:1a.0, "
		"interrupt-shared 0000:00:1a.0, "},
	{"lab-amd", "0000:00:1f.2",
		"takes-along 0000:00:1f.2, no-reset 0000:00:1f.2, no-reset 0000:00:1f.3, "
		"interrupt-shared 0000:00:1f.3, "},
};

static void check_lab(const struct pp_host *host, const char *name, const char *notes)
{
	const struct pp_device *device = fixture_find(host, name);
	struct pp_check_options options = {.group = true};
	PP_BUFFER struct pp_buffer said = PP_BUFFER_INIT;
	struct pp_findings *findings;

	assert_non_null(device);
	assert_int_equal(pp_check_devices(host, &device, 1, &options, &findings, NULL), 0);
	expect_healthy(findings);
	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];

		if (finding->severity == PP_NOTE)
			pp_buffer_printf(&said, "%s %s, ", finding->id, finding->subject);
	}
	assert_string_equal(pp_buffer_text(&said), notes);
	pp_findings_free(findings);
}

static void test_lab(void **state)
{
	for (size_t i = 0; i < PP_COUNT(lab); i++) {
		char path[512];
		struct pp_context *context;
		struct pp_host *host;
		struct pp_findings *findings;

		snprintf(path, sizeof(path), "%s/tests/hosts/%s.host", getenv("PCIPASS_SOURCE"),
			lab[i].kind);
		assert_int_equal(pp_context_open(path, &context, NULL), 0);
		assert_int_equal(pp_host_read(context, PP_READ_ALL, &host, NULL), 0);
		assert_int_equal(pp_check_host(host, &findings, NULL), 0);
		assert_int_equal(pp_findings_worst(findings), PP_PASS);
		pp_findings_free(findings);
		check_lab(host, lab[i].device, lab[i].notes);
		pp_host_free(host);
		pp_context_close(context);
	}
}

/* Facts that are not there make no noise: a host of which nothing is known but its devices. */
static void test_bare(void **state)
{
	static const char text[] = "/sys/bus/pci/devices/\n";
	struct pp_context context = {0};
	struct pp_host *host;
	struct pp_findings *findings;

	assert_int_equal(pp_tree_parse("bare", text, strlen(text), &context.tree, NULL), 0);
	assert_int_equal(pp_host_read(&context, PP_READ_ALL, &host, NULL), 0);
	assert_int_equal(pp_check_host(host, &findings, NULL), 0);
	assert_non_null(fixture_finding(findings, "no-iommu"));
	pp_findings_free(findings);
	assert_int_equal(pp_check_devices(host, NULL, 0, NULL, &findings, NULL), 0);
	pp_findings_free(findings);
	pp_host_free(host);
	pp_tree_free(context.tree);
}

static void test_shallow(void **state)
{
	struct pp_host host = {.depth = PP_READ_DEVICES};
	struct pp_findings *findings = NULL;
	struct pp_error error = {0};

	assert_int_equal(pp_check_host(&host, &findings, &error), -EINVAL);
	assert_int_equal(pp_check_devices(&host, NULL, 0, NULL, &findings, &error), -EINVAL);
	assert_null(findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_lab),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_shallow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
