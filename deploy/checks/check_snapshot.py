#!/usr/bin/env python3
"""A coordinator that was away while the log was trimmed catches up by a snapshot, killed in the middle or not."""

import concurrent.futures
import os
import pathlib
import re
import secrets
import time

from cluster import Coordinators, Parties
from product import YARD, Child, expect, folder, main, nothing_in_clear, wait_for
from scripted_engine import MODEL, scripted_engine

JOBS, BODY = 40, 400_000
KEPT_MIB = 1
KILLS, KILLS_MAX = 3, 12
# Where a snapshot has come whole before a kill struck, there is another one after as many jobs again.
LOADS_MAX = 4
# In every prompt, and so in the rows that a snapshot is made of.
CANARY = "canary-prompt-" + secrets.token_hex(12)


def register_model(group, parties):
    """A worker makes the model known and leaves: jobs for it wait, and their prompts are a large state."""
    directory = f"{group.home}/workers/w1"
    with scripted_engine() as engine:
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", f"{engine},context={2 * BODY}", "--name", "w1",
             "--dir", directory, "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
            f"{group.scratch}/worker.log", {"YARD_KEY": parties.supplier_key})
        try:
            wait_for("the model", lambda: MODEL in group.cluster.yard("models").text)
        finally:
            worker.stop()


def submit(group, parties, number):
    text = f"Job {number}: {CANARY} " + os.urandom(BODY // 2).hex()
    done = group.cluster.yard("submit", "-m", MODEL, "--max-tokens", "8", "--patience", 120, "-", stdin=text.encode(),
                              key=parties.consumer_key)
    expect(done.code == 0, done)


def load(group, parties):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: submit(group, parties, number), range(JOBS)))


def directory_mib(group, number):
    home = pathlib.Path(group.home) / f"coordinator-{number}"
    return sum(f.stat().st_blocks * 512 for f in home.rglob("*") if f.is_file()) / 2**20


class Log:
    """What a coordinator says of snapshots, from here on."""

    def __init__(self, group, number):
        self.path = pathlib.Path(f"{group.scratch}/coordinator-{number}.log")
        self.start = self.path.stat().st_size

    @property
    def text(self):
        return self.path.read_bytes()[self.start:].decode(errors="replace")

    def fetches(self):
        """How much of which snapshot was here each time that a fetch began: (chunks here, chunks)."""
        return [(int(a), int(b)) for a, b in re.findall(r"is fetched from \S+: (\d+) of (\d+) chunks", self.text)]

    def halves(self):
        """The fetches of what was there in part."""
        return [(here, whole) for here, whole in self.fetches() if 0 < here < whole]

    @property
    def installs(self):
        return self.text.count("is installed")


def late_follower():
    """a follower is away while its part of the log is trimmed: it gets a snapshot, killed in the middle of it too"""
    with folder() as scratch:
        group = Coordinators(scratch, 3, ("w1",), ("--keep-log", str(KEPT_MIB)))
        try:
            parties = Parties(group.cluster)
            register_model(group, parties)
            leader = wait_for("a leader", group.leader)
            late = next(n for n in (1, 2, 3) if n != leader)
            group.kill(late)
            load(group, parties)
            log, loads, installs = Log(group, late), 1, 0
            for kill in range(KILLS_MAX):
                before = len(log.fetches())
                group.start(late)
                wait_for("a transfer", lambda: len(log.fetches()) > before or log.installs > installs)
                if kill >= KILLS and log.halves():
                    break
                # Anywhere in it, later each time: a slow machine has nothing of it on the disk so soon. What was in the
                # middle is seen at the next start.
                time.sleep(0.01 * 1.6**kill)
                group.kill(late)
                # What has come of the snapshot lies there now, and the file that it comes from at the leader.
                nothing_in_clear(scratch, CANARY)
                if log.installs > installs:
                    if log.halves() or loads == LOADS_MAX:
                        break
                    loads, installs = loads + 1, log.installs
                    load(group, parties)
            if group.running[late].process.poll() is not None:
                group.start(late)
            wait_for("the snapshot to be installed", lambda: log.installs > installs)
            group.agree()
            expect(log.halves(), f"no kill fell into the middle of a transfer: {log.fetches()}")
            expect("refused" not in log.text, log.text[-600:])
            nothing_in_clear(scratch, CANARY)
            status = next(s for s in group.statuses() if s["replica"] == late)
            # It has what a majority needs of it: with another one gone, it is one of two.
            group.kill(leader)
            wait_for("a leader without the one that sent it", lambda: group.leader() in {1, 2, 3} - {leader})
            submit(group, parties, JOBS)
            wait_for("it to apply what came since", lambda: any(
                s["replica"] == late and s["applied_index"] > status["applied_index"] for s in group.statuses()))
            state = loads * JOBS * BODY / 2**20
            for number in (1, 2, 3):
                size = directory_mib(group, number)
                # The rows, twice where a snapshot was received beside older ones, and pages not yet used again.
                expect(size < 3 * state + 16 * KEPT_MIB, f"coordinator {number} has {size:.0f} MiB on its disk")
        finally:
            group.stop()


main([late_follower])
