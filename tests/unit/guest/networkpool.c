/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks of virtual functions: who gets which, and many at once. */
#include "lib/domain/text.h"
#include "lib/guest/networkpool.h"
#include "tests/unit/apply/machine.h"

#define PF "0000:01:00.0"
#define PF_PATH "/sys/devices/pci0000:00/" PF
#define N 4 /* functions */

static const char by_card[] = "<network><name>cards</name><forward mode='hostdev' "
			      "managed='yes'><pf dev='eth9'/></forward>"
			      "</network>";
static const char by_list[] =
	"<network><name>cards</name><forward mode='hostdev'><driver name='vfio'/>"
	"<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x3'/>"
	"<address type='pci' domain='0' bus='1' slot='0' function='9'/></forward></network>";

static int setup(void **state)
{
	static const char *const files[][2] = {{"vendor", "0x1b36"}, {"device", "0x0010"},
		{"class", "0x020000"}, {"subsystem_vendor", "0x1af4"},
		{"subsystem_device", "0x1100"}, {"revision", "0x02"}, {"sriov_totalvfs", "4"},
		{"sriov_numvfs", "0"}, {"sriov_offset", "1"}, {"sriov_stride", "1"},
		{"sriov_vf_device", "10"}, {"sriov_drivers_autoprobe", "0"}};
	machine_setup(state);
	struct machine *machine = *state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[256], text[32];
		snprintf(path, sizeof(path), PF_PATH "/%s", files[i][0]);
		snprintf(text, sizeof(text), "%s\n", files[i][1]);
		put(machine, path, text);
	}
	put_folder(machine, PF_PATH "/net/eth9");
	put_link(machine, PF_PATH "/net/eth9/device", "../../../" PF);
	put_folder(machine, "/sys/class/net");
	put_link(machine, "/sys/class/net/eth9", "../../devices/pci0000:00/" PF "/net/eth9");
	put(machine, "/etc/libvirt/qemu/networks/cards.xml", by_card);
	return 0;
}

static struct pp_host *look(struct machine *machine)
{
	struct pp_host *host = NULL;
	struct pp_error error = {0};
	if (pp_host_read(machine->context, PP_READ_CONFIG | PP_READ_USES, &host, &error) < 0)
		fail_msg("%s", error.text);
	return host;
}

static void set(struct machine *machine, unsigned count)
{
	struct pp_host *host = look(machine);
	struct pp_address address;
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	assert_int_equal(pp_address_parse(PF, &address), 0);
	if (pp_plan_setvfs(machine->context, host, pp_host_device(host, &address), count, &plan,
		    &error) < 0 ||
		machine_apply(machine, plan, &error) < 0)
		fail_msg("%s", error.text);
	pp_host_free(host);
}

/* Of a guest that asks as often as COUNT says. */
static struct pp_definition *define(struct machine *machine, const char *name, int count)
{
	struct pp_definition *definition = NULL;
	struct pp_error error = {0};
	char path[128], text[2048];
	int n = snprintf(text, sizeof(text),
		"<domain type='qemu'><name>%s</name><memory>65536</memory><os><type "
		"machine='q35'>hvm</type></os><devices>\n  <interface type='user'/>\n",
		name);
	for (int i = 0; i < count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			"  <interface type='network'>\n    <source\n      network='cards'/>\n"
			"    <model type='virtio'/><boot order='%d'/>\n  </interface>",
			i + 1);
	snprintf(text + n, sizeof(text) - (size_t)n, "</devices></domain>\n");
	snprintf(path, sizeof(path), "/etc/pcipass/guests/%s.xml", name);
	put(machine, path, text);
	assert_int_equal(pp_definition_load(machine->context, name, &definition, &error), 0);
	if (!definition->domain)
		fail_msg("%s", definition->fault.text);
	return definition;
}

/* As a start: the choice and the journal under the lock. WHO: the function, "" where none is. */
static int start(struct machine *machine, const char *name, char who[PP_ADDRESS_SIZE],
	struct pp_error *error)
{
	struct pp_definition *definition = define(machine, name, 1), *run = NULL;
	struct pp_plan *plan = NULL;
	char owner[64];
	int fd = -1;
	who[0] = '\0';
	snprintf(owner, sizeof(owner), "guest:%s", name);
	int r = pp_networkpool_lock(machine->context, &fd, error);
	assert_int_equal(r, 0);
	struct pp_host *host = look(machine);
	r = pp_networkpool_choose(machine->context, host, definition, &run, error);
	if (r >= 0) {
		const struct pp_domain_device *hostdev = pp_domain_next_hostdev(run->domain, NULL);
		const struct pp_device *device = pp_host_device(host, &hostdev->hostdev.source);
		assert_true(hostdev->hostdev.interface);
		assert_true(hostdev->hostdev.managed);
		assert_int_equal(hostdev->boot_order, 1);
		pp_address_text(&hostdev->hostdev.source, who);
		assert_int_equal(pp_plan_detach(host, &device, 1, NULL, &plan, error), 0);
		assert_int_equal(pp_plan_name(plan, "start", owner, error), 0);
		r = machine_apply(machine, plan, error);
	}
	close(fd);
	pp_host_free(host);
	pp_definition_free(run);
	pp_definition_free(definition);
	return r;
}

