/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The IOMMU group of a device: is there one, and is everything in it out of the host's hands? */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <inttypes.h>
#include <string.h>

void pp_check_group_none(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	/* The IOMMU itself has no group either. */
	if (!pp_check_to_vfio(run) || !pp_check_has_iommu(run->host) ||
		device->header != PP_HEADER_ENDPOINT || device->class_code >> 8 == 0x0806)
		return;
	if (device->group >= 0) {
		pp_finding_add(run, PP_PASS, "it has an IOMMU group: %d", device->group);
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/iommu_group: %d", device->name,
			device->group);
		return;
	}
	pp_finding_add(run, PP_FAIL,
		"it is behind no IOMMU (it has no group), so VFIO cannot give it to a guest");
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/iommu_group: not there", device->name);
	pp_finding_remedy(run,
		"move the card to a slot that an IOMMU covers, or update the firmware "
		"(its %s table leaves this device out)",
		run->host->iommu && run->host->iommu->table ? run->host->iommu->table : "IOMMU");
}

void pp_check_group_unread(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(run->host, device->group) : NULL;

	if (!group || !group->fault)
		return;
	pp_finding_add(run, PP_WARN,
		"what its IOMMU group (%d) says of itself is not whole, or changed while it was "
		"read: what else is said of the group may be wrong",
		group->number);
	pp_finding_evidence(run, "%s", group->fault);
	pp_finding_remedy(run, "look again: pcipass nodedev-check %s", device->name);
}

/* The kernel lets a group go when each endpoint in it has no driver or one that does no DMA of its
 * own. Bridges do not count. */
bool pp_device_holds_group(const struct pp_device *device)
{
	if (device->header == PP_HEADER_BRIDGE || device->header == PP_HEADER_CARDBUS)
		return false;
	return device->driver && !pp_driver_is_vfio(device->driver) &&
	       !pp_text_is(device->driver, "pci-stub");
}

static bool in_the_way(const struct pp_check_run *run, const struct pp_device *member)
{
	return pp_device_holds_group(member) && !pp_check_goes(run, member);
}

void pp_check_group_not_viable(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(run->host, device->group) : NULL;
	const char *members = NULL, *evidence = NULL, *addresses = NULL;
	size_t others = 0;

	if (!group || !pp_check_to_vfio(run) || device->header != PP_HEADER_ENDPOINT)
		return;
	for (size_t i = 0; i < group->n_devices; i++) {
		const struct pp_device *member = group->devices[i];

		if (member != device && member->header == PP_HEADER_ENDPOINT)
			others++;
		if (!in_the_way(run, member))
			continue;
		members = pp_check_join(run, members, "%s on driver %s",
			pp_device_words(run, member), member->driver);
		evidence = pp_check_join(run, evidence, "/sys/bus/pci/devices/%s/driver: %s",
			member->name, member->driver);
		addresses = addresses
				    ? pp_arena_printf(run->arena, "%s %s", addresses, member->name)
				    : member->name;
	}
	if (!members) {
		pp_finding_add(run, PP_PASS,
			others ? "nothing else in IOMMU group %d holds it back"
			       : "it is alone in IOMMU group %d",
			group->number);
		return;
	}
	pp_finding_add(run, PP_FAIL, "IOMMU group %d is not viable, the host still drives %s",
		group->number, members);
	pp_finding_evidence(run, "%s", evidence);
	pp_finding_remedy(run,
		"pcipass nodedev-detach %s --group takes the whole group along; or, where the "
		"guest "
		"does not need them, pcipass nodedev-detach %s --driver pci-stub",
		device->name, addresses ? addresses : "");
	pp_finding_can_do(run);
}

/* What the host loses with the devices that were asked for, and what may stay as it is. */
void pp_check_takes_along(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(run->host, device->group) : NULL;
	const char *must = NULL, *may = NULL, *slot = NULL;

	if (!pp_check_to_vfio(run) || device->header != PP_HEADER_ENDPOINT ||
		!pp_check_asked(run, device))
		return;
	for (size_t i = 0; group && i < group->n_devices; i++) {
		const struct pp_device *member = group->devices[i];

		if (pp_check_asked(run, member) || member->header != PP_HEADER_ENDPOINT)
			continue;
		if (pp_device_holds_group(member))
			must = pp_check_join(run, must, "%s", pp_device_words(run, member));
		else
			may = pp_check_join(run, may, "%s (%s)", member->name,
				member->driver ? member->driver : "no driver");
	}
	for (size_t i = 0; i < run->host->n_devices; i++) {
		const struct pp_device *other = &run->host->devices[i];

		if (pp_device_same_slot(device, other) && other->group != device->group &&
			!pp_check_asked(run, other))
			slot = pp_check_join(run, slot, "%s", pp_device_words(run, other));
	}
	if (!must && !may && !slot)
		return;
	must = must ? pp_check_join(run, NULL, "the host loses with it %s", must) : NULL;
	may = may ? pp_check_join(run, NULL, "of its group may stay as they are: %s", may) : NULL;
	slot = slot ? pp_check_join(run, NULL, "of the same card, in other groups: %s", slot)
		    : NULL;
	pp_finding_add(run, PP_NOTE, "%s%s%s%s%s", must ? must : "",
		must && (may || slot) ? "; " : "", may ? may : "", may && slot ? "; " : "",
		slot ? slot : "");
	pp_finding_evidence(run, "/sys/kernel/iommu_groups/%d/devices: %zu", device->group,
		group ? group->n_devices : 0);
}

