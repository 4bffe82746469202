#!/usr/bin/env python3
"""The Debian package in bare Debian 12 roots: installed, upgraded, removed, purged; and three of them as the three
machines of deploy/runbook.md, set up with nothing but the package, by the commands and files of its text.

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
import textwrap

from product import ROOT, YARD, Cluster, Failed, expect, folder, free_ports, main, wait_for

MODEL = "switchyard-stories"
ROLES = ("coordinator", "worker", "gateway")
TIMERS = ("doctor", "backup", "archive")


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
        # A root that is thrown away needs no file flushed.
        self.file("/etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n", encoding="utf-8")
        # A program finds the libraries beside it by /proc. The mount is gone with this process.
        demand(run(["mount", "-t", "proc", "proc", self.path / "proc"]), "mount")

    def root(self, *words):
        return run(["chroot", self.path, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                    "HOME=/root", *words])

    def dpkg(self, *words):
        return demand(self.root("dpkg", *words), f"dpkg {words}")

    def install(self, package):
        shutil.copy(package, self.path / "root" / package.name)
        return self.dpkg("--install", f"/root/{package.name}")

    def file(self, path):
        return self.path / path.lstrip("/")

    def shell(self, commands, place="/root"):
        """What an operator types, as root."""
        return self.root("sh", "-euc", f"cd {place}\n{commands}")

    def put(self, source, path):
        """A file or directory is carried here: into a directory that there is, or under a new name."""
        target = self.file(path)
        if pathlib.Path(source).is_dir():
            shutil.copytree(source, target / source.name if target.is_dir() else target)
        else:
            shutil.copy(source, target)

    def configure(self, role, text):
        self.file(f"/etc/switchyard/{role}.yaml").write_text(text, encoding="utf-8")
        demand(self.root("yard", "config", "check", f"/etc/switchyard/{role}.yaml"), "yard config check")

    def unit(self, name):
        """What a unit's file says, each setting with all its values."""
        text = self.file(f"/lib/systemd/system/switchyard-{name}.service").read_text(encoding="utf-8")
        found = {}
        for line in text.splitlines():
            if "=" in line and not line.startswith("#"):
                setting, _, value = line.partition("=")
                found.setdefault(setting, []).append(value)
        return found

    def node(self, unit):
        """How systemd would run a command of a unit: as whom, and with what of the environment."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/var/lib/switchyard"}
        for name in unit.get("EnvironmentFile", []):
            environment |= dict(line.split("=", 1) for line in self.file(name.lstrip("-")).read_text(encoding="utf-8").splitlines()
                                if "=" in line and not line.startswith("#"))
        for name, _, path in (value.partition(":") for value in unit.get("LoadCredential", [])):
            # A copy for the unit's user alone; the file itself is root's.
            self.file("/run/credentials").mkdir(exist_ok=True)
            demand(self.root("install", "-o", unit["User"][0], "-m", "400", path, f"/run/credentials/{name}"), path)
            expect(unit["Environment"] == [f"YARD_KEY_FILE=%d/{name}"], unit)
            environment["YARD_KEY_FILE"] = f"/run/credentials/{name}"
        words = ["chroot", str(self.path), "setpriv", "--reuid", unit["User"][0], "--regid", unit["Group"][0], "--init-groups",
                 "--no-new-privs", "--"]
        return words, environment

    def once(self, name):
        """What a unit of a timer runs, one after the other: `+` is root's."""
        unit = self.unit(name)
        words, environment = self.node(unit)
        for setting, base in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib")):
            for folder_name in unit.get(setting, []):
                demand(self.root("install", "-d", "-o", unit["User"][0], "-g", unit["Group"][0], "-m", "700",
                                 f"{base}/{folder_name}"), setting)
        for command in (*unit.get("ExecStartPre", []), *unit["ExecStart"], *unit.get("ExecStartPost", [])):
            if command.startswith("+"):
                demand(self.root(*shlex.split(command[1:])), command)
            else:
                demand(run([*words, *shlex.split(command)], env=environment), command)

    def start(self, role, log):
        """What the unit would run, as whom it would run it; answers the process and the line that it says when ready."""
        unit = self.unit(role)
        command = shlex.split(unit["ExecStart"][0])
        words, environment = self.node(unit)
        process = subprocess.Popen([*words, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(log, "ab"),
                                   env=environment, start_new_session=True)
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
trap 'exit 5' TERM
echo ready >&2
while :; do sleep 0.1; done
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
                     *(f"/lib/systemd/system/switchyard-{name}.service" for name in (*ROLES, *TIMERS)),
                     *(f"/lib/systemd/system/switchyard-{name}.timer" for name in TIMERS)):
            expect(machine.file(file).stat().st_size > 150, f"{file} is next to nothing")
        said = demand(machine.root("setpriv", "--reuid", "switchyard", "--clear-groups", "yard", "version"), "yard version")
        expect("protocol" in said, said)
        demand(machine.root("sh", "-c", "dpkg --verify switchyard && ! ldd /usr/lib/switchyard/yard | grep 'not found'"), "libraries")

        entry(machine)
        machine.configure("gateway", "role: gateway\ndir: /var/lib/switchyard/gateway\nlisten: 127.0.0.1:1\njoin: 127.0.0.1:2\n")
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
        names = [*ROLES, *TIMERS]
        for role in names:
            text = (ROOT / f"deploy/package/units/switchyard-{role}.service").read_text(encoding="utf-8")
            # The program is not installed here; who runs it and how is what is verified.
            text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
            text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
            (place / f"switchyard-{role}.service").write_text(text, encoding="utf-8")
        timers = [ROOT / f"deploy/package/units/switchyard-{name}.timer" for name in TIMERS]
        for timer in timers:
            (place / timer.name).write_text(re.sub(r"^Documentation=.*\n", "", timer.read_text(encoding="utf-8"), flags=re.M),
                                            encoding="utf-8")
        files = [str(place / f"switchyard-{role}.service") for role in names]
        said = demand(run(["systemd-analyze", "verify", "--man=no", *files, *(place / timer.name for timer in timers)]),
                      "systemd-analyze verify")
        ours = [line for line in said.splitlines() if "switchyard" in line]
        expect(not ours, ours)
        for role, file in zip(names, files):
            done = run(["systemd-analyze", "security", "--offline=true", "--threshold=20", file])
            level = re.search(r"exposure level for .*?: ([0-9.]+)", done.stdout)
            expect(done.returncode == 0 and level and float(level[1]) <= 2, f"{role}: {done.stdout[-400:]}")
            print(f"{role}: exposure {level[1]}", flush=True)


