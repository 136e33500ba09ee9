# SPDX-License-Identifier: LGPL-2.1-or-later
"""Inside the emulated host: a kubelet without an API server, pods of files, the plugin, real VFIO groups."""
import json
import os
import re
import time

import yaml

import node
from node import Node, fact, get, group, ids, manifest, note, pcipass, put, variable, wait

NVME, EHCI = os.environ["NVME"], os.environ["EHCI"]
DISK, USB = "pcipass.dev/nvme", "pcipass.dev/usb"
LOOK = "env | grep -e PCI | sort; ls /dev/vfio; echo seen; sleep infinity"
# As virt-launcher would: QEMU opens the device that the variable names, with the nodes that the container has. Without
# KVM, and paused: what runs in a guest is shown elsewhere.
QEMU = ("{ echo info qtree; sleep infinity; } | qemu-system-x86_64 -accel tcg -machine q35 -m 64 -nodefaults -display none -S "
    "-monitor stdio -device pcie-root-port,id=p1 -device vfio-pci,bus=p1,host=$%s" % variable(DISK))


def refusal(machine, name):
    status = machine.pod(name).get("status", {})
    return "%s: %s" % (status.get("reason"), status.get("message")) if status.get("phase") == "Failed" else ""


def begins(machine, name, pod, words):
    """The pod's container runs and has written the words."""
    put(machine.manifests + "/%s.json" % name, json.dumps(pod))
    there = wait(lambda: re.search(words, machine.output(name)) or refusal(machine, name))
    if refusal(machine, name):
        note("pod %s: %s" % (name, refusal(machine, name)))
    # its state comes a moment after its words
    wait(lambda: machine.phase(name) in ("Running", "Failed"))
    return fact("pod %s runs" % name, there and machine.phase(name) == "Running", "%s\n%s\n%s" % (
        json.dumps(machine.pod(name).get("status", {})), machine.output(name), machine.tail("kubelet", "plugin", "containerd")))


def ends(machine, name):
    os.unlink(machine.manifests + "/%s.json" % name)
    fact("pod %s is taken away" % name, wait(lambda: not machine.pod(name)), machine.tail("kubelet"))


def comes_up(machine):
    fact("containerd, and an image made without a registry", machine.containerd(os.environ["IMAGE"]), machine.tail("containerd"))
    machine.plugin([{"resource": DISK, "units": [{"address": NVME, "id": ids(NVME)}]},
        {"resource": USB, "units": [{"address": EHCI, "id": ids(EHCI), "reset": "none"}]}])
    fact("the plugin waits for a kubelet", wait(lambda: "waiting for the kubelet" in machine.said("plugin")), machine.tail("plugin"))
    machine.kubelet()
    there = wait(lambda: machine.healthy(DISK) == [NVME] and machine.healthy(USB) == [EHCI])
    fact("the kubelet has both resources, healthy", there, machine.tail("kubelet", "plugin"))
    note("the kubelet is up")
    return there


def first(machine):
    begins(machine, "look", manifest("look", {DISK: 1}, LOOK), "seen")
    out = machine.output("look")
    fact("its environment: %s=%s" % (variable(DISK), NVME), "%s=%s" % (variable(DISK), NVME) in out.splitlines(), out)
    nodes = sorted(line for line in out.splitlines() if line == "vfio" or line.isdigit())
    fact("its nodes in /dev/vfio: %s, and no other" % " ".join(nodes), nodes == sorted([group(NVME), "vfio"]), out)
    note("a pod has the device")


def one_too_many(machine):
    put(machine.manifests + "/more.json", json.dumps(manifest("more", {DISK: 1}, LOOK)))
    wait(lambda: refusal(machine, "more"))
    fact("a second pod is refused: " + refusal(machine, "more"), refusal(machine, "more"), machine.pod("more"))
    ends(machine, "more")


def restarts(machine):
    """Kubelet and plugin, each killed while the pod runs."""
    count = machine.said("plugin").count("registered with the kubelet")
    machine.stop("kubelet", kill=True)
    machine.kubelet()
    again = wait(lambda: machine.said("plugin").count("registered with the kubelet") >= count + 2)
    fact("the kubelet is killed and started: both are registered again", again, machine.tail("kubelet", "plugin"))
    fact("with both units healthy, and the pod runs on", wait(lambda: machine.healthy(DISK) == [NVME] and
        machine.healthy(USB) == [EHCI] and machine.phase("look") == "Running"), machine.tail("kubelet", "plugin"))
    fact("the pod that this kubelet did not know at first was not taken for gone", not machine.said("plugin").count("its pod is gone"),
        machine.tail("plugin"))
    count = machine.said("plugin").count("registered with the kubelet")
    machine.stop("plugin", kill=True)
    words = "Mark all resources Unhealthy for resource " + DISK  # it does not write this down
    fact("the plugin is killed: none is healthy", wait(lambda: words in machine.said("kubelet")), machine.tail("kubelet"))
    machine.again()
    again = wait(lambda: machine.said("plugin").count("registered with the kubelet") >= count + 2)
    fact("it is started: both are", again and machine.healthy(DISK) == [NVME] and machine.healthy(USB) == [EHCI],
        machine.tail("kubelet", "plugin"))
    time.sleep(12)  # it asks which pods there are each five seconds, and only who was there can be gone
    fact("and the pod runs on", machine.phase("look") == "Running" and machine.output("look").count("seen") == 1)
    note("kubelet and plugin were killed")


