/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records: written and read again, and read when they are damaged in every way. */
#include "tests/unit/guest/run.h"

static const char *const argv[] = {"/usr/bin/qemu", "-name", "g", NULL};
static const char *const devices[] = {"0000:00:1a.7", "0000:01:00.0", NULL};
static const struct pp_launch_file files[] = {{PP_FILE_WRITE, "/a/disk", 12, true, true},
	{PP_FILE_COPY, "/a/kernel", 13, false, false},
	{PP_FILE_TAP, "br0", 14, .tap = "vnet%d", .mac = {0x52, 0x54, 0, 0xab, 0xcd, 0xef}}};
static const char *const ids[] = {"8:1:77", NULL, NULL};
static const uint32_t groups[] = {36, 4000000000u};

static void write_both(struct run *run)
{
	struct pp_record_launch launch = {.uuid = "u",
		.id = 7,
		.argv = argv,
		.memlock = UINT64_MAX,
		.set_ids = true,
		.uid = 1000,
		.gid = 1001,
		.groups = groups,
		.n_groups = 2,
		.files = files,
		.ids = ids,
		.n_files = 3,
		.paused = true,
		.restart_on_panic = true,
		.balloon = 1u << 30,
		.stats_path = "/machine/peripheral/balloon0",
		.stats_period = 5,
		.start_ms = 1000,
		.stop_ms = 2000,
		.console = "charserial0",
		.devices = devices};
	struct pp_record_state state = {.text = "two\nlines", .console = "/dev/pts/3"};
	state.life =
		(struct pp_life){.phase = PP_PHASE_PAUSED, .run = PP_RUN_IO_ERROR, .monitor = true};
	assert_int_equal(pp_process_self(&state.supervisor), 0);
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_record_save_launch(run->folder_fd, "g", &launch, &run->error), 0);
	assert_int_equal(pp_record_save_state(run->folder_fd, "g", &state, &run->error), 0);
	int fd = openat(run->folder_fd, "engine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pp_record_save_engine(fd), 0);
	close(fd);
}

static void forget_ourselves(struct run *run)
{
	/* The tests' own process must not be taken for a supervisor when they end. */
	unlinkat(run->folder_fd, "engine", 0);
	unlinkat(run->folder_fd, "state.json", 0);
}

