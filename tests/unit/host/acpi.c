/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"
#include "lib/host/acpi.h"

static uint8_t table[512];
static size_t length;
static struct pp_arena *arena;

static void put(const void *bytes, size_t size)
{
	memcpy(table + length, bytes, size);
	length += size;
}

/* VALUE in SIZE bytes, the lowest first. */
static void number(uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		table[length++] = (uint8_t)(value >> 8 * i);
}

static void begin(const char *signature)
{
	memset(table, 0, sizeof(table));
	length = 0;
	put(signature, 4);
	length = 36;
}

static void seal(void)
{
	uint8_t sum = 0;
	size_t end = length;
	length = 4;
	number(end, 4);
	length = end;
	table[9] = 0;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;
}

static struct pp_acpi parse_n(const char *signature, size_t size)
{
	struct pp_acpi acpi;
	/* on the heap, just as large, so that one byte too far is seen */
	uint8_t *bytes = malloc(size ? size : 1);
	memcpy(bytes, table, size);
	memset(&acpi, 0xee, sizeof(acpi));
	assert_int_equal(pp_acpi_parse(signature, bytes, size, arena, &acpi), 0);
	for (size_t i = 0; i < acpi.n_regions; i++)
		for (size_t k = 0; k < acpi.regions[i].n_scopes; k++) {
			const struct pp_acpi_scope *scope = &acpi.regions[i].scopes[k];
			if (scope->path) /* each byte of a path is there */
				assert_true(scope->path + 2 * scope->n_path <= bytes + size);
		}
	free(bytes);
	return acpi;
}

static struct pp_acpi parse(const char *signature)
{
	return parse_n(signature, length);
}

static int setup(void **state)
{
	arena = pp_arena_new();
	return arena ? 0 : -1;
}

static int teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

/* 39 bits, remapping, one unit, one RMRR for 00:1a.7 and what is below 1c.0/00.0. */
static void make_dmar(void)
{
	begin("DMAR");
	number(38, 1);
	number(1, 1);
	length = 48;
	number(0, 2); /* DRHD */
	number(16, 2);
	number(1, 1);
	number(0, 3);
	number(0xfed90000, 8);
	number(1, 2); /* RMRR */
	number(24 + 8 + 10, 2);
	number(0, 2);
	number(0x12, 2);
	number(0x7f000000, 8);
	number(0x7f0fffff, 8);
	put("\1\x08\0\0\0\0\x1a\7", 8);
	put("\2\x0a\0\0\0\0\x1c\0\0\0", 10);
	seal();
}

static void dmar(void **state)
{
	make_dmar();
	struct pp_acpi acpi = parse("DMAR");
	assert_null(acpi.fault);
	assert_true(acpi.usable);
	assert_true(acpi.intremap);
	assert_int_equal(acpi.width, 39);
	assert_int_equal(acpi.n_units, 1);
	assert_int_equal(acpi.n_regions, 1);
	assert_true(acpi.regions[0].start == 0x7f000000);
	assert_true(acpi.regions[0].end == 0x7f0fffff);
	assert_int_equal(acpi.regions[0].segment, 0x12);
	assert_int_equal(acpi.regions[0].n_scopes, 2);
	assert_false(acpi.regions[0].scopes[0].below);
	assert_int_equal(acpi.regions[0].scopes[0].n_path, 1);
	assert_true(acpi.regions[0].scopes[1].below);
	assert_int_equal(acpi.regions[0].scopes[1].n_path, 2);
	table[37] = 0;
	seal();
	assert_false(parse("DMAR").intremap);
}

static void says(const struct pp_acpi *acpi, const char *words)
{
	if (!acpi->fault || !strstr(acpi->fault, words))
		fail_msg("\"%s\" does not say \"%s\"", acpi->fault ? acpi->fault : "", words);
}

static void cut_short(void **state)
{
	make_dmar();
	for (size_t size = 0; size < length; size++) {
		struct pp_acpi acpi = parse_n("DMAR", size);
		says(&acpi, "cut short");
		assert_int_equal(acpi.usable, size >= 48);
	}
}

