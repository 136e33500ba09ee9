/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's guests from its files: good ones, and files of every other kind. */
#include "lib/host/libvirt.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/host/tag.h"
#include "machine.h"
#include <errno.h>
#include <stdlib.h>

#define HOSTDEV(bus, managed)                                                                      \
	"<hostdev mode='subsystem' type='pci' managed='" managed "'><driver name='vfio'/>"         \
	"<source><address domain='0x0000' bus='" bus "' slot='0x00' function='0x0'/></source>"     \
	"<address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/></hostdev>"
#define DOMAIN(name, devices)                                                                      \
	"<domain type='kvm'><name>" name                                                           \
	"</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"                                 \
	"<devices>" devices "</devices></domain>"

static int parse(const char *text, struct pp_libvirt_guest *ret_guest, struct pp_arena *arena)
{
	return pp_libvirt_parse(arena, text, strlen(text), ret_guest);
}

static void test_definition(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	struct pp_libvirt_guest guest;
	assert_int_equal(
		parse("<!--\nWARNING: <domain> --><domain type='kvm'><name>a&amp;b</name>"
		      "<metadata><x:hostdev xmlns:x='urn:x' type='pci'><source><address bus='9' "
		      "slot='9'/></source></x:hostdev><hostdev xmlns='urn:y' type='pci'><source>"
		      "<address bus='9' slot='9'/></source></hostdev></metadata>"
		      "<devices><!-- " HOSTDEV("0x08",
			      "yes") " -->"
				     "<![CDATA[" HOSTDEV("0x08", "yes") "]]>" HOSTDEV("0x01",
					     "yes") "<hostdev mode=\"subsystem\" "
						    "type=\"pci\"><source><address bus='2' "
						    "slot='0' "
						    "function='1'/></source></hostdev>"
						    "<hostdev mode='subsystem' "
						    "type='usb'><source><address bus='3' slot='1'/>"
						    "</source></hostdev>"
						    "<interface type='hostdev' "
						    "managed='yes'><source><address type='pci' "
						    "domain='0x0001' bus='0x04' slot='0x10' "
						    "function='0x2'/></source></interface>"
						    "<interface type='network'><source "
						    "network='pool'/><actual type='hostdev' "
						    "managed='yes'><source><address bus='5' "
						    "slot='0'/></source></actual></interface>"
						    "<disk type='nvme' device='disk'><source "
						    "type='pci' managed='yes' "
						    "namespace='1'><address bus='0x06' "
						    "slot='0'/></source></disk>"
						    "</devices></domain>",
			&guest, arena),
		0);
	assert_string_equal(guest.name, "a&b");
	static const struct {
		const char *address;
		bool managed;
	} wanted[] = {{"0000:01:00.0", true}, {"0000:02:00.1", false}, {"0001:04:10.2", true},
		{"0000:05:00.0", true}, {"0000:06:00.0", true}};
	assert_int_equal(guest.n_devices, 5);
	for (size_t i = 0; i < guest.n_devices; i++) {
		char text[PP_ADDRESS_SIZE];
		assert_string_equal(
			pp_address_text(&guest.devices[i].address, text), wanted[i].address);
		assert_int_equal(guest.devices[i].managed, wanted[i].managed);
	}
	pp_arena_free(arena);
}

static void test_status(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	struct pp_libvirt_guest guest;
	static const char text[] =
		"<domstatus state='shutdown' reason='user' pid='1234'><monitor path='x'/>"
		"<name>not this</name>" DOMAIN("win11", HOSTDEV("0x01", "yes")) "</domstatus>\n";
	size_t start, length;
	assert_int_equal(parse(text, &guest, arena), 0);
	assert_string_equal(guest.name, "win11");
	assert_string_equal(guest.state, "in shutdown");
	assert_int_equal(guest.qemu, 1234);
	assert_int_equal(pp_libvirt_domain_text(text, strlen(text), &start, &length), 0);
	assert_memory_equal(text + start, "<domain type='kvm'>", 19);
	assert_memory_equal(text + start + length, "</domstatus>", 12);
	pp_arena_free(arena);
}

