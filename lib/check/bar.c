/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of a device: does it have its BARs, who else lies in them, what of its ROM? */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <inttypes.h>

void pp_check_bar_unassigned(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (device->header != PP_HEADER_ENDPOINT)
		return;
	for (unsigned i = 0; i < PP_COUNT(device->bars); i++) {
		const struct pp_bar *bar = &device->bars[i];

		if (!(bar->flags & PP_BAR_DISABLED) ||
			!(bar->size || bar->flags & ~PP_BAR_DISABLED))
			continue;
		bool io = bar->flags & PP_BAR_IO;
		pp_finding_add(run, io ? PP_NOTE : PP_WARN,
			"its BAR %u (%s, %s) was given no address: %s", i, pp_bar_kind(bar),
			bar->size ? pp_check_size(run, bar->size) : "size not known",
			io ? "few drivers need a port"
			   : "its driver will not work in a guest either");
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/resource, line %u: 0x%016" PRIx64,
			device->name, i + 1, bar->start);
		if (!io)
			pp_finding_remedy(run,
				"switch on \"Above 4G Decoding\" in the firmware's setup; or "
				"pci=realloc on the kernel's command line");
	}
}

void pp_check_framebuffer(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_health *health = device->health;

	if (!health || !health->framebuffer)
		return;
	bool bound = pp_driver_is_vfio(device->driver);
	unsigned kernel = pp_check_kernel(run->host);
	bool evicts = kernel == 0 || kernel >= 6000;

	if (!bound && evicts) {
		pp_finding_add(run, PP_NOTE,
			"the host's console (%s) is drawn in its memory; it ends when the device "
			"goes",
			health->framebuffer);
		pp_finding_evidence(run, "/proc/iomem: %s", health->framebuffer_line);
		return;
	}
	pp_finding_add(run, PP_FAIL,
		"the host's framebuffer %s holds one of its BARs, so a guest gets a device without "
		"it "
		"(\"BAR 0: can't reserve\")",
		health->framebuffer);
	pp_finding_evidence(run, "/proc/iomem: %s", health->framebuffer_line);
	if (evicts)
		pp_finding_remedy(run,
			"pcipass nodedev-reattach %s and pcipass nodedev-detach %s again: vfio-pci "
			"takes the framebuffer away when it binds",
			device->name, device->name);
	else
		pp_finding_remedy(run,
			"initcall_blacklist=sysfb_init (or video=efifb:off on kernels "
			"before 5.15) on the kernel's command line, and reboot");
}

void pp_check_rebar(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (!device->health || !pp_device_is_display(device))
		return;
	for (unsigned i = 0; i < PP_COUNT(device->health->rebars); i++) {
		const struct pp_rebar *rebar = &device->health->rebars[i];
		const unsigned usual = 8; /* 256 MiB: what every driver and firmware knows */

		if (!rebar->sizes || rebar->current <= usual)
			continue;
		pp_finding_add(run, PP_NOTE,
			"its BAR %u is resized to %s: a guest whose firmware has no room for it, "
			"or an "
			"older driver, stays black (Code 43)",
			i, pp_check_size(run, UINT64_C(1) << (20 + rebar->current)));
		pp_finding_evidence(run,
			"/sys/bus/pci/devices/%s/config: Resizable BAR %u is 2^%u MiB, supported "
			"%#" PRIx64,
			device->name, i, rebar->current, rebar->sizes);
		pp_finding_remedy(run,
			"if the guest stays black, with no driver bound: echo %u > "
			"/sys/bus/pci/devices/%s/resource%u_resize",
			usual, device->name, i);
	}
}