static void wrong_bytes(void **state)
{
	struct pp_acpi acpi;
	make_dmar();
	table[9]++;
	acpi = parse("DMAR");
	says(&acpi, "checksum");
	assert_int_equal(acpi.n_regions, 1); /* and read as far as it goes */
	make_dmar();
	memcpy(table, "XXXX", 4);
	acpi = parse("DMAR");
	says(&acpi, "signature");
	make_dmar();
	table[4] = 40;
	acpi = parse("DMAR");
	says(&acpi, "shorter than its header");
	make_dmar();
	table[50] = 0; /* a structure of no length would never end */
	seal();
	acpi = parse("DMAR");
	says(&acpi, "structure at byte 48");
	make_dmar();
	table[67] = 0xff; /* longer than the table */
	seal();
	acpi = parse("DMAR");
	says(&acpi, "structure at byte 64");
	assert_int_equal(acpi.n_units, 1);
	make_dmar();
	table[89] = 0; /* a scope of no length */
	seal();
	acpi = parse("DMAR");
	says(&acpi, "device scope at byte 88");
	make_dmar();
	table[80 + 7] = 0; /* ends before it starts */
	memset(table + 80, 0, 8);
	seal();
	acpi = parse("DMAR");
	says(&acpi, "ends before it starts");
	make_dmar();
	memset(table + 56, 0, 8); /* where the unit's registers are */
	seal();
	acpi = parse("DMAR");
	says(&acpi, "at byte 48 names a unit at address zero");
	assert_int_equal(acpi.n_units, 1);
	begin("DMAR");
	length = 48;
	seal();
	acpi = parse("DMAR");
	says(&acpi, "names no IOMMU");
}

static void make_ivrs(void)
{
	begin("IVRS");
	number(0x40 << 15 | 0x30 << 8, 4);
	length = 48;
	for (unsigned type = 0x10; type <= 0x11; type++) { /* the same unit twice */
		size_t size = type == 0x10 ? 24 : 40;
		number(type, 1);
		number(0, 1);
		number(size, 2);
		length += size - 4;
	}
	number(0x22, 1); /* IVMD, a range */
	number(8, 1);
	number(32, 2);
	number(0x00d0, 2);
	number(0x00d7, 2);
	length += 8;
	number(0x1000000, 8);
	number(0x2000, 8);
	seal();
}

static void ivrs(void **state)
{
	make_ivrs();
	struct pp_acpi acpi = parse("IVRS");
	assert_null(acpi.fault);
	assert_int_equal(acpi.width, 0x40);
	assert_int_equal(acpi.n_units, 1);
	assert_int_equal(acpi.n_regions, 1);
	assert_true(acpi.regions[0].start == 0x1000000);
	assert_true(acpi.regions[0].end == 0x1001fff);
	assert_null(acpi.regions[0].scopes[0].path);
	assert_int_equal(acpi.regions[0].scopes[0].first, 0xd0);
	assert_int_equal(acpi.regions[0].scopes[0].last, 0xd7);
	table[112] = 0x20; /* for all devices */
	seal();
	assert_int_equal(parse("IVRS").regions[0].scopes[0].last, 0xffff);
	table[112] = 0x21;
	seal();
	assert_int_equal(parse("IVRS").regions[0].scopes[0].last, 0xd0);
	memset(table + 136, 0xff, 8); /* a size that goes round */
	seal();
	acpi = parse("IVRS");
	says(&acpi, "wrong size");
	make_ivrs();
	for (size_t size = 0; size < length; size++)
		assert_non_null(parse_n("IVRS", size).fault);
}

static void random_bytes(void **state)
{
	uint32_t seed = 7;
	for (int n = 0; n < 20000; n++) {
		const char *signature = n % 2 ? "DMAR" : "IVRS";
		if (n % 2)
			make_dmar();
		else
			make_ivrs();
		for (int i = 0; i < 4; i++) {
			seed = seed * 1664525 + 1013904223;
			table[36 + (seed >> 8) % (length - 36)] = (uint8_t)(seed >> 24);
		}
		if (n % 3)
			seal();
		parse_n(signature, n % 5 ? length : (seed >> 4) % (length + 1));
		if (n % 1000 == 0) {
			pp_arena_free(arena);
			arena = pp_arena_new();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmar),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(wrong_bytes),
		cmocka_unit_test(ivrs),
		cmocka_unit_test(random_bytes),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
