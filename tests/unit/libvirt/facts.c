/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's XML says of a guest for its checks: each fact, files recorded from libvirt 9.0,
 * and text of every other kind. */
#include "lib/libvirt/facts.h"
#include "../check/fixture.h"
#include "base/file.h"
#include "lib/host/libvirt.h"
#include <fcntl.h>
#include <stdlib.h>

struct read {
	struct pp_arena *arena;
	struct pp_libvirt_guest guest;
	struct pp_guest_facts facts;
};

static struct read read_facts(const struct pp_host *host, const char *xml, size_t length)
{
	struct read read = {.arena = pp_arena_new()};
	size_t start, size;
	assert_int_equal(pp_libvirt_parse(read.arena, xml, length, &read.guest), 0);
	assert_int_equal(pp_libvirt_domain_text(xml, length, &start, &size), 0);
	assert_int_equal(
		pp_libvirt_facts(host, &read.guest, xml + start, size, read.arena, &read.facts), 0);
	return read;
}

#define DOMAIN(more) "<domain type='kvm'><name>g</name>" more "</domain>"
#define HOSTDEV(more)                                                                              \
	"<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' "     \
	"bus='0x00' slot='0x1a' function='0x7'/></source>" more "</hostdev>"

static bool is_4_gib(const struct pp_guest_facts *facts)
{
	return facts->memory == UINT64_C(4) << 30;
}
static bool is_400_million(const struct pp_guest_facts *facts)
{
	return facts->memory == 400000000;
}
static bool no_memory(const struct pp_guest_facts *facts)
{
	return facts->memory == 0 && facts->numa_node == -1 && facts->kvm && !facts->hugepages;
}
static bool is_emulated(const struct pp_guest_facts *facts)
{
	return !facts->kvm;
}
static bool is_old_q35(const struct pp_guest_facts *facts)
{
	return facts->q35 && facts->machine_before_7_1;
}
static bool is_new_pc(const struct pp_guest_facts *facts)
{
	return !facts->q35 && !facts->machine_before_7_1 && !facts->efi;
}
static bool is_efi(const struct pp_guest_facts *facts)
{
	return facts->efi;
}
static bool default_pages(const struct pp_guest_facts *facts)
{
	return facts->hugepages && facts->hugepage_size == 0;
}
static bool big_pages(const struct pp_guest_facts *facts)
{
	return facts->hugepages && facts->hugepage_size == UINT64_C(1) << 30;
}
static bool on_node_1(const struct pp_guest_facts *facts)
{
	return facts->numa_node == 1;
}
static bool on_no_node(const struct pp_guest_facts *facts)
{
	return facts->numa_node == -1;
}
static bool is_39_bits(const struct pp_guest_facts *facts)
{
	return facts->phys_bits == 39;
}
static bool is_hidden_windows(const struct pp_guest_facts *facts)
{
	return facts->kvm_hidden && facts->vendor_id && facts->windows;
}
static bool has_iommu(const struct pp_guest_facts *facts)
{
	return facts->iommu && facts->iommu_intel && facts->iommu_caching == PP_SWITCH_ON &&
	       facts->iommu_intremap == PP_SWITCH_OFF && facts->iommu_width == 48 &&
	       facts->split_irqchip == PP_SWITCH_ON;
}
static bool has_window(const struct pp_guest_facts *facts)
{
	return facts->mmio_window == UINT64_C(64) << 30;
}
static bool has_two_ports(const struct pp_guest_facts *facts)
{
	return facts->free_ports == 2;
}
static bool is_placed(const struct pp_guest_facts *facts)
{
	const struct pp_guest_hostdev *hostdev = facts->hostdevs;
	return facts->n_hostdevs == 1 && hostdev->device && hostdev->managed && hostdev->placed &&
	       hostdev->bus == 3 && hostdev->slot == 1 && hostdev->function == 2 &&
	       hostdev->rom_off && hostdev->boot_order == 1;
}
static bool has_rom(const struct pp_guest_facts *facts)
{
	return !strcmp(facts->hostdevs[0].rom_file, "/a&b.rom") && !facts->hostdevs[0].placed;
}

