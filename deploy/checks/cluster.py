"""Coordinators and workers as processes that may be killed, and clients whose transcripts are kept."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time

from product import MODEL, SERVE, YARD, Child, Cluster, expect, free_ports, wait_for
from recording_proxy import recording_proxy

PRICE_INPUT, PRICE_OUTPUT = 200_000_000, 600_000_000  # nano-credits per million tokens


class Coordinators:
    """The coordinators of one new cluster, each a process that may be killed and started again."""

    def __init__(self, scratch, count=3, workers=("w1", "w2"), options=()):
        self.scratch, self.home, self.count = scratch, scratch + "/cluster", count
        self.options = options
        made = subprocess.run(
            [YARD, "init", self.home, "--coordinators", str(count), "--workers", ",".join(workers),
             "--output", "json"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=300)
        self.root = json.loads(made.stdout)["root_key"]
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
        self.peers = ",".join(f"{n + 1}={a}" for n, a in enumerate(self.addresses))
        self.running, self.kills = {}, []
        self.cluster = Cluster(self.addresses, self.root, self.home + "/client/identity", scratch)
        for number in range(1, count + 1):
            self.start(number)

    def start(self, number):
        self.running[number] = Child(
            self.command(number, f"{self.home}/coordinator-{number}"),
            f"{self.scratch}/coordinator-{number}.log")

    def command(self, number, directory):
        """The command line of a coordinator whose files are in `directory`."""
        return [YARD, "coordinator", "--id", str(number), "--listen", self.addresses[number - 1],
                "--peers", self.peers, "--dir", directory, "--end-with-input", *self.options]

    def kill(self, number):
        """SIGKILL, and waits until the process is gone."""
        self.kills.append(time.monotonic())
        self.running[number].kill()

    def statuses(self):
        done = self.cluster.yard("status", "--output", "json")
        return [line["status"] for line in done.lines if "status" in line]

    def leader(self):
        found = [s for s in self.statuses() if s["role"] == "leader"]
        return max(found, key=lambda s: s["term"])["replica"] if found else None

    def applied(self):
        """How far the furthest replica is."""
        return max((status["applied_index"] for status in self.statuses()), default=0)

    def agree(self):
        """All replicas have one digest at one index."""
        def agreed():
            statuses = self.statuses()
            return (len(statuses) == self.count
                    and len({(s["applied_index"], s["digest"]) for s in statuses}) == 1)

        wait_for("all replicas to have one digest at one index", agreed)

    def stop(self):
        for child in self.running.values():
            child.stop()


def connections(pid, address):
    """How many connections a process has to an address."""
    host, port = address.rsplit(":", 1)
    remote = "".join(f"{int(part):02X}" for part in reversed(host.split("."))) + f":{int(port):04X}"
    with open("/proc/net/tcp") as file:
        lines = [line.split() for line in file][1:]
    inodes = {f"socket:[{words[9]}]" for words in lines if words[2] == remote and words[3] == "01"}
    found = 0
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(entry.path) in inodes
        except OSError:
            continue
    return found


class Parties:
    """A consumer and a supplier, with a key each."""

    def __init__(self, cluster):
        self.consumer = wait_for("a leader that opens an account", lambda: cluster.yard(
            "account", "create", "consumer", "--credit", "1000").text.strip())
        self.consumer_key = made(cluster.yard("key", "create", self.consumer))
        self.supplier = made(cluster.yard("account", "create", "supplier", "--kind", "supplier"))
        self.supplier_key = made(
            cluster.yard("key", "create", self.supplier, "--scope", "work,read"))


def made(done):
    expect(done.code == 0 and done.text.strip(), done)
    return done.text.strip()


class Workers:
    """Workers on real engines, by name, behind proxies that record every attempt; each may be killed and started again."""

    def __init__(self, group, parties, stack):
        self.group, self.parties, self.stack = group, parties, stack
        self.engines, self.running = {}, {}

    def __getitem__(self, name):
        return self.running[name]

    def add(self, name, attempts, slots, context):
        engine = Child([SERVE, "--slots", str(slots), "--context", str(context), "--threads", "1"],
                       f"{self.group.scratch}/engine-{name}.log")
        self.stack.callback(engine.stop)
        self.engines[name] = self.stack.enter_context(recording_proxy(engine.ready["address"], attempts, name))
        self.start(name)

    def start(self, name):
        group = self.group
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", self.engines[name],
             "--name", name, "--dir", f"{group.home}/workers/{name}", "--price-input", "0.2",
             "--price-output", "0.6", "--end-with-input"],
            f"{group.scratch}/worker-{name}.log", {"YARD_KEY": self.parties.supplier_key})
        self.stack.callback(worker.stop)
        self.running[name] = worker


@contextlib.contextmanager
def workers(group, parties, attempts, names=("w1", "w2"), slots=4, context=8192):
    """Workers behind proxies that record every attempt in the list `attempts`; `context` is for all slots together."""
    with contextlib.ExitStack() as stack:
        running = Workers(group, parties, stack)
        for name in names:
            running.add(name, attempts, slots, context)
        yield running


class Reader:
    """One `yard run`, followed line by line while it lives."""

    def __init__(self, cluster, key, number, tokens, log):
        self.number, self.lines, self.moments, self.log = number, [], [], log
        self.moved = threading.Condition()
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(
                [YARD, "run", "-m", MODEL, "--max-tokens", str(tokens), "--temperature", "1",
                 "--output", "json", "--patience", "120", f"Job {number}: tell me everything"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                env=cluster.environment(key))

    def read(self, each=None):
        """Reads to the end; calls `each` after every line."""
        for line in self.process.stdout:
            with self.moved:
                self.lines.append(json.loads(line))
                self.moments.append(time.monotonic())
                self.moved.notify_all()
            if each:
                each(self)
        self.process.wait()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    @property
    def events(self):
        return [line["event"] for line in self.lines if "event" in line]

    @property
    def ended(self):
        return self.lines[-1]["ended"] if self.lines and "ended" in self.lines[-1] else None

    @property
    def content(self):
        return b"".join(e["text"].encode() if "text" in e else bytes.fromhex(e["hex"])
                        for e in self.events)

    def is_ahead(self):
        """Whether the last thing that it read is an event that was not committed, as it was told."""
        with self.moved:
            last = self.lines[-1].get("event") if self.lines else None
        return bool(last) and last["seq"] > last["durable_through"]

    def cuts(self):
        """Where its stream broke: when, and the last event before, if there was one."""
        for place, line in enumerate(self.lines):
            if "reconnecting" in line:
                before = [one["event"] for one in self.lines[:place] if "event" in one]
                yield self.moments[place], before[-1] if before else None


def check_transcript(reader, attempts):
    """What a client read is what one attempt of its job was given by the engine, and it was charged so."""
    who, ended, events = f"job number {reader.number}", reader.ended, reader.events
    expect(ended, f"{who} has no end: exit {reader.process.returncode}, {reader.lines[-1:]}, "
                  + open(reader.log, errors="replace").read()[-600:])
    expect([e["seq"] for e in events] == list(range(1, len(events) + 1)), f"{who}: {events}")
    expect(ended["events"] == len(events), f"{who}: {ended}, but {len(events)} events were read")
    own = [a for a in attempts if re.match(r"Job (\d+):", a.prompt).group(1) == str(reader.number)]
    if ended["state"] == "completed":
        source = [a for a in own if a.text.encode() == reader.content]
        expect(len(source) == 1 and source[0].finish or is_continued(reader, own),
               f"{who}: the client read {reader.content!r}, its attempts gave {[a.text for a in own]}")
        if source:
            usage = source[0].usage
            expect((ended["prompt_tokens"], ended["output_tokens"])
                   == (usage["prompt_tokens"], usage["completion_tokens"]), f"{who}: {ended}, {usage}")
    else:
        expect(ended["state"] == "cancelled", f"{who}: {ended}")
        expect(not events or sum(a.text.encode().startswith(reader.content) for a in own) == 1,
               f"{who}: the client read {reader.content!r}, its attempts gave {[a.text for a in own]}")
        expect(ended["output_tokens"] <= sum(e["tokens"] for e in events), f"{who}: {ended}")
    cost = ended["prompt_tokens"] * PRICE_INPUT + ended["output_tokens"] * PRICE_OUTPUT
    expect(ended["charge_nano"] == cost // 1_000_000, f"{who}: {ended}")


def is_continued(reader, attempts):
    """Whether a job that was lost by a worker, and says so, is the beginnings of its attempts in their order: on a
    machine that stands still for a lease, a worker can be taken for lost."""
    return reader.ended["attempts"] > 1 and is_made_of(reader.content, attempts)


def is_made_of(content, attempts):
    """Whether these bytes are the beginnings of attempts in their order, each up to one of its own marks: two
    attempts can go on with the same character."""
    for attempt in attempts:
        mark = attempt.salt.encode()
        common = os.path.commonprefix([content, attempt.text.encode()])
        content = content[common.rfind(mark) + len(mark) if mark in common else 0:]
    return not content


def check_record(cluster, key, reader):
    """What the cluster has recorded is what the client read."""
    done = cluster.yard("follow", reader.ended["job"], "--output", "json", key=key)
    content = ("seq", "choice", "kind", "tokens", "text", "hex")
    told = [{k: e.get(k) for k in content} for e in reader.events]
    kept = [{k: line["event"].get(k) for k in content} for line in done.lines if "event" in line]
    expect(told == kept, f"job {reader.ended['job']}: the record is not what the client read: {done}")


def check_books(cluster, parties, readers):
    """The cluster has the clients' jobs and no others, no hold is open, and the money is where it should
    be."""
    # What an engine had cached, and what was reasoning, is said with a job's end, and of one job that is asked for, not in the list.
    apart = ("cached_tokens", "reasoning_tokens")
    ends = {reader.ended["job"]: {k: v for k, v in reader.ended.items() if k not in apart} for reader in readers}
    listed = {line["job"]: line for line in cluster.yard(
        "jobs", "--limit", len(ends) * 2, "--output", "json", key=parties.consumer_key).lines}
    expect(listed == ends, f"the cluster lists {len(listed)} jobs, the clients were told of {len(ends)}, "
           f"and differ in {[n for n in ends if listed.get(n) != ends[n]][:3]}")
    charged = sum(end["charge_nano"] for end in ends.values())
    books = cluster.account(parties.consumer)
    expect(books["held_nano"] == 0, f"a hold is open: {books}")
    expect(books["spent_nano"] == charged, f"{books}, but the jobs' charges sum to {charged}")
    earned = cluster.account(parties.supplier)
    expect(earned["balance_nano"] == charged, f"{earned}, but {charged} was charged")
