#!/usr/bin/env python3
"""Limits per minute of a key, through two gateways and over the leader's death: 3 coordinators, the built-in model.

And a key that its holder signed for an agent, offline, through the same gateways.
"""

import base64
import concurrent.futures
import contextlib
import hashlib
import json
import math
import os
import re
import struct
import time

import raw_http1
from authority import openssl
from cluster import Coordinators, Parties, made
from gateway import gateway
from product import STORIES, YARD, Child, expect, folder, main, wait_for

LIMIT = 40
AGENT = 4  # requests that the agent's budget is for


@contextlib.contextmanager
def served(scratch):
    """A group of coordinators, its parties, and two gateways before it."""
    group = Coordinators(scratch, 3)
    with contextlib.ExitStack() as stack:
        stack.callback(group.stop)
        parties = Parties(group.cluster)
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", "builtin", "--name", "w1", "--dir",
             f"{group.home}/workers/w1", "--price-input", "0.2", "--price-output", "0.6",
             "--end-with-input"], scratch + "/worker.log", {"YARD_KEY": parties.supplier_key})
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
    """A key's limits hold exactly over two gateways and an election, and so does the budget that its holder signs for an agent"""
    with folder() as scratch, served(scratch) as (group, parties, gateways):
        consumer = Consumer(group, parties, gateways, "--requests-per-minute", "100000")
        first = wait_for("an answer", lambda: next((a for a in [consumer.ask(0)] if a.status == 200), None))
        expect(first.headers["x-ratelimit-limit-requests"] == "100000", first)
        expect("x-ratelimit-limit-tokens" not in first.headers, first)
        requests(group, consumer)
        tokens(consumer)
        delegated(group, parties, gateways, scratch)


