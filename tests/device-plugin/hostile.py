# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers that are no good: bytes of HTTP/2 by hand. After each of them an honest kubelet is served."""
import os
import random
import socket
import struct
import time

from case import NIC, NVME
from service import Service

try:
    import kubelet
    from kubelet import pb, wait
except ImportError:
    kubelet = None

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
ALLOCATE = "/v1beta1.DevicePlugin/Allocate"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def headers(path, **more):
    pairs = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
        "content-type": "application/grpc", "te": "trailers"}
    pairs.update({name.replace("_", "-"): value for name, value in more.items()})
    block = b""
    for name, value in pairs.items():
        for text in (name, value):
            text = text.encode()
            assert len(text) < 127
            block += (b"\0" if text == name.encode() else b"") + bytes((len(text),)) + text
    return block


def message(body, flag=0, length=None):
    return struct.pack(">BI", flag, len(body) if length is None else length) + body


class Peer:
    """One connection, frame by frame."""

    def __init__(self, path, settings=b""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.buffer = b""
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        self.socket.sendall(data)

    def frames(self):
        """Until the other side closes, or a moment passes."""
        while True:
            while len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) < 9 + length:
                    break
                head, payload = self.buffer[:9], self.buffer[9:9 + length]
                self.buffer = self.buffer[9 + length:]
                yield head[3], head[4], int.from_bytes(head[5:9], "big"), payload
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return
            if not data:
                return
            self.buffer += data

    def answer(self, stream=1):
        """All of a stream until its end."""
        data = head = b""
        for kind, flags, number, payload in self.frames():
            if number == stream and kind == DATA:
                data += payload
            elif number == stream and kind == HEADERS:
                head += payload
            if number == stream and (kind == RST or flags & END_STREAM and kind in (DATA, HEADERS)):
                return data, head
        return data, head

    def close(self):
        self.socket.close()


