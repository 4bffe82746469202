#!/usr/bin/env python3
"""Budgets under load: of 200 jobs at once exactly those are admitted that there is a budget for, though the leader is killed.

$TRIALS (4) trials, the leader killed in every second one while the jobs are being asked for (`TRIALS=100` takes minutes; `SEED`).
"""

import json
import os
import random
import subprocess
import time

import scripted_engine
from cluster import Coordinators, Parties, made
from product import YARD, Child, expect, folder, main, wait_for

TRIALS = int(os.environ.get("TRIALS", "4"))
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
JOBS, ADMITTED = 200, 50


class Trials:
    def __init__(self, group):
        self.group, self.cluster = group, group.cluster
        self.parties = Parties(self.cluster)
        self.generator = random.Random(SEED)
        self.took = 0  # seconds, of the last load that nobody disturbed

    def budget(self, key, number):
        listed = self.cluster.yard("budget", "list", "--output", "json", key=key)
        expect(listed.code == 0, listed)
        return next(line for line in listed.lines if line["budget"] == int(number))

    def post_an_offer(self, scratch):
        """A worker's offer outlives the worker: jobs wait for it, and none of them ends."""
        with scripted_engine.scripted_engine() as address:
            worker = Child(
                [YARD, "worker", "run", "--join", ",".join(self.group.addresses), "--engine", address,
                 "--name", "w1", "--dir", f"{self.group.home}/workers/w1", "--price-input", "0.2",
                 "--price-output", "0.6", "--end-with-input"],
                scratch + "/worker.log", {"YARD_KEY": self.parties.supplier_key})
            wait_for("the offer", lambda: scripted_engine.MODEL in self.cluster.yard("models").text)
            worker.stop()
        wait_for("the worker to be gone", lambda: all(
            not line["online"] for line in self.cluster.yard("workers", "--output", "json").lines))

    def price(self):
        """What one such job holds."""
        done = self.cluster.yard("check", "budget", "--model", scripted_engine.MODEL, "--jobs", 1,
                                 key=self.parties.consumer_key)
        expect(done.code == 0, done)
        return done.lines[0]["hold_nano"]

    def run(self, number, hold, kill):
        nano = ADMITTED * hold + self.generator.randrange(hold)
        limit = f"{nano // 10**9}.{nano % 10**9:09d}"
        account = self.parties.consumer
        owner = self.parties.consumer_key
        # The bound is at the top, and the key is two levels below it.
        org = made(self.cluster.yard("budget", "create", f"org-{number}", "--level", "organisation",
                                     "--" + self.generator.choice(["day", "month", "total"]), limit,
                                     key=owner))
        team = made(self.cluster.yard("budget", "create", "team", "--level", "team", "--parent", org,
                                      key=owner))
        key = made(self.cluster.yard("key", "create", account, "--budget", team, key=owner))
        leader = wait_for("a leader", self.group.leader)
        began = time.monotonic()
        load = self.cluster.spawn("check", "budget", "--model", scripted_engine.MODEL, "--jobs", JOBS,
                                  "--patience", "120", key=key)
        killed = in_time = False
        if kill:
            # At any moment of such a load: whoever asked for the leader meanwhile would find the load over.
            try:
                load.wait(self.generator.uniform(0, 0.8 * self.took))
            except subprocess.TimeoutExpired:
                in_time = True
            self.group.kill(leader)
            killed = True
            self.group.start(leader)
        out, err = load.communicate(timeout=300)
        if not kill:
            self.took = time.monotonic() - began
        expect(load.returncode == 0, (out, err))
        counted = json.loads(out)
        expect(counted["admitted"] == ADMITTED and counted["exceeded"] == JOBS - ADMITTED, counted)
        for budget in (org, team):
            found = self.budget(owner, budget)
            expect(found["held_nano"] == ADMITTED * hold and found["spent_nano"] == 0, found)
        self.cluster.yard("key", "revoke", key.split("_")[1], key=owner)
        return killed, in_time


def exactly():
    """of 200 jobs at once exactly the 50 are admitted that a budget allows, whether or not the leader dies"""
    print(f"seed {SEED}, {TRIALS} trials", flush=True)
    with folder() as scratch:
        group = Coordinators(scratch)
        try:
            trials = Trials(group)
            trials.post_an_offer(scratch)
            hold = trials.price()
            killed = [trials.run(number, hold, kill=number % 2 == 1) for number in range(TRIALS)]
            kills, in_time = (sum(each) for each in zip(*killed))
            expect(kills == TRIALS // 2, f"killed {kills} leaders in {TRIALS} trials")
            print(f"killed {kills} leaders, {in_time} of them while jobs were being asked for", flush=True)
            group.agree()
        finally:
            group.stop()


main([exactly])
