# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other stacks of gRPC as the kubelet: what one of them takes, another may refuse."""
import json
import os
import shutil
import subprocess

from case import NIC, NVME
from service import Service, VARIABLE

HERE = os.path.dirname(os.path.abspath(__file__))


def node_modules():
    """Where npm's @grpc/grpc-js and @grpc/proto-loader are; None."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(":") + [os.path.join(HERE, "../../build/npm/node_modules"),
            "/usr/share/nodejs", "/usr/lib/node_modules", "/usr/local/lib/node_modules"]):
        if os.path.isdir(os.path.join(folder, "@grpc/grpc-js")) and os.path.isdir(os.path.join(folder, "@grpc/proto-loader")):
            return os.path.abspath(folder)
    return None


class Stacks(Service):
    def test_grpc_js(self):
        modules = node_modules()
        if not shutil.which("node") or not modules:
            self.skipTest("npm install --prefix build/npm @grpc/grpc-js @grpc/proto-loader")
        with open(self.folder + "/told", "w") as out:
            kube = subprocess.Popen(["node", HERE + "/kubelet.js", self.kubelets, NVME, NIC], stdout=out,
                env=dict(self.environment(), NODE_PATH=modules))
        self.start()
        self.assertEqual(kube.wait(90), 0)
        with open(self.folder + "/told") as file:
            told = json.load(file)
        self.assertEqual({device["ID"]: device["health"] for device in told["devices"]}, {NVME: "Healthy", NIC: "Healthy"})
        self.assertEqual([answer["envs"][VARIABLE] for answer in told["allocated"]["container_responses"]], [NVME, NIC])
        self.assertEqual(told["started"], [{}, {}])
        self.assertEqual(told["refused"]["code"], 5)
        self.assertEqual(told["preferred"]["container_responses"][0]["deviceIDs"], [NVME])
