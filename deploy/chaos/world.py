"""The whole of a chaos run's cluster: namespaces, cables, disks, nodes, accounts.

Everything lives in namespaces that `run` has made before this is imported: what is mounted, created or started here
is gone when the run ends, however it ends.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import threading

from machines import (
    HERE, YARD, Coordinator, Gateway, Timeline, Wire, Worker, demand, sh, until)
from product import Cluster

CREDIT = 1_000_000  # given to each consumer, in credits
#: A cluster keeps 5,000 ended jobs of an account: so many consumers do not come to that in a long run, and what is given up is
#: the oldest of all jobs (records.py).
CONSUMERS = 8


class World:
    """All of it."""

    def __init__(self, scratch, options):
        self.scratch, self.options, self.home = scratch, options, scratch + "/cluster"
        self.random = random.Random(options.seed)
        self.timeline = Timeline(scratch + "/timeline.jsonl")
        self.violations, self.lock = [], threading.Lock()
        #: Requests that were made to be refused.
        self.strays = 0
        #: Nodes that a fault has.
        self.taken = set()
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
        until("a leader", self.leader, 60)
        self.consumers = [self.made("account", "create", f"consumer-{n}", "--credit", CREDIT) for n in range(CONSUMERS)]
        self.keys = [self.made("key", "create", consumer) for consumer in self.consumers]
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
        until("the model", lambda: "chaos" in self.yard("models", key=self.keys[0]).text, 60)

    def key_of(self, number):
        """The key under which the client of this number asks."""
        return self.keys[number % len(self.keys)]

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
