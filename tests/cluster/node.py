# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node of a cluster inside the emulated host: containerd, kubelet and the device plugin, each with its log."""
import json
import os
import resource
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

PROGRAMS = os.environ["CLUSTER_PROGRAMS"]
PLUGIN, PCIPASS = os.environ["PCIPASS_PLUGIN"], os.environ["PCIPASS_PROGRAM"]
ADDRESS = "10.0.2.15"
BOX, PAUSE = "pcipass.test/box:1", "pcipass.test/pause:1"
PATIENCE = 240
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE
failed = False
started = time.monotonic()

CONTAINERD = """version = 2
root = "{lib}/containerd"
state = "{run}/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
"""


def fact(text, holds, why=""):
    global failed
    print("%s %s" % ("ok" if holds else "not ok", text), flush=True)
    if not holds:
        failed = True
        for line in str(why).splitlines()[:60]:
            print("  | " + line, flush=True)
    return holds


def note(text):
    print("# %3d s: %s" % (time.monotonic() - started, text), flush=True)


def wait(condition, seconds=PATIENCE):
    """What the condition says, once it is true; its last word after that time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.3)


def put(path, text):
    """Whole or not at all: the kubelet looks at its folder all the time."""
    hidden = os.path.join(os.path.dirname(path), "." + os.path.basename(path))
    with open(hidden, "w") as file:
        file.write(text)
    os.rename(hidden, path)


def get(path):
    with open(path, errors="replace") as file:
        return file.read()


def pcipass(*words):
    return subprocess.run([PCIPASS, *words], capture_output=True, text=True, check=False)


def ids(address):
    device = "/sys/bus/pci/devices/%s/" % address
    return get(device + "vendor").strip()[2:] + ":" + get(device + "device").strip()[2:]


def group(address):
    return os.path.basename(os.readlink("/sys/bus/pci/devices/%s/iommu_group" % address))


def variable(name):
    """KubeVirt's own rule for the variable of a resource."""
    return "PCI_RESOURCE_" + name.upper().replace("/", "_").replace(".", "_")


def http(url, data=None, method=None, token=""):
    request = urllib.request.Request(url, data=json.dumps(data).encode() if data is not None else None, method=method,
        headers={"Content-Type": "application/json", "Authorization": "Bearer " + token})
    try:
        with urllib.request.urlopen(request, timeout=180, context=TRUSTING) as answer:
            return json.loads(answer.read() or b"{}")
    except (OSError, ValueError) as error:
        text = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else ""
        return {"fault": "%s %s" % (error, text)}


def prepare():
    """What a node's processes expect of a machine: an address, and memory that may be locked, for VFIO."""
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.environ["PATH"] = PROGRAMS + ":" + os.environ["PATH"]
    card = next(name for name in os.listdir("/sys/class/net") if os.path.exists("/sys/class/net/%s/device" % name))
    for words in ("link set %s up" % card, "addr replace %s/24 dev %s" % (ADDRESS, card), "route replace default via 10.0.2.2"):
        subprocess.run(["ip", *words.split()], check=True)


