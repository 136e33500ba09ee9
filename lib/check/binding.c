/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device is bound to, against what it was meant for: by us, by the boot, by other tools. */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <string.h>

void pp_check_bind_failed(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (device->driver || !pp_driver_is_vfio(device->driver_override))
		return;
	pp_finding_add(run, PP_WARN, "it was meant for %s, but has no driver: binding it failed",
		device->driver_override);
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/driver_override: %s; /sys/bus/pci/devices/%s/driver: not "
		"there",
		device->name, device->driver_override, device->name);
	pp_finding_remedy(run,
		"pcipass nodedev-detach %s tries again and says why, pcipass nodedev-reattach %s "
		"gives "
		"it back to the host",
		device->name, device->name);
	pp_finding_can_do(run);
}

void pp_check_override_left(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (!device->driver_override || pp_text_is(device->driver, device->driver_override) ||
		(!device->driver && pp_driver_is_vfio(device->driver_override)))
		return;
	pp_finding_add(run, PP_WARN,
		"a wish for driver %s is left on it, which keeps its own driver away",
		device->driver_override);
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/driver_override: %s; driver: %s",
		device->name, device->driver_override, device->driver ? device->driver : "none");
	pp_finding_remedy(run, "pcipass nodedev-reattach %s", device->name);
	pp_finding_can_do(run);
}

/* One entry of ids=: VENDOR:DEVICE[:SUBVENDOR[:SUBDEVICE[...]]] */
static bool id_matches(const char *entry, const struct pp_device *device)
{
	uint64_t values[4];
	const uint16_t own[] = {
		device->vendor, device->product, device->subvendor, device->subproduct};
	size_t count = 0;

	while (count < PP_COUNT(values)) {
		if (pp_parse_prefix(entry, 16, UINT32_MAX, &values[count], &entry) < 0)
			return false;
		count++;
		if (*entry != ':')
			break;
		entry++;
	}
	for (size_t i = 0; i < count; i++) {
		if (values[i] != own[i] && values[i] != UINT32_MAX)
			return false;
	}
	return count >= 2;
}

/* IDS: "ids=10de:1b80,10de:10f0", perhaps with other options around it. */
static bool ids_match(const char *ids, const struct pp_device *device)
{
	const char *list = ids ? strstr(ids, "ids=") : NULL;
	const char *word;
	size_t length;

	if (!list)
		return false;
	list += strlen("ids=");
	size_t end = strcspn(list, " \t\n");
	for (const char *cursor = list; pp_text_word(&cursor, ", \t\n", &word, &length);) {
		if (word >= list + end)
			break;
		if (id_matches(word, device))
			return true;
	}
	return false;
}

/* Who asked for it by ids: the kernel's command line, or a file of modprobe.d. */
static const char *ids_of(struct pp_check_run *run, const char **ret_text)
{
	const struct pp_host *host = run->host;
	const char *word = pp_check_parameter(run, "vfio-pci.ids=");

	word = word ? word : pp_check_parameter(run, "vfio_pci.ids=");
	if (word && ids_match(word, run->device)) {
		*ret_text = word;
		return "/proc/cmdline";
	}
	for (size_t i = 0; i < host->n_settings; i++) {
		const struct pp_setting *setting = &host->settings[i];

		if (setting->kind != PP_SETTING_OPTIONS || !pp_text_is(setting->name, "vfio_pci") ||
			!ids_match(setting->value, run->device))
			continue;
		*ret_text = setting->value;
		return setting->file;
	}
	return NULL;
}

void pp_check_ids_match_several(struct pp_check_run *run)
{
	const char *text, *file = ids_of(run, &text), *others = NULL;

	if (!file)
		return;
	for (size_t i = 0; i < run->host->n_devices; i++) {
		const struct pp_device *other = &run->host->devices[i];

		if (other != run->device && ids_match(text, other) &&
			other->vendor == run->device->vendor &&
			other->product == run->device->product)
			others = pp_check_join(run, others, "%s", other->name);
	}
	if (!others)
		return;
	pp_finding_add(run, PP_WARN, "what takes it at boot takes its like too: %s", others);
	pp_finding_evidence(run, "%s: %s", file, text);
	pp_finding_remedy(run,
		"take the id out of %s, and take this one alone, by its address: pcipass "
		"nodedev-detach %s",
		file, run->device->name);
	pp_finding_can_do(run);
}

