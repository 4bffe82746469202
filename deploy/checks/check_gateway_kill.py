#!/usr/bin/env python3
"""Streams through a gateway while the leader and a worker are killed: 3 coordinators, 2 workers on real engines.

$JOBS chats (24) of 6 HTTP clients run through one gateway that lives, while the leader is killed, and later a worker
and the leader at once, each time in the middle of streams. Then, for every chat: it ended with a finish reason, usage
and [DONE], or with a typed error in the stream and a broken connection, and never in silence; what the client read is
what its attempts were given by their engines, in their order, and what the record says; usage and charge are the
record's; no hold is open; the books balance; the replicas agree.
"""

import concurrent.futures
import json
import os
import random
import threading

from cluster import PRICE_INPUT, PRICE_OUTPUT, Coordinators, Parties, is_made_of, workers
from gateway import gateway
from product import MODEL, expect, folder, main, wait_for
from raw_http1 import Connection, Ended, request

JOBS = int(os.environ.get("JOBS", "24"))
#: The marks of the proxies are part of a prompt that goes on: five tokens for one must fit the engine's context.
CLIENTS, TOKENS = 6, 600
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


class Chat:
    """One streamed chat, and what its client has read of it."""

    def __init__(self, number):
        self.number = number
        self.job, self.text, self.finish, self.usage, self.error = None, "", None, None, None
        self.pieces, self.is_done, self.is_broken = 0, False, False

    def read(self, served, key):
        body = json.dumps({
            "model": MODEL, "messages": [{"role": "user", "content": f"Job {self.number}: tell me everything"}],
            "max_tokens": TOKENS, "temperature": 1, "stream": True, "stream_options": {"include_usage": True}})
        name = f"Idempotency-Key: chat-{SEED}-{self.number}"
        with Connection(served.address, seconds=180) as connection:
            connection.send(request("POST", "/v1/chat/completions", body.encode(), key, [name]))
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


class Load:
    """The clients, and how far they are."""

    def __init__(self, served, key):
        self.served, self.key = served, key
        self.chats, self.ended, self.lock = [], 0, threading.Lock()

    def run(self, number):
        chat = Chat(number)
        with self.lock:
            self.chats.append(chat)
        try:
            chat.read(self.served, self.key)
        finally:
            with self.lock:
                self.ended += 1

    def live(self):
        """Chats in the middle of their streams."""
        with self.lock:
            return [chat for chat in self.chats if chat.pieces > 5 and chat.is_open]


