"""The machines of a chaos run and what they are made of: processes, disks, shims, and the wire between them."""

import errno
import json
import mmap
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "deploy/checks"))

from product import YARD  # noqa: E402 - found through the path above

DISK_MIB = 256


class Violation(Exception):
    """A promise that did not hold."""


def demand(condition, what):
    if not condition:
        raise Violation(what)


def until(what, condition, seconds, error=Violation):
    """Asks again until the answer is true, and says what never came."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise error(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.1)


def sh(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Timeline:
    """Everything that was done and seen, one JSON object a line."""

    def __init__(self, path):
        self.began, self.lock = time.monotonic(), threading.Lock()
        self.file = open(path, "a", buffering=1)

    def say(self, what, **facts):
        with self.lock:
            line = {"t": round(time.monotonic() - self.began, 2), "what": what, **facts}
            self.file.write(json.dumps(line) + "\n")


class Wire:
    """The process that all packets cross (`wire.c`)."""

    def __init__(self, program, seed, addresses):
        self.names, self.lock = list(addresses), threading.Lock()
        self.process = subprocess.Popen(
            [program, str(seed), *[f"{name}={address}" for name, address in addresses.items()]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise RuntimeError("the wire did not start")

    def tell(self, line):
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def rule(self, sources, targets, **parts):
        for source in sources:
            for target in targets:
                if source != target:
                    self.tell(f"rule {source} {target} " + " ".join(f"{key}={value}" for key, value in parts.items()))

    def count(self):
        with self.lock:
            self.process.stdin.write("count\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())


class Shim:
    """What the shim in a process is to do (`shim.c`): its fields by name, in the order of the C struct."""

    FIELDS = ("realtime_step", "monotonic_step", "write_error", "sync_error", "sync_delay", "skip", "failed_writes",
              "short_writes", "failed_syncs", "slow_syncs", "stepped_reads")

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(bytes(8 * len(self.FIELDS)))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 8 * len(self.FIELDS))

    def __getitem__(self, field):
        return struct.unpack_from("q", self.memory, 8 * self.FIELDS.index(field))[0]

    def __setitem__(self, field, value):
        struct.pack_into("q", self.memory, 8 * self.FIELDS.index(field), value)

    def heal(self):
        """No more faults of the disk; steps of the clock stay."""
        for field in ("write_error", "sync_error", "sync_delay"):
            self[field] = 0


class Node:
    """A process in a namespace of its own, which may be killed and started again."""

    def __init__(self, world, name, role, environment=None):
        self.world, self.name, self.role = world, name, role
        self.address = world.addresses[name]
        self.log = f"{world.scratch}/{name}.log"
        self.environment = environment or {}
        self.process, self.ready = None, threading.Event()
        #: Whether its end would be its own doing, and whether that is what a fault is to bring about.
        self.is_wanted, self.may_stop = False, False
        self.kills = []

    def command(self):
        raise NotImplementedError

    def start(self):
        self.ready.clear()
        with open(self.log, "ab") as log:
            log.write(f"--- started {time.monotonic() - self.world.timeline.began:.2f}\n".encode())
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.name}", *self.command()], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env={**os.environ, **self.environment})
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        self.is_wanted = True

    def _listen(self, process):
        for line in process.stdout:
            if line.startswith(b"{") and process is self.process:
                self.ready.set()

    def wait_ready(self, seconds=60):
        """Whether it said that it is ready; False if it ended instead."""
        deadline = time.monotonic() + seconds
        while not self.ready.wait(0.05):
            if self.process.poll() is not None:
                return False
            demand(time.monotonic() < deadline, f"{self.name} was not ready within {seconds} s")
        return True

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.is_wanted = False
        self.kills.append(time.monotonic())
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds=60):
        """SIGTERM; the exit code."""
        self.is_wanted = False
        self.kills.append(time.monotonic())
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Violation(f"{self.name} did not end within {seconds} s of SIGTERM") from None

    def pause(self):
        """SIGSTOP; whether all of it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        until(f"{self.name} to stand still",
              lambda: open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()[0] == "T", 5)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def tail(self, size=800):
        text = pathlib.Path(self.log).read_bytes()[-size:]
        return text.decode(errors="replace")


