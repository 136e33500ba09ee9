/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"
#include "base/buffer.h"
#include <errno.h>

#define PORT "pci0000:00/0000:00:1c.0"
#define NVME PORT "/0000:01:00.0"
#define EHCI "pci0000:00/0000:00:1a.7"
#define GPU "pci0000:00/0000:00:02.0"

static const char devices[] = DEVICE_LINK("pci0000:00", "0000:00:02.0") UEVENT(GPU, "", "30000",
	"1002:731F", "1DA2:E410") DEVICE_LINK("pci0000:00", "0000:00:1a.7") UEVENT(EHCI,
	"DRIVER=ehci-pci\\n", "C0320", "8086:293C", "1AF4:1100") DEVICE_LINK("pci0000:00",
	"0000:00:1c.0") UEVENT(PORT, "DRIVER=pcieport\\n", "60400", "1B36:000C", "0000:0000")
	DEVICE_LINK(PORT, "0000:01:00.0") UEVENT(NVME, "DRIVER=nvme\\n", "10802", "144D:A808",
		"144D:A801") "/sys/devices/" GPU "/boot_vga = 1\n"
			     "/sys/devices/" GPU "/rom = \n"
			     "/sys/devices/" GPU "/reset_method = \n"
			     "/sys/devices/" GPU "/removable = removable\n"
			     "/sys/devices/" GPU "/resource = "
			     "0x0000000000000000 0x0000000000000000 0x0000000000140204\\n"
			     "0x0000000000000000 0x0000000000000000 0x0000000000000000\\n"
			     "0x00000000fe000000 0x00000000fe0fffff 0x0000000000040200\\n"
			     "0x000000000000d0e0 0x000000000000d0ff 0x0000000000040101\\n"
			     "0x0000000000000000 0x0000000000000fff 0x0000000020040200\\n"
			     "0x0000000000000000 0x0000000000000000 0x0000000000000000\\n"
			     "0x00000000000c0000 0x00000000000dffff 0x0000000000000212\n"
			     "/sys/devices/" EHCI "/iommu_group -> ../../../kernel/iommu_groups/4\n"
			     "/sys/devices/" EHCI "/numa_node = 1\n"
			     "/sys/devices/" EHCI "/driver_override = vfio-pci\n"
			     "/sys/devices/" EHCI "/power_state = D3cold\n"
			     "/sys/devices/" EHCI "/config ! EIO\n"
			     "/sys/devices/" EHCI "/revision = 0x03\n"
			     "/sys/devices/" NVME
			     "/iommu_group -> ../../../../kernel/iommu_groups/12\n"
			     "/sys/devices/" NVME "/numa_node = -1\n"
			     "/sys/devices/" NVME "/driver_override = (null)\n"
			     "/sys/devices/" NVME "/reset_method = flr bus\n"
			     "/sys/devices/" PORT
			     "/iommu_group -> ../../../kernel/iommu_groups/12\n"
			     "/sys/kernel/iommu_groups/4/type = DMA-FQ\n"
			     "/sys/kernel/iommu_groups/4/reserved_regions = "
			     "0x000000007f000000 0x000000007fffffff direct\\n"
			     "0x00000000fee00000 0x00000000feefffff msi\n";

static void always(void **state)
{
	struct machine machine;
	machine_open(&machine, devices, PP_READ_DEVICES);
	const struct pp_host *host = machine.host;
	assert_int_equal(host->n_devices, 4);
	assert_null(host->iommu);
	assert_int_equal(host->n_groups, 2);
	assert_null(pp_host_group(host, 4)->type);
	assert_int_equal(pp_host_group(host, 4)->n_regions, 0);
	const struct pp_device *ehci = machine_device(&machine, "00:1a.7");
	assert_string_equal(ehci->name, "0000:00:1a.7");
	assert_string_equal(ehci->path, "/sys/devices/" EHCI);
	assert_int_equal(ehci->vendor, 0x8086);
	assert_int_equal(ehci->product, 0x293c);
	assert_int_equal(ehci->subvendor, 0x1af4);
	assert_int_equal(ehci->subproduct, 0x1100);
	assert_int_equal(ehci->class_code, 0x0c0320);
	assert_string_equal(ehci->driver, "ehci-pci");
	assert_string_equal(ehci->driver_override, "vfio-pci");
	assert_string_equal(ehci->modalias, "pci:x");
	assert_int_equal(ehci->group, 4);
	assert_int_equal(ehci->numa_node, 1);
	assert_null(ehci->parent);
	assert_null(ehci->power_state);
	const struct pp_device *nvme = machine_device(&machine, "01:00.0");
	assert_ptr_equal(nvme->parent, machine_device(&machine, "00:1c.0"));
	assert_int_equal(nvme->parent->header, PP_HEADER_BRIDGE);
	assert_int_equal(nvme->header, PP_HEADER_ENDPOINT);
	assert_null(nvme->driver_override);
	assert_int_equal(nvme->numa_node, -1);
	assert_null(machine_device(&machine, "00:02.0")->driver);
	assert_int_equal(machine_device(&machine, "00:02.0")->group, -1);
	struct pp_address nowhere = {0, 9, 9, 0};
	assert_null(pp_host_device(host, &nowhere));
	machine_close(&machine);
}