class Page:
    """The commands and files of a section of the runbook: its indented lines, each block by itself."""

    def __init__(self, section, replaced):
        text = (ROOT / "deploy/runbook.md").read_text(encoding="utf-8")
        page = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^#+ )", text, re.M | re.S)[1]
        blocks = re.findall(r"(?:^(?: {7}| {4}).*\n(?:\n(?= {7}| {4}(?! )))?)+", page, re.M)
        self.blocks = [textwrap.dedent(block) for part in blocks for block in part.split("\n\n") if block.strip()]
        self.replaced = replaced

    def block(self, words):
        """The one block with these words in it, with this cluster's names in the place of the runbook's."""
        found = [block for block in self.blocks if words in block]
        expect(len(found) == 1, f"the runbook has {len(found)} blocks with {words!r}")
        text = found[0]
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return text


def content(machine):
    """What the doctor of a machine's timer is content with, by what Prometheus would be told."""
    machine.once("doctor")
    text = machine.file("/var/lib/prometheus/node-exporter/switchyard.prom").read_text(encoding="utf-8")
    return set(re.findall(r'^switchyard_doctor_level\{check="(\w+)"\} 0$', text, re.M))


SYSTEMCTL = """#!/bin/sh
echo "$*" >>/root/systemctl.log
"""


