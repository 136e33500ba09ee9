/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/check/rows.h"
#include "base/cleanup.h"
#include "base/parse.h"

static const struct pp_check_row rows[] = {
	{1, "Another endpoint of the IOMMU group is on a driver of the host.",
		"Take the whole group along (nodedev-detach --group), or put what the guest does "
		"not need on pci-stub (--driver pci-stub).",
		NULL},
	{2,
		"The firmware offers no IOMMU: it is off there, or the machine has none, or it is "
		"itself a guest.",
		"Switch on VT-d or AMD-Vi (IOMMU) in the firmware's setup; in a guest, ask whoever "
		"runs it for a virtual IOMMU.",
		NULL},
	{3, "The firmware has an IOMMU, but the kernel does not use it.",
		"pcipass host-setup: it removes intel_iommu=off, iommu=off and amd_iommu=off, and "
		"adds "
		"intel_iommu=on where the kernel needs it.",
		NULL},
	{4,
		"A kernel parameter was set in a boot loader that does not start this host, was "
		"not written to it, or is misspelled.",
		"Set the parameter in the loader that starts this host, write it out (update-grub, "
		"proxmox-boot-tool refresh), and read /proc/cmdline after the reboot.",
		"Which loader started the host is not asked of the firmware; what the kernel got "
		"is compared with what each loader's settings say."},
	{5,
		"A driver of the host was faster than vfio-pci at boot, or vfio-pci is built in "
		"and reads no modprobe.d.",
		"Detach it while the host runs; for the boot, softdep DRIVER pre: vfio-pci in "
		"/etc/modprobe.d, and update-initramfs -u.",
		"What the initramfs contains is not unpacked; the next boot shows it."},
	{6,
		"A disk that the host uses hangs on the device; the kernel does not refuse to take "
		"it away.",
		"Unmount it, switch the swap off, close the set; or --force-for NAME.", NULL},
	{7, "The network that the host or the caller's session needs goes through the device.",
		"Move the route, the address or the session to another interface; or --force-for "
		"NAME.",
		NULL},
	{8,
		"A program of the host has the graphics card, its sound or its memory open, so "
		"unbinding it waits for ever.",
		"End the named programs first.",
		"That a driver's own unbinding hangs shows only when it is tried; it is tried in a "
		"child with a deadline."},
	{9, "The host's framebuffer holds one of the card's BARs.",
		"Bind vfio-pci again, which takes the framebuffer away; for the boot "
		"initcall_blacklist=sysfb_init.",
		NULL},
	{10,
		"The graphics card has no reset that works: it serves one guest for each start of "
		"the host.",
		"Give it to one guest only and reboot the host between two; vendor-reset where it "
		"knows the card.",
		"Only cards on the list are known; others show it at a second start."},
	{11,
		"Nothing resets the device: no function level reset, no power management reset, no "
		"bus of its own.",
		"Give all functions of its bus to one guest; QEMU goes on without a reset, and "
		"state may leak.",
		NULL},
	{12, "The device offers a reset that hangs it.",
		"Choose another method (reset_method), or update the kernel or the card's "
		"firmware.",
		"Only devices on the list are known; trying would hang the others."},
	{13,
		"The device does not answer any more: after a failed reset, without power, or by a "
		"fault of its firmware.",
		"Remove it and rescan; if it stays dead, suspend the host once or switch its power "
		"off and on.",
		NULL},
	{14, "The device sleeps without power and the board cannot wake it.",
		"power/control=on and d3cold_allowed=0; for good, vfio_pci disable_idle_d3=1.",
		"Whether the board can wake it shows only when it is woken."},
	{15,
		"The kernel listed a reset of the bus when the device was found, but there are "
		"others on that bus.",
		"Give all devices of that bus to one guest.", NULL},
	{16,
		"The IOMMU does not remap interrupts, so a guest could raise any interrupt of the "
		"host.",
		"Remove intremap=off (pcipass host-setup), update the firmware; or accept the "
		"risk: "
		"pcipass host-setup --accept-unsafe-interrupts.",
		NULL},
	{17, "The firmware keeps memory for the device that must be mapped one to one.",
		"HP: switch off shared memory for the slot; others: another slot, newer firmware.",
		NULL},
	{18,
		"A port or switch above does not keep the devices below it apart (no ACS), so they "
		"are one group.",
		"Another slot, \"ACS\" in the firmware's setup, or pass the whole group.", NULL},
	{19, "The device is on a conventional bus, where all devices speak with one voice.",
		"Give all devices of that bus to one guest, or use a PCI Express slot.", NULL},
	{20, "QEMU may not lock as much memory as the guest has.",
		"Start it as root, or raise LimitMEMLOCK= of the unit or memlock in limits.d.",
		NULL},
	{21, "The guest's memory is not there: all of it is pinned at the start.",
		"Give the guest less memory, end other guests, or prepare huge pages.",
		"What other programs will take between the check and the start is not known."},
	{22, "Pinning much memory in small pages takes long.", "Huge pages for the guest.",
		"How long depends on how scattered free memory is."},
	{23,
		"PCI addresses moved when a card was added or the firmware changed, and now name "
		"another device.",
		"Define the guest again where the device is right; name devices by what they are, "
		"interfaces by their MAC.",
		"Where nothing was remembered there is nothing to compare with."},
	{24, "Binding by vendor and device took another card of the same kind too.",
		"Take the id out of modprobe.d or the kernel's line, and bind the one device by "
		"its address.",
		NULL},
	{25, "Binding the device failed without a word, and left it without a driver.",
		"nodedev-detach again, which says why; or nodedev-reattach.", NULL},
	{26, "A wish for another driver was left on the device, so its own does not come back.",
		"nodedev-reattach, which takes the wish away and looks whether the driver came.",
		NULL},
	{27, "Unplugging needs the guest: it is paused, still starting, or refuses.",
		"Resume the guest or wait until it has started, and ask again.",
		"Whether a running guest will let go is the guest's decision."},
	{28, "The guest has no free place into which a device can be plugged while it runs.",
		"A few root ports more in its definition.", NULL},
	{29, "The guest uses addresses that are wider than the IOMMU's.",
		"Limit the guest's physical address bits (<maxphysaddr>), or give it less memory.",
		"Where the firmware of the guest puts BARs is its own choice."},
	{30, "The guest's memory lies across addresses that the IOMMU keeps for itself.",
		"A machine type of QEMU 7.1 or newer, which puts memory above the hole.", NULL},
	{31, "The window that the guest's firmware keeps for large BARs is too small.",
		"Widen the window: <pcihole64> of its pcie-root, or -fw_cfg "
		"name=opt/ovmf/X-PciMmio64Mb,string=MiB.",
		NULL},
	{32, "The host's firmware or kernel gave one of the device's BARs no address.",
		"\"Above 4G Decoding\" in the firmware's setup, or pci=realloc.", NULL},
	{33, "The BARs of the card are resized, and the guest does not get along with that.",
		"Set the BAR's size while no driver is bound (resourceN_resize).",
		"Whether a guest's driver gets along with it is not known beforehand."},
	{34, "The card's ROM is a copy that the host's firmware has used, or cannot be read.",
		"A file with its ROM, saved while another display was the first (<rom file=>).",
		"The bytes of a ROM can only be read after a write that switches it on."},
	{35, "The card's ROM runs in the guest and hangs its firmware.",
		"<rom bar='off'/> in its <hostdev>.",
		"Which ROMs hang is not known; those of storage controllers are warned of."},
	{36, "QEMU's user may not open a file that the guest needs.",
		"Put the file where QEMU's user may read it, with the right owner and label.",
		"What AppArmor or SELinux would say to a file is only known when it is opened."},
	{37, "The caller may not write to the drivers' files, or open the group.",
		"Run pcipass as root; it hands the group to QEMU's user while the guest runs.",
		NULL},
	{38, "Another guest or program holds the device.",
		"End the holder that is named, or take the device out of that guest.", NULL},
	{39, "Something still holds the device after its guest has ended, so unbinding waits.",
		"Wait for the holder that is named, or end it.", NULL},
	{40, "Two devices of one group are to be behind the guest's own IOMMU.",
		"Put both behind one pcie-to-pci-bridge in the guest, or take its <iommu> away.",
		NULL},
	{41, "The guest's own IOMMU lacks what host devices behind it need.",
		"caching_mode='on' and aw_bits of the host's in its <iommu>, <ioapic "
		"driver='qemu'/>.",
		NULL},
	{42, "The kernel has another interface of VFIO (groups, iommufd) than the program expects.",
		"Load vfio_iommu_type1, or boot a kernel that has what the program expects.", NULL},
	{43, "The device's BAR cannot be reached by other devices of the guest.",
		"None is needed; a kernel with VFIO's container can do it.", NULL},
	{44, "VFIO may not map as many pieces of memory as the guest has.",
		"Raise dma_entry_limit, or huge pages for the guest.", NULL},
	{45, "A module is to be loaded that this kernel does not have.",
		"Take the module out of the file.", "Only the kernel that runs is looked at."},
	{46, "The kernel has no vfio-pci.", "Boot a full kernel (Debian: linux-image-amd64).",
		NULL},
	{47, "The device is on vfio-pci's denylist.",
		"Where the guest is trusted: disable_denylist=1.", NULL},
	{48, "The device has virtual functions, or is one whose physical function is on vfio-pci.",
		"Switch its virtual functions off first, or give those to guests.", NULL},
	{49, "There is no room, or no interrupts, for the virtual functions.",
		"Fewer of them, \"SR-IOV\" and \"ARI\" in the firmware's setup, or pci=realloc.",
		"How many interrupts are left for them, and that more are asked for than the "
		"device has, shows only when they are made."},
	{50,
		"The virtual function has no link, or its physical one does not let its MAC or "
		"VLAN through.",
		"Bring the physical function's link up; set MAC, VLAN and trust on it.",
		"MAC, VLAN and trust of a function are not looked at, only the link."},
	{51, "A virtual GPU of NVIDIA stays on its own driver.",
		"Leave it on its driver, and managed='no' in its <hostdev>.", NULL},
	{52, "Intel VMD hides the disks.",
		"Switch off VMD in the firmware's setup, if the host can start without it.", NULL},
	{53, "Intel's integrated graphics want a place and a machine of their own in the guest.",
		"At 00:02.0 of an i440fx machine with its OpRegion, or without a picture (UPT).",
		"Whether a picture appears depends on the guest's driver and firmware."},
	{54, "An old driver of NVIDIA for Windows stops when it sees KVM.",
		"A newer driver; or hide KVM and set a vendor id of Hyper-V.",
		"The version of the driver in the guest is not known."},
	{55, "The functions of one card went to different places.",
		"Give all functions of the card, in one slot of the guest.", NULL},
	{56, "The device has only a line interrupt, which it shares.",
		"Another slot, or unload the driver that shares the line.",
		"Whether it can mask its line is known for devices on the list."},
	{57, "The device's link has errors.",
		"Seat the card again, another slot or riser, pcie_aspm=off.",
		"An error that is still to come cannot be seen; those that came are counted."},
	{58, "The host slept while a device was out.",
		"Keep the host awake while a device is out (systemd-inhibit), or end the guest "
		"first.",
		"That somebody will let the host sleep is not known."},
	{59, "The device hangs on a cable, and was pulled or came too late.",
		"Plug it in before the host starts, and leave it.",
		"That it will be pulled is not known."},
	{60,
		"The kernel is locked down, so configuration space cannot be written and unsigned "
		"modules are refused.",
		"None is needed for passthrough; unsigned modules need a key of one's own, or "
		"Secure Boot off.",
		NULL},
	{61, "The firmware's tables of the IOMMU are wrong.",
		"Update the firmware; try the IOMMU for one boot before it is set for good.",
		"What breaks with the IOMMU on shows only when it is on; the table's form is "
		"checked."},
	{62, "The IOMMU groups are not what they were: a new kernel, firmware or card.",
		"Look at the new group, and define the guest again where it is right.",
		"Where nothing was remembered there is nothing to compare with."},
	{63, "A script that libvirt runs calls libvirt, and both wait.",
		"Take the call out of the script.",
		"Programs that the script starts are not followed."},
	{64, "The device is a bridge.", "Name a device below it.", NULL},
	{65, "libvirt refuses by a rule of its own.",
		"Detach it first or managed='yes'; another slot, or relaxed_acs_check=1 in "
		"libvirt's qemu.conf.",
		NULL},
};

const struct pp_check_row *pp_check_rows(size_t *ret_count)
{
	*ret_count = PP_COUNT(rows);
	return rows;
}

bool pp_check_row_listed(const char *list, unsigned number)
{
	const char *word, *end;
	size_t length;
	uint64_t value;

	while (list && pp_text_word(&list, " ", &word, &length)) {
		if (pp_parse_prefix(word, 10, PP_CHECK_ROWS, &value, &end) == 0 && value == number)
			return true;
	}
	return false;
}
