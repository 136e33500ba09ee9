/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each check of a guest: a guest for which it speaks, and the same with the remedy, for which it
 * does not. */
#include "fixture.h"

#define GIB (UINT64_C(1) << 30)

/* A healthy guest with the NVMe, and room to change everything. */
struct scene {
	struct pp_host *host;
	struct pp_host changed; /* a copy whose parts may be replaced */
	struct pp_guest_facts guest;
	struct pp_guest_hostdev hostdevs[3];
	struct pp_guest_identity identity;
	struct pp_guest_file file;
	struct pp_iommu iommu;
	struct pp_kernel kernel;
	struct pp_memory memory;
	struct pp_caller caller;
	struct pp_group groups[16];
	struct pp_reserved_region region;
	struct pp_device devices[32];
};

static void add_hostdev(struct scene *scene, const char *name)
{
	struct pp_guest_hostdev *hostdev = &scene->hostdevs[scene->guest.n_hostdevs++];

	*hostdev = (struct pp_guest_hostdev){.managed = true,
		.placed = true,
		.bus = (unsigned)scene->guest.n_hostdevs,
		.device =
			pp_host_device(&scene->changed, &fixture_find(scene->host, name)->address)};
	hostdev->address = hostdev->device->address;
}

static struct pp_device *own(struct scene *scene, const char *name)
{
	return (struct pp_device *)pp_host_device(
		&scene->changed, &fixture_find(scene->host, name)->address);
}

static void set_scene(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->host = fixture_host(NULL);
	scene->changed = *scene->host;
	assert_true(scene->host->n_devices <= PP_COUNT(scene->devices));
	assert_true(scene->host->n_groups <= PP_COUNT(scene->groups));
	memcpy(scene->devices, scene->host->devices,
		scene->host->n_devices * sizeof(*scene->devices));
	memcpy(scene->groups, scene->host->groups, scene->host->n_groups * sizeof(*scene->groups));
	scene->iommu = *scene->host->iommu;
	scene->kernel = *scene->host->kernel;
	scene->memory = *scene->host->memory;
	scene->caller = *scene->host->caller;
	scene->changed.devices = scene->devices;
	scene->changed.groups = scene->groups;
	scene->changed.iommu = &scene->iommu;
	scene->changed.kernel = &scene->kernel;
	scene->changed.memory = &scene->memory;
	scene->changed.caller = &scene->caller;
	for (size_t i = 0; i < scene->changed.n_devices; i++) {
		struct pp_device *device = &scene->devices[i];
		if (device->parent)
			device->parent = own(scene, device->parent->name);
	}
	for (size_t i = 0; i < scene->changed.n_groups; i++) {
		struct pp_group *group = &scene->groups[i];
		for (size_t j = 0; j < group->n_devices; j++)
			group->devices[j] = own(scene, group->devices[j]->name);
	}
	scene->guest = (struct pp_guest_facts){.name = "win10",
		.kvm = true,
		.q35 = true,
		.memory = 4 * GIB,
		.memlock = 5 * GIB,
		.numa_node = -1,
		.phys_bits = 40,
		.free_ports = 2,
		.mappings = 40,
		.hostdevs = scene->hostdevs,
		.files = &scene->file};
	add_hostdev(scene, NVME);
}

static struct pp_findings *check_scene(struct scene *scene)
{
	struct pp_findings *findings;
	struct pp_error error = {0};

	if (pp_check_guest(&scene->changed, &scene->guest, NULL, &findings, &error) < 0)
		fail_msg("%s", error.text);
	return findings;
}

typedef void change(struct scene *scene);

