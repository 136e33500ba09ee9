/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual functions on the model of the kernel: made, ended, undone, and a crash at every effect of
 * it and again at every effect of the recovery. */
#include "lib/apply/binding.h"
#include "tests/unit/apply/machine.h"

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 5u
#else
#define STRIDE 1u
#endif

#define PF "0000:01:00.0"
#define PF_PATH "/sys/devices/pci0000:00/" PF
#define FIRST "0000:01:00.1"
#define SECOND "0000:01:00.2"

static void put_functions(struct machine *machine)
{
	static const char *const files[][2] = {{"vendor", "0x1b36"}, {"device", "0x0010"},
		{"class", "0x010802"}, {"subsystem_vendor", "0x1af4"},
		{"subsystem_device", "0x1100"}, {"revision", "0x02"}, {"sriov_totalvfs", "4"},
		{"sriov_numvfs", "0"}, {"sriov_offset", "1"}, {"sriov_stride", "1"},
		{"sriov_vf_device", "10"}, {"sriov_drivers_autoprobe", "1"}};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[256], text[32];
		snprintf(path, sizeof(path), PF_PATH "/%s", files[i][0]);
		snprintf(text, sizeof(text), "%s\n", files[i][1]);
		put(machine, path, text);
	}
}

static int setup(void **state)
{
	machine_setup(state);
	put_functions(*state);
	return 0;
}

static const struct pp_device *device_of(const struct pp_host *host, const char *name)
{
	struct pp_address address;
	assert_int_equal(pp_address_parse(name, &address), 0);
	const struct pp_device *device = pp_host_device(host, &address);
	assert_non_null(device);
	return device;
}

static struct pp_host *look(struct machine *machine)
{
	struct pp_host *host = NULL;
	struct pp_error error = {0};
	if (pp_host_read(machine->context, PP_READ_CONFIG, &host, &error) < 0)
		fail_msg("%s", error.text);
	return host;
}

static int plan_vfs(struct machine *machine, const char *name, unsigned count,
	struct pp_plan **ret_plan, struct pp_error *error)
{
	struct pp_host *host = look(machine);
	int r = pp_plan_setvfs(
		machine->context, host, device_of(host, name), count, ret_plan, error);
	pp_host_free(host);
	return r;
}

static int set(struct machine *machine, unsigned count, struct pp_error *error)
{
	struct pp_plan *plan = NULL;
	int r = plan_vfs(machine, PF, count, &plan, error);
	return r < 0 ? r : machine_apply(machine, plan, error);
}

static void must_set(struct machine *machine, unsigned count)
{
	struct pp_error error = {0};
	if (set(machine, count, &error) < 0)
		fail_msg("%s", error.text);
}

/* Moves one function to a driver, for a guest or for the host. */
static int give(struct machine *machine, const char *name, const char *driver, const char *guest,
	struct pp_error *error)
{
	struct pp_host *host = look(machine);
	const struct pp_device *device = device_of(host, name);
	struct pp_plan *plan = NULL;
	int r = pp_plan_detach(host, &device, 1, driver, &plan, error);
	if (r >= 0 && guest)
		r = pp_plan_name(plan, "start", guest, error);
	if (r >= 0 && guest)
		r = pp_plan_claim(plan, device, error);
	pp_host_free(host);
	return r < 0 ? r : machine_apply(machine, plan, error);
}

static void read_file(const struct machine *machine, const char *file, char *text, size_t size)
{
	char path[512];
	snprintf(path, sizeof(path), "%s" PF_PATH "/%s", machine->root, file);
	FILE *stream = fopen(path, "re");
	assert_non_null(stream);
	assert_non_null(fgets(text, (int)size, stream));
	fclose(stream);
	text[strcspn(text, "\n")] = '\0';
}

/* "2 1 01:00.1=nvme 01:00.2=", the number, the switch, and the functions' drivers. */
static void state_text(struct machine *machine, char *text, size_t size)
{
	char number[16], probe[16];
	read_file(machine, "sriov_numvfs", number, sizeof(number));
	read_file(machine, "sriov_drivers_autoprobe", probe, sizeof(probe));
	size_t used = (size_t)snprintf(text, size, "%s %s", number, probe);
	for (int i = 1; i <= 4; i++) {
		struct pp_driver_state state;
		char name[PP_ADDRESS_SIZE];
		snprintf(name, sizeof(name), "0000:01:00.%d", i);
		if (pp_driver_read(machine->context, name, &state) == 0)
			used += (size_t)snprintf(
				text + used, size - used, " %s=%s", name + 5, state.driver);
	}
}