static void test_each_another(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	char who[PP_ADDRESS_SIZE];
	bool changed;
	assert_int_equal(start(machine, "a", who, &error), -ENODEV);
	assert_string_equal(error.id, "pool-empty");
	assert_non_null(strstr(error.text, "eth9 (" PF ")"));
	set(machine, 2);
	assert_true(start(machine, "a", who, &error) >= 0);
	assert_string_equal(who, "0000:01:00.1");
	assert_true(start(machine, "b", who, &error) >= 0);
	assert_string_equal(who, "0000:01:00.2");
	assert_int_equal(start(machine, "c", who, &error), -EBUSY);
	assert_string_equal(error.id, "pool-taken");
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	assert_non_null(strstr(error.text, "0000:01:00.1: guest a; 0000:01:00.2: guest b"));
	assert_int_equal(
		pp_journal_release(machine->context, "guest:a", NULL, 0, NULL, &changed, &error),
		0);
	assert_true(start(machine, "c", who, &error) >= 0);
	assert_string_equal(who, "0000:01:00.1");
}

static void test_several_for_one(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	struct pp_definition *run = NULL;
	set(machine, 3);
	struct pp_definition *definition = define(machine, "pair", 2);
	struct pp_host *host = look(machine);
	assert_int_equal(
		pp_networkpool_choose(machine->context, host, definition, &run, &error), 0);
	assert_non_null(strstr(run->text, "bus='0x01' slot='0x00' function='0x1'/></source>"));
	assert_non_null(strstr(run->text, "bus='0x01' slot='0x00' function='0x2'/></source>"));
	assert_null(strstr(run->text, "type='network'"));
	assert_null(strstr(run->text, "virtio"));
	assert_non_null(strstr(run->text, "<interface type='user'/>"));
	pp_definition_free(run);
	pp_definition_free(definition);
	/* four are asked for, three are there, two of them for this guest by the way */
	definition = define(machine, "four", 4);
	assert_int_equal(
		pp_networkpool_choose(machine->context, host, definition, &run, &error), -EBUSY);
	assert_non_null(strstr(error.text, "0000:01:00.3: this guest itself"));
	pp_definition_free(definition);
	pp_host_free(host);
}

static void test_lists_and_faults(void **state)
{
	static const struct {
		const char *network, *id;
	} cases[] = {
		{"<network><forward mode='hostdev'/></network>", "pool-empty"},
		{"<network><forward mode='hostdev'><pf dev='nic7'/></forward></network>",
			"pool-no-card"},
		{"<network><forward mode='hostdev'><address type='pci' bus='0x77'/></forward>"
		 "</network>",
			"pool-taken"},
	};
	struct machine *machine = *state;
	struct pp_error error = {0};
	struct pp_definition *run = NULL;
	set(machine, 4);
	struct pp_definition *definition = define(machine, "g", 1);
	struct pp_host *host = look(machine);
	put(machine, "/etc/libvirt/qemu/networks/cards.xml", by_list);
	assert_int_equal(
		pp_networkpool_choose(machine->context, host, definition, &run, &error), 0);
	assert_non_null(strstr(run->text, "<interface type='hostdev' managed='no'"));
	assert_int_equal(pp_domain_next_hostdev(run->domain, NULL)->hostdev.source.function, 3);
	pp_definition_free(run);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put(machine, "/etc/libvirt/qemu/networks/cards.xml", cases[i].network);
		assert_true(pp_networkpool_choose(
				    machine->context, host, definition, &run, &error) < 0);
		assert_string_equal(error.id, cases[i].id);
	}
	put(machine, "/etc/libvirt/qemu/networks/cards.xml",
		"<network><bridge name='br0'/></network>");
	run = definition;
	assert_int_equal(
		pp_networkpool_choose(machine->context, host, definition, &run, &error), 0);
	assert_null(run);
	pp_definition_free(definition);
	pp_host_free(host);
}

/* More starts than functions, all at once: each gets another one, and the rest are told. */
static void test_race(void **state)
{
	enum { STARTS = N + 3 };
	struct machine *machine = *state;
	pid_t pids[STARTS];
	unsigned got = 0, told = 0;
	char owner[128];
	set(machine, N);
	for (int i = 0; i < STARTS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i])
			continue;
		struct pp_error error = {0};
		char name[16], who[PP_ADDRESS_SIZE];
		snprintf(name, sizeof(name), "guest%d", i);
		int r = start(machine, name, who, &error);
		_exit(r >= 0 ? 0 : strcmp(error.id, "pool-taken") == 0 ? 1 : 2);
	}
	for (int i = 0; i < STARTS; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		got += WEXITSTATUS(status) == 0;
		told += WEXITSTATUS(status) == 1;
	}
	assert_int_equal(got, N);
	assert_int_equal(told, STARTS - N);
	for (int i = 1; i <= N; i++) {
		struct pp_address address = {.bus = 1, .function = (uint8_t)i};
		assert_int_equal(pp_device_owner(machine->context, &address, owner, sizeof(owner),
					 NULL, NULL),
			0);
		assert_non_null(strstr(owner, "guest:guest"));
	}
	assert_int_equal(count_journals(machine), N + 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_another),
		TEST(test_several_for_one),
		TEST(test_lists_and_faults),
		TEST(test_race),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
