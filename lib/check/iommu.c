/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does the host translate the addresses of its devices at all, and safely? */
#include "lib/check/subjects.h"
#include "base/parse.h"

static const char *firmware_word(enum pp_vendor vendor)
{
	switch (vendor) {
	case PP_VENDOR_INTEL:
		return "\"Intel VT for Directed I/O (VT-d)\"";
	case PP_VENDOR_AMD:
		return "\"IOMMU\" or \"AMD-Vi\" (\"SVM\" is another one)";
	default:
		return "the IOMMU";
	}
}

/* The word of the command line that keeps the IOMMU off. */
static const char *off_parameter(struct pp_check_run *run)
{
	static const char *const words[] = {"intel_iommu=off", "amd_iommu=off", "iommu=off"};

	for (size_t i = 0; i < PP_COUNT(words); i++) {
		const char *word = pp_check_parameter(run, words[i]);
		if (word)
			return word;
	}
	return NULL;
}

static void kernel_off(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;
	const struct pp_kernel *kernel = run->host->kernel;
	const char *off = off_parameter(run);

	if (off) {
		pp_finding_add(run, PP_FAIL,
			"the firmware has an IOMMU (%s table) but the kernel was told to leave it "
			"off",
			iommu->table);
		pp_finding_evidence(run, "/proc/cmdline: %s; /sys/class/iommu: empty", off);
		pp_finding_remedy(run,
			"pcipass host-setup takes %s out of the files of the boot loader that "
			"starts this host; then reboot",
			off);
		pp_finding_can_do(run);
		return;
	}
	pp_finding_add(run, PP_FAIL,
		"the firmware has an IOMMU (%s table) but this kernel does not use it",
		iommu->table);
	pp_finding_evidence(run,
		"/sys/firmware/acpi/tables/%s: there; /sys/class/iommu: empty; /proc/cmdline: %s",
		iommu->table, kernel && kernel->command_line ? kernel->command_line : "");
	if (pp_text_is(iommu->table, "DMAR")) {
		pp_finding_remedy(run,
			"pcipass host-setup sets intel_iommu=on in the boot loader that starts "
			"this host, where this kernel needs it; then reboot");
		pp_finding_can_do(run);
	} else {
		pp_finding_remedy(run,
			"look for AMD-Vi or IOMMU lines in the kernel log (dmesg | grep -iE "
			"'AMD-Vi|IOMMU') for why the kernel gave it up; update the firmware");
	}
}

void pp_check_no_iommu(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;

	if (!iommu)
		return;
	if (pp_check_has_iommu(run->host)) {
		pp_finding_add(run, PP_PASS, "the kernel uses an IOMMU: %zu group%s",
			run->host->n_groups, run->host->n_groups == 1 ? "" : "s");
		pp_finding_evidence(run, "/sys/class/iommu: %s%s",
			iommu->n_units ? iommu->units[0].name : "empty",
			iommu->n_units > 1 ? " ..." : "");
		return;
	}
	if (iommu->table) {
		kernel_off(run);
		return;
	}
	if (iommu->in_guest) {
		pp_finding_add(run, PP_FAIL,
			"this host is itself a virtual machine, and it was given no IOMMU");
		pp_finding_evidence(run, "/proc/cpuinfo: flag \"hypervisor\"; "
					 "/sys/firmware/acpi/tables: neither DMAR nor IVRS");
		pp_finding_remedy(run, "ask whoever runs the machine around this one for a virtual "
				       "IOMMU (QEMU: -device intel-iommu,intremap=on)");
		return;
	}
	pp_finding_add(run, PP_FAIL,
		"the firmware offers no IOMMU: it is switched off there, or the processor or "
		"chipset "
		"has none");
	pp_finding_evidence(run, "/sys/firmware/acpi/tables: neither DMAR nor IVRS; "
				 "/sys/class/iommu: empty");
	pp_finding_remedy(run,
		"switch on %s in the firmware's setup (pcipass host-setup says where this board's "
		"maker has it); a newer BIOS may be needed",
		firmware_word(iommu->cpu));
}

void pp_check_vfio_missing(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;

	if (!kernel)
		return;
	if (kernel->vfio_pci_available) {
		pp_finding_add(run, PP_PASS, "this kernel has the driver vfio-pci");
		pp_finding_evidence(run, "/lib/modules/%s/modules.dep or modules.builtin: vfio-pci",
			kernel->release);
		return;
	}
	pp_finding_add(run, PP_FAIL, "this kernel has no driver vfio-pci");
	pp_finding_evidence(run,
		"/lib/modules/%s/modules.dep and modules.builtin: no vfio-pci; "
		"/sys/bus/pci/drivers/vfio-pci: not there",
		kernel->release ? kernel->release : "?");
	pp_finding_remedy(run,
		"boot a full kernel (Debian: apt install linux-image-amd64 in the place "
		"of a -cloud- or minimal one)");
}

void pp_check_no_interrupt_remapping(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;
	const struct pp_kernel *kernel = run->host->kernel;

	if (!iommu || !pp_check_has_iommu(run->host))
		return;
	if (iommu->interrupt_remapping == 1) {
		pp_finding_add(run, PP_PASS, "the IOMMU remaps interrupts");
		pp_finding_evidence(run, "/proc/interrupts: IR-");
		return;
	}
	if (iommu->interrupt_remapping != 0)
		return;
	bool unsafe = kernel && kernel->unsafe_interrupts == 1;
	pp_finding_add(run, unsafe ? PP_WARN : PP_FAIL, "%s",
		unsafe ? "the IOMMU does not remap interrupts, and VFIO was told to go on: a guest "
			 "with a device can raise any interrupt of the host"
		       : "the IOMMU does not remap interrupts, so VFIO will refuse every device "
			 "(\"No interrupt remapping support\")");
	if (iommu->n_units && iommu->units[0].registers)
		pp_finding_evidence(run, "/sys/class/iommu/%s/intel-iommu/ecap: %llx (bit 3 is %d)",
			iommu->units[0].name, (unsigned long long)iommu->units[0].ecap,
			(int)(iommu->units[0].ecap >> 3 & 1));
	else
		pp_finding_evidence(
			run, "/sys/firmware/acpi/tables/%s", iommu->table ? iommu->table : "IVRS");
	if (pp_check_parameter(run, "intremap=off")) {
		pp_finding_remedy(run,
			"pcipass host-setup takes intremap=off out of the files of the boot loader "
			"that starts this host; then reboot");
		pp_finding_can_do(run);
	} else {
		pp_finding_remedy(run,
			"update the firmware; or accept that a guest can attack the host: "
			"pcipass host-setup --accept-unsafe-interrupts");
	}
}