/* Cut anywhere it is no guest, and nothing of it is believed. */
static void test_cut(void **state)
{
	static const char text[] = DOMAIN("win11", HOSTDEV("0x01", "yes"));
	struct pp_libvirt_guest guest;
	for (size_t n = 0; n < strlen(text); n++) {
		struct pp_arena *arena = pp_arena_new();
		char *cut = strndup(text, n); /* its own memory: nothing behind it may be read */
		assert_int_equal(pp_libvirt_parse(arena, cut, n, &guest), -EBADMSG);
		free(cut);
		pp_arena_free(arena);
	}
}

static void test_bad(void **state)
{
	static const char *const texts[] = {"", "\n", "<", ">", "</domain>", "<domain/>",
		"<domain></domain>", "<domain><name></name></domain>",
		"<network><name>x</name></network>", "<domain><name>x</nam></domain>",
		"<domain><name>x</name></domain><domain>",
		"<domain><name>x</name></domain></domain>",
		"<!DOCTYPE domain><domain><name>x</name></domain>",
		"<domain a='><name>x</name></domain>", "<domain <name>x</name></domain>",
		"<!-- <domain><name>x</name></domain>", "<?xml <domain>", "\xff\xfe<\0d",
		"< domain>", "<domstatus pid='1'></domstatus>",
		"<domain><name>x</name><![CDATA[</domain>"};
	struct pp_libvirt_guest guest;
	for (size_t i = 0; i < PP_COUNT(texts); i++) {
		struct pp_arena *arena = pp_arena_new();
		if (parse(texts[i], &guest, arena) != -EBADMSG)
			fail_msg("%s was believed", texts[i]);
		pp_arena_free(arena);
	}
}

/* Every byte of a definition replaced by those that mean something. */
static void test_changed(void **state)
{
	static const char text[] = DOMAIN("win11", HOSTDEV("0x01", "yes"));
	static const char bytes[] = {'<', '>', '/', '\'', '"', '&', '=', ' ', '\0', '\xff'};
	struct pp_libvirt_guest guest;
	for (size_t n = 0; n < strlen(text); n++)
		for (size_t b = 0; b < sizeof(bytes); b++) {
			struct pp_arena *arena = pp_arena_new();
			char *copy = strdup(text);
			copy[n] = bytes[b];
			int r = pp_libvirt_parse(arena, copy, strlen(text), &guest);
			assert_true(r == 0 || r == -EBADMSG);
			free(copy);
			pp_arena_free(arena);
		}
}

static void test_deep(void **state)
{
	struct pp_arena *arena = pp_arena_new();
	struct pp_libvirt_guest guest;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_puts(&text, "<domain><name>x</name><metadata>");
	for (int i = 0; i < 100000; i++)
		pp_buffer_puts(&text, "<d>");
	for (int i = 0; i < 100000; i++)
		pp_buffer_puts(&text, "</d>");
	pp_buffer_puts(&text, "</metadata><devices>" HOSTDEV("0x01", "no") "</devices></domain>");
	assert_int_equal(parse(pp_buffer_text(&text), &guest, arena), 0);
	assert_int_equal(guest.n_devices, 1);
	pp_arena_free(arena);
}

/* ---- a machine ---- */

#define NVME                                                                                       \
	DEVICE_LINK("pci0000:00", "0000:01:00.0")                                                  \
	UEVENT("pci0000:00/0000:01:00.0", "DRIVER=vfio-pci\\n", "10802", "1B36:0010", "1AF4:1100") \
	"/sys/devices/pci0000:00/0000:01:00.0/class = 0x010802\n"                                  \
	"/sys/devices/pci0000:00/0000:01:00.0/vendor = 0x1b36\n"                                   \
	"/sys/devices/pci0000:00/0000:01:00.0/device = 0x0010\n"
#define CMDLINE(pid, name)                                                                         \
	"/proc/" pid "/cmdline = qemu-system-x86_64\\x00-name\\x00guest=" name                     \
	",debug-threads=on\\x00-S\\x00-object\\x00{\"file\":\"/var/lib/libvirt/qemu/d\"}\\x00\n"

