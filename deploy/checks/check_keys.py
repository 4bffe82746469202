#!/usr/bin/env python3
"""API keys that expire, are rotated, are revoked, each under an open stream; what the list says."""

import contextlib
import math
import time

import scripted_engine
from product import dev, expect, folder, main, promised, scripted_worker, wait_for

# What "at once" means: until a stream has ended and its client has told so.
SECONDS = 2

with dev("--workers", 0, engine="http://127.0.0.1:9") as cluster, folder() as scratch:
    account = cluster.account()["account"]

    def make(*arguments):
        done = cluster.yard("key", "create", account, *arguments, key=cluster.root)
        expect(done.code == 0, done)
        return done.text.strip()

    def number(key):
        return int(key.split("_")[1])

    def listed(key):
        done = cluster.yard("key", "list", account, "--output", "json", key=cluster.root)
        expect(done.code == 0, done)
        return next(line for line in done.lines if line["key"] == number(key))

    def rotate(key, seconds):
        """The new secret of a key, whose former one is taken for so long."""
        done = cluster.yard("key", "rotate", number(key), "--grace", f"{seconds}s", key=cluster.root)
        expect(done.code == 0, done)
        return done.text.strip()

    def is_taken(key):
        done = cluster.yard("models", key=key)
        expect(done.code in (0, 3), done)
        return done.code == 0

    # A key lives long enough for what is asked under it, on this machine as it was a moment ago; if not, `in_time` tries a longer life.
    began = time.monotonic()
    listed(make())
    life = max(2, math.ceil(4 * (time.monotonic() - began)))

    def in_time(begin):
        """What `begin` gives for a life in seconds, and the stack of what it opened; for a longer one, if it took that long."""
        seconds = life
        while True:
            with contextlib.ExitStack() as stack:
                began = time.monotonic()
                found = begin(seconds, stack)
                if time.monotonic() - began < seconds:
                    return *found, stack.pop_all()
            seconds *= 2

    def expiring():
        """a key that expires works, says how long, and is refused after its time; the list keeps it as expired"""
        def begin(seconds, _):
            key = make("--expires", f"{seconds}s")
            return key, listed(key), is_taken(key), seconds
        key, line, taken, seconds, _ = in_time(begin)
        expect(0 < line["expires_in_ms"] <= seconds * 1_000, line)
        expect(taken, "a key was refused before its time")
        wait_for("the key to expire", lambda: not is_taken(key))
        expect(listed(key)["revoked"] and listed(key)["expires_in_ms"] == 0, listed(key))
        text = cluster.yard("key", "list", account, key=cluster.root).text
        expect("expired" in text, text)

    def rotated():
        """after a rotation both secrets work, after its grace only the new one, under the same number"""
        def begin(seconds, _):
            former = make()
            newer = rotate(former, seconds)
            return former, newer, is_taken(former) and is_taken(newer), listed(newer), seconds
        former, newer, taken, line, seconds, _ = in_time(begin)
        expect(number(newer) == number(former) and newer != former, "not a new secret of the same key")
        expect(taken, "a secret was refused within the grace")
        expect(0 < line["former_secret_for_ms"] <= seconds * 1_000, line)
        wait_for("the grace to be over", lambda: not is_taken(former))
        expect(is_taken(newer) and listed(newer)["former_secret_for_ms"] is None, listed(newer))

    @contextlib.contextmanager
    def reading(key):
        """A stream that is open under the key; `has_begun` says whether something came of it."""
        reader = cluster.spawn("run", "-m", scripted_engine.MODEL, "--max-tokens", 3000, "Forever", key=key)
        try:
            reader.has_begun = bool(reader.stdout.read(1))
            yield reader
        finally:
            reader.kill()
            reader.wait()

    def ends(reader, word, due):
        """The stream is refused, no later than two seconds after it was due."""
        _, said = reader.communicate(timeout=60)
        late = time.monotonic() - due
        limit = promised(cluster, SECONDS)
        expect(reader.returncode == 3 and word in said, (reader.returncode, said))
        print(f"    ended {late:.2f} s after it was due", flush=True)
        expect(late < limit, f"{late:.1f} s, of {limit:.1f} s")

    def revoked():
        """revoking a key ends the stream that it has open, at once, and the list shows that it was used"""
        key = make()
        with reading(key) as reader:
            expect(reader.has_begun, "no output")
            keys = cluster.yard("key", "list", "--output", "json", key=cluster.root).lines
            expect(any(line["last_used_ms_ago"] is not None for line in keys), keys)
            done = cluster.yard("key", "revoke", number(key), key=cluster.root)
            expect(done.code == 0, done)
            ends(reader, b"revoked", time.monotonic())

    def stream_of_an_expiring_key():
        """a key that expires takes its open stream with it"""
        def begin(seconds, stack):
            key = make("--expires", f"{seconds}s")
            due = time.monotonic() + seconds
            return stack.enter_context(reading(key)), due
        reader, due, opened = in_time(begin)
        with opened:
            expect(reader.has_begun, "no output")
            ends(reader, b"expired", due)

    def stream_of_a_former_secret():
        """the end of a grace ends the stream that was opened with the former secret, and not the newer one's"""
        def begin(seconds, stack):
            former = make()
            newer = rotate(former, seconds)
            due = time.monotonic() + seconds
            return stack.enter_context(reading(newer)), stack.enter_context(reading(former)), due
        newer, reader, due, opened = in_time(begin)
        with opened:
            expect(newer.has_begun and reader.has_begun, "no output")
            ends(reader, b"", due)
            expect(newer.poll() is None and newer.stdout.read(1), "the newer secret's stream has ended")

    scripted_engine.Engine.manner = "endless"
    with scripted_worker(cluster, scratch):
        main([expiring, rotated, revoked, stream_of_an_expiring_key, stream_of_a_former_secret])
