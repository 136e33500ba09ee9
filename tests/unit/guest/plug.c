/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on its way into a guest that runs, and out of it, with a real QEMU and a real supervisor:
 * whoever is killed in between, the end is a defined one. QEMU's own devices stand for the host's.
 */
#include "tests/unit/guest/run.h"
#include "lib/guest/plugrecord.h"
#include "lib/guest/settle.h"
#include "lib/guest/steer.h"
#include "lib/qemu/hotplug.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#define HOSTDEV(bus, alias, slot)                                                                  \
	"<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' "     \
	"bus='0x" bus "' slot='0x00' function='0x0'/></source><alias name='" alias                 \
	"'/><address type='pci' domain='0x0000' bus='0x" slot                                      \
	"' slot='0x00' function='0x0'/></hostdev>"
#define DOMAIN(devices)                                                                            \
	"<domain type='qemu'><name>g</name><uuid>6d1a4a0e-5d0c-4b0e-8a3e-0a5b1c2d3e4f</uuid>"      \
	"<memory>65536</memory><os><type machine='q35'>hvm</type></os><devices>"                   \
	"<controller type='pci' index='1' model='pcie-root-port'/>"                                \
	"<controller type='pci' index='2' model='pcie-root-port'/>"                                \
	"<controller type='usb' model='none'/><memballoon model='none'/>" devices                  \
	"</devices></domain>"
#define ONE HOSTDEV("01", "hostdev0", "01")
#define TWO HOSTDEV("02", "hostdev1", "02")
#define PORT(n) "-device", "pcie-root-port,id=pci." n ",bus=pcie.0,addr=" n ",chassis=" n ",port=" n

/* Without ACPI's hot plug a port lets go of what the guest cannot have seen, at once. */
static const char *const argv[] = {"qemu-system-x86_64", "-nodefaults", "-no-user-config",
	"-display", "none", "-S", "-M", "q35,accel=tcg", "-m", "32", "-chardev",
	"socket,id=m,fd=10,server=on,wait=off", "-mon", "chardev=m,mode=control", "-chardev",
	"socket,id=v,fd=11,server=on,wait=off", "-mon", "chardev=v,mode=control", "-global",
	"ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", PORT("1"), PORT("2"), "-device",
	"edu,id=hostdev0,bus=pci.1,addr=0", NULL};

/* The same, and it has a node open that stands for the second device's IOMMU group. */
static const char *const argv_open[PP_COUNT(argv) + 2] = {"qemu-system-x86_64", "-nodefaults",
	"-no-user-config", "-display", "none", "-S", "-M", "q35,accel=tcg", "-m", "32", "-chardev",
	"socket,id=m,fd=10,server=on,wait=off", "-mon", "chardev=m,mode=control", "-chardev",
	"socket,id=v,fd=11,server=on,wait=off", "-mon", "chardev=v,mode=control", "-global",
	"ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", PORT("1"), PORT("2"), "-device",
	"edu,id=hostdev0,bus=pci.1,addr=0", "-chardev", "file,id=kept,path=/dev/vfio/77", NULL};

static const struct pp_address second = {.bus = 2};

static void write_live(struct run *run, const char *text)
{
	assert_int_equal(
		pp_file_replace(run->folder_fd, PP_RECORD_LIVE, text, strlen(text), 0600), 0);
}

/* A guest that runs, as far as everybody can tell, with what TEXT says. */
static void start_with(struct run *run, const char *const *engine, const char *text)
{
	struct pp_record_launch launch = {.uuid = "6d1a4a0e-5d0c-4b0e-8a3e-0a5b1c2d3e4f",
		.id = 1,
		.argv = engine,
		.paused = true,
		.start_ms = RUN_MS,
		.stop_ms = RUN_MS};
	struct pp_record_state state = {0};
	int lock_fd = -1;

	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_record_lock(run->folder_fd, 0, &lock_fd, &run->error), 0);
	write_live(run, text);
	assert_int_equal(pp_record_save_launch(run->folder_fd, "g", &launch, &run->error), 0);
	assert_int_equal(pp_process_self(&state.starter), 0);
	assert_int_equal(pp_record_save_state(run->folder_fd, "g", &state, &run->error), 0);
	if (pp_guest_define(run->context, DOMAIN(""), strlen(DOMAIN("")), "g.xml", NULL, NULL,
		    &run->error) < 0 ||
		pp_supervisor_spawn(run->context, "g", false, lock_fd, &run->status_fd,
			&run->supervisor, &run->error) < 0)
		fail_msg("%s", run->error.text);
	close(lock_fd);
	assert_int_equal(pp_supervisor_await(run->status_fd, RUN_MS), 1);
}

