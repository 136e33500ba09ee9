/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is opened for QEMU, and what is not. */
#include "lib/guest/descriptor.h"
#include "base/cleanup.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];

static const char *in_folder(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % PP_COUNT(paths)];
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void make(const char *name, const char *text)
{
	assert_int_equal(pp_file_replace(AT_FDCWD, in_folder(name), text, strlen(text), 0600), 0);
}

static int try(enum pp_file_use use, const char *name, bool image, const char *id, int *ret_fd)
{
	struct pp_error error = {0};
	struct pp_launch_file file = {.use = use, .path = in_folder(name), .image = image};
	int r = pp_descriptor_open(&file, id, ret_fd, &error);
	if (r < 0)
		assert_non_null(strstr(error.text, name)); /* it is said which */
	return r;
}

static void images(void **state)
{
	PP_FREE char *id = NULL;
	int fd = -1;
	make("disk", "data");
	assert_int_equal(pp_descriptor_id(in_folder("disk"), &id, NULL), 0);
	assert_int_equal(try(PP_FILE_WRITE, "disk", true, id, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	assert_int_equal(try(PP_FILE_READ, "disk", true, id, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	/* Another one took its name since it was checked. */
	make("other", "data");
	assert_int_equal(rename(in_folder("other"), in_folder("disk")), 0);
	fd = -1;
	assert_int_equal(try(PP_FILE_WRITE, "disk", true, id, &fd), -EINVAL);
	assert_int_equal(fd, -1);
}

static void no_images(void **state)
{
	int fd = -1;
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_int_equal(mkdir(in_folder("dir"), 0700), 0);
	assert_int_equal(try(PP_FILE_READ, "fifo", true, NULL, &fd), -EINVAL);
	assert_int_equal(try(PP_FILE_READ, "dir", true, NULL, &fd), -EINVAL);
	assert_int_equal(try(PP_FILE_COPY, "fifo", false, NULL, &fd), -EINVAL);
	assert_int_equal(try(PP_FILE_READ, "missing", true, NULL, &fd), -ENOENT);
	assert_int_equal(fd, -1);
}

static void outputs(void **state)
{
	int fd = -1;
	make("log", "old");
	assert_int_equal(try(PP_FILE_APPEND, "log", false, NULL, &fd), 0);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(lseek(fd, 0, SEEK_END), 6);
	close(fd);
	assert_int_equal(try(PP_FILE_TRUNCATE, "log", false, NULL, &fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	assert_int_equal(try(PP_FILE_TRUNCATE, "fresh", false, NULL, &fd), 0);
	close(fd);
}

/* Nothing that another user put in the way is written to. */
static void outputs_of_others(void **state)
{
	PP_FREE char *data = NULL;
	int fd = -1;
	make("victim", "precious");
	assert_int_equal(symlink("victim", in_folder("link")), 0);
	assert_int_equal(try(PP_FILE_TRUNCATE, "link", false, NULL, &fd), -EINVAL);
	assert_int_equal(try(PP_FILE_APPEND, "link", false, NULL, &fd), -EINVAL);
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(link(in_folder("victim"), in_folder("hard")), 0);
	assert_int_equal(try(PP_FILE_TRUNCATE, "hard", false, NULL, &fd), -EINVAL);
	make("theirs", "theirs");
	if (geteuid() == 0) {
		assert_int_equal(chown(in_folder("theirs"), 12345, 12345), 0);
		int r = try(PP_FILE_TRUNCATE, "theirs", false, NULL, &fd);
		assert_true(r == -EINVAL || r == -EACCES); /* the kernel may say so first */
	}
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(pp_file_read(AT_FDCWD, in_folder("victim"), 100, &data, NULL), 0);
	assert_string_equal(data, "precious");
	assert_int_equal(fd, -1);
}

static void copies(void **state)
{
	char path[64], text[16] = "";
	int fd = -1;
	make("kernel", "bytes");
	assert_int_equal(try(PP_FILE_COPY, "kernel", false, NULL, &fd), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	PP_CLOSE int again = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(again, text, sizeof(text)), 5);
	assert_string_equal(text, "bytes");
	assert_true(write(fd, "x", 1) < 0);
	assert_int_equal(errno, EPERM);
	assert_true(ftruncate(fd, 0) < 0);
	close(fd);
}

static void sockets(void **state)
{
	int fd = -1, other = -1;
	assert_int_equal(try(PP_FILE_CONNECT, "sock", false, NULL, &other), -ENOENT);
	assert_int_equal(try(PP_FILE_LISTEN, "sock", false, NULL, &fd), 0);
	assert_int_equal(try(PP_FILE_CONNECT, "sock", false, NULL, &other), 0);
	close(other);
	close(fd);
	assert_int_equal(try(PP_FILE_LISTEN, "sock", false, NULL, &fd), 0); /* an old one goes */
	close(fd);
	make("file", "kept");
	fd = -1;
	assert_int_equal(try(PP_FILE_LISTEN, "file", false, NULL, &fd), -EEXIST);
	assert_int_equal(fd, -1);
}

static int setup(void **state)
{
	strcpy(folder, "/tmp/pcipass-descriptor-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	return pp_file_remove_tree(AT_FDCWD, folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(images, setup, teardown),
		cmocka_unit_test_setup_teardown(no_images, setup, teardown),
		cmocka_unit_test_setup_teardown(outputs, setup, teardown),
		cmocka_unit_test_setup_teardown(outputs_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(copies, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
