#!/usr/bin/env python3
"""Secrets: planted canaries are in no log, error, metric, process list, store or crash output of a running cluster.

What is planted: prompts and an engine's output, API keys, invitations, the private keys of nodes and of the authority, and
the wrapping keys. A coordinator, a worker and a gateway crash with a report, the two while they have a prompt, its answer and keys in
their hands. Every byte that any node leaves is searched, but for the few files whose purpose is
to hold one of them: those must be the owner's alone.
"""

import base64
import contextlib
import json
import os
import re
import resource
import secrets
import signal
import subprocess
import sys

import authority
import gateway
import raw_http1
import raw_http2 as h2
import scripted_engine
from product import YARD, Failed, dev, expect, folder, free_ports, main, scripted_worker, wait_for

# Where a secret may be: by the end of the path. Each must have mode 0600.
KEEPERS = ("/identity/node.key", "/identity/issuer.key", "/ca/ca.key", "/ca/issuer.key", "/keyring", "/dev-keys.json",
           "/switchyard/config.json", "/public.key")

PROMPT = "canary-prompt-" + secrets.token_hex(12)
ANSWER = "canary-answer-" + secrets.token_hex(12)
HEADER_BYTES = 4 + 2 + 16 + 4


def own_command_lines():
    """The command lines of all processes of this program, as `ps` shows them to every user."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = read(f"/proc/{entry}/cmdline")
            if b"yard" in words.split(b"\0")[0]:
                yield words


def may_dump():
    """Run in a child: it may write as large a core as it is allowed to."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def crash(process):
    """SIGSEGV, and what the process came to."""
    process.send_signal(signal.SIGSEGV)
    expect(process.wait(60) == -signal.SIGSEGV, f"it ended with {process.returncode}")


def crash_with_report(pid, log):
    """SIGABRT; once the report of it is in the log, SIGKILL: a signal from outside leaves the process alive after its report."""
    before = len(read(log))
    os.kill(pid, signal.SIGABRT)
    wait_for(f"a crash report in {log}", lambda: b"Backtrace took" in read(log)[before:])
    os.kill(pid, signal.SIGKILL)


def files_of(directory):
    """The files below a directory; the socket that a killed node leaves has no bytes."""
    for parent, _, names in os.walk(directory):
        yield from filter(os.path.isfile, (os.path.join(parent, name) for name in names))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def contents(*directories):
    """The files below these directories, each with its bytes; what a node that lives has removed meanwhile is left out."""
    for directory in directories:
        for path in files_of(directory):
            with contextlib.suppress(FileNotFoundError):
                yield path, read(path)


def forms(secret):
    """A secret of bytes, as it may appear: raw, in hexadecimal, in base64."""
    return {secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="),
            base64.urlsafe_b64encode(secret).rstrip(b"=")}


def glimpses(form):
    """What a crash report may show of it: behind each register sixteen bytes of where it points, in pairs of hexadecimal digits and as
    text. Pieces of eight bytes, of which sixteen have at least one wherever they begin."""
    pieces = {form[at:at + 8] for at in range(0, len(form) - 7)}
    return pieces | {piece.hex(" ").encode() for piece in pieces}


