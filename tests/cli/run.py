#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program from outside: what it prints, where, and how it ends. Runs on a machine of its own under
--root, never on this one but for what cannot write.

    run.py PROGRAM [--update] [NAME...]

What a command prints is compared with tests/cli/expected/NAME; --update writes these files anew, to be
read in the diff.
"""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "expected")
PROGRAM = ""
UPDATE = False

OK, FAILED, USAGE, NOT_READY, IN_USE, RECOVER = range(6)


def sriov(root):
    """The NVMe at 04:00.0 can have four virtual functions."""
    path = root + "/sys/devices/pci0000:00/0000:04:00.0/"
    for name, value in (("totalvfs", 4), ("numvfs", 0), ("offset", 1), ("stride", 1), ("vf_device", 10), ("drivers_autoprobe", 1)):
        with open(path + "sriov_" + name, "w") as file:
            file.write("%s\n" % value)
    with open(path + "config", "r+b") as file:
        file.seek(0x140)
        file.write(struct.pack("<I", 0x1601000D))
        file.seek(0x160)
        file.write(struct.pack("<I", 0x00010010))


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pcipass-cli-")
        self.text = os.path.join(self.folder, "machine.host")
        with open(self.text, "w") as file:
            file.write(machine.as_text())
        self._root = None

    def tearDown(self):
        shutil.rmtree(self.folder)

    @property
    def root(self):
        """The machine as a folder, which can be written to; made when it is first asked for."""
        if not self._root:
            self._root = os.path.join(self.folder, "root")
            os.mkdir(self._root)
            machine.as_folder(self._root)
        return self._root

    def run_program(self, args, env=None, **more):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TMPDIR": self.folder}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.update(env or {})
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        return subprocess.run([PROGRAM] + args, env=environment, cwd=self.folder, timeout=120, **more)

    def text_run(self, *args, **more):
        return self.run_program(["--root", self.text, *args], **more)

    def root_run(self, *args, **more):
        return self.run_program(["--root", self.root, *args], **more)

    def json(self, *args):
        return json.loads(self.ends(self.root_run(*args, "--json"), OK).stdout)

    def ends(self, result, status):
        self.assertEqual(result.returncode, status, result.stderr.decode(errors="replace"))
        return result

    def said(self, result, pattern):
        text = result.stderr.decode(errors="replace")
        self.assertRegex(text, pattern)

    def matches(self, name, *runs):
        """Each run: (args, result). Compared with the expected file of that name."""
        parts = []
        for args, result in runs:
            parts.append("$ pcipass %s\n" % " ".join(args))
            parts.append(result.stdout.decode("utf-8", "backslashreplace"))
            for line in result.stderr.decode("utf-8", "backslashreplace").splitlines():
                parts.append("2> %s\n" % line)
            parts.append("[%d]\n" % result.returncode)
        text = "".join(parts).replace(self.root, "ROOT").replace(self.text, "machine.host").replace(self.folder, "FOLDER")
        path = os.path.join(EXPECTED, name)
        if UPDATE:
            os.makedirs(EXPECTED, exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        with open(path) as file:
            self.assertEqual(file.read(), text)

    def unchanged(self, before):
        # Locks stay, and what QEMU can do is remembered.
        now = {path: data for path, data in tree_of(self.root).items()
            if not re.search("/run/pcipass/(locks|cache)/", path)}
        different = sorted(path for path in set(before) | set(now) if before.get(path) != now.get(path))
        self.assertEqual([(path[len(self.root):], before.get(path), now.get(path)) for path in different], [])

    def listen(self, *args):
        """A reader of events that is there already when this returns."""
        out = open(os.path.join(self.folder, "events-%d" % time.monotonic_ns()), "w+b")
        self.addCleanup(out.close)
        process = subprocess.Popen([PROGRAM, "--root", self.root, "event"] + list(args), stdout=out,
            stderr=subprocess.STDOUT, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        # It reads along once it has an inotify descriptor and waits.
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            links = [os.path.join("/proc/%d/fd" % process.pid, name) for name in os.listdir("/proc/%d/fd" % process.pid)]
            with open("/proc/%d/stat" % process.pid) as file:
                asleep = file.read().rsplit(")", 1)[1].split()[0] == "S"
            if asleep and any("inotify" in os.readlink(link) for link in links if os.path.islink(link)):
                break
            time.sleep(0.02)
        return process, out

    def heard(self, out):
        out.seek(0)
        return out.read().decode()

    def verbs(self):
        out = self.ends(self.run_program(["help"]), OK).stdout.decode()
        return re.findall(r"^  ([a-z][a-z-]+)  +\S", out, re.M)


class Looking(Case):
    def check(self, name, *commands):
        self.matches(name, *[(args, self.text_run(*args)) for args in (c.split() for c in commands)])

    def test_overview(self):
        self.check("overview", "", "--json")

    def test_nodedev_list(self):
        self.check("nodedev-list", "nodedev-list", "nodedev-list --tree", "nodedev-list --cap net",
            "nodedev-list --cap pci,net", "nodedev-list --cap bogus", "nodedev-list --tree --cap pci",
            "nodedev-list --cap net --json", "nodedev-list --inactive", "nodedev-list --all --inactive")

    def test_nodedev_list_long(self):
        self.check("nodedev-list-long", "nodedev-list --long", "nodedev-list -o ADDRESS,ID -n",
            "nodedev-list -o address,driver --json", "nodedev-list --long -o +NODE,WHY,LINK -n",
            "nodedev-list --long -o ADRESS", "nodedev-list -o ,", "nodedev-list --long --tree",
            "nodedev-list -o ADDRESS,SUB-ID,CLASS-CODE,REVISION,OVERRIDE,OWNER,PARENT,VFS,PF,POWER,SERIAL,ROM")

    def test_nodedev_dumpxml(self):
        self.check("nodedev-dumpxml", "nodedev-dumpxml computer", "nodedev-dumpxml pci_0000_00_1a_7",
            "nodedev-dumpxml 0000:01:00.0", "nodedev-dumpxml --device enp2s0", "nodedev-dumpxml 8086:293c",
            "nodedev-dumpxml pci_1b36_0010", "nodedev-dumpxml nothing", "nodedev-dumpxml",
            "nodedev-dumpxml a b", "nodedev-dumpxml 00:1a.7 --json")

    def test_nodedev_info(self):
        self.check("nodedev-info", "nodedev-info 00:1a.7", "nodedev-info nvme0n1 --full", "nodedev-info 03:00.0 -f",
            "nodedev-info enp2s0 --json", "nodedev-info 7f:1f.3")

    def test_nodedev_check(self):
        self.check("nodedev-check", "nodedev-check", "nodedev-check 00:1a.7", "nodedev-check 00:1a.7 --group",
            "nodedev-check 04:00.0", "nodedev-check 04:00.0 --all", "nodedev-check nvme0n1",
            "nodedev-check nvme0n1 --force-for nvme0n1", "nodedev-check 00:1c.0", "nodedev-check enp2s0 --json",
            "nodedev-check --json")

    def test_groups(self):
        self.check("iommugroup-list", "iommugroup-list", "iommugroup-list --tree", "iommugroup-list --json")

    def test_explain(self):
        self.check("explain", "explain", "explain group-not-viable", "explain nothing of the sort",
            "explain vfio 0000:00:1a.7: group 1 is not viable", "explain no-iommu --json")

    def test_host(self):
        self.check("host-validate", "host-validate", "host-validate --quiet", "host-validate --json")

    def test_a_dump_stands_for_its_machine(self):
        for option in ([], ["--full"]):
            dump = self.ends(self.root_run("host-dump", *option), OK).stdout
            path = os.path.join(self.folder, "dump.host")
            with open(path, "wb") as file:
                file.write(dump)
            for args in (["nodedev-list", "--long"], ["iommugroup-list", "--tree"], [], ["host-validate"],
                    ["nodedev-check", "01:00.0", "--all"], ["nodedev-info", "03:00.0", "--full"]):
                self.assertEqual(self.root_run(*args).stdout, self.run_program(["--root", path] + args).stdout, args)
        self.assertIn(b"52:54:00:12:34:56", dump)
        self.assertNotIn(b"52:54:00:12:34:56", self.root_run("host-dump").stdout)

    def test_topology(self):
        self.check("nodedev-topology", "nodedev-topology", "nodedev-topology --json", "nodedev-topology word",
            "nodedev-topology --svg", "nodedev-topology --svg=", "nodedev-topology --svg - --json",
            "nodedev-topology --html no/such/folder/x.html")
        svg = self.ends(self.text_run("nodedev-topology", "--svg", "-"), OK).stdout
        tree = xml.etree.ElementTree.fromstring(svg)
        texts = ["".join(text.itertext()) for text in tree.iter("{http://www.w3.org/2000/svg}text")]
        for word in ("QEMU NVM Express Controller", "01:00.0", "stays: nvme0n1 is mounted on /mnt/data"):
            self.assertIn(word, texts)
        for element in tree.iter():
            self.assertNotIn("script", element.tag)
            self.assertFalse([name for name in element.attrib if name.startswith("on") or "href" in name])
        both = ("my picture.svg", 'a "page" <&>.html')
        self.assertEqual(self.ends(self.text_run("nodedev-topology", "--svg", both[0], "--html", both[1]), OK).stdout, b"")
        with open(os.path.join(self.folder, both[0]), "rb") as file:
            self.assertEqual(file.read(), svg)
        with open(os.path.join(self.folder, both[1]), "rb") as file:
            page = file.read()
        self.assertTrue(page.startswith(b"<!DOCTYPE html>") and page.endswith(b"</html>\n"))
        self.assertNotRegex(page.replace(b"http://www.w3.org/2000/svg", b""), rb"https?:|src=|href=|@import|url\(")

    def test_folder_says_the_same_as_text(self):
        for args in (["nodedev-list", "--tree"], ["nodedev-list", "--long"], ["iommugroup-list", "--tree"], [],
                ["nodedev-info", "nvme0n1", "--full"], ["nodedev-dumpxml", "01:00.0"], ["host-validate"]):
            self.assertEqual(self.text_run(*args).stdout, self.root_run(*args).stdout, args)

    def test_looking_writes_nothing(self):
        before = tree_of(self.root)
        for args in (["nodedev-list", "--long"], ["nodedev-check"], [], ["host-validate"], ["recover", "--dry-run"],
                ["nodedev-detach", "--group", "00:1a.7", "--dry-run"], ["iommugroup-list"]):
            self.root_run(*args)
        self.unchanged(before)


def tree_of(root):
    """Every file with what is in it, but for the number of the last change, which only goes up."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif os.path.isfile(path) and name != "last-change":
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found


