#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many verbs at once, and verbs that are killed, on a machine in a folder (--root): thousands of them in minutes, where
the emulated host does hundreds. Guests run in a real QEMU, whose devices are locks that one alone can hold.

    run.py BUILD starts [RACERS]              racing starts over one device: one wins, the others say who
    run.py BUILD verbs [SEED [VERBS]]         random verbs from four processes: never two owners, never a lost device
    run.py BUILD sequences [SEED [SEQUENCES]] as many sequences of 20 verbs, four at a time, each from a host at rest
    run.py BUILD killed [SEED [VERBS]]        as verbs, and everything of ours is killed at random meanwhile
    run.py BUILD kills VERB [STEP [FIRST]]    kill -9 at every STEPth system call of a verb and of its children:
                                              detach, reattach, undo, recover, start, destroy, release, apply (host-apply); of three
                                              devices at once: detach-many, reattach-many, undo-many, recover-many
    run.py BUILD faults VERB                  no room, no memory, no processes and a bad disk at each call of a verb
    run.py BUILD refused                      the same where a device is in use: it stays

Seeds are printed. Exit status 1 when something did not hold.
"""
import fcntl
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

FLOCK = "hhlli0l"  # struct flock
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import machine  # noqa: E402

NVME, VGA, SOUND = "0000:04:00.0", "0000:03:00.0", "0000:03:00.1"
MANY = NVME, VGA, SOUND  # of two slots
OWN = {NVME: "nvme", VGA: "nouveau", SOUND: "snd_hda_intel"}
HOSTDEV = """<hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x0000' bus='0x%s' slot='0x%s' function='0x%s'/></source>
    </hostdev>"""
GUEST = """<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <emulator>%s</emulator>
    %s
  </devices>
</domain>
"""
failures = 0
begin = time.monotonic()


def ok(text):
    print("ok", text, flush=True)


def not_ok(text):
    global failures
    failures += 1
    print("not ok", text, flush=True)


def holds(text, condition, why=""):
    (ok if condition else not_ok)(text if condition or not why else "%s: %s" % (text, why))


class Machine:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.folder = tempfile.mkdtemp(prefix="pcipass-storm-")
        os.chmod(self.folder, 0o755)  # QEMU is asked what it can do as nobody
        self.root = os.path.join(self.folder, "root")
        self.engine = os.path.join(self.folder, "engine")
        os.mkdir(self.root)
        os.mkdir(os.path.join(self.folder, "owned"))
        machine.as_folder(self.root)
        shutil.copy(os.path.join(self.build, "tests/engine"), self.engine)
        self.program = os.path.join(self.folder, "bin/cli/pcipass")
        for name in "cli/pcipass", "supervise/pcipass-supervise", "tests/callkill":  # a build may go on meanwhile
            os.makedirs(os.path.dirname(os.path.join(self.folder, "bin", name)))
            shutil.copy(os.path.join(self.build, name), os.path.join(self.folder, "bin", name))

    def run(self, *args, before=(), timeout=120):
        """Exit status and what was said; -9 when it was killed."""
        command = [*before, self.program, "--root", self.root, *args]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout, cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        return result.returncode, result.stdout.decode(errors="replace").strip()

    def must(self, *args):
        status, said = self.run(*args)
        if status != 0:
            not_ok("%s: exit %d, %s" % (" ".join(args), status, said))
        return said

    def define(self, name, *addresses):
        devices = "\n    ".join(HOSTDEV % (a[5:7], a[8:10], a[11]) for a in addresses)
        path = os.path.join(self.folder, "define.xml")
        with open(path, "w") as file:
            file.write(GUEST % (name, self.engine, devices))
        self.must("define", path)

    def driver(self, address):
        try:
            return os.path.basename(os.readlink("%s/sys/bus/pci/devices/%s/driver" % (self.root, address)))
        except FileNotFoundError:
            return "none"

    def override(self, address):
        with open("%s/sys/bus/pci/devices/%s/driver_override" % (self.root, address)) as file:
            return file.read().strip() or "(null)"  # a model that was killed as it wrote "(null)"

    def journals(self):
        """Those that count: what says at its end that it was released is nothing to anyone."""
        folder = self.root + "/run/pcipass/journal"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if name.isdigit() and not self.released(os.path.join(folder, name)))

    @staticmethod
    def released(path):
        try:
            with open(path, errors="replace") as file:
                return file.read().endswith("\nreleased\n")
        except FileNotFoundError:
            return True

    def owner(self, address):
        """The process that has the device, or None."""
        try:
            with open(os.path.join(self.folder, "owned", address)) as file:
                asked = struct.pack(FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
                if struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK:
                    text = file.read()
                    return int(text) if text.endswith("\n") else 0
        except FileNotFoundError:
            pass
        return None

    def processes(self, word):
        """Those of this machine in whose command line WORD is."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    line = file.read().decode(errors="replace")
            except OSError:
                continue
            name = name_of(int(pid))  # not of one who only looks at the folder
            ours = name.startswith(self.folder) or os.path.basename(name).startswith("qemu-system-")
            if ours and self.folder in line and word in line:
                found.append(int(pid))
        return found

    def strange(self):
        try:
            with open(os.path.join(self.folder, "strange")) as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""

    def place(self, address):
        """in, out, or what it is else."""
        now = self.driver(address), self.override(address)
        return {(OWN[address], "(null)"): "in", ("vfio-pci", "vfio-pci"): "out"}.get(now, "with %s, override %s" % now)

    def end(self):
        if failures:
            print("# the machine is left in %s" % self.folder)
        for pid in self.processes(""):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not failures:
            shutil.rmtree(self.folder, ignore_errors=True)


