#!/usr/bin/env python3
"""A stream goes on when its worker dies or is taken away: 3 coordinators, 2 workers on real engines.

The cheaper worker gets the job and ends while the client reads, by SIGKILL or because its owner wants the machine back
(`yard worker reclaim`, at most 5 s); the other one goes on from the text, within 5 s either way. Then:
what the client read has no gap and is, event for event, what the record says; the job tells that it had two
attempts and went on by text (a completion, of which llama.cpp gives token ids: from these); the charge is computed from the
record's tokens; no hold is open; a batch job's stream gives its slot to an interactive one in the same way; the supplier
earned what the consumer spent; the replicas agree.
"""

import concurrent.futures
import contextlib
import http.client
import json
import signal
import threading
import time

from gateway import gateway
from product import MODEL, RECLAIM_SECONDS, SERVE, YARD, Child, dev, expect, folder, join, main, promised, wait_for

#: Nano-credits per million tokens: of the worker that is killed, and of the one that goes on.
INPUT_KILLED, INPUT_SPARE, OUTPUT = 100_000_000, 200_000_000, 600_000_000
#: Events that the client has read when its worker is killed.
READ_BEFORE_KILL = 20
#: A worker that is silent is given up when its lease of 4 s is over; a second more for the other one to begin.
GOES_ON_SECONDS = 5
#: An engine may be done before the kill strikes; then another job is tried.
TRIES = 5
#: Tokens of a stream that is to be struck by SIGKILL, of one that is struck by a command, which takes longer to begin, and of one that
#: is not read to its end.
TOKENS_KILLED, TOKENS_RECLAIMED, TOKENS_LEFT = 1_000, 3_000, 3_900
#: Tokens of the completion, and those that it may not have: control tokens and halves of characters (deploy/engine/make-model),
#: so that each is a character and none is missing or twice if the text has as many.
COMPLETION_TOKENS = 800
BANNED = [[token, False] for token in (0, 1, 2, *range(131, 259))]


class Workers:
    """Workers beside real engines, of one supplier, in a cluster of `dev`."""

    def __init__(self, cluster, scratch, stack):
        self.cluster, self.scratch, self.stack = cluster, scratch, stack
        self.supplier = cluster.yard(
            "account", "create", "supplier-of-two", "--kind", "supplier", key=cluster.root).text.strip()
        self.key = cluster.yard(
            "key", "create", self.supplier, "--scope", "work,read", key=cluster.root).text.strip()
        self.engines = {}

    def start(self, name, price_input):
        if name not in self.engines:
            self.engines[name] = Child(
                [SERVE, "--slots", "1", "--context", "8192"], f"{self.scratch}/engine-{name}.log")
            self.stack.callback(self.engines[name].stop)
            join(self.cluster, name, f"{self.scratch}/{name}")
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(self.cluster.endpoints), "--engine",
             self.engines[name].ready["address"], "--name", name, "--dir", f"{self.scratch}/{name}",
             "--price-input", str(price_input / 1e9), "--price-output", str(OUTPUT / 1e9),
             "--end-with-input"], f"{self.scratch}/worker-{name}.log", {"YARD_KEY": self.key})
        self.stack.callback(worker.stop)
        return worker


def reclaim(cluster, victim, directory):
    """The owner takes the machine back: the worker's process is gone when the command ends."""
    limit = promised(cluster, RECLAIM_SECONDS)
    began = time.monotonic()
    cluster.yard("worker", "reclaim", "--dir", directory)
    victim.process.wait(300)
    took = time.monotonic() - began
    expect(took <= limit, f"the worker left after {took:.1f} s, of {limit:.1f} s")
    print(f"reclaimed in {took * 1000:.0f} ms", flush=True)


def read_and_end(cluster, victim, tokens, end):
    """Runs a job whose worker is ended once some of it has been read; answers all lines of the client, and the longest
    time, in seconds, that passed between two of its events from then on."""
    client = cluster.spawn("run", "-m", MODEL, "--max-tokens", tokens, "--temperature", 0, "--output", "json",
                           "--patience", 60, "Tell me story 0")
    lines, events, longest, latest = [], 0, 0.0, None
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        ending = None
        for line in client.stdout:
            lines.append(json.loads(line))
            if "event" not in lines[-1]:
                continue
            events += 1
            if latest:
                longest = max(longest, time.monotonic() - latest)
            if events == READ_BEFORE_KILL and victim.process.poll() is None:
                ending = other.submit(end)
            if ending:
                latest = time.monotonic()
        if ending:
            ending.result()
    code = client.wait()
    expect(code == 0, f"exit {code}: {client.stderr.read()[-600:]!r}, last line {lines[-1:]}")
    return lines, longest


