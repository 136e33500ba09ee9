/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tree.h"
#include "base/buffer.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DEVICE "/sys/devices/pci0000:00/0000:00:1a.7"
static const char machine[] =
	"# a machine\n"
	"\n" DEVICE "/vendor = 0x8086\n" DEVICE "/config : 8680 006c3a\n" DEVICE "/empty :\n" DEVICE
	"/blank =\n" DEVICE "/driver -> "
	"../../../bus/pci/drivers/ehci-pci\n" DEVICE "/numa_node = -1\n"
	"/sys/bus/pci/drivers/ehci-pci/\n"
	"/sys/bus/pci/devices/0000:00:1a.7 -> "
	"../../../devices/pci0000:00/0000:00:1a.7\n"
	"/sys/kernel/iommu_groups/\n"
	"/proc/mounts = /dev/sda1 / ext4 rw 0 0\\n\\ttab \\\\ \\x41\\x00b\n"
	"/loop/a -> b\n/loop/b -> a\n/loop/self -> self/x\n"
	"/out -> ../../../../etc\n/etc/hostname = inside\n"
	"/abs -> /etc/hostname\n/dangling -> nowhere\n"
	"/dir/link -> ../etc\n/trail = value  \t\n"
	"/with\\x20blank/x = 1\n";
/* Only a text can have these. */
static const char special[] = "/dev/kvm % c 10 232 0660 0 109\n"
			      "/dev/sda % b 8 0 0660 0 6\n"
			      "/secret ! EACCES\n"
			      "/gone ! ENOENT\n";

static char folder[64];
static struct pp_arena *arena;

static struct pp_tree *parsed(const char *text)
{
	struct pp_tree *tree = NULL;
	struct pp_error error = {0};
	if (pp_tree_parse("t.host", text, strlen(text), &tree, &error) < 0)
		fail_msg("%s", error.text);
	return tree;
}

static void write_at(const char *path, const char *data, size_t length)
{
	char full[256], *slash;
	snprintf(full, sizeof(full), "%s%s", folder, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, full, 0755), 0);
	*slash = '/';
	assert_int_equal(pp_file_replace(AT_FDCWD, full, data, length, 0644), 0);
}

static void link_at(const char *path, const char *target)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", folder, path);
	char *slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, full, 0755), 0);
	*slash = '/';
	assert_int_equal(symlink(target, full), 0);
}

/* The same machine as a folder. */
static int setup(void **state)
{
	arena = pp_arena_new();
	snprintf(folder, sizeof(folder), "/tmp/pcipass-tree-XXXXXX");
	if (!arena || !mkdtemp(folder))
		return -1;
	write_at(DEVICE "/vendor", "0x8086\n", 7);
	write_at(DEVICE "/config", "\x86\x80\0\x6c\x3a", 5);
	write_at(DEVICE "/empty", "", 0);
	write_at(DEVICE "/blank", "\n", 1);
	write_at(DEVICE "/numa_node", "-1\n", 3);
	link_at(DEVICE "/driver", "../../../bus/pci/drivers/ehci-pci");
	write_at("/sys/bus/pci/drivers/ehci-pci/x", "", 0);
	link_at("/sys/bus/pci/devices/0000:00:1a.7", "../../../devices/pci0000:00/0000:00:1a.7");
	write_at("/sys/kernel/iommu_groups/x", "", 0);
	write_at("/proc/mounts", "/dev/sda1 / ext4 rw 0 0\n\ttab \\ A\0b\n", 35);
	link_at("/loop/a", "b");
	link_at("/loop/b", "a");
	link_at("/loop/self", "self/x");
	link_at("/out", "../../../../etc");
	write_at("/etc/hostname", "inside\n", 7);
	link_at("/abs", "/etc/hostname");
	link_at("/dangling", "nowhere");
	link_at("/dir/link", "../etc");
	write_at("/trail", "value  \t\n", 9);
	write_at("/with blank/x", "1\n", 2);
	return 0;
}

static int teardown(void **state)
{
	pp_arena_free(arena);
	return pp_file_remove_tree(AT_FDCWD, folder);
}

