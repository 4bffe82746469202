"""Clients under faults, and the proof of what each of them got.

Chats stream through gateways over HTTP, each under a key of its own: whatever breaks, its client asks again under that
key at any gateway, and must read the same text from its beginning, or be told that the stream diverged. `yard run`
follows jobs across coordinators; `yard submit` leaves jobs behind that nobody reads. All of them are told at the end
what the record says.
"""

import json
import random
import threading
import time

from raw_http1 import Connection, Ended, request
from script import MODEL, PROMPT_TOKENS, Script, Wrong, prompt
from machines import Violation, demand

PRICE_INPUT, PRICE_OUTPUT = 200_000_000, 600_000_000  # nano-credits per million tokens
#: No client waits longer for its job's end: queue, faults one after another, and a machine that is slow.
END_SECONDS = 240
#: A stream says something every 10 s, if only a comment.
SILENCE_SECONDS = 45
ENDED = ("completed", "failed", "cancelled", "expired")
#: How many workers a job may lose, one after another (ExchangeCore's `attemptsMax`).
ATTEMPTS_MAX = 3
#: What no fault explains.
NEVER = ("internal_error", "stream_overrun", "engine_error", "engine_garbled", "malformed_request", "unauthenticated",
         "forbidden", "idempotency_conflict", "unknown_job", "not_found", "output_expired", "insufficient_credit")
#: What a cluster has no room for for as long as a client is patient.
FULL = ("overloaded", "storage_full")


class Broken(Exception):
    """A connection that ended in the middle; a client asks again."""


