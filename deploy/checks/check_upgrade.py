#!/usr/bin/env python3
"""A cluster goes to a later state version under load: coordinators that apply it come one by one, and no request fails."""

import contextlib
import json
import pathlib
import signal
import threading

from cluster import Coordinators, Parties, made
from gateway import gateway
from product import STORIES, YARD, Child, Failed, expect, folder, main, wait_for

OLD, NEW = 2, 3


class Load:
    """Streams through a gateway, one after the other in each of several threads; every one must be whole."""

    def __init__(self, served, key, threads=2):
        self.served, self.key, self.over = served, key, threading.Event()
        self.answers, self.failures = 0, []
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        body = {"model": STORIES, "stream": True, "max_tokens": 12,
                "messages": [{"role": "user", "content": f"Story {number}"}]}
        while not self.over.is_set():
            try:
                answer = self.served.post("/v1/chat/completions", json.dumps(body).encode(), self.key, seconds=120)
                whole = answer.status == 200 and answer.is_whole and answer.events[-1:] == ["[DONE]"]
                if not whole:
                    self.failures.append(repr(answer))
                self.answers += 1
            except Exception as error:  # noqa: BLE001 - a request without an answer has failed
                self.failures.append(repr(error))
                return

    def more(self):
        """Waits for answers that were asked for after this moment."""
        enough = self.answers + len(self.threads) + 1
        wait_for("the load to go on", lambda: self.failures or self.answers >= enough)
        expect(not self.failures, f"requests failed: {self.failures[:3]}")

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(120)
        expect(not self.failures, f"requests failed: {self.failures[:3]}")


def versions(group):
    """What each coordinator says: the version in force, and the newest that it applies."""
    return {s["replica"]: (s["state_version"], s["state_version_max"]) for s in group.statuses()}


def restart(group, number, *options):
    """SIGTERM, which hands leadership over, and the same directory under a program that does so much."""
    group.running[number].process.send_signal(signal.SIGTERM)
    group.running[number].process.wait(120)
    group.options = options
    group.start(number)


def refusal(group, number):
    """Starts a coordinator that must not serve, and answers how it ended.

    At its start; or, where its rows were still those of the old version, when it comes to the entry that raised it."""
    try:
        group.start(number)
    except Failed as failure:
        expect("(exit 3)" in str(failure), failure)
        return str(failure)
    child = group.running[number]
    code = child.process.wait(120)
    expect(code > 0, f"it ended with {code}")
    return f"(exit {code}): {pathlib.Path(child.log).read_text(errors='replace')[-600:]}"


def rolling():
    """three coordinators go from state version 2 to 3 one by one under load, and none goes back"""
    with folder() as scratch, contextlib.ExitStack() as stack:
        group = Coordinators(scratch, workers=("w1",), options=("--state-version-max", str(OLD)))
        stack.callback(group.stop)
        parties = Parties(group.cluster)
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", "builtin", "--dir",
             f"{group.home}/workers/w1", "--end-with-input"], scratch + "/worker.log", {"YARD_KEY": parties.supplier_key})
        stack.callback(worker.stop)
        served = stack.enter_context(gateway(group.cluster, scratch))
        wait_for("all at the old version", lambda: versions(group) == {n: (OLD, OLD) for n in (1, 2, 3)})
        limit = ("key", "limit", parties.consumer_key.split("_")[1], "--requests-per-minute", "1000000")
        refused = group.cluster.yard(*limit)
        expect(refused.code == 3 and "version" in refused.err, f"a command of version {NEW} at {OLD}: {refused}")

        load = Load(served, parties.consumer_key)
        leader = wait_for("a leader", group.leader)
        for number in [n for n in (1, 2, 3) if n != leader] + [leader]:
            load.more()
            known = versions(group)
            expect(all(in_force == OLD for in_force, _ in known.values()), f"raised before all could: {known}")
            restart(group, number)
            wait_for(f"coordinator {number} to be there", lambda n=number: versions(group).get(n, (0, 0))[1] == NEW)
        wait_for("the new version", lambda: versions(group) == {n: (NEW, NEW) for n in (1, 2, 3)})
        load.more()
        made(group.cluster.yard(*limit, "--output", "json"))

        # Back: a program that does not know the version does not start, and says what to do; the others serve.
        group.running[3].process.send_signal(signal.SIGTERM)
        group.running[3].process.wait(120)
        group.options = ("--state-version-max", str(OLD))
        end = refusal(group, 3)
        expect(f"version {NEW}" in end and "install" in end, end)
        load.more()
        group.options = ()
        group.start(3)
        load.more()
        load.end()
        group.agree()
        print(f"{load.answers} answers", flush=True)


def skipping():
    """forwards a version may be skipped: a state of version 1 is taken over by a program that applies 3"""
    with folder() as scratch:
        group = Coordinators(scratch, count=1, workers=("w1",), options=("--state-version-max", "1"))
        try:
            wait_for("an account", lambda: group.cluster.yard("account", "create", "early").text.strip())
            expect(versions(group) == {1: (1, 1)}, versions(group))
            restart(group, 1)
            wait_for("the newest version", lambda: versions(group) == {1: (NEW, NEW)})
            names = [line["name"] for line in group.cluster.yard("account", "list", "--output", "json").lines]
            expect("early" in names, names)
        finally:
            group.stop()


main([rolling, skipping])