static void test_running(void **state)
{
	static const char text[] = NVME CMDLINE(
		"1234", "win11") "/etc/libvirt/qemu/win11.xml = " DOMAIN("win11",
		HOSTDEV("0x01",
			"yes")) "\n"
				"/etc/libvirt/qemu/half.xml = <domain><name>half</name><devices>\n"
				"/etc/libvirt/qemu/autostart/win11.xml -> ../win11.xml\n"
				"/run/libvirt/qemu/win11.xml = <domstatus state='running' "
				"pid='1234'>" DOMAIN(
					"win11", HOSTDEV("0x01", "yes")) "</domstatus>\n";
	struct machine machine;
	machine_open(&machine, text, PP_READ_ALL);
	assert_int_equal(machine.host->n_uses, 1);
	const struct pp_use *use = &machine.host->uses[0];
	assert_int_equal(use->kind, PP_USE_GUEST);
	assert_true(use->blocking);
	assert_string_equal(use->name, "win11");
	assert_string_equal(use->owner, "win11, libvirt, running");
	assert_non_null(strstr(use->text, "win11, libvirt, running"));
	assert_non_null(strstr(use->evidence, "/run/libvirt/qemu/win11.xml"));
	assert_int_equal(machine.host->n_settings, 1);
	assert_true(machine.host->settings[0].autostart);
	struct pp_libvirt_list *list;
	assert_int_equal(pp_libvirt_list(&machine.context, &list, NULL), 0);
	assert_int_equal(list->n_items, 1);
	assert_string_equal(list->items[0].file, "/etc/libvirt/qemu/win11.xml");
	assert_ptr_equal(pp_libvirt_find(list, "win11"), &list->items[0]);
	assert_ptr_equal(
		pp_libvirt_find(list, "11111111-2222-3333-4444-555555555555"), &list->items[0]);
	assert_null(pp_libvirt_find(list, "half"));
	pp_libvirt_list_free(list);
	machine_close(&machine);
}

/* A status file outlives its guest where the daemon was killed: another process has the number. */
static void test_stale(void **state)
{
#define STALE(process)                                                                             \
	NVME process                                                                               \
		"/run/libvirt/qemu/win11.xml = <domstatus state='running' pid='1234'>" DOMAIN(     \
			"win11", HOSTDEV("0x01", "yes")) "</domstatus>\n"
	static const struct {
		const char *text;
		size_t n_uses;
	} cases[] = {
		{STALE(""), 0},
		{STALE(CMDLINE("1234", "other")), 0},
		{STALE("/proc/1234/cmdline = bash\\x00-c\\x00win11\\x00\n"), 0},
		{STALE("/proc/1234/cmdline : \n"), 0},
		{STALE("/proc/1234/cmdline ! EACCES\n"), 1},
		{STALE(CMDLINE("1234", "win11")), 1},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct machine machine;
		machine_open(&machine, cases[i].text, PP_READ_USES);
		if (machine.host->n_uses != cases[i].n_uses)
			fail_msg("case %zu: %zu uses", i, machine.host->n_uses);
		machine_close(&machine);
	}
}

static void test_sessions(void **state)
{
	static const char text[] = NVME CMDLINE("77",
		"mine") "/etc/passwd = "
			"root:x:0:0:root:/root:/bin/sh\\nann:x:1000:1000:,,,:/home/ann:/bin/sh\\n"
			"broken\\nx:::::::\\n\n"
			"/home/ann/.config/libvirt/qemu/mine.xml = " DOMAIN(
				"mine", "") "\n"
					    "/run/user/1000/libvirt/qemu/run/mine.xml = <domstatus "
					    "state='paused' pid='77'>" DOMAIN(
						    "mine", HOSTDEV("0x01", "no")) "</domstatus>\n";
	struct machine machine;
	struct pp_libvirt_list *list;
	machine_open(&machine, text, PP_READ_USES);
	assert_int_equal(machine.host->n_uses, 1);
	assert_string_equal(machine.host->uses[0].owner, "mine, libvirt, paused");
	assert_int_equal(pp_libvirt_list(&machine.context, &list, NULL), 0);
	assert_int_equal(list->n_items, 1);
	assert_string_equal(list->items[0].file, "/home/ann/.config/libvirt/qemu/mine.xml");
	assert_int_equal(list->items[0].qemu, 77);
	pp_libvirt_list_free(list);
	machine_close(&machine);
}

