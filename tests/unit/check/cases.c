/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each check of the host and of devices: a host in which it speaks, and one in which it does not,
 * the same with the remedy applied. Guests' are in guests.c. */
#include "fixture.h"

#define SYS "/sys/devices/pci0000:00/"
#define P_NVME SYS "0000:00:1c.0/" NVME
#define P_NIC SYS "0000:00:1d.0/" NIC
#define P_GPU SYS "0000:00:1e.0/" GPU
#define P_EHCI SYS EHCI
#define P_UHCI SYS UHCI
#define P_PCI_NIC SYS "0000:00:1f.0/" PCI_NIC

struct test_case {
	const char *id;
	enum pp_severity severity;
	const char *device;    /* NULL: the host */
	const char *changes;   /* with which it speaks */
	const char *remedy;    /* changes with which it is silent again; NULL: none are needed */
	const char *says;      /* part of the text, the evidence or the remedy */
	unsigned config[8];    /* pairs of offset and value: changes of the device's config space */
	const char *config_of; /* of another device than that which is checked */
	struct pp_check_options options, remedy_options;
};

#define NO_GROUPS "-/sys/kernel/iommu_groups/*\n-*/iommu_group\n-/sys/class/iommu/*\n"
#define NO_TABLE "-/sys/firmware/acpi/tables/DMAR\n"
static const char *const forced[] = {"nvme0n1", "driverctl", "win", NULL};
#define AUTOSTARTED                                                                                \
	"/etc/libvirt/qemu/win.xml = <domain><name>win</name><devices><hostdev mode='subsystem' "  \
	"type='pci' managed='yes'><source><address domain='0x0000' bus='0x02' slot='0x00' "        \
	"function='0x0'/></source></hostdev></devices></domain>\n"                                 \
	"/etc/libvirt/qemu/autostart/win.xml -> /etc/libvirt/qemu/win.xml\n"