static void expect(struct machine *machine, const char *wanted)
{
	char now[256];
	state_text(machine, now, sizeof(now));
	assert_string_equal(now, wanted);
}

static void expect_refusal(struct machine *machine, const char *name, unsigned count, int code,
	const char *id, const char *words)
{
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	assert_int_equal(plan_vfs(machine, name, count, &plan, &error), code);
	assert_string_equal(error.id, id);
	if (!strstr(error.text, words))
		fail_msg("%s", error.text);
}

static void test_refusals(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	expect_refusal(machine, fixtures[NIC].address, 1, -EOPNOTSUPP, "vfs-none", "no SR-IOV");
	expect_refusal(machine, PF, 5, -ERANGE, "vfs-too-many", "at most 4");
	must_set(machine, 1);
	expect_refusal(machine, FIRST, 1, -EINVAL, "vfs-of-vf", "of " PF);
	must_set(machine, 0);
	assert_int_equal(give(machine, PF, NULL, NULL, &error), 1);
	expect_refusal(machine, PF, 2, -ENOENT, "vfs-no-driver", "vfio-pci");
	put(machine, PF_PATH "/driver_override", "(null)\n");
	machine_remove(machine, PF_PATH "/driver");
	expect_refusal(machine, PF, 2, -ENOENT, "vfs-no-driver", "no driver");
	expect(machine, "0 1");
}

static void test_made_and_ended(void **state)
{
	struct machine *machine = *state;
	must_set(machine, 2);
	expect(machine, "2 1 01:00.1= 01:00.2=");
	assert_int_equal(count_journals(machine), 1);
	must_set(machine, 2);
	assert_int_equal(count_journals(machine), 1);
	must_set(machine, 4);
	expect(machine, "4 1 01:00.1= 01:00.2= 01:00.3= 01:00.4=");
	must_set(machine, 0); /* as it was before all of it: nothing is left to remember */
	expect(machine, "0 1");
	assert_int_equal(count_journals(machine), 0);
	assert_int_equal(count_unfinished(machine, NULL), 0);
	/* who has switched the drivers off finds them off */
	put(machine, PF_PATH "/sriov_drivers_autoprobe", "0\n");
	must_set(machine, 1);
	expect(machine, "1 0 01:00.1=");
}

static void undo(struct machine *machine, const char *id, int code, struct pp_error *error)
{
	bool changed = false;
	int r = pp_change_undo(machine->context, id, NULL, &changed, error);
	if (r != code)
		fail_msg("%d: %s", r, error->text);
}

static void test_undo(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	put(machine, PF_PATH "/sriov_numvfs", "0\n");
	must_set(machine, 2);
	assert_true(give(machine, FIRST, NULL, NULL, &error) >= 0);
	must_set(machine, 1);
	expect(machine, "1 1 01:00.1=");
	undo(machine, "1", -EBUSY, &error); /* later ones stand on it */
	undo(machine, "3", 0, &error);
	expect(machine, "2 1 01:00.1=vfio-pci 01:00.2=");
	undo(machine, "2", 0, &error);
	undo(machine, "1", 0, &error);
	expect(machine, "0 1");
	assert_int_equal(count_journals(machine), 0);
}

static void test_guest_keeps(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false;
	must_set(machine, 2);
	assert_true(give(machine, SECOND, NULL, "guest:win11", &error) >= 0);
	assert_int_equal(set(machine, 0, &error), -EBUSY);
	assert_string_equal(error.id, "device-in-guest");
	assert_non_null(strstr(error.text, SECOND));
	assert_non_null(strstr(error.text, "win11"));
	expect(machine, "2 1 01:00.1= 01:00.2=vfio-pci");
	undo(machine, "1", -EBUSY, &error);
	assert_string_equal(error.id, "in-use-functions");
	assert_non_null(strstr(error.text, "win11"));
	expect(machine, "2 1 01:00.1= 01:00.2=vfio-pci");
	assert_int_equal(pp_journal_release(
				 machine->context, "guest:win11", NULL, 0, NULL, &changed, &error),
		0);
	undo(machine, "1", 0, &error);
	expect(machine, "0 1");
}

