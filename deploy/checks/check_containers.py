#!/usr/bin/env python3
"""deploy/compose/cluster.yaml for real: 3 coordinators, 2 workers and a gateway in containers.

Six clients chat through the gateway all the time, on an engine that counts, so that every token is known. Meanwhile
every node is stopped in order and replaced by a new container, one by one; then nobody listens at the engine's address for
a moment, the leader's and a worker's processes are killed, and the leader's network is cut and healed. What must hold: no chat fails, each reads exactly what its job
is, once and in order, and is charged for exactly that; no job was made twice; the books balance; the replicas agree.

A client does as OpenAI's own do: a request that got no answer, or is told before any output that the service is unavailable
now (503, or that error in a stream that has waited), is sent again, under its idempotency key. An output that has begun and
breaks has failed. Without podman it is skipped, in so many words.
"""

import concurrent.futures
import json
import threading
import time
import urllib.error
import urllib.request

from cluster import Parties
from containers import COORDINATORS, Containers, Missing, containers, prepare
from counting_engine import MODEL, counting_engine, prompt, text
from product import Failed, expect, folder, main, wait_for

CLIENTS, TOKENS = 6, 50
PRICE_INPUT, PRICE_OUTPUT = 200_000_000, 600_000_000  # nano-credits per million tokens, as in cluster.yaml


class Unavailable(Exception):
    """The service cannot answer now, and has given no output."""


class Load:
    """Clients that chat until they are told to stop."""

    def __init__(self, address, key):
        self.address, self.key = address, key
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.jobs, self.retries, self.open, self.next = {}, 0, set(), 0

    def client(self):
        while not self.ended.is_set():
            with self.lock:
                self.next += 1
                number = self.next
                self.open.add(number)
            job = self.chat(number)
            with self.lock:
                self.open.discard(number)
                self.jobs[number] = job

    def chat(self, number):
        """Reads one chat to its end; answers its job. Fails unless every token came, once and in order."""
        body = json.dumps({
            "model": MODEL, "messages": [{"role": "user", "content": prompt(number, TOKENS)}], "max_tokens": TOKENS + 4,
            "stream": True, "stream_options": {"include_usage": True}}).encode()
        request = urllib.request.Request(f"http://{self.address}/v1/chat/completions", body, {
            "Content-Type": "application/json", "Authorization": f"Bearer {self.key}", "Idempotency-Key": f"n{number}"})
        deadline = time.monotonic() + 120  # only ends what hangs
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return self.read(number, answer)
            except urllib.error.HTTPError as error:
                said = error.read()
                if error.code != 503 or time.monotonic() > deadline:
                    raise Failed(f"chat {number} at {time.strftime('%T')}: {error.code} {said!r}") from None
            except (urllib.error.URLError, ConnectionError, Unavailable) as error:
                # Nobody listened, the connection ended before an answer had begun, or it was told to come back.
                if time.monotonic() > deadline:
                    raise Failed(f"chat {number}: {error}") from None
            with self.lock:
                self.retries += 1
            self.ended.wait(0.25)

    def read(self, number, answer):
        job, told, finish, usage, done = None, "", None, None, False
        try:
            for line in answer:
                if not line.startswith(b"data: "):
                    continue
                if line.strip() == b"data: [DONE]":
                    done = True
                    continue
                chunk = json.loads(line[6:])
                if not told and chunk.get("error", {}).get("code") == "unavailable":
                    raise Unavailable(chunk["error"]["message"])
                expect("error" not in chunk and not done, f"chat {number} after {told[-40:]!r}: {chunk}")
                job, usage = int(chunk["id"].rpartition("-")[2]), chunk.get("usage") or usage
                for choice in chunk["choices"]:
                    told += choice["delta"].get("content") or ""
                    finish = choice["finish_reason"] or finish
        except (OSError, ValueError) as error:
            raise Failed(f"chat {number} broke after {told[-40:]!r}: {error}") from None
        expect(done and finish == "stop", f"chat {number} just stopped after {told[-40:]!r}: {finish}")
        expect(told == text(number, TOKENS), f"chat {number} read {told!r}")
        expect(usage["completion_tokens"] == TOKENS, f"chat {number}: {usage}")
        return job


def moved(load, seconds=90):
    """Waits until as many new chats have ended as there are clients: what happened before is behind them."""
    before = load.next
    wait_for("chats that began after this to end",
             lambda: load.ended.is_set() or sum(n > before for n in list(load.jobs)) >= CLIENTS, seconds)


