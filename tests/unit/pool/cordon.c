/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of devices that are not given away: kept, changed, damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "pool/cordon.h"
#include "pool/host.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[] = "/tmp/pcipass-cordon-XXXXXX";
#define RECORD "var/lib/pcipass/pools/cordons.json"

static int setup(void **state)
{
	struct pp_context *context = NULL;
	char path[64];
	strcpy(root + strlen(root) - 6, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/sys", root);
	mkdir(path, 0755);
	int r = pp_context_open(root, &context, NULL);
	*state = context;
	return r;
}

static int teardown(void **state)
{
	pp_context_close(*state);
	return pp_file_remove_tree(AT_FDCWD, root);
}

static struct pp_cordon cordon(const char *name, bool quarantine, const char *reason)
{
	struct pp_cordon item = {.name = name,
		.vendor = 0x1b36,
		.product = 0x10,
		.quarantine = quarantine,
		.reason = reason,
		.when = 5};
	assert_int_equal(pp_address_parse(name, &item.address), 0);
	return item;
}

static bool add(struct pp_context *context, const char *name, bool quarantine, const char *reason)
{
	struct pp_cordon item = cordon(name, quarantine, reason);
	struct pp_error error = {0};
	bool changed = false;
	if (pp_cordon_add(context, &item, &changed, &error) < 0)
		fail_msg("%s", error.text);
	return changed;
}

static void test_kept(void **state)
{
	struct pp_context *context = *state;
	struct pp_cordons *cordons = NULL;
	bool changed = true;
	struct pp_cordon other = cordon("0000:02:00.0", false, "");
	assert_int_equal(pp_cordons_load(context, &cordons, NULL), 0);
	assert_int_equal(cordons->n_items, 0);
	pp_cordons_free(cordons);

	assert_true(add(context, "0000:02:00.0", false, "fan is loud, \"hot\""));
	assert_true(add(context, "0000:01:00.0", true, "reset failed"));
	assert_false(add(context, "0000:01:00.0", true, "reset failed"));
	assert_true(add(context, "0000:03:00.0", false, "x"));
	assert_true(add(context, "0000:01:00.0", false, "a person's words"));

	assert_int_equal(pp_cordons_load(context, &cordons, NULL), 0);
	assert_int_equal(cordons->n_items, 3);
	assert_string_equal(cordons->items[0].name, "0000:01:00.0");
	assert_true(cordons->items[0].quarantine); /* a cordon does not make it less */
	assert_string_equal(cordons->items[1].reason, "fan is loud, \"hot\"");
	assert_int_equal(cordons->items[1].when, 5);
	assert_non_null(pp_cordons_find(cordons, &other.address, 0x1b36, 0x10));
	/* Another device at the address is not meant. */
	assert_null(pp_cordons_find(cordons, &other.address, 0x1b36, 0x11));
	pp_cordons_free(cordons);

	assert_int_equal(pp_cordon_remove(context, &other.address, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(pp_cordon_remove(context, &other.address, &changed, NULL), 0);
	assert_false(changed);
	assert_int_equal(pp_cordons_load(context, &cordons, NULL), 0);
	assert_int_equal(cordons->n_items, 2);
	pp_cordons_free(cordons);
}

/* Many at once: none is lost. */
static void test_together(void **state)
{
	struct pp_context *context = *state;
	struct pp_cordons *cordons = NULL;
	char name[32];
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			for (int j = 0; j < 4; j++) {
				snprintf(name, sizeof(name), "0000:%02x:%02x.0", i + 1, j);
				add(context, name, false, "x");
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	assert_int_equal(pp_cordons_load(context, &cordons, NULL), 0);
	assert_int_equal(cordons->n_items, 32);
	pp_cordons_free(cordons);
}

static void test_damaged(void **state)
{
	struct pp_context *context = *state;
	static const char *const texts[] = {"{", "[]", "{}", "{\"devices\": 1}",
		"{\"devices\": [1]}", "{\"devices\": [{}]}",
		"{\"devices\": [{\"address\": \"01:00.0\", \"id\": \"1b36\", \"quarantine\": true, "
		"\"reason\": \"x\", \"when\": 1}]}"};
	struct pp_cordons *cordons = NULL;
	bool changed = false;
	struct pp_cordon item = cordon("0000:02:00.0", false, "x");
	add(context, "0000:01:00.0", true, "x");
	int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < PP_COUNT(texts); i++) {
		struct pp_error error = {0};
		assert_int_equal(
			pp_file_replace(folder, RECORD, texts[i], strlen(texts[i]), 0600), 0);
		assert_true(pp_cordons_load(context, &cordons, &error) < 0);
		assert_non_null(strstr(error.text, "cordons.json"));
		assert_true(error.remedy[0]);
		/* Nothing is written over what was not understood. */
		assert_true(pp_cordon_add(context, &item, &changed, &error) < 0);
		assert_true(pp_cordon_remove(context, &item.address, &changed, &error) < 0);
		PP_FREE char *text = NULL;
		size_t length;
		assert_int_equal(pp_file_read(folder, RECORD, 4096, &text, &length), 0);
		assert_string_equal(text, texts[i]);
	}
	close(folder);
	assert_null(cordons);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_together, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
