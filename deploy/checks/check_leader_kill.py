#!/usr/bin/env python3
"""Jobs go on while leaders die: 3 coordinators, 2 workers on real engines, SIGKILL for the leader.

$JOBS jobs (200) of $CLIENTS clients (8) run while the leader is killed and restarted $KILLS times (5). Then:
every acknowledged job has ended; what each client read is, event for event, what the record says and what
the settled charge was computed from; no hold is open at rest; all replicas have one digest at one index;
the books balance. The engines salt their text by attempt (their sampling seed is free), so an event taken
from another attempt would not match the record.
"""

import concurrent.futures
import json
import os
import random
import subprocess
import threading
import time

from product import MODEL, SERVE, YARD, Child, Cluster, expect, folder, free_ports, main, wait_for

JOBS = int(os.environ.get("JOBS", "200"))
CLIENTS = int(os.environ.get("CLIENTS", "8"))
KILLS = int(os.environ.get("KILLS", "5"))
PRICE_INPUT, PRICE_OUTPUT = 200_000_000, 600_000_000  # nano-credits per million tokens
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


class Coordinators:
    """Three coordinators of one cluster, each a process that may be killed."""

    def __init__(self, scratch):
        self.scratch, self.home = scratch, scratch + "/cluster"
        made = subprocess.run(
            [YARD, "init", self.home, "--coordinators", "3", "--workers", "w1,w2", "--output", "json"],
            capture_output=True, check=True, timeout=60)
        self.root = json.loads(made.stdout)["root_key"]
        self.ports = free_ports(3)
        self.addresses = [f"127.0.0.1:{port}" for port in self.ports]
        self.peers = ",".join(f"{n + 1}={a}" for n, a in enumerate(self.addresses))
        self.running = {}
        for number in (1, 2, 3):
            self.start(number)
        self.cluster = Cluster(self.addresses, self.root, self.home + "/client/identity", scratch)

    def start(self, number):
        self.running[number] = Child(
            [YARD, "coordinator", "--id", str(number), "--listen", self.addresses[number - 1],
             "--peers", self.peers, "--dir", f"{self.home}/coordinator-{number}",
             "--end-with-input"], f"{self.scratch}/coordinator-{number}.log")

    def statuses(self):
        done = self.cluster.yard("status", "--output", "json", timeout=60)
        return [line["status"] for line in done.lines if "status" in line]

    def leader(self):
        found = [s for s in self.statuses() if s["role"] == "leader"]
        return max(found, key=lambda s: s["term"])["replica"] if found else None

    def stop(self):
        for child in self.running.values():
            child.stop()


