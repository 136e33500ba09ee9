/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's hook decides, on a machine as text: there everything that would be moved is an
 * error, so that what comes back says how far it came. */
#include "../check/fixture.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define GUEST(devices) "<domain type='kvm'><name>g</name><devices>" devices "</devices></domain>"
#define DEVICE(bus, slot, function, managed)                                                       \
	"<hostdev mode='subsystem' type='pci' managed='" managed                                   \
	"'><source><address domain='0x0000' bus='0x" bus "' slot='0x" slot                         \
	"' function='0x" function "'/></source></hostdev>"

static struct pp_context *open_machine(const char *changes)
{
	static char path[] = "/tmp/pcipass-hook-machine-XXXXXX";
	struct pp_context *context = NULL;
	struct pp_error error = {0};
	PP_FREE char *text = fixture_text(changes);
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(pp_file_write_all(fd, text, strlen(text)), 0);
	close(fd);
	if (pp_context_open(path, &context, &error) < 0)
		fail_msg("%s", error.text);
	unlink(path);
	return context;
}

struct answer {
	int r;
	struct pp_error error;
	struct pp_findings *findings;
};

static struct answer ask(
	const char *changes, const char *operation, const char *phase, const char *xml)
{
	struct answer answer = {0};
	struct pp_context *context = open_machine(changes);
	answer.r = pp_libvirt_hook(context, "g", operation, phase, xml, strlen(xml), NULL, NULL,
		&answer.findings, &answer.error);
	pp_context_close(context);
	return answer;
}

static void expect(const struct answer *answer, enum pp_status status, const char *id)
{
	if (answer->r >= 0 || answer->error.status != status || strcmp(answer->error.id, id) != 0)
		fail_msg("%d, status %d, [%s]: %s", answer->r, answer->error.status,
			answer->error.id, answer->error.text);
	assert_non_null(strstr(answer->error.text, "guest g"));
}

static void test_input(void **state)
{
	static const char *const bad[] = {"", "<", "<domain><name>g</name>", "no xml at all",
		"<network><name>g</name></network>", "<domain><name>g</name><devices><hostdev"};
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		struct answer answer = ask(NULL, "prepare", "begin", bad[i]);
		expect(&answer, PP_STATUS_FAILED, "hook-input");
		assert_non_null(strstr(answer.error.remedy, "--disable"));
	}
}

/* Nothing is looked at for what concerns no device. */
static void test_nothing(void **state)
{
	static const struct {
		const char *operation, *phase, *xml;
	} cases[] = {
		{"prepare", "begin", GUEST("")},
		{"prepare", "begin", GUEST("<hostdev type='usb'><source/></hostdev>")},
		{"prepare", "end", GUEST(DEVICE("01", "00", "0", "yes"))},
		{"start", "begin", GUEST(DEVICE("01", "00", "0", "yes"))},
		{"started", "begin", ""},
		{"migrate", "begin", "<"},
		{"reconnect", "begin", ""},
		{"", "", ""},
		{"release", "end", ""},
		{"release", "end", GUEST(DEVICE("01", "00", "0", "yes"))},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct answer answer = ask(NULL, cases[i].operation, cases[i].phase, cases[i].xml);
		if (answer.r != 0)
			fail_msg("case %zu: %s", i, answer.error.text);
		assert_null(answer.findings);
	}
}

static void test_refused(void **state)
{
	struct answer answer = ask(NULL, "prepare", "begin", GUEST(DEVICE("7f", "00", "0", "yes")));
	expect(&answer, PP_STATUS_NOT_READY, "device-missing");

	answer = ask(NULL, "prepare", "begin", GUEST(DEVICE("01", "00", "0", "no")));
	expect(&answer, PP_STATUS_NOT_READY, "not-detached");
	assert_non_null(strstr(answer.error.remedy, "managed='yes'"));

	/* another guest of libvirt's has it */
	answer = ask(
		"/run/libvirt/qemu/w.xml = <domstatus state='running' pid='9'><domain>"
		"<name>w</name><devices>" DEVICE("01", "00", "0",
			"yes") "</devices></domain>"
			       "</domstatus>\n/proc/9/cmdline = qemu\\x00-name\\x00guest=w\\x00\n",
		"prepare", "begin", GUEST(DEVICE("01", "00", "0", "yes")));
	expect(&answer, PP_STATUS_IN_USE, "in-use-guest");
	assert_non_null(strstr(answer.error.text, "w, libvirt, running"));
	assert_non_null(answer.findings);
	pp_findings_free(answer.findings);
}

/* What is not about its devices stands in the way too: its memory is pinned as a whole. */
static void test_memory(void **state)
{
#define MEMORY(more)                                                                               \
	"<domain type='kvm'><name>g</name><memory unit='TiB'>1</memory>" more                      \
	"<devices>" DEVICE("01", "00", "0", "yes") "</devices></domain>"
	static const char *const guests[] = {MEMORY(""), MEMORY("<unknown><to us=''/></unknown>")};
	for (size_t i = 0; i < PP_COUNT(guests); i++) {
		struct answer answer = ask(NULL, "prepare", "begin", guests[i]);
		expect(&answer, PP_STATUS_NOT_READY, "memory-short");
		pp_findings_free(answer.findings);
	}
}

/* All checks pass: what is left is to move it, which a machine as text refuses. */
static void test_goes(void **state)
{
	static const char *const guests[] = {
		GUEST(DEVICE("01", "00", "0", "yes")), GUEST(DEVICE("00", "1a", "7", "yes"))};
	for (size_t i = 0; i < PP_COUNT(guests); i++) {
		struct answer answer = ask(NULL, "prepare", "begin", guests[i]);
		assert_true(answer.r < 0);
		if (answer.findings && pp_findings_worst(answer.findings) == PP_FAIL) {
			fixture_print(answer.findings);
			fail_msg("%s", answer.error.text);
		}
		assert_non_null(strstr(answer.error.text, "text"));
		pp_findings_free(answer.findings);
	}
}

/* What an earlier start remembered is held against what is there now. */
static void test_remembered(void **state)
{
#define REMEMBERED(product, group)                                                                 \
	"/var/lib/pcipass/guests/libvirt:g.json = {\"version\": 1, \"name\": \"libvirt:g\", "      \
	"\"devices\": [{\"address\": \"0000:01:00.0\", \"vendor\": 6966, \"product\": " product    \
	", \"subvendor\": 6900, \"subproduct\": 4352, \"revision\": 1, \"group\": \"" group        \
	"\"}]}\n"
	const char *xml = GUEST(DEVICE("01", "00", "0", "yes"));
	struct answer answer = ask(REMEMBERED("17", NVME), "prepare", "begin", xml);
	expect(&answer, PP_STATUS_NOT_READY, "identity-changed");
	assert_non_null(strstr(answer.error.remedy, "virsh edit g"));
	assert_non_null(strstr(answer.error.remedy, "rm '/var/lib/pcipass/guests/libvirt:g.json'"));
	pp_findings_free(answer.findings);

	answer = ask(REMEMBERED("16", NVME " " NIC), "prepare", "begin", xml);
	const struct pp_finding *finding = fixture_finding(answer.findings, "group-changed");
	assert_non_null(finding);
	assert_non_null(strstr(finding->remedy, "libvirt:g.json"));
	pp_findings_free(answer.findings);

	answer = ask(REMEMBERED("16", NVME), "prepare", "begin", xml);
	assert_null(fixture_finding(answer.findings, "identity-changed"));
	assert_null(fixture_finding(answer.findings, "group-changed"));
	pp_findings_free(answer.findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_input),
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_goes),
		cmocka_unit_test(test_remembered)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