/* A process that holds the VFIO node. */
static void test_held(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	char group[64];
	must_set(machine, 1);
	assert_true(give(machine, FIRST, NULL, NULL, &error) >= 0);
	snprintf(group, sizeof(group), "/dev/vfio/%d", 9); /* the machine has groups up to 8 */
	put(machine, "/proc/77/comm", "dpdk\n");
	put_folder(machine, "/proc/77/fd");
	put_link(machine, "/proc/77/fd/5", group);
	assert_int_equal(set(machine, 0, &error), -EBUSY);
	assert_string_equal(error.id, "vfio-held");
	assert_non_null(strstr(error.text, "dpdk"));
	expect(machine, "1 1 01:00.1=vfio-pci");
	assert_int_equal(count_unfinished(machine, NULL), 0);
}

/* The kernel says no: in its words and ours, and all is as it was. */
static void test_kernel_refuses(void **state)
{
	static const struct {
		const char *rule, *id;
		int code;
	} cases[] = {{"12", "vfs-no-room", -ENOMEM}, {"16", "vfs-busy", -EBUSY},
		{"1", "vfs-assigned", -EPERM}, {"2", "vfs-no-driver", -ENOENT}, {"5", "", -EIO}};
	struct machine *machine = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pp_error error = {0};
		char rules[128];
		snprintf(rules, sizeof(rules), "match pci:v*d*sv*sd*bc01sc08i02*\nvfs " PF " %s\n",
			cases[i].rule);
		put(machine, "/model/drivers/nvme", rules);
		assert_int_equal(set(machine, 2, &error), cases[i].code);
		assert_string_equal(error.id, cases[i].id);
		assert_non_null(strstr(error.text, PF ": the kernel does not give it 2"));
		expect(machine, "0 1");
		assert_int_equal(count_journals(machine), 0);
	}
}

/* ---- crashes ---- */

struct scenario {
	const char *name;
	unsigned before, count;
	bool driver, out; /* the first one has the host's driver, the second one is with vfio-pci */
};
static const struct scenario scenarios[] = {
	{"made", 0, 2, false, false},
	{"ended", 2, 0, true, true},
	{"more", 2, 3, false, true},
};

/* Not by us, so that only the change in question is remembered. */
static void set_up(struct machine *machine, const struct scenario *scenario)
{
	struct pp_error error = {0};
	machine_remove(machine, "/run");
	put(machine, PF_PATH "/sriov_drivers_autoprobe", "0\n");
	must_set(machine, 0);
	must_set(machine, scenario->before);
	if (scenario->driver)
		assert_int_equal(give(machine, FIRST, "nvme", NULL, &error), 1);
	if (scenario->out)
		assert_int_equal(give(machine, SECOND, NULL, NULL, &error), 1);
	machine_remove(machine, "/run");
	put(machine, PF_PATH "/sriov_drivers_autoprobe", "1\n");
}

static unsigned transact(struct machine *machine, const struct scenario *scenario,
	const struct pp_fault *fault, int *ret_result)
{
	struct pp_effects effects;
	struct pp_plan *plan = NULL;
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(plan_vfs(machine, PF, scenario->count, &plan, &error), 0);
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	effects.fault = *fault;
	*ret_result = pp_apply_on(&effects, plan, &changed, &error);
	pp_plan_free(plan);
	return effects.count;
}

static void recover(struct machine *machine, const struct pp_fault *fault)
{
	struct pp_effects effects;
	struct pp_error error = {0};
	bool changed;
	assert_int_equal(pp_effects_init(&effects, machine->context, NULL, NULL), 0);
	effects.fault = *fault;
	if (pp_journal_recover_on(&effects, NULL, &changed, &error) < 0)
		fail_msg("recovery: %s", error.text);
}

