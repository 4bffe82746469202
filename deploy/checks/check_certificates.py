#!/usr/bin/env python3
"""The certificate matrix: whoever is not who he says is refused, with the reason in a log and a counter.

Three coordinators; certificates that openssl forges with the cluster's own keys; invitations that come twice, late
and at two coordinators at once; a revocation against the clock; a worker whose certificate ends while it runs.
"""

import base64
import concurrent.futures
import contextlib
import itertools
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import raw_http1
import raw_http2 as h2
import scripted_engine
from authority import Forge, new_key, serial_of, signing_request
from cluster import Coordinators, Parties, connections
from product import YARD, Child, Cluster, Failed, expect, folder, main, promised, wait_for
from raw_http2 import Connection, Ended, frame, message, request

MODEL = "switchyard-stories"
# What the promise allows, from the answer to the last link's end.
REVOCATION_SECONDS = 2
# What a greeting of another role than the certificate's is answered with (Sources/ExchangeTypes/ErrorCode.swift).
WRONG_ROLE = 36


def counts(group):
    """The highest count of each kind of refusal in the coordinators' logs."""
    found = {}
    for number in group.running:
        text = pathlib.Path(f"{group.scratch}/coordinator-{number}.log").read_text(errors="replace")
        for count, kind in re.findall(r" count=(\d+) kind=(\w+)\b", text):
            found[(number, kind)] = max(found.get((number, kind), 0), int(count))
    return {kind: sum(n for (_, k), n in found.items() if k == kind) for _, kind in found}


def counted(group, kind, action):
    """What `action` answers; it must raise the count of the kind."""
    before = counts(group).get(kind, 0)
    answer = action()
    wait_for(f"a count of {kind}", lambda: counts(group).get(kind, 0) > before)
    return answer


def failure_of(connection, stream):
    """The code of the Failure that a stream ended with."""
    connection.until(lambda: stream in connection.ended or stream in connection.resets)
    answer = h2.CODEC.decode(connection.bodies[stream])
    expect(answer["type"] == "Failure", answer)
    return h2.CODEC.decode(connection.bodies[stream])["fields"]["code"]


def greeting(address, identity, role):
    """The answer to a Hello, or None if the connection is ended instead."""
    try:
        connection = Connection(address, identity)
    except Ended:
        return None
    try:
        connection.send(request(1, "control") + frame(h2.DATA, 0, 1, h2.hello(role)))
        connection.until(lambda: len(connection.bodies.get(1, b"")) >= 8)
        return h2.CODEC.decode(connection.bodies[1])
    except Ended:
        return None
    finally:
        connection.close()


