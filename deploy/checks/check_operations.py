#!/usr/bin/env python3
"""What operators are given: every alert and every error code has its section, and promtool takes the rules."""

import http.client
import json
import os
import re
import shutil
import subprocess

from product import ROOT, YARD, Failed, dev, expect, folder, main, wait_for

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
TESTS = ("alerts_test.yml", "alerts_upgrade_test.yml")


def promtool():
    local = ROOT / ".build/tools/prometheus/usr/bin/promtool"
    return str(local) if os.access(local, os.X_OK) else shutil.which("promtool")


def sections():
    """The sections of the runbook by name, with their text."""
    parts = re.split(r"^#+ (.+)$", (ROOT / "deploy/runbook.md").read_text(encoding="utf-8"), flags=re.M)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2])}


def pages():
    """every alert and every error code has a section of the runbook that says something"""
    alerts = re.findall(r"^\s*- alert: (\w+)$", ALERTS.read_text(encoding="utf-8"), re.M)
    registry = json.loads((ROOT / "proto-spec/registry.json").read_text(encoding="utf-8"))
    names = [*alerts, *(error["name"] for error in registry["errors"])]
    expect(len(alerts) > 10 and len(names) > 60, f"only {len(names)} names were found")
    found = sections()
    missing = [name for name in names if len(found.get(name, "")) < 40]
    expect(not missing, f"deploy/runbook.md has no section for {', '.join(missing)} (for error codes: "
           "proto-spec/reference/generate.py)")


def links():
    """every alert leads to its section"""
    text = ALERTS.read_text(encoding="utf-8")
    alerts = re.findall(r"- alert: (\w+)$.*?runbook: \"runbook\.md#(\S+)\"", text, re.M | re.S)
    expect(alerts, "no alert has a runbook")
    wrong = [name for name, anchor in alerts if anchor != name.lower()]
    expect(not wrong, f"{wrong} lead elsewhere")


def metrics():
    """every metric that a rule reads is one that the program prints"""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "Sources/Gateway").glob("*.swift"))
    source += (ROOT / "Sources/yard/Output/Finding.swift").read_text(encoding="utf-8")
    told = set(re.findall(r"\b(switchyard_\w+|gen_ai_\w+)", ALERTS.read_text(encoding="utf-8")))
    expect(told, "no rule reads a metric")
    unknown = [name for name in told
               if re.sub(r"_bucket$", "", name) not in source
               and f'"{name.removeprefix("switchyard_gateway_")}"' not in source]
    expect(not unknown, f"{unknown} are printed by nobody")


def tested():
    """every alert is tested both ways: it fires on what it is for, and not on what it is not for"""
    alerts = re.findall(r"^\s*- alert: (\w+)$", ALERTS.read_text(encoding="utf-8"), re.M)
    text = "".join((ALERTS.parent / name).read_text(encoding="utf-8") for name in TESTS)
    silent = set(re.findall(r"\{eval_time: \w+, alertname: (\w+)\}", text))
    fires = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:", text))
    lacking = [name for name in alerts if name not in silent or name not in fires]
    expect(len(alerts) > 10 and not lacking, f"{lacking} are not tested both ways in {TESTS}")