static const struct test_case cases[] = {
	/* ---- host */
	{"no-iommu", PP_FAIL, NULL, NO_GROUPS NO_TABLE, NULL, "VT-d"},
	{"no-iommu", PP_FAIL, NULL,
		NO_GROUPS NO_TABLE "/proc/cpuinfo = vendor_id\\t: AuthenticAMD\\nflags\\t: svm\n",
		NULL, "AMD-Vi"},
	{"no-iommu", PP_FAIL, NULL,
		NO_GROUPS NO_TABLE
		"/proc/cpuinfo = vendor_id\\t: GenuineIntel\\nflags\\t: hypervisor\n",
		NULL, "virtual machine"},
	{"no-iommu", PP_FAIL, NULL, NO_GROUPS "/proc/cmdline = quiet intel_iommu=off\n", NULL,
		"host-setup takes intel_iommu=off out"},
	{"no-iommu", PP_FAIL, NULL, NO_GROUPS, NULL, "host-setup sets intel_iommu=on"},
	{"no-iommu", PP_FAIL, NVME, NO_GROUPS NO_TABLE, NULL, "VT-d"},
	{"iommu-table", PP_WARN, NULL, "/sys/firmware/acpi/tables/DMAR : 444d4152ffff\n", NULL,
		"DMAR"},
	{"iommu-table", PP_NOTE, NULL, "/sys/firmware/acpi/tables/DMAR ! EACCES\n", NULL, "root"},
	{"iommu-fault", PP_WARN, NULL,
		"/dev/kmsg = <4>[ 1.0] DMAR: DRHD: handling fault status reg 2\\n<4>[ 1.0] DMAR: "
		"[DMA Write "
		"NO_PASID] Request device [01:00.0] fault addr 0x0\n",
		NULL, "handling fault status"},
	{"no-interrupt-remapping", PP_FAIL, NULL,
		"/sys/class/iommu/dmar0/intel-iommu/ecap = f42\n/proc/interrupts = 9: 0 IO-APIC "
		"9-fasteoi\n",
		NULL, "ecap: f42"},
	{"no-interrupt-remapping", PP_FAIL, NVME,
		"/proc/interrupts = 9: 0 IO-APIC 9-fasteoi\n/proc/cmdline = intremap=off\n",
		"/proc/cmdline = quiet\n", "host-setup takes intremap=off out"},
	{"no-interrupt-remapping", PP_WARN, NULL,
		"/proc/interrupts = 9: 0 IO-APIC 9-fasteoi\n"
		"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts = Y\n",
		NULL, "any interrupt"},
	{"vfio-missing", PP_FAIL, NULL, "-/lib/modules/*\n-/sys/bus/pci/drivers/vfio-pci/\n", NULL,
		"linux-image-amd64"},
	{"vfio-backend", PP_FAIL, NULL, "-/dev/vfio/vfio\n", NULL, "vfio_iommu_type1"},
	{"dma-entry-limit", PP_FAIL, NULL,
		"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit = 2\n", NULL,
		"echo 65535"},
	{"dma-entry-limit", PP_WARN, NULL,
		"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit = 1000\n", NULL, "1000"},
	{"no-kvm", PP_WARN, NULL,
		"-/dev/kvm\n/proc/cpuinfo = vendor_id\\t: AuthenticAMD\\nflags\\t: fpu\n", NULL,
		"SVM"},
	{"no-kvm", PP_NOTE, NULL, "-/dev/kvm\n", NULL, "modprobe kvm_intel"},
	{"permission", PP_NOTE, NULL, "/proc/self/status = Uid:\\t1000\\t1000\\nCapEff:\\t0\n",
		NULL, "sudo"},
	{"permission", PP_FAIL, NVME, "/proc/self/status = Uid:\\t1000\\t1000\\nCapEff:\\t0\n",
		NULL, "root", .options.act = true},
	{"lockdown", PP_NOTE, NULL,
		"/sys/kernel/security/lockdown = none [integrity] confidentiality\n", NULL,
		"integrity"},
	{"iommu-parameter", PP_NOTE, NULL, "/proc/cmdline = quiet amd_iommu=on\n", NULL,
		"no option"},
	{"iommu-parameter", PP_NOTE, NULL, "/proc/cmdline = quiet iommu=pt\n", NULL,
		"neither needed"},
	{"iommu-parameter", PP_WARN, NULL, "/proc/cmdline = pcie_acs_override=downstream\n", NULL,
		"real group"},
	{"parameter-not-used", PP_WARN, NULL,
		"/etc/default/grub = GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"\n",
		"/etc/default/grub = GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"\n"
		"/proc/cmdline = quiet intel_iommu=on\n",
		"update-grub"},
	{"parameter-not-used", PP_WARN, NULL,
		"/etc/kernel/cmdline = quiet vfio-pci.ids=8086:10d3\n", NULL,
		"/etc/kernel/cmdline"},
	{"parameter-not-used", PP_WARN, NULL,
		"/boot/loader/entries/a.conf = title A\\nlinux /vmlinuz-" RELEASE
		"\\noptions quiet iommu=pt\n",
		"/boot/loader/entries/a.conf = title A\\nlinux /vmlinuz-5.0\\noptions quiet "
		"iommu=pt\n",
		"a.conf"},
	{"parameter-not-used", PP_WARN, NULL,
		"/boot/limine.conf = /Linux\\n  protocol: linux\\n  cmdline: quiet "
		"intel_iommu=on\n",
		NULL, "limine"},
	{"parameter-unknown", PP_WARN, NULL, "/proc/cmdline = quiet vfio-pci-ids=10de:1b80\n",
		"/proc/cmdline = quiet vfio-pci.ids=10de:1b80\n", "vfio-pci.ids="},
	{"module-missing", PP_WARN, NULL, "/etc/modules = vfio\\nvfio_virqfd\n",
		"/etc/modules = vfio\n", "vfio_virqfd"},
	{"module-missing", PP_WARN, NULL,
		"/etc/dracut.conf.d/vfio.conf = force_drivers+=\" vfio vfio_virqfd \"\n", NULL,
		"dracut"},
	{"hook-calls-libvirt", PP_WARN, NULL,
		"/etc/libvirt/hooks/qemu = #!/bin/bash\\n# virsh is bad\\nvirsh nodedev-detach "
		"pci_0\n",
		"/etc/libvirt/hooks/qemu = #!/bin/bash\\n# virsh is bad\n", "line 3"},
	{"interface-gone", PP_WARN, NULL,
		"/etc/network/interfaces = auto br0\\niface br0 inet dhcp\\n  bridge_ports "
		"enp5s0\n",
		"/etc/network/interfaces = auto br0\\niface br0 inet dhcp\\n  bridge_ports enp5s0\n"
		"/sys/class/net/enp5s0/address = 52:54:00:12:34:56\n",
		"enp5s0"},
	/* ---- the device itself */
	{"config-dead", PP_FAIL, NVME,
		P_NVME "/config : "
		       "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		       "ffffffffffffffffffffffffffffffffffffffffffffffffffffff\n",
		NULL, "all ones"},
	{"config-dead", PP_NOTE, NVME, P_NVME "/config ! EACCES\n", NULL, "root"},
	{"power-off", PP_WARN, NVME, P_NVME "/power_state = D3cold\n-" P_NVME "/driver\n", NULL,
		"d3cold_allowed"},
	{"power-off", PP_NOTE, NVME, P_NVME "/power_state = D3cold\n", NULL, "D3cold"},
	{"not-endpoint", PP_FAIL, "0000:00:1c.0", "", NULL, "bridge"},
	{"not-endpoint", PP_FAIL, "0000:00:00.0", "", NULL, "host bridge"},
	{"vmd", PP_WARN, NVME, P_NVME "/driver -> /sys/bus/pci/drivers/vmd\n", NULL, "VMD"},
	{"vmd", PP_FAIL, "10000:e1:00.0",
		"/sys/bus/pci/devices/10000:e1:00.0 -> /sys/devices/pci10000:e0/10000:e1:00.0\n"
		"/sys/devices/pci10000:e0/10000:e1:00.0/class = 0x010802\n"
		"/sys/devices/pci10000:e0/10000:e1:00.0/vendor = 0x8086\n",
		NULL, "VMD"},
	{"denylist", PP_FAIL, NVME, P_NVME "/vendor = 0x8086\n" P_NVME "/device = 0x37c9\n",
		P_NVME "/vendor = 0x8086\n" P_NVME "/device = 0x37c9\n"
		       "/sys/module/vfio_pci/parameters/disable_denylist = Y\n",
		"disable_denylist=1"},
	{"known-bad", PP_WARN, NVME, P_NVME "/vendor = 0x1022\n" P_NVME "/device = 0x149c\n",
		P_NVME "/vendor = 0x1022\n" P_NVME "/device = 0x149c\n" P_NVME
		       "/reset_method = bus\n",
		"reset_method"},
	{"known-bad", PP_WARN, GPU, P_GPU "/vendor = 0x1002\n" P_GPU "/device = 0x731f\n",
		P_GPU "/vendor = 0x1002\n" P_GPU "/device = 0x731f\n" P_GPU
		      "/reset_method = device_specific bus\n",
		"once for each start"},
	{"known-bad", PP_WARN, NVME,
		"/etc/pcipass/known-bad.txt = # ours\\n1b36:0010-01 flr It hangs. [we saw it]\n",
		"/etc/pcipass/known-bad.txt = # ours\\n1b36:0010-02 flr It hangs. [we saw it]\n",
		"we saw it"},
	{"known-bad", PP_WARN, PCI_NIC,
		P_PCI_NIC "/vendor = 0x10ec\n" P_PCI_NIC "/device = 0x8169\n", NULL, "line"},
	{"vgpu", PP_FAIL, GPU, P_GPU "/nvidia/current_vgpu_type = 558\n", NULL, "managed='no'"},
	{"igd", PP_NOTE, "0000:00:02.0",
		"/sys/bus/pci/devices/0000:00:02.0 -> " SYS "0000:00:02.0\n" SYS
		"0000:00:02.0/class = 0x030000\n" SYS "0000:00:02.0/vendor = 0x8086\n",
		SYS "0000:00:02.0/class = 0x030000\n" SYS "0000:00:02.0/vendor = 0x1234\n"
		    "/sys/bus/pci/devices/0000:00:02.0 -> " SYS "0000:00:02.0\n",
		"OpRegion"},
	{"removable", PP_WARN, NVME, P_NVME "/removable = removable\n", NULL, "cable"},
	{"bind-failed", PP_WARN, NVME, P_NVME "/driver_override = vfio-pci\n-" P_NVME "/driver\n",
		NULL, "nodedev-reattach"},
	{"override-left", PP_WARN, NVME, P_NVME "/driver_override = vfio-pci\n", NULL,
		"nodedev-reattach"},
	{"boot-binding-lost", PP_WARN, NIC, "/proc/cmdline = vfio-pci.ids=8086:10d3\n",
		"/proc/cmdline = vfio-pci.ids=8086:10d3\n" P_NIC
		"/driver -> /sys/bus/pci/drivers/vfio-pci\n",
		"softdep e1000e"},
	{"boot-binding-lost", PP_WARN, NIC,
		"/etc/modprobe.d/vfio.conf = options vfio-pci ids=10de:1b80,8086:10d3 "
		"disable_vga=1\n"
		"/lib/modules/" RELEASE "/modules.builtin = kernel/drivers/vfio/pci/vfio-pci.ko\n",
		"/etc/modprobe.d/vfio.conf = options vfio-pci disable_vga=1\n", "built into"},
	{"ids-match-several", PP_WARN, NIC,
		"/proc/cmdline = vfio-pci.ids=8086:10d3\n" P_NVME "/vendor = 0x8086\n" P_NVME
		"/device = 0x10d3\n",
		"/proc/cmdline = vfio-pci.ids=8086:10d3\n", NVME},
	{"claimed", PP_FAIL, NIC, "/etc/driverctl.d/pci-" NIC " = e1000e\n",
		"/etc/driverctl.d/pci-" NIC " = vfio-pci\n", "driverctl unset-override"},
	{"claimed", PP_WARN, NIC, AUTOSTARTED,
		"/etc/libvirt/qemu/win.xml = <domain><name>win</name></domain>\n",
		"virsh autostart --disable win"},
	{"claimed", PP_FAIL, NIC, AUTOSTARTED, "/etc/libvirt/qemu/win.xml = <domain/>\n",
		"virsh autostart --disable win", .options = {.guest = "ours"}},
	{"claimed", PP_WARN, NIC, AUTOSTARTED, "/etc/libvirt/qemu/win.xml = <domain/>\n",
		"virsh autostart --disable win", .options = {.guest = "theirs", .libvirt = true}},
	{"claimed", PP_WARN, NIC, AUTOSTARTED, "/etc/libvirt/qemu/win.xml = <domain/>\n",
		"virsh autostart --disable win", .options = {.guest = "ours", .force = forced}},
	{"claimed", PP_WARN, NIC,
		"/etc/pve/qemu-server/101.conf = hostpci0: 02:00,pcie=1\\nonboot: 1\n",
		"/etc/pve/qemu-server/101.conf = onboot: 1\\n[snap]\\nhostpci0: 02:00\n", "101"},
	/* ---- virtual functions */
	{"virtual-function-token", PP_FAIL, NVME,
		P_NIC "/driver -> /sys/bus/pci/drivers/vfio-pci\n" P_NIC
		      "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 1\n" P_NIC
		      "/virtfn0 -> ../../../../"
		      "devices/pci0000:00/0000:00:1c.0/" NVME "\n",
		NULL, "token", .config = {0x150, 0x0010}, .config_of = NIC},
	{"virtual-functions-on", PP_FAIL, NIC,
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 1\n",
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 0\n", "sriov_numvfs",
		.config = {0x150, 0x0010}},
	{"in-use-virtual-functions", PP_FAIL, NIC,
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 1\n" P_NIC
		      "/virtfn0 -> ../../../../devices/pci0000:00/0000:00:1c.0/" NVME "\n" P_NVME
		      "/driver -> /sys/bus/pci/drivers/vfio-pci\n",
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 0\n", NVME,
		.config = {0x150, 0x0010}},
	{"virtual-function-room", PP_NOTE, NIC,
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 0\n" P_NIC
		      "/resource = 0x0 0x0 0x0\\n0x0 0x0 0x0\\n0x0 0x0 0x0\\n0x0 0x0 0x0\\n0x0 0x0 "
		      "0x0\\n0x0 0x0 0x0"
		      "\\n0x0 0x0 0x0\\n0x0000000000000000 0x000000000000ffff 0x000000000014220c\n",
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 0\n" P_NIC
		      "/resource = 0x0 0x0 0x0\\n0x0 0x0 0x0\\n0x0 0x0 0x0\\n0x0 0x0 0x0\\n0x0 0x0 "
		      "0x0\\n0x0 0x0 0x0"
		      "\\n0x0 0x0 0x0\\n0x00000000fe800000 0x00000000fe80ffff 0x000000000014220c\n",
		"sriov_totalvfs", .config = {0x150, 0x0010}},
	{"virtual-function-link", PP_WARN, NVME,
		P_NIC "/sriov_totalvfs = 4\n" P_NIC "/sriov_numvfs = 1\n" P_NIC
		      "/virtfn0 -> ../../../../devices/pci0000:00/0000:00:1c.0/" NVME "\n" P_NIC
		      "/net/eth0/carrier = 0\n",
		P_NIC "/net/eth0/carrier = 0\n", "eth0", .config = {0x150, 0x0010},
		.config_of = NIC},
	/* ---- groups */
	{"group-none", PP_FAIL, NVME, "-" P_NVME "/iommu_group\n", NULL, "iommu_group: not there"},
	{"group-unread", PP_WARN, NVME, "/sys/kernel/iommu_groups/5/reserved_regions ! EIO\n", NULL,
		"reserved_regions: "},
	{"group-unread", PP_WARN, NVME, "/sys/kernel/iommu_groups/5/reserved_regions = 0x0 0xfff\n",
		"/sys/kernel/iommu_groups/5/reserved_regions = 0x0 0xfff msi\n", "0x0 0xfff"},
	{"group-unread", PP_WARN, NVME, "/sys/kernel/iommu_groups/5/devices/0000:77:00.0 -> /x\n",
		"/sys/kernel/iommu_groups/5/devices/INTC1056:00 -> /x\n", "0000:77:00.0"},
	{"group-unread", PP_WARN, NVME,
		"-/sys/kernel/iommu_groups/5/devices/*\n/sys/kernel/iommu_groups/5/devices/\n",
		NULL, "not all"},
	{"group-not-viable", PP_FAIL, EHCI, "", "-" P_UHCI "/driver\n", UHCI},
	{"group-not-viable", PP_FAIL, EHCI, "", P_UHCI "/driver -> /sys/bus/pci/drivers/pci-stub\n",
		"uhci_hcd"},
	{"group-not-viable", PP_FAIL, EHCI, "", P_UHCI "/driver -> /sys/bus/pci/drivers/vfio-pci\n",
		"--group"},
	{"group-not-viable", PP_FAIL, EHCI, "", NULL, "pci-stub", .remedy_options.group = true},
	{"takes-along", PP_NOTE, EHCI, "", NULL, "loses with it " UHCI, .options.group = true},
	{"takes-along", PP_NOTE, EHCI, "-" P_UHCI "/driver\n",
		P_EHCI "/iommu_group -> "
		       "/sys/kernel/iommu_groups/19\n-/sys/kernel/iommu_groups/1/devices/" EHCI
		       "\n/sys/kernel/iommu_groups/19/devices/" EHCI " -> " P_EHCI "\n-" P_UHCI
		       "*\n"
		       "-/sys/bus/pci/devices/" UHCI "\n-/sys/kernel/iommu_groups/1/*\n",
		"may stay"},
	{"reserved-direct", PP_FAIL, NVME,
		"/sys/kernel/iommu_groups/5/reserved_regions = 0x0000000000000000 "
		"0x0000000000ffffff "
		"direct\\n0x00000000fee00000 0x00000000feefffff msi\n",
		"/sys/kernel/iommu_groups/5/reserved_regions = 0x0000000000000000 "
		"0x0000000000ffffff "
		"direct-relaxable\\n0x00000000fee00000 0x00000000feefffff msi\n",
		"RMRR"},
	{"no-acs", PP_NOTE, NVME,
		P_NVME "/iommu_group -> /sys/kernel/iommu_groups/6\n"
		       "/sys/kernel/iommu_groups/6/devices/" NVME " -> " P_NVME "\n",
		NULL, "0000:00:1c.0", .config = {0x140, 0x0000}, .config_of = "0000:00:1c.0"},
	{"behind-bridge", PP_NOTE, PCI_NIC, "", NULL, "0000:00:1f.0", .options.guest = "none"},
	/* ---- reset, memory, errors */
	{"no-reset", PP_NOTE, EHCI, "", P_EHCI "/reset_method = flr\n", "reset_method: empty"},
	{"no-reset", PP_WARN, GPU, P_GPU "/reset_method =\n", NULL, "libvirt refuses"},
	{"reset-shared-bus", PP_WARN, GPU,
		"/sys/bus/pci/devices/0000:03:00.1 -> " SYS "0000:00:1e.0/0000:03:00.1\n" SYS
		"0000:00:1e.0/0000:03:00.1/class = 0x040300\n",
		NULL, "0000:03:00.1"},
	{"framebuffer-holds-bar", PP_NOTE, GPU,
		"/proc/iomem = e0000000-efffffff : " GPU "\\n  e0000000-e02fffff : vesafb\n", NULL,
		"vesafb"},
	{"framebuffer-holds-bar", PP_FAIL, GPU,
		"/proc/iomem = e0000000-efffffff : " GPU
		"\\n  e0000000-e02fffff : simpledrm\n" P_GPU
		"/driver -> /sys/bus/pci/drivers/vfio-pci\n",
		P_GPU "/driver -> /sys/bus/pci/drivers/vfio-pci\n", "nodedev-reattach"},
	{"framebuffer-holds-bar", PP_FAIL, GPU,
		"/proc/iomem = e0000000-e02fffff : BOOTFB\n/proc/sys/kernel/osrelease = 5.10.0-8\n",
		NULL, "initcall_blacklist"},
	{"bar-unassigned", PP_WARN, GPU,
		P_GPU "/resource = 0x0 0x000000000fffffff 0x000000000014220c\n", NULL, "Above 4G"},
	{"bar-unassigned", PP_NOTE, EHCI, P_EHCI "/resource = 0x0 0x1f 0x40101\n", NULL, "port"},
	{"rebar", PP_NOTE, GPU, "", NULL, "8 GiB", .config = {0x158, 0x20 | 13 << 8}},
	{"device-errors", PP_WARN, NVME,
		P_NVME "/aer_dev_fatal = DLP 0\\nTLP 2\\nTOTAL_ERR_FATAL 2\n" P_NVME
		       "/aer_dev_nonfatal = TOTAL_ERR_NONFATAL 0\n",
		P_NVME "/aer_dev_fatal = TOTAL_ERR_FATAL 0\n", "TLP 2"},
	{"link-narrow", PP_NOTE, NVME, "", NULL, "1 lanes", .config = {0x62, 0x13}},
	{"interrupt-shared", PP_NOTE, EHCI, P_EHCI "/irq = 21\n", NULL, UHCI},
	/* ---- in use */
	{"in-use-mount", PP_FAIL, NVME,
		P_NVME
		"/nvme/nvme0/nvme0n1/dev = 259:0\n"
		"/sys/dev/block/259:0 -> " P_NVME "/nvme/nvme0/nvme0n1\n"
		"/sys/class/block/nvme0n1 -> " P_NVME "/nvme/nvme0/nvme0n1\n"
		"/proc/self/mountinfo = 36 1 259:0 / /mnt rw shared:1 - ext4 /dev/nvme0n1 rw\n",
		P_NVME "/nvme/nvme0/nvme0n1/dev = 259:0\n", "umount /dev/nvme0n1"},
	{"in-use-mount", PP_WARN, NVME,
		P_NVME
		"/nvme/nvme0/nvme0n1/dev = 259:0\n"
		"/sys/dev/block/259:0 -> " P_NVME "/nvme/nvme0/nvme0n1\n"
		"/sys/class/block/nvme0n1 -> " P_NVME "/nvme/nvme0/nvme0n1\n"
		"/proc/self/mountinfo = 36 1 259:0 / /mnt rw shared:1 - ext4 /dev/nvme0n1 rw\n",
		NULL, "/mnt", .options.force = forced},
};

