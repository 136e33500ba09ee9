/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's facts for checks: what is remembered of its devices; and findings of facts all the way
 * from a definition. */
#include "base/parse.h"
#include "lib/guest/remember.h"
#include "tests/unit/guest/run.h"

#define NVME "0000:01:00.0"
#define NIC "0000:02:00.0"

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_findings *, pp_findings_free)

/* ---- what is remembered ---- */

static struct pp_host *lab_host(void)
{
	char path[512];
	struct pp_context *context;
	struct pp_host *host = NULL;
	struct pp_error error = {0};

	snprintf(path, sizeof(path), "%s/tests/hosts/lab-intel.host", getenv("PCIPASS_SOURCE"));
	assert_int_equal(pp_context_open(path, &context, &error), 0);
	assert_int_equal(pp_host_read(context, PP_READ_ALL, &host, &error), 0);
	pp_context_close(context);
	return host;
}

static struct pp_domain *two_devices(const char *second_bus)
{
	char text[2048];
	struct pp_domain *domain = NULL;
	struct pp_error error = {0};
	const char *format =
		"<domain type='kvm'><name>g</name><memory unit='MiB'>64</memory>"
		"<os><type machine='q35'>hvm</type></os><devices>"
		"<hostdev mode='subsystem' type='pci' managed='yes'><source>"
		"<address domain='0' bus='1' slot='0' function='0'/></source></hostdev>"
		"<hostdev mode='subsystem' type='pci' managed='yes'><source>"
		"<address domain='0' bus='%s' slot='0' function='0'/></source></hostdev>"
		"</devices></domain>";

	snprintf(text, sizeof(text), format, second_bus);
	if (pp_domain_parse(text, strlen(text), "g", &domain, &error) < 0)
		fail_msg("%s", error.text);
	return domain;
}

static void add_file(struct run *run, const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", run->root, path);
	char *slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, full, 0755), 0);
	*slash = '/';
	assert_int_equal(pp_file_replace(AT_FDCWD, full, text, strlen(text), 0644), 0);
}

static void recall(struct run *run, const struct pp_host *host, struct pp_arena *arena,
	struct pp_guest_hostdev hostdevs[2])
{
	hostdevs[0] = (struct pp_guest_hostdev){.address = {.bus = 1}};
	hostdevs[1] = (struct pp_guest_hostdev){.address = {.bus = 2}};
	for (size_t i = 0; i < 2; i++)
		hostdevs[i].device = pp_host_device(host, &hostdevs[i].address);
	assert_int_equal(pp_guest_recall(run->context, "g", arena, hostdevs, 2), 0);
}

static void test_remembered(void **state)
{
	static const char serial[] =
		"/sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/nvme/nvme0/serial";
	struct run *run = *state;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = lab_host();
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = two_devices("2");
	PP_CLEANUP(pp_domain_freep) struct pp_domain *other = two_devices("9");
	struct pp_arena *arena = pp_arena_new();
	struct pp_guest_hostdev hostdevs[2];

	recall(run, host, arena, hostdevs);
	assert_null(hostdevs[0].remembered);
	/* Dumps keep serial numbers private. */
	((struct pp_device *)hostdevs[1].device)->capabilities.serial = 0x1234;
	add_file(run, serial, "S1\n");
	assert_int_equal(pp_guest_remember(run->context, host, "g", domain, true, &run->error), 0);
	recall(run, host, arena, hostdevs);
	assert_int_equal(hostdevs[0].remembered->vendor, 0x1b36);
	assert_string_equal(hostdevs[0].remembered->serial, "NVMe:S1");
	assert_string_equal(hostdevs[0].remembered->group, NVME);
	assert_string_equal(hostdevs[0].serial, "NVMe:S1");
	assert_int_equal(hostdevs[1].remembered->product, 0x10d3);
	assert_string_equal(hostdevs[1].remembered->serial, "PCI:0000000000001234");

	/* Another of its kind; a start does not overwrite what is known, a new definition does. */
	add_file(run, serial, "S2\n");
	assert_int_equal(pp_guest_remember(run->context, host, "g", domain, false, &run->error), 0);
	recall(run, host, arena, hostdevs);
	assert_string_equal(hostdevs[0].remembered->serial, "NVMe:S1");
	assert_string_equal(hostdevs[0].serial, "NVMe:S2");
	assert_int_equal(pp_guest_remember(run->context, host, "g", domain, true, &run->error), 0);
	recall(run, host, arena, hostdevs);
	assert_string_equal(hostdevs[0].remembered->serial, "NVMe:S2");

	/* A device that it has no more is forgotten; one that is not there cannot be known. */
	assert_int_equal(pp_guest_remember(run->context, host, "g", other, false, &run->error), 0);
	recall(run, host, arena, hostdevs);
	assert_non_null(hostdevs[0].remembered);
	assert_null(hostdevs[1].remembered);
	assert_int_equal(pp_guest_forget(run->context, "g", &run->error), 0);
	assert_int_equal(pp_guest_forget(run->context, "g", &run->error), 0);
	recall(run, host, arena, hostdevs);
	assert_null(hostdevs[0].remembered);
	pp_arena_free(arena);
}

