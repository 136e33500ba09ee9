/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What failed all the same is named by the catalogue: its words stay, cause, evidence and remedy
 * come beside them. */
#include "lib/apply/reason.h"
#include "base/error.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct pp_context *context;

static int setup(void **state)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/hosts/lab-intel.host", getenv("PCIPASS_SOURCE"));
	return pp_context_open(path, &context, NULL);
}

static int teardown(void **state)
{
	pp_context_close(context);
	return 0;
}

static struct pp_error named(const char *words)
{
	struct pp_error error = {0};

	pp_error_set(&error, PP_STATUS_FAILED, -ECHILD,
		"QEMU did not start the guest; everything is as it was before. It said:\n%s\n",
		words);
	pp_reason_add(context, &error);
	if (!strstr(error.text, words))
		fail_msg("QEMU's own words are gone: %s", error.text);
	assert_int_equal(error.status, PP_STATUS_FAILED);
	assert_int_equal(error.code, ECHILD);
	return error;
}

/* The host has evidence for it: the group of the two USB controllers. */
static void with_evidence(void **state)
{
	struct pp_error error =
		named("qemu-system-x86_64: -device vfio-pci,host=0000:00:1a.7: vfio "
		      "0000:00:1a.7: group 3 is not viable");
	assert_string_equal(error.id, "group-not-viable");
	assert_non_null(strstr(error.text, "That means: another device of the same IOMMU group"));
	assert_non_null(strstr(error.text, "This host: [group-not-viable] 0000:00:1a.7: "));
	assert_non_null(strstr(error.remedy, "nodedev-detach"));
}

static void without_evidence(void **state)
{
	struct pp_error error = named("VFIO_MAP_DMA failed: No space left on device");
	assert_string_equal(error.id, "dma-entry-limit");
	assert_null(strstr(error.text, "This host"));
	assert_non_null(strstr(error.remedy, "dma_entry_limit"));
}

/* What each failure that the emulated host provokes says when it comes all the same. */
static void every_provoked(void **state)
{
	static const char *const texts[][2] = {
		{"vfio 0000:01:00.0: no iommu_group found: No such file or directory", "no-iommu"},
		{"vfio: Cannot reset device 0000:00:1a.7, no available reset mechanism.",
			"no-reset"},
		{"vfio-pci 0000:01:00.0: Cannot bind to PF with SR-IOV enabled",
			"virtual-functions-on"},
		{"vfio-pci 0000:00:1c.0: probe with driver vfio-pci failed with error -22",
			"not-endpoint"},
		{"vfio 0000:01:00.0: failed to setup container for group 7: Failed to set iommu "
		 "for container: Operation not permitted",
			"no-interrupt-remapping"},
		{"vfio-pci 0000:01:00.0: Firmware has requested this device have a 1:1 IOMMU "
		 "mapping, rejecting configuring the device without a 1:1 mapping.",
			"reserved-direct"},
		{"vfio 0000:01:00.0: failed to open /dev/vfio/7: No such file or directory",
			"bind-failed"},
		{"vfio 0000:01:00.0: failed to open /dev/vfio/7: Permission denied", "permission"},
		{"vfio 0000:01:00.0: failed to open /dev/vfio/7: Device or resource busy",
			"in-use-vfio"},
		{"VFIO_MAP_DMA failed: Cannot allocate memory", "memlock"},
		{"VFIO_MAP_DMA failed: Invalid argument", "guest-address-width"},
		{"unable to map backing store for guest RAM: Cannot allocate memory",
			"memory-short"},
		{"failed to find romfile \"/tmp/card.rom\"", "file-unreadable"},
		{"vfio 0000:00:1a.0: group 3 used in multiple address spaces", "viommu-group"},
		{"We need to set caching-mode=on for intel-iommu to enable device assignment.",
			"viommu-options"},
		{"Error: Bus 'pcie.0' does not support hotplugging", "no-free-port"},
		{"vfio_err_notifier_handler(0000:02:00.0) Unrecoverable error detected. Please "
		 "collect any data possible and then kill the guest",
			"device-errors"},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct pp_error error = named(texts[i][0]);
		if (strcmp(error.id, texts[i][1]) != 0)
			fail_msg("%s: [%s], not [%s]", texts[i][0], error.id, texts[i][1]);
		assert_true(*error.remedy);
	}
}

static void left_alone(void **state)
{
	struct pp_error error = named("something that nobody has heard of"), before;
	assert_string_equal(error.id, "");
	assert_string_equal(error.remedy, "");
	pp_error_set(&error, PP_STATUS_IN_USE, -EBUSY, "group 3 is not viable");
	pp_error_id(&error, "in-use-guest");
	before = error;
	pp_reason_add(context, &error);
	assert_memory_equal(&error, &before, sizeof(error));
	pp_reason_add(context, NULL);
}

/* A remedy that was there stays; a text that fills its room is cut, not overrun. */
static void added_to(void **state)
{
	struct pp_error error = {0};
	char *words = malloc(4000);

	pp_error_set(
		&error, PP_STATUS_FAILED, -EIO, "VFIO_MAP_DMA failed: No space left on device");
	pp_error_remedy(&error, "end other guests");
	pp_reason_add(context, &error);
	assert_non_null(strstr(error.remedy, "end other guests\n"));
	assert_non_null(strstr(error.remedy, "dma_entry_limit"));
	memset(words, 'x', 3999);
	words[3999] = '\0';
	memcpy(words, "group 3 is not viable ", 22);
	pp_error_set(&error, PP_STATUS_FAILED, -EIO, "%s", words);
	pp_reason_add(context, &error);
	assert_string_equal(error.id, "group-not-viable");
	assert_true(strlen(error.text) < sizeof(error.text));
	free(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_evidence),
		cmocka_unit_test(without_evidence),
		cmocka_unit_test(every_provoked),
		cmocka_unit_test(left_alone),
		cmocka_unit_test(added_to),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
