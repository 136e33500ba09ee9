/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU itself accepts every definition of tests/domains: its machine comes up, stopped, and each
 * device sits where it was put. Without KVM, and with a stand-in for each host device. */
#include "definitions.h"
#include "base/process.h"
#include "lib/qemu/qmp.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define BINARY "/usr/bin/qemu-system-x86_64"
#define SWTPM "/usr/bin/swtpm"
#define DEADLINE_MS 60000

static char folder[] = "/tmp/pcipass-accept-XXXXXX";
static char variables[64];

/* The definitions keep everything under /guests. */
static char *rebase(const char *xml, size_t *ret_length)
{
	struct pp_buffer buffer = PP_BUFFER_INIT;
	const char *next;

	while ((next = strstr(xml, "/guests/"))) {
		pp_buffer_append(&buffer, xml, (size_t)(next - xml));
		pp_buffer_printf(&buffer, "%s/", folder);
		xml = next + strlen("/guests/");
	}
	pp_buffer_puts(&buffer, xml);
	*ret_length = buffer.length;
	return pp_buffer_take(&buffer);
}

static void make_file(const char *path, size_t size, const void *head, size_t head_size)
{
	PP_CLOSE int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pp_file_write_all(fd, head, head_size), 0);
}

/* The smallest image that QEMU takes: header, one L1 table, one refcount table and block. */
static void make_qcow2(const char *path)
{
	uint8_t image[4 * 65536] = {'Q', 'F', 'I', 0xfb, [7] = 3, [23] = 16, [29] = 16, [39] = 1,
		[45] = 3, [53] = 1, [59] = 1, [99] = 4, [103] = 104};

	image[45] = 3;        /* l1_table_offset = 0x30000 */
	image[48 + 5] = 1;    /* refcount_table_offset = 0x10000 */
	image[65536 + 5] = 2; /* refcount block at 0x20000 */
	for (unsigned cluster = 0; cluster < 4; cluster++)
		image[2 * 65536 + 2 * cluster + 1] = 1;
	make_file(path, sizeof(image), image, sizeof(image));
}

/* What QEMU looks at before it loads a bzImage: one sector of set-up, "HdrS", protocol 2.2. */
static void make_kernel(const char *path)
{
	uint8_t image[8192] = {[0x1f1] = 1,
		[0x1fe] = 0x55,
		[0x1ff] = 0xaa,
		[0x202] = 'H',
		'd',
		'r',
		'S',
		0x02,
		0x02,
		[0x211] = 1};

	make_file(path, sizeof(image), image, sizeof(image));
}

static void make_variables(const struct pp_flash *flash)
{
	PP_FREE char *data = NULL;
	size_t length;

	if (!flash->variables)
		return;
	assert_int_equal(pp_file_read(AT_FDCWD, flash->template, 1 << 24, &data, &length), 0);
	make_file(flash->variables, length, data, length);
}

static void make_files(const struct pp_domain *domain)
{
	for (size_t i = 0; i < domain->n_devices; i++) {
		const struct pp_domain_device *device = &domain->devices[i];

		if (device->kind != PP_DEV_DISK || !device->disk.source)
			continue;
		if (!strcmp(device->disk.format, "qcow2"))
			make_qcow2(device->disk.source);
		else
			make_file(device->disk.source,
				device->disk.device == PP_DISK_FLOPPY ? 1474560 : 1 << 20, "", 0);
	}
	if (domain->os.kernel)
		make_kernel(domain->os.kernel);
	if (domain->os.initrd)
		make_file(domain->os.initrd, 4096, "", 0);
}

/* A device of the host, or one that somebody else's process stands behind. */
static bool is_foreign(const char *argument)
{
	return pp_text_starts(argument, "vfio-pci,") ||
	       pp_text_starts(argument, "vhost-user-fs-pci,") ||
	       pp_text_starts(argument, "ivshmem-doorbell,");
}