static void check_reading(struct pp_tree *tree)
{
	char *data, bytes[64];
	size_t length;
	uint64_t number;
	int small;
	assert_int_equal(pp_tree_line(tree, arena, DEVICE "/vendor", &data), 0);
	assert_string_equal(data, "0x8086");
	assert_int_equal(pp_tree_u64(tree, DEVICE "/vendor", 16, &number), 0);
	assert_int_equal(number, 0x8086);
	assert_int_equal(pp_tree_u64(tree, DEVICE "/numa_node", 10, &number), -EINVAL);
	assert_int_equal(pp_tree_int(tree, DEVICE "/numa_node", &small), 0);
	assert_int_equal(small, -1);
	assert_int_equal(pp_tree_int(tree, DEVICE "/blank", &small), -EINVAL);
	assert_int_equal(pp_tree_read(tree, arena, DEVICE "/config", &data, &length), 0);
	assert_int_equal(length, 5);
	assert_memory_equal(data, "\x86\x80\0\x6c\x3a", 6);
	assert_int_equal(pp_tree_read_bytes(tree, DEVICE "/config", bytes, 3), 3);
	assert_int_equal(pp_tree_read_bytes(tree, DEVICE "/config", bytes, 64), 5);
	assert_int_equal(pp_tree_read_bytes(tree, DEVICE "/empty", bytes, 64), 0);
	assert_int_equal(pp_tree_read(tree, arena, DEVICE "/empty", &data, &length), 0);
	assert_int_equal(length, 0);
	assert_int_equal(pp_tree_line(tree, arena, DEVICE "/blank", &data), 0);
	assert_string_equal(data, "");
	assert_int_equal(pp_tree_line(tree, arena, "/trail", &data), 0);
	assert_string_equal(data, "value");
	assert_int_equal(pp_tree_read(tree, arena, "/proc/mounts", &data, &length), 0);
	assert_int_equal(length, 35);
	assert_memory_equal(data, "/dev/sda1 / ext4 rw 0 0\n\ttab \\ A\0b\n", 36);
	assert_int_equal(pp_tree_u64(tree, "/with blank/x", 10, &number), 0);
}

static void check_pieces(struct pp_tree *tree)
{
	struct pp_tree_file file;
	char bytes[8] = {0};
	assert_int_equal(pp_tree_file_open(tree, DEVICE "/nothing", &file), -ENOENT);
	assert_int_equal(pp_tree_file_open(tree, DEVICE "/config", &file), 0);
	assert_int_equal(pp_tree_file_read(&file, 3, bytes, 1), 1);
	assert_memory_equal(bytes, "\x6c", 2);
	assert_int_equal(pp_tree_file_read(&file, 3, bytes, 8), 2);
	assert_int_equal(pp_tree_file_read(&file, 0, bytes, 8), 5);
	assert_int_equal(pp_tree_file_read(&file, 5, bytes, 8), 0);
	assert_int_equal(pp_tree_file_read(&file, UINT64_MAX, bytes, 8), 0);
	pp_tree_file_close(&file);
	pp_tree_file_close(&file);
}

struct seen {
	char text[512];
	size_t length;
};

static void note(enum pp_tree_access access, const char *path, void *data)
{
	struct seen *seen = data;
	seen->length += (size_t)snprintf(seen->text + seen->length,
		sizeof(seen->text) - seen->length, "%d%s ", access, path);
}

static void check_watch(struct pp_tree *tree)
{
	struct seen seen = {{0}, 0};
	struct pp_tree_stat st;
	uint64_t number;
	char *text, **names;
	size_t count;
	pp_tree_watch(tree, note, &seen);
	(void)pp_tree_u64(tree, "/u", 10, &number);
	(void)pp_tree_link_name(tree, arena, "/n", &text);
	(void)pp_tree_real(tree, arena, "/r", &text);
	(void)pp_tree_list(tree, arena, "/l", &names, &count);
	(void)pp_tree_exists(tree, "/e");
	(void)pp_tree_stat(tree, "/s", &st);
	pp_tree_watch(tree, NULL, NULL);
	(void)pp_tree_exists(tree, "/not-seen");
	assert_string_equal(seen.text, "0/u 1/n 2/r 3/l 4/e 5/s ");
}

