# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the device plugin share: a machine as a folder, whose devices are with vfio-pci, and
pools for it."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import machine  # noqa: E402

PROGRAM = ""  # pcipass-device-plugin
PCIPASS = ""
OK, FAILED, USAGE, NOT_READY = 0, 1, 2, 3

NVME = "0000:04:00.0"
NIC = "0000:02:00.0"
UHCI, EHCI = "0000:00:1a.0", "0000:00:1a.7"
IDS = {row[0]: "%04x:%04x" % (row[2], row[3]) for row in machine.DEVICES}
GROUPS = {row[0]: row[6] for row in machine.DEVICES}


def unit(address, **more):
    return dict({"address": address, "id": IDS[address]}, **more)


def pool(resource, *units, **more):
    return dict({"resource": resource, "units": list(units)}, **more)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pcipass-plugin-")
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        machine.as_folder(self.root)
        # The model of the kernel has no default route and no mounts of its own.
        self.write("/proc/net/route", "Iface\tDestination\tGateway \tFlags\n")
        for address in (NVME, NIC, EHCI, UHCI):
            self.drive(address, "vfio-pci")
            self.write("/dev/vfio/%d" % GROUPS[address], "")
            self.write(self.path(address)[len(self.root):] + "/reset", "")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, address):
        return os.path.realpath(self.root + "/sys/bus/pci/devices/" + address)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "w") as file:
            file.write(text)

    def drive(self, address, driver):
        """The device gets another driver; None: none."""
        link = self.path(address) + "/driver"
        if os.path.islink(link):
            old = os.path.basename(os.readlink(link))
            os.unlink(link)
            entry = self.root + "/sys/bus/pci/drivers/%s/%s" % (old, address)
            if os.path.islink(entry):
                os.unlink(entry)
        if driver:
            up = "../" * (len(link[len(self.root):].split("/")) - 3)
            os.symlink(up + "bus/pci/drivers/" + driver, link)
            os.symlink("../../../../" + self.path(address)[len(self.root) + 5:],
                self.root + "/sys/bus/pci/drivers/%s/%s" % (driver, address))

    def pools(self, *pools):
        name = os.path.join(self.folder, "pools.json")
        with open(name, "w") as file:
            json.dump({"pools": list(pools)}, file)
        return name

    def environment(self):
        names = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "NODE_PATH", "HOME")
        return dict({name: os.environ[name] for name in names if name in os.environ}, LC_ALL="C.UTF-8")

    def run_plugin(self, *args, program=None):
        return subprocess.run([program or PROGRAM, "--root", self.root, *args], env=self.environment(), cwd=self.folder,
            timeout=60, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def ends(self, result, status, pattern="^"):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertRegex(result.stdout + result.stderr, pattern)
        return result


def main(*modules):
    """PROGRAM PCIPASS [NAME...]: a line for each test."""
    global PROGRAM, PCIPASS
    PROGRAM, PCIPASS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    suite = unittest.TestSuite()
    for module in modules:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromModule(module))
    names = sys.argv[3:]

    def flat(tests):
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                yield from flat(test)
            elif not names or any(re.search(name, test.id()) for name in names):
                yield test

    failed = False
    for test in flat(suite):
        result = unittest.TestResult()
        test.run(result)
        wrong = result.failures + result.errors
        name = test.id().split(".", 1)[1]
        if result.skipped:
            print("skip %s: %s" % (name, result.skipped[0][1]), flush=True)
        else:
            print("%s %s" % ("not ok" if wrong else "ok", name), flush=True)
        for _, text in wrong:
            print("".join("  | %s\n" % line for line in text.splitlines()), end="", flush=True)
        failed = failed or bool(wrong)
    return 1 if failed else 0
