/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Power, links, errors and interrupts of a device. */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <inttypes.h>

void pp_check_power_off(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_health *health = device->health;

	if (!pp_text_is(device->power_state, "D3cold") && !pp_text_is(device->power_state, "error"))
		return;
	/* A driver of the host that sleeps knows how to wake its device; vfio-pci and nobody do
	 * not. */
	bool hurts = !device->driver || pp_driver_is_vfio(device->driver);
	pp_finding_add(run, hurts ? PP_WARN : PP_NOTE,
		"it is without power (%s): on some boards it does not wake for a guest (\"stuck in "
		"D3\", \"Unable to change power state from D3cold to D0\")",
		device->power_state);
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/power_state: %s; d3cold_allowed: %s; "
		"power/runtime_status: %s",
		device->name, device->power_state,
		!health || health->d3cold_allowed < 0 ? "not said"
		: health->d3cold_allowed              ? "1"
						      : "0",
		health && health->runtime_status ? health->runtime_status : "not said");
	pp_finding_remedy(run,
		"echo 0 > /sys/bus/pci/devices/%s/d3cold_allowed; echo on > "
		"/sys/bus/pci/devices/%s/power/control; for good: options vfio-pci "
		"disable_idle_d3=1 "
		"in /etc/modprobe.d/vfio.conf",
		device->name, device->name);
}

void pp_check_device_errors(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_health *health = device->health;

	if (!health || (health->aer_fatal == 0 && health->aer_nonfatal == 0))
		return;
	pp_finding_add(run, PP_WARN,
		"its link has had %" PRIu64 " fatal and %" PRIu64
		" non-fatal errors: at a fatal one "
		"QEMU stops the guest",
		health->aer_fatal, health->aer_nonfatal);
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/aer_dev_fatal, aer_dev_nonfatal: %s",
		device->name, health->aer ? health->aer : "");
	pp_finding_remedy(run, "seat the card again, or use another slot; pcie_aspm=off on the "
			       "kernel's command line helps with links that sleep badly");
}

void pp_check_link_slow(struct pp_check_run *run)
{
	const struct pp_capabilities *own = &run->device->capabilities;
	const struct pp_device *port = run->device->parent;

	if (!own->link || !own->link_width || !port || !port->capabilities.link ||
		!port->capabilities.link_cap_width)
		return;
	unsigned width = own->link_cap_width < port->capabilities.link_cap_width
				 ? own->link_cap_width
				 : port->capabilities.link_cap_width;
	/* Speed is lowered to save power, by day and night; width is not. */
	if (own->link_width >= width)
		return;
	pp_finding_add(run, PP_NOTE, "its link runs %u lanes wide, though both ends have %u",
		own->link_width, width);
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/current_link_width: %u; max_link_width: %u",
		run->device->name, own->link_width, own->link_cap_width);
	pp_finding_remedy(run, "seat the card again, or use another slot");
}

/* Other devices of the host on the same line. Those that use messages show the number of a message.
 */
static const char *line_sharers(struct pp_check_run *run)
{
	const char *list = NULL;

	for (size_t i = 0; i < run->host->n_devices; i++) {
		const struct pp_device *other = &run->host->devices[i];

		if (other == run->device || !other->driver || pp_check_goes(run, other) ||
			!other->health || other->health->messages ||
			other->health->irq != run->device->health->irq)
			continue;
		list = pp_check_join(run, list, "%s (%s)", other->name, other->driver);
	}
	return list;
}

void pp_check_interrupt_shared(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_capabilities *capabilities = &device->capabilities;

	if (!device->health || !capabilities->read || capabilities->msi || capabilities->msix ||
		!capabilities->interrupt_pin || !device->health->irq)
		return;
	const char *sharers = line_sharers(run);
	if (!sharers)
		return;
	pp_finding_add(run, PP_NOTE,
		"it has no MSI, and shares its line with %s: a device that cannot mask its line "
		"gets "
		"it switched off for both (\"nobody cared\")",
		sharers);
	pp_finding_evidence(
		run, "/sys/bus/pci/devices/%s/irq: %u", device->name, device->health->irq);
	pp_finding_remedy(
		run, "if that happens: move the card to another slot, or unload the other driver");
}
