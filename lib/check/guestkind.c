/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kinds of devices that want something of their guest. */
#include "lib/check/subjects.h"
#include "base/parse.h"

void pp_check_guest_igd(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;

	for (size_t i = 0; i < guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &guest->hostdevs[i];

		if (!hostdev->device || !pp_device_is_igd(hostdev->device) || !hostdev->placed)
			continue;
		if (hostdev->bus == 0 && hostdev->slot == 2 && hostdev->function == 0 &&
			!guest->q35)
			continue;
		pp_finding_add(run, PP_WARN,
			"Intel's graphics %s is at %02x:%02x.%x of %s: a picture on a screen of "
			"its own "
			"needs 00:02.0 of an i440fx machine",
			hostdev->device->name, hostdev->bus, hostdev->slot, hostdev->function,
			guest->q35 ? "a q35 machine" : "its machine");
		pp_finding_evidence(
			run, "its definition: <address> of <hostdev>, <type machine=...>");
		pp_finding_remedy(run,
			"machine='pc' and <address type='pci' bus='0x00' slot='0x02' "
			"function='0x0'/>; fine as it is for UPT with Windows");
	}
}

void pp_check_nvidia_windows(struct pp_check_run *run)
{
	const struct pp_guest_facts *guest = run->guest;

	if (!guest->windows || (guest->kvm_hidden && guest->vendor_id))
		return;
	for (size_t i = 0; i < guest->n_hostdevs; i++) {
		const struct pp_device *device = guest->hostdevs[i].device;

		if (!device || device->vendor != 0x10de || !pp_device_is_display(device))
			continue;
		pp_finding_add(run, PP_NOTE,
			"NVIDIA's drivers for Windows before 465 stop with Code 43 when they see "
			"KVM "
			"(%s)",
			device->name);
		pp_finding_evidence(run, "its definition: <kvm><hidden state=...>, <vendor_id>");
		pp_finding_remedy(run,
			"a newer driver; or <kvm><hidden state='on'/></kvm> and <hyperv><vendor_id "
			"state='on' value='pcipass'/></hyperv>");
		return;
	}
}

/* The ROM of the display that the host started with is a copy that it has used. */
void pp_check_rom_used(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];
		const struct pp_device *device = hostdev->device;

		if (!device || !pp_device_is_display(device) || hostdev->rom_file ||
			hostdev->rom_off || pp_device_is_igd(device))
			continue;
		bool shadow = device->health && device->health->rom_shadow;
		if (!shadow && !(device->flags & PP_DEVICE_BOOT_VGA && !device->rom.size))
			continue;
		pp_finding_add(run, PP_WARN,
			"the host started with display %s, so what can be read of its ROM is %s: "
			"the "
			"guest may stay black (\"Invalid PCI ROM header signature\")",
			device->name, shadow ? "a copy that was changed in use" : "nothing");
		pp_finding_evidence(run,
			"/sys/bus/pci/devices/%s/boot_vga: %d; resource, line 7: %s", device->name,
			device->flags & PP_DEVICE_BOOT_VGA ? 1 : 0,
			shadow ? "a shadow at 0xc0000" : "no ROM");
		pp_finding_remedy(run,
			"a file with its ROM, saved while another display was the first: "
			"<rom file='/var/lib/pcipass/card.rom'/>");
	}
}

/* Storage and network cards whose ROM runs in the guest for nothing. */
void pp_check_rom_invalid(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_files; i++) {
		const struct pp_guest_file *file = &run->guest->files[i];
		bool empty = file->rom == PP_ROM_EMPTY;

		if (file->error || (!empty && file->rom != PP_ROM_FOREIGN))
			continue;
		if (empty)
			pp_finding_add(run, PP_FAIL, "its ROM file %s is empty: QEMU refuses it",
				file->path);
		else
			pp_finding_add(run, PP_WARN, "%s is no ROM of a card: the guest finds none",
				file->path);
		pp_finding_evidence(run, "%s: %s", file->path,
			empty ? "0 bytes" : "its first bytes are not 55 aa");
		pp_finding_remedy(run,
			"save the card's ROM again while another display is the first, or take "
			"<rom file=> away");
	}
}

void pp_check_rom_runs(struct pp_check_run *run)
{
	for (size_t i = 0; i < run->guest->n_hostdevs; i++) {
		const struct pp_guest_hostdev *hostdev = &run->guest->hostdevs[i];
		const struct pp_device *device = hostdev->device;
		unsigned class = device ? device->class_code >> 8 : 0;
		bool storage = class == 0x0107 || class == 0x0104 || class == 0x0100;

		if (!device || hostdev->rom_off || hostdev->rom_file || hostdev->boot_order ||
			!(device->flags & PP_DEVICE_HAS_ROM) || (!storage && class >> 8 != 0x02))
			continue;
		pp_finding_add(run, storage ? PP_WARN : PP_NOTE,
			"the ROM of %s runs when the guest starts, though it is not booted from%s",
			device->name,
			storage ? ": such ROMs hang firmware (\"MPT BIOS Fault\")" : "");
		pp_finding_evidence(run, "/sys/bus/pci/devices/%s/rom: there; class: 0x%06x",
			device->name, device->class_code);
		pp_finding_remedy(run, "<rom bar='off'/> in its <hostdev>");
	}
}

void pp_check_peer_to_peer(struct pp_check_run *run)
{
	const struct pp_kernel *kernel = run->host->kernel;

	if (!kernel || kernel->vfio_node || !kernel->iommufd_node || run->guest->n_hostdevs < 2)
		return;
	pp_finding_add(run, PP_NOTE,
		"its devices cannot reach each other's memory through iommufd: QEMU warns (\"PCI "
		"peer-to-peer transactions on BARs are not supported\"), which is harmless unless "
		"the "
		"devices are to talk to each other");
	pp_finding_evidence(run, "/dev/iommu: there; /dev/vfio/vfio: not there");
	pp_finding_remedy(run, "none is needed; a kernel with CONFIG_VFIO_CONTAINER can do it");
}
