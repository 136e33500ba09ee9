/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"
#include <errno.h>

#define HUB "pci0000:00/0000:00:14.0"

static const char hardware[] = DEVICE_LINK("pci0000:00", "0000:00:14.0") UEVENT(
	HUB, "DRIVER=xhci_hcd\\n", "C0330", "8086:A0ED", "0000:0000") DEVICE_LINK("pci0000:00",
	"0000:00:1a.7") UEVENT("pci0000:00/0000:00:1a.7", "", "C0320", "8086:3A6C",
	"0000:0000") DEVICE_LINK("pci0000:00", "0000:01:00.0") UEVENT("pci0000:00/0000:01:00.0",
	"DRIVER=e1000e\\n", "20000", "8086:10D3", "0000:0000") DEVICE_LINK("pci0000:00",
	"0000:02:00.0") UEVENT("pci0000:00/0000:02:00.0", "", "20000", "8086:10D3",
	"0000:0000") DEVICE_LINK("pci0000:00", "0000:03:00.0") UEVENT("pci0000:00/0000:03:00.0",
	"DRIVER=nvme\\n", "10802", "144D:A808", "0000:0000") DEVICE_LINK("pci0000:00",
	"10000:e1:00.0") UEVENT("pci0000:00/10000:e1:00.0", "DRIVER=nvme\\n", "10802", "144D:A80A",
	"0000:0000") "/sys/devices/pci0000:00/0000:01:00.0/net/eth0/address = 52:54:00:00:00:01\n"
		     "/sys/class/net/eth0 -> ../../devices/pci0000:00/0000:01:00.0/net/eth0\n"
		     "/sys/devices/pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p1/dev = "
		     "259:1\n"
		     "/sys/class/block/nvme0n1p1 -> "
		     "../../devices/pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p1\n"
		     "/sys/class/nvme/nvme0 -> ../../devices/pci0000:00/0000:03:00.0/nvme/nvme0\n"
		     "/sys/dev/block/259:1 -> "
		     "../../devices/pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p1\n"
		     "/dev/disk/by-id/nvme-x-part1 -> ../../nvme0n1p1\n"
		     "/dev/nvme0n1p1 % b 259 1 0660 0 6\n"
		     "/sys/devices/" HUB
		     "/usb1/1-5/1-5:1.0/host6/target6:0:0/6:0:0:0/block/sda/dev = 8:0\n"
		     "/sys/class/block/sda -> ../../devices/" HUB
		     "/usb1/1-5/1-5:1.0/host6/target6:0:0/6:0:0:0/block/sda\n"
		     "/sys/bus/usb/devices/1-5 -> ../../../devices/" HUB "/usb1/1-5\n"
		     /* a volume over two disks, NVMe with several paths, a bridge */
		     "/sys/devices/virtual/block/dm-0/slaves/sda -> "
		     "../../../../pci0000:00/0000:00:14.0/usb1/1-5/"
		     "1-5:1.0/host6/target6:0:0/6:0:0:0/block/sda\n"
		     "/sys/devices/virtual/block/dm-0/slaves/nvme0n1p1 -> "
		     "../../../../pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p1\n"
		     "/sys/class/block/dm-0 -> ../../devices/virtual/block/dm-0\n"
		     "/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1/dev = 259:5\n"
		     "/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1 -> "
		     "../../../pci0000:00/10000:e1:00.0/nvme/nvme1\n"
		     "/sys/devices/pci0000:00/10000:e1:00.0/nvme/nvme1/x = 1\n"
		     "/sys/class/block/nvme1n1 -> "
		     "../../devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1\n"
		     "/sys/devices/virtual/net/br0/lower_eth0 -> "
		     "../../../pci0000:00/0000:01:00.0/net/eth0\n"
		     "/sys/class/net/br0 -> ../../devices/virtual/net/br0\n"
		     /* volumes that are made of each other */
		     "/sys/devices/virtual/block/dm-8/slaves/dm-9 -> ../../dm-9\n"
		     "/sys/devices/virtual/block/dm-9/slaves/dm-8 -> ../../dm-8\n"
		     "/sys/class/block/dm-8 -> ../../devices/virtual/block/dm-8\n"
		     "/sys/devices/virtual/block/loop0/size = 0\n"
		     "/sys/class/block/loop0 -> ../../devices/virtual/block/loop0\n";

static struct machine machine;

static int setup(void **state)
{
	machine_open(&machine, hardware, PP_READ_DEVICES);
	return 0;
}

static int teardown(void **state)
{
	machine_close(&machine);
	return 0;
}

