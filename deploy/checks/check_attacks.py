#!/usr/bin/env python3
"""A hostile network: attacks on a live node, while a well-behaved client works and memory stays flat.

Every attack comes from 127.0.0.2, as a stranger without a certificate and, where that is another surface, as a
client with one, and is then repeated for a second and more while the well-behaved client, a process of its own, works (bystander.py).
$ROUNDS further rounds of all of them, as long each or $ROUND_SECONDS, show whether it is given back in the end. HTTP/1.1, and HTTP/2
at a gateway, are attacked by check_gateway_input.py.
"""

import collections
import json
import os
import re
import socket
import time

import h2_attacks
import raw_http2 as h2
from bystander import BURST_FLOOR_MS, FLOOR_MS, IS_OPTIMISED, SECONDS, Bystander, percentile, sink
from h2_attacks import stream
from product import Failed, dev, expect, main, promised, wait_for
from raw_http2 import CODEC, Connection, Ended, frame, message, number, request, window_update

ATTACKER = "127.0.0.2"
ROUNDS = int(os.environ.get("ROUNDS", 0))
ROUND_SECONDS = float(os.environ.get("ROUND_SECONDS", SECONDS))
# What strangers and a client may leave unfinished on one connection each, 2 and 16 MiB, and as much of what the heap keeps. Of an attack
# that goes on for longer than a connection takes to close, 2 s, there are more connections at once, of which the heap keeps more;
# and sixty messages of 200 kB that end at once are 12 MiB of it.
GROWTH_MAX_MIB = 36 if SECONDS < 2 and not ROUNDS else 80
# What may be kept of it in the end: Sources/yard/Processes/SpareHeap.swift keeps 8 MiB, and pages that are used in part. What is
# lost of each connection adds up in rounds.
SPARE_MAX_MIB = 12
# Ends an attack that the node does not end; the slowest takes three seconds, and on a machine that does much else ten times that.
ATTACK_SECONDS = h2_attacks.SECONDS
MEASURES = {}