def worker_kill():
    """a killed worker's stream goes on at another, delivered once and charged for what was delivered"""
    goes_on_elsewhere(TOKENS_KILLED, lambda cluster, victim, directory: victim.kill(), from_ids)


def worker_reclaim():
    """a machine that its owner takes back is his within 5 s, and the stream on it goes on at another"""
    goes_on_elsewhere(TOKENS_RECLAIMED, reclaim, gives_way)


class Batch:
    """A batch job that is read all the time, whatever else is waited for: a reader that takes nothing for long loses its stream."""

    def __init__(self, cluster):
        self.process = cluster.spawn("run", "-m", MODEL, "--class", "batch", "--max-tokens", TOKENS_LEFT, "--temperature", 0,
                                     "--output", "json", "Tell me story 0")
        self.lines = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    @property
    def job(self):
        return next(line["accepted"]["job"] for line in self.lines if "accepted" in line)

    @property
    def events(self):
        return [line["event"] for line in list(self.lines) if "event" in line]

    def has_more_than(self, count):
        """Whether it has read so many events, or its end."""
        return len(self.events) > count or not self.thread.is_alive()

    def ended(self):
        """It is cancelled, if it has not ended, and what its client was told then."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.thread.join()
        expect(self.lines and "ended" in self.lines[-1], (self.lines[-1:], self.process.stderr.read()[-600:]))
        return self.lines[-1]["ended"]


def gives_way(cluster, scratch, workers):
    """A batch job's stream gives the only slot to an interactive job and goes on; answers what both were charged."""
    charged = 0
    for _ in range(TRIES):
        batch = Batch(cluster)
        wait_for("the batch job's output", lambda: batch.has_more_than(READ_BEFORE_KILL))
        urgent = cluster.yard("run", "-m", MODEL, "--class", "interactive", "--max-tokens", 8, "--output", "json", "Quick")
        expect(urgent.code == 0, urgent)
        # What comes of it now may have been under way before; what comes after its next attempt began is of that one.
        wait_for("its next attempt", lambda: not batch.thread.is_alive() or len(why(cluster, batch.job)["attempts"]) > 1)
        before = len(batch.events)
        wait_for("the batch job to go on", lambda: batch.has_more_than(before))
        ended = batch.ended()
        charged += ended["charge_nano"] + urgent.lines[-1]["ended"]["charge_nano"]
        expect(ended["state"] in ("completed", "cancelled"), ended)
        expect([event["seq"] for event in batch.events] == list(range(1, ended["events"] + 1)), ended)
        told = why(cluster, ended["job"])
        expect(told["class"] == "batch", told)
        # The engine may have been done with it before the other came.
        if told["preemptions"]:
            break
    expect(told["preemptions"] == 1, told)
    expect([attempt["state"] for attempt in told["attempts"]] == ["preempted", "settled"], told)
    return charged


def why(cluster, job):
    """How a job stands."""
    return cluster.yard("why", job, "--output", "json").lines[0]


def from_ids(cluster, scratch, workers):
    """A completion whose worker is killed goes on from the ids of its tokens; answers what all of them were charged."""
    charged = 0
    with gateway(cluster, scratch) as served:
        for _ in range(TRIES):
            victim = workers.start("victim", INPUT_KILLED)
            number, text = complete_and_kill(cluster, served.address, victim)
            job = cluster.yard("job", number, "--output", "json").lines[0]
            charged += job["charge_nano"]
            if job["attempts"] > 1:
                break
    expect(job["attempts"] == 2 and job["resumed"] == "ids", job)
    expect(job["state"] == "completed" and job["output_tokens"] == COMPLETION_TOKENS, job)
    expect(len(text) == COMPLETION_TOKENS, f"{len(text)} characters of {COMPLETION_TOKENS} tokens")
    return charged