class Moving(Case):
    def driver(self, address):
        path = os.path.join(self.root, "sys/bus/pci/devices", address, "driver")
        return os.path.basename(os.readlink(path)) if os.path.islink(path) else None

    def check(self, name, *commands):
        self.matches(name, *[(args, self.root_run(*args)) for args in (c.split() for c in commands)])

    def test_there_and_back(self):
        self.check("detach", "nodedev-detach 04:00.0 --dry-run", "nodedev-detach 04:00.0", "nodedev-detach 04:00.0",
            "nodedev-info 04:00.0", "", "nodedev-list -o ADDRESS,DRIVER,OVERRIDE,OWNER -n",
            "nodedev-reattach 04:00.0 --dry-run", "nodedev-reattach 04:00.0", "nodedev-reattach 04:00.0",
            "nodedev-list -o ADDRESS,DRIVER,OVERRIDE,OWNER -n")
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")

    def test_group(self):
        self.check("detach-group", "nodedev-detach 00:1a.7", "nodedev-dettach pci_0000_00_1a_7 --group",
            "nodedev-reattach pci_0000_00_1a_7 pci_0000_00_1a_0")
        self.assertEqual(self.driver("0000:00:1a.7"), "ehci-pci")
        self.assertEqual(self.driver("0000:00:1a.0"), "uhci_hcd")

    def test_test(self):
        before = tree_of(self.root)
        self.check("nodedev-test", "nodedev-test", "nodedev-test 04:00.0 --dry-run", "nodedev-test --dry-run 04:00.0",
            "nodedev-test 00:1a.7 --dry-run", "nodedev-test 00:1a.7 --alone --dry-run",
            "nodedev-test 00:1a.7 --alone --anyway --dry-run", "nodedev-test nvme0n1 --anyway --dry-run",
            "nodedev-test 04:00.0 --dry-run --json", "nodedev-test 04:00.0 --memory 0",
            "nodedev-test 04:00.0 --memory 1Q", "nodedev-test 04:00.0 --memory 1G@",
            "nodedev-test 04:00.0 --memory 1G@0x1@2", "nodedev-test 04:00.0 --memory 99999999999999999999",
            "nodedev-test 04:00.0 --memory 1G --domain x", "nodedev-test 04:00.0 --domain nobody",
            "nodedev-test 00:1c.0 --anyway --dry-run")
        self.unchanged(before)

    def test_json(self):
        self.check("detach-json", "nodedev-detach 04:00.0 --dry-run --json", "nodedev-detach 04:00.0 --json",
            "nodedev-detach 04:00.0 --json", "nodedev-detach nvme0n1 --json", "nodedev-detach nothing --json",
            "nodedev-reattach 04:00.0 --json")

    def test_stub(self):
        self.ends(self.root_run("nodedev-detach", "--driver", "pci-stub", "00:1a.0"), OK)
        self.assertEqual(self.driver("0000:00:1a.0"), "pci-stub")
        # The rest of the group is now alone in the way, so the EHCI can go.
        self.ends(self.root_run("nodedev-detach", "00:1a.7"), OK)
        self.assertEqual(self.driver("0000:00:1a.7"), "vfio-pci")
        self.ends(self.root_run("nodedev-reattach", "--group", "00:1a.7"), OK)
        self.assertEqual(self.driver("0000:00:1a.0"), "uhci_hcd")

    def test_trial(self):
        result = self.ends(self.root_run("nodedev-detach", "04:00.0", "--try", "1"), OK)
        self.said(result, "on trial: undone in 1 s, unless `pcipass keep` comes first")
        end = time.monotonic() + 30
        while self.driver("0000:04:00.0") != "nvme" and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")
        self.said(self.ends(self.root_run("keep"), FAILED), "nothing is on trial")
        for wrong in ("", "0", "-1", "1s", "99999999"):
            self.said(self.ends(self.root_run("nodedev-detach", "04:00.0", "--try=" + wrong), USAGE), "--try takes seconds")
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")

    def test_keep(self):
        self.assertEqual(self.json("nodedev-detach", "04:00.0", "--try", "3600")["try_seconds"], 3600)
        self.said(self.ends(self.root_run("nodedev-reattach", "04:00.0"), IN_USE), "on trial for 3600 s more|on trial for 359. s more")
        self.assertRegex(self.root_run().stdout.decode(),
            r"(?m)^On trial  0000:04:00.0: nvme -> vfio-pci: \d+ s left$\n^Next +pcipass keep$")
        self.assertEqual(len(self.json()["on_trial"]), 1)
        self.assertIs(self.json("keep")["changed"], True)
        self.assertEqual(self.ends(self.root_run("keep"), OK).stdout, b"Kept already\n")
        self.ends(self.root_run("nodedev-reattach", "04:00.0", "--try", "3600"), OK)
        self.ends(self.root_run("keep"), OK)
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")
        self.assertEqual(self.json("changes")["changes"], [])
        # Nothing is moved: nothing is on trial.
        self.ends(self.root_run("nodedev-reattach", "04:00.0", "--try", "3600"), OK)
        self.ends(self.root_run("keep"), FAILED)

    def test_killed_trial(self):
        self.ends(self.root_run("nodedev-detach", "04:00.0", "--try", "1"), OK)
        for pid in processes_with(self.root):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1.2)
        self.assertEqual(self.driver("0000:04:00.0"), "vfio-pci")
        self.said(self.root_run("nodedev-info", "04:00.0", "--dry-run"), "was on trial, and nobody kept it in time")
        self.said(self.root_run("nodedev-info", "04:00.0"), "was on trial, and nobody kept it in time: everything is as it was before")
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")

    def test_changes(self):
        self.assertEqual(self.ends(self.root_run("changes"), OK).stdout, b"Nothing that pcipass did is in effect\n")
        self.ends(self.root_run("nodedev-detach", "00:1a.7", "--group"), OK)
        self.ends(self.root_run("nodedev-detach", "04:00.0", "--try", "3600"), OK)
        self.ends(self.root_run("libvirt-hook", "--enable"), OK)
        changes = self.json("changes")["changes"]
        self.assertEqual([c["id"] for c in changes], ["hook", "1", "2"])
        self.assertEqual([c["verb"] for c in changes], ["libvirt-hook", "nodedev-detach", "nodedev-detach"])
        self.assertIn("0000:00:1a.0: uhci_hcd -> vfio-pci", changes[1]["text"])
        self.assertAlmostEqual(changes[1]["when"], time.time(), delta=60)
        self.assertIsNone(changes[1]["try_ms"])
        self.assertGreater(changes[2]["try_ms"], 3000000)
        out = self.ends(self.root_run("changes"), OK).stdout.decode()
        self.assertRegex(out, r"(?m)^2 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d nodedev-detach +0000:04:00.0: nvme -> vfio-pci +on trial, \d+ s left$")
        before = tree_of(self.root)
        out = self.ends(self.root_run("changes", "--all", "--dry-run"), OK).stdout.decode()
        self.assertEqual([line.split(":")[0] for line in out.splitlines()], ["undo 2", "undo 1", "undo hook"])
        self.assertEqual(tree_of(self.root), before)
        self.said(self.ends(self.root_run("changes", "--undo", "3"), FAILED), "there is no change 3")
        self.said(self.ends(self.root_run("changes", "--undo", "x"), USAGE), "'x' is no change")
        self.ends(self.root_run("changes", "--undo", "1", "--all"), USAGE)
        self.assertIs(self.json("changes", "--undo", "1")["changed"], True)
        self.assertEqual(self.driver("0000:00:1a.7"), "ehci-pci")
        self.assertIs(self.json("changes", "--all")["changed"], True)
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")
        self.assertEqual(self.json("changes")["changes"], [])
        self.assertIs(self.json("changes", "--all")["changed"], False)

    def test_refusals(self):
        before = tree_of(self.root)
        self.check("refusals", "nodedev-detach", "nodedev-detach nothing", "nodedev-detach 0000:7f:1f.3",
            "nodedev-detach 1b36:0010", "nodedev-detach 00:1c.0", "nodedev-detach 01:00.0", "nodedev-detach enp2s0",
            "nodedev-detach 04:00.0 nvme0n1", "nodedev-detach 04:00.0 --driver kvm",
            "nodedev-detach 04:00.0 --driver nosuchdriver", "nodedev-reset nvme0n1", "nodedev-reset 00:1a.7",
            "nodedev-reset", "nodedev-reattach", "nodedev-reattach nothing")
        self.unchanged(before)

    def test_forced(self):
        self.ends(self.root_run("nodedev-detach", "nvme0n1", "--force-for", "sda"), IN_USE)
        self.assertEqual(self.driver("0000:01:00.0"), "nvme")
        result = self.ends(self.root_run("nodedev-detach", "nvme0n1", "--force-for", "sda", "--force-for=nvme0n1"), OK)
        self.said(result, "in-use-mount")
        self.assertEqual(self.driver("0000:01:00.0"), "vfio-pci")

    def test_reset(self):
        self.check("reset", "nodedev-reset 04:00.0 --dry-run", "nodedev-reset 04:00.0", "nodedev-reset 04:00.0 --json",
            "nodedev-reset 04:00.0 nvme0n1", "nodedev-reset 04:00.0 nvme0n1 --force-for nvme0n1 --force-for sda --dry-run",
            "nodedev-reset 04:00.0 nvme0n1 --force-for nvme0n1 --force-for sda")

    def test_virtual_functions(self):
        sriov(self.root)
        self.check("setvfs", "nodedev-setvfs 04:00.0 2 --dry-run", "nodedev-setvfs 04:00.0 2", "nodedev-setvfs 04:00.0 2 --json",
            "nodedev-list --long -o ADDRESS,PF,VFS,DRIVER,GROUP,CAN-GO", "nodedev-setvfs 04:00.1 1", "nodedev-setvfs 04:00.0 5",
            "nodedev-setvfs 02:00.0 1", "nodedev-setvfs 04:00.0 x", "nodedev-setvfs 04:00.0", "nodedev-setvfs 04:00.0 -1",
            "nodedev-detach 04:00.1", "nodedev-setvfs 04:00.0 3", "nodedev-setvfs 04:00.0 0", "changes")
        self.assertEqual(self.driver("0000:04:00.0"), "nvme")
        self.ends(self.root_run("nodedev-detach", "04:00.0"), OK)
        self.said(self.ends(self.root_run("nodedev-setvfs", "04:00.0", "1"), NOT_READY), "is with vfio-pci")
        self.ends(self.text_run("nodedev-setvfs", "04:00.0", "1"), NOT_READY)

    def put_json(self, name, value):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))

    WANTED = {"devices": [
        {"address": "0000:03:00.0", "id": "10de:1b80", "driver": "vfio-pci"}, {"id": "10de:10f0", "driver": "vfio-pci"},
        {"address": "04:00.0", "id": "1b36:0010", "functions": 2, "each": [{"number": 0, "driver": "vfio-pci"}]}],
        "hugepages": [{"pages": 16}]}

    def test_host_apply(self):
        sriov(self.root)
        self.put_json("host.json", self.WANTED)
        self.put_json("back.json", {"devices": [{"id": "10de:1b80", "driver": "host"}, {"id": "10de:10f0", "driver": "host"},
            {"address": "04:00.0", "id": "1b36:0010", "functions": 0}]})
        before = tree_of(self.root)
        self.check("host-apply-check", "host-apply host.json --check", "host-apply host.json --dry-run", "host-apply back.json --check")
        self.unchanged(before)
        self.check("host-apply", "host-apply host.json", "host-apply host.json", "host-apply host.json --check",
            "nodedev-list -o ADDRESS,DRIVER,BOOT,VFS -n", "host-apply back.json", "host-apply back.json", "host-apply host.json --check")
        self.assertEqual(self.driver("0000:03:00.0"), "nouveau")
        self.assertIs(self.json("host-apply", "host.json")["changed"], True)
        self.assertIs(self.json("host-apply", "host.json")["changed"], False)
        self.ends(self.root_run("changes", "--all"), OK)
        self.assertEqual(self.driver("0000:03:00.0"), "nouveau")
        self.assertEqual(self.json("changes")["changes"], [])

    def test_host_apply_refuses(self):
        sriov(self.root)
        nvme = '{"devices":[{"address":"04:00.0","id":"1b36:0010",%s}]}'
        before = tree_of(self.root)
        for status, words, text in (
                (USAGE, "is no JSON: .*line 1", "{"), (USAGE, "it is no object", "[]"), (USAGE, "to be a list", '{"devices":3}'),
                (USAGE, "neither 'driver' nor", '{"devices":[{"id":"10de:1b80"}]}'), (USAGE, "there is no 'id'", '{"devices":[{"driver":"host"}]}'),
                (NOT_READY, "10de:1b81 is not on this host", '{"devices":[{"id":"10de:1b81","driver":"vfio-pci"}]}'),
                (NOT_READY, "0000:04:00.0 is another device", '{"devices":[{"address":"04:00.0","id":"10de:1b80","driver":"host"}]}'),
                (NOT_READY, "0000:04:00.0 is another device", nvme % '"driver":"vfio-pci","serial":"0x12"'),
                (USAGE, "are both meant", '{"devices":[{"id":"1b36:0010","driver":"vfio-pci"}]}'),
                (USAGE, "are the same device", '{"devices":[{"id":"10de:1b80","driver":"host"},{"address":"03:00.0","id":"10de:1b80","driver":"host"}]}'),
                (USAGE, "'nvme' is no driver", nvme % '"driver":"nvme"'), (USAGE, "did you mean driver", nvme % '"drivers":"nvme"'),
                (USAGE, "by the host's own driver", nvme % '"driver":"vfio-pci","functions":2'), (USAGE, "at most 4", nvme % '"functions":9'),
                (USAGE, "a number up to", nvme % '"functions":-1'), (USAGE, "'each' needs", nvme % '"driver":"host","each":[]'),
                (USAGE, "one of the 1 functions", nvme % '"functions":1,"each":[{"number":1}]'),
                (USAGE, "function 0 is there twice", nvme % '"functions":1,"each":[{"number":0},{"number":0}]'),
                (USAGE, "no MAC address", nvme % '"functions":1,"each":[{"number":0,"mac":"01:00:00:00:00:00"}]'),
                (USAGE, "true or false", nvme % '"functions":1,"each":[{"number":0,"trust":1}]'),
                (IN_USE, "nvme0n1 is mounted", '{"devices":[{"address":"01:00.0","id":"1b36:0010","driver":"vfio-pci"}]}'),
                (USAGE, "no NUMA node 7", '{"hugepages":[{"node":7,"pages":1}]}'), (USAGE, "there is no 'pages'", '{"hugepages":[{"node":0}]}')):
            self.put_json("bad.json", text)
            self.said(self.ends(self.root_run("host-apply", "bad.json"), status), words)
            self.unchanged(before)
        self.said(self.ends(self.root_run("host-apply", "nothing.json"), FAILED), "cannot read nothing.json")

    def module(self, check=False, **args):
        """data/ansible/pcipass_host.py, as Ansible runs it."""
        module = os.path.join(os.path.dirname(os.path.dirname(HERE)), "data", "ansible", "pcipass_host.py")
        self.put_json("args.json", dict({"program": os.path.abspath(PROGRAM), "root": self.root, "_ansible_check_mode": check,
            "_ansible_verbosity": 0}, **args))
        result = subprocess.run([module, "args.json"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300)
        value = json.loads(result.stdout)
        self.assertEqual(result.returncode, 1 if value.get("failed") else 0)
        return value

    def test_ansible(self):
        sriov(self.root)
        before = tree_of(self.root)
        checked = self.module(check=True, host=self.WANTED)
        self.assertIs(checked["changed"], True)
        self.assertIn({"subject": "0000:04:00.0", "setting": "functions", "is": "0", "wanted": "2"}, checked["drift"])
        self.unchanged(before)
        self.assertIs(self.module(host=self.WANTED)["changed"], True)
        self.assertEqual(self.driver("0000:03:00.0"), "vfio-pci")
        self.assertEqual(self.module(host=self.WANTED), {"changed": False, "drift": []})
        self.assertEqual(self.module(check=True, host=self.WANTED), {"changed": False, "drift": []})
        for words, args in (("is no object", {"host": []}), ("one of 'host' and 'file'", {}), ("no such argument: hots", {"hots": {}}),
                ("cannot read", {"file": "nothing"}), ("nvme0n1 is mounted", {"host": {"devices": [{"address": "01:00.0", "id": "1b36:0010", "driver": "vfio-pci"}]}}),
                ("another device", {"host": {"devices": [{"address": "04:00.0", "id": "10de:1b80", "driver": "host"}]}, "check": True})):
            answer = self.module(**args)
            self.assertTrue(answer["failed"])
            self.assertIn(words, answer["msg"])

    def test_virtual_functions_at_each_boot(self):
        sriov(self.root)
        out = self.ends(self.root_run("nodedev-setvfs", "04:00.0", "4", "--config"), OK).stdout.decode()
        self.assertEqual(out, "Device 04:00.0 has 4 virtual functions from the next boot on\n\n")
        self.assertIs(self.json("nodedev-setvfs", "04:00.0", "4", "--config")["changed"], False)
        rows = {row["address"]: row["boot"] for row in self.json("nodedev-list", "--long")["devices"]}
        self.assertEqual(rows["0000:04:00.0"], "4 functions")
        self.assertEqual([(c["id"], c["verb"]) for c in self.json("changes")["changes"]], [("boot-0000:04:00.0", "nodedev-setvfs --config")])
        self.said(self.ends(self.root_run("nodedev-setvfs", "04:00.0", "5", "--config"), USAGE), "at most 4")
        self.ends(self.root_run("nodedev-setvfs", "04:00.0", "2", "--persistent"), OK)
        self.assertEqual(len(self.json("changes")["changes"]), 2)
        self.ends(self.root_run("nodedev-setvfs", "04:00.0", "0", "--persistent"), OK)
        self.assertEqual(self.json("changes")["changes"], [])

    def test_virtual_functions_of_others(self):
        sriov(self.root)
        os.makedirs(self.root + "/etc/systemd/network")
        with open(self.root + "/etc/systemd/network/10-pf.link", "w") as file:
            file.write("[Match]\nPath=pci-0000:04:00.0\n[Link]\nSR-IOVVirtualFunctions=2\n")
        before = tree_of(self.root)
        for more in ([], ["--config"]):
            self.said(self.ends(self.root_run("nodedev-setvfs", "04:00.0", "1", *more), IN_USE),
                r"systemd's \(/etc/systemd/network/10-pf.link, line 4: SR-IOVVirtualFunctions=2\)")
        self.assertEqual(tree_of(self.root), before)

    def test_a_dump_tells_no_secrets(self):
        sriov(self.root)
        for path, text in (("NetworkManager/system-connections/wifi", "[wifi-security]\npsk=hunter2\n[sriov]\ntotal-vfs=2\n"),
                ("netplan/50.yaml", "network:\n  ethernets:\n    e:\n      virtual-function-count: 2\n      auth:\n        password: hunter2\n"),
                ("systemd/network/x.network", "[Match]\nName=e\n[SR-IOV]\nVirtualFunction=0\n[Foo]\nPassword=hunter2\n")):
            os.makedirs(os.path.dirname(self.root + "/etc/" + path), exist_ok=True)
            with open(self.root + "/etc/" + path, "w") as file:
                file.write(text)
        out = self.ends(self.root_run("host-dump"), OK).stdout.decode()
        self.assertIn("VirtualFunction=0", out)
        self.assertNotIn("hunter2", out)

    def test_bound_from_the_next_boot_on(self):
        result = self.ends(self.root_run("nodedev-detach", "01:00.0", "--config"), OK)
        self.assertEqual(result.stdout.decode(), "Device 01:00.0 detached from the next boot on\n\n")
        self.said(result, "nvme0n1 is mounted on /mnt/data; it will not be there at the next boot")
        self.assertFalse(self.json("nodedev-detach", "01:00.0", "--config")["changed"])
        self.ends(self.root_run("nodedev-detach", "04:00.0", "--persistent"), OK)
        rows = {row["address"]: row for row in self.json("nodedev-list", "--long")["devices"]}
        self.assertEqual([(rows[a]["driver"], rows[a]["boot"]) for a in ("0000:01:00.0", "0000:04:00.0", "0000:02:00.0")],
            [("nvme", "vfio-pci"), ("vfio-pci", "vfio-pci"), ("e1000e", None)])
        self.assertEqual([c["id"] for c in self.json("changes")["changes"]],
            ["boot-0000:01:00.0", "boot-0000:04:00.0", "1"])
        self.ends(self.root_run("changes", "--undo", "boot-0000:01:00.0"), OK)
        self.ends(self.root_run("nodedev-reattach", "04:00.0", "--config"), OK)
        self.assertEqual([c["id"] for c in self.json("changes")["changes"]], ["1"])
        self.ends(self.root_run("nodedev-reattach", "04:00.0", "--persistent"), OK)
        self.assertEqual(self.json("changes")["changes"], [])
        self.ends(self.root_run("nodedev-reattach", "0000:77:00.0", "--config"), OK) # a device that has gone

    def test_bound_both_or_not_at_all(self):
        self.ends(self.root_run("nodedev-detach", "01:00.0", "--persistent"), IN_USE)
        self.assertEqual(self.json("changes")["changes"], [])
        self.ends(self.root_run("nodedev-detach", "04:00.0", "--config"), OK)
        self.ends(self.root_run("nodedev-detach", "01:00.0", "04:00.0", "--persistent"), IN_USE)
        self.assertEqual([c["id"] for c in self.json("changes")["changes"]], ["boot-0000:04:00.0"])
        self.ends(self.root_run("nodedev-reattach", "04:00.0", "--config"), OK)
        result = self.ends(self.root_run("nodedev-detach", "01:00.0", "--config", "--dry-run"), OK)
        self.assertIn(b"0000:01:00.0: to vfio-pci at each boot", result.stdout)
        self.assertEqual(self.json("changes")["changes"], [])
        self.ends(self.root_run("nodedev-detach", "04:00.0", "--config", "--try", "5"), USAGE)
        self.ends(self.root_run("nodedev-detach", "04:00.0", "--config", "--driver", "nvme"), USAGE)
        self.ends(self.root_run("nodedev-detach", "00:1c.0", "--config"), NOT_READY)
        self.ends(self.text_run("nodedev-detach", "04:00.0", "--config"), USAGE)

    def test_the_root_disk_is_not_bound(self):
        with open(self.root + "/proc/self/mountinfo", "r+") as file:
            text = file.read().replace(" /mnt/data ", " / ")
            file.seek(0)
            file.write(text)
            file.truncate()
        result = self.ends(self.root_run("nodedev-detach", "01:00.0", "--config"), IN_USE)
        self.said(result, "carries the root of this host")
        self.assertEqual(self.json("changes")["changes"], [])

    def test_the_initramfs_is_named(self):
        os.makedirs(self.root + "/usr/sbin")
        open(self.root + "/usr/sbin/update-initramfs", "w").close()
        result = self.ends(self.root_run("nodedev-detach", "04:00.0", "--config"), OK)
        self.said(result, "update-initramfs -u -k all")

    def test_a_machine_as_text_cannot_be_changed(self):
        result = self.ends(self.text_run("nodedev-detach", "04:00.0"), USAGE)
        self.said(result, "written down as text")

    def test_names_come_back_as_given(self):
        for name in ("0000:04:00.0", "pci_0000_04_00_0", "04:00.0"):
            result = self.ends(self.root_run("nodedev-detach", name), OK)
            self.assertEqual(result.stdout.decode(), "Device %s detached\n\n" % name)
            self.ends(self.root_run("nodedev-reattach", name), OK)

    def test_twice_the_same_device(self):
        result = self.ends(self.root_run("nodedev-detach", "04:00.0", "pci_0000_04_00_0"), OK)
        self.assertEqual(result.stdout.decode(), "Device 04:00.0 detached\n\n")

    def test_hundreds_of_forces(self):
        args = ["--force-for=x%d" % i for i in range(300)]
        self.ends(self.root_run("nodedev-detach", "04:00.0", *args), USAGE)


GUEST = """<domain type='%s'>
  <name>win2k3</name>
  <uuid>20605499-7fcb-4058-a01b-69f3073aa694</uuid>
  <!-- the author's comment stays -->
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='pty'/>
%s  </devices>
</domain>
"""
HOSTDEV = """    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x%02x' slot='0x00' function='0x0'/></source>
    </hostdev>
"""


class Guests(Case):
    def setUp(self):
        super().setUp()
        self.write("guest.xml", GUEST % ("kvm", HOSTDEV % 4))
        self.write("mounted.xml", GUEST % ("kvm", HOSTDEV % 1))
        self.write("soft.xml", GUEST % ("qemu", ""))

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def check(self, name, *commands):
        self.matches(name, *[(args, self.root_run(*args)) for args in (c.split() for c in commands)])

    def test_definitions(self):
        self.check("define", "list", "list --all", "define guest.xml --dry-run", "list --all", "define guest.xml",
            "define guest.xml", "list", "list --all", "list --all --name", "list --all --uuid", "list --all --id",
            "list --name --id", "list --all --json", "dominfo win2k3", "dominfo win2k3 --json", "domstate win2k3",
            "domstate win2k3 --reason", "domstate --domain win2k3", "domstate 20605499-7fcb-4058-a01b-69f3073aa694",
            "dumpxml win2k3", "dumpxml win2k3 --inactive --json", "undefine win2k3 --dry-run", "undefine win2k3",
            "list --all")

    def test_refusals(self):
        self.write("empty.xml", "")
        self.write("cut.xml", GUEST[:80])
        self.write("network.xml", "<network><name>x</name></network>\n")
        self.write("unknown.xml", GUEST % ("kvm", "    <frobnicate/>\n"))
        before = tree_of(self.root)
        self.check("guest-refusals", "define", "define nothing.xml", "define empty.xml", "define cut.xml",
            "define network.xml", "define unknown.xml", "define unknown.xml --dry-run", "define . ", "define a b",
            "undefine nobody", "dominfo nobody", "domstate nobody", "dumpxml nobody", "start nobody", "shutdown nobody",
            "destroy nobody", "console nobody", "edit nobody", "domcheck nobody", "start", "start a b",
            "domxml-to-native qemu-argv nobody", "domxml-to-native qemu-argv", "domxml-to-native xen-xm x",
            "domxml-to-native qemu-argv ./nothing.xml", "shutdown x --mode agent", "start win2k3 --console --json",
            "console win2k3 --json")
        self.unchanged(before)

    def test_more_than_the_host_has(self):
        """Each with the line of the definition, before anything was changed."""
        self.write("huge.xml", (GUEST % ("qemu", "")).replace(">256<", ">17825792<"))
        self.write("folder.xml", (GUEST % ("qemu", "")).replace("</type>",
            "</type>\n    <kernel>/usr</kernel>\n    <initrd>/etc</initrd>"))
        line = 1 + GUEST.split("<memory")[0].count("\n")
        self.ends(self.root_run("define", "huge.xml"), OK)
        before = tree_of(self.root)
        for args in ["start", "win2k3"], ["start", "win2k3", "--dry-run"], ["domcheck", "win2k3"]:
            result = self.ends(self.root_run(*args), NOT_READY)
            self.assertIn("guests/win2k3.xml:%d: its <memory> is 17 TiB, and the host has 16 GiB" % line,
                (result.stdout + result.stderr).decode())
        self.unchanged(before)
        # What is swapped out counts, unless it is pinned.
        path = self.root + "/proc/meminfo"
        with open(path, "a") as file:
            file.write("SwapTotal: 27825792000 kB\n")
        self.ends(self.root_run("domcheck", "win2k3"), OK)
        self.write("pinned.xml", (GUEST % ("kvm", HOSTDEV % 4)).replace(">256<", ">17825792<"))
        self.ends(self.root_run("undefine", "win2k3"), OK)
        self.ends(self.root_run("define", "pinned.xml"), OK)
        self.assertIn(b"xml:%d: its <memory> is" % line, self.ends(self.root_run("domcheck", "win2k3"), NOT_READY).stdout)
        self.ends(self.root_run("undefine", "win2k3"), OK)
        self.ends(self.root_run("define", "folder.xml"), OK)
        self.said(self.ends(self.root_run("start", "win2k3"), FAILED),
            r"guests/win2k3.xml:\d+: <kernel> names /usr, which is a directory, not a file")
        self.assertEqual(self.root_run("domstate", "win2k3").stdout, b"shut off\n\n")

    def test_autostart(self):
        self.ends(self.root_run("define", "guest.xml"), OK)
        result = self.ends(self.root_run("autostart", "win2k3"), OK)
        self.assertEqual(result.stdout.decode(), "Domain 'win2k3' marked as autostarted\n\n")
        self.assertEqual(os.readlink(self.root + "/etc/pcipass/autostart/win2k3.xml"), "../guests/win2k3.xml")
        self.assertFalse(self.json("autostart", "win2k3")["changed"])
        self.assertTrue(self.json("dominfo", "win2k3")["autostart"])
        self.assertIn(b"start guest win2k3", self.ends(self.root_run("autostart", "--start", "--dry-run"), OK).stdout)
        self.assertTrue(self.json("autostart", "win2k3", "--disable")["changed"])
        self.assertFalse(self.json("dominfo", "win2k3")["autostart"])
        self.ends(self.root_run("autostart", "win2k3"), OK)
        self.ends(self.root_run("undefine", "win2k3"), OK)
        self.assertEqual(os.listdir(self.root + "/etc/pcipass/autostart"), [])
        self.ends(self.root_run("autostart", "nobody"), FAILED)
        self.ends(self.root_run("autostart"), USAGE)
        self.ends(self.root_run("autostart", "x", "--start"), USAGE)
        self.assertEqual(self.ends(self.root_run("autostart", "--start"), OK).stdout, b"")

    def test_shutdown_of_all(self):
        self.ends(self.root_run("shutdown", "--all"), OK)
        self.ends(self.root_run("shutdown", "--all", "--timeout", "0"), USAGE)
        self.ends(self.root_run("shutdown", "--all", "x"), USAGE)
        self.ends(self.root_run("shutdown", "x", "--timeout", "5"), USAGE)
        self.ends(self.root_run("shutdown"), USAGE)

    def test_what_a_start_would_do(self):
        self.ends(self.root_run("define", "guest.xml"), OK)
        self.check("start-dry", "start win2k3 --dry-run", "start win2k3 --dry-run --json", "domcheck win2k3",
            "domcheck win2k3 --json", "shutdown win2k3", "destroy win2k3", "destroy win2k3 --dry-run")
        argv = self.ends(self.root_run("domxml-to-native", "qemu-argv", "win2k3"), OK).stdout.decode()
        self.assertIn("vfio-pci,host=0000:04:00.0", argv)
        self.assertTrue(argv.startswith("/usr/bin/qemu-system-x86_64 -name guest=win2k3"))
        self.assertTrue(argv.endswith("\n\n"))
        listed = json.loads(self.root_run("domxml-to-native", "qemu-argv", "--xml", "guest.xml", "--json").stdout)
        self.assertEqual(listed["argv"][0], "/usr/bin/qemu-system-x86_64")

    def test_a_mounted_disk_is_not_taken(self):
        self.ends(self.root_run("define", "mounted.xml"), OK)
        before = tree_of(self.root)
        self.check("start-mounted", "start win2k3", "start win2k3 --dry-run", "domcheck win2k3")
        self.unchanged(before)

    def test_standard_input(self):
        result = self.root_run("define", "-", stdin=None, input=(GUEST % ("kvm", "")).encode())
        self.assertEqual(self.ends(result, OK).stdout, b"Domain 'win2k3' defined from -\n\n")

    # ---- edit

    def edit(self, script, *args, **more):
        self.write("editor", "#!/bin/sh\n" + script, 0o755)
        return self.root_run("edit", "win2k3", *args, env={"EDITOR": self.folder + "/editor"}, **more)

    def kept(self, result):
        """The file that the text was kept in."""
        match = re.search(r"your text is in (\S+)", result.stderr.decode())
        self.assertTrue(match, result.stderr)
        with open(match.group(1)) as file:
            return file.read()

    def edit_files(self):
        return [name for name in os.listdir(self.folder) if name.startswith("pcipass-")]

    def test_edit(self):
        self.ends(self.root_run("define", "guest.xml"), OK)
        result = self.ends(self.edit("exit 0"), OK)
        self.assertEqual(result.stdout, b"Domain 'win2k3' XML configuration not changed.\n\n")
        result = self.ends(self.edit("sed -i 's/256/512/' \"$1\""), OK)
        self.assertEqual(result.stdout, b"Domain 'win2k3' XML configuration edited.\n\n")
        xml = self.root_run("dumpxml", "win2k3").stdout.decode()
        self.assertIn("<memory unit='MiB'>512</memory>", xml)
        self.assertIn("the author's comment stays", xml)
        self.assertEqual(self.edit_files(), [])
        # VISUAL comes first, and may have arguments.
        result = self.root_run("edit", "win2k3", env={"EDITOR": "false", "VISUAL": "sed -i s/512/128/"})
        self.assertIn(b"edited", self.ends(result, OK).stdout)
        before = tree_of(self.root)
        result = self.ends(self.edit("sed -i 's/128/64/' \"$1\"", "--dry-run"), OK)
        self.assertEqual(result.stdout, b"define guest win2k3\n")
        self.unchanged(before)

    def test_edit_loses_nothing(self):
        self.ends(self.root_run("define", "guest.xml"), OK)
        before = tree_of(self.root)
        result = self.ends(self.edit("sed -i 's/vcpu/frob/g; s/256/777/' \"$1\""), FAILED)
        self.said(result, "frob")
        self.assertIn("777", self.kept(result))
        result = self.ends(self.edit("echo nonsense >\"$1\"; exit 3"), FAILED)
        self.said(result, "ended with status 3")
        self.assertEqual(self.kept(result), "nonsense\n")
        result = self.ends(self.edit(": >\"$1\""), FAILED)
        self.assertEqual(self.kept(result), "")
        result = self.ends(self.root_run("edit", "win2k3", env={"EDITOR": "/no/such/editor"}), FAILED)
        self.assertNotIn(b"your text is in", result.stderr)  # there is none
        result = self.ends(self.edit("rm \"$1\""), FAILED)
        self.unchanged(before)

    def test_edit_that_someone_else_was_faster_with(self):
        self.ends(self.root_run("define", "guest.xml"), OK)
        other = GUEST.replace("256", "640") % ("kvm", "")
        self.write("other.xml", other)
        script = "'%s' --root '%s' define '%s/other.xml' >/dev/null; sed -i 's/256/512/' \"$1\"" % (
            PROGRAM, self.root, self.folder)
        result = self.ends(self.edit(script), FAILED)
        self.said(result, "changed by someone else")
        self.assertIn("512", self.kept(result))
        self.assertIn(b"640", self.root_run("dumpxml", "win2k3").stdout)

    def converse(self, args, answers, env):
        """Types ANSWERS, each at a prompt, on a terminal. The exit status and all that was shown."""
        master, slave = pty.openpty()
        process = subprocess.Popen([PROGRAM, "--root", self.root] + args, stdin=slave, stdout=slave, stderr=slave,
            cwd=self.folder, env=dict({"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TMPDIR": self.folder}, **env))
        os.close(slave)
        out, seen, answers = b"", 0, list(answers)
        try:
            while True:
                data = os.read(master, 4096)
                if not data:
                    break
                out += data
                while answers and b"]: " in out[seen:]:
                    seen = out.index(b"]: ", seen) + 3
                    os.write(master, answers.pop(0))
        except OSError:
            pass
        os.close(master)
        self.assertEqual(answers, [], out)
        return process.wait(60), out.decode()

    def test_edit_asks_again_on_a_terminal(self):
        self.ends(self.root_run("define", "guest.xml"), OK)
        # The first time it breaks the text, then it mends it.
        editor = self.write("editor", "#!/bin/sh\nif grep -q vcpu \"$1\"; then sed -i 's/vcpu/frob/g' \"$1\"; "
            "else sed -i 's/frob/vcpu/g; s/256/384/' \"$1\"; fi\n", 0o755)
        status, out = self.converse(["edit", "win2k3"], [b"?\n", b"what\n", b"f\n", b"y\n"], {"EDITOR": editor})
        self.assertEqual(status, OK, out)
        self.assertIn("Failed. Try again? [y,n,f,?]: ", out)
        self.assertIn("n - no, throw away my changes", out)
        self.assertIn("XML configuration edited", out)
        self.assertIn(b"384", self.root_run("dumpxml", "win2k3").stdout)
        for answer in (b"n\n", b"\x04"):
            status, out = self.converse(["edit", "win2k3"], [answer], {"EDITOR": editor})
            self.assertEqual(status, FAILED, out)
            self.assertIn("your text is in", out)

    # ---- a guest that runs, in software

    def until(self, path, words, seconds=300):
        """Waits for WORDS in a file that somebody writes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(path, "rb") as file:
                if words in file.read():
                    return
            time.sleep(0.2)
        self.fail("%s does not say %s" % (path, words))

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_a_guest_runs(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        result = self.ends(self.root_run("start", "win2k3"), OK)
        self.assertEqual(result.stdout, b"Domain 'win2k3' started\n\n")
        try:
            info = json.loads(self.root_run("dominfo", "win2k3", "--json").stdout)
            self.assertEqual(info["state"], "running")
            self.assertGreater(info["qemu"], 1)
            self.assertGreater(info["supervisor"], 1)
            table = self.root_run("list").stdout.decode()
            self.assertRegex(table, r"^ Id   Name     State\n-{24}\n \d    win2k3   running\n\n$")
            self.assertEqual(self.root_run("domstate", "win2k3", "--reason").stdout, b"running (booted)\n\n")
            again = self.ends(self.root_run("start", "win2k3", "--json"), OK)
            self.assertEqual(json.loads(again.stdout)["changed"], False)
            self.said(again, "runs already")
            console = self.ends(self.root_run("console", "win2k3", stdin=None, input=b"\x1d"), OK)
            self.assertTrue(console.stdout.startswith(b"Connected to domain 'win2k3'\nEscape character is ^]"))
        finally:
            result = self.root_run("destroy", "win2k3")
        self.assertEqual(self.ends(result, OK).stdout, b"Domain 'win2k3' destroyed\n\n")
        self.assertEqual(self.root_run("domstate", "win2k3", "--reason").stdout, b"shut off (destroyed)\n\n")
        again = self.ends(self.root_run("destroy", "win2k3", "--json"), OK)
        self.assertEqual(json.loads(again.stdout)["changed"], False)
        with self.assertRaises(ProcessLookupError):
            os.kill(info["qemu"], 0)

    def test_a_guest_is_suspended(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        for verb in "suspend", "resume", "reset":
            self.said(self.ends(self.root_run(verb, "win2k3"), FAILED), "does not run")
        self.ends(self.root_run("start", "win2k3"), OK)
        try:
            for verb, done, state in (("suspend", "suspended", "paused"), ("resume", "resumed", "running")):
                self.assertEqual(self.ends(self.root_run(verb, "win2k3"), OK).stdout,
                    b"Domain 'win2k3' %s\n\n" % done.encode())
                self.assertEqual(self.root_run("domstate", "win2k3").stdout.decode(), state + "\n\n")
                again = self.ends(self.root_run(verb, "win2k3", "--json"), OK)
                self.assertEqual(json.loads(again.stdout)["changed"], False)
            self.ends(self.root_run("suspend", "win2k3", "--dry-run"), OK)
            self.assertEqual(self.ends(self.root_run("reset", "win2k3"), OK).stdout, b"Domain 'win2k3' was reset\n\n")
            self.assertEqual(self.root_run("domstate", "win2k3").stdout, b"running\n\n")
        finally:
            self.root_run("destroy", "win2k3")

    # ---- events

    @staticmethod
    def one_reboot(events, reboot="event 'reboot' for domain 'win2k3'"):
        """SeaBIOS, reset at the wrong moment, resets the machine once more."""
        return [one for i, one in enumerate(events) if one != reboot or i == 0 or events[i - 1] != reboot]

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_events_of_a_guest_that_comes_and_goes(self):
        """The reader is there before the first guest was ever started; each line as virsh's."""
        self.ends(self.root_run("define", "soft.xml"), OK)
        every, lines = self.listen("--all", "--loop")
        stamped, times = self.listen("win2k3", "--event", "lifecycle", "--loop", "--timestamp", "--timeout", "600")
        first, once = self.listen("--event", "lifecycle")
        other, none = self.listen("--all", "--loop", "--json")
        for round in range(2):
            self.ends(self.root_run("start", "win2k3", *(["--paused"] if round else [])), OK)
            if round == 0:
                self.ends(self.root_run("suspend", "win2k3"), OK)
            self.ends(self.root_run("resume", "win2k3"), OK)
            self.ends(self.root_run("reset", "win2k3"), OK)
            self.ends(self.root_run("destroy", "win2k3"), OK)
        wanted = ["Started Booted", "Suspended Paused", "Resumed Unpaused", None, "Stopped Destroyed"] * 2
        text = ["event 'lifecycle' for domain 'win2k3': " + word if word else "event 'reboot' for domain 'win2k3'"
            for word in wanted]
        end = time.monotonic() + 60
        while self.one_reboot(self.heard(lines).splitlines()) != text and time.monotonic() < end:
            time.sleep(0.05)
        heard = self.heard(lines).splitlines()
        self.assertEqual(self.one_reboot(heard), text)
        every.send_signal(signal.SIGINT)
        self.assertEqual(every.wait(60), OK)
        self.assertEqual(self.heard(lines).splitlines(), heard + ["event loop interrupted", "events received: %d" % len(heard), ""])
        stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000: event 'lifecycle' for domain 'win2k3': "
        for line, word in zip(self.heard(times).splitlines(), [word for word in wanted if word]):
            self.assertRegex(line, "^" + stamp + word + "$")
        self.assertEqual(self.heard(times).count("\n"), 8)
        self.assertEqual(first.wait(60), OK)
        self.assertEqual(self.heard(once), text[0] + "\nevents received: 1\n\n")
        other.terminate()
        self.assertEqual(other.wait(60), OK)
        objects = [json.loads(line) for line in self.heard(none).splitlines()]
        self.assertEqual(self.one_reboot([one["detail"] for one in objects], None),
            ["started", "suspended", "resumed", None, "stopped"] * 2)
        self.assertEqual([one["reason"] for one in objects if one["event"] == "lifecycle"],
            ["booted", "paused", "unpaused", "destroyed"] * 2)
        self.assertEqual({one["domain"] for one in objects}, {"win2k3"})
        self.assertEqual(set(objects[0]), {"time", "domain", "event", "detail", "reason", "device"})

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_events_of_a_killed_guest(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        reader, lines = self.listen("--all", "--loop", "--json")
        self.ends(self.root_run("start", "win2k3"), OK)
        info = json.loads(self.root_run("dominfo", "win2k3", "--json").stdout)
        os.kill(info["supervisor"], signal.SIGKILL)
        end = time.monotonic() + 60
        fresh = info
        while fresh["supervisor"] in (info["supervisor"], 0, None) and time.monotonic() < end:
            fresh = json.loads(self.root_run("dominfo", "win2k3", "--json").stdout)
        os.kill(info["qemu"], signal.SIGKILL) # adopted: it did not start a second time
        self.until(lines.name, b"stopped", 120)
        reader.send_signal(signal.SIGINT)
        self.assertEqual(reader.wait(60), OK)
        objects = [json.loads(line) for line in self.heard(lines).splitlines()]
        self.assertEqual([one["detail"] for one in objects], ["started", "stopped"])
        self.assertIn(objects[1]["reason"], ("signal", "died"))

    def test_events_that_do_not_come(self):
        result = self.ends(self.root_run("event", "--all", "--timeout", "1"), FAILED)
        self.assertEqual(result.stdout, b"event loop timed out\nevents received: 0\n\n")
        self.assertEqual(self.ends(self.root_run("event", "--all", "--timeout", "1", "--json"), FAILED).stdout, b"")
        self.assertEqual(self.ends(self.root_run("event", "--list"), OK).stdout,
            b"lifecycle\nreboot\ndevice-added\ndevice-removed\n\n")
        for args, words in ((["event"], "needs --event NAME"), (["event", "--event", "reboots"], "perhaps reboot"),
                (["event", "--all", "--event", "reboot"], "do not go together"), (["event", "--all", "--timeout", "0"], "seconds")):
            self.said(self.ends(self.root_run(*args), USAGE), words)
        self.said(self.ends(self.root_run("event", "nobody", "--all"), FAILED), "nobody")
        failed = self.ends(self.root_run("event", "nobody", "--all", "--json"), FAILED)
        self.assertIn("error", json.loads(failed.stdout))
        self.ends(self.text_run("event", "--all", "--timeout", "1"), USAGE)

    def test_events_without_a_reader(self):
        """Whoever reads us has gone: nothing has to happen for it to be noticed."""
        process = subprocess.Popen([PROGRAM, "--root", self.root, "event", "--all", "--loop"], stdout=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdout.close()
        self.assertEqual(process.wait(60), -signal.SIGPIPE)

    def test_events_of_a_file_that_is_exchanged(self):
        """Full, it becomes events.old; lines that mean nothing are passed over."""
        folder = self.root + "/run/pcipass"
        reader, lines = self.listen("--all", "--loop", "--json")
        def line(name):
            return json.dumps({"time": 1000, "guest": name, "event": "reboot"}) + "\n"
        os.makedirs(folder)
        with open(folder + "/events", "w") as file:
            file.write(line("a") + "not JSON\n{}\n" + line("b")[:20])
            file.flush()
            self.until(lines.name, b'"a"', 60)
            file.write(line("b")[20:])
            os.rename(folder + "/events", folder + "/events.old")
            file.write(line("c"))
        with open(folder + "/events", "w") as file:
            file.write(line("d"))
        self.until(lines.name, b'"d"', 60)
        reader.send_signal(signal.SIGTERM)
        self.assertEqual(reader.wait(60), OK)
        self.assertEqual([json.loads(one)["domain"] for one in self.heard(lines).splitlines()], ["a", "b", "c", "d"])

    def test_what_a_guest_has(self):
        """To the byte as virsh prints it (domdisplay without a line below it)."""
        disk = os.path.join(self.root, "disk")
        with open(disk, "wb") as file:
            file.truncate(1 << 20)
        self.write("has.xml", "<domain type='qemu'><name>has</name><memory>65536</memory><os><type>hvm</type></os><devices>"
            "<disk type='file'><source file='%s'/><target dev='vdb'/></disk>"
            "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>"
            "<disk type='block'><source dev='/dev/none'/><target dev='vda'/></disk>"
            "<interface type='user'><mac address='52:54:00:00:00:03'/></interface>"
            "<interface type='network'><mac address='52:54:00:00:00:04'/><source network='default'/>"
            "<model type='virtio'/></interface><graphics type='vnc' listen='127.0.0.1'/></devices></domain>" % disk)
        self.ends(self.root_run("define", "has.xml"), OK)
        width = max(len(disk), len("Source"))
        self.assertEqual(self.root_run("domblklist", "has").stdout.decode(),
            " Target   Source\n" + "-" * (width + 12) + "\n vda      /dev/none\n vdb      " + disk + "\n hdc      -\n\n")
        self.assertEqual(self.root_run("domblklist", "has", "--details").stdout.decode(),
            " Type    Device   Target   Source\n" + "-" * (width + 29) + "\n"
            " block   disk     vda      /dev/none\n file    disk     vdb      " + disk + "\n"
            " file    cdrom    hdc      -\n\n")
        self.assertEqual(self.root_run("domiflist", "has").stdout.decode(),
            " Interface   Type      Source    Model     MAC\n"
            "--------------------------------------------------------------\n"
            " -           user      -         rtl8139   52:54:00:00:00:03\n"
            " -           network   default   virtio    52:54:00:00:00:04\n\n")
        for verb in "domdisplay", "vncdisplay":
            self.said(self.ends(self.root_run(verb, "has"), FAILED), "Domain is not running")

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_displays_of_a_guest(self):
        self.write("seen.xml", "<domain type='qemu'><name>seen</name><memory>65536</memory><os><type>hvm</type></os><devices>"
            "<serial type='pty'/><console type='pty'/>" # as virt-install writes them
            "<graphics type='spice' autoport='yes'/><graphics type='vnc' listen='0.0.0.0'/></devices></domain>")
        self.ends(self.root_run("define", os.path.join(self.folder, "seen.xml")), OK)
        self.ends(self.root_run("start", "seen", "--paused"), OK)
        try:
            number = re.match(r":(\d+)\n\n$", self.root_run("vncdisplay", "seen").stdout.decode()).group(1)
            vnc = "vnc://localhost:%s\n" % number
            self.assertEqual(self.root_run("domdisplay", "seen").stdout.decode(), vnc)
            spice = self.root_run("domdisplay", "seen", "--type", "spice").stdout.decode()
            self.assertRegex(spice, r"^spice://127.0.0.1:59\d\d\n$")
            self.assertEqual(self.root_run("domdisplay", "seen", "--all").stdout.decode(), vnc + spice + "\n")
            late = self.ends(self.root_run("reboot", "seen", "--timeout", "1"), FAILED)
            self.said(late, "has not within 1 s; it runs on")
            live = self.root_run("dumpxml", "seen").stdout.decode()
            self.assertIn("<alias name='balloon0'/>", live)
            self.assertNotIn("<alias", self.root_run("dumpxml", "seen", "--inactive").stdout.decode())
        finally:
            self.root_run("destroy", "seen")

    def test_a_started_paused_guest_is_resumed(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        self.ends(self.root_run("start", "win2k3", "--paused"), OK)
        try:
            self.ends(self.root_run("resume", "win2k3"), OK)
            self.assertEqual(self.root_run("domstate", "win2k3").stdout, b"running\n\n")
        finally:
            self.root_run("destroy", "win2k3")

    def definition(self):
        return self.root_run("dumpxml", "win2k3", "--inactive").stdout.decode()

    def test_devices_come_and_go(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        before = self.definition()
        rng = self.write("rng.xml", "<rng model='virtio'>\n  <backend model='builtin'/>\n</rng>\n")
        self.ends(self.root_run("attach-device", "win2k3", rng, "--dry-run"), OK)
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "--dry-run"), OK)
        self.assertEqual(self.definition(), before)
        one = self.write("one.xml", HOSTDEV % 4)
        for args in (["attach-device", "win2k3", one], ["attach-hostdev", "win2k3", "04:00.0", "--config"]):
            self.assertEqual(self.ends(self.root_run(*args), OK).stdout, b"Device attached successfully\n\n")
            self.assertEqual(self.definition().count("<hostdev "), 1)
        after = self.definition()
        self.assertEqual(json.loads(self.root_run("attach-device", "win2k3", one, "--json").stdout)["changed"], False)
        self.ends(self.root_run("detach-device", "win2k3", one), OK)
        self.assertEqual(self.definition().count("<hostdev "), 0)
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0"), OK)
        self.assertNotEqual(after, before)
        self.assertEqual(self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0"), OK).stdout,
            b"Device detached successfully\n\n")
        self.assertEqual(self.definition(), before)
        self.assertEqual(json.loads(self.root_run("detach-hostdev", "win2k3", "04:00.0", "--json").stdout)["changed"], False)
        self.ends(self.root_run("attach-device", "win2k3", rng), OK)
        self.assertIn("<rng model='virtio'>", self.definition())

    def test_devices_that_cannot_be_attached(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        before = self.definition()
        for name, text, words in (
                ("unknown.xml", "<rng model='virtio'>\n<frobnicate/></rng>", "unknown.xml:2: .*frobnicate"),
                ("two.xml", HOSTDEV % 4 + HOSTDEV % 1, "one device is attached at a time, and there are 2"),
                ("none.xml", "", "there are 0"), ("words.xml", "hello", "words.xml:1:"),
                ("cut.xml", "<hostdev", "cut.xml"), ("closing.xml", "</devices></domain>", "closing.xml"),
                ("declared.xml", "<?xml version='1.0'?><rng/>", "without <.xml"),
                ("taken.xml", "<rng model='virtio'><backend model='builtin'/>"
                    "<address type='pci' bus='0' slot='31' function='0'/></rng>", "belongs to the machine's own"),
                ("function.xml", "<rng model='virtio'><backend model='builtin'/>"
                    "<address type='pci' bus='0' slot='9' function='3'/></rng>", "no function 0x0")):
            path = self.write(name, text)
            self.said(self.ends(self.root_run("attach-device", "win2k3", path), FAILED), words)
            self.assertEqual(self.definition(), before)
        self.ends(self.root_run("attach-device", "win2k3", "/no/such/file", "--config"), FAILED)
        self.ends(self.root_run("attach-device", "win2k3"), USAGE)
        self.ends(self.root_run("attach-device", "win2k3", "a.xml", "--current", "--config"), USAGE)
        self.said(self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "--live"), FAILED), "does not run")
        rng = self.write("rng.xml", "<rng model='virtio'><backend model='builtin'/></rng>")
        self.said(self.ends(self.root_run("detach-device", "win2k3", rng), FAILED), "only a <hostdev> can be detached")

    def test_a_running_guest_is_given_a_device_from_its_next_start(self):
        self.ends(self.root_run("define", "soft.xml"), OK)
        self.ends(self.root_run("start", "win2k3"), OK)
        try:
            self.said(self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "--config"), OK), "its next start")
            self.assertIn("<hostdev ", self.definition())
            self.assertNotIn(b"<hostdev ", self.root_run("dumpxml", "win2k3").stdout)
            self.said(self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0", "--config"), OK), "its next start")
            self.assertNotIn("<hostdev ", self.definition())
            edited = self.root_run("edit", "win2k3", env={"EDITOR": "sed -i s/256/128/"})
            self.said(self.ends(edited, OK), "it runs; the new definition is that of its next start")
        finally:
            self.root_run("destroy", "win2k3")

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_what_qemu_does_not_take_is_taken_back(self):
        """No QEMU of this machine gets a device of that root: it refuses, after all that comes before."""
        ports = "".join("<controller type='pci' index='%d' model='pcie-root-port'/>" % i for i in (1, 2, 3))
        self.write("ports.xml", GUEST % ("qemu", ports))
        self.ends(self.root_run("define", "ports.xml"), OK)
        self.ends(self.root_run("start", "win2k3"), OK)
        try:
            before, live = self.definition(), self.root_run("dumpxml", "win2k3").stdout
            driver = os.readlink(self.root + "/sys/bus/pci/devices/0000:04:00.0/driver")
            dry = self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "--live", "--dry-run"), OK)
            self.assertIn(b"into win2k3: 0000:04:00.0", dry.stdout)
            self.assertIn(b"-> vfio-pci", dry.stdout)
            for scope in [], ["--live"], ["--live", "--config"], ["--persistent"], ["--current"]:
                result = self.root_run("attach-hostdev", "win2k3", "04:00.0", *scope)
                self.said(self.ends(result, FAILED), "QEMU does not take 0000:04:00.0: device_add: .*as it was before")
                self.assertEqual(result.stdout, b"")
                self.assertEqual(self.definition(), before)
                self.assertEqual(self.root_run("dumpxml", "win2k3").stdout, live)
                self.assertEqual(os.readlink(self.root + "/sys/bus/pci/devices/0000:04:00.0/driver"), driver)
            self.assertFalse(os.path.exists(self.root + "/run/pcipass/guests/win2k3/plug.json"))
            self.ends(self.root_run("recover"), OK)
            gone = self.root_run("detach-hostdev", "win2k3", "04:00.0", "--live")
            self.said(self.ends(gone, OK), "it is so already")
            rng = self.write("rng.xml", "<rng model='virtio'><backend model='builtin'/></rng>")
            self.said(self.ends(self.root_run("attach-device", "win2k3", rng), FAILED),
                "rng.xml:1: a <rng> cannot be plugged into a guest that runs")
            for words in ["--timeout", "0"], ["--timeout", "x"], ["--timeout", "86401"], ["--current", "--live"]:
                self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", *words), USAGE)
            self.ends(self.root_run("suspend", "win2k3"), OK)
            self.said(self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0"), FAILED), "QEMU does not take")
        finally:
            self.root_run("destroy", "win2k3")

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_where_no_place_is_left_nothing_begins(self):
        self.ends(self.root_run("define", self.write("full.xml", GUEST % ("qemu",
            "<controller type='pci' index='1' model='pcie-root-port'/>"))), OK)
        self.ends(self.root_run("start", "win2k3"), OK)
        try:
            result = self.root_run("attach-hostdev", "win2k3", "04:00.0", "--live")
            self.said(self.ends(result, NOT_READY), "no place is left in the guest for 0000:04:00.0")
            self.said(result, "pcie-root-port")
            self.said(result, "dompcilist win2k3")
        finally:
            self.root_run("destroy", "win2k3")

    def test_networks(self):
        """Which bridge a network is; and that it is not there is said before anything else happens."""
        def guest(kind, source):
            self.ends(self.root_run("define", self.write("net.xml", GUEST % ("qemu",
                "<interface type='%s'><source %s='%s'/><model type='virtio'/></interface>" % (kind, kind, source)))), OK)

        def native():
            return self.root_run("domxml-to-native", "qemu-argv", "win2k3")
        networks = self.root + "/etc/libvirt/qemu/networks"
        os.makedirs(networks, exist_ok=True)
        for name, text in (("default", "<network><name>default</name><forward mode='nat'><nat><port start='1' end='2'/>"
                "</nat></forward><bridge name='virbr0' stp='on'/><ip address='192.168.122.1'/></network>"),
                ("isolated", "<network><name>isolated</name><bridge name='virbr1'/></network>"),
                ("cards", "<network><forward mode='hostdev' managed='yes'><pf dev='eth0'/></forward></network>"),
                ("cut", "<network><bridge name='virbr2'/>")):
            with open("%s/%s.xml" % (networks, name), "w") as file:
                file.write(text)
        for name, bridge in (("default", "virbr0"), ("isolated", "virbr1")):
            guest("network", name)
            self.assertIn("-netdev bridge,br=%s," % bridge, self.ends(native(), OK).stdout.decode())
            result = self.ends(self.root_run("start", "win2k3"), NOT_READY)
            self.said(result, "%s is not on this host" % bridge)
            self.said(result, "virsh net-start %s" % name)
        for name, words in (("cards", "a start chooses one that is free"), ("cut", "cannot be read"), ("nowhere", "is none of libvirt's")):
            guest("network", name)
            self.said(self.ends(native(), NOT_READY), words)
        guest("bridge", "lo")
        os.makedirs(self.root + "/sys/class/net/lo", exist_ok=True)
        self.said(self.ends(self.root_run("start", "win2k3"), NOT_READY), "lo is no bridge")

    def test_networks_of_functions(self):
        """The function that a start would take, and why there is none."""
        sriov(self.root)
        networks = self.root + "/etc/libvirt/qemu/networks"
        os.makedirs(networks, exist_ok=True)
        with open(networks + "/cards.xml", "w") as file:
            file.write("<network><forward mode='hostdev' managed='yes'>%s</forward></network>" % "".join(
                "<address type='pci' domain='0' bus='4' slot='0' function='%d'/>" % i for i in (1, 2)))
        self.ends(self.root_run("define", self.write("pool.xml", GUEST % ("kvm", "<interface type='network'><source network='cards'/></interface>"))), OK)
        self.said(self.ends(self.root_run("start", "win2k3", "--dry-run"), IN_USE), "0000:04:00.1: not on this host")
        self.ends(self.root_run("nodedev-setvfs", "04:00.0", "2"), OK)
        self.assertIn(b"0000:04:00.1: no driver -> vfio-pci", self.root_run("start", "win2k3", "--dry-run").stdout)
        self.assertIn(b"<source network='cards'/>", self.ends(self.root_run("dumpxml", "win2k3"), OK).stdout)
        self.ends(self.root_run("define", self.write("pool.xml", GUEST % ("kvm", "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='cards'/><vlan><tag id='7'/></vlan></interface>"))), OK)
        self.said(self.root_run("start", "win2k3", "--dry-run"), "is no virtual function of a network card with its driver")

    def put_firmware(self):
        folder = self.root + "/usr/share/qemu/firmware"
        os.makedirs(folder)
        for name in os.listdir("/usr/share/qemu/firmware"):
            shutil.copy("/usr/share/qemu/firmware/" + name, folder)

    def uefi_guest(self, os_more=""):
        serial = os.path.join(self.folder, "serial.log")
        text = GUEST % ("qemu", "    <serial type='file'><source path='%s'/></serial>\n" % serial)
        text = text.replace("<os>", "<os firmware='efi'>").replace("</os>", os_more + "</os><features><acpi/></features>")
        self.ends(self.root_run("define", self.write("uefi.xml", text)), OK)
        return serial

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    @unittest.skipUnless(os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), "OVMF is not installed")
    def test_uefi(self):
        serial = self.uefi_guest("<loader secure='no'/>")
        kept = self.root + "/var/lib/pcipass/nvram/win2k3_VARS.fd"
        self.said(self.ends(self.root_run("start", "win2k3"), NOT_READY), "this host has no UEFI for guests")
        self.put_firmware()
        self.ends(self.root_run("start", "win2k3"), OK)
        try:
            self.until(serial, b"UEFI")  # the firmware's own words: it has looked for something to boot
        finally:
            self.ends(self.root_run("destroy", "win2k3"), OK)
        with open(kept, "rb") as file, open("/usr/share/OVMF/OVMF_VARS_4M.fd", "rb") as template:
            variables = file.read()
            self.assertNotEqual(variables, template.read())  # it wrote its boot order
        self.ends(self.root_run("start", "win2k3", "--paused"), OK)
        self.ends(self.root_run("undefine", "win2k3", "--nvram"), IN_USE)
        self.ends(self.root_run("destroy", "win2k3"), OK)
        with open(kept, "rb") as file:
            self.assertEqual(file.read(), variables)
        self.said(self.ends(self.root_run("undefine", "win2k3"), FAILED), "--keep-nvram")
        self.ends(self.root_run("undefine", "win2k3", "--nvram", "--keep-nvram"), USAGE)
        self.ends(self.root_run("undefine", "win2k3", "--keep-nvram"), OK)
        self.assertTrue(os.path.exists(kept))
        self.uefi_guest()
        self.ends(self.root_run("undefine", "win2k3", "--nvram"), OK)
        self.assertFalse(os.path.exists(kept))

    def test_uefi_that_is_not_there(self):
        """Descriptors that are broken, for others, or hidden; a template that is gone."""
        self.put_firmware()
        etc = self.root + "/etc/qemu/firmware"
        os.makedirs(etc)
        for name, text in (("40-edk2-x86_64-secure-enrolled.json", ""), ("50-edk2-x86_64-secure.json", "{"),
                ("60-edk2-x86_64.json", '{"mapping": {"device": "flash"}, "targets": []}')):
            with open(os.path.join(etc, name), "w") as file:
                file.write(text)
        self.uefi_guest()
        argv = self.root_run("domxml-to-native", "qemu-argv", "win2k3")
        self.said(self.ends(argv, NOT_READY), "cannot be understood: /etc/qemu/firmware")
        shutil.rmtree(etc)
        argv = self.ends(self.root_run("domxml-to-native", "qemu-argv", "win2k3"), OK).stdout.decode()
        self.assertIn("OVMF_CODE_4M.ms.fd", argv)
        self.assertIn("/var/lib/pcipass/nvram/win2k3_VARS.fd", argv)
        self.uefi_guest("<nvram template='/no/such/template'/>")
        self.said(self.root_run("start", "win2k3"), "/no/such/template")
        self.assertFalse(os.path.exists(self.root + "/var/lib/pcipass/nvram"))
        self.assertEqual(self.root_run("domstate", "win2k3").stdout, b"shut off\n\n")

    @unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
    def test_a_guest_that_qemu_does_not_like(self):
        self.write("bad.xml", (GUEST % ("qemu", "")).replace("machine='q35'", "machine='nosuchmachine'"))
        self.write("disk.xml", GUEST % ("qemu", "    <disk type='file' device='disk'><driver name='qemu' type='raw'/>"
            "<source file='/no/such/disk'/><target dev='sda' bus='sata'/></disk>\n"))
        for name, word in (("bad.xml", "nosuchmachine"), ("disk.xml", "/no/such/disk")):
            if self.root_run("define", name).returncode != OK:
                continue
            result = self.root_run("start", "win2k3")
            self.assertIn(result.returncode, (FAILED, NOT_READY))
            self.said(result, "error: Failed to start domain 'win2k3'")
            self.said(result, word)
            self.assertEqual(self.root_run("domstate", "win2k3").stdout, b"shut off\n\n")


