#!/usr/bin/env python3
"""API keys that expire, are rotated, are revoked, each under an open stream; what the list says."""

import contextlib
import math
import time

import scripted_engine
from product import dev, expect, folder, main, scripted_worker, wait_for

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

    def is_taken(key):
        done = cluster.yard("models", key=key)
        expect(done.code in (0, 3), done)
        return done.code == 0

    # A key lives long enough for what is asked under it, on this machine.
    began = time.monotonic()
    listed(make())
    life = max(4, math.ceil(4 * (time.monotonic() - began)))

    def expiring():
        """a key that expires works, says how long, and is refused after its time; the list keeps it as expired"""
        key = make("--expires", f"{life}s")
        expect(0 < listed(key)["expires_in_ms"] <= life * 1_000, listed(key))
        expect(is_taken(key), "a key was refused before its time")
        wait_for("the key to expire", lambda: not is_taken(key))
        expect(listed(key)["revoked"] and listed(key)["expires_in_ms"] == 0, listed(key))
        text = cluster.yard("key", "list", account, key=cluster.root).text
        expect("expired" in text, text)

    def rotated():
        """after a rotation both secrets work, after its grace only the new one, under the same number"""
        former = make()
        done = cluster.yard("key", "rotate", number(former), "--grace", f"{life}s", key=cluster.root)
        expect(done.code == 0, done)
        newer = done.text.strip()
        expect(number(newer) == number(former) and newer != former, "not a new secret of the same key")
        expect(is_taken(former) and is_taken(newer), "a secret was refused within the grace")
        expect(0 < listed(newer)["former_secret_for_ms"] <= life * 1_000, listed(newer))
        wait_for("the grace to be over", lambda: not is_taken(former))
        expect(is_taken(newer) and listed(newer)["former_secret_for_ms"] is None, listed(newer))

    @contextlib.contextmanager
    def reading(key):
        """A stream that is open under the key, and has begun."""
        reader = cluster.spawn("run", "-m", scripted_engine.MODEL, "--max-tokens", 3000, "Forever", key=key)
        try:
            expect(reader.stdout.read(1), "no output")
            yield reader
        finally:
            reader.kill()
            reader.wait()

    def ends(reader, word, due):
        """The stream is refused, no later than two seconds after it was due."""
        _, said = reader.communicate(timeout=60)
        late = time.monotonic() - due
        expect(reader.returncode == 3 and word in said, (reader.returncode, said))
        print(f"    ended {late:.2f} s after it was due", flush=True)
        expect(late < SECONDS, f"{late:.1f} s")

    def revoked():
        """revoking a key ends the stream that it has open, at once, and the list shows that it was used"""
        key = make()
        with reading(key) as reader:
            keys = cluster.yard("key", "list", "--output", "json", key=cluster.root).lines
            expect(any(line["last_used_ms_ago"] is not None for line in keys), keys)
            done = cluster.yard("key", "revoke", number(key), key=cluster.root)
            expect(done.code == 0, done)
            ends(reader, b"revoked", time.monotonic())

    def stream_of_an_expiring_key():
        """a key that expires takes its open stream with it"""
        key = make("--expires", f"{life}s")
        due = time.monotonic() + life
        with reading(key) as reader:
            ends(reader, b"expired", due)

    def stream_of_a_former_secret():
        """the end of a grace ends the stream that was opened with the former secret, and not the newer one's"""
        former = make()
        done = cluster.yard("key", "rotate", number(former), "--grace", f"{life}s", key=cluster.root)
        expect(done.code == 0, done)
        due = time.monotonic() + life
        with reading(done.text.strip()) as newer:
            with reading(former) as reader:
                ends(reader, b"", due)
            expect(newer.poll() is None and newer.stdout.read(1), "the newer secret's stream has ended")

    scripted_engine.Engine.manner = "endless"
    with scripted_worker(cluster, scratch):
        main([expiring, rotated, revoked, stream_of_an_expiring_key, stream_of_a_former_secret])
