# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools on a host: what --check says of them."""
import os

import case
from case import EHCI, FAILED, NIC, NOT_READY, NVME, OK, UHCI, USAGE, pool, unit


class Pools(case.Case):
    def check(self, *pools):
        return self.run_plugin("--check", self.pools(*pools))

    def test_ready(self):
        result = self.ends(self.check(pool("pcipass.dev/nvme", unit(NVME)), pool("pcipass.dev/usb", unit(EHCI, reset="none"))), OK)
        self.assertEqual(result.stdout, "pcipass.dev/nvme  PCI_RESOURCE_PCIPASS_DEV_NVME\n  %s  ready\n"
            "pcipass.dev/usb  PCI_RESOURCE_PCIPASS_DEV_USB\n  %s  ready\n" % (NVME, EHCI))

    def test_driver(self):
        self.drive(NVME, "nvme")
        self.ends(self.check(pool("a.b/c", unit(NVME))), NOT_READY, "has the host's driver nvme, not vfio-pci")
        self.drive(NVME, None)
        self.ends(self.check(pool("a.b/c", unit(NVME))), NOT_READY, "has no driver")

    def test_companion(self):
        self.drive(UHCI, "uhci_hcd")
        self.ends(self.check(pool("a.b/c", unit(EHCI, reset="none"))), NOT_READY,
            "0000:00:1a.0, in the same IOMMU group 1, has the host's driver uhci_hcd")

    def test_mounted(self):
        # the disk that the fixture has mounted is the other NVMe
        self.ends(self.check(pool("a.b/c", unit("0000:01:00.0"))), NOT_READY, "mounted on /mnt/data")

    def test_no_reset(self):
        self.ends(self.check(pool("a.b/c", unit(EHCI))), NOT_READY, "cannot be reset between two tenants")

    def test_dead(self):
        with open(self.path(NVME) + "/config", "wb") as file:
            file.write(b"\xff" * 4096)
        self.ends(self.check(pool("a.b/c", unit(NVME))), NOT_READY, "config space is all ones")

    def test_unknown(self):
        self.ends(self.check(pool("a.b/c", {"address": "0000:0f:00.0", "id": "1b36:0010"})), NOT_READY,
            r"pools\[0\].units\[0\]: this host has no device 0000:0f:00.0")

    def test_another(self):
        self.ends(self.check(pool("a.b/c", dict(unit(NVME), id="144d:a808"))), NOT_READY, "is 1b36:0010, not 144d:a808")
        self.ends(self.check(pool("a.b/c", unit(NVME, subsystem="1af4:1101"))), NOT_READY, "subsystem 1af4:1100")
        self.ends(self.check(pool("a.b/c", unit(NVME, serial="0x1"))), NOT_READY, "serial number")
        self.ends(self.check(pool("a.b/c", unit(NVME, subsystem="1af4:1100"))), OK)

    def test_one_group(self):
        self.ends(self.check(pool("a.b/c", unit(EHCI), unit(UHCI))), USAGE, "both in IOMMU group 1.*(\n.*)?bundle")
        self.ends(self.check(pool("a.b/c", {"bundle": [unit(EHCI), unit(UHCI)], "reset": "none"})), OK, EHCI)

    def test_bridge(self):
        self.ends(self.check(pool("a.b/c", unit("0000:00:1c.0"))), USAGE, "is a bridge")

    def test_file(self):
        name = self.pools(pool("a.b/c", unit(NIC)))
        os.chmod(name, 0o666)
        self.ends(self.run_plugin("--check", name), USAGE, "chmod")
        self.ends(self.run_plugin("--check", self.folder + "/nothing"), FAILED, "No such file")
        self.ends(self.run_plugin("--check"), USAGE)
        self.ends(self.run_plugin("--chek", name), USAGE, "check")
        self.ends(self.run_plugin("word"), USAGE, "word")
