/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of checks, from cheap to expensive: the one source of what is checked, in which order,
 * and of pcipass-checks(7). Ids are never renamed. */
#include "lib/check/subjects.h"

#define ENTRY(id_, scope_, rows_, title_, reads_, ...)                                             \
	{                                                                                          \
		.id = id_, .scope = scope_, .rows = rows_, .title = title_, .reads = reads_,       \
		.check = &(const struct pp_check){__VA_ARGS__},                                    \
	}
#define DEVICE "/sys/bus/pci/devices/ADDRESS/"
#define IN_USE(kind_) .run = pp_check_in_use, .argument = kind_, .status = PP_STATUS_IN_USE

static const struct pp_check_info table[] = {
	ENTRY("no-iommu", "host", "2 3", "The kernel uses an IOMMU",
		"/sys/class/iommu, /sys/kernel/iommu_groups, /sys/firmware/acpi/tables, "
		"/proc/cmdline, "
		"/proc/cpuinfo",
		.run = pp_check_no_iommu, .gate = PP_GATE_VFIO),
	ENTRY("vfio-missing", "host", "46", "The kernel has the driver vfio-pci",
		"/lib/modules/RELEASE/modules.dep, modules.builtin, /sys/bus/pci/drivers",
		.run = pp_check_vfio_missing, .gate = PP_GATE_VFIO),
	ENTRY("no-interrupt-remapping", "host", "16", "The IOMMU remaps interrupts",
		"/sys/class/iommu/*/intel-iommu/ecap, /sys/firmware/acpi/tables/DMAR, IVRS",
		.run = pp_check_no_interrupt_remapping, .gate = PP_GATE_VFIO),
	ENTRY("permission", "host", "37", "The caller may move devices",
		"the caller's user id, /sys/bus/pci/drivers_probe", .run = pp_check_permission,
		.status = PP_STATUS_FAILED, .gate = PP_GATE_ALWAYS),
	ENTRY("device-vanished", "device", "13", "The device stays while it is looked at", DEVICE,
		.run = pp_check_device_vanished),
	ENTRY("config-dead", "device", "13", "The device answers", DEVICE "config, power_state",
		.run = pp_check_config_dead),
	ENTRY("not-endpoint", "device", "64", "The device is an endpoint, not a bridge",
		DEVICE "config", .run = pp_check_not_endpoint),
	ENTRY("group-none", "device", "2", "The device is behind an IOMMU", DEVICE "iommu_group",
		.run = pp_check_group_none),
	ENTRY("group-not-viable", "device", "1",
		"Every endpoint of the device's IOMMU group is out of the host's hands",
		"/sys/kernel/iommu_groups/N/devices, " DEVICE "driver",
		.run = pp_check_group_not_viable),
	ENTRY("in-use-mount", "device", "6", "No file system on the device is mounted",
		"/proc/self/mountinfo, " DEVICE "**/block", IN_USE(PP_USE_MOUNT)),
	ENTRY("in-use-swap", "device", "6", "The device holds no swap",
		"/proc/swaps, " DEVICE "**/block", IN_USE(PP_USE_SWAP)),
	ENTRY("in-use-holder", "device", "6", "No LVM, RAID, crypt or ZFS set stands on the device",
		"/sys/block/*/holders, /sys/block/*/slaves, " DEVICE "**/block",
		IN_USE(PP_USE_HOLDER)),
	ENTRY("in-use-route", "device", "7", "The host's default route does not need the device",
		"/proc/net/route, /proc/net/ipv6_route, " DEVICE "net", IN_USE(PP_USE_ROUTE)),
	ENTRY("in-use-session", "device", "7", "The caller is not logged in through the device",
		"/proc/net/tcp, /proc/net/tcp6, " DEVICE "net", IN_USE(PP_USE_SESSION)),
	ENTRY("in-use-bridge-port", "device", "7", "The device is in no bridge or bond",
		"/sys/class/net/*/master, " DEVICE "net", IN_USE(PP_USE_BRIDGE_PORT)),
	ENTRY("in-use-address", "device", "7", "The device has no address in use",
		"/proc/net/fib_trie, /proc/net/if_inet6, " DEVICE "net", IN_USE(PP_USE_ADDRESS)),
	ENTRY("in-use-display", "device", "8", "No process draws on the device",
		"/proc/PID/fd, " DEVICE "drm, " DEVICE "graphics", IN_USE(PP_USE_DISPLAY)),
	ENTRY("in-use-sound", "device", "8", "No process plays or records through the device",
		"/proc/PID/fd, " DEVICE "sound", IN_USE(PP_USE_SOUND)),
	ENTRY("in-use-input", "device", "8", "No keyboard or mouse of the host hangs on the device",
		DEVICE "**/input", IN_USE(PP_USE_INPUT)),
	ENTRY("in-use-vfio", "device", "38 39", "No process holds the device through VFIO",
		"/proc/PID/fd, /dev/vfio", IN_USE(PP_USE_VFIO)),
	ENTRY("in-use-guest", "device", "38", "No other guest has the device",
		"/run/pcipass, /run/libvirt/qemu", IN_USE(PP_USE_GUEST)),
	ENTRY("in-use-virtual-functions", "device", "48", "The device has no virtual functions",
		DEVICE "sriov_numvfs", IN_USE(PP_USE_VIRTUAL_FUNCTIONS)),
};

const struct pp_check_info *pp_check_table(size_t *ret_count)
{
	*ret_count = PP_COUNT(table);
	return table;
}