static const struct pp_finding *run_case(const struct test_case *test, const char *changes,
	const struct pp_check_options *options, bool config, struct pp_findings **ret_findings,
	struct pp_host **ret_host)
{
	struct pp_error error = {0};
	struct pp_buffer all = PP_BUFFER_INIT;
	int r;

	pp_buffer_puts(&all, changes ? changes : "");
	if (config) {
		PP_FREE char *line =
			fixture_config_line(test->config_of ? test->config_of : test->device,
				test->config, PP_COUNT(test->config));
		pp_buffer_puts(&all, line);
	}
	/* of the host as host-validate reads it: no further */
	*ret_host = test->device ? fixture_host(pp_buffer_text(&all))
				 : fixture_host_at(pp_buffer_text(&all),
					   PP_READ_SETTINGS | PP_READ_HOLDERS);
	pp_buffer_done(&all);
	if (!test->device) {
		r = pp_check_host(*ret_host, ret_findings, &error);
	} else {
		const struct pp_device *device = fixture_find(*ret_host, test->device);
		r = device ? pp_check_devices(*ret_host, &device, 1, options, ret_findings, &error)
			   : pp_check_devices(*ret_host, NULL, 0, options, ret_findings, &error);
	}
	if (r < 0)
		fail_msg("%s: %s", test->id, error.text);
	return fixture_finding(*ret_findings, test->id);
}

