/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"
#include "lib/host/config.h"

static uint8_t space[PP_CONFIG_EXTENDED];

static void put16(unsigned at, unsigned value)
{
	space[at] = (uint8_t)value;
	space[at + 1] = (uint8_t)(value >> 8);
}

static void put32(unsigned at, uint32_t value)
{
	put16(at, value & 0xffff);
	put16(at + 2, value >> 16);
}

static struct pp_config parse(size_t length)
{
	struct pp_config_bytes bytes = {space, length};
	struct pp_config_source source = {pp_config_bytes_read, &bytes};
	struct pp_config config;
	memset(&config, 0xee, sizeof(config)); /* everything must be set */
	pp_config_parse(&source, &config);
	return config;
}

/* An NVMe-like endpoint: PM, MSI-X, Express; AER, DSN, ACS, SR-IOV, ARI, ReBAR. */
static int endpoint(void **state)
{
	memset(space, 0, sizeof(space));
	put32(0, 0xa808144d);
	put16(6, 0x0010);
	put32(8, 0x01080207);
	space[0x0e] = 0x80;
	space[0x34] = 0x40;
	space[0x3d] = 2;
	put32(0x40, 0x00035001);
	put16(0x44, 0x0008); /* NoSoftRst */
	put32(0x50, 0x003f7011);
	put32(0x70, 0x00020010);
	put32(0x74, 1u << 28);
	put32(0x7c, 0x05000043 | 3 << 4); /* 8 GT/s, x7|3: width in bits 9:4 */
	put32(0x7c, 0x05000000 | 4 << 4 | 3);
	put16(0x82, 4 << 4 | 2);
	put32(0x100, 0x14820001);
	put32(0x148, 0x15810003);
	put32(0x14c, 0x89abcdef);
	put32(0x150, 0x01234567);
	put32(0x158, 0x1681000d);
	put16(0x15c, 0x005f);
	put16(0x15e, 0x001d);
	put32(0x168, 0x1781000e);
	put32(0x178, 0x1b810010);
	put32(0x1b8, 0x00010015);
	put32(0x1bc, 0x0000f000); /* 256 MiB to 2 GiB */
	put32(0x1c0, 0x00000821);
	return 0;
}

static void everything(void **state)
{
	struct pp_config config = parse(4096);
	const struct pp_capabilities *capabilities = &config.capabilities;
	assert_int_equal(config.length, 64);
	assert_false(config.dead);
	assert_false(config.cut);
	assert_int_equal(config.vendor, 0x144d);
	assert_int_equal(config.product, 0xa808);
	assert_int_equal(config.class_code, 0x010802);
	assert_int_equal(config.revision, 7);
	assert_int_equal(config.header, PP_HEADER_ENDPOINT);
	assert_true(config.multifunction);
	assert_true(capabilities->read);
	assert_int_equal(capabilities->interrupt_pin, 2);
	assert_int_equal(capabilities->pm, 0x40);
	assert_true(capabilities->pm_no_soft_reset);
	assert_int_equal(capabilities->msi, 0);
	assert_int_equal(capabilities->msix, 0x50);
	assert_int_equal(capabilities->msix_vectors, 0x40);
	assert_int_equal(capabilities->express, 0x70);
	assert_int_equal(capabilities->express_type, 0);
	assert_true(capabilities->flr);
	assert_false(capabilities->af_flr);
	assert_true(capabilities->link);
	assert_int_equal(capabilities->link_cap_speed, 3);
	assert_int_equal(capabilities->link_cap_width, 4);
	assert_int_equal(capabilities->link_port, 5);
	assert_int_equal(capabilities->link_speed, 2);
	assert_int_equal(capabilities->link_width, 4);
	assert_int_equal(capabilities->aer, 0x100);
	assert_int_equal(capabilities->dsn, 0x148);
	assert_true(capabilities->serial == 0x0123456789abcdef);
	assert_int_equal(capabilities->acs, 0x158);
	assert_int_equal(capabilities->acs_cap, 0x5f);
	assert_int_equal(capabilities->acs_control, 0x1d);
	assert_int_equal(capabilities->ari, 0x168);
	assert_int_equal(capabilities->sriov, 0x178);
	assert_int_equal(capabilities->rebar, 0x1b8);
	assert_true(config.rebars[1].sizes == 0xf00);
	assert_int_equal(config.rebars[1].current, 8);
	assert_true(config.rebars[0].sizes == 0);
}