/* -name as QEMU's users write it, and who started it. */
static void test_names(void **state)
{
	static const struct {
		const char *cmdline, *name, *tool;
	} cases[] = {
		{"qemu\\x00-name\\x00guest=a,,b,debug-threads=on\\x00-x\\x00/var/lib/libvirt/qemu/"
		 "x\\x00",
			"a,b", "libvirt"},
		{"qemu\\x00-name\\x00plain\\x00", "plain", "qemu"},
		{"qemu\\x00-name\\x00plain,process=x\\x00-y\\x00/run/pcipass/guests/plain\\x00\n/"
		 "run/pcipass/guests/plain/engine = 5 77",
			"plain", "pcipass"},
		{"qemu\\x00-name\\x00", "", "qemu"},
		{"qemu\\x00-name", NULL, NULL},
		{"qemu", NULL, NULL},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct machine machine;
		struct pp_arena *arena = pp_arena_new();
		const char *name, *tool = NULL;
		pp_buffer_printf(&text, NVME "/proc/5/cmdline = %s\n", cases[i].cmdline);
		machine_open(&machine, pp_buffer_text(&text), PP_READ_DEVICES);
		assert_int_equal(pp_qemu_guest(machine.context.tree, arena, "5", &name, &tool), 0);
		if (cases[i].name && *cases[i].name) {
			assert_string_equal(name, cases[i].name);
			assert_string_equal(tool, cases[i].tool);
		}
		pp_arena_free(arena);
		machine_close(&machine);
	}
}

#define PASSWD "/etc/passwd = root:x:0:0::/root:/bin/sh\\nann:x:1000:1000::/home/ann:/bin/sh\\n\n"
#define SESSION(state)                                                                             \
	"/run/user/1000/libvirt/qemu/run/mine.xml = <domstatus state='" state                      \
	"' pid='77'>" DOMAIN("mine", HOSTDEV("0x01", "no")) "</domstatus>\n"

/* A user can write what he likes of his guests: that one has a device is believed when its process
 * has. */
static void test_forged_session(void **state)
{
	static const struct {
		const char *descriptors;
		size_t n_uses;
	} cases[] = {
		{"/proc/77/fd/3 -> /dev/null\n", 0},
		{"/proc/77/fd/\n", 0},
		{"/proc/77/fd ! EACCES\n", 1},
		{"/proc/77/fd/20 -> /dev/vfio/5\n", 1},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct machine machine;
		pp_buffer_printf(&text, "%s%s",
			NVME PASSWD SESSION("running") CMDLINE("77", "mine"), cases[i].descriptors);
		machine_open(&machine, pp_buffer_text(&text), PP_READ_USES);
		if (machine.host->n_uses != cases[i].n_uses)
			fail_msg("case %zu: %zu uses", i, machine.host->n_uses);
		machine_close(&machine);
	}
}

/* Whether libvirt runs a guest of this name: not because somebody's process says so. */
static void test_lives(void **state)
{
#define LIVES(more) NVME CMDLINE("77", "mine") more
	static const struct {
		const char *text;
		const char *tool;
		int pid;
	} cases[] = {
		{LIVES(""), "libvirt", 77}, /* its files cannot be looked at */
		{LIVES("/proc/77/fd/3 -> /dev/null\n"), "libvirt", 0},
		{LIVES("/proc/77/fd/3 -> /dev/vfio/5\n"), "libvirt", 77},
		{LIVES("/proc/77/fd/3 -> /dev/null\n/run/libvirt/qemu/mine.pid = 77\n"), "libvirt",
			77},
		{LIVES("/proc/77/fd/3 -> /dev/null\n/run/libvirt/qemu/mine.pid = 78\n"), "libvirt",
			0},
		{LIVES("/proc/77/fd/3 -> /dev/null\n/run/libvirt/qemu/other.pid = 77\n"), "libvirt",
			0},
		{LIVES("/run/libvirt/qemu/mine.pid = 77\n"), "pcipass", 0},
		{LIVES("/run/pcipass/guests/mine/engine = 77 5\n"), "pcipass", 77},
		{LIVES("/run/pcipass/guests/mine/engine = 77 5\n"), "libvirt", 0},
		{NVME "/run/libvirt/qemu/mine.pid = 77\n", "libvirt", 0},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct machine machine;
		machine_open(&machine, cases[i].text, PP_READ_DEVICES);
		int pid = pp_qemu_lives(machine.context.tree, "mine", cases[i].tool);
		if (pid != cases[i].pid)
			fail_msg("case %zu: %d", i, pid);
		machine_close(&machine);
	}
}