def rules():
    """promtool takes the rules, and its tests of them pass"""
    for words in (("check", "rules", "alerts.yml"), ("check", "config", "--syntax-only", "scrape.yml"),
                  ("test", "rules", *TESTS)):
        done = subprocess.run([promtool(), *words], cwd=ALERTS.parent, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Failed(f"promtool {words}: {done.stdout[-800:]} {done.stderr[-800:]}")


def libraries():
    """the program loads what deploy/container/libraries lists, and the image installs the packages of that"""
    lines = (ROOT / "deploy/container/libraries").read_text(encoding="utf-8").splitlines()
    listed = dict(line.split() for line in lines if line and not line.startswith("#"))
    loaded = subprocess.run(["ldd", YARD], capture_output=True, text=True, timeout=60, check=True).stdout
    found = [line.split() for line in loaded.splitlines() if "linux-vdso" not in line]
    names = {os.path.basename(words[0]): words[2] if len(words) > 3 else words[0] for words in found}
    expect("not" not in names.values(), f"libraries are missing here: {loaded}")
    # The Swift runtime is in the program, or beside it.
    other = {name for name, path in names.items() if name not in listed and "/swift/" not in path and "/switchyard/" not in path}
    expect(not other, f"{other} are loaded and not listed")
    expect("libnghttp2.so.14" in names and not any("raft" in name for name in names), names)
    text = (ROOT / "deploy/container/Containerfile").read_text(encoding="utf-8")
    installed = re.search(r"apt-get install -y --no-install-recommends (lib.*?) \\\n", text)[1].split()
    lacking = set(listed.values()) - set(installed) - {"libc6", "libgcc-s1"}  # of every Debian
    expect(not lacking, f"the image does not install {lacking}")


ROLES = ("coordinator", "worker", "gateway")


def settings(role):
    """What the unit of a role says; of a setting that it says twice the last."""
    text = (ROOT / f"deploy/package/units/switchyard-{role}.service").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def restarts():
    """what fails is started again for ever, and what was told to end stays away: by the units, and by compose"""
    units = {role: settings(role) for role in ROLES}
    for role, unit in units.items():
        # Five refusals at boot, before the machine has its address, are not the end of trying.
        expect(unit.get("StartLimitIntervalSec") == "0" and "2" in unit["RestartPreventExitStatus"].split(), f"{role}: {unit}")
    expect([units[role]["Restart"] for role in ROLES] == ["always", "on-failure", "always"],
           "a worker that its owner has taken back ends with 0, and must not come back by itself")
    names = sorted(path.stem for path in (ROOT / "deploy/package/units").glob("*.timer"))
    text = (ROOT / "deploy/runbook.md").read_text(encoding="utf-8")
    expect(len(names) == 3 and all(f"systemctl enable --now {name}.timer" in text for name in names), f"{names} are in no runbook")
    expect("70" in units["coordinator"]["RestartPreventExitStatus"].split(), "a coordinator whose disk failed is started again")
    source = (ROOT / "Sources/WorkerAgent/WorkerConfiguration.swift").read_text(encoding="utf-8")
    drain = int(re.search(r"drainSeconds\b.*= (\d+)", source)[1])
    expect(int(units["worker"]["TimeoutStopSec"]) >= drain + 30, f"a worker that drains for {drain} s is killed as it hands over")
    text = (ROOT / "deploy/compose/cluster.yaml").read_text(encoding="utf-8")
    policies = {name: re.search(r"^  restart: (\S+)", block, re.M) for name, block in
                re.findall(r"^x-(\w+): (.*?)(?=^\S)", text, re.M | re.S)}
    expect(policies["node"][1] == "always" and policies["worker"] and policies["worker"][1] == "on-failure"
           and policies["coordinator"] is None, "compose starts a worker again that its owner has taken back")


# The words of what ends a coordinator with 70: each is in the program, and on the page that says what to do.
DEATHS = ("has no room left", "bytes that the store was given are used", "the state has version", "cannot be applied", "is damaged",
          "The database failed", "An earlier write failed")


def deaths():
    """a coordinator that ended with 70 is judged by its last line: only a broken disk or damage costs it its place"""
    source = "".join((ROOT / "Sources" / name).read_text(encoding="utf-8")
                     for name in ("Storage/StoreError.swift", "Consensus/Replica.swift"))
    found = sections()
    page = found.get("When a coordinator has ended with 70", "")
    lacking = [words for words in DEATHS if words not in source or words not in page]
    expect(not lacking, f"{lacking} are not in both the program and the runbook's page of exit code 70")
    for name in ("SwitchyardNoQuorum", "SwitchyardCoordinatorsSilent"):
        expect("When a coordinator has ended with 70" in found[name], f"{name} does not lead to the page of exit code 70")


def compose_tool():
    """docker's compose, version 2 or later; nothing without it."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]):
            said = subprocess.run([*words, "version", "--short"], capture_output=True, text=True, timeout=60)
            if said.returncode == 0 and re.match(r"v?[2-9]", said.stdout.strip()):
                return words
    return None


def compose():
    """docker compose reads cluster.yaml, alone and with each overlay"""
    place = ROOT / "deploy/compose"
    overlays = sorted(path.name for path in place.glob("*.yaml") if path.name != "cluster.yaml")
    expect(len(overlays) > 2, overlays)
    for overlay in [None, *overlays]:
        words = [*compose_tool(), "-f", "cluster.yaml", *(["-f", overlay] if overlay else []), "config", "--format", "json"]
        done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"{overlay}: {done.stderr[-600:]}")
        services = json.loads(done.stdout)["services"]
        expect({"coordinator-1", "coordinator-2", "coordinator-3", "worker-1", "worker-2", "gateway"} <= set(services), services)
        expect(all(one["read_only"] and one["cap_drop"] == ["ALL"] for name, one in services.items()
                   if name.startswith(("coordinator", "worker", "gateway"))), "a node may more than it needs")


ONE_LINE = """# deb http://commented.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://mirror.example/debian bookworm main contrib # ours
deb http://later.example/debian bookworm main
"""
PARAGRAPHS = """Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb deb-src
# a remark
URIs:
 http://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main
"""


def archives():
    """the sources of apt say where backports come from, in both of their forms"""
    debian = "http://deb.debian.org/debian"
    for name, text, wanted in (
        ("sources.list", ONE_LINE, "http://mirror.example/debian"),
        ("sources.list.d/debian.list", ONE_LINE, "http://mirror.example/debian"),
        ("sources.list.d/debian.sources", PARAGRAPHS, "http://mirror.example/debian"),
        ("sources.list", "deb http://other.example/debian trixie main\n", debian),
        ("sources.list.d/debian.sources", PARAGRAPHS.split("\n\n", maxsplit=1)[0], debian), ("sources.list", "", debian),
    ):
        with folder() as apt:
            os.mkdir(apt + "/sources.list.d")
            with open(f"{apt}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
            said = subprocess.run([ROOT / "deploy/install-dependencies", "--archive", "bookworm", apt],
                                  capture_output=True, text=True, timeout=60)
            expect(said.returncode == 0 and said.stdout.strip() == wanted, f"{name}: {said}")


NVIDIA_SMI = """#!/bin/sh
case "$1" in
  --query-gpu=*) cat <<'END'
