#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An image for containers, of busybox alone, without a registry: BUSYBOX FILE NAME...

An archive of the Open Container Initiative's form that `ctr images import` reads, under each of the names. Its programs
are those that the tests use; folders of the host (/usr, /dev) can be mounted into it.
"""
import gzip
import hashlib
import io
import json
import sys
import tarfile

PROGRAMS = "sh cat echo env grep ls mount ps sleep sort stat test touch true uname".split()
FOLDERS = "bin dev etc proc run sys tmp usr var".split()
# Programs of the host's /usr find their loader and libraries where they look for them.
LINKS = {"lib": "usr/lib", "lib64": "usr/lib64"}


def entry(archive, name, kind, data=b"", link="", mode=0o755):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, mode
    archive.addfile(info, io.BytesIO(data))


def layer(busybox):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for folder in FOLDERS:
            entry(archive, folder, tarfile.DIRTYPE)
        entry(archive, "bin/busybox", tarfile.REGTYPE, busybox)
        for program in PROGRAMS:
            entry(archive, "bin/" + program, tarfile.SYMTYPE, link="busybox")
        for name, to in LINKS.items():
            entry(archive, name, tarfile.SYMTYPE, link=to)
    return out.getvalue()


class Blobs:
    def __init__(self, archive):
        self.archive = archive

    def add(self, kind, data, **more):
        digest = hashlib.sha256(data).hexdigest()
        entry(self.archive, "blobs/sha256/" + digest, tarfile.REGTYPE, data, mode=0o644)
        return dict(mediaType="application/vnd.oci.image.%s" % kind, digest="sha256:" + digest, size=len(data), **more)


def write(busybox, file, names):
    plain = layer(busybox)
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers",
        "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]},
        "config": {"Env": ["PATH=/bin:/usr/sbin:/usr/bin"], "Cmd": ["/bin/sleep", "infinity"]}}
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        entry(archive, "oci-layout", tarfile.REGTYPE, b'{"imageLayoutVersion": "1.0.0"}', mode=0o644)
        blobs = Blobs(archive)
        manifest = blobs.add("manifest.v1+json", json.dumps({"schemaVersion": 2,
            "config": blobs.add("config.v1+json", json.dumps(config).encode()),
            "layers": [blobs.add("layer.v1.tar+gzip", gzip.compress(plain, 1, mtime=0))]}).encode())
        index = {"schemaVersion": 2, "manifests": [dict(manifest, annotations={"io.containerd.image.name": name})
            for name in names]}
        entry(archive, "index.json", tarfile.REGTYPE, json.dumps(index).encode(), mode=0o644)


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as program:
        write(program.read(), sys.argv[2], sys.argv[3:])
