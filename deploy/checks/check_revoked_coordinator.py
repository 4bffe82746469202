#!/usr/bin/env python3
"""A coordinator whose certificate is revoked, and which goes on as if it were not: nobody that dials it stays.

Its process is one that has been removed before, so that it never hears of the revocation and says nothing of it, as one
that was stolen would. A worker, a gateway and the command line know its address as well as the others'; another worker was told of it
alone, and has learned the others from it.
"""

import time

import raw_http1
from cluster import Coordinators, Parties, connections
from product import STORIES, YARD, Child, expect, folder, main, promised, wait_for

# From the answer to the revocation until nobody has a link to the revoked coordinator (the promise).
SECONDS = 2


with folder() as scratch:
    group = Coordinators(scratch, 3, ("w1", "w2"))
    children = []
    try:
        cluster, parties = group.cluster, Parties(group.cluster)
        leader = wait_for("a leader", group.leader)
        gone = next(number for number in (3, 2, 1) if number != leader)
        thief = group.addresses[gone - 1]
        # The revoked one first: whoever dials in this order meets it before any other.
        everybody = ",".join([thief, *(one for one in group.addresses if one != thief)])

        def start(name, endpoints):
            child = Child(
                [YARD, "worker", "run", "--join", endpoints, "--engine", "builtin", "--dir", f"{group.home}/workers/{name}",
                 "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
                f"{scratch}/{name}.log", {"YARD_KEY": parties.supplier_key})
            children.append(child)
            return child

        worker, narrow = start("w1", everybody), start("w2", thief)
        gateway = Child(
            [YARD, "gateway", "--listen", "127.0.0.1:0", "--join", everybody, "--dir", f"{group.home}/gateway",
             "--end-with-input"], f"{scratch}/gateway.log")
        children.append(gateway)

        def ask(path):
            return raw_http1.ask(gateway.ready["address"], "GET", path, key=parties.consumer_key)

        def removed():
            """Removes it, from others that lead: leadership may have come to it since it was chosen."""
            done = cluster.yard("cluster", "remove", gone, "--patience", 60)
            if done.code == 0:
                return True
            expect("leads" in done.err, done)
            cluster.yard("cluster", "transfer", gone % 3 + 1, "--patience", 60)
            return False

        def revoked():
            """a worker and a gateway leave it within two seconds, whatever it says of itself"""
            wait_for("the gateway to serve", lambda: ask("/v1/models").status == 200)
            for child in (worker, narrow):
                wait_for("a worker to be linked to it", lambda c=child: connections(c.process.pid, thief) > 0)
            others = [one for one in group.addresses if one != thief]
            wait_for("the worker that was told of it alone to be linked to the others",
                     lambda: all(connections(narrow.process.pid, one) for one in others), 60)
            wait_for("its removal", removed)
            expect(group.running[gone].process.poll() is None, "the removed coordinator has ended")
            limit = promised(cluster, SECONDS)
            done = cluster.yard("node", "revoke", "--role", "coordinator", "--name", f"coordinator-{gone}")
            expect(done.code == 0, done)
            answered = time.monotonic()
            # A link that begins is over as soon as the others have spoken: what counts is that none stays.
            for child in (worker, narrow, gateway):
                wait_for("the last link to it to end", lambda c=child: not connections(c.process.pid, thief), 60)
            took = time.monotonic() - answered
            print(f"    workers and gateway had left it {took:.2f} s after the answer", flush=True)
            expect(took < limit, f"{took:.1f} s, of {limit:.1f} s")
            for name in ("w1", "w2"):
                with open(f"{scratch}/{name}.log") as log:
                    text = log.read()
                expect("not a coordinator any more" in text, f"{name}'s log says nothing")
                expect(f"address={thief} count=1 kind=certificate_revoked" in text, f"{name} counts nothing")

        def served():
            """the cluster goes on without it, for whoever knows its address too"""
            done = cluster.yard("run", "-m", STORIES, "--max-tokens", 4, "Once", key=parties.consumer_key)
            expect(done.code == 0, done)
            expect(ask("/v1/models").status == 200, "the gateway does not serve")

        def command_line():
            """the command line gives it no key, though it is the first that it knows"""
            cluster.endpoints = everybody.split(",")
            for _ in range(3):
                done = cluster.yard("models", "--output", "json")
                expect(done.code == 0 and done.lines, done)
            done = cluster.yard("status", "--output", "json")
            expect(f"address={thief} count=1 kind=certificate_revoked" in done.err, done)
            lines = {line["address"]: line for line in done.lines}
            expect("revoked" in lines[thief].get("error", ""), lines[thief])
            expect(sum("status" in line for line in lines.values()) == 2, lines)

        def restarted():
            """a worker and a gateway that are started now, and meet it first, do not take it for one"""
            for child in (worker, gateway):
                child.stop()
            fresh = Child(
                [YARD, "worker", "run", "--join", everybody, "--engine", "builtin", "--dir",
                 f"{group.home}/workers/w1", "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
                f"{scratch}/worker-2.log", {"YARD_KEY": parties.supplier_key})
            children.append(fresh)
            with open(f"{scratch}/worker-2.log") as log:
                linked = [line for line in log if "linked" in line]
            expect(linked and not any(f"coordinator={gone}" in line for line in linked), linked)

        main([revoked, served, command_line, restarted])
    finally:
        for child in children:
            child.stop()
        group.stop()
