#!/usr/bin/env python3
"""Retention and wrapping keys: what was kept for its time, or until it was delivered, opens in no copy afterwards.

Wrapping keys change every two seconds here. The keyring of a coordinator is read from its file: the numbers of
its keys, never what they are.
"""

import contextlib
import os
import secrets
import shutil
import struct

import scripted_engine
from cluster import Coordinators, Parties
from product import YARD, Child, expect, folder, main, nothing_in_clear, wait_for

PROMPT = "canary-prompt-" + secrets.token_hex(12)
ANSWER = "canary-answer-" + secrets.token_hex(12)
ROTATE = ("--rotate-keys", "2s")
HEADER_BYTES = 4 + 2 + 16 + 4


def keyring(directory):
    """The numbers of the keys that a coordinator's keyring has."""
    with open(directory + "/keyring", "rb") as file:
        data = file.read()
    expect(os.stat(directory + "/keyring").st_mode & 0o777 == 0o600, "a keyring that others may read")
    return {struct.unpack(">Q", data[at:at + 8])[0]
            for at in range(HEADER_BYTES, len(data) - 32, 40)}


@contextlib.contextmanager
def worker(group, parties):
    scripted_engine.Engine.manner = "good"
    scripted_engine.Engine.words = (ANSWER + " ", "end")
    with scripted_engine.scripted_engine() as address:
        child = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", address,
             "--name", "w1", "--dir", group.home + "/workers/w1", "--price-input", "0.2",
             "--price-output", "0.6", "--end-with-input"],
            group.scratch + "/worker.log", {"YARD_KEY": parties.supplier_key})
        try:
            yield
        finally:
            child.stop()


def ended(group, key, *options):
    """A submitted job that has ended; answers its number."""
    done = group.cluster.yard("submit", "-m", scripted_engine.MODEL, "--max-tokens", 8, *options,
                              PROMPT, key=key)
    expect(done.code == 0, done)
    job = done.text.strip()

    def is_over():
        done = group.cluster.yard("job", job, "--output", "json", key=key)
        if done.code == 3:  # its retention is over already
            return "output_expired" in done.err
        return done.code == 0 and done.lines[0]["state"] == "completed"

    wait_for("the job to end", is_over)
    return job


def copies():
    """a copy of a coordinator, restored after its output was delivered, opens with its own old keyring alone"""
    with folder() as scratch:
        group = Coordinators(scratch, 1, ("w1",), ROTATE)
        original, copy = group.home + "/coordinator-1", scratch + "/copy"
        try:
            parties = Parties(group.cluster)
            with worker(group, parties):
                job = ended(group, parties.consumer_key, "--retention", "0s")
                group.kill(1)
                shutil.copytree(original, copy)
                group.start(1)
                kept = wait_for("the output", lambda: group.cluster.yard(
                    "result", job, key=parties.consumer_key, timeout=60))
                expect(kept.code == 0 and ANSWER in kept.text, kept)
                gone = group.cluster.yard("result", job, key=parties.consumer_key)
                expect(gone.code == 3 and "output_expired" in gone.err, gone)
            wait_for("the keys of the copy to be destroyed",
                     lambda: not keyring(copy) & keyring(original))
            group.running[1].stop()
            nothing_in_clear(scratch, PROMPT, ANSWER)
            for name, ring in (("none", None), ("today's", original), ("its own", copy)):
                restored = f"{scratch}/restored-{name.split()[0].strip(chr(39))}"
                shutil.copytree(copy, restored)
                os.remove(restored + "/keyring")
                if ring:
                    shutil.copy(ring + "/keyring", restored + "/keyring")
                child = Child(group.command(1, restored), restored + ".log")
                try:
                    read = wait_for("an answer of the copy", lambda: (
                        lambda done: done if done.code in (0, 3) else None)(
                        group.cluster.yard("result", job, key=parties.consumer_key)))
                finally:
                    child.stop()
                if name == "its own":
                    expect(read.code == 0 and ANSWER in read.text, (name, read))
                else:
                    expect(read.code == 3 and "key_unavailable" in read.err, (name, read))
                    expect(ANSWER not in read.text, (name, read))
        finally:
            group.stop()


def rejoining():
    """a coordinator that was down over a rotation, and a new leader, read on; what expired has no key in any keyring"""
    with folder() as scratch:
        group = Coordinators(scratch, 3, ("w1",), ROTATE)
        directories = [f"{group.home}/coordinator-{number}" for number in (1, 2, 3)]
        try:
            parties = Parties(group.cluster)
            done = group.cluster.yard("retention", "1d")
            expect(done.code == 0 and "1d" in done.text, done)
            with worker(group, parties):
                leader = wait_for("a leader", group.leader)
                first = directories[leader - 1]
                victim = leader % 3 + 1
                short = ended(group, parties.consumer_key, "--retention", "1s")
                old = keyring(first)
                group.kill(victim)
                wait_for("the output to expire and its key to be destroyed",
                         lambda: not old & keyring(first))
                expect(old & keyring(directories[victim - 1]), "who was down has destroyed keys")
                long = ended(group, parties.consumer_key)
                needed = keyring(first)
                group.start(victim)
                wait_for("the keys that were made meanwhile to come to it, and the others to go",
                         lambda: not old & keyring(directories[victim - 1])
                         and needed & keyring(first) <= keyring(directories[victim - 1]))
                group.kill(leader)
                read = group.cluster.yard("result", long, key=parties.consumer_key)
                expect(read.code == 0 and ANSWER in read.text, read)
                gone = group.cluster.yard("result", short, key=parties.consumer_key)
                expect(gone.code == 3 and "output_expired" in gone.err, gone)
                group.start(leader)
            for directory in directories:
                wait_for("its old keys to be destroyed", lambda: not old & keyring(directory))
            nothing_in_clear(scratch, PROMPT, ANSWER)
            group.agree()
        finally:
            group.stop()


main([copies, rejoining])
