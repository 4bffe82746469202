#!/usr/bin/env python3
"""What operators are given: every alert and every error code has its section, and promtool takes the rules."""

import json
import os
import re
import shutil
import subprocess

from product import ROOT, Failed, expect, main

ALERTS = ROOT / "deploy/prometheus/alerts.yml"


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


def rules():
    """promtool takes the rules, and its tests of them pass"""
    for words in (("check", "rules", "alerts.yml"), ("check", "config", "--syntax-only", "scrape.yml"),
                  ("test", "rules", "alerts_test.yml")):
        done = subprocess.run([promtool(), *words], cwd=ALERTS.parent, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Failed(f"promtool {words}: {done.stdout[-800:]} {done.stderr[-800:]}")


if not promtool():
    print("skip promtool: Debian's package prometheus is not here (deploy/install-dependencies --operations)", flush=True)
main([pages, links, metrics, *([rules] if promtool() else [])])
