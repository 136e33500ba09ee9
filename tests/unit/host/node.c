/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node devices of machines as text: one recorded beside virsh's answers, and ones that lie. */
#include "lib/host/node.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/context.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static struct pp_context context_of(struct pp_tree *tree)
{
	return (struct pp_context){.tree = tree, .read_only = true};
}

static struct pp_nodes *read_text(const char *text, const char *detail)
{
	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = NULL;
	struct pp_error error = {0};
	struct pp_nodes *nodes = NULL;
	if (pp_tree_parse("t.host", text, strlen(text), &tree, &error) < 0)
		fail_msg("%s", error.text);
	struct pp_context context = context_of(tree);
	assert_int_equal(pp_nodes_read(&context, detail, &nodes, &error), 0);
	return nodes;
}

/* ---- as virsh ---- */

/* A line more, for virsh puts an empty one behind every answer. */
static char *listed(const struct pp_nodes *nodes, const char *caps)
{
	const struct pp_node **list;
	size_t count, length = 0;
	assert_int_equal(pp_nodes_list(nodes, caps, &list, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		length += strlen(list[i]->name) + 1;
	char *text = calloc(1, length + 2), *at = text;
	for (size_t i = 0; i < count; i++) {
		at = stpcpy(at, list[i]->name);
		*at++ = '\n';
	}
	*at = '\n';
	free(list);
	return text;
}

static char *with_line(char *text)
{
	char *more = NULL;
	assert_true(asprintf(&more, "%s\n", text) > 0);
	free(text);
	return more;
}

/* The answer to what stands behind "=== " in the file of virsh's answers. */
static char *answer(const struct pp_nodes *nodes, const char *question)
{
	char *text = NULL;
	struct pp_error error = {0};
	if (strcmp(question, "list") == 0)
		return listed(nodes, NULL);
	if (pp_text_starts(question, "cap-"))
		return listed(nodes, question + 4);
	if (strcmp(question, "tree") == 0)
		assert_int_equal(pp_nodes_tree(nodes, &text, &error), 0);
	else if (pp_node_xml(nodes, question + strlen("xml "), &text, &error) < 0)
		return strdup(error.text);
	return with_line(text);
}

static unsigned compare_all(const char *folder)
{
	char path[PP_PATH_MAX];
	struct pp_context *context;
	struct pp_nodes *nodes;
	PP_FREE char *answers = NULL;
	size_t length;
	struct pp_error error = {0};
	unsigned compared = 0, different = 0;
	pp_path(path, sizeof(path), "%s/tests/hosts/%s/machine.host", getenv("PCIPASS_SOURCE"),
		folder);
	if (pp_context_open(path, &context, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(pp_nodes_read(context, "", &nodes, &error), 0);
	pp_path(path, sizeof(path), "%s/tests/hosts/%s/virsh", getenv("PCIPASS_SOURCE"), folder);
	assert_int_equal(pp_file_read(AT_FDCWD, path, 1 << 24, &answers, &length), 0);

	char *first = strstr(answers, "\n=== ");
	assert_non_null(first);
	for (char *at = first + 1; at;) {
		char *newline = strchr(at, '\n'), *next = strstr(newline, "\n=== ");
		assert_true(pp_text_starts(at, "=== "));
		*newline = '\0';
		PP_FREE char *expected =
			next ? strndup(newline + 1, (size_t)(next - newline)) : strdup(newline + 1);
		PP_FREE char *is = answer(nodes, at + 4);
		if (strcmp(is, expected) != 0) {
			print_error("--- %s: virsh\n%s--- pcipass\n%s", at + 4, expected, is);
			different++;
		}
		compared++;
		at = next ? next + 1 : NULL;
	}
	assert_int_equal(different, 0);
	pp_nodes_free(nodes);
	pp_context_close(context);
	return compared;
}

static void test_recorded(void **state)
{
	assert_true(compare_all("nodedev-intel") > 120);
}

/* ---- lists ---- */

#define PCI_DEVICE(name)                                                                           \
	"/sys/bus/pci/devices/" name " -> ../../../devices/pci0000:00/" name "\n"                  \
	"/sys/devices/pci0000:00/" name "/uevent = PCI_CLASS=C0320\n"                              \
	"/sys/devices/pci0000:00/" name "/vendor = 0x8086\n"                                       \
	"/sys/devices/pci0000:00/" name "/device = 0x293c\n"
#define CONFIG(name, bytes) "/sys/devices/pci0000:00/" name "/config : " bytes "\n"
#define ENDPOINT "86803c29000000000000000000000000"

static void test_caps(void **state)
{
	struct pp_nodes *nodes =
		read_text(PCI_DEVICE("0000:00:1a.7") CONFIG("0000:00:1a.7", ENDPOINT), NULL);
	const struct pp_node **list = NULL;
	size_t count = 77;
	struct pp_error error = {0};
	static const char *const wrong[] = {"foo", ",", "pci,", ",pci", "pci,,net", "PCI",
		"pci,foo", "net, storage", "pci\xff"};
	for (size_t i = 0; i < PP_COUNT(wrong); i++) {
		assert_int_equal(pp_nodes_list(nodes, wrong[i], &list, &count, &error), -EINVAL);
		assert_string_equal(error.text, "Invalid capability type");
		assert_int_equal(error.status, PP_STATUS_USAGE);
		assert_true(error.remedy[0] && !list && count == 77);
	}
	PP_FREE char *all = listed(nodes, "");
	assert_string_equal(all, "computer\npci_0000_00_1a_7\n\n");
	PP_FREE char *two = listed(nodes, "pci,system,pci");
	assert_string_equal(two, all);
	PP_FREE char *one = listed(nodes, "system");
	assert_string_equal(one, "computer\n\n");
	PP_FREE char *none = listed(nodes, "net");
	assert_string_equal(none, "\n");
	pp_nodes_free(nodes);
}

/* A machine on which nothing can be read is a computer all the same. */
static void test_nothing(void **state)
{
	struct pp_nodes *nodes = read_text("/sys/ ! EACCES\n", "");
	PP_FREE char *tree = NULL, *xml = NULL;
	assert_int_equal(pp_nodes_tree(nodes, &tree, NULL), 0);
	assert_string_equal(tree, "computer\n\n");
	assert_int_equal(pp_node_xml(nodes, "computer", &xml, NULL), 0);
	assert_non_null(strstr(xml, "<uuid>00000000-0000-0000-0000-000000000000</uuid>"));
	pp_nodes_free(nodes);
}

/* ---- what virsh does not show ---- */

static void check_only(const char *text, const char *expected)
{
	struct pp_nodes *nodes = read_text(text, "");
	PP_FREE char *list = listed(nodes, NULL);
	assert_string_equal(list, expected);
	for (size_t i = 0; i < nodes->n_records; i++) {
		PP_FREE char *xml = NULL;
		assert_int_equal(pp_node_xml(nodes, nodes->records[i].node.name, &xml, NULL), 0);
	}
	pp_nodes_free(nodes);
}

static void test_dead_function(void **state)
{
	/* all ones: no kind of header; and one that went away between two reads */
	check_only(PCI_DEVICE("0000:00:01.0")
			   CONFIG("0000:00:01.0", "ffffffffffffffffffffffffffffffff") PCI_DEVICE(
				   "0000:00:02.0") PCI_DEVICE("0000:00:03.0") CONFIG("0000:00:03.0",
				   "8680") "/sys/bus/pci/devices/0000:00:04.0 -> "
					   "../../../devices/pci0000:00/0000:00:04.0\n"
					   "/sys/bus/pci/devices/0000:00:05.0 -> ../../../nowhere\n"
					   "/sys/bus/pci/devices/0000:00:06.0 -> /etc\n"
					   "/sys/bus/pci/devices/0000:00:07.0 -> 0000:00:07.0\n"
					   "/sys/bus/pci/devices/0000:00:08.0 -> "
					   "../../../devices/../../etc\n",
		"computer\npci_0000_00_03_0\n\n");
}

static void test_nonsense(void **state)
{
	static const char device[] =
		"/sys/bus/pci/devices/nonsense -> ../../../devices/pci0000:00/nonsense\n"
		"/sys/devices/pci0000:00/nonsense/uevent = PCI_CLASS=C0320\n"
		"/sys/devices/pci0000:00/nonsense/config : 00\n"
		"/sys/bus/pci/devices/0000:00:01.0 -> ../../../devices/pci0000:00/0000:00:01.0\n"
		"/sys/devices/pci0000:00/0000:00:01.0/uevent = PCI_CLASS=nonsense\n"
		"/sys/bus/pci/devices/0000:00:02.0 -> ../../../devices/pci0000:00/0000:00:02.0\n"
		"/sys/devices/pci0000:00/0000:00:02.0/uevent = \\x00\\xff=\\n===\\nA\\n=B\\n\n"
		"/sys/class/net/a -> ../../devices/virtual/net/a\n"
		"/sys/devices/virtual/net/a/uevent = INTERFACE=a\\nIFINDEX=../../../etc/shadow\n"
		"/sys/devices/virtual/net/a/operstate = nonsense\n"
		"/sys/class/net/b -> ../../devices/virtual/net/b\n"
		"/sys/devices/virtual/net/b/uevent = INTERFACE=b\n"
		"/sys/devices/virtual/net/b/operstate = up\n"
		"/sys/devices/virtual/net/b/speed = fast\n"
		"/sys/class/drm/card0 -> ../../devices/card0\n"
		"/sys/devices/card0/uevent = DEVTYPE=drm_minor\\nMINOR=255\n"
		"/sys/bus/scsi/devices/1:2:3 -> ../../../devices/1:2:3\n"
		"/sys/devices/1:2:3/uevent = DEVTYPE=scsi_device\n"
		"/sys/bus/scsi/devices/hostx -> ../../../devices/hostx\n"
		"/sys/devices/hostx/uevent = DEVTYPE=scsi_host\n"
		"/sys/class/block/x -> ../../devices/x\n"
		"/sys/devices/x/uevent = DEVTYPE=disk\n"
		"/sys/class/block/y -> ../../devices/y\n"
		"/sys/devices/y/uevent = DEVTYPE=disk\\nDEVNAME=vdy\\nMAJOR=1\\nMINOR=1\n"
		"/sys/devices/y/size = large\n"
		"/sys/bus/usb/devices/1-1 -> ../../../devices/1-1\n"
		"/sys/devices/1-1/uevent = DEVTYPE=usb_device\\nBUSNUM=001\\nDEVNUM=001\n"
		"/sys/bus/mdev/devices/m -> ../../../devices/m\n"
		"/sys/devices/m/uevent = DRIVER=vfio_mdev\n";
	check_only(device, "computer\n\n");
}

static void test_no_database(void **state)
{
	check_only("/sys/class/block/vda -> ../../devices/vda\n"
		   "/sys/devices/vda/uevent = DEVTYPE=disk\\nDEVNAME=vda\\nMAJOR=254\\nMINOR=0\n"
		   "/sys/class/block/sda -> ../../devices/sda\n"
		   "/sys/devices/sda/uevent = DEVTYPE=disk\\nDEVNAME=sda\\nMAJOR=8\\nMINOR=0\n"
		   "/run/udev/data/b8:0 ! EIO\n",
		"block_vda\ncomputer\n\n");
}

/* ---- names ---- */

/* Bytes that are no UTF-8 are shown as they are, control characters not at all. */
static void test_foreign_bytes(void **state)
{
	struct pp_nodes *nodes = read_text(
		"/sys/class/block/sda -> ../../devices/sda\n"
		"/sys/devices/sda/uevent = DEVTYPE=disk\\nDEVNAME=sda\\nMAJOR=8\\nMINOR=0\n"
		"/sys/devices/sda/device/model =   a\\x01\\xff<b>  \n"
		"/sys/devices/sda/device/vendor = \\x20\\x20\n"
		"/run/udev/data/b8:0 = "
		"E:ID_TYPE=disk\\nE:ID_SERIAL=\\xff\\x1b&'\"\\xc3\\xa9\\nS:b\\nS:a\\nS:b\\nS:\\nE:"
		"X\\n\n",
		"");
	PP_FREE char *xml = NULL;
	const char *name = "block_sda________";
	assert_int_equal(pp_node_xml(nodes, name, &xml, NULL), 0);
	assert_non_null(strstr(xml, "<model>a\xff&lt;b&gt;</model>\n    <vendor></vendor>\n"));
	assert_non_null(strstr(xml, "<serial>\xff&amp;&apos;&quot;\xc3\xa9</serial>"));
	assert_non_null(strstr(xml, "<devnode type='link'>/dev/a</devnode>\n"
				    "  <devnode type='link'>/dev/b</devnode>\n  <parent>computer"));
	pp_nodes_free(nodes);
}

/* Two devices that come to the same name: the later one counts, and no child is lost to a loop. */
static void test_same_name(void **state)
{
	struct pp_nodes *nodes = read_text("/sys/class/net/a-b -> ../../devices/x/net/a-b\n"
					   "/sys/devices/x/net/a-b/uevent = INTERFACE=a-b\n"
					   "/sys/class/net/a_b -> ../../devices/x/net/a-b/a_b\n"
					   "/sys/devices/x/net/a-b/a_b/uevent = INTERFACE=a_b\n",
		NULL);
	PP_FREE char *list = listed(nodes, NULL), *tree = NULL;
	assert_string_equal(list, "computer\nnet_a_b\n\n");
	assert_int_equal(pp_nodes_tree(nodes, &tree, NULL), 0);
	assert_string_equal(tree, "computer\n\n");
	pp_nodes_free(nodes);
}

/* Only the one that was asked for is read in detail. */
static void test_detail(void **state)
{
	static const char text[] = PCI_DEVICE("0000:00:01.0") CONFIG("0000:00:01.0", ENDPOINT)
		PCI_DEVICE("0000:00:02.0") CONFIG("0000:00:02.0", ENDPOINT);
	struct pp_nodes *nodes = read_text(text, "pci_0000_00_01_0");
	PP_FREE char *xml = NULL, *none = NULL;
	struct pp_error error = {0};
	assert_int_equal(pp_node_xml(nodes, "pci_0000_00_01_0", &xml, &error), 0);
	assert_true(pp_node_xml(nodes, "pci_0000_00_02_0", &none, &error) < 0);
	assert_true(pp_node_xml(nodes, "computer", &none, &error) < 0);
	assert_int_equal(pp_node_xml(nodes, "pci_0000_00_01_1", &none, &error), -ENODEV);
	assert_true(
		pp_text_starts(error.text, "Could not find matching device 'pci_0000_00_01_1'"));
	assert_non_null(strstr(error.remedy, "pci_0000_00_01_0"));
	assert_null(none);
	pp_nodes_free(nodes);
}

/* ---- damage ---- */

static unsigned survived;

static void survive(const char *text, size_t length)
{
	PP_CLEANUP(pp_tree_freep) struct pp_tree *tree = NULL;
	struct pp_nodes *nodes = NULL;
	PP_FREE char *drawn = NULL;
	if (pp_tree_parse("damaged", text, length, &tree, NULL) < 0)
		return;
	struct pp_context context = context_of(tree);
	assert_int_equal(pp_nodes_read(&context, "", &nodes, NULL), 0);
	assert_int_equal(pp_nodes_tree(nodes, &drawn, NULL), 0);
	for (size_t i = 0; i < nodes->n_records; i++) {
		PP_FREE char *xml = NULL;
		assert_int_equal(pp_node_xml(nodes, nodes->records[i].node.name, &xml, NULL), 0);
	}
	pp_nodes_free(nodes);
	survived++;
}

/* In what a file says, not in its name. */
static bool in_value(const char *text, const char *at)
{
	for (const char *sign = at; sign > text && *sign != '\n'; sign--)
		if (sign[-1] == ' ' && (*sign == '=' || *sign == ':'))
			return true;
	return false;
}

/* A recorded machine with digits changed, as if its files said something else, and with files gone.
 */
static void test_damaged(void **state)
{
	char path[PP_PATH_MAX];
	PP_FREE char *text = NULL, *copy = NULL;
	size_t length;
	uint32_t random = 1;
	pp_path(path, sizeof(path), "%s/tests/hosts/nodedev-intel/machine.host",
		getenv("PCIPASS_SOURCE"));
	assert_int_equal(pp_file_read(AT_FDCWD, path, 1 << 24, &text, &length), 0);
	copy = malloc(length);
	assert_non_null(copy);
	for (int round = 0; round < 40; round++) {
		memcpy(copy, text, length);
		for (int i = 0; i < 400; i++) {
			random = random * 1664525 + 1013904223;
			char *at = &copy[random % length];
			if (strchr("0123456789abcdef", *at) && in_value(copy, at))
				*at = "0123456789abcdef"[random >> 28];
		}
		survive(copy, length);

		memcpy(copy, text, length);
		for (char *line = copy; line;
			line = memchr(line, '\n', length - (size_t)(line - copy))) {
			if (*line == '\n' && ++line >= copy + length)
				break;
			random = random * 1664525 + 1013904223;
			if (random >> 28 == 0)
				*line = '#';
		}
		survive(copy, length);
	}
	assert_true(survived > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_dead_function),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_no_database),
		cmocka_unit_test(test_foreign_bytes),
		cmocka_unit_test(test_same_name),
		cmocka_unit_test(test_detail),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