# ---- starts

def starts(m, racers=32):
    results = {}
    for i in range(racers):
        m.define("r%d" % i, NVME)

    def start(name):
        results[name] = m.run("start", name, "--paused")

    threads = [threading.Thread(target=start, args=("r%d" % i,)) for i in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [name for name, (status, _) in results.items() if status == 0]
    lost = [said for status, said in results.values() if status == 4]
    other = ["%s: %d %s" % (name, *result) for name, result in results.items() if result[0] not in (0, 4)]
    holds("of %d racing starts one wins, and the others find the device in use" % racers,
        len(won) == 1 and len(lost) == racers - 1, "%s won, %d in use, %s" % (won, len(lost), other))
    holds("one QEMU has the device", m.owner(NVME) is not None and not m.strange(), m.strange())
    words = ["guest %s" % won[0] if won else "?", "being moved by pid"]
    silent = [said for said in lost if not any(word in said for word in words)]
    holds("the others say who has it, or who moves it", not silent, silent[:1])
    for name in won:
        m.must("destroy", name)
    holds("the device is back", m.place(NVME) == "in" and not m.journals(), m.place(NVME))


# ---- random verbs

VERBS = (
    "nodedev-detach %(nvme)s", "nodedev-detach %(nvme)s", "nodedev-detach %(vga)s %(sound)s",
    "nodedev-detach %(nvme)s %(vga)s %(sound)s", "nodedev-detach %(nvme)s --driver pci-stub",
    "nodedev-detach %(nvme)s --try 1", "nodedev-detach %(vga)s %(sound)s --try 2", "nodedev-reattach %(nvme)s",
    "nodedev-reattach %(nvme)s", "nodedev-reattach %(vga)s %(sound)s", "nodedev-reattach %(nvme)s --try 1",
    "nodedev-reattach %(nvme)s %(vga)s %(sound)s", "nodedev-reset %(nvme)s", "recover", "recover", "changes --all",
    "keep", "start a --paused", "start a --paused", "start b --paused", "start b --paused", "start c --paused",
    "destroy a", "destroy b", "destroy c", "list --all", "nodedev-list --long", "define define.xml",
)


class Storm:
    """Verbs of four processes, watched."""

    def __init__(self, m, seed):
        self.m, self.seed = m, seed
        self.done, self.strange = [], []
        self.lock = threading.Lock()
        self.goes_on = True
        self.looks = 0

    def verb(self, dice):
        text = dice.choice(VERBS) % {"nvme": NVME, "vga": VGA, "sound": SOUND}
        try:
            status, said = self.m.run(*text.split())
        except subprocess.TimeoutExpired:
            status, said = 124, "it hangs"
        with self.lock:
            self.done.append((status, text, said))

    def worker(self, number, count):
        dice = random.Random(self.seed * 1000 + number)
        for _ in range(count):
            self.verb(dice)

    def look(self):
        """A device that a QEMU has, before and after it was looked at, is with vfio-pci."""
        self.looks += 1
        for address in OWN:
            before = self.m.owner(address)
            driver = self.m.driver(address)
            if before and driver != "vfio-pci" and self.m.owner(address) == before:
                self.strange.append("%s is with %s, and process %d has it" % (address, driver, before))

    def watch(self):
        while self.goes_on:
            self.look()
            time.sleep(0.02)

    def run(self, numbers, count, more=()):
        threads = [threading.Thread(target=self.worker, args=(n, count)) for n in numbers]
        threads += [threading.Thread(target=f) for f in more]
        watcher = threading.Thread(target=self.watch)
        self.goes_on = True
        for thread in threads + [watcher]:
            thread.start()
        for thread in threads[:len(numbers)]:
            thread.join()
        self.goes_on = False
        for thread in threads + [watcher]:
            thread.join()

    def rest(self, text):
        """Everything back; says so only when it is not."""
        m = self.m
        for name in "abc":
            status, said = m.run("destroy", name)
            if status not in (0, 5):
                not_ok("%s: destroy %s: exit %d, %s" % (text, name, status, said))
        for tries in range(3):  # a trial may end in this very moment, and is in the way
            results = [m.run("recover"), m.run("changes", "--all")]
            if all(status == 0 for status, _ in results):
                break
            time.sleep(1)
        else:
            not_ok("%s: recover, changes --all: %s" % (text, results))
        lost = ["%s is %s" % (a, m.place(a)) for a in OWN if m.place(a) != "in"]
        lost += ["%s is held by process %d" % (a, m.owner(a)) for a in OWN if m.owner(a) is not None]
        if lost or m.journals():
            not_ok("%s: %s, journals %s" % (text, "; ".join(lost), m.journals()))
        return not lost and not m.journals()

    def verdict(self, allowed=(0, 1, 3, 4, 5)):
        counts = {}
        for status, _, _ in self.done:
            counts[status] = counts.get(status, 0) + 1
        print("# %d verbs in %d s: %s" % (len(self.done), time.monotonic() - begin,
            ", ".join("%d with exit %d" % (counts[s], s) for s in sorted(counts))))
        holds("never two owners, in %d looks" % self.looks, not self.strange and not self.m.strange(),
            "%s %s" % (self.strange[:3], self.m.strange()))
        odd = ["%s: exit %d, %s" % (text, status, said) for status, text, said in self.done if status not in allowed]
        holds("every verb ended, with a status of its own", not odd, "\n  ".join(odd[:5]))
        failed = {}
        for status, text, said in self.done:
            if status in (1, 5):
                key = "%d %s" % (status, said.split("\n", 1)[-1] if said.startswith("unfinished") else said)
                failed[key] = failed.get(key, 0) + 1
        if os.environ.get("STORM_WORDS"):
            for key in sorted(failed, key=lambda k: -failed[k]):
                print("# %d times: %s" % (failed[key], key.replace("\n", "\n#    ")))


def guests(m):
    m.define("a", NVME)
    m.define("b", NVME, VGA, SOUND)
    m.define("c", VGA, SOUND)


def verbs(m, seed, count=300):
    guests(m)
    storm = Storm(m, seed)
    storm.run(range(4), count // 4)
    storm.verdict()
    holds("no device is lost, and nothing is remembered", storm.rest("at the end"))


def sequences(m, seed, count=200):
    guests(m)
    storm = Storm(m, seed)
    rested = True
    for first in range(0, count, 4):
        storm.run(range(first, min(first + 4, count)), 20)
        rested = storm.rest("sequences %d to %d" % (first, first + 3)) and rested
    storm.verdict()
    holds("after none of %d sequences a device is lost, or anything remembered" % count, rested)


# ---- killed at random

def killed(m, seed, count=400):
    guests(m)
    storm = Storm(m, seed)
    dice = random.Random(seed)
    kills = {}

    def killer():
        while storm.goes_on:
            time.sleep(dice.random() * 0.1)
            word = dice.choice(["cli/pcipass", "cli/pcipass", "pcipass-supervise", "pcipass-supervise", "qemu-system"])
            pids = [p for p in m.processes("") if word in name_of(p)]
            if not pids:
                continue
            try:
                os.kill(dice.choice(pids), signal.SIGKILL)
                kills[word] = kills.get(word, 0) + 1
            except ProcessLookupError:
                pass

    storm.run(range(4), count // 4, [killer])
    storm.verdict((0, 1, 3, 4, 5, -9))
    print("# killed: %s" % kills)
    for _ in range(2):
        m.run("recover")
    holds("no device is lost, and nothing is remembered", storm.rest("at the end"))


def words_of(pid, name):
    try:
        with open("/proc/%d/%s" % (pid, name)) as file:
            return " ".join(line.strip() for line in file if name != "status" or line.startswith(("State", "Tracer", "PPid")))
    except OSError:
        return ""


def name_of(pid):
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return ""


# ---- killed at each call

class Kills:
    def __init__(self, m, verb):
        self.m, self.verb = m, verb
        self.devices = MANY if verb.endswith("-many") else (NVME,)
        self.hit = os.path.join(m.folder, "hit")
        self.tried = self.survived = self.on = 0
        self.where = {}
        self.say = os.path.join(m.folder, "bin/tests/callkill")

    def state(self):
        """in, out (moved by the host), on (a guest has it); or what it is else."""
        m = self.m
        word = m.run("domstate", "a")[1].split("\n")[-1]
        guest = {"shut off": "off", "crashed": "off", "paused": "on"}.get(word, word)
        places = sorted({m.place(address) for address in self.devices})
        now = " and ".join(places), guest, m.owner(NVME) is not None, len(m.journals())
        return {("in", "off", False, 0): "in", ("out", "off", False, 1): "out", ("out", "on", True, 1): "on"}.get(
            now, "the device is %s, the guest %s, QEMU has it: %s, %d journals" % now)

    def settled(self):
        end = time.monotonic() + 20
        while self.state() not in ("in", "out", "on") and time.monotonic() < end:
            time.sleep(0.05)
        return self.state()

    def killed_at(self, n, *args):
        self.m.run(*args, before=[self.say, "-f", self.hit, str(n)])
        with open(self.hit) as file:
            return file.read().split()

    def released_at(self, n):
        """The supervisor's calls, from the end of QEMU on."""
        m = self.m
        with open("%s/run/pcipass/guests/a/state.json" % m.root) as file:
            supervisor = json.load(file)["supervisor"]["pid"]
        tracer = subprocess.Popen([self.say, "-f", "-p", str(supervisor), self.hit, str(n)], stdout=subprocess.PIPE)
        tracer.stdout.readline()
        qemu = m.owner(NVME)
        if qemu not in m.processes("-S"):  # never another's
            raise RuntimeError("process %s is no QEMU of ours" % qemu)
        os.kill(qemu, signal.SIGKILL)
        try:
            tracer.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            not_ok("release: the supervisor goes on after call %d" % n)
            for pid in m.processes(""):
                print("# %d %s: %s" % (pid, name_of(pid), " ".join(words_of(pid, name) for name in ("status", "wchan", "syscall"))))
            raise
        with open(self.hit) as file:
            return file.read().split()

    def recovered(self, text, verb):
        status, said = self.m.run(*verb)
        if status not in ((0, 4, 5) if verb[0] != "recover" and verb[0] != "list" else (0,)):
            not_ok("%s: then %s: exit %d, %s" % (text, " ".join(verb), status, said))
            return False
        status, more = self.m.run("recover")
        if status != 0:
            not_ok("%s: recover after %s: exit %d, %s" % (text, " ".join(verb), status, more))
            return False
        self.said = said + "\n" + more
        return True

    def survive(self, text, next_verb, good):
        self.tried += 1
        if not self.recovered(text, next_verb):
            return
        where = self.settled()
        if where not in good:
            not_ok("%s, then %s: %s\n  said: %s" % (text, " ".join(next_verb), where, self.said))
            return
        self.where[where] = self.where.get(where, 0) + 1
        self.survived += 1

    def back(self):
        for args in ["destroy", "a"], ["recover"], ["changes", "--all"]:
            self.m.run(*args)
        if self.state() != "in":
            not_ok("it cannot be brought back: %s" % self.state())
            sys.exit(1)

    def verdict(self):
        holds("%s: kill -9 at %d system calls: survived (%s)" % (self.verb, self.tried,
            ", ".join("%s %d" % w for w in sorted(self.where.items()))), self.tried == self.survived and self.tried > 0)


# ---- calls that fail

# What a full disk, a host without memory, a broken disk and too many processes and files say.
FAULTS = (
    "write:ENOSPC", "write:EIO", "pwrite64:ENOSPC", "mkdir:ENOSPC", "mkdirat:ENOSPC", "renameat:ENOSPC",
    "renameat2:ENOSPC", "renameat2:EROFS", "rename:EROFS", "ftruncate:EIO", "unlinkat:EROFS", "fcntl:ENOLCK",
    "flock:ENOLCK", "fsync:EIO", "clone:EAGAIN", "clone3:EAGAIN", "vfork:EAGAIN", "pidfd_open:EMFILE", "pipe2:EMFILE",
    "poll:ENOMEM", "mmap:ENOMEM", "openat:EMFILE", "openat:EIO", "openat2:EMFILE", "openat2:ENOMEM", "readlinkat:EIO", "getdents64:ENOMEM", "read:EIO", "getdents64:EIO",
    "readlink:EIO", "readlinkat:ENOMEM", "newfstatat:EIO", "fstat:EIO", "socket:EMFILE", "statfs:EIO", "lseek:EIO",
)


class Faults(Kills):
    def traced(self, options, *args):
        """Exit status and words of a verb, and whether the fault was met."""
        trace = os.path.join(self.m.folder, "trace")
        status, said = self.m.run(*args, before=["strace", "-q", "-o", trace, *options])
        with open(trace, errors="replace") as file:
            return status, said, file.read()

    def calls(self, *args):
        """Of each call, the number of the first that is not the loader's, and of the last."""
        lines = self.traced([], *args)[2].splitlines()
        libraries = [i for i, line in enumerate(lines) if '.so' in line and line.startswith("openat(")]
        own = next(i for i in range(libraries[-1], len(lines)) if lines[i].startswith("munmap("))
        calls = {}
        for i, line in enumerate(lines):
            call = line.split("(", 1)[0]
            first, last = calls.get(call, (1, 0))
            calls[call] = (last + 2 if i <= own else first, last + 1)
        return calls

    def each(self, *args):
        """Options of strace for each fault, and its words."""
        calls = self.calls(*args)
        for fault in FAULTS:
            call, error = fault.split(":")
            first, last = calls.get(call, (1, 0))
            for n in range(first, last + 1):
                yield "%s %d gives %s" % (call, n, error), ["-e", "trace=" + call,
                    "-e", "inject=%s:error=%s:when=%d" % (call, error, n)]


def faults_refused(m, address):
    """What is in use stays, whatever cannot be read."""
    f = Faults(m, "refused")
    tried = refused = 0
    before = m.driver(address)
    for text, options in f.each("nodedev-detach", address):
        status, said, trace = f.traced(options, "nodedev-detach", address)
        if "INJECTED" not in trace:
            continue
        tried += 1
        if m.driver(address) == before and status in (1, 2, 3, 4, 5) and said:
            refused += 1
        else:
            not_ok("%s, which is in use: %s: exit %d, it is with %s: %s" % (address, text, status, m.driver(address), said))
            m.run("recover")
            m.run("nodedev-reattach", address)
    holds("%s is in use, and after %d faults it was not moved" % (address, tried), tried == refused and tried > 0)


def faults(m, verb):
    """Each call of a verb fails: it succeeds another way, or says so and nothing has changed, or `recover` helps."""
    guests(m)
    f = Faults(m, verb)
    command, start = MOVES[verb]
    end = {"detach": "out", "start": "on"}.get(verb, "in")
    f.back()
    prepare(f, start)
    each = list(f.each(*command))
    ways = {"went another way": 0, "changed nothing": 0, "left to recover": 0}
    for text, options in each:
        prepare(f, start)
        status, said, trace = f.traced(options, *command)
        if "INJECTED" not in trace:
            continue
        f.tried += 1
        text = "%s: %s: exit %d" % (verb, text, status)
        where = f.state() if status == 5 else f.settled()
        want = {0: (end,), 5: (start, end, None)}.get(status, (start,))
        if "standard output" in said:  # that it is done could not be said
            want = (start, end)
        if status not in (0, 1, 2, 3, 4, 5) or not said:
            not_ok("%s, it says: %s" % (text, said))
        elif None not in want and where not in want:
            not_ok("%s, and it is %s: %s" % (text, where, said))
        elif f.recovered(text, ["recover"]) and f.settled() in ("in", "out", "on"):
            f.survived += 1
            ways["left to recover" if None in want else "went another way" if status == 0 else "changed nothing"] += 1
        else:
            not_ok("%s, and after recover it is %s: %s" % (text, f.state(), said))
    f.back()
    holds("%s: %d faults: survived (%s)" % (verb, f.tried, ", ".join("%d %s" % (ways[w], w) for w in ways)),
        f.tried == f.survived and f.tried > 0)
    holds("never two owners", not m.strange(), m.strange())


MOVES = {
    "detach": (["nodedev-detach", NVME], "in"), "reattach": (["nodedev-reattach", NVME], "out"),
    "start": (["start", "a", "--paused"], "in"), "destroy": (["destroy", "a"], "on"), "recover": (["recover"], None),
    "undo": (["changes", "--all"], "out"), "release": (["destroy", "a"], "on"),
    "detach-many": (["nodedev-detach", *MANY], "in"), "reattach-many": (["nodedev-reattach", *MANY], "out"),
    "apply": (["host-apply", "host.json"], "in"), "undo-many": (["changes", "--all"], "out"), "recover-many": (["recover"], None),
}


def prepare(k, state):
    """The state that a verb begins in. None: a detach that was killed in the middle."""
    m = k.m
    if k.state() == state:
        return
    k.back()
    if state == "out":
        m.must("nodedev-detach", *k.devices)
    elif state == "on":
        m.must("start", "a", "--paused")
    elif state is None:
        n = k.middle if hasattr(k, "middle") else middle(k)
        k.killed_at(n, "nodedev-detach", *k.devices)


def middle(k):
    """The call before which a detach leaves the device without a driver."""
    low = k.killed_at(10**9, "nodedev-detach", *k.devices)
    k.back()
    for n in range(int(low[1]), 0, -1):
        k.killed_at(n, "nodedev-detach", *k.devices)
        if k.m.driver(NVME) == "none":
            k.middle = n
            k.back()
            return n
        k.back()
    return 1


def kills(m, verb, step=1, first=1):
    guests(m)
    k = Kills(m, verb)
    command, start = MOVES[verb]
    strike = k.released_at if verb == "release" else lambda n: k.killed_at(n, *command)
    good = {"start": ("in", "on"), "destroy": ("in", "on"), "release": ("in",)}.get(verb, ("in", "out"))
    with open(os.path.join(m.folder, "host.json"), "w") as file:
        json.dump({"devices": [{"address": NVME, "id": "1b36:0010", "driver": "vfio-pci"}]}, file)
    next_verbs = [["list"], ["recover"], command]
    k.back()
    prepare(k, start)
    total = int(strike(10**9)[1])
    print("# %s makes %d system calls, its children included" % (verb, total))
    for n in range(first, total + 1, step):
        prepare(k, start)
        said = strike(n)
        if said[0] == "killed":
            k.survive("%s killed at call %d (%s, number %s)" % (verb, n, said[2], said[3]),
                next_verbs[k.tried % 3], good)
    k.back()
    k.verdict()
    holds("never two owners", not m.strange(), m.strange())


def main():
    m = Machine(sys.argv[1])
    mode, args = sys.argv[2], sys.argv[3:]
    try:
        if mode == "starts":
            starts(m, *map(int, args))
        elif mode == "refused":
            faults_refused(m, "0000:01:00.0")
            faults_refused(m, "0000:02:00.0")
        elif mode == "faults":
            faults(m, args[0])
        elif mode == "kills":
            kills(m, args[0], *map(int, args[1:]))
        else:
            seed = int(args[0]) if args else random.randrange(100000)
            print("# seed %d, %d processors" % (seed, os.cpu_count()))
            {"verbs": verbs, "sequences": sequences, "killed": killed}[mode](m, seed, *map(int, args[1:]))
    finally:
        m.end()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
