/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump, read again, is the machine that was dumped; and it keeps private what is. */
#include "machine.h"
#include "print.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *const names[] = {
	"desktop", "laptop", "server", "lab-intel", "lab-amd", "lab-no-iommu"};

static char folder[64];

static void dump(struct pp_context *context, bool anonymize, char **ret_text)
{
	struct pp_error error = {0};
	if (pp_host_dump(context, anonymize, ret_text, &error) < 0)
		fail_msg("%s", error.text);
	assert_null(strstr(*ret_text, "\n\n"));
}

static char *facts(struct pp_context *context)
{
	PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
	struct pp_error error = {0};
	struct pp_host *host;
	if (pp_host_read(context, PP_READ_ALL, &host, &error) < 0)
		fail_msg("%s", error.text);
	print_host(&out, host);
	pp_host_free(host);
	return pp_buffer_take(&out);
}

/* Where two texts part, for people. */
static void check_same(const char *name, const char *a, const char *b)
{
	size_t at = 0;
	while (a[at] && a[at] == b[at])
		at++;
	if (a[at] == b[at])
		return;
	while (at > 0 && a[at - 1] != '\n')
		at--;
	fail_msg("%s:\n-%.600s\n+%.600s", name, a + at, b + at);
}

static void check_dumped(const char *name, const char *text, const char *before)
{
	struct machine machine;
	machine_open(&machine, text, 0);
	char *after = facts(&machine.context), *again;
	check_same(name, before, after);
	dump(&machine.context, false, &again); /* nothing more comes of it */
	check_same(name, text, again);
	free(again);
	free(after);
	machine_close(&machine);
}

static void texts(void **state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct machine machine;
		size_t length;
		char *text = machine_text(names[i], &length), *dumped;
		machine_open_n(&machine, text, length, 0);
		char *before = facts(&machine.context);
		dump(&machine.context, false, &dumped);
		check_dumped(names[i], dumped, before);
		free(before);
		free(dumped);
		free(text);
		machine_close(&machine);
	}
}

/* ---- a machine as a folder ---- */

static void make_parents(char *path)
{
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(pp_file_mkdirs(AT_FDCWD, path, 0755), 0);
	*slash = '/';
}

/* One line of the text; nodes and errors cannot be made by everyone. */
static void make_line(struct pp_tree *tree, struct pp_arena *arena, const char *line)
{
	char path[PP_PATH_MAX];
	size_t length = strcspn(line, " \n");
	if (*line != '/')
		return;
	char *name = pp_arena_strndup(arena, line, length);
	snprintf(path, sizeof(path), "%s%s", folder, name);
	if (path[strlen(path) - 1] == '/') {
		assert_int_equal(pp_file_mkdirs(AT_FDCWD, path, 0755), 0);
		return;
	}
	char *data;
	size_t size;
	if (strncmp(line + length, " ->", 3) == 0) {
		make_parents(path);
		assert_int_equal(pp_tree_link(tree, arena, name, &data), 0);
		assert_int_equal(symlink(data, path), 0);
	} else if (line[length + 1] == '=' || line[length + 1] == ':') {
		make_parents(path);
		assert_int_equal(pp_tree_read(tree, arena, name, &data, &size), 0);
		assert_int_equal(pp_file_replace(AT_FDCWD, path, data, size, 0644), 0);
	}
}

static void folders(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		struct pp_arena *arena = pp_arena_new();
		struct pp_tree *tree;
		struct pp_error error = {0};
		size_t length;
		char *text = machine_text(names[i], &length), *dumped;
		assert_int_equal(pp_tree_parse(names[i], text, length, &tree, &error), 0);
		snprintf(folder, sizeof(folder), "/tmp/pcipass-dump-XXXXXX");
		assert_non_null(mkdtemp(folder));
		for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
			make_line(tree, arena, at);
		struct pp_context *context;
		assert_int_equal(pp_context_open(folder, &context, &error), 0);
		char *before = facts(context);
		dump(context, false, &dumped);
		check_dumped(names[i], dumped, before);
		assert_non_null(strstr(before, "use ")); /* it is not empty */
		pp_context_close(context);
		assert_int_equal(pp_file_remove_tree(AT_FDCWD, folder), 0);
		pp_tree_free(tree);
		pp_arena_free(arena);
		free(before);
		free(dumped);
		free(text);
	}
}

