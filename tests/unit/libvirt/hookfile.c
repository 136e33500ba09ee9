/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hook's file: on and off leaves what was there byte for byte; and what the script itself does
 * when pcipass fails. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/context.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define HOOK "/etc/libvirt/hooks/qemu.d/pcipass"

struct machine {
	char root[64];
	struct pp_context *context;
};

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	char path[128];
	strcpy(machine->root, "/tmp/pcipass-hook-XXXXXX");
	assert_non_null(mkdtemp(machine->root));
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", machine->root);
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, path, 0755), 0);
	assert_int_equal(pp_context_open(machine->root, &machine->context, NULL), 0);
	*state = machine;
	return 0;
}

static int teardown(void **state)
{
	struct machine *machine = *state;
	pp_context_close(machine->context);
	pp_file_remove_tree(AT_FDCWD, machine->root);
	free(machine);
	return 0;
}

static void put(const struct machine *machine, const char *path, const char *text, mode_t mode)
{
	PP_FREE char *full = NULL, *folder = NULL;
	assert_true(asprintf(&full, "%s%s", machine->root, path) > 0);
	folder = strdup(full);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, folder, 0755), 0);
	assert_int_equal(pp_file_replace(AT_FDCWD, full, text, strlen(text), mode), 0);
}

/* Everything below etc: names, modes, contents. */
static char *snapshot(const struct machine *machine)
{
	char command[256], *text = NULL;
	snprintf(command, sizeof(command),
		"cd %s && find . -path ./sys -prune -o -printf '%%p %%y %%m\\n' | sort; "
		"find %s/etc -type f 2>/dev/null | sort | xargs -r sha256sum",
		machine->root, machine->root);
	FILE *pipe = popen(command, "re");
	size_t length;
	assert_int_equal(pp_file_read_fd(fileno(pipe), 1 << 20, &text, &length), 0);
	pclose(pipe);
	return text;
}