class Coordinator(Node):
    """A machine that runs a coordinator, on a small disk, under the shim."""

    def __init__(self, world, name, replica):
        super().__init__(world, name, "coordinator")
        self.replica, self.joins, self.peers = replica, False, None
        self.shim = Shim(f"{world.scratch}/{name}.control")
        self.environment = {"LD_PRELOAD": world.shim, "CHAOS_CONTROL": self.shim.path}

    @property
    def endpoint(self):
        return f"{self.address}:7400"

    @property
    def directory(self):
        return f"{self.world.scratch}/machines/{self.name}/coordinator-{self.replica}"

    @property
    def data(self):
        return f"{self.directory}/data/data.mdb"

    def command(self):
        return [YARD, "coordinator", "--id", str(self.replica), "--listen", self.endpoint, "--peers", self.peers,
                "--dir", self.directory, "--keep-log", "1", *(["--join"] if self.joins else []), "--end-with-input"]

    def start(self):
        # A new process has a clock that never stepped: monotonic time is its own.
        self.shim["monotonic_step"] = 0
        super().start()

    def give_disk(self):
        """Copies the directory that the operator has made onto a small file system of the machine's own."""
        image, made = f"{self.world.scratch}/disk-{self.replica}.img", f"{self.world.home}/coordinator-{self.replica}"
        os.makedirs(self.directory)
        if self.world.has_loop:
            with open(image, "wb") as file:
                file.truncate(DISK_MIB << 20)
            sh("mkfs.ext4", "-q", "-m", "0", image)
            sh("mount", "-o", "loop", image, self.directory)
        else:
            sh("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "chaos", self.directory)
        sh("cp", "-a", made + "/.", self.directory)

    def fill_disk(self):
        """Takes all the room that is left; how much that was, in bytes."""
        taken = 0
        with open(self.directory + "/ballast", "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        taken += file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
        return taken

    def free_disk(self):
        pathlib.Path(self.directory, "ballast").unlink(missing_ok=True)


class Worker(Node):
    """A machine with an engine and a worker beside it."""

    def __init__(self, world, name):
        super().__init__(world, name, "worker")
        self.engine = None

    def start_engine(self):
        with open(f"{self.world.scratch}/engine-{self.name}.log", "ab") as log:
            self.engine = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.name}", sys.executable, str(HERE / "engine.py"), "8000",
                 str(self.world.options.rate), str(self.world.options.slots), str(self.world.timeline.began)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        if not self.engine.stdout.readline():
            raise RuntimeError(f"the engine of {self.name} did not start")

    def command(self):
        return [YARD, "worker", "run", "--join", self.world.endpoints, "--engine", "http://127.0.0.1:8000",
                "--name", self.name, "--dir", f"{self.world.home}/workers/{self.name}", "--price-input", "0.2",
                "--price-output", "0.6", "--end-with-input"]


class Gateway(Node):
    """A machine that runs a gateway."""

    def __init__(self, world, name):
        super().__init__(world, name, "gateway")
        #: When what its clients have from it may have been cut off: kills, and pauses that look like one.
        self.cuts = []
        #: Where it serves HTTP.
        self.http = f"{self.address}:8080"

    def command(self):
        return [YARD, "gateway", "--listen", self.http, "--join", self.world.endpoints, "--clear-http",
                "--dir", f"{self.world.home}/{self.name}", "--end-with-input"]


def damage(path, generator):
    """Flips one bit of a file, in a page that holds something; where."""
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        while True:
            place = generator.randrange(size)
            file.seek(place)
            byte = file.read(1)
            if byte and byte != b"\0":
                break
        bit = generator.randrange(8)
        file.seek(place)
        file.write(bytes([byte[0] ^ (1 << bit)]))
        file.flush()
        os.fsync(file.fileno())
    return f"bit {bit} of byte {place}"


#: What a coordinator says of damage: what is damaged, and how it comes back.
REFUSAL = re.compile(r"(Row [0-9a-f]+ of table \d+|Log entry \d+|data file|description of itself)[^\n]*\b(is damaged"
                     r"|is missing)[^\n]*new replica id")
