"""HTTP/2 by hand, for checks that say what no honest library would say.

A `Connection` is TLS and a socket: it writes whatever bytes it is given, and reads frames. Standard library
only; messages are encoded by proto-spec/reference.
"""

import os
import socket
import ssl
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../proto-spec/reference"))
import decode  # noqa: E402 - the protocol's reference decoder

CODEC = decode.load()
SECONDS = 60  # only ends what hangs: far beyond what a slow machine takes
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags=0, stream=0, payload=b""):
    """One frame (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def number(value):
    return value.to_bytes(4, "big")


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, number(size))


def literal(name, value):
    """A field with a new name, not indexed (RFC 7541, section 6.2.2)."""
    def text(raw):
        size = len(raw)
        if size < 127:
            return bytes([size]) + raw
        size -= 127
        encoded = b"\x7f"
        while size >= 128:
            encoded += bytes([size % 128 + 128])
            size //= 128
        return encoded + bytes([size]) + raw
    return b"\0" + text(name.encode()) + text(value.encode())


def request(stream, service="call", key=None, extra=b"", flags=END_HEADERS):
    """HEADERS of a stream of ours: `:method POST`, `:scheme https` by HPACK's static table."""
    block = b"\x83\x87" + literal(":path", "/switchyard/1/" + service) + literal(":authority", "a")
    if key:
        block += literal("authorization", "Bearer " + key)
    return frame(HEADERS, flags, stream, block + extra)


def message(kind, **fields):
    """One frame of our protocol; fields that were appended are absent unless they are given."""
    appended = {field["name"]: None for field in CODEC.by_name[kind]["fields"] if field.get("appended")}
    fields = {**appended, **fields}
    return CODEC.encode({"type": kind, "fields": fields})


def hello(role="client"):
    return message("Hello", versionMin=1, versionMax=1, role=role, clusterID="0" * 32, node=0,
                   name="check", incarnation=1, features=[], software="check")


class Ended(Exception):
    """The node ended the connection."""


class Connection:
    """One TLS connection; with the certificate in `identity`, or without one."""

    #: Whether it answers SETTINGS.
    acknowledges = True

    def __init__(self, address, identity=None, source="127.0.0.1", preface=None, timeout=SECONDS):
        host, port = address.rsplit(":", 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        if identity:
            context.load_cert_chain(identity + "/node.pem", identity + "/node.key")
        raw = socket.create_connection((host, int(port)), timeout, source_address=(source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = context.wrap_socket(raw)
        except (OSError, ssl.SSLError) as error:
            raw.close()
            raise Ended(str(error)) from None
        self.held, self.goaway, self.resets, self.bodies, self.ended = b"", None, {}, {}, set()
        self.send(PREFACE + frame(SETTINGS) if preface is None else preface)

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Ended(str(error)) from None

    def read(self, seconds):
        """Takes what arrives within `seconds`, one record of TLS, and answers whether one did; Ended when the node has closed."""
        self.socket.settimeout(max(seconds, 0.0005))
        try:
            data = self.socket.recv(1 << 16)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except (OSError, ssl.SSLError) as error:
            raise Ended(str(error)) from None
        finally:
            self.socket.settimeout(SECONDS)
        if not data:
            raise Ended("closed")
        self.held += data
        while len(self.held) >= 9:
            size = int.from_bytes(self.held[:3], "big")
            if len(self.held) < 9 + size:
                return True
            kind, flags = self.held[3], self.held[4]
            stream, payload = int.from_bytes(self.held[5:9], "big"), self.held[9:9 + size]
            self.held = self.held[9 + size:]
            self.take(kind, flags, stream, payload)
        return True

    def take(self, kind, flags, stream, payload):
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == RESET:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        elif kind == SETTINGS and not flags & ACK and self.acknowledges:
            self.send(frame(SETTINGS, ACK))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self.ended.add(stream)

    def until(self, condition, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing came")
            self.read(left)

    def greet(self, role="client"):
        """The handshake of our protocol on stream 1; answers the first message that comes."""
        self.send(request(1, "control") + frame(DATA, 0, 1, hello(role)))
        self.until(lambda: len(self.bodies.get(1, b"")) >= 8)
        return CODEC.decode(self.bodies[1])["type"]

    def ask(self, stream, key):
        """The node's status, on a stream of its own; answers the message."""
        self.send(request(stream, "call", key)
                  + frame(DATA, END_STREAM, stream, message("StatusQuery")))
        self.until(lambda: stream in self.ended or stream in self.resets)
        size = len(self.bodies.get(stream, b""))
        self.send(window_update(0, size) if size else b"")
        return CODEC.decode(self.bodies.pop(stream))["type"]
