# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin with a kubelet, on a machine in a folder."""
import json
import os
import shutil
import signal
import subprocess
import time

import case
from case import EHCI, NIC, NVME, UHCI, pool, unit

try:
    import grpc

    import kubelet
    from kubelet import wait
except ImportError as error:
    kubelet = None

RESOURCE = "pcipass.dev/nvme"
VARIABLE = "PCI_RESOURCE_PCIPASS_DEV_NVME"


class Service(case.Case):
    def setUp(self):
        super().setUp()
        if not kubelet:
            self.skipTest("python3-grpcio is missing")
        self.kubelets = os.path.join(self.folder, "kubelet")
        os.mkdir(self.kubelets)
        self.log = os.path.join(self.folder, "log")
        self.process = None
        self.started = []

    def tearDown(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        for each in self.started:
            each.stop()
        super().tearDown()

    def kubelet(self, **options):
        self.started.append(kubelet.Kubelet(self.kubelets, **options))
        return self.started[-1]

    def start(self, *pools, args=(), poll=50):
        file = self.pools(*(pools or [pool(RESOURCE, unit(NVME), unit(NIC))]))
        log = open(self.log, "a")
        self.process = subprocess.Popen([case.PROGRAM, "--root", self.root, "--pool", file, "--kubelet-dir", self.kubelets,
            "--poll", str(poll), *args], stderr=log, stdin=subprocess.DEVNULL, env=self.environment(), cwd=self.folder)
        log.close()

    def said(self):
        with open(self.log) as file:
            return file.read()

    def serving(self, *pools, poll=50, **options):
        kube = self.kubelet(**options)
        self.start(*pools, poll=poll)
        return kube.plugin()

    def becomes(self, plugin, name, health, words=""):
        wait(lambda: plugin.health(name) == health)
        if words:
            wait(lambda: words in self.said())

    def refused(self, code, pattern, function, *args):
        with self.assertRaises(grpc.RpcError) as caught:
            function(*args)
        self.assertEqual(caught.exception.code(), code)
        self.assertRegex(caught.exception.details(), pattern)


class Serving(Service):
    def test_kubevirt(self):
        """What KubeVirt takes: one address for each unit, in order; nodes of each group once."""
        plugin = self.serving()
        self.assertEqual({name: device.health for name, device in plugin.devices.items()}, {NVME: "Healthy", NIC: "Healthy"})
        self.assertEqual([node.ID for node in plugin.devices[NVME].topology.nodes], [0])
        answer = plugin.allocate([NIC, NVME])[0]
        # virt-launcher: the variable of the resource, one address popped for each host device of the guest
        addresses = answer.envs["PCI_RESOURCE_" + RESOURCE.upper().replace("/", "_").replace(".", "_")].split(",")
        self.assertEqual(addresses, [NIC, NVME])
        self.assertEqual(answer.envs["PCIPASS_DEVICES_PCIPASS_DEV_NVME"], NIC + "," + NVME)
        nodes = [(node.host_path, node.container_path, node.permissions) for node in answer.devices]
        self.assertEqual(nodes, [(path, path, "mrw") for path in ("/dev/vfio/vfio", "/dev/vfio/6", "/dev/vfio/9")])
        self.assertEqual(len(answer.cdi_devices), 0)

    def test_bundle(self):
        plugin = self.serving(pool("pcipass.dev/usb", {"bundle": [unit(EHCI), unit(NVME)], "reset": "none"}, cdi=True))
        self.write("/sys/bus/pci/devices/%s/vfio-dev/vfio3/dev" % NVME, "")
        self.write("/dev/vfio/devices/vfio3", "")
        answer = plugin.allocate([EHCI])[0]
        self.assertEqual(answer.envs["PCI_RESOURCE_PCIPASS_DEV_USB"], EHCI)  # the leader alone
        self.assertEqual(answer.envs["PCIPASS_DEVICES_PCIPASS_DEV_USB"], EHCI + "," + NVME)
        self.assertEqual([node.host_path for node in answer.devices],
            ["/dev/vfio/vfio", "/dev/vfio/1", "/dev/vfio/9", "/dev/vfio/devices/vfio3"])
        self.assertEqual([device.name for device in answer.cdi_devices], ["pcipass.dev/usb=0000_00_1a.7"])

    def test_two_containers(self):
        plugin = self.serving()
        answers = plugin.allocate([NVME], [NIC])
        self.assertEqual([answer.envs[VARIABLE] for answer in answers], [NVME, NIC])

    def test_refusals(self):
        plugin = self.serving()
        code = grpc.StatusCode
        self.refused(code.NOT_FOUND, "0000:0f:00.0: there is no such unit", plugin.allocate, ["0000:0f:00.0"])
        self.refused(code.INVALID_ARGUMENT, "named twice", plugin.allocate, [NVME, NVME])
        self.refused(code.INVALID_ARGUMENT, "named twice", plugin.allocate, [NVME], [NVME])
        self.refused(code.INVALID_ARGUMENT, "no unit", plugin.allocate, [])
        self.refused(code.NOT_FOUND, "no unit", plugin.prestart, "x")
        self.refused(code.INVALID_ARGUMENT, "twice", plugin.prestart, NVME, NVME)
        os.unlink(self.root + "/dev/vfio/9")
        self.refused(code.FAILED_PRECONDITION, "/dev/vfio/9 is not there", plugin.allocate, [NIC, NVME])
        # half of a refused request was not given
        self.assertFalse(os.path.exists(self.root + "/run/pcipass/pools") and any(
            NIC in open(os.path.join(self.root, "run/pcipass/pools", name)).read()
            for name in os.listdir(self.root + "/run/pcipass/pools") if name.endswith(".json")))

    def test_race(self):
        """The list was right when it was sent; at Allocate it is not."""
        plugin = self.serving(poll=3600000)
        self.drive(NVME, "nvme")
        self.assertEqual(plugin.health(NVME), "Healthy")
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "has the host's driver nvme", plugin.allocate, [NVME])
        self.becomes(plugin, NVME, "Unhealthy")

    def test_prefer(self):
        plugin = self.serving()
        self.assertEqual(plugin.prefer([NVME, NIC], 1), [NVME])
        self.assertEqual(plugin.prefer([NVME, NIC], 1, [NIC]), [NIC])
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, "cannot be chosen", plugin.prefer, [NVME], 2)

    def test_numa_none(self):
        self.write(self.path(NVME)[len(self.root):] + "/numa_node", "-1\n")
        plugin = self.serving()
        self.assertFalse(plugin.devices[NVME].HasField("topology"))
        self.assertTrue(plugin.devices[NIC].HasField("topology"))

    def test_prestart(self):
        plugin = self.serving()
        plugin.allocate([NVME])
        plugin.prestart(NVME)
        with open(self.path(NVME) + "/reset") as file:
            self.assertEqual(file.read().strip(), "1")

    def test_options(self):
        plugin = self.serving()
        options = plugin.options()
        self.assertTrue(options.pre_start_required and options.get_preferred_allocation_available)

    def test_commands(self):
        said = self.folder + "/said"
        plugin = self.serving(pool(RESOURCE, unit(NVME, prepare=["/bin/sh", "-c", "echo prepared >>" + said]),
            unit(NIC, prepare=["/bin/sh", "-c", "echo no licence; exit 3"], deadline=5)))
        plugin.allocate([NVME])
        plugin.prestart(NVME)
        self.assertEqual(open(said).read(), "prepared\n")
        self.refused(grpc.StatusCode.UNAVAILABLE, "not yet.*prepare.*ended with 3: no licence", plugin.prestart, NIC)
        self.assertEqual(plugin.health(NIC), "Healthy")

    def test_command_late(self):
        plugin = self.serving(pool(RESOURCE, unit(NVME, prepare=["/bin/sleep", "60"], deadline=1)))
        self.refused(grpc.StatusCode.UNAVAILABLE, "has not ended after 1 s", plugin.prestart, NVME)


