/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A healthy machine as text, and changes to it. The machine: VT-d, a root port with an NVMe behind
 * it, one with a network card, UHCI and EHCI as one card on the root bus, a bridge to a
 * conventional bus. */
#ifndef CHECK_FIXTURE_H
#define CHECK_FIXTURE_H

#include "base/buffer.h"
#include "base/parse.h"
#include "base/tree.h"
#include "lib/check/check.h"
#include "lib/context.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RELEASE "6.12.1-amd64"
#define NVME "0000:01:00.0"
#define NIC "0000:02:00.0"
#define UHCI "0000:00:1a.0"
#define EHCI "0000:00:1a.7"
#define GPU "0000:03:00.0"
#define PCI_NIC "0000:05:01.0"

enum {
	FIX_EXPRESS = 1, /* a PCI Express endpoint with FLR, MSI-X, AER */
	FIX_PORT = 2,    /* a root port with ACS */
	FIX_BRIDGE = 4,  /* a bridge without PCI Express */
	FIX_REBAR = 8,
	FIX_SRIOV = 16,
};
struct fixture_device {
	const char *address, *above; /* path above: "0000:00:1c.0" or "" */
	uint16_t vendor, device;
	uint32_t class;
	const char *driver;
	int group;
	unsigned kind;
	const char *reset;
	const char *resource; /* of the first BAR */
};

static const struct fixture_device fixture_devices[] = {
	{"0000:00:00.0", "", 0x8086, 0x29c0, 0x060000, NULL, 0, 0, "", NULL},
	{UHCI, "", 0x8086, 0x2937, 0x0c0300, "uhci_hcd", 1, 0, "", NULL},
	{EHCI, "", 0x8086, 0x293c, 0x0c0320, "ehci-pci", 1, 0, "", "0xfe000000 0xfe000fff 0x40200"},
	{"0000:00:1c.0", "", 0x8086, 0x3420, 0x060400, "pcieport", 2, FIX_PORT, "", NULL},
	{"0000:00:1d.0", "", 0x8086, 0x3420, 0x060400, "pcieport", 3, FIX_PORT, "", NULL},
	{"0000:00:1e.0", "", 0x8086, 0x3420, 0x060400, "pcieport", 4, FIX_PORT, "", NULL},
	{NVME, "0000:00:1c.0", 0x1b36, 0x0010, 0x010802, "nvme", 5, FIX_EXPRESS, "flr bus",
		"0xfe200000 0xfe203fff 0x140204"},
	{NIC, "0000:00:1d.0", 0x8086, 0x10d3, 0x020000, "e1000e", 6, FIX_EXPRESS, "flr bus",
		"0xfe300000 0xfe31ffff 0x40200"},
	{GPU, "0000:00:1e.0", 0x10de, 0x1b80, 0x030000, "nouveau", 7, FIX_EXPRESS | FIX_REBAR,
		"bus", "0xe0000000 0xefffffff 0x14220c"},
	{"0000:00:1f.0", "", 0x8086, 0x244e, 0x060401, NULL, 8, FIX_BRIDGE, "", NULL},
	{PCI_NIC, "0000:00:1f.0", 0x8086, 0x100e, 0x020000, NULL, 8, 0, "pm",
		"0xfe400000 0xfe41ffff 0x40200"},
};

/* ---- config space ---- */

