#!/usr/bin/env python3
"""Limits per minute of a key, through two gateways and over the leader's death: 3 coordinators, the built-in model."""

import concurrent.futures
import contextlib
import json
import math
import time

from cluster import Coordinators, Parties, made
from gateway import gateway
from product import STORIES, YARD, Child, expect, folder, main, wait_for

LIMIT = 40


@contextlib.contextmanager
def served(scratch):
    """A group of coordinators, its parties, and two gateways before it."""
    group = Coordinators(scratch, 3)
    with contextlib.ExitStack() as stack:
        stack.callback(group.stop)
        parties = Parties(group.cluster)
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", "builtin", "--name", "w1", "--dir",
             f"{group.home}/workers/w1", "--end-with-input"], scratch + "/worker.log", {"YARD_KEY": parties.supplier_key})
        stack.callback(worker.stop)
        yield group, parties, [stack.enter_context(gateway(group.cluster, scratch)) for _ in range(2)]


class Consumer:
    """A key, and what it asks through one gateway or the other."""

    def __init__(self, group, parties, gateways, *limits):
        self.group, self.gateways = group, gateways
        self.key = made(group.cluster.yard("key", "create", parties.consumer, *limits))

    def limit(self, *limits):
        done = self.group.cluster.yard("key", "limit", self.key.split("_")[1], *limits)
        expect(done.code == 0, done)

    def ask(self, number, tokens=1):
        body = json.dumps({"model": STORIES, "messages": [{"role": "user", "content": "x"}], "max_tokens": tokens})
        return self.gateways[number % 2].post("/v1/chat/completions", body.encode(), self.key, seconds=120)


def limits():
    """A key's limits hold exactly over two gateways and an election, and say what is left and when to come back"""
    with folder() as scratch, served(scratch) as (group, parties, gateways):
        consumer = Consumer(group, parties, gateways, "--requests-per-minute", "100000")
        first = wait_for("an answer", lambda: next((a for a in [consumer.ask(0)] if a.status == 200), None))
        expect(first.headers["x-ratelimit-limit-requests"] == "100000", first)
        expect("x-ratelimit-limit-tokens" not in first.headers, first)
        requests(group, consumer)
        tokens(consumer)


def requests(group, consumer):
    began = time.monotonic()
    consumer.limit("--requests-per-minute", LIMIT)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(consumer.ask, range(LIMIT // 2)))
        group.kill(group.leader())
        answers += pool.map(consumer.ask, range(2 * LIMIT))
    passed = [a for a in answers if a.status == 200]
    # What a minute allows, and what time has added since, which the answers say is not much.
    most = LIMIT + math.ceil(LIMIT * (time.monotonic() - began) / 60)
    expect(LIMIT <= len(passed) <= most, f"{len(passed)} of {len(answers)} passed, {LIMIT} to {most} may")
    left = [int(a.headers["x-ratelimit-remaining-requests"]) for a in passed]
    # Each says what is left when it is answered: of several at once, none need have seen the first taken alone.
    expect(max(left) < LIMIT and min(left) == 0, left)
    expect(len(answers) > len(passed), "nothing was refused")
    for answer in set(answers) - set(passed):
        expect(answer.status == 429 and answer.code == "rate_limit_exceeded", answer)
        expect(answer.headers["x-should-retry"] == "true", answer)
        expect(1 <= int(answer.headers["retry-after"]) <= math.ceil(60 / LIMIT), answer)
        expect(answer.headers["x-ratelimit-remaining-requests"] == "0", answer)


def tokens(consumer):
    """What a job could have had and has not comes back at its end, so that jobs one after another are many."""
    consumer.limit("--tokens-per-minute", 400)
    above = consumer.ask(0, tokens=400)  # with its prompt more than a minute's, and within the model's context
    expect(above.status == 429 and above.code == "request_above_rate_limit", above)
    expect(above.headers["x-should-retry"] == "false" and "retry-after" not in above.headers, above)
    for number in range(15):  # each may have 80 and more, and has some 20
        answer = consumer.ask(number)
        expect(answer.status == 200, answer)
    expect(int(answer.headers["x-ratelimit-remaining-tokens"]) < 400, answer)
    consumer.limit("--none")
    expect("x-ratelimit-limit-tokens" not in consumer.ask(0).headers, "a limit that was lifted is said")


if __name__ == "__main__":
    main([limits])
