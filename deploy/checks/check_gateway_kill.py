#!/usr/bin/env python3
"""Streams through a gateway while the leader, a worker, and both at once are killed: 3 coordinators, 2 real engines.

Six chats of each kind (--streams N: as many as it takes until N were cut) run through one gateway that lives, in waves,
and something is killed while all of a wave are in the middle of their streams, and in every other wave, the first one included, stays away until they have ended. Kinds: the leader is killed; a worker; both at once, once with and once without
`x-switchyard-durable`. Then, for every chat: it ended with a finish reason, usage and [DONE]; only where both were
killed and it is not durable, it may have ended with a typed error in the stream and a broken connection instead, and
never in silence; what the client read is what its attempts were given by their engines, in their order, and what the record says;
usage and charge are the record's; no hold is open; the books balance; the replicas agree.
"""

import argparse
import concurrent.futures
import json
import random
import time

from cluster import PRICE_INPUT, PRICE_OUTPUT, Coordinators, Parties, is_made_of, workers
from gateway import gateway
from product import MODEL, expect, folder, main, wait_for
from raw_http1 import Connection, Ended, request

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--streams", type=int)
asked = options.parse_args().streams
#: Streams of each kind, and how many of them are to be cut at least: on a slow machine some end before.
STREAMS, CUT = asked or 6, asked or 1
#: Streams of one wave at most; each worker has as many slots, so that one can take over what both had.
WAVE = min(40, 2 * STREAMS)
#: Tokens of all streams of a wave, and of one at least: they take some seconds together, however many they are.
WAVE_TOKENS, TOKENS_MIN = 2_400, 150
#: Tokens of a prompt that goes on: the proxies' marks in it are five tokens for one.
CONTEXT = 4_096
SEED = random.randrange(1 << 32)


class Kind:
    """What is killed under a chat, and whether it may end with an error."""

    def __init__(self, name, leader=False, worker=False, durable=False):
        self.name, self.leader, self.worker, self.durable = name, leader, worker, durable
        self.may_fail = leader and worker and not durable


KINDS = [Kind("leader killed", leader=True), Kind("worker killed", worker=True),
         Kind("both killed, durable", leader=True, worker=True, durable=True),
         Kind("both killed", leader=True, worker=True)]


class Chat:
    """One streamed chat, and what its client has read of it."""

    def __init__(self, number, kind, tokens):
        self.number, self.kind, self.tokens = number, kind, tokens
        self.job, self.text, self.finish, self.usage, self.error = None, "", None, None, None
        self.pieces, self.is_done, self.is_broken, self.was_cut = 0, False, False, False

    @property
    def is_named(self):
        """Every other one may be asked for again: it is submitted, where the others are attached."""
        return self.number % 2 == 0

    def read(self, served, key):
        body = json.dumps({
            "model": MODEL, "messages": [{"role": "user", "content": f"Job {self.number}: tell me everything"}],
            "max_tokens": self.tokens, "temperature": 1, "stream": True, "stream_options": {"include_usage": True}})
        fields = [f"Idempotency-Key: chat-{SEED}-{self.number}"] if self.is_named else []
        fields += ["x-switchyard-durable: true"] if self.kind.durable else []
        with Connection(served.address, seconds=180) as connection:
            connection.send(request("POST", "/v1/chat/completions", body.encode(), key, fields))
            status, headers = connection.head()
            if status != 200:
                self.error = json.loads(connection.exactly(int(headers["content-length"])))["error"]
                return
            unread = b""
            try:
                for piece in connection.chunks():
                    *events, unread = (unread + piece).split(b"\n\n")
                    for line in b"\n".join(events).split(b"\n"):
                        if line.startswith(b"data: "):
                            self.take(line[6:])
            except Ended:
                self.is_broken = True
            expect(not unread, f"chat {self.number}: {unread!r} is half an event")

    def take(self, data):
        expect(not self.is_done and not self.error, f"chat {self.number}: {data!r} after its end")
        if data == b"[DONE]":
            self.is_done = True
            return
        chunk = json.loads(data)
        if "error" in chunk:
            self.error = chunk["error"]
            return
        self.job = int(chunk["id"].rpartition("-")[2])
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk["choices"]:
            self.text += choice["delta"].get("content") or ""
            self.finish = choice["finish_reason"] or self.finish
        self.pieces += 1

    @property
    def is_open(self):
        return not (self.is_done or self.error or self.is_broken)

    @property
    def is_under_way(self):
        return self.pieces > 5 or not self.is_open


