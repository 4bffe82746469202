#!/usr/bin/env python3
"""Secrets: planted canaries are in no log, error, process list, store or crash output of a running cluster.

What is planted: prompts and an engine's output, API keys, invitations, the private keys of nodes and of the authority, and
the wrapping keys. Every byte of the cluster's directory is searched, but for the few files whose purpose is
to hold one of them: those must be the owner's alone.
"""

import base64
import os
import re
import secrets
import signal

import scripted_engine
from product import Failed, dev, expect, folder, main, scripted_worker, wait_for

# Where a secret may be: by the end of the path. Each must have mode 0600.
KEEPERS = ("/identity/node.key", "/identity/issuer.key", "/ca/ca.key", "/ca/issuer.key", "/keyring", "/dev-keys.json")

PROMPT = "canary-prompt-" + secrets.token_hex(12)
ANSWER = "canary-answer-" + secrets.token_hex(12)
HEADER_BYTES = 4 + 2 + 16 + 4


def files_of(directory):
    for parent, _, names in os.walk(directory):
        for name in names:
            yield os.path.join(parent, name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def forms(secret):
    """A secret of bytes, as it may appear: raw, in hexadecimal, in base64."""
    return {secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="),
            base64.urlsafe_b64encode(secret).rstrip(b"=")}


def key_forms(key):
    """An API key's secret half, as text and as the bytes that it encodes."""
    half = key.split("_", 2)[2]
    return {half.encode()} | forms(base64.urlsafe_b64decode(half + "=" * (-len(half) % 4)))


def invitation_forms(invitation):
    """The secret half of an invitation; the other is the fingerprint, which is public."""
    blob = invitation.split("_", 2)[2]
    return {blob[:42].encode()} | forms(base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))[:32])


def pem_forms(path):
    """The lines of a private key in PEM form, and the number itself."""
    lines = [line for line in read(path).split(b"\n") if line and not line.startswith(b"-----")]
    der = base64.b64decode(b"".join(lines))
    # RFC 5915: an octet string of 32 bytes, the private key.
    number = re.search(rb"\x04\x20(.{32})", der, re.DOTALL)
    expect(number, f"{path} holds no P-256 key")
    # The later lines are the public half, which the certificate has as well.
    secret = {line for place, line in enumerate(lines) if place * 48 < number.end(1)}
    return secret | forms(number.group(1))


def keyring_forms(path):
    """The wrapping keys: after magic, version, cluster and count, pairs of an id and 32 bytes."""
    data = read(path)
    found = {data[at + 8:at + 40] for at in range(HEADER_BYTES, len(data) - 32, 40)}
    expect(found, f"{path} holds no key")
    return set().union(*(forms(key) for key in found))


# A crash tells as much as it can, but for names, which take a debug build a minute to look up.
os.environ["SWIFT_BACKTRACE"] = "enable=yes,symbolicate=off"