static void other_headers(void **state)
{
	space[0x0e] = 0x01;
	space[0x19] = 3;
	space[0x1a] = 9;
	put32(0x70, 0x01420010); /* root port */
	struct pp_config config = parse(4096);
	assert_int_equal(config.header, PP_HEADER_BRIDGE);
	assert_false(config.multifunction);
	assert_int_equal(config.capabilities.secondary, 3);
	assert_int_equal(config.capabilities.subordinate, 9);
	assert_int_equal(config.capabilities.express_type, 4);

	put32(0x70, 0x00920010); /* in the root complex: there is no link */
	config = parse(4096);
	assert_int_equal(config.capabilities.express_type, 9);
	assert_false(config.capabilities.link);

	space[0x0e] = 0x02;
	space[0x14] = 0x40; /* a CardBus bridge has its list there */
	space[0x34] = 0;
	config = parse(4096);
	assert_int_equal(config.header, PP_HEADER_CARDBUS);
	assert_int_equal(config.capabilities.express, 0x70);

	space[0x0e] = 0x7f;
	assert_int_equal(parse(4096).header, PP_HEADER_UNKNOWN);
	space[0x0e] = 0x03;
	assert_int_equal(parse(4096).header, PP_HEADER_UNKNOWN);
}

static void advanced_features(void **state)
{
	put32(0x70, 0x03060013); /* both bits */
	assert_true(parse(256).capabilities.af_flr);
	put32(0x70, 0x02060013); /* FLR alone is not taken by the kernel */
	assert_false(parse(256).capabilities.af_flr);
}

static void lengths(void **state)
{
	struct pp_config config = parse(256);
	assert_true(config.capabilities.read);
	assert_int_equal(config.capabilities.express, 0x70);
	assert_int_equal(config.capabilities.aer, 0);
	assert_false(config.cut); /* a host without extended configuration */

	config = parse(64);
	assert_false(config.capabilities.read);
	assert_true(config.cut);
	assert_true(config.header_only);
	assert_int_equal(config.vendor, 0x144d);
	assert_int_equal(config.capabilities.pm, 0);

	config = parse(0x60);
	assert_true(config.cut);
	assert_false(config.header_only);
	assert_true(config.capabilities.read);
	assert_int_equal(config.capabilities.msix, 0x50);
	assert_int_equal(config.capabilities.express, 0);

	for (size_t length = 0; length < 64; length++) {
		config = parse(length);
		assert_int_equal(config.length, length);
		assert_int_equal(config.header, PP_HEADER_UNKNOWN);
		assert_false(config.capabilities.read);
	}
	for (size_t length = 64; length <= 4096; length++)
		assert_int_equal(parse(length).vendor, 0x144d);
	assert_int_equal(parse(0x1bc + 7).capabilities.sriov, 0x178);
}

static void no_list(void **state)
{
	put16(6, 0);
	struct pp_config config = parse(64);
	assert_true(config.capabilities.read); /* nothing is hidden: there is nothing */
	assert_false(config.cut);
	assert_int_equal(config.capabilities.pm, 0);
	put16(6, 0x10);
	space[0x34] = 0;
	config = parse(256);
	assert_int_equal(config.capabilities.pm, 0);
	space[0x34] = 0x10; /* into the header */
	assert_int_equal(parse(256).capabilities.pm, 0);
}

static void nobody_answers(void **state)
{
	memset(space, 0xff, sizeof(space));
	struct pp_config config = parse(4096);
	assert_true(config.dead);
	assert_int_equal(config.header, PP_HEADER_UNKNOWN);
	assert_false(config.capabilities.read);
	assert_int_equal(config.capabilities.express, 0);
	assert_true(parse(64).dead);
	memset(space, 0, sizeof(space));
	assert_false(parse(4096).dead);
}

/* A virtual function has ffff for its ids, and lives. */
static void virtual_function(void **state)
{
	put32(0, 0xffffffff);
	struct pp_config config = parse(4096);
	assert_false(config.dead);
	assert_int_equal(config.capabilities.express, 0x70);
}