class Chat:
    """One chat: asked for under its key until it is known how it ended."""

    def __init__(self, load, name, count):
        self.load, self.name, self.count = load, name, count
        self.key = load.key_of(name)
        self.job, self.script, self.state, self.code = None, Script(name), None, None
        self.asked = self.breaks = self.divergences = self.replaced = self.told = 0
        self.usage = self.finish = None

    def run(self):
        began = time.monotonic()
        generator = random.Random(self.name)
        while self.state is None:
            demand(time.monotonic() < began + END_SECONDS and not self.load.is_given_up,
                   f"chat {self.name}, job {self.job}, has no end after {time.monotonic() - began:.0f} s: "
                   f"asked {self.asked} times, {self.script.count} of {self.count} tokens, last {self.code}")
            gateway = generator.choice(self.load.world.gateways)
            asked = time.monotonic()
            try:
                self.asked += 1
                self.ask(gateway)
            except (Broken, Ended, OSError) as error:
                self.breaks += 1
                self.load.say("broke", chat=self.name, gateway=gateway.name, why=str(error)[:100])
                self.excused(gateway, asked, error)
            if self.state is None:
                time.sleep(0.2 + generator.random() / 2)

    def excused(self, gateway, asked, error):
        """A stream may only break off where its gateway, or the way to it, did."""
        if isinstance(error, Broken):
            cut = [moment for moment in (*gateway.kills, *gateway.cuts) if moment >= asked - 1]
            demand(cut or not gateway.is_running,
                   f"chat {self.name}: {gateway.name} lives, and its stream broke off: {error}")

    def ask(self, gateway):
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": prompt(self.name, self.count)}],
                           "max_tokens": self.count, "stream": True, "stream_options": {"include_usage": True}})
        reading = Script(self.name)
        with Connection(gateway.http, source=self.load.world.source, seconds=SILENCE_SECONDS) as connection:
            connection.send(request("POST", "/v1/chat/completions", body.encode(), self.key,
                                    [f"Idempotency-Key: {self.load.salt}-{self.name}"]))
            status, headers = connection.head()
            if status != 200:
                return self.failed(json.loads(connection.exactly(int(headers["content-length"])))["error"])
            unread, is_done, error = b"", False, None
            try:
                for piece in connection.chunks():
                    *events, unread = (unread + piece).split(b"\n\n")
                    for line in b"\n".join(events).split(b"\n"):
                        if line.startswith(b"data: "):
                            demand(not is_done and not error, f"chat {self.name}: {line!r} after its end")
                            is_done = line == b"data: [DONE]"
                            error = error if is_done else self.take(reading, line[6:])
            except Ended as broken:
                if error:
                    return self.failed(error)
                raise Broken(f"after {reading.count} tokens: {broken}") from None
            demand(not unread and is_done, f"chat {self.name}: a clean end after {unread!r}, no [DONE]")
        reading.end()
        self.completed(reading)

    def take(self, reading, data):
        """One event; its error, if it is one."""
        chunk = json.loads(data)
        if "error" in chunk:
            return chunk["error"]
        job = int(chunk["id"].rpartition("-")[2])
        if self.job is None:
            self.job = job
            self.load.acknowledged(job, self.name, self.count)
        demand(job == self.job, f"chat {self.name} is job {job}, and was job {self.job} under the same key")
        for choice in chunk["choices"]:
            reading.take(choice["delta"].get("content") or "")
            self.finish = choice["finish_reason"] or self.finish
        self.usage = chunk.get("usage") or self.usage
        # Asked again, it is the same text from its beginning, and then more of it. The one exception: what came last
        # through a gateway that died, or gave up and said so, may have been in nobody else's hands when leader and
        # worker went as well, and who asks anew cannot show it. Then an attempt of its own goes on from the record.
        common = min(len(reading.checked), len(self.script.text))
        if reading.text[:common] != self.script.text[:common]:
            demand(self.breaks > self.replaced and reading.mark > self.script.mark,
                   f"chat {self.name} read {self.script.text[-200:]!r}, and when it asked again {reading.text[-200:]!r}")
            self.replaced, self.script = self.breaks, reading
        if len(reading.text) >= len(self.script.text):
            self.load.read(max(0, reading.count - self.told))
            self.told, self.script = max(self.told, reading.count), reading
        return None

    def failed(self, error):
        self.code = error.get("code")
        if self.job is None and error.get("job"):
            # It failed before its first token.
            self.job = int(error["job"])
            self.load.acknowledged(self.job, self.name, self.count)
        demand(self.code, f"chat {self.name}: an error without a code: {error}")
        self.load.say("refused", chat=self.name, job=self.job, code=self.code)
        self.breaks += 1
        demand(self.code not in NEVER, f"chat {self.name}: {error}")
        if self.code == "stream_diverged":
            # It says so: the job went on from less than was read, and a retry reads the whole.
            self.divergences += 1
            self.script = Script(self.name)
        elif self.job is not None:
            found = self.load.job(self.job, self.key)
            if found and found["status"] in ENDED and found["status"] != "completed":
                self.state = found["status"]

    def completed(self, reading):
        self.state = "completed"
        demand(reading.count == self.count and self.finish == "length",
               f"chat {self.name} completed with {reading.count} of {self.count} tokens, {self.finish}")
        demand(self.usage and self.usage["completion_tokens"] == self.count
               and self.usage["prompt_tokens"] <= PROMPT_TOKENS, f"chat {self.name} was told {self.usage}")


class Run(Chat):
    """The same by `yard run`, which finds the coordinators itself and must see every event once."""

    def run(self):
        world = self.load.world
        process = world.cluster.spawn(
            "run", "-m", MODEL, "--max-tokens", self.count, "--output", "json", "--patience", 120,
            prompt(self.name, self.count), key=self.key)
        self.load.children.append(process)
        errors = []
        listening = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)
        listening.start()
        seen = 0
        for line in process.stdout:
            said = json.loads(line)
            if "accepted" in said:
                self.job = said["accepted"]["job"]
                self.load.acknowledged(self.job, self.name, self.count)
            elif "event" in said:
                seen += 1
                demand(said["event"]["seq"] == seen, f"run {self.name}: event {said['event']['seq']} after {seen - 1}")
                self.script.take(said["event"]["text"])
                self.load.read(said["event"]["tokens"])
            elif "ended" in said:
                self.end(said["ended"])
        code = process.wait()
        listening.join()
        if self.state is None:
            text = b"".join(errors).decode(errors="replace")[-400:]
            told = ("stream_diverged", "unavailable", "outcome_unknown", *FULL)
            self.code = next((word for word in told if word in text), None)
            demand(self.code and not self.load.is_given_up, f"run {self.name}, job {self.job}: exit {code}, {text}")
            self.divergences += self.code == "stream_diverged"
            self.script = Script(self.name) if self.code == "stream_diverged" else self.script
            self.state = "told"

    def end(self, ended):
        self.state, self.code = ended["state"], ended["error"]
        self.script.end()
        demand(self.state in ENDED and self.code not in NEVER, f"run {self.name}: {ended}")
        demand(self.state != "completed" or self.script.count == self.count,
               f"run {self.name} read {self.script.count} of {self.count} tokens: {ended}")


