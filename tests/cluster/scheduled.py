# SPDX-License-Identifier: LGPL-2.1-or-later
"""Inside the emulated host: etcd, API server and scheduler, two nodes in mount namespaces, two NVMe for each."""
import json
import os
import subprocess

import node
from node import ADDRESS, Node, fact, ids, manifest, note, pcipass, put, variable, wait

RESOURCE = "pcipass.dev/nvme"
HOME = "/var/lib/cluster"
SERVER = "https://%s:6443" % ADDRESS
TOKEN = "the-lab"
LOOK = "env | grep ^PCI_RESOURCE; sleep infinity"


class Cluster:
    def __init__(self):
        self.machine = Node("control")

    def keys(self):
        """One key of elliptic curves: one of RSA takes long in software emulation."""
        for words in ("ecparam -name prime256v1 -genkey -noout -out %s/key" % HOME,
                "req -x509 -new -key %s/key -out %s/cert -subj /CN=lab -addext subjectAltName=IP:%s" % (HOME, HOME, ADDRESS)):
            subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
        put(HOME + "/tokens", TOKEN + ",lab,lab,system:masters\n")
        put(HOME + "/kubeconfig", json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": SERVER, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "lab", "user": {"token": TOKEN}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}]}))

    def api(self, path, data=None, method=None):
        return node.http(SERVER + path, data, method, token=TOKEN)

    def start(self):
        machine = self.machine
        self.keys()
        machine.start("etcd", "etcd", "--data-dir=%s/etcd" % HOME, "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380")
        machine.start("kube-apiserver", "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--advertise-address=" + ADDRESS,
            "--bind-address=" + ADDRESS, "--service-cluster-ip-range=10.96.0.0/24", "--authorization-mode=AlwaysAllow",
            "--token-auth-file=%s/tokens" % HOME, "--tls-cert-file=%s/cert" % HOME, "--tls-private-key-file=%s/key" % HOME,
            "--service-account-issuer=lab", "--service-account-key-file=%s/key" % HOME,
            "--service-account-signing-key-file=%s/key" % HOME, "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            "--enable-priority-and-fairness=false", "--allow-privileged=false", "--endpoint-reconciler-type=none")
        there = wait(lambda: self.api("/api/v1/namespaces/default").get("kind") == "Namespace", 2 * node.PATIENCE)
        fact("etcd and an API server: %s" % self.api("/version").get("gitVersion"), there, machine.tail("etcd", "kube-apiserver"))
        machine.start("kube-scheduler", "kube-scheduler", "--kubeconfig=%s/kubeconfig" % HOME, "--leader-elect=false", "--port=0",
            "--secure-port=0")
        note("the API server is up")
        return there

    def count(self, name):
        """What the scheduler may give away there."""
        status = self.api("/api/v1/nodes/" + name).get("status", {})
        return status.get("allocatable", {}).get(RESOURCE)

    def create(self, name):
        """As any client of an API server does, it asks again where the answer did not come; so it may be there already."""
        answer = {}

        def made():
            nonlocal answer
            answer = self.api("/api/v1/namespaces/default/pods", manifest(name, {RESOURCE: 1}, LOOK))
            return answer.get("kind") == "Pod" or "AlreadyExists" in answer.get("fault", "")

        if not wait(made):
            fact("pod %s is made" % name, False, answer)

    def delete(self, name):
        self.api("/api/v1/namespaces/default/pods/%s?gracePeriodSeconds=1" % name, method="DELETE")
        return wait(lambda: name not in self.pods())

    def pods(self):
        return {pod["metadata"]["name"]: pod for pod in self.api("/api/v1/namespaces/default/pods").get("items") or []}

    def of_phase(self, phase):
        return {name: pod for name, pod in self.pods().items() if pod["status"].get("phase") == phase}


def nvmes():
    found = []
    for address in sorted(os.listdir("/sys/bus/pci/devices")):
        with open("/sys/bus/pci/devices/%s/class" % address) as file:
            if file.read().startswith("0x010802"):
                found.append(address)
    return found


def come_up(cluster, machine, units):
    if not fact("node %s: containerd" % machine.name, machine.containerd(os.environ["IMAGE"]), machine.tail("containerd")):
        return False
    machine.plugin([{"resource": RESOURCE, "units": [{"address": unit, "id": ids(unit)} for unit in units]}])
    machine.kubelet("--kubeconfig=%s/kubeconfig" % HOME, "--node-status-update-frequency=2s", "--tls-cert-file=%s/cert" % HOME,
        "--tls-private-key-file=%s/key" % HOME)
    there = wait(lambda: cluster.count(machine.name) == "2", 2 * node.PATIENCE)
    note("node %s is up" % machine.name)
    return fact("node %s: %s of %s can be given away" % (machine.name, cluster.count(machine.name), RESOURCE), there,
        machine.tail("kubelet", "plugin", "containerd"))


def device(machines, pod):
    """The device that a pod says it has."""
    machine = next((m for m in machines if m.name == pod["spec"].get("nodeName")), None)
    if not machine:
        return None
    words = machine.output(pod["metadata"]["name"] + "_").strip()
    return (machine.name, words.rpartition("=")[2])


def five_for_four(cluster, machines, units):
    for i in range(1, 6):
        cluster.create("p%d" % i)
    wait(lambda: len(cluster.of_phase("Running")) == 4, 2 * node.PATIENCE)
    running, pending = cluster.of_phase("Running"), cluster.of_phase("Pending")
    fact("five pods of one device each, four devices: %d run, %d pending" % (len(running), len(pending)),
        len(running) == 4 and len(pending) == 1, [m.tail("kubelet", "plugin") for m in machines])
    wanted = sorted((machine.name, unit) for machine, part in zip(machines, units) for unit in part)
    wait(lambda: sorted(str(device(machines, pod)) for pod in running.values()) == sorted(map(str, wanted)), 60)
    got = sorted(str(device(machines, pod)) for pod in running.values())
    fact("each has a device of its own, of its own node", got == sorted(map(str, wanted)), got)
    why = [condition.get("message") for pod in pending.values() for condition in pod["status"].get("conditions", [])]
    fact("why it is pending: %s" % " ".join(map(str, why)), any("2 Insufficient " + RESOURCE in str(text) for text in why))
    return sorted(running), next(iter(pending), "none")


def one_leaves(cluster, machines, running, pending):
    gone = device(machines, cluster.pods()[running[0]])
    fact("one pod is deleted", cluster.delete(running[0]))
    there = wait(lambda: pending in cluster.of_phase("Running"), 2 * node.PATIENCE)
    fact("the fifth runs", there, [m.tail("kubelet", "plugin") for m in machines])
    wait(lambda: device(machines, cluster.pods()[pending])[1], 60)
    fact("on the device that was freed: %s of node %s" % (gone[1], gone[0]), device(machines, cluster.pods()[pending]) == gone)


def flips(cluster, machines, units):
    for name in sorted(cluster.pods()):
        cluster.delete(name)
    first, unit = machines[0], units[0][0]
    wait(lambda: "released" in first.said("plugin"), 60)
    done = pcipass("nodedev-reattach", unit)
    if done.returncode:
        note("nodedev-reattach %s: %s" % (unit, done.stderr))
    fact("a device goes to the host's driver: 1 on node %s" % first.name, wait(lambda: cluster.count(first.name) == "1"),
        first.tail("plugin", "kubelet"))
    fact("and still 2 on the other", cluster.count(machines[1].name) == "2")
    pcipass("nodedev-detach", unit)
    fact("it is back: 2", wait(lambda: cluster.count(first.name) == "2"), first.tail("plugin", "kubelet"))
    first.stop("plugin", kill=True)
    fact("the plugin is killed: 0", wait(lambda: cluster.count(first.name) == "0"), first.tail("kubelet"))
    first.again()
    fact("it is started: 2", wait(lambda: cluster.count(first.name) == "2"), first.tail("plugin", "kubelet"))


def scenario():
    node.prepare()
    cluster = Cluster()
    found = nvmes()
    units = [found[:2], found[2:4]]
    for unit in found:
        if not fact("%s goes to vfio-pci" % unit, os.path.exists("/sys/bus/pci/drivers/vfio-pci/" + unit) or
                pcipass("nodedev-detach", unit).returncode == 0):
            return
    machines = [Node("one", 10255, alone=False), Node("two", 10256, alone=False)]
    if not cluster.start() or not all(come_up(cluster, machine, part) for machine, part in zip(machines, units)):
        return
    running, pending = five_for_four(cluster, machines, units)
    if len(running) == 4:
        one_leaves(cluster, machines, running, pending)
    note("pods came and went")
    flips(cluster, machines, units)


if __name__ == "__main__":
    node.run(scenario)
