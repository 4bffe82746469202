#!/usr/bin/env python3
"""Configuration files: every option is in them, what is wrong is named by line and key, and nodes start from them."""

import contextlib
import datetime
import fcntl
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time

from authority import self_signed
from cluster import made
from product import YARD, Child, Cluster, Failed, expect, folder, free_ports, main, wait_for

F_SETPIPE_SZ = 1031  # fcntl.h; Python 3.10 has it
ROLES = {"coordinator": ["coordinator"], "worker": ["worker", "run"], "gateway": ["gateway"]}
GATEWAY = "role: gateway\nlisten: 127.0.0.1:0\njoin:\n  - 127.0.0.1:1   # the first\n  - '127.0.0.1:2'\ninsecure: true\n"


def yard(*words):
    done = subprocess.run([YARD, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def write(path, text, mode=0o600):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def examples():
    """the example of each role has every option that its help has, and only those"""
    for role, words in ROLES.items():
        code, text, err = yard("config", "example", role)
        expect(code == 0, err)
        keys = set(re.findall(r"^# ([a-z][a-z-]*): ", text, re.M))
        told = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", yard("help", *words)[1], re.M))
        expect(keys == told - {"config", "help", "version"}, f"{role}: {keys ^ told}")


def mistakes():
    """whatever is wrong with a file is named by its line and key"""
    with folder() as scratch:
        path = scratch + "/node.yaml"
        code, out, err = yard("config", "check", write(path, GATEWAY))
        expect(code == 0 and "5 keys" not in out and "3 keys" in out, out + err)
        code, out, err = yard("config", "check", path, "--output", "json")
        expect(code == 0 and json.loads(out) == {"file": path, "role": "gateway", "keys": 3}, out + err)
        for text, line, word in (
                ("listen: 127.0.0.1:0\n", 1, "role"), ("role: king\n", 1, "none of"),
                (GATEWAY + "lisen: 127.0.0.1:1\n", 7, "lisen: no option"), (GATEWAY + "links: many\n", 7, "links"),
                (GATEWAY + "links: 99\n", 7, "links: --links is 99"), (GATEWAY + "threads: 1\nthreads: 2\n", 8, "line 7"),
                (GATEWAY + "share-port: yes\n", 7, "true or false"), (GATEWAY + "drain:\n", 7, "no value"),
                (GATEWAY + "links: [1]\n", 7, "in quotes"), (GATEWAY + "a\n", 7, "key: value"),
                (GATEWAY + "\tlinks: 1\n", 7, "tab"), (GATEWAY + "  links: 1\n", 7, "indented"),
                (GATEWAY + 'dir: "unfinished\n', 7, "closing quote"), (GATEWAY + "dir: 'a' b\n", 7, "after the closing"),
                (GATEWAY.replace("127.0.0.1:0", "nowhere"), 2, "listen"),
                (GATEWAY + "log-level: loud\n", 7, "'loud' is no level; levels are trace"),
                (GATEWAY + "log-level:\n  - info\n  - Raft=debug\n", 7, "no module 'Raft'; modules are Consensus, Coord"),
                ("role: worker\njoin: 127.0.0.1:1\nengine: builtin\nprice-input: dear\n", 4, "a decimal")):
            code, _, err = yard("config", "check", write(path, text))
            expect(code == 2 and f"{path}:{line}: " in err and word in err, f"{text!r}: exit {code}, {err}")
        code, _, err = yard("coordinator", "--config", write(path, GATEWAY))
        expect(code == 2 and "gateway's" in err, err)
        code, _, err = yard("config", "check", write(path, "role: worker\nkey: sy_1_x\n", 0o644))
        expect(code == 2 and ":2: key: anybody may read it" in err, err)
        code, _, err = yard("gateway", "--config", scratch + "/none.yaml")
        expect(code == 2 and "cannot be read" in err, err)
        os.symlink(scratch + "/round", scratch + "/round")
        code, _, err = yard("config", "check", scratch + "/round")
        expect(code == 2 and "symbolic links" in err, err)


def keyrings():
    """a key ring is well kept only if it says so itself"""
    with folder() as scratch:
        write(scratch + "/cluster.json", "{}")
        for make, level, word in (
                (lambda path: None, "warning", "is missing"), (lambda path: os.symlink(path, path), "bad", "read by others"),
                (lambda path: write(path, "", 0o640), "bad", "read by others"), (lambda path: write(path, ""), "ok", "alone")):
            if os.path.lexists(scratch + "/keyring"):
                os.unlink(scratch + "/keyring")
            make(scratch + "/keyring")
            out = yard("doctor", "--dir", scratch, "--output", "json")[1]
            found = [json.loads(line) for line in out.splitlines() if '"keyring"' in line]
            expect(len(found) == 1 and found[0]["level"] == level and word in found[0]["found"], f"{level}: {out}")


def start():
    """nodes start from files, and what is given as well wins"""
    with folder() as scratch:
        home = scratch + "/cluster"
        expect(yard("init", home, "--coordinators", "1")[0] == 0, "yard init")
        port, other = free_ports(2)
        path = write(scratch + "/coordinator.yaml",
                     f"role: coordinator\nid: 1\nlisten: 127.0.0.1:{other}\npeers:\n  - 1=127.0.0.1:{port}\n"
                     f"dir: \"{home}/coordinator-1\"\nend-with-input: true\nkeep-log: 16\n")
        child = Child([YARD, "coordinator", "--config", path, "--listen", f"127.0.0.1:{port}"], scratch + "/log")
        child.stop()
        expect(child.ready["address"] == f"127.0.0.1:{port}", child.ready)


def early():
    """a reload that is asked for while a node reads its file for the first time does not end it"""
    with folder() as scratch:
        path = scratch + "/gateway.yaml"
        os.mkfifo(path, 0o600)
        process = subprocess.Popen([YARD, "gateway", "--config", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)

        def opened():
            """The way into the file, once the node waits at its other end."""
            expect(process.poll() is None, "it has ended")
            with contextlib.suppress(OSError):
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)

        with open(wait_for("the node to read its file", opened), "w", encoding="utf-8") as file:
            process.send_signal(signal.SIGHUP)
            file.write("role: king\n")
        _, err = process.communicate(timeout=60)
        expect(process.returncode == 2 and "none of" in err, f"exit {process.returncode}, {err}")


def slow_reader():
    """a log that is read too slowly loses lines, and the next that is written is whole"""
    with folder() as scratch, contextlib.ExitStack() as stack:
        text = "role: gateway\nlisten: 127.0.0.1:0\njoin: 127.0.0.1:1\ninsecure: true\nlog-format: json\nend-with-input: true\n"
        text += "log-level: error,yard=notice\n"
        path = write(scratch + "/gateway.yaml", text)
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        size = fcntl.fcntl(writing, F_SETPIPE_SZ, 4_096)
        os.set_blocking(writing, False)
        process = subprocess.Popen([YARD, "gateway", "--config", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=writing)
        stack.callback(process.stdout.close)
        stack.callback(process.wait)
        stack.callback(process.stdin.close)
        os.close(writing)
        expect(process.stdout.readline(), "it is ready")
        os.set_blocking(reading, False)
        got = b""

        def told(word):
            nonlocal got
            with contextlib.suppress(BlockingIOError):
                got += os.read(reading, 65_536)
            return word in got

        os.rename(write(path + ".new", text + "listen" + size * "n" + ": x\n"), path)
        process.send_signal(signal.SIGHUP)
        # What fits has come when it is all of the pipe.
        wait_for("a line longer than the pipe", lambda: select.select([reading], [], [], 0)[0] and unread(reading) == size)
        os.rename(write(path + ".new", text + "drain: 3\n"), path)
        told(b"")
        process.send_signal(signal.SIGHUP)
        wait_for("the next line", lambda: told(b"configuration read again"))
        cut, *whole = got.rstrip(b"\n").split(b"\n")
        expect(b"refused" in cut and [json.loads(line)["message"] for line in whole] == ["configuration read again"], got[-900:])


def unread(pipe):
    """How many bytes a pipe holds."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


class Node:
    """A node with a configuration file, and the lines of its log."""

    def __init__(self, stack, scratch, role, text, environment=None):
        self.path, self.log, self.seen = f"{scratch}/{role}.yaml", f"{scratch}/{role}.log", 0
        write(self.path, text)
        self.text = text
        self.child = Child([YARD, *ROLES[role], "--config", self.path], self.log, environment)
        stack.callback(self.child.stop)

    def lines(self):
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def reload(self, text, is_of_it=lambda line: True):
        """Another file, as a whole, and SIGHUP; answers what the log says of it, which may come after what it says of another."""
        before = len(self.said())
        os.rename(write(self.path + ".new", text), self.path)
        self.child.process.send_signal(signal.SIGHUP)
        return wait_for(f"{self.path} to be read again", lambda: next(filter(is_of_it, self.said()[before:]), None))

    def said(self):
        return [line for line in self.lines() if line["module"] == "yard" and "configuration" in line["message"]]


def reload():
    """on SIGHUP what may change at once does, what may not is named, and a wrong file changes nothing"""
    with folder() as scratch, contextlib.ExitStack() as stack:
        home = scratch + "/cluster"
        done = subprocess.run([YARD, "init", home, "--coordinators", "1", "--workers", "w", "--output", "json"],
                              stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
        port, = free_ports(1)
        address = f"127.0.0.1:{port}"
        common = "end-with-input: true\nlog-format: json\n"
        coordinator = Node(stack, scratch, "coordinator",
                           f"role: coordinator\nid: 1\nlisten: {address}\npeers: 1={address}\n"
                           f"dir: {home}/coordinator-1\n{common}log-level: info,Coordinator=error\n")
        cluster = Cluster([address], json.loads(done.stdout)["root_key"], home + "/client/identity", scratch)
        supplier = wait_for("a leader", lambda: cluster.yard("account", "create", "s", "--kind", "supplier").text.strip())
        key = made(cluster.yard("key", "create", supplier, "--scope", "work,read"))
        worker = Node(stack, scratch, "worker", f"role: worker\njoin: {address}\nengine: builtin\ndir: {home}/workers/w\n{common}",
                      {"YARD_KEY": key})
        public = scratch + "/public"
        self_signed(public)
        gateway = Node(stack, scratch, "gateway",
                       f"role: gateway\nlisten: 127.0.0.1:0\njoin: {address}\ndir: {home}/gateway\n{common}"
                       f"certificate: {public}.pem\ncertificate-key: {public}.key\n")
        expect(not any(line["module"] == "Coordinator" for line in coordinator.lines()), "Coordinator logs below error")

        def offers():
            worker, = cluster.yard("workers", "--output", "json").lines
            return worker["offers"][0]["price_output_nano_per_million"], worker["offers"][0]["slots"]

        expect(offers() == (0, 4), offers())
        said = worker.reload(worker.text + "price-output: 0.5\nslots: 3\nname: other\n")
        expect(said["fields"] == {"applied": "price-output,slots", "at_next_start": "name"}, said)
        wait_for("the new offer", lambda: offers() == (500_000_000, 3))
        said = worker.reload(worker.text + "price-output: 0.7\nslots: none\n")
        expect(said["level"] == "error" and f"{worker.path}:8: slots" in said["fields"]["reason"], said)
        expect(offers() == (500_000_000, 3), f"a wrong file changed {offers()}")
        # A certificate that was renewed by hand is taken with the file; one that is none takes the file with it.
        made(cluster.yard("node", "renew", "--join", address, "--dir", home + "/workers/w"))
        certificate = f"{home}/workers/w/identity/node.pem"
        with open(certificate, encoding="utf-8") as file:
            renewed = file.read()
        write(certificate, "none")
        said = worker.reload(worker.text + "price-output: 0.9\n")
        expect(said["level"] == "error" and "node.pem" in said["fields"]["reason"], said)
        expect(offers() == (500_000_000, 3), f"with a certificate that is none {offers()}")
        write(certificate, renewed)
        said = worker.reload(worker.text)
        expect(said["fields"] == {"applied": "price-output,slots", "at_next_start": "none"}, said)
        wait_for("the old offer", lambda: offers() == (0, 4))

        said = gateway.reload(gateway.text + "connections-per-address: 1\n")
        expect(said["fields"]["applied"] == "connections-per-address", said)
        host, at = gateway.child.ready["address"].split(":")
        trusting = ssl.create_default_context(cafile=public + ".pem")

        def secured(context):
            plain = socket.create_connection((host, at), timeout=60)
            try:
                return context.wrap_socket(plain, server_hostname=host)
            except ssl.SSLError:
                plain.close()
                raise

        with secured(trusting), secured(trusting) as other:
            expect(b"too_many_requests" in other.recv(4096), "a second connection was taken")
        # A certificate that was renewed is presented from then on; one that is none is not taken.
        self_signed(public)
        said = gateway.reload(gateway.text)
        expect(said["fields"] == {"applied": "connections-per-address", "at_next_start": "none"}, said)
        try:
            secured(trusting).close()
            raise Failed("the old certificate is still presented")
        except ssl.SSLCertVerificationError:
            pass
        trusting = ssl.create_default_context(cafile=public + ".pem")
        secured(trusting).close()
        with open(public + ".pem", "w", encoding="utf-8") as file:
            file.write("none")
        said = gateway.reload(gateway.text + "connections: 5\n")
        expect(said["level"] == "error" and "public.pem" in said["fields"]["reason"], said)
        secured(trusting).close()
        said = gateway.reload("role: coordinator\n")
        expect(said["level"] == "error" and "it is a coordinator's" in said["fields"]["reason"], said)

        # Signals that come while a file is read are one more reading, after it: the last file counts.
        for number in range(20):
            os.rename(write(coordinator.path + ".new", coordinator.text + f"keep-log: {100 + number}\n"), coordinator.path)
            coordinator.child.process.send_signal(signal.SIGHUP)
        said = coordinator.reload(coordinator.text.replace("=error", "=debug") + "certificate-life: 2h\nid: 2\n",
                                  lambda line: line["level"] == "error")
        expect(":10: id: given before" in said["fields"]["reason"], said)
        said = coordinator.reload(coordinator.text.replace("=error", "=debug") + "certificate-life: 2h\nkeep-log: 119\n",
                                  lambda line: line["level"] != "error")
        expect(set(said["fields"]["applied"].split(",")) >= {"certificate-life", "log-level"}, said)
        invited = cluster.yard("node", "invite", "--role", "worker", "--name", "late").text.strip()
        joined = cluster.yard("node", "join", "--join", address, "--dir", scratch + "/late", "--invitation-file", "-",
                              "--output", "json", stdin=invited.encode())
        expect(joined.code == 0, joined)
        left = datetime.datetime.fromisoformat(joined.lines[0]["expires"].replace("Z", "+00:00")).timestamp() - time.time()
        # Certificates end at whole seconds, and clocks are read one after the other.
        expect(3_600 < left <= 7_210, f"the new certificate ends in {left} s")


main([examples, mistakes, keyrings, start, early, slow_reader, reload])