static void check_links(struct pp_tree *tree)
{
	char *text;
	assert_int_equal(pp_tree_link(tree, arena, DEVICE "/driver", &text), 0);
	assert_string_equal(text, "../../../bus/pci/drivers/ehci-pci");
	assert_int_equal(
		pp_tree_link_name(tree, arena, "/sys/bus/pci/devices/0000:00:1a.7/driver", &text),
		0);
	assert_string_equal(text, "ehci-pci");
	assert_int_equal(pp_tree_link(tree, arena, DEVICE "/vendor", &text), -EINVAL);
	assert_int_equal(pp_tree_link(tree, arena, DEVICE, &text), -EINVAL);
	assert_int_equal(pp_tree_link(tree, arena, DEVICE "/none", &text), -ENOENT);
	assert_int_equal(pp_tree_real(tree, arena, "/sys/bus/pci/devices/0000:00:1a.7", &text), 0);
	assert_string_equal(text, DEVICE);
	assert_int_equal(pp_tree_real(tree, arena, "/", &text), 0);
	assert_string_equal(text, "/");
	assert_int_equal(
		pp_tree_real(tree, arena, "/dir//link/./../etc/hostname/", &text), -ENOTDIR);
	assert_int_equal(pp_tree_real(tree, arena, "/dir//link/./../etc/hostname", &text), 0);
	assert_string_equal(text, "/etc/hostname");
}

static void check_bad_links(struct pp_tree *tree)
{
	char *text, bytes[8];
	static const char *const loops[] = {"/loop/a", "/loop/b", "/loop/self", "/loop/a/x"};
	for (size_t i = 0; i < PP_COUNT(loops); i++) {
		assert_int_equal(pp_tree_read_bytes(tree, loops[i], bytes, 8), -ELOOP);
		assert_int_equal(pp_tree_real(tree, arena, loops[i], &text), -ELOOP);
		assert_false(pp_tree_exists(tree, loops[i]));
	}
	assert_int_equal(pp_tree_link(tree, arena, "/loop/a", &text), 0);
	assert_string_equal(text, "b");
	/* Neither .. nor an absolute target leads out of the tree. */
	assert_int_equal(pp_tree_line(tree, arena, "/out/hostname", &text), 0);
	assert_string_equal(text, "inside");
	assert_int_equal(pp_tree_line(tree, arena, "/abs", &text), 0);
	assert_string_equal(text, "inside");
	assert_int_equal(pp_tree_line(tree, arena, "/../../../etc/hostname", &text), 0);
	assert_string_equal(text, "inside");
	assert_int_equal(pp_tree_read_bytes(tree, "/dangling", bytes, 8), -ENOENT);
	assert_int_equal(pp_tree_read_bytes(tree, "/etc/hostname/x", bytes, 8), -ENOTDIR);
	assert_int_equal(pp_tree_read_bytes(tree, "/etc", bytes, 8), -EISDIR);
	assert_int_equal(pp_tree_read_bytes(tree, "etc/hostname", bytes, 8), -EINVAL);
	assert_int_equal(pp_tree_read_bytes(tree, "", bytes, 8), -EINVAL);
}

static void check_folders(struct pp_tree *tree)
{
	char **names;
	size_t count;
	assert_int_equal(
		pp_tree_list(tree, arena, "/sys/bus/pci/devices/0000:00:1a.7", &names, &count), 0);
	static const char *const want[] = {
		"blank", "config", "driver", "empty", "numa_node", "vendor"};
	assert_int_equal(count, PP_COUNT(want));
	for (size_t i = 0; i < count; i++)
		assert_string_equal(names[i], want[i]);
	assert_int_equal(pp_tree_list(tree, arena, DEVICE "/vendor", &names, &count), -ENOTDIR);
	assert_int_equal(pp_tree_list(tree, arena, "/none", &names, &count), -ENOENT);
	assert_true(pp_tree_exists(tree, "/sys/kernel/iommu_groups"));
	assert_true(pp_tree_exists(tree, "/abs"));
	assert_false(pp_tree_exists(tree, "/dangling"));
	assert_false(pp_tree_exists(tree, "/none"));
	struct pp_tree_stat st;
	assert_int_equal(pp_tree_stat(tree, DEVICE "/config", &st), 0);
	assert_int_equal(st.type, 'f');
	assert_int_equal(st.size, 5);
	assert_int_equal(pp_tree_stat(tree, "/out", &st), 0);
	assert_int_equal(st.type, 'd');
	assert_int_equal(pp_tree_stat(tree, "/none", &st), -ENOENT);
}

