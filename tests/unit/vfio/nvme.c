/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The NVMe part on registers that lie: what a broken controller may do must end as an error, in
 * time. */
#include "lib/vfio/nvme.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static uint8_t registers[0x2000], memory[0x20000];

static struct pp_nvme fresh(void)
{
	memset(registers, 0, sizeof(registers));
	memset(memory, 0, sizeof(memory));
	return (struct pp_nvme){.registers = registers,
		.size = sizeof(registers),
		.memory = memory,
		.offset = 0x10000,
		.deadline_ms = 20};
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void test_dead(void **state)
{
	struct pp_nvme nvme = fresh();
	memset(registers, 0xff, sizeof(registers));
	assert_int_equal(pp_nvme_enable(&nvme), -ENODEV);
	assert_int_equal(pp_nvme_disable(&nvme), -ENODEV);
}

static void test_never_ready(void **state)
{
	struct pp_nvme nvme = fresh();
	assert_int_equal(pp_nvme_enable(&nvme), -ETIMEDOUT);
	put32(registers + 0x1c, 1); /* never stops */
	assert_int_equal(pp_nvme_disable(&nvme), -ETIMEDOUT);
}

static void test_fatal(void **state)
{
	struct pp_nvme nvme = fresh();
	put32(registers + 0x1c, 3);
	assert_int_equal(pp_nvme_disable(&nvme), -EIO);
}

static void test_no_doorbell(void **state)
{
	struct pp_nvme nvme = fresh();
	nvme.size = 0x1000;
	assert_int_equal(pp_nvme_enable(&nvme), -EOPNOTSUPP);
}

static void test_submit(void **state)
{
	struct pp_nvme nvme = fresh();
	uint32_t command[16], doorbell;
	pp_nvme_submit_identify(&nvme);
	memcpy(command, memory + 0x10000, sizeof(command));
	assert_int_equal(command[0] & 0xff, 6);
	assert_int_equal(command[6], 0x12000);
	assert_int_equal(command[10], 1);
	memcpy(&doorbell, registers + 0x1000, sizeof(doorbell));
	assert_int_equal(doorbell, 1);
}

static void test_identity(void **state)
{
	struct pp_nvme nvme = fresh();
	struct pp_nvme_identity identity = {0};
	uint8_t *completion = memory + 0x11000, *answer = memory + 0x12000;

	assert_int_equal(pp_nvme_identity(&nvme, &identity), -EAGAIN);
	put32(completion + 12, 1 << 16 | 0x1234); /* another command's */
	assert_int_equal(pp_nvme_identity(&nvme, &identity), -EIO);
	put32(completion + 12, 1 << 16 | 1 << 18 | 0x7070); /* an error status */
	assert_int_equal(pp_nvme_identity(&nvme, &identity), -EIO);

	put32(completion + 12, 1 << 16 | 0x7070);
	answer[0] = 0x36;
	answer[1] = 0x1b;
	memset(answer + 4, ' ', 60);
	memcpy(answer + 4, "S\x01N\xff", 4);
	memcpy(answer + 24, "A drive", 7);
	assert_int_equal(pp_nvme_identity(&nvme, &identity), 0);
	assert_int_equal(identity.vendor, 0x1b36);
	assert_string_equal(identity.serial, "S?N?");
	assert_string_equal(identity.model, "A drive");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_never_ready),
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_no_doorbell),
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_identity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
