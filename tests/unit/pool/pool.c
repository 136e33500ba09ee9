/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool file: what it says, and each way in which it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "pool/pool.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEVICE "{\"address\": \"0000:01:00.0\", \"id\": \"1b36:0010\"}"
#define POOL(resource, units) "{\"resource\": \"" resource "\", \"units\": [" units "]}"
#define POOLS(pools) "{\"pools\": [" pools "]}"

static struct pp_pools *parse(const char *text)
{
	struct pp_error error = {0};
	struct pp_pools *pools = NULL;
	if (pp_pools_parse(text, strlen(text), "pools.json", &pools, &error) < 0)
		fail_msg("%s", error.text);
	return pools;
}

static void refused(const char *text, const char *words)
{
	struct pp_error error = {0};
	struct pp_pools *pools = NULL;
	assert_true(pp_pools_parse(text, strlen(text), "pools.json", &pools, &error) < 0);
	assert_null(pools);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	if (!strstr(error.text, words) || !strstr(error.text, "pools.json"))
		fail_msg("%s\n  says: %s\n  not: %s", text, error.text, words);
}

static void test_whole(void **state)
{
	(void)state;
	struct pp_pools *pools = parse(
		"{\"pools\": [{\"resource\": \"example.com/GPU.a_b-c\", \"cdi\": true, \"units\": ["
		"{\"address\": \"01:00.0\", \"id\": \"10de:1eb8\", \"subsystem\": \"10de:12a2\","
		" \"serial\": \"0x48b02dffff3c6d00\"},"
		"{\"bundle\": [{\"address\": \"0001:02:1f.7\", \"id\": \"10de:1eb8\"},"
		"{\"address\": \"03:00.0\", \"id\": \"15b3:1021\"}],"
		" \"prepare\": [\"/bin/a\", \"b\"], \"release\": [\"/bin/c\"], \"deadline\": 7,"
		" \"reset\": \"none\"}]}, " POOL("example.com/nvme",
			"{\"address\": \"04:00.0\", \"id\": \"1b36:0010\"}") "]}");
	assert_int_equal(pools->n_items, 2);
	const struct pp_pool *pool = &pools->items[0];
	assert_string_equal(pool->variable, "PCI_RESOURCE_EXAMPLE_COM_GPU_A_B-C");
	assert_true(pool->cdi);
	assert_int_equal(pool->n_units, 2);
	const struct pp_pool_device *device = &pool->units[0].devices[0];
	assert_string_equal(device->name, "0000:01:00.0");
	assert_int_equal(device->identity.vendor, 0x10de);
	assert_int_equal(device->identity.product, 0x1eb8);
	assert_int_equal(device->identity.subproduct, 0x12a2);
	assert_true(device->identity.serial == 0x48b02dffff3c6d00);
	assert_false(pool->units[0].no_reset);
	assert_int_equal(pool->units[0].deadline_ms, 20000);
	const struct pp_pool_unit *bundle = &pool->units[1];
	assert_int_equal(bundle->n_devices, 2);
	assert_string_equal(bundle->devices[0].name, "0001:02:1f.7");
	assert_false(bundle->devices[0].identity.has_subsystem);
	assert_string_equal(bundle->prepare[1], "b");
	assert_null(bundle->prepare[2]);
	assert_string_equal(bundle->release[0], "/bin/c");
	assert_int_equal(bundle->deadline_ms, 7000);
	assert_true(bundle->no_reset);
	pp_pools_free(pools);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", ""},
		{"{", ""},
		{"[]", "no object"},
		{"{}", "'pools'"},
		{"{\"pools\": []}", "'pools'"},
		{"{\"pools\": 5}", "'pools'"},
		{"{\"pool\": []}", "did you mean pools"},
		{POOLS("5"), "pools[0]"},
		{POOLS("{}"), "'resource'"},
		{POOLS("{\"resource\": 7}"), "'resource'"},
		{POOLS("{\"resource\": \"a.b/c\"}"), "'units'"},
		{POOLS("{\"resource\": \"a.b/c\", \"units\": [], \"cdi\": false}"), "'units'"},
		{POOLS("{\"resource\": \"a.b/c\", \"units\": [{}], \"cdi\": 1}"), "'cdi'"},
		{POOLS("{\"resource\": \"a.b/c\", \"unit\": []}"), "did you mean units"},
		{POOLS(POOL("a.b/c", "{}")), "pools[0].units[0]: there is no 'address'"},
		{POOLS(POOL("a.b/c", "{\"address\": \"x\"}")), "'x' is no address"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\"}")), "no 'id'"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36\"}")), "'1b36'"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:00100\"}")),
			"no id"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:00g0\"}")),
			"no id"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:0010\", "
				     "\"serial\": \"0\"}")),
			"serial"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:0010\", "
				     "\"reset\": \"maybe\"}")),
			"'maybe'"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:0010\", "
				     "\"deadline\": 0}")),
			"'deadline'"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:0010\", "
				     "\"prepare\": [\"sh\"]}")),
			"absolute"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:0010\", "
				     "\"release\": []}")),
			"'release'"},
		{POOLS(POOL("a.b/c", "{\"address\": \"01:00.0\", \"id\": \"1b36:0010\", "
				     "\"release\": [1]}")),
			"'release'"},
		{POOLS(POOL("a.b/c", "{\"adress\": \"01:00.0\"}")), "did you mean address"},
		{POOLS(POOL("a.b/c", "{\"bundle\": []}")), "'bundle'"},
		{POOLS(POOL("a.b/c", "{\"id\": \"1b36:0010\", \"bundle\": [" DEVICE "]}")),
			"beside 'bundle'"},
		{POOLS(POOL("a.b/c", "{\"bundle\": [{\"prepare\": []}]}")),
			"pools[0].units[0].bundle[0]"},
		{POOLS(POOL("a.b/c", DEVICE "," DEVICE)), "0000:01:00.0 is listed twice"},
		{POOLS(POOL("a.b/c", DEVICE) "," POOL("a.b/d", DEVICE)), "listed twice"},
		{POOLS(POOL("a.b/c", "{\"bundle\": [" DEVICE "," DEVICE "]}")), "listed twice"},
		{POOLS(POOL("a.b/c", DEVICE) "," POOL("a.b/c", "{\"address\": \"02:00.0\", "
							       "\"id\": \"1b36:0010\"}")),
			"is there twice"},
		{POOLS(POOL("a.b/c_d", DEVICE) "," POOL("a.b/c.d", "{\"address\": \"02:00.0\", "
								   "\"id\": \"1b36:0010\"}")),
			"PCI_RESOURCE_A_B_C_D"},
		{POOLS(POOL("a.b/nvme", DEVICE) "," POOL("a.b/NVME", "{\"address\": \"02:00.0\", "
								     "\"id\": \"1b36:0010\"}")),
			"could not tell"},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++)
		refused(cases[i].text, cases[i].words);
}

