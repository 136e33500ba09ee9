/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host-setup killed before each of its writes, and with a disk that is full at each: a loader's
 * file is whole, old or new, and everything comes back. Programs are played: they make one file of
 * others, as generators do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/setup.h"
#include "lib/apply/setuprecord.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char old_grub[] = "A=1\nGRUB_CMDLINE_LINUX=\"iommu=off\"\n";
static const char new_grub[] = "A=1\nGRUB_CMDLINE_LINUX=\"\"\n";
static const char dropin[] = PP_SETUP_MARK "GRUB_CMDLINE_LINUX=\"intel_iommu=on\"\n";
static const char *const add[] = {"intel_iommu=on", NULL}, *const remove_[] = {"iommu=off", NULL};
static const char *const none[] = {NULL};
static const char *const refresh[] = {"/usr/sbin/update-grub", NULL};
static const char *const set[] = {"/usr/sbin/setsebool", "on", NULL};
static const char *const unset[] = {"/usr/sbin/setsebool", "off", NULL};
static const struct pp_setup_step steps[] = {
	{.kind = PP_SETUP_FILE,
		.subject = "/etc/default/grub",
		.from = old_grub,
		.to = new_grub,
		.format = "grub",
		.add = none,
		.remove = remove_},
	{.kind = PP_SETUP_FILE, .subject = "/etc/default/grub.d/zz.cfg", .to = dropin},
	{.kind = PP_SETUP_COMMAND, .subject = "update-grub", .argv = refresh, .refresh = true},
	{.kind = PP_SETUP_COMMAND, .subject = "setsebool", .argv = set, .undo = unset},
	{.kind = PP_SETUP_VALUE, .subject = "/sys/module/x/parameters/y", .from = "N", .to = "Y"},
};
static const struct pp_setup setup = {.loader = "GRUB",
	.steps = steps,
	.n_steps = PP_COUNT(steps),
	.add = add,
	.remove = remove_};

struct machine {
	char root[64];
	struct pp_context *context;
	struct pp_effects effects;
	struct pp_setup_hands hands;
	bool fail_refresh;
};

static void path_of(const struct machine *machine, const char *path, char full[256])
{
	snprintf(full, 256, "%s%s", machine->root, path);
}

static void put(const struct machine *machine, const char *path, const char *text)
{
	char full[256], folder[256];
	path_of(machine, path, full);
	snprintf(folder, sizeof(folder), "%s", full);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, folder, 0755), 0);
	assert_int_equal(pp_file_replace(AT_FDCWD, full, text, strlen(text), 0640), 0);
}

/* "-" where it is not there; the caller frees. */
static char *get(const struct machine *machine, const char *path)
{
	char full[256], *text;
	size_t length;
	path_of(machine, path, full);
	return pp_file_read(AT_FDCWD, full, 1 << 20, &text, &length) < 0 ? strdup("-") : text;
}

static bool has(const struct machine *machine, const char *path, const char *wanted)
{
	PP_FREE char *text = get(machine, path);
	return strcmp(text, wanted) == 0;
}

/* The generator writes both files into grub.cfg, the switch its word. */
static int play(const char *const *argv, void *data, struct pp_error *error)
{
	struct machine *machine = data;
	if (strstr(argv[0], "setsebool")) {
		put(machine, "/boolean", argv[1]);
		return 0;
	}
	if (machine->fail_refresh)
		return pp_error_set(error, PP_STATUS_FAILED, -EIO, "update-grub failed");
	PP_FREE char *a = get(machine, "/etc/default/grub");
	PP_FREE char *b = get(machine, "/etc/default/grub.d/zz.cfg");
	char text[512];
	snprintf(text, sizeof(text), "%s%s", a, b);
	put(machine, "/boot/grub/grub.cfg", text);
	return 0;
}

static void machine_open(struct machine *machine)
{
	*machine = (struct machine){0};
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(machine->root, sizeof(machine->root), "%s/pcipass-test-XXXXXX", base);
	assert_non_null(mkdtemp(machine->root));
	put(machine, "/etc/default/grub", old_grub);
	put(machine, "/sys/module/x/parameters/y", "N");
	put(machine, "/boolean", "off");
	assert_int_equal(pp_context_open(machine->root, &machine->context, NULL), 0);
	assert_int_equal(pp_effects_init(&machine->effects, machine->context, NULL, NULL), 0);
	machine->hands =
		(struct pp_setup_hands){.effects = &machine->effects, .run = play, .data = machine};
	play(refresh, machine, NULL);
}

