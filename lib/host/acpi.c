/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/acpi.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum {
	TABLE_HEADER = 36,
	TABLE_FIRST = 48, /* both tables: where the structures begin */
	DMAR_DRHD = 0,
	DMAR_RMRR = 1,
	SCOPE_BRIDGE = 2,
	IVRS_IVHD_FIRST = 0x10,
	IVRS_IVHD_EFR = 0x11,
	IVRS_IVHD_ACPI = 0x40,
	IVRS_IVMD_ALL = 0x20,
	IVRS_IVMD_ONE = 0x21,
	IVRS_IVMD_RANGE = 0x22,
};

struct parser {
	struct pp_arena *arena;
	const char *name;
	const uint8_t *bytes;
	size_t length;
	struct pp_acpi *acpi;
	bool oom;
};

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
	return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static uint64_t get64(const uint8_t *bytes)
{
	return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

/* The first fault is kept. */
static void set_fault(struct parser *parser, const char *format, ...) PP_PRINTF(2, 3);
static void set_fault(struct parser *parser, const char *format, ...)
{
	if (parser->acpi->fault)
		return;
	va_list args;
	va_start(args, format);
	parser->acpi->fault = pp_arena_vprintf(parser->arena, format, args);
	va_end(args);
	parser->oom = parser->oom || !parser->acpi->fault;
}

static struct pp_acpi_region *add_region(struct parser *parser)
{
	struct pp_acpi *acpi = parser->acpi;
	size_t size = acpi->n_regions * sizeof(*acpi->regions);
	struct pp_acpi_region *regions =
		pp_arena_grow(parser->arena, acpi->regions, size, size + sizeof(*regions));
	if (!regions) {
		parser->oom = true;
		return NULL;
	}
	acpi->regions = regions;
	return &regions[acpi->n_regions++];
}

static void add_scope(
	struct parser *parser, struct pp_acpi_region *region, struct pp_acpi_scope scope)
{
	size_t size = region->n_scopes * sizeof(scope);
	struct pp_acpi_scope *scopes =
		pp_arena_grow(parser->arena, region->scopes, size, size + sizeof(scope));
	if (!scopes) {
		parser->oom = true;
		return;
	}
	scopes[region->n_scopes++] = scope;
	region->scopes = scopes;
}

static void parse_rmrr(struct parser *parser, size_t at, size_t length)
{
	const uint8_t *bytes = parser->bytes + at;
	if (length < 24) {
		set_fault(parser, "the RMRR at byte %zu is %zu bytes long, shorter than its 24", at,
			length);
		return;
	}
	struct pp_acpi_region *region = add_region(parser);
	if (!region)
		return;
	*region = (struct pp_acpi_region){
		.start = get64(bytes + 8), .end = get64(bytes + 16), .segment = get16(bytes + 6)};
	if (region->end < region->start)
		set_fault(parser, "the RMRR at byte %zu ends before it starts", at);

	for (size_t offset = 24; offset < length;) {
		const uint8_t *scope = bytes + offset;
		size_t size = length - offset < 2 ? 0 : scope[1];
		if (size < 8 || size > length - offset) {
			set_fault(parser, "the device scope at byte %zu has a wrong length (%zu)",
				at + offset, size);
			return;
		}
		add_scope(parser, region,
			(struct pp_acpi_scope){.below = scope[0] == SCOPE_BRIDGE,
				.bus = scope[5],
				.path = scope + 6,
				.n_path = (size - 6) / 2});
		offset += size;
	}
}

static void check_drhd(struct parser *parser, size_t at, size_t length)
{
	if (length < 16)
		set_fault(parser, "the DRHD at byte %zu is %zu bytes long, shorter than its 16", at,
			length);
	else if (get64(parser->bytes + at + 8) == 0)
		set_fault(parser, "the DRHD at byte %zu names a unit at address zero", at);
}

static void parse_dmar(struct parser *parser)
{
	struct pp_acpi *acpi = parser->acpi;
	acpi->width = parser->bytes[36] + 1u;
	acpi->intremap = parser->bytes[37] & 1;
	for (size_t at = TABLE_FIRST; at < parser->length;) {
		size_t rest = parser->length - at;
		size_t size = rest < 4 ? 0 : get16(parser->bytes + at + 2);
		if (size < 4 || size > rest) {
			set_fault(parser, "the structure at byte %zu has a wrong length (%zu)", at,
				size);
			return;
		}
		unsigned type = get16(parser->bytes + at);
		if (type == DMAR_DRHD) {
			acpi->n_units++;
			check_drhd(parser, at, size);
		}
		if (type == DMAR_RMRR)
			parse_rmrr(parser, at, size);
		at += size;
	}
	if (acpi->n_units == 0)
		set_fault(parser, "it names no IOMMU (DRHD)");
}

static void parse_ivmd(struct parser *parser, size_t at, size_t length)
{
	const uint8_t *bytes = parser->bytes + at;
	if (length < 32) {
		set_fault(parser, "the IVMD at byte %zu is %zu bytes long, shorter than its 32", at,
			length);
		return;
	}
	uint64_t start = get64(bytes + 16), size = get64(bytes + 24);
	if (size == 0 || start + (size - 1) < start) {
		set_fault(parser, "the IVMD at byte %zu has a wrong size", at);
		return;
	}
	struct pp_acpi_region *region = add_region(parser);
	if (!region)
		return;
	*region = (struct pp_acpi_region){.start = start, .end = start + (size - 1)};
	struct pp_acpi_scope scope = {.first = get16(bytes + 4), .last = get16(bytes + 4)};
	if (bytes[0] == IVRS_IVMD_RANGE)
		scope.last = get16(bytes + 6);
	if (bytes[0] == IVRS_IVMD_ALL)
		scope.first = 0, scope.last = UINT16_MAX;
	add_scope(parser, region, scope);
}

static bool is_ivhd(unsigned type)
{
	return type == IVRS_IVHD_FIRST || type == IVRS_IVHD_EFR || type == IVRS_IVHD_ACPI;
}

/* One unit is described once for each type of IVHD that its kernels may know; the first counts. */
static void parse_ivrs(struct parser *parser)
{
	struct pp_acpi *acpi = parser->acpi;
	unsigned counted = 0;
	acpi->width = get32(parser->bytes + 36) >> 15 & 0x7f;
	for (size_t at = TABLE_FIRST; at < parser->length;) {
		size_t rest = parser->length - at;
		size_t size = rest < 4 ? 0 : get16(parser->bytes + at + 2);
		if (size < 4 || size > rest) {
			set_fault(
				parser, "the block at byte %zu has a wrong length (%zu)", at, size);
			return;
		}
		unsigned type = parser->bytes[at];
		if (is_ivhd(type) && size < 24)
			set_fault(parser,
				"the IVHD at byte %zu is %zu bytes long, shorter than its 24", at,
				size);
		if (is_ivhd(type) && (counted == 0 || counted == type)) {
			counted = type;
			acpi->n_units++;
		}
		if (type >= IVRS_IVMD_ALL && type <= IVRS_IVMD_RANGE)
			parse_ivmd(parser, at, size);
		at += size;
	}
	if (acpi->n_units == 0)
		set_fault(parser, "it names no IOMMU (IVHD)");
}

static void check_header(struct parser *parser, size_t length)
{
	const char *name = parser->name;
	if (length < TABLE_FIRST) {
		set_fault(parser, "it is cut short: %zu bytes, shorter than its header", length);
		return;
	}
	if (memcmp(parser->bytes, name, 4) != 0)
		set_fault(parser, "its signature is not %s", name);
	uint32_t said = get32(parser->bytes + 4);
	if (said > length)
		set_fault(parser, "it is cut short: %zu of %u bytes", length, said);
	else if (said < TABLE_FIRST)
		set_fault(
			parser, "it says that it is %u bytes long, shorter than its header", said);
	else
		parser->length = said;

	uint8_t sum = 0;
	for (size_t i = 0; i < parser->length; i++)
		sum = (uint8_t)(sum + parser->bytes[i]);
	if (sum != 0)
		set_fault(parser, "its checksum is wrong (the bytes add up to 0x%02x, not 0)", sum);
	parser->acpi->usable = true;
}

int pp_acpi_parse(const char *signature, const uint8_t *bytes, size_t length,
	struct pp_arena *arena, struct pp_acpi *ret_acpi)
{
	*ret_acpi = (struct pp_acpi){0};
	struct parser parser = {.arena = arena,
		.name = signature,
		.bytes = bytes,
		.length = length,
		.acpi = ret_acpi};
	check_header(&parser, length);
	if (ret_acpi->usable && strcmp(signature, "DMAR") == 0)
		parse_dmar(&parser);
	else if (ret_acpi->usable && strcmp(signature, "IVRS") == 0)
		parse_ivrs(&parser);
	return parser.oom ? -ENOMEM : 0;
}
