# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine that the command line is tested on: as text, and the same as a folder.

VT-d; a UHCI and an EHCI in one card, a USB disk and a keyboard behind the EHCI's companion; an NVMe behind
a root port; a network card behind another; a graphics card with its sound; a bridge.
"""
import os
import struct

RELEASE = "6.12.1-amd64"
# address, above, vendor, device, class, driver, group, kind, reset, first BAR
DEVICES = [
    ("0000:00:00.0", "", 0x8086, 0x29C0, 0x060000, None, 0, "plain", "", None),
    ("0000:00:1a.0", "", 0x8086, 0x2937, 0x0C0300, "uhci_hcd", 1, "plain", "", None),
    ("0000:00:1a.7", "", 0x8086, 0x293C, 0x0C0320, "ehci-pci", 1, "plain", "", (0xFE000000, 0x1000)),
    ("0000:00:1c.0", "", 0x8086, 0x3420, 0x060400, "pcieport", 2, "port", "", None),
    ("0000:00:1d.0", "", 0x8086, 0x3420, 0x060400, "pcieport", 3, "port", "", None),
    ("0000:00:1e.0", "", 0x8086, 0x3420, 0x060400, "pcieport", 4, "port", "", None),
    ("0000:01:00.0", "0000:00:1c.0", 0x1B36, 0x0010, 0x010802, "nvme", 5, "express", "flr bus", (0xFE200000, 0x4000)),
    ("0000:02:00.0", "0000:00:1d.0", 0x8086, 0x10D3, 0x020000, "e1000e", 6, "express", "flr bus", (0xFE300000, 0x20000)),
    ("0000:03:00.0", "0000:00:1e.0", 0x10DE, 0x1B80, 0x030000, "nouveau", 7, "express", "bus", (0xE0000000, 0x10000000)),
    ("0000:03:00.1", "0000:00:1e.0", 0x10DE, 0x10F0, 0x040300, "snd_hda_intel", 7, "express", "bus", (0xE1000000, 0x4000)),
    ("0000:04:00.0", "", 0x1B36, 0x0010, 0x010802, "nvme", 9, "express", "flr", (0xFE400000, 0x4000)),
]
DRIVERS = ("ehci-pci", "uhci_hcd", "nvme", "e1000e", "nouveau", "snd_hda_intel", "pcieport", "vfio-pci", "pci-stub")
PCI_IDS = """#
#	Version: 2026.01.01
8086  Intel Corporation
	10d3  82574L Gigabit Network Connection
	2937  82801I (ICH9 Family) USB UHCI Controller #4
	293c  82801I (ICH9 Family) USB2 EHCI Controller #2
	29c0  82G33/G31/P35/P31 Express DRAM Controller
	3420  7500/5520/5500/X58 I/O Hub PCI Express Root Port 0
1b36  Red Hat, Inc.
	0010  QEMU NVM Express Controller
10de  NVIDIA Corporation
	10f0  GP104 High Definition Audio Controller
	1b80  GP104 [GeForce GTX 1080]
C 01  Mass storage controller
	08  Non-Volatile memory controller
		02  NVM Express
C 02  Network controller
	00  Ethernet controller
C 03  Display controller
	00  VGA compatible controller
C 04  Multimedia controller
	03  Audio device
C 06  Bridge
	00  Host bridge
	04  PCI bridge
C 0c  Serial bus controller
	03  USB controller
		00  UHCI
		20  EHCI