class Hostile(Service):
    def setUp(self):
        super().setUp()
        self.plugin = self.serving()
        self.path_ = [os.path.join(self.kubelets, name) for name in os.listdir(self.kubelets) if name.startswith("pcipass")][0]

    def peer(self, settings=b""):
        return Peer(self.path_, settings)

    def tearDown(self):
        if self.process and self.process.poll() is None:
            self.assertEqual(self.plugin.options().pre_start_required, True)  # it lives, and answers
        self.assertIsNone(self.process.poll() if self.process else None, "it ended")
        super().tearDown()

    def request(self, *ids):
        request = pb.AllocateRequest()
        request.container_requests.add().devicesIDs.extend(ids)
        return message(request.SerializeToString())

    def test_split(self):
        """One byte a frame, one frame a write."""
        peer = self.peer()
        peer.send(frame(HEADERS, END_HEADERS, 1, headers(ALLOCATE)))
        body = self.request(NVME)
        for at, byte in enumerate(body):
            peer.send(frame(DATA, END_STREAM if at + 1 == len(body) else 0, 1, bytes((byte,))))
            peer.send(frame(DATA, 0, 1) if at + 1 < len(body) else b"")
        data, _ = peer.answer()
        answer = pb.AllocateResponse.FromString(data[5:])
        self.assertEqual(answer.container_responses[0].envs["PCI_RESOURCE_PCIPASS_DEV_NVME"], NVME)

    def test_bytewise(self):
        peer = self.peer()
        for byte in frame(HEADERS, END_HEADERS, 1, headers(ALLOCATE)) + frame(DATA, END_STREAM, 1, self.request(NIC)):
            peer.send(bytes((byte,)))
        self.assertIn(NIC.encode(), peer.answer()[0])

    def status(self, *parts):
        """The status of a call made of these frames, told by an honest decoder of header blocks."""
        peer = self.peer()
        for part in parts:
            peer.send(part)
        _, head = peer.answer()
        peer.close()
        return decode_status(head)

    def test_wrong_calls(self):
        body = self.request(NVME)
        begin = frame(HEADERS, END_HEADERS, 1, headers(ALLOCATE))
        self.assertEqual(self.status(begin, frame(DATA, END_STREAM, 1, message(b"x", flag=1))), 12)  # compressed
        self.assertEqual(self.status(begin, frame(DATA, END_STREAM, 1, message(b"x", flag=7))), 13)
        self.assertEqual(self.status(begin, frame(DATA, END_STREAM, 1, body[:-1])), 13)  # too short
        self.assertEqual(self.status(begin, frame(DATA, END_STREAM, 1, body + body)), 13)  # two messages
        self.assertEqual(self.status(begin, frame(DATA, END_STREAM, 1)), 13)  # none
        self.assertEqual(self.status(begin, frame(DATA, END_STREAM, 1, message(b"\xff\xff\xff"))), 3)  # no protobuf
        self.assertEqual(self.status(begin, frame(DATA, 0, 1, message(b"", length=1 << 31))), 8)  # too large, at once
        self.assertEqual(self.status(frame(HEADERS, END_HEADERS, 1, headers("/nothing")), frame(DATA, END_STREAM, 1, body)), 12)
        self.assertEqual(self.status(frame(HEADERS, END_HEADERS, 1, headers(ALLOCATE, content_type="text/plain")),
            frame(DATA, END_STREAM, 1, body)), 13)

    def test_huge(self):
        """A message of more than 1 MiB, sent in full."""
        from kubelet import grpc
        with self.assertRaises(grpc.RpcError) as caught:
            self.plugin.allocate(["x" * 100] * 20000)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        with self.assertRaises(grpc.RpcError) as caught:
            self.plugin.allocate(["x" * 100] * 9000)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_garbage(self):
        draw = random.Random(7)
        for length in (0, 1, 8, 24, 100, 70000):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(self.path_)
            try:
                peer.sendall(draw.randbytes(length))
            except OSError:
                pass
            peer.close()
        good = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, headers(ALLOCATE)) + \
            frame(DATA, END_STREAM, 1, self.request(NVME))
        for _ in range(300):  # bits that are other than they should be
            data = bytearray(good)
            for _ in range(draw.randrange(1, 6)):
                data[draw.randrange(24, len(data))] = draw.randrange(256)
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(self.path_)
            try:
                peer.sendall(data[:draw.randrange(24, len(data) + 1)])
            except OSError:
                pass
            peer.close()
        self.assertEqual(self.plugin.health(NVME), "Healthy")

    def test_many(self):
        """Connections that are opened and left alone, and streams without an end."""
        idle = []
        for _ in range(100):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(self.path_)
            idle.append(peer)
        self.assertTrue(self.plugin.options().pre_start_required)
        for peer in idle:
            peer.close()
        wait(lambda: self._serves())
        peer = self.peer()
        for number in range(1, 401, 2):
            peer.send(frame(HEADERS, END_HEADERS, number, headers(ALLOCATE)))
        peer.close()

    def _serves(self):
        peer = self.peer()
        try:
            peer.send(frame(PING, 0, 0, b"12345678"))
            return any(kind == PING and flags & ACK for kind, flags, _, _ in peer.frames())
        except OSError:
            return False
        finally:
            peer.close()

    def test_slow_reader(self):
        """One who reads nothing is told the latest when he reads, not all that was."""
        peer = self.peer(struct.pack(">HI", 4, 0))  # no window
        peer.send(frame(HEADERS, END_HEADERS, 1, headers("/v1beta1.DevicePlugin/ListAndWatch")))
        peer.send(frame(DATA, END_STREAM, 1, message(b"")))
        time.sleep(0.2)
        for _ in range(6):
            for driver, health in (("nvme", "Unhealthy"), ("vfio-pci", "Healthy")):
                self.drive(NVME, driver)
                self.becomes(self.plugin, NVME, health)
        self.drive(NIC, "e1000e")
        self.becomes(self.plugin, NIC, "Unhealthy")
        peer.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1 << 20)))
        peer.socket.settimeout(2)
        data = b"".join(payload for kind, _, number, payload in peer.frames() if kind == DATA and number == 1)
        lists = []
        while data:
            length = int.from_bytes(data[1:5], "big")
            lists.append(pb.ListAndWatchResponse.FromString(data[5:5 + length]))
            data = data[5 + length:]
        self.assertLessEqual(len(lists), 2)
        self.assertEqual({device.ID: device.health for device in lists[-1].devices}, {NVME: "Healthy", NIC: "Unhealthy"})

    def test_pings(self):
        peer = self.peer()
        for _ in range(500):
            peer.send(frame(PING, 0, 0, b"12345678"))
        self.assertEqual(sum(1 for _ in zip(range(500), (1 for kind, flags, _, _ in peer.frames() if kind == PING and flags & ACK))), 500)


def decode_status(head):
    """grpc-status of a block that nghttp2 wrote: a literal whose name is plain or coded by Huffman."""
    names = (b"grpc-status", bytes.fromhex("9acac8b21234da8f"))
    for name in names:
        at = head.find(name)
        if at < 0:
            continue
        value = head[at + len(name):]
        length, coded = value[0] & 0x7F, value[0] & 0x80
        text = value[1:1 + length]
        return int(digits(text) if coded else text)
    raise AssertionError("no grpc-status in %r" % head)


def digits(data):
    """Huffman's code of digits (RFC 7541, appendix B): 0 1 2 in five bits, the others in six."""
    codes = {(5, value): str(value) for value in range(3)}
    codes.update({(6, 0x19 + value - 3): str(value) for value in range(3, 10)})
    bits = "".join("{:08b}".format(byte) for byte in data)
    text = ""
    while bits and not (len(bits) < 8 and set(bits) == {"1"}):
        for length in (5, 6):
            if (length, int(bits[:length], 2)) in codes:
                text += codes[(length, int(bits[:length], 2))]
                bits = bits[length:]
                break
        else:
            raise AssertionError("no digits: %r" % data)
    return text