@unittest.skipUnless(os.path.exists("/usr/bin/qemu-system-x86_64"), "QEMU is not installed")
class Plugging(Case):
    """Into a guest that runs and out of it, with a QEMU whose host devices are made up (qemu-plug)."""
    NVME = "0000:04:00.0"
    PAIR = ["0000:00:1a.0", "0000:00:1a.7"]

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)  # it is asked what it can do as somebody else
        self.emulator = os.path.join(self.folder, "qemu-plug")
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "qemu-plug"), self.emulator)
        ports = "".join("<controller type='pci' index='%d' model='pcie-root-port'/>" % i for i in (1, 2, 3, 4))
        text = GUEST % ("qemu", ports + "<controller type='pci' index='5' model='pcie-to-pci-bridge'/>"
            "<memballoon model='none'/>")
        with open(os.path.join(self.folder, "g.xml"), "w") as file:
            file.write(text.replace("/usr/bin/qemu-system-x86_64", self.emulator))
        self.guest("lets-go")
        self.ends(self.root_run("define", "g.xml", "--yes"), OK)
        self.ends(self.root_run("start", "win2k3"), OK)

    def tearDown(self):
        self.root_run("destroy", "win2k3")
        super().tearDown()

    def guest(self, mode):
        """How it behaves from now on."""
        with open(os.path.join(self.folder, "mode.new"), "w") as file:
            file.write(mode)
        os.rename(os.path.join(self.folder, "mode.new"), os.path.join(self.folder, "qemu-plug.mode"))

    def driver(self, address):
        try:
            return os.path.basename(os.readlink("%s/sys/bus/pci/devices/%s/driver" % (self.root, address)))
        except FileNotFoundError:
            return None

    def run_has(self):
        """Which devices of the host it runs with, and where in it."""
        pci = json.loads(self.ends(self.root_run("dompcilist", "win2k3", "--json"), OK).stdout)
        return {f["host"]: (f["bus"], f["slot"], f["function"]) for f in pci["functions"] if f.get("host")}

    def definition_has(self):
        return "<hostdev" in self.root_run("dumpxml", "win2k3", "--inactive").stdout.decode()

    def on_its_way(self):
        try:
            with open(self.root + "/run/pcipass/guests/win2k3/plug.json") as file:
                return file.read()
        except FileNotFoundError:
            return False

    def journals(self):
        folder = self.root + "/run/pcipass/journal"
        return os.listdir(folder) if os.path.exists(folder) else []

    def becomes(self, what, wanted):
        end = time.monotonic() + 60
        while what() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual(what(), wanted)

    def settles(self, drivers):
        """What goes back by itself is back, last of all the record of it."""
        self.becomes(lambda: ({one: self.driver(one) for one in drivers}, self.on_its_way(), self.journals(),
            self.run_has()), (drivers, False, [], {}))
        self.clean(drivers)

    def clean(self, drivers):
        self.assertEqual(self.run_has(), {})
        self.assertEqual({one: self.driver(one) for one in drivers}, drivers)
        self.assertFalse(self.on_its_way())
        self.assertEqual(self.journals(), [])

    def test_in_and_out(self):
        before = {one: self.driver(one) for one in [self.NVME] + self.PAIR}
        live = self.root_run("dumpxml", "win2k3").stdout
        for _ in range(3):
            done = self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "00:1a.7", "--live", "--json"), OK)
            self.assertEqual([json.loads(done.stdout)[key] for key in ("changed", "live", "config")], [True, True, False])
            self.assertEqual(self.run_has(), {self.NVME: (3, 0, 0), self.PAIR[0]: (5, 1, 0), self.PAIR[1]: (5, 1, 7)})
            self.assertEqual({self.driver(one) for one in before}, {"vfio-pci"})
            self.assertEqual(set(json.loads(self.root_run("dominfo", "win2k3", "--json").stdout)["devices"]), set(before))
            self.assertFalse(self.definition_has())
            again = self.root_run("attach-hostdev", "win2k3", "04:00.0", "--live")
            self.said(self.ends(again, OK), "it is so already")
            self.ends(self.root_run("detach-hostdev", "win2k3", "00:1a.0", "--live"), OK)
            self.assertEqual(list(self.run_has()), [self.NVME])
            self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0"), OK)
            self.clean(before)
            self.assertEqual(self.root_run("dumpxml", "win2k3").stdout, live)

    def test_events(self):
        """Said when it is written down, whoever does that; virsh's lines."""
        reader, lines = self.listen("win2k3", "--all", "--loop")
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "00:1a.7", "--live"), OK)
        self.ends(self.root_run("detach-hostdev", "win2k3", "00:1a.0", "--live"), OK)
        self.guest("holds")
        self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0", "--timeout", "1"), IN_USE)
        self.assertEqual(len(self.heard(lines).splitlines()), 5)
        self.guest("lets-go")
        self.becomes(lambda: len(self.heard(lines).splitlines()), 6)
        self.becomes(self.on_its_way, False)
        reader.send_signal(signal.SIGINT)
        self.assertEqual(reader.wait(60), OK)
        said = [line.removeprefix("event 'device-").removesuffix("\n") for line in self.heard(lines).splitlines()][:6]
        kinds = [line.split("'")[0] for line in said]
        aliases = [line.split(": ")[1] for line in said]
        self.assertEqual(kinds, ["added"] * 3 + ["removed"] * 3)
        self.assertEqual(len(set(aliases[:3])), 3)
        self.assertEqual(sorted(aliases[3:]), sorted(aliases[:3]))
        self.assertEqual(set(aliases[3:5]), set(aliases[1:3]))

    def test_what_it_runs_with_is_a_definition(self):
        """With what was plugged: valid by libvirt's schema, and it comes back unchanged."""
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "00:1a.7", "--live"), OK)
        live = self.root_run("dumpxml", "win2k3").stdout
        self.assertEqual(live.count(b"<hostdev "), 3)
        for word in b"<alias name='hostdev2'/>", b"bus='0x05' slot='0x01' function='0x7'":
            self.assertIn(word, live)
        path = os.path.join(self.folder, "live.xml")
        with open(path, "wb") as file:
            file.write(live[:-1])  # dumpxml ends with an empty line
        self.ends(self.root_run("define", path, "--yes"), OK)
        self.assertEqual(self.root_run("dumpxml", "win2k3", "--inactive").stdout, live)
        schema = "/usr/share/libvirt/schemas/domain.rng"
        if os.path.exists(schema) and shutil.which("xmllint"):
            done = subprocess.run(["xmllint", "--noout", "--relaxng", schema, path], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_slot_is_not_torn(self):
        self.ends(self.root_run("attach-hostdev", "win2k3", "00:1a.7", "--live"), OK)
        with open(os.path.join(self.folder, "one.xml"), "w") as file:
            file.write("<hostdev mode='subsystem' type='pci' managed='yes'><source>"
                "<address domain='0' bus='0' slot='26' function='7'/></source></hostdev>")
        torn = self.root_run("detach-device", "win2k3", "one.xml", "--live")
        self.said(self.ends(torn, FAILED), "0000:00:1a.7 cannot go alone: 0000:00:1a.0 is in the same slot")
        self.assertEqual(len(self.run_has()), 2)

    def test_a_guest_that_does_not_let_go(self):
        before = {self.NVME: self.driver(self.NVME)}
        self.guest("holds")
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0", "--persistent"), OK)
        for _ in range(2):
            held = self.root_run("detach-hostdev", "win2k3", "04:00.0", "--persistent", "--timeout", "1")
            self.said(self.ends(held, IN_USE), "the guest has not let go of 0000:04:00.0 within 1 s")
            self.said(held, "given back to the host by itself")
            self.assertEqual(held.stdout, b"")
            self.assertTrue(self.definition_has())
            self.assertEqual(self.driver(self.NVME), "vfio-pci")
        # Later it does, and nobody waits: both change.
        self.guest("lets-go")
        self.settles(before)
        self.assertFalse(self.definition_has())

    def test_a_guest_that_ends_first(self):
        before = {self.NVME: self.driver(self.NVME)}
        self.guest("holds")
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0"), OK)
        waits = subprocess.Popen([PROGRAM, "--root", self.root, "detach-hostdev", "win2k3", "04:00.0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.becomes(lambda: bool(self.on_its_way()), True)
        self.ends(self.root_run("destroy", "win2k3"), OK)
        self.assertEqual(waits.wait(60), OK)
        self.assertEqual(self.driver(self.NVME), before[self.NVME])
        self.assertEqual(self.journals(), [])

    def test_paused(self):
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0"), OK)
        self.ends(self.root_run("suspend", "win2k3"), OK)
        self.said(self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0"), FAILED), "it is paused")
        self.ends(self.root_run("resume", "win2k3"), OK)
        self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0"), OK)

    def test_all_or_none(self):
        """QEMU refuses the second device when the guest has the first already."""
        before = {one: self.driver(one) for one in [self.NVME] + self.PAIR}
        self.guest("refuses 0000:00:1a.0")
        result = self.root_run("attach-hostdev", "win2k3", "04:00.0", "00:1a.7", "--persistent", "--timeout", "1")
        self.assertEqual(result.returncode, RECOVER, result.stderr)  # the guest holds what it has
        self.said(result, "QEMU does not take 0000:00:1a.0: device_add: vfio 0000:00:1a.0: made up")
        self.said(result, "not all of it could be taken back: the guest has not let go of")
        self.assertFalse(self.definition_has())
        self.guest("lets-go")
        self.settles(before)

    def test_pulled_out_by_the_guest_itself(self):
        before = {self.NVME: self.driver(self.NVME)}
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0"), OK)
        self.monitor("device_del", {"id": "hostdev0"})
        self.settles(before)

    def monitor(self, command, arguments):
        sock = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(self.root + "/run/pcipass/guests/win2k3")
        try:
            sock.connect("verbs.sock")
        finally:
            os.chdir(here)
        file = sock.makefile("rw")
        for one in {"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}:
            file.write(json.dumps(one) + "\n")
            file.flush()
            while "return" not in json.loads(file.readline()):
                pass
        file.close()
        sock.close()

    def test_killed_at_any_time(self):
        """kill -9 of the verb, and of the supervisor, after a growing time."""
        before = {self.NVME: self.driver(self.NVME)}
        began = time.monotonic()
        self.ends(self.root_run("attach-hostdev", "win2k3", "04:00.0"), OK)
        took = time.monotonic() - began
        self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0"), OK)
        ends = set()
        for i in range(24):
            verb = subprocess.Popen([PROGRAM, "--root", self.root, "attach-hostdev", "win2k3", "04:00.0", "--persistent"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(took * i / 20)
            if i % 3 == 2:
                info = json.loads(self.root_run("dominfo", "win2k3", "--json").stdout)
                if info["supervisor"]:
                    os.kill(info["supervisor"], 9)
            verb.kill()
            verb.wait()
            # Where the supervisor was killed too, the next verb sees to it that there is another.
            self.becomes(lambda: self.root_run("list") and self.on_its_way(), False)
            self.becomes(lambda: (self.run_has() != {}, self.definition_has()) in [(True, True), (False, False)], True)
            ends.add(bool(self.run_has()))
            self.ends(self.root_run("recover"), OK)
            if self.run_has():
                self.ends(self.root_run("detach-hostdev", "win2k3", "04:00.0", "--persistent"), OK)
            self.settles(before)
        self.assertIn(False, ends)

    def test_qemu_dies_in_the_middle(self):
        before = {self.NVME: self.driver(self.NVME)}
        for i in range(4):
            info = json.loads(self.root_run("dominfo", "win2k3", "--json").stdout)
            verb = subprocess.Popen([PROGRAM, "--root", self.root, "attach-hostdev", "win2k3", "04:00.0", "--live"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.1 * i)
            os.kill(info["qemu"], 9)
            verb.wait(120)
            self.becomes(lambda: self.root_run("domstate", "win2k3").stdout, b"crashed\n\n")
            self.becomes(lambda: self.driver(self.NVME), before[self.NVME])
            self.ends(self.root_run("recover"), OK)
            self.assertEqual(self.journals(), [])
            self.ends(self.root_run("start", "win2k3"), OK)

    def test_two_at_once(self):
        verbs = [subprocess.Popen([PROGRAM, "--root", self.root, "attach-hostdev", "win2k3", one, "--persistent"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for one in ("04:00.0", "00:1a.7")]
        for verb in verbs:
            self.assertEqual(verb.wait(120), OK, verb.stderr.read())
            verb.stderr.close()
        self.assertEqual(len(self.run_has()), 3)
        self.assertEqual(self.root_run("dumpxml", "win2k3", "--inactive").stdout.count(b"<hostdev"), 3)


class Libvirt(Case):
    """Guests of libvirt's: 0000:04:00.0 is in one that runs, win11."""
    SOURCE = ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x%02x' "
        "slot='0x00' function='0x0'/></source></hostdev>")

    def put(self, path, text):
        path = self.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def domain(self, name, bus=4, more=""):
        return ("<domain type='kvm'>\n  <name>%s</name>\n  <memory unit='KiB'>262144</memory>\n  <vcpu>1</vcpu>\n"
            "  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>\n  <devices>\n    %s%s\n  </devices>\n"
            "</domain>\n" % (name, self.SOURCE % bus if bus else "", more))

    def setUp(self):
        super().setUp()
        self.put("/etc/libvirt/qemu/win11.xml", self.domain("win11"))
        self.put("/etc/libvirt/qemu/off.xml", self.domain("off"))
        self.put("/run/libvirt/qemu/win11.xml", "<domstatus state='running' reason='booted' pid='4242'>\n"
            + self.domain("win11", more="<alias name='hostdev0'/><newer version='99'/>") + "</domstatus>\n")
        self.put("/proc/4242/cmdline", b"/usr/bin/qemu-system-x86_64\0-name\0guest=win11,debug-threads=on\0-x\0"
            b"/var/lib/libvirt/qemu/domain-1-win11\0")
        os.mkdir(self.root + "/proc/4242/fd")
        os.symlink("/dev/vfio/9", self.root + "/proc/4242/fd/20")
        device = self.root + "/sys/bus/pci/devices/0000:04:00.0/driver"
        os.unlink(device)
        os.symlink("../../../bus/pci/drivers/vfio-pci", device)

    def test_owners(self):
        commands = ("", "nodedev-list -o ADDRESS,DRIVER,OWNER", "nodedev-list --long", "nodedev-check 04:00.0",
            "nodedev-detach 04:00.0", "nodedev-reattach 04:00.0", "nodedev-reset 04:00.0", "nodedev-test --dry-run 04:00.0",
            "domcheck win11", "domcheck off", "start win11", "start off", "shutdown win11", "destroy win11",
            "libvirt-hook --status")
        self.matches("libvirt", *[(args, self.root_run(*args)) for args in (c.split() for c in commands)])

    def test_ours_wants_the_same(self):
        self.put("/tmp.xml", self.domain("ours"))
        self.ends(self.root_run("define", self.root + "/tmp.xml"), OK)
        for verb in ("start", "domcheck"):
            out = self.ends(self.root_run(verb, "ours"), IN_USE)
            self.assertIn("win11, libvirt, running", (out.stdout + out.stderr).decode())

    def test_taken_over(self):
        self.ends(self.root_run("define", "--from-libvirt", "win11"), OK)
        self.said(self.ends(self.root_run("start", "win11"), IN_USE), "win11, libvirt, running")

    def test_what_cannot_be_taken_over(self):
        """It is said, each thing; and without --yes nothing is defined."""
        more = "<tpm model='tpm-tis'><backend type='passthrough'/></tpm>"
        self.put("/etc/libvirt/qemu/rich.xml", self.domain("rich", 0, more))
        before = tree_of(self.root)
        out = self.root_run("define", "--from-libvirt", "rich", stdin=subprocess.DEVNULL)
        self.assertNotEqual(out.returncode, OK)
        self.said(out, "tpm")
        self.unchanged(before)
        self.said(self.ends(self.root_run("define", "--from-libvirt", "rich", "--yes"), OK), "tpm")
        self.assertNotIn(b"tpm", self.ends(self.root_run("dumpxml", "rich"), OK).stdout)
        self.said(self.ends(self.root_run("define", "--from-libvirt", "nobody"), FAILED), "libvirt has no guest 'nobody'")

    def test_definitions_of_every_kind(self):
        """Half written, of other programs, being replaced: what is whole is seen, all else is no guest."""
        whole = self.domain("half", 4)
        for number, size in enumerate(range(0, len(whole) - 2, 37)):
            self.put("/etc/libvirt/qemu/half%d.xml" % number, whole[:size])
        self.put("/etc/libvirt/qemu/new.xml.new", self.domain("being-replaced"))
        self.put("/etc/libvirt/qemu/old.xml.dpkg-old", self.domain("packaged"))
        self.put("/etc/libvirt/qemu/networks/default.xml", "<network><name>default</name></network>")
        self.put("/etc/libvirt/qemu/bytes.xml", bytes(range(256)) * 64)
        self.put("/etc/libvirt/qemu/deep.xml", "<a>" * 100000)
        self.put("/etc/libvirt/qemu/foreign.xml", "<x:domain xmlns:x='urn:x'><x:name>foreign</x:name></x:domain>")
        self.put("/etc/libvirt/qemu/spaces.xml", "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
            "<name>spaces</name><qemu:commandline><qemu:arg value='-x'/></qemu:commandline><metadata><a:hostdev "
            "xmlns:a='urn:a' type='pci'><source><address bus='1' slot='0'/></source></a:hostdev></metadata><devices>"
            + self.SOURCE % 4 + "</devices></domain>")
        os.mkdir(self.root + "/etc/libvirt/qemu/folder.xml")
        os.symlink("loop.xml", self.root + "/etc/libvirt/qemu/loop.xml")
        for args in ([], ["nodedev-list", "--long"], ["nodedev-check", "04:00.0"]):
            out = self.root_run(*args)
            self.assertIn(b"win11, libvirt, running", out.stdout)
            self.assertEqual(out.stderr, b"")
        for name in ("half", "being-replaced", "packaged", "foreign", "default"):
            self.said(self.ends(self.root_run("start", name), FAILED), "pcipass has no guest|no guest")
        self.said(self.root_run("start", "spaces"), "spaces is libvirt's")
        out = self.root_run("domcheck", "spaces")
        self.assertIn(b"win11, libvirt, running", out.stdout)
        self.ends(self.root_run("domcheck", self.root + "/etc/libvirt/qemu/half3.xml"), FAILED)

    def test_thousands_of_guests(self):
        for number in range(2000):
            self.put("/etc/libvirt/qemu/guest%d.xml" % number, self.domain("guest%d" % number, number % 3 * 2))
        for args in ([], ["nodedev-list", "--long"], ["domcheck", "guest1999"], ["start", "guest7"]):
            out = self.root_run(*args)
            self.assertRegex(out.stdout + out.stderr, b"win11, libvirt, running|guest7 is libvirt's|guest1999")
            self.assertLess(len(out.stdout), 5000)

    def test_without_a_daemon(self):
        """It is being upgraded: no process, no sockets, a status of a newer one; files say what there is."""
        os.rename(self.root + "/etc/libvirt/qemu", self.root + "/etc/libvirt/qemu.dpkg-new")
        out = self.ends(self.root_run("nodedev-detach", "04:00.0"), IN_USE)
        self.said(out, "win11, libvirt, running")
        shutil.rmtree(self.root + "/proc/4242")
        self.assertNotIn(b"win11", self.root_run("nodedev-list", "--long").stdout)

    def test_files_that_change_meanwhile(self):
        """It is being upgraded, or somebody edits: definitions are replaced, cut and written anew under us. Each is
        read whole or not at all, and what runs is seen each time."""
        path, whole = self.root + "/etc/libvirt/qemu/off.xml", self.domain("off").encode()
        over = threading.Event()
        def change():
            size = 0
            while not over.is_set():
                size = (size + 61) % len(whole)
                with open(path, "wb") as file:
                    file.write(whole[:size])
                with open(path + ".new", "wb") as file:
                    file.write(whole)
                os.rename(path + ".new", path)
                os.unlink(path)
        thread = threading.Thread(target=change)
        thread.start()
        try:
            for args in ([], ["nodedev-list", "--long"], ["nodedev-check", "04:00.0"], ["domcheck", "win11"]) * 8:
                out = self.root_run(*args)
                self.assertEqual(out.stderr, b"")
                if args[:1] != ["domcheck"]:
                    self.assertIn(b"win11, libvirt, running", out.stdout)
            for _ in range(8):
                self.said(self.ends(self.root_run("start", "off"), FAILED), "no guest|off is libvirt's")
        finally:
            over.set()
            thread.join()

    def test_a_user_puts_things_into_his_folder(self):
        """Root reads the definitions of users: a pipe, a node, a link or a huge file there stops nothing."""
        home = self.root + "/home/ann/.config/libvirt/qemu"
        self.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
        self.put("/home/ann/.config/libvirt/qemu/mine.xml", self.domain("mine", 1))
        os.mkfifo(home + "/pipe.xml")
        os.symlink("/dev/zero", home + "/zero.xml")
        os.symlink("mine.xml", home + "/link.xml")
        os.mkdir(home + "/folder.xml")
        with open(home + "/huge.xml", "wb") as file:
            file.truncate(1 << 40)
        out = self.ends(self.root_run("nodedev-check", "04:00.0"), IN_USE)
        self.assertIn(b"win11, libvirt, running", out.stdout)
        self.said(self.ends(self.root_run("start", "mine"), FAILED), "mine is libvirt's: virsh -c qemu:///session start mine, as the user of /home/ann")

    def test_the_hook_by_hand(self):
        """Called in every wrong way: it says so or does nothing, and nothing is changed."""
        xml = self.domain("g", 1).encode()
        before = tree_of(self.root)
        cases = (
            ([], b"", USAGE), (["g"], b"", USAGE), (["g", "prepare"], xml, USAGE),
            (["g", "prepare", "begin", "-"], b"", FAILED), (["g", "prepare", "begin", "-"], b"\0" * 100000, FAILED),
            (["g", "prepare", "begin", "-"], xml[:-20], FAILED), (["g", "prepare", "begin", "-"], xml + xml, FAILED),
            (["g", "prepare", "begin", "-"], self.domain("g", 0).encode(), OK),
            (["g", "prepare", "begin", "-"], self.domain("g", 0x7f).encode(), NOT_READY),
            (["g", "prepare", "begin", "-"], self.domain("g", 4).encode(), IN_USE),
            (["g", "prepare", "begin", "-"], xml, IN_USE), # its disk is mounted
            (["g", "prepare", "end", "-"], xml, OK), (["g", "frobnicate", "begin", "-"], xml, OK),
            (["g", "release", "end", "-", "shutdown"], b"", OK), (["g", "", "", ""], b"", OK),
            (["../../../x", "release", "end", "-"], b"", OK), (["", "release", "end", "-"], b"", OK),
            (["g" * 200, "prepare", "begin", "-"], self.domain("g", 3).encode(), FAILED),
            (["g" * 5000, "release", "end", "-"], b"", OK), (["a\nb", "migrate", "begin", "-"], b"", OK),
            (["g", "prepare", "begin", "-"], b"<domain><name>g</name>" + b"<x>" * 200000, FAILED),
        )
        for args, text, status in cases:
            with open(os.path.join(self.folder, "input"), "w+b") as file:
                file.write(text)
                file.seek(0)
                result = self.root_run("libvirt-hook", "run", *args, stdin=file)
            with self.subTest(args=[a[:40] for a in args], size=len(text)):
                self.ends(result, status)
                self.assertEqual(bool(result.stderr), status != OK, result.stderr)
        result = self.root_run("libvirt-hook", "run", "g", "prepare", "begin", "-", stdin=None,
            preexec_fn=lambda: os.close(0))
        self.said(self.ends(result, FAILED), "not whole")
        self.unchanged(before)

    def hook(self, *args, text=b""):
        with open(os.path.join(self.folder, "input"), "w+b") as file:
            file.write(text)
            file.seek(0)
            return self.root_run("libvirt-hook", "run", *args, stdin=file)

    def test_another_device_than_at_the_last_start(self):
        """The hook remembers which devices they were: addresses move when cards do."""
        xml = self.domain("g", 3).encode()
        begin, end = ("g", "prepare", "begin", "-"), ("g", "release", "end", "-")
        for _ in range(2):
            self.ends(self.hook(*begin, text=xml), OK)
            self.ends(self.hook(*end), OK)
        self.put("/etc/libvirt/qemu/g.xml", xml)
        memory = self.root + "/var/lib/pcipass/guests/libvirt:g.json"
        self.assertTrue(os.path.exists(memory))
        self.assertNotIn(b"identity-changed", self.root_run("domcheck", "g").stdout)
        with open(memory, encoding="utf-8") as file:
            text = file.read()
        was = re.search(r'"product": *(\d+)', text).group(0)
        self.put("/var/lib/pcipass/guests/libvirt:g.json", text.replace(was, '"product": 4'))
        for result in (self.hook(*begin, text=xml), self.root_run("domcheck", "g")):
            self.ends(result, NOT_READY)
            self.assertIn(b"identity-changed", result.stdout + result.stderr)
        os.unlink(memory) # its remedy
        self.ends(self.hook(*begin, text=xml), OK)
        self.ends(self.hook(*end), OK)

    def test_on_and_off(self):
        before = tree_of(self.root)
        self.ends(self.root_run("libvirt-hook", "--enable"), OK)
        self.ends(self.root_run("libvirt-hook", "--enable", "--dry-run"), OK)
        self.ends(self.root_run("libvirt-hook", "--disable"), OK)
        self.unchanged(before)


class Typing(Case):
    def test_help(self):
        self.matches("help", (["help"], self.run_program(["help"])), (["--help"], self.run_program(["--help"])))

    def test_help_of_each_verb_begins_with_an_example(self):
        for verb in self.verbs():
            out = self.ends(self.run_program(["help", verb]), OK).stdout.decode()
            self.assertRegex(out.split("\n")[0], r"^  [$#] .*pcipass %s" % verb, verb)
            self.assertIn("  pcipass " + verb, out)
            for more in ([verb, "--help"], [verb, "-h"], ["-h", verb], ["--json", verb, "--help"]):
                self.assertEqual(self.ends(self.run_program(more), OK).stdout.decode(), out)

    def test_each_verb_refuses_what_it_does_not_know(self):
        for verb in self.verbs():
            result = self.ends(self.text_run(verb, "--no-such-option"), USAGE)
            self.said(result, "^error: unknown option --no-such-option")
            self.assertEqual(result.stdout, b"")

    def test_did_you_mean(self):
        for typed, meant in (("nodedev-detatch", "nodedev-detach"), ("nodedev-lst", "nodedev-list"), ("recove", "recover")):
            result = self.ends(self.run_program([typed]), USAGE)
            self.said(result, "unknown verb '%s'\n +did you mean %s\\?" % (typed, meant))
            self.said(self.ends(self.run_program(["help", typed]), USAGE), "did you mean %s" % meant)
        self.said(self.ends(self.run_program(["xyzzy-plugh"]), USAGE), "pcipass help")
        self.said(self.ends(self.run_program(["nodedev-list", "--tre"]), USAGE), "did you mean --tree")
        self.said(self.ends(self.run_program(["nodedev-detach", "--drivr", "x", "y"]), USAGE), "did you mean --driver")
        self.said(self.ends(self.text_run("nodedev-list", "-o", "ADRESS"), USAGE), "did you mean ADDRESS")
        self.said(self.ends(self.run_program(["--jsn"]), USAGE), "did you mean --json")

    def test_odd_command_lines(self):
        for args in ([""], ["--root"], ["-"], ["--"], ["--root="], ["-x"], ["--json=yes"], ["nodedev-list", "--cap"],
                ["nodedev-list", "word"], ["help", "a", "b"], ["--root", "/no/such/place"], ["--root", "/dev/null"],
                ["nodedev-info", ""], ["nodedev-info", "x" * 100000], ["nodedev-info", "\x1b[31m"],
                ["nodedev-info", "/dev/../etc"], ["nodedev-info", "-"], ["nodedev-info", "--", "--json"]):
            root = [] if "--root" in args or "--root=" in args else ["--root", self.text]
            result = self.run_program(root + args)
            self.assertIn(result.returncode, (OK, FAILED, USAGE), args)
            self.assertNotIn(b"\x1b", result.stderr)
            if result.returncode != OK:
                self.said(result, "^error: ")

    def test_global_options_stand_anywhere(self):
        expected = self.text_run("nodedev-list", "--json").stdout
        for args in (["--json", "--root", self.text, "nodedev-list"], ["nodedev-list", "--root=" + self.text, "--json"],
                ["--json", "nodedev-list", "--root", self.text]):
            self.assertEqual(self.ends(self.run_program(args), OK).stdout, expected)

    def test_version(self):
        for option in ("--version", "-V"):
            self.assertRegex(self.ends(self.run_program([option]), OK).stdout.decode(), r"^pcipass \d+\.\d+\.\d+\n$")

    def test_json_is_one_object(self):
        for args in ([], ["nodedev-list"], ["nodedev-list", "--long"], ["nodedev-check"], ["nodedev-check", "00:1a.7"],
                ["nodedev-info", "00:1a.7"], ["nodedev-dumpxml", "00:1a.7"], ["iommugroup-list"], ["host-validate"],
                ["nodedev-detach", "nothing"], ["nodedev-list", "--bogus"], ["nodedev-reset", "04:00.0"],
                ["recover", "--dry-run"]):
            out = self.text_run("--json", *args).stdout.decode()
            if "--bogus" in args:  # the command line was not understood
                self.assertEqual(out, "")
                continue
            self.assertIsInstance(json.loads(out), dict, args)


class Manual(Case):
    """The manual's pages and the completion say what the program knows, and each shell understands them."""
    DATA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "data", "completion")

    def printed(self, *args):
        return self.ends(self.run_program(list(args)), OK).stdout.decode()

    def options(self, verb):
        return re.findall(r"^  (?:-\w, )?--([a-z][a-z-]*)", self.printed("help", verb), re.M)

    def offered(self, *words):
        return [line.split("\t")[0] for line in self.text_run("complete", "--", *words).stdout.decode().splitlines()]

    def test_pages(self):
        whole = self.printed("help", "--scdoc")
        for verb in self.verbs():
            self.assertIn("*pcipass-%s*(1)" % verb, whole)
            page = self.printed("help", "--scdoc", verb)
            for option in self.options(verb):
                self.assertRegex(page, r"(?m)^\*(-\w, )?--%s\b" % option)
            made = subprocess.run(["scdoc"], input=page.encode(), stdout=subprocess.PIPE, check=True).stdout
            self.assertIn(b".SH EXIT STATUS", made)

    def keys(self, value):
        if isinstance(value, dict):
            return set(value).union(*map(self.keys, value.values()))
        return set().union(*map(self.keys, value)) if isinstance(value, list) else set()

    def test_every_key_of_json_is_in_its_page(self):
        with open(os.path.join(os.path.dirname(os.path.dirname(HERE)), "man", "pcipass-json.7.scd")) as file:
            parts = re.split(r"(?m)^# (.*)$", file.read())
        sections = {title: set(re.findall(r"\*([a-z_]+)\*", text)) for title, text in zip(parts[1::2], parts[2::2])}
        sriov(self.root)
        with open(os.path.join(self.folder, "host.json"), "w") as file:
            file.write('{"devices": [{"id": "10de:1b80", "driver": "vfio-pci"}]}')
        for name, devices in (("guest", HOSTDEV % 4), ("soft", "")):
            with open(os.path.join(self.folder, name + ".xml"), "w") as file:
                file.write((GUEST % ("kvm", devices)).replace("win2k3", name).replace("20605499", "20605499" if devices else "30605499"))
        for line in ("", "nodedev-list", "nodedev-list --long -o +BOOT,WHY,LINK,OWNER", "nodedev-dumpxml 00:1a.7",
                "nodedev-info 00:1a.7 --full", "nodedev-check", "nodedev-check 00:1a.7", "iommugroup-list", "nodedev-topology",
                "nodedev-test 04:00.0 --dry-run", "nodedev-detach 04:00.0 --dry-run", "nodedev-detach 04:00.0 --try 1000",
                "changes", "keep", "nodedev-info 04:00.0", "", "nodedev-reattach 04:00.0", "nodedev-reset 04:00.0", "nodedev-setvfs 04:00.0 1", "nodedev-setvfs 04:00.0 0",
                "nodedev-detach nvme0n1", "nodedev-detach nothing", "recover --dry-run", "changes --all", "define guest.xml",
                "define soft.xml", "list --all", "dominfo guest", "domstate guest", "dumpxml guest", "domcheck guest",
                "start guest --dry-run", "shutdown guest", "autostart guest", "dompcilist guest",
                "attach-hostdev soft 04:00.0 --config", "detach-hostdev soft 04:00.0 --config", "domxml-to-native qemu-argv guest",
                "undefine soft", "event --list", "host-validate", "explain no-iommu", "libvirt-hook --status", "libvirt-hook --enable",
                "host-dump", "host-apply host.json --check", "host-setup --check", "host-setup --dry-run", "nodedev-detach 04:00.0 --config --dry-run",
                "nodedev-detach 04:00.0 --config", "nodedev-reattach 04:00.0 --config"):
            verb = (line.split() or ["PCIPASS ALONE"])[0].upper()
            known = set().union(sections["IN MANY VERBS"], *(keys for title, keys in sections.items()
                if verb in title.split(", ") or verb == title))
            value = json.loads(self.root_run("--json", *line.split()).stdout)
            self.assertEqual(self.keys(value) - known, set(), line)
        listed = {word for title in sections for word in title.split(", ")}
        self.assertLessEqual({word for word in listed if "-" in word}, {verb.upper() for verb in self.verbs()})

    def test_candidates(self):
        self.assertEqual(self.offered(""), self.verbs())
        self.assertEqual(self.offered("nodedev-d"), ["nodedev-dumpxml", "nodedev-detach"])
        for verb in self.verbs():
            self.assertLessEqual({"--" + o for o in self.options(verb)}, set(self.offered(verb, "--")))
        self.assertIn("--dry-run", self.offered("nodedev-detach", "--"))
        self.assertNotIn("--dry-run", self.offered("nodedev-list", "--"))
        self.assertIn("pci_0000_00_1a_7", self.offered("nodedev-detach", ""))
        self.assertEqual(self.offered("nodedev-detach", "0000:00:1a."), ["0000:00:1a.0", "0000:00:1a.7"])
        self.assertIn("00:1a.7", self.offered("nodedev-detach", "00:1a."))
        self.assertEqual(self.offered("nodedev-detach", "--driver", "p"), ["pci-stub"])
        self.assertEqual(self.offered("define", ""), [":files"])
        self.assertEqual(self.offered("--root", ""), [":files"])
        self.assertEqual(self.offered("no-such-verb", "x"), [])
        self.assertEqual(self.offered("export", "n"), ["nfd", "nova"])
        self.assertIn("group-not-viable", self.offered("explain", ""))
        self.assertEqual(self.offered("nodedev-list", "-o", "ADDRESS,DR"), ["ADDRESS,DRIVER"])
        self.assertEqual(self.offered("nodedev-list", "--output", "+LI"), ["+LINK"])
        # Each with what it is.
        lines = self.text_run("complete", "--", "nodedev-detach", "pci_0000_03").stdout.decode().splitlines()
        self.assertEqual(lines, ["pci_0000_03_00_0\tNVIDIA Corporation GP104 [GeForce GTX 1080]",
            "pci_0000_03_00_1\tNVIDIA Corporation GP104 High Definition Audio Controller"])

    def test_candidates_of_guests(self):
        with open(os.path.join(self.folder, "guest.xml"), "w") as file:
            file.write(GUEST % ("kvm", ""))
        def offered(*words):
            return [line.split("\t")[0] for line in self.root_run("complete", "--", *words).stdout.decode().splitlines()]
        self.ends(self.root_run("define", self.folder + "/guest.xml"), OK)
        self.ends(self.root_run("nodedev-detach", "04:00.0"), OK)
        devices = offered("nodedev-info", "")
        self.assertEqual(offered("start", ""), ["win2k3"])
        self.assertEqual(offered("attach-hostdev", "w"), ["win2k3"])
        for words in (["win2k3"], ["win2k3", "--live"], ["win2k3", "--timeout", "9"], ["win2k3", "04:00.0"]):
            self.assertEqual(offered("attach-hostdev", *words, ""), devices)
        self.assertEqual(offered("attach-device", "win2k3", ""), [":files"])
        self.assertEqual(offered("dompcilist", ""), ["win2k3"])
        self.assertEqual(offered("dompcilist", "./g"), [":files"])
        self.assertEqual(offered("domxml-to-native", "qemu-argv", "w"), ["win2k3"])
        self.assertEqual(offered("changes", "--undo", ""), ["1"])
        self.assertEqual(offered("--root", self.text, "start", ""), [])

    def test_every_word_of_a_usage_is_understood(self):
        """By the completion, which reads it: what is offered, or that nothing can be."""
        free = {"NUMBER", "TEXT", "SECONDS", "NAME", "LIST", "SIZE", "ADDRESS", "TYPE", "N", "NODE"}
        offers = {"COLUMNS", "CHANGE", "DEV", "DEVICE", "DIR", "DOM", "DOMAIN", "FILE", "FORMAT", "ID", "VERB"}
        with open(os.path.join(os.path.dirname(os.path.dirname(HERE)), "cli", "complete.c")) as file:
            self.assertEqual(set(re.findall(r'^\t\{"([A-Z]+)", offer_', file.read(), re.M)), offers)
        for verb in self.verbs():
            usage = re.search(r"^  pcipass %s ?(.*)$" % verb, self.printed("help", verb), re.M).group(1)
            self.assertLessEqual(set(re.findall(r"\b[A-Z]+\b", usage)), free | offers, verb)

    def test_help_page_completion_and_program_agree(self):
        def page(*verb):
            return re.findall(r"(?m)^\*(?:-\w, )?--([a-z-]+)", self.printed("help", "--scdoc", *verb))
        everywhere = [option[2:] for option in self.offered("--")]
        self.assertEqual(page(), everywhere)
        for verb in self.verbs():
            own = self.options(verb)
            self.assertEqual(page(verb), own)
            offered = [option[2:] for option in self.offered(verb, "--")]
            self.assertEqual(offered[:len(own)], own, verb)
            self.assertLessEqual({"dry-run", "yes"} ^ set(everywhere), set(offered[len(own):]), verb)
            self.assertLessEqual(set(offered[len(own):]), set(everywhere), verb)
            text = self.printed("help", verb)
            for letter, option, argument in re.findall(r"^  (?:-(\w), )?--([a-z][a-z-]*)( [A-Z\[][^ ]*)?", text, re.M):
                for name in ["--" + option] + (["-" + letter] if letter else []):
                    words = [verb, name] + (["x"] if argument else []) + ["--help"]
                    self.assertEqual(self.ends(self.text_run(*words), OK).stdout.decode(), text, words)
            usage = re.search(r"^  pcipass %s ?(.*)$" % verb, text, re.M).group(1)
            self.assertLessEqual(set(re.findall(r"--([a-z-]+)", usage)), set(own + everywhere), verb)
            self.said(self.ends(self.text_run(verb, "--no-such-option", "--help"), USAGE), "^error: unknown option")

    def shell(self, *command):
        os.symlink(PROGRAM, os.path.join(self.folder, "pcipass"))
        path = self.folder + ":" + os.environ["PATH"]
        return subprocess.run(command, env={"PATH": path, "HOME": self.folder, "LC_ALL": "C.UTF-8"}, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.folder).stdout.decode().split("\n")[:-1]

    def test_bash(self):
        said = self.shell("bash", "-c", """. "$0/pcipass.bash"; complete -p pcipass
            try() { COMP_WORDS=(pcipass "$@"); COMP_CWORD=$#; COMPREPLY=(); _pcipass; echo "${COMPREPLY[*]}"; }
            try nodedev-det; try nodedev-detach --gr; touch guest.xml; try define gu 2>/dev/null""", self.DATA)
        self.assertEqual(said, ["complete -F _pcipass pcipass", "nodedev-detach", "--group", "guest.xml"])

    def test_zsh(self):
        said = self.shell("zsh", "-fc", """_describe() { print -rl -- "${(@P)3}" }; _files() { print files }
            file=$0; try() { words=(pcipass "$@"); CURRENT=$(($# + 1)); . $file }
            try nodedev-det; try nodedev-detach --gr; try define gu""", self.DATA + "/_pcipass")
        self.assertEqual(said, ["nodedev-detach:take devices from the host, for a guest",
            "--group:its whole IOMMU group goes along", "files"])

    def test_fish(self):
        said = self.shell("fish", "--no-config", "-c", """source $argv[1]/pcipass.fish; touch guest.xml
            complete -C 'pcipass nodedev-det'; complete -C 'pcipass nodedev-detach --gr'
            complete -C 'pcipass define gu'""", self.DATA)
        self.assertEqual([line.split("\t")[0] for line in said], ["nodedev-detach", "--group", "guest.xml"])


class Surroundings(Case):
    def test_a_reader_that_goes_away(self):
        read, write = os.pipe()
        os.close(read)
        result = self.text_run("nodedev-list", "--long", stdout=write)
        os.close(write)
        self.assertEqual(result.returncode, -signal.SIGPIPE)
        self.assertEqual(result.stderr, b"")

    def test_a_reader_that_goes_away_stops_no_move(self):
        read, write = os.pipe()
        os.close(read)
        self.root_run("nodedev-detach", "04:00.0", stdout=write, stderr=write)
        os.close(write)
        self.assertEqual(os.path.basename(os.readlink(self.root + "/sys/bus/pci/devices/0000:04:00.0/driver")), "vfio-pci")

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            result = self.text_run("nodedev-list", stdout=full)
        self.assertEqual(result.returncode, FAILED)
        self.said(result, "cannot write to standard output: No space left")

    def test_closed_descriptors(self):
        def close_all():
            for fd in (0, 1, 2):
                os.close(fd)
        result = self.text_run("nodedev-list", "--long", stdin=None, stdout=None, stderr=None, preexec_fn=close_all)
        self.assertEqual(result.returncode, FAILED)
        result = self.text_run("nodedev-list", stdout=None, preexec_fn=lambda: os.close(1))
        self.assertEqual(result.returncode, FAILED)
        self.said(result, "cannot write to standard output: Bad file descriptor")
        # What is opened next must not become standard output.
        result = self.root_run("nodedev-detach", "04:00.0", stdout=None, preexec_fn=lambda: os.close(1))
        self.assertEqual(result.returncode, FAILED)
        for path, data in tree_of(self.root).items():
            if isinstance(data, bytes):
                self.assertNotIn(b"detached\n", data, path)

    def terminal(self, args, columns, env=None, root=None):
        """What a terminal of so many columns shows."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([PROGRAM, "--root", root or self.text] + args, stdin=slave, stdout=slave, stderr=slave,
            env=dict({"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}, **(env or {})))
        os.close(slave)
        out = b""
        try:
            while True:
                data = os.read(master, 65536)
                if not data:
                    break
                out += data
        except OSError:
            pass
        os.close(master)
        self.assertIn(process.wait(60), (OK, NOT_READY), args)
        return out.decode("utf-8", "replace").replace("\r\n", "\n")

    def test_a_terminal_of_20_columns(self):
        for args in ([], ["nodedev-list", "--long"], ["nodedev-check"], ["iommugroup-list", "--tree"],
                ["nodedev-list", "--tree"], ["help"], ["nodedev-topology"]):
            self.assertTrue(self.terminal(args, 20))
        for line in self.terminal([], 20).split("\n"):
            self.assertLessEqual(len(line), 20)
        wide = self.terminal(["nodedev-list", "-o", "ADDRESS,NAME"], 200)
        narrow = self.terminal(["nodedev-list", "-o", "ADDRESS,NAME"], 30)
        self.assertIn("0000:04:00.0", narrow)
        self.assertGreater(max(map(len, wide.split("\n"))), 30)
        self.assertLessEqual(max(map(len, narrow.split("\n"))), 30)

    def test_progress_is_one_line_of_a_terminal(self):
        gone = "\r\x1b[K"
        for columns in (200, 20, 2):
            shown = self.terminal(["nodedev-detach", "04:00.0"], columns, root=self.root)
            moves = shown.split(gone)
            steps = [text for text in moves[:-1] if text]
            whole = "0000:04:00.0: nvme -> vfio-pci"
            self.assertIn(whole[:columns - 1], steps)
            for text in steps:  # one that wraps could not be taken away
                self.assertLess(len(text), columns)
                self.assertNotIn("\n", text)
            self.assertEqual(moves[-1].strip(), "Device 04:00.0 detached")
            self.ends(self.root_run("nodedev-reattach", "04:00.0"), OK)
        for env in ({"TERM": "dumb"}, {"TERM": ""}):
            self.assertNotIn("\x1b", self.terminal(["nodedev-detach", "04:00.0"], 80, env, self.root))
            self.assertNotIn("\x1b", self.terminal(["nodedev-reattach", "04:00.0"], 80, env, self.root))

    def test_quick_steps_are_not_said_elsewhere(self):
        self.assertEqual(self.ends(self.root_run("nodedev-detach", "04:00.0"), OK).stderr, b"")

    def test_events(self):
        """With --json each is an object a line on standard error, and the result is one on standard output."""
        def events(result):
            self.assertIsInstance(json.loads(result.stdout), dict)
            lines = [json.loads(line) for line in result.stderr.decode().splitlines() if line.startswith("{")]
            self.assertEqual([set(line) for line in lines], [{"event", "text"}] * len(lines))
            return [(line["event"], line["text"]) for line in lines]
        move = "0000:04:00.0: nvme -> vfio-pci"
        self.assertEqual(events(self.ends(self.root_run("nodedev-detach", "04:00.0", "--json"), OK)), [("step", move), ("done", move)])
        self.assertTrue(cut_journal(self.root))
        said = events(self.ends(self.root_run("recover", "--json"), OK))
        self.assertIn("undo", {kind for kind, _ in said})

    def test_other_locales(self):
        plain = self.text_run("nodedev-list", "--tree", env={"LC_ALL": "C"}).stdout
        self.assertEqual(plain, self.text_run("nodedev-list", "--tree").stdout)
        tree = self.ends(self.text_run("iommugroup-list", "--tree", env={"LC_ALL": "C"}), OK).stdout
        tree.decode("ascii")
        plain = self.ends(self.text_run("nodedev-topology", env={"LC_ALL": "C"}), OK).stdout.decode("ascii")
        self.assertIn("8 GT/s x4", plain)
        for locale in ("C", "POSIX", "no_SUCH.locale", ""):
            self.ends(self.text_run("nodedev-list", "--long", env={"LC_ALL": locale}), OK)

    def test_no_colours(self):
        """None at all, so NO_COLOR has nothing to switch off."""
        for env in ({}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}, {"TERM": "dumb", "NO_COLOR": ""}):
            for args in ([], ["nodedev-list", "--long"], ["nodedev-check"], ["iommugroup-list", "--tree"], ["help"],
                    ["nodedev-topology"], ["host-validate"], ["nodedev-info", "00:1a.7", "--full"]):
                self.assertNotIn("\x1b", self.terminal(args, 100, env), args)

    @unittest.skipUnless(os.path.isdir("/usr/share/i18n/locales"), "the sources of locales are not installed")
    def test_a_locale_of_single_bytes(self):
        subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", self.folder + "/de_DE.ISO-8859-1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        env = {"LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": self.folder, "COLUMNS": "40"}
        self.with_names("Gr\u00e4fin \u65e5\u672c\u8a9e")
        for args in ([], ["nodedev-list", "--long"], ["iommugroup-list", "--tree"], ["nodedev-topology"], ["nodedev-check"]):
            self.ends(self.text_run(*args, env=env), OK)
            self.assertTrue(self.terminal(args, 20, env))
        # JSON and pictures are UTF-8 whatever the terminal is.
        out = json.loads(self.ends(self.text_run("nodedev-info", "03:00.0", "--json", env=env), OK).stdout.decode("utf-8"))
        self.assertIn("Gr\u00e4fin \u65e5\u672c\u8a9e", out["device"]["name"])
        svg = self.ends(self.text_run("nodedev-topology", "--svg", "-", env=env), OK).stdout.decode("utf-8")
        self.assertIn("Gr\u00e4fin", svg)
        self.assertIn("\u00d7", svg)

    def test_names_in_json(self):
        name = 'a "quoted" \\ name </script> with \x01 \x1f \x7f \u2028 and \U0001f600'
        self.with_names(name.replace("\\", "\\\\"))
        for args in (["nodedev-info", "03:00.0"], ["nodedev-list", "--long"], ["nodedev-check"], ["iommugroup-list"]):
            out = self.ends(self.text_run(*args, "--json"), OK).stdout
            self.assertNotRegex(out, b"[\x00-\x09\x0b-\x1f]")
            self.assertIn(name, json.dumps(json.loads(out.decode("utf-8")), ensure_ascii=False).replace('\\"', '"')
                .replace("\\\\", "\\").replace("\\u0001", "\x01").replace("\\u001f", "\x1f"))

    def test_file_names(self):
        for name in ("my machine.host", " ", "-machine.host", "a'b\"c$(d).host", "z\u00e9ro\n.host"):
            path = os.path.join(self.folder, "a folder")
            os.makedirs(path, exist_ok=True)
            path = os.path.join(path, name)
            shutil.copy(self.text, path)
            out = self.ends(self.run_program(["--root", path, "nodedev-list"]), OK)
            self.assertEqual(out.stdout, self.text_run("nodedev-list").stdout)
        folder = os.path.join(self.folder, "my root")
        os.mkdir(folder)
        machine.as_folder(folder)
        with open(self.folder + "/my guest.xml", "w") as file:
            file.write(GUEST % ("kvm", HOSTDEV % 4))
        def run(*args, **more):
            return self.run_program(["--root", folder, *args], **more)
        self.ends(run("define", "my guest.xml"), OK)
        with open(self.folder + "/my editor", "w") as file:
            file.write("#!/bin/sh\nsed -i s/256/512/ \"$1\"\n")
        os.chmod(self.folder + "/my editor", 0o755)
        self.ends(run("edit", "win2k3", env={"EDITOR": "'%s/my editor'" % self.folder}), OK)
        self.assertIn(b"512", run("dumpxml", "win2k3").stdout)
        self.ends(run("nodedev-detach", "04:00.0"), OK)
        self.ends(run("changes", "--all"), OK)
        self.ends(run("undefine", "win2k3"), OK)

    def test_readers_that_go_away_from_every_verb(self):
        for args in ([], ["nodedev-list", "--tree"], ["nodedev-check"], ["nodedev-dumpxml", "00:1a.7"], ["host-validate"],
                ["iommugroup-list", "--json"], ["nodedev-topology"], ["nodedev-topology", "--svg", "-"], ["host-dump"],
                ["help"], ["help", "--scdoc"], ["explain", "no-iommu"], ["complete", "--", ""], ["list", "--all"],
                ["nodedev-check", "--json"], ["host-dump", "--json"]):
            read, write = os.pipe()
            os.close(read)
            result = self.text_run(*args, stdout=write)
            os.close(write)
            self.assertEqual((result.returncode, result.stderr), (-signal.SIGPIPE, b""), args)

    def with_names(self, name):
        """The machine with another product name."""
        with open(self.text) as file:
            text = file.read().replace("GP104 [GeForce GTX 1080]", name)
        with open(self.text, "w") as file:
            file.write(text)

    def test_names_are_not_obeyed_by_the_terminal(self):
        self.with_names("evil\\x1b]0;title\\x07\\x1b[31m\\xc2\\x9b31m \\xff\\xfe")
        for args in (["nodedev-list", "--long"], ["nodedev-check"], ["nodedev-info", "03:00.0"], [],
                ["iommugroup-list", "--tree"], ["nodedev-check", "03:00.0", "--group", "--all"], ["nodedev-topology"]):
            for locale in ("C.UTF-8", "C"):
                out = self.text_run(*args, env={"LC_ALL": locale})
                for text in (out.stdout, out.stderr):
                    self.assertNotIn(b"\x1b", text, args)
                    self.assertNotIn(b"\xc2\x9b", text, args)
        out = self.ends(self.text_run("nodedev-info", "03:00.0", "--json"), OK)
        self.assertIn("evil\x1b]0;title", json.loads(out.stdout.decode("utf-8"))["device"]["name"])

    def test_pictures_of_evil_names(self):
        self.with_names("</text><script>alert(1)</script>&\"'\\x1b]0;\\xff\\xfe ]]> \\x01 end")
        svg = self.ends(self.text_run("nodedev-topology", "--svg", "-"), OK).stdout
        tree = xml.etree.ElementTree.fromstring(svg)
        self.assertFalse([element for element in tree.iter() if "script" in element.tag])
        self.assertIn("alert(1)", "".join(tree.itertext()))
        page = self.ends(self.text_run("nodedev-topology", "--html", "-"), OK).stdout
        self.assertEqual(page.count(b"<script>"), 1)
        self.assertNotIn(b"\x1b", svg + page)
        for name in ("x" * 20000, "\u65e5" * 3000, " ".join("word" for _ in range(5000)), "", "\u202e\u0301" * 50):
            self.setUp()
            self.with_names(name)
            xml.etree.ElementTree.fromstring(self.ends(self.text_run("nodedev-topology", "--svg", "-"), OK).stdout)

    def test_wide_characters(self):
        self.with_names("日本語の長い名前")
        out = self.ends(self.text_run("nodedev-list", "--long"), OK).stdout.decode()
        self.assertIn("日本語の長い名前", out)
        self.ends(self.text_run(), OK)

    def test_only_root_changes_this_machine(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another")
        def become_nobody():
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        shutil.copy(PROGRAM, self.folder + "/pcipass")
        os.chmod(self.folder, 0o755)
        for verb in ("nodedev-detach", "nodedev-reattach", "nodedev-reset"):
            result = subprocess.run([self.folder + "/pcipass", verb, "00:00.0"], stdin=subprocess.DEVNULL,
                capture_output=True, cwd="/", preexec_fn=become_nobody, timeout=60)
            self.assertEqual(result.returncode, FAILED)
            self.assertRegex(result.stderr.decode(), "^error: %s changes this machine, which only root may do\n.*sudo pcipass %s" % (verb, verb))

    def test_unfinished(self):
        # A plan that was cut off in the middle of its first step.
        self.ends(self.root_run("nodedev-detach", "04:00.0"), OK)
        journal = cut_journal(self.root)
        if not journal:
            self.skipTest("no journal was found to cut")
        result = self.root_run("nodedev-list")
        self.said(result, "unfinished: .*0000:04:00.0")
        self.said(result, "pcipass recover")
        out = self.root_run().stdout.decode()
        self.assertIn("Unfinished", out)
        self.assertIn("pcipass recover", out)
        dry = self.ends(self.root_run("recover", "--dry-run"), OK)
        self.assertIn("0000:04:00.0", dry.stdout.decode())
        self.ends(self.root_run("recover"), OK)
        self.assertEqual(os.path.basename(os.readlink(self.root + "/sys/bus/pci/devices/0000:04:00.0/driver")), "nvme")
        self.assertNotIn("unfinished", self.root_run("nodedev-list").stderr.decode())


def processes_with(word):
    """Processes that have it in their command line, but for this one."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if pid.isdigit() and int(pid) != os.getpid() and word.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def cut_journal(root):
    """Takes the end off the journal of a finished plan, as a kill would have left it."""
    for folder, _, files in os.walk(root + "/run/pcipass"):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                lines = file.read().split(b"\n")
            for number, line in enumerate(lines):
                if b"try" in line:
                    with open(path, "wb") as file:
                        file.write(b"\n".join(lines[:number + 1]) + b"\n")
                    return path
    return None


def main():
    global PROGRAM, UPDATE
    args = sys.argv[1:]
    PROGRAM = os.path.abspath(args.pop(0))
    if "--update" in args:
        args.remove("--update")
        UPDATE = True
    unittest.main(argv=[sys.argv[0]] + args, verbosity=1)


if __name__ == "__main__":
    main()