class Transcripts:
    """What the clients were told, and how far the kills have cut in."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ended, self.lost, self.retried = {}, [], 0

    def note(self, number, done):
        lines = done.lines
        events = [line["event"] for line in lines if "event" in line]
        accepted = [line["accepted"]["job"] for line in lines if "accepted" in line]
        with self.lock:
            self.retried += done.err.count("reconnecting")
            if done.code == 0 and lines and "ended" in lines[-1]:
                self.ended[lines[-1]["ended"]["job"]] = (events, lines[-1]["ended"])
            else:
                self.lost.append((number, accepted, done))


def leader_kill():
    """every acknowledged job ends, is delivered once and charged for what was delivered, while leaders are killed"""
    print(f"seed {SEED}, {JOBS} jobs, {CLIENTS} clients, {KILLS} kills", flush=True)
    generator = random.Random(SEED)
    children = []
    with folder() as scratch:
        group = Coordinators(scratch)
        cluster = group.cluster
        try:
            opened = wait_for("a leader", lambda: cluster.yard(
                "account", "create", "consumer", "--credit", "1000").text.strip())
            consumer = cluster.yard("key", "create", opened).text.strip()
            supplier = cluster.yard("account", "create", "supplier", "--kind", "supplier").text.strip()
            work = cluster.yard("key", "create", supplier, "--scope", "work,read").text.strip()
            for name in ("w1", "w2"):
                engine = Child([SERVE, "--slots", "4", "--context", "8192", "--threads", "1"],
                               f"{scratch}/engine-{name}.log")
                children.append(engine)
                children.append(Child(
                    [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine",
                     engine.ready["address"], "--name", name, "--dir",
                     f"{group.home}/workers/{name}", "--price-input", "0.2", "--price-output", "0.6",
                     "--end-with-input"], f"{scratch}/worker-{name}.log", {"YARD_KEY": work}))
            transcripts = Transcripts()
            run(group, cluster, consumer, generator, transcripts)
            verify(group, cluster, consumer, opened, supplier, transcripts)
        finally:
            for child in reversed(children):
                child.stop()
            group.stop()


def run(group, cluster, consumer, generator, transcripts):
    """Runs the jobs; kills the leader whenever another share of them has ended."""

    def job(number):
        done = cluster.yard(
            "run", "-m", MODEL, "--max-tokens", 160, "--temperature", 1, "--output", "json",
            "--patience", 60, f"Job {number}: tell me everything", key=consumer, timeout=300)
        transcripts.note(number, done)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        jobs = [pool.submit(job, number) for number in range(JOBS)]
        for kill in range(KILLS):
            share = JOBS * (kill + 1) // (KILLS + 2)
            wait_for(f"{share} jobs", lambda: sum(j.done() for j in jobs) >= share, 300)
            time.sleep(generator.random() * 0.2)  # where in its work the leader is hit is to vary
            victim = wait_for("a leader to kill", group.leader, 60)
            group.running[victim].kill()
            print(f"killed coordinator {victim} after {sum(j.done() for j in jobs)} jobs", flush=True)
            group.start(victim)
        for one in jobs:
            one.result()


def verify(group, cluster, consumer, account, supplier, transcripts):
    """At rest: transcripts, records, charges, holds, digests and the sum of all money agree."""
    expect(not transcripts.lost, f"jobs without an end: {transcripts.lost[:3]}")
    expect(len(transcripts.ended) == JOBS, f"{len(transcripts.ended)} of {JOBS} ended")
    listed = {line["job"]: line for line in cluster.yard(
        "jobs", "--limit", JOBS * 2, "--output", "json", key=consumer).lines}
    expect(set(listed) == set(transcripts.ended), "the cluster has other jobs than the clients")
    charged = tokens = 0
    for number, (events, ended) in transcripts.ended.items():
        seqs = [event["seq"] for event in events]
        expect(seqs == list(range(1, len(seqs) + 1)), f"job {number}: {seqs}")
        summary = listed[number]
        expect(summary == ended, f"job {number}: {summary} but the client was told {ended}")
        cost = (summary["prompt_tokens"] * PRICE_INPUT + summary["output_tokens"] * PRICE_OUTPUT)
        expect(summary["charge_nano"] == cost // 1_000_000, f"job {number}: {summary}")
        claimed = sum(event["tokens"] for event in events)
        expect(summary["output_tokens"] <= max(claimed, 160), f"job {number}: {summary}, {claimed}")
        charged += summary["charge_nano"]
        tokens += summary["output_tokens"]
    content = ("seq", "choice", "kind", "tokens", "text", "hex")
    for number in sorted(transcripts.ended)[:: max(1, JOBS // 40)]:
        record = cluster.yard("follow", number, "--output", "json", key=consumer).lines
        told = [{k: e.get(k) for k in content} for e in transcripts.ended[number][0]]
        kept = [{k: line["event"].get(k) for k in content} for line in record if "event" in line]
        expect(told == kept, f"job {number}: the record is not what the client read")
    books = cluster.account(account)
    expect(books["held_nano"] == 0, f"a hold is open: {books}")
    expect(books["spent_nano"] == charged, f"{books}, but the jobs' charges sum to {charged}")
    earned = cluster.account(supplier)
    expect(earned["balance_nano"] == charged, f"{earned}, but {charged} was charged")

    def agreed():
        statuses = group.statuses()
        return len(statuses) == 3 and len({(s["applied_index"], s["digest"]) for s in statuses}) == 1

    wait_for("all replicas to have one digest at one index", agreed, 30)
    print(f"{JOBS} jobs, {tokens} tokens, {charged} nano-credits; "
          f"{transcripts.retried} reconnections that took over a second", flush=True)


main([leader_kill])