static void deep(void **state)
{
	struct machine machine;
	machine_open(&machine, devices, PP_READ_CONFIG);
	const struct pp_device *gpu = machine_device(&machine, "00:02.0");
	assert_int_equal(gpu->flags, PP_DEVICE_BOOT_VGA | PP_DEVICE_HAS_ROM | PP_DEVICE_REMOVABLE |
					     PP_DEVICE_CONFIG_UNREAD);
	assert_string_equal(gpu->reset_methods, "");
	assert_int_equal(gpu->bars[0].flags, PP_BAR_64BIT | PP_BAR_DISABLED);
	assert_true(gpu->bars[0].size == 0);
	assert_true(gpu->bars[1].flags == 0);
	assert_true(gpu->bars[2].start == 0xfe000000 && gpu->bars[2].size == 0x100000);
	assert_string_equal(pp_bar_kind(&gpu->bars[2]), "mem32");
	assert_true(gpu->bars[3].size == 0x20);
	assert_string_equal(pp_bar_kind(&gpu->bars[3]), "io");
	assert_int_equal(gpu->bars[4].flags, PP_BAR_DISABLED);
	assert_true(gpu->bars[4].size == 0x1000);
	assert_true(gpu->rom.size == 0x20000);
	const struct pp_device *ehci = machine_device(&machine, "00:1a.7");
	assert_int_equal(ehci->flags, PP_DEVICE_CONFIG_UNREAD);
	assert_int_equal(ehci->revision, 3);
	assert_string_equal(ehci->power_state, "D3cold");
	assert_null(ehci->reset_methods);
	assert_string_equal(machine_device(&machine, "01:00.0")->reset_methods, "flr bus");
	machine_close(&machine);
}

static void kinds_of_bars(void **state)
{
	struct pp_bar bar = {.flags = PP_BAR_64BIT | PP_BAR_PREFETCH};
	assert_string_equal(pp_bar_kind(&bar), "mem64 pref");
	bar.flags = PP_BAR_PREFETCH;
	assert_string_equal(pp_bar_kind(&bar), "mem32 pref");
	bar.flags = PP_BAR_64BIT | PP_BAR_DISABLED;
	assert_string_equal(pp_bar_kind(&bar), "mem64");
}

static void groups(void **state)
{
	struct machine machine;
	machine_open(&machine, devices, PP_READ_GROUPS);
	assert_int_equal(machine.host->n_groups, 2);
	const struct pp_group *group = pp_host_group(machine.host, 12);
	assert_non_null(group);
	assert_null(group->type);
	assert_int_equal(group->n_devices, 2);
	assert_string_equal(group->devices[0]->name, "0000:00:1c.0");
	assert_string_equal(group->devices[1]->name, "0000:01:00.0");
	assert_int_equal(group->n_regions, 0);
	group = pp_host_group(machine.host, 4);
	assert_string_equal(group->type, "DMA-FQ");
	assert_int_equal(group->n_regions, 2);
	assert_true(group->regions[0].start == 0x7f000000 && group->regions[0].end == 0x7fffffff);
	assert_string_equal(group->regions[0].type, "direct");
	assert_string_equal(group->regions[1].type, "msi");
	assert_null(pp_host_group(machine.host, 5));
	machine_close(&machine);
}

