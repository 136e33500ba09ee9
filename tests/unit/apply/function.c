/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MAC, VLAN, spoof check and trust of virtual functions. The requests are compared with what `ip
 * link set dev PF vf 3 ...` of iproute2 6.1 was recorded to send. Answers are built here, in the
 * order in which the kernel puts them: no card with virtual functions was there to record one. */
#include "lib/apply/function.h"
#include "lib/apply/vflink.h"
#include "tests/unit/apply/machine.h"
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define PF_PATH "/sys/devices/pci0000:00/0000:01:00.0"
#define FUNCTION "0000:01:00.1"

/* ---- requests ---- */

static const struct pp_function_state wanted = {
	.mac = {0x52, 0x54, 0x00, 0x11, 0x22, 0x33}, .vlan = 42, .qos = 3, .spoof = 0, .trust = 1};
/* What stands behind the header of the message, which has its number. */
static const struct {
	enum pp_vflink_what what;
	const char *bytes;
} recorded[] = {
	{PP_VFLINK_MAC, "00000000010000000000000000000000"
			"300016002c00010028000100030000005254001122330000"
			"000000000000000000000000000000000000000000000000"},
	{PP_VFLINK_VLAN, "00000000010000000000000000000000"
			 "180016001400010010000200030000002a00000003000000"},
	{PP_VFLINK_SPOOF, "00000000010000000000000000000000"
			  "14001600100001000c0004000300000000000000"},
	{PP_VFLINK_TRUST, "00000000010000000000000000000000"
			  "14001600100001000c0009000300000001000000"},
};

static void test_requests(void **state)
{
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		uint8_t bytes[PP_VFLINK_MAX];
		char text[PP_VFLINK_MAX * 2 + 1];
		struct nlmsghdr header;
		size_t length = pp_vflink_set(bytes, 1, 77, 3, recorded[i].what, &wanted);
		memcpy(&header, bytes, sizeof(header));
		assert_int_equal(header.nlmsg_len, length);
		assert_int_equal(header.nlmsg_type, RTM_SETLINK);
		assert_int_equal(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
		assert_int_equal(header.nlmsg_seq, 77);
		for (size_t j = sizeof(header); j < length; j++)
			snprintf(text + (j - sizeof(header)) * 2, 3, "%02x", bytes[j]);
		assert_string_equal(text, recorded[i].bytes);
	}
}

/* ---- answers ---- */

struct answer {
	uint8_t bytes[4096];
	size_t length;
};

static size_t add(struct answer *answer, uint16_t type, const void *data, size_t size)
{
	size_t at = answer->length;
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
	memcpy(answer->bytes + at, &attribute, sizeof(attribute));
	if (size)
		memcpy(answer->bytes + at + NLA_HDRLEN, data, size);
	answer->length += NLA_ALIGN(NLA_HDRLEN + size);
	return at;
}

static void close_at(struct answer *answer, size_t at)
{
	uint16_t length = (uint16_t)(answer->length - at);
	memcpy(answer->bytes + at, &length, sizeof(length));
}

/* As the kernel fills it for three functions; the last one's driver knows neither spoof check nor
 * trust. */
static void answer_make(struct answer *answer)
{
	struct nlmsghdr header = {.nlmsg_type = RTM_NEWLINK};
	struct ifinfomsg link = {.ifi_index = 5};
	uint32_t count = 3;
	*answer = (struct answer){.length = sizeof(header) + sizeof(link)};
	memcpy(answer->bytes + sizeof(header), &link, sizeof(link));
	add(answer, IFLA_IFNAME, "eth9", 5);
	add(answer, IFLA_NUM_VF, &count, sizeof(count));
	size_t list = add(answer, IFLA_VFINFO_LIST | NLA_F_NESTED, NULL, 0);
	for (unsigned i = 0; i < count; i++) {
		struct ifla_vf_mac mac = {.vf = i, .mac = {0x02, 0, 0, 0, 0, (uint8_t)i}};
		struct ifla_vf_vlan vlan = {.vf = i, .vlan = i * 10, .qos = i};
		struct ifla_vf_tx_rate rate = {.vf = i};
		struct ifla_vf_spoofchk spoof = {.vf = i, .setting = i == 2 ? UINT32_MAX : 1};
		struct ifla_vf_link_state up = {.vf = i};
		struct ifla_vf_trust trust = {.vf = i, .setting = i == 2 ? UINT32_MAX : i};
		uint8_t broadcast[6] = {255, 255, 255, 255, 255, 255};
		size_t info = add(answer, IFLA_VF_INFO | NLA_F_NESTED, NULL, 0);
		add(answer, IFLA_VF_MAC, &mac, sizeof(mac));
		add(answer, IFLA_VF_BROADCAST, broadcast, sizeof(broadcast));
		add(answer, IFLA_VF_VLAN, &vlan, sizeof(vlan));
		add(answer, IFLA_VF_TX_RATE, &rate, sizeof(rate));
		add(answer, IFLA_VF_SPOOFCHK, &spoof, sizeof(spoof));
		add(answer, IFLA_VF_LINK_STATE, &up, sizeof(up));
		add(answer, IFLA_VF_TRUST, &trust, sizeof(trust));
		close_at(answer, info);
	}
	close_at(answer, list);
	header.nlmsg_len = (uint32_t)answer->length;
	memcpy(answer->bytes, &header, sizeof(header));
}

