#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""host-setup on the layouts of boot loaders: tests/setup-trees/NAME/tree is a machine whose kernel does not
use its IOMMU, NAME/expected/said what host-setup says and changes there, as diff(1) sees it.

    run.py PROGRAM [--update] [NAME...]

Each layout: looked at, nothing changes; done; done again, nothing changes; booted; confirmed, where it was
for one boot; taken back, and every byte is as before. Files that others changed in between keep that.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = ""
UPDATE = False
OK, FAILED, USAGE, NOT_READY, IN_USE, RECOVER = range(6)
GUID = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
RELEASE = "6.1.0-30-amd64"


def put(root, path, data):
    full = root + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def get(root, path):
    with open(root + path, encoding="utf-8", newline="") as file:
        return file.read()


def make(name, root):
    """The layout's files, and what every machine has."""
    shutil.copytree(os.path.join(HERE, name, "tree"), root, symlinks=True)
    firmware = {}
    if os.path.exists(root + "/firmware"):
        firmware = dict(line.split(" ", 1) for line in get(root, "/firmware").splitlines())
        os.remove(root + "/firmware")
    amd = firmware.pop("CPU", "") == "amd"
    for variable, value in firmware.items():
        put(root, "/sys/firmware/efi/efivars/%s-%s" % (variable, GUID),
            struct.pack("<I", 6) + value.encode("utf-16-le") + b"\0\0")
    put(root, "/proc/cpuinfo", "vendor_id\t: %s\nflags\t\t: %s\n" %
        (("AuthenticAMD", "svm") if amd else ("GenuineIntel", "vmx")))
    put(root, "/proc/sys/kernel/osrelease", RELEASE + "\n")
    put(root, "/proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000001\n")
    put(root, "/proc/meminfo", "MemTotal: 16384000 kB\nMemAvailable: 16000000 kB\nHugePages_Total: 0\n"
        "HugePages_Free: 0\nHugepagesize: 2048 kB\n")
    head = (b"IVRS" if amd else b"DMAR") + struct.pack("<IBB", 48, 1, 0) + bytes(38)
    put(root, "/sys/firmware/acpi/tables/" + ("IVRS" if amd else "DMAR"), head)
    os.makedirs(root + "/sys/bus/pci/devices")
    os.makedirs(root + "/sys/class/iommu")


def files(root):
    """Every file of a tree but our own records, and what the kernel says."""
    found = {}
    for folder, folders, names in os.walk(root):
        for name in names + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            path = os.path.join(folder, name)
            short = path[len(root):]
            if short.startswith(("/run/pcipass", "/var/lib/pcipass", "/proc/cmdline", "/sys/class/iommu", "/proc/sys")):
                continue
            if os.path.islink(path):
                found[short] = "-> " + os.readlink(path)
            else:
                with open(path, "rb") as file:
                    found[short] = (os.stat(path).st_mode, file.read())
        if not names and not folders and not folder.startswith((root + "/run", root + "/var", root + "/sys")):
            found[folder[len(root):]] = "empty"
    return found