class Load:
    """Clients that go on until they are stopped."""

    def __init__(self, world, streams):
        self.world, self.streams = world, streams
        self.salt = f"{world.options.seed}-{time.time_ns()}"
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.known, self.chats, self.children = {}, [], []
        self.moments, self.tokens, self.number, self.open = [], 0, 0, 0
        self.is_given_up = False
        self.threads = []

    def say(self, what, **facts):
        self.world.timeline.say(what, **facts)

    def start(self):
        self.threads = [threading.Thread(target=self.stream, args=(place,), daemon=True)
                        for place in range(self.streams)]
        self.threads.append(threading.Thread(target=self.submit, daemon=True))
        for thread in self.threads:
            thread.start()

    def next_name(self, kind):
        with self.lock:
            self.number += 1
            return f"{kind}{self.number}"

    def key_of(self, name):
        """The key of who asks for the job of this name."""
        return self.world.key_of(int(name[1:]))

    def acknowledged(self, job, name, count):
        """A job that cannot be lost any more."""
        with self.lock:
            self.moments.append(time.monotonic())
            before = self.known.setdefault(job, (name, count))
        demand(before == (name, count), f"job {job} is {name}'s and {before}'s")

    def read(self, count):
        with self.lock:
            self.tokens += count

    def gap(self, since=0.0):
        """The longest time without a new acknowledgement."""
        with self.lock:
            moments = [moment for moment in self.moments if moment >= since]
        return max((after - before for before, after in zip(moments, moments[1:])), default=0.0)

    def has_acknowledged(self, since):
        with self.lock:
            return bool(self.moments) and self.moments[-1] > since

    def stream(self, place):
        """One stream after another; one place of each six is a `yard run`."""
        generator = random.Random(f"{self.world.options.seed}-{place}")
        while not self.stopped.is_set():
            kind = Run if place % 6 == 5 else Chat
            chat = kind(self, self.next_name("r" if kind is Run else "c"), generator.randrange(10, 120))
            with self.lock:
                self.chats.append(chat)
                self.open += 1
            try:
                chat.run()
            except (Violation, Wrong) as wrong:
                self.world.violated(wrong)
                chat.state = chat.state or "wrong"
            except Exception as error:  # noqa: BLE001 - a client that dies has not seen what it should
                self.world.violated(f"chat {chat.name}: {type(error).__name__} {error}")
                chat.state = "wrong"
            finally:
                with self.lock:
                    self.open -= 1

    def submit(self):
        """Submissions without a reader, one after another."""
        generator = random.Random(f"{self.world.options.seed}-submit")
        while not self.stopped.wait(0.25):
            name, count = self.next_name("s"), generator.randrange(1, 12)
            key = f"{generator.getrandbits(128):032x}"
            done, is_excused = None, False
            for _ in range(8):
                done = self.world.yard(
                    "submit", "-m", MODEL, "--max-tokens", count, "--request-key", key, "--output", "json",
                    "--patience", 30, prompt(name, count), key=self.key_of(name))
                if done.code == 0 or self.stopped.is_set():
                    break
                self.say("refused", submit=name, code=done.err.strip()[-120:])
                is_excused = done.code == 4 or any(f"{word}: " in done.err for word in FULL)
                if not is_excused:
                    break
            if done.code == 0:
                try:
                    self.acknowledged(done.lines[0]["job"], name, count)
                except Violation as wrong:
                    self.world.violated(wrong)
            elif not self.stopped.is_set() and not is_excused:
                self.world.violated(f"submit {name}: {done}")

    def get(self, path, key, seconds=20):
        """GET at any gateway that gives a whole answer within so long; None if none does.

        Raises Violation where one refuses what no fault lets it refuse."""
        last = None
        for gateway in self.world.gateways * 2:
            try:
                with Connection(gateway.http, source=self.world.source, seconds=seconds,
                                deadline=time.monotonic() + seconds) as connection:
                    connection.send(request("GET", path, b"", key))
                    answer = connection.answer()
            except (OSError, Ended) as error:
                last = error
                continue
            if answer.status == 200 and answer.is_whole:
                return answer
            last = answer
            if answer.status != 200 and answer.is_whole:
                demand(answer.code not in NEVER, f"GET {path} at {gateway.name}: {answer}")
        self.say("unanswered", path=path, last=repr(last)[:200])
        return None

    def job(self, number, key):
        answer = self.get(f"/v1/jobs/{number}", key)
        return json.loads(answer.body) if answer else None

    def finish(self, seconds):
        """No new jobs; waits for all that are under way."""
        self.stopped.set()
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            self.is_given_up = True
            stuck = [chat for chat in self.chats if chat.state is None]
            self.world.violated(f"{len(stuck)} clients have no end {seconds} s after everything was healed: " + ", ".join(
                f"{chat.name} (job {chat.job}, {chat.script.count} of {chat.count} tokens)" for chat in stuck[:8]))
            for process in self.children:
                if process.poll() is None:
                    process.kill()


