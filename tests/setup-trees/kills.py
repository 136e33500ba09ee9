#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""host-setup killed before each of its system calls that write, and with a disk that is full from each on: every file
of a boot loader is whole, as it was or as it is to be; `recover` or `--undo` brings every byte back, and leaves nothing.

    kills.py PROGRAM KILLER [NAME...]
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

import run

LAYOUTS = ("chapter", "debian12", "rhel7", "opensuse-amd", "two-loaders", "arch-uki", "limine", "fedora-bls")
CALLS = ("write", "openat", "fchmod", "fchownat", "fsync", "renameat", "unlinkat", "mkdirat", "ftruncate")
FULL = ("write", "openat", "mkdirat", "fsync")
HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
NUMBERS = dict(re.findall(r"#define __NR_(\w+) (\d+)", open(HEADER, encoding="utf-8").read()))
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


class Machine:
    def __init__(self, program, killer, layout):
        self.program, self.killer, self.layout = program, killer, layout
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="pcipass-kills-", dir=base)
        self.root = self.folder + "/root"
        self.cases = self.hit = 0
        self.faults = []

    def call(self, *words, front=()):
        command = [*front, self.program, "--root", self.root, *words]
        return subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=120)

    def fresh(self, name):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.folder + "/" + name, self.root, symlinks=True)

    def keep(self, name):
        shutil.copytree(self.root, self.folder + "/" + name, symlinks=True)
        return run.files(self.root)

    def fault(self, case, text, output=b""):
        self.faults.append("%s: %s: %s %s" % (self.layout, case, text, output.decode(errors="replace").strip()))

    def count(self, state, words):
        """Each call that writes, or makes a file: its name, and the how manieth of that name it is."""
        self.fresh(state)
        log = self.folder + "/calls"
        self.call(*words, front=("strace", "-f", "-o", log, "-e", "trace=" + ",".join(CALLS)))
        seen = collections.Counter()
        found = []
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                match = re.match(r"\d+ +(\w+)\(", line)
                if not match or match.group(1) not in CALLS:
                    continue
                call = match.group(1)
                seen[call] += 1
                if call != "openat" or "O_CREAT" in line:
                    found.append((call, seen[call]))
        return found

    def whole(self, case):
        """Nothing is half: each file as before or as after, but for a temporary one beside it."""
        for path, what in run.files(self.root).items():
            name = os.path.basename(path)
            if re.fullmatch(r"\..*\.[0-9a-f]{12}", name):
                continue
            if what not in (self.old.get(path, what if what == "empty" else None), self.new.get(path)):
                self.fault(case, path + " is neither old nor new")
        for path in self.old.keys() & self.new.keys():
            if not os.path.lexists(self.root + path):
                self.fault(case, path + " is gone")

    def back(self, case):
        for words in (("recover",), ("host-setup", "--undo")):
            result = self.call(*words)
            if result.returncode:
                self.fault(case, "%s: status %d" % (words[-1], result.returncode), result.stdout)
        now = run.files(self.root)
        for path in sorted(now.keys() | self.old.keys()):
            if now.get(path) != self.old.get(path):
                self.fault(case, path + " is not as before")
        left = [name for folder in ("/var/lib/pcipass", "/etc/pcipass") if os.path.isdir(self.root + folder)
            for name in os.listdir(self.root + folder)]
        if left:
            self.fault(case, "left: " + " ".join(left))

    def killed(self, state, words, call, n):
        case = "%s killed at %s %d" % (words[1], call, n)
        hit = self.folder + "/hit"
        self.fresh(state)
        self.call(*words, front=(self.killer, hit, NUMBERS[call], str(n), "first"))
        self.hit += os.path.getsize(hit) > 0
        self.cases += 1
        self.whole(case)
        self.back(case)

    def full(self, state, words, call, n, ever):
        case = "%s with a full disk at %s %d%s" % (words[1], call, n, "+" if ever else "")
        self.fresh(state)
        self.call(*words, front=("strace", "-f", "-o", "/dev/null", "-e", "trace=" + call, "-e",
            "inject=%s:error=ENOSPC:when=%d%s" % (call, n, "+" if ever else "")))
        self.cases += 1
        self.whole(case)
        self.back(case)

    def all(self):
        run.make(self.layout, self.root)
        self.old = self.keep("old")
        result = self.call("host-setup", "--yes", "--permanent")
        if result.returncode not in (0, 3):
            self.fault("", "it cannot be set up", result.stdout)
        self.new = self.keep("new")
        for state, words in (("old", ("host-setup", "--yes", "--permanent")), ("new", ("host-setup", "--undo"))):
            for call, n in self.count(state, words):
                self.killed(state, words, call, n)
                if call in FULL:
                    self.full(state, words, call, n, False)
                if call in ("write", "mkdirat"): # no room from then on
                    self.full(state, words, call, n, True)
        print("%s: %d cases, %d of them killed, %d wrong" % (self.layout, self.cases, self.hit, len(self.faults)),
            flush=True)
        shutil.rmtree(self.folder)
        return self.faults


def main():
    program, killer = (os.path.abspath(path) for path in sys.argv[1:3])
    faults = []
    for layout in sys.argv[3:] or LAYOUTS:
        faults += Machine(program, killer, layout).all()
    for fault in faults[:40]:
        print(fault)
    sys.exit(len(faults) > 0)


if __name__ == "__main__":
    main()
