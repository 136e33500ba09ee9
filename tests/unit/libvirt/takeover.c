/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking over and checking what libvirt wrote: what pcipass does not understand is told, all of it,
 * and the rest is a definition that it does. */
#include "../check/fixture.h"
#include "lib/domain/domain.h"
#include <errno.h>
#include <stdlib.h>

#define MACHINE "/sys/bus/pci/devices/\n"
#define COMMENT "<!--\\nWARNING: THIS IS AN AUTO-GENERATED FILE.\\n-->\\n\\n"
#define DOMAIN(more, devices)                                                                      \
	"<domain type='kvm'>\\n  <name>win</name>\\n"                                              \
	"  <uuid>11111111-2222-3333-4444-555555555555</uuid>\\n"                                   \
	"  <memory unit='KiB'>262144</memory>\\n" more "  <vcpu placement='static'>1</vcpu>\\n"    \
	"  <os>\\n    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>\\n  </os>\\n"            \
	"  <devices>\\n    <emulator>/usr/bin/qemu-system-x86_64</emulator>\\n" devices            \
	"  </devices>\\n</domain>\\n"
#define FILE_LINE "/etc/libvirt/qemu/win.xml = "

static int take(const char *text, char **ret_xml, char **ret_lost, struct pp_error *error)
{
	struct pp_context context = {.read_only = true};
	PP_FREE char *machine = NULL;
	assert_true(asprintf(&machine, MACHINE FILE_LINE "%s\n", text) > 0);
	assert_int_equal(
		pp_tree_parse("test.host", machine, strlen(machine), &context.tree, NULL), 0);
	int r = pp_libvirt_takeover(&context, "win", ret_xml, ret_lost, error);
	pp_tree_free(context.tree);
	return r;
}

static void understood(const char *xml)
{
	struct pp_domain *domain;
	struct pp_error error = {0};
	if (pp_domain_parse(xml, strlen(xml), "taken", &domain, &error) < 0)
		fail_msg("%s", error.text);
	pp_domain_free(domain);
}

static void test_whole(void **state)
{
	PP_FREE char *xml = NULL, *lost = NULL;
	assert_int_equal(take(COMMENT DOMAIN("", ""), &xml, &lost, NULL), 0);
	assert_string_equal(lost, "");
	assert_memory_equal(xml, "<domain", 7);
	understood(xml);
}

static void test_lost(void **state)
{
	PP_FREE char *xml = NULL, *lost = NULL;
	struct pp_error error = {0};
	if (take(COMMENT DOMAIN("  <frobnicate level='3'><frobnicate/>x</frobnicate>\\n",
			 "    <frob a='>'><b/></frob><frob/>\\n"
			 "    <controller type='usb' index='0' model='qemu-xhci' colour='red'/>\\n"
			 "    <memballoon model='virtio'><frotz/></memballoon>\\n"),
		    &xml, &lost, &error) < 0)
		fail_msg("%s", error.text);
	assert_non_null(strstr(lost, "element <frobnicate> in <domain>\n"));
	assert_non_null(strstr(lost, "element <frob> in <devices>\nelement <frob> in <devices>\n"));
	assert_non_null(strstr(lost, "attribute colour='red' of <controller>\n"));
	assert_non_null(strstr(lost, "element <frotz> in <memballoon>\n"));
	assert_null(strstr(xml, "fro"));
	assert_null(strstr(xml, "colour"));
	assert_non_null(strstr(xml, "model='qemu-xhci'/>"));
	assert_non_null(strstr(xml, "<memballoon model='virtio'></memballoon>"));
	understood(xml);
}

/* What is not a part that can be left out is an error, and says where. */
static void test_not(void **state)
{
	char *xml = NULL, *lost = NULL;
	struct pp_error error = {0};
	assert_true(take("<domain type='kvm'><name>win</name></domain>", &xml, &lost, &error) < 0);
	assert_non_null(strstr(error.text, "win"));
	assert_non_null(strstr(error.text, "/etc/libvirt/qemu/win.xml:1"));
	assert_int_equal(take("<domain><name>win</name>", &xml, &lost, &error), -ENOENT);
	assert_non_null(strstr(error.text, "libvirt has no guest 'win'"));
	assert_null(xml);
}

static void test_thousands(void **state)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	char *xml = NULL, *lost = NULL;
	struct pp_error error = {0};
	for (int i = 0; i < 1000; i++)
		pp_buffer_puts(&text, "<frob/>");
	PP_FREE char *domain = NULL;
	assert_true(asprintf(&domain, DOMAIN("%s", ""), pp_buffer_text(&text)) > 0);
	assert_int_equal(take(domain, &xml, &lost, &error), -E2BIG);
	assert_null(xml);
}

/* ---- checks ---- */

/* As libvirt writes a guest that runs: status, aliases, labels, what it has found out. */
#define LIVE                                                                                       \
	"<domstatus state='running' reason='booted' pid='9'>\n  <monitor path='/m' "               \
	"type='unix'/>\n"                                                                          \
	"  <domain type='kvm' id='1'>\n    <name>win</name>\n"                                     \
	"    <memory unit='KiB'>262144</memory>\n    <vcpu placement='static'>1</vcpu>\n"          \
	"    <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>\n    <devices>\n"        \
	"      <disk type='file' device='disk'><source file='/x' index='1'/><backingStore/>"       \
	"<target dev='vda' bus='virtio'/><privateData><nodenames/></privateData>"                  \
	"<alias name='virtio-disk0'/></disk>\n"                                                    \
	"      <hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/><source>"   \
	"<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/><origstates><unbind/>"    \
	"<reprobe/></origstates></source><alias name='hostdev0'/></hostdev>\n    </devices>\n"     \
	"    <seclabel type='dynamic' model='apparmor' relabel='yes'><label>libvirt-x</label>"     \
	"<imagelabel>libvirt-x</imagelabel></seclabel>\n  </domain>\n</domstatus>\n"

static void test_check_live(void **state)
{
	struct pp_context context = {.read_only = true};
	struct pp_host *host = fixture_host(NULL);
	PP_FREE char *name = NULL, *machine = fixture_text(NULL);
	struct pp_findings *findings;
	struct pp_error error = {0};
	assert_int_equal(
		pp_tree_parse("test.host", machine, strlen(machine), &context.tree, NULL), 0);
	if (pp_libvirt_check_xml(&context, host, LIVE, strlen(LIVE), "live.xml", NULL, &name,
		    &findings, &error) < 0)
		fail_msg("%s", error.text);
	assert_string_equal(name, "win");
	if (pp_findings_worst(findings) == PP_FAIL) {
		fixture_print(findings);
		fail_msg("it can start");
	}
	pp_findings_free(findings);
	static const char *const bad[] = {"", "<domain>", "<domain><name>x</name>", "<x/>"};
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		assert_true(pp_libvirt_check_xml(&context, host, bad[i], strlen(bad[i]), "bad.xml",
				    NULL, &name, &findings, &error) < 0);
		assert_non_null(strstr(error.text, "bad.xml"));
	}
	pp_host_free(host);
	pp_tree_free(context.tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole),
		cmocka_unit_test(test_lost), cmocka_unit_test(test_not),
		cmocka_unit_test(test_thousands), cmocka_unit_test(test_check_live)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