static void missing(struct scene *s)
{
	s->hostdevs[0].device = NULL;
}
static void remember(struct scene *s)
{
	const struct pp_device *device = s->hostdevs[0].device;
	s->identity = (struct pp_guest_identity){.vendor = device->vendor,
		.product = device->product,
		.subvendor = device->subvendor,
		.subproduct = device->subproduct,
		.revision = device->revision,
		.serial = "S4EWNX0",
		.group = NVME};
	s->hostdevs[0].remembered = &s->identity;
	s->hostdevs[0].serial = "S4EWNX0";
}
static void other_ids(struct scene *s)
{
	remember(s);
	s->identity.vendor = 0x8086;
	s->identity.product = 0x10d3;
}
static void other_serial(struct scene *s)
{
	remember(s);
	s->hostdevs[0].serial = "S4EWNX1";
}
static void other_group(struct scene *s)
{
	remember(s);
	s->identity.group = NVME " 0000:01:00.1";
}
static void unmanaged(struct scene *s)
{
	s->hostdevs[0].managed = false;
}
static void unmanaged_bound(struct scene *s)
{
	s->hostdevs[0].managed = false;
	own(s, NVME)->driver = "vfio-pci";
}
static void behind_switch(struct scene *s)
{
	struct pp_device *port = own(s, "0000:00:1c.0");
	s->guest.libvirt = true;
	port->capabilities.express_type = 6;
	port->capabilities.acs = 0;
}
static void behind_good_switch(struct scene *s)
{
	behind_switch(s);
	own(s, "0000:00:1c.0")->capabilities.acs = 0x140;
}
static void half_card(struct scene *s)
{
	s->guest.n_hostdevs = 0;
	own(s, EHCI)->driver = NULL;
	add_hostdev(s, UHCI);
}
static void whole_card(struct scene *s)
{
	half_card(s);
	add_hostdev(s, EHCI);
	s->hostdevs[1].bus = s->hostdevs[0].bus;
	s->hostdevs[1].function = 7;
}
static void torn_card(struct scene *s)
{
	whole_card(s);
	s->hostdevs[1].slot = 3;
}
static void half_display(struct scene *s)
{
	half_card(s);
	own(s, UHCI)->class_code = 0x030000;
}
static void too_big(struct scene *s)
{
	s->guest.memory = s->memory.total - GIB;
}
static void beyond(struct scene *s)
{
	s->guest.memory = 100 * GIB;
	s->guest.memory_place = "/etc/pcipass/guests/win10.xml:5";
	s->memory.swap = 100 * GIB;
}
static void beyond_without(struct scene *s)
{
	beyond(s);
	s->guest.n_hostdevs = 0;
	s->memory.swap = 0;
}
static void swapped(struct scene *s)
{
	beyond_without(s);
	s->memory.swap = 100 * GIB;
}
static void too_big_for_group(struct scene *s)
{
	s->caller.memory_limit = GIB;
	s->caller.memory_limit_file = "/sys/fs/cgroup/user.slice/memory.max";
}
static void too_few_pages(struct scene *s)
{
	s->guest.hugepages = true;
}
static void enough_pages(struct scene *s)
{
	s->guest.hugepages = true;
	s->memory.hugepages_free = 2048;
}
static void full_node(struct scene *s)
{
	s->guest.numa_node = 0;
	s->guest.memory = 7 * GIB;
}
static void other_node(struct scene *s)
{
	s->guest.numa_node = 1;
}
static void near_node(struct scene *s)
{
	s->guest.numa_node = 0;
}
static void big(struct scene *s)
{
	s->memory.available = 200 * GIB;
	s->guest.memory = 64 * GIB;
}
static void locked_out(struct scene *s)
{
	s->caller.may_raise = false;
}
static void lock_raised(struct scene *s)
{
	s->caller.may_raise = false;
	s->caller.memlock = 5 * GIB;
}
static void narrow(struct scene *s)
{
	big(s);
	s->guest.memory = 600 * GIB;
	s->memory.available = 1000 * GIB;
	s->iommu.address_width = 39;
}
static void narrow_but_small(struct scene *s)
{
	s->iommu.address_width = 39;
}
static void narrow_efi(struct scene *s)
{
	s->guest.efi = true;
	s->iommu.address_width = 39;
}
static void narrow_efi_told(struct scene *s)
{
	narrow_efi(s);
	s->guest.phys_bits = 39;
}
static void hole(struct scene *s)
{
	for (size_t i = 0; i < s->changed.n_groups; i++) {
		if (s->groups[i].number != s->hostdevs[0].device->group)
			continue;
		s->region = (struct pp_reserved_region){
			UINT64_C(0xfd00000000), UINT64_C(0xffffffffff), "reserved"};
		s->groups[i].regions = &s->region;
		s->groups[i].n_regions = 1;
	}
	s->iommu.cpu = PP_VENDOR_AMD;
	s->guest.memory = 1020 * GIB;
	s->memory.available = 2000 * GIB;
}
static void hole_old(struct scene *s)
{
	hole(s);
	s->guest.machine_before_7_1 = true;
}
static void mappings(struct scene *s)
{
	s->kernel.dma_entry_limit = 20;
}
static void big_bars(struct scene *s)
{
	s->guest.efi = true;
	own(s, NVME)->bars[0].size = 32 * GIB;
}
static void big_bars_told(struct scene *s)
{
	big_bars(s);
	s->guest.mmio_window = 64 * GIB;
}
static void on_port(struct scene *s)
{
	add_hostdev(s, NIC);
	s->hostdevs[s->guest.n_hostdevs - 1].written = "win10.xml:9";
}
static void on_bridge(struct scene *s)
{
	on_port(s);
	s->hostdevs[s->guest.n_hostdevs - 1].shared_bus = true;
}
static void viommu(struct scene *s)
{
	s->guest.iommu = s->guest.iommu_intel = true;
	s->guest.iommu_caching = PP_SWITCH_ON;
	s->guest.iommu_intremap = PP_SWITCH_ON;
	s->guest.split_irqchip = PP_SWITCH_ON;
	s->guest.iommu_width = 48;
}
static void viommu_two(struct scene *s)
{
	viommu(s);
	whole_card(s);
}
static void viommu_no_caching(struct scene *s)
{
	viommu(s);
	s->guest.iommu_caching = PP_SWITCH_UNSAID;
}
static void viommu_no_split(struct scene *s)
{
	viommu(s);
	s->guest.split_irqchip = PP_SWITCH_OFF;
}
static void viommu_wide(struct scene *s)
{
	viommu(s);
	s->guest.iommu_width = 57;
}
static void closed_file(struct scene *s)
{
	s->file = (struct pp_guest_file){"rom", "/root/gpu.rom", -EACCES};
	s->guest.n_files = 1;
}
static void open_file(struct scene *s)
{
	closed_file(s);
	s->file.error = 0;
}
static void empty_rom(struct scene *s)
{
	open_file(s);
	s->file.rom = PP_ROM_EMPTY;
}
static void foreign_rom(struct scene *s)
{
	open_file(s);
	s->file.rom = PP_ROM_FOREIGN;
}
static void whole_rom(struct scene *s)
{
	open_file(s);
	s->file.rom = PP_ROM_WHOLE;
}
static void display(struct scene *s)
{
	static struct pp_health health;
	struct pp_device *device = own(s, NVME);

	health = (struct pp_health){.rom_shadow = true, .d3cold_allowed = -1, .carrier = -1};
	device->class_code = 0x030000;
	device->health = &health;
	device->reset_methods = "flr";
	device->flags |= PP_DEVICE_BOOT_VGA;
}
static void display_with_file(struct scene *s)
{
	display(s);
	s->hostdevs[0].rom_file = "/var/lib/pcipass/card.rom";
}
static void hba(struct scene *s)
{
	own(s, NVME)->class_code = 0x010700;
	own(s, NVME)->flags |= PP_DEVICE_HAS_ROM;
}
static void hba_off(struct scene *s)
{
	hba(s);
	s->hostdevs[0].rom_off = true;
}
static void nic(struct scene *s)
{
	own(s, NVME)->class_code = 0x020000;
	own(s, NVME)->flags |= PP_DEVICE_HAS_ROM;
}
static void intel_graphics(struct scene *s)
{
	struct pp_device *device = own(s, NVME);

	display(s);
	device->vendor = 0x8086;
	device->address = (struct pp_address){0, 0, 2, 0};
}
static void intel_graphics_placed(struct scene *s)
{
	intel_graphics(s);
	s->guest.q35 = false;
	s->hostdevs[0].bus = 0;
	s->hostdevs[0].slot = 2;
}
static void nvidia(struct scene *s)
{
	display(s);
	own(s, NVME)->vendor = 0x10de;
	s->guest.windows = true;
}
static void nvidia_hidden(struct scene *s)
{
	nvidia(s);
	s->guest.kvm_hidden = s->guest.vendor_id = true;
}
static void iommufd_two(struct scene *s)
{
	s->kernel.vfio_node = false;
	s->kernel.iommufd_node = true;
	add_hostdev(s, NIC);
}
static void group_two(struct scene *s)
{
	add_hostdev(s, NIC);
}
static void no_port(struct scene *s)
{
	s->guest.free_ports = 0;
}
static void paused(struct scene *s)
{
	s->guest.running = s->guest.paused = true;
}
static void running(struct scene *s)
{
	s->guest.running = true;
}