static void put16(uint8_t *bytes, unsigned at, unsigned value)
{
	bytes[at] = (uint8_t)value;
	bytes[at + 1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *bytes, unsigned at, uint32_t value)
{
	put16(bytes, at, value);
	put16(bytes, at + 2, value >> 16);
}

static void fixture_header(const struct fixture_device *device, uint8_t *bytes)
{
	bool bridge = device->kind & (FIX_PORT | FIX_BRIDGE);

	put16(bytes, 0, device->vendor);
	put16(bytes, 2, device->device);
	put16(bytes, 6, 0x10);
	put32(bytes, 8, device->class << 8 | 1);
	bytes[0x0e] = bridge ? 1 : 0;
	if (strstr(device->address, ":1a."))
		bytes[0x0e] |= 0x80;
	put16(bytes, 0x2c, bridge ? 0 : 0x1af4);
	put16(bytes, 0x2e, bridge ? 0 : 0x1100);
	bytes[0x34] = 0x40;
	bytes[0x3d] = 1;
	put16(bytes, 0x40, 0x5001); /* power management, then 0x50 */
	put16(bytes, 0x50, 0x0000);
}

static unsigned fixture_config(const struct fixture_device *device, uint8_t bytes[4096])
{
	memset(bytes, 0, 4096);
	fixture_header(device, bytes);
	if (!(device->kind & (FIX_EXPRESS | FIX_PORT))) {
		put16(bytes, 0x40, 0x0001);
		return 256;
	}
	put16(bytes, 0x50, 0x6010); /* PCI Express, then 0x90 */
	put16(bytes, 0x50, 0x9010);
	put16(bytes, 0x52, device->kind & FIX_PORT ? 0x0042 : 0x0002);
	put32(bytes, 0x54, device->kind & FIX_PORT ? 0 : UINT32_C(1) << 28);
	put32(bytes, 0x5c, 0x43); /* 8 GT/s, 4 lanes */
	put16(bytes, 0x62, 0x43);
	put16(bytes, 0x90, 0x0011); /* MSI-X */
	put16(bytes, 0x92, 7);
	put32(bytes, 0x100, 0x14010001); /* AER, then 0x140 */
	put32(bytes, 0x140, 0x1501000d); /* ACS, then 0x150 */
	put16(bytes, 0x144, 0x1d);
	put16(bytes, 0x146, 0x1d);
	put32(bytes, 0x150, device->kind & FIX_REBAR ? 0x00010015 : 0);
	if (device->kind & FIX_REBAR) {
		put32(bytes, 0x154, 0x3ffc0);       /* 4 MiB to 8 GiB */
		put32(bytes, 0x158, 0x20 | 8 << 8); /* BAR 0, one of them, 256 MiB */
	}
	return 4096;
}

static void put_hex(struct pp_buffer *text, const char *path, const uint8_t *bytes, unsigned length)
{
	pp_buffer_printf(text, "%s : ", path);
	for (unsigned i = 0; i < length; i++)
		pp_buffer_printf(text, "%02x", bytes[i]);
	pp_buffer_putc(text, '\n');
}

static const struct fixture_device *fixture_device(const char *address)
{
	for (size_t i = 0; i < PP_COUNT(fixture_devices); i++) {
		if (strcmp(fixture_devices[i].address, address) == 0)
			return &fixture_devices[i];
	}
	fail_msg("no device %s in the fixture", address);
	return NULL;
}

/* A line that gives a device another config space: bytes of OFFSET replaced by a 16-bit VALUE each.
 */
static inline char *fixture_config_line(const char *address, const unsigned *changes, size_t count)
{
	const struct fixture_device *device = fixture_device(address);
	struct pp_buffer text = PP_BUFFER_INIT;
	char path[256];
	uint8_t bytes[4096];
	unsigned length = fixture_config(device, bytes);

	for (size_t i = 0; i + 1 < count; i += 2)
		put16(bytes, changes[i], changes[i + 1]);
	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s%s%s/config", device->above,
		*device->above ? "/" : "", address);
	put_hex(&text, path, bytes, length);
	return pp_buffer_take(&text);
}

/* ---- the machine ---- */