# No worker, so the engine is never asked.
with dev("--workers", 0, engine="http://127.0.0.1:9") as cluster:
    address, key, identity = cluster.endpoints[0], cluster.key, cluster.identity

    def node_process():
        """The pid of the coordinator: the process that listens on its address."""
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"coordinator" in words and address.encode() in words:
                return int(entry)
        raise Failed("the coordinator's process is not there")

    pid = node_process()

    def memory_mib():
        """What the node has in memory of its own; pages of its program and its store are the kernel's to take back."""
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:")) / 1024

    def begin():
        """A connection of the well-behaved client, and what asks for the status over it."""
        connection, stream = Connection(address, identity), [1]
        expect(connection.greet() == "Welcome", "no welcome")

        def ask():
            stream[0] += 2
            expect(connection.ask(stream[0], key) == "StatusReport", "no status")
        return ask

    client = Bystander(begin)
    client.felt()
    baseline, memory = client.during(lambda: time.sleep(0.1), 1.5), memory_mib()

    # Slow attackers: begun now, looked at when everything else is over.
    def slow(to=address):
        host, port = to.rsplit(":", 1)
        silent = socket.create_connection((host, int(port)), h2.SECONDS, source_address=(ATTACKER, 0))
        preface = Connection(to, None, ATTACKER, preface=h2.PREFACE[:10])
        greeting = Connection(to, None, ATTACKER)
        hello = request(1, "control") + frame(h2.DATA, 0, 1, h2.hello())
        headers = Connection(to, None, ATTACKER)
        headers.send(hello + request(3, flags=0))
        window = Connection(
            to, identity, ATTACKER, preface=h2.PREFACE + frame(h2.SETTINGS, 0, 0, b"\0\4" + number(0)))
        window.send(hello)
        window.send(b"".join(
            request(stream, "call", key) + frame(h2.DATA, h2.END_STREAM, stream, message("StatusQuery"))
            for stream in range(3, 403, 2)))
        return {"a silent connection": silent, "half a preface": preface.socket,
                "no greeting": greeting.socket, "half a header section": headers.socket,
                "a window of zero": window.socket}

    begun = time.monotonic()
    slow_ones = slow()

    FORMS = h2_attacks.forms(lambda flags, stream, extra: request(stream, flags=flags, extra=extra))

    def flood(form, identity=None, to=address, rounds_max=None, at_once=50):
        """Throws a form at a node that was greeted, or at the sink; answers as `h2_attacks.thrown`."""
        connection = Connection(to, identity, ATTACKER)
        try:
            if to == address:
                connection.greet()
        except Ended:
            connection.close()
            return 0, -1
        return h2_attacks.thrown(connection, form, rounds_max, ATTACK_SECONDS, at_once)

    def idle():
        """What an attacker costs the machine and not the node: bytes to a process that reads them."""
        flood(FORMS["rapid reset"], to=bystander_sink, rounds_max=200)

    # Every attack that is repeated, by its name; and what lets go of the connections that one has kept.
    repeated, let_go = {}, []

    def attacked(name, attack, beside=idle, floor=FLOOR_MS):
        """Runs an attack once, and then again and again while the well-behaved client must not feel it."""
        MEASURES[name] = {"outcome": str(attack())}
        repeated[name] = attack
        client.is_unharmed_by(name, attack, beside, floor)
        MEASURES[name].update(client.measures[name], memory_mib=round(memory_mib()))

    def ended(name, attack, as_client=True, rate_allowed=0, at_once=50):
        """The attack ends with the connection, for a stranger and for a client with a certificate; answers after what.

        Unless this machine is too slow for it: what may be done so often in a second is no attack."""
        taken = {}
        for who in (None, identity) if as_client else (None,):
            label = f"{name}, {'client' if who else 'stranger'}"
            began = time.monotonic()
            rounds, code = flood(attack, who, at_once=at_once)
            rate = rounds / (time.monotonic() - began)
            expect(code is not None or rate < rate_allowed, f"{label}: still going on after {rounds} rounds, {rate:.0f}/s")
            MEASURES[label] = {"outcome": f"after {rounds} rounds"}
            taken[who] = min(rounds, 20_000)
        return taken

    def stopped(name, attacks, at_once=50):
        """Each of the attacks ends, as the arguments of `ended`; so do all of them in turns, again and again."""
        taken = [ended(*one, at_once=at_once) for one in attacks]

        def throwing(to):
            """What throws one after another; at the sink, which ends nothing, as much as the node took before it did."""
            turn = [0]

            def again():
                turn[0] += 1
                place, lap = turn[0] % len(attacks), turn[0] // len(attacks) % 2
                who = identity if lap == 1 and identity in taken[place] else None
                flood(attacks[place][1], who, to, None if to == address else taken[place][who], at_once)
            return again
        repeated[name] = throwing(address)
        client.is_unharmed_by(name, repeated[name], throwing(bystander_sink))
        MEASURES[name] = {**client.measures[name], "memory_mib": round(memory_mib())}

    def rapid_reset():
        """rapid reset (CVE-2023-44487) ends the connection"""
        stopped("rapid reset", [("rapid reset", FORMS["rapid reset"])])

    def continuation():
        """a CONTINUATION flood (CVE-2024-28182) ends the connection"""
        stopped("CONTINUATION flood", [("CONTINUATION flood", FORMS["CONTINUATION flood"])])

    def made_you_reset():
        """the six forms of MadeYouReset (CVE-2025-8671) end the connection"""
        forms = [(name, form) for name, form in FORMS.items() if name.startswith("MadeYouReset: ")]
        expect(len(forms) == 6, f"forms of MadeYouReset: {len(forms)}")
        stopped("MadeYouReset", forms)

    def floods():
        """floods of SETTINGS, PING, PRIORITY, empty DATA, WINDOW_UPDATE and unknown frames, and of our own pings, end the connection"""
        # A known client may send 50,000 frames a second, which takes an attacker that makes them in bulk (check_attack_matrix.py).
        stopped("floods of frames", [
            *((name, FORMS[name]) for name in
              ("SETTINGS flood", "PING flood", "PRIORITY flood", "empty DATA flood", "unknown frame flood")),
            ("WINDOW_UPDATE flood", FORMS["WINDOW_UPDATE flood"], False, h2_attacks.allowed("WINDOW_UPDATE flood", None)),
            ("flood of Ping messages", lambda turn: frame(h2.DATA, 0, 1, message("Ping", nonce=turn)))])

    def excesses():
        """more streams, DATA, settings and trailers than the node has said it takes end the connection"""
        # The head of a message of a megabyte, of which no more comes than a form has.
        claim = number(1_000_000) + (64).to_bytes(2, "big") + b"\0\0"

        def opened(stream):
            return request(stream, "call", key) + frame(h2.DATA, 0, stream, claim)
        of_all = h2_attacks.excesses(opened, "client")
        stopped("more than is allowed", [(name, form, name in of_all)
                                         for name, form in h2_attacks.excesses(opened).items() if name != h2_attacks.UNANSWERED], 5)

    def hpack_bomb():
        """an HPACK bomb ends the connection, and so does the repetition of a lesser one, which yields no request"""
        lesser = h2_attacks.bomb(150)
        stopped("HPACK bomb", [("HPACK bomb", FORMS["HPACK bomb"]),
                               ("lesser HPACK bomb", lambda turn: request(stream(turn), extra=lesser))])

    def large_headers():
        """a header section beyond 16 KiB or 64 fields is refused"""
        def attack():
            connection = Connection(address, None, ATTACKER)
            connection.greet()
            many = b"".join(h2.literal(f"x-{n}", "v") for n in range(80))
            long = b"".join(h2.literal(f"x-{n}", "v" * 250) for n in range(59))
            connection.send(request(3, extra=many) + request(5, extra=long))
            connection.until(lambda: {3, 5} <= connection.resets.keys())
            connection.close()
            return "both streams reset"
        attacked("large header sections", attack)

    def oversize_frame():
        """a frame beyond 16 KiB, and a message beyond its limit, are refused"""
        def attack():
            connection = Connection(address, None, ATTACKER)
            connection.send(request(1, "control") + frame(h2.DATA, 0, 1, b"x" * 20_000))
            try:
                connection.until(lambda: connection.goaway is not None)
            except Ended:
                pass
            expect(connection.goaway, "a large frame was taken")
            connection = Connection(address, identity, ATTACKER)
            connection.greet()
            claim = number(1 << 30) + (64).to_bytes(2, "big") + b"\0\0"
            connection.send(request(3, "call", key) + frame(h2.DATA, 0, 3, claim))
            connection.until(lambda: 3 in connection.resets or 3 in connection.ended)
            expect(connection.ask(5, key) == "StatusReport", "the connection did not go on")
            connection.close()
            return "frame: connection ended; message: stream ended"
        attacked("oversize frame and message", attack)

    def garbage():
        """garbage instead of HTTP/2, instead of a greeting, and after the handshake ends the connection"""
        noise = bytes((n * 131 + 17) % 256 for n in range(4_096))
        soon = promised(cluster, 2)

        def ends(connection, data):
            began = time.monotonic()
            try:
                connection.send(data)
                connection.until(lambda: False)
            except Ended:
                # Not by the limits of handshakes and greetings, which end who says nothing.
                took = time.monotonic() - began
                expect(took < soon, f"the connection ended after {took:.1f} s only")
                return
            raise Failed("the connection went on")

        def attack():
            ends(Connection(address, None, ATTACKER, preface=b""), noise)
            ends(Connection(address, None, ATTACKER), noise)
            ends(Connection(address, None, ATTACKER), request(1, "control") + frame(h2.DATA, 0, 1, noise))
            connection = Connection(address, identity, ATTACKER)
            connection.greet()
            ends(connection, frame(h2.DATA, 0, 1, noise))
            # Well formed, and nothing that is said twice.
            connection = Connection(address, identity, ATTACKER)
            connection.greet()
            ends(connection, frame(h2.DATA, 0, 1, h2.hello()))
            return "connection ended"
        attacked("garbage", attack)

    def unfinished():
        """messages that never end are held to a budget of the connection, and the rest of it works"""
        part = number(1_000_000) + (64).to_bytes(2, "big") + b"\0\0" + b"x" * 16_000

        def attack(who, streams):
            connection = Connection(address, who, ATTACKER)
            connection.greet()
            connection.send(window_update(0, 1 << 24))
            opened = [2 * n + 3 for n in range(streams)]
            connection.send(b"".join(request(s, "call", key) for s in opened))
            sent = 0
            # A stream takes 256 KiB before its window must be opened again; that is enough here.
            for _ in range(15):
                for s in opened:
                    if s in connection.ended or s in connection.resets:
                        continue
                    connection.send(frame(h2.DATA, 0, s, part if sent < streams else part[8:]))
                    sent += 1
                connection.read(0)
            connection.until(lambda: connection.ended or connection.resets)
            expect(connection.ask(2 * streams + 3, key) == "StatusReport", "the connection did not go on")
            return connection, len(connection.ended) + len(connection.resets)

        def both():
            connections = [attack(who, streams)[0] for who, streams in ((None, 60), (identity, 200))]
            MEASURES["held by unfinished messages"] = f"{memory_mib():.0f} MiB"
            for connection in connections:
                connection.close()
            return "streams refused beyond the budget"
        def counted():
            done = cluster.yard("status", "--output", "json", key=cluster.root)
            return sum(line["status"]["refusals"].get("overloaded", 0) for line in done.lines if "status" in line)
        before = counted()
        attacked("unfinished messages", both)
        expect(counted() > before, "what was refused was not counted")

    def ends_of_messages():
        """sixty large messages whose ends come in one read are taken in turns with what others ask"""
        # 200 kB each, which a stream takes before its window must be opened again, of what takes long to read.
        body = b'{"model":"none","messages":[{"role":"user","content":"x"}],"x":[' + b'{"a":0},' * 25_000 + b"0]}"

        def submit(turn):
            return message("Submit", requestKey=f"{turn:032x}", mode="submitted", endpoint="chatCompletions",
                           model="none", body=body.hex(), maxInputPrice=None, maxOutputPrice=None, queueTimeoutMs=0,
                           follow=False)
        submits = [submit(turn) for turn in range(60)]

        def thrown(to):
            connection = Connection(to, identity, ATTACKER)
            if to == address:
                connection.greet()
            connection.send(window_update(0, 1 << 24))
            for turn, data in enumerate(submits):
                connection.send(request(stream(turn), "job", key) + b"".join(
                    frame(h2.DATA, 0, stream(turn), data[at:min(at + 16_000, len(data) - 1)])
                    for at in range(0, len(data) - 1, 16_000)))
                connection.read(0)
            connection.send(b"".join(frame(h2.DATA, 0, stream(turn), data[-1:]) for turn, data in enumerate(submits)))
            if to == address:
                connection.until(lambda: len(connection.bodies.keys() | connection.resets.keys()) > len(submits))
                said = {CODEC.decode(connection.bodies[stream(turn)])["type"] for turn in range(len(submits))}
                expect(said == {"Failure"}, f"a model that nobody has: {said}")
            connection.close()
            return "all refused"
        attacked("ends of large messages", lambda: thrown(address), lambda: thrown(bystander_sink))

    def connection_flood():
        """a flood of connections from one address leaves others theirs"""
        def connected(to):
            host, port = to.rsplit(":", 1)
            held = []
            for _ in range(600):
                one = socket.socket()
                one.bind((ATTACKER, 0))
                one.settimeout(ATTACK_SECONDS)
                one.connect((host, int(port)))
                held.append(one)
            return held

        def attack():
            held, closed = connected(address), 0
            # Before the limit of handshakes ends all of them.
            deadline = time.monotonic() + promised(cluster, 5)
            while closed < 400 and time.monotonic() < deadline:
                closed = 0
                for one in held:
                    one.setblocking(False)
                    try:
                        closed += one.recv(1) == b""
                    except BlockingIOError:
                        pass
                    except OSError:
                        closed += 1
                time.sleep(0.05)
            fresh = Connection(address, identity)
            expect(fresh.greet() == "Welcome", "another address found no room")
            fresh.close()
            for one in held:
                one.close()
            expect(closed >= 400, f"only {closed} of 600 connections were refused")
            return f"{closed} of 600 closed"

        def to_the_sink():
            for one in connected(bystander_sink):
                one.close()
        attacked("connection flood", attack, to_the_sink, BURST_FLOOR_MS)

    def slow_attackers_unfelt():
        """who is slow on purpose, twenty times each way at once and ever anew, is not felt"""
        held = collections.deque()

        def hold(some):
            held.append(some)
            while len(held) > 20:
                for one in held.popleft().values():
                    one.close()

        def attack():
            hold(slow())
            return "held, twenty of each"
        # Four handshakes each time cost the machine more than any flood does: the sink is to take them too.
        attacked("slow attackers", attack, lambda: hold(slow(bystander_sink)))

        def release():
            while held:
                for one in held.popleft().values():
                    one.close()
        release()
        let_go.append(release)

    def slow_attackers():
        """a silent handshake, half a preface, no greeting, half a header section: ended in time"""
        for name, one in slow_ones.items():
            limit = begun + 45 + 10
            while True:
                one.settimeout(max(0.1, limit - time.monotonic()))
                try:
                    ended = one.recv(1 << 16) == b""
                except TimeoutError:
                    raise Failed(f"{name}: still open after {time.monotonic() - begun:.0f} s") from None
                except OSError:
                    ended = True
                if ended:
                    break
            one.close()
            MEASURES["slow: " + name] = {"outcome": "ended"}

    def refusals_are_logged():
        """what was refused is in the log, with its kind and its count, in few lines"""
        with open(cluster.ready["directory"] + "/logs/coordinator-1.log") as file:
            lines = [line for line in file if "kind=" in line]
        for kind in ("breach_resetsReceived", "breach_resetsSent", "breach_headerSection"):
            expect(any(kind in line for line in lines), f"no line of {kind}")
        expect(any("kind=malformed_request" in line and "after the handshake" in line for line in lines),
               "no line of a second greeting")
        # Twenty of a kind at once, and two a second.
        most = 20 + 2 * (time.monotonic() - begun)
        lines_of = collections.Counter(re.search(r"kind=(\w+)", line).group(1) for line in lines)
        expect(max(lines_of.values()) <= most, f"more than {most:.0f} lines of a kind: {lines_of}")

    def unharmed():
        """the well-behaved client was served all along, the node's memory is flat, and the node lives"""
        client.all += client.felt()
        # It has the node's standard input too: if this fails, the node would never see that ended.
        client.end()
        quiet, p99 = percentile(baseline, 0.99), percentile(client.all, 0.99)
        growth = memory_mib() - memory
        print(f"    p50 {percentile(baseline, 0.5):.1f} -> {percentile(client.all, 0.5):.1f} ms, p99 {quiet:.1f} -> "
              f"{p99:.1f} ms of {len(client.all)} calls; memory {memory:.0f} MiB, {growth:+.0f} MiB", flush=True)
        if os.environ.get("MEASURES"):
            with open(os.environ["MEASURES"], "w") as file:
                json.dump(MEASURES, file, indent=1)
        expect(growth <= GROWTH_MAX_MIB, f"the node grew by {growth:.0f} MiB")
        wait_for("the node to give back what it does not use", lambda: memory_mib() <= memory + SPARE_MAX_MIB, 60)
        print(f"    memory given back: {memory_mib() - memory:+.1f} MiB", flush=True)
        expect(node_process() == pid, "the node was started again")

    def rounds():
        """all attacks, round upon round: what is lost of each connection would be missing in the end"""
        def descriptors():
            return len(os.listdir(f"/proc/{pid}/fd"))

        at_rest, sizes = descriptors(), []
        for _ in range(ROUNDS):
            for attack in repeated.values():
                deadline = time.monotonic() + ROUND_SECONDS
                while time.monotonic() < deadline:
                    attack()
            for release in let_go:
                release()
            # A connection that is being closed has memory still.
            wait_for("the node to have closed them all", lambda: descriptors() <= at_rest, 90)
            sizes.append(memory_mib())
        print("    MiB after each round: " + ", ".join(f"{size:.1f}" for size in sizes), flush=True)

    with sink(identity) as bystander_sink:
        main([
            rapid_reset, continuation, made_you_reset, floods, excesses, hpack_bomb, large_headers, oversize_frame,
            garbage, unfinished, *([ends_of_messages] if IS_OPTIMISED else []), slow_attackers_unfelt, connection_flood,
            slow_attackers, refusals_are_logged,
            *([rounds] if ROUNDS else []), unharmed,
        ])
