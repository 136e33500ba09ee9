/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which kernel parameters this host lacks or has too many of: only what changes anything. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include <string.h>

/* Words that keep the IOMMU off, whoever made it. */
static const char *const off_words[] = {"iommu=off", "intel_iommu=off", "amd_iommu=off", NULL};

/* A kernel that switches VT-d on by itself. Debian's does, but for graphics of the processor. */
static bool on_by_default(const struct pp_maker *maker)
{
	static const char *const options[] = {"\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n",
		"\nCONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y\n"};
	const struct pp_kernel *kernel = maker->host->kernel;
	const char *config =
		kernel && kernel->config ? pp_boot_text(maker->boot, kernel->config) : NULL;
	for (size_t i = 0; config && i < PP_COUNT(options); i++)
		if (strstr(config, options[i]))
			return true;
	return false;
}

static const char *running_off(const struct pp_maker *maker)
{
	for (size_t i = 0; off_words[i]; i++)
		if (pp_maker_running(maker, off_words[i]))
			return off_words[i];
	return NULL;
}

static void need_firmware(struct pp_maker *maker)
{
	if (maker->host->iommu->in_guest) {
		pp_maker_find(maker, PP_FAIL, "no-iommu",
			"this host is itself a virtual machine, and it was given no IOMMU",
			"/proc/cpuinfo: flag \"hypervisor\"; /sys/firmware/acpi/tables: neither "
			"DMAR nor IVRS",
			"ask whoever runs the machine around this one for a virtual IOMMU (QEMU: "
			"-device intel-iommu,intremap=on)");
		return;
	}
	pp_maker_find(maker, PP_FAIL, "no-iommu",
		"the firmware offers no IOMMU: no kernel parameter can help, and only a person can "
		"switch it on",
		"/sys/firmware/acpi/tables: neither DMAR nor IVRS; /sys/class/iommu: empty",
		pp_firmware_setting(maker));
}

/* The firmware has one, and the kernel does not use it. */
static void need_parameters(struct pp_maker *maker)
{
	const char *off = running_off(maker);
	bool intel = pp_text_is(maker->host->iommu->table, "DMAR");
	bool by_itself = on_by_default(maker);
	const char *evidence = pp_maker_printf(maker,
		"/sys/firmware/acpi/tables/%s: there; /sys/class/iommu: empty; /proc/cmdline: %s",
		maker->host->iommu->table, off ? off : "nothing that keeps it off");
	if (!off && (!intel || by_itself)) {
		pp_maker_find(maker, PP_FAIL, "no-iommu",
			"the kernel switches this IOMMU on by itself, and gave it up: no parameter "
			"is missing",
			evidence,
			"dmesg | grep -iE 'DMAR|AMD-Vi|IOMMU' says why; update the firmware");
		return;
	}
	maker->change.remove =
		pp_maker_list(maker, "iommu=off", "intel_iommu=off", "amd_iommu=off", NULL);
	if (intel && !by_itself)
		maker->change.add = pp_maker_list(maker, "intel_iommu=on", NULL);
	const char *text =
		off ? pp_maker_printf(maker, "the kernel was told to leave the IOMMU off%s",
			      intel && !by_itself ? ", and does not use VT-d unasked" : "")
		    : "this kernel does not use VT-d unless it is told to";
	pp_maker_find(maker, PP_WARN, "no-iommu", text, evidence, NULL)->can_do = true;
}

void pp_need_iommu(struct pp_maker *maker)
{
	const struct pp_iommu *iommu = maker->host->iommu;
	if (!iommu)
		return;
	if (maker->host->n_groups == 0 && iommu->n_units == 0) {
		if (iommu->table)
			need_parameters(maker);
		else
			need_firmware(maker);
		return;
	}
	pp_maker_find(maker, PP_PASS, "no-iommu",
		"the kernel uses an IOMMU: no parameter is needed",
		pp_maker_printf(maker, "/sys/class/iommu: %s",
			iommu->n_units ? iommu->units[0].name : "groups without a unit"),
		NULL);
}

/* ---- interrupts ---- */

#define RISK "a guest with a device can then raise any interrupt of the host, and so attack it"

static void accept_unsafe(struct pp_maker *maker)
{
	static const char parameter[] =
		"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";
	const struct pp_kernel *kernel = maker->host->kernel;
	pp_maker_file(maker, "/etc/modprobe.d/pcipass.conf",
		"# Written by `pcipass host-setup`; `pcipass host-setup --undo` removes it.\n"
		"# A guest with a device can raise any interrupt of the host.\n"
		"options vfio_iommu_type1 allow_unsafe_interrupts=1\n");
	if (kernel && kernel->unsafe_interrupts == 0)
		pp_maker_step(maker, &(struct pp_setup_step){.kind = PP_SETUP_VALUE,
					     .subject = parameter,
					     .from = "N",
					     .to = "Y"});
}

void pp_need_interrupts(struct pp_maker *maker)
{
	const struct pp_iommu *iommu = maker->host->iommu;
	bool off = pp_maker_running(maker, "intremap=off");
	if (!iommu || iommu->interrupt_remapping != 0 ||
		(maker->host->n_groups == 0 && iommu->n_units == 0)) {
		if (maker->options->unsafe_interrupts)
			pp_maker_find(maker, PP_NOTE, "no-interrupt-remapping",
				"unsafe interrupts are not accepted: nothing says that this host "
				"lacks interrupt remapping",
				NULL, NULL);
		return;
	}
	if (maker->options->unsafe_interrupts) {
		pp_maker_find(maker, PP_WARN, "no-interrupt-remapping",
			"unsafe interrupts are accepted, as asked for: " RISK, NULL, NULL);
		accept_unsafe(maker);
		return;
	}
	if (off)
		maker->change.remove = pp_maker_list(maker, "intremap=off", NULL);
	struct pp_finding *finding =
		pp_maker_find(maker, off ? PP_WARN : PP_FAIL, "no-interrupt-remapping",
			"the IOMMU does not remap interrupts, so VFIO refuses every device",
			off ? "/proc/cmdline: intremap=off" : "/proc/interrupts: no IR-",
			off ? NULL
			    : "update the firmware; or --accept-unsafe-interrupts, at your own "
			      "risk: " RISK);
	finding->can_do = off;
}