def released(machine):
    ends(machine, "look")
    fact("that it never opened the device, and is gone, the plugin has from the kubelet's pod resources",
        wait(lambda: "released: its pod is gone" in machine.said("plugin")), machine.tail("plugin", "kubelet"))


def guest(machine):
    begins(machine, "guest", manifest("guest", {DISK: 1}, QEMU, ["/usr"]), "dev: vfio-pci")
    record = "/run/pcipass/pools"
    fact("QEMU in a pod has the device through VFIO, which is noticed", wait(lambda: any(NVME in text and "true" in text for text in
        (get(os.path.join(record, name)) for name in os.listdir(record) if name.endswith(".json")))), machine.tail("plugin"))
    ends(machine, "guest")
    begins(machine, "next", manifest("next", {DISK: 1}, LOOK), "seen")
    note("the device had its second user")
    ends(machine, "next")


def flips(machine):
    """What the kubelet counts follows what the host is like."""
    companion = os.environ["UHCI"]
    pcipass("nodedev-reattach", companion)
    fact("a companion goes to a host's driver: the kubelet has no healthy unit of it", wait(lambda: machine.healthy(USB) == []),
        machine.tail("plugin", "kubelet"))
    put(machine.manifests + "/sick.json", json.dumps(manifest("sick", {USB: 1}, LOOK)))
    wait(lambda: refusal(machine, "sick"))
    fact("a pod that asks for it: " + refusal(machine, "sick"), refusal(machine, "sick"), machine.pod("sick"))
    ends(machine, "sick")
    pcipass("nodedev-detach", companion)
    fact("it is back: the unit is", wait(lambda: machine.healthy(USB) == [EHCI]), machine.tail("plugin"))
    pcipass("nodedev-cordon", NVME, "--reason", "its fan is loud")
    fact("the NVMe is cordoned: none of it", wait(lambda: machine.healthy(DISK) == []), machine.tail("plugin"))
    pcipass("nodedev-uncordon", NVME)
    fact("it is uncordoned: one of it", wait(lambda: machine.healthy(DISK) == [NVME]), machine.tail("plugin"))


def as_a_pod(machine):
    """The plugin as the DaemonSet has it run, but for the image: in its place this one, and the host's libraries."""
    machine.stop("plugin")
    os.makedirs("/etc/pcipass", exist_ok=True)
    put("/etc/pcipass/pools.json", get(machine.lib + "/pools.json"))
    with open("packaging/device-plugin/daemonset.yaml") as file:
        spec = yaml.safe_load(file)["spec"]["template"]["spec"]
    container = spec["containers"][0]
    container.update(image=node.BOX, command=[node.PLUGIN])
    for path in ("/usr", os.path.dirname(node.PLUGIN)):
        name = "v%d" % len(spec["volumes"])
        spec["volumes"].append({"name": name, "hostPath": {"path": path}})
        container["volumeMounts"].append({"name": name, "mountPath": path, "readOnly": True})
    put(machine.manifests + "/plugin.json", json.dumps({"apiVersion": "v1", "kind": "Pod", "spec": spec,
        "metadata": {"name": "plugin", "namespace": "default"}}))

    def why():
        return "%s\n%s\n%s" % (machine.pod("plugin").get("status"), machine.output("plugin"), machine.tail("kubelet"))

    fact("the plugin as a pod, as the DaemonSet has it: both units are healthy", wait(lambda:
        machine.output("plugin").count("registered with the kubelet") == 2 and machine.healthy(DISK) == [NVME] and
        machine.healthy(USB) == [EHCI]), why())
    begins(machine, "third", manifest("third", {DISK: 1}, LOOK), "seen")
    ends(machine, "third")
    fact("it has heard that the pod is gone", wait(lambda: "released: its pod is gone" in machine.output("plugin")), why())
    pcipass("nodedev-reattach", os.environ["UHCI"])
    fact("it sees a companion go to a host's driver", wait(lambda: machine.healthy(USB) == []), why())
    pcipass("nodedev-detach", os.environ["UHCI"])
    fact("and come back", wait(lambda: machine.healthy(USB) == [EHCI]), why())
    pcipass("nodedev-cordon", NVME, "--reason", "its fan is loud")
    fact("and a cordon of the host's own pcipass", wait(lambda: machine.healthy(DISK) == []), why())
    pcipass("nodedev-uncordon", NVME)
    ends(machine, "plugin")


def scenario():
    node.prepare()
    machine = Node("alone")
    if comes_up(machine):
        first(machine)
        one_too_many(machine)
        restarts(machine)
        released(machine)
        guest(machine)
        flips(machine)
        as_a_pod(machine)
    print("\n".join("# plugin: " + line for line in machine.said("plugin").splitlines()), flush=True)
    for program in ("plugin", "kubelet", "containerd"):
        if program in machine.processes:
            machine.stop(program, kill=program != "plugin")


if __name__ == "__main__":
    node.run(scenario)
