/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bindings: written, read, compared with what is there, carried out at boot, taken back. */
#include "lib/apply/binding.h"
#include "tests/unit/apply/machine.h"

#define BINDING "/etc/pcipass/bindings/0000:01:00.0"
#define REVISION "/sys/devices/pci0000:00/0000:01:00.0/revision"

static int setup(void **state)
{
	static struct machine machine;
	machine_open(&machine);
	put(&machine, REVISION, "0x02\n");
	*state = &machine;
	return 0;
}

static int teardown(void **state)
{
	machine_close(*state);
	return 0;
}

static bool add(struct machine *machine, const char *which, const char *driver)
{
	const struct pp_device *devices[N_FIXTURES];
	struct pp_error error = {0};
	bool changed = false;
	int n = take_devices(machine, which, devices);
	if (pp_bindings_add(machine->context, devices, (size_t)n, driver, &changed, &error) < 0)
		fail_msg("%s", error.text);
	return changed;
}

static bool forget(struct machine *machine, int device)
{
	bool changed = false;
	struct pp_address address;
	assert_int_equal(pp_address_parse(fixtures[device].address, &address), 0);
	assert_int_equal(pp_bindings_remove(machine->context, &address, 1, &changed, NULL), 0);
	return changed;
}

/* What is said while it is done goes into SAID. */
static void listen(enum pp_event_kind kind, const char *text, void *data)
{
	char *said = data;
	if (kind == PP_EVENT_NOTE || kind == PP_EVENT_DONE)
		snprintf(said + strlen(said), 1024 - strlen(said), "%s\n", text);
}

static int boot(struct machine *machine, const char *address, char said[1024])
{
	struct pp_error error = {0};
	said[0] = '\0';
	struct pp_apply_options options = {.progress = listen, .data = said};
	int r = pp_bindings_apply(machine->context, address, &options, &error);
	if (r < 0 && address)
		snprintf(said, 1024, "%.1000s", error.text);
	return r;
}

/* As a machine starts: no device has a driver yet. */
static void power_on(struct machine *machine)
{
	char path[256];
	machine_reset(machine);
	for (size_t i = 0; i < N_FIXTURES; i++) {
		snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/driver",
			fixtures[i].address);
		machine_remove(machine, path);
		snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", fixtures[i].driver,
			fixtures[i].address);
		if (fixtures[i].driver[0])
			machine_remove(machine, path);
	}
}

