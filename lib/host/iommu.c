/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/host/acpi.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <string.h>

#define UNITS "/sys/class/iommu"
#define TABLES "/sys/firmware/acpi/tables"
#define FIRST_CPU 8192         /* more than /proc/cpuinfo says of one */
#define FIRST_INTERRUPTS 65536 /* the lines of the IO-APIC are the first ones */

/* ---- the processor ---- */

static bool has_word(const char *text, size_t length, const char *wanted)
{
	const char *word, *at = text;
	size_t size;
	while (pp_text_word(&at, " \t\n", &word, &size) && word < text + length)
		if (size == strlen(wanted) && strncmp(word, wanted, size) == 0)
			return true;
	return false;
}

static void parse_cpu_line(const char *line, size_t length, struct pp_iommu *iommu)
{
	if (pp_text_starts(line, "vendor_id")) {
		if (has_word(line, length, "GenuineIntel"))
			iommu->cpu = PP_VENDOR_INTEL;
		if (has_word(line, length, "AuthenticAMD") ||
			has_word(line, length, "HygonGenuine"))
			iommu->cpu = PP_VENDOR_AMD;
	}
	if (pp_text_starts(line, "CPU implementer"))
		iommu->cpu = PP_VENDOR_ARM;
	if (pp_text_starts(line, "flags")) {
		iommu->in_guest = has_word(line, length, "hypervisor");
		iommu->virtualization =
			has_word(line, length, "vmx") || has_word(line, length, "svm");
	}
}

static int read_cpu(struct pp_reader *reader, struct pp_iommu *iommu)
{
	char *text = pp_arena_alloc(reader->scratch, FIRST_CPU + 1);
	if (!text)
		return -ENOMEM;
	ssize_t n = pp_tree_read_bytes(reader->tree, "/proc/cpuinfo", text, FIRST_CPU);
	text[n < 0 ? 0 : n] = '\0';
	const char *line, *at = text;
	size_t length;
	while (pp_text_word(&at, "\n", &line, &length) && !pp_text_starts(line, "processor\t: 1"))
		parse_cpu_line(line, length, iommu);
	return 0;
}

/* ---- the firmware's table ---- */

static const struct pp_device *device_at(
	const struct pp_reader *reader, uint16_t segment, unsigned bus, const uint8_t *hop)
{
	struct pp_address address = {
		.domain = segment, .bus = (uint8_t)bus, .slot = hop[0], .function = hop[1]};
	return pp_reader_device(reader, &address);
}

static const struct pp_device *child_at(
	const struct pp_reader *reader, const struct pp_device *parent, const uint8_t *hop)
{
	for (size_t i = 0; i < reader->n_devices; i++) {
		const struct pp_device *device = &reader->devices[i];
		if (device->parent == parent && device->address.slot == hop[0] &&
			device->address.function == hop[1])
			return device;
	}
	return NULL;
}

static bool is_below(const struct pp_device *device, const struct pp_device *top)
{
	size_t steps = 0;
	for (; device && steps < 256; device = device->parent, steps++)
		if (device == top)
			return true;
	return false;
}

static bool in_scope(const struct pp_reader *reader, const struct pp_device *device,
	uint16_t segment, const struct pp_acpi_scope *scope)
{
	if (!scope->path) {
		unsigned id = (unsigned)device->address.bus << 8 | device->address.slot << 3 |
			      device->address.function;
		return device->address.domain == segment && id >= scope->first && id <= scope->last;
	}
	if (scope->n_path == 0)
		return false;
	const struct pp_device *top = device_at(reader, segment, scope->bus, scope->path);
	for (size_t i = 1; top && i < scope->n_path; i++)
		top = child_at(reader, top, scope->path + 2 * i);
	return top && (device == top || (scope->below && is_below(device, top)));
}

static int set_devices(struct pp_reader *reader, const struct pp_acpi_region *from,
	struct pp_firmware_region *region)
{
	region->devices =
		pp_arena_array(reader->arena, reader->n_devices + 1, sizeof(*region->devices));
	if (!region->devices)
		return -ENOMEM;
	for (size_t i = 0; i < reader->n_devices; i++) {
		bool named = false;
		for (size_t k = 0; k < from->n_scopes && !named; k++)
			named = in_scope(
				reader, &reader->devices[i], from->segment, &from->scopes[k]);
		if (named)
			region->devices[region->n_devices++] = &reader->devices[i];
	}
	return 0;
}

