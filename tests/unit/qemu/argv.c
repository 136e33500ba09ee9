/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions turn into the arguments that are written down beside them. After a wanted change,
 * `test-qemu-argv --update` writes them anew (and asks this machine's QEMU for qemu.json, with
 * --qemu); the difference is then read like any other change. */
#include "definitions.h"

static bool update;
static struct pp_launch_options options = {.folder = "/run/pcipass/guest",
	.now = 1700000000,
	.nvram = "/nvram/g_VARS.fd",
	.bridges = definitions_bridges};

/* An option and its value on a line. */
static void put_arguments(struct pp_buffer *buffer, char *const *argv)
{
	for (size_t i = 0; argv[i]; i++)
		pp_buffer_printf(
			buffer, "%s%s", argv[i], argv[i + 1] && argv[i + 1][0] != '-' ? " " : "\n");
}

static void check_golden(const char *name, const char *ending, const char *text)
{
	PP_FREE char *expected = definitions_read(name, ending, NULL);

	if (update) {
		PP_BUFFER struct pp_buffer file = PP_BUFFER_INIT;
		PP_FREE char *path = NULL;

		pp_buffer_printf(&file, "%s%s", name, ending);
		path = definitions_path(file.data);
		assert_int_equal(pp_file_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
		return;
	}
	if (!expected)
		fail_msg("%s%s is not there", name, ending);
	if (strcmp(expected, text))
		print_error("%s%s\n", name, ending);
	assert_string_equal(text, expected);
}

static void definitions_become_arguments(void **state)
{
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct dirent **list;
	size_t count = definitions_list(".", &list);

	for (size_t i = 0; i < count; i++) {
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct definition definition;
		size_t length = 0;
		char *xml = definitions_read(list[i]->d_name, ".xml", &length);

		definition_build(&definition, list[i]->d_name, xml, length, capabilities, &options);
		put_arguments(&text, definition.launch->argv);
		check_golden(list[i]->d_name, ".args", text.data);
		definition_done(&definition);
		free(xml);
	}
	definitions_list_free(list, count);
	pp_qemu_capabilities_free(capabilities);
}

/* Each bad definition is refused with the message that is written down beside it. */
static void bad_definitions_are_refused(void **state)
{
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct dirent **list;
	size_t count = definitions_list("bad", &list);

	for (size_t i = 0; i < count; i++) {
		PP_BUFFER struct pp_buffer name = PP_BUFFER_INIT;
		PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
		struct pp_domain *domain = NULL;
		struct pp_launch *launch = NULL;
		struct pp_error error = {0};
		size_t length = 0;
		char *xml;
		int r;

		pp_buffer_printf(&name, "bad/%s", list[i]->d_name);
		xml = definitions_read(name.data, ".xml", &length);
		r = pp_domain_parse(xml, length, "x.xml", &domain, &error);
		if (r == 0)
			r = pp_launch_build(
				domain, NULL, capabilities, &options, "x.xml", &launch, &error);
		if (r == 0)
			fail_msg("%s is accepted", name.data);
		assert_int_equal(error.code, -r);
		pp_buffer_printf(&text, "%s\n", error.text);
		check_golden(name.data, ".err", text.data);
		pp_launch_free(launch);
		pp_domain_free(domain);
		free(xml);
	}
	definitions_list_free(list, count);
	pp_qemu_capabilities_free(capabilities);
}

static void launch_tells_what_its_owner_needs(void **state)
{
	static const struct {
		const char *name, *console, *path;
		enum pp_chardev_type type;
		uint64_t memlock, balloon;
		const char *hostdevs;
	} expected[] = {
		{"disk-q35", "charserial0", NULL, PP_CHARDEV_PTY, 0, 0, ""},
		{"direct-kernel", "charserial0", "/guests/serial.log", PP_CHARDEV_FILE, 0, 0, ""},
		{"chardevs", "charserial0", "/guests/serial.sock", PP_CHARDEV_UNIX, 0, 0, ""},
		{"machine", "charserial0", NULL, PP_CHARDEV_PTY, 0, 256 << 20, ""},
		{"win2k3", "charserial0", NULL, PP_CHARDEV_PTY, UINT64_C(2) << 30, 0, "hostdev0 "},
		{"gpu", NULL, NULL, PP_CHARDEV_PTY, UINT64_C(9) << 30, 0,
			"hostdev0 hostdev1 hostdev2 hostdev3 hostdev4 "},
	};
	struct pp_qemu_capabilities *capabilities = definitions_qemu();

	for (size_t i = 0; i < PP_COUNT(expected); i++) {
		PP_BUFFER struct pp_buffer hostdevs = PP_BUFFER_INIT;
		struct definition definition;
		size_t length = 0;
		char *xml = definitions_read(expected[i].name, ".xml", &length);

		definition_build(
			&definition, expected[i].name, xml, length, capabilities, &options);
		assert_true(pp_text_is(definition.launch->console, expected[i].console) ||
			    (!definition.launch->console && !expected[i].console));
		assert_true(pp_text_is(definition.launch->console_path, expected[i].path) ||
			    (!definition.launch->console_path && !expected[i].path));
		assert_int_equal(definition.launch->console_type, expected[i].type);
		assert_int_equal(definition.launch->memlock, expected[i].memlock);
		assert_int_equal(definition.launch->balloon, expected[i].balloon);
		for (size_t j = 0; definition.launch->hostdevs[j]; j++)
			pp_buffer_printf(&hostdevs, "%s ", definition.launch->hostdevs[j]);
		assert_string_equal(pp_buffer_text(&hostdevs), expected[i].hostdevs);
		assert_string_equal(definition.launch->qmp, "/run/pcipass/guest/qmp");
		definition_done(&definition);
		free(xml);
	}
	pp_qemu_capabilities_free(capabilities);
}

/* With descriptors no path of a file of the host is left for QEMU to open. */
static void files_become_descriptors(void **state)
{
	const struct pp_launch_options passed = {.firmwares = definitions_firmwares(),
		.bridges = definitions_bridges,
		.vhost = true,
		.folder = "/run/pcipass/guest",
		.qmp_fd = 10,
		.first_fd = 12};
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct dirent **list;
	size_t count = definitions_list(".", &list), n_files = 0;

	for (size_t i = 0; i < count; i++) {
		struct definition definition;
		size_t length = 0;
		char *xml = definitions_read(list[i]->d_name, ".xml", &length);

		definition_build(&definition, list[i]->d_name, xml, length, capabilities, &passed);
		for (size_t j = 0; j < definition.launch->n_files; j++) {
			const struct pp_launch_file *file = &definition.launch->files[j];

			assert_int_equal(file->fd, 12 + (int)j);
			for (char **word = definition.launch->argv; *word; word++)
				if (strstr(*word, file->path))
					fail_msg("%s: %s is in %s", list[i]->d_name, file->path,
						*word);
		}
		for (char **word = definition.launch->argv; *word; word++)
			if (!strncmp(*word, "unix:", 5))
				continue; /* a display's socket, which QEMU makes itself */
			else if (strstr(*word, "\"auto-read-only\":true") ||
				 strstr(*word, "/guests/"))
				fail_msg("%s: %s", list[i]->d_name, *word);
		n_files += definition.launch->n_files;
		definition_done(&definition);
		free(xml);
	}
	assert_true(n_files > 20);
	definitions_list_free(list, count);
	pp_qemu_capabilities_free(capabilities);
}

static const char *const chain_words[] = {"fd=12,set=12",
	"\"filename\":\"/dev/fdset/12\",\"node-name\":\"disk1-backing2-storage\"",
	"\"node-name\":\"disk1-backing2\",\"read-only\":true,\"driver\":\"raw\"",
	"\"node-name\":\"disk1-backing1\",\"read-only\":true,\"driver\":\"qcow2\"",
	"\"backing\":\"disk1-backing2\"", "\"backing\":\"disk1-backing1\""};

static void backing_files_are_nodes(void **state)
{
	static const char xml[] =
		"<domain type='kvm'><name>g</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os>"
		"<type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='file' "
		"device='disk'><driver name='qemu' type='qcow2'/><source file='/top'/>"
		"<target dev='vda' bus='virtio'/></disk></devices></domain>";
	const struct pp_image low = {.path = "/low", .format = "raw"};
	const struct pp_image middle = {.path = "/mid", .format = "qcow2", .backing = &low};
	const struct pp_image top = {.path = "/top", .format = "qcow2", .backing = &middle};
	const struct pp_image *const images[] = {&top, NULL};
	const struct pp_launch_options passed = {.firmwares = definitions_firmwares(),
		.bridges = definitions_bridges,
		.vhost = true,
		.folder = "/run",
		.qmp_fd = 10,
		.first_fd = 12,
		.images = images};
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct definition definition;
	size_t next = 0;

	definition_build(&definition, "g", xml, strlen(xml), capabilities, &passed);
	assert_int_equal(definition.launch->n_files, 3);
	assert_string_equal(definition.launch->files[0].path, "/low");
	assert_int_equal(definition.launch->files[0].use, PP_FILE_READ);
	assert_string_equal(definition.launch->files[2].path, "/top");
	assert_int_equal(definition.launch->files[2].use, PP_FILE_WRITE);
	for (size_t i = 0; i < PP_COUNT(chain_words); i++) {
		for (next = 0; definition.launch->argv[next]; next++)
			if (strstr(definition.launch->argv[next], chain_words[i]))
				break;
		if (!definition.launch->argv[next])
			fail_msg("no argument says %s", chain_words[i]);
	}
	definition_done(&definition);
	pp_qemu_capabilities_free(capabilities);
}

/* What is behind a directory and memory that are shared: their words are not QEMU's. */
static void what_is_shared_is_told(void **state)
{
	const struct pp_launch_options passed = {.firmwares = definitions_firmwares(),
		.folder = "/run",
		.qmp_fd = 10,
		.first_fd = 12};
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct definition definition;
	size_t length = 0;
	PP_FREE char *xml = definitions_read("shares-q35", ".xml", &length);
	static const struct pp_launch_file expected[] = {
		{.use = PP_FILE_SHMEM, .path = "/dev/shm/together", .size = 32 << 20},
		{.use = PP_FILE_CONNECT, .path = "/run/ivshmem,1.sock"},
		{.use = PP_FILE_SHARE, .path = "/srv/share"},
		{.use = PP_FILE_SHARE,
			.path = "/srv/other",
			.more = "cache=always,xattr",
			.readonly = true},
	};

	char *last = strstr(xml, "<alias name='ua-other'/>");
	assert_non_null(last);
	memcpy(last, "<readonly/>             ", strlen("<alias name='ua-other'/>"));
	definition_build(&definition, "shares-q35", xml, length, capabilities, &passed);
	assert_int_equal(definition.launch->n_files, PP_COUNT(expected));
	for (size_t i = 0; i < PP_COUNT(expected); i++) {
		const struct pp_launch_file *file = &definition.launch->files[i];

		assert_int_equal(file->use, expected[i].use);
		assert_string_equal(file->path, expected[i].path);
		assert_int_equal(file->size, expected[i].size);
		assert_int_equal(file->readonly, expected[i].readonly);
		assert_true(
			pp_text_is(file->more, expected[i].more) || file->more == expected[i].more);
	}
	definition_done(&definition);
	pp_qemu_capabilities_free(capabilities);
}

static void inherited_monitor_is_a_descriptor(void **state)
{
	const struct pp_launch_options with_fd = {.folder = "/run/x", .qmp_fd = 9};
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct definition definition;
	size_t length = 0;
	char *xml = definitions_read("minimal-pc", ".xml", &length);
	bool found = false;

	definition_build(&definition, "minimal-pc", xml, length, capabilities, &with_fd);
	assert_null(definition.launch->qmp);
	for (char **argument = definition.launch->argv; *argument; argument++)
		found = found ||
			pp_text_is(*argument, "socket,id=charmonitor,fd=9,server=on,wait=off");
	assert_true(found);
	definition_done(&definition);
	free(xml);
	pp_qemu_capabilities_free(capabilities);
}

static int write_qemu(void)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *json = NULL;
	PP_FREE char *path = definitions_path("qemu.json");
	PP_FREE char *text = NULL;
	struct pp_qemu_capabilities *capabilities;
	struct pp_error error = {0};

	if (pp_qemu_capabilities_ask("/usr/bin/qemu-system-x86_64", &capabilities, &error) < 0) {
		print_error("%s\n", error.text);
		return 1;
	}
	json = pp_qemu_capabilities_to_json(capabilities);
	text = pp_json_print(json, true);
	pp_qemu_capabilities_free(capabilities);
	return pp_file_replace(AT_FDCWD, path, text, strlen(text), 0644) < 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definitions_become_arguments),
		cmocka_unit_test(bad_definitions_are_refused),
		cmocka_unit_test(launch_tells_what_its_owner_needs),
		cmocka_unit_test(files_become_descriptors),
		cmocka_unit_test(backing_files_are_nodes),
		cmocka_unit_test(what_is_shared_is_told),
		cmocka_unit_test(inherited_monitor_is_a_descriptor),
	};

	options.firmwares = definitions_firmwares();

	for (int i = 1; i < argc; i++) {
		update = update || !strcmp(argv[i], "--update");
		if (!strcmp(argv[i], "--qemu") && write_qemu())
			return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
