#!/usr/bin/env python3
"""Every attack of HTTP/2, at every kind of node, by every role: each is ended, logged, and leaves the node to its callers.

Three coordinators and a gateway with a certificate. The forms (h2_attacks.py) are thrown at the leader and at a follower by a stranger, a
client, a worker and a gateway, and at the gateway by a stranger, once each; what each costs others while it is repeated is check_attacks.py's and
check_gateway_input.py's. Besides: floods of connections from many addresses, and one worker's.
"""

import contextlib
import json
import os
import re
import resource
import socket
import threading
import time

import authority
import h2_attacks
import raw_http2 as h2
from cluster import Coordinators, Parties
from product import YARD, Child, Skipped, expect, folder, main, promised, wait_for
from raw_http2 import Connection, Ended, frame, message, request

ATTACKER = "127.0.0.2"
# What a node may take of memory for all of it: three thousand handshakes of 30 KiB at once.
GROWTH_MAX_MIB = 128
# And keep in the end: Sources/yard/Processes/SpareHeap.swift keeps 8 MiB, and pages that are used in part.
SPARE_MAX_MIB = 12
# Connections that strangers may have at a coordinator, as Transport/OpenConnections.swift has it; of one address, whose handshake is
# not done; and of one worker.
UNKNOWN_MAX, HANDSHAKES_MAX, NODE_MAX = 3_072, 128, 32
MEASURES = {}


def own_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:")) / 1024


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