class Node:
    """Its folders are the machine's own; or, where there are two NODES on it, its own in a mount namespace."""

    def __init__(self, name, port=10255, alone=True):
        self.name, self.port, self.alone = name, port, alone
        self.lib, self.run = "/var/lib/cluster/" + name, "/run/cluster/" + name
        self.manifests, self.logs = self.lib + "/manifests", "/tmp/cluster/" + name
        self.processes = {}
        for folder in (self.lib, self.run, self.manifests, self.logs, "/var/lib/kubelet", "/var/lib/pcipass", "/run/pcipass"):
            os.makedirs(folder, exist_ok=True)
        self.prefix = [] if alone else self.own_folders()

    def own_folders(self):
        script = "mount --make-rprivate /"
        for folder in ("/var/lib/kubelet", "/var/lib/pcipass", "/run/pcipass", "/var/log/pods"):
            os.makedirs(folder, exist_ok=True)
            os.makedirs(self.lib + folder, exist_ok=True)
            script += " && mount --bind %s %s" % (self.lib + folder, folder)
        holder = subprocess.Popen(["unshare", "-m", "sh", "-c", script + " && mount --make-rshared / && echo && exec sleep infinity"],
            stdout=subprocess.PIPE)
        holder.stdout.readline()
        return ["nsenter", "-t", str(holder.pid), "-m"]

    def file(self, path):
        return path if self.alone else self.lib + path

    def start(self, program, *words):
        with open(self.log(program), "a") as log:
            self.processes[program] = subprocess.Popen([*self.prefix, *words], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)

    def stop(self, program, kill=False):
        process = self.processes.pop(program)
        if kill:
            process.kill()
        else:
            process.terminate()
        return process.wait(PATIENCE)

    def log(self, program):
        return "%s/%s.log" % (self.logs, program)

    def said(self, program):
        try:
            return get(self.log(program))
        except OSError:
            return ""

    @property
    def socket(self):
        return self.run + "/containerd.sock"

    def containerd(self, image):
        put(self.lib + "/containerd.toml", CONTAINERD.format(lib=self.lib, run=self.run, socket=self.socket, pause=PAUSE))
        if os.path.exists(self.socket):  # of one that was killed
            os.unlink(self.socket)
        self.start("containerd", "containerd", "-c", self.lib + "/containerd.toml")
        if not wait(lambda: os.path.exists(self.socket)):
            return False
        done = subprocess.run([*self.prefix, "ctr", "-a", self.socket, "-n", "k8s.io", "images", "import", "--snapshotter",
            "native", image], capture_output=True, text=True, check=False)
        if done.returncode:
            print("  | " + done.stdout + done.stderr, flush=True)
        return done.returncode == 0

    def kubelet(self, *more):
        self.start("kubelet", "kubelet", "--root-dir=/var/lib/kubelet", "--pod-manifest-path=" + self.manifests,
            "--container-runtime=remote", "--container-runtime-endpoint=unix://" + self.socket,
            "--image-service-endpoint=unix://" + self.socket, "--runtime-request-timeout=10m", "--cgroup-driver=cgroupfs",
            "--cgroups-per-qos=false", "--enforce-node-allocatable=", "--fail-swap-on=false", "--eviction-hard=memory.available<1Mi",
            "--file-check-frequency=1s", "--sync-frequency=5s", "--make-iptables-util-chains=false",
            "--hostname-override=" + self.name, "--node-labels=pcipass.dev/pools=true", "--node-ip=" + ADDRESS, "--cert-dir=%s/pki" % self.lib, "--address=127.0.0.1",
            "--read-only-port=%d" % self.port, "--port=%d" % (self.port + 1000), "--healthz-port=0",
            "--authorization-mode=AlwaysAllow", "--v=2", *more)

    def plugin(self, pools):
        put(self.lib + "/pools.json", json.dumps({"pools": pools}))
        self.again()

    def again(self):
        self.start("plugin", PLUGIN, "--pool", self.lib + "/pools.json")

    def healthy(self, name):
        """The units that the kubelet itself counts as healthy: it writes them down."""
        try:
            data = json.loads(get(self.file("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint")))["Data"]
        except (OSError, ValueError):
            return None
        return sorted((data.get("RegisteredDevices") or {}).get(name) or [])

    def pods(self):
        return {pod["metadata"]["name"]: pod for pod in http("http://127.0.0.1:%d/pods" % self.port).get("items") or []}

    def pod(self, name):
        """The kubelet adds the node's name to that of a pod of a file."""
        found = self.pods()
        return found.get(name) or found.get("%s-%s" % (name, self.name)) or {}

    def phase(self, name):
        return self.pod(name).get("status", {}).get("phase", "none")

    def output(self, name):
        """What its container wrote, without the runtime's stamps."""
        folder, text = self.file("/var/log/pods"), ""
        for pod in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
            if not pod.startswith("default_" + name):
                continue
            for top, _, files in sorted(os.walk(os.path.join(folder, pod))):
                text += "".join(get(os.path.join(top, file)) for file in sorted(files))
        return "\n".join(line.split(" ", 3)[-1] for line in text.splitlines())

    def tail(self, *programs, lines=8):
        return "\n".join("%s: %s" % (program, line) for program in programs for line in
            self.said(program).splitlines()[-lines:])


def manifest(name, resources, script, volumes=()):
    """A pod that asks for devices, on the host's network: there is no other here."""
    count = {key: str(value) for key, value in resources.items()}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": {
        "hostNetwork": True, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False,
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "main", "image": BOX, "imagePullPolicy": "Never", "command": ["sh", "-c", script],
            "resources": {"limits": count}, "volumeMounts": [{"name": "v%d" % i, "mountPath": path, "readOnly": True}
                for i, path in enumerate(volumes)]}],
        "volumes": [{"name": "v%d" % i, "hostPath": {"path": path}} for i, path in enumerate(volumes)]}}


def run(scenario):
    try:
        scenario()
    except Exception:  # what was not waited for long enough is a fact too
        import traceback
        fact("to the end", False, traceback.format_exc())
    sys.stdout.flush()
    os._exit(1 if failed else 0)
