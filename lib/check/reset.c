/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Can it be reset between the host and a guest? */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <string.h>

/* The kernel resets by the bus only where nothing else is on it. */
static const char *bus_siblings(struct pp_check_run *run, bool others_only)
{
	const struct pp_device *device = run->device;
	const char *list = NULL;

	for (size_t i = 0; device->parent && i < run->host->n_devices; i++) {
		const struct pp_device *sibling = &run->host->devices[i];

		if (sibling == device || sibling->parent != device->parent ||
			(others_only && pp_check_goes(run, sibling)))
			continue;
		list = pp_check_join(run, list, "%s", sibling->name);
	}
	return list;
}

/* What is left of reset_method, which the kernel computed when it found the device, now. */
static bool has_method(struct pp_check_run *run, bool *ret_bus_shared)
{
	static const char *const own[] = {"device_specific", "acpi", "flr", "af_flr", "pm"};
	const struct pp_device *device = run->device;
	const struct pp_capabilities *capabilities = &device->capabilities;

	*ret_bus_shared = false;
	if (!device->reset_methods)
		return capabilities->flr || capabilities->af_flr ||
		       (capabilities->pm && !capabilities->pm_no_soft_reset);
	for (size_t i = 0; i < PP_COUNT(own); i++) {
		if (pp_check_word(device->reset_methods, own[i]))
			return true;
	}
	if (!pp_check_word(device->reset_methods, "bus") &&
		!pp_check_word(device->reset_methods, "cxl_bus"))
		return false;
	*ret_bus_shared = bus_siblings(run, false) != NULL;
	return !*ret_bus_shared;
}

void pp_check_no_reset(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	bool shared;

	if (device->header != PP_HEADER_ENDPOINT || device->class_code >> 16 == 0x06 ||
		device->flags & PP_DEVICE_CONFIG_DEAD ||
		(!device->reset_methods && !device->capabilities.read))
		return;
	if (has_method(run, &shared)) {
		pp_finding_add(run, PP_PASS, "it can be reset (%s)",
			device->reset_methods ? device->reset_methods : "by its capabilities");
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/reset_method: %s", device->name,
			device->reset_methods ? device->reset_methods : "not there");
		return;
	}
	if (shared)
		return; /* reset-shared-bus says it */
	/* Known to hurt: a display stays black at its second guest. */
	pp_finding_add(run, pp_device_is_display(device) ? PP_WARN : PP_NOTE,
		"nothing resets it: what one guest leaves in it, the next user finds (QEMU goes "
		"on, "
		"libvirt refuses)");
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/reset_method: %s", device->name,
		device->reset_methods ? "empty" : "not there, and no capability for it");
	pp_finding_remedy(
		run, "give it to guests of one owner only; a restart of the host resets it");
}

void pp_check_reset_shared_bus(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	bool shared;

	if (device->header != PP_HEADER_ENDPOINT || !device->reset_methods ||
		has_method(run, &shared) || !shared)
		return;
	const char *others = bus_siblings(run, true);
	if (!others) {
		pp_finding_add(
			run, PP_PASS, "everything on its bus goes along, so VFIO can reset it");
		return;
	}
	pp_finding_add(run, pp_device_is_display(device) ? PP_WARN : PP_NOTE,
		"the kernel lists a reset of its bus, but cannot do it: %s %s on that bus too",
		others, strchr(others, ',') ? "are" : "is");
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/reset_method: %s (made when the device was found); "
		"%s: %s",
		device->name, device->reset_methods, device->parent->path, others);
	pp_finding_remedy(run, "let everything on that bus go to the same guest");
}
