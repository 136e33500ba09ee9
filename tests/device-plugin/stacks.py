# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other stacks of gRPC as the kubelet, and Nova: what one of them takes, another may refuse."""
import json
import os
import shutil
import subprocess
import unittest

from case import EHCI, IDS, NIC, NVME
from export import EXPECTED
from service import Service, VARIABLE

HERE = os.path.dirname(os.path.abspath(__file__))


def node_modules():
    """Where npm's @grpc/grpc-js and @grpc/proto-loader are; None."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(":") + [os.path.join(HERE, "../../build/npm/node_modules"),
            "/usr/share/nodejs", "/usr/lib/node_modules", "/usr/local/lib/node_modules"]):
        if os.path.isdir(os.path.join(folder, "@grpc/grpc-js")) and os.path.isdir(os.path.join(folder, "@grpc/proto-loader")):
            return os.path.abspath(folder)
    return None


def go_kubelet():
    """kubelet.go, built once with Debian's Go and grpc-go; None without them."""
    source, program = os.path.join(HERE, "kubelet.go"), os.path.abspath(os.path.join(HERE, "../../build/kubelet-go"))
    path = "/usr/share/gocode"
    if not shutil.which("go") or not os.path.isdir(path + "/src/google.golang.org/grpc"):
        return None
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        subprocess.run(["go", "build", "-o", program, source], check=True,
            env=dict(os.environ, GO111MODULE="off", GOPATH=path, GOFLAGS="", GOCACHE=os.path.dirname(program) + "/go-cache"))
    return program


class Stacks(Service):
    def tells(self, command, env):
        """What a kubelet of another stack was told, after the plugin found it."""
        with open(self.folder + "/told", "w") as out:
            kube = subprocess.Popen([*command, self.kubelets, NVME, NIC], stdout=out, env=dict(self.environment(), **env))
        self.start()
        self.assertEqual(kube.wait(90), 0)
        with open(self.folder + "/told") as file:
            told = json.load(file)
        self.assertEqual({device["ID"]: device["health"] for device in told["devices"]}, {NVME: "Healthy", NIC: "Healthy"})
        self.assertEqual([answer["envs"][VARIABLE] for answer in told["allocated"]["container_responses"]], [NVME, NIC])
        self.assertEqual(told["started"], [{}, {}])
        self.assertEqual(told["refused"]["code"], 5)
        self.assertIn("there is no such unit", told["refused"]["text"] if "text" in told["refused"] else "")
        self.assertEqual(told["preferred"]["container_responses"][0]["deviceIDs"], [NVME])

    def test_grpc_js(self):
        modules = node_modules()
        if not shutil.which("node") or not modules:
            self.skipTest("npm install --prefix build/npm @grpc/grpc-js @grpc/proto-loader")
        self.tells(["node", HERE + "/kubelet.js"], {"NODE_PATH": modules})

    def test_grpc_go(self):
        program = go_kubelet()
        if not program:
            self.skipTest("apt-get install golang-go golang-google-grpc-dev")
        self.tells([program], {})


class Nova(unittest.TestCase):
    def test_its_own_parser(self):
        """It takes the units that were listed, with their resource class, and nothing else."""
        python = os.environ.get("NOVA_PYTHON", "/usr/bin/python3").split()
        if subprocess.run([*python, "-c", "import nova.pci.whitelist"], capture_output=True, check=False).returncode:
            self.skipTest("apt-get install python3-nova")
        devices = [{"address": address, "vendor_id": IDS[address][:4], "product_id": IDS[address][5:], "parent_addr": None,
            "dev_type": "type-PCI"} for address in sorted(IDS)]
        with open(os.path.join(HERE, "nova_reader.py")) as file:
            said = subprocess.run([*python, "-c", file.read(), os.path.join(EXPECTED, "nova")], input=json.dumps(devices),
                capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(said.returncode, 0, said.stderr)
        answer = json.loads(said.stdout)
        self.assertEqual({address: name for address, name in answer["taken"].items() if name}, {
            NVME: "CUSTOM_PCIPASS_DEV_NVME", NIC: "CUSTOM_PCIPASS_DEV_NVME", EHCI: "CUSTOM_EXAMPLE_COM_USB_A"})
        self.assertEqual(answer["aliases"], ["example.com_usb.a", "pcipass.dev_nvme"])