with folder() as scratch:
    group = Coordinators(scratch, workers=("w1",))
    cluster, forge = group.cluster, Forge(group.home, scratch)
    parties = Parties(cluster)

    def invite(*arguments, of=cluster):
        done = of.yard("node", "invite", *arguments)
        expect(done.code == 0, done)
        return done.text.strip()

    def refusals():
        """What the coordinators say that they have refused, by kind."""
        found = {}
        for status in group.statuses():
            for kind, count in status["refusals"].items():
                found[kind] = found.get(kind, 0) + count
        return found

    def join(invitation, directory, address=None, name=None):
        arguments = ["node", "join", "--join", address or ",".join(group.addresses), "--dir", directory]
        done = subprocess.run(
            [YARD, *arguments, *(["--name", name] if name else [])], stdin=subprocess.DEVNULL,
            capture_output=True, timeout=120, env={**cluster.environment(), "YARD_INVITATION": invitation})
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def joined(name, role="worker"):
        """The identity of a node that has joined."""
        directory = f"{scratch}/{role}-{name}"
        code, text = join(invite("--role", role, "--name", name), directory)
        expect(code == 0 and f"{role} {name}" in text, text)
        return directory + "/identity"

    def good():
        """a node with a good certificate is welcome, at every coordinator"""
        for address in group.addresses:
            expect(greeting(address, forge.identity("worker", "good"), "worker")["type"] == "Welcome", address)
            expect(greeting(address, joined_worker, "worker")["type"] == "Welcome", address)
        # Whichever coordinator is asked first, the leader renews.
        before = serial_of(joined_worker)
        for address in group.addresses:
            done = cluster.yard("node", "renew", "--join", f"{address},{','.join(group.addresses)}", "--dir",
                                joined_worker.rsplit("/", 1)[0])
            expect(done.code == 0, done)
        expect(serial_of(joined_worker) != before, "the certificate is the same")

    def refused(what, kind, identity, role="worker"):
        for address in group.addresses:
            answer = counted(group, kind, lambda address=address: greeting(address, identity, role))
            expect(answer is None, f"{what}: {answer}")

    def time_of_life():
        """an expired certificate, and one that is not yet valid"""
        refused("expired", "certificate_expired", forge.identity("worker", "w1", -3, -1))
        refused("not yet valid", "certificate_not_yet_valid", forge.identity("worker", "w1", 1, 3))

    def wrong_signature():
        """a self-signed certificate, and a coordinator's that the issuer signed"""
        refused("self-signed", "certificate_untrusted", forge.identity("worker", "w1", signer=None))
        refused("by the issuer", "certificate_unsuitable",
                forge.identity("coordinator", "coordinator-1", signer="issuer"), "coordinator")

    def wrong_cluster():
        """a certificate of another cluster"""
        made = subprocess.run([YARD, "init", scratch + "/other", "--coordinators", "1", "--workers", "w1"],
                              capture_output=True, timeout=120)
        expect(made.returncode == 0, made)
        refused("another cluster", "certificate_wrong_cluster", scratch + "/other/workers/w1/identity")

    def wrong_role():
        """a certificate of each role that greets as each other, and a coordinator's as another's, at every coordinator; a client at a worker's door"""
        client = group.home + "/client/identity"
        identities = {"coordinator": group.home + "/coordinator-1/identity", "worker": joined_worker,
                      "gateway": group.home + "/gateway/identity", "client": client}
        # The last one's greeting says coordinator 0.
        pairs = [*itertools.permutations(identities, 2), ("coordinator", "coordinator")]

        def refused_there(number):
            return wait_for("its status", lambda: [status["refusals"].get("wrong_role", 0) for status in group.statuses()
                                                   if status["replica"] == number])[0]
        for number, address in enumerate(group.addresses, 1):
            before = refused_there(number)
            for role, said_role in pairs:
                answer = greeting(address, identities[role], said_role)
                expect(answer and answer["type"] == "Failure" and answer["fields"]["code"] == WRONG_ROLE,
                       f"a {role} that greets as a {said_role}: {answer}")
            # Each was counted, and at the coordinator that refused it.
            wait_for("a count of each", lambda n=number, b=before: refused_there(n) == b + len(pairs))
        address = group.addresses[0]
        connection = Connection(address, client)
        expect(connection.greet() == "Welcome", "no welcome")

        def knock():
            connection.send(request(3, "raft"))
            connection.until(lambda: 3 in connection.resets)
        counted(group, "wrong_role", knock)
        connection.close()

    def garbage():
        """a peer that speaks garbage after the handshake"""
        connection = Connection(group.addresses[0], joined_worker)
        expect(connection.greet("worker") == "Welcome", "no welcome")
        noise = bytes((n * 131 + 17) % 256 for n in range(64))
        # A Join that claims to be a gibibyte long.
        claim = h2.number(1 << 30) + h2.CODEC.by_name["Join"]["number"].to_bytes(2, "big") + b"\0\0"
        for stream, kind, code, data in ((3, "frame_malformed", 39, noise), (5, "frame_too_large", 38, claim)):
            def speak(stream=stream, data=data):
                connection.send(request(stream, "enrol") + frame(h2.DATA, 0, stream, data))
                return failure_of(connection, stream)
            expect(counted(group, kind, speak) == code, f"{kind} was due")
        connection.close()

    def replayed():
        """an invitation that was used; the same node is answered again, another is not"""
        invitation = invite("--name", "once")
        first = join(invitation, scratch + "/once")
        expect(first[0] == 0, first)
        code, text = counted(group, "invitation_used", lambda: join(invitation, scratch + "/twice"))
        expect(code == 3 and "invitation_used" in text and "worker once" in text, text)
        # As if the answer had been lost: the key is there, the certificate is not.
        serial = serial_of(scratch + "/once/identity")
        os.remove(scratch + "/once/identity/node.pem")
        code, text = join(invitation, scratch + "/once")
        expect(code == 0 and serial_of(scratch + "/once/identity") == serial, text)
        code, text = join(invitation, scratch + "/once")
        expect(code == 3 and "has joined" in text, text)

    def late():
        """an invitation that has expired, one with a wrong secret, and one of another cluster"""
        invitation = invite("--name", "late", "--expires", "1s")
        began = time.monotonic()
        wait_for("the end of its second", lambda: time.monotonic() - began > 1.1)
        code, text = counted(group, "invitation_invalid", lambda: join(invitation, scratch + "/late"))
        expect(code == 3 and "expired" in text, text)
        body = invitation.split("_", 2)
        raw = base64.urlsafe_b64decode(body[2] + "=" * (-len(body[2]) % 4))
        guess = f"syi_{body[1]}_" + base64.urlsafe_b64encode(bytes(32) + raw[32:]).decode().rstrip("=")
        code, text = counted(group, "invitation_invalid", lambda: join(guess, scratch + "/guess"))
        expect(code == 3 and "unknown" in text, text)
        foreign = f"syi_{body[1]}_" + base64.urlsafe_b64encode(raw[:32] + bytes(32)).decode().rstrip("=")
        before = counts(group).get("invitation_invalid", 0)
        code, text = join(foreign, scratch + "/foreign")
        expect(code == 3 and "not signed by this cluster's authority" in text, text)
        expect(counts(group).get("invitation_invalid", 0) == before, "the secret was sent")

    def parallel():
        """one invitation at two coordinators at once: exactly one wins, and the other is counted; none, where it has expired"""
        def race(invitation, turn):
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                tries = [pool.submit(join, invitation, f"{scratch}/race-{turn}-{n}", group.addresses[n]) for n in range(2)]
                return [one.result() for one in tries]

        for turn in range(2):
            invitation = invite("--name", f"race-{turn}")
            results = counted(group, "invitation_used", lambda i=invitation, t=turn: race(i, t))
            expect(sorted(code for code, _ in results) == [0, 3], results)
        invitation = invite("--name", "race-late", "--expires", "1s")
        began, before = time.monotonic(), refusals().get("invitation_invalid", 0)
        wait_for("the end of its second", lambda: time.monotonic() - began > 1.1)
        results = race(invitation, "late")
        expect(all(code == 3 and "invitation_invalid" in text and "expired" in text for code, text in results), results)
        wait_for("both to be counted", lambda: refusals().get("invitation_invalid", 0) >= before + 2)

    def bound_name():
        """an invitation is for one name: none is made without, and nobody joins by it under another"""
        expect(cluster.yard("node", "invite", "--role", "gateway").code == 2, "no name was asked for")
        nameless = said(message("Invite", role="gateway", name=None, secretHash="11" * 32, lifetimeMs=60_000),
                        "call", group.root)
        expect(nameless["type"] == "Failure" and nameless["fields"]["code"] == 1, nameless)
        code, text = counted(group, "wrong_name", lambda: join(
            invite("--name", "bound"), scratch + "/bound", name="other"))
        expect(code == 3 and "wrong_name" in text, text)

    def another_worker():
        """a worker that claims another's name"""
        refused_early = cluster.yard(
            "worker", "run", "--join", group.addresses[0], "--engine", "builtin", "--name", "w1",
            "--dir", f"{scratch}/worker-named", key=parties.supplier_key)
        expect(refused_early.code == 3 and "worker named" in refused_early.err, refused_early)
        leader = wait_for("a leader", group.leader)
        connection = Connection(group.addresses[leader - 1], joined_worker)
        expect(connection.greet("worker") == "Welcome", "no welcome")
        register = message("WorkerRegister", name="w1", incarnation=1, offers=[], draining=False)

        def claim():
            connection.send(request(3, "worker", parties.supplier_key) + frame(h2.DATA, 0, 3, register))
            return failure_of(connection, 3)
        expect(counted(group, "wrong_name", claim) == 54, "another code")
        connection.close()
        expect(cluster.yard("workers", "--output", "json").lines == [], "the worker is known")

    def replayed_messages():
        """recorded messages on a new connection: a Submit and an AccountCreate make nothing twice, a Join serves its own key alone"""
        worker = Child(
            [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", "builtin", "--dir",
             f"{scratch}/worker-named", "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
            f"{scratch}/worker.log", {"YARD_KEY": parties.supplier_key})
        try:
            expect(worker.ready["name"] == "named", worker.ready)
            body = f'{{"model":"{MODEL}","max_tokens":4,"prompt":"Once"}}'.encode().hex()
            submit = message("Submit", requestKey="07" * 16, mode="submitted", endpoint="completions",
                             model=MODEL, body=body, maxInputPrice=None, maxOutputPrice=None,
                             queueTimeoutMs=0, follow=False)
            answers = [said(submit, "call", parties.consumer_key)]
            for _ in range(2):
                answers.append(counted(group, "repeated_submit", lambda: said(submit, "call", parties.consumer_key)))
            fields = [one["fields"] for one in answers]
            expect([one["type"] for one in answers] == ["Accepted"] * 3, answers)
            expect([one["duplicate"] for one in fields] == [False, True, True], fields)
            expect(len({one["job"] for one in fields}) == 1, fields)
            jobs = cluster.yard("jobs", "--output", "json", key=parties.consumer_key).lines
            expect(len(jobs) == 1, jobs)
        finally:
            worker.stop()
        create = h2.CODEC.encode({"type": "AccountCreate", "fields": {
            "requestKey": "08" * 16, "name": "recorded", "kind": "consumer"}})
        made = said(create, "call", group.root)
        again = counted(group, "repeated_request", lambda: said(create, "call", group.root))
        expect(made["type"] == "AccountReport" and again == made, (made, again))
        listed = [one for one in cluster.yard("account", "list", "--output", "json").lines if one["name"] == "recorded"]
        expect(len(listed) == 1, listed)
        invitation = invite("--name", "recorded")
        number, blob = invitation.split("_", 2)[1:]
        secret = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))[:32].hex()
        new_key(scratch + "/recorded.key")

        def record(key):
            return message("Join", invitation=int(number), secret=secret, name=None,
                           request=signing_request(key).hex())
        recorded = record(scratch + "/recorded.key")
        first = said(recorded, "enrol")
        second = counted(group, "repeated_join", lambda: said(recorded, "enrol"))
        expect(first["type"] == second["type"] == "CertificateIssued", (first, second))
        listed = [one for one in cluster.yard("node", "list", "--output", "json").lines[0]["certificates"]
                  if one["name"] == "recorded"]
        expect(len(listed) == 1, listed)
        new_key(scratch + "/thief.key")
        stolen = counted(group, "invitation_used", lambda: said(record(scratch + "/thief.key"), "enrol"))
        expect(stolen["type"] == "Failure" and stolen["fields"]["code"] == 52, stolen)

    def said(data, service, key=None):
        """The answer to one message on a stranger's new connection to the leader."""
        leader = wait_for("a leader", group.leader)
        connection = Connection(group.addresses[leader - 1])
        expect(connection.greet() == "Welcome", "no welcome")
        connection.send(request(3, service, key) + frame(h2.DATA, h2.END_STREAM, 3, data))
        connection.until(lambda: 3 in connection.ended or 3 in connection.resets)
        connection.close()
        return h2.CODEC.decode(connection.bodies[3])

    def ends_as_revoked(address, identity, seconds=None):
        """A coordinator that has not applied the revocation takes a link, and closes it when it has: in two seconds."""
        seconds = seconds or promised(cluster, REVOCATION_SECONDS)
        began = time.monotonic()
        while True:
            # None where the link was closed before it was answered.
            answer = greeting(address, identity, "worker")
            if answer and answer["type"] == "Failure" and answer["fields"]["code"] == 53:
                return
            expect(time.monotonic() - began < seconds, answer)

    def revoked():
        """a revocation closes every link at every coordinator within two seconds, and no new one begins"""
        identity = joined("revoked")
        links = [Connection(address, identity) for address in group.addresses]
        for link in links:
            expect(link.greet("worker") == "Welcome", "no welcome")
        before = counts(group).get("certificate_revoked", 0)
        began = time.monotonic()
        done = cluster.yard("node", "revoke", "--name", "revoked")
        answered = time.monotonic()
        expect(done.code == 0, done)
        for link in links:
            try:
                link.until(lambda: False)
            except Ended:
                continue
            except TimeoutError:
                raise Failed("a link is still open") from None
        ended = time.monotonic()
        print(f"    3 links closed {ended - answered:.3f} s after the answer, {ended - began:.3f} s after "
              "the command was begun", flush=True)
        expect(ended - answered < promised(cluster, REVOCATION_SECONDS), f"{ended - answered:.1f} s")
        for address in group.addresses:
            ends_as_revoked(address, identity)
        wait_for("the counts", lambda: counts(group).get("certificate_revoked", 0) >= before + 6)
        renewed = cluster.yard("node", "renew", "--join", group.addresses[0], "--dir", f"{scratch}/worker-revoked")
        expect(renewed.code == 3 and "certificate_revoked" in renewed.err, renewed)
        # Another of the same cluster goes on.
        expect(greeting(group.addresses[0], joined_worker, "worker")["type"] == "Welcome", "too much is revoked")
        founding = group.home + "/workers/w1/identity"
        expect(cluster.yard("node", "revoke", "--name", "w1").code == 0, "not revoked")
        ends_as_revoked(group.addresses[0], founding)
        # Invited again, the node is back under its name.
        shutil.rmtree(f"{scratch}/worker-revoked")
        expect(greeting(group.addresses[0], joined("revoked"), "worker")["type"] == "Welcome", "not back")

    def revoked_at_work():
        """a gateway that carries a stream and a worker that makes one: nothing of either comes two seconds after it is revoked"""
        moments = {"gateway": [], "worker": []}

        def read(who, pieces):
            with contextlib.suppress(raw_http1.Ended, ValueError):
                for piece in pieces:
                    if b'"on ' in piece:
                        moments[who].append(time.monotonic())

        def ended(role, name, child):
            expect(cluster.yard("node", "revoke", "--role", role, "--name", name).code == 0, "not revoked")
            answered = time.monotonic()
            wait_for(f"the {role}'s links to end",
                     lambda: not any(connections(child.process.pid, one) for one in group.addresses))
            left = time.monotonic() - answered
            wait_for("what the promise allows", lambda: time.monotonic() > answered + limit)
            last = moments[role][-1] - answered
            print(f"    {role}: links ended {left:.2f} s after the answer, the last token came {last:+.2f} s after it", flush=True)
            expect(left < limit and last < limit, f"{left:.1f} s, {last:.1f} s")
            expect(child.process.poll() is None, f"the {role} ended instead")

        with contextlib.ExitStack() as stack:
            engine = stack.enter_context(scripted_engine.scripted_server())
            scripted_engine.Engine.manner = "endless"
            joined("busy"), joined("front", "gateway")
            worker = Child(
                [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", engine.address, "--dir",
                 scratch + "/worker-busy", "--price-input", "0.2", "--price-output", "0.6", "--slots", "2", "--end-with-input"],
                scratch + "/busy.log", {"YARD_KEY": parties.supplier_key})
            stack.callback(worker.stop)
            gateway = Child(
                [YARD, "gateway", "--listen", "127.0.0.1:0", "--join", ",".join(group.addresses), "--dir",
                 scratch + "/gateway-front", "--end-with-input"], scratch + "/front.log")
            stack.callback(gateway.stop)
            asked = {"model": scripted_engine.MODEL, "max_tokens": 3_000, "stream": True,
                     "messages": [{"role": "user", "content": "x"}]}
            client = stack.enter_context(raw_http1.Connection(gateway.ready["address"]))
            client.send(raw_http1.request(
                "POST", "/v1/chat/completions", json.dumps(asked).encode(), parties.consumer_key))
            expect(client.head()[0] == 200, "the stream did not begin")
            direct = cluster.spawn("run", "-m", scripted_engine.MODEL, "--max-tokens", 3_000, "--output", "json", "x",
                                   key=parties.consumer_key)
            stack.callback(direct.wait)
            stack.callback(direct.kill)
            for who, pieces in (("gateway", client.chunks()), ("worker", direct.stdout)):
                threading.Thread(target=read, args=(who, pieces), daemon=True).start()
            for pieces in moments.values():
                wait_for("both to stream", lambda p=pieces: len(p) > 5)
            limit = promised(cluster, REVOCATION_SECONDS)
            ended("gateway", "front", gateway)
            ended("worker", "busy", worker)

    def by_serial():
        """by its serial the newest certificate of a node is revoked: none that was renewed, and none of a coordinator"""
        identity = joined("serial")
        stolen = serial_of(identity)
        # The thief has renewed: revoking what was stolen alone would cut off the owner, and not him.
        shutil.copytree(f"{scratch}/worker-serial", f"{scratch}/thief")
        done = cluster.yard("node", "renew", "--join", ",".join(group.addresses), "--dir", f"{scratch}/thief")
        expect(done.code == 0, done)
        for serial in (stolen, serial_of(group.home + "/coordinator-2/identity"),
                       serial_of(group.home + "/client/identity")):
            done = cluster.yard("node", "revoke", "--serial", serial)
            expect(done.code == 3 and "revoke_by_name" in done.err, done)
        for number in (1, 2, 3):
            done = cluster.yard("node", "revoke", "--role", "coordinator", "--name", f"coordinator-{number}")
            expect(done.code == 3 and "cluster remove" in done.err, done)
        newest = serial_of(f"{scratch}/thief/identity")
        expect(cluster.yard("node", "revoke", "--serial", newest).code == 0, "not revoked")
        ends_as_revoked(group.addresses[0], f"{scratch}/thief/identity")
        expect(greeting(group.addresses[0], identity, "worker")["type"] == "Welcome", "too much is revoked")
        expect(cluster.yard("node", "revoke", "--name", "serial").code == 0, "not revoked")
        ends_as_revoked(group.addresses[0], identity)

    def are_counted():
        """whatever was refused is in the coordinators' status, under the word of the log's line"""
        logged, told = counts(group), refusals()
        expect({"certificate_expired", "certificate_not_yet_valid", "certificate_untrusted",
                "certificate_unsuitable", "certificate_wrong_cluster", "wrong_role", "wrong_name",
                "invitation_used", "invitation_invalid", "certificate_revoked", "frame_malformed", "frame_too_large",
                "repeated_submit", "repeated_request", "repeated_join"} <= set(told), told)
        # A line may be left out, a count is not.
        for kind, count in logged.items():
            expect(told.get(kind, 0) >= count, f"{kind}: {count} in the logs, {told}")

    def remembered():
        """a coordinator that is killed and started again remembers what is revoked"""
        founding = group.home + "/workers/w1/identity"
        group.kill(1)
        group.start(1)
        # What its log has beyond its rows it knows once it hears from the leader, which is nothing of the promise.
        ends_as_revoked(group.addresses[0], founding, 180)

    def secrets_at_home():
        """a configuration that others can read is refused; no TLS only by flag, and only on loopback"""
        home = pathlib.Path(scratch, "config/switchyard")
        home.mkdir(parents=True)
        (home / "config.json").write_text('{"current":null,"contexts":{}}')
        for mode, code in ((0o644, 3), (0o600, 0)):
            (home / "config.json").chmod(mode)
            done = subprocess.run(
                [YARD, "status"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                env={**cluster.environment(), "XDG_CONFIG_HOME": scratch + "/config"})
            expect(done.returncode == code and (code == 0 or b"chmod 600" in done.stderr), done)
        bare = Cluster(group.addresses, group.root, "", scratch)
        done = bare.yard("status")
        expect(done.code == 2 and "--insecure" in done.err, done)
        done = cluster.yard("models", "--insecure", "--endpoint", "192.0.2.1:7400", "--patience", 1)
        expect(done.code == 3 and "loopback" in done.err, done)
        done = cluster.yard("coordinator", "--id", 1, "--listen", "0.0.0.0:0", "--peers", "1=127.0.0.1:1",
                            "--dir", scratch + "/other/coordinator-1", "--insecure")
        expect(done.code == 3 and "loopback" in done.err, done)

    def renewal():
        """a worker and a gateway renew before their certificates end, without a restart, and go on with the new ones"""
        os.mkdir(scratch + "/alone")
        # Long enough for two nodes to join and to start within two thirds of it, on this machine.
        began = time.monotonic()
        joined("timed")
        life = max(8, math.ceil(6 * (time.monotonic() - began)))
        single = Coordinators(scratch + "/alone", 1, workers=(), options=("--certificate-life", f"{life}s"))
        own, address = Parties(single.cluster), single.addresses[0]
        key = single.home + "/coordinator-1/identity/issuer.key"
        os.rename(key, key + ".away")
        single.running[1].stop()
        single.start(1)
        first = invite("--name", "short", of=single.cluster)
        code, text = counted(single, "no_issuing_key", lambda: join(first, scratch + "/short", address))
        expect(code == 3 and "issuer.key" in text, text)
        os.rename(key + ".away", key)
        single.running[1].stop()
        single.start(1)
        second = invite("--role", "gateway", "--name", "door", of=single.cluster)
        began, first_ones = {}, {}
        for name, invitation in (("short", first), ("door", second)):
            began[name] = time.monotonic()
            code, text = join(invitation, f"{scratch}/{name}", address)
            expect(code == 0, text)
            first_ones[name] = serial_of(f"{scratch}/{name}/identity")
        with contextlib.ExitStack() as stack:
            stack.callback(single.stop)
            worker = Child(
                [YARD, "worker", "run", "--join", address, "--engine", "builtin", "--dir", scratch + "/short",
                 "--end-with-input"], scratch + "/short.log", {"YARD_KEY": own.supplier_key})
            stack.callback(worker.stop)
            gateway = Child(
                [YARD, "gateway", "--listen", "127.0.0.1:0", "--join", address, "--dir", scratch + "/door",
                 "--patience", "20", "--end-with-input"], scratch + "/door.log")
            stack.callback(gateway.stop)

            def models():
                return raw_http1.ask(gateway.ready["address"], "GET", "/v1/models", key=own.consumer_key)

            for name, serial in first_ones.items():
                wait_for("a new certificate", lambda n=name, s=serial: serial_of(f"{scratch}/{n}/identity") != s, 4 * life)
                expect(time.monotonic() - began[name] < life, f"{name} was renewed after its end")
            wait_for("the first ones' end", lambda: time.monotonic() - began["door"] > life + 1, 4 * life)
            # Their connections are lost, and the next are made with certificates that they have not begun with.
            single.kill(1)
            single.start(1)

            def is_online():
                listed = single.cluster.yard("workers", "--output", "json").lines
                return listed and listed[0]["online"] and "registered" in pathlib.Path(
                    scratch + "/short.log").read_text().rsplit("no link", 1)[-1]
            wait_for("the worker to be back", is_online)
            wait_for("the gateway to be back", lambda: models().status == 200)
            for child in (worker, gateway):
                expect(child.process.poll() is None, "it was started again")
            # What a gateway is refused for is nothing that its clients have done.
            done = single.cluster.yard("node", "revoke", "--role", "gateway", "--name", "door")
            expect(done.code == 0, done)
            answer = wait_for("the gateway to be refused",
                              lambda: (lambda one: one if one.status != 200 else None)(models()), 60)
            expect(answer.status == 503 and answer.code == "node_refused", answer)
            expect("kind=certificate_revoked" in pathlib.Path(scratch + "/door.log").read_text(), "no word in its log")

    try:
        joined_worker = joined("named")
        main([
            good, time_of_life, wrong_signature, wrong_cluster, wrong_role, garbage, replayed, late, parallel,
            bound_name, another_worker, replayed_messages, revoked, are_counted, revoked_at_work, by_serial,
            remembered, secrets_at_home, renewal,
        ])
    finally:
        group.stop()
