#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# WANT_JSON: Ansible gives the name of a file of arguments; nothing of Ansible is needed on the host.
"""Makes a host's passthrough as it is said: `pcipass host-apply` for Ansible.

    - pcipass_host:
        host:
          devices:
            - {address: "0000:41:00.0", id: "144d:a80a", driver: vfio-pci}
          hugepages:
            - {node: 0, pages: 512}

Arguments: `host` (what docs/host-apply.md describes) or `file` (of that, on the host); `force_for`, a list of names;
`program` (pcipass), `root` (another machine's folder). Check mode writes nothing. Gives back `changed` and `drift`.
"""
import json
import os
import subprocess
import sys
import tempfile

KNOWN = ("host", "file", "force_for", "program", "root")


def end(**result):
    print(json.dumps(result))
    sys.exit(1 if result.get("failed") else 0)


def fail(text, **more):
    end(failed=True, changed=bool(more.pop("changed", False)), msg=text, **more)


def last_value(text):
    """Of several JSON values one after the other, the last: the ones before tell of progress."""
    decoder, at, value = json.JSONDecoder(), 0, None
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
    return value


def arguments():
    if len(sys.argv) != 2:
        fail("usage: pcipass_host.py FILE-OF-ARGUMENTS")
    try:
        with open(sys.argv[1]) as file:
            args = json.load(file)
    except (OSError, ValueError) as error:
        fail("the arguments cannot be read: %s" % error)
    if not isinstance(args, dict):
        fail("the arguments are no object")
    odd = sorted(key for key in args if key not in KNOWN and not key.startswith("_ansible_"))
    if odd:
        fail("no such argument: %s" % ", ".join(odd))
    if ("host" in args) == ("file" in args):
        fail("one of 'host' and 'file' is needed")
    return args


def run(args, path):
    command = [args.get("program") or "pcipass", "--json"]
    if args.get("root"):
        command += ["--root", args["root"]]
    command += ["host-apply", path]
    if args.get("_ansible_check_mode"):
        command.append("--check")
    else:
        for name in args.get("force_for") or []:
            command += ["--force-for", name]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
    except OSError as error:
        fail("%s: %s" % (command[0], error))


def report(args, result):
    said = result.stderr.strip()
    try:
        value = last_value(result.stdout)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        fail(said or "pcipass said nothing that is understood", rc=result.returncode)
    drift = value.get("drift")
    if args.get("_ansible_check_mode") and result.returncode == 3 and drift:
        end(changed=True, drift=drift)
    if result.returncode != 0:
        fail(said or "pcipass failed", rc=result.returncode, changed=value.get("changed"), drift=drift or [])
    end(changed=bool(value.get("changed")), drift=drift or [])


def main():
    args = arguments()
    if "file" in args:
        report(args, run(args, args["file"]))
    fd, path = tempfile.mkstemp(prefix="pcipass-host-", suffix=".json")
    try:
        with os.fdopen(fd, "w") as file:
            json.dump(args["host"], file)
        result = run(args, path)
    finally:
        os.unlink(path)
    report(args, result)


main()
