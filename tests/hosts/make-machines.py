#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes machines that the emulated host cannot be, as text: desktop.host, laptop.host, server.host.

    tests/hosts/make-machines.py [FOLDER]

The grammar stands in base/tree.h. What is written here is what the kernel shows of such machines, as far
as lib/host reads it.
"""
import os
import struct
import sys


def escape(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


class Config:
    """Config space: a header, capabilities one behind the other."""

    def __init__(self, vendor, product, class_code, revision=0, header=0, multifunction=False, pin=1):
        self.bytes = bytearray(256)
        struct.pack_into("<HHHH", self.bytes, 0, vendor, product, 0x0006, 0x0010)
        struct.pack_into("<I", self.bytes, 8, class_code << 8 | revision)
        self.bytes[0x0e] = header | (0x80 if multifunction else 0)
        self.bytes[0x3d] = pin
        self.pointer, self.next = 0x34, 0x40
        self.extended = None

    def bridge(self, secondary, subordinate):
        struct.pack_into("<BBB", self.bytes, 0x18, 0, secondary, subordinate)
        return self

    def capability(self, number, body):
        at = self.next
        self.bytes[self.pointer] = at
        self.bytes[at] = number
        self.bytes[at + 2:at + 2 + len(body)] = body
        self.pointer, self.next = at + 1, (at + 2 + len(body) + 3) // 4 * 4
        return self

    def power(self, soft_reset=True):
        return self.capability(0x01, struct.pack("<HHH", 3, 0 if soft_reset else 8, 0))

    def msi(self):
        return self.capability(0x05, bytes(12))

    def msix(self, vectors):
        return self.capability(0x11, struct.pack("<HII", vectors - 1, 0, 0))

    def express(self, kind, flr=False, cap=(4, 16, 0), now=(4, 16)):
        speed, width, port = cap
        body = bytearray(0x3a)
        struct.pack_into("<H", body, 0, kind << 4 | 2)
        struct.pack_into("<I", body, 2, (1 << 28) if flr else 0)
        struct.pack_into("<I", body, 0x0a, port << 24 | width << 4 | speed)
        struct.pack_into("<H", body, 0x10, now[1] << 4 | now[0])
        return self.capability(0x10, bytes(body))

    def extend(self, number, body):
        if self.extended is None:
            self.extended, at = 0x100, 0x100
        else:
            at = self.next_extended
            old = struct.unpack_from("<I", self.bytes, self.extended)[0]
            struct.pack_into("<I", self.bytes, self.extended, old & 0xfffff | at << 20)
            self.extended = at
        size = (4 + len(body) + 3) // 4 * 4
        self.bytes.extend(bytes(max(0, at + size - len(self.bytes))))
        struct.pack_into("<I", self.bytes, at, number | 1 << 16)
        self.bytes[at + 4:at + 4 + len(body)] = body
        self.next_extended = at + size
        return self

    def aer(self):
        return self.extend(0x01, bytes(0x44))

    def serial(self, number):
        return self.extend(0x03, struct.pack("<Q", number))

    def acs(self, capability=0x5f, control=0x1d):
        return self.extend(0x0d, struct.pack("<HH", capability, control))

    def ari(self):
        return self.extend(0x0e, bytes(4))

    def sriov(self):
        return self.extend(0x10, bytes(0x3c))

    def rebar(self, bar, sizes, now):
        return self.extend(0x15, struct.pack("<II", sizes << 4, 1 << 5 | bar | now << 8))


class Machine:
    def __init__(self, name, about):
        self.name, self.about = name, about
        self.lines = {}
        self.ids = {}
        self.paths = {}
        self.file("/proc/sys/kernel/osrelease", "6.1.0-18-amd64")
        self.file("/sys/kernel/security/lockdown", "[none] integrity confidentiality")
        self.file("/sys/kernel/security/lsm", "lockdown,capability,yama,apparmor")
        self.file("/boot/config-6.1.0-18-amd64", "CONFIG_VFIO_PCI=m")
        modules = "/lib/modules/6.1.0-18-amd64"
        self.file(modules + "/modules.builtin", "kernel/drivers/iommu/iommufd/iommufd.ko")
        self.file(modules + "/modules.dep", "kernel/drivers/vfio/vfio.ko:\n"
                  "kernel/drivers/vfio/vfio_iommu_type1.ko: kernel/drivers/vfio/vfio.ko\n"
                  "kernel/drivers/vfio/pci/vfio-pci.ko: kernel/drivers/vfio/vfio.ko\n"
                  "kernel/arch/x86/kvm/kvm.ko:")
        self.file(modules + "/modules.alias", "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
                  "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci")
        self.node("/dev/kvm", "c", 10, 232, 0o660)
        self.node("/dev/vfio/vfio", "c", 10, 196, 0o666)
        self.file("/proc/self/status", "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff")
        self.file("/proc/self/limits", "Max locked memory         8388608              8388608"
                  "              bytes     ")
        self.file("/proc/self/cgroup", "0::/user.slice")

    def put(self, path, line):
        assert path not in self.lines, path
        self.lines[path] = line

    def file(self, path, text):
        self.put(path, " = " + escape(text))

    def hex(self, path, data):
        self.put(path, " : " + data.hex())

    def link(self, path, target):
        self.put(path, " -> " + target)

    def up_link(self, path, target):
        """A link of sysfs, written as the kernel does: up to what both paths share."""
        here, there = path.split("/")[1:-1], target.split("/")[1:]
        same = 0
        while same < min(len(here), len(there)) and here[same] == there[same]:
            same += 1
        self.link(path, "../" * (len(here) - same) + "/".join(there[same:]))

    def node(self, path, kind, major, minor, mode=0o660, uid=0, gid=0):
        self.put(path, " % {} {} {} {:04o} {} {}".format(kind, major, minor, mode, uid, gid))

    def cpu(self, vendor, flags):
        self.file("/proc/cpuinfo", "processor\t: 0\nvendor_id\t: {}\nflags\t\t: fpu {}\n".format(vendor, flags))

    def memory(self, total, free, nodes=None):
        self.file("/proc/meminfo", "MemTotal: {0:>14} kB\nMemFree: {1:>15} kB\nMemAvailable: {1:>10} kB\n"
                  "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB"
                  .format(total >> 10, free >> 10))
        for number, (size, left) in enumerate(nodes or [(total, free)]):
            self.file("/sys/devices/system/node/node{}/meminfo".format(number),
                      "Node {0} MemTotal: {1} kB\nNode {0} MemFree: {2} kB".format(number, size >> 10, left >> 10))

    def function(self, address, ids, class_code, parent=None, driver=None, group=None, numa=-1, subsystem=(0, 0),
                 config=None, bars=(), rom=0, iov=(), reset=None, power="D0", names=None, **more):
        root = "/sys/devices/pci" + address[:address.index(":", 5)]
        path = (self.paths[parent] if parent else root) + "/" + address
        self.paths[address] = path
        self.up_link("/sys/bus/pci/devices/" + address, path)
        vendor, product = ids
        modalias = "pci:v{:08X}d{:08X}sv{:08X}sd{:08X}bc{:02X}sc{:02X}i{:02X}".format(
            vendor, product, *subsystem, class_code >> 16, class_code >> 8 & 0xff, class_code & 0xff)
        self.file(path + "/uevent", "{}PCI_CLASS={:X}\nPCI_ID={:04X}:{:04X}\nPCI_SUBSYS_ID={:04X}:{:04X}\n"
                  "PCI_SLOT_NAME={}\nMODALIAS={}".format("DRIVER=%s\n" % driver if driver else "", class_code,
                                                         vendor, product, *subsystem, address, modalias))
        for name, value in (("vendor", vendor), ("device", product)):
            self.file(path + "/" + name, "0x{:04x}".format(value))
        if driver:
            self.up_link(path + "/driver", "/sys/bus/pci/drivers/" + driver)
            drivers = "/sys/bus/pci/drivers/" + driver + "/"
            self.lines.setdefault(drivers, "")
        if group is not None:
            self.up_link(path + "/iommu_group", "/sys/kernel/iommu_groups/{}".format(group))
            self.lines.setdefault("/sys/kernel/iommu_groups/{}/type".format(group), " = DMA-FQ")
            self.lines.setdefault("/sys/kernel/iommu_groups/{}/reserved_regions".format(group),
                                  " = 0x00000000fee00000 0x00000000feefffff msi")
        self.file(path + "/numa_node", str(numa))
        self.file(path + "/driver_override", more.pop("override", "(null)"))
        self.file(path + "/power_state", power)
        if reset is not None:
            self.file(path + "/reset_method", reset)
        lines = list(bars) + [None] * (6 - len(bars)) + [(0xfff00000, rom, 0x46200) if rom else None]
        lines += list(iov) + [None] * (6 - len(iov))
        self.file(path + "/resource", "\n".join(
            "0x{:016x} 0x{:016x} 0x{:016x}".format(*((b[0], b[0] + b[1] - 1, b[2]) if b else (0, 0, 0)))
            for b in lines))
        if rom:
            self.put(path + "/rom", " :")
        if config:
            self.hex(path + "/config", bytes(config.bytes))
        for name, value in more.items():
            self.file(path + "/" + name, str(value))
        if names:
            self.ids.setdefault(vendor, (names[0], {}))[1][product] = names[1]
        return path

    def dump(self, folder):
        text = ""
        for vendor in sorted(self.ids):
            text += "{:04x}  {}\n".format(vendor, self.ids[vendor][0])
            for product in sorted(self.ids[vendor][1]):
                text += "\t{:04x}  {}\n".format(product, self.ids[vendor][1][product])
        text += ("C 01  Mass storage controller\n\t04  RAID bus controller\n\t06  SATA controller\n"
                 "\t08  Non-Volatile memory controller\nC 02  Network controller\n\t00  Ethernet controller\n"
                 "\t80  Network controller\nC 03  Display controller\n\t00  VGA compatible controller\n"
                 "\t02  3D controller\nC 04  Multimedia controller\n\t03  Audio device\nC 06  Bridge\n"
                 "\t00  Host bridge\n\t01  ISA bridge\n\t04  PCI bridge\nC 0c  Serial bus controller\n"
                 "\t03  USB controller")
        self.file("/usr/share/misc/pci.ids", text)
        with open(os.path.join(folder, self.name + ".host"), "w") as file:
            file.write("# SPDX-License-Identifier: LGPL-2.1-or-later\n# {}\n".format(self.about))
            for path in sorted(self.lines):
                file.write(path + self.lines[path] + "\n")

    # ---- what sits on functions

    def disk(self, owner, below, name, number, parts=()):
        path = "{}/{}/{}".format(self.paths[owner], below, name)
        self.block(path, name, number)
        for i, part in enumerate(parts):
            self.block(path + "/" + part, part, (number[0], number[1] + 1 + i))

    def block(self, path, name, number):
        self.file(path + "/dev", "%d:%d" % number)
        self.up_link("/sys/class/block/" + name, path)
        self.up_link("/sys/dev/block/%d:%d" % number, path)
        self.node("/dev/" + name, "b", *number)
        self.paths[name] = path

    def volume(self, name, label, uuid, minor, *parts):
        path = "/sys/devices/virtual/block/" + name
        self.block(path, name, (253, minor))
        self.file(path + "/dm/name", label)
        self.file(path + "/dm/uuid", uuid)
        for part in parts:
            self.up_link(path + "/slaves/" + part, self.paths[part])

    def interface(self, owner, name, up=True, mac="02:00:00:00:00:01"):
        path = self.paths[owner] + "/net/" + name
        self.file(path + "/flags", "0x1003" if up else "0x1002")
        self.file(path + "/address", mac)
        self.file(path + "/carrier", "1" if up else "0")
        self.up_link("/sys/class/net/" + name, path)

    def routes(self, *lines):
        self.file("/proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n" + "\n".join(
            "\t".join((name, destination, gateway, flags, "0", "0", "0", mask)) for name, destination, gateway,
            flags, mask in lines))

    def addresses(self, *texts):
        self.file("/proc/net/fib_trie", "Local:\n" + "\n".join(
            "     |-- %s\n        /32 host LOCAL" % text for text in texts))

    def char(self, owner, below, node, number):
        path = self.paths[owner] + "/" + below
        self.lines.setdefault(path + "/", "")
        self.up_link("/sys/dev/char/%d:%d" % number, path)
        self.node("/dev/" + node, "c", *number)
        return path

    def process(self, pid, name, *nodes):
        self.file("/proc/%d/comm" % pid, name)
        for i, node in enumerate(nodes):
            self.link("/proc/%d/fd/%d" % (pid, 10 + i), "/dev/" + node)


MEM32, MEM64, PREF64, IO = 0x40200, 0x140204, 0x14220c, 0x40101
MIB, GIB = 1 << 20, 1 << 30


def port(bus, subordinate=None, number=0, acs=True, kind=4, width=16):
    config = Config(0x1022, 0x1483, 0x060400, header=1).bridge(bus, subordinate or bus).power()
    config.express(kind, cap=(4, width, number), now=(4, width)).aer()
    return config.acs() if acs else config


def nvme(address, machine, parent, group, numa=-1, driver="nvme", serial=0x002538b111401234):
    return machine.function(
        address, (0x144d, 0xa808), 0x010802, parent, driver, group, numa, (0x144d, 0xa801),
        Config(0x144d, 0xa808, 0x010802).power().msi().msix(33).express(0, True, (3, 4, 0), (3, 4)).aer().serial(serial),
        [(0xfc000000 + group * MIB, 0x4000, MEM64)], reset="flr bus",
        names=("Samsung Electronics Co Ltd", "NVMe SSD Controller SM981/PM981/PM983"))


def desktop():
    m = Machine("desktop", "a desktop: AMD-Vi, two graphics cards with their audio functions, LUKS and LVM")
    m.cpu("AuthenticAMD", "svm avx2")
    m.memory(32 * GIB, 24 * GIB)
    m.file("/proc/cmdline", "root=/dev/mapper/vg-root ro quiet iommu=pt")
    m.file("/proc/interrupts", "            CPU0\n   0:         28  IR-IO-APIC    2-edge      timer")
    m.lines["/sys/class/iommu/ivhd0/"] = ""
    amd, nvidia = "Advanced Micro Devices, Inc. [AMD]", "NVIDIA Corporation"
    m.function("0000:00:00.0", (0x1022, 0x1480), 0x060000, group=0, config=Config(0x1022, 0x1480, 0x060000, pin=0),
               names=(amd, "Starship/Matisse Root Complex"))
    for slot, bus, group in (("01.1", 3, 14), ("03.1", 1, 1), ("03.2", 2, 2), ("04.1", 4, 4), ("07.1", 5, 7)):
        m.function("0000:00:" + slot, (0x1022, 0x1483), 0x060400, None, "pcieport", group,
                   config=port(bus, number=int(slot[1])), names=(amd, "Starship/Matisse GPP Bridge"))
    m.function("0000:01:00.0", (0x10de, 0x2484), 0x030000, "0000:00:03.1", "nvidia", 20, subsystem=(0x1043, 0x87b8),
               config=Config(0x10de, 0x2484, 0x030000, 0xa1, multifunction=True).power().msi().express(1).aer()
               .rebar(1, 0x3fc0, 8), bars=[(0xfb000000, 16 * MIB, MEM32), (0x7c00000000, 256 * MIB, PREF64), None,
                                          (0x7c10000000, 32 * MIB, PREF64), None, (0xf000, 128, IO)],
               rom=512 * 1024, reset="bus", boot_vga=1, names=(nvidia, "GA104 [GeForce RTX 3070]"))
    m.function("0000:01:00.1", (0x10de, 0x228b), 0x040300, "0000:00:03.1", "snd_hda_intel", 20,
               config=Config(0x10de, 0x228b, 0x040300, 0xa1, multifunction=True, pin=2).power().msi().express(0),
               bars=[(0xfc080000, 16384, MEM32)], reset="", names=(nvidia, "GA104 High Definition Audio Controller"))
    m.function("0000:02:00.0", (0x1002, 0x67df), 0x030000, "0000:00:03.2", "vfio-pci", 21,
               config=Config(0x1002, 0x67df, 0x030000, 0xe7, multifunction=True).power(False).express(1).aer(),
               bars=[(0x7d00000000, 256 * MIB, PREF64), None, (0x7d10000000, 2 * MIB, PREF64), None,
                     (0xe000, 256, IO), (0xfcb00000, 256 * 1024, MEM32)], rom=128 * 1024, reset="bus",
               override="vfio-pci", boot_vga=0, names=(amd + "/ATI", "Ellesmere [Radeon RX 580]"))
    m.function("0000:02:00.1", (0x1002, 0xaaf0), 0x040300, "0000:00:03.2", "vfio-pci", 21, override="vfio-pci",
               config=Config(0x1002, 0xaaf0, 0x040300, multifunction=True, pin=2).power(False).express(1),
               bars=[(0xfcb60000, 16384, MEM64)], reset="", names=(amd + "/ATI", "Ellesmere HDMI Audio"))
    nvme("0000:03:00.0", m, "0000:00:01.1", 15)
    m.function("0000:04:00.0", (0x10ec, 0x8125), 0x020000, "0000:00:04.1", "r8169", 16,
               config=Config(0x10ec, 0x8125, 0x020000, 5).power().msi().msix(32).express(0, False, (2, 1, 0), (2, 1))
               .aer().serial(0x0100000068ce0000), bars=[(0xd000, 256, IO), None, (0xfca00000, 64 * 1024, MEM64)],
               reset="pm", names=("Realtek Semiconductor Co., Ltd.", "RTL8125 2.5GbE Controller"))
    m.function("0000:05:00.3", (0x1022, 0x149c), 0x0c0330, "0000:00:07.1", "xhci_hcd", 24,
               config=Config(0x1022, 0x149c, 0x0c0330).power().msi().msix(8).express(0, True),
               bars=[(0xfc400000, MIB, MEM64)], reset="flr", names=(amd, "Matisse USB 3.0 Host Controller"))
    m.function("0000:05:00.4", (0x1022, 0x7901), 0x010601, "0000:00:07.1", "ahci", 25,
               config=Config(0x1022, 0x7901, 0x010601).power().msi().express(0), reset="",
               names=(amd, "FCH SATA Controller [AHCI mode]"))
    # disks: LUKS and LVM on the NVMe, btrfs over two SATA disks, one of them swap
    m.disk("0000:03:00.0", "nvme/nvme0", "nvme0n1", (259, 0), ("nvme0n1p1", "nvme0n1p2"))
    m.disk("0000:05:00.4", "ata1/host0/target0:0:0/0:0:0:0/block", "sda", (8, 0), ("sda1", "sda2"))
    m.disk("0000:05:00.4", "ata2/host1/target1:0:0/1:0:0:0/block", "sdb", (8, 16))
    m.volume("dm-0", "luks-root", "CRYPT-LUKS2-1", 0, "nvme0n1p2")
    m.volume("dm-1", "vg-root", "LVM-1", 1, "dm-0")
    m.lines["/sys/fs/btrfs/0fae/devices/sda1"] = " -> x"
    m.lines["/sys/fs/btrfs/0fae/devices/sdb"] = " -> x"
    m.file("/proc/self/mountinfo", "27 1 253:1 / / rw,relatime - ext4 /dev/mapper/vg-root rw\n"
           "28 27 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n30 27 0:45 / /data rw - btrfs /dev/sda1 rw")
    m.file("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 8388604 0 -2")
    # the network: the card is the port of a bridge that has the route
    m.interface("0000:04:00.0", "enp4s0")
    m.file("/sys/devices/virtual/net/br0/flags", "0x1003")
    m.lines["/sys/devices/virtual/net/br0/bridge/"] = ""
    m.up_link("/sys/class/net/br0", "/sys/devices/virtual/net/br0")
    m.up_link("/sys/devices/virtual/net/br0/lower_enp4s0", m.paths["0000:04:00.0"] + "/net/enp4s0")
    m.up_link(m.paths["0000:04:00.0"] + "/net/enp4s0/master", "/sys/devices/virtual/net/br0")
    m.routes(("br0", "00000000", "010200C0", "0003", "00000000"), ("br0", "000200C0", "00000000", "0001", "00FFFFFF"))
    m.addresses("127.0.0.1", "192.0.2.10")
    # who sits there
    m.char("0000:01:00.0", "drm/card0", "dri/card0", (226, 0))
    m.char("0000:01:00.0", "drm/renderD128", "dri/renderD128", (226, 128))
    m.char("0000:01:00.1", "sound/card0/controlC0", "snd/controlC0", (116, 2))
    m.up_link("/sys/class/drm/card0", m.paths["0000:01:00.0"] + "/drm/card0")
    m.process(1432, "gnome-shell", "dri/card0", "dri/renderD128")
    m.process(1500, "pipewire", "snd/controlC0")
    m.node("/dev/vfio/21", "c", 240, 0, 0o600)
    m.link("/sys/dev/char/240:0", "../../devices/virtual/vfio/21")
    m.lines["/sys/devices/virtual/vfio/21/"] = ""
    m.process(2000, "qemu-system-x86", "vfio/21", "vfio/vfio", "kvm")
    keyboard = m.paths["0000:05:00.3"] + "/usb1/1-1/1-1:1.0/0003:046D:C31C.0001/input/input3"
    m.lines[keyboard + "/"] = ""
    m.file("/proc/bus/input/devices", 'I: Bus=0003\nN: Name="Keyboard K120"\nS: Sysfs=' + keyboard[4:] +
           "\nH: Handlers=sysrq kbd event3 leds \n\n")
    m.file("/proc/iomem", "fb000000-fbffffff : 0000:01:00.0\n7c00000000-7c0fffffff : 0000:01:00.0\n"
           "  7c00000000-7c007fffff : BOOTFB")
    m.file("/etc/modprobe.d/vfio.conf", "options vfio-pci ids=1002:67df,1002:aaf0\nsoftdep amdgpu pre: vfio-pci")
    return m


def laptop():
    m = Machine("laptop", "a laptop without an IOMMU: the firmware has it switched off")
    m.cpu("GenuineIntel", "vmx avx2")
    m.memory(16 * GIB, 9 * GIB)
    m.file("/proc/cmdline", "root=/dev/nvme0n1p2 ro quiet splash")
    m.file("/proc/interrupts", "            CPU0\n   0:         28  IO-APIC    2-edge      timer")
    intel = "Intel Corporation"
    m.function("0000:00:00.0", (0x8086, 0x9a14), 0x060000, config=Config(0x8086, 0x9a14, 0x060000, pin=0),
               names=(intel, "11th Gen Core Processor Host Bridge/DRAM Registers"))
    m.function("0000:00:02.0", (0x8086, 0x9a49), 0x030000, driver="i915", reset="flr pm",
               config=Config(0x8086, 0x9a49, 0x030000, 1).power().msi().express(9, True),
               bars=[(0x6000000000, 16 * MIB, MEM64), None, (0x4000000000, 256 * MIB, PREF64), None, (0x3000, 64, IO)],
               rom=128 * 1024, boot_vga=1, names=(intel, "TigerLake-LP GT2 [Iris Xe Graphics]"))
    m.function("0000:00:06.0", (0x8086, 0x9a09), 0x060400, driver="pcieport", config=port(1, width=4),
               names=(intel, "11th Gen Core Processor PCIe Controller"))
    m.function("0000:00:07.0", (0x8086, 0x9a23), 0x060400, driver="pcieport", config=port(2, 0x2c),
               names=(intel, "Tiger Lake-LP Thunderbolt 4 PCI Express Root Port"))
    m.function("0000:00:14.0", (0x8086, 0xa0ed), 0x0c0330, driver="xhci_hcd", reset="pm",
               config=Config(0x8086, 0xa0ed, 0x0c0330).power().msi(),
               names=(intel, "Tiger Lake-LP USB 3.2 Gen 2x1 xHCI Host Controller"))
    m.function("0000:00:14.3", (0x8086, 0xa0f0), 0x028000, driver="iwlwifi", reset="flr",
               config=Config(0x8086, 0xa0f0, 0x028000).power().msi().express(9, True),
               names=(intel, "Wi-Fi 6 AX201"))
    m.function("0000:00:1f.0", (0x8086, 0xa082), 0x060100, config=Config(0x8086, 0xa082, 0x060100, pin=0,
               multifunction=True), names=(intel, "Tiger Lake-LP LPC Controller"))
    nvme("0000:01:00.0", m, "0000:00:06.0", 0)
    for path in [p for p in m.lines if p.endswith("/iommu_group") or p.startswith("/sys/kernel/iommu_groups")]:
        del m.lines[path]
    # a graphics card in a box on the cable, asleep, and gone from the bus
    m.function("0000:02:00.0", (0x10de, 0x1c03), 0x030000, "0000:00:07.0", None, removable="removable",
               power="D3cold", reset="bus", bars=[(0xfb000000, 16 * MIB, MEM32)],
               config=Config(0x10de, 0x1c03, 0x030000), revision="0xa1",
               names=("NVIDIA Corporation", "GP106 [GeForce GTX 1060 6GB]"))
    m.lines[m.paths["0000:02:00.0"] + "/config"] = " : " + "ff" * 256
    m.disk("0000:01:00.0", "nvme/nvme0", "nvme0n1", (259, 0), ("nvme0n1p1", "nvme0n1p2"))
    m.file("/proc/self/mountinfo", "27 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw")
    m.interface("0000:00:14.3", "wlp0s20f3")
    m.routes(("wlp0s20f3", "00000000", "0101A8C0", "0003", "00000000"),
             ("wlp0s20f3", "0001A8C0", "00000000", "0001", "00FFFFFF"))
    m.addresses("127.0.0.1", "192.168.1.17")
    return m


def dmar(*reserved):
    """38 bits, remapping; one unit; memory for devices: (start, end, bus, (slot, function)...)."""
    body = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xfbffc000)
    for start, end, bus, *path in reserved:
        scope = struct.pack("<BBHBB", 1, 6 + 2 * len(path), 0, 0, bus) + b"".join(bytes(hop) for hop in path)
        body += struct.pack("<HHHHQQ", 1, 24 + len(scope), 0, 0, start, end) + scope
    table = bytearray(b"DMAR" + struct.pack("<IBB", 48 + len(body), 1, 0) + b"VENDORSERVER  " + bytes(12) +
                      bytes([45, 1]) + bytes(10) + body)
    table[9] = -sum(table) & 0xff
    return bytes(table)


def server():
    m = Machine("server", "a server: two NUMA nodes, SR-IOV, NVMe behind a switch, a RAID controller with RMRR")
    m.cpu("GenuineIntel", "vmx avx512f")
    m.memory(256 * GIB, 200 * GIB, [(128 * GIB, 90 * GIB), (128 * GIB, 110 * GIB)])
    m.file("/proc/cmdline", "root=/dev/sda2 ro intel_iommu=on")
    m.file("/proc/interrupts", "            CPU0\n   0:         28  IR-IO-APIC    2-edge      timer")
    m.hex("/sys/firmware/acpi/tables/DMAR", dmar((0x7b000000, 0x7b0fffff, 0, (1, 0), (0, 0))))
    for number in range(2):
        unit = "/sys/class/iommu/dmar%d/intel-iommu" % number
        m.file(unit + "/cap", "8d2078c106f0466")
        m.file(unit + "/ecap", "f020df")
    intel, lsi, mellanox = "Intel Corporation", "Broadcom / LSI", "Mellanox Technologies"
    m.function("0000:00:00.0", (0x8086, 0x2020), 0x060000, group=0, numa=0,
               config=Config(0x8086, 0x2020, 0x060000, pin=0), names=(intel, "Sky Lake-E DMI3 Registers"))
    m.function("0000:00:01.0", (0x8086, 0x2030), 0x060400, None, "pcieport", 1, 0, config=port(1),
               names=(intel, "Sky Lake-E PCI Express Root Port A"))
    m.function("0000:01:00.0", (0x1000, 0x005d), 0x010400, "0000:00:01.0", "megaraid_sas", 2, 0, (0x1028, 0x1f47),
               Config(0x1000, 0x005d, 0x010400, 2).power().msi().msix(97).express(0, True, (3, 8, 0), (3, 8)).aer()
               .serial(0x500605b00c4a0000), [(0x4000, 256, IO), (0x92000000, 64 * 1024, MEM64)], rom=MIB,
               reset="flr bus", names=(lsi, "MegaRAID SAS-3 3108 [Invader]"))
    m.lines["/sys/kernel/iommu_groups/2/reserved_regions"] = (
        " = 0x000000007b000000 0x000000007b0fffff direct\\n0x00000000fee00000 0x00000000feefffff msi")
    # the switch: one port up, two down, an NVMe behind each
    m.function("0000:3a:00.0", (0x8086, 0x2030), 0x060400, None, "pcieport", 10, 0, config=port(0x3b, 0x3e),
               names=(intel, "Sky Lake-E PCI Express Root Port A"))
    m.function("0000:3b:00.0", (0x10b5, 0x8724), 0x060400, "0000:3a:00.0", "pcieport", 11, 0,
               config=port(0x3c, 0x3e, kind=5, acs=False), names=("PLX Technology, Inc.", "PEX 8724 24-Lane Switch"))
    for i, slot in enumerate(("08.0", "09.0")):
        address = "0000:3c:" + slot
        m.function(address, (0x10b5, 0x8724), 0x060400, "0000:3b:00.0", "pcieport", 12 + i, 0,
                   config=port(0x3d + i, kind=6, number=8 + i),
                   names=("PLX Technology, Inc.", "PEX 8724 24-Lane Switch"))
        nvme("0000:%02x:00.0" % (0x3d + i), m, address, 14 + i, 0, serial=0x002538b111400000 + i)
    # the network card on the other node, with four virtual functions
    m.function("0000:ae:00.0", (0x8086, 0x2030), 0x060400, None, "pcieport", 40, 1, config=port(0xaf),
               names=(intel, "Sky Lake-E PCI Express Root Port A"))
    card = m.function(
        "0000:af:00.0", (0x15b3, 0x101d), 0x020000, "0000:ae:00.0", "mlx5_core", 41, 1, (0x15b3, 0x0016),
        Config(0x15b3, 0x101d, 0x020000).power().msi().msix(64).express(0, True, (4, 16, 0), (4, 16)).aer()
        .serial(0x0c42a10300aabbcc).ari().sriov(),
        [(0xe0000000, 32 * MIB, PREF64)], rom=MIB, iov=[(0xe2000000, 16 * MIB, PREF64)], reset="flr bus",
        sriov_totalvfs=8, sriov_numvfs=4, names=(mellanox, "MT2892 Family [ConnectX-6 Dx]"))
    for i in range(4):
        taken = i < 2
        address = "0000:af:00.%d" % (i + 2)
        config = Config(0xffff, 0xffff, 0x020000, pin=0).msix(12).express(0, True, (4, 16, 0), (0, 0)).ari()
        path = m.function(address, (0x15b3, 0x101e), 0x020000, "0000:ae:00.0",
                          "mlx5_vfio_pci" if taken else "mlx5_core", 42 + i, 1, (0x15b3, 0x0016), config,
                          [(0xe2000000 + i * 2 * MIB, 2 * MIB, PREF64)], reset="flr",
                          names=(mellanox, "ConnectX Family mlx5Gen Virtual Function"),
                          **({"override": "mlx5_vfio_pci"} if taken else {}))
        m.up_link(card + "/virtfn%d" % i, path)
        m.up_link(path + "/physfn", card)
    m.interface("0000:af:00.0", "ens1np0", mac="0c:42:a1:aa:bb:cc")
    m.interface("0000:af:00.4", "ens1v2", False, "02:00:00:00:00:12")
    m.interface("0000:af:00.5", "ens1v3", False, "02:00:00:00:00:13")
    m.routes(("ens1np0", "00000000", "010200C0", "0003", "00000000"),
             ("ens1np0", "000200C0", "00000000", "0001", "00FFFFFF"))
    m.addresses("127.0.0.1", "192.0.2.20")
    m.disk("0000:01:00.0", "host0/target0:2:0/0:2:0:0/block", "sda", (8, 0), ("sda1", "sda2"))
    m.disk("0000:3d:00.0", "nvme/nvme0", "nvme0n1", (259, 0))
    m.file("/proc/self/mountinfo", "27 1 8:2 / / rw - ext4 /dev/sda2 rw\n28 27 0:50 / /nvme rw - zfs tank/nvme rw")
    # an NVMe with two paths: its disk lies on none of them
    m.block("/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1", "nvme1n1", (259, 5))
    m.lines[m.paths["0000:3e:00.0"] + "/nvme/nvme1/"] = ""
    m.up_link("/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1", m.paths["0000:3e:00.0"] + "/nvme/nvme1")
    m.file("/run/udev/data/b259:5", "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank")
    m.file("/proc/spl/kstat/zfs/tank/state", "ONLINE")
    m.file("/proc/spl/kstat/zfs/arcstats", "9 1 0x01\nname type data\nsize                            4    8589934592")
    for number in (42, 43):
        m.node("/dev/vfio/%d" % number, "c", 240, number, 0o600)
        m.link("/sys/dev/char/240:%d" % number, "../../devices/virtual/vfio/%d" % number)
        m.lines["/sys/devices/virtual/vfio/%d/" % number] = ""
    m.process(5000, "qemu-system-x86", "vfio/42", "kvm")
    # the caller came by the network
    m.file("/proc/self/stat", "900 (pcipass) S 890 900 890")
    m.file("/proc/890/stat", "890 (bash) S 880 890 890")
    m.file("/proc/880/stat", "880 (sshd) S 1 880 880")
    m.link("/proc/880/fd/4", "socket:[4711]")
    m.file("/proc/net/tcp", "  sl  local_address rem_address   st\n   0: 140200C0:0016 630200C0:D431 01 "
           "00000000:00000000 02:000A7F8E 00000000     0        0 4711 4")
    return m


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for make in (desktop, laptop, server):
        make().dump(target)