/* ---- what stays at home ---- */

#define NIC "pci0000:00/0000:02:00.0"
#define HUB "pci0000:00/0000:00:14.0"

static const char private[] = DEVICE_LINK("pci0000:00", "0000:02:00.0")
	UEVENT(NIC, "", "20000", "8086:10D3", "0000:0000") DEVICE_LINK("pci0000:00", "0000:00:14.0")
		UEVENT(HUB, "", "C0330", "8086:A0ED", "0000:0000")
	/* express at 0x40; a serial number made of the MAC at 0x100 */
	"/sys/devices/" NIC "/config : 8680d310 07001000 00000002 00000000"
	"0000000000000000000000000000000000000000000000000000000000000000 00000000 40000000 "
	"00000000 00000000"
	"10000200 00000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000"
	"00000000000000000000000000000000 0000000000000000"
	"03000100 c2b1a0ffff775634\n"
	"/sys/devices/" NIC "/net/eth0/address = 34:56:77:a0:b1:c2\n"
	"/sys/devices/" NIC "/net/eth0/flags = 0x1003\n"
	"/sys/devices/" NIC "/net/eth0/uevent = INTERFACE=eth0\\nIFINDEX=2\n"
	"/sys/class/net/eth0 -> ../../devices/" NIC "/net/eth0\n"
	"/run/udev/data/n2 = E:ID_NET_NAME_MAC=enx345677a0b1c2\\nE:ID_OUI=x\n"
	"/proc/net/if_inet6 = fe80000000000000365677fffea0b1c2 02 40 20 80     eth0\\n"
	"20010db8000000000000000000000007 02 40 00 80 eth0\\n\n"
	"/run/udev/data/c189:0 = E:ID_SERIAL_SHORT=0000:00:14.0\\nE:ID_BUS=usb\n"
	"/sys/devices/" HUB
	"/usb1/uevent = DEVTYPE=usb_device\\nBUSNUM=001\\nDEVNUM=001\\nMAJOR=189\\nMINOR=0\n"
	"/sys/bus/usb/devices/usb1 -> ../../../devices/" HUB "/usb1\n"
	"/sys/devices/" HUB "/usb1/1-1/host0/target0:0:0/0:0:0:0/block/sda/uevent = "
	"MAJOR=8\\nMINOR=0\\nDEVNAME=sda\\nDEVTYPE=disk\n"
	"/sys/class/block/sda -> ../../devices/" HUB
	"/usb1/1-1/host0/target0:0:0/0:0:0:0/block/sda\n"
	"/run/udev/data/b8:0 = "
	"S:disk/by-id/usb-Stick_AB12CD34EF-0:0\\nE:ID_SERIAL=Stick_AB12CD34EF-0:0\\n"
	"E:ID_SERIAL_SHORT=AB12CD34EF\\nE:ID_BUS=usb\\nE:ID_TYPE=disk\n"
	"/sys/devices/virtual/dmi/id/uevent = MODALIAS=dmi:x\n"
	"/sys/devices/virtual/dmi/id/product_name = Thing 3000\n"
	"/sys/devices/virtual/dmi/id/product_serial = 7XK9Q2\n"
	"/sys/devices/virtual/dmi/id/product_uuid = 4c4c4544-0058-4b10-8039-b7c04f513232\n"
	"/proc/sys/kernel/hostname = tux\n"
	"/proc/cmdline = root=/dev/tux/root console=tux tuxedo=1 a_tux=2 serial=AB12CD34EF\n"
	"/proc/sys/kernel/osrelease = 6.1.0\n"
	"/proc/net/fib_trie = Local:\\n |-- 192.0.2.2\\n /32 host LOCAL\\n\n"
	"/proc/net/route = Iface\\neth0\\t000200C0\\t00000000\\t0001\\t0\\t0\\t0\\t00FFFFFF\\n\n"
	"/proc/self/stat = 50 (pcipass) S 40 1 1 more\n"
	"/proc/40/stat = 40 (sshd) S 1 1 1 more\n"
	"/proc/40/fd/3 -> socket:[777]\n"
	"/proc/net/tcp = x\\n 1: 020200C0:0016 050200CB:C350 01 0:0 0:0 0 0 0 777 1\\n\n"
	"/run/systemd/sessions/c1 = REMOTE=1\\nLEADER=40\\nREMOTE_HOST=203.0.2.5\n";