def name_of(text):
    """Whose answer a text begins; empty if there is none."""
    return text[1:].partition(".")[0]


def check_record(load, number, end, text):
    """What the cluster has recorded (its summary `end`, the `text` of its events) and charged of one job is the beginning
    of its answer, and all of it if it completed; its reader got exactly that."""
    who = f"job {number}"
    known = load.known.get(number)
    demand(end["state"] in ENDED, f"{who} has no end: {end}")
    demand(end["hold_nano"] == 0, f"{who} has a hold after its end: {end}")
    cost = end["prompt_tokens"] * PRICE_INPUT + end["output_tokens"] * PRICE_OUTPUT
    demand(end["charge_nano"] == cost // 1_000_000, f"{who}: {end['charge_nano']} charged, {cost // 1_000_000} is due: {end}")
    name = known[0] if known else name_of(text)
    record = Script(name)
    record.take(text)
    record.end()
    demand(end["output_tokens"] == record.count,
           f"{who}: {end['output_tokens']} tokens charged, the record has {record.count}: {end}")
    if end["state"] == "completed":
        demand(known is None or record.count == known[1], f"{who} completed with {record.count} of {known} tokens")
        # No prompt is charged where no engine has said what it was: its worker was lost after the last token.
        demand(end["prompt_tokens"] in ((0, PROMPT_TOKENS) if end["attempts"] == 1 else range(PROMPT_TOKENS + 1)),
               f"{who}: {end}")
    else:
        demand(end["error"] not in NEVER, f"{who}: {end}")
        demand(end["error"] != "worker_lost" or end["attempts"] >= ATTEMPTS_MAX, f"{who} did not go on elsewhere: {end}")
    reader = next((chat for chat in load.by_job.get(number, ()) if chat.state != "told"), None)
    if reader is not None and reader.state in ENDED:
        # What a gateway that died had passed on before it was recorded may be more than the record of a job that failed.
        read, whole = sorted((reader.script.text, text), key=len) if reader.breaks else (reader.script.text, text)
        demand(reader.script.text == text if reader.state == "completed" else whole.startswith(read),
               f"{who}: its client read {reader.script.text[-160:]!r}, the record is {text[-160:]!r}")
    return record.count
