/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A start beside others of the same guest. */
#include "tests/unit/guest/run.h"
#include <dirent.h>
#include <poll.h>

static const char *const idle_qemu[] = {"qemu-system-x86_64", "-nodefaults", "-no-user-config",
	"-display", "none", "-S", "-M", "q35,accel=tcg", "-m", "32", "-chardev",
	"socket,id=m,fd=10,server=on,wait=off", "-mon", "chardev=m,mode=control", NULL};
static const char definition[] =
	"<domain type='qemu'><name>g</name><memory>32768</memory><os><type arch='x86_64' "
	"machine='q35'>hvm</type></os></domain>";

/* As another start of it leaves it, whose supervisor was killed: QEMU runs, and the lock is free.
 */
static void begin_and_leave(struct run *run)
{
	struct pp_record_state state = {0};
	struct pp_record_launch launch = {
		.id = 1, .argv = idle_qemu, .start_ms = RUN_MS, .stop_ms = RUN_MS};
	PP_CLOSE int lock_fd = -1;
	char path[128];

	snprintf(path, sizeof(path), "%s/etc/pcipass/guests", run->root);
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, path, 0700), 0);
	snprintf(path, sizeof(path), "%s/etc/pcipass/guests/g.xml", run->root);
	assert_int_equal(pp_file_replace(AT_FDCWD, path, definition, strlen(definition), 0600), 0);
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &lock_fd, &run->error), 0);
	assert_int_equal(pp_record_save_launch(run->folder_fd, "g", &launch, &run->error), 0);
	assert_int_equal(pp_process_self(&state.starter), 0);
	assert_int_equal(pp_record_save_state(run->folder_fd, "g", &state, &run->error), 0);
	assert_int_equal(pp_supervisor_spawn(run->context, "g", false, lock_fd, &run->status_fd,
				 &run->supervisor, &run->error),
		0);
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
	kill(run->supervisor, SIGKILL);
	assert_int_equal(waitpid(run->supervisor, NULL, 0), run->supervisor);
}

static bool has_open(pid_t pid, const char *end)
{
	char path[64], target[256];
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	const struct dirent *entry;
	while (folder && !found && (entry = readdir(folder))) {
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = strlen(target) > strlen(end) &&
			strcmp(target + strlen(target) - strlen(end), end) == 0;
	}
	if (folder)
		closedir(folder);
	return found;
}

/* 0: it runs already. */
static pid_t start_in_child(struct run *run, int lock_fd)
{
	bool changed = false;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) { /* until it has the test's lock no more */
		assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
		kill(pid, SIGCONT);
		return pid;
	}
	close(lock_fd);
	raise(SIGSTOP);
	int r = pp_guest_start(run->context, "g", NULL, NULL, &changed, &run->error);
	if (r < 0)
		fprintf(stderr, "%s\n", run->error.text);
	_exit(r < 0 ? 1 : changed ? 2 : 0);
}

/* It was off when it was looked at; then another began it, and was killed. */
static void test_begun_meanwhile(void **state)
{
	struct run *run = *state;
	int lock_fd = -1, status;
	if (geteuid() != 0)
		skip();
	begin_and_leave(run);
	struct pp_record *before = run_record(run);
	assert_true(pp_process_alive(&before->engine));
	assert_int_equal(renameat(run->folder_fd, "state.json", run->folder_fd, "hidden"), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, RUN_MS, &lock_fd, &run->error), 0);

	pid_t starter = start_in_child(run, lock_fd);
	for (int i = 0; i < RUN_MS / 2 && !has_open(starter, "/guests/g/lock"); i++)
		poll(NULL, 0, 2);
	assert_int_equal(renameat(run->folder_fd, "hidden", run->folder_fd, "state.json"), 0);
	close(lock_fd);
	assert_int_equal(waitpid(starter, &status, 0), starter);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);

	struct pp_record *after = run_record(run);
	assert_int_equal(after->engine.pid, before->engine.pid);
	assert_true(pp_process_alive(&after->engine));
	assert_true(pp_process_alive(&after->state.supervisor));
	pp_record_free(before);
	pp_record_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begun_meanwhile, run_setup, run_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