static void start(struct run *run, const char *text)
{
	start_with(run, argv, text);
}

static char *read_text(struct run *run, const char *name)
{
	char *text = NULL;
	pp_file_read(run->folder_fd, name, 1 << 20, &text, NULL);
	return text;
}

/* "hostdev0 hostdev1": what live.xml says of it. */
static bool live_is(struct run *run, const char *expected)
{
	PP_FREE char *text = read_text(run, PP_RECORD_LIVE);
	char found[64] = "";

	assert_non_null(text);
	if (strstr(text, "hostdev0"))
		strcat(found, "hostdev0 ");
	if (strstr(text, "hostdev1"))
		strcat(found, "hostdev1 ");
	return strcmp(found, expected) == 0;
}

static bool plug_is(struct run *run, const char *expected)
{
	PP_FREE char *text = read_text(run, "plug.json");
	return expected ? text && strstr(text, expected) : !text;
}

static bool definition_has(struct run *run, const char *what)
{
	char *xml = NULL;
	assert_int_equal(pp_guest_xml(run->context, "g", true, &xml, &run->error), 0);
	bool has = strstr(xml, what);
	free(xml);
	return has;
}

static void becomes(struct run *run, const char *live, const char *plug)
{
	for (int i = 0; i < RUN_MS / 20; i++) {
		if (live_is(run, live) && plug_is(run, plug))
			return;
		poll(NULL, 0, 20);
	}
	PP_FREE char *text = read_text(run, PP_RECORD_LIVE);
	PP_FREE char *json = read_text(run, "plug.json");
	fail_msg("it is:\n%s\n%s", text, json ? json : "no plug.json");
}

static void qemu(struct run *run, const char *command, const char *const *pairs)
{
	struct pp_guest guest = {.name = "g", .record = run_record(run)};
	struct pp_json *arguments = pp_json_object();

	for (; *pairs; pairs += 2)
		assert_int_equal(pp_json_set_string(arguments, pairs[0], pairs[1]), 0);
	if (pp_steer_command(run->context, &guest, command, arguments, NULL, &run->error) < 0)
		fail_msg("%s", run->error.text);
	pp_record_free(guest.record);
}

/* A verb began, and was killed: what it wrote, and that it has gone. */
static void kill_verb(struct run *run, const struct pp_plug_record *plug)
{
	int fd = openat(run->folder_fd, PP_PLUG_VERB, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pp_plug_record_save(run->folder_fd, "g", plug, &run->error), 0);
	close(fd);
}

static const char *const config[] = {TWO, NULL};
static const struct pp_plug_coming coming[] = {{{.bus = 2}, "hostdev1"}};
static const struct pp_plug_record halfway = {
	.coming = coming, .n_coming = 1, .live = DOMAIN(ONE TWO), .config = config};

static void what_the_guest_lets_go_of_is_known(void **state)
{
	struct run *run = *state;
	const char *const add[] = {
		"driver", "edu", "id", "hostdev1", "bus", "pci.2", "addr", "0x0.0x1", NULL};
	const char *const del[] = {"id", "hostdev1", NULL};

	start(run, DOMAIN(ONE TWO));
	/* A function that the guest cannot see yet goes at once. */
	qemu(run, "device_add", add);
	assert_true(live_is(run, "hostdev0 hostdev1 "));
	qemu(run, "device_del", del);
	becomes(run, "hostdev0 ", NULL);
}

static void a_killed_verb_that_got_nowhere_leaves_nothing(void **state)
{
	struct run *run = *state;

	start(run, DOMAIN(ONE));
	kill_verb(run, &halfway);
	becomes(run, "hostdev0 ", NULL);
	assert_false(definition_has(run, "hostdev1"));
}

static void a_killed_verb_that_had_all_in_is_ended(void **state)
{
	struct run *run = *state;
	const char *const add[] = {
		"driver", "edu", "id", "hostdev1", "bus", "pci.2", "addr", "0x0", NULL};

	start(run, DOMAIN(ONE));
	qemu(run, "device_add", add);
	kill_verb(run, &halfway);
	becomes(run, "hostdev0 hostdev1 ", NULL);
	assert_true(definition_has(run, "<address domain='0x0000' bus='0x02'"));
}

