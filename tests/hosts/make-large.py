#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes large machines as text, for pictures: gpus.host, nodes.host, functions.host, workstation.host,
cards.host.

    tests/hosts/make-large.py [FOLDER]
"""
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
spec = importlib.util.spec_from_file_location("machines", os.path.join(HERE, "make-machines.py"))
machines = importlib.util.module_from_spec(spec)
spec.loader.exec_module(machines)
Config, MIB, GIB = machines.Config, machines.MIB, machines.GIB
MEM64, PREF64, MEM32 = machines.MEM64, machines.PREF64, machines.MEM32

AMD, INTEL, NVIDIA = "Advanced Micro Devices, Inc. [AMD]", "Intel Corporation", "NVIDIA Corporation"
GEN3, GEN4 = 3, 4


class Machine(machines.Machine):
    def __init__(self, name, about, vendor, memory):
        super().__init__(name, about)
        amd = vendor == "AuthenticAMD"
        self.cpu(vendor, "svm" if amd else "vmx")
        self.memory(memory, memory // 4 * 3)
        self.file("/proc/cmdline", "root=/dev/nvme0n1p2 ro" + ("" if amd else " intel_iommu=on"))
        self.file("/proc/interrupts", "            CPU0\n   0:         28  IR-IO-APIC    2-edge      timer")
        if amd:
            self.lines["/sys/class/iommu/ivhd0/"] = ""
        else:
            self.hex("/sys/firmware/acpi/tables/DMAR", machines.dmar())
            self.file("/sys/class/iommu/dmar0/intel-iommu/cap", "8d2078c106f0466")
            self.file("/sys/class/iommu/dmar0/intel-iommu/ecap", "f020df")
        self.group = -1
        self.guests = 0

    def file(self, path, text):
        if path.endswith("/pci.ids"):
            text += ("\n\t05  SMBus\nC 05  Memory controller\n\t80  Memory controller\nC 08  Generic system peripheral\n"
                     "\t06  IOMMU\n\t80  System peripheral\nC 11  Signal processing controller\n"
                     "\t01  Performance counters\nC 13  Non-Essential Instrumentation")
        super().file(path, text)

    def next_group(self):
        self.group += 1
        return self.group

    # ---- functions

    def part(self, address, ids, class_code, name, numa=-1, group=None, parent=None):
        """A part of the machine itself."""
        self.function(address, ids, class_code, parent, None, self.next_group() if group is None else group, numa,
                      config=Config(*ids, class_code, pin=0), names=(INTEL if ids[0] == 0x8086 else AMD, name))

    def bridge(self, address, below, last=None, parent=None, kind=4, now=(GEN4, 16), cap=(GEN4, 16), numa=-1, group=None,
               acs=True, ids=(0x1022, 0x1483), names=(AMD, "Starship/Matisse GPP Bridge")):
        config = Config(*ids, 0x060400, header=1).bridge(below, last or below).power()
        config.express(kind, cap=(*cap, int(address[8:10], 16)), now=now).aer()
        self.function(address, ids, 0x060400, parent, "pcieport", self.next_group() if group is None else group, numa,
                      config=config.acs() if acs else config, names=names)

    def disk_drive(self, address, parent, numa=-1, group=None, number=None, now=(GEN4, 4), driver="nvme"):
        self.function(address, (0x144d, 0xa80a), 0x010802, parent, driver, self.next_group() if group is None else group,
                      numa, (0x144d, 0xa801), Config(0x144d, 0xa80a, 0x010802).power().msix(33)
                      .express(0, True, (GEN4, 4, 0), now).aer(), [(0xfc000000, 0x4000, MEM64)], reset="flr bus",
                      names=("Samsung Electronics Co Ltd", "NVMe SSD Controller PM9A1/PM9A3/980PRO"))
        if number is not None:
            self.disk(address, "nvme/nvme%d" % number, "nvme%dn1" % number, (259, number * 4),
                      ("nvme%dn1p1" % number, "nvme%dn1p2" % number))

    def graphics(self, address, parent, driver="nvidia", group=None, ids=(0x10de, 0x2230), name="GA102GL [RTX A6000]",
                 now=(GEN4, 16), numa=-1, sound="snd_hda_intel", **more):
        group = self.next_group() if group is None else group
        self.function(address, ids, 0x030000, parent, driver, group, numa, subsystem=(0x10de, 0x1459),
                      config=Config(*ids, 0x030000, 0xa1, multifunction=True).power().msi()
                      .express(1, False, (GEN4, 16, 0), now).aer(),
                      bars=[(0xfb000000, 16 * MIB, MEM32), (0x7c00000000, 256 * MIB, PREF64)], rom=512 * 1024,
                      reset="bus", names=(NVIDIA, name), **more)
        self.function(address[:-1] + "1", (0x10de, 0x1aef), 0x040300, parent, sound, group, numa,
                      config=Config(0x10de, 0x1aef, 0x040300, 0xa1, multifunction=True, pin=2).power().msi()
                      .express(0, False, (GEN4, 16, 0), now), bars=[(0xfc080000, 16384, MEM32)], reset="",
                      names=(NVIDIA, "GA102 High Definition Audio Controller"),
                      **({"override": more["override"]} if "override" in more else {}))
        return group

    def usb(self, address, parent=None, group=None, ids=(0x1022, 0x149c), name="Matisse USB 3.0 Host Controller", numa=-1):
        self.function(address, ids, 0x0c0330, parent, "xhci_hcd", self.next_group() if group is None else group, numa,
                      config=Config(*ids, 0x0c0330).power().msi().msix(8), bars=[(0xfc400000, MIB, MEM64)],
                      reset="flr", names=(AMD if ids[0] == 0x1022 else INTEL, name))

    def card(self, address, parent, count, numa=-1, total=256, driver="ice", virtual="iavf",
             ids=(0x8086, 0x1592), names=(INTEL, "Ethernet Controller E810-C for QSFP"), interface=None, now=(GEN4, 16)):
        """A network card with COUNT virtual functions, on the addresses behind its own."""
        path = self.function(address, ids, 0x020000, parent, driver, self.next_group(), numa, (0x8086, 0x0002),
                             Config(*ids, 0x020000).power().msix(512).express(0, True, (GEN4, 16, 0), now).aer().ari()
                             .sriov(), [(0xe0000000, 32 * MIB, PREF64)], iov=[(0xe2000000, 32 * MIB, PREF64)],
                             reset="flr bus", sriov_totalvfs=total, sriov_numvfs=count, names=names)
        start = int(address[5:7], 16) << 8 | int(address[8:10], 16) << 3 | int(address[11])
        for i in range(count):
            place = start + 8 + i
            child = "%s:%02x:%02x.%d" % (address[:4], place >> 8, place >> 3 & 0x1f, place & 7)
            config = Config(0xffff, 0xffff, 0x020000, pin=0).msix(17).express(0, True, (GEN4, 16, 0), (0, 0))
            there = self.function(child, (0x8086, 0x1889), 0x020000, parent, virtual, self.next_group(), numa,
                                  (0x8086, 0x0000), config, [(0xe2000000 + i * 128 * 1024, 128 * 1024, PREF64)],
                                  reset="flr", names=(INTEL, "Ethernet Adaptive Virtual Function"))
            self.up_link(path + "/virtfn%d" % i, there)
            self.up_link(there + "/physfn", path)
        if interface:
            self.interface(address, interface)

    # ---- what uses them

    def root_disk(self, number=0):
        self.file("/proc/self/mountinfo", "27 1 259:%d / / rw - ext4 /dev/nvme%dn1p2 rw\n"
                  "28 27 259:%d / /boot/efi rw - vfat /dev/nvme%dn1p1 rw" % (
                      number * 4 + 2, number, number * 4 + 1, number))

    def network(self, name):
        self.routes((name, "00000000", "010200C0", "0003", "00000000"), (name, "000200C0", "00000000", "0001", "00FFFFFF"))
        self.addresses("127.0.0.1", "192.0.2.30")

    def guest(self, name, addresses, runs=True):
        """A guest of libvirt's; one that runs has the devices."""
        text = ("<domain type='kvm'><name>%s</name><memory unit='KiB'>4194304</memory><vcpu>4</vcpu>"
                "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>%s</devices></domain>" % (
                    name, "".join(
                        "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x%s' bus='0x%s' "
                        "slot='0x%s' function='0x%s'/></source></hostdev>" % (a[:4], a[5:7], a[8:10], a[11])
                        for a in addresses)))
        self.file("/etc/libvirt/qemu/%s.xml" % name, text)
        if not runs:
            return
        self.guests += 1
        pid = 20000 + self.guests
        self.file("/run/libvirt/qemu/%s.xml" % name, "<domstatus state='running' reason='booted' pid='%d'>%s</domstatus>"
                  % (pid, text))
        self.file("/proc/%d/comm" % pid, "qemu-system-x86")
        self.hex("/proc/%d/cmdline" % pid, b"/usr/bin/qemu-system-x86_64\0-name\0guest=%s,debug-threads=on\0-x\0"
                 b"/var/lib/libvirt/qemu/domain-%d-%s\0" % (name.encode(), self.guests, name.encode()))
        for address in addresses:
            path = self.paths[address]
            group = os.path.basename(self.lines[path + "/iommu_group"][4:])
            node = "/dev/vfio/" + group
            if node not in self.lines:
                self.node(node, "c", 240, int(group), 0o600)
                self.link("/sys/dev/char/240:" + group, "../../devices/virtual/vfio/" + group)
                self.lines["/sys/devices/virtual/vfio/%s/" % group] = ""
            self.lines["/proc/%d/fd/%d" % (pid, 20 + int(group))] = " -> " + node
            del self.lines[path + "/driver"]
            self.up_link(path + "/driver", "/sys/bus/pci/drivers/vfio-pci")
            self.lines["/sys/bus/pci/drivers/vfio-pci/"] = ""
            self.lines[path + "/driver_override"] = " = vfio-pci"
            event = self.lines[path + "/uevent"]
            self.lines[path + "/uevent"] = " = DRIVER=vfio-pci\\n" + event[event.index("PCI_CLASS"):]

    def uncore(self, bus, count, numa):
        """What server processors show of themselves."""
        names = ((0x088000, 0x2034, "Sky Lake-E VT-d"), (0x088000, 0x2035, "Sky Lake-E RAS"),
                 (0x110100, 0x2058, "Sky Lake-E KTI 0"), (0x088000, 0x2066, "Sky Lake-E Integrated Memory Controller"))
        for i in range(count):
            class_code, product, name = names[i * len(names) // count]
            self.part("0000:%02x:%02x.%d" % (bus, 8 + i // 8, i % 8), (0x8086, product), class_code, name, numa)


PLX = ("Broadcom / LSI", "PEX880xx PCIe Gen 4 Switch")
PORT = ("Intel Corporation", "Sky Lake-E PCI Express Root Port A")


def gpus():
    m = Machine("gpus", "four graphics cards behind two switches, two of them with a guest", "AuthenticAMD", 512 * GIB)
    for number, (root, bus) in enumerate((("0000:00", 0x01), ("0000:40", 0x41))):
        top = "0000:%02x:00.0" % bus
        m.part(root + ":00.0", (0x1022, 0x1480), 0x060000, "Starship/Matisse Root Complex")
        m.part(root + ":00.2", (0x1022, 0x1481), 0x080600, "Starship/Matisse IOMMU")
        m.bridge(root + ":01.1", bus, bus + 4)
        m.bridge(top, bus + 1, bus + 4, root + ":01.1", kind=5, ids=(0x1000, 0xc010), names=PLX)
        for i in range(3):
            port = "0000:%02x:%02x.0" % (bus + 1, i * 4)
            card = "0000:%02x:00.0" % (bus + 2 + i)
            m.bridge(port, bus + 2 + i, None, top, kind=6, ids=(0x1000, 0xc010), names=PLX,
                     now=(GEN4, 16) if i < 2 else (GEN4, 4))
            if i < 2:
                m.graphics(card, port, now=(GEN4, 8) if number and i else (GEN4, 16))
            else:
                m.disk_drive(card, port, number=number)
    m.bridge("0000:00:03.1", 0x06)
    m.card("0000:06:00.0", "0000:00:03.1", 0, interface="enp6s0", total=128)
    m.bridge("0000:00:07.1", 0x07)
    m.usb("0000:07:00.3", "0000:00:07.1")
    for slot in range(1, 5):
        m.bridge("0000:40:%02x.0" % (slot + 2), 0x50 + slot, now=(1, 0))
    m.root_disk()
    m.network("enp6s0")
    m.guest("training-1", ["0000:03:00.0", "0000:03:00.1", "0000:04:00.0", "0000:04:00.1"])
    m.guest("render", ["0000:43:00.0", "0000:43:00.1"], runs=False)
    return m


def nodes():
    m = Machine("nodes", "two NUMA nodes, six root complexes on each, 24 disks", "AuthenticAMD", 1024 * GIB)
    number = 0
    for node in range(2):
        for part in range(4):
            root = node * 0x80 + part * 0x20
            m.part("0000:%02x:00.0" % root, (0x1022, 0x1480), 0x060000, "Starship/Matisse Root Complex", node)
            m.part("0000:%02x:00.2" % root, (0x1022, 0x1481), 0x080600, "Starship/Matisse IOMMU", node)
            for slot in (1, 2, 3, 4, 5, 7, 8):
                m.part("0000:%02x:%02x.0" % (root, slot), (0x1022, 0x1482), 0x060000,
                       "Starship/Matisse PCIe Dummy Host Bridge", node)
            if part < 3:
                for i in range(4):
                    bus = root + 1 + i
                    m.bridge("0000:%02x:01.%d" % (root, i + 1), bus, now=(GEN4, 4), numa=node)
                    m.disk_drive("0000:%02x:00.0" % bus, "0000:%02x:01.%d" % (root, i + 1), node,
                                 number=number if number < 2 else None)
                    number += 1
            else:
                m.bridge("0000:%02x:01.1" % root, root + 1, numa=node)
                m.card("0000:%02x:00.0" % (root + 1), "0000:%02x:01.1" % root, 0, node, interface="ens%d" % (node + 1))
            m.bridge("0000:%02x:07.1" % root, root + 0x10, numa=node)
            m.part("0000:%02x:00.0" % (root + 0x10), (0x1022, 0x148a), 0x130000,
                   "Starship/Matisse PCIe Dummy Function", node, parent="0000:%02x:07.1" % root)
            if part == 0:
                m.usb("0000:%02x:00.3" % (root + 0x10), "0000:%02x:07.1" % root, numa=node)
    m.root_disk()
    m.network("ens1")
    m.guest("storage", ["0000:82:00.0", "0000:83:00.0", "0000:84:00.0"])
    return m


def functions():
    m = Machine("functions", "254 virtual functions of one card, 40 of them with guests", "GenuineIntel", 256 * GIB)
    m.part("0000:00:00.0", (0x8086, 0x2020), 0x060000, "Sky Lake-E DMI3 Registers", 0)
    m.bridge("0000:00:01.0", 1, numa=0, ids=(0x8086, 0x2030), names=PORT, now=(GEN3, 4))
    m.disk_drive("0000:01:00.0", "0000:00:01.0", 0, number=0, now=(GEN3, 4))
    m.usb("0000:00:14.0", ids=(0x8086, 0xa1af), name="C620 Series Chipset Family USB 3.0 xHCI Controller", numa=0)
    lpc = m.next_group()
    for function, (class_code, product, name) in enumerate((
            (0x060100, 0xa1c8, "C627 Series Chipset LPC/eSPI Controller"), (0x058000, 0xa1a1, "C620 Series P2SB"),
            (0x058000, 0xa1a1, "C620 Series Power Management Controller"), (0x0c0500, 0xa1a3, "C620 Series SMBus"))):
        m.part("0000:00:1f.%d" % function, (0x8086, product), class_code, name, 0, lpc)
    m.bridge("0000:40:00.0", 0x41, 0x42, numa=0, ids=(0x8086, 0x2030), names=PORT)
    m.card("0000:41:00.0", "0000:40:00.0", 254, 0, interface="ens4")
    m.uncore(0x80, 40, 0)
    m.root_disk()
    m.network("ens4")
    for i in range(40):
        place = 0x4108 + i
        m.guest("vm%03d" % (i + 1), ["0000:%02x:%02x.%d" % (place >> 8, place >> 3 & 0x1f, place & 7)])
    return m


def workstation():
    m = Machine("workstation", "a desktop whose second graphics card shares a group with its ports", "AuthenticAMD", 64 * GIB)
    m.part("0000:00:00.0", (0x1022, 0x1480), 0x060000, "Starship/Matisse Root Complex")
    m.part("0000:00:00.2", (0x1022, 0x1481), 0x080600, "Starship/Matisse IOMMU")
    m.bridge("0000:00:01.1", 1, now=(GEN4, 4))
    m.disk_drive("0000:01:00.0", "0000:00:01.1", number=0)
    m.bridge("0000:00:03.1", 3)
    m.graphics("0000:03:00.0", "0000:00:03.1", ids=(0x10de, 0x2484), name="GA104 [GeForce RTX 3070]", boot_vga=1)
    # no isolation in the chipset: its ports and all behind them are one group
    m.bridge("0000:00:01.3", 4, 9, now=(GEN3, 4), cap=(GEN3, 8))
    shared = m.next_group()
    m.bridge("0000:04:00.0", 5, 9, "0000:00:01.3", kind=5, group=shared, ids=(0x1022, 0x57ad), now=(GEN3, 4),
             names=(AMD, "Matisse Switch Upstream"))
    ports = {}
    for slot, bus in ((2, 6), (4, 7), (8, 8), (9, 9)):
        ports[bus] = "0000:05:%02x.0" % slot
        m.bridge(ports[bus], bus, None, "0000:04:00.0", kind=6, group=shared, acs=False, ids=(0x1022, 0x57a3),
                 names=(AMD, "Matisse PCIe GPP Bridge"), now={6: (GEN3, 1), 7: (GEN3, 4), 8: (GEN4, 16), 9: (1, 0)}[bus])
    m.function("0000:06:00.0", (0x10ec, 0x8125), 0x020000, ports[6], "r8169", shared,
               config=Config(0x10ec, 0x8125, 0x020000, 5).power().msi().express(0, False, (2, 1, 0), (2, 1)).aer(),
               reset="pm", names=("Realtek Semiconductor Co., Ltd.", "RTL8125 2.5GbE Controller"))
    m.graphics("0000:07:00.0", ports[7], group=shared, driver="nouveau", ids=(0x10de, 0x1b80),
               name="GP104 [GeForce GTX 1080]", now=(GEN3, 4))
    m.usb("0000:08:00.1", ports[8], group=shared)
    m.usb("0000:08:00.3", ports[8], group=shared)
    m.bridge("0000:00:07.1", 0x0a)
    m.usb("0000:0a:00.3", "0000:00:07.1")
    m.function("0000:0a:00.4", (0x1022, 0x1487), 0x040300, "0000:00:07.1", "snd_hda_intel", m.next_group(),
               config=Config(0x1022, 0x1487, 0x040300).power().msi().express(0), reset="flr pm",
               names=(AMD, "Starship/Matisse HD Audio Controller"))
    lpc = m.next_group()
    m.part("0000:00:14.0", (0x1022, 0x790b), 0x0c0500, "FCH SMBus Controller", -1, lpc)
    m.part("0000:00:14.3", (0x1022, 0x790e), 0x060100, "FCH LPC Bridge", -1, lpc)
    fabric = m.next_group()
    for function in range(8):
        m.part("0000:00:18.%d" % function, (0x1022, 0x1440 + function), 0x060000,
               "Matisse/Vermeer Data Fabric: Device 18h; Function %d" % function, -1, fabric)
    m.root_disk()
    m.interface("0000:06:00.0", "enp6s0")
    m.network("enp6s0")
    m.char("0000:03:00.0", "drm/card0", "dri/card0", (226, 0))
    m.process(1432, "gnome-shell", "dri/card0")
    keyboard = m.paths["0000:0a:00.3"] + "/usb1/1-1/1-1:1.0/0003:046D:C31C.0001/input/input3"
    m.lines[keyboard + "/"] = ""
    m.file("/proc/bus/input/devices", 'I: Bus=0003\nN: Name="Keyboard K120"\nS: Sysfs=' + keyboard[4:] +
           "\nH: Handlers=sysrq kbd event3 leds \n\n")
    m.guest("win11", ["0000:07:00.0", "0000:07:00.1"], runs=False)
    m.guest("sound", ["0000:0a:00.4"])
    return m


def cards():
    m = Machine("cards", "a server with four network cards and their virtual functions", "GenuineIntel", 384 * GIB)
    for node in range(2):
        base = node * 0x80
        m.part("0000:%02x:00.0" % base, (0x8086, 0x2020), 0x060000, "Sky Lake-E DMI3 Registers", node)
        m.uncore(base + 0x10, 36, node)
        m.uncore(base + 0x30, 36, node)
        for i in range(2):
            root = base + 0x50 + i * 0x10
            port = "0000:%02x:00.0" % root
            m.bridge(port, root + 1, root + 2, numa=node, ids=(0x8086, 0x2030), names=PORT)
            m.card("0000:%02x:00.0" % (root + 1), port, 16, node, interface="ens%d" % (node * 2 + i + 1))
    m.bridge("0000:00:02.0", 1, numa=0, ids=(0x8086, 0x2030), names=PORT, now=(GEN3, 4))
    m.disk_drive("0000:01:00.0", "0000:00:02.0", 0, number=0, now=(GEN3, 4))
    m.bridge("0000:00:03.0", 2, numa=0, ids=(0x8086, 0x2030), names=PORT, now=(1, 0))
    m.root_disk()
    m.network("ens1")
    for i, address in enumerate(("51:01.0", "51:01.1", "61:01.0")):
        m.guest("router-%d" % (i + 1), ["0000:" + address, "0000:%s" % address.replace("51:", "d1:").replace("61:", "e1:")])
    for i in range(8):
        m.guest("web%d" % (i + 1), ["0000:d1:02.%d" % i])
    m.guest("spare", ["0000:e1:02.7"], runs=False)
    return m


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else HERE
    for make in (gpus, nodes, functions, workstation, cards):
        make().dump(target)