"""


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def config(vendor, device, cls, kind, address):
    size = 256 if kind == "plain" else 4096
    data = bytearray(size)
    struct.pack_into("<HHHH", data, 0, vendor, device, 0, 0x10)
    struct.pack_into("<I", data, 8, cls << 8 | 1)
    data[0x0E] = (1 if kind == "port" else 0) | (0x80 if address[8:10] in ("1a",) or address[5:7] == "03" else 0)
    if kind != "port":
        struct.pack_into("<HH", data, 0x2C, 0x1AF4, 0x1100)
    data[0x34] = 0x40
    data[0x3D] = 1
    struct.pack_into("<H", data, 0x40, 0x5001 if kind != "plain" else 0x0001)
    if kind != "plain":
        struct.pack_into("<HH", data, 0x50, 0x9010, 0x0042 if kind == "port" else 0x0002)
        struct.pack_into("<I", data, 0x54, 0 if kind == "port" else 1 << 28)
        struct.pack_into("<I", data, 0x5C, 0x43)
        struct.pack_into("<H", data, 0x62, 0x43)
        struct.pack_into("<HH", data, 0x90, 0x0011, 7)
        struct.pack_into("<I", data, 0x100, 0x14010001)
        struct.pack_into("<I", data, 0x140, 0x0001000D)
        struct.pack_into("<HH", data, 0x144, 0x1D, 0x1D)
    return bytes(data)


def dmar():
    data = bytearray(64)
    data[0:4] = b"DMAR"
    struct.pack_into("<I", data, 4, 64)
    data[8], data[36], data[37] = 1, 47, 1
    struct.pack_into("<HH", data, 48, 0, 16)
    data[52] = 1
    struct.pack_into("<Q", data, 56, 0xFED90000)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def device_files(files, links, row):
    address, above, vendor, device, cls, driver, group, kind, reset, bar = row
    path = "/sys/devices/pci0000:00/" + (above + "/" if above else "") + address
    links["/sys/bus/pci/devices/" + address] = "../../../" + path[5:]
    subvendor, subdevice = (0, 0) if kind == "port" else (0x1AF4, 0x1100)
    values = {
        "vendor": "0x%04x" % vendor, "device": "0x%04x" % device, "class": "0x%06x" % cls, "revision": "0x01",
        "subsystem_vendor": "0x%04x" % subvendor, "subsystem_device": "0x%04x" % subdevice,
        "driver_override": "(null)", "power_state": "D0", "reset_method": reset, "irq": str(group + 20),
        "removable": "fixed", "numa_node": "0",
        "modalias": "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X" %
            (vendor, device, subvendor, subdevice, cls >> 16, cls >> 8 & 255, cls & 255),
        "uevent": "PCI_CLASS=%X" % cls,
    }
    for name, value in values.items():
        files[path + "/" + name] = (value + "\n").encode()
    files[path + "/config"] = config(vendor, device, cls, kind, address)
    lines = ["0x%016x 0x%016x 0x%016x" % ((bar[0], bar[0] + bar[1] - 1, 0x140204) if bar else (0, 0, 0))]
    files[path + "/resource"] = ("\n".join(lines + ["0x%016x 0x%016x 0x%016x" % (0, 0, 0)] * 6) + "\n").encode()
    up = "../" * (path.count("/") - 1)
    links[path + "/iommu_group"] = up + "kernel/iommu_groups/%d" % group
    links["/sys/kernel/iommu_groups/%d/devices/%s" % (group, address)] = "../../../../" + path[5:]
    files["/sys/kernel/iommu_groups/%d/type" % group] = b"DMA-FQ\n"
    if driver:
        links[path + "/driver"] = up + "bus/pci/drivers/" + driver
        links["/sys/bus/pci/drivers/%s/%s" % (driver, address)] = "../../../../" + path[5:]
    links[path + "/subsystem"] = up + "bus/pci"
    return path


def machine():
    """Files (bytes), links and empty folders, by path."""
    files, links, folders = {}, {}, []
    paths = {row[0]: device_files(files, links, row) for row in DEVICES}
    for driver in DRIVERS:
        folders.append("/sys/bus/pci/drivers/" + driver)
    # A disk with a mounted file system, and an interface with the default route.
    disk = paths["0000:01:00.0"] + "/nvme/nvme0/nvme0n1"
    files[disk + "/dev"] = b"259:0\n"
    files[disk + "/size"] = b"2097152\n"
    files[disk + "/uevent"] = b"MAJOR=259\nMINOR=0\nDEVNAME=nvme0n1\nDEVTYPE=disk\n"
    links[disk + "/subsystem"] = "../" * (disk.count("/") - 1) + "class/block"
    links["/sys/class/block/nvme0n1"] = "../../" + disk[5:]
    links["/sys/block/nvme0n1"] = "../" + disk[5:]
    links["/sys/dev/block/259:0"] = "../../" + disk[5:]
    net = paths["0000:02:00.0"] + "/net/enp2s0"
    files[net + "/uevent"] = b"INTERFACE=enp2s0\nIFINDEX=2\n"
    files[net + "/address"] = b"52:54:00:12:34:56\n"
    files[net + "/ifindex"] = b"2\n"
    files[net + "/carrier"] = b"1\n"
    files[net + "/flags"] = b"0x1003\n"
    links[net + "/device"] = "../.."
    links[net + "/subsystem"] = "../" * (net.count("/") - 1) + "class/net"
    links["/sys/class/net/enp2s0"] = "../../" + net[5:]
    text = {
        "/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n",
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet\n",
        "/proc/sys/kernel/osrelease": RELEASE + "\n",
        "/proc/interrupts": "  9: 0 IR-IO-APIC 9-fasteoi acpi\n",
        "/proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\nHugePages_Total: 4\n"
            "HugePages_Free: 4\nHugepagesize: 2048 kB\n",
        "/proc/self/status": "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
        "/proc/self/limits": "Max locked memory         8388608              8388608              bytes     \n",
        "/proc/self/cgroup": "0::/user.slice\n",
        "/proc/self/mountinfo": "27 1 259:0 / /mnt/data rw,relatime - ext4 /dev/nvme0n1 rw\n",
        "/proc/mounts": "/dev/nvme0n1 /mnt/data ext4 rw,relatime 0 0\n",
        "/proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
        "/proc/net/route": "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
            "enp2s0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
        "/proc/iomem": "00000000-00000fff : Reserved\n",
        "/proc/modules": "vfio_pci 16384 0 - Live 0x0000000000000000\n",
        "/sys/bus/pci/drivers_probe": "\n",
        "/sys/fs/cgroup/user.slice/memory.max": "max\n",
        "/sys/fs/cgroup/user.slice/memory.current": "1000000\n",
        "/sys/devices/system/node/node0/meminfo": "Node 0 MemTotal: 8388608 kB\nNode 0 MemFree: 6291456 kB\n",
        "/sys/class/iommu/dmar0/intel-iommu/cap": "d2008c222f0606\n",
        "/sys/class/iommu/dmar0/intel-iommu/ecap": "f00f4a\n",
        "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit": "65535\n",
        "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": "N\n",
        "/sys/module/vfio_pci/parameters/disable_denylist": "N\n",
        "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
        "/sys/kernel/security/lsm": "lockdown,capability,apparmor\n",
        "/sys/devices/virtual/dmi/id/product_name": "Standard PC\n",
        "/sys/devices/virtual/dmi/id/sys_vendor": "QEMU\n",
        "/lib/modules/%s/modules.dep" % RELEASE: "kernel/drivers/vfio/pci/vfio-pci.ko: \n"
            "kernel/drivers/vfio/vfio.ko:\n",
        "/lib/modules/%s/modules.builtin" % RELEASE: "kernel/drivers/pci/pci-stub.ko\n",
        "/dev/kmsg": "<6>[    0.1] Linux version\n<6>[    0.2] DMAR: Intel(R) Virtualization Technology "
            "for Directed I/O\n",
        "/etc/default/grub": "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n",
        "/etc/modules": "# modules to load\n",
        "/etc/network/interfaces": "auto lo\niface lo inet loopback\n",
        "/usr/share/misc/pci.ids": PCI_IDS,
        "/run/udev/data/b259:0": "E:DEVTYPE=disk\nE:ID_SERIAL=QEMU_NVMe_Ctrl_lab\nE:ID_TYPE=disk\n",
        "/run/udev/data/n2": "E:ID_NET_NAME_PATH=enp2s0\n",
    }
    files.update({path: value.encode() for path, value in text.items()})
    files["/sys/firmware/acpi/tables/DMAR"] = dmar()
    nodes = {"/dev/vfio/vfio": "c 10 196 0666 0 0", "/dev/kvm": "c 10 232 0660 0 109"}
    return files, links, folders, nodes


def as_text():
    """The machine in the form of tests/hosts."""
    files, links, folders, nodes = machine()
    lines = ["# a machine for the tests of the command line"]
    for path, data in sorted(files.items()):
        try:
            text = data.decode()
            if "\0" in text or not text.endswith("\n"):
                raise ValueError
            lines.append("%s = %s" % (path, escaped(text[:-1])))
        except ValueError:
            lines.append("%s : %s" % (path, data.hex()))
    lines += ["%s -> %s" % link for link in sorted(links.items())]
    lines += ["%s %% %s" % node for node in sorted(nodes.items())]
    lines += [path + "/" for path in folders]
    return "\n".join(lines) + "\n"


def as_folder(root):
    """The machine as files below ROOT; device nodes are plain files."""
    files, links, folders, nodes = machine()
    for path, data in list(files.items()) + [(path, b"") for path in nodes]:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, "wb") as file:
            file.write(data)
    for path, target in links.items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(target, root + path)
    for path in folders:
        os.makedirs(root + path, exist_ok=True)


if __name__ == "__main__":
    print(as_text(), end="")