def reported(data):
    """The crash reports in a log."""
    return b"".join(re.findall(rb"Program crashed.*?Backtrace took", data, re.DOTALL))


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
            for name, code in (("invited", 0), ("late", 3)):
                done = yard("node", "join", "--join", cluster.endpoints[0], "--dir", f"{directory}/{name}",
                            "--invitation-file", "-", stdin=invited.out)
                expect(done.code == code, done)
            expect(yard("node", "list", key=cluster.root).code == 0, "no list of nodes")
            with scripted_worker(cluster, scratch) as worker:
                keys.insert(0, worker.key)
                done = cluster.yard("run", "-m", scripted_engine.MODEL, "--max-tokens", 8, PROMPT)
                expect(done.code == 0 and ANSWER in done.text, done)
                scripted_engine.Engine.manner = "truncated"
                expect(cluster.yard("run", "-m", scripted_engine.MODEL, PROMPT).code == 5, "no failure")
                scripted_engine.Engine.manner = "good"
                over_http()
                over_http2()
                while_they_wait()
                crash_in_mid_stream(worker)
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
            crash_with_report(before, directory + "/logs/coordinator-1.log")
            wait_for("the coordinator to be started again",
                     lambda: coordinator() not in (None, before) and cluster.yard("models").code == 0)

        def over_http():
            """Through the gateway: a chat that succeeds, and what must be told to those that fail."""
            chat = {"model": scripted_engine.MODEL, "max_tokens": 8, "messages": [{"role": "user", "content": PROMPT}]}

            def post(body, key=cluster.key):
                return raw_http1.ask(cluster.ready["gateway"], "POST", "/v1/chat/completions", body, key)
            answer = post(chat)
            expect(answer.status == 200 and ANSWER.encode() in answer.body, answer)
            failing = {"a wrong key": post(chat, mistyped[0]), "no key": post(chat, None),
                       "no JSON": post(json.dumps(chat)[:-1].encode()),
                       "no such model": post({**chat, "model": "none"}),
                       "a wrong field": post({**chat, "max_tokens": PROMPT})}
            scripted_engine.Engine.manner = "truncated"
            failing["an engine that breaks off"] = post(chat)
            scripted_engine.Engine.manner = "good"
            for what, answer in failing.items():
                expect(answer.status >= 400, (what, answer))
                # What had come of the answer is the client's own; the rest of the error is not.
                own = ANSWER.encode() if "breaks" in what else b"\0"
                said.append((("HTTP", what), repr(answer.headers).encode() + answer.body.replace(own, b"")))
            for path in ("/metrics", "/healthz", "/readyz"):
                answer = raw_http1.ask(cluster.ready["gateway"], "GET", path)
                expect(answer.status == 200, answer)
                said.append((("HTTP", path), answer.body))

        def over_http2():
            """An API key in a field that is no HTTP, to a coordinator and to a gateway with a certificate: the log says why the link ended
            and quotes nothing. A certificate's key that others may read is not used."""
            public = scratch + "/public"
            authority.self_signed(public)
            certified = ("--certificate", public + ".pem", "--certificate-key", public + ".key")
            os.chmod(public + ".key", 0o644)
            refused = subprocess.run(
                [YARD, "gateway", "--listen", "127.0.0.1:0", "--join", cluster.endpoints[0], "--dir", directory + "/gateway",
                 *certified], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            expect(refused.returncode == 3 and b"chmod 600" in refused.stderr, refused)
            said.append((("gateway", "of an exposed key"), refused.stdout + refused.stderr))
            os.chmod(public + ".key", 0o600)
            with gateway.gateway(cluster, scratch, *certified) as secure:
                for address, log in ((cluster.endpoints[0], directory + "/logs/coordinator-1.log"),
                                     (secure.address, secure.child.log)):
                    for end in (" ", "\r", "\x01", "\n"):
                        with contextlib.closing(h2.Connection(address)) as connection, contextlib.suppress(h2.Ended):
                            connection.send(h2.request(1, key=keys[-1] + end) + h2.frame(h2.PING, 0, 0, b"7 bytes"))
                            connection.until(lambda: connection.goaway is not None)
                    wait_for("a line of it", lambda: b"kind=protocol_violation" in read(log))

        def crash_in_mid_stream(worker):
            """A gateway and a worker crash while the one passes on what the other makes."""
            scripted_engine.Engine.manner, scripted_engine.Engine.endless_word = "endless", ANSWER + " "
            chat = {"model": scripted_engine.MODEL, "max_tokens": 3_000, "stream": True,
                    "messages": [{"role": "user", "content": PROMPT}]}
            with gateway.gateway(cluster, scratch) as front, raw_http1.Connection(front.address) as client:
                client.send(raw_http1.request("POST", "/v1/chat/completions", json.dumps(chat).encode(), keys[-1]))
                client.until(ANSWER.encode())
                # The worker first: without the gateway the job would be cancelled before it crashes.
                for child in (worker, front.child):
                    expect(child.process.poll() is None, f"{child.log}: it has ended before")
                    crash_with_report(child.process.pid, child.log)
                    expect(child.process.wait(60) == -signal.SIGKILL, f"{child.log}: {child.process.returncode}")
            scripted_engine.Engine.manner = "good"

        def while_they_wait():
            """The process list, while every node lives and commands wait for a coordinator that is not there."""
            file = scratch + "/key"
            with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as kept:
                kept.write(keys[-1] + "\n")
            dead = f"127.0.0.1:{free_ports(1)[0]}"
            waiting = [
                cluster.spawn("models", "--endpoint", dead, key=keys[-1]),
                cluster.spawn("models", "--endpoint", dead, "--key-file", file, key=""),
                subprocess.Popen(
                    [YARD, "node", "join", "--join", dead, "--dir", scratch + "/waiting"], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    env={**cluster.environment(), "YARD_INVITATION": invitations[0]})]
            try:
                seen = wait_for("all of them", lambda: (lambda found: found if sum(
                    dead.encode() in words for words in found) == len(waiting) else None)(list(own_command_lines())))
                expect(len(seen) >= 3 + len(waiting), f"only {len(seen)} processes of the cluster were seen")
                said.append((("the process list",), b"\n".join(seen)))
            finally:
                for one in waiting:
                    one.kill()
                    one.communicate()
            # The file is the secret's keeper, and no longer there when the rest is searched.
            done = cluster.yard("models", "--key-file", file, key="")
            expect(done.code == 0, done)
            os.chmod(file, 0o644)
            done = yard("models", "--key-file", file, key="")
            expect(done.code == 3 and "chmod 600" in done.err, done)
            os.remove(file)

        def cores():
            """a node that crashes writes no core, though it may"""
            home = scratch + "/cores"
            os.mkdir(home)
            yard_file, port = os.path.abspath(YARD), free_ports(1)[0]
            made = subprocess.run([yard_file, "init", home + "/cluster", "--coordinators", "1", "--workers", "w1"],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            expect(made.returncode == 0, made)

            def start(*arguments, key=""):
                return subprocess.Popen(
                    list(arguments), cwd=home, preexec_fn=may_dump, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, env={**os.environ, "SWIFT_BACKTRACE": "enable=no", "YARD_KEY": key})

            def found():
                return [name for name in os.listdir(home) if name.startswith("core")]
            # One that writes a core shows that this machine would keep it here.
            control = start(sys.executable, "-c", "input()")
            crash(control)
            could = found()
            for name in could:
                os.remove(f"{home}/{name}")
            address, directory = f"127.0.0.1:{port}", home + "/cluster"
            nodes = {
                "coordinator": start(yard_file, "coordinator", "--id", "1", "--listen", address, "--peers",
                                     "1=" + address, "--dir", directory + "/coordinator-1", "--end-with-input"),
                "worker": start(yard_file, "worker", "run", "--join", address, "--engine", "builtin", "--dir",
                                directory + "/workers/w1", "--end-with-input", key=cluster.key),
                "gateway": start(yard_file, "gateway", "--listen", "127.0.0.1:0", "--join", address, "--dir",
                                 directory + "/gateway", "--end-with-input")}

            def limit(process):
                text = read(f"/proc/{process.pid}/limits").decode()
                # What a program that the system pipes cores to would be given: no kind of memory.
                kinds = int(read(f"/proc/{process.pid}/coredump_filter"), 16)
                return *re.search(r"Max core file size +(\S+) +(\S+)", text).groups(), kinds
            for name, process in nodes.items():
                wait_for(f"the {name} to forbid cores", lambda p=process: limit(p) == ("0", "0", 0), 60)
            for name, process in reversed(nodes.items()):
                crash(process)
                process.stdin.close()
                process.stdout.close()
                expect(not found(), f"the {name} has written {found()}")
            print("    " + ("a process without that limit wrote one" if could
                            else "this machine keeps no core in the directory: the limit alone was seen"), flush=True)

        def canaries():
            identities = [path for path in files_of(scratch) if path.endswith(".key")]
            expect(len(identities) >= 5, identities)
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
            searched, known = 0, canaries()
            reports = []
            for path, data in contents(scratch, cluster.home):
                reports += [path] * data.count(b"Backtrace took")
                if path.endswith(KEEPERS):
                    mode = os.stat(path).st_mode & 0o777
                    expect(mode == 0o600, f"{path} has mode {mode:o}")
                    continue
                searched += len(data)
                report = reported(data)
                expect(bool(report) == (b"Backtrace took" in data), f"{path}: its crash report was not recognised")
                for what, forms_ in known.items():
                    for form in forms_:
                        expect(form not in data, f"{what} is in {path}")
                        if report:
                            seen = [piece for piece in glimpses(form) if piece in report]
                            expect(not seen, f"{what} is in the crash report in {path}: {seen}")
            expect(searched > 100_000, f"only {searched} bytes were searched")
            of = sorted(os.path.basename(path) for path in reports)
            expect(of == ["coordinator-1.log", "gateway.log", "scripted-worker.log"], f"crash reports are in {of}")

        def sealed():
            """the search would have found them: each canary is found where it belongs"""
            kept = [data for path, data in contents(directory) if path.endswith(KEEPERS)]
            found = {what: any(form in data for form in forms_ for data in kept) for what, forms_ in canaries().items()}
            for what in ("an API key", "a private key", "a wrapping key"):
                expect(found[what], f"{what} is not even in the file that keeps it")
            if not any(data for path, data in contents(directory) if path.endswith(".log")):
                raise Failed("the logs are empty")

        main([plant, outputs, directories, sealed, cores])
