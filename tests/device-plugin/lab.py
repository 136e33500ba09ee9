# SPDX-License-Identifier: LGPL-2.1-or-later
"""Inside the emulated host: units with real VFIO groups, guests in QEMU, and what happens to them."""
import json
import os
import re
import subprocess
import sys
import time

import kubelet
from kubelet import grpc, wait

NVME, EHCI, UHCI = (os.environ[name] for name in ("NVME", "EHCI", "UHCI"))
PLUGIN, PCIPASS = os.environ["PCIPASS_PLUGIN"], os.environ["PCIPASS_PROGRAM"]
WORK = "/tmp/plugin"
LOG = WORK + "/log"
VFIO_NVME, VFIO_USB = "pcipass.dev/nvme", "pcipass.dev/usb"
failed = False


def fact(text, holds, why=""):
    global failed
    print("%s %s" % ("ok" if holds else "not ok", text), flush=True)
    if not holds:
        failed = True
        for line in (str(why) + "\n" + said()).splitlines()[-25:]:
            print("  | " + line, flush=True)


def same(text, a, b):
    fact(text, a == b, "is %r, should be %r" % (a, b))


def said():
    with open(LOG) as file:
        return file.read()


def run(*args):
    return subprocess.run([PCIPASS, *args], capture_output=True, text=True, check=False)


def ids(address):
    with open("/sys/bus/pci/devices/%s/vendor" % address) as vendor, open("/sys/bus/pci/devices/%s/device" % address) as device:
        return vendor.read().strip()[2:] + ":" + device.read().strip()[2:]


def group(address):
    return os.path.basename(os.readlink("/sys/bus/pci/devices/%s/iommu_group" % address))


def put(path, text):
    with open(path, "w") as file:
        file.write(text)


def becomes(text, plugin, unit, health, words, begin):
    """The health, with its reason; and how long after BEGIN."""
    try:
        wait(lambda: plugin.health(unit) == health, 60)
        if words:
            wait(lambda: re.search(words, said()), 60)
        fact("%s: %s after %.2f s" % (text, health, time.monotonic() - begin), True)
    except AssertionError as error:
        fact("%s: %s" % (text, health), False, error)


def start():
    with open(LOG, "a") as log:
        return subprocess.Popen([PLUGIN, "--pool", WORK + "/pools.json", "--kubelet-dir", WORK + "/kubelet"], stderr=log,
            stdin=subprocess.DEVNULL)


