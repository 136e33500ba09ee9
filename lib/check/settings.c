/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people and other tools have set on this host: does it do what they think? */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <string.h>

void pp_check_iommu_parameter(struct pp_check_run *run)
{
	const struct pp_iommu *iommu = run->host->iommu;
	const char *word = pp_check_parameter(run, "amd_iommu=on");

	if (word) {
		pp_finding_add(run, PP_NOTE,
			"%s is no option of the kernel: nothing is needed on AMD", word);
		pp_finding_evidence(run, "/proc/cmdline: %s", word);
	}
	word = pp_check_parameter(run, "intel_iommu=on");
	if (word && iommu && pp_text_is(iommu->table, "IVRS")) {
		pp_finding_add(run, PP_NOTE, "%s does nothing with an IOMMU of AMD", word);
		pp_finding_evidence(
			run, "/proc/cmdline: %s; /sys/firmware/acpi/tables: IVRS", word);
	}
	word = pp_check_parameter(run, "iommu=pt");
	if (word) {
		pp_finding_add(run, PP_NOTE,
			"%s is neither needed for passthrough nor harmful to it", word);
		pp_finding_evidence(run, "/proc/cmdline: %s", word);
	}
	word = pp_check_parameter(run, "pcie_acs_override=");
	if (word) {
		pp_finding_add(run, PP_WARN,
			"%s splits groups that the hardware does not keep apart (where the kernel "
			"has "
			"the patch at all): a guest can reach other devices of the real group",
			word);
		pp_finding_evidence(run, "/proc/cmdline: %s", word);
		pp_finding_remedy(run, "use another slot, or pass the whole group");
	}
}

/* Words that matter to passthrough; those that end in = are taken with any value. */
static bool matters(const char *word, size_t length)
{
	static const char *const prefixes[] = {"intel_iommu=", "amd_iommu=", "iommu=", "vfio-pci.",
		"vfio_pci.", "vfio-pci-", "vfio_pci_", "vfio_iommu_type1.",
		"pcie_acs_override=", "pci=", "intremap=", "rd.driver.pre=vfio",
		"initcall_blacklist=", "video=efifb", "video=vesafb", "kvm.ignore_msrs", "kvm_amd.",
		"kvm_intel.",
		"hugepages=", "hugepagesz=", "default_hugepagesz=", "modprobe.blacklist="};

	for (size_t i = 0; i < PP_COUNT(prefixes); i++) {
		size_t n = strlen(prefixes[i]);
		if (length >= n && strncmp(word, prefixes[i], n) == 0)
			return true;
	}
	return false;
}

static const char *refresh_of(const char *loader)
{
	if (pp_text_is(loader, "grub"))
		return "update-grub (or grub-mkconfig -o /boot/grub/grub.cfg) and reboot; if it "
		       "was "
		       "done, this host is started by another boot loader: bootctl status";
	if (pp_text_is(loader, "proxmox"))
		return "proxmox-boot-tool refresh and reboot";
	if (pp_text_is(loader, "limine"))
		return "limine-mkinitcpio or limine-update, and reboot";
	return "write it to the boot loader that starts this host (bootctl status names it) and "
	       "reboot";
}

void pp_check_parameter_not_used(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;

	for (size_t i = 0; kernel && i < run->host->n_settings; i++) {
		const struct pp_setting *setting = &run->host->settings[i];
		const char *cursor = setting->value, *word, *missing = NULL;
		size_t length;

		if (setting->kind != PP_SETTING_PARAMETERS)
			continue;
		while (cursor && pp_text_word(&cursor, " \t", &word, &length)) {
			const char *text = pp_arena_strndup(run->arena, word, length);
			if (text && matters(word, length) && !pp_check_parameter(run, text))
				missing = pp_check_join(run, missing, "%s", text);
		}
		if (!missing)
			continue;
		pp_finding_add(run, PP_WARN, "the kernel was started without what is set in %s: %s",
			setting->file, missing);
		pp_finding_evidence(run, "%s: %s; /proc/cmdline: %s", setting->file, setting->value,
			kernel->command_line ? kernel->command_line : "");
		pp_finding_remedy(run, "%s", refresh_of(setting->name));
	}
}

/* What people write in the place of vfio-pci.ids= and the like. */
void pp_check_parameter_unknown(struct pp_check_run *run)
{
	static const struct {
		const char *wrong, *right;
	} words[] = {
		{"vfio-pci-ids=", "vfio-pci.ids="},
		{"vfio_pci_ids=", "vfio-pci.ids="},
		{"vfio.ids=", "vfio-pci.ids="},
		{"vfio-pci.id=", "vfio-pci.ids="},
		{"intel-iommu=", "intel_iommu="},
		{"intel_iommmu=", "intel_iommu="},
		{"inteliommu=", "intel_iommu="},
		{"amd-iommu=", "amd_iommu="},
		{"iommu_intel=", "intel_iommu="},
	};

	for (size_t i = 0; i < PP_COUNT(words); i++) {
		const char *word = pp_check_parameter(run, words[i].wrong);
		if (!word)
			continue;
		pp_finding_add(run, PP_WARN, "the kernel does not know %s: it is spelled %s", word,
			words[i].right);
		pp_finding_evidence(run, "/proc/cmdline: %s", word);
		pp_finding_remedy(run, "write %s in the boot loader and reboot", words[i].right);
	}
}

void pp_check_module_missing(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->host->n_settings; i++) {
		const struct pp_setting *setting = &run->host->settings[i];

		if (setting->kind != PP_SETTING_LOAD || setting->known)
			continue;
		pp_finding_add(run, PP_WARN,
			"%s asks for a module that this kernel does not have: %s", setting->file,
			setting->name);
		pp_finding_evidence(run, "%s, line %u: %s; not in modules.dep or modules.builtin",
			setting->file, setting->line, setting->name);
		pp_finding_remedy(run,
			"remove that line%s, and rebuild the initramfs "
			"(update-initramfs -u, dracut -f)",
			strstr(setting->name, "virqfd") ? " (vfio_virqfd is part of vfio since 6.2)"
							: "");
	}
}

void pp_check_hook_calls_libvirt(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->host->n_settings; i++) {
		const struct pp_setting *setting = &run->host->settings[i];

		if (setting->kind != PP_SETTING_HOOK)
			continue;
		pp_finding_add(run, PP_WARN,
			"a script that libvirt runs calls %s, which waits for libvirt: guests hang "
			"at "
			"their start",
			setting->name);
		pp_finding_evidence(
			run, "%s, line %u: %s", setting->file, setting->line, setting->value);
		pp_finding_remedy(run,
			"write managed='yes' in the guest's <hostdev> in its place, or "
			"use pcipass nodedev-detach there");
	}
}

void pp_check_port_gone(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->host->n_settings; i++) {
		const struct pp_setting *setting = &run->host->settings[i];

		if (setting->kind != PP_SETTING_PORT || setting->known)
			continue;
		pp_finding_add(run, PP_WARN,
			"the network's settings name an interface that is not there: %s (names "
			"change "
			"with PCI addresses when a card is added)",
			setting->name);
		pp_finding_evidence(run, "%s, line %u: %s; /sys/class/net/%s: not there",
			setting->file, setting->line, setting->value, setting->name);
		pp_finding_remedy(run,
			"name the interface by its MAC (a .link file of systemd with "
			"[Match] PermanentMACAddress=)");
	}
}