static void test_written_and_read(void **state)
{
	struct run *run = *state;
	write_both(run);
	struct pp_record *record = run_record(run);
	assert_true(record->exists);
	assert_null(record->state.fault);
	assert_null(record->launch.fault);
	assert_int_equal(record->launch.id, 7);
	assert_string_equal(record->launch.argv[2], "g");
	assert_null(record->launch.argv[3]);
	assert_true(record->launch.memlock == UINT64_MAX);
	assert_true(record->launch.set_ids);
	assert_int_equal(record->launch.uid, 1000);
	assert_int_equal(record->launch.n_groups, 2);
	assert_true(record->launch.groups[1] == 4000000000u);
	assert_int_equal(record->launch.n_files, 3);
	assert_int_equal(record->launch.files[0].use, PP_FILE_WRITE);
	assert_string_equal(record->launch.files[0].path, "/a/disk");
	assert_int_equal(record->launch.files[0].fd, 12);
	assert_true(record->launch.files[0].image && record->launch.files[0].shared);
	assert_string_equal(record->launch.ids[0], "8:1:77");
	assert_int_equal(record->launch.files[1].use, PP_FILE_COPY);
	assert_false(record->launch.files[1].image);
	assert_null(record->launch.files[1].tap);
	assert_int_equal(record->launch.files[2].use, PP_FILE_TAP);
	assert_string_equal(record->launch.files[2].tap, "vnet%d");
	assert_memory_equal(record->launch.files[2].mac, files[2].mac, 6);
	assert_null(record->launch.ids[1]);
	assert_true(record->launch.paused && record->launch.restart_on_panic);
	assert_int_equal(record->launch.balloon, 1u << 30);
	assert_string_equal(record->launch.stats_path, "/machine/peripheral/balloon0");
	assert_int_equal(record->launch.stats_period, 5);
	assert_string_equal(record->launch.devices[1], "0000:01:00.0");
	assert_string_equal(record->state.text, "two\nlines");
	assert_null(record->state.devices);
	assert_int_equal(record->engine.pid, getpid());
	assert_true(pp_process_alive(&record->engine));
	assert_int_equal(record->state.starter.pid, 0);
	const char *reason;
	assert_int_equal(pp_record_show(record, &reason), PP_GUEST_PAUSED);
	assert_string_equal(reason, "I/O error");
	assert_false(pp_record_is_over(record));
	pp_record_free(record);

	struct stat status;
	char path[128];
	snprintf(path, sizeof(path), "%s/run/pcipass/guests/g", run->root);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(fstatat(run->folder_fd, "state.json", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	forget_ourselves(run);
}

static void test_none(void **state)
{
	struct run *run = *state;
	struct pp_record *record = run_record(run);
	const char *reason;
	assert_false(record->exists);
	assert_true(pp_record_is_over(record));
	assert_int_equal(pp_record_show(record, &reason), PP_GUEST_SHUT_OFF);
	pp_record_free(record);
}

/* Whatever is in the files: it is read as far as it makes sense, and said when it does not. */
static void try_text(struct run *run, const char *file, const char *text, size_t length)
{
	const char *reason;
	assert_int_equal(pp_file_replace(run->folder_fd, file, text, length, 0600), 0);
	struct pp_record *record = run_record(run);
	pp_record_show(record, &reason);
	assert_non_null(reason);
	pp_record_is_over(record);
	pp_record_free(record);
}

static void damage(struct run *run, const char *file)
{
	char *text = NULL;
	size_t length;
	assert_int_equal(pp_file_read(run->folder_fd, file, 1 << 20, &text, &length), 0);
	for (size_t i = 0; i < length; i++) {
		try_text(run, file, text, i);
		char kept = text[i];
		static const char put[] = {'\0', '"', '9', '{', (char)0xff};
		text[i] = put[i % sizeof(put)];
		try_text(run, file, text, length);
		text[i] = kept;
	}
	assert_int_equal(pp_file_replace(run->folder_fd, file, text, length, 0600), 0);
	free(text);
}

static void test_damaged(void **state)
{
	struct run *run = *state;
	write_both(run);
	damage(run, "state.json");
	damage(run, "launch.json");
	damage(run, "engine");
	forget_ourselves(run);
}

static const char *fault_of(struct run *run, const char *text)
{
	static char fault[256];
	assert_int_equal(
		pp_file_replace(run->folder_fd, "state.json", text, strlen(text), 0600), 0);
	struct pp_record *record = run_record(run);
	assert_non_null(record->state.fault);
	snprintf(fault, sizeof(fault), "%s", record->state.fault);
	pp_record_free(record);
	return fault;
}

static void test_faults_are_said(void **state)
{
	struct run *run = *state;
	write_both(run);
	assert_non_null(
		strstr(fault_of(run, "{\"version\": 2, \"name\": \"g\"}"), "another version"));
	assert_non_null(
		strstr(fault_of(run, "{\"version\": 1, \"name\": \"h\"}"), "another guest"));
	assert_non_null(strstr(fault_of(run, "{\"version\": 1, \"name\": \"g\"}"), "\"phase\""));
	assert_non_null(
		strstr(fault_of(run, "{\"version\": 1, \"name\": \"g\", \"phase\": \"up\"}"),
			"\"phase\""));
	assert_non_null(strstr(fault_of(run, ""), "cut short"));
	/* A folder in its place. */
	unlinkat(run->folder_fd, "state.json", 0);
	assert_int_equal(mkdirat(run->folder_fd, "state.json", 0700), 0);
	struct pp_record *record = run_record(run);
	assert_non_null(strstr(record->state.fault, "Is a directory"));
	pp_record_free(record);
	unlinkat(run->folder_fd, "state.json", AT_REMOVEDIR);
	forget_ourselves(run);
}

static void test_ids(void **state)
{
	struct run *run = *state;
	int id = 0, fd = -1;
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	for (int i = 1; i < 12; i++) {
		assert_int_equal(pp_record_next_id(run->context, &id, &run->error), 0);
		assert_int_equal(id, i);
	}
	char path[128];
	snprintf(path, sizeof(path), "%s/run/pcipass/last-id", run->root);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "nonsense", 8), 8);
	close(fd);
	assert_int_equal(pp_record_next_id(run->context, &id, &run->error), 0);
	assert_int_equal(id, 1);
}

static void test_lock(void **state)
{
	struct run *run = *state;
	int one = -1, two = -1;
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &one, &run->error), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &two, &run->error), -EBUSY);
	assert_int_equal(pp_record_lock(run->folder_fd, 50, &two, &run->error), -EBUSY);
	close(one);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &two, &run->error), 0);
	close(two);
}

/* What a killed writer left goes with whoever has the lock next, or with `recover`. */
static void test_swept(void **state)
{
	struct run *run = *state;
	static const char *const left[] = {
		".state.json.0123456789ab", ".launch.json.0123456789ab", ".live.xml.0123456789ab"};
	int lock_fd = -1;
	bool changed;
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	for (size_t i = 0; i < PP_COUNT(left); i++)
		assert_int_equal(pp_file_replace(run->folder_fd, left[i], "", 0, 0600), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &lock_fd, &run->error), 0);
	assert_false(pp_file_exists(run->folder_fd, left[0]));
	assert_false(pp_file_exists(run->folder_fd, left[1]));
	assert_true(pp_file_exists(run->folder_fd, left[2]));
	/* Who has the lock may be about to write them. */
	assert_int_equal(pp_recover(run->context, NULL, &changed, &run->error), 0);
	assert_true(pp_file_exists(run->folder_fd, left[2]));
	close(lock_fd);
	assert_int_equal(pp_recover(run->context, NULL, &changed, &run->error), 0);
	assert_false(changed);
	assert_false(pp_file_exists(run->folder_fd, left[2]));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, run_setup, run_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_written_and_read),
		CASE(test_none),
		CASE(test_damaged),
		CASE(test_faults_are_said),
		CASE(test_ids),
		CASE(test_lock),
		CASE(test_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
