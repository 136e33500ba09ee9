# SPDX-License-Identifier: LGPL-2.1-or-later
"""pcipass export, nodedev-cordon and nodedev-uncordon, on a machine in a folder."""
import json
import os
import subprocess

import case
from case import EHCI, FAILED, IDS, NIC, NOT_READY, NVME, OK, USAGE, pool, unit

EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected")
FORMATS = ("cdi", "kubevirt", "nfd", "nova", "proxmox", "slurm")
UPDATE = os.environ.get("UPDATE")


class Export(case.Case):
    def setUp(self):
        super().setUp()
        self.write("/proc/sys/kernel/hostname", "node1\n")
        self.file = self.pools(pool("pcipass.dev/nvme", unit(NVME), unit(NIC)),
            pool("example.com/usb.a", {"bundle": [unit(EHCI), unit("0000:01:00.0")]}))

    def export(self, *args):
        return self.run_plugin("export", *args, "--pool", self.file, program=case.PCIPASS)

    def text(self, name):
        args = ["--resource", "pcipass.dev/nvme"] if name == "cdi" else []
        return self.ends(self.export(name, *args), OK).stdout

    def test_golden(self):
        """The same each time; and as it was read by a person."""
        for name in FORMATS:
            text = self.text(name)
            self.assertEqual(text, self.text(name))
            path = os.path.join(EXPECTED, name)
            if UPDATE:
                with open(path, "w") as file:
                    file.write(text)
            with open(path) as file:
                self.assertEqual(text, file.read(), name)

    def test_written_and_checked(self):
        os.makedirs(self.root + "/etc/slurm")
        path = "/etc/slurm/gres.conf"
        self.ends(self.export("slurm", "--check", path), NOT_READY, "No such file")
        self.ends(self.export("slurm", "--output", path, "--dry-run"), OK, "would be written")
        self.ends(self.export("slurm", "--output", path), OK, "written")
        with open(self.root + path) as file:
            self.assertEqual(file.read(), self.text("slurm"))
        self.assertEqual(os.listdir(self.root + "/etc/slurm"), ["gres.conf"])
        self.ends(self.export("slurm", "--output", path), OK, "already is so")
        self.ends(self.export("slurm", "--check", path), OK, "still holds")
        # after a boot a group has another number
        os.unlink(self.path(NVME) + "/iommu_group")
        os.rename(self.root + "/sys/kernel/iommu_groups/9", self.root + "/sys/kernel/iommu_groups/33")
        os.symlink("../../../kernel/iommu_groups/33", self.path(NVME) + "/iommu_group")
        self.ends(self.export("slurm", "--check", path), NOT_READY, "from line 4 on; pcipass export slurm --output")

    def test_stays_inside(self):
        os.symlink(self.folder, self.root + "/out")
        self.ends(self.export("slurm", "--output", "/out/gres.conf"), FAILED)
        self.assertFalse(os.path.exists(self.folder + "/gres.conf"))

    def test_refused(self):
        self.ends(self.export("slrum"), USAGE, "did you mean slurm")
        self.ends(self.export("cdi"), USAGE, "one kind: choose one with --resource")
        self.ends(self.export("cdi", "--resource", "a/b"), USAGE, "has no resource a/b")
        self.ends(self.export("slurm", "--output", "/a", "--check", "/b"), USAGE, "not both")
        self.ends(self.export("slurm", "--output", "/nosuchfolder/a"), FAILED, "No such file")
        self.ends(self.export(), USAGE, "a format")
        self.file = self.pools(pool("a.b/x", unit(NVME)), pool("c.d/x", unit(NIC)))
        self.ends(self.export("slurm"), USAGE, "both become vfio:x")
        self.file = self.pools(pool("a.b/x", {"address": "0000:0f:00.0", "id": "1b36:0010"}))
        self.ends(self.export("nova"), NOT_READY, "no device 0000:0f:00.0")

    def test_cdi_reader(self):
        value = json.loads(self.text("cdi"))
        self.assertEqual((value["cdiVersion"], value["kind"]), ("0.5.0", "pcipass.dev/nvme"))
        for device in value["devices"]:
            self.assertRegex(device["name"], r"^[A-Za-z0-9][A-Za-z0-9_.-]*[A-Za-z0-9]$")

    def test_nova_reader(self):
        """Each line is a key and JSON, as oslo.config gives it to Nova."""
        lines = [line for line in self.text("nova").splitlines() if not line.startswith("#")]
        self.assertEqual(lines[0], "[pci]")
        for line in lines[1:]:
            key, value = line.split(" = ", 1)
            self.assertIn(key, ("device_spec", "alias"))
            value = json.loads(value)
            if key == "device_spec":
                self.assertRegex(value["resource_class"], r"^CUSTOM_[A-Z0-9_]+$")
            else:
                self.assertIn(value["device_type"], ("type-PCI", "type-PF", "type-VF"))


class Cordon(case.Case):
    def verb(self, *args):
        return self.run_plugin(*args, program=case.PCIPASS)

    def check(self):
        return self.run_plugin("--check", self.pools(pool("a.b/c", unit(EHCI, reset="none"), unit(NVME))))

    def test_both(self):
        self.ends(self.verb("nodedev-cordon", "04:00.0"), USAGE, "needs --reason")
        self.ends(self.verb("nodedev-cordon", "04:00.0", "--reason", "x", "--dry-run"), OK, "^cordon 0000:04:00.0")
        self.ends(self.check(), OK)
        self.ends(self.verb("nodedev-cordon", "04:00.0", "--reason", "its fan"), OK, "Device 0000:04:00.0 cordoned")
        self.ends(self.check(), NOT_READY, NVME + "  not ready: cordoned: its fan")
        self.assertFalse(json.loads(self.verb("nodedev-cordon", "04:00.0", "--reason", "its fan", "--json").stdout)["changed"])
        self.ends(self.verb("nodedev-uncordon", "04:00.0"), OK, "uncordoned")
        self.ends(self.verb("nodedev-uncordon", "04:00.0"), OK, "was not cordoned")
        self.ends(self.check(), OK)

    def test_companion(self):
        """A companion takes its unit out."""
        self.ends(self.verb("nodedev-cordon", "00:1a.0", "--reason", "x"), OK)
        self.ends(self.check(), NOT_READY, EHCI + "  not ready: cordoned: x")

    def test_gone(self):
        self.ends(self.verb("nodedev-cordon", "04:00.0", "--reason", "x"), OK)
        os.unlink(self.root + "/sys/bus/pci/devices/" + NVME)
        self.ends(self.verb("nodedev-uncordon", "04:00.0"), OK, "uncordoned")
        self.ends(self.verb("nodedev-uncordon", "nothing"), FAILED, "no PCI device")

    def test_damaged(self):
        self.write("/var/lib/pcipass/pools/cordons.json", "{")
        self.ends(self.verb("nodedev-cordon", "04:00.0", "--reason", "x"), FAILED, "cordons.json is not understood")
        self.ends(self.check(), FAILED, "cordons.json is not understood")