class Wave:
    """Chats that run at one time, and what is killed under them."""

    def __init__(self, scene, kinds):
        scene.waves += 1
        self.stays_away = scene.waves % 2 == 1
        self.scene, self.is_leader, self.is_worker = scene, kinds[0].leader, kinds[0].worker
        tokens = max(TOKENS_MIN, WAVE_TOKENS // len(kinds))
        self.chats = [scene.chat(kind, tokens) for kind in kinds]

    def run(self):
        began = time.monotonic()
        wait_for("slots of both workers", self.scene.has_all_slots)
        leader = wait_for("a leader to kill", self.scene.group.leader)
        with concurrent.futures.ThreadPoolExecutor(len(self.chats)) as pool:
            reads = [pool.submit(chat.read, self.scene.served, self.scene.parties.consumer_key) for chat in self.chats]
            wait_for("streams to cut", lambda: all(chat.is_under_way for chat in self.chats))
            dead = self.kill(leader if self.is_leader else None)
            if not self.stays_away:
                self.revive(*dead)
            for read in reads:
                read.result()
            if self.stays_away:
                self.revive(*dead)
        print(f"{len(self.chats)} streams, {', '.join(sorted({c.kind.name for c in self.chats}))}: "
              f"{time.monotonic() - began:.1f} s", flush=True)

    def kill(self, leader):
        """Answers who is dead then: a coordinator, a worker, or neither."""
        worker = self.scene.busy() if self.is_worker else None
        if self.is_worker and not worker:
            return None, None  # they have ended already: another wave
        for chat in self.chats:
            chat.was_cut = chat.is_open
        if worker:
            self.scene.running[worker].kill()
        if leader:
            self.scene.group.kill(leader)
        return leader, worker

    def revive(self, leader, worker):
        if leader:
            self.scene.group.start(leader)
        if worker:
            self.scene.running.start(worker)


class Scene:
    """The cluster under load."""

    def __init__(self, group, parties, running, served, attempts):
        self.group, self.parties, self.running, self.served, self.attempts = group, parties, running, served, attempts
        self.chats = []
        self.waves = 0

    def chat(self, kind, tokens):
        self.chats.append(Chat(len(self.chats) + 1, kind, tokens))
        return self.chats[-1]

    def has_all_slots(self):
        listed = self.group.cluster.yard("workers", "--output", "json").lines
        return len([w for w in listed if w["online"] and w["slots"] == WAVE and w["busy"] == 0]) == 2

    def busy(self):
        """The name of a worker whose engine has begun an answer and not ended it."""
        return next((one.engine for one in self.attempts[-WAVE:] if one.text and not one.finish), None)

    def cut(self, kind):
        return [chat for chat in self.chats if chat.kind is kind and chat.was_cut]


def same(printed, text):
    """Whether `yard` printed this text, after which it begins a new line if there is none."""
    return printed in (text, text + b"\n")


def check_chat(scene, chat, ends):
    who = f"chat {chat.number} ({chat.kind.name}), job {chat.job}"
    expect(chat.is_done != bool(chat.error), f"{who} just stopped after {chat.text[-60:]!r}")
    expect(chat.is_done or chat.kind.may_fail, f"{who} ended with {chat.error}")
    end = ends.get(chat.job)
    expect(end, f"{who} is not among the jobs")
    own = [one for one in scene.attempts if one.prompt.startswith(f"Job {chat.number}:")]
    expect(is_made_of(chat.text.encode(), own), f"{who} read {chat.text!r}, its attempts gave {[a.text for a in own]}")
    if chat.error and chat.error["code"] == "stream_diverged" and chat.is_named:
        # The job went on from less than was read: it says so, and a retry reads the whole of it for the same charge.
        expect(chat.is_broken and chat.finish is None and chat.error["job"] == chat.job, f"{who}: {chat.error}")
        again = Chat(chat.number, chat.kind, chat.tokens)
        again.read(scene.served, scene.parties.consumer_key)
        expect(again.job == chat.job, f"{who} is job {again.job} when it is asked for again")
        chat = again
        expect(chat.is_done, f"{who} is still not whole when it is asked for again: {chat.error}")
    if chat.is_done:
        record = scene.group.cluster.yard("result", chat.job, key=scene.parties.consumer_key)
        expect(record.code == 0 and same(record.out, chat.text.encode()),
               f"{who} read {chat.text.encode()!r}, but the record is {record.out!r}, {record}; {end}")
        expect(end["state"] == "completed" and chat.finish == end["finish"] and not chat.is_broken, f"{who}: {end}")
        told = (chat.usage["prompt_tokens"], chat.usage["completion_tokens"])
        expect(told == (end["prompt_tokens"], end["output_tokens"]), f"{who} was told {chat.usage}, but {end}")
    else:
        expect(chat.is_broken and chat.finish is None, f"{who}: {chat.error}, {end}")
    cost = end["prompt_tokens"] * PRICE_INPUT + end["output_tokens"] * PRICE_OUTPUT
    expect(end["charge_nano"] == cost // 1_000_000, f"{who}: {end}")


def verify(scene):
    cluster, parties = scene.group.cluster, scene.parties

    def books():
        found = cluster.account(parties.consumer)
        return found if found["held_nano"] == 0 else None

    account = wait_for("holds to be closed", books)
    count = len(scene.chats)
    listed = cluster.yard("jobs", "--limit", count + 1, "--output", "json", key=parties.consumer_key).lines
    expect(len(listed) <= count, f"more jobs than {count} chats: something was carried out twice")
    ends = {line["job"]: line for line in listed}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(check_chat, scene, chat, ends) for chat in scene.chats]:
            one.result()
    charged = sum(end["charge_nano"] for end in ends.values())
    expect(account["spent_nano"] == charged, f"{account}, but the jobs' charges sum to {charged}")
    earned = cluster.account(parties.supplier)
    expect(earned["balance_nano"] == charged, f"{earned}, but {charged} was charged")
    scene.group.agree()
    moves = 0
    for kind in KINDS:
        cut = scene.cut(kind)
        moved = sum(ends[chat.job]["attempts"] > 1 for chat in cut)
        errors = sorted({chat.error["code"] for chat in cut if chat.error})
        print(f"{kind.name}: {len(cut)} streams cut, {moved} went on at another worker, "
              f"{sum(chat.is_done for chat in cut)} unbroken, errors {errors}", flush=True)
        moves += moved
    expect(moves, "the workers' deaths were noticed by nobody")


def gateway_kill():
    """streams through a gateway outlive leader, worker and both; the bill is what arrived"""
    attempts = []
    with folder() as scratch:
        group = Coordinators(scratch)
        try:
            parties = Parties(group.cluster)
            with workers(group, parties, attempts, slots=WAVE, context=WAVE * CONTEXT) as running, \
                    gateway(group.cluster, scratch) as served:
                scene = Scene(group, parties, running, served, attempts)
                for kinds in ([KINDS[0]], [KINDS[1]], KINDS[2:]):
                    run(scene, kinds)
                verify(scene)
        finally:
            group.stop()


def run(scene, kinds):
    """Waves until enough streams of each kind were cut."""
    for _ in range(STREAMS):
        cut = [len(scene.cut(kind)) for kind in kinds]
        if min(cut) >= CUT:
            return
        room = WAVE // len(kinds)
        Wave(scene, [kind for kind, count in zip(kinds, cut) for _ in range(min(room, STREAMS - count))]).run()
    raise AssertionError("streams end before they are cut: they are too short for this machine")


main([gateway_kill])