static const struct {
	const char *id;
	enum pp_severity severity;
	change *fails, *passes; /* NULL: the healthy guest */
	const char *says;
} cases[] = {
	{"device-missing", PP_FAIL, missing, NULL, "not on this host"},
	{"identity-changed", PP_FAIL, other_ids, remember, NIC},
	{"identity-changed", PP_FAIL, other_serial, remember, "S4EWNX1"},
	{"group-changed", PP_WARN, other_group, remember, "remembered"},
	{"not-detached", PP_FAIL, unmanaged, unmanaged_bound, "nodedev-detach"},
	{"libvirt-policy", PP_WARN, behind_switch, behind_good_switch, "lacking ACS"},
	{"card-split", PP_NOTE, half_card, whole_card, "stays on the host"},
	{"card-split", PP_NOTE, torn_card, whole_card, "another slot"},
	{"card-split", PP_WARN, half_display, whole_card, "multifunction"},
	{"memory-short", PP_FAIL, too_big, NULL, "MemAvailable"},
	{"memory-short", PP_FAIL, beyond, NULL, "win10.xml:5: its <memory> is 100 GiB"},
	{"memory-short", PP_FAIL, beyond_without, swapped, "and the host has 16 GiB"},
	{"memory-short", PP_FAIL, too_big_for_group, NULL, "memory.max"},
	{"memory-short", PP_FAIL, too_few_pages, enough_pages, "nr_hugepages"},
	{"numa-far", PP_FAIL, full_node, near_node, "node0"},
	{"numa-far", PP_NOTE, other_node, near_node, "slower"},
	{"memory-slow", PP_NOTE, big, NULL, "hugepages"},
	{"memlock", PP_FAIL, locked_out, lock_raised, "LimitMEMLOCK"},
	{"guest-address-width", PP_FAIL, narrow, narrow_but_small, "39 bits"},
	{"guest-address-width", PP_WARN, narrow_efi, narrow_efi_told, "maxphysaddr"},
	{"guest-memory-hole", PP_FAIL, hole_old, hole, "0xfd00000000"},
	{"guest-mappings", PP_FAIL, mappings, NULL, "dma_entry_limit"},
	{"mmio-window", PP_WARN, big_bars, big_bars_told, "X-PciMmio64Mb,string=65536"},
	{"express-as-conventional", PP_WARN, on_bridge, on_port, "win10.xml:9: " NIC},
	{"viommu-group", PP_FAIL, viommu_two, viommu, UHCI},
	{"viommu-options", PP_FAIL, viommu_no_caching, viommu, "caching_mode"},
	{"viommu-options", PP_FAIL, viommu_no_split, viommu, "ioapic"},
	{"viommu-options", PP_FAIL, viommu_wide, viommu, "48"},
	{"file-unreadable", PP_FAIL, closed_file, open_file, "/root/gpu.rom"},
	{"rom-invalid", PP_FAIL, empty_rom, whole_rom, "0 bytes"},
	{"rom-invalid", PP_WARN, foreign_rom, whole_rom, "55 aa"},
	{"rom-used", PP_WARN, display, display_with_file, "0xc0000"},
	{"rom-runs", PP_WARN, hba, hba_off, "MPT"},
	{"rom-runs", PP_NOTE, nic, hba_off, "rom bar='off'"},
	{"guest-igd", PP_WARN, intel_graphics, intel_graphics_placed, "00:02.0"},
	{"nvidia-windows", PP_NOTE, nvidia, nvidia_hidden, "Code 43"},
	{"peer-to-peer", PP_NOTE, iommufd_two, group_two, "iommufd"},
	{"no-free-port", PP_NOTE, no_port, NULL, "pcie-root-port"},
	{"unplug-needs-guest", PP_NOTE, paused, running, "--paused"},
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct scene scene;
		struct pp_findings *findings;
		const struct pp_finding *finding;

		set_scene(&scene);
		cases[i].fails(&scene);
		findings = check_scene(&scene);
		finding = fixture_finding(findings, cases[i].id);
		if (!finding || finding->severity != cases[i].severity) {
			fixture_print(findings);
			fail_msg("case %zu: %s is not %d", i, cases[i].id, cases[i].severity);
		}
		const char *parts[] = {finding->text, finding->evidence, finding->remedy};
		bool says = false;
		for (size_t j = 0; j < PP_COUNT(parts); j++)
			says |= parts[j] && strstr(parts[j], cases[i].says);
		if (!says || (finding->severity >= PP_WARN &&
				     (!finding->evidence || !finding->remedy))) {
			fixture_print(findings);
			fail_msg("case %zu: %s does not say \"%s\"", i, cases[i].id, cases[i].says);
		}
		assert_string_equal(finding->subject, "win10");
		pp_findings_free(findings);
		pp_host_free(scene.host);

		set_scene(&scene);
		if (cases[i].passes)
			cases[i].passes(&scene);
		findings = check_scene(&scene);
		finding = fixture_finding(findings, cases[i].id);
		if (finding && finding->severity >= cases[i].severity) {
			fixture_print(findings);
			fail_msg("case %zu: %s is still there after the remedy", i, cases[i].id);
		}
		pp_findings_free(findings);
		pp_host_free(scene.host);
	}
}

static void test_healthy(void **state)
{
	struct scene scene;

	set_scene(&scene);
	struct pp_findings *findings = check_scene(&scene);
	if (pp_findings_worst(findings) >= PP_WARN) {
		fixture_print(findings);
		fail_msg("a healthy guest is not");
	}
	pp_findings_free(findings);
	pp_host_free(scene.host);
}

/* A guest without devices of the host needs nothing of it. */
static void test_no_devices(void **state)
{
	struct scene scene;

	set_scene(&scene);
	scene.guest.n_hostdevs = 0;
	scene.guest.memory = scene.memory.total - GIB;
	scene.changed.depth = 0;
	struct pp_findings *findings = check_scene(&scene);
	assert_true(pp_findings_worst(findings) < PP_WARN);
	pp_findings_free(findings);
	pp_host_free(scene.host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_no_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
