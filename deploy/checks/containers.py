"""The cluster of deploy/compose/cluster.yaml in containers of its own, as an operator would start it."""

import contextlib
import json
import os
import subprocess

from product import ROOT, YARD, Cluster, Failed, expect, free_ports, wait_for

COORDINATORS = (1, 2, 3)
ROLES = ("coordinator", "worker", "gateway")
USER = 7400  # of the images
IMAGE = "docker.io/library/debian:bookworm-slim"


class Missing(Exception):
    """What this machine lacks to run containers; nothing of ours is wrong."""


def run(arguments, seconds=120, **options):
    return subprocess.run([str(word) for word in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds, **options)


def demand(done, what):
    expect(done.returncode == 0, f"{what}: exit {done.returncode}: {done.stdout[-1500:]}")
    return done.stdout


def prepare():
    """Sees to it that containers can run here and that there is a base image, or says why not."""
    if os.geteuid() != 0:
        raise Missing("podman needs root here: the runtime is runc with cgroupfs")
    for tool in ("podman", "podman-compose", "runc", "debootstrap", "iptables", "ip"):
        if run(["sh", "-c", f"command -v {tool}"]).returncode != 0:
            raise Missing(f"{tool} is not installed (deploy/install-dependencies --operations)")
    if not os.path.isdir("/run/systemd/system"):
        os.environ.setdefault("CONTAINERS_CONF", str(ROOT / "deploy/container/containers.conf"))
    made = run([ROOT / "deploy/container/base"], 600)
    if made.returncode != 0:
        raise Missing(f"no base image: {made.stdout[-300:].strip()}")
    network = f"yard-check-probe-{os.getpid()}"
    made = run(["podman", "network", "create", network])
    tried = run(["podman", "run", "--rm", f"--network={network}", IMAGE, "true"]) if made.returncode == 0 else made
    run(["podman", "network", "rm", "-f", network])
    if tried.returncode != 0:
        raise Missing(f"podman cannot run a container in a network of its own here: {tried.stdout[-300:].strip()}")


class Containers:
    """A cluster in containers; `yard` on this machine reaches it by published ports."""

    def __init__(self, scratch, tag):
        self.scratch, self.home, self.tag = scratch, scratch + "/cluster", tag
        self.project = "yard-check-" + os.path.basename(scratch)[-8:].replace("_", "0").lower()
        made = run([YARD, "init", self.home, "--workers", "worker-1,worker-2", "--output", "json"])
        self.root = json.loads(demand(made, "yard init").splitlines()[0])["root_key"]
        self.key_file = scratch + "/worker_key"
        self.write_key("none yet")
        *ports, http = free_ports(4)
        self.addresses = [f"127.0.0.1:{port}" for port in ports]
        self.gateway = f"127.0.0.1:{http}"
        self.environment = {
            **os.environ, "SWITCHYARD_CLUSTER": self.home, "SWITCHYARD_TAG": tag, "SWITCHYARD_HTTP": self.gateway,
            "SWITCHYARD_WORKER_KEY": self.key_file,
            **{f"SWITCHYARD_PORT_{n}": str(port) for n, port in zip(COORDINATORS, ports)}}
        demand(run(["chown", "-R", f"{USER}:{USER}", self.home]), "chown")
        # The operator's own: `yard` refuses another's identity no more than a file that all may read.
        demand(run(["chown", "-R", f"{os.geteuid()}", self.home + "/client"]), "chown")
        self.cluster = Cluster(self.addresses, self.root, self.home + "/client/identity", scratch)

    def write_key(self, text):
        with open(self.key_file, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.key_file, 0o400)
        os.chown(self.key_file, USER, USER)

    def compose(self, *words, overlay=None):
        files = [ROOT / f"deploy/compose/{name}.yaml" for name in ("cluster", overlay) if name]
        return demand(run(
            ["podman-compose", "-p", self.project, *(f"--file={file}" for file in files), *words], 240,
            env=self.environment), f"podman-compose {words}")

    def up(self, *services):
        self.compose("up", "-d", *services)

    def container(self, service):
        return f"{self.project}_{service}_1"

    def podman(self, *words, seconds=240):
        return demand(run(["podman", *words], seconds), f"podman {words}").strip()

    def inspect(self, service, template):
        return self.podman("inspect", "--format", template, self.container(service))

    @property
    def network(self):
        return self.project + "_cluster"

    def network_gateway(self):
        """This machine's address in the cluster's network."""
        return json.loads(self.podman("network", "inspect", self.network))[0]["subnets"][0]["gateway"]

    def pin_bridge(self):
        """Has the network's bridge keep its address, as deploy/compose/README.md says that Debian 12 needs."""
        bridge = json.loads(self.podman("network", "inspect", self.network))[0]["network_interface"]
        with open(f"/sys/class/net/{bridge}/address", encoding="ascii") as file:
            demand(run(["ip", "link", "set", "dev", bridge, "address", file.read().strip()]), bridge)

    def is_healthy(self, service):
        """Without systemd nobody runs a health check but us."""
        return run(["podman", "healthcheck", "run", self.container(service)]).returncode == 0

    def wait_until_healthy(self, *services):
        for service in services:
            try:
                wait_for(f"{service} to be healthy", lambda: self.is_healthy(service), 180)  # only ends what hangs
            except Failed as failure:
                said = run(["podman", "exec", self.container(service), "/usr/lib/switchyard/health", service.split("-")[0]])
                raise Failed(f"{failure}: {said.stdout[-300:]} {self.logs(service)}") from None

    def logs(self, service):
        """The end of what it said, from its crash on if it crashed."""
        said = run(["podman", "logs", "--tail", "400", self.container(service)]).stdout
        crash = min((place for word in ("Fatal error", "Crash:") if (place := said.find(word)) >= 0), default=None)
        return said[-1200:] if crash is None else said[max(0, crash - 300):crash + 4000]

    def report(self, key):
        """Prints why the last jobs of a key's account that did not complete are where they are, and what each node said last."""
        unfinished = [line["job"] for line in self.cluster.yard("jobs", "--output", "json", key=key).lines
                      if line["state"] != "completed"]
        for job in unfinished[-8:]:
            print(f"--- yard why {job}", self.cluster.yard("why", job, key=key).text, sep="\n", flush=True)
        for name in self.podman("ps", "-a", "--format", "{{.Names}}", "--filter",
                                f"label=io.podman.compose.project={self.project}").split():
            print(f"--- {name}", run(["podman", "logs", "--timestamps", "--tail", "150", name]).stdout, sep="\n", flush=True)

    def roll(self, service):
        """Stops a node in order, and starts a new container in its place, as an upgrade does."""
        name = self.container(service)
        grace = {"worker": 120, "gateway": 40}.get(service.split("-")[0], 30)
        self.podman("stop", "--time", grace, name)
        code = self.inspect(service, "{{.State.ExitCode}}")
        expect(code == "0", f"{service} ended with {code}: {self.logs(service)}")
        self.podman("rm", name)
        self.up(service)
        self.wait_until_healthy(service)

    def kill(self, service):
        """SIGKILL of the node's process; its restart policy starts it again."""
        pid = int(self.inspect(service, "{{.State.Pid}}"))
        os.kill(pid, 9)
        return pid

    def cut(self, service):
        """Pulls the node's network cable."""
        self.cable(service, "down")

    def heal(self, service):
        self.cable(service, "up")

    def cable(self, service, state):
        """The other end of the container's interface lies in this machine's own network."""
        index = self.podman("exec", self.container(service), "cat", "/sys/class/net/eth0/iflink")
        for name in os.listdir("/sys/class/net"):
            with open(f"/sys/class/net/{name}/ifindex", encoding="ascii") as file:
                if file.read().strip() == index:
                    return demand(run(["ip", "link", "set", name, state]), f"{name} {state}")
        raise Failed(f"{service} has no cable {index} here")

    def statuses(self):
        done = self.cluster.yard("status", "--output", "json")
        return [line["status"] for line in done.lines if "status" in line]

    def leader(self):
        found = [status for status in self.statuses() if status["role"] == "leader"]
        return max(found, key=lambda status: status["term"])["replica"] if found else None

    def wait_until_caught_up(self, number):
        """Waits until a coordinator has applied what is committed now; the load goes on meanwhile."""
        goal = max(status["commit_index"] for status in self.statuses())
        wait_for(f"coordinator-{number} to apply {goal}", lambda: any(
            status["replica"] == number and status["applied_index"] >= goal for status in self.statuses()), 90)

    def agree(self):
        """All replicas have one digest at one index."""
        def agreed():
            statuses = self.statuses()
            return (len(statuses) == len(COORDINATORS)
                    and len({(s["applied_index"], s["digest"]) for s in statuses}) == 1)

        wait_for("all replicas to have one digest at one index", agreed, 60)

    def down(self):
        names = run(["podman", "ps", "-aq", "--filter", f"label=io.podman.compose.project={self.project}"]).stdout.split()
        if names:
            run(["podman", "rm", "-f", "--time", "0", *names])
        run(["podman", "network", "rm", "-f", self.network])
        volumes = run(["podman", "volume", "ls", "-q", "--filter", f"name={self.project}_"]).stdout.split()
        if volumes:
            run(["podman", "volume", "rm", "-f", *volumes])
        run(["podman", "rmi", "-f", *(f"localhost/switchyard-{role}:{self.tag}" for role in ROLES)])
        # What is younger serves the next build.
        run(["podman", "image", "prune", "-f", "--filter", "label=org.opencontainers.image.title=Switchyard",
             "--filter", "until=24h"])


@contextlib.contextmanager
def containers(scratch, tag):
    """Images of the program that is tested, and a cluster of them that is not yet started."""
    demand(run([ROOT / "deploy/container/build", "--tag", tag, "--binary", YARD], 600), "deploy/container/build")
    group = Containers(scratch, tag)
    try:
        yield group
    finally:
        group.down()
