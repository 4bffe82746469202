"""The machines of a chaos run: nodes in network namespaces of their own, the wire between them, disks, and shims.

Everything lives in namespaces that `run` has made before this is imported: what is mounted, created or started here
is gone when the run ends, however it ends.
"""

import errno
import json
import mmap
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "deploy/checks"))

from product import YARD, Cluster  # noqa: E402 - found through the path above

DISK_MIB = 256
CREDIT = 1_000_000  # given to the consumer, in credits


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


class World:
    """All of it."""

    def __init__(self, scratch, options):
        self.scratch, self.options, self.home = scratch, options, scratch + "/cluster"
        self.random = random.Random(options.seed)
        self.timeline = Timeline(scratch + "/timeline.jsonl")
        self.violations, self.lock = [], threading.Lock()
        self.shim, wire = scratch + "/shim.so", scratch + "/wire"
        sh("cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", self.shim, HERE / "shim.c")
        sh("cc", "-O2", "-Wall", "-o", wire, HERE / "wire.c")
        #: Where clients are.
        self.source = "10.99.0.1"
        self.addresses = {"clients": self.source}
        for role, count, first in (("c", options.coordinators, 11), ("w", options.workers, 31),
                                   ("g", options.gateways, 51)):
            for number in range(1, count + 1):
                self.addresses[f"{role}{number}"] = f"10.99.0.{first + number - 1}"
        self.wire = Wire(wire, options.seed, self.addresses)
        self._lay_cables()
        self.has_loop = self._try_loop()
        self.founded = subprocess.run(
            [YARD, "init", self.home, "--coordinators", str(options.coordinators), "--workers",
             ",".join(f"w{n}" for n in range(1, options.workers + 1)), "--output", "json"],
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=300)
        self.root = json.loads(self.founded.stdout)["root_key"]
        self.coordinators = [Coordinator(self, f"c{n}", n) for n in range(1, options.coordinators + 1)]
        self.endpoints = ",".join(node.endpoint for node in self.coordinators)
        self.cluster = Cluster(self.endpoints.split(","), self.root, self.home + "/client/identity", scratch)
        self.workers = [Worker(self, f"w{n}") for n in range(1, options.workers + 1)]
        self.gateways = [Gateway(self, f"g{n}") for n in range(1, options.gateways + 1)]
        self.highest = options.coordinators

    @property
    def nodes(self):
        return [*self.coordinators, *self.workers, *self.gateways]

    def names(self, role):
        return [node.name for node in self.nodes if node.role == role]

    def _lay_cables(self):
        for name, address in self.addresses.items():
            inside = ()
            if name != "clients":
                sh("ip", "netns", "add", name)
                sh("ip", "link", "set", name, "netns", name)
                inside = ("-n", name)
                sh("ip", *inside, "link", "set", "lo", "up")
            sh("ip", *inside, "addr", "add", f"{address}/24", "dev", name)
            sh("ip", *inside, "link", "set", name, "up", "mtu", "1500")

    def _try_loop(self):
        """Whether small file systems can be mounted from images; a tmpfs serves where not."""
        image, place = self.scratch + "/try.img", self.scratch + "/try"
        os.mkdir(place)
        try:
            with open(image, "wb") as file:
                file.truncate(8 << 20)
            sh("mkfs.ext4", "-q", image)
            sh("mount", "-o", "loop", image, place)
            sh("umount", place)
            return True
        except (RuntimeError, OSError) as error:
            print(f"disks are tmpfs, whose syncs cost nothing: {error}", flush=True)
            return False

    def start(self):
        """Starts everything, makes the accounts, and says when the first worker can be given work."""
        peers = ",".join(f"{node.replica}={node.endpoint}" for node in self.coordinators)
        for node in self.coordinators:
            node.peers = peers
            node.give_disk()
            node.start()
        for node in self.coordinators:
            demand(node.wait_ready(), f"{node.name} did not start: {node.tail()}")
        self.consumer = until("a leader that opens an account", lambda: self.yard(
            "account", "create", "consumer", "--credit", CREDIT).text.strip(), 60)
        self.consumer_key = self.made("key", "create", self.consumer)
        self.supplier = self.made("account", "create", "supplier", "--kind", "supplier")
        work = self.made("key", "create", self.supplier, "--scope", "work,read")
        for worker in self.workers:
            worker.environment = {"YARD_KEY": work}
            worker.start_engine()
            worker.start()
        for gateway in self.gateways:
            shutil.copytree(self.home + "/gateway", f"{self.home}/{gateway.name}")
            gateway.start()
        for node in [*self.workers, *self.gateways]:
            demand(node.wait_ready(), f"{node.name} did not start: {node.tail()}")
        until("the model", lambda: "chaos" in self.yard("models", key=self.consumer_key).text, 60)

    def yard(self, *arguments, **options):
        return self.cluster.yard(*arguments, **options)

    def made(self, *arguments):
        done = self.yard(*arguments, "--patience", 60)
        demand(done.code == 0 and done.text.strip(), done)
        return done.text.strip()

    def statuses(self, patience=2):
        """What the coordinators say that answer, by machine."""
        done = self.yard("status", "--output", "json", "--patience", patience)
        by_address = {node.endpoint: node for node in self.coordinators}
        found = {}
        for line in done.lines:
            if "status" in line and line["address"] in by_address:
                found[by_address[line["address"]]] = line["status"]
        return found

    def leader(self):
        """The machine of the coordinator that leads; None if none says so."""
        leading = [(status["term"], node.name, node) for node, status in self.statuses().items()
                   if status["role"] == "leader"]
        return max(leading)[2] if leading else None

    def a_leader(self):
        return until("a leader", self.leader, 30)

    def followers(self):
        leader = self.a_leader()
        return [node for node in self.coordinators if node is not leader]

    def violated(self, what):
        """Keeps a violation; the run goes on to its end, since what else does not hold says more."""
        with self.lock:
            self.violations.append(str(what))
        self.timeline.say("VIOLATION", text=str(what)[:2000])
        print(f"VIOLATION: {str(what)[:1500]}", flush=True)

    def watch(self, is_over):
        """Whoever ends without being told to has failed: of every process that runs, until the run is over."""
        while not is_over.wait(0.1):
            for node in self.nodes:
                process = node.process
                if not node.is_wanted or process is None or process.poll() is None:
                    continue
                node.is_wanted = False
                if not node.may_stop:
                    self.violated(f"{node.name} ended by itself with exit {process.returncode}: {node.tail()}")
                    self.timeline.say("ended", node=node.name, code=process.returncode)

    def heal(self):
        """Undoes whatever a fault has left behind: everything runs, and nothing disturbs it."""
        self.wire.tell("clear")
        for node in self.coordinators:
            node.shim.heal()
            node.shim["realtime_step"] = 0
            node.free_disk()
        for node in self.nodes:
            if node.is_running:
                node.resume()
                continue
            node.is_wanted = node.may_stop = False
            node.start()
            if not node.wait_ready():
                self.violated(f"{node.name} does not start after everything was healed: {node.tail()}")

    def stop(self):
        """The end of every process."""
        for node in self.nodes:
            node.is_wanted = False
            if node.is_running:
                node.kill()
            if node.role == "worker" and node.engine:
                node.engine.kill()

    def keep(self):
        """Copies what is on the small disks, which are unmounted with the run."""
        for node in self.coordinators:
            if os.path.ismount(node.directory):
                sh("cp", "-a", "--sparse=always", node.directory, f"{self.scratch}/{node.name}-directory")

    def tidy(self, all_of_it):
        """Unmounts the disks and removes them; with `all_of_it` everything but the timeline."""
        for node in self.coordinators:
            if os.path.ismount(node.directory):
                sh("umount", node.directory)
        for path in pathlib.Path(self.scratch).iterdir():
            if path.suffix == ".img" or path.is_file() and all_of_it and path.name != "timeline.jsonl":
                path.unlink()
            elif path.is_dir() and all_of_it:
                shutil.rmtree(path)


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