static void lacks(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	if (at)
		fail_msg("\"%s\" is in it: %.100s", word, at > text + 40 ? at - 40 : text);
}

static void has(const char *text, const char *word)
{
	if (!strstr(text, word))
		fail_msg("\"%s\" is not in it:\n%s", word, text);
}

static void asked_for(void **state)
{
	struct machine machine;
	char *text;
	machine_open(&machine, private, 0);
	dump(&machine.context, false, &text);
	has(text, "34:56:77:a0:b1:c2");
	has(text, "AB12CD34EF");
	has(text, "c2b1a0ffff775634");
	has(text, "root=/dev/tux/root");
	has(text, "/proc/40/fd/3 -> socket:[777]");
	has(text, "/proc/40/stat = 40 (sshd) S 1\n");
	free(text);
	machine_close(&machine);
}

static void stays_at_home(void **state)
{
	struct machine machine, blank;
	char *text;
	machine_open(&machine, private, 0);
	dump(&machine.context, true, &text);
	lacks(text, "34:56:77");
	lacks(text, "345677a0b1c2");
	lacks(text, "365677fffea0b1c2");
	lacks(text, "AB12CD34EF");
	lacks(text, "775634");
	lacks(text, "7XK9Q2");
	lacks(text, "4b10-8039");
	lacks(text, "203.0.2.5");
	lacks(text, "socket:");
	lacks(text, "(sshd)");
	lacks(text, "dev/tux");
	/* what is no secret is whole, and what was equal is equal */
	has(text, "0000:00:14.0 -> ");
	has(text, "Thing 3000");
	has(text, "root=/dev/host/root console=host tuxedo=1 a_tux=2 serial=XXXXXXXX");
	has(text, "/net/eth0/address = 02:00:00:00:00:01\n");
	has(text, "enx020000000001");
	has(text, "20010db8000000000000000000000007");
	has(text, "E:ID_SERIAL_SHORT=0000:00:14.0");
	machine_open(&blank, text, PP_READ_ALL);
	assert_int_equal(blank.host->n_devices, 2);
	const struct pp_device *nic = machine_device(&blank, "02:00.0");
	assert_int_equal(nic->capabilities.dsn, 0x100);
	assert_true(nic->capabilities.serial == 0);
	assert_int_equal(nic->capabilities.express, 0x40);
	machine_close(&blank);
	free(text);
	machine_close(&machine);
}

static void no_machine(void **state)
{
	struct pp_context context = {0};
	struct pp_error error = {0};
	char *text = NULL;
	assert_int_equal(pp_tree_parse("x", "/etc/x = 1\n", 11, &context.tree, &error), 0);
	assert_int_equal(pp_host_dump(&context, true, &text, &error), -ENOENT);
	assert_null(text);
	assert_non_null(strstr(error.text, "/sys/bus/pci/devices"));
	pp_tree_free(context.tree);
}

/* Names with blanks, bytes that are no text, links that go round. */
static void odd_machine(void **state)
{
	struct machine machine;
	char *text;
	machine_open(&machine,
		"/sys/bus/pci/devices/0000:00:01.0 -> ../../../devices/a\n"
		"/sys/devices/a -> b\n/sys/devices/b -> a\n"
		"/sys/class/net/a\\x20b -> ../../devices/virtual/net/a\\x20b\n"
		"/sys/devices/virtual/net/a\\x20b/flags = \\x00\\xff\\\\ \\t\n"
		"/sys/devices/virtual/net/a\\x20b/upper_x -> ../x\n"
		"/proc/cmdline :\n/proc/swaps : 61\n/proc/meminfo ! EIO\n",
		0);
	char *before = facts(&machine.context);
	dump(&machine.context, false, &text);
	has(text, "/proc/meminfo ! EIO\n");
	has(text, "/proc/swaps : 61\n");
	has(text, "/sys/class/net/a\\x20b -> ");
	check_dumped("odd", text, before);
	free(before);
	free(text);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(folders),
		cmocka_unit_test(asked_for),
		cmocka_unit_test(stays_at_home),
		cmocka_unit_test(no_machine),
		cmocka_unit_test(odd_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