def operator():
    """three bare machines become a cluster by the runbook's own commands, are watched and backed up, and serve a chat"""
    with mounted() as path, contextlib.ExitStack() as stack:
        machines = [Machine(f"{path}/machine-{number}") for number in (1, 2, 3)]
        *ports, http = free_ports(4)
        addresses = [f"127.0.0.{n}:{port}" for n, port in zip((1, 2, 3), ports)]
        replaced = {f"10.0.0.{n}:7400": address for n, address in zip((1, 2, 3), addresses)}
        replaced["127.0.0.1:8080"] = f"127.0.0.1:{http}"
        page, watching, backup = (Page(name, replaced) for name in ("A cluster on three machines", "Watching", "Backup"))
        safe = machines[0]  # which has the package
        said = {"environment": ""}

        def at_the_safe_place(commands, place="/root"):
            return demand(safe.shell(said["environment"] + commands, place), commands)

        def enable(machine, text, log=None):
            """The unit that the block has started is started: what it would run, as whom it would run it."""
            demand(machine.shell(text), text)
            unit = machine.file("/root/systemctl.log").read_text(encoding="utf-8").split()[-1]
            expect(unit.startswith("switchyard-"), text)
            if log:
                process, _ = machine.start(unit.removeprefix("switchyard-"), f"{path}/{log}.log")
                stack.callback(stop, process)
            else:
                machine.once(unit.removeprefix("switchyard-").removesuffix(".timer"))

        # 1: the package. 2: the cluster is made. 3: each machine gets its own directory, and no other copy stays.
        for machine in machines:
            machine.put(PACKAGES[0], "/root")
            demand(machine.shell(page.block("apt-get install")), "apt-get install")
            machine.file("/usr/bin/systemctl").write_text(SYSTEMCTL, encoding="utf-8")
            machine.file("/usr/bin/systemctl").chmod(0o755)
        replaced["sy_1_…"] = re.search(r"sy_\S+", at_the_safe_place(page.block("yard init")))[0]
        home = safe.file("/root/cluster")
        for number, machine in enumerate(machines, 1):
            machine.put(home / f"coordinator-{number}", "/root")
            copy = page.block("cp -r coordinator-N").replace("coordinator-N", f"coordinator-{number}")
            demand(machine.shell(copy), copy)
            shutil.rmtree(machine.file(f"/root/coordinator-{number}"))
            kept = (home / f"coordinator-{number}/keyring").read_bytes()
            shutil.rmtree(home / f"coordinator-{number}")
            if number == 1:
                (home / "coordinator-1").mkdir()
                (home / "coordinator-1/keyring").write_bytes(kept)
        # 4: who it is.
        for number, machine in enumerate(machines, 1):
            file = page.block("role: coordinator").replace("id: 1", f"id: {number}").replace(
                f"listen: {addresses[0]}", f"listen: {addresses[number - 1]}")
            machine.configure("coordinator", file)
            enable(machine, page.block("switchyard-coordinator"), f"coordinator-{number}")
        # 5: a look.
        look = page.block("yard doctor")
        said["environment"] = look.replace("yard doctor", "")
        wait_for("doctor to say what the runbook says that it should", lambda: (
            lambda done: done.returncode == 0 and all(
                words in done.stdout for words in ("all 3 answer", "leads in term", "3 of 3 voters heard")))(safe.shell(look)))
        # 6: a supplier and its worker; 7: a gateway.
        made = at_the_safe_place(page.block("account create gpu-owner"))
        expect(re.search("^3$", made, re.M), f"the runbook says that the first account is 3: {made!r}")
        for role, source in (("worker", home / "workers/gpu-1"), ("gateway", home / "gateway")):
            safe.put(source, "/root/carried")
            demand(safe.shell(f"mv carried /var/lib/switchyard/{role} && chown -R switchyard:switchyard /var/lib/switchyard"), role)
            safe.configure(role, page.block(f"role: {role}").replace("http://127.0.0.1:8000", "builtin"))
        demand(safe.shell("install -m 600 worker_key /etc/switchyard/worker_key"), "worker_key")
        enable(safe, page.block("switchyard-worker"), "worker")
        enable(safe, page.block("systemctl enable --now switchyard-gateway"), "gateway")
        # 8: a consumer.
        keys, _, chat = page.block("account create team").partition("curl")
        made = at_the_safe_place(keys)
        expect(re.search("^4$", made, re.M), f"the runbook says that the second account is 4: {made!r}")
        told = run(["sh", "-euc", "curl -s --max-time 60 " + chat.replace("sy_…", re.search(r"^sy_\S+", made, re.M)[0])]).stdout
        expect(told.rstrip().endswith("data: [DONE]") and '"finish_reason":"' in told, told[-600:])
        cluster = Cluster(addresses, replaced["sy_1_…"], str(home / "client/identity"), path)
        spent = wait_for("the hold to be closed", lambda: (
            lambda account: account if account["held_nano"] == 0 else None)(cluster.account("4")))
        expect(spent["spent_nano"] > 0, spent)
        # 9: alerts, and a first backup.
        at_the_safe_place(watching.block("key create 1"))
        for machine in machines:
            if machine is not safe:
                machine.put(safe.file("/root/admin.key"), "/root")
            machine.put(home / "client/identity/ca.pem", "/root")
            demand(machine.shell(watching.block("admin.key /etc")), "admin.key")
            machine.file("/etc/switchyard/cluster.env").write_text(watching.block("YARD_IDENTITY="), encoding="utf-8")
            enable(machine, watching.block("switchyard-doctor.timer"))
            wanted = {"coordinators", "quorum", "lag", "storage", "versions", "agreement", "certificate", "keyring",
                      *(["engine"] if machine is safe else [])}
            wait_for("the timer's doctor to be content", lambda: wanted <= content(machine))
        enable(machines[1], backup.block("enable --now switchyard-backup"))
        written, = machines[1].file("/var/backups/switchyard").iterdir()
        whole = machines[1].shell(f"yard restore /var/backups/switchyard/{written.name} --verify")
        expect("whole" in demand(whole, "restore --verify"), whole.stdout)
        enable(machines[2], backup.block("switchyard-archive.timer"))


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