class Health(Service):
    def test_driver(self):
        plugin = self.serving()
        self.drive(NVME, "nvme")
        self.becomes(plugin, NVME, "Unhealthy", "has the host's driver nvme")
        self.assertEqual(plugin.health(NIC), "Healthy")
        self.drive(NVME, "vfio-pci")
        self.becomes(plugin, NVME, "Healthy")

    def test_companion(self):
        plugin = self.serving(pool("pcipass.dev/usb", unit(EHCI, reset="none")))
        self.drive(UHCI, "uhci_hcd")
        self.becomes(plugin, EHCI, "Unhealthy", UHCI + ", in the same IOMMU group 1")
        self.drive(UHCI, None)
        self.becomes(plugin, EHCI, "Healthy")

    def test_unplugged(self):
        plugin = self.serving()
        where = self.path(NVME)
        link = self.root + "/sys/bus/pci/devices/" + NVME
        target = os.readlink(link)
        group = self.root + "/sys/kernel/iommu_groups/9/devices/" + NVME
        other = os.readlink(group)
        os.unlink(link)
        os.unlink(group)
        os.rename(where, self.folder + "/aside")
        self.becomes(plugin, NVME, "Unhealthy", NVME + " is not there")
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "is not there", plugin.allocate, [NVME])
        os.rename(self.folder + "/aside", where)
        os.symlink(target, link)
        os.symlink(other, group)
        self.becomes(plugin, NVME, "Healthy")
        # another card in its slot is not it
        with open(where + "/device", "w") as file:
            file.write("0xa808\n")
        self.becomes(plugin, NVME, "Unhealthy", "1b36:a808, not 1b36:0010")

    def test_dead(self):
        plugin = self.serving()
        with open(self.path(NVME) + "/config", "r+b") as file:
            old = file.read()
            file.seek(0)
            file.write(b"\xff" * len(old))
        self.becomes(plugin, NVME, "Unhealthy", "config space is all ones")

    def test_group_number(self):
        """After a boot a group has another number: the same unit, another node."""
        plugin = self.serving()
        os.unlink(self.path(NVME) + "/iommu_group")
        shutil.rmtree(self.root + "/sys/kernel/iommu_groups/9")
        os.makedirs(self.root + "/sys/kernel/iommu_groups/33/devices")
        os.symlink(self.path(NVME), self.root + "/sys/kernel/iommu_groups/33/devices/" + NVME)
        os.symlink("../../../kernel/iommu_groups/33", self.path(NVME) + "/iommu_group")
        self.write("/dev/vfio/33", "")
        self.becomes(plugin, NVME, "Healthy")
        wait(lambda: "/dev/vfio/33" in [node.host_path for node in plugin.allocate([NVME])[0].devices])

    def test_reset_fails(self):
        """Quarantine: for good, over a restart, until a person ends it."""
        plugin = self.serving()
        os.unlink(self.path(NVME) + "/reset")
        os.mkdir(self.path(NVME) + "/reset")  # writing to it fails
        plugin.allocate([NVME])
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "in quarantine: .*reset", plugin.prestart, NVME)
        self.becomes(plugin, NVME, "Unhealthy")
        os.rmdir(self.path(NVME) + "/reset")
        self.refused(grpc.StatusCode.FAILED_PRECONDITION, "in quarantine", plugin.allocate, [NVME])
        self.process.kill()
        self.process.wait()
        self.start()
        plugin = self.started[0].plugin()
        self.assertEqual(plugin.health(NVME), "Unhealthy")
        self.assertEqual(plugin.health(NIC), "Healthy")


    def test_uncordon(self):
        """A person ends the quarantine while the plugin runs; and cordons."""
        plugin = self.serving(poll=3600000)
        for verb, health in ((["nodedev-cordon", NVME, "--reason", "its fan"], "Unhealthy"), (["nodedev-uncordon", NVME], "Healthy")):
            self.ends(self.run_plugin(*verb, program=case.PCIPASS), 0)
            begin = time.monotonic()
            self.becomes(plugin, NVME, health)
            self.assertLess(time.monotonic() - begin, 1)
        self.assertIn("cordoned: its fan", self.said())


