/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device itself: is it there, alive, and of the kind that can go? */
#include "lib/check/subjects.h"
#include "base/parse.h"

void pp_check_device_vanished(struct pp_check_run *run)
{
	if (!(run->device->flags & PP_DEVICE_VANISHED))
		return;
	pp_finding_add(run, PP_FAIL, "it went away while it was looked at");
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s: not there any more", run->device->name);
	pp_finding_remedy(run, "look again with pcipass nodedev-list; echo 1 > /sys/bus/pci/rescan "
			       "makes the kernel look");
}

void pp_check_config_dead(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (device->flags & PP_DEVICE_CONFIG_DEAD) {
		pp_finding_add(run, PP_FAIL,
			"it does not answer: it fell off the bus, or its power is off");
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/config: all ones%s%s",
			device->name, device->power_state ? "; power_state: " : "",
			device->power_state ? device->power_state : "");
		pp_finding_remedy(run,
			"echo 1 > /sys/bus/pci/devices/%s/remove, then echo 1 > "
			"/sys/bus/pci/rescan; "
			"if it stays dead, suspend the host once or switch its power off and on",
			device->name);
		return;
	}
	if (device->flags & (PP_DEVICE_CONFIG_UNREAD | PP_DEVICE_CONFIG_SHORT)) {
		pp_finding_add(run, PP_NOTE,
			"its configuration could not be read in full, so its capabilities are not "
			"known");
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/config: %s", device->name,
			device->flags & PP_DEVICE_CONFIG_UNREAD ? "unreadable" : "cut short");
		pp_finding_remedy(run, "run it as root: only root is shown more than 64 bytes");
	}
}

/* What it is, if it is nothing that a guest could be given; NULL: an endpoint. */
static const char *not_endpoint(const struct pp_device *device)
{
	unsigned class = device->class_code >> 8;

	if (device->header == PP_HEADER_BRIDGE)
		return "a bridge";
	if (device->header == PP_HEADER_CARDBUS)
		return "a CardBus bridge";
	if (device->header != PP_HEADER_ENDPOINT)
		return "of an unknown header type";
	return class == 0x0600 ? "the host bridge" : class == 0x0806 ? "the IOMMU itself" : NULL;
}

void pp_check_not_endpoint(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const char *what = not_endpoint(device);

	if (!what || device->flags & PP_DEVICE_CONFIG_DEAD)
		return;
	pp_finding_add(run, PP_FAIL, "it is %s, and only endpoints can go to a guest", what);
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/config: header type %d; class: 0x%06x",
		device->name, (int)device->header, device->class_code);
	pp_finding_remedy(run, "name a device below it: pcipass nodedev-list --tree shows them");
}

void pp_check_permission(struct pp_check_run *run)
{
	const struct pp_caller *caller = run->host->caller;

	if (!caller || caller->may_write)
		return;
	pp_finding_add(run, run->options->act ? PP_FAIL : PP_NOTE,
		"user id %u may not move devices on this host", (unsigned)caller->uid);
	pp_finding_evidence(run, "/sys/bus/pci/drivers_probe: not writable");
	pp_finding_remedy(run, "run it as root (sudo pcipass ...)");
}