/* A user's folder holds up nobody: large files and many of them are left. */
static void test_full_session(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct machine machine;
	struct pp_libvirt_list *list;
	pp_buffer_puts(&text, NVME PASSWD "/home/ann/.config/libvirt/qemu/a.xml = <!-- ");
	for (int i = 0; i < 1 << 16; i++)
		pp_buffer_puts(&text, "0123456789abcdef0");
	pp_buffer_puts(&text, " -->" DOMAIN("large", "") "\n");
	for (int i = 0; i < 2000; i++)
		pp_buffer_printf(&text,
			"/home/ann/.config/libvirt/qemu/b%d.xml = "
			"<domain><name>b%d</name></domain>\n",
			i, i);
	machine_open(&machine, pp_buffer_text(&text), PP_READ_DEVICES);
	assert_int_equal(pp_libvirt_list(&machine.context, &list, NULL), 0);
	assert_int_equal(list->n_items, 999);
	assert_null(pp_libvirt_find(list, "large"));
	pp_libvirt_list_free(list);
	machine_close(&machine);
}

static void count_call(enum pp_tree_access access, const char *path, void *data)
{
	size_t *calls = data;
	(*calls)++;
}

/* What a machine with so many guests costs, in files that are asked for; every second has a device,
 * and the first RUNNING run. */
static size_t calls_for(size_t guests, size_t running)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct pp_context context = {.read_only = true};
	struct pp_libvirt_list *list;
	struct pp_host *host;
	size_t calls = 0;
	pp_buffer_puts(&text, NVME);
	for (size_t i = 0; i < guests; i++)
		pp_buffer_printf(&text,
			"/etc/libvirt/qemu/g%zu.xml = <domain><name>g%zu</name><uuid>%zu</uuid>"
			"<devices>%s</devices></domain>\n",
			i, i, i, i % 2 ? HOSTDEV("0x01", "yes") : "");
	for (size_t i = 0; i < running; i++)
		pp_buffer_printf(&text,
			"/run/libvirt/qemu/g%zu.xml = <domstatus state='running' pid='%zu'><domain>"
			"<name>g%zu</name><uuid>%zu</uuid><devices>%s</devices></domain></"
			"domstatus>\n"
			"/proc/%zu/cmdline = qemu\\x00-name\\x00guest=g%zu\\x00\n",
			i, i + 100, i, i, i % 2 ? HOSTDEV("0x01", "yes") : "", i + 100, i);
	assert_int_equal(pp_tree_parse("test.host", pp_buffer_text(&text),
				 strlen(pp_buffer_text(&text)), &context.tree, NULL),
		0);
	pp_tree_watch(context.tree, count_call, &calls);
	assert_int_equal(pp_host_read(&context, PP_READ_ALL, &host, NULL), 0);
	assert_int_equal(host->n_settings, guests / 2);
	assert_int_equal(pp_libvirt_list(&context, &list, NULL), 0);
	assert_int_equal(list->n_items, guests);
	assert_true(guests == 0 || pp_libvirt_find(list, "g1"));
	pp_libvirt_list_free(list);
	pp_host_free(host);
	pp_tree_free(context.tree);
	return calls;
}

/* Thousands: each definition is asked for twice, for the host and for the list, with its link that
 * starts it; one that runs three times with its process, and its process is looked at for what it
 * has open. */
static void test_thousands(void **state)
{
	size_t none = calls_for(0, 0);
	assert_int_equal(calls_for(2000, 0) - none, 2000 * 4);
	size_t busy = calls_for(2000, 1000) - none - (size_t)2000 * 4;
	print_message("a guest that runs costs %zu.%zu files\n", busy / 1000, busy % 1000 / 100);
	assert_true(busy <= 1000 * 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition),
		cmocka_unit_test(test_status), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_changed),
		cmocka_unit_test(test_deep), cmocka_unit_test(test_running),
		cmocka_unit_test(test_stale), cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_names), cmocka_unit_test(test_forged_session),
		cmocka_unit_test(test_lives), cmocka_unit_test(test_full_session),
		cmocka_unit_test(test_thousands)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