static void expect_complete(const struct test_case *test, const struct pp_finding *finding)
{
	const char *parts[] = {finding->text, finding->evidence, finding->remedy};
	bool says = false;

	if (finding->severity >= PP_WARN && (!finding->evidence || !finding->remedy))
		fail_msg("%s has no evidence or no remedy: %s", test->id, finding->text);
	for (size_t i = 0; i < PP_COUNT(parts); i++)
		says |= parts[i] && strstr(parts[i], test->says);
	if (!says)
		fail_msg("%s does not say \"%s\": %s (%s) -> %s", test->id, test->says,
			finding->text, finding->evidence, finding->remedy);
	if (finding->severity == PP_FAIL)
		assert_int_not_equal(finding->status, PP_STATUS_OK);
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		const struct test_case *test = &cases[i];
		struct pp_findings *findings;
		struct pp_host *host;
		bool config = test->config[0] || test->config[1];
		const struct pp_finding *finding =
			run_case(test, test->changes, &test->options, config, &findings, &host);

		if (!finding || finding->severity != test->severity) {
			fixture_print(findings);
			fail_msg("case %zu: %s is not %d", i, test->id, test->severity);
		}
		expect_complete(test, finding);
		pp_findings_free(findings);
		pp_host_free(host);

		/* These are so on the healthy host too, and no more than a NOTE or the device's
		 * nature. */
		if (!*test->changes && !config && !test->remedy && !test->remedy_options.group)
			continue;
		finding = run_case(
			test, test->remedy, &test->remedy_options, false, &findings, &host);
		if (finding && finding->severity >= test->severity) {
			fixture_print(findings);
			fail_msg("case %zu: %s is still there after the remedy", i, test->id);
		}
		pp_findings_free(findings);
		pp_host_free(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