static void found(void **state)
{
	static const struct {
		const char *name, *device;
	} cases[] = {
		{"0000:00:1a.7", "0000:00:1a.7"},
		{"00:1a.7", "0000:00:1a.7"},
		{"10000:e1:00.0", "10000:e1:00.0"},
		{"pci_0000_00_1a_7", "0000:00:1a.7"},
		{"pci_10000_e1_00_0", "10000:e1:00.0"},
		{"pci_8086_3a6c", "0000:00:1a.7"},
		{"8086:3a6c", "0000:00:1a.7"},
		{"8086:3A6C", "0000:00:1a.7"},
		{"eth0", "0000:01:00.0"},
		{"nvme0n1p1", "0000:03:00.0"},
		{"nvme0", "0000:03:00.0"},
		{"/dev/nvme0n1p1", "0000:03:00.0"},
		{"/dev/disk/by-id/nvme-x-part1", "0000:03:00.0"},
		{"sda", "0000:00:14.0"},
		{"/dev/sda", "0000:00:14.0"}, /* its node is missing */
		{"1-5", "0000:00:14.0"},
		{"nvme1n1", "10000:e1:00.0"},
		{"br0", "0000:01:00.0"},
		{"/sys/bus/pci/devices/0000:03:00.0", "0000:03:00.0"},
		{"/sys/class/net/eth0", "0000:01:00.0"},
		{"/sys/devices/" HUB "/usb1/1-5", "0000:00:14.0"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pp_device *device = NULL;
		struct pp_error error = {0};
		if (pp_device_find(&machine.context, machine.host, cases[i].name, &device, &error) <
			0)
			fail_msg("%s: %s", cases[i].name, error.text);
		assert_string_equal(device->name, cases[i].device);
		assert_true(device >= machine.host->devices &&
			    device < machine.host->devices + machine.host->n_devices);
	}
}

static void check_error(
	const char *name, int code, const char *id, const char *text, const char *remedy)
{
	const struct pp_device *device = NULL;
	struct pp_error error = {0};
	int r = pp_device_find(&machine.context, machine.host, name, &device, &error);
	assert_int_equal(r, -code);
	assert_null(device);
	assert_int_equal(error.status, PP_STATUS_FAILED);
	assert_string_equal(error.id, id);
	if (!strstr(error.text, text))
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
	if (!strstr(error.remedy, remedy))
		fail_msg("\"%s\" does not say \"%s\"", error.remedy, remedy);
}

static void several(void **state)
{
	check_error("8086:10d3", ENOTUNIQ, "device-ambiguous", "0000:01:00.0", "by its address");
	check_error("8086:10d3", ENOTUNIQ, "device-ambiguous", "0000:02:00.0", "by its address");
	check_error(
		"pci_8086_10d3", ENOTUNIQ, "device-ambiguous", "driver e1000e", "by its address");
	check_error("dm-0", ENOTUNIQ, "device-ambiguous", "0000:03:00.0", "by its address");
}

static void unknown(void **state)
{
	check_error("00:1b.7", ENODEV, "device-unknown", "00:1b.7 on this host",
		"did you mean 00:1a.7?");
	check_error("0000:00:1a.6", ENODEV, "device-unknown", "", "did you mean 0000:00:1a.7?");
	check_error(
		"pci_0000_00_1a_6", ENODEV, "device-unknown", "", "did you mean pci_0000_00_1a_7?");
	check_error("8086:3a6d", ENODEV, "device-unknown", "", "did you mean 8086:3a6c?");
	check_error("pci_8086_3a6d", ENODEV, "device-unknown", "", "nodedev-list --long");
	check_error("eth1", ENODEV, "device-unknown", "", "did you mean eth0?");
	check_error("/dev/sdb", ENODEV, "device-unknown", "", "did you mean sda?");
	check_error("nosuchthing", ENODEV, "device-unknown", "nosuchthing", "nodedev-list --long");
	check_error("00:3f.0", ENODEV, "device-unknown", "at most 1f", "");
	check_error("loop0", ENODEV, "device-unknown", "", "");
	check_error("dm-8", ENODEV, "device-unknown", "", "");
	check_error("/sys", ENODEV, "device-unknown", "", "");
	check_error("/sys/nothing", ENODEV, "device-unknown", "", "");
}

static void bad_names(void **state)
{
	static char huge[100000];
	static const char *const names[] = {"", "/", "//", "/dev/", "/dev", ".", "..", "../x",
		"pci_", "pci____", "pci_0000_00_1a_", ":", "::", ":::::", "8086:", ":3a6c",
		"8086:3a6c:", "\n", "\xff\xfe", "/dev/../dev/sda/", "%s%n", "/etc/passwd",
		"/sys/class/net/../../x"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct pp_device *device = NULL;
		struct pp_error error = {0};
		if (pp_device_find(&machine.context, machine.host, names[i], &device, &error) == 0)
			fail_msg("\"%s\" was found", names[i]);
		assert_int_not_equal(error.text[0], 0);
	}
	memset(huge, 'a', sizeof(huge) - 1);
	check_error(huge, ENODEV, "device-unknown", "aaa", "");
	memcpy(huge, "/dev/", 5);
	check_error(huge, ENODEV, "device-unknown", "aaa", "");
	const struct pp_device *device;
	assert_int_equal(
		pp_device_find(&machine.context, machine.host, "nothing", &device, NULL), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found),
		cmocka_unit_test(several),
		cmocka_unit_test(unknown),
		cmocka_unit_test(bad_names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
