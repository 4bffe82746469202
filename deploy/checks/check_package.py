#!/usr/bin/env python3
"""The Debian package in bare Debian 12 roots: installed, upgraded, removed, purged; and three of them as the three
machines of deploy/runbook.md, set up by its steps with nothing but the package.

A root is a copy of the minimal Debian that deploy/container/base keeps. Units cannot be started in it: their command
lines are read from the installed files and run as their user, as systemd would. Needs root; skipped where it is not.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from product import ROOT, YARD, Cluster, Failed, expect, folder, free_ports, main, wait_for

MODEL = "switchyard-stories"
ROLES = ("coordinator", "worker", "gateway")


def run(arguments, seconds=300, **options):
    return subprocess.run([str(word) for word in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=seconds, **options)


def demand(done, what):
    expect(done.returncode == 0, f"{what}: exit {done.returncode}: {done.stdout[-1500:]}")
    return done.stdout


def missing():
    """What this machine lacks; nothing if the checks can run."""
    if os.geteuid() != 0:
        return "root's rights, for chroot"
    for tool in ("dpkg-deb", "chroot", "setpriv", "objdump"):
        if not shutil.which(tool):
            return f"{tool} (apt-get install dpkg coreutils util-linux binutils)"
    if run(["unshare", "--mount", "--propagation", "private", "true"]).returncode != 0:
        return "the right to mount in a namespace of its own"
    made = run([ROOT / "deploy/container/base", "--archive"], 600)
    return "" if made.returncode == 0 else f"a bare Debian root: {made.stdout[-300:].strip()}"


def build(directory):
    """The package and the tarball."""
    said = demand(run([ROOT / "deploy/package/build", YARD, directory, "--version", "0.1.0", "--fast"]), "package/build")
    return [pathlib.Path(line) for line in said.splitlines()[-2:]]


def later(package):
    """The same package under a later version."""
    tree = package.parent / "later"
    demand(run(["dpkg-deb", "--raw-extract", package, tree]), "dpkg-deb")
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text(encoding="utf-8").replace("Version: 0.1.0", "Version: 0.1.1"), encoding="utf-8")
    made = package.parent / "switchyard_later.deb"
    demand(run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made]), "dpkg-deb")
    shutil.rmtree(tree)
    return made


class Machine:
    """A bare Debian with its own files; the network is this machine's."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True)
        archive = demand(run([ROOT / "deploy/container/base", "--archive"]), "base").strip()
        demand(run(["tar", "-C", path, "-xpf", archive]), "a bare Debian")
        # A program finds the libraries beside it by /proc. The mount is gone with this process.
        demand(run(["mount", "-t", "proc", "proc", self.path / "proc"]), "mount")

    def root(self, *words):
        return run(["chroot", self.path, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                    "HOME=/root", *words])

    def dpkg(self, *words):
        return demand(self.root("dpkg", "--force-unsafe-io", *words), f"dpkg {words}")

    def install(self, package):
        shutil.copy(package, self.path / "root" / package.name)
        return self.dpkg("--install", f"/root/{package.name}")

    def file(self, path):
        return self.path / path.lstrip("/")

    def put(self, source, path):
        """A node's directory, as the runbook copies it."""
        shutil.copytree(source, self.file(path))
        demand(self.root("chown", "-R", "switchyard:switchyard", "/var/lib/switchyard"), "chown")

    def configure(self, role, options):
        lines = [f"{key}: {json.dumps(value)}" for key, value in {"dir": f"/var/lib/switchyard/{role}", **options}.items()]
        self.file(f"/etc/switchyard/{role}.yaml").write_text("\n".join([f"role: {role}", *lines, ""]), encoding="utf-8")
        demand(self.root("yard", "config", "check", f"/etc/switchyard/{role}.yaml"), "yard config check")

    def unit(self, role):
        text = self.file(f"/lib/systemd/system/switchyard-{role}.service").read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))

    def start(self, role, log, credential=None):
        """What the unit would run, as whom it would run it; answers the process and the line that it says when ready."""
        unit = self.unit(role)
        command = shlex.split(unit["ExecStart"])
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if credential:
            expect(unit["LoadCredential"].endswith(":/etc/switchyard/worker_key"), unit)
            environment["YARD_KEY_FILE"] = credential
        process = subprocess.Popen(
            ["chroot", str(self.path), "setpriv", "--reuid", unit["User"], "--regid", unit["Group"], "--init-groups",
             "--no-new-privs", "--", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(log, "ab"), env=environment,
            start_new_session=True)
        line = process.stdout.readline()
        if not line:
            raise Failed(f"{command} ended with {process.wait()}: {pathlib.Path(log).read_text(errors='replace')[-600:]}")
        return process, json.loads(line)


@contextlib.contextmanager
def scratch():
    """A folder that chroot may run programs in."""
    with folder() as path:
        os.chmod(path, 0o755)
        yield path


@contextlib.contextmanager
def mounted():
    """The same, for roots: what is mounted in them goes first."""
    with scratch() as path:
        try:
            yield path
        finally:
            for place in pathlib.Path(path).glob("*/proc"):
                run(["umount", "--lazy", place])


STAND_IN = """#!/bin/sh
[ "$2" = wait ] || exit "$2"
trap 'kill $!; exit 5' TERM
sleep 300 &
echo ready >&2
wait
"""


def entry(machine):
    """What containers start: a coordinator's end is its container's, but for 70, and the order to stop reaches it."""
    program = machine.file("/usr/bin/yard")
    link = os.readlink(program)
    program.unlink()
    program.write_text(STAND_IN, encoding="utf-8")
    program.chmod(0o755)
    for words, said, code in ((("3",), "", 3), (("wait",), "ready", 5), (("70",), "is not started again", 0)):
        process = subprocess.Popen(["chroot", machine.path, "/usr/lib/switchyard/entry", "coordinator", *words],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        if said:
            process.terminate()
        expect(said in line and process.wait(60) == code, f"coordinator {words}: {line!r}, exit {process.returncode}")
    program.unlink()
    program.symlink_to(link)


def life():
    """installed, upgraded, removed, purged: configuration and nodes outlive what they should"""
    first, tarball = PACKAGES
    with mounted() as path:
        machine = Machine(path + "/root")
        demand(machine.root("groupadd", "--system", "render"), "groupadd")
        machine.install(first)
        groups = demand(machine.root("id", "-nG", "switchyard"), "id").split()
        expect(sorted(groups) == ["render", "switchyard", "video"], f"the devices of GPUs are not for groups {groups}")
        for owner, file in (("root:root", "/usr/bin/yard"), ("root:switchyard", "/etc/switchyard/worker.yaml"),
                            ("switchyard:switchyard", "/var/lib/switchyard")):
            found = demand(machine.root("stat", "-c", "%U:%G", file), file).strip()
            expect(found == owner, f"{file} is owned by {found}")
        for file in ("/usr/share/man/man1/yard.1.gz", "/usr/share/bash-completion/completions/yard",
                     "/usr/share/zsh/vendor-completions/_yard", "/usr/share/fish/vendor_completions.d/yard.fish",
                     "/usr/share/doc/switchyard/runbook.md", "/usr/share/doc/switchyard/libraries.txt",
                     *(f"/lib/systemd/system/switchyard-{role}.service" for role in ROLES)):
            expect(machine.file(file).stat().st_size > 200, f"{file} is next to nothing")
        said = demand(machine.root("setpriv", "--reuid", "switchyard", "--clear-groups", "yard", "version"), "yard version")
        expect("protocol" in said, said)
        demand(machine.root("sh", "-c", "dpkg --verify switchyard && ! ldd /usr/lib/switchyard/yard | grep 'not found'"), "libraries")

        entry(machine)
        machine.configure("gateway", {"listen": "127.0.0.1:1", "join": "127.0.0.1:2"})
        node = machine.file("/var/lib/switchyard/coordinator/cluster.json")
        node.parent.mkdir()
        node.write_text("{}", encoding="utf-8")
        unused = machine.file("/etc/switchyard/coordinator.yaml")
        unused.unlink()  # who runs no coordinator here needs no file for it
        upgraded = machine.install(later(first))
        expect("upgraded from 0.1.0" in upgraded and not unused.exists(), upgraded)
        expect("127.0.0.1:2" in machine.file("/etc/switchyard/gateway.yaml").read_text(), "the upgrade changed what was configured")
        machine.dpkg("--remove", "switchyard")
        expect(not machine.file("/usr/bin/yard").is_symlink() and not machine.file("/usr/lib/switchyard").exists(),
               "the program is still there")
        expect(machine.file("/etc/switchyard/gateway.yaml").exists() and node.exists(), "removing took more than the program")
        said = machine.dpkg("--purge", "switchyard")
        expect(not machine.file("/etc/switchyard").exists(), "the configuration is still there")
        expect(node.exists() and "holds nodes and stays" in said, f"a node went with the package: {said}")
        listed = demand(run(["tar", "-tzf", tarball]), "the tarball")
        expect("usr/bin/yard" in listed and "lib/systemd/system/switchyard-worker.service" in listed, listed[:400])


def units():
    """systemd takes the units, and finds little that they may do"""
    with scratch() as path:
        place = pathlib.Path(path, "units")
        place.mkdir()
        for role in ROLES:
            text = (ROOT / f"deploy/package/units/switchyard-{role}.service").read_text(encoding="utf-8")
            # The program is not installed here; who runs it and how is what is verified.
            text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
            text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
            (place / f"switchyard-{role}.service").write_text(text, encoding="utf-8")
        files = [str(place / f"switchyard-{role}.service") for role in ROLES]
        said = demand(run(["systemd-analyze", "verify", "--man=no", *files]), "systemd-analyze verify")
        ours = [line for line in said.splitlines() if "switchyard" in line]
        expect(not ours, ours)
        for role, file in zip(ROLES, files):
            done = run(["systemd-analyze", "security", "--offline=true", "--threshold=20", file])
            level = re.search(r"exposure level for .*?: ([0-9.]+)", done.stdout)
            expect(done.returncode == 0 and level and float(level[1]) <= 2, f"{role}: {done.stdout[-400:]}")
            print(f"{role}: exposure {level[1]}", flush=True)


def operator():
    """three bare machines become a cluster by the runbook's steps, and serve a chat through the gateway"""
    with mounted() as path, contextlib.ExitStack() as stack:
        machines = [Machine(f"{path}/machine-{number}") for number in (1, 2, 3)]
        for machine in machines:
            machine.install(PACKAGES[0])

        def yard(*words, key="", **environment):
            place = ["env", *(f"{k}={v}" for k, v in environment.items()), *([f"YARD_KEY={key}"] if key else [])]
            return machines[0].root(*place, "yard", *words)

        made = demand(yard("init", "/root/cluster", "--coordinators", "3", "--workers", "gpu-1"), "yard init")
        root = re.search(r"sy_\S+", made)[0]
        *ports, http = free_ports(4)
        addresses = [f"127.0.0.{n}:{port}" for n, port in zip((1, 2, 3), ports)]
        peers = ",".join(f"{n}={address}" for n, address in zip((1, 2, 3), addresses))
        home = machines[0].file("/root/cluster")

        def start(machine, role, name, **options):
            process, ready = machine.start(role, f"{path}/{name}.log", **options)
            stack.callback(stop, process)
            return ready

        for number, machine in enumerate(machines, 1):
            machine.put(home / f"coordinator-{number}", "/var/lib/switchyard/coordinator")
            machine.configure("coordinator", {"id": number, "listen": addresses[number - 1], "peers": peers})
            start(machine, "coordinator", f"coordinator-{number}")
        client = {"YARD_ENDPOINTS": ",".join(addresses), "YARD_IDENTITY": "/root/cluster/client/identity"}
        cluster = Cluster(addresses, root, str(home / "client/identity"), path)
        supplier = wait_for("a leader that opens an account", lambda: (
            lambda done: done.stdout.strip() if done.returncode == 0 else None)(
            yard("account", "create", "gpu-owner", "--kind", "supplier", key=root, **client)))
        work = demand(yard("key", "create", supplier, "--scope", "work,read", key=root, **client), "key create").strip()
        join = {"join": ",".join(addresses)}
        for role, source, options in (
                ("worker", home / "workers/gpu-1", {**join, "engine": "builtin", "price-input": "0.2", "price-output": "0.6"}),
                ("gateway", home / "gateway", {**join, "listen": f"127.0.0.1:{http}"})):
            machines[0].put(source, f"/var/lib/switchyard/{role}")
            machines[0].configure(role, options)
        secret = machines[0].file("/etc/switchyard/worker_key")
        secret.write_text(work, encoding="utf-8")
        demand(machines[0].root("chown", "switchyard", "/etc/switchyard/worker_key"), "chown")
        secret.chmod(0o400)
        start(machines[0], "worker", "worker", credential="/etc/switchyard/worker_key")
        start(machines[0], "gateway", "gateway")
        consumer = demand(yard("account", "create", "team", "--credit", "100", key=root, **client), "account").strip()
        key = demand(yard("key", "create", consumer, "--scope", "submit,read", key=root, **client), "key create").strip()

        body = json.dumps({"model": MODEL, "max_tokens": 24, "stream": True,
                           "messages": [{"role": "user", "content": "Tell me a story."}]})
        said = run(["curl", "-sN", "--max-time", "60", f"http://127.0.0.1:{http}/v1/chat/completions", "-H",
                    f"authorization: Bearer {key}", "-H", "content-type: application/json", "-d", body]).stdout
        expect(said.rstrip().endswith("data: [DONE]") and '"finish_reason":"' in said, said[-600:])
        spent = cluster.account(consumer)
        expect(spent["spent_nano"] > 0 and spent["held_nano"] == 0, spent)


def stop(process):
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


lacking = missing()
if not lacking and os.environ.get("YARD_CHECK_MOUNTS") != "own":
    # Mounts of this process alone, which end with it however it ends.
    os.environ["YARD_CHECK_MOUNTS"] = "own"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
checks = []
if lacking:
    print(f"skip package: this machine lacks {lacking}", flush=True)
else:
    checks += [life, operator]
if shutil.which("systemd-analyze"):
    checks.append(units)
else:
    print("skip units: systemd-analyze is not here (apt-get install systemd)", flush=True)
with scratch() as place:
    PACKAGES = [] if lacking else build(place)
    if checks:
        main(checks)