static struct pp_binding_list *bindings_of(struct machine *machine, size_t count)
{
	struct pp_binding_list *list = NULL;
	struct pp_error error = {0};
	if (pp_bindings_list(machine->context, &list, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(list->n_items, count);
	return list;
}

static void test_add(void **state)
{
	struct machine *machine = *state;
	struct pp_binding_record record;
	pp_binding_list_free(bindings_of(machine, 0));
	assert_true(add(machine, "34", NULL));
	assert_false(add(machine, "34", NULL));
	machine_expect(machine, NVME, "nvme", ""); /* nothing is done now */
	assert_int_equal(pp_binding_load(machine->context, fixtures[NVME].address, &record), 0);
	assert_string_equal(record.fault, "");
	assert_string_equal(record.driver, "vfio-pci");
	assert_string_equal(record.slot, "pci0000:00/00.0");
	assert_string_equal(
		record.identity, "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02 rev=02");
	struct pp_binding_list *list = bindings_of(machine, 2);
	assert_string_equal(list->items[0].address, fixtures[NVME].address);
	assert_null(list->items[0].fault);
	assert_true(list->items[0].when > 0);
	pp_binding_list_free(list);
	assert_true(add(machine, "3", "pci-stub"));
	assert_true(forget(machine, NVME));
	assert_false(forget(machine, NVME));
	pp_binding_list_free(bindings_of(machine, 1));
}

static void test_boot(void **state)
{
	struct machine *machine = *state;
	char said[1024];
	add(machine, "34", NULL);
	power_on(machine);
	assert_int_equal(boot(machine, fixtures[NVME].address, said), 0);
	machine_expect(machine, NVME, "vfio-pci", "vfio-pci");
	machine_expect(machine, NIC, "", "");
	expect_word(said, "0000:01:00.0: bound to vfio-pci");
	assert_int_equal(boot(machine, NULL, said), 0);
	machine_expect(machine, NIC, "vfio-pci", "vfio-pci");
	assert_int_equal(boot(machine, NULL, said), 0); /* and again: nothing is left to do */
	assert_string_equal(said, "");
	assert_int_equal(boot(machine, fixtures[EHCI].address, said), 0); /* not bound */
}

static void test_off(void **state)
{
	struct machine *machine = *state;
	char said[1024];
	add(machine, "3", NULL);
	power_on(machine);
	put(machine, "/proc/cmdline", "ro pcipass.bind=0 quiet\n");
	assert_int_equal(boot(machine, NULL, said), 0);
	machine_expect(machine, NVME, "", "");
	expect_word(said, "pcipass.bind=0");
	put(machine, "/proc/cmdline", "ro pcipass.bind=01 quiet\n");
	assert_int_equal(boot(machine, NULL, said), 0);
	machine_expect(machine, NVME, "vfio-pci", "vfio-pci");
}

/* Its driver has it: in an initramfs nothing can lie on it yet, later it can. */
static void test_taken(void **state)
{
	struct machine *machine = *state;
	char said[1024];
	add(machine, "3", NULL);
	assert_int_equal(boot(machine, fixtures[NVME].address, said), -EBUSY);
	expect_word(said, "nvme took it before");
	machine_expect(machine, NVME, "nvme", "");
	put(machine, "/etc/pcipass/early", "");
	assert_int_equal(boot(machine, fixtures[NVME].address, said), 0);
	machine_expect(machine, NVME, "vfio-pci", "vfio-pci");
}

/* Another device stands at the address: it is left alone, and where the right one is, is said. */
static void test_other_device(void **state)
{
	struct machine *machine = *state;
	char said[1024], *text;
	size_t length;
	char path[512];
	add(machine, "3", NULL);
	power_on(machine);
	put(machine, REVISION, "0x03\n");
	assert_int_equal(boot(machine, fixtures[NVME].address, said), -ENODEV);
	expect_word(
		said, "0000:01:00.0 is another device now; the one that was meant is not found");
	machine_expect(machine, NVME, "", "");

	put(machine, REVISION, "0x02\n");
	snprintf(path, sizeof(path), "%s" BINDING, machine->root);
	assert_int_equal(pp_file_read(AT_FDCWD, path, 4096, &text, &length), 0);
	char *slot = strstr(text, "/00.0");
	slot[1] = '1';
	put(machine, BINDING, text);
	free(text);
	assert_int_equal(boot(machine, fixtures[NVME].address, said), -ENODEV);
	expect_word(said, "is in another slot now: pci0000:00/00.0, and was in pci0000:00/10.0");
	machine_expect(machine, NVME, "", "");
	forget(machine, NVME);
	assert_int_equal(boot(machine, fixtures[NVME].address, said), 0);
}

static void test_moved_device(void **state)
{
	struct machine *machine = *state;
	char said[1024], from[512], to[512];
	add(machine, "3", NULL);
	snprintf(from, sizeof(from), "%s" BINDING, machine->root);
	snprintf(to, sizeof(to), "%s/etc/pcipass/bindings/0000:02:00.0", machine->root);
	assert_int_equal(rename(from, to), 0);
	power_on(machine);
	assert_int_equal(boot(machine, NULL, said), -ENODEV);
	expect_word(said, "0000:02:00.0 is another device now; the one that was meant is at "
			  "0000:01:00.0");
	machine_expect(machine, NVME, "", "");
	machine_expect(machine, NIC, "", "");
	struct pp_binding_list *list = bindings_of(machine, 1);
	expect_word(list->items[0].fault, "is at 0000:01:00.0");
	pp_binding_list_free(list);
}

/* Two of one kind, no numbers of their own: the slot tells which one it is. */
static void test_moved_bus(void **state)
{
	static const struct fixture twin = {
		"0000:05:00.0", "", "", "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", 9};
	struct machine *machine = *state;
	char said[1024], from[512], to[512];
	add(machine, "3", NULL);
	put_device(machine, &twin);
	put_link(machine, "/sys/bus/pci/devices/0000:05:00.0",
		"../../../devices/pci0000:00/0000:00:1c.0/0000:05:00.0");
	put_folder(machine, "/sys/devices/pci0000:00/0000:00:1c.0");
	snprintf(from, sizeof(from), "%s/sys/devices/pci0000:00/0000:05:00.0", machine->root);
	snprintf(to, sizeof(to), "%s/sys/devices/pci0000:00/0000:00:1c.0/0000:05:00.0",
		machine->root);
	assert_int_equal(rename(from, to), 0);
	snprintf(from, sizeof(from), "%s" BINDING, machine->root);
	snprintf(to, sizeof(to), "%s/etc/pcipass/bindings/0000:05:00.0", machine->root);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(boot(machine, "0000:05:00.0", said), -ENODEV);
	expect_word(said, "0000:05:00.0 is another device now; the one that was meant is at "
			  "0000:01:00.0");
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *fault;
	} bad[] = {
		{"", "cut short"},
		{"pcipass-binding 1\ndriver vfio-pci\n", "cut short"},
		{"pcipass-binding 2\n", "line 1 is not understood"},
		{"driver vfio-pci\n", "line 1 is not understood"},
		{"pcipass-binding 1\ndriver vfio-pci\ndriver vfio-pci\n", "line 3"},
		{"pcipass-binding 1\nslot x\nidentity y\ndriver nvme\n", "its driver is none"},
		{"pcipass-binding 1\nslot x\nidentity y\ndriver ../vfio\n", "its driver is none"},
		{"pcipass-binding 1\nfuture word\n", "line 2"},
	};
	struct machine *machine = *state;
	char said[1024];
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		put(machine, BINDING, bad[i].text);
		assert_int_equal(boot(machine, NULL, said), -ENODEV);
		expect_word(said, bad[i].fault);
		machine_expect(machine, NVME, "nvme", "");
		struct pp_binding_list *list = bindings_of(machine, 1);
		expect_word(list->items[0].fault, bad[i].fault);
		pp_binding_list_free(list);
	}
	put(machine, "/etc/pcipass/bindings/nonsense", "pcipass-binding 1\n");
	assert_int_equal(boot(machine, "nonsense", said), -ENODEV);
	expect_word(said, "its name is no address");
	assert_true(add(machine, "3", NULL)); /* written anew */
	assert_true(forget(machine, NVME));
}