static void a_function_that_nobody_has_seen_goes_out_again(void **state)
{
	struct run *run = *state;
	const char *const add[] = {
		"driver", "edu", "id", "hostdev1", "bus", "pci.2", "addr", "0x0.0x1", NULL};

	start(run, DOMAIN(ONE));
	qemu(run, "device_add", add);
	assert_int_equal(pp_plug_record_save(run->folder_fd, "g", &halfway, &run->error), 0);
	struct pp_guest guest = {.name = "g", .record = run_record(run)};
	const struct pp_settle_options undo = {.undo = true};
	int lock_fd = -1;
	assert_int_equal(pp_plug_lock(run->folder_fd, 0, &lock_fd, &run->error), 0);
	assert_int_equal(
		pp_guest_settle(run->context, &guest, run->folder_fd, &undo, NULL, &run->error), 0);
	close(lock_fd);
	pp_record_free(guest.record);
	becomes(run, "hostdev0 ", NULL);
	assert_false(definition_has(run, "hostdev1"));
}

static void what_went_while_nobody_listened_is_found(void **state)
{
	struct run *run = *state;

	start(run, DOMAIN(ONE));
	kill(run->supervisor, SIGKILL);
	assert_int_equal(waitpid(run->supervisor, NULL, 0), run->supervisor);
	write_live(run, DOMAIN(ONE TWO));
	struct pp_record *record = run_record(run);
	if (pp_guest_tend(run->context, "g", false, &record, &run->error) < 0)
		fail_msg("%s", run->error.text);
	pp_record_free(record);
	becomes(run, "hostdev0 ", NULL);
}

static void a_definition_changes_with_the_run(void **state)
{
	static const struct pp_plug_leaving leaving[] = {{{.bus = 2}, true}, {{.bus = 1}, true}};
	const struct pp_plug_record plug = {.leaving = leaving, .n_leaving = 2};
	struct run *run = *state;

	start(run, DOMAIN(ONE TWO)); /* of which QEMU has but the first */
	assert_int_equal(pp_guest_define(run->context, DOMAIN(ONE TWO), strlen(DOMAIN(ONE TWO)),
				 "g.xml", NULL, NULL, &run->error),
		0);
	assert_int_equal(pp_plug_record_save(run->folder_fd, "g", &plug, &run->error), 0);
	assert_int_equal(pp_guest_settle_name(run->context, "g", NULL, &run->error), 0);
	becomes(run, "hostdev0 ", "0000:01:00.0");
	assert_false(plug_is(run, "0000:02:00.0"));
	assert_true(definition_has(run, "hostdev0"));
	assert_false(definition_has(run, "hostdev1"));
}

/* Devices and nodes of this process's own, seen by what it starts alone: the second device is of
 * IOMMU group 77. false: that is not allowed here. */
static bool make_groups(void)
{
	static const struct {
		const char *name;
		unsigned minor;
	} nodes[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"urandom", 9}, {"vfio/77", 7},
		{"vfio/78", 5}};
	static const char devices[] = "/sys/bus/pci/devices";
	char path[128];

	if (geteuid() != 0 || access(devices, F_OK) < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", devices, "tmpfs", 0, "mode=0755") < 0 ||
		mount("none", "/dev", "tmpfs", 0, "mode=0755") < 0)
		return false;
	assert_int_equal(mkdir("/dev/vfio", 0755), 0);
	for (size_t i = 0; i < PP_COUNT(nodes); i++) {
		snprintf(path, sizeof(path), "/dev/%s", nodes[i].name);
		if (mknod(path, S_IFCHR | 0666, makedev(1, nodes[i].minor)) < 0)
			return false;
	}
	for (unsigned bus = 1; bus <= 2; bus++) {
		snprintf(path, sizeof(path), "%s/0000:%02x:00.0", devices, bus);
		assert_int_equal(mkdir(path, 0755), 0);
		strcat(path, "/iommu_group");
		assert_int_equal(symlink(bus == 2 ? "../groups/77" : "../groups/78", path), 0);
	}
	return true;
}

