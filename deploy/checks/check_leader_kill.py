#!/usr/bin/env python3
"""Jobs go on while leaders die: 3 coordinators, 2 workers on real engines, SIGKILL for the leader.

$JOBS jobs (200) of $CLIENTS clients (8) run while the leader is killed and restarted $KILLS times (5), each
time while a client has read an event that it was not told to be committed; every 14th job is cancelled by
its client. Then: every acknowledged job has ended; what its client read is, byte for byte, what the engine
gave to one attempt of it (attempts are marked, so that a splice shows), what the record says, and what was
charged; no hold is open; the books balance; all replicas have one digest at one index.
"""

import concurrent.futures
import os
import random
import threading

from cluster import (
    Coordinators, Parties, Reader, check_books, check_record, check_transcript, workers)
from product import expect, folder, main, wait_for

JOBS = int(os.environ.get("JOBS", "200"))
CLIENTS = int(os.environ.get("CLIENTS", "8"))
KILLS = int(os.environ.get("KILLS", "5"))
#: Of each job: enough for a kill to strike the streams of all clients.
TOKENS = 96
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


def cancel_at_first_event(reader):
    if "event" in reader.lines[-1] and reader.lines[-1]["event"]["seq"] == 1:
        reader.interrupt()


class Load:
    """The clients, and what they have read so far."""

    def __init__(self, group, parties):
        self.group, self.parties = group, parties
        self.lock = threading.Lock()
        self.readers, self.ended = [], 0

    def run(self, number):
        reader = Reader(self.group.cluster, self.parties.consumer_key, number, TOKENS,
                        f"{self.group.scratch}/client-{number}.log")
        with self.lock:
            self.readers.append(reader)
        try:
            reader.read(cancel_at_first_event if number % 14 == 13 else None)
        finally:
            with self.lock:
                self.ended += 1

    def is_ahead(self):
        with self.lock:
            live = self.readers[-2 * CLIENTS:]
        return any(reader.is_ahead() for reader in live if reader.process.poll() is None)


def kill_leaders(group, load, generator):
    """Kills the leader whenever another share of the jobs has ended."""
    for kill in range(KILLS):
        share = JOBS * (kill + 1) // (KILLS + 2) + generator.randrange(max(1, JOBS // 40))
        wait_for(f"{share} jobs", lambda: load.ended >= share, 600)
        victim = wait_for("a leader to kill", group.leader)
        wait_for("a client to be ahead of the record", load.is_ahead)
        group.kill(victim)
        print(f"killed coordinator {victim} after {load.ended} jobs", flush=True)
        group.start(victim)


def cuts_by_kill(group, load):
    """For each kill, how many streams it cut off after their client had read events that the leader had not
    yet told to be committed."""
    cuts = [0] * KILLS
    for reader in load.readers:
        for moment, before in reader.cuts():
            earlier = sum(kill <= moment for kill in group.kills)
            if earlier and before and before["seq"] > before["durable_through"]:
                cuts[earlier - 1] += 1
    return cuts


def deaths_heard(group):
    """How often a follower did not wait for an election timeout, since the leader's machine said that its process is gone."""
    count = 0
    for number in range(1, group.count + 1):
        with open(f"{group.scratch}/coordinator-{number}.log", errors="replace") as log:
            count += sum("the leader's process has ended" in line for line in log)
    return count


def leader_kill():
    """every acknowledged job ends, is delivered once and charged for what was delivered, while leaders are killed"""
    print(f"seed {SEED}, {JOBS} jobs, {CLIENTS} clients, {KILLS} kills", flush=True)
    attempts = []
    with folder() as scratch:
        group = Coordinators(scratch)
        try:
            parties = Parties(group.cluster)
            with workers(group, parties, attempts):
                load = Load(group, parties)
                with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
                    killer = pool.submit(kill_leaders, group, load, random.Random(SEED))
                    jobs = [pool.submit(load.run, number) for number in range(JOBS)]
                    for one in [*jobs, killer]:
                        one.result()
                verify(group, parties, load, attempts)
        finally:
            group.stop()


def verify(group, parties, load, attempts):
    for reader in load.readers:
        check_transcript(reader, attempts)
    check_books(group.cluster, parties, load.readers)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        read = [pool.submit(check_record, group.cluster, parties.consumer_key, reader)
                for reader in load.readers]
        for one in read:
            one.result()
    group.agree()
    cuts = cuts_by_kill(group, load)
    cancelled = sum(reader.ended["state"] == "cancelled" for reader in load.readers)
    print(f"{sum(map(bool, cuts))} of {KILLS} kills hit between relay and commit, in {sum(cuts)} streams",
          flush=True)
    print(f"{len(load.readers)} jobs, {cancelled} cancelled, {len(attempts)} attempts, "
          f"{sum(r.ended['output_tokens'] for r in load.readers)} tokens, "
          f"{sum(r.ended['charge_nano'] for r in load.readers)} nano-credits", flush=True)
    expect(KILLS == 0 or any(cuts), "no kill hit between relay and commit")
    heard = deaths_heard(group)
    print(f"{heard} times a follower heard of the leader's end and waited for no timeout", flush=True)
    expect(KILLS == 0 or heard, "every election waited for a timeout")


main([leader_kill])