void pp_check_boot_binding_lost(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_kernel *kernel = run->host->kernel;
	const char *text, *file = ids_of(run, &text);

	if (!file || !device->driver || pp_driver_is_vfio(device->driver))
		return;
	bool ignored = kernel && kernel->vfio_pci_builtin && !pp_text_is(file, "/proc/cmdline");
	pp_finding_add(run, PP_WARN, "it was meant for vfio-pci at boot, but %s",
		ignored ? "vfio-pci is built into this kernel, which does not read modprobe.d"
			: pp_check_join(run, NULL, "%s came first", device->driver));
	pp_finding_evidence(run, "%s: %s; /sys/bus/pci/devices/%s/driver: %s", file, text,
		device->name, device->driver);
	pp_finding_remedy(run,
		"pcipass nodedev-detach %s takes it now, by its address; for the next boot: "
		"softdep "
		"%s pre: vfio-pci in /etc/modprobe.d, and update-initramfs -u",
		device->name, device->driver);
	pp_finding_can_do(run);
}

static void claimed_by_driverctl(struct pp_check_run *run, const struct pp_setting *setting)
{
	const char *wanted = run->options->driver ? run->options->driver : "vfio-pci";

	if (pp_text_is(setting->value, wanted) || pp_driver_is_vfio(setting->value)) {
		pp_finding_add(
			run, PP_NOTE, "driverctl binds it to %s at each boot", setting->value);
		pp_finding_evidence(run, "%s: %s", setting->file, setting->value);
		return;
	}
	pp_finding_add(run, PP_FAIL, "driverctl keeps it on driver %s", setting->value);
	pp_finding_evidence(run, "%s: %s", setting->file, setting->value);
	pp_finding_remedy(run, "driverctl unset-override %s", run->device->name);
	pp_finding_force(run, "driverctl");
}

#define GUESTS_SHOWN 5 /* of those that only have it in their definitions */

/* What other tools will do with it, now or at the next boot. */
/* One that starts with the host would find it gone, or take it from a guest of ours; among its own
 * guests the other tool decides that itself. */
static enum pp_severity claim_severity(
	const struct pp_check_run *run, const struct pp_setting *setting)
{
	if (!setting->autostart)
		return PP_NOTE;
	return run->options->guest && !run->options->libvirt ? PP_FAIL : PP_WARN;
}

void pp_check_claimed(struct pp_check_run *run)
{
	size_t count = 0;

	for (size_t i = 0; i < run->host->n_settings; i++) {
		const struct pp_setting *setting = &run->host->settings[i];
		bool override = setting->kind == PP_SETTING_OVERRIDE;
		bool guest = setting->kind == PP_SETTING_GUEST;

		if (override && pp_text_is(setting->name, run->device->name))
			claimed_by_driverctl(run, setting);
		if (!guest || !pp_text_is(setting->value, run->device->name) ||
			pp_text_is(setting->name, run->options->guest))
			continue;
		if (!setting->autostart && ++count > GUESTS_SHOWN)
			continue;
		pp_finding_add(run, claim_severity(run, setting),
			"guest %s of %s has it in its definition%s", setting->name, setting->tool,
			setting->autostart ? ", and starts with the host" : "");
		pp_finding_evidence(run, "%s", setting->file);
		if (setting->autostart && pp_text_is(setting->tool, "libvirt"))
			pp_finding_remedy(run, "virsh autostart --disable %s", setting->name);
		else if (setting->autostart)
			pp_finding_remedy(run, "qm set %s --onboot 0", setting->name);
		if (setting->autostart)
			pp_finding_force(run, setting->name);
	}
	if (count > GUESTS_SHOWN)
		pp_finding_add(run, PP_NOTE, "%zu more guests have it in their definitions",
			count - GUESTS_SHOWN);
}
