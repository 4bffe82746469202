"""What the product checks share: a cluster of real processes, and one line for each check.

Python 3.9 or later, standard library only. The program is $YARD_BINARY, or the debug build. A check is
a function that fails by an exception; `main` runs those of a module in order and prints `pass NAME`,
`fail NAME`, or `skip NAME: what is missing`, since `deploy/test` counts these lines.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
YARD = os.environ.get("YARD_BINARY", str(ROOT / ".build/debug/yard"))
SERVE = str(ROOT / "deploy/engine/serve")
MODEL = "switchyard-test"
STORIES = "switchyard-stories"  # of the built-in engine


class Failed(Exception):
    """A check found something else than it should be."""


class Skipped(Exception):
    """This machine lacks what a check needs."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def main(checks):
    """Runs checks, says how each went, and exits 1 if one failed."""
    failures = 0
    for check in checks:
        name = (check.__doc__ or check.__name__).strip().splitlines()[0]
        began = time.monotonic()
        try:
            check()
            print(f"pass {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Skipped as lack:
            print(f"skip {name}: {lack}", flush=True)
        except Exception as error:  # noqa: BLE001 - a check that dies has failed
            failures += 1
            print(f"fail {name}: {error}", flush=True)
            if not isinstance(error, Failed):
                traceback.print_exc(file=sys.stdout)
    sys.exit(1 if failures else 0)


def wait_for(what, condition, seconds=180):
    """Asks again until the answer is true; what another process does has no better sign.

    The limit only ends what hangs: it is far beyond what a slow machine takes.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def free_ports(count):
    """Ports that nobody listens on, below those that the kernel gives to outgoing connections: a process
    that is killed and started again finds its port free, whatever was dialed in between."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first_ephemeral = int(file.read().split()[0])
    candidates = list(range(min(10_000, first_ephemeral // 2), first_ephemeral))
    random.shuffle(candidates)
    with contextlib.ExitStack() as stack:
        ports = []
        for port in candidates:
            if len(ports) == count:
                return ports
            one = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                ports.append(port)
    raise Failed(f"no {count} ports are free below {first_ephemeral}")


class Child:
    """A process that says one JSON line when ready and ends when its standard input does."""

    def __init__(self, arguments, log, environment=None):
        self.log = log
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(log, "ab"),
            env={**os.environ, **(environment or {})}, start_new_session=True)
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            tail = pathlib.Path(log).read_text(errors="replace")[-600:]
            raise Failed(f"{' '.join(arguments[:3])} did not start (exit {code}): {tail}")
        self.ready = json.loads(line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failed(f"a process did not end with its standard input; log {self.log}")


class Result:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def text(self):
        return self.out.decode(errors="replace")

    @property
    def lines(self):
        # Not splitlines(): a JSON string may hold U+2028 and its like as they are.
        return [json.loads(line) for line in self.text.split("\n") if line]

    def __repr__(self):
        return f"exit {self.code}, out {self.out[:300]!r}, err {self.err[:600]!r}"


class Cluster:
    """Where a `yard` command finds its cluster, without any file of the user's."""

    def __init__(self, endpoints, key, identity, home):
        self.endpoints, self.key, self.identity, self.home = endpoints, key, identity, home

    def environment(self, key=None):
        return {
            **os.environ, "XDG_CONFIG_HOME": self.home, "YARD_ENDPOINTS": ",".join(self.endpoints),
            "YARD_KEY": self.key if key is None else key, "YARD_IDENTITY": self.identity,
        }

    def yard(self, *arguments, key=None, stdin=b"", timeout=300):
        began = time.monotonic()
        done = subprocess.run(
            [YARD, *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout,
            env=self.environment(key))
        return Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"),
                      time.monotonic() - began)

    def spawn(self, *arguments, key=None):
        return subprocess.Popen(
            [YARD, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=self.environment(key))

    def account(self, *arguments, key=None):
        done = self.yard("account", "show", *arguments, "--output", "json", key=key)
        expect(done.code == 0, done)
        return done.lines[0]


#: Within which an owner has his machine back, in seconds (P7).
RECLAIM_SECONDS = 5


def promised(cluster, seconds):
    """What a promise of so many seconds allows on this machine now: ten times what a command takes that asks nobody, besides."""
    return seconds + 10 * sorted(cluster.yard("version").seconds for _ in range(3))[1]


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="yard-check-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def dev(*arguments, engine=None):
    """`yard dev` with these arguments, as a cluster with the consumer's key.

    Its engine is a real llama.cpp, unless one is named. `.root` is the root key, `.ready` what it said when
    ready, `.child` its process.
    """
    with folder() as home, contextlib.ExitStack() as stack:
        if engine is None:
            server = Child([SERVE, "--slots", "2"], home + "/engine.log")
            stack.callback(server.stop)
            engine = server.ready["address"]
        # From ports on that another one, which starts at the same time, hardly tries.
        first, first_http = free_ports(2)
        child = Child(
            [YARD, "dev", "--end-with-input", "--port", str(first), "--http-port", str(first_http), "--engine", engine,
             *map(str, arguments)],
            home + "/dev.log", {"XDG_CONFIG_HOME": home})
        ready = child.ready
        cluster = Cluster(ready["coordinators"], ready["key"], ready["identity"], home)
        cluster.root, cluster.ready, cluster.child = ready["root_key"], ready, child
        try:
            yield cluster
        finally:
            child.stop()


def nothing_in_clear(directory, *canaries):
    """No file below the directory holds any of these texts: stores, snapshots, keyrings, logs."""
    searched = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError), open(os.path.join(parent, name), "rb") as file:
                data = file.read()
                searched += len(data)
                for canary in canaries:
                    expect(canary.encode() not in data, f"{parent}/{name} has {canary} in clear")
    return searched


def join(cluster, name, directory):
    """Makes a worker of this name a node of a cluster of `dev`: its certificate must say its name."""
    invitation = cluster.yard("node", "invite", "--name", name, key=cluster.root)
    joined = cluster.yard("node", "join", "--join", ",".join(cluster.endpoints), "--dir", directory,
                          "--invitation-file", "-", stdin=invitation.out)
    expect(joined.code == 0, joined)


@contextlib.contextmanager
def scripted_worker(cluster, scratch, prices=("0.2", "0.6")):
    """A supplier with a worker beside the scripted engine, in a cluster of `dev`."""
    import scripted_engine

    directory = scratch + "/scripted-worker"
    join(cluster, "scripted", directory)
    supplier = cluster.yard("account", "create", "scripted-supplier", "--kind", "supplier",
                            key=cluster.root).text.strip()
    key = cluster.yard("key", "create", supplier, "--scope", "work,read",
                       key=cluster.root).text.strip()
    with scripted_engine.scripted_server() as engine:
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(cluster.endpoints), "--engine", engine.address,
             "--name", "scripted", "--dir", directory, "--price-input", prices[0],
             "--price-output", prices[1], "--slots", "4", "--end-with-input"],
            scratch + "/scripted-worker.log", {"YARD_KEY": key})
        worker.key, worker.engine = key, engine
        try:
            yield worker
        finally:
            worker.stop()
