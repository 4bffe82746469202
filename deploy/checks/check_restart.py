#!/usr/bin/env python3
"""Coordinators that are killed and come back: the only one, a follower of three, one that lost its disk."""

import concurrent.futures
import os
import shutil

from cluster import (
    Coordinators, Parties, Reader, check_books, check_record, check_transcript, workers)
from product import Failed, expect, folder, main, wait_for

#: Jobs, more than there are slots, and the tokens of each: many more than are read before the kill.
JOBS, TOKENS = 6, 800


def is_missed(group, victim):
    """Whether the leader says that it has not heard the follower for a second."""
    for status in group.statuses():
        if status["role"] == "leader":
            ages = {peer["replica"]: peer["contact_age_ms"] for peer in status["peers"]}
            return ages[victim] is None or ages[victim] > 1_000
    return False


def killed(count, choose, notice=lambda group, victim: True):
    """Jobs run in a cluster of `count` while the coordinator that `choose` names is killed in the middle of
    their streams and started again; then everything agrees."""
    attempts = []
    with folder() as scratch:
        group = Coordinators(scratch, count, ("w1",))
        try:
            parties = Parties(group.cluster)
            with workers(group, parties, attempts, ("w1",)):
                victim = choose(group)
                readers = [Reader(group.cluster, parties.consumer_key, number, TOKENS,
                                  f"{scratch}/client-{number}.log") for number in range(JOBS)]
                with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
                    reading = [pool.submit(reader.read) for reader in readers]
                    wait_for("streams in their middle",
                             lambda: sum(len(reader.events) > 20 for reader in readers) >= 3)
                    group.kill(victim)
                    expect(any(r.process.poll() is None for r in readers), "all streams were over")
                    wait_for("the cluster to notice", lambda: notice(group, victim))
                    group.start(victim)
                    for one in reading:
                        one.result()
                for reader in readers:
                    check_transcript(reader, attempts)
                    check_record(group.cluster, parties.consumer_key, reader)
                check_books(group.cluster, parties, readers)
                group.agree()
        finally:
            group.stop()


def only_coordinator():
    """the only coordinator is killed in the middle of streams: it recovers, and they go on"""
    killed(1, lambda group: 1)


def follower():
    """a follower is killed in the middle of streams: nobody notices, and it catches up"""
    killed(3, lambda group: next(n for n in (1, 2, 3) if n != wait_for("a leader", group.leader)),
           is_missed)


def lost_disk():
    """a coordinator that lost its disk does not begin anew under its id: what was acknowledged stays"""
    with folder() as scratch:
        group = Coordinators(scratch)
        try:
            yard = group.cluster.yard
            wait_for("a leader", group.leader)
            group.agree()  # a founder that has never had its log could not be told from one that has lost it
            group.kill(3)
            account = wait_for("an account", lambda: yard("account", "create", "kept").text.strip())
            for number in (1, 2):
                group.kill(number)
            data = f"{group.home}/coordinator-1/data"
            shutil.rmtree(data)
            for _ in range(2):
                try:
                    group.start(1)
                except Failed as refusal:
                    expect("lost its disk needs a new id" in str(refusal), refusal)
                else:
                    raise Failed("coordinator 1 began anew")
                expect(not os.path.exists(data), "a refused coordinator made data")
            for number in (2, 3):
                group.start(number)
            wait_for("the account", lambda: yard("account", "show", account).code == 0)
        finally:
            group.stop()


main([only_coordinator, follower, lost_disk])