/* Entries that are gone, empty, garbage, or huge: flags and empty facts. */
static void bad_entries(void **state)
{
	struct machine machine;
	machine_open(&machine,
		/* a link that leads nowhere: removed while it was listed */
		DEVICE_LINK("pci0000:00", "0000:00:01.0")
		/* an entry that is no address */
		"/sys/bus/pci/devices/garbage -> ../../../devices/pci0000:00/garbage\n"
		/* a folder in the place of the link, files in the place of uevent */
		"/sys/bus/pci/devices/0000:00:03.0/vendor = 0x1234\n"
		"/sys/bus/pci/devices/0000:00:03.0/device = 0x99999999999999999999\n"
		"/sys/bus/pci/devices/0000:00:03.0/class = 0xzz\n"
		"/sys/bus/pci/devices/0000:00:03.0/driver -> ../../drivers/foo\n"
		"/sys/bus/pci/devices/0000:00:03.0/numa_node = 99999999999999\n"
		"/sys/bus/pci/devices/0000:00:03.0/iommu_group -> ../x/y\n"
		/* everything wrong */
		DEVICE_LINK("pci0000:00",
			"0000:00:04.0") "/sys/devices/pci0000:00/0000:00:04.0/uevent = "
					"DRIVER=\\nPCI_CLASS=xyz\\nPCI_ID=1\\n="
					"\\n==\\n\\n\\n\\x00\\xff\n"
					"/sys/devices/pci0000:00/0000:00:04.0/numa_node = -7\n"
					"/sys/devices/pci0000:00/0000:00:04.0/driver_override = \n"
					"/sys/devices/pci0000:00/0000:00:04.0/iommu_group -> "
					"../-3\n"
					"/sys/devices/pci0000:00/0000:00:04.0/config :\n"
					"/sys/devices/pci0000:00/0000:00:04.0/resource = 0x1 0x0 "
					"0x200\\n0xg\\n\n"
					"/sys/devices/pci0000:00/0000:00:04.0/reset_method ! "
					"EACCES\n"
					"/sys/devices/pci0000:00/0000:00:04.0/sriov_totalvfs = "
					"4000000000\n"
					/* a link out of everything */
					"/sys/bus/pci/devices/0000:00:05.0 -> /etc\n",
		PP_READ_ALL);
	assert_int_equal(machine.host->n_devices, 4);
	assert_true(machine_device(&machine, "00:01.0")->flags & PP_DEVICE_VANISHED);
	const struct pp_device *device = machine_device(&machine, "00:03.0");
	assert_int_equal(device->vendor, 0x1234);
	assert_int_equal(device->product, 0);
	assert_int_equal(device->class_code, 0);
	assert_string_equal(device->driver, "foo");
	assert_int_equal(device->numa_node, -1);
	assert_int_equal(device->group, -1);
	assert_false(device->flags & PP_DEVICE_VANISHED);
	device = machine_device(&machine, "00:04.0");
	assert_null(device->driver);
	assert_null(device->driver_override);
	assert_int_equal(device->numa_node, -1);
	assert_int_equal(device->group, -1);
	assert_true(device->flags & PP_DEVICE_CONFIG_SHORT);
	assert_true(device->bars[0].size == 0);
	assert_int_equal(device->sriov_total, 0);
	machine_close(&machine);
}