/* It becomes a test device at the same place; KVM becomes software. */
static char *adapt(const char *argument)
{
	struct pp_buffer buffer = PP_BUFFER_INIT;
	const char *bus = strstr(argument, ",bus="), *id = strstr(argument, ",id=");

	if (is_foreign(argument)) {
		const char *end = strchrnul(strstr(bus, ",addr=") + 1, ',');

		pp_buffer_puts(&buffer, "pci-testdev");
		pp_buffer_append(&buffer, id, strcspn(id + 1, ",") + 1);
		pp_buffer_append(&buffer, bus, (size_t)(end - bus));
	} else if (pp_text_starts(argument, "socket,id=chr-vu-") ||
		   pp_text_starts(argument, "socket,id=charshmem")) {
		pp_buffer_puts(&buffer, "null");
		pp_buffer_append(&buffer, id, strcspn(id + 1, ",") + 1);
	} else if (pp_text_starts(argument, "memory-backend-file,id=shmmem-")) {
		pp_buffer_puts(&buffer, "memory-backend-ram");
		pp_buffer_append(&buffer, id, strcspn(id + 1, ",") + 1);
		pp_buffer_puts(&buffer, strstr(argument, ",size="));
	} else if (pp_text_starts(argument, "bridge,br=")) {
		pp_buffer_printf(&buffer, "user%s", id);
	} else if (!strcmp(argument, "kvm")) {
		pp_buffer_puts(&buffer, "tcg");
	} else if (!strcmp(argument, "host") || pp_text_starts(argument, "host,")) {
		const char *word;
		size_t length;

		pp_buffer_puts(&buffer, "max");
		argument += strlen("host");
		while (pp_text_word(&argument, ",", &word, &length))
			if (!pp_text_starts(word, "hv-")) /* only KVM has them */
				pp_buffer_printf(&buffer, ",%.*s", (int)length, word);
	} else if (pp_text_starts(argument, "{") && strstr(argument, "\"host-nodes\"")) {
		/* This machine may have fewer nodes. */
		const char *nodes = strstr(argument, ",\"host-nodes\"");

		pp_buffer_append(&buffer, argument, (size_t)(nodes - argument));
		pp_buffer_puts(&buffer, "}");
	} else {
		pp_buffer_puts(&buffer, argument);
	}
	return pp_buffer_take(&buffer);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static struct pp_json *get_property(struct pp_qmp *qmp, const char *id, const char *property)
{
	PP_BUFFER struct pp_buffer path = PP_BUFFER_INIT;
	struct pp_json *arguments = pp_json_object(), *value = NULL;
	struct pp_error error = {0};

	pp_buffer_printf(&path, "/machine/peripheral/%s", id);
	pp_json_set_string(arguments, "path", path.data);
	pp_json_set_string(arguments, "property", property);
	if (pp_qmp_call(qmp, "qom-get", arguments, DEADLINE_MS, &value, &error) < 0)
		fail_msg("%s %s: %s", id, property, error.text);
	return value;
}

static void check_place(
	struct pp_qmp *qmp, const struct pp_domain *domain, const struct pp_domain_device *device)
{
	const struct pp_place *place = &device->place;
	PP_CLEANUP(pp_json_freep)
	struct pp_json *bus = get_property(qmp, device->alias, "parent_bus");
	PP_CLEANUP(pp_json_freep)
	struct pp_json *address = get_property(qmp, device->alias, "legacy-addr");
	char expected_bus[32], expected_address[16];

	snprintf(expected_bus, sizeof(expected_bus), "/%s.%u",
		place->bus == 0 && domain->os.q35 ? "pcie" : "pci", place->bus);
	snprintf(expected_address, sizeof(expected_address), "%02x.%x", place->slot,
		place->function);
	if (!pp_text_ends(pp_json_text_of(bus), expected_bus))
		fail_msg("%s is on %s, not %s", device->alias, pp_json_text_of(bus), expected_bus);
	if (!pp_text_is(pp_json_text_of(address), expected_address))
		fail_msg("%s is at %s, not %s", device->alias, pp_json_text_of(address),
			expected_address);
}

/* Parts of the chipset, and USB companions, have no id. */
static bool has_id(const struct pp_domain *domain, const struct pp_domain_device *device)
{
	if (device->kind != PP_DEV_CONTROLLER)
		return true;
	if (device->controller.type == PP_CONTROLLER_USB)
		return !strstr(device->controller.model, "ich9-uhci");
	if (device->controller.type == PP_CONTROLLER_SATA)
		return !domain->os.q35 || device->controller.index > 0;
	return device->controller.type != PP_CONTROLLER_IDE;
}

static void check_machine(struct pp_qmp *qmp, const struct pp_domain *domain)
{
	PP_CLEANUP(pp_json_freep) struct pp_json *status = NULL;
	struct pp_error error = {0};

	if (pp_qmp_call(qmp, "query-status", NULL, DEADLINE_MS, &status, &error) < 0)
		fail_msg("%s", error.text);
	assert_string_equal(pp_json_get_string(status, "status"), "prelaunch");
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].place.type == PP_PLACE_PCI &&
			has_id(domain, &domain->devices[i]))
			check_place(qmp, domain, &domain->devices[i]);
}