static void machine_close(struct machine *machine)
{
	pp_context_close(machine->context);
	pp_file_remove_tree(AT_FDCWD, machine->root);
}

static void machine_is_old(const struct machine *machine)
{
	char full[256];
	struct stat st;
	assert_true(has(machine, "/etc/default/grub", old_grub));
	assert_true(has(machine, "/etc/default/grub.d/zz.cfg", "-"));
	assert_true(has(machine, "/sys/module/x/parameters/y", "N"));
	assert_true(has(machine, "/boolean", "off"));
	assert_true(has(machine, "/var/lib/pcipass/setup.json", "-"));
	path_of(machine, "/etc/default/grub.d", full);
	assert_int_equal(access(full, F_OK), -1);
	path_of(machine, "/etc/default/grub", full);
	assert_int_equal(stat(full, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	PP_FREE char *generated = get(machine, "/boot/grub/grub.cfg");
	assert_non_null(strstr(generated, "iommu=off"));
	assert_null(strstr(generated, "intel_iommu=on"));
}

static void machine_is_new(const struct machine *machine)
{
	assert_true(has(machine, "/etc/default/grub", new_grub));
	assert_true(has(machine, "/etc/default/grub.d/zz.cfg", dropin));
	assert_true(has(machine, "/sys/module/x/parameters/y", "Y"));
	assert_true(has(machine, "/boolean", "on"));
	PP_FREE char *generated = get(machine, "/boot/grub/grub.cfg");
	assert_null(strstr(generated, "iommu=off"));
	assert_non_null(strstr(generated, "intel_iommu=on"));
}

/* Whatever happened, each file is the one or the other. */
static void machine_is_whole(const struct machine *machine)
{
	assert_true(has(machine, "/etc/default/grub", old_grub) ||
		    has(machine, "/etc/default/grub", new_grub));
	assert_true(has(machine, "/etc/default/grub.d/zz.cfg", "-") ||
		    has(machine, "/etc/default/grub.d/zz.cfg", dropin));
}

static int apply(struct machine *machine)
{
	struct pp_error error = {0};
	bool changed;
	return pp_setup_apply_on(&machine->hands, &setup, &changed, &error);
}

static int undo(struct machine *machine)
{
	struct pp_error error = {0};
	bool changed;
	return pp_setup_undo_on(&machine->hands, &changed, &error);
}

static int recover(struct machine *machine)
{
	struct pp_error error = {0};
	bool changed = false;
	machine->effects.fault = (struct pp_fault){0};
	return pp_setup_recover_on(&machine->hands, &changed, &error);
}

static unsigned count_effects(int (*work)(struct machine *), bool first)
{
	struct machine machine;
	machine_open(&machine);
	if (first)
		assert_int_equal(apply(&machine), 0);
	machine.effects.count = 0;
	assert_int_equal(work(&machine), 0);
	unsigned count = machine.effects.count;
	machine_close(&machine);
	return count;
}

static void test_there_and_back(void **state)
{
	struct machine machine;
	struct pp_setup_state look = {0};
	machine_open(&machine);
	assert_int_equal(apply(&machine), 0);
	machine_is_new(&machine);
	assert_int_equal(pp_setup_look(machine.context, &look), 0);
	assert_true(look.any && !look.unfinished);
	assert_string_equal(look.text,
		"change /etc/default/grub\nwrite /etc/default/grub.d/zz.cfg\nrun update-grub\n"
		"run setsebool\n/sys/module/x/parameters/y: N -> Y");
	free(look.text);
	assert_int_equal(undo(&machine), 0);
	machine_is_old(&machine);
	assert_int_equal(undo(&machine), 0);
	machine_close(&machine);
}

/* What was shown is not what is there any more. */
static void test_changed_meanwhile(void **state)
{
	struct machine machine;
	machine_open(&machine);
	put(&machine, "/etc/default/grub", "A=2\n");
	assert_int_equal(apply(&machine), -EBUSY);
	assert_true(has(&machine, "/etc/default/grub", "A=2\n"));
	assert_true(has(&machine, "/etc/default/grub.d/zz.cfg", "-"));
	machine_close(&machine);
}

static void test_generator_fails(void **state)
{
	struct machine machine;
	machine_open(&machine);
	machine.fail_refresh = true;
	assert_int_equal(apply(&machine), -EIO);
	assert_true(has(&machine, "/etc/default/grub", old_grub));
	machine.fail_refresh = false;
	assert_int_equal(recover(&machine), 0);
	machine_is_old(&machine);
	machine_close(&machine);
}

/* Each write fails once, as on a full disk: all is as before, at the latest after `recover`. */
static void test_full_disk(void **state)
{
	unsigned count = count_effects(apply, false);
	assert_in_range(count, 7, 20);
	for (unsigned at = 1; at <= count; at++) {
		struct machine machine;
		machine_open(&machine);
		machine.effects.count = 0;
		machine.effects.fault =
			(struct pp_fault){.kind = PP_FAULT_FAIL, .at = at, .error = -ENOSPC};
		assert_int_equal(apply(&machine), -ENOSPC);
		machine_is_whole(&machine);
		assert_int_equal(recover(&machine), 0);
		machine_is_old(&machine);
		machine_close(&machine);
	}
}

/* And stays full: nothing is half, and it comes back when there is room. */
static void test_disk_stays_full(void **state)
{
	unsigned count = count_effects(apply, false);
	for (unsigned at = 1; at <= count; at++) {
		struct machine machine;
		machine_open(&machine);
		machine.effects.count = 0;
		machine.effects.fault = (struct pp_fault){
			.kind = PP_FAULT_FAIL, .at = at, .count = 1000, .error = -ENOSPC};
		assert_int_equal(apply(&machine), -ENOSPC);
		machine_is_whole(&machine);
		assert_int_equal(recover(&machine), 0);
		machine_is_old(&machine);
		machine_close(&machine);
	}
}

static void die_in(struct machine *machine, int (*work)(struct machine *), unsigned at)
{
	int status;
	machine->effects.count = 0;
	machine->effects.fault = (struct pp_fault){.kind = PP_FAULT_DIE, .at = at};
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(work(machine) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	machine->effects.fault = (struct pp_fault){0};
}

/* Killed before each write, and the recovery before each of its own. */
static void test_killed(void **state)
{
	unsigned count = count_effects(apply, false);
	for (unsigned at = 1; at <= count; at++)
		for (unsigned again = 1; again <= count + 2; again++) {
			struct machine machine;
			machine_open(&machine);
			die_in(&machine, apply, at);
			machine_is_whole(&machine);
			machine.effects.fault = (struct pp_fault){0};
			die_in(&machine, recover, again);
			machine_is_whole(&machine);
			assert_int_equal(recover(&machine), 0);
			machine_is_old(&machine);
			assert_int_equal(apply(&machine), 0);
			machine_is_new(&machine);
			machine_close(&machine);
		}
}

static void test_killed_in_undo(void **state)
{
	unsigned count = count_effects(undo, true);
	for (unsigned at = 1; at <= count; at++) {
		struct machine machine;
		machine_open(&machine);
		assert_int_equal(apply(&machine), 0);
		die_in(&machine, undo, at);
		machine_is_whole(&machine);
		assert_int_equal(undo(&machine), 0);
		machine_is_old(&machine);
		machine_close(&machine);
	}
}

/* A record that is none is said, and nothing is done. */
static void test_bad_record(void **state)
{
	static const char *const texts[] = {"", "{", "{}", "[]", "{\"version\":2,\"steps\":[]}",
		"{\"version\":1,\"steps\":[{}]}",
		"{\"version\":1,\"steps\":[{\"kind\":\"file\",\"subject\":\"etc/passwd\"}]}",
		"{\"version\":1,\"steps\":[{\"kind\":\"file\",\"subject\":\"/a/../../etc\"}]}",
		"{\"version\":1,\"steps\":[{\"kind\":\"command\",\"subject\":\"x\",\"argv\":[\"x\"]"
		"}"
		"]}"};
	for (size_t i = 0; i < PP_COUNT(texts); i++) {
		struct machine machine;
		machine_open(&machine);
		put(&machine, "/var/lib/pcipass/setup.json", texts[i]);
		assert_true(undo(&machine) < 0);
		assert_true(apply(&machine) < 0);
		assert_true(has(&machine, "/etc/default/grub", old_grub));
		machine_close(&machine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_changed_meanwhile),
		cmocka_unit_test(test_generator_fails),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_disk_stays_full),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_in_undo),
		cmocka_unit_test(test_bad_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