static void test_facts(void **state)
{
	static const struct {
		const char *xml;
		bool (*holds)(const struct pp_guest_facts *facts);
	} cases[] = {
		{DOMAIN("<memory unit='KiB'>4194304</memory>"), is_4_gib},
		{DOMAIN("<memory>4194304</memory>"), is_4_gib},
		{DOMAIN("<memory unit='GiB'> 4\n</memory>"), is_4_gib},
		{DOMAIN("<memory unit='G'>4</memory><metadata><memory>1</memory></metadata>"),
			is_4_gib},
		{DOMAIN("<memory unit='bytes'>4294967296</memory>"), is_4_gib},
		{DOMAIN("<memory unit='MB'>400</memory>"), is_400_million},
		{DOMAIN("<memory unit='parsec'>4</memory>"), no_memory},
		{DOMAIN("<memory/><memoryBacking><locked/></memoryBacking>"), no_memory},
		{DOMAIN("<memory>99999999999999999999999</memory>"), no_memory},
		{DOMAIN("<x><memory>1</memory></x><y:memory>1</y:memory>"), no_memory},
		{"<domain type='qemu'><name>g</name></domain>", is_emulated},
		{DOMAIN("<os><type arch='x86_64' machine='pc-q35-6.2'>hvm</type></os>"),
			is_old_q35},
		{DOMAIN("<os><type machine='pc-i440fx-7.2'>hvm</type><loader type='rom'>/x"
			"</loader></os>"),
			is_new_pc},
		{DOMAIN("<os firmware='efi'><type machine='q35'>hvm</type></os>"), is_efi},
		{DOMAIN("<os><loader readonly='yes' type='pflash'>/x</loader></os>"), is_efi},
		{DOMAIN("<memoryBacking><hugepages/></memoryBacking>"), default_pages},
		{DOMAIN("<memoryBacking><hugepages><page size='1048576' unit='KiB'/>"
			"</hugepages></memoryBacking>"),
			big_pages},
		{DOMAIN("<numatune><memory mode='strict' nodeset='1'/></numatune>"), on_node_1},
		{DOMAIN("<numatune><memory mode='preferred' nodeset='1'/></numatune>"), on_no_node},
		{DOMAIN("<numatune><memory mode='strict' nodeset='0-1'/></numatune>"), on_no_node},
		{DOMAIN("<cpu><maxphysaddr mode='emulate' bits='39'/></cpu>"), is_39_bits},
		{DOMAIN("<features><hyperv><relaxed state='on'/><vendor_id state='on' value='x'/>"
			"</hyperv><kvm><hidden state='on'/></kvm></features>"),
			is_hidden_windows},
		{DOMAIN("<features><ioapic driver='qemu'/></features><devices><iommu "
			"model='intel'><driver intremap='off' caching_mode='on' aw_bits='48'/>"
			"</iommu></devices>"),
			has_iommu},
		{DOMAIN("<devices><controller type='pci' index='0' model='pcie-root'><pcihole64 "
			"unit='KiB'>67108864</pcihole64></controller></devices>"),
			has_window},
		{DOMAIN("<devices><controller type='pci' index='1' model='pcie-root-port'/>"
			"<controller type='pci' index='2' model='pcie-root-port'/>"
			"<controller type='pci' index='3' model='pcie-root-port'/>"
			"<disk><address type='pci' bus='0x02' slot='0x00'/></disk>"
			"<disk><address type='drive' bus='0x03' slot='0x00'/></disk></devices>"),
			has_two_ports},
		{DOMAIN("<devices>" HOSTDEV(
			 "<boot order='1'/><rom bar='off'/><address type='pci' "
			 "bus='0x03' slot='0x01' function='0x2'/>") "</devices>"),
			is_placed},
		{DOMAIN("<devices><hostdev type='usb'><rom bar='off'/></hostdev>" HOSTDEV(
			 "<rom file='/a&amp;b.rom'/>") "</devices>"),
			has_rom},
	};
	struct pp_host *host = fixture_host(NULL);
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct read read = read_facts(host, cases[i].xml, strlen(cases[i].xml));
		if (!cases[i].holds(&read.facts))
			fail_msg("case %zu: %s", i, cases[i].xml);
		pp_arena_free(read.arena);
	}
	pp_host_free(host);
}