with folder() as scratch:
    group = Coordinators(scratch, 3, ("w1",))
    children = []
    try:
        cluster, parties = group.cluster, Parties(group.cluster)
        authority.self_signed(scratch + "/public")
        gateway = Child(
            [YARD, "gateway", "--listen", "127.0.0.1:0", "--join", ",".join(group.addresses), "--dir",
             group.home + "/gateway", "--certificate", scratch + "/public.pem", "--certificate-key",
             scratch + "/public.key", "--end-with-input"], scratch + "/gateway.log")
        children.append(gateway)
        leader = wait_for("a leader", group.leader)
        follower = next(number for number in (1, 2, 3) if number != leader)
        nodes = {"leader": group.addresses[leader - 1], "follower": group.addresses[follower - 1],
                 "gateway": gateway.ready["address"]}
        processes = {"leader": group.running[leader].process, "follower": group.running[follower].process,
                     "gateway": gateway.process}
        logs = {"leader": f"{scratch}/coordinator-{leader}.log", "follower": f"{scratch}/coordinator-{follower}.log",
                "gateway": scratch + "/gateway.log"}
        roles = {None: None, "client": cluster.identity, "worker": group.home + "/workers/w1/identity",
                 "gateway": group.home + "/gateway/identity"}
        key = parties.consumer_key

        def service_of(role):
            """One whose streams a role may open."""
            return "worker" if role == "worker" else "call"

        def gateways_section(flags, stream, extra):
            said = [(":method", "GET"), (":scheme", "https"), (":path", "/v1/models"), (":authority", "gateway"),
                    ("authorization", "Bearer " + key)]
            return frame(h2.HEADERS, flags, stream, b"".join(h2.literal(*field) for field in said) + extra)

        def section_of(node, role):
            if node == "gateway":
                return gateways_section
            return lambda flags, stream, extra: request(stream, service_of(role), extra=extra, flags=flags)

        def opened_at(node, role):
            """A request of which more than its header section is to come."""
            if node == "gateway":
                # It is refused at once, since it has no key, and what comes then is not read.
                said = [(":method", "POST"), (":scheme", "https"), (":path", "/v1/chat/completions"), (":authority", "gateway"),
                        ("expect", "100-continue"), ("content-length", "1000000")]
                return lambda stream: frame(h2.HEADERS, h2.END_HEADERS, stream, b"".join(h2.literal(*field) for field in said))
            if role:
                return lambda stream: request(stream, service_of(role), parties.supplier_key if role == "worker" else key)
            # The head of a message of a megabyte.
            claim = h2.number(1_000_000) + (64).to_bytes(2, "big") + b"\0\0"
            return lambda stream: request(stream, "call", key) + frame(h2.DATA, 0, stream, claim)

        def is_served(node):
            """A well-behaved client, from another address than the attacks, has its answer."""
            with contextlib.closing(Connection(nodes[node])) as connection:
                if node == "gateway":
                    connection.send(gateways_section(h2_attacks.AFTER_END, 1, b""))
                    connection.until(lambda: 1 in connection.ended)
                    return json.loads(connection.bodies[1])["object"] == "list"
                expect(connection.greet() == "Welcome", "no welcome")
                return connection.ask(3, key) == "StatusReport"

        for node in nodes:
            expect(is_served(node), f"the {node} does not serve")
        before = {node: own_mib(process.pid) for node, process in processes.items()}

        begun = time.monotonic()
        hello = request(1, "control") + frame(h2.DATA, 0, 1, h2.hello())
        slow_ones = {
            (node, name): go_on for node in ("follower", "gateway")
            for name, go_on in h2_attacks.slow(
                nodes[node], (lambda flags, stream, extra: request(
                    stream, "call", key, extra, flags & ~h2.END_STREAM) + (frame(
                        h2.DATA, h2.END_STREAM, stream, message("StatusQuery")) if flags & h2.END_STREAM else b""))
                if node == "follower" else gateways_section, ATTACKER,
                hello if node == "follower" else b"").items()}

        ended_after, trouble = {}, []

        def look_after():
            """Goes on with those who are slow while all else is done, and notes when each was ended."""
            try:
                while slow_ones:
                    for place, go_on in list(slow_ones.items()):
                        try:
                            go_on()
                        except Ended:
                            ended_after[place] = time.monotonic() - begun
                            del slow_ones[place]
                    time.sleep(0.02)
            except Exception as error:  # noqa: BLE001 - told to the check, which fails
                trouble.append(repr(error))
        threading.Thread(target=look_after, daemon=True).start()

        def thrown_by_all(node):
            wrong = []
            for role, identity in roles.items():
                if node == "gateway" and role:
                    continue
                attacks = h2_attacks.forms(section_of(node, role)) | h2_attacks.excesses(opened_at(node, role), role)
                if node != "gateway":
                    attacks["flood of our own pings"] = lambda turn: frame(h2.DATA, 0, 1, message("Ping", nonce=turn))
                for name, form in attacks.items():
                    connection = Connection(nodes[node], identity, ATTACKER)
                    connection.acknowledges = name != h2_attacks.UNANSWERED
                    if node != "gateway":
                        expect(connection.greet(role or "client") == "Welcome", "no welcome")
                    outcome, turns = h2_attacks.outcome(name, role, connection, form)
                    MEASURES[f"{node}, {role or 'stranger'}: {name}"] = f"{outcome}, {turns} turns"
                    if outcome == h2_attacks.GOES_ON:
                        wrong.append(f"{role or 'stranger'}: {name} goes on after {turns}")
                    elif outcome != h2_attacks.ENDED:
                        print(f"    {role}: {name} not ended: {outcome}, {turns} turns", flush=True)
                expect(is_served(node), f"the {node} does not serve after a {role or 'stranger'}'s attacks")
            expect(not wrong, "; ".join(wrong))

        def at_the_leader():
            """each form is ended at the leader, of a stranger, a client, a worker and a gateway"""
            thrown_by_all("leader")

        def at_a_follower():
            """each form is ended at a follower, of a stranger, a client, a worker and a gateway"""
            thrown_by_all("follower")

        def at_the_gateway():
            """each form is ended at a gateway under TLS"""
            thrown_by_all("gateway")

        def at_the_door():
            """without a key, or with a dead one, a follower refuses a stream before it has read of it, and passes nothing on"""
            dead = cluster.yard("key", "create", parties.consumer).text.strip()
            expect(cluster.yard("key", "revoke", dead.split("_")[1]).code == 0, "not revoked")
            group.agree()
            with contextlib.closing(Connection(nodes["follower"], None, ATTACKER)) as connection:
                expect(connection.greet() == "Welcome", "no welcome")
                for place, shown in enumerate((None, "sk_nothing", dead)):
                    opened = 3 + 2 * place
                    # The head of a large message, and no more of it.
                    connection.send(request(opened, "job", shown))
                    connection.until(lambda: opened in connection.ended or opened in connection.resets)
                    answer = h2.CODEC.decode(connection.bodies[opened])
                    expect(answer["type"] == "Failure" and answer["fields"]["code"] == 2, answer)
                expect(connection.ask(11, key) == "StatusReport", "the connection did not go on")

        def many_addresses():
            """connections from more addresses than are needed to fill a coordinator leave a newcomer a place"""
            if (there := raise_descriptors()) < (needed := UNKNOWN_MAX + 1_200):
                raise Skipped(f"{needed} descriptors are needed, and ulimit -n allows {there}")
            host, port = nodes["follower"].rsplit(":", 1)
            held = []
            try:
                # Each has fewer than it may: no bound of one address is reached.
                for address in range(40):
                    for _ in range(HANDSHAKES_MAX * 4 // 5):
                        one = socket.socket()
                        held.append(one)
                        one.settimeout(60)
                        one.bind((f"127.0.1.{address + 1}", 0))
                        one.connect((host, int(port)))
                began = time.monotonic()
                expect(is_served("follower"), "a newcomer is not served")
                MEASURES["served beside a flood from 40 addresses"] = f"{time.monotonic() - began:.2f} s"
            finally:
                for one in held:
                    one.close()
            with open(logs["follower"]) as file:
                expect("kind=displaced" in file.read(), "nobody was displaced")

        def one_worker():
            """a worker's certificate has its own number of connections, and another's goes on"""
            held, refused = [], 0
            try:
                for _ in range(NODE_MAX + 8):
                    try:
                        held.append(Connection(nodes["follower"], roles["worker"], ATTACKER))
                        held[-1].greet("worker")
                    except Ended:
                        refused += 1
                expect(refused == 8, f"{refused} were refused")
                expect(is_served("follower"), "the follower does not serve")
            finally:
                for one in held:
                    one.close()
            with open(logs["follower"]) as file:
                expect("kind=too_many_of_node" in file.read(), "no line of it")

        def slow_ones_end():
            """who is slow on purpose is ended in time, at a follower and at a gateway, also one who takes a byte now and then"""
            # Keep-alive, stall and handshake are 10 to 30 s; the rest is this machine's.
            limit = 45 + promised(cluster, 10)
            wait_for("all of them to be ended", lambda: not slow_ones or trouble, max(1, begun + limit - time.monotonic()))
            expect(not trouble, trouble)
            for place, seconds in ended_after.items():
                MEASURES["slow: " + ", ".join(place)] = f"ended after {seconds:.0f} s"
                # What is ended sooner than any time of a node's was ended for something else.
                expect(4 < seconds < limit, f"{place}: ended after {seconds:.1f} s")

        def unharmed():
            """what was ended is in the log by its kind, memory is flat, every node lives and serves"""
            for node, log in logs.items():
                with open(log) as file:
                    text = file.read()
                due = {"breach_resetsReceived", "breach_resetsSent", "breach_idleFrames", "breach_frames", "breach_headerSection",
                       "breach_continuations", "protocol_violation", "overloaded" if node == "leader" else "handshake_timeout"}
                missing = due - set(re.findall(r"kind=(\S+)", text))
                expect(not missing, f"no line of {sorted(missing)} in the {node}'s log")
                expect(processes[node].poll() is None, f"the {node} is dead")
                expect(is_served(node), f"the {node} does not serve")
            growth = {node: own_mib(process.pid) - before[node] for node, process in processes.items()}
            print("    grown: " + ", ".join(f"{node} {mib:+.0f} MiB" for node, mib in growth.items()), flush=True)
            if os.environ.get("MEASURES"):
                with open(os.environ["MEASURES"], "w") as file:
                    json.dump(MEASURES, file, indent=1)
            for node, mib in growth.items():
                expect(mib <= GROWTH_MAX_MIB, f"the {node} grew by {mib:.0f} MiB")
                wait_for(f"the {node} to give back what it does not use",
                         lambda n=node: own_mib(processes[n].pid) - before[n] <= SPARE_MAX_MIB, 60)

        only = os.environ.get("ONLY", "").split(",")
        checks = [at_the_leader, at_a_follower, at_the_gateway, at_the_door, many_addresses, one_worker, slow_ones_end, unharmed]
        main([check for check in checks if check.__name__ in only] or checks)
    finally:
        for child in children:
            child.stop()
        group.stop()