static void enable(const struct machine *machine, const char *program, bool wanted)
{
	bool changed = !wanted;
	struct pp_error error = {0};
	if (pp_libvirt_hook_enable(machine->context, program, &changed, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(changed, wanted);
}

static enum pp_libvirt_hook_state state_of(const struct machine *machine)
{
	struct pp_libvirt_hook_info info;
	assert_int_equal(pp_libvirt_hook_info(machine->context, &info, NULL), 0);
	return info.state;
}

static void on_and_off(const struct machine *machine)
{
	PP_FREE char *before = snapshot(machine);
	bool changed;
	assert_int_equal(state_of(machine), PP_HOOK_OFF);
	assert_int_equal(pp_libvirt_hook_disable(machine->context, &changed, NULL), 0);
	assert_false(changed);
	enable(machine, "/usr/bin/pcipass", true);
	assert_int_equal(state_of(machine), PP_HOOK_ON);
	enable(machine, "/usr/bin/pcipass", false);
	enable(machine, "/opt/pcipass", true); /* another program: the folders are remembered */
	assert_int_equal(pp_libvirt_hook_disable(machine->context, &changed, NULL), 0);
	assert_true(changed);
	PP_FREE char *after = snapshot(machine);
	assert_string_equal(before, after);
}

static void test_nothing_there(void **state)
{
	on_and_off(*state);
}

static void test_others_there(void **state)
{
	struct machine *machine = *state;
	put(machine, "/etc/libvirt/hooks/qemu", "#!/bin/sh\nexit 0\n", 0755);
	on_and_off(machine);
	put(machine, "/etc/libvirt/hooks/qemu.d/10-vfio", "#!/bin/sh\n", 0700);
	put(machine, "/etc/libvirt/hooks/qemu.d/zz", "x", 0644);
	on_and_off(machine);
}

/* What came into our folder meanwhile stays. */
static void test_joined(void **state)
{
	struct machine *machine = *state;
	bool changed;
	enable(machine, "/usr/bin/pcipass", true);
	put(machine, "/etc/libvirt/hooks/qemu.d/other", "x", 0755);
	assert_int_equal(pp_libvirt_hook_disable(machine->context, &changed, NULL), 0);
	PP_FREE char *after = snapshot(machine);
	assert_non_null(strstr(after, "/qemu.d/other"));
	assert_null(strstr(after, "/qemu.d/pcipass"));
}

static void test_foreign(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed;
	put(machine, HOOK, "#!/bin/sh\n# mine\n", 0755);
	PP_FREE char *before = snapshot(machine);
	assert_int_equal(state_of(machine), PP_HOOK_FOREIGN);
	assert_true(
		pp_libvirt_hook_enable(machine->context, "/usr/bin/pcipass", &changed, &error) < 0);
	assert_non_null(strstr(error.text, "not written by pcipass"));
	assert_true(pp_libvirt_hook_disable(machine->context, &changed, &error) < 0);
	PP_FREE char *after = snapshot(machine);
	assert_string_equal(before, after);
}

static void test_changed_by_hand(void **state)
{
	struct machine *machine = *state;
	PP_FREE char *path = NULL, *text = NULL;
	enable(machine, "/usr/bin/pcipass", true);
	assert_true(asprintf(&path, "%s" HOOK, machine->root) > 0);
	assert_int_equal(pp_file_read(AT_FDCWD, path, 1 << 16, &text, NULL), 0);
	PP_BUFFER struct pp_buffer more = PP_BUFFER_INIT;
	pp_buffer_printf(&more, "%s# more\n", text);
	put(machine, HOOK, pp_buffer_text(&more), 0755);
	assert_int_equal(state_of(machine), PP_HOOK_CHANGED);
	enable(machine, "/usr/bin/pcipass", true);
	assert_int_equal(state_of(machine), PP_HOOK_ON);
}

static void test_paths(void **state)
{
	static const char *const bad[] = {"pcipass", "", "/a'b/pcipass", "/a\nb"};
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed;
	for (size_t i = 0; i < PP_COUNT(bad); i++)
		assert_true(pp_libvirt_hook_enable(machine->context, bad[i], &changed, &error) < 0);
	assert_int_equal(state_of(machine), PP_HOOK_OFF);
}

/* ---- the script ---- */

#define DEVICE "<domain><name>g</name><hostdev mode='subsystem' type='pci'/></domain>"
#define NONE "<domain><name>g</name></domain>"

/* The script's exit status and what it says, with a program in the place of pcipass. */
static int run(struct machine *machine, const char *program, const char *arguments, const char *xml,
	char **ret_text)
{
	PP_FREE char *path = NULL, *command = NULL, *input = NULL, *body = NULL;
	bool changed;
	size_t length;
	assert_true(asprintf(&path, "%s/usr/pcipass", machine->root) > 0);
	unlink(path);
	assert_true(asprintf(&body, "#!/bin/sh\n%s\n", program ? program : "") > 0);
	if (program)
		put(machine, "/usr/pcipass", body, 0755);
	assert_int_equal(pp_libvirt_hook_enable(machine->context, path, &changed, NULL), 0);
	put(machine, "/input", xml ? xml : "", 0644);
	assert_true(asprintf(&command, "%s" HOOK " %s 2>&1 %s%s%s", machine->root, arguments,
			    xml ? "<" : "<&-", xml ? machine->root : "", xml ? "/input" : "") > 0);
	FILE *pipe = popen(command, "re");
	assert_int_equal(pp_file_read_fd(fileno(pipe), 1 << 20, ret_text, &length), 0);
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_script(void **state)
{
	static const struct {
		const char *program, *arguments, *xml;
		int status;
		const char *says; /* "" nothing at all */
	} cases[] = {
		/* pcipass's own answers go on as they are */
		{"cat >/dev/null; exit 0", "g prepare begin -", DEVICE, 0, ""},
		{"echo no >&2; exit 3", "g prepare begin -", DEVICE, 3, "no"},
		{"echo used >&2; exit 4", "g prepare begin -", DEVICE, 4, "used"},
		{"echo to stdout; exit 0", "g prepare begin -", DEVICE, 0, ""},
		{"grep -q hostdev && exit 4", "g prepare begin -", DEVICE, 4, ""},
		{"[ \"$1 $2 $3 $4 $5\" = 'libvirt-hook run g prepare begin' ] || exit 3",
			"g prepare begin -", DEVICE, 0, ""},
		/* its failures: said, and only in the way of guests with devices */
		{"kill -SEGV $$", "g prepare begin -", DEVICE, 1, "ended with status 139"},
		{"kill -SEGV $$", "g prepare begin -", NONE, 0, ""},
		{"exit 2", "g prepare begin -", DEVICE, 1, "ended with status 2"},
		{NULL, "g prepare begin -", DEVICE, 1, "is not there"},
		{NULL, "g prepare begin -", NONE, 0, ""},
		{NULL, "g release end -", DEVICE, 1, "pcipass recover"},
		{"exit 124", "g prepare begin -", DEVICE, 1, "did not end in time"},
		{"kill -KILL $$", "g release end -", DEVICE, 1, "pcipass recover"},
		/* other devices of the host that QEMU opens by VFIO */
		{"exit 4", "g prepare begin -", "<domain><interface type='hostdev'/></domain>", 4,
			""},
		{"exit 4", "g prepare begin -", "<domain><disk type='nvme'/></domain>", 4, ""},
		/* whatever is not one of the two */
		{"exit 4", "g started begin -", DEVICE, 0, ""},
		{"exit 4", "g migrate begin -", DEVICE, 0, ""},
		{"exit 4", "g prepare end -", DEVICE, 0, ""},
		{"exit 4", "g frobnicate begin -", DEVICE, 0, ""},
		{"exit 4", "", DEVICE, 0, ""},
		/* input that does not say whether there are devices is for pcipass to judge */
		{"exit 1", "g prepare begin -", "", 1, ""},
		{"exit 1", "g prepare begin -", NULL, 1, ""},
		{"exit 1", "g prepare begin -", "<domain><name>g</na", 1, ""},
		{NULL, "g prepare begin -", "", 1, "is not there"},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_FREE char *said = NULL;
		int status = run(*state, cases[i].program, cases[i].arguments, cases[i].xml, &said);
		if (status != cases[i].status)
			fail_msg("case %zu: exit %d: %s", i, status, said);
		if (*cases[i].says ? !strstr(said, cases[i].says) : *said)
			fail_msg("case %zu: said %s", i, said);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_nothing_there), TEST(test_others_there),
		TEST(test_joined), TEST(test_foreign), TEST(test_changed_by_hand), TEST(test_paths),
		TEST(test_script)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
