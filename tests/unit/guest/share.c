/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest has together with others, as its own user comes to it: memory in /dev/shm, and a
 * directory behind a virtiofsd. */
#include "lib/guest/shmem.h"
#include "lib/guest/virtiofsd.h"
#include "tests/unit/guest/run.h"
#include <dirent.h>
#include <sys/mman.h>

#define USER 0x7a00fff0u /* no guest of a test has it */
#define SIZE (2 << 20)

static struct pp_record_launch launch_of(uint32_t uid)
{
	return (struct pp_record_launch){.own = "/run", .set_ids = true, .uid = uid, .gid = uid};
}

/* 0, or the errno that this user gets who was handed a descriptor. */
static int open_again(int fd, uint32_t uid)
{
	char path[64];
	int status;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(uid) < 0 || setuid(uid) < 0)
			_exit(255);
		_exit(open(path, O_RDWR | O_CLOEXEC) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void refused(const struct pp_launch_file *file, uint32_t uid, const char *words)
{
	const struct pp_record_launch launch = launch_of(uid);
	struct pp_error error = {0};
	int fd = -1;

	assert_true(pp_shmem_open(&launch, file, &fd, &error) < 0);
	assert_int_equal(fd, -1);
	if (!strstr(error.text, words))
		fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void test_memory(void **state)
{
	char path[64];
	const struct pp_launch_file file = {.use = PP_FILE_SHMEM, .path = path, .size = SIZE};
	const struct pp_record_launch first = launch_of(USER), second = launch_of(USER + 1);
	struct pp_error error = {0};
	struct stat found;
	int one = -1, two = -1;

	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof(path), "/dev/shm/pcipass-test-%d", (int)getpid());
	assert_int_equal(pp_shmem_open(&first, &file, &one, &error), 0);
	assert_int_equal(fstat(one, &found), 0);
	assert_int_equal(found.st_size, SIZE);
	assert_int_equal(found.st_uid, 0);
	assert_int_equal(open_again(one, USER), 0);
	assert_int_equal(open_again(one, USER + 1), EACCES);
	assert_int_equal(open_again(one, 1234), EACCES);
	/* Another guest; the first one's user has no process any more. */
	assert_int_equal(pp_shmem_open(&second, &file, &two, &error), 0);
	assert_int_equal(open_again(two, USER + 1), 0);
	assert_int_equal(open_again(two, USER), EACCES);
	assert_int_equal(pwrite(one, "both", 4, 100), 4);
	char seen[5] = "";
	assert_int_equal(pread(two, seen, 4, 100), 4);
	assert_string_equal(seen, "both");

	assert_int_equal(ftruncate(one, SIZE * 2), 0);
	refused(&file, USER, "has 4194304 bytes, and the <size> of the <shmem> is 2097152");
	assert_int_equal(ftruncate(one, SIZE), 0);
	assert_int_equal(fchmod(one, 0666), 0);
	refused(&file, USER, "open to every user");
	assert_int_equal(fchmod(one, 0600), 0);
	assert_int_equal(fchown(one, 1234, 0), 0);
	refused(&file, USER, "another user's");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	refused(&file, USER, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(&file, USER, "no file");
	assert_int_equal(unlink(path), 0);
	close(one);
	close(two);
}

/* ---- a directory ---- */

/* The process of that user that has become a virtiofsd; 0: there is none. */
static pid_t find_server(uint32_t uid)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	struct stat found;
	char name[32] = "";
	pid_t pid = 0;

	assert_non_null(folder);
	while (!pid && (entry = readdir(folder)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
			fstatat(dirfd(folder), entry->d_name, &found, 0) == 0 &&
			found.st_uid == uid &&
			pp_process_name(atoi(entry->d_name), name, sizeof(name)) >= 0 &&
			strcmp(name, "virtiofsd") == 0)
			pid = atoi(entry->d_name);
	closedir(folder);
	return pid;
}

/* What it sees of the host, once it has gone into the directory. */
static bool sees(pid_t pid, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/root/%s", (int)pid, name);
	return access(path, F_OK) == 0;
}

static bool becomes(bool (*is)(pid_t pid, const char *name), pid_t pid, const char *name)
{
	for (int i = 0; i < RUN_MS / 20 && !is(pid, name); i++)
		poll(NULL, 0, 20);
	return is(pid, name);
}

static void share_refused(
	const struct pp_launch_file *file, const char *words, struct run *run, int log_fd)
{
	const struct pp_record_launch launch = launch_of(USER);
	struct pp_error error = {0};
	int fd = -1;

	assert_true(pp_virtiofsd_open(&launch, file, run->folder_fd, log_fd, &fd, &error) < 0);
	if (!strstr(error.text, words))
		fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void test_directory(void **state)
{
	struct run *run = *state;
	const struct pp_record_launch launch = launch_of(USER);
	char path[128], inside[160];
	struct pp_launch_file file = {.use = PP_FILE_SHARE, .path = path, .more = "cache=always"};
	struct pp_error error = {0};
	PP_CLOSE int log_fd = memfd_create("log", MFD_CLOEXEC);
	int fd = -1;

	if (geteuid() != 0 || access("/usr/lib/qemu/virtiofsd", X_OK) < 0)
		skip();
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	snprintf(path, sizeof(path), "%s/share", run->root);
	share_refused(&file, "cannot open the directory", run, log_fd);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(inside, sizeof(inside), "%s/inside", path);
	assert_int_equal(mkdir(inside, 0700), 0);
	share_refused(&file, "is root's", run, log_fd);
	assert_int_equal(chown(path, 1234, 1235), 0);

	int r = pp_virtiofsd_open(&launch, &file, run->folder_fd, log_fd, &fd, &error);
	if (r < 0 && strstr(error.text, "to the guest's user")) {
		print_message("%s\n", error.text);
		skip(); /* a file system without idmapped mounts */
	}
	if (r < 0)
		fail_msg("%s", error.text);
	pid_t server = 0;
	for (int i = 0; i < RUN_MS / 20 && !(server = find_server(USER)); i++)
		poll(NULL, 0, 20);
	assert_true(server > 0);
	if (!becomes(sees, server, "inside")) {
		char words[1024] = "";
		assert_true(pread(log_fd, words, sizeof(words) - 1, 0) >= 0);
		fail_msg("it says: %s", words);
	}
	assert_false(sees(server, "usr"));
	assert_false(sees(server, "proc"));
	/* It ends when who was to speak with it has gone. */
	close(fd);
	int status;
	assert_int_equal(waitpid(server, &status, 0), server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test_setup_teardown(test_directory, run_setup, run_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
