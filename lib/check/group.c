/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The IOMMU group of a device: is there one, and is everything in it out of the host's hands? */
#include "lib/check/subjects.h"
#include "base/parse.h"
#include <string.h>

void pp_check_group_none(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (!pp_check_to_vfio(run) || !pp_check_has_iommu(run->host) ||
		device->header != PP_HEADER_ENDPOINT)
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

/* The kernel lets a group go when each endpoint in it has no driver or one that does no DMA of its
 * own. Bridges do not count. */
static bool in_the_way(const struct pp_check_run *run, const struct pp_device *member)
{
	if (member->header == PP_HEADER_BRIDGE || member->header == PP_HEADER_CARDBUS)
		return false;
	if (!member->driver || pp_driver_is_vfio(member->driver) ||
		pp_text_is(member->driver, "pci-stub"))
		return false;
	return !pp_check_goes(run, member);
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
