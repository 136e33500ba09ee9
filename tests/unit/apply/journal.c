/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Journals that were cut, damaged, written by others, or could not be written: read as far as they
 * go, never a crash, and nothing gets worse. */
#include "tests/unit/apply/machine.h"
#include <sys/resource.h>
#include <signal.h>

#define JOURNAL "/run/pcipass/journal/000001"

static int recover(struct machine *machine, struct pp_error *error)
{
	bool changed = false;
	int r = pp_recover(machine->context, NULL, &changed, error);
	return r < 0 ? r : changed;
}

/* A detach of two functions of a slot, one after the other, that died at its Nth effect; its
 * journal, without the ends of lines gone. */
static char *die_at(struct machine *machine, unsigned at, size_t *ret_length)
{
	machine_reset(machine);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct pp_effects effects;
		pp_effects_init(&effects, machine->context, NULL, NULL);
		effects.fault = (struct pp_fault){.kind = PP_FAULT_DIE, .at = at};
		pp_apply_on(&effects, plan_detach(machine, "10", NULL, NULL), NULL, NULL);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), PP_FAULT_EXIT);
	char path[256], *text = NULL;
	snprintf(path, sizeof(path), "%s" JOURNAL, machine->root);
	assert_int_equal(pp_file_read(AT_FDCWD, path, 1 << 20, &text, ret_length), 0);
	return text;
}

/* The same state of the devices again, without the journal. */
static void set_died(struct machine *machine)
{
	static const struct pp_driver_state there = {.driver = "vfio-pci", .override = "vfio-pci"};
	/* the second one, before its probe */
	static const struct pp_driver_state between = {.override = "vfio-pci"};
	struct pp_effects effects;
	machine_reset(machine);
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	assert_int_equal(pp_effects_load(&effects, "vfio-pci", NULL), 0);
	assert_int_equal(pp_driver_move(&effects, fixtures[EHCI].address, &there, NULL), 0);
	assert_int_equal(pp_driver_move(&effects, fixtures[UHCI].address, &between, NULL), 0);
}

static void put_bytes(struct machine *machine, const char *path, const char *data, size_t length)
{
	char full[256];
	put(machine, path, "");
	snprintf(full, sizeof(full), "%s%s", machine->root, path);
	int fd = open(full, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pp_file_write_all(fd, data, length), 0);
	close(fd);
}

#define DIED_AT 15 /* the first device is with vfio-pci, the second without a driver */

static const char *first_state(struct machine *machine)
{
	static char text[1024];
	machine_reset(machine);
	machine_text(machine, text, sizeof(text));
	return text;
}

/* After recovery each device is either where it was before recovery or where it came from. */
static bool got_worse(const char *first, const char *before, const char *after)
{
	char a[1024], b[1024], c[1024], *sa, *sb, *sc;
	snprintf(a, sizeof(a), "%s", first);
	snprintf(b, sizeof(b), "%s", before);
	snprintf(c, sizeof(c), "%s", after);
	char *ta = strtok_r(a, " ", &sa), *tb = strtok_r(b, " ", &sb), *tc = strtok_r(c, " ", &sc);
	for (; ta && tb && tc; ta = strtok_r(NULL, " ", &sa), tb = strtok_r(NULL, " ", &sb),
			       tc = strtok_r(NULL, " ", &sc))
		if (strcmp(tc, ta) != 0 && strcmp(tc, tb) != 0)
			return true;
	return ta || tb || tc;
}

static void recover_damaged(struct machine *machine, const char *first, const char *what, size_t at)
{
	char before[1024], after[1024], again[1024];
	struct pp_error error = {0};
	machine_text(machine, before, sizeof(before));
	int r = recover(machine, &error);
	if (r < 0)
		assert_true(error.text[0] && error.status == PP_STATUS_RECOVER);
	machine_text(machine, after, sizeof(after));
	if (got_worse(first, before, after))
		fail_msg("%s at %zu:\nwas %s\n is %s", what, at, before, after);
	int s = recover(machine, &error);
	machine_text(machine, again, sizeof(again));
	assert_string_equal(after, again);
	assert_true((r < 0) == (s < 0));
	/* What recovery leaves is either nothing, or another version's, and said each time. */
	assert_int_equal(count_unfinished(machine, NULL), r < 0 ? 1 : 0);
}