static void loops(void **state)
{
	space[0x41] = 0x40; /* to itself */
	assert_int_equal(parse(4096).capabilities.pm, 0x40);
	space[0x41] = 0x50;
	space[0x71] = 0x40; /* round */
	assert_int_equal(parse(4096).capabilities.express, 0x70);
	put32(0x100, 0x10020001 | 0x10000000);
	put32(0x100, 0x10010001); /* the extended one too */
	assert_int_equal(parse(4096).capabilities.aer, 0x100);
	put32(0x100, 0x14820001);
	put32(0x148, 0x10010003);
	assert_int_equal(parse(4096).capabilities.dsn, 0x148);
	put32(0x148, 0x04010003); /* back into the first 256 bytes */
	assert_int_equal(parse(4096).capabilities.dsn, 0x148);
}

static void ends_of_lists(void **state)
{
	space[0x50] = 0xff; /* dead in the middle */
	struct pp_config config = parse(4096);
	assert_int_equal(config.capabilities.pm, 0x40);
	assert_int_equal(config.capabilities.msix, 0);
	assert_false(config.cut);
	endpoint(NULL);
	put32(0x100, UINT32_MAX);
	assert_int_equal(parse(4096).capabilities.aer, 0);
	endpoint(NULL);
	put32(0x148, 0xffd10003); /* the next one would begin at the very end */
	put32(0xffc, 0x0001000d);
	config = parse(4096);
	assert_int_equal(config.capabilities.dsn, 0x148);
	assert_int_equal(config.capabilities.acs_cap, 0);
}

static void several_of_a_kind(void **state)
{
	put32(0x70, 0x00000005);
	put32(0x40, 0x00005005);
	struct pp_config config = parse(256);
	assert_int_equal(config.capabilities.msi, 0x40);
}

static void odd_rebars(void **state)
{
	put32(0x1c0, 0x000008e7); /* seven, and of BAR 7 */
	struct pp_config config = parse(4096);
	for (size_t i = 0; i < 6; i++)
		assert_true(config.rebars[i].sizes == 0);
	put32(0x1c0, 0x00000800); /* none */
	assert_true(parse(4096).rebars[0].sizes == 0xf00);
}

/* Reads that fail, and reads of a device that goes away in the middle. */
static int countdown;
static ssize_t failing_read(void *data, unsigned offset, void *bytes, size_t size)
{
	return countdown-- > 0 ? pp_config_bytes_read(data, offset, bytes, size) : -EIO;
}

static void failing_reads(void **state)
{
	for (int n = 0; n < 40; n++) {
		struct pp_config_bytes bytes = {space, sizeof(space)};
		struct pp_config_source source = {failing_read, &bytes};
		struct pp_config config;
		countdown = n;
		pp_config_parse(&source, &config);
		assert_int_equal(config.length, n ? 64 : 0);
		assert_true(!config.capabilities.express || n > 3);
	}
}

static void random_bytes(void **state)
{
	uint32_t seed = 1;
	for (int n = 0; n < 20000; n++) {
		if (n % 16 == 0)
			endpoint(NULL);
		for (int i = 0; i < 24; i++) {
			seed = seed * 1664525 + 1013904223;
			space[(seed >> 8) % (i % 2 ? 256 : 4096)] = (uint8_t)(seed >> 24);
		}
		seed = seed * 1664525 + 1013904223;
		struct pp_config config = parse((seed >> 8) % 4097);
		assert_true(config.capabilities.express < 256);
		assert_true(config.capabilities.acs < 4096);
		assert_true(config.capabilities.msix_vectors <= 2048);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything, endpoint),
		cmocka_unit_test_setup(other_headers, endpoint),
		cmocka_unit_test_setup(advanced_features, endpoint),
		cmocka_unit_test_setup(lengths, endpoint),
		cmocka_unit_test_setup(no_list, endpoint),
		cmocka_unit_test_setup(nobody_answers, endpoint),
		cmocka_unit_test_setup(virtual_function, endpoint),
		cmocka_unit_test_setup(loops, endpoint),
		cmocka_unit_test_setup(ends_of_lists, endpoint),
		cmocka_unit_test_setup(several_of_a_kind, endpoint),
		cmocka_unit_test_setup(odd_rebars, endpoint),
		cmocka_unit_test_setup(failing_reads, endpoint),
		cmocka_unit_test_setup(random_bytes, endpoint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