static void test_answers(void **state)
{
	static const char *const texts[] = {"mac=02:00:00:00:00:00 vlan=0 qos=0 spoof=1 trust=0",
		"mac=02:00:00:00:00:01 vlan=10 qos=1 spoof=1 trust=1",
		"mac=02:00:00:00:00:02 vlan=20 qos=2 spoof=0 trust=0"};
	struct answer answer;
	struct pp_function_state function;
	char text[PP_DRIVER_SIZE];
	answer_make(&answer);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pp_vflink_parse(answer.bytes, answer.length, i, &function), 0);
		pp_function_text(&function, text);
		assert_string_equal(text, texts[i]);
	}
	assert_int_equal(pp_vflink_parse(answer.bytes, answer.length, 3, &function), -ENOENT);
	/* cut anywhere: the length in its header is more than came */
	for (size_t n = 0; n < answer.length; n++) {
		PP_FREE uint8_t *cut = malloc(n + 1);
		memcpy(cut, answer.bytes, n);
		assert_int_equal(pp_vflink_parse(cut, n, 1, &function), -EBADMSG);
	}
	/* any byte of it another one: nothing outside of it is read */
	for (size_t n = 0; n < answer.length; n++)
		for (unsigned flip = 1; flip < 256; flip *= 2) {
			PP_FREE uint8_t *odd = malloc(answer.length);
			memcpy(odd, answer.bytes, answer.length);
			odd[n] ^= (uint8_t)flip;
			pp_vflink_parse(odd, answer.length, 2, &function);
			pp_vflink_acknowledged(odd, answer.length);
		}
}

static void test_acknowledgements(void **state)
{
	struct {
		struct nlmsghdr header;
		int32_t code;
	} message = {.header = {.nlmsg_len = 20, .nlmsg_type = NLMSG_ERROR}};
	struct pp_function_state function;
	const uint8_t *bytes = (const uint8_t *)&message;
	assert_int_equal(pp_vflink_acknowledged(bytes, 20), 0);
	assert_int_equal(pp_vflink_parse(bytes, 20, 0, &function), -EBADMSG);
	message.code = -EOPNOTSUPP;
	assert_int_equal(pp_vflink_acknowledged(bytes, 20), -EOPNOTSUPP);
	assert_int_equal(pp_vflink_parse(bytes, 20, 0, &function), -EOPNOTSUPP);
	message.code = 5;
	assert_int_equal(pp_vflink_acknowledged(bytes, 20), -EBADMSG);
	assert_int_equal(pp_vflink_acknowledged(bytes, 19), -EBADMSG);
	message.header.nlmsg_type = RTM_NEWLINK;
	assert_int_equal(pp_vflink_acknowledged(bytes, 20), -EBADMSG);
}

static void test_texts(void **state)
{
	static const char *const bad[] = {"", "mac=", "mac=02:00:00:00:00:00",
		"mac=02:00:00:00:00:00 vlan=4095 qos=0 spoof=1 trust=0",
		"mac=02:00:00:00:00:00 vlan=0 qos=8 spoof=1 trust=0",
		"mac=02:00:00:00:00:00 vlan=0 qos=0 spoof=2 trust=0",
		"mac=02:00:00:00:00:00 vlan=0 qos=0 spoof=1 trust=0 x",
		"mac=02:00:00:00:00:0 vlan=0 qos=0 spoof=1 trust=0",
		"mac=02:00:00:00:00:00 vlan=00 qos=0 spoof=1 trust=0",
		"mac=02:00:00:00:00:0G vlan=0 qos=0 spoof=1 trust=0",
		"MAC=02:00:00:00:00:00 vlan=0 qos=0 spoof=1 trust=0"};
	struct pp_function_state function;
	char text[PP_DRIVER_SIZE];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pp_function_parse(bad[i], &function));
	pp_function_text(&(struct pp_function_state){.mac = {255, 255, 255, 255, 255, 255},
				 .vlan = 4094,
				 .qos = 7,
				 .spoof = 1,
				 .trust = 1},
		text);
	assert_true(pp_function_parse(text, &function));
	assert_int_equal(function.vlan, 4094);
}