static void test_deep(void **state)
{
	struct pp_host *host = fixture_host(NULL);
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_puts(&text, "<domain><name>g</name><metadata>");
	for (int i = 0; i < 10000; i++)
		pp_buffer_puts(&text, "<devices>");
	for (int i = 0; i < 10000; i++)
		pp_buffer_puts(&text, "</devices>");
	pp_buffer_puts(&text, "</metadata><memory unit='GiB'>4</memory></domain>");
	struct read read = read_facts(host, pp_buffer_text(&text), strlen(pp_buffer_text(&text)));
	assert_true(is_4_gib(&read.facts));
	pp_arena_free(read.arena);
	pp_host_free(host);
}

/* Every byte of a definition replaced by those that mean something: whatever is still XML is read.
 */
static void test_changed(void **state)
{
	static const char text[] = DOMAIN("<memory unit='KiB'>4194304</memory><devices>" HOSTDEV(
		"<rom file='/x'/><address type='pci' bus='3' slot='1'/>") "</devices>");
	static const char bytes[] = {'<', '>', '/', '\'', '"', '&', '=', ' ', '\0', '\xff', '9'};
	struct pp_host *host = fixture_host(NULL);
	for (size_t n = 0; n < strlen(text); n++)
		for (size_t b = 0; b < sizeof(bytes); b++) {
			struct pp_arena *arena = pp_arena_new();
			struct pp_libvirt_guest guest;
			struct pp_guest_facts facts;
			char *copy = strdup(text);
			copy[n] = bytes[b];
			if (pp_libvirt_parse(arena, copy, sizeof(text) - 1, &guest) == 0)
				assert_int_equal(pp_libvirt_facts(host, &guest, copy,
							 sizeof(text) - 1, arena, &facts),
					0);
			free(copy);
			pp_arena_free(arena);
		}
	pp_host_free(host);
}

/* Files that libvirt 9.0 wrote of a guest, defined and running: read, and nothing is in its way. */
static void test_recorded(void **state)
{
	static const char *const files[] = {"defined.xml", "live.xml", "status.xml"};
	struct pp_host *host = fixture_host(NULL);
	const struct pp_check_options options = {.group = true};
	PP_FREE char *machine = fixture_text(NULL);
	struct pp_context context = {.read_only = true};
	assert_int_equal(
		pp_tree_parse("test.host", machine, strlen(machine), &context.tree, NULL), 0);
	for (size_t i = 0; i < PP_COUNT(files); i++) {
		PP_FREE char *path = NULL, *xml = NULL, *name = NULL;
		struct pp_findings *findings = NULL;
		struct pp_error error = {0};
		size_t length;
		assert_true(asprintf(&path, "%s/tests/unit/libvirt/recorded/%s",
				    getenv("PCIPASS_SOURCE"), files[i]) > 0);
		assert_int_equal(pp_file_read(AT_FDCWD, path, 1 << 20, &xml, &length), 0);
		struct read read = read_facts(host, xml, length);
		assert_int_equal(read.facts.memory, UINT64_C(256) << 20);
		assert_true(read.facts.q35 && !read.facts.machine_before_7_1);
		assert_int_equal(read.facts.free_ports, 1);
		assert_int_equal(read.facts.n_hostdevs, 1);
		assert_true(read.facts.hostdevs[0].placed);
		assert_int_equal(read.facts.hostdevs[0].bus, 3);
		pp_arena_free(read.arena);
		if (pp_libvirt_check_xml(&context, host, xml, length, files[i], &options, &name,
			    &findings, &error) < 0)
			fail_msg("%s", error.text);
		if (pp_findings_worst(findings) >= PP_FAIL) {
			fixture_print(findings);
			fail_msg("%s: it can start", files[i]);
		}
		pp_findings_free(findings);
	}
	pp_host_free(host);
	pp_tree_free(context.tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_facts),
		cmocka_unit_test(test_deep), cmocka_unit_test(test_changed),
		cmocka_unit_test(test_recorded)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