static void test_refused(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false;
	const struct pp_device *devices[] = {&machine->devices[NVME], &machine->devices[NIC]};
	assert_true(pp_bindings_add(machine->context, devices, 2, "nvme", &changed, &error) < 0);
	assert_int_equal(error.status, PP_STATUS_USAGE);
	struct pp_use use = {.kind = PP_USE_MOUNT,
		.device = devices[1],
		.root = true,
		.text = "sda1 is mounted on /"};
	machine->host.uses = &use;
	machine->host.n_uses = 1;
	assert_int_equal(pp_binding_check(&machine->host, devices, 1, &error), 0);
	assert_int_equal(pp_binding_check(&machine->host, devices, 2, &error), -EBUSY);
	assert_int_equal(error.status, PP_STATUS_IN_USE);
	expect_word(error.text, "would not start again");
	machine->devices[NVME].header = PP_HEADER_BRIDGE;
	assert_true(pp_bindings_add(machine->context, devices, 2, NULL, &changed, &error) < 0);
	assert_false(changed);
	pp_binding_list_free(bindings_of(machine, 0));
	machine->devices[NVME].header = PP_HEADER_ENDPOINT;
}

/* The second cannot be written: the first is taken back. */
static void test_all_or_none(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	bool changed = false;
	const struct pp_device *devices[] = {&machine->devices[NVME], &machine->devices[NIC]};
	put_folder(machine, "/etc/pcipass/bindings/0000:02:00.0/in-the-way");
	assert_true(pp_bindings_add(machine->context, devices, 2, NULL, &changed, &error) < 0);
	assert_false(changed);
	char path[512];
	snprintf(path, sizeof(path), "%s" BINDING, machine->root);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_changes(void **state)
{
	struct machine *machine = *state;
	struct pp_change_list *list = NULL;
	bool changed = false;
	add(machine, "3", NULL);
	assert_int_equal(pp_changes_list(machine->context, &list, NULL), 0);
	assert_int_equal(list->n_items, 1);
	assert_string_equal(list->items[0].id, "boot-0000:01:00.0");
	assert_string_equal(list->items[0].text, "0000:01:00.0: to vfio-pci at each boot");
	assert_null(list->items[0].now);
	pp_change_list_free(list);
	assert_int_equal(
		pp_change_undo(machine->context, "boot-0000:01:00.0", NULL, &changed, NULL), 0);
	assert_true(changed);
	assert_true(pp_change_undo(machine->context, "boot-x", NULL, &changed, NULL) < 0);
	pp_binding_list_free(bindings_of(machine, 0));
}

/* Bound at this boot, which no journal knows: it comes back at once, or not while a guest has it.
 */
static void test_change_of_a_boot(void **state)
{
	struct machine *machine = *state;
	struct pp_error error = {0};
	char said[1024];
	bool changed = false;
	add(machine, "34", NULL);
	power_on(machine);
	assert_int_equal(boot(machine, NULL, said), 0);
	machine_expect(machine, NVME, "vfio-pci", "vfio-pci");
	if (pp_change_undo(machine->context, "boot-0000:01:00.0", NULL, &changed, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(changed);
	machine_expect(machine, NVME, "nvme", "");
	pp_binding_list_free(bindings_of(machine, 1));

	struct pp_plan *plan = plan_detach(machine, "4", NULL, "guest:win11");
	assert_true(machine_apply(machine, plan, &error) >= 0);
	changed = false;
	assert_int_equal(
		pp_change_undo(machine->context, "boot-0000:02:00.0", NULL, &changed, &error),
		-EBUSY);
	assert_string_equal(error.id, "device-in-guest");
	assert_false(changed);
	machine_expect(machine, NIC, "vfio-pci", "vfio-pci");
	pp_binding_list_free(bindings_of(machine, 1));
}

/* The tool that makes it is known, and whether it has to. */
static void test_image(void **state)
{
	struct machine *machine = *state;
	struct pp_boot_image_info info;
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char path[512];
	assert_int_equal(pp_boot_image_info(machine->context, &info, NULL), 0);
	assert_null(info.command);
	put(machine, "/usr/sbin/update-initramfs", "");
	put(machine, "/proc/sys/kernel/osrelease", "6.12.1\n");
	put(machine, "/boot/initrd.img-6.12.1", "");
	assert_int_equal(pp_boot_image_info(machine->context, &info, NULL), 0);
	assert_string_equal(info.command, "update-initramfs -u -k all");
	assert_false(info.stale);
	add(machine, "3", NULL);
	snprintf(path, sizeof(path), "%s/boot/initrd.img-6.12.1", machine->root);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(pp_boot_image_info(machine->context, &info, NULL), 0);
	assert_true(info.stale);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_add),
		TEST(test_boot),
		TEST(test_off),
		TEST(test_taken),
		TEST(test_other_device),
		TEST(test_moved_device),
		TEST(test_moved_bus),
		TEST(test_bad_files),
		TEST(test_refused),
		TEST(test_all_or_none),
		TEST(test_changes),
		TEST(test_change_of_a_boot),
		TEST(test_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