static void test_cut(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine));
	size_t length;
	unsigned restored = 0;
	char *text = die_at(machine, DIED_AT, &length), now[1024], died[1024];
	machine_text(machine, died, sizeof(died));
	set_died(machine);
	machine_text(machine, now, sizeof(now));
	assert_string_equal(now, died);
	for (size_t at = 0; at <= length; at++) {
		set_died(machine);
		put_bytes(machine, JOURNAL, text, at);
		recover_damaged(machine, first, "cut", at);
		machine_text(machine, now, sizeof(now));
		restored += strcmp(now, first) == 0;
		/* Half of the last line, which is what a crash can leave, is its effect not tried.
		 */
		if (at == length)
			assert_string_equal(now, first);
	}
	assert_true(restored >= 1);
	free(first);
	free(text);
}

static void test_flipped(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine));
	size_t length;
	char *text = die_at(machine, DIED_AT, &length);
	for (size_t at = 0; at < length; at++) {
		static const char bits[] = {0x01, 0x20, (char)0x80};
		char old = text[at];
		set_died(machine);
		text[at] = (char)(old ^ bits[at % sizeof(bits)]);
		put_bytes(machine, JOURNAL, text, length);
		text[at] = old;
		recover_damaged(machine, first, "flipped", at);
	}
	free(first);
	free(text);
}

/* A line in the middle that cannot be read may have been a "try": then all were tried. */
static void test_damaged_line(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine)), now[1024];
	size_t length;
	char *text = die_at(machine, DIED_AT, &length);
	char *line = strstr(text, "try 2\n");
	assert_non_null(line);
	line[0] = 'T';
	put_bytes(machine, JOURNAL, text, length);
	struct pp_error error = {0};
	assert_int_equal(recover(machine, &error), 1);
	machine_text(machine, now, sizeof(now));
	assert_string_equal(now, first);
	free(text);
	free(first);
}

static void test_garbage(void **state)
{
	struct machine *machine = *state;
	static const char *const garbage[] = {"", "\n", "\n\n\n", "hello\n", "pcipass-journal\n",
		"pcipass-journal 0 - 1\n", "pcipass-journal 1\nplan {}\n",
		"pcipass-journal 99999999999999999999 - 1\n",
		"pcipass-journal 1 - 1\nplan {\"verb\":\"v\"\n",
		"pcipass-journal 1 - 1\ntry 1\napplied\n"};
	struct pp_error error = {0};
	for (size_t i = 0; i < PP_COUNT(garbage); i++) {
		machine_remove(machine, "/run");
		put(machine, JOURNAL, garbage[i]);
		assert_int_equal(count_unfinished(machine, NULL), 1);
		/* It is in nobody's way. */
		assert_int_equal(
			machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
		assert_int_equal(recover(machine, &error), 1);
		assert_int_equal(count_unfinished(machine, NULL), 0);
		assert_int_equal(machine_apply(machine, plan_reattach(machine, "1"), &error), 1);
		assert_true(
			pp_tree_exists(machine->context->tree, "/run/pcipass/journal/bad-000001"));
	}
}

static void test_odd_files(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	put(machine, "/run/pcipass/journal/README", "pcipass-journal 1 - 1\n");
	put(machine, "/run/pcipass/journal/.new-1", "pcipass-journal 1 - 1\n");
	put(machine, "/run/pcipass/journal/1", "");
	put(machine, "/run/pcipass/journal/0000001", "");
	assert_int_equal(count_unfinished(machine, NULL), 0);
	assert_int_equal(recover(machine, &error), 0);
	assert_true(pp_tree_exists(machine->context->tree, "/run/pcipass/journal/README"));
	assert_false(pp_tree_exists(machine->context->tree, "/run/pcipass/journal/.new-1"));
	/* A link where a journal should be is not followed. */
	put(machine, "/etc/precious", "precious\n");
	put_link(machine, "/run/pcipass/journal/000007", "../../../etc/precious");
	assert_true(recover(machine, &error) < 0);
	assert_int_equal(error.code, ELOOP);
}

static void replace(struct machine *machine, char *text, const char *old, const char *new)
{
	char *at = strstr(text, old), all[8192];
	assert_non_null(at);
	snprintf(all, sizeof(all), "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
	put(machine, JOURNAL, all);
}

static void test_other_version(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine)), now[1024], before[1024];
	struct pp_error error = {0};
	size_t length;
	/* Understood in full: undone. */
	char *text = die_at(machine, DIED_AT, &length);
	replace(machine, text, "pcipass-journal 1 ", "pcipass-journal 2 ");
	assert_int_equal(recover(machine, &error), 1);
	machine_text(machine, now, sizeof(now));
	assert_string_equal(now, first);
	free(text);

	/* With a word that may mean anything: left alone, said, and its devices are not moved. */
	text = die_at(machine, DIED_AT, &length);
	machine_text(machine, before, sizeof(before));
	replace(machine, text, "pcipass-journal 1 ", "pcipass-journal 2 ");
	free(text);
	char path[256];
	snprintf(path, sizeof(path), "%s" JOURNAL, machine->root);
	FILE *file = fopen(path, "ae");
	fputs("handed-over 1 to-the-moon\n", file);
	fclose(file);
	assert_true(recover(machine, &error) < 0);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	assert_non_null(strstr(error.text, "another version of pcipass (2)"));
	machine_text(machine, now, sizeof(now));
	assert_string_equal(now, before);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "0", NULL, NULL), &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	free(first);
}

