"""A well-behaved client that works while somebody attacks, what it feels, and what of that is the attack's doing.

The attacker is a process of the same machine: that it takes a processor's time is felt too, and says nothing about the node. So
what the client feels under an attack is held against what it feels while the same attacker throws the same bytes at a *sink*, a
process that reads them and does nothing else.
"""

import contextlib
import multiprocessing
import os
import socket
import ssl
import threading
import time

from product import YARD, Failed, expect

# What a client or a sink does is given as it is, and not by its name.
_FORK = multiprocessing.get_context("fork")

PAUSE_SECONDS = 0.004
# The promise is twice, of the program that is shipped; below the floor a pause is a busy machine's doing, and so it is below the other one
# beside six hundred connections or twenty whole bodies at once. Why so, and from which figures: Sources/decisions/0059-a-baseline-is-beside-a-sink.md.
IS_OPTIMISED = "release" in YARD.split("/")
TIMES, FLOOR_MS, BURST_FLOOR_MS = (2, 20, 25) if IS_OPTIMISED else (4, 80, 90)
# An attack that holds the client up does so each time; what a busy machine does, it does not do five times, nor in all of them together.
TRIES = 5
SAMPLES_MIN = 100
# How long each attack goes on. The 99th percentile of so few calls is their second slowest: for figures, BYSTANDER_SECONDS=10.
SECONDS = float(os.environ.get("BYSTANDER_SECONDS", 0.8))


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _work(begin, pipe):
    # What was open before it, such as the ends of pipes by whose close a node ends, is the check's.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != pipe.fileno():
            with contextlib.suppress(OSError):
                os.close(int(name))
    ask, times, failures = None, [], []
    while True:
        if pipe.poll():
            if pipe.recv() == "end":
                return
            pipe.send((times, failures))
            times, failures = [], []
        began = time.monotonic()
        try:
            ask = ask or begin()
            ask()
        except Exception as error:  # noqa: BLE001 - told to the check, which fails
            failures.append(repr(error))
            ask = None
        spent = time.monotonic() - began
        times.append(spent * 1_000)
        time.sleep(max(0.0, PAUSE_SECONDS - spent))


class Bystander:
    """A process that asks again and again: `begin` makes a connection and answers what asks once over it."""

    def __init__(self, begin):
        self.pipe, there = _FORK.Pipe()
        self.process = _FORK.Process(target=_work, args=(begin, there), daemon=True)
        self.process.start()
        self.all, self.measures = [], {}

    def felt(self):
        """Milliseconds of each call since this was last asked; none may have failed."""
        self.pipe.send("times")
        times, failures = self.pipe.recv()
        expect(not failures, f"the well-behaved client failed: {failures[:3]}")
        return times

    def during(self, action, seconds):
        """What it feels while `action` is done again and again, for so long and until there are enough samples."""
        self.felt()
        times, deadline = [], time.monotonic() + seconds
        while time.monotonic() < deadline or len(times) < SAMPLES_MIN:
            action()
            times += self.felt()
        return times

    def is_unharmed_by(self, name, attack, idle, floor=FLOOR_MS):
        """Holds that its p99 under `attack` is at most `TIMES` that beside `idle`, which costs the machine the same, or this floor."""
        def compared(beside, under):
            return {"calls": len(under), "p50_ms": round(percentile(under, 0.5), 1),
                    "p99_ms": round(percentile(under, 0.99), 1), "p99_beside_ms": round(percentile(beside, 0.99), 1)}

        all_beside, all_under, found = [], [], None
        for turn in range(TRIES):
            beside, under = self.during(idle, SECONDS), self.during(attack, SECONDS)
            self.all += under
            all_beside += beside
            all_under += under
            for found in (compared(beside, under), compared(all_beside, all_under)):
                if found["p99_ms"] <= max(TIMES * found["p99_beside_ms"], floor):
                    break
            else:
                continue
            break
        else:
            raise Failed(f"{name}: the well-behaved client felt it, {TRIES} times: {found}")
        self.measures[name] = found
        print(f"    {name}: p99 {found['p99_ms']} ms of {found['calls']} calls, {found['p99_beside_ms']} ms beside a sink"
              + (f", at try {turn + 1}" if turn else ""), flush=True)

    def end(self):
        self.pipe.send("end")
        self.process.join(5)


def _discard(listener, context):
    def read(one):
        with contextlib.suppress(OSError):
            if context:
                one = context.wrap_socket(one, server_side=True)
            while one.recv(1 << 16):
                pass
        one.close()

    while True:
        one, _ = listener.accept()
        threading.Thread(target=read, args=(one,), daemon=True).start()


@contextlib.contextmanager
def sink(identity=None):
    """The address of a process that takes every connection, with the certificate of `identity` or in clear."""
    context = None
    if identity:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(identity, "node.pem"), os.path.join(identity, "node.key"))
        context.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        process = _FORK.Process(target=_discard, args=(listener, context), daemon=True)
        process.start()
        try:
            yield "127.0.0.1:%d" % listener.getsockname()[1]
        finally:
            process.terminate()
            process.join(5)