with folder() as scratch:
    said, mistyped, invitations = [], [], []
    with dev("--workers", 0, "--dir", scratch + "/cluster", engine="http://127.0.0.1:9") as cluster:
        directory = cluster.ready["directory"]
        keys = [cluster.root, cluster.key]

        def coordinator():
            for entry in filter(str.isdigit, os.listdir("/proc")):
                try:
                    words = read(f"/proc/{entry}/cmdline").split(b"\0")
                except OSError:
                    continue
                if b"coordinator" in words and cluster.endpoints[0].encode() in words:
                    return int(entry)
            return None

        def yard(*arguments, **options):
            done = cluster.yard(*arguments, **options)
            said.append((arguments, done.out + done.err.encode()))
            return done

        def plant():
            """jobs that succeed, fail and are refused; keys that are made, wrong and revoked; a crash"""
            scripted_engine.Engine.words = (ANSWER + " ", "end")
            account = cluster.account()["account"]
            made = cluster.yard("key", "create", account, key=cluster.root)
            expect(made.code == 0, made)
            keys.append(made.text.strip())
            wrong = keys[-1][:-2] + ("AA" if keys[-1][-2:] != "AA" else "BA")
            mistyped.extend([wrong, keys[-1] + "x"])
            invited = cluster.yard("node", "invite", "--name", "invited", key=cluster.root)
            expect(invited.code == 0, invited)
            invitations.append(invited.text.strip())
            expect(yard("node", "join", "--join", cluster.endpoints[0], "--dir", directory + "/invited",
                        "--invitation", invitations[0]).code == 0, "did not join")
            expect(yard("node", "join", "--join", cluster.endpoints[0], "--dir", directory + "/late",
                        "--invitation", invitations[0]).code == 3, "joined twice")
            expect(yard("node", "list", key=cluster.root).code == 0, "no list of nodes")
            with scripted_worker(cluster, scratch):
                done = cluster.yard("run", "-m", scripted_engine.MODEL, "--max-tokens", 8, PROMPT)
                expect(done.code == 0 and ANSWER in done.text, done)
                scripted_engine.Engine.manner = "truncated"
                expect(cluster.yard("run", "-m", scripted_engine.MODEL, PROMPT).code == 5, "no failure")
                scripted_engine.Engine.manner = "good"
                seen = set()
                for entry in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        words = read(f"/proc/{entry}/cmdline")
                    except OSError:
                        continue
                    if b"yard" in words.split(b"\0")[0]:
                        seen.add(words)
                expect(len(seen) >= 3, f"only {len(seen)} processes of the cluster were seen")
                said.append((("the process list",), b"\n".join(seen)))
            yard("run", "-m", "no-such-model", PROMPT)
            yard("submit", "-m", scripted_engine.MODEL, "--max-tokens", 8, PROMPT)
            for key in (wrong, keys[-1] + "x", keys[-1].replace("sy_", "sk_")):
                expect(yard("models", key=key).code == 3, "a wrong key was taken")
            for arguments in (("key", "list"), ("key", "list", "--output", "json"), ("jobs",),
                              ("status",), ("account", "show"), ("models",)):
                expect(yard(*arguments).code == 0, arguments)
            number = keys[-1].split("_")[1]
            expect(yard("key", "revoke", number, key=cluster.root).code == 0, "not revoked")
            expect(yard("models", key=keys[-1]).code == 3, "a revoked key was taken")
            before = coordinator()
            os.kill(before, signal.SIGABRT)
            # A signal from outside leaves the process alive after its crash report.
            log = directory + "/logs/coordinator-1.log"
            wait_for("the crash report", lambda: b"Backtrace took" in read(log))
            os.kill(before, signal.SIGKILL)
            wait_for("the coordinator to be started again",
                     lambda: coordinator() not in (None, before) and cluster.yard("models").code == 0)

        def canaries():
            identities = [path for path in files_of(directory) if path.endswith((".key",))]
            expect(len(identities) >= 3, identities)
            return {
                "a prompt": {PROMPT.encode()} | forms(PROMPT.encode()) - {b""},
                "an answer": {ANSWER.encode()} | forms(ANSWER.encode()) - {b""},
                "an API key": set().union(*map(key_forms, keys)),
                "a mistyped API key": {key.split("_", 2)[2].encode() for key in mistyped},
                "an invitation": set().union(*map(invitation_forms, invitations)),
                "a private key": set().union(*map(pem_forms, identities)),
                "a wrapping key": set().union(*(
                    keyring_forms(path) for path in files_of(directory) if path.endswith("/keyring"))),
            }

        def outputs():
            """no error, listing or process list shows a secret"""
            for what, known in canaries().items():
                for form in known:
                    for arguments, text in said:
                        expect(form not in text, f"{what} is in the output of {arguments[:2]}")

        def directories():
            """no log, store, or crash output of any node holds a secret; those that must are 0600"""
            searched = 0
            for what, known in canaries().items():
                for path in [*files_of(directory), *files_of(scratch + "/scripted-worker"),
                             scratch + "/scripted-worker.log"]:
                    if path.endswith(KEEPERS):
                        mode = os.stat(path).st_mode & 0o777
                        expect(mode == 0o600, f"{path} has mode {mode:o}")
                        continue
                    data = read(path)
                    searched += len(data)
                    for form in known:
                        expect(form not in data, f"{what} is in {path}")
            expect(searched > 100_000, f"only {searched} bytes were searched")

        def sealed():
            """the search would have found them: each canary is found where it belongs"""
            known = canaries()
            found = {what: any(form in read(path) for form in forms_ for path in files_of(directory)
                               if path.endswith(KEEPERS))
                     for what, forms_ in known.items()}
            for what in ("an API key", "a private key", "a wrapping key"):
                expect(found[what], f"{what} is not even in the file that keeps it")
            if not any(os.path.getsize(path) for path in files_of(directory) if path.endswith(".log")):
                raise Failed("the logs are empty")

        main([plant, outputs, directories, sealed])
