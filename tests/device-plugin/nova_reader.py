# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Nova's own code makes of a configuration: nova_reader.py NOVA.CONF, with a list of devices as JSON on standard
input, each as nova-compute describes it. Prints for each the resource class of the line that takes it, or null; and the
aliases."""
import json
import sys

import nova.conf
from nova import objects
from nova.pci import request, whitelist

CONF = nova.conf.CONF


def main():
    objects.register_all()
    CONF([], project="nova", default_config_files=[sys.argv[1]])
    specs = whitelist.Whitelist(CONF.pci.device_spec)
    taken = {}
    for device in json.load(sys.stdin):
        assignable = specs.device_assignable(device)
        spec = next((spec for spec in specs.specs if spec.match(device)), None)
        assert bool(assignable) == bool(spec)
        taken[device["address"]] = spec.get_tags().get("resource_class") if spec else None
    json.dump({"taken": taken, "aliases": sorted(request._get_alias_from_config())}, sys.stdout)


if __name__ == "__main__":
    main()