static void fixture_put_device(struct pp_buffer *text, const struct fixture_device *device)
{
	char path[256], config[300];
	uint8_t bytes[4096];

	snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s%s%s", device->above,
		*device->above ? "/" : "", device->address);
	pp_buffer_printf(text, "/sys/bus/pci/devices/%s -> %s\n", device->address, path);
	pp_buffer_printf(text, "%s/vendor = 0x%04x\n%s/device = 0x%04x\n", path, device->vendor,
		path, device->device);
	pp_buffer_printf(
		text, "%s/subsystem_vendor = 0x1af4\n%s/subsystem_device = 0x1100\n", path, path);
	pp_buffer_printf(
		text, "%s/class = 0x%06x\n%s/revision = 0x01\n", path, device->class, path);
	pp_buffer_printf(text, "%s/driver_override = (null)\n%s/power_state = D0\n", path, path);
	pp_buffer_printf(text, "%s/reset_method = %s\n%s/irq = %u\n", path, device->reset, path,
		(unsigned)device->group + 20u + (strcmp(device->address, EHCI) == 0 ? 10u : 0u));
	pp_buffer_printf(text, "%s/removable = fixed\n%s/numa_node = 0\n", path, path);
	pp_buffer_printf(
		text, "%s/iommu_group -> /sys/kernel/iommu_groups/%d\n", path, device->group);
	pp_buffer_printf(text, "/sys/kernel/iommu_groups/%d/devices/%s -> %s\n", device->group,
		device->address, path);
	if (device->driver)
		pp_buffer_printf(
			text, "%s/driver -> /sys/bus/pci/drivers/%s\n", path, device->driver);
	if (device->resource)
		pp_buffer_printf(text, "%s/resource = %s\\n0x0 0x0 0x0\n", path, device->resource);
	snprintf(config, sizeof(config), "%s/config", path);
	put_hex(text, config, bytes, fixture_config(device, bytes));
}

static const char fixture_platform[] =
	"/proc/cpuinfo = processor\\t: 0\\nvendor_id\\t: GenuineIntel\\nflags\\t\\t: fpu vmx\n"
	"/proc/cmdline = BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet\n"
	"/proc/sys/kernel/osrelease = " RELEASE "\n"
	"/proc/interrupts = 9: 0 IR-IO-APIC 9-fasteoi acpi\n"
	"/proc/meminfo = MemTotal: 16777216 kB\\nMemAvailable: 12582912 kB\\nHugePages_Total: 4\\n"
	"HugePages_Free: 4\\nHugepagesize: 2048 kB\n"
	"/proc/self/status = Uid:\\t0\\t0\\t0\\t0\\nCapEff:\\t000001ffffffffff\n"
	"/proc/self/limits = Max locked memory 8388608 8388608 bytes\n"
	"/proc/self/cgroup = 0::/user.slice\n"
	"/proc/iomem = 00000000-00000fff : Reserved\n"
	"/sys/bus/pci/drivers_probe =\n"
	"/sys/bus/pci/drivers/vfio-pci/\n"
	"/sys/fs/cgroup/user.slice/memory.max = max\n"
	"/sys/fs/cgroup/user.slice/memory.current = 1000000\n"
	"/sys/devices/system/node/node0/meminfo = Node 0 MemTotal: 8388608 kB\\nNode 0 MemFree: "
	"6291456 "
	"kB\n"
	"/sys/class/iommu/dmar0/intel-iommu/cap = d2008c222f0606\n"
	"/sys/class/iommu/dmar0/intel-iommu/ecap = f00f4a\n"
	"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit = 65535\n"
	"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts = N\n"
	"/sys/module/vfio_pci/parameters/disable_denylist = N\n"
	"/sys/kernel/security/lockdown = [none] integrity confidentiality\n"
	"/sys/kernel/security/lsm = lockdown,capability,apparmor\n"
	"/lib/modules/" RELEASE "/modules.dep = kernel/drivers/vfio/pci/vfio-pci.ko: \\n"
	"kernel/drivers/vfio/vfio.ko:\n"
	"/lib/modules/" RELEASE "/modules.builtin = kernel/drivers/pci/pci-stub.ko\n"
	"/dev/vfio/vfio % c 10 196 0666 0 0\n"
	"/dev/kvm % c 10 232 0660 0 109\n"
	"/dev/kmsg = <6>[    0.1] Linux version\\n<6>[    0.2] DMAR: Intel(R) Virtualization "
	"Technology "
	"for Directed I/O\n"
	"/etc/default/grub = GRUB_DEFAULT=0\\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"
	"/etc/modules = # modules to load\n"
	"/etc/network/interfaces = auto lo\\niface lo inet loopback\n";

/* DMAR: 48 bits, interrupt remapping, one unit for everything. */
static void fixture_put_table(struct pp_buffer *text)
{
	uint8_t bytes[64] = "DMAR", sum = 0;

	put32(bytes, 4, sizeof(bytes));
	bytes[8] = 1;
	bytes[36] = 47;
	bytes[37] = 1;
	put16(bytes, 50, 16); /* DRHD */
	bytes[52] = 1;
	put32(bytes, 56, 0xfed90000);
	for (size_t i = 0; i < sizeof(bytes); i++)
		sum = (uint8_t)(sum + bytes[i]);
	bytes[9] = (uint8_t)-sum;
	put_hex(text, "/sys/firmware/acpi/tables/DMAR", bytes, sizeof(bytes));
}

