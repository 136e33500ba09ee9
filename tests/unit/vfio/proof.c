/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the proofs say where nothing can be opened: an answer with a reason, never a crash. */
#include "lib/vfio/proof.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct pp_caller few = {.memlock = 65536};
static const struct pp_caller any = {.memlock = UINT64_MAX};

static void test_asked_too_much(void **state)
{
	struct pp_host host = {0};
	struct pp_device device = {.name = "0000:00:05.0", .group = 3};
	struct pp_proof_options options = {.memory = 1ull << 53};
	struct pp_proofs *proofs = NULL;
	struct pp_error error = {0};

	assert_int_equal(pp_device_prove(&host, &device, &options, &proofs, &error), -ERANGE);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	options = (struct pp_proof_options){.address = UINT64_MAX};
	assert_int_equal(pp_device_prove(&host, &device, &options, &proofs, &error), -ERANGE);
	assert_null(proofs);
}

static void test_no_group(void **state)
{
	struct pp_host host = {0};
	struct pp_device device = {.name = "0000:00:05.0", .group = -1};
	struct pp_proof_options options = {0};
	struct pp_proofs *proofs = NULL;
	struct pp_error error = {0};

	assert_int_equal(pp_device_prove(&host, &device, &options, &proofs, &error), -ENODEV);
	assert_int_equal(pp_device_prove(&host, &device, &options, &proofs, NULL), -ENODEV);
	assert_null(proofs);
	pp_proofs_free(NULL);
}

/* A group that is on no machine: one line says why nothing more is tried; and one which of VFIO's
 * interfaces it was. */
static void test_group_not_there(void **state)
{
	static const struct pp_kernel newer = {.iommufd_node = true};
	const char *const says[] = {"the kernel has none", "only groups are tried"};
	struct pp_host host = {0};
	struct pp_device device = {.name = "0000:00:05.0", .group = 99999999};
	struct pp_proof_options options = {.memory = 1};
	struct pp_proofs *proofs = NULL;

	for (size_t i = 0; i < 2; i++) {
		host.kernel = i ? &newer : NULL;
		assert_int_equal(pp_device_prove(&host, &device, &options, &proofs, NULL), 0);
		assert_int_equal(proofs->n_items, 2);
		assert_string_equal(proofs->items[0].id, "iommufd");
		assert_int_equal(proofs->items[0].state, PP_NOT_APPLICABLE);
		assert_non_null(strstr(proofs->items[0].text, says[i]));
		assert_string_equal(proofs->items[1].id, "group-open");
		assert_int_equal(proofs->items[1].state, PP_NOT_PROVEN);
		assert_non_null(proofs->items[1].finding);
		pp_proofs_free(proofs);
	}
}

static void test_map_findings(void **state)
{
	struct pp_host host = {.caller = &few};
	struct pp_trial trial = {.host = &host, .options = {.memory = 1 << 20}};

	assert_string_equal(pp_map_finding(&trial, -ENOMEM), "memlock");
	host.caller = &any;
	assert_string_equal(pp_map_finding(&trial, -ENOMEM), "memory-short");
	assert_string_equal(pp_map_finding(&trial, -EINVAL), "guest-address-width");
	assert_string_equal(pp_map_finding(&trial, -ENOSPC), "dma-entry-limit");
	assert_null(pp_map_finding(&trial, -EIO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_too_much),
		cmocka_unit_test(test_no_group),
		cmocka_unit_test(test_group_not_there),
		cmocka_unit_test(test_map_findings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