def kill_all(group, running, load, attempts):
    """The leader; later a worker and the leader at once: each time while streams are open."""
    def busy():
        """The name of a worker whose engine has begun an answer and not ended it."""
        return next((attempt.engine for attempt in attempts[-CLIENTS:] if attempt.text and not attempt.finish), None)

    for share, is_worker_killed in ((JOBS // 4, False), (JOBS // 2, True)):
        victim = wait_for("a leader to kill", group.leader)
        wait_for(f"{share} chats", lambda: load.ended >= share, 300)
        wait_for("streams to cut", load.live, 20)
        if is_worker_killed:
            running[wait_for("a worker in the middle of a stream", busy, 20)].kill()
        group.kill(victim)
        print(f"killed the leader{' and a worker' if is_worker_killed else ''} after {load.ended} chats", flush=True)
        group.start(victim)


def same(printed, text):
    """Whether `yard` printed this text, after which it begins a new line if there is none."""
    return printed in (text, text + b"\n")


def check_chat(group, parties, load, chat, attempts, ends):
    who = f"chat {chat.number}, job {chat.job}"
    expect(chat.is_done != bool(chat.error), f"{who} just stopped after {chat.text[-60:]!r}")
    if chat.job is None:
        expect(chat.error["code"], f"{who}: {chat.error}")
        return
    end = ends.get(chat.job)
    expect(end, f"{who} is not among the jobs")
    own = [attempt for attempt in attempts if attempt.prompt.startswith(f"Job {chat.number}:")]
    expect(is_made_of(chat.text.encode(), own), f"{who} read {chat.text!r}, its attempts gave {[a.text for a in own]}")
    if chat.error and chat.error["code"] == "stream_diverged":
        # The job went on from less than was read: it says so, and a retry reads the whole of it for the same charge.
        expect(chat.is_broken and chat.finish is None and chat.error["job"] == chat.job, f"{who}: {chat.error}")
        again = Chat(chat.number)
        again.read(load.served, load.key)
        expect(again.job == chat.job, f"{who} is job {again.job} when it is asked for again")
        chat = again
        expect(chat.is_done, f"{who} is still not whole when it is asked for again: {chat.error}")
    record = group.cluster.yard("result", chat.job, key=parties.consumer_key)
    expect(record.code == 0 and same(record.out, chat.text.encode()),
           f"{who} read {chat.text.encode()!r}, but the record is {record.out!r}, {record}; {chat.error}, {end}")
    if chat.is_done:
        expect(end["state"] == "completed" and chat.finish == end["finish"] and not chat.is_broken, f"{who}: {end}")
        told = (chat.usage["prompt_tokens"], chat.usage["completion_tokens"])
        expect(told == (end["prompt_tokens"], end["output_tokens"]), f"{who} was told {chat.usage}, but {end}")
    else:
        expect(end["state"] != "completed" and chat.is_broken and chat.finish is None, f"{who}: {chat.error}, {end}")
    cost = end["prompt_tokens"] * PRICE_INPUT + end["output_tokens"] * PRICE_OUTPUT
    expect(end["charge_nano"] == cost // 1_000_000, f"{who}: {end}")


def gateway_kill():
    """streams through a gateway outlive leader and worker, or end with a typed error; the bill is what arrived"""
    print(f"seed {SEED}, {JOBS} chats, {CLIENTS} clients", flush=True)
    attempts = []
    with folder() as scratch:
        group = Coordinators(scratch)
        try:
            parties = Parties(group.cluster)
            with workers(group, parties, attempts, context=16_384) as running, gateway(group.cluster, scratch) as served:
                load = Load(served, parties.consumer_key)
                with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
                    killer = pool.submit(kill_all, group, running, load, attempts)
                    for one in [*[pool.submit(load.run, number) for number in range(JOBS)], killer]:
                        one.result()
                verify(group, parties, load, attempts)
        finally:
            group.stop()


def verify(group, parties, load, attempts):
    def books():
        found = group.cluster.account(parties.consumer)
        return found if found["held_nano"] == 0 else None

    account = wait_for("holds to be closed", books, 60)
    ends = {line["job"]: line for line in group.cluster.yard(
        "jobs", "--limit", JOBS * 3, "--output", "json", key=parties.consumer_key).lines}
    expect(len(ends) <= JOBS, f"{len(ends)} jobs for {JOBS} chats: something was carried out twice")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(check_chat, group, parties, load, chat, attempts, ends) for chat in load.chats]:
            one.result()
    charged = sum(end["charge_nano"] for end in ends.values())
    expect(account["spent_nano"] == charged, f"{account}, but the jobs' charges sum to {charged}")
    earned = group.cluster.account(parties.supplier)
    expect(earned["balance_nano"] == charged, f"{earned}, but {charged} was charged")
    group.agree()
    errors = [chat.error["code"] for chat in load.chats if chat.error]
    moved = sum(end["attempts"] > 1 for end in ends.values())
    expect(moved or errors, "the worker's death was noticed by nobody")
    print(f"{len(load.chats)} chats, {moved} went on at another worker, errors {sorted(set(errors))} in {len(errors)}",
          flush=True)
    expect(len(errors) <= JOBS // 4 and sum(chat.is_done for chat in load.chats) >= JOBS * 3 // 4, errors)


main([gateway_kill])