def guest(address):
    """As virt-launcher would: QEMU opens the device with the nodes that it was given."""
    log = open(WORK + "/guest", "w")
    return subprocess.Popen(["qemu-system-x86_64", "-accel", "kvm", "-machine", "q35", "-m", "192", "-display", "none",
        "-nodefaults", "-serial", "stdio", "-kernel", os.environ["LAB_GUEST_KERNEL"], "-initrd",
        os.environ["LAB_GUEST_INITRD"], "-append", "console=ttyS0 quiet test=nvme test=hang", "-device", "pcie-root-port,id=p1",
        "-device", "vfio-pci,host=%s,bus=p1" % address], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def refused(plugin, unit):
    try:
        plugin.allocate([unit])
        return "it was allocated"
    except grpc.RpcError as error:
        return "%s %s" % (error.code().name, error.details())


def plugins(kube):
    """Both, as they register."""
    found = {}
    while len(found) < 2:
        request = kube.next(60)
        plugin = kubelet.Plugin(os.path.join(kube.folder, request.endpoint))
        found[request.resource_name] = plugin.watch()
    return found[VFIO_NVME], found[VFIO_USB]


def tenants(plugin):
    answer = plugin.allocate([NVME])[0]
    same("the variable that KubeVirt reads", answer.envs["PCI_RESOURCE_PCIPASS_DEV_NVME"], NVME)
    nodes = [node.host_path for node in answer.devices]
    fact("its nodes: " + " ".join(nodes), "/dev/vfio/" + group(NVME) in nodes and all(os.path.exists(node) for node in nodes))
    begin = time.monotonic()
    plugin.prestart(NVME)
    fact("reset and verified in %.2f s" % (time.monotonic() - begin), True)
    qemu = guest(NVME)
    record = "/run/pcipass/pools"
    wait(lambda: any(NVME in text and "true" in text for text in
        (open(os.path.join(record, name)).read() for name in os.listdir(record) if name.endswith(".json"))), 60)
    fact("that the guest has it was noticed", True)
    return qemu


def killed(kube, process, plugin, qemu):
    process.kill()
    process.wait()
    fact("the plugin is killed, and its list ends", plugin.ended.wait(10))
    process = start()
    nvme, usb = plugins(kube)
    fact("full capacity is back", nvme.health(NVME) == "Healthy" and usb.health(EHCI) == "Healthy")
    fact("the guest runs on", qemu.poll() is None)
    return process, nvme, usb


def second_tenant(plugin, qemu):
    try:
        plugin.prestart(NVME)
        fact("a second user has to wait", False)
    except grpc.RpcError as error:
        fact("a second user has to wait: " + error.details(), error.code() == grpc.StatusCode.UNAVAILABLE)
    wait(lambda: "guest: " in open(WORK + "/guest").read(), 180)
    qemu.kill()
    qemu.wait()
    wait(lambda: not any(": true" in open(os.path.join("/run/pcipass/pools", name)).read()
        for name in os.listdir("/run/pcipass/pools") if name.endswith(".json")), 60)
    fact("its release was noticed", True)
    plugin.allocate([NVME])
    for _ in range(20):
        try:
            plugin.prestart(NVME)
            fact("the second user has it, reset", True)
            return
        except grpc.RpcError as error:
            last = error
            time.sleep(0.5)
    fact("the second user has it, reset", False, last)


def companion(plugin):
    begin = time.monotonic()
    run("nodedev-reattach", UHCI)
    becomes("the companion goes to a host's driver", plugin, EHCI, "Unhealthy", UHCI + ", in the same IOMMU group .*uhci_hcd", begin)
    fact("Allocate says so: " + refused(plugin, EHCI), "FAILED_PRECONDITION" in refused(plugin, EHCI))
    begin = time.monotonic()
    run("nodedev-detach", UHCI)
    becomes("the companion is back", plugin, EHCI, "Healthy", "", begin)


def removed(plugin):
    device = "/sys/bus/pci/devices/" + NVME
    begin = time.monotonic()
    put(device + "/remove", "1")
    becomes("the device is removed", plugin, NVME, "Unhealthy", NVME + " is not there", begin)
    fact("Allocate says so: " + refused(plugin, NVME), "is not there" in refused(plugin, NVME))
    put("/sys/bus/pci/rescan", "1")
    wait(lambda: os.path.exists("/dev/nvme0n1"), 60)
    subprocess.run(["mkfs.ext4", "-qF", "/dev/nvme0n1"], check=True)
    os.makedirs("/mnt/nvme", exist_ok=True)
    subprocess.run(["mount", "/dev/nvme0n1", "/mnt/nvme"], check=True)
    becomes("it is back with the host, and mounted", plugin, NVME, "Unhealthy", "mounted on /mnt/nvme", time.monotonic())
    fact("Allocate says so: " + refused(plugin, NVME), "mounted on /mnt/nvme" in refused(plugin, NVME))
    subprocess.run(["umount", "/mnt/nvme"], check=True)
    run("nodedev-detach", NVME)
    becomes("it is with vfio-pci again", plugin, NVME, "Healthy", "", time.monotonic())


def idle(process):
    """Memory, and wake-ups in ten seconds."""
    def switches():
        with open("/proc/%d/status" % process.pid) as file:
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
    before = switches()
    time.sleep(10)
    with open("/proc/%d/status" % process.pid) as file:
        print("note idle: %s, %d wake-ups in 10 s" % (re.search(r"VmRSS:\s+(.*)", file.read()).group(1), switches() - before))


def main():
    os.makedirs(WORK + "/kubelet")
    with open(WORK + "/pools.json", "w") as file:
        json.dump({"pools": [{"resource": VFIO_NVME, "units": [{"address": NVME, "id": ids(NVME)}]},
            {"resource": VFIO_USB, "units": [{"address": EHCI, "id": ids(EHCI), "reset": "none"}]}]}, file)
    open(LOG, "w").close()
    check = subprocess.run([PLUGIN, "--check", WORK + "/pools.json"], capture_output=True, text=True, check=False)
    fact("--check", check.returncode == 0, check.stdout + check.stderr)
    kube = kubelet.Kubelet(WORK + "/kubelet", dial_back=True)
    process = start()
    nvme, usb = plugins(kube)
    fact("both are advertised", nvme.health(NVME) == "Healthy" and usb.health(EHCI) == "Healthy", nvme.devices)
    fact("no topology without a node", not nvme.devices[NVME].HasField("topology") or nvme.devices[NVME].topology.nodes[0].ID >= 0)
    qemu = tenants(nvme)
    process, nvme, usb = killed(kube, process, nvme, qemu)
    second_tenant(nvme, qemu)
    companion(usb)
    removed(nvme)
    idle(process)
    process.terminate()
    fact("it ends when it is told to", process.wait(20) == 0)
    kube.stop()
    return failed


if __name__ == "__main__":
    try:
        result = main()
    except Exception as error:  # what was not waited for long enough is a fact too
        import traceback
        fact("to the end", False, traceback.format_exc())
        result = True
    os._exit(1 if result else 0)