static void text_machine(void **state)
{
	struct pp_tree *tree = parsed(machine);
	assert_true(pp_tree_is_text(tree) && !pp_tree_is_live(tree));
	assert_string_equal(pp_tree_root(tree), "t.host");
	check_reading(tree);
	check_pieces(tree);
	check_watch(tree);
	check_links(tree);
	check_bad_links(tree);
	check_folders(tree);
	pp_tree_free(tree);
}

static void folder_machine(void **state)
{
	struct pp_tree *tree;
	char with_slashes[80];
	snprintf(with_slashes, sizeof(with_slashes), "%s//", folder);
	assert_int_equal(pp_tree_open(with_slashes, &tree, NULL), 0);
	assert_false(pp_tree_is_text(tree) || pp_tree_is_live(tree));
	assert_string_equal(pp_tree_root(tree), folder);
	check_reading(tree);
	check_pieces(tree);
	check_watch(tree);
	check_links(tree);
	check_bad_links(tree);
	check_folders(tree);
	pp_tree_free(tree);
}

static void special_nodes(void **state)
{
	struct pp_tree *tree = parsed(special);
	struct pp_tree_stat st;
	char bytes[8], *text, **names;
	size_t count;
	assert_int_equal(pp_tree_stat(tree, "/dev/kvm", &st), 0);
	assert_true(st.type == 'c' && st.major == 10 && st.minor == 232);
	assert_true(st.mode == 0660 && st.uid == 0 && st.gid == 109);
	assert_int_equal(pp_tree_stat(tree, "/dev/sda", &st), 0);
	assert_int_equal(st.type, 'b');
	assert_int_equal(pp_tree_read_bytes(tree, "/dev/kvm", bytes, 8), -ENXIO);
	assert_int_equal(pp_tree_read_bytes(tree, "/secret", bytes, 8), -EACCES);
	assert_int_equal(pp_tree_read(tree, arena, "/secret", &text, &count), -EACCES);
	assert_int_equal(pp_tree_list(tree, arena, "/secret", &names, &count), -EACCES);
	assert_int_equal(pp_tree_link(tree, arena, "/secret", &text), -EACCES);
	assert_int_equal(pp_tree_stat(tree, "/secret", &st), -EACCES);
	assert_int_equal(pp_tree_read_bytes(tree, "/secret/x", bytes, 8), -EACCES);
	assert_true(pp_tree_exists(tree, "/secret"));
	/* Listed, but gone when it is read. */
	assert_false(pp_tree_exists(tree, "/gone"));
	assert_int_equal(pp_tree_read_bytes(tree, "/gone", bytes, 8), -ENOENT);
	assert_int_equal(pp_tree_list(tree, arena, "/", &names, &count), 0);
	assert_int_equal(count, 3);
	pp_tree_free(tree);
}