def disturb(group, load, engine):
    """Everything that happens to the nodes, one after the other."""
    began = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - began:5.1f} s: {what} ({len(load.jobs)} chats)", flush=True)

    wait_for("chats", lambda: load.jobs, 60)
    for service in (*(f"coordinator-{n}" for n in COORDINATORS), "worker-1", "worker-2", "gateway"):
        group.roll(service)
        say(f"rolled {service}")
    with engine.absent():
        for service in ("worker-1", "worker-2"):
            wait_for(f"{service} to miss its engine", lambda: not group.is_healthy(service), 60)
    moved(load)
    say("the engine was away")
    for service in (f"coordinator-{wait_for('a leader', group.leader)}", "worker-1"):
        killed = group.kill(service)
        wait_for(f"{service} to run again",
                 lambda: group.inspect(service, "{{.State.Pid}}") not in ("0", str(killed)), 60)
        group.wait_until_healthy(service)
        moved(load)
        say(f"killed {service}")
    service = f"coordinator-{wait_for('a leader', group.leader)}"
    group.cut(service)
    moved(load)
    say(f"cut off {service}")
    group.heal(service)
    group.wait_until_caught_up(int(service[-1]))
    say("healed")


def verify(group, parties, load):
    account = wait_for("holds to be closed", lambda: (
        lambda found: found if found["held_nano"] == 0 else None)(group.cluster.account(parties.consumer)), 60)
    ends = {line["job"]: line for line in group.cluster.yard(
        "jobs", "--limit", len(load.jobs) * 2, "--output", "json", key=parties.consumer_key).lines}
    expect(set(ends) == set(load.jobs.values()) and len(ends) == len(load.jobs),
           f"{len(ends)} jobs for {len(load.jobs)} chats: {sorted(set(ends) ^ set(load.jobs.values()))[:5]}")
    for number, job in load.jobs.items():
        end = ends[job]
        expect(end["state"] == "completed" and end["output_tokens"] == TOKENS, f"chat {number}: {end}")
        cost = end["prompt_tokens"] * PRICE_INPUT + end["output_tokens"] * PRICE_OUTPUT
        expect(end["charge_nano"] == cost // 1_000_000, f"chat {number}: {end}")
    charged = sum(end["charge_nano"] for end in ends.values())
    expect(account["spent_nano"] == charged, f"{account}, but the jobs' charges sum to {charged}")
    earned = group.cluster.account(parties.supplier)
    expect(earned["balance_nano"] == charged, f"{earned}, but {charged} was charged")
    group.agree()
    journal = group.scratch + "/journal.jsonl"
    for words in (("export", "--to", journal), ("audit", journal)):
        done = group.cluster.yard("ledger", *words)
        expect(done.code == 0, done)
    continued = sum(end["attempts"] > 1 for end in ends.values())
    print(f"{len(ends)} chats of {TOKENS} tokens, {continued} went on at another worker, {load.retries} requests sent "
          "again", flush=True)


def under_load(group, load, engine):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(load.client) for _ in range(CLIENTS)]
        for one in clients:
            one.add_done_callback(lambda _: load.ended.set())
        try:
            disturb(group, load, engine)
        finally:
            load.ended.set()
            for one in clients:
                one.result()


def containers_roll():
    """containers are rolled, killed and cut off under load, and no request fails"""
    with folder() as scratch, containers(scratch, "check") as group:
        group.up(*(f"coordinator-{n}" for n in COORDINATORS))
        parties = Parties(group.cluster)
        group.write_key(parties.supplier_key)
        with counting_engine(group.network_gateway()) as engine:
            group.environment["SWITCHYARD_ENGINE"] = engine.address
            group.up("worker-1", "worker-2", "gateway")
            services = [*(f"coordinator-{n}" for n in COORDINATORS), "worker-1", "worker-2", "gateway"]
            group.wait_until_healthy(*services)
            group.pin_bridge()
            load = Load(group.gateway, parties.consumer_key)
            try:
                under_load(group, load, engine)
                verify(group, parties, load)
            except Failed:
                group.report(parties.consumer_key)
                raise


def overlays():
    """each overlay of deploy/compose puts worker-1 beside its engine, and leaves worker-2"""
    with folder() as scratch:
        group = Containers(scratch, "check")
        group.environment["SWITCHYARD_ENGINE"] = "http://elsewhere:1"
        try:
            for name, engine in (("vllm", "http://vllm:8000"), ("llama-cpp", "http://llama-cpp:8000"),
                                 ("ollama", "http://ollama:11434")):
                said = group.compose("--dry-run", "up", "-d", overlay=name).splitlines()
                for service, address in ((name, None), ("worker-1", engine), ("worker-2", "http://elsewhere:1")):
                    line = next((line for line in said if f"--name={group.container(service)} " in line), "")
                    expect(line and (not address or f"-e YARD_ENGINE={address} " in line),
                           f"{name}: {service} is started by {line!r}")
        finally:
            group.down()  # a dry run of podman-compose makes networks and volumes all the same


try:
    prepare()
except Missing as missing:
    print(f"skip containers: {missing}", flush=True)
else:
    main([containers_roll, overlays])
