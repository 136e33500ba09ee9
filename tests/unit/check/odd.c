/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts that lie, are cut short or make no sense: findings or silence, never a crash. */
#include "fixture.h"

#define P_NIC "/sys/devices/pci0000:00/0000:00:1d.0/" NIC
#define P_GPU "/sys/devices/pci0000:00/0000:00:1e.0/" GPU

static const char *const odd[] = {
	/* settings */
	"/etc/default/grub = GRUB_CMDLINE_LINUX\n",
	"/etc/default/grub = GRUB_CMDLINE_LINUX=\n",
	"/etc/default/grub = GRUB_CMDLINE_LINUX=\"\n",
	"/etc/default/grub = GRUB_CMDLINE_LINUX+='iommu=pt\n",
	"/etc/kernel/cmdline =\n/boot/limine.conf = cmdline:\n",
	"/boot/loader/entries/a.conf = options \\nlinux\\nversion " RELEASE "\n",
	"/boot/loader/entries/a.conf = options\\nlinux " RELEASE "\n",
	"/etc/modprobe.d/a.conf = options\\noptions \\noptions vfio-pci\\noptions vfio-pci ids\n",
	"/etc/modprobe.d/a.conf = options vfio-pci ids=\\noptions vfio-pci "
	"ids=,,:,x:y,8086:,8086:10d3:::\n",
	"/etc/modprobe.d/a.conf = options vfio-pci "
	"ids=ffffffffffffffffff:10d3,8086:10d3:ffffffff:ffffffff\n",
	"/proc/cmdline = vfio-pci.ids= vfio_pci.ids=: intremap= = ==\n",
	"/etc/modules = vfio\\n=\\n()\\n\"\\n#vfio_virqfd\n",
	"/etc/driverctl.d/pci- = \n/etc/driverctl.d/x = y\n/etc/driverctl.d/pci-" NIC " =\n",
	"/etc/libvirt/qemu/a.xml = <hostdev \n/etc/libvirt/qemu/.xml = <hostdev "
	"type='pci'></hostdev>\n",
	"/etc/libvirt/qemu/a.xml = <hostdev type='pci'><source><address bus='0x' slot= "
	"function='</hostdev>\n",
	"/etc/libvirt/qemu/a.xml = <hostdev type='pci'><source><address bus='0xfff' slot='0x40' "
	"function='9'/></source></hostdev>\n",
	"/etc/libvirt/qemu/a.xml = <hostdev type='pci'><source><address bus=\n",
	"/etc/libvirt/hooks/qemu = virsh\n/etc/libvirt/hooks/qemu.d/x = \n",
	"/etc/pve/qemu-server/1.conf = hostpci0\\nhostpci0:\\nhostpci0: ,\\nhostpci0: "
	"host=\\nhostpci1: x.y;;\n",
	"/etc/pve/qemu-server/.conf = hostpci0: 02:00.0;02:00\n",
	"/etc/network/interfaces = bridge_ports\\nbridge-ports eth0 en/../x en:1\n",
	"/etc/pcipass/known-bad.txt = x\\n\\n1022:\\n8086:10d3 flr [\\n8086:10d3 flr x [y\\n# "
	"end\n",
	/* health */
	P_NIC "/irq = -5\n" P_NIC
	      "/aer_dev_fatal = x\\nTOTAL_ERR_FATAL\\nA B\\n 99999999999999999999999\n",
	P_NIC "/power_state = D3cold\n" P_NIC "/d3cold_allowed = many\n",
	P_NIC "/net/eth0/carrier = x\n",
	P_NIC "/resource = 0xg\n",
	P_GPU "/resource = 0x1 0x0 0x200\\n0xffffffffffffffff 0xffffffffffffffff 0x200\n",
	"/proc/iomem = x : vesafb\\n : vesafb\\nffffffffffffffffff-0 : vesafb\\ne0000000\n",
	"/proc/iomem = e0000000-e0000001 : vesafb\\ne0000000-e0000001 : efifb\n",
	/* platform */
	"/proc/self/status = Uid:\\nCapEff:\n",
	"/proc/self/status = Uid:\\tx\\ty\\nCapEff:\\tzz\n",
	"/proc/self/limits = Max locked memory unlimited unlimited bytes\n",
	"/proc/self/cgroup = 0::\n",
	"/proc/self/cgroup = 0::/\n",
	"/proc/self/cgroup = 0::/../../../etc\n",
	"/proc/self/cgroup = 0::/a//b/\n/sys/fs/cgroup/a/memory.max = "
	"1\n/sys/fs/cgroup/a/memory.current = 5\n",
	"/sys/devices/system/node/node0/meminfo = MemFree: "
	"x\n/sys/devices/system/node/nodex/meminfo = y\n",
	"/proc/spl/kstat/zfs/arcstats = \\nsize \\nsize 4\n",
	"/dev/kmsg = <\\n[\\n<6>[\\n<6>[ 1] \\n]\\n>DMAR\n",
	"/proc/sys/kernel/osrelease = ..\n",
	"/proc/sys/kernel/osrelease = 6\n",
	"/sys/kernel/iommu_groups/5/reserved_regions = direct\\n0x1 0x0 direct\\n0x0 "
	"0xffffffffffffffff direct\n",
};

static void test_odd(void **state)
{
	for (size_t i = 0; i < PP_COUNT(odd); i++) {
		struct pp_host *host = fixture_host(odd[i]);
		struct pp_findings *findings;

		assert_int_equal(pp_check_host(host, &findings, NULL), 0);
		pp_findings_free(findings);
		for (size_t j = 0; j < host->n_devices; j++) {
			const struct pp_device *device = &host->devices[j];
			struct pp_check_options options = {.group = j % 2, .act = true};

			assert_int_equal(
				pp_check_devices(host, &device, 1, &options, &findings, NULL), 0);
			pp_findings_free(findings);
		}
		pp_host_free(host);
	}
}

/* Any bytes in config space: each 16-bit word of it all ones, in turn. */
static void test_config(void **state)
{
	for (unsigned offset = 0; offset < 0x180; offset += 6) {
		const unsigned changes[] = {offset, 0xffff, offset + 2, 0xffff};
		PP_FREE char *line = fixture_config_line(GPU, changes, PP_COUNT(changes));
		struct pp_host *host = fixture_host(line);
		const struct pp_device *device = fixture_find(host, GPU);
		struct pp_findings *findings;

		assert_int_equal(pp_check_devices(host, &device, 1, NULL, &findings, NULL), 0);
		pp_findings_free(findings);
		pp_host_free(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