static void bad_texts(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"sys = 1\n", "t:1: a line begins with a path from /, or with #"},
		{"# x\n\n /sys = 1\n", "t:3: a line begins with a path from /, or with #"},
		{"/a\n", "t:1: nothing follows the path; a folder ends with /"},
		{"/a ", "t:1: after the path stands one of = : -> % !"},
		{"/a ? b\n", "t:1: after the path stands one of = : -> % !"},
		{"/a =b\n", "t:1: after the path stands one of = : -> % !"},
		{"/a : 123\n", "t:1: after ':' stand bytes, two hex digits each"},
		{"/a : xx\n", "t:1: after ':' stand bytes, two hex digits each"},
		{"/a ->\n", "t:1: a link needs a target"},
		{"/a -> \\x00\n", "t:1: a link needs a target"},
		{"/a ! EWHAT\n", "t:1: after '!' stands the name of an error such as EACCES"},
		{"/a ! 13\n", "t:1: after '!' stands the name of an error such as EACCES"},
		{"/a % c 10 232 0660 0\n",
			"t:1: after '%' stand: c or b, major, minor, mode, uid, gid"},
		{"/a % c 10 232 0660 0 0 0\n",
			"t:1: after '%' stand: c or b, major, minor, mode, uid, gid"},
		{"/a % x 10 232 0660 0 0\n",
			"t:1: after '%' stand: c or b, major, minor, mode, uid, gid"},
		{"/a % c 10 -1 0660 0 0\n",
			"t:1: after '%' stand: c or b, major, minor, mode, uid, gid"},
		{"/a % c 10 1 0680 0 0\n",
			"t:1: after '%' stand: c or b, major, minor, mode, uid, gid"},
		{"/a = \\q\n", "t:1: an unknown escape; \\n \\t \\r \\\\ and \\xNN are known"},
		{"/a = \\", "t:1: an unknown escape; \\n \\t \\r \\\\ and \\xNN are known"},
		{"/a = \\x4", "t:1: an unknown escape; \\n \\t \\r \\\\ and \\xNN are known"},
		{"/a = \\x4g\n", "t:1: an unknown escape; \\n \\t \\r \\\\ and \\xNN are known"},
		{"/a = \\x\n41", "t:1: an unknown escape; \\n \\t \\r \\\\ and \\xNN are known"},
		{"/a = 1\n/a = 2\n", "t:2: /a is there already"},
		{"/a/b = 1\n/a = 2\n", "t:2: /a is there already"},
		{"/a = 1\n/a/b = 2\n", "t:2: a is not a folder on another line"},
		{"/a -> b\n/a/b = 2\n", "t:2: a is not a folder on another line"},
		{"/a/../b = 1\n", "t:1: a part of the path is not a name: ../b"},
		{"/./b = 1\n", "t:1: a part of the path is not a name: ./b"},
		{"/\\x00 = 1\n", "t:1: a NUL byte in a path"},
		{"/ = 1\n", "t:1: / is there already"},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct pp_tree *tree = NULL;
		struct pp_error error = {0};
		int r = pp_tree_parse("t", cases[i].text, strlen(cases[i].text), &tree, &error);
		if (r != -EINVAL || strcmp(error.text, cases[i].message) != 0)
			fail_msg("%s: %d: %s", cases[i].text, r, error.text);
		assert_int_equal(error.status, PP_STATUS_USAGE);
		assert_null(tree);
	}
	struct pp_tree *tree;
	assert_int_equal(pp_tree_parse("t", "/a = 1\0002\n", 9, &tree, NULL), -EINVAL);
	assert_int_equal(pp_tree_parse("t", "\0", 1, &tree, NULL), -EINVAL);
	char name[300] = "/";
	memset(name + 1, 'n', 290);
	strcat(name, " = 1\n");
	assert_int_equal(pp_tree_parse("t", name, strlen(name), &tree, NULL), -EINVAL);
}

static void odd_but_good_texts(void **state)
{
	static const char *const good[] = {"", "\n\n", "#", "/", "/a/\n/a/\n/a/b = 1\n",
		"/a/b = 1\n/a/\n", "/a = ", "/a =", "/a :", "/a -> b", "//a///b = 1"};
	char *text;
	for (size_t i = 0; i < PP_COUNT(good); i++) {
		struct pp_tree *tree = parsed(good[i]);
		assert_false(pp_tree_exists(tree, "/none"));
		assert_int_equal(pp_tree_line(tree, arena, "/none/x", &text), -ENOENT);
		pp_tree_free(tree);
	}
	pp_tree_free(NULL);
}

static void every_cut_of_a_text(void **state)
{
	for (size_t n = 0; n < sizeof(machine) - 1; n++) {
		struct pp_tree *tree;
		if (pp_tree_parse("t", machine, n, &tree, NULL) < 0)
			continue;
		char *data;
		size_t length;
		(void)pp_tree_read(tree, arena, DEVICE "/config", &data, &length);
		(void)pp_tree_real(tree, arena, "/loop/self/x/..", &data);
		pp_tree_free(tree);
	}
}

