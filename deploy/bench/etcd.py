"""A cluster of three etcd members on loopback, TLS and fsync on, and a load on its leader."""

import base64
import contextlib
import json
import os
import pathlib
import ssl
import struct
import subprocess
import tempfile
import urllib.error
import urllib.request

import product

KEY_BYTES, VALUE_BYTES = 256, 1024


def version():
    return subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]


class Etcd:
    def __init__(self, home, addresses, processes):
        self.home, self.addresses, self.processes = home, addresses, processes

    def process_of(self, address):
        """The process id of the member at an address."""
        return self.processes[self.addresses.index(address)].pid

    def ask(self, address, path):
        """The JSON gateway's answer; None while the member is not up."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # --auto-tls signs for itself
        request = urllib.request.Request(f"https://{address}{path}", data=b"{}")
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return json.load(answer)
        except (OSError, urllib.error.URLError):
            return None

    def status(self, address):
        return self.ask(address, "/v3/maintenance/status")

    def leader(self):
        """The leader's address, or None while there is none."""
        for address in self.addresses:
            status = self.status(address)
            if status and status.get("leader") == status["header"]["member_id"]:
                return address
        return None

    def revision(self):
        """Puts that were applied, plus one: every put makes one revision."""
        return int(self.status(product.wait_for("etcd's leader", self.leader))["header"]["revision"])

    def load(self, clients, seconds):
        """`clients` puts at a time for `seconds`; answers the milliseconds of each, ascending."""
        leader = product.wait_for("etcd's leader", self.leader)
        message = self.home + "/put"
        put = field(1, base64.b64encode(os.urandom(KEY_BYTES * 3 // 4))) + field(2, os.urandom(VALUE_BYTES))
        pathlib.Path(message).write_bytes(b"\0" + struct.pack(">I", len(put)) + put)
        log = pathlib.Path(self.home + "/load.log")
        log.unlink(missing_ok=True)
        before = self.revision()
        # Four connections, as `yard check perf` has; libnghttp2 on this side too.
        done = subprocess.run(
            ["h2load", "-t", "1", "-c", "4", "-m", str(clients // 4), "-D", str(seconds), "-d", message,
             "--log-file", str(log), "-H", "content-type: application/grpc", "-H", "te: trailers",
             f"https://{leader}/etcdserverpb.KV/Put"], capture_output=True, text=True, timeout=seconds + 60)
        applied = self.revision() - before
        times = sorted(int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines())
        # A refused put has HTTP status 200 too: what was applied is counted, not what was answered.
        product.expect(done.returncode == 0 and times and applied >= len(times),
                       f"{len(times)} answers, {applied} puts applied: {done.stdout}{done.stderr}")
        return times


def field(number, content):
    """A protobuf field of bytes."""
    length, count = bytearray(), len(content)
    while count > 127:
        length.append(count & 127 | 128)
        count >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([count]) + content


@contextlib.contextmanager
def members():
    """Three members, with their data in the temporary directory, as the other cluster's is."""
    with tempfile.TemporaryDirectory(prefix="yard-bench-etcd-") as home:
        ports = product.free_ports(6)
        clients = [f"https://127.0.0.1:{port}" for port in ports[:3]]
        peers = [f"https://127.0.0.1:{port}" for port in ports[3:]]
        initial = ",".join(f"m{n}={url}" for n, url in enumerate(peers))
        processes = []
        try:
            for n in range(3):
                processes.append(subprocess.Popen(
                    ["etcd", "--name", f"m{n}", "--data-dir", f"{home}/m{n}",
                     "--listen-client-urls", clients[n], "--advertise-client-urls", clients[n],
                     "--listen-peer-urls", peers[n], "--initial-advertise-peer-urls", peers[n],
                     "--initial-cluster", initial, "--auto-tls", "--peer-auto-tls",
                     "--quota-backend-bytes", str(8 << 30)],
                    stdout=open(f"{home}/m{n}.log", "wb"), stderr=subprocess.STDOUT))
            group = Etcd(home, [url.removeprefix("https://") for url in clients], processes)
            product.wait_for("etcd's leader", group.leader)
            yield group
        finally:
            for one in processes:
                one.terminate()
            for one in processes:
                one.wait()