/* A number that only the host's driver tells is not there while VFIO has the device. */
static void test_numbers_of_other_kinds(void **state)
{
	struct run *run = *state;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = lab_host();
	struct pp_arena *arena = pp_arena_new();
	struct pp_guest_hostdev hostdevs[2];
	static const char *const serials[] = {"NVMe:S1", "MAC:52:54:00:00:00:01"};

	for (size_t i = 0; i < PP_COUNT(serials); i++) {
		char text[512];
		snprintf(text, sizeof(text),
			"{\"version\":1,\"name\":\"g\",\"devices\":[{\"address\":\"" NIC
			"\",\"vendor\":32902,\"product\":4307,\"subvendor\":32902,\"subproduct\":0,"
			"\"revision\":0,\"serial\":\"%s\",\"group\":\"" NIC "\"}]}",
			serials[i]);
		add_file(run, "/var/lib/pcipass/guests/g.json", text);
		recall(run, host, arena, hostdevs);
		assert_string_equal(hostdevs[1].remembered->serial, serials[i]);
		assert_null(hostdevs[1].serial);
	}
	pp_arena_free(arena);
}

static void test_damaged(void **state)
{
	static const char *const damaged[] = {"", "{", "[]", "{\"version\":2,\"name\":\"g\"}",
		"{\"version\":1,\"name\":\"h\",\"devices\":[{}]}",
		"{\"version\":1,\"name\":\"g\",\"devices\":{}}",
		"{\"version\":1,\"name\":\"g\",\"devices\":[1,null,{\"address\":\"" NVME "\"}]}",
		"{\"version\":1,\"name\":\"g\",\"devices\":[{\"address\":\"" NVME
		"\",\"vendor\":99999,\"product\":1,\"subvendor\":1,\"subproduct\":1,\"revision\":1}"
		"]}"};
	struct run *run = *state;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = lab_host();
	struct pp_arena *arena = pp_arena_new();
	struct pp_guest_hostdev hostdevs[2];

	for (size_t i = 0; i < PP_COUNT(damaged); i++) {
		add_file(run, "/var/lib/pcipass/guests/g.json", damaged[i]);
		recall(run, host, arena, hostdevs);
		assert_null(hostdevs[0].remembered);
	}
	pp_arena_free(arena);
}

/* ---- all the way to a finding ---- */

static enum pp_severity worst_of(const char *xml, const char *id)
{
	char path[512];
	struct pp_context *context;
	PP_CLEANUP(pp_host_freep) struct pp_host *host = lab_host();
	PP_CLEANUP(pp_findings_freep) struct pp_findings *findings = NULL;
	PP_FREE char *name = NULL;
	struct pp_error error = {0};
	enum pp_severity worst = PP_PASS;

