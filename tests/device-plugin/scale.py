# SPDX-License-Identifier: LGPL-2.1-or-later
"""254 units, as the virtual functions of a card: what the idle plugin costs, and how soon a flip is told."""
import os
import re
import shutil
import time

from case import NVME, pool, unit
from service import RESOURCE, Service, wait

COUNT = 254
FLIP_S = 2  # under 1 on a quiet machine
RSS_KIB = 24 * 1024


class Scale(Service):
    def many(self):
        """As many NVMe, each with a group of its own."""
        source, parent = self.path(NVME), os.path.dirname(self.path(NVME))
        units = []
        for number in range(COUNT):
            address, group = "0000:%02x:%02x.%d" % (0x40 + number // 256, number // 8 % 32, number % 8), 1000 + number
            folder = os.path.join(parent, address)
            shutil.copytree(source, folder, symlinks=True)
            os.unlink(folder + "/iommu_group")
            os.symlink("../../../" + folder[len(self.root + "/sys/"):], self.root + "/sys/bus/pci/devices/" + address)
            os.symlink("../../../kernel/iommu_groups/%d" % group, folder + "/iommu_group")
            members = self.root + "/sys/kernel/iommu_groups/%d/devices" % group
            os.makedirs(members)
            os.symlink("../../../../" + folder[len(self.root + "/sys/"):], members + "/" + address)
            self.write("/dev/vfio/%d" % group, "")
            units.append(dict(unit(NVME), address=address))
        return units

    def status(self, name):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"^%s:\s+(\d+)" % name, file.read(), re.M).group(1))

    def test_254(self):
        units = self.many()
        plugin = self.serving(pool(RESOURCE, *units), poll=100)
        wait(lambda: len(plugin.devices) == COUNT and {device.health for device in plugin.devices.values()} == {"Healthy"}, 60)
        last = units[-1]["address"]
        link = os.path.join(os.path.dirname(self.path(NVME)), last, "driver")
        driver, took = os.readlink(link), []
        for number in range(6):
            begin = time.monotonic()
            if number % 2:
                os.symlink(driver, link)
            else:
                os.unlink(link)
            wait(lambda: plugin.health(last) == ("Healthy" if number % 2 else "Unhealthy"), 60)
            took.append(time.monotonic() - begin)
        self.process.terminate()
        self.process.wait()
        self.start(pool(RESOURCE, *units), poll=5000)
        plugin = self.started[0].plugin()
        wait(lambda: len(plugin.devices) == COUNT, 60)
        before = self.status("voluntary_ctxt_switches")
        time.sleep(3)
        wakes = self.status("voluntary_ctxt_switches") - before
        print("# %d units: a flip was told after %s s; %d KiB, %d wake-ups in 3 s" % (
            COUNT, ", ".join("%.2f" % each for each in took), self.status("VmRSS"), wakes))
        self.assertLess(min(took), FLIP_S)
        self.assertLess(self.status("VmRSS"), RSS_KIB)
        self.assertLessEqual(wakes, 5)