static bool is_port(const struct pp_device *device)
{
	uint8_t type = device->capabilities.express_type;

	return device->capabilities.express && (type == 4 || type == 6);
}

/* Source validation, request and completion redirection, upstream forwarding. */
static bool keeps_apart(const struct pp_device *port)
{
	const uint16_t wanted = 0x1 | 0x4 | 0x8 | 0x10;

	return port->capabilities.acs &&
	       (port->capabilities.acs_control & wanted) == (port->capabilities.acs_cap & wanted);
}

static size_t slots_of(const struct pp_group *group)
{
	size_t count = 0;

	for (size_t i = 0; i < group->n_devices; i++) {
		bool seen = group->devices[i]->header != PP_HEADER_ENDPOINT;

		for (size_t j = 0; j < i && !seen; j++)
			seen = group->devices[j]->header == PP_HEADER_ENDPOINT &&
			       pp_device_same_slot(group->devices[i], group->devices[j]);
		count += !seen;
	}
	return count;
}

static void name_port(struct pp_check_run *run, const struct pp_group *group, const char *groups)
{
	for (const struct pp_device *port = run->device->parent; port; port = port->parent) {
		if (!is_port(port) || !port->capabilities.read || keeps_apart(port))
			continue;
		pp_finding_add(run, PP_NOTE,
			"IOMMU group %d spans %s, for port %s does not keep the devices below it "
			"apart (%s)",
			group->number, groups, port->name,
			port->capabilities.acs ? "its ACS is not on" : "it has no ACS");
		pp_finding_evidence(run,
			"/sys/bus/pci/devices/%s/config: ACS capability at %#x, control %#x",
			port->name, port->capabilities.acs, port->capabilities.acs_control);
		pp_finding_remedy(run, "use a slot of another port; switch on \"ACS\" in the "
				       "firmware's setup; or pass "
				       "the whole group. pcie_acs_override= gives no isolation");
		return;
	}
}

void pp_check_no_acs(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(run->host, device->group) : NULL;
	size_t slots = group ? slots_of(group) : 0;

	if (slots > 1)
		name_port(run, group, pp_check_join(run, NULL, "%zu slots", slots));
}

void pp_check_behind_bridge(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	for (const struct pp_device *bridge = device->parent; bridge; bridge = bridge->parent) {
		const struct pp_capabilities *capabilities = &bridge->capabilities;

		if (!capabilities->read ||
			(capabilities->express && capabilities->express_type != 7))
			continue;
		pp_finding_add(run, PP_NOTE,
			"it is on a conventional bus behind bridge %s: everything there speaks "
			"with one "
			"voice, goes together and is reset together",
			bridge->name);
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/config: %s", bridge->name,
			capabilities->express ? "PCI Express to PCI bridge"
					      : "a bridge without PCI Express");
		pp_finding_remedy(run,
			"give all devices of that bus to one guest, or use a PCI Express "
			"slot");
		return;
	}
}

/* Memory that the firmware wants reachable by the device at its own address (RMRR, unity map). */
void pp_check_reserved_direct(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;
	const struct pp_group *group =
		device->group >= 0 ? pp_host_group(run->host, device->group) : NULL;

	if (!group || !pp_check_to_vfio(run))
		return;
	for (size_t i = 0; i < group->n_regions; i++) {
		const struct pp_reserved_region *region = &group->regions[i];

		if (!pp_text_is(region->type, "direct"))
			continue;
		pp_finding_add(run, PP_FAIL,
			"the firmware keeps memory for it at 0x%" PRIx64 "-0x%" PRIx64
			" (RMRR), so the kernel does not let it go to a guest",
			region->start, region->end);
		pp_finding_evidence(run,
			"/sys/kernel/iommu_groups/%d/reserved_regions: 0x%016" PRIx64
			" 0x%016" PRIx64 " direct",
			group->number, region->start, region->end);
		pp_finding_remedy(run,
			"HP: switch off shared memory for that slot (conrep); others: another "
			"slot, newer "
			"firmware; a kernel patched with relax_rmrr only as the last resort");
		return;
	}
}