/* QEMU says that it is gone, and has not let go of it: that is said, and nobody else gets it. */
static void what_qemu_keeps_open_is_not_given_back(void **state)
{
	struct run *run = *state;
	const char *const add[] = {
		"driver", "edu", "id", "hostdev1", "bus", "pci.2", "addr", "0x0.0x1", NULL};
	const char *const del[] = {"id", "hostdev1", NULL};
	const char *const kept[] = {"id", "kept", NULL};

	if (!make_groups())
		skip();
	start_with(run, argv_open, DOMAIN(ONE TWO));
	qemu(run, "device_add", add);
	qemu(run, "device_del", del);
	becomes(run, "hostdev0 ", "still has its IOMMU group open");
	assert_true(plug_is(run, "0000:02:00.0"));
	/* The next look finds it as it was. */
	assert_int_equal(pp_guest_settle_name(run->context, "g", NULL, &run->error), 0);
	assert_true(plug_is(run, "still has its IOMMU group open"));
	qemu(run, "chardev-remove", kept);
	assert_int_equal(pp_guest_settle_name(run->context, "g", NULL, &run->error), 0);
	becomes(run, "hostdev0 ", NULL);
}

static void a_bad_file_is_as_good_as_none(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "{}", "{\"version\":2}", "\xff\xfe",
		"{\"version\":1,\"coming\":[{\"device\":\"x\",\"alias\":\"a\"}],\"live\":\"<\"}",
		"{\"version\":1,\"coming\":7,\"leaving\":{},\"failed\":[7,[],{}]}",
		"{\"version\":1,\"coming\":[{\"device\":\"0000:01:00.0\",\"alias\":\"a\"}]}"};
	struct run *run = *state;

	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	for (size_t i = 0; i < PP_COUNT(bad); i++) {
		struct pp_plug_record *plug = NULL;
		assert_int_equal(
			pp_file_replace(run->folder_fd, "plug.json", bad[i], strlen(bad[i]), 0600),
			0);
		assert_int_equal(pp_plug_record_load(run->folder_fd, &plug, &run->error), 0);
		assert_int_equal(plug->n_coming + plug->n_leaving + plug->n_failed, 0);
		pp_plug_record_free(plug);
	}
}

static void it_is_read_as_it_was_written(void **state)
{
	static const struct pp_plug_leaving leaving[] = {{{.bus = 3, .function = 7}, true}};
	static const struct pp_plug_failed failed[] = {{{.bus = 4}, "no \"driver\"\n"}};
	struct run *run = *state;
	struct pp_plug_record plug = halfway, *read = NULL;

	plug.leaving = leaving;
	plug.failed = failed;
	plug.n_leaving = plug.n_failed = 1;
	assert_int_equal(
		pp_record_folder(run->context, "g", true, &run->folder_fd, &run->error), 0);
	assert_int_equal(pp_plug_record_save(run->folder_fd, "g", &plug, &run->error), 0);
	assert_int_equal(pp_plug_record_load(run->folder_fd, &read, &run->error), 0);
	assert_int_equal(read->n_coming, 1);
	assert_int_equal(pp_address_compare(&read->coming[0].device, &second), 0);
	assert_string_equal(read->coming[0].alias, "hostdev1");
	assert_string_equal(read->live, halfway.live);
	assert_string_equal(read->config[0], TWO);
	assert_null(read->config[1]);
	assert_int_equal(read->leaving[0].device.function, 7);
	assert_true(read->leaving[0].config);
	assert_string_equal(read->failed[0].text, failed[0].text);
	pp_plug_record_free(read);
	plug = (struct pp_plug_record){0};
	assert_int_equal(pp_plug_record_save(run->folder_fd, "g", &plug, &run->error), 0);
	assert_true(plug_is(run, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_setup, run_teardown)
		TEST(it_is_read_as_it_was_written),
		TEST(a_bad_file_is_as_good_as_none),
		TEST(what_the_guest_lets_go_of_is_known),
		TEST(a_killed_verb_that_got_nowhere_leaves_nothing),
		TEST(a_killed_verb_that_had_all_in_is_ended),
		TEST(a_function_that_nobody_has_seen_goes_out_again),
		TEST(what_went_while_nobody_listened_is_found),
		TEST(a_definition_changes_with_the_run),
		/* Last: what it makes for itself stays with this process. */
		TEST(what_qemu_keeps_open_is_not_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
