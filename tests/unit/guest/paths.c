/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the host a definition names, and which emulators are not run without asking. */
#include "base/cleanup.h"
#include "base/parse.h"
#include <errno.h>
#include <pcipass.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

PP_DEFINE_CLEANUP(struct pp_guest_paths *, pp_guest_paths_free)

static struct pp_guest_paths *paths_of(const char *emulator)
{
	PP_FREE char *xml = NULL;
	struct pp_context *context;
	struct pp_guest_paths *paths = NULL;
	struct pp_error error = {0};

	assert_true(asprintf(&xml,
			    "<domain type='kvm'><name>g</name><memory unit='MiB'>64</memory>"
			    "<vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type>"
			    "<kernel>/k</kernel></os><devices><emulator>%s</emulator>"
			    "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
			    "<source file='/a'/><target dev='vda' bus='virtio'/></disk>"
			    "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
			    "<source file='/c'/><target dev='sda' bus='sata'/><readonly/></disk>"
			    "<serial type='file'><source path='/s'/><target port='0'/></serial>"
			    "<console type='file'><source path='/s'/><target port='0'/></console>"
			    "</devices></domain>",
			    emulator) > 0);
	assert_int_equal(pp_context_open(NULL, &context, &error), 0);
	if (pp_guest_paths(context, xml, strlen(xml), "x.xml", &paths, &error) < 0)
		fail_msg("%s", error.text);
	pp_context_close(context);
	return paths;
}

static void all_are_listed(void **state)
{
	static const struct {
		const char *what, *path;
		bool written;
	} expected[] = {{"emulator", "/usr/bin/env", false}, {"kernel", "/k", false},
		{"disk", "/a", true}, {"disk", "/c", false}, {"serial", "/s", true}};
	PP_CLEANUP(pp_guest_paths_freep) struct pp_guest_paths *paths = paths_of("/usr/bin/env");

	assert_int_equal(paths->n_items, PP_COUNT(expected));
	for (size_t i = 0; i < PP_COUNT(expected); i++) {
		assert_string_equal(paths->items[i].what, expected[i].what);
		assert_string_equal(paths->items[i].path, expected[i].path);
		assert_int_equal(paths->items[i].written, expected[i].written);
	}
}

static const char *fault_of(struct pp_guest_paths *paths)
{
	return paths->items[0].fault ? paths->items[0].fault : "";
}

static void emulators_are_judged(void **state)
{
	char folder[] = "/tmp/pcipass-paths-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/qemu", folder);
	assert_int_equal(symlink("/usr/bin/env", path), 0);
	/* A link is as good as what it leads to, and bad by what can be put in its way. */
	const struct {
		const char *emulator, *fault;
	} expected[] = {{"/usr/bin/env", ""}, {"/etc/passwd", "is no program of the system's"},
		{"/no/such/qemu", ""}};
	for (size_t i = 0; i < PP_COUNT(expected); i++) {
		PP_CLEANUP(pp_guest_paths_freep)
		struct pp_guest_paths *paths = paths_of(expected[i].emulator);
		if (*expected[i].fault)
			assert_non_null(strstr(fault_of(paths), expected[i].fault));
		else
			assert_string_equal(fault_of(paths), "");
	}
	PP_CLEANUP(pp_guest_paths_freep) struct pp_guest_paths *link = paths_of(path);
	assert_non_null(strstr(fault_of(link), "others than root can change /tmp"));
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_listed),
		cmocka_unit_test(emulators_are_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
