/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel and the firmware, beyond the IOMMU's being there. */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <inttypes.h>
#include <string.h>

void pp_check_iommu_table(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;

	if (!iommu || !iommu->table)
		return;
	if (iommu->table_fault) {
		pp_finding_add(run, PP_WARN, "the firmware's %s table is wrong: %s", iommu->table,
			iommu->table_fault);
		pp_finding_remedy(run,
			"update the firmware; keep the IOMMU off if disks or networks "
			"fail with it on");
	} else if (iommu->table_error) {
		pp_finding_add(run, PP_NOTE, "the firmware's %s table could not be read (%s)",
			iommu->table, strerror(-iommu->table_error));
		pp_finding_remedy(run, "run it as root: only root may read the table");
	} else {
		pp_finding_add(
			run, PP_PASS, "the firmware describes its IOMMU (table %s)", iommu->table);
	}
	pp_finding_evidence(run, "/sys/firmware/acpi/tables/%s", iommu->table);
}

/* What the kernel says of an IOMMU whose tables or devices are wrong. */
static const char *const fault_words[] = {
	"Your BIOS is broken; DMAR",
	"DRHD: handling fault status",
	"AMD-Vi: Event logged",
	"IO_PAGE_FAULT",
	"DMAR: [DMA Write",
	"DMAR: [DMA Read",
	"not in IVRS table",
	"IVRS invalid checksum",
};

void pp_check_iommu_fault(struct pp_check_run *run)
{
	size_t count = 0;
	const char *first = NULL;

	for (size_t i = 0; i < run->host->n_log; i++) {
		for (size_t j = 0; j < PP_COUNT(fault_words); j++) {
			if (!strstr(run->host->log[i], fault_words[j]))
				continue;
			first = first ? first : run->host->log[i];
			count++;
			break;
		}
	}
	if (!first)
		return;
	pp_finding_add(run, PP_WARN,
		"the kernel complains of the IOMMU: the firmware's tables are wrong, or a device "
		"reaches where it may not (%zu line%s)",
		count, count == 1 ? "" : "s");
	pp_finding_evidence(run, "kernel log: %s", first);
	pp_finding_remedy(
		run, "update the firmware; dmesg | grep -E 'DMAR|AMD-Vi' names the devices");
}

void pp_check_iommu_width(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;

	if (!iommu || !iommu->address_width)
		return;
	pp_finding_add(run, PP_PASS, "the IOMMU reaches guest addresses of %u bits (%s)",
		iommu->address_width,
		pp_check_size(run, iommu->address_width < 64 ? UINT64_C(1) << iommu->address_width
							     : UINT64_MAX));
	if (iommu->n_units && iommu->units[0].registers)
		pp_finding_evidence(run, "/sys/class/iommu/%s/intel-iommu/cap: %" PRIx64,
			iommu->units[0].name, iommu->units[0].cap);
}

void pp_check_vfio_backend(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;

	if (!kernel || !kernel->vfio_pci_loaded)
		return;
	if (kernel->vfio_node || kernel->iommufd_node) {
		pp_finding_add(run, PP_PASS, "guests reach VFIO through %s",
			!kernel->iommufd_node ? "groups"
			: kernel->vfio_node   ? "groups or iommufd"
					      : "iommufd");
		pp_finding_evidence(run, "/dev/vfio/vfio: %s; /dev/iommu: %s",
			kernel->vfio_node ? "there" : "not there",
			kernel->iommufd_node ? "there" : "not there");
		return;
	}
	pp_finding_add(run, PP_FAIL, "VFIO is loaded, but neither of its doors is there");
	pp_finding_evidence(run, "/dev/vfio/vfio: not there; /dev/iommu: not there");
	pp_finding_remedy(run, "modprobe vfio_iommu_type1; in a container, pass /dev/vfio into it");
}

void pp_check_no_kvm(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;
	const struct pp_kernel *kernel = run->host->kernel;

	if (!iommu || !kernel)
		return;
	if (kernel->kvm_node) {
		pp_finding_add(run, PP_PASS, "KVM is there");
		pp_finding_evidence(run, "/dev/kvm: there");
		return;
	}
	if (iommu->virtualization) {
		pp_finding_add(run, PP_NOTE, "KVM is not loaded, though the processor has it");
		pp_finding_evidence(run, "/dev/kvm: not there; /proc/cpuinfo: vmx or svm");
		pp_finding_remedy(
			run, "modprobe %s", iommu->cpu == PP_VENDOR_AMD ? "kvm_amd" : "kvm_intel");
		return;
	}
	if (iommu->cpu != PP_VENDOR_INTEL && iommu->cpu != PP_VENDOR_AMD)
		return;
	pp_finding_add(run, iommu->in_guest ? PP_NOTE : PP_WARN,
		"the processor's virtualization is off, so guests run in slow emulation");
	pp_finding_evidence(run, "/proc/cpuinfo: neither vmx nor svm among the flags");
	if (iommu->in_guest)
		pp_finding_remedy(
			run, "ask whoever runs the machine around this one for nested KVM");
	else
		pp_finding_remedy(run, "switch on %s in the firmware's setup",
			iommu->cpu == PP_VENDOR_AMD ? "\"SVM\""
						    : "\"Intel Virtualization (VT-x)\"");
}

void pp_check_lockdown(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;

	if (!kernel || !kernel->lockdown || pp_text_is(kernel->lockdown, "none"))
		return;
	pp_finding_add(run, PP_NOTE,
		"the kernel is locked down (%s): passthrough works, but setpci, unsigned modules "
		"(vendor-reset) and patched kernels do not",
		kernel->lockdown);
	pp_finding_evidence(run, "/sys/kernel/security/lockdown: [%s]", kernel->lockdown);
	pp_finding_remedy(run,
		"none is needed; a remedy that wants an unsigned module needs Secure "
		"Boot off, or the module signed with a key of your own (mokutil)");
}

void pp_check_dma_entry_limit(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;
	const int64_t usual = 65535, least = 512;

	if (!kernel || kernel->dma_entry_limit < 0)
		return;
	if (kernel->dma_entry_limit >= usual) {
		pp_finding_add(run, PP_PASS, "VFIO may map enough pieces of memory");
		pp_finding_evidence(run,
			"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit: %" PRId64,
			kernel->dma_entry_limit);
		return;
	}
	pp_finding_add(run, kernel->dma_entry_limit < least ? PP_FAIL : PP_WARN,
		"VFIO may map only %" PRId64
		" pieces of memory for a guest (the kernel's own choice "
		"is %" PRId64 "): QEMU ends with \"No space left on device\" at the next one",
		kernel->dma_entry_limit, usual);
	pp_finding_evidence(run,
		"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit: %" PRId64,
		kernel->dma_entry_limit);
	pp_finding_remedy(run,
		"echo %" PRId64 " > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
		usual);
}

void pp_check_suspend(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->host->n_uses; i++) {
		const struct pp_use *use = &run->host->uses[i];

		if (use->kind != PP_USE_VFIO && use->kind != PP_USE_GUEST)
			continue;
		pp_finding_add(run, PP_NOTE,
			"%s is out with a guest: it may be dead after the host has slept",
			use->device->name);
		pp_finding_evidence(run, "%s", use->evidence ? use->evidence : use->text);
		pp_finding_remedy(run, "keep the host awake while it is out: systemd-inhibit "
				       "--what=sleep ..., or end the guest first");
		return;
	}
}