index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], power.draw [W], power.limit [W], temperature.gpu
0, GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11, NVIDIA H100 80GB HBM3, 87, 61203, 81559, 541.25, [N/A], 64
END
  ;;
  -L) echo "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11)" ;;
  *) cat <<'END'
gpu_uuid, pid, process_name, used_gpu_memory [MiB]
GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11, 4711, /usr/bin/ffmpeg, 1080
END
  ;;
esac
"""


def gpus():
    """a host's GPUs are seen in yard workers, in yard doctor, in its metrics and in a gateway's"""
    with folder() as tools:
        with open(tools + "/nvidia-smi", "w", encoding="utf-8") as file:
            file.write(NVIDIA_SMI)
        os.chmod(tools + "/nvidia-smi", 0o755)
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{tools}:{path}"
        try:
            with dev("--coordinators", 1, "--workers", 1, engine="builtin") as cluster:
                def workers():
                    found = cluster.yard("workers", "--output", "json", key=cluster.root).lines
                    return found and found[0]["gpus"] and found[0]

                worker = wait_for("the worker's GPU", workers)
                gpu, = worker["gpus"]
                expect(gpu["name"] == "NVIDIA H100 80GB HBM3" and gpu["power_milliwatts"] == 541_250
                       and gpu["power_limit_milliwatts"] is None and gpu["foreign_processes"] == 1, gpu)
                told = cluster.yard("workers", key=cluster.root).text
                expect("1: 87%, 59/79 GiB, 541 W, 64 °C, 1 foreign" in told, told)
                directory = os.path.dirname(os.path.dirname(cluster.identity)) + "/workers/worker-1"
                status = cluster.yard("worker", "status", "--dir", directory, "--output", "json").lines[0]
                expect((status["worker"], status["slots"]) == (worker["worker"], worker["slots"]) and status["gpus"] == [gpu],
                       status)
                told = cluster.yard("worker", "status", "--dir", directory).text
                expect("answers" in told and "online" in told and "541 W" in told, told)
                found = cluster.yard("doctor", "--dir", directory, "--output", "json", key=cluster.root)
                level = {line["check"]: line for line in found.lines}["gpu"]
                expect(level["level"] == "warning" and "1 processes with 1080 MiB on GPU 0" in level["found"], level)
                labels = f'{{worker="{worker["worker"]}",gpu="0"}}'
                alone = subprocess.run([YARD, "doctor", "--dir", directory, "--metrics"], capture_output=True, text=True,
                                       timeout=60, env={"PATH": path, "HOME": tools, "XDG_CONFIG_HOME": tools}).stdout
                gateway = http.client.HTTPConnection(cluster.ready["gateway"], timeout=60)
                gateway.request("GET", "/metrics", headers={"authorization": f"Bearer {cluster.root}"})
                scraped = gateway.getresponse().read().decode()
                for metrics_text in (cluster.yard("doctor", "--metrics", key=cluster.root).text, alone, scraped):
                    for name, value in (("utilization_ratio", "0.87"), ("power_watts", "541.25"),
                                        ("memory_used_bytes", "64175996928.0"), ("foreign_processes", "1.0")):
                        expect(f"switchyard_gpu_{name}{labels} {value}\n" in metrics_text, f"{name}: {metrics_text}")
                    expect("switchyard_gpu_power_limit_watts" not in metrics_text, "a fact that is not known has a sample")
        finally:
            os.environ["PATH"] = path


if not promtool():
    print("skip promtool: Debian's package prometheus is not here (deploy/install-dependencies --operations)", flush=True)
if not compose_tool():
    print("skip docker compose: version 2 or later is not here", flush=True)
main([pages, links, metrics, tested, libraries, restarts, deaths, archives, *([compose] if compose_tool() else []), gpus, *([rules] if promtool() else [])])