/* Is LINE's path PATH (then the line is replaced), or does it begin with it where PATH ends in '*'?
 */
static bool fixture_replaces(const char *change, const char *line)
{
	size_t n;

	if (*change == '-')
		change++;
	n = strcspn(change, " \n");
	if (n && change[n - 1] == '*')
		return strncmp(line, change, n - 1) == 0;
	if (*change == '*') {
		size_t path = strcspn(line, " \n");
		return path >= n - 1 && strncmp(line + path - (n - 1), change + 1, n - 1) == 0;
	}
	return strncmp(line, change, n) == 0 &&
	       (line[n] == ' ' || line[n] == '\n' || line[n] == '\0');
}

/* The machine with CHANGES: each line of them replaces that of the same path, or is added; "-PATH"
 * takes one away, "-PATH*" all that begin with it, "-*NAME" all that end so. */
static char *fixture_text(const char *changes)
{
	struct pp_buffer base = PP_BUFFER_INIT, text = PP_BUFFER_INIT;
	const char *line, *change;
	size_t length, size;

	for (size_t i = 0; i < PP_COUNT(fixture_devices); i++)
		fixture_put_device(&base, &fixture_devices[i]);
	pp_buffer_puts(&base, fixture_platform);
	fixture_put_table(&base);
	for (const char *at = pp_buffer_text(&base); pp_text_word(&at, "\n", &line, &length);) {
		bool replaced = false;

		for (const char *c = changes; c && pp_text_word(&c, "\n", &change, &size);)
			replaced |= fixture_replaces(change, line);
		if (!replaced)
			pp_buffer_printf(&text, "%.*s\n", (int)length, line);
	}
	for (const char *c = changes; c && pp_text_word(&c, "\n", &change, &size);) {
		if (*change != '-')
			pp_buffer_printf(&text, "%.*s\n", (int)size, change);
	}
	pp_buffer_done(&base);
	return pp_buffer_take(&text);
}

static inline struct pp_host *fixture_host_at(const char *changes, unsigned depth)
{
	PP_FREE char *text = fixture_text(changes);
	struct pp_context context = {0};
	struct pp_error error = {0};
	struct pp_host *host;

	if (pp_tree_parse("fixture", text, strlen(text), &context.tree, &error) < 0)
		fail_msg("%s", error.text);
	context.read_only = true;
	if (pp_host_read(&context, depth, &host, &error) < 0)
		fail_msg("%s", error.text);
	pp_tree_free(context.tree);
	return host;
}

static inline struct pp_host *fixture_host(const char *changes)
{
	return fixture_host_at(changes, PP_READ_ALL & ~PP_READ_NAMES);
}

static inline const struct pp_device *fixture_find(const struct pp_host *host, const char *name)
{
	struct pp_address address;

	assert_int_equal(pp_address_parse(name, &address), 0);
	return pp_host_device(host, &address);
}

static inline void fixture_print(const struct pp_findings *findings)
{
	static const char *const words[] = {"PASS", "NOTE", "WARN", "FAIL"};

	for (size_t i = 0; i < findings->n_items; i++)
		print_message("  %s [%s] %s: %s (%s) -> %s\n", words[findings->items[i].severity],
			findings->items[i].id, findings->items[i].subject, findings->items[i].text,
			findings->items[i].evidence ? findings->items[i].evidence : "",
			findings->items[i].remedy ? findings->items[i].remedy : "");
}

/* The worst finding of that id; NULL: none but PASS. */
static inline const struct pp_finding *fixture_finding(
	const struct pp_findings *findings, const char *id)
{
	const struct pp_finding *worst = NULL;

	for (size_t i = 0; i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];

		if (strcmp(finding->id, id) == 0 && finding->severity > PP_PASS &&
			(!worst || finding->severity > worst->severity))
			worst = finding;
	}
	return worst;
}

#endif