class Layout(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pcipass-setup-")
        self.root = os.path.join(self.folder, "root")
        self.said = []

    def tearDown(self):
        shutil.rmtree(self.folder)

    def run_setup(self, *args, status=None):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        environment.update({name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ})
        result = subprocess.run([PROGRAM, "--root", self.root, "host-setup", *args], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        out, err = (text.decode("utf-8", "backslashreplace").replace(self.root, "ROOT") for text in
            (result.stdout, result.stderr))
        self.said.append("$ host-setup %s\n%s%s[%d]\n" % (" ".join(args), out,
            "".join("2> %s\n" % line for line in err.splitlines()), result.returncode))
        if status is not None:
            self.assertEqual(result.returncode, status, out + err)
        return result.returncode, out, err

    # ---- the system's own programs, which are only named below a root: what they would have done

    def played(self, err):
        words = re.findall(r"^(?:note: )?not run below ROOT: (.*)$", err, re.M)
        for command in words:
            self.play(command)
        return words

    def play(self, command):
        if re.search("update-grub|mkconfig|proxmox-boot-tool refresh", command):
            for path in ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"):
                if os.path.exists(self.root + path):
                    text = re.sub("# generated: .*\n", "", get(self.root, path))
                    values = "".join(get(self.root, p) for p in self.grub_files())
                    if "intel_iommu=on" in values:
                        text += "# generated: intel_iommu=on\n"
                    put(self.root, path, text)
        arguments = re.findall(r"--(args|remove-args|append-if-missing|delete-if-present)=(.*?)(?= --|$)", command)
        for option, value in arguments:
            for word in value.split():
                self.play_entry(word, option in ("args", "append-if-missing"))

    def grub_files(self):
        folder = "/etc/default/grub.d"
        names = sorted(os.listdir(self.root + folder)) if os.path.isdir(self.root + folder) else []
        return ["/etc/default/grub"] + [folder + "/" + name for name in names]

    def play_entry(self, word, there):
        folder = "/boot/loader/entries"
        for name in os.listdir(self.root + folder):
            lines = get(self.root, folder + "/" + name).split("\n")
            for i, line in enumerate(lines):
                if line.startswith("options "):
                    words = [w for w in line.split(" ") if w != word]
                    lines[i] = " ".join(words + [word] if there else words)
            put(self.root, folder + "/" + name, "\n".join(lines))

    def boot(self, add, remove):
        """The next boot, with parameters; its kernel uses the IOMMU."""
        words = get(self.root, "/proc/cmdline").split()
        self.before_boot = " ".join(words) + "\n"
        words = [re.sub("(?<=[=,])off,|,off|^.*=off$", "", w) if w.split("=")[-1].split(",")[-1] == "off" else w
            for w in words] if remove else words
        put(self.root, "/proc/cmdline", " ".join([w for w in words if w] + add) + "\n")
        put(self.root, "/proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000002\n")
        put(self.root, "/sys/class/iommu/dmar0/intel-iommu/cap", "0\n")

    def changes(self, before, now):
        old, new = os.path.join(self.folder, "a"), os.path.join(self.folder, "b")
        for root, tree in ((old, before), (new, now)):
            shutil.rmtree(root, ignore_errors=True)
            os.mkdir(root)
            for path, data in tree.items():
                put(root, path, data if isinstance(data, str) else data[1])
        out = subprocess.run(["diff", "-ruN", "a", "b"], cwd=self.folder, stdout=subprocess.PIPE).stdout.decode()
        out = re.sub(r"^(---|\+\+\+) (\S+)\t.*$", r"\1 \2", out, flags=re.M)
        self.said.append(re.sub(r"^diff .*\n", "", out, flags=re.M))

    def layout(self, name):
        make(name, self.root)
        before = files(self.root)
        self.run_setup("--dry-run")
        self.assertEqual(files(self.root), before, "a look changed something")
        self.said.pop()
        status, out, err = self.run_setup("--yes")
        self.assertIn(status, (OK, NOT_READY), out + err)
        once = "next boot alone" in out
        self.changes(before, files(self.root))
        self.played(err)
        now = files(self.root)
        kept = len(self.said)
        _, out, _ = self.run_setup("--yes")
        self.assertIn("Nothing is to be done", out)
        self.assertEqual(files(self.root), now, "twice is not once")
        del self.said[kept:]
        if now == before and "not run below" not in err:
            return self.expected(name)
        self.run_setup("--check", status=NOT_READY)
        add = ["intel_iommu=on"] if "intel_iommu=on" in "".join(self.said) else []
        self.boot(add, True)
        self.run_setup("--check", status=OK)
        if once:
            confirmed = files(self.root)
            _, _, err = self.run_setup("--confirm", "--yes", status=OK)
            self.changes(confirmed, files(self.root))
            self.played(err)
            self.run_setup("--check", status=OK)
        _, _, err = self.run_setup("--undo", status=OK)
        self.played(err)
        self.assertEqual(files(self.root), before, "undo is not identical")
        self.assertFalse(os.path.exists(self.root + "/var/lib/pcipass/setup.json"))
        self.run_setup("--undo", status=OK)
        self.expected(name)

    def expected(self, name):
        path = os.path.join(HERE, name, "expected", "said")
        text = "".join(self.said)
        if UPDATE:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        with open(path) as file:
            self.assertEqual(file.read(), text)

    # ---- what others did in between

    def test_undo_after_an_upgrade(self):
        """A package's new version of the file, its administrator's words: only ours goes."""
        for name, path, old, new in (
                ("rhel7", "/etc/default/grub", "GRUB_TIMEOUT=5", "GRUB_TIMEOUT=1\n# new"),
                ("rhel7", "/etc/default/grub", "rhgb quiet", "rhgb nosplash"),
                ("chapter", "/boot/grub/grub.conf", "timeout=5", "timeout=9"),
                ("rhel6", "/boot/grub/grub.conf", "title Xen", "title Yen"),
                ("limine", "/boot/limine.conf", "timeout: 5", "timeout: 7"),
                ("two-loaders", "/efi/loader/entries/linux.conf", "title Linux", "title Other"),
                ("arch-uki", "/etc/kernel/cmdline", "rw", "rw audit=0")):
            with self.subTest(name=name, path=path):
                shutil.rmtree(self.root, ignore_errors=True)
                make(name, self.root)
                was = get(self.root, path)
                self.run_setup("--yes", "--permanent", status=OK)
                now = get(self.root, path)
                self.assertNotEqual(was, now)
                put(self.root, path, now.replace(old, new, 1))
                self.run_setup("--undo", status=OK)
                left = get(self.root, path)
                self.assertNotIn("intel_iommu=on", left.replace("\tkernel /vmlinuz-2.6.32-696", "") if name != "rhel6" else "")
                if name not in ("rhel6", "arch-uki"): # there what was taken out comes back behind the others
                    self.assertEqual(left, was.replace(old, new, 1))
                else:
                    self.assertEqual(sorted(left.split()), sorted(was.replace(old, new, 1).replace("pt,off", "pt iommu=off").split()))

    def test_undo_of_our_drop_in(self):
        make("debian12-lvm", self.root)
        before = files(self.root)
        self.run_setup("--yes", status=OK)
        path = "/etc/default/grub.d/zz-pcipass.cfg"
        put(self.root, path, get(self.root, path) + "# a word\n")
        self.run_setup("--undo", status=OK)
        self.assertEqual(files(self.root), before)

    def test_a_file_that_went(self):
        make("rhel7", self.root)
        self.run_setup("--yes", status=OK)
        os.remove(self.root + "/etc/default/grub")
        _, _, err = self.run_setup("--undo", status=OK)
        self.assertIn("no longer there", err)

    # ---- what cannot be edited is left alone

    def test_bad_files(self):
        cases = (
            ("empty", "/etc/default/grub:1: it is empty", lambda path: put("", path, "")),
            ("crlf", "/etc/default/grub:1: it has Windows line ends",
                lambda path: put("", path, get("", path).replace("\n", "\r\n"))),
            ("latin", "/etc/default/grub:8: it is not UTF-8", lambda path: put("", path, get("", path).encode() + b"A=\xe4\n")),
            ("quote", "/etc/default/grub:8: a quote is not closed", lambda path: put("", path, get("", path) + "A='x\n")),
            ("condition", "/etc/default/grub:9: it is set under a condition",
                lambda path: put("", path, get("", path) + "if x; then\n\tGRUB_CMDLINE_LINUX=y\nfi\n")),
            ("mode", "/etc/default/grub: it is not writable", lambda path: os.chmod(path, 0o444)),
            ("link", "/etc/default/grub: it is a link to /etc/other",
                lambda path: (os.rename(path, self.root + "/etc/other"), os.symlink("../other", path))),
            ("folder", "/etc/default/grub: it cannot be read", lambda path: (os.remove(path), os.mkdir(path))),
        )
        for name, said, spoil in cases:
            with self.subTest(name=name):
                shutil.rmtree(self.root, ignore_errors=True)
                make("rhel7", self.root)
                spoil(self.root + "/etc/default/grub")
                before = files(self.root)
                status, _, err = self.run_setup("--yes")
                self.assertEqual(status, FAILED, err)
                self.assertIn(said, err)
                self.assertEqual(files(self.root), before)

    def test_bad_files_of_each_loader(self):
        """Refused with the file and, where it has one, the line; untouched."""
        def link(path):
            os.rename(path, path + ".other")
            os.symlink(os.path.basename(path) + ".other", path)
        cases = (
            ("empty", ":1: it is empty", lambda path: put("", path, "")),
            ("blank", ":1: it is empty", lambda path: put("", path, "\n \n")),
            ("crlf", ":1: it has Windows line ends", lambda path: put("", path, get("", path).replace("\n", "\r\n") + "\r\n")),
            ("latin", ": it is not UTF-8", lambda path: put("", path, get("", path).encode() + b"# \xe4\n")),
            ("zero", ": it ", lambda path: put("", path, get("", path).encode() + b"\0\n")),
            ("mode", ": it is not writable", lambda path: os.chmod(path, 0o444)),
            ("link", ": it is a link to ", link),
            ("folder", ": it cannot be read", lambda path: (os.remove(path), os.mkdir(path))),
            ("huge", ": it cannot be read", lambda path: put("", path, b"#" * (20 << 20))),
        )
        for name, loader, path in (("chapter", "grub-legacy", "/boot/grub/grub.conf"), ("limine", "limine", "/boot/limine.conf"),
                ("limine-tool", "limine", "/etc/default/limine"), ("arch-uki", "uki", "/etc/kernel/cmdline"),
                ("two-loaders", "systemd-boot", "/efi/loader/entries/linux.conf"), ("rhel7", "grub", "/etc/default/grub"),
                ("proxmox-systemd-boot", "systemd-boot", "/etc/kernel/cmdline")):
            for kind, said, spoil in cases:
                with self.subTest(name=name, kind=kind):
                    shutil.rmtree(self.root, ignore_errors=True)
                    make(name, self.root)
                    spoil(self.root + path)
                    before = files(self.root)
                    status, out, err = self.run_setup("--yes", "--permanent", "--loader", loader)
                    self.assertIn(status, (FAILED, NOT_READY), out + err)
                    self.assertIn(path + said[:1], err)
                    self.assertIn(said, err)
                    self.assertEqual(files(self.root), before)

    def test_syntax_that_is_not_understood(self):
        for name, path, text, line in (
                ("chapter", "/boot/grub/grub.conf", "default=0\n", 1),
                ("limine", "/boot/limine.conf", "timeout: 5\n", 1),
                ("rhel7", "/etc/default/grub", "GRUB_CMDLINE_LINUX=$(cat x)\n", 1),
                ("rhel7", "/etc/default/grub", "A=1\nGRUB_CMDLINE_LINUX='a\n", 2)):
            with self.subTest(name=name, text=text):
                shutil.rmtree(self.root, ignore_errors=True)
                make(name, self.root)
                put(self.root, path, text)
                before = files(self.root)
                status, out, err = self.run_setup("--yes", "--permanent")
                self.assertEqual(status, FAILED, out + err)
                self.assertIn("%s:%d: " % (path, line), err)
                self.assertEqual(files(self.root), before)

    def test_a_link_does_not_lead_out(self):
        outside = os.path.join(self.folder, "outside")
        os.makedirs(outside)
        make("debian12-lvm", self.root)
        os.symlink(outside, self.root + "/etc/default/grub.d")
        self.run_setup("--yes")
        self.assertEqual(os.listdir(outside), [])

    def test_nothing_without_a_yes(self):
        make("debian12", self.root)
        before = files(self.root)
        _, _, err = self.run_setup(status=FAILED)
        self.assertIn("--yes does what is shown", err)
        self.assertEqual(files(self.root), before)
        _, _, err = self.run_setup("--confirm", status=FAILED)
        self.assertIn("no boot once", err)
        self.run_setup("--undo", "--check", status=USAGE)
        self.run_setup("--hugepages", "many", status=USAGE)
        self.run_setup("--hugepages", "3=4", "--yes", "--permanent", status=USAGE)
        self.assertEqual(files(self.root), before)

    def test_the_boot_once_that_was_not_taken(self):
        make("debian12", self.root)
        before = files(self.root)
        self.run_setup("--yes", status=OK)
        _, _, err = self.run_setup("--confirm", status=NOT_READY)
        self.assertIn("not the boot with the new parameters", err)
        put(self.root, "/proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000002\n")
        _, out, _ = self.run_setup("--check", status=NOT_READY)
        self.assertIn("setup-once-missed", out)
        self.run_setup("--undo", status=OK)
        self.assertEqual(files(self.root), before)

    def test_the_wrong_loader(self):
        make("two-loaders", self.root)
        self.run_setup("--yes", "--loader", "grub", status=OK)
        put(self.root, "/proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000002\n")
        _, out, _ = self.run_setup("--check", status=NOT_READY)
        self.assertIn("GRUB was set, but systemd-boot starts this machine", out)
        put(self.root, "/proc/cmdline", "quiet\n")
        _, _, err = self.run_setup("--yes")
        self.assertIn("several boot loaders are installed (grub, systemd-boot)", err)

    def test_pages(self):
        make("already", self.root)
        for node in (0, 1):
            put(self.root, "/sys/devices/system/node/node%d/meminfo" % node, "Node %d MemTotal: 8192000 kB\nNode %d MemFree: 8000000 kB\n" % (node, node))
            put(self.root, "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages" % node, "0\n")
        put(self.root, "/usr/lib/tmpfiles.d/x.conf", "")
        before = files(self.root)
        self.run_setup("--yes", "--hugepages", "1=256", status=OK)
        path = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
        self.assertEqual(get(self.root, path).strip(), "256")
        self.assertIn("w " + path + " - - - - 256\n", get(self.root, "/etc/tmpfiles.d/pcipass.conf"))
        self.run_setup("--yes", "--hugepages", "2000", status=OK)
        self.assertIn("vm.nr_hugepages = 2000\n", get(self.root, "/etc/sysctl.d/60-pcipass.conf"))
        self.run_setup("--yes", "--hugepages", "9000", status=USAGE)
        self.run_setup("--undo", status=OK)
        after = files(self.root)
        self.assertEqual(after.pop(path)[1].strip(), before.pop(path)[1].strip())
        self.assertEqual(after, before)

    def test_selinux(self):
        make("already", self.root)
        for name, value in (("virt_use_vfio", "0 0"), ("virt_use_sysfs", "1 1")):
            put(self.root, "/sys/fs/selinux/booleans/" + name, value)
        put(self.root, "/sys/fs/selinux/enforce", "1")
        put(self.root, "/usr/sbin/setsebool", "")
        _, out, err = self.run_setup("--yes", status=OK)
        self.assertIn("virt_manage_sysfs, which old guides set, is no longer in this policy", out)
        self.assertIn("not run below ROOT: /usr/sbin/setsebool -P virt_use_vfio=on", err)
        self.assertNotIn("virt_use_sysfs=on", err)
        _, _, err = self.run_setup("--undo", status=OK)
        self.assertIn("not run below ROOT: /usr/sbin/setsebool -P virt_use_vfio=off", err)
        for name in ("virt_use_sysfs", "virt_manage_sysfs"): # an old policy
            put(self.root, "/sys/fs/selinux/booleans/" + name, "0 0")
        _, out, err = self.run_setup("--yes", status=OK)
        self.assertNotIn("old guides", out)
        self.assertIn("/usr/sbin/setsebool -P virt_use_vfio=on virt_use_sysfs=on virt_manage_sysfs=on\n", err)
        os.remove(self.root + "/usr/sbin/setsebool")
        self.run_setup("--undo", status=OK)
        _, out, _ = self.run_setup("--yes", status=OK)
        self.assertIn("install policycoreutils, then: setsebool -P virt_use_vfio on", out)

    def test_initramfs(self):
        """Made anew where a binding needs it, and only there."""
        make("already", self.root)
        put(self.root, "/usr/sbin/update-initramfs", "")
        put(self.root, "/boot/initrd.img-" + RELEASE, "")
        _, out, err = self.run_setup("--yes", status=OK)
        self.assertNotIn("initramfs", out + err)
        put(self.root, "/etc/pcipass/bindings/0000:01:00.0", "")
        os.utime(self.root + "/boot/initrd.img-" + RELEASE, (1, 1))
        before = files(self.root)
        _, out, err = self.run_setup("--yes", status=OK)
        self.assertIn("WARN [initramfs-stale]", out)
        self.assertIn("not run below ROOT: /usr/sbin/update-initramfs -u -k all", err)
        self.assertEqual(files(self.root), before)
        _, out, err = self.run_setup("--undo", status=OK)
        self.assertNotIn("initramfs", out + err)

    def test_explained(self):
        """What stands in brackets can be asked for."""
        said = "".join(get(HERE, "/%s/expected/said" % name) for name in layouts())
        ids = set(re.findall(r"^(?:PASS|NOTE|WARN|FAIL) \[([a-z-]+)\]", said, re.M))
        self.assertIn("boot-once", ids)
        make("already", self.root)
        for name in ids | {"loader-file", "loader-unknown", "setup-once-missed", "setup-other-loader", "initramfs-stale"}:
            result = subprocess.run([PROGRAM, "--root", self.root, "explain", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(result.returncode, OK, result.stdout)

    def test_unsafe_interrupts(self):
        make("already", self.root)
        put(self.root, "/sys/class/iommu/dmar0/intel-iommu/cap", "0\n")
        put(self.root, "/sys/class/iommu/dmar0/intel-iommu/ecap", "0\n")
        put(self.root, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n")
        before = files(self.root)
        _, out, _ = self.run_setup("--yes", status=NOT_READY)
        self.assertIn("--accept-unsafe-interrupts, at your own risk", out)
        self.assertEqual(files(self.root), before)
        self.run_setup("--yes", "--accept-unsafe-interrupts", status=OK)
        self.assertIn("allow_unsafe_interrupts=1", get(self.root, "/etc/modprobe.d/pcipass.conf"))
        self.assertEqual(get(self.root, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts").strip(), "Y")
        self.run_setup("--undo", status=OK)
        self.assertFalse(os.path.exists(self.root + "/etc/modprobe.d/pcipass.conf"))

    def test_firmware(self):
        make("debian12", self.root)
        os.remove(self.root + "/sys/firmware/acpi/tables/DMAR")
        put(self.root, "/sys/class/dmi/id/board_vendor", "ASUSTeK COMPUTER INC.\n")
        put(self.root, "/sys/class/dmi/id/board_name", "PRIME Z790-P\n")
        _, out, _ = self.run_setup("--yes", status=NOT_READY)
        self.assertIn("this ASUSTeK COMPUTER INC. PRIME Z790-P look for Advanced > System Agent (SA) Configuration > VT-d", out)

    def test_changes(self):
        make("rhel7", self.root)
        before = files(self.root)
        self.run_setup("--yes", status=OK)
        run = lambda *args: subprocess.run([PROGRAM, "--root", self.root, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn(b"change /etc/default/grub; run /usr/sbin/grub2-mkconfig", run("changes").stdout)
        self.assertEqual(run("changes", "--undo", "setup").returncode, OK)
        self.assertEqual(files(self.root), before)


def layouts():
    return sorted(name for name in os.listdir(HERE) if os.path.isdir(os.path.join(HERE, name, "tree")))


for layout_name in layouts():
    setattr(Layout, "test_layout_" + layout_name.replace("-", "_"),
        lambda self, name=layout_name: self.layout(name))


def main():
    global PROGRAM, UPDATE
    arguments = sys.argv[1:]
    UPDATE = "--update" in arguments
    arguments = [a for a in arguments if a != "--update"]
    PROGRAM = os.path.abspath(arguments.pop(0))
    names = ["Layout.test_" + a for a in arguments]
    unittest.main(argv=[sys.argv[0]] + names, verbosity=1)


if __name__ == "__main__":
    main()