static int set_regions(struct pp_reader *reader, const struct pp_acpi *acpi, struct pp_iommu *iommu)
{
	struct pp_firmware_region *regions =
		pp_arena_array(reader->arena, acpi->n_regions + 1, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	int r = 0;
	for (size_t i = 0; r == 0 && i < acpi->n_regions; i++) {
		regions[i].start = acpi->regions[i].start;
		regions[i].end = acpi->regions[i].end;
		r = set_devices(reader, &acpi->regions[i], &regions[i]);
	}
	iommu->regions = regions;
	iommu->n_regions = acpi->n_regions;
	return r;
}

static int read_table(struct pp_reader *reader, struct pp_iommu *iommu)
{
	static const char *const tables[] = {"DMAR", "IVRS", "IORT"};
	char path[PP_PATH_MAX];
	for (size_t i = 0; !iommu->table && i < PP_COUNT(tables); i++) {
		pp_path(path, sizeof(path), TABLES "/%s", tables[i]);
		if (pp_tree_exists(reader->tree, path))
			iommu->table = tables[i];
	}
	if (!iommu->table)
		return 0;

	char *bytes;
	size_t length;
	iommu->table_error = pp_tree_read(reader->tree, reader->scratch, path, &bytes, &length);
	if (iommu->table_error == -ENOMEM)
		return -ENOMEM;
	if (iommu->table_error < 0 || pp_text_is(iommu->table, "IORT"))
		return 0;
	struct pp_acpi acpi;
	int r = pp_acpi_parse(iommu->table, (const uint8_t *)bytes, length, reader->arena, &acpi);
	if (r < 0)
		return r;
	iommu->table_fault = acpi.fault;
	if (acpi.fault)
		iommu->table_error = -EBADMSG;
	iommu->table_intremap = acpi.intremap;
	iommu->table_width = acpi.width;
	return set_regions(reader, &acpi, iommu);
}

/* ---- the units ---- */

static int read_unit(struct pp_reader *reader, struct pp_iommu_unit *unit)
{
	char path[PP_PATH_MAX];
	int r = pp_path(path, sizeof(path), UNITS "/%s/intel-iommu/cap", unit->name);
	if (r == 0)
		r = pp_tree_u64(reader->tree, path, 16, &unit->cap);
	if (r == 0)
		r = pp_path(path, sizeof(path), UNITS "/%s/intel-iommu/ecap", unit->name);
	if (r == 0)
		r = pp_tree_u64(reader->tree, path, 16, &unit->ecap);
	unit->registers = r == 0;
	return r == -ENOMEM ? r : 0;
}

/* VT-d: the smaller of MGAW (cap 21:16, plus one) and what the page tables' levels reach (SAGAW,
 * cap 12:8: bit 1 39 bits, bit 2 48, bit 3 57). */
static unsigned unit_width(const struct pp_iommu_unit *unit)
{
	unsigned most = (unsigned)(unit->cap >> 16 & 0x3f) + 1;
	unsigned levels = unit->cap >> 8 & 0x1f;
	unsigned reach = levels & 8 ? 57 : levels & 4 ? 48 : levels & 2 ? 39 : most;
	return most < reach ? most : reach;
}

static int read_units(struct pp_reader *reader, struct pp_iommu *iommu)
{
	char **names;
	size_t count;
	int r = pp_tree_list(reader->tree, reader->arena, UNITS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	struct pp_iommu_unit *units = pp_arena_array(reader->arena, count + 1, sizeof(*units));
	if (!units)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		units[i].name = names[i];
		if (!pp_text_starts(names[i], "dmar"))
			continue;
		r = read_unit(reader, &units[i]);
		if (r < 0)
			return r;
		unsigned width = units[i].registers ? unit_width(&units[i]) : 0;
		if (width && (!iommu->address_width || width < iommu->address_width))
			iommu->address_width = width;
	}
	iommu->units = units;
	iommu->n_units = count;
	return 0;
}

/* ---- interrupt remapping ---- */

/* The kernel prints IR- before the name of each interrupt chip whose interrupts are remapped. */
static int read_interrupts(struct pp_reader *reader, struct pp_iommu *iommu)
{
	char *text = pp_arena_alloc(reader->scratch, FIRST_INTERRUPTS + 1);
	if (!text)
		return -ENOMEM;
	ssize_t n = pp_tree_read_bytes(reader->tree, "/proc/interrupts", text, FIRST_INTERRUPTS);
	text[n < 0 ? 0 : n] = '\0';
	if (strstr(text, " IR-"))
		iommu->interrupt_remapping = 1;
	else if (strstr(text, " IO-APIC ") || strstr(text, " PCI-MSI"))
		iommu->interrupt_remapping = 0;
	return 0;
}

/* VT-d remaps by its table's flag and bit 3 of each unit's extended capabilities. Without them it
 * cannot; with them it does, unless the interrupts or the command line say otherwise. */
static void check_registers(const struct pp_reader *reader, struct pp_iommu *iommu)
{
	const char *line = reader->kernel ? reader->kernel->command_line : NULL;
	bool has_table = pp_text_is(iommu->table, "DMAR") && iommu->table_error == 0;
	bool can = has_table, cannot = false;
	for (size_t i = 0; i < iommu->n_units; i++) {
		bool unit = iommu->units[i].registers && iommu->units[i].ecap & 8;
		can = can && unit && iommu->table_intremap;
		cannot = cannot || (iommu->units[i].registers &&
					   (!unit || (has_table && !iommu->table_intremap)));
	}
	if (cannot)
		iommu->interrupt_remapping = 0;
	else if (can && iommu->n_units && iommu->interrupt_remapping < 0 &&
		 !(line && strstr(line, "intremap=off")))
		iommu->interrupt_remapping = 1;
}

int pp_iommu_read(struct pp_reader *reader)
{
	struct pp_iommu *iommu = pp_arena_alloc(reader->arena, sizeof(*iommu));
	if (!iommu)
		return -ENOMEM;
	reader->iommu = iommu;
	iommu->interrupt_remapping = -1;
	int r = read_cpu(reader, iommu);
	if (r == 0)
		r = read_table(reader, iommu);
	if (r == 0)
		r = read_units(reader, iommu);
	if (r == 0)
		r = read_interrupts(reader, iommu);
	if (r == 0)
		check_registers(reader, iommu);
	return r;
}
