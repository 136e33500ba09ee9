/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The micro-guest where KVM is there, on memory in place of a device: what it reads, what it cannot
 * reach, and interrupts of one event after another. */
#include "lib/vfio/microguest.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define PAGE 4096
#define DEADLINE_MS 20000

static void open_guest(struct pp_microguest *guest)
{
	struct pp_error error = {0};

	*guest = (struct pp_microguest)PP_MICROGUEST_INIT;
	if (pp_microguest_open(guest, &error) < 0) {
		print_message("%s\n", error.text);
		skip();
	}
}

static void *page_of(uint32_t value)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	memcpy((char *)page + 8, &value, sizeof(value));
	return page;
}

static void test_reads(void **state)
{
	struct pp_microguest guest;
	uint32_t value = 0;

	open_guest(&guest);
	for (uint32_t i = 1; i < 4; i++) {
		void *page = page_of(0x10400 * i);
		assert_int_equal(pp_microguest_read(&guest, page, PAGE, 8, DEADLINE_MS, &value), 0);
		assert_int_equal(value, 0x10400 * i);
		munmap(page, PAGE);
	}
	assert_int_equal(guest.mmio_exits, 0);
	pp_microguest_close(&guest);
	pp_microguest_close(&guest);
}

/* Behind the page nothing is mapped: such a read leaves the guest, and is told from one that does
 * not. */
static void test_read_leaves(void **state)
{
	struct pp_microguest guest;
	uint32_t value = 7;

	open_guest(&guest);
	void *page = page_of(1);
	assert_int_equal(
		pp_microguest_read(&guest, page, PAGE, PAGE, DEADLINE_MS, &value), -EREMOTEIO);
	assert_int_equal(value, 7);
	munmap(page, PAGE);
	pp_microguest_close(&guest);
}

static void signal_once(struct pp_microguest *guest, uint32_t expected)
{
	uint64_t one = 1;
	uint32_t count = 0;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(event >= 0);
	assert_int_equal(pp_microguest_interrupt(guest, event), 0);
	assert_int_equal(pp_microguest_arm(guest, DEADLINE_MS), 0);
	assert_int_equal(write(event, &one, sizeof(one)), sizeof(one));
	assert_int_equal(pp_microguest_wait(guest, DEADLINE_MS, &count), 0);
	assert_int_equal(count, expected);
	close(event);
}

static void test_interrupts(void **state)
{
	struct pp_microguest guest;
	uint32_t value = 0;

	open_guest(&guest);
	void *page = page_of(5);
	assert_int_equal(pp_microguest_read(&guest, page, PAGE, 8, DEADLINE_MS, &value), 0);
	signal_once(&guest, 1);
	signal_once(&guest, 2);
	assert_int_equal(pp_microguest_read(&guest, page, PAGE, 8, DEADLINE_MS, &value), 0);
	assert_int_equal(value, 5);
	munmap(page, PAGE);
	pp_microguest_close(&guest);
}

static void test_no_interrupt(void **state)
{
	struct pp_microguest guest;
	uint32_t count = 9;

	open_guest(&guest);
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(pp_microguest_interrupt(&guest, event), 0);
	assert_int_equal(pp_microguest_arm(&guest, DEADLINE_MS), 0);
	assert_int_equal(pp_microguest_wait(&guest, 50, &count), -ETIMEDOUT);
	assert_int_equal(count, 9);
	close(event);
	pp_microguest_close(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_read_leaves),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_no_interrupt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