/* ---- as a step ---- */

static int setup(void **state)
{
	machine_setup(state);
	struct machine *machine = *state;
	put_folder(machine, PF_PATH "/net/eth9");
	put_folder(machine, "/sys/devices/pci0000:00/" FUNCTION);
	put(machine, "/sys/devices/pci0000:00/" FUNCTION "/driver_override", "(null)\n");
	put(machine, "/sys/devices/pci0000:00/" FUNCTION "/modalias", "pci:v00008086\n");
	put_link(machine, "/sys/devices/pci0000:00/" FUNCTION "/physfn", "../0000:01:00.0");
	put_link(machine, PF_PATH "/virtfn0", "../" FUNCTION);
	put_link(
		machine, "/sys/bus/pci/devices/" FUNCTION, "../../../devices/pci0000:00/" FUNCTION);
	return 0;
}

static struct pp_plan *plan_of(struct machine *machine)
{
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	assert_int_equal(pp_plan_new("start", "guest:win11", &plan, &error), 0);
	if (pp_function_plan(machine->context, FUNCTION, wanted.mac, 42, plan, &error) < 0)
		fail_msg("%s", error.text);
	return plan;
}

static void expect(struct machine *machine, const char *text)
{
	struct pp_function_state function;
	char now[PP_DRIVER_SIZE];
	assert_int_equal(pp_function_read(machine->context, FUNCTION, &function), 0);
	pp_function_text(&function, now);
	assert_string_equal(now, text);
}

#define BEFORE "mac=00:00:00:00:00:00 vlan=0 qos=0 spoof=1 trust=0"
#define AFTER "mac=52:54:00:11:22:33 vlan=42 qos=0 spoof=1 trust=0"

static void test_set_and_restored(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(machine_apply(machine, plan_of(machine), &error), 1);
	expect(machine, AFTER);
	assert_int_equal(pp_journal_release(
				 machine->context, "guest:win11", NULL, 0, NULL, &changed, &error),
		0);
	expect(machine, BEFORE);
	assert_int_equal(count_journals(machine), 0);
}

/* Each effect fails, and kills: it is as before, or as asked, and recovery says no other. */
static void test_faults(void **state)
{
	struct machine *machine = *state;
	for (unsigned at = 1; at < 20; at++)
		for (int die = 0; die < 2; die++) {
			struct pp_plan *plan = plan_of(machine);
			pid_t pid = fork();
			int status;
			bool changed;
			struct pp_error error = {0};
			assert_true(pid >= 0);
			if (pid == 0) {
				struct pp_effects effects;
				assert_int_equal(
					pp_effects_init(&effects, machine->context, NULL, NULL), 0);
				effects.fault = (struct pp_fault){
					.kind = die ? PP_FAULT_DIE : PP_FAULT_FAIL,
					.at = at,
					.error = -EIO};
				_exit(pp_apply_on(&effects, plan, &changed, &error) < 0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			pp_plan_free(plan);
			assert_int_equal(
				pp_journal_recover(machine->context, NULL, NULL, &changed, &error),
				0);
			expect(machine, count_journals(machine) ? AFTER : BEFORE);
			assert_true(count_journals(machine) == 0 || WEXITSTATUS(status) == 0 ||
				    WEXITSTATUS(status) == PP_FAULT_EXIT);
			pp_journal_release(
				machine->context, "guest:win11", NULL, 0, NULL, &changed, &error);
			expect(machine, BEFORE);
		}
}

static void test_not_a_function(void **state)
{
	struct machine *machine = *state;
	struct pp_function_state function;
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	assert_int_equal(
		pp_function_read(machine->context, fixtures[NIC].address, &function), -EOPNOTSUPP);
	assert_int_equal(pp_function_read(machine->context, "0000:77:00.0", &function), -ENODEV);
	machine_remove(machine, PF_PATH "/net");
	assert_int_equal(pp_plan_new("start", "guest:win11", &plan, &error), 0);
	assert_int_equal(pp_function_plan(machine->context, FUNCTION, wanted.mac, 0, plan, &error),
		-EOPNOTSUPP);
	assert_string_equal(error.id, "function-not-set");
	pp_plan_free(plan);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_acknowledgements),
		cmocka_unit_test(test_texts),
		TEST(test_set_and_restored),
		TEST(test_faults),
		TEST(test_not_a_function),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