static void links_that_multiply(void **state)
{
	/* Each goes through the one before twice: without a budget, 2^60 steps. */
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_puts(&text, "/l0 -> .\n");
	for (int i = 1; i < 60; i++)
		pp_buffer_printf(&text, "/l%d -> l%d/l%d\n", i, i - 1, i - 1);
	struct pp_tree *tree = parsed(text.data);
	assert_false(pp_tree_exists(tree, "/l59"));
	assert_true(pp_tree_exists(tree, "/l4"));
	pp_tree_free(tree);
}

static void many_files(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	for (int i = 0; i < 50000; i++)
		pp_buffer_printf(&text, "/d/%d = %d\n", (i * 7919) % 50000, i);
	struct pp_tree *tree = parsed(text.data);
	char **names;
	size_t count;
	uint64_t number;
	assert_int_equal(pp_tree_list(tree, arena, "/d", &names, &count), 0);
	assert_int_equal(count, 50000);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(names[i - 1], names[i]) < 0);
	assert_int_equal(pp_tree_u64(tree, "/d/7919", 10, &number), 0);
	assert_int_equal(number, 1);
	pp_tree_free(tree);
}

static void large_and_odd_files(void **state)
{
	struct pp_tree *tree;
	char *data, path[100];
	size_t length;
	static const size_t sizes[] = {4095, 4096, 4097, 8192, 100000};
	assert_int_equal(pp_tree_open(folder, &tree, NULL), 0);
	for (size_t i = 0; i < PP_COUNT(sizes); i++) {
		PP_FREE char *bytes = malloc(sizes[i]);
		memset(bytes, 'z', sizes[i]);
		write_at("/sys/class/large", bytes, sizes[i]);
		assert_int_equal(pp_tree_read(tree, arena, "/sys/class/large", &data, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_memory_equal(data, bytes, length);
		assert_int_equal(data[length], 0);
	}
	snprintf(path, sizeof(path), "%s/huge", folder);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (17 << 20)), 0);
	close(fd);
	assert_int_equal(pp_tree_read(tree, arena, "/huge", &data, &length), -EFBIG);
	/* A fifo must not stop us. */
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pp_tree_read(tree, arena, "/fifo", &data, &length), 0);
	assert_int_equal(length, 0);
	pp_tree_free(tree);
}

/* What another user put into his folder: nothing but a file is opened, on this machine too. */
static void regular_files(void **state)
{
	static const struct {
		const char *name;
		size_t max;
		int r;
	} cases[] = {{"plain", 100000, 0}, {"plain", 5000, 0}, {"plain", 4999, -EFBIG},
		{"plain", 10, -EFBIG}, {"short", 2, 0}, {"pipe", 5000, -ENXIO},
		{"link", 5000, -ENXIO}, {"kernel", 5000, -ENXIO}, {"node", 5000, -ENXIO},
		{"folder", 5000, -ENXIO}, {"none", 5000, -ENOENT}};
	const char *const roots[] = {NULL, folder};
	char path[200], *bytes = malloc(5000);
	memset(bytes, 'z', 5000);
	write_at("/user/plain", bytes, 5000);
	write_at("/user/short", "xy", 2);
	write_at("/user/folder/x", "xy", 2);
	free(bytes);
	snprintf(path, sizeof(path), "%s/user/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/user/link", folder);
	assert_int_equal(symlink("plain", path), 0);
	snprintf(path, sizeof(path), "%s/user/kernel", folder);
	assert_int_equal(symlink("/proc/kmsg", path), 0);
	snprintf(path, sizeof(path), "%s/user/node", folder);
	assert_int_equal(symlink("/dev/null", path), 0);
	for (size_t i = 0; i < PP_COUNT(roots) * PP_COUNT(cases); i++) {
		size_t n = i / PP_COUNT(roots), length = 0;
		const char *root = roots[i % PP_COUNT(roots)];
		struct pp_tree *tree;
		char *data;
		assert_int_equal(pp_tree_open(root, &tree, NULL), 0);
		snprintf(path, sizeof(path), "%s/user/%s", root ? "" : folder, cases[n].name);
		assert_int_equal(
			pp_tree_read_regular(tree, arena, path, cases[n].max, &data, &length),
			cases[n].r);
		if (cases[n].r == 0)
			assert_int_equal(length, *cases[n].name == 'p' ? 5000 : 2);
		pp_tree_free(tree);
	}
}