class Registration(Service):
    def test_dial_back(self):
        plugin = self.serving(dial_back=True)
        self.assertEqual(plugin.health(NVME), "Healthy")

    def test_old_authority(self):
        plugin = self.serving(old=True, dial_back=True)
        self.assertEqual(plugin.allocate([NVME])[0].envs[VARIABLE], NVME)

    def test_request(self):
        kube = self.kubelet()
        self.start()
        request = kube.next()
        self.assertEqual((request.version, request.resource_name), ("v1beta1", RESOURCE))
        self.assertTrue(request.options.pre_start_required)
        self.assertLessEqual(len("/var/lib/kubelet/device-plugins/" + request.endpoint), 107)
        mode = os.stat(os.path.join(self.kubelets, request.endpoint)).st_mode & 0o777
        self.assertEqual(mode, 0o600)

    def test_no_kubelet_yet(self):
        os.rmdir(self.kubelets)
        self.start()
        wait(lambda: "waiting for the kubelet" in self.said())
        self.assertIsNone(self.process.poll())
        os.mkdir(self.kubelets)
        wait(lambda: os.listdir(self.kubelets))
        kube = self.kubelet()
        kube.next(3)

    def test_kubelet_restarts(self):
        plugin = self.serving(poll=3600000)
        self.started[0].stop()
        self.started.clear()
        for _ in range(3):
            kube = self.kubelet()
            begin = time.monotonic()
            plugin = kube.plugin()
            self.assertLess(time.monotonic() - begin, 2)
            self.assertEqual(plugin.health(NVME), "Healthy")
            kube.stop()
            self.started.clear()

    def test_socket_removed(self):
        plugin = self.serving(poll=3600000)
        name = [name for name in os.listdir(self.kubelets) if name.startswith("pcipass")][0]
        os.unlink(os.path.join(self.kubelets, name))
        again = self.started[0].plugin(2)
        self.assertEqual(again.health(NVME), "Healthy")
        # the old stream does not go on beside the new one
        self.assertTrue(plugin.ended.wait(5))

    def test_refused(self):
        self.kubelet(refusal="the ResourceName \"x\" is invalid")
        self.start()
        self.assertEqual(self.process.wait(20), 1)
        self.assertIn('the kubelet refuses it: the ResourceName "x" is invalid', self.said())

    def test_second_plugin(self):
        self.serving()
        second = self.run_plugin("--pool", self.folder + "/pools.json", "--kubelet-dir", self.kubelets)
        self.ends(second, 4, "another pcipass-device-plugin serves pcipass.dev/nvme")

    def test_two_resources(self):
        kube = self.kubelet()
        self.start(pool("pcipass.dev/a", unit(NVME)), pool("pcipass.dev/b", unit(NIC)))
        self.assertEqual({kube.next().resource_name, kube.next().resource_name}, {"pcipass.dev/a", "pcipass.dev/b"})

    def test_registry(self):
        folder = os.path.join(self.folder, "registry")
        os.mkdir(folder)
        self.start(args=("--registry-dir", folder))
        # The kubelet looks at no file that begins with a dot: those do not answer yet.
        sockets = lambda: [name for name in os.listdir(folder) if not name.startswith(".")]
        wait(sockets)
        path = os.path.join(folder, sockets()[0])
        plugin = kubelet.Plugin(path)
        info = plugin.channel.unary_unary("/pluginregistration.Registration/GetInfo", kubelet.pb.InfoRequest.SerializeToString,
            kubelet.pb.PluginInfo.FromString)(kubelet.pb.InfoRequest(), timeout=10)
        self.assertEqual((info.type, info.name, info.endpoint, list(info.supported_versions)),
            ("DevicePlugin", RESOURCE, path, ["v1beta1"]))
        plugin.channel.unary_unary("/pluginregistration.Registration/NotifyRegistrationStatus",
            kubelet.pb.RegistrationStatus.SerializeToString, kubelet.pb.RegistrationStatusResponse.FromString)(
            kubelet.pb.RegistrationStatus(plugin_registered=True), timeout=10)
        wait(lambda: "registered with the kubelet" in self.said())
        self.assertEqual(plugin.watch().health(NVME), "Healthy")
        plugin.close()

    def test_ends(self):
        self.serving()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(10), 0)
        self.assertEqual(os.listdir(self.kubelets), ["kubelet.sock"])

    def test_killed(self):
        """Killed, and there again: full capacity, whoever had what."""
        plugin = self.serving()
        plugin.allocate([NVME])
        plugin.prestart(NVME)
        self.process.kill()
        self.process.wait()
        self.assertTrue(plugin.ended.wait(5))
        self.start()
        again = self.started[0].plugin()
        self.assertEqual({again.health(NVME), again.health(NIC)}, {"Healthy"})

    def given(self):
        with open(self.record()) as file:
            return json.load(file)["given"]

    def record(self):
        folder = self.root + "/run/pcipass/pools"
        return os.path.join(folder, [name for name in os.listdir(folder) if name.endswith(".json")][0])

    def with_pods(self, *pools):
        path = os.path.join(self.folder, "pods.sock")
        pods = kubelet.Pods(path)
        self.started.append(pods)
        kube = self.kubelet()
        self.start(*pools, args=("--pod-resources", path))
        return kube.plugin(), pods

    def test_pod_is_gone(self):
        """A pod that had it, and never opened it: released when no pod has it any more, and reset."""
        said = self.folder + "/said"
        open(said, "w").close()
        plugin, pods = self.with_pods(pool(RESOURCE, unit(NVME, release=["/bin/sh", "-c", "echo released >>" + said]), unit(NIC)))
        plugin.allocate([NVME])
        plugin.prestart(NVME)
        pods.again()  # the kubelet has not noted it yet
        self.assertEqual(self.given(), {NVME: False})
        pods.pods = {"guest": (RESOURCE, [NVME]), "other": ("example.com/else", [NIC])}
        pods.again()
        self.assertEqual(self.given(), {NVME: False})
        reset = self.path(NVME) + "/reset"
        os.truncate(reset, 0)
        pods.pods = {"other": (RESOURCE, [NIC])}
        wait(lambda: self.given() == {})
        wait(lambda: open(said).read() == "released\n" and open(reset).read())
        self.assertIn("%s: %s: released: its pod is gone" % (RESOURCE, NVME), self.said())
        self.assertEqual(plugin.health(NVME), "Healthy")
        asked = pods.asked  # nobody waits: nobody is asked
        time.sleep(0.5)
        self.assertLessEqual(pods.asked, asked + 1)
        self.assertEqual(open(said).read(), "released\n")

    def test_a_kubelet_that_starts_again_knows_no_pods_yet(self):
        plugin, pods = self.with_pods(pool(RESOURCE, unit(NVME)))
        plugin.allocate([NVME])
        plugin.prestart(NVME)
        pods.pods = {"guest": (RESOURCE, [NVME])}
        pods.again()
        pods.stop()
        again = kubelet.Pods(os.path.join(self.folder, "pods.sock"))
        self.started.append(again)
        again.again()
        self.assertEqual(self.given(), {NVME: False})
        self.assertNotIn("its pod is gone", self.said())
        again.pods = {"guest": (RESOURCE, [NVME])}
        again.again()
        again.pods = {}
        wait(lambda: self.given() == {})

    def test_pod_whose_container_never_came(self):
        said = self.folder + "/said"
        plugin, pods = self.with_pods(pool(RESOURCE, unit(NVME, release=["/bin/sh", "-c", "echo released >>" + said])))
        pods.pods = {"guest": (RESOURCE, [NVME])}
        plugin.allocate([NVME])
        pods.again()
        pods.pods = {}
        wait(lambda: self.given() == {})
        self.assertFalse(os.path.exists(said))
        # The next one, which no list has yet, keeps it.
        plugin.allocate([NVME])
        plugin.prestart(NVME)
        pods.again()
        self.assertEqual(self.given(), {NVME: False})

    def test_pods_that_are_no_list(self):
        plugin, pods = self.with_pods()
        pods.raw = b"\xff\xff\xff"
        plugin.allocate([NVME])
        wait(lambda: "its list is not understood" in self.said())
        pods.again()
        self.assertEqual(self.said().count("its list is not understood"), 1)
        self.assertEqual(self.given(), {NVME: False})
        pods.raw = b""
        pods.again()
        self.assertEqual(self.given(), {NVME: False})
        pods.stop()
        time.sleep(0.2)
        self.assertIsNone(self.process.poll())

    def test_unknown_device(self):
        self.kubelet()
        self.start(pool(RESOURCE, unit(NVME), {"address": "0000:0f:00.0", "id": "1b36:0010"}))
        self.assertEqual(self.process.wait(20), 3)
        self.assertRegex(self.said(), "this host has no device 0000:0f:00.0, and never had")
        self.assertTrue(self.started[0].registered.empty())

    def test_absent_at_start(self):
        """A card that was there once, and fell off: the others are served."""
        self.serving()
        self.process.terminate()
        self.process.wait()
        os.unlink(self.root + "/sys/bus/pci/devices/" + NVME)
        os.unlink(self.root + "/sys/kernel/iommu_groups/9/devices/" + NVME)
        self.start()
        plugin = self.started[0].plugin()
        self.assertEqual((plugin.health(NVME), plugin.health(NIC)), ("Unhealthy", "Healthy"))