static void test_resource(void **state)
{
	(void)state;
	static const char *const right[] = {"pcipass.dev/gpu", "a/b", "pcipass.dev/GPU_A",
		"x-1.example.com/a.b-c_D", "mykubernetes.io/x"};
	static const char *const wrong[] = {"", "pcipass", "gpu/", "/gpu", "kubernetes.io/x",
		"node.kubernetes.io/x", "pcipass.dev/0000:01:00.0", "Pcipass.dev/x", "a..b/c",
		"-a/b", "a-/b", "a/b/c", "a/-b", "a/b-", "requests.x/y", "a/\xc3\xa4",
		"a/"
		"0123456789012345678901234567890123456789012345678901234567890123"};
	for (size_t i = 0; i < PP_COUNT(right); i++)
		if (pp_resource_fault(right[i]))
			fail_msg("%s: %s", right[i], pp_resource_fault(right[i]));
	for (size_t i = 0; i < PP_COUNT(wrong); i++)
		if (!pp_resource_fault(wrong[i]))
			fail_msg("%s is taken", wrong[i]);
}

/* Every cut of a right file is refused, and nothing is lost. */
static void test_cut(void **state)
{
	(void)state;
	static const char text[] = POOLS(POOL("a.b/c", DEVICE));
	for (size_t length = 0; length + 1 < sizeof(text) - 1; length++) {
		struct pp_pools *pools = NULL;
		struct pp_error error = {0};
		assert_true(pp_pools_parse(text, length, "f", &pools, &error) < 0);
		assert_true(error.text[0]);
	}
}

static void test_file(void **state)
{
	(void)state;
	static const char text[] = POOLS(POOL("a.b/c", DEVICE));
	char path[] = "/tmp/pcipass-pool-XXXXXX";
	struct pp_error error = {0};
	struct pp_pools *pools = NULL;
	int fd = mkostemp(path, O_CLOEXEC);
	assert_int_equal(pp_file_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(pp_pools_load(path, &pools, &error), 0);
	pp_pools_free(pools);
	pools = NULL;
	fchmod(fd, 0666);
	assert_int_equal(pp_pools_load(path, &pools, &error), -EPERM);
	assert_non_null(strstr(error.remedy, "chmod"));
	close(fd);
	unlink(path);
	assert_int_equal(pp_pools_load(path, &pools, &error), -ENOENT);
	assert_int_equal(pp_pools_load("/dev/null", &pools, &error), -EINVAL);
	assert_null(pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_resource),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