static void unreadable_files(void **state)
{
	struct pp_tree *tree;
	char path[100], bytes[8];
	snprintf(path, sizeof(path), "%s/secret", folder);
	write_at("/secret", "x", 1);
	assert_int_equal(chmod(path, 0), 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool dropped = geteuid() != 0 || (chmod(folder, 0755) == 0 && setuid(65534) == 0);
		int r = pp_tree_open(folder, &tree, NULL);
		if (r == 0)
			r = (int)pp_tree_read_bytes(tree, "/secret", bytes, 8);
		_exit(dropped && r == -EACCES ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void live_machine(void **state)
{
	static const char *const names[] = {NULL, "/", "/.", "//", "/proc/.."};
	for (size_t i = 0; i < PP_COUNT(names); i++) {
		struct pp_tree *tree;
		char *text;
		size_t length;
		assert_int_equal(pp_tree_open(names[i], &tree, NULL), 0);
		assert_true(pp_tree_is_live(tree));
		assert_string_equal(pp_tree_root(tree), "");
		assert_int_equal(pp_tree_read(tree, arena, "/proc/self/status", &text, &length), 0);
		assert_true(length > 100);
		assert_int_equal(pp_tree_real(tree, arena, "/proc/self/root/proc/", &text), 0);
		assert_string_equal(text, "/proc");
		assert_int_equal(pp_tree_link(tree, arena, "/proc/self", &text), 0);
		pp_tree_free(tree);
	}
}

/* A process that has ended stands for every entry that vanishes while it is read. */
static void live_files_that_vanish(void **state)
{
	struct pp_tree *tree;
	char path[64], bytes[64], *text, **names;
	size_t count;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(pp_tree_open(NULL, &tree, NULL), 0);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_int_equal(pp_tree_read_bytes(tree, path, bytes, sizeof(bytes)), -ENOENT);
	assert_int_equal(pp_tree_line(tree, arena, path, &text), -ENOENT);
	assert_int_equal(pp_tree_link(tree, arena, path, &text), -ENOENT);
	assert_int_equal(pp_tree_real(tree, arena, path, &text), -ENOENT);
	assert_int_equal(pp_tree_list(tree, arena, path, &names, &count), -ENOENT);
	assert_false(pp_tree_exists(tree, path));
	pp_tree_free(tree);
}

static void bad_roots(void **state)
{
	struct pp_tree *tree = NULL;
	struct pp_error error = {0};
	assert_int_equal(pp_tree_open("/no/such", &tree, &error), -ENOENT);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	assert_string_equal(error.text, "cannot open the root /no/such: No such file or directory");
	assert_int_equal(pp_tree_open("/dev/null", &tree, &error), -EINVAL);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	assert_int_equal(pp_tree_open("", &tree, &error), -ENOENT);
	assert_int_equal(pp_tree_open("", &tree, NULL), -ENOENT);
	assert_null(tree);
}

static void paths(void **state)
{
	char buffer[8];
	assert_int_equal(pp_path(buffer, sizeof(buffer), "/%s", "123456"), 0);
	assert_string_equal(buffer, "/123456");
	assert_int_equal(pp_path(buffer, sizeof(buffer), "/%s", "1234567"), -ENAMETOOLONG);
	assert_string_equal(buffer, "/123456");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_machine),
		cmocka_unit_test(folder_machine),
		cmocka_unit_test(special_nodes),
		cmocka_unit_test(bad_texts),
		cmocka_unit_test(odd_but_good_texts),
		cmocka_unit_test(every_cut_of_a_text),
		cmocka_unit_test(links_that_multiply),
		cmocka_unit_test(many_files),
		cmocka_unit_test(large_and_odd_files),
		cmocka_unit_test(regular_files),
		cmocka_unit_test(unreadable_files),
		cmocka_unit_test(live_machine),
		cmocka_unit_test(live_files_that_vanish),
		cmocka_unit_test(bad_roots),
		cmocka_unit_test(paths),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