static bool dies(
	struct machine *machine, const struct scenario *scenario, bool recovery, unsigned at)
{
	struct pp_fault fault = {.kind = PP_FAULT_DIE, .at = at};
	int status, result = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (recovery)
			recover(machine, &fault);
		else
			transact(machine, scenario, &fault, &result);
		_exit(result < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == PP_FAULT_EXIT);
	return WEXITSTATUS(status) == PP_FAULT_EXIT;
}

static unsigned crash_everywhere(struct machine *machine, const struct scenario *scenario)
{
	char before[256], after[256], now[256];
	int result = 0;
	unsigned combinations = 0;
	set_up(machine, scenario);
	state_text(machine, before, sizeof(before));
	unsigned effects = transact(machine, scenario, &(struct pp_fault){0}, &result);
	assert_int_equal(result, 0);
	state_text(machine, after, sizeof(after));
	for (unsigned at = 1; at <= effects; at++) {
		bool died = true;
		for (unsigned again = 1 + at % STRIDE; died; again += STRIDE) {
			set_up(machine, scenario);
			assert_true(dies(machine, scenario, false, at));
			bool unfinished = count_unfinished(machine, NULL) > 0;
			bool kept = !unfinished && count_journals(machine) > 0;
			died = dies(machine, scenario, true, again);
			recover(machine, &(struct pp_fault){0});
			state_text(machine, now, sizeof(now));
			if (strcmp(now, kept ? after : before) != 0)
				fail_msg("%s, crash at %u and %u: %s", scenario->name, at, again,
					now);
			assert_int_equal(count_unfinished(machine, NULL), 0);
			assert_int_equal(count_journals(machine), kept ? 1 : 0);
			combinations++;
		}
	}
	return combinations;
}

static void test_crash_twice(void **state)
{
	unsigned total = 0;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		total += crash_everywhere(*state, &scenarios[i]);
	printf("%u combinations of two crashes\n", total);
	assert_true(total * STRIDE >= 100);
}

/* Each effect fails once: all is as before, or as asked. */
static void test_fail_everywhere(void **state)
{
	struct machine *machine = *state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		char before[256], after[256], now[256];
		int result = 0;
		set_up(machine, &scenarios[i]);
		state_text(machine, before, sizeof(before));
		unsigned effects = transact(machine, &scenarios[i], &(struct pp_fault){0}, &result);
		state_text(machine, after, sizeof(after));
		for (unsigned at = 1; at <= effects; at++) {
			struct pp_fault fault = {.kind = PP_FAULT_FAIL, .at = at, .error = -EIO};
			set_up(machine, &scenarios[i]);
			transact(machine, &scenarios[i], &fault, &result);
			state_text(machine, now, sizeof(now));
			assert_string_equal(now, result < 0 ? before : after);
			recover(machine, &(struct pp_fault){0});
			assert_int_equal(count_unfinished(machine, NULL), 0);
		}
	}
}

static void test_data(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	struct pp_plan *plan = NULL, *again = NULL;
	struct pp_json *object = NULL;
	assert_int_equal(plan_vfs(machine, PF, 2, &plan, &error), 0);
	char *json = pp_plan_json(plan);
	assert_int_equal(pp_json_parse(json, strlen(json), &object, &error), 0);
	assert_int_equal(pp_plan_parse(object, &again, &error), 0);
	assert_int_equal(again->n_steps, 3);
	assert_int_equal(again->steps[1].kind, PP_STEP_VFS);
	assert_string_equal(again->steps[1].to.driver, "2");
	char *text = pp_plan_text(again);
	assert_non_null(strstr(text, PF ": 0 -> 2 virtual functions\n"));
	free(text);
	free(json);
	pp_json_free(object);
	pp_plan_free(plan);
	pp_plan_free(again);

	static const char *const bad[] = {"{\"kind\":\"vfs\",\"subject\":\"" PF "\",\"from\":0}",
		"{\"kind\":\"vfs\",\"subject\":\"" PF "\",\"from\":0,\"to\":-1}",
		"{\"kind\":\"vfs\",\"subject\":\"" PF "\",\"from\":0,\"to\":65536}",
		"{\"kind\":\"vfs\",\"subject\":\"x\",\"from\":0,\"to\":1}",
		"{\"kind\":\"vfs\",\"subject\":\"" PF "\",\"from\":\"0\",\"to\":1}",
		"{\"kind\":\"autoprobe\",\"subject\":\"" PF "\",\"from\":0,\"to\":2}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char whole[256];
		snprintf(whole, sizeof(whole), "{\"verb\":\"v\",\"owner\":\"host\",\"steps\":[%s]}",
			bad[i]);
		assert_int_equal(pp_json_parse(whole, strlen(whole), &object, &error), 0);
		assert_int_equal(pp_plan_parse(object, &again, &error), -EBADMSG);
		pp_json_free(object);
	}
}