static void test_other_boot(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	put(machine, "/proc/sys/kernel/random/boot_id", "11111111-aaaa\n");
	assert_int_equal(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
	assert_int_equal(
		machine_apply(machine, plan_detach(machine, "34", NULL, "guest:a"), &error), 1);
	assert_string_equal(owner_of(machine, NVME), "guest:a");
	put(machine, "/proc/sys/kernel/random/boot_id", "22222222-bbbb\n");
	assert_string_equal(owner_of(machine, NVME), "");
	assert_string_equal(owner_of(machine, EHCI), "");
	assert_int_equal(count_unfinished(machine, NULL), 0);
	assert_int_equal(recover(machine, &error), 0);
	assert_int_equal(count_journals(machine), 0);
	struct pp_driver_state now;
	assert_int_equal(pp_driver_read(machine->context, fixtures[NVME].address, &now), 0);
	assert_string_equal(now.driver, "vfio-pci");
}

/* No room at all, from the Nth byte on: nothing is changed, or all of it. */
static void test_no_room(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine)), now[1024];
	unsigned refused = 0, done = 0;
	for (rlim_t room = 0; room < 900; room += 7) {
		machine_reset(machine);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct rlimit limit = {.rlim_cur = room, .rlim_max = RLIM_INFINITY};
			struct pp_error error = {0};
			struct pp_plan *plan = plan_detach(machine, "14", NULL, NULL);
			signal(SIGXFSZ, SIG_IGN);
			setrlimit(RLIMIT_FSIZE, &limit);
			int r = pp_apply(machine->context, plan, NULL, NULL, &error);
			bool room_error = r == -EFBIG || r == -ENOSPC;
			_exit(r == 0 ? 0 : error.text[0] && room_error ? 1 : 2);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		machine_text(machine, now, sizeof(now));
		assert_int_equal(count_unfinished(machine, NULL), 0);
		if (WEXITSTATUS(status) == 0) {
			done++;
			assert_string_equal(owner_of(machine, EHCI), "host");
			continue;
		}
		refused++;
		assert_string_equal(now, first);
		assert_int_equal(count_journals(machine), 0);
	}
	printf("without room: %u gave up, %u had enough\n", refused, done);
	assert_true(refused > 50 && done > 5);
	free(first);
}

static void test_no_folder(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine)), now[1024];
	struct pp_error error = {0};
	put(machine, "/run/pcipass", "a file\n");
	assert_true(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error) < 0);
	assert_true(error.text[0]);
	machine_text(machine, now, sizeof(now));
	assert_string_equal(now, first);
	machine_remove(machine, "/run");
	put(machine, "/run/pcipass/journal", "a file\n");
	assert_true(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error) < 0);
	machine_text(machine, now, sizeof(now));
	assert_string_equal(now, first);
	free(first);
}

static int stay(struct machine *machine, const char *which, struct pp_error *error)
{
	const struct pp_device *devices[N_FIXTURES];
	PP_CLEANUP(pp_plan_freep) struct pp_plan *plan = plan_detach(machine, which, NULL, NULL);
	size_t n = (size_t)take_devices(machine, which, devices);
	assert_int_equal(plan->n_steps, 0);
	return pp_apply_none(machine->context, plan, devices, n, NULL, error);
}

/* A device is where it should be, but recovery is going to take it back. */
static void test_none(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	size_t length;
	char *text = die_at(machine, DIED_AT, &length);
	assert_int_equal(stay(machine, "1", &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_RECOVER);
	assert_non_null(strstr(error.text, "was interrupted in the middle"));
	assert_int_equal(recover(machine, &error), 1);
	assert_int_equal(machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error), 1);
	assert_int_equal(stay(machine, "1", &error), 0);
	assert_int_equal(count_journals(machine), 1);
	free(text);
}

static void moved(struct machine *machine, struct pp_plan *plan)
{
	struct pp_error error = {0};
	assert_true(machine_apply(machine, plan, &error) >= 0);
}

