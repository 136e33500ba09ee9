/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/check/rows.h"
#include "base/cleanup.h"
#include "base/parse.h"

static const struct pp_check_row rows[] = {
	{1, "Another endpoint of the IOMMU group is on a driver of the host.", NULL},
	{2,
		"The firmware offers no IOMMU: it is off there, or the machine has none, or it is "
		"itself a guest.",
		NULL},
	{3, "The firmware has an IOMMU, but the kernel does not use it.", NULL},
	{4,
		"A kernel parameter was set in a boot loader that does not start this host, was "
		"not written to it, or is misspelled.",
		"Which loader started the host is not asked of the firmware; what the kernel got "
		"is compared with what each loader's settings say."},
	{5,
		"A driver of the host was faster than vfio-pci at boot, or vfio-pci is built in "
		"and reads no modprobe.d.",
		"What the initramfs contains is not unpacked; the next boot shows it."},
	{6,
		"A disk that the host uses hangs on the device; the kernel does not refuse to take "
		"it away.",
		NULL},
	{7, "The network that the host or the caller's session needs goes through the device.",
		NULL},
	{8,
		"A program of the host has the graphics card, its sound or its memory open, so "
		"unbinding it waits for ever.",
		"That a driver's own unbinding hangs shows only when it is tried; it is tried in a "
		"child with a deadline."},
	{9, "The host's framebuffer holds one of the card's BARs.", NULL},
	{10,
		"The graphics card has no reset that works: it serves one guest for each start of "
		"the host.",
		"Only cards on the list are known; others show it at a second start."},
	{11,
		"Nothing resets the device: no function level reset, no power management reset, no "
		"bus of its own.",
		NULL},
	{12, "The device offers a reset that hangs it.",
		"Only devices on the list are known; trying would hang the others."},
	{13,
		"The device does not answer any more: after a failed reset, without power, or by a "
		"fault of its firmware.",
		NULL},
	{14, "The device sleeps without power and the board cannot wake it.",
		"Whether the board can wake it shows only when it is woken."},
	{15,
		"The kernel listed a reset of the bus when the device was found, but there are "
		"others on that bus.",
		NULL},
	{16,
		"The IOMMU does not remap interrupts, so a guest could raise any interrupt of the "
		"host.",
		NULL},
	{17, "The firmware keeps memory for the device that must be mapped one to one.", NULL},
	{18,
		"A port or switch above does not keep the devices below it apart (no ACS), so they "
		"are one group.",
		NULL},
	{19, "The device is on a conventional bus, where all devices speak with one voice.", NULL},
	{20, "QEMU may not lock as much memory as the guest has.", NULL},
	{21, "The guest's memory is not there: all of it is pinned at the start.",
		"What other programs will take between the check and the start is not known."},
	{22, "Pinning much memory in small pages takes long.",
		"How long depends on how scattered free memory is."},
	{23,
		"PCI addresses moved when a card was added or the firmware changed, and now name "
		"another device.",
		"Where nothing was remembered there is nothing to compare with."},
	{24, "Binding by vendor and device took another card of the same kind too.", NULL},
	{25, "Binding the device failed without a word, and left it without a driver.", NULL},
	{26, "A wish for another driver was left on the device, so its own does not come back.",
		NULL},
	{27, "Unplugging needs the guest: it is paused, still starting, or refuses.",
		"Whether a running guest will let go is the guest's decision."},
	{28, "The guest has no free place into which a device can be plugged while it runs.", NULL},
	{29, "The guest uses addresses that are wider than the IOMMU's.",
		"Where the firmware of the guest puts BARs is its own choice."},
	{30, "The guest's memory lies across addresses that the IOMMU keeps for itself.", NULL},
	{31, "The window that the guest's firmware keeps for large BARs is too small.", NULL},
	{32, "The host's firmware or kernel gave one of the device's BARs no address.", NULL},
	{33, "The BARs of the card are resized, and the guest does not get along with that.",
		"Whether a guest's driver gets along with it is not known beforehand."},
	{34, "The card's ROM is a copy that the host's firmware has used, or cannot be read.",
		"The bytes of a ROM can only be read after a write that switches it on."},
	{35, "The card's ROM runs in the guest and hangs its firmware.",
		"Which ROMs hang is not known; those of storage controllers are warned of."},
	{36, "QEMU's user may not open a file that the guest needs.",
		"What AppArmor or SELinux would say to a file is only known when it is opened."},
	{37, "The caller may not write to the drivers' files, or open the group.", NULL},
	{38, "Another guest or program holds the device.", NULL},
	{39, "Something still holds the device after its guest has ended, so unbinding waits.",
		NULL},
	{40, "Two devices of one group are to be behind the guest's own IOMMU.", NULL},
	{41, "The guest's own IOMMU lacks what host devices behind it need.", NULL},
	{42, "The kernel has another interface of VFIO (groups, iommufd) than the program expects.",
		NULL},
	{43, "The device's BAR cannot be reached by other devices of the guest.", NULL},
	{44, "VFIO may not map as many pieces of memory as the guest has.", NULL},
	{45, "A module is to be loaded that this kernel does not have.",
		"Only the kernel that runs is looked at."},
	{46, "The kernel has no vfio-pci.", NULL},
	{47, "The device is on vfio-pci's denylist.", NULL},
	{48, "The device has virtual functions, or is one whose physical function is on vfio-pci.",
		NULL},
	{49, "There is no room, or no interrupts, for the virtual functions.",
		"How many interrupts are left for them shows only when they are made."},
	{50,
		"The virtual function has no link, or its physical one does not let its MAC or "
		"VLAN through.",
		"MAC, VLAN and trust of a function are not looked at, only the link."},
	{51, "A virtual GPU of NVIDIA stays on its own driver.", NULL},
	{52, "Intel VMD hides the disks.", NULL},
	{53, "Intel's integrated graphics want a place and a machine of their own in the guest.",
		"Whether a picture appears depends on the guest's driver and firmware."},
	{54, "An old driver of NVIDIA for Windows stops when it sees KVM.",
		"The version of the driver in the guest is not known."},
	{55, "The functions of one card went to different places.", NULL},
	{56, "The device has only a line interrupt, which it shares.",
		"Whether it can mask its line is known for devices on the list."},
	{57, "The device's link has errors.",
		"An error that is still to come cannot be seen; those that came are counted."},
	{58, "The host slept while a device was out.",
		"That somebody will let the host sleep is not known."},
	{59, "The device hangs on a cable, and was pulled or came too late.",
		"That it will be pulled is not known."},
	{60,
		"The kernel is locked down, so configuration space cannot be written and unsigned "
		"modules are refused.",
		NULL},
	{61, "The firmware's tables of the IOMMU are wrong.",
		"What breaks with the IOMMU on shows only when it is on; the table's form is "
		"checked."},
	{62, "The IOMMU groups are not what they were: a new kernel, firmware or card.",
		"Where nothing was remembered there is nothing to compare with."},
	{63, "A script that libvirt runs calls libvirt, and both wait.",
		"Programs that the script starts are not followed."},
	{64, "The device is a bridge.", NULL},
	{65, "libvirt refuses by a rule of its own.", NULL},
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