/* ---- at each boot ---- */

static int at_boot(struct machine *machine, struct pp_error *error)
{
	return pp_bindings_apply_functions(machine->context, PF, NULL, error);
}

static void test_boot(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	struct pp_binding_list *list = NULL;
	bool changed = false;
	struct pp_host *host = look(machine);
	const struct pp_device *pf = device_of(host, PF);
	assert_int_equal(pp_bindings_add_functions(machine->context, host, pf, 5, &changed, &error),
		-ERANGE);
	assert_int_equal(
		pp_bindings_add_functions(machine->context, host, pf, 2, &changed, &error), 0);
	assert_true(changed);
	assert_int_equal(
		pp_bindings_add_functions(machine->context, host, pf, 2, &changed, &error), 0);
	assert_false(changed);
	assert_int_equal(pp_bindings_list(machine->context, &list, &error), 0);
	assert_int_equal(list->n_items, 1);
	assert_int_equal(list->items[0].functions, 2);
	assert_string_equal(list->items[0].driver, "");
	assert_null(list->items[0].fault);
	pp_binding_list_free(list);

	expect(machine, "0 1");
	assert_int_equal(at_boot(machine, &error), 0);
	expect(machine, "2 1 01:00.1= 01:00.2=");
	assert_int_equal(at_boot(machine, &error), 0);
	must_set(machine, 1); /* another number, by whoever: left alone */
	assert_int_equal(at_boot(machine, &error), -EBUSY);
	expect(machine, "1 1 01:00.1=");
	must_set(machine, 0);
	assert_int_equal(give(machine, PF, "pci-stub", NULL, &error), 1);
	assert_int_equal(at_boot(machine, &error), -ENOENT); /* only its own driver makes them */
	machine_remove(machine, PF_PATH "/driver");
	assert_int_equal(at_boot(machine, &error), 0); /* not yet */
	expect(machine, "0 1");
	put(machine, PF_PATH "/modalias",
		"pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00\n");
	assert_int_equal(at_boot(machine, &error), -ENODEV); /* another device is there now */
	undo(machine, "boot-" PF, 0, &error);
	assert_int_equal(at_boot(machine, &error), 0);
	pp_host_free(host);
}

static void test_boot_file(void **state)
{
	static const struct {
		const char *text;
		unsigned functions;
	} cases[] = {
		{"pcipass-binding 1\nfunctions 4\nslot a\nidentity b\n", 4},
		{"pcipass-binding 1\nfunctions 0\nslot a\nidentity b\n", 0},
		{"pcipass-binding 1\nfunctions 65536\nslot a\nidentity b\n", 0},
		{"pcipass-binding 1\nfunctions -1\nslot a\nidentity b\n", 0},
		{"pcipass-binding 1\nfunctions \nslot a\nidentity b\n", 0},
		{"pcipass-binding 1\nfunctions 4\nfunctions 4\nslot a\nidentity b\n", 0},
		{"pcipass-binding 1\nfunctions 4\ndriver vfio-pci\nslot a\nidentity b\n", 0},
		{"pcipass-binding 1\nfunctions 4\nslot a\n", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pp_binding_record record;
		pp_binding_parse(PF, cases[i].text, strlen(cases[i].text), &record);
		if ((cases[i].functions == 0) != (record.fault[0] != '\0'))
			fail_msg("case %zu: %s", i, record.fault);
		if (!record.fault[0])
			assert_int_equal(record.functions, cases[i].functions);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refusals),
		TEST(test_made_and_ended),
		TEST(test_undo),
		TEST(test_guest_keeps),
		TEST(test_held),
		TEST(test_kernel_refuses),
		TEST(test_data),
		TEST(test_boot),
		cmocka_unit_test(test_boot_file),
		TEST(test_crash_twice),
		TEST(test_fail_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
