#!/usr/bin/env python3
"""Coordinators come and go in order, under load: leaders are restarted by SIGTERM.

Clients submit all the time (`yard check perf`); what is printed is the longest time in which none of them got an answer.
"""

import json
import signal

from cluster import Coordinators, Parties
from product import YARD, Child, expect, folder, main, wait_for

MODEL = "switchyard-stories"


def waiting_jobs(group, parties):
    """A model that is offered by a worker that has left: jobs for it wait, and none runs."""
    worker = Child(
        [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", "builtin", "--name", "w1",
         "--dir", f"{group.home}/workers/w1", "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
        f"{group.scratch}/worker-w1.log", {"YARD_KEY": parties.supplier_key})
    drained = group.cluster.yard("worker", "drain", "--dir", f"{group.home}/workers/w1")
    expect(drained.code == 0, drained)
    wait_for("the worker to leave", lambda: worker.process.poll() is not None)


def load(group, seconds):
    """Clients that submit for so long, in the background."""
    return group.cluster.spawn("check", "perf", "--model", MODEL, "--clients", 16, "--accounts", 2,
                               "--connections", 2, "--seconds", seconds, "--patience", 60)


def measured(process):
    """What the clients saw, once they have ended."""
    out, err = process.communicate(timeout=120)
    expect(process.returncode == 0, err.decode(errors="replace")[-600:])
    report = json.loads(out)
    expect(report["failures"] == 0, f"{report}: {err.decode(errors='replace')[-600:]}")
    return report


def restart(group, number):
    """SIGTERM, and a new process when the old one has ended."""
    child = group.running[number]
    child.process.send_signal(signal.SIGTERM)
    expect(child.process.wait(60) == 0, f"coordinator {number} ended with {child.process.returncode}")
    group.start(number)


def rolling_restart():
    """the leader is restarted by SIGTERM, three times, while clients submit: none is refused"""
    with folder() as scratch:
        group = Coordinators(scratch, 3, ("w1",))
        try:
            parties = Parties(group.cluster)
            waiting_jobs(group, parties)
            gaps = []
            for _ in range(3):
                leader = wait_for("a leader", group.leader)
                clients = load(group, 3)
                wait_for("clients to submit", lambda: any(
                    status["jobs_queued"] > 0 for status in group.statuses()))
                restart(group, leader)
                gaps.append(measured(clients)["gap_max_ms"])
            print(f"longest gaps in ms: {', '.join(map(str, gaps))}", flush=True)
            group.agree()
        finally:
            group.stop()


main([rolling_restart])