def requests(group, consumer):
    began = time.monotonic()
    consumer.limit("--requests-per-minute", LIMIT)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(consumer.ask, range(LIMIT // 2)))
        group.kill(wait_for("a leader", group.leader))
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


class Holder:
    """Who has a key, and signs others for agents."""

    def __init__(self, group, parties, scratch):
        self.cluster, self.key, self.file = group.cluster, parties.consumer_key, scratch + "/agents.key"
        self.number, self.account = self.key.split("_")[1], parties.consumer
        made(self.cluster.yard("key", "bind", self.file, key=self.key))

    def sign(self, *arguments):
        """Without a cluster: the command has no way to one."""
        done = self.cluster.yard("key", "delegate", "agent", "--file", self.file, "--expires", "1h", "--output", "json",
                                 *arguments, key="")
        expect(done.code == 0, done)
        return done.lines[0]

    def seen(self, delegation):
        done = self.cluster.yard("key", "delegations", "--output", "json", key=self.key)
        expect(done.code == 0, done)
        return next((line for line in done.lines if line["delegation"] == delegation["delegation"]), None)


def delegated(group, parties, gateways, scratch):
    """An agent's key, for exactly AGENT requests: signed offline, used through both gateways, revoked."""
    holder = Holder(group, parties, scratch)

    def ask(key, number, model=STORIES):
        body = {"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "temperature": 0}
        return gateways[number % 2].post("/v1/chat/completions", body, key, seconds=120)

    def nano(text):
        whole, _, part = text.partition(".")
        return int(whole) * 10**9 + int(part.ljust(9, "0") or 0)

    # What one such request holds, and what it costs.
    poor = holder.sign("--total", "0.000000001")
    expect(holder.seen(poor) is None, "a delegation is known before it was used")
    refused = ask(poor["secret"], 0)
    expect(refused.status == 402 and refused.code == "budget_exceeded", refused)
    hold = nano(re.search(r"needed ([0-9.]+)", refused.error["message"]).group(1))
    before = holder.cluster.account(holder.account)["spent_nano"]
    expect(ask(holder.key, 0).status == 200, "the holder's own request")
    cost = holder.cluster.account(holder.account)["spent_nano"] - before
    expect(0 < cost < hold, (cost, hold))

    budget = (AGENT - 1) * cost + hold
    agent = holder.sign("--total", f"0.{budget:09d}", "--model", STORIES)
    answers = [ask(agent["secret"], number) for number in range(AGENT + 2)]
    expect([a.status for a in answers] == [200] * AGENT + [402] * 2, answers)
    expect(answers[-1].code == "budget_exceeded", answers[-1])
    found = holder.seen(agent)
    expect(found["live"] and found["budget"]["spent_nano"] == AGENT * cost and found["budget"]["held_nano"] == 0, found)
    other = ask(agent["secret"], 0, model="another")
    expect(other.status == 403 and other.code == "model_not_delegated", other)

    # Another secret, another signature, more than the holder may, and what was revoked.
    letters = agent["secret"]
    forged = letters[:-1] + ("A" if letters[-1] != "A" else "E")
    expect(ask(forged, 0).status == 401 and ask(forged, 0).code == "invalid_api_key", "another secret was taken")
    widened = holder.sign("--scope", "submit,work")
    expect(ask(widened["secret"], 1).code == "delegation_widened", "a scope that the holder has not was taken")
    done = holder.cluster.yard("key", "revoke", holder.number, "--delegation", agent["delegation"], key=holder.key)
    expect(done.code == 0, done)
    ended = ask(agent["secret"], 1)
    expect(ended.status == 401 and ended.code == "delegation_revoked", ended)
    expect(ended.headers["x-should-retry"] == "false", ended)
    unused = holder.sign()
    made(holder.cluster.yard("key", "unbind", key=holder.key))
    expect(ask(unused["secret"], 0).code == "delegation_revoked", "a delegation outlived its binding")
    over_http(holder, gateways[0], lambda key: ask(key, 0), scratch)


class OwnProgram:
    """A holder without `yard`, as MONEY.md says how: what signs never leaves it."""

    def __init__(self, scratch, cluster, parent):
        self.scratch, self.cluster, self.parent, self.key = scratch, cluster, parent, scratch + "/own.pem"
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.key)
        self.public = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-32:].hex()

    def sign(self, name, total):
        """A delegation for an hour, with the scope submit and a limit in all: (its id, what the agent sends)."""
        number, secret, now = os.urandom(16), os.urandom(32), int(time.time())
        limits = struct.pack(">BBBQ", 0, 0, 1, total)
        signed = (b"\1" + bytes.fromhex(self.cluster) + struct.pack(">Q", self.parent) + number
                  + struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", 1) + limits + struct.pack(">I", 0)
                  + struct.pack(">QQ", now - 60, now + 3_600) + hashlib.sha256(secret).digest())
        with open(self.scratch + "/signed", "wb") as file:
            file.write(b"switchyard delegation 1" + signed)
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", self.scratch + "/signed")
        sent = struct.pack(">I", len(signed)) + signed + signature + secret
        return number.hex(), "sy_d_" + base64.urlsafe_b64encode(sent).rstrip(b"=").decode()


def over_http(holder, gateway, ask, scratch):
    """The same by requests alone: a holder's own program draws the key that signs, and the gateway is told its public half."""

    def call(method, path, body=None, status=200, key=holder.number):
        answer = raw_http1.ask(gateway.address, method, f"/v1/keys/{key}{path}", body, holder.key)
        expect(answer.status == status, (method, path, answer))
        return answer.error or json.loads(answer.body)

    known = call("GET", "/delegations")
    expect(known["signer"] is None and known["data"] and not known["has_more"], known)
    own = OwnProgram(scratch, known["cluster"], int(holder.number))
    bound = call("PUT", "/signer", {"public_key": own.public})
    expect(bound["signer"] == own.public and bound["cluster"] == known["cluster"], bound)
    (agent, sent), (_, other) = own.sign("scraper", 10**9), own.sign("other", 10**9)
    expect(ask(sent).status == 200, "what its holder bound over HTTP does not sign")
    seen = next(line for line in call("GET", "/delegations")["data"] if line["id"] == agent)
    expect(seen["live"] and seen["name"] == "scraper" and seen["budget"]["total"]["limit"] == "1", seen)
    expect(not call("DELETE", f"/delegations/{agent}")["live"], "not revoked")
    expect(ask(sent).code == "delegation_revoked", "a revoked delegation was taken")
    expect(call("DELETE", "/signer")["signer"] is None, "still bound")
    expect(ask(other).code == "delegation_revoked", "a delegation outlived its binding")
    ended = call("PUT", "/signer", {"public_key": own.public}, 409)
    expect(ended["code"] == "wrong_state", ended)
    expect(call("DELETE", "/delegations/" + "0" * 32, status=409)["code"] == "wrong_state", "revoked, and nothing is bound")
    expect(call("PUT", "/signer", {"public_key": own.public}, 404, key=1)["code"] == "not_found", "the operator's key")


if __name__ == "__main__":
    main([limits])
