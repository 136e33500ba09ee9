# SPDX-License-Identifier: LGPL-2.1-or-later
"""A kubelet as the plugin sees it, by python3-grpcio: it registers plugins, follows their lists, allocates."""
import concurrent.futures
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))


def load_messages():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", "--proto_path=" + HERE, "--python_out=" + folder, "kubelet.proto"], check=True)
        sys.path.insert(0, folder)
        import kubelet_pb2
        sys.path.remove(folder)
        return kubelet_pb2


pb = load_messages()
METHODS = {
    "GetDevicePluginOptions": (pb.Empty, pb.DevicePluginOptions),
    "GetPreferredAllocation": (pb.PreferredAllocationRequest, pb.PreferredAllocationResponse),
    "Allocate": (pb.AllocateRequest, pb.AllocateResponse),
    "PreStartContainer": (pb.PreStartContainerRequest, pb.PreStartContainerResponse),
}


def wait(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not so after %d s" % seconds)
        time.sleep(0.01)


class Plugin:
    """The kubelet's connection to one plugin. OLD: as before 1.26, with the socket's path as authority."""

    def __init__(self, path, old=False):
        authority = path if old else "localhost"
        self.channel = grpc.insecure_channel("unix:" + path, options=[("grpc.default_authority", authority),
            ("grpc.use_local_subchannel_pool", 1)])
        self.lists = queue.Queue()
        self.devices = {}
        self.ended = threading.Event()
        self.stream = None

    def call(self, method, request, timeout=30, prefix="/v1beta1.DevicePlugin/"):
        kind, answer = METHODS[method]
        assert isinstance(request, kind)
        return self.channel.unary_unary(prefix + method, kind.SerializeToString, answer.FromString)(request, timeout=timeout)

    def options(self):
        return self.call("GetDevicePluginOptions", pb.Empty())

    def watch(self):
        self.stream = self.channel.unary_stream("/v1beta1.DevicePlugin/ListAndWatch", pb.Empty.SerializeToString,
            pb.ListAndWatchResponse.FromString)(pb.Empty())
        threading.Thread(target=self._follow, daemon=True).start()
        wait(lambda: self.devices)
        return self

    def _follow(self):
        try:
            for response in self.stream:
                self.devices = {device.ID: device for device in response.devices}
                self.lists.put({device.ID: device.health for device in response.devices})
        except grpc.RpcError:
            pass
        self.ended.set()

    def health(self, unit):
        return self.devices[unit].health

    def allocate(self, *containers):
        request = pb.AllocateRequest()
        for ids in containers:
            request.container_requests.add().devicesIDs.extend(ids)
        return self.call("Allocate", request).container_responses

    def prestart(self, *ids):
        return self.call("PreStartContainer", pb.PreStartContainerRequest(devicesIDs=ids))

    def prefer(self, available, size, must=()):
        request = pb.PreferredAllocationRequest()
        request.container_requests.add(available_deviceIDs=available, must_include_deviceIDs=must, allocation_size=size)
        return list(self.call("GetPreferredAllocation", request).container_responses[0].deviceIDs)

    def close(self):
        if self.stream:
            self.stream.cancel()
        self.channel.close()


class Pods:
    """The kubelet's pod resources API: which pod has what. RAW: bytes in the place of an answer."""

    def __init__(self, path):
        self.pods, self.raw, self.asked = {}, None, 0
        handler = grpc.method_handlers_generic_handler("v1.PodResourcesLister", {
            "List": grpc.unary_unary_rpc_method_handler(self._list, pb.ListPodResourcesRequest.FromString, lambda data: data)})
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((handler,))
        self.server.add_insecure_port("unix:" + path)
        self.server.start()

    def _list(self, request, context):
        self.asked += 1
        if self.raw is not None:
            return self.raw
        response = pb.ListPodResourcesResponse()
        for name, (resource, ids) in self.pods.items():
            pod = response.pod_resources.add(name=name, namespace="default")
            pod.containers.add(name="sidecar", cpu_ids=[0, 1])
            container = pod.containers.add(name="compute")
            container.devices.add(resource_name="example.com/another", device_ids=ids)
            container.devices.add(resource_name=resource, device_ids=ids)
        return response.SerializeToString()

    def again(self):
        """When it was asked, and answered, after now."""
        before = self.asked
        wait(lambda: self.asked >= before + 3)

    def stop(self):
        self.server.stop(None).wait()


class Kubelet:
    """Registration. DIAL_BACK: as newer ones, which call the plugin before they answer."""

    def __init__(self, folder, dial_back=False, old=False, refusal=None):
        self.folder, self.dial_back, self.old, self.refusal = folder, dial_back, old, refusal
        self.registered = queue.Queue()
        self.plugins = []
        for name in os.listdir(folder):  # as each kubelet that starts
            os.unlink(os.path.join(folder, name))
        handler = grpc.method_handlers_generic_handler("v1beta1.Registration", {
            "Register": grpc.unary_unary_rpc_method_handler(self._register, pb.RegisterRequest.FromString,
                pb.Empty.SerializeToString)})
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((handler,))
        self.server.add_insecure_port("unix:" + os.path.join(folder, "kubelet.sock"))
        self.server.start()

    def _register(self, request, context):
        if self.refusal:
            context.abort(grpc.StatusCode.UNKNOWN, self.refusal)
        if self.dial_back:
            plugin = Plugin(os.path.join(self.folder, request.endpoint), self.old)
            try:
                options = plugin.options()
            finally:
                plugin.close()
            assert options.pre_start_required
        self.registered.put(request)
        return pb.Empty()

    def next(self, timeout=20):
        """The next registration."""
        return self.registered.get(timeout=timeout)

    def plugin(self, timeout=20):
        """The plugin that registers next, with its list."""
        plugin = Plugin(os.path.join(self.folder, self.next(timeout).endpoint), self.old)
        self.plugins.append(plugin)
        return plugin.watch()

    def stop(self):
        for plugin in self.plugins:
            plugin.close()
        self.server.stop(None).wait()