	snprintf(path, sizeof(path), "%s/tests/hosts/lab-intel.host", getenv("PCIPASS_SOURCE"));
	assert_int_equal(pp_context_open(path, &context, &error), 0);
	if (pp_libvirt_check_xml(
		    context, host, xml, strlen(xml), "g.xml", NULL, &name, &findings, &error) < 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < findings->n_items; i++) {
		if (pp_text_is(findings->items[i].id, id) && findings->items[i].severity > worst)
			worst = findings->items[i].severity;
	}
	pp_context_close(context);
	return worst;
}

#define GUEST(memory, parts)                                                                       \
	"<domain type='kvm'><name>g</name><memory unit='MiB'>" memory "</memory>"                  \
	"<os><type machine='q35'>hvm</type></os>" parts "</domain>"
#define HOSTDEV(bus, slot, function, place)                                                        \
	"<hostdev mode='subsystem' type='pci' managed='yes'><source>"                              \
	"<address domain='0' bus='" bus "' slot='" slot "' function='" function                    \
	"'/></source>" place "</hostdev>"
#define PLACE(bus, slot) "<address type='pci' bus='" bus "' slot='" slot "' function='0'/>"
#define BRIDGE "<controller type='pci' index='3' model='pcie-to-pci-bridge'/>"
#define PAIR(bus)                                                                                  \
	HOSTDEV("0", "0x1a", "0", PLACE(bus, "1")) HOSTDEV("0", "0x1a", "7", PLACE(bus, "2"))
#define INTEL "<iommu model='intel'><driver caching_mode='on'/></iommu>"

static void test_findings(void **state)
{
	static const struct {
		const char *xml, *id;
		enum pp_severity severity;
	} cases[] = {
		{GUEST("64",
			 "<devices>" HOSTDEV("1", "0", "0", "") "<iommu model='intel'/></devices>"),
			"viommu-options", PP_FAIL},
		{GUEST("64", "<devices>" HOSTDEV("1", "0", "0", "") INTEL "</devices>"),
			"viommu-options", PP_PASS},
		{GUEST("64", "<devices>" HOSTDEV("1", "0", "0",
				     "") "<iommu model='intel'><driver caching_mode='on' "
					 "aw_bits='57'/></iommu></devices>"),
			"viommu-options", PP_FAIL},
		{GUEST("64", "<devices>" PAIR("0") INTEL "</devices>"), "viommu-group", PP_FAIL},
		{GUEST("64", "<devices>" BRIDGE PAIR("3") INTEL "</devices>"), "viommu-group",
			PP_PASS},
		{GUEST("64",
			 "<devices>" BRIDGE HOSTDEV("1", "0", "0", PLACE("3", "1")) "</devices>"),
			"express-as-conventional", PP_WARN},
		{GUEST("64", "<devices>" HOSTDEV("1", "0", "0", "") "</devices>"),
			"express-as-conventional", PP_PASS},
		{GUEST("64", "<devices>" BRIDGE PAIR("3") "</devices>"), "express-as-conventional",
			PP_PASS},
		{GUEST("64", "<memoryBacking><hugepages/></memoryBacking><devices>" HOSTDEV(
				     "1", "0", "0", "") "</devices>"),
			"memory-short", PP_FAIL},
		{GUEST("64", "<devices>" HOSTDEV("1", "0", "0", "") "</devices>"), "memory-short",
			PP_PASS},
		{GUEST("2097152", "<devices>" HOSTDEV("1", "0", "0", "") "</devices>"),
			"guest-address-width", PP_FAIL},
	};

	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		enum pp_severity is = worst_of(cases[i].xml, cases[i].id);
		if (is != cases[i].severity)
			fail_msg("case %zu (%s): severity %d, not %d", i, cases[i].id, is,
				cases[i].severity);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_remembered, run_setup, run_teardown),
		cmocka_unit_test_setup_teardown(
			test_numbers_of_other_kinds, run_setup, run_teardown),
		cmocka_unit_test_setup_teardown(test_damaged, run_setup, run_teardown),
		cmocka_unit_test(test_findings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