static bool is_there(const struct machine *machine, const char *number)
{
	char path[64];
	snprintf(path, sizeof(path), "/run/pcipass/journal/%s", number);
	return pp_tree_exists(machine->context->tree, path);
}

/* A number that someone wrote down is never another change's. */
static void test_numbers(void **state)
{
	struct machine *machine = *state;
	static const char *const odd[] = {"", "x", "-3\n", "999999\n", "99999999999\n"};
	char path[256];
	moved(machine, plan_detach(machine, "1", NULL, NULL));
	assert_true(is_there(machine, "000001"));
	moved(machine, plan_reattach(machine, "1"));
	assert_int_equal(count_journals(machine), 0);
	moved(machine, plan_detach(machine, "1", NULL, NULL));
	assert_true(is_there(machine, "000003"));
	moved(machine, plan_detach(machine, "3", NULL, NULL));
	assert_true(is_there(machine, "000004"));
	moved(machine, plan_reattach(machine, "1"));
	moved(machine, plan_reattach(machine, "3"));
	/* Nor is it after a boot; and it is none of what a disk has that cannot be written. */
	snprintf(path, sizeof(path), "%s/run/pcipass/last-change", machine->root);
	assert_int_equal(unlink(path), 0);
	moved(machine, plan_detach(machine, "1", NULL, NULL));
	assert_true(is_there(machine, "000007"));
	snprintf(path, sizeof(path), "%s/var/lib/pcipass/last-change", machine->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	moved(machine, plan_reattach(machine, "1"));
	moved(machine, plan_detach(machine, "1", NULL, NULL));
	assert_true(is_there(machine, "000009"));
	moved(machine, plan_reattach(machine, "1"));
	assert_int_equal(rmdir(path), 0);
	/* Where the file makes no sense, those that are there are counted. */
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		put(machine, "/var/lib/pcipass/last-change", odd[i]);
		put(machine, "/run/pcipass/last-change", odd[i]);
		moved(machine, plan_detach(machine, "1", NULL, NULL));
		assert_true(is_there(machine, "000001"));
		put(machine, "/var/lib/pcipass/last-change", odd[i]);
		put(machine, "/run/pcipass/last-change", odd[i]);
		moved(machine, plan_detach(machine, "3", NULL, NULL));
		assert_true(is_there(machine, "000002"));
		moved(machine, plan_reattach(machine, "1"));
		moved(machine, plan_reattach(machine, "3"));
		assert_int_equal(count_journals(machine), 0);
	}
}

/* The device is back, which is said; and that `recover` has to close the journal, before anything
 * else moves it. */
static void test_not_closed(void **state)
{
	struct machine *machine = *state;
	char *first = strdup(first_state(machine)), now[1024];
	unsigned unclosed = 0;
	for (unsigned at = 1; at <= 30; at++) {
		struct pp_effects effects;
		struct pp_error error = {0};
		bool changed = false;
		machine_reset(machine);
		moved(machine, plan_detach(machine, "1", NULL, NULL));
		struct pp_plan *plan = plan_reattach(machine, "1");
		assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
		effects.fault = (struct pp_fault){.kind = PP_FAULT_FAIL, .at = at, .error = -EROFS};
		int r = pp_apply_on(&effects, plan, &changed, &error);
		pp_plan_free(plan);
		assert_int_equal(changed, r == 0 || strstr(error.text, "is done") != NULL);
		if (r == 0 || !changed)
			continue;
		unclosed++;
		assert_int_equal(r, -EROFS);
		assert_int_equal(error.status, PP_STATUS_RECOVER);
		assert_string_equal(error.id, "unfinished");
		machine_text(machine, now, sizeof(now));
		assert_string_equal(now, first);
		assert_int_equal(count_unfinished(machine, NULL), 1);
		assert_int_equal(
			machine_apply(machine, plan_detach(machine, "1", NULL, NULL), &error),
			-EBUSY);
		assert_int_equal(recover(machine, &error), 1);
		assert_int_equal(count_journals(machine), 0);
		moved(machine, plan_detach(machine, "1", NULL, NULL));
	}
	assert_true(unclosed >= 1);
	free(first);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut),
		TEST(test_flipped),
		TEST(test_damaged_line),
		TEST(test_garbage),
		TEST(test_odd_files),
		TEST(test_numbers),
		TEST(test_none),
		TEST(test_other_version),
		TEST(test_other_boot),
		TEST(test_no_room),
		TEST(test_no_folder),
		TEST(test_not_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
