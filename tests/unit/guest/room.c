/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The room that QEMU is put into, with a shell and with a real QEMU in its place. Needs root. */
#include "lib/guest/room.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#define USER 2046820353u /* 0x7a000001 */

static const char *const no_folders[] = {NULL};
/* Of the null and the zero device, which any machine has. */
static const struct pp_room_node nodes[] = {{"vfio/vfio", 1 << 8 | 3}, {"kvm", 1 << 8 | 5}};

struct place {
	char root[64], own[80];
	struct pp_room room;
};

static int setup(void **state)
{
	if (geteuid() != 0)
		return 0;
	struct place *place = calloc(1, sizeof(*place));
	strcpy(place->root, "/tmp/pcipass-room-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	snprintf(place->own, sizeof(place->own), "%s/own", place->root);
	assert_int_equal(mkdir(place->own, 0700), 0);
	assert_int_equal(chown(place->own, USER, USER), 0);
	place->room = (struct pp_room){.uid = USER,
		.gid = USER,
		.own = place->own,
		.folders = no_folders,
		.nodes = nodes,
		.n_nodes = PP_COUNT(nodes)};
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	if (place)
		pp_file_remove_tree(AT_FDCWD, place->root);
	free(place);
	return 0;
}

/* What a shell says in the room. */
static char *say(struct place *place, const char *script)
{
	int fd = memfd_create("said", 0), status;
	assert_true(fd >= 0);
	struct pp_spawn_fd fds[] = {{fd, 1}, {fd, 2}};
	struct pp_spawn spawn = {.argv = (const char *const[]){"/bin/sh", "-c", script, NULL},
		.fds = fds,
		.n_fds = PP_COUNT(fds),
		.set_ids = true,
		.uid = USER,
		.gid = USER,
		.no_capabilities = true,
		.no_new_privs = true,
		.before_ids = pp_room_enter,
		.before_data = &place->room};
	struct pp_error error = {0};
	pid_t pid;
	char *text = NULL;
	if (pp_process_spawn(&spawn, &pid, &error) < 0) {
		lseek(fd, 0, SEEK_SET);
		pp_file_read_fd(fd, 4096, &text, NULL);
		fail_msg("%s: %s", error.text, text ? text : "");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(pp_file_read_fd(fd, 65536, &text, NULL), 0);
	close(fd);
	return text;
}

static void test_dev(void **state)
{
	if (geteuid() != 0)
		skip();
	PP_FREE char *text = say(*state, "cd /dev; ls -p; stat -c '%n %t,%T %u %a' vfio/vfio kvm "
					 "null; echo x >null && echo x >kvm && echo both work");
	assert_string_equal(text, "kvm\nnull\nptmx\npts/\nurandom\nvfio/\nzero\n"
				  "vfio/vfio 1,3 2046820353 600\nkvm 1,5 2046820353 600\n"
				  "null 1,3 0 666\nboth work\n");
}

static void test_processes(void **state)
{
	if (geteuid() != 0)
		skip();
	PP_FREE char *text = say(*state, "cd /proc; ls -d [0-9]* | wc -l; kill -0 1 || echo no");
	/* The shell and its two children, at most. */
	assert_true(text[0] >= '1' && text[0] <= '3' && text[1] == '\n');
	assert_true(pp_text_ends(text, "no\n"));
}

static void test_files(void **state)
{
	struct place *place = *state;
	if (geteuid() != 0)
		skip();
	PP_FREE char *script = NULL;
	assert_true(
		asprintf(&script,
			"for f in /x /etc/x /usr/x /dev/x /tmp/x /proc/x; do touch $f 2>/dev/null "
			"&& echo $f; done; ls -d /root /home /var /tmp/* /run "
			"2>/dev/null; touch %s/x && test -x /usr/bin/env && echo own",
			place->own) > 0);
	PP_FREE char *text = say(place, script);
	PP_FREE char *expected = NULL;
	assert_true(asprintf(&expected, "%s\nown\n", place->root) > 0);
	assert_string_equal(text, expected);
	struct stat found;
	assert_int_equal(fstatat(AT_FDCWD, strcat(place->own, "/x"), &found, 0), 0);
	assert_int_equal(found.st_uid, USER);
}

/* Nothing of it is to be seen from outside, and nothing stays. */
static void test_outside(void **state)
{
	PP_FREE char *before = NULL, *after = NULL;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pp_file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &before, NULL), 0);
	PP_FREE char *text = say(*state, "echo hello");
	assert_string_equal(text, "hello\n");
	assert_int_equal(pp_file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &after, NULL), 0);
	assert_string_equal(before, after);
}

/* What cannot be built is said, and there is no QEMU. */
static void test_fault(void **state)
{
	struct place *place = *state;
	if (geteuid() != 0)
		skip();
	place->room.own = "/no/such/folder";
	struct pp_spawn spawn = {.argv = (const char *const[]){"/bin/true", NULL},
		.before_ids = pp_room_enter,
		.before_data = &place->room};
	struct pp_error error = {0};
	pid_t pid;
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), -ENOENT);
	assert_non_null(strstr(error.text, "what it sees"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dev, setup, teardown),
		cmocka_unit_test_setup_teardown(test_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fault, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