static void no_machine(void **state)
{
	struct pp_error error = {0};
	struct pp_context context = {0};
	struct pp_host *host = NULL;
	assert_int_equal(pp_tree_parse("x", "/etc/hostname = x\n", 18, &context.tree, &error), 0);
	assert_int_equal(pp_host_read(&context, PP_READ_ALL, &host, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/sys/bus/pci/devices"));
	assert_non_null(strstr(error.remedy, "sysfs"));
	assert_null(host);
	pp_tree_free(context.tree);
	struct machine machine;
	machine_open(&machine, "/sys/bus/\n", PP_READ_ALL); /* a machine without PCI */
	assert_int_equal(machine.host->n_devices, 0);
	assert_non_null(machine.host->kernel);
	machine_close(&machine);
	pp_host_free(NULL);
}

static void virtual_functions(void **state)
{
	struct machine machine;
	machine_open(&machine,
		DEVICE_LINK("pci0000:00", "0000:03:00.0") UEVENT("pci0000:00/0000:03:00.0", "",
			"20000", "8086:1572", "0000:0000") DEVICE_LINK("pci0000:00",
			"0000:03:02.0") UEVENT("pci0000:00/0000:03:02.0", "", "20000", "8086:154C",
			"0000:0000") DEVICE_LINK("pci0000:00",
			"0000:03:02.1") UEVENT("pci0000:00/0000:03:02.1", "", "20000", "8086:154C",
			"0000:0000") "/sys/devices/pci0000:00/0000:03:00.0/sriov_totalvfs = 64\n"
				     "/sys/devices/pci0000:00/0000:03:00.0/sriov_numvfs = 3\n"
				     "/sys/devices/pci0000:00/0000:03:00.0/virtfn0 -> "
				     "../0000:03:02.0\n"
				     "/sys/devices/pci0000:00/0000:03:00.0/virtfn1 -> "
				     "../0000:03:02.1\n"
				     "/sys/devices/pci0000:00/0000:03:00.0/virtfn2 -> "
				     "../0000:03:02.2\n",
		PP_READ_CONFIG);
	const struct pp_device *physical = machine_device(&machine, "03:00.0");
	assert_int_equal(physical->sriov_total, 64);
	assert_int_equal(physical->sriov_count, 3);
	assert_int_equal(physical->n_virtual_functions, 2); /* the third is not there */
	assert_string_equal(physical->virtual_functions[1]->name, "0000:03:02.1");
	assert_ptr_equal(machine_device(&machine, "03:02.0")->physical_function, physical);
	machine_close(&machine);
}

static const char ids[] = "# a comment\n"
			  "144d  Samsung Electronics Co Ltd\n"
			  "\ta808  NVMe SSD Controller SM981/PM981/PM983\n"
			  "\t\t144d a801  SSD 970 EVO\n"
			  "\t\t1d49 403b  Thinksystem\n"
			  "1af4  Red Hat, Inc.\n"
			  "8086  Intel Corporation\n"
			  "\t293c  82801I EHCI  \n"
			  "\n"
			  "C 01  Mass storage controller\n"
			  "\t08  Non-Volatile memory controller\n"
			  "\t\t02  NVM Express\n"
			  "C 03  Display controller\n"
			  "C 0c  Serial bus controller\n"
			  "\t03  USB controller\n";

static void names(void **state)
{
	struct machine machine;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_puts(&text, devices);
	pp_buffer_puts(&text, "/usr/share/misc/pci.ids = ");
	for (const char *at = ids; *at; at++) {
		if (*at == '\n')
			pp_buffer_puts(&text, "\\n");
		else
			pp_buffer_putc(&text, *at);
	}
	pp_buffer_puts(&text, "\n");
	machine_open(&machine, pp_buffer_text(&text), PP_READ_NAMES);
	const struct pp_device *nvme = machine_device(&machine, "01:00.0");
	assert_string_equal(nvme->vendor_name, "Samsung Electronics Co Ltd");
	assert_string_equal(nvme->product_name, "NVMe SSD Controller SM981/PM981/PM983");
	assert_string_equal(nvme->subsystem_name, "Samsung Electronics Co Ltd SSD 970 EVO");
	assert_string_equal(nvme->class_name, "Non-Volatile memory controller");
	const struct pp_device *ehci = machine_device(&machine, "00:1a.7");
	assert_string_equal(ehci->product_name, "82801I EHCI");
	assert_string_equal(ehci->subsystem_name, "Red Hat, Inc. Device 1100");
	assert_string_equal(ehci->class_name, "USB controller");
	const struct pp_device *gpu = machine_device(&machine, "00:02.0");
	assert_null(gpu->vendor_name);
	assert_null(gpu->product_name);
	assert_null(gpu->subsystem_name);
	assert_string_equal(gpu->class_name, "Display controller [0300]");
	machine_close(&machine);
}

/* Without a list of its own a machine's names are those of this machine. */
static void names_of_this_machine(void **state)
{
	struct machine machine;
	if (access("/usr/share/misc/pci.ids", R_OK) < 0)
		skip();
	machine_open(&machine, devices, PP_READ_NAMES);
	assert_string_equal(machine_device(&machine, "00:1a.7")->vendor_name, "Intel Corporation");
	machine_close(&machine);
}

/* A DMAR with an RMRR for what is below the port. */
static const char dmar[] = "/sys/firmware/acpi/tables/DMAR : 444d4152 6a000000 01 da "
			   "0000000000000000000000000000 00000000"
			   "0000000000000000 26 01 00000000000000000000"
			   " 0000 1000 01 00 0000 0000d9fe00000000"
			   " 0100 2a00 0000 0000 0000007f00000000 ffff0f7f00000000"
			   " 01 08 0000 00 00 1a07 02 0a 0000 00 00 1c00 0000\n";

#define CPU(vendor, flags)                                                                         \
	"/proc/cpuinfo = processor\\t: 0\\nvendor_id\\t: " vendor "\\nflags\\t\\t: fpu " flags     \
	"\\n\n"
#define UNIT(name, cap, ecap)                                                                      \
	"/sys/class/iommu/" name "/intel-iommu/cap = " cap "\n"                                    \
	"/sys/class/iommu/" name "/intel-iommu/ecap = " ecap "\n"

static void check_iommu(const char *text, enum pp_vendor cpu, unsigned width, int remapping)
{
	struct machine machine;
	PP_BUFFER struct pp_buffer all = PP_BUFFER_INIT;
	pp_buffer_puts(&all, "/sys/bus/\n");
	pp_buffer_puts(&all, text);
	machine_open(&machine, pp_buffer_text(&all), PP_READ_PLATFORM);
	assert_int_equal(machine.host->iommu->cpu, cpu);
	assert_int_equal(machine.host->iommu->address_width, width);
	assert_int_equal(machine.host->iommu->interrupt_remapping, remapping);
	machine_close(&machine);
}

static void iommus(void **state)
{
	static const char remapped[] =
		"/proc/interrupts = CPU0\\n 0: 1 IR-IO-APIC 2-edge timer\\n\n";
	static const char plain[] = "/proc/interrupts = CPU0\\n 0: 1 IO-APIC 2-edge timer\\n\n";
	char text[1024];
	check_iommu("", PP_VENDOR_UNKNOWN, 0, -1);
	check_iommu(CPU("GenuineIntel", "vmx"), PP_VENDOR_INTEL, 0, -1);
	/* as QEMU's: 39 bits; remapping by the registers alone is not known to be on */
	check_iommu(CPU("GenuineIntel", "") UNIT("dmar0", "d2008c22260206", "f00f4a"),
		PP_VENDOR_INTEL, 39, -1);
	/* the registers cannot do it */
	snprintf(text, sizeof(text), "%s%s",
		CPU("GenuineIntel", "") UNIT("dmar0", "d2008c22260206", "f42"), remapped);
	check_iommu(text, PP_VENDOR_INTEL, 39, 0);
	/* two units: the narrower counts */
	check_iommu(UNIT("dmar0", "8d2078c106f0466", "f020df")
			    UNIT("dmar1", "d2008c22260206", "f00f4a"),
		PP_VENDOR_UNKNOWN, 39, -1);
	/* MGAW 48 bits, but only three levels of page tables */
	check_iommu(UNIT("dmar0", "2f0200", "8"), PP_VENDOR_UNKNOWN, 39, -1);
	check_iommu(UNIT("dmar0", "2f0400", "8"), PP_VENDOR_UNKNOWN, 48, -1);
	check_iommu(UNIT("dmar0", "garbage", "8"), PP_VENDOR_UNKNOWN, 0, -1);
	/* nothing is known of interrupts, but the table and the registers say that it can */
	snprintf(text, sizeof(text), "%s%s", dmar, UNIT("dmar0", "d2008c22260206", "f00f4a"));
	check_iommu(text, PP_VENDOR_UNKNOWN, 39, 1);
	snprintf(text, sizeof(text), "%s%s/proc/cmdline = intremap=off\n", dmar,
		UNIT("dmar0", "d2008c22260206", "f00f4a"));
	check_iommu(text, PP_VENDOR_UNKNOWN, 39, -1);
	snprintf(text, sizeof(text), "%s/sys/class/iommu/ivhd0/x = 1\n%s",
		CPU("AuthenticAMD", "svm"), remapped);
	check_iommu(text, PP_VENDOR_AMD, 0, 1);
	snprintf(text, sizeof(text), "%s/sys/class/iommu/ivhd0/x = 1\n%s",
		CPU("AuthenticAMD", "svm"), plain);
	check_iommu(text, PP_VENDOR_AMD, 0, 0);
	check_iommu("/proc/cpuinfo = processor\\t: 0\\nCPU implementer\\t: 0x41\\n\n",
		PP_VENDOR_ARM, 0, -1);
}

static void cpu_flags(void **state)
{
	struct machine machine;
	machine_open(
		&machine, "/sys/bus/\n" CPU("GenuineIntel", "vmx hypervisor"), PP_READ_PLATFORM);
	assert_true(machine.host->iommu->in_guest);
	assert_true(machine.host->iommu->virtualization);
	machine_close(&machine);
	machine_open(
		&machine, "/sys/bus/\n" CPU("GenuineIntel", "vmx_x xhypervisor"), PP_READ_PLATFORM);
	assert_false(machine.host->iommu->in_guest);
	assert_false(machine.host->iommu->virtualization);
	machine_close(&machine);
}

static void tables(void **state)
{
	struct machine machine;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	pp_buffer_puts(&text, devices);
	pp_buffer_puts(&text, dmar);
	machine_open(&machine, pp_buffer_text(&text), PP_READ_PLATFORM);
	const struct pp_iommu *iommu = machine.host->iommu;
	assert_string_equal(iommu->table, "DMAR");
	assert_null(iommu->table_fault);
	assert_int_equal(iommu->table_error, 0);
	assert_int_equal(iommu->table_width, 39);
	assert_true(iommu->table_intremap);
	assert_int_equal(iommu->n_regions, 1);
	assert_true(iommu->regions[0].end == 0x7f0fffff);
	assert_int_equal(iommu->regions[0].n_devices, 2);
	assert_string_equal(iommu->regions[0].devices[0]->name, "0000:00:1a.7");
	assert_string_equal(iommu->regions[0].devices[1]->name, "0000:01:00.0");
	machine_close(&machine);
	machine_open(
		&machine, "/sys/bus/\n/sys/firmware/acpi/tables/IVRS ! EACCES\n", PP_READ_PLATFORM);
	assert_string_equal(machine.host->iommu->table, "IVRS");
	assert_int_equal(machine.host->iommu->table_error, -EACCES);
	assert_null(machine.host->iommu->table_fault);
	machine_close(&machine);
	machine_open(&machine, "/sys/bus/\n/sys/firmware/acpi/tables/DMAR :\n", PP_READ_PLATFORM);
	assert_non_null(strstr(machine.host->iommu->table_fault, "cut short"));
	machine_close(&machine);
}

static void kernel(void **state)
{
	struct machine machine;
	machine_open(&machine,
		DEVICE_LINK("pci0000:00",
			"0000:00:02.0") "/sys/devices/pci0000:00/0000:00:02.0/uevent = "
					"PCI_CLASS=20000\\nPCI_ID=15B3:101E\\n"
					"PCI_SUBSYS_ID=15B3:0001\\n"
					"MODALIAS=pci:"
					"v000015B3d0000101Esv000015B3sd00000001bc02sc00i00\n"
					"/proc/sys/kernel/osrelease = 6.12.1-amd64\n"
					"/proc/cmdline = quiet intel_iommu=on\n"
					"/boot/config-6.12.1-amd64 = x\n"
					"/sys/kernel/security/lockdown = none [integrity] "
					"confidentiality\n"
					"/sys/kernel/security/lsm = lockdown,apparmor\n"
					"/lib/modules/6.12.1-amd64/modules.dep = "
					"kernel/x/not-vfio-pci.ko.xz:\\n"
					"kernel/drivers/vfio/pci/vfio-pci.ko.xz: "
					"kernel/y.ko.xz\\n\n"
					"/lib/modules/6.12.1-amd64/modules.alias = "
					"alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_core\\n"
					"alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\\n"
					"alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* "
					"mlx5_vfio_pci\\n"
					"alias vfio_pci:v0000\n"
					"/dev/vfio/vfio % c 10 196 0666 0 0\n"
					"/dev/kvm % c 10 232 0660 0 0\n"
					"/sys/module/vfio_iommu_type1/parameters/"
					"allow_unsafe_interrupts = Y\n"
					"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit = "
					"65535\n",
		PP_READ_PLATFORM);
	const struct pp_kernel *facts = machine.host->kernel;
	assert_string_equal(facts->release, "6.12.1-amd64");
	assert_string_equal(facts->command_line, "quiet intel_iommu=on");
	assert_string_equal(facts->config, "/boot/config-6.12.1-amd64");
	assert_string_equal(facts->lockdown, "integrity");
	assert_string_equal(facts->security, "lockdown,apparmor");
	assert_true(facts->vfio_pci_available);
	assert_false(facts->vfio_pci_loaded);
	assert_false(facts->vfio_pci_builtin);
	assert_true(facts->vfio_node);
	assert_false(facts->iommufd_node);
	assert_true(facts->kvm_node);
	assert_int_equal(facts->unsafe_interrupts, 1);
	assert_int_equal(facts->dma_entry_limit, 65535);
	assert_int_equal(facts->denylist_disabled, -1);
	assert_string_equal(machine_device(&machine, "00:02.0")->vfio_module, "mlx5_vfio_pci");
	machine_close(&machine);
}

static void bad_kernel(void **state)
{
	struct machine machine;
	machine_open(&machine,
		"/sys/bus/pci/drivers/vfio-pci/\n"
		"/proc/sys/kernel/osrelease = ../../etc\n"
		"/sys/kernel/security/lockdown = none\n"
		"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit = 99999999999999999999\n"
		"/proc/meminfo = MemTotal: 99999999999999999999 kB\\nMemAvailable:\\nHugepagesize "
		"x\n",
		PP_READ_PLATFORM);
	const struct pp_kernel *facts = machine.host->kernel;
	assert_null(facts->release);
	assert_null(facts->lockdown);
	assert_true(facts->vfio_pci_available);
	assert_true(facts->vfio_pci_loaded);
	assert_int_equal(facts->dma_entry_limit, -1);
	assert_int_equal(facts->unsafe_interrupts, -1);
	assert_true(machine.host->memory->total == 0);
	machine_close(&machine);
	machine_open(&machine,
		"/sys/bus/\n/proc/sys/kernel/osrelease = 6.1\n"
		"/lib/modules/6.1/modules.builtin = kernel/drivers/vfio/pci/vfio_pci.ko\n",
		PP_READ_PLATFORM);
	assert_true(machine.host->kernel->vfio_pci_builtin);
	assert_true(machine.host->kernel->vfio_pci_available);
	machine_close(&machine);
}

static void memory(void **state)
{
	struct machine machine;
	machine_open(&machine,
		"/sys/bus/\n/proc/meminfo = MemTotal:       16316412 kB\\nMemFree: 1 kB\\n"
		"MemAvailable:    1024 kB\\nHugePages_Total:       5\\nHugePages_Free:   3\\n"
		"Hugepagesize:       2048 kB\\n\n"
		"/sys/devices/system/node/node1/meminfo = Node 1 MemTotal:  8 kB\\nNode 1 MemFree: "
		"1 "
		"kB\\nNode 1 Active(file): 2 kB\\nNode 1 Inactive(file): 3 kB\\nNode 1 FilePages: "
		"7 "
		"kB\\nNode 1 SReclaimable: 1 kB\\n\n",
		PP_READ_PLATFORM | PP_READ_CHECKS);
	const struct pp_memory *facts = machine.host->memory;
	assert_true(facts->total == 16316412ULL * 1024);
	assert_true(facts->available == 1 << 20);
	assert_true(facts->hugepage_size == 2 << 20);
	assert_true(facts->hugepages_total == 5);
	assert_true(facts->hugepages_free == 3);
	assert_int_equal(facts->n_nodes, 1);
	assert_int_equal(facts->nodes[0].free, 7 * 1024);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(always),
		cmocka_unit_test(deep),
		cmocka_unit_test(kinds_of_bars),
		cmocka_unit_test(groups),
		cmocka_unit_test(bad_entries),
		cmocka_unit_test(no_machine),
		cmocka_unit_test(virtual_functions),
		cmocka_unit_test(names),
		cmocka_unit_test(names_of_this_machine),
		cmocka_unit_test(iommus),
		cmocka_unit_test(cpu_flags),
		cmocka_unit_test(tables),
		cmocka_unit_test(kernel),
		cmocka_unit_test(bad_kernel),
		cmocka_unit_test(memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
