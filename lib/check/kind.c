/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kinds of devices that go otherwise than others, or not at all. */
#include "lib/check/subjects.h"
#include "base/parse.h"

void pp_check_vmd(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (device->address.domain > 0xffff) {
		pp_finding_add(run, PP_FAIL,
			"it is behind Intel VMD (its domain is %x), where guests cannot be given a "
			"single disk",
			device->address.domain);
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s", device->name);
		pp_finding_remedy(run,
			"switch off VMD (\"RST\", \"RAID mode\") in the firmware's setup; "
			"make sure before that the host can start without it");
		return;
	}
	if (!pp_text_is(device->driver, "vmd"))
		return;
	pp_finding_add(run, PP_WARN, "it is Intel VMD: with it go all NVMe disks that it hides");
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/driver: vmd", device->name);
	pp_finding_remedy(run, "look below it with pcipass nodedev-list --tree first");
}

bool pp_device_is_igd(const struct pp_device *device)
{
	return device->vendor == 0x8086 && pp_device_is_display(device) &&
	       device->address.domain == 0 && device->address.bus == 0 &&
	       device->address.slot == 2 && device->address.function == 0;
}

void pp_check_igd(struct pp_check_run *run)
{
	if (!pp_device_is_igd(run->device))
		return;
	pp_finding_add(run, PP_NOTE,
		"it is Intel's integrated graphics: a guest shows a picture through it only with "
		"its "
		"OpRegion, at 00:02.0 of an i440fx machine (legacy mode), or without a screen of "
		"its "
		"own (UPT)");
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/class: 0x%06x, vendor: 0x8086",
		run->device->name, run->device->class_code);
	pp_finding_remedy(run, "<address type='pci' bus='0x00' slot='0x02' function='0x0'/> in the "
			       "guest's <hostdev>, machine='pc'");
}

void pp_check_removable(struct pp_check_run *run)
{
	if (!(run->device->flags & PP_DEVICE_REMOVABLE))
		return;
	pp_finding_add(run, PP_WARN,
		"it hangs on a cable (Thunderbolt, USB4, a slot for cards): if it is pulled, the "
		"guest "
		"loses it at once");
	pp_finding_evidence(run, "/sys/bus/pci/devices/%s/removable: removable", run->device->name);
	pp_finding_remedy(run, "plug it in before the host starts, and leave it");
}

void pp_check_vgpu(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (!device->health || !device->health->vgpu)
		return;
	if (run->options->driver && !pp_driver_is_vfio(run->options->driver) &&
		pp_text_is(run->options->driver, device->driver))
		return;
	pp_finding_add(run, PP_FAIL,
		"it is a virtual GPU of NVIDIA's driver: it goes to a guest as it is, not on "
		"vfio-pci "
		"(which fails with -22)");
	pp_finding_evidence(
		run, "/sys/bus/pci/devices/%s/nvidia/current_vgpu_type: there", device->name);
	pp_finding_remedy(
		run, "leave it on its driver, and write managed='no' in the guest's <hostdev>");
}

void pp_check_pf_on_vfio(struct pp_check_run *run)
{
	const struct pp_device *parent = run->device->physical_function;

	if (!parent || !pp_driver_is_vfio(parent->driver))
		return;
	pp_finding_add(run, PP_FAIL,
		"its physical function %s is on %s, so opening this one needs a token that both "
		"users "
		"share",
		parent->name, parent->driver);
	pp_finding_evidence(run,
		"/sys/bus/pci/devices/%s/physfn: %s; /sys/bus/pci/devices/%s/driver: %s",
		run->device->name, parent->name, parent->name, parent->driver);
	pp_finding_remedy(run, "pcipass nodedev-reattach %s", parent->name);
	pp_finding_can_do(run);
}

/* vfio-pci does not take a function that has virtual ones (-16), whoever uses them. */
void pp_check_vfs_on(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (!device->sriov_count || !pp_check_to_vfio(run) || pp_driver_is_vfio(device->driver))
		return;
	pp_finding_add(run, PP_FAIL,
		"it has %u virtual functions, and vfio-pci takes it only without",
		device->sriov_count);
	pp_finding_evidence(
		run, "/sys/bus/pci/devices/%s/sriov_numvfs: %u", device->name, device->sriov_count);
	pp_finding_remedy(run, "pcipass nodedev-setvfs %s 0; or give virtual functions to guests",
		device->name);
}

void pp_check_vf_room(struct pp_check_run *run)
{
	const struct pp_device *device = run->device;

	if (!device->health || !device->sriov_total || device->sriov_count)
		return;
	for (unsigned i = 0; i < PP_COUNT(device->health->vf_bars); i++) {
		const struct pp_bar *bar = &device->health->vf_bars[i];

		if (!bar->flags || !(bar->flags & PP_BAR_DISABLED))
			continue;
		pp_finding_add(run, PP_NOTE,
			"the firmware left no room for its virtual functions: making them fails "
			"with "
			"\"not enough MMIO resources for SR-IOV\"");
		pp_finding_evidence(run,
			"/sys/bus/pci/devices/%s/resource, line %u: no address; sriov_totalvfs: %u",
			device->name, 8 + i, device->sriov_total);
		pp_finding_remedy(run, "switch on SR-IOV (and ARI) in the firmware's setup; or "
				       "pci=realloc on the kernel's command line");
		return;
	}
}

void pp_check_vf_link(struct pp_check_run *run)
{
	const struct pp_device *parent = run->device->physical_function;

	if (!parent || !parent->health || !parent->health->net || parent->health->carrier != 0)
		return;
	pp_finding_add(run, PP_WARN,
		"its physical function's interface %s has no link, so the guest will have none",
		parent->health->net);
	pp_finding_evidence(run, "/sys/class/net/%s/carrier: 0", parent->health->net);
	pp_finding_remedy(run,
		"ip link set %s up; set MAC, VLAN and trust of the function there too: ip link set "
		"%s "
		"vf N mac ...",
		parent->health->net, parent->health->net);
}