def complete_and_kill(cluster, address, victim):
    """Streams a completion, and kills the worker in the middle; answers the job's number and the text."""
    body = {"model": MODEL, "prompt": "Once", "max_tokens": COMPLETION_TOKENS, "temperature": 0, "stream": True,
            "ignore_eos": True, "logit_bias": BANNED}
    connection = http.client.HTTPConnection(address, timeout=120)
    connection.request("POST", "/v1/completions", json.dumps(body),
                       {"authorization": f"Bearer {cluster.key}", "content-type": "application/json"})
    answer = connection.getresponse()
    expect(answer.status == 200, answer.status)
    text, chunks, ended, line = "", 0, False, b""
    for line in answer:
        if not line.startswith(b"data: "):
            continue
        if line.strip() == b"data: [DONE]":
            ended = True
            break
        chunk = json.loads(line[6:])
        expect("error" not in chunk, chunk)
        text += "".join(choice["text"] for choice in chunk["choices"])
        chunks += 1
        if chunks == READ_BEFORE_KILL and victim.process.poll() is None:
            victim.kill()
    expect(ended, f"the stream just stops after {chunks} chunks, with {line!r}")
    number = int(answer.headers["x-switchyard-job"])
    connection.close()
    return number, text


def goes_on_elsewhere(tokens, end, then):
    with dev("--coordinators", 3, "--workers", 0, engine="http://127.0.0.1:9") as cluster, folder() as scratch, \
            contextlib.ExitStack() as stack:
        workers = Workers(cluster, scratch, stack)
        before = cluster.account()
        spare = workers.start("spare", INPUT_SPARE)
        charged = 0
        for _ in range(TRIES):
            victim = workers.start("victim", INPUT_KILLED)
            lines, longest = read_and_end(cluster, victim, tokens, lambda: end(cluster, victim, f"{scratch}/victim"))
            job = cluster.yard("job", lines[-1]["ended"]["job"], "--output", "json").lines[0]
            charged += job["charge_nano"]
            if job["attempts"] > 1:
                break
        verify(cluster, lines, job, spare)
        limit = promised(cluster, GOES_ON_SECONDS)
        expect(longest <= limit, f"the stream went on after {longest:.1f} s, of {limit:.1f} s")
        print(f"went on after {longest * 1000:.0f} ms", flush=True)
        charged += then(cluster, scratch, workers)
        books = cluster.account()
        expect(books["held_nano"] == 0, f"a hold is open: {books}")
        expect(books["spent_nano"] - before["spent_nano"] == charged, f"{books}, but {charged} was charged")
        earned = cluster.account(workers.supplier, key=cluster.root)
        expect(earned["balance_nano"] == charged, f"{earned}, but {charged} was charged")

        def agreed():
            done = cluster.yard("status", "--output", "json")
            states = [line["status"] for line in done.lines if "status" in line]
            return len(states) == 3 and len({(s["applied_index"], s["digest"]) for s in states}) == 1

        wait_for("all replicas to have one digest at one index", agreed)


def verify(cluster, lines, job, spare):
    """Transcript, record and charge agree."""
    events = [line["event"] for line in lines if "event" in line]
    ended = lines[-1]["ended"]
    expect(job["attempts"] == 2, f"no end struck a running stream in {TRIES} tries: {job}")
    expect(job["resumed"] == "text" and job["worker"] == spare.ready["worker"], job)
    expect({**ended, "resumed": "text"} == job, f"{job}, but the client was told {ended}")
    expect(job["state"] == "completed" and job["finish"] in ("stop", "length"), job)
    seqs = [event["seq"] for event in events]
    expect(seqs == list(range(1, job["events"] + 1)), f"{job}, but the client read {seqs[:3]} to {seqs[-3:]}")
    expect(len(seqs) >= READ_BEFORE_KILL, seqs)
    content = ("seq", "choice", "kind", "tokens", "text", "hex")
    told = [{k: e.get(k) for k in content} for e in events]
    record = cluster.yard("follow", job["job"], "--output", "json").lines
    kept = [{k: one["event"].get(k) for k in content} for one in record if "event" in one]
    expect(told == kept, "the record is not what the client read")
    claimed = sum(event["tokens"] for event in events)
    size = sum(len(event["text"].encode()) for event in events)
    expect(job["output_tokens"] == min(claimed, size), f"{job}, but the record claims {claimed}, {size} bytes")
    # By the terms of the last attempt that added to the record: the victim's, if the other only ended it.
    costs = [(job["prompt_tokens"] * price + job["output_tokens"] * OUTPUT) // 1_000_000
             for price in (INPUT_SPARE, INPUT_KILLED)]
    expect(job["charge_nano"] in costs, f"{job}, but it costs {costs}")
    print(f"{job['events']} events, {job['output_tokens']} tokens, {job['charge_nano']} nano-credits", flush=True)


main([worker_kill, worker_reclaim])
