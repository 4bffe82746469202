#!/usr/bin/env python3
"""Who dials a false coordinator refuses it, says so with its kind, its count and its address, and tells it nothing.

The false ones are TLS 1.3 listeners that ask for a certificate, as coordinators do, and keep every byte that they are sent. A worker, a
gateway and the command line are told of one for each kind, before the true coordinators; two of these find one kind after the other
where the third of them should be.
"""

import pathlib
import re
import socket
import ssl
import subprocess
import threading

import raw_http1
import raw_http2 as h2
from authority import Forge
from cluster import Coordinators, Parties
from product import STORIES, YARD, Child, expect, folder, main, wait_for


class FalseCoordinator:
    """Listens with another's certificate, or a forged one, and answers nothing but, if told to, HTTP/2's SETTINGS."""

    def __init__(self, identity, authority, address="127.0.0.1:0", settles=False):
        self.authority, self.settles = authority, settles
        #: Handshakes that the dialing side ended, and what came over those that it did not.
        self.refused, self.received = 0, b""
        self.present(identity)
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_server((host, int(port)))
        self.address = f"{host}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def present(self, identity):
        """Connections begin with this certificate from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(identity + "/node.pem", identity + "/node.key")
        context.load_verify_locations(self.authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["h2"])
        self.context, self.refused = context, 0

    def accept(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return  # It is closed.
            threading.Thread(target=self.serve, args=(connection, self.context), daemon=True).start()

    def serve(self, connection, context):
        with connection:
            try:
                connection.settimeout(h2.SECONDS)
                secure = context.wrap_socket(connection, server_side=True)
            except OSError:
                self.refused += context is self.context
                return
            with secure:
                try:
                    if self.settles:
                        secure.sendall(h2.frame(h2.SETTINGS))
                    while data := secure.recv(1 << 16):
                        self.received += data
                except OSError:
                    return  # The dialing side has ended it.

    def close(self):
        # Wakes who waits in accept, which a close alone does not.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


with folder() as scratch:
    group = Coordinators(scratch, 3, ("w1", "w2"))
    children, listeners = [], []
    try:
        forge, parties = Forge(group.home, scratch), Parties(group.cluster)
        made = subprocess.run([YARD, "init", scratch + "/other", "--coordinators", "1"], capture_output=True, timeout=120)
        expect(made.returncode == 0, made)
        authority = group.home + "/ca/ca.pem"
        name = ("coordinator", "coordinator-3")
        IDENTITIES = {
            "certificate_expired": forge.identity(*name, -3, -1),
            "certificate_not_yet_valid": forge.identity(*name, 1, 3),
            "certificate_untrusted": forge.identity(*name, signer=None),
            "certificate_wrong_cluster": scratch + "/other/coordinator-1/identity",
            "certificate_wrong_role": group.home + "/workers/w2/identity",
            "certificate_unsuitable": forge.identity(*name, signer="issuer"),
        }
        group.kill(3)
        place = group.addresses[2]
        true = group.addresses[:2]

        def listen(identity, **options):
            listeners.append(FalseCoordinator(identity, authority, **options))
            return listeners[-1]

        false = {kind: listen(identity) for kind, identity in IDENTITIES.items()}
        everybody = ",".join([*(one.address for one in false.values()), *true])

        def count(log, kind, address):
            """The highest count of the kind in the lines of a log that name this address."""
            text = pathlib.Path(log).read_text(errors="replace")
            return max([0, *map(int, re.findall(rf" address={re.escape(address)} count=(\d+) kind={kind}\n", text))])

        def nothing_was_said():
            for kind, one in false.items():
                expect(one.received == b"", f"{kind}: it was told {one.received!r}")

        def refused_by(log):
            for kind, one in false.items():
                wait_for(f"{kind} in {log}", lambda k=kind, o=one: count(log, k, o.address) >= 1, 60)
            text = pathlib.Path(log).read_text(errors="replace")
            expect("a peer is refused" in text and "refuses this" not in text, text[-2000:])
            nothing_was_said()

        def worker():
            """a worker refuses six kinds of false coordinators by name, tells them nothing and works for the true ones"""
            log = scratch + "/worker.log"
            children.append(Child(
                [YARD, "worker", "run", "--join", everybody, "--engine", "builtin", "--dir", group.home + "/workers/w1",
                 "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"], log,
                {"YARD_KEY": parties.supplier_key}))
            refused_by(log)
            expect("this worker does not talk to the coordinator" in pathlib.Path(log).read_text(), "whose refusal is it?")
            done = group.cluster.yard("run", "-m", STORIES, "--max-tokens", 4, "Once", key=parties.consumer_key)
            expect(done.code == 0, done)

        def gateway():
            """a gateway refuses the same, counts them in its metrics, and serves"""
            log = scratch + "/gateway.log"
            child = Child([YARD, "gateway", "--listen", "127.0.0.1:0", "--join", everybody, "--dir", group.home + "/gateway",
                           "--end-with-input"], log)
            children.append(child)

            def ask(path):
                return raw_http1.ask(child.ready["address"], "GET", path, key=parties.consumer_key)
            wait_for("the gateway to serve", lambda: ask("/v1/models").status == 200)
            refused_by(log)
            metrics = ask("/metrics").body.decode()
            for kind in false:
                expect(re.search(rf'gateway_refusals_total{{kind="{kind}"}} [1-9]', metrics), f"no count of {kind}")

        def command_line():
            """the command line refuses each at once, with the kind, and asks a true one where it knows any"""
            for kind, one in false.items():
                done = group.cluster.yard("status", "--endpoint", one.address)
                expect(done.code == 3 and f"address={one.address} count=1 kind={kind}" in done.err, done)
                expect(f"{one.address}: " in done.err and "this side refuses its peer: " in done.err, done)
            done = group.cluster.yard("models", "--endpoint", everybody, "--output", "json")
            expect(done.code == 0 and done.lines, done)
            nothing_was_said()

        def peer():
            """two coordinators refuse each in the third one's place, and count it in their status"""
            stranger = listen(IDENTITIES["certificate_expired"], address=place)
            for kind, identity in IDENTITIES.items():
                stranger.present(identity)
                for number in (1, 2):
                    log = f"{scratch}/coordinator-{number}.log"
                    wait_for(f"{kind} in {log}", lambda: count(log, kind, place) >= 1, 60)
                wait_for("it to be refused", lambda: stranger.refused, 60)
            expect(stranger.received == b"", f"it was told {stranger.received!r}")
            told = [status["refusals"] for status in group.statuses()]
            expect(len(told) == 2, told)
            for counts in told:
                expect(all(counts.get(kind, 0) >= 1 for kind in IDENTITIES), counts)
            stranger.close()

        def mute():
            """one with a true certificate that never answers a greeting is left and counted, and so is a peer that never greets"""
            silent = h2.Connection(true[0], group.home + "/workers/w2/identity")
            stolen = listen(group.home + "/coordinator-3/identity", address=place, settles=True)
            for number in (1, 2):
                log = f"{scratch}/coordinator-{number}.log"
                wait_for(f"greeting_timeout in {log}", lambda: count(log, "greeting_timeout", place) >= 1, 60)
            # Whom they do trust they greet: so what was kept of the others is all that they said.
            expect(h2.PREFACE in stolen.received and b"coordinator-1" in stolen.received, stolen.received)
            stolen.close()
            own = "%s:%d" % silent.socket.getsockname()
            wait_for("a line of who never greeted", lambda: count(f"{scratch}/coordinator-1.log", "greeting_timeout", own), 60)
            silent.close()

        def misplaced():
            """a true coordinator in another's place is refused by its name"""
            peers, wrong = group.peers, "localhost:" + true[0].rsplit(":", 1)[1]
            group.peers = f"1={true[0]},2={wrong},3={place}"
            group.start(3)
            group.peers = peers
            wait_for("coordinator 1 to be refused as 2", lambda: count(f"{scratch}/coordinator-3.log", "wrong_name", wrong), 60)
            group.kill(3)

        def whole():
            """the true coordinator comes to its place, and nobody has told a false one anything"""
            group.start(3)
            wait_for("three coordinators", lambda: len(group.statuses()) == 3)
            done = group.cluster.yard("run", "-m", STORIES, "--max-tokens", 4, "Once", key=parties.consumer_key)
            expect(done.code == 0, done)
            nothing_was_said()
            for child in children:
                expect(child.process.poll() is None, f"a node has ended; log {child.log}")

        main([worker, gateway, command_line, peer, mute, misplaced, whole])
    finally:
        for child in children:
            child.stop()
        group.stop()
        for listener in listeners:
            if listener.socket.fileno() >= 0:
                listener.close()