static void run(const char *name, const struct definition *definition)
{
	PP_FREE char **argv = calloc(definition->launch->n_arguments + 1, sizeof(*argv));
	PP_FREE char *socket_path = NULL;
	PP_FREE char *log_path = NULL;
	PP_FREE char *log = NULL;
	PP_CLEANUP(pp_qmp_freep) struct pp_qmp *qmp = NULL;
	struct pp_error error = {0};
	size_t length = 0;
	pid_t pid;

	assert_true(asprintf(&socket_path, "%s/%s.qmp", folder, name) > 0);
	assert_true(asprintf(&log_path, "%s/%s.log", folder, name) > 0);
	for (size_t i = 0; i < definition->launch->n_arguments; i++)
		argv[i] = adapt(definition->launch->argv[i]);
	PP_CLOSE int listener = listen_at(socket_path);
	PP_CLOSE int log_fd = open(log_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	const struct pp_spawn_fd fds[] = {{listener, 9}, {log_fd, 1}, {log_fd, 2}};
	const struct pp_spawn spawn = {.argv = (const char *const *)argv,
		.fds = fds,
		.n_fds = 3,
		.new_session = true,
		.die_with_parent = true};

	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), 0);
	/* QEMU is now the only one that listens: if it ends, the connection ends. */
	assert_int_equal(pp_qmp_connect(AT_FDCWD, socket_path, &qmp, &error), 0);
	close(PP_TAKE_FD(listener));
	if (pp_qmp_negotiate(qmp, DEADLINE_MS, &error) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pp_file_read(AT_FDCWD, log_path, 65536, &log, &length);
		fail_msg("%s: %s: %s", name, error.text, log ? log : "");
	}
	check_machine(qmp, definition->assigned);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
}

/* Its TPM: one that listens where the arguments say, and ends with QEMU. */
static void start_tpm(const struct pp_domain *domain)
{
	char control[64];
	const char *const argv[] = {SWTPM, "socket", "--tpm2", "--tpmstate", "dir=.,mode=0600",
		"--ctrl", control, "--terminate", NULL};
	const struct pp_spawn spawn = {
		.argv = argv, .chdir = folder, .new_session = true, .die_with_parent = true};
	PP_BUFFER struct pp_buffer path = PP_BUFFER_INIT;
	struct pp_error error = {0};
	bool any = false;
	pid_t pid;

	for (size_t i = 0; i < domain->n_devices; i++)
		any = any || domain->devices[i].kind == PP_DEV_TPM;
	if (!any)
		return;
	snprintf(control, sizeof(control), "type=unixio,path=%s/swtpm.sock", folder);
	assert_int_equal(pp_process_spawn(&spawn, &pid, &error), 0);
	pp_buffer_printf(&path, "%s/swtpm.sock", folder);
	for (int tries = 0; access(path.data, F_OK) < 0; tries++) {
		assert_true(tries < 600);
		usleep(100000); /* nothing tells when a foreign program listens */
	}
}

static void try_definition(const char *name, const char *xml, size_t length,
	const struct pp_qemu_capabilities *capabilities)
{
	const struct pp_launch_options options = {.folder = folder,
		.qmp_fd = 9,
		.now = 1700000000,
		.firmwares = definitions_firmwares(),
		.nvram = variables,
		.bridges = definitions_bridges};
	struct definition definition;

	definition_build(&definition, name, xml, length, capabilities, &options);
	make_files(definition.assigned);
	make_variables(&definition.launch->flash);
	start_tpm(definition.assigned);
	run(name, &definition);
	definition_done(&definition);
}

/* Each of a folder; with MORE put in behind its other devices. */
static void try_folder(const char *from, const char *more)
{
	struct pp_qemu_capabilities *capabilities;
	struct pp_error error = {0};
	struct dirent **list;
	size_t count;

	if (access(BINARY, X_OK) < 0 || access(SWTPM, X_OK) < 0)
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(variables, sizeof(variables), "%s/VARS.fd", folder);
	if (pp_qemu_capabilities_ask(BINARY, &capabilities, &error) < 0)
		fail_msg("%s", error.text);
	count = definitions_list(from, &list);
	for (size_t i = 0; i < count; i++) {
		PP_BUFFER struct pp_buffer path = PP_BUFFER_INIT;
		PP_BUFFER struct pp_buffer whole = PP_BUFFER_INIT;
		size_t length = 0;

		pp_buffer_printf(&path, "%s/%s", from, list[i]->d_name);
		char *xml = definitions_read(path.data, ".xml", NULL);
		char *end = strstr(xml, "  </devices>");
		pp_buffer_append(&whole, xml, end ? (size_t)(end - xml) : strlen(xml));
		if (end)
			pp_buffer_printf(&whole, "%s%s", more, end);
		char *text = rebase(whole.data, &length);
		try_definition(list[i]->d_name, text, length, capabilities);
		free(text);
		free(xml);
	}
	definitions_list_free(list, count);
	pp_qemu_capabilities_free(capabilities);
}

static void qemu_accepts_each_definition(void **state)
{
	try_folder(".", "");
}

/* What virt-install makes of ten systems, untouched, and a host device put in. */
static void qemu_accepts_virt_install(void **state)
{
	try_folder("virt-install",
		"    <hostdev mode='subsystem' type='pci' managed='yes'>\n"
		"      <source>\n"
		"        <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>\n"
		"      </source>\n"
		"    </hostdev>\n");
}

static int remove_folder(void **state)
{
	pp_file_remove_tree(AT_FDCWD, folder);
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(qemu_accepts_each_definition, remove_folder),
		cmocka_unit_test_teardown(qemu_accepts_virt_install, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
