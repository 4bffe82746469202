#!/usr/bin/env python3
"""Bad input over HTTP/1.1, HTTP/2 and TLS: each kind gets the status, code and message that a client can act on, and costs nothing.

A well-behaved client works all along, from another address than the attacks, and must not feel those that are repeated
(bystander.py). `--full` sends 200,000 mutated requests
($MUTATIONS) instead of 2,000, and waits for bodies that stop; $MEASURES names a file for the figures, $ONLY some checks of
these alone, $SEED the requests. $ROUNDS further rounds of all that is repeated, as long each or $ROUND_SECONDS, show whether it is
given back in the end.
"""

import collections
import concurrent.futures
import contextlib
import itertools
import json
import os
import random
import re
import resource
import socket
import ssl
import subprocess
import sys
import time
import warnings

import authority
import h2_attacks
import raw_http1
import raw_http2 as h2
from bystander import BURST_FLOOR_MS, FLOOR_MS, IS_OPTIMISED, SECONDS, Bystander, percentile, sink
from gateway import gateway
from product import STORIES, dev, expect, folder, main, scripted_worker, wait_for
from raw_http1 import Connection, Ended, request
from scripted_engine import MODEL as SCRIPTED, Engine

ATTACKER = "127.0.0.2"
FULL = "--full" in sys.argv
MUTATIONS = int(os.environ.get("MUTATIONS", 200_000 if FULL else 2_000))
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
#: Mutated requests at a time: who waits for an answer that does not come costs nothing.
LANES = 16
#: 4,196 connections take some 20 MiB at once, and bodies that are collected as much again. Under TLS as many handshakes are under way as
#: the machine brings about: on two cores of an AMD EPYC of family 26 it levels off at 69 MiB, all of it given back (SPARE_MAX_MIB).
GROWTH_MAX_MIB = 80
#: What may be kept of it in the end: Sources/yard/Processes/SpareHeap.swift keeps 8 MiB, and pages that are used in part. What is
#: lost of each connection adds up in rounds.
SPARE_MAX_MIB = 12
#: What each connection of a flood may cost while it is held; it is 5 in release and in debug builds.
FLOOD_KIB_EACH = 8
#: Connections of one address at once, as Sources/Gateway/HTTPLimits.swift has it, and some more.
PER_ADDRESS_MAX = 4_096
FLOOD = PER_ADDRESS_MAX + 100
CHAT = "/v1/chat/completions"
#: Rounds of all that is repeated after it, as long each as $ROUND_SECONDS.
ROUNDS = int(os.environ.get("ROUNDS", 0))
ROUND_SECONDS = float(os.environ.get("ROUND_SECONDS", SECONDS))
#: What later rounds may add where nothing is given back, once every attack was there twice.
LEVEL_MIB = 4
MEASURES = {}


def is_established(connection):
    """Whether the other side still holds its end, which is not seen by one who does not read."""
    port = ":%04X" % connection.socket.getsockname()[1]
    with open("/proc/net/tcp") as file:
        return any(line.split()[2].endswith(port) and line.split()[3] == "01" for line in list(file)[1:])


class OverTLS(Connection):
    """A connection under TLS, which believes whatever certificate it is presented."""

    def __init__(self, address, source="127.0.0.1", protocol="http/1.1"):
        super().__init__(address, source)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        self.socket = context.wrap_socket(self.socket)


def chat(**fields):
    """A chat's body, with these fields instead of its own."""
    return {"model": STORIES, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, **fields}


with dev(engine="builtin") as cluster, folder() as scratch, scripted_worker(cluster, scratch) as scripted, \
        gateway(cluster, scratch) as served, contextlib.ExitStack() as stack:
    key = cluster.key
    # A request up to its body, which comes in chunks.
    CHUNKED = request("POST", CHAT, b"", key, ["Transfer-Encoding: chunked"]).replace(b"Content-Length: 0\r\n", b"")

    def asking(connect, one):
        """A connection of the well-behaved client to one gateway, and what asks for the models over it."""
        connection = connect(one.address)

        def ask():
            connection.send(request("GET", "/v1/models", key=key))
            expect(connection.answer().status == 200, "no models")
        return ask

    client = Bystander(lambda: asking(Connection, served))
    authority.self_signed(scratch + "/public")
    # The same with a certificate, for HTTP/2.
    secure = stack.enter_context(gateway(
        cluster, stack.enter_context(folder()), "--certificate", scratch + "/public.pem", "--certificate-key",
        scratch + "/public.key"))

    def refused(answer, status, code, *words):
        """A refusal that a client can act on."""
        statuses = status if isinstance(status, tuple) else (status,)
        expect(answer.status in statuses and answer.code == code, f"{status} {code} was due, not {answer}")
        message = answer.error.get("message", "")
        expect(message and all(str(word) in message for word in words), f"{answer} does not say {words}")
        expect("x-request-id" in answer.headers, answer)

    def post(body, **options):
        return served.post(CHAT, body, **options)

    def raw(data, half_close=False):
        """What is answered to these bytes, and whether the connection was then closed."""
        with Connection(served.address, ATTACKER) as connection:
            connection.send(data)
            if half_close:
                connection.socket.shutdown(socket.SHUT_WR)
            return connection.answers(), connection.is_closed(0.2)

    def is_told(one, kind):
        """Holds that a gateway has a line of a kind of refusal in its log, and a count of it."""
        with open(one.child.log) as file:
            log = file.read()
        expect(f" kind={kind}\n" in log, f"no line of {kind}, of {sorted(set(re.findall(' kind=(.*)', log)))}: {MEASURES}")
        with (OverTLS if one is secure else Connection)(one.address) as connection:
            connection.send(request("GET", "/metrics"))
            metrics = connection.answer().body
        expect(f'switchyard_gateway_refusals_total{{kind="{kind}"}} '.encode() in metrics, f"no count of {kind}")

    def jobs():
        return len(cluster.yard("jobs", "--limit", 1000, "--output", "json").lines)

    # A first job, so that there is something which could change; and one whose workers are all gone.
    expect(post(chat()).status == 200, "no answer to a good request")
    wait_for("its hold to be closed", lambda: cluster.account()["held_nano"] == 0)
    # It is taken while there is a worker, whose engine says nothing: without one it would be refused.
    Engine.manner = "silent"
    waiting = Connection(served.address)
    # For longer than any machine takes for all that follows.
    waiting.send(request("POST", CHAT, json.dumps(chat(model=SCRIPTED, stream=True)).encode(), key,
                         ["x-switchyard-max-wait-ms: 3600000"]))
    wait_for("a job that waits", lambda: jobs() == 2)
    scripted.kill()
    books, count = cluster.account(), jobs()
    client.felt()
    gateways = {"in clear": served, "under TLS": secure}
    baseline = client.during(lambda: time.sleep(0.1), 1.5)
    memory = {name: one.own_mib() for name, one in gateways.items()}
    begun = time.monotonic()

    # Slow attackers: begun now, looked at when everything else is over.
    head = request("POST", CHAT, b"{}", key, length=50)
    slow_ones = {"silent": b"", "half a request line": b"POST /v1/ch", "half a header section": head[:-40]}
    if FULL:  # a body has 30 s
        slow_ones |= {"half a body": head, "half a chunk": CHUNKED + b"5\r\nab"}
    slow = {}
    for name, data in slow_ones.items():
        slow[name] = Connection(served.address, ATTACKER)
        slow[name].send(data)
    for name, data in {"silent under TLS": b"", "half a handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}.items():
        slow[name] = Connection(secure.address, ATTACKER)
        slow[name].send(data)
    for name, data in {"nothing after HTTP/2's preface": b"", "half a header section of HTTP/2":
                       h2.frame(h2.HEADERS, 0, 1, h2.literal(":method", "GET"))}.items():
        slow[name] = OverTLS(secure.address, ATTACKER, "h2")
        slow[name].send(h2.PREFACE + h2.frame(h2.SETTINGS) + data)
    # It asks for a hundred thousand answers, and takes none.
    slow_reader = Connection(served.address, ATTACKER)
    slow_reader.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(1_000):
            slow_reader.socket.send(request("GET", "/metrics") * 100)

    # All that is repeated, and what lets go of the connections that it has kept.
    again, let_go = [], []

    def unfelt(whose, name, attack, beside, floor=FLOOR_MS):
        """Holds that a well-behaved client does not feel an attack; it is one of those that come again in rounds."""
        again.append(attack)
        whose.is_unharmed_by(name, attack, beside, floor)

    def json_bodies():
        """a body that is no JSON object, or has a field of a wrong type, is refused and the field named"""
        for body in (b"", b"{", b"[]", b"null", b'"text"', b"{}x", b'{"model": "m",}', b"{'model': 1}", b"\0" * 64,
                     b'{"a":' * 50_000, b"[" * 100_000, b'{"model":"\xff\xfe","messages":[]}',
                     b'{"model":"' + STORIES.encode() + b'","messages":[{"role":"user","content":"\xc3\x28"}]}'):
            refused(post(body), 400, "malformed_request")
        for field, value in (("model", 5), ("model", None), ("messages", "Hello"), ("messages", []), ("messages", [5]),
                             ("max_tokens", "4"), ("max_tokens", -1), ("max_tokens", 1.5), ("max_tokens", 10**30),
                             ("stream", "yes"), ("stream", 1), ("n", 0), ("stop", 5), ("stream_options", [])):
            answer = post(chat(**{field: value}))
            refused(answer, 400, "malformed_request", field)
            expect(answer.error["param"].startswith(field), answer)
        refused(post(b'{"model":"a","model":"b","messages":[]}'), 400, "malformed_request", "model")

    def too_much():
        """a body beyond its limit is refused before it is sent, and the limit is named"""
        refused(post(chat(messages=[{"role": "user", "content": "x" * 1_100_000}])), 413, "payload_too_large", 1048576)
        with Connection(served.address, ATTACKER) as connection:
            connection.send(request("POST", CHAT, b"{", key, length=10 << 20))
            refused(connection.answer(), 413, "payload_too_large")
            expect(connection.is_closed(), "10 MiB would be read")
        with Connection(served.address, ATTACKER) as connection:
            connection.send(CHUNKED)
            piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            try:
                for _ in range(160):
                    connection.send(piece)
            except Ended:
                pass  # it closes while we still send
            answers = connection.answers()
            expect(connection.is_closed(), "10 MiB of chunks would be read")
            expect(all(answer.status == 413 for answer in answers), answers)

    def models_and_prompts():
        """an unknown model and a prompt beyond the context are refused by name"""
        refused(post(chat(model="no-such-model")), 404, "model_not_found", "no-such-model")
        refused(served.get("/v1/models/no-such-model"), 404, "model_not_found", "no-such-model")
        refused(post(chat(messages=[{"role": "user", "content": "word " * 4_000}])), 400, "context_length_exceeded", 512)
        refused(post(chat(max_tokens=100_000)), 400, "context_length_exceeded", 512)

    def keys():
        """a key that is absent, malformed, unknown or revoked, and an account without credit, are told apart"""
        poor = cluster.yard("account", "create", "poor", key=cluster.root).text.strip()
        poor_key = cluster.yard("key", "create", poor, key=cluster.root).text.strip()
        for wrong in ("hello", "sy_99_" + "A" * 43, key[:-1], key + "x", "sk-" + "a" * 40, "x" * 4_000):
            refused(post(chat(), key=wrong), 401, "invalid_api_key")
        answer = raw_http1.ask(served.address, "POST", CHAT, chat())
        refused(answer, 401, "invalid_api_key")
        answer = raw_http1.ask(served.address, "POST", CHAT, chat(), headers=["Authorization: Basic eDp5"])
        refused(answer, 401, "invalid_api_key")
        refused(post(chat(), key=poor_key), 402, "insufficient_quota")
        number = cluster.yard("key", "list", "--output", "json", key=poor_key).lines[0]["key"]
        expect(cluster.yard("key", "revoke", number, key=cluster.root).code == 0, "revoke")
        wait_for("a revoked key to be refused", lambda: post(chat(), key=poor_key).code == "invalid_api_key")

    def paths():
        """an unknown path, and a known one with another method, are told so"""
        refused(served.get("/v1/nothing"), 404, "not_found")
        refused(served.get("/"), 404, "not_found")
        for method, path in (("GET", CHAT), ("DELETE", CHAT), ("POST", "/v1/models")):
            answer = raw_http1.ask(served.address, method, path, key=key)
            refused(answer, 405, "method_not_allowed")
            expect(answer.headers.get("allow"), answer)

    def framing():
        """what has two meanings to two readers is refused, the connection closed and nothing after it read"""
        good = json.dumps(chat()).encode()
        inner = request("POST", CHAT, good, key)
        plain = request("POST", CHAT, good, key)
        length, chunked = b"Content-Length: %d\r\n" % len(good), b"Transfer-Encoding: chunked\r\n"
        in_chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)

        def with_chunks(fields, body):
            return plain.replace(length, fields).replace(b"\r\n\r\n" + good, b"\r\n\r\n" + body)

        forms = {
            "length and chunks": with_chunks(length + chunked, in_chunks),
            "chunks and length": with_chunks(chunked + b"Content-Length: 4\r\n", in_chunks),
            "two lengths": plain.replace(length, length + b"Content-Length: 0\r\n"),
            "a list of lengths": plain.replace(length, b"Content-Length: %d, 0\r\n" % len(good)),
            "a length with a sign": plain.replace(length, b"Content-Length: +%d\r\n" % len(good)),
            "a negative length": plain.replace(length, b"Content-Length: -1\r\n"),
            "a length beyond 64 bits": plain.replace(length, b"Content-Length: 18446744073709551617\r\n"),
            "a length in hexadecimal": plain.replace(length, b"Content-Length: 0x%x\r\n" % len(good)),
            "an unknown coding": with_chunks(b"Transfer-Encoding: xchunked\r\n", in_chunks),
            "chunked, then another": with_chunks(b"Transfer-Encoding: chunked, identity\r\n", in_chunks),
            "chunked twice": with_chunks(chunked + chunked, in_chunks),
            "a space before the colon": with_chunks(b"Transfer-Encoding : chunked\r\n" + length, in_chunks),
            "a folded field": with_chunks(b"X: a\r\n Transfer-Encoding: chunked\r\n" + length, in_chunks),
            "a bare carriage return": plain.replace(length, b"X: a\rContent-Length: 0\r\n" + length),
            "a zero byte in a field": plain.replace(length, b"X: a\0b\r\n" + length),
            "a name of no token": plain.replace(length, b"X y: a\r\n" + length),
            "a chunk's size of no digits": with_chunks(chunked, b"zz\r\n" + good + b"\r\n0\r\n\r\n"),
            "a chunk's size with a sign": with_chunks(chunked, b"+5\r\nabcde\r\n0\r\n\r\n"),
            "a chunk's size beyond 64 bits": with_chunks(chunked, b"1" + b"0" * 16 + b"\r\n" + good),
            "a chunk without its end": with_chunks(chunked, b"%x\r\n%sxx0\r\n\r\n" % (len(good), good)),
            "lines of line feeds alone": plain.replace(b"\r\n", b"\n"),
            "a field that ends with a line feed": plain.replace(length, b"X: a\n" + length),
            "a section that ends with a line feed": plain.replace(b"\r\n\r\n", b"\r\n\n"),
            "a line feed after a chunk's size": with_chunks(chunked, b"%x\n%s\r\n0\r\n\r\n" % (len(good), good)),
            "a line feed after a chunk": with_chunks(chunked, b"%x\r\n%s\n0\r\n\r\n" % (len(good), good)),
            "a space before the first field": plain.replace(b"Host: gateway\r\n", b" X: a\r\nHost: gateway\r\n"),
            "compressed chunks": with_chunks(b"Transfer-Encoding: gzip, chunked\r\n", in_chunks),
            "chunks in HTTP/1.0, kept alive": with_chunks(
                b"Connection: keep-alive\r\n" + chunked, in_chunks).replace(b"HTTP/1.1", b"HTTP/1.0"),
            "a host of two parts": plain.replace(b"Host: gateway\r\n", b"Host: a/b\r\n"),
            "no host": plain.replace(b"Host: gateway\r\n", b""),
            "two hosts": plain.replace(b"Host: gateway\r\n", b"Host: gateway\r\nHost: other\r\n"),
            "no version": plain.replace(b" HTTP/1.1", b""),
            "an unknown version": plain.replace(b"HTTP/1.1", b"HTTP/3.7"),
            "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        }
        wrong = []
        for name, data in forms.items():
            answers, closed = raw(data + inner)
            if not (closed and len(answers) <= 1 and all(400 <= a.status < 500 or a.status in (501, 505) for a in answers)):
                wrong.append(f"{name}: {'closed' if closed else 'open'} after {answers}")
        expect(not wrong, "; ".join(wrong))
        MEASURES["requests of two meanings"] = len(forms)
        for kind in ("http_malformed_request", "http_not_implemented"):
            is_told(served, kind)
        nothing_was_done()
        # What has one meaning, if a rare one, is served, and the connection goes on.
        dry = json.dumps(chat(dry_run=True)).encode()
        with Connection(served.address, ATTACKER) as connection:
            connection.send(CHUNKED + b"5;a=b\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (dry[:5], len(dry) - 5, dry[5:]))
            answer = connection.answer()
            expect(answer.status == 200 and "choices" not in json.loads(answer.body), answer)
            connection.send(request("GET", "/healthz"))
            expect(connection.answer().status == 200, "the connection did not go on")

    def header_sections():
        """a thousand header fields, a long one, a long request line are refused"""
        for data in (request("POST", CHAT, b"{}", key, [f"X-{n}: y" for n in range(1_000)]),
                     request("POST", CHAT, b"{}", key, ["X: " + "y" * 100_000]),
                     request("POST", CHAT + "?" + "y" * 100_000, b"{}", key)):
            answers, closed = raw(data)
            expect(closed and len(answers) <= 1, (closed, answers))
            for answer in answers:
                refused(answer, (431, 414), "header_too_large")

    def trailers_and_extensions():
        """chunk extensions and trailers that never end are ended"""
        for piece, first in ((b";a=" + b"b" * 4_000, b"1"), (b"X: " + b"y" * 4_000 + b"\r\n", b"1\r\nx\r\n0\r\n")):
            with Connection(served.address, ATTACKER) as connection:
                connection.send(CHUNKED + first)
                with contextlib.suppress(Ended):  # it closes while we still send
                    for _ in range(1_000):  # 4 MB
                        connection.send(piece)
                answers = connection.answers()
                expect(connection.is_closed() and len(answers) <= 1, f"{first + piece[:9]!r} goes on: {answers}")
                for answer in answers:
                    refused(answer, 431, "header_too_large")

    def pipelined():
        """requests that are sent at once are answered in their order; who ends his side has gone"""
        stream = request("POST", CHAT, json.dumps(chat(model="none", stream=True)).encode(), key)
        list_models, health = request("GET", "/v1/models", key=key), request("GET", "/healthz")
        with Connection(served.address, ATTACKER) as connection:
            connection.send(list_models + stream + health + list_models)
            answers = [connection.answer() for _ in range(4)]
        expect([answer.status for answer in answers] == [200, 404, 200, 200], answers)
        expect(json.loads(answers[0].body)["object"] == json.loads(answers[3].body)["object"] == "list", answers)
        for data in (list_models, request("POST", CHAT, b"{", key, length=50), b"GET / HT"):
            answers, closed = raw(data, half_close=True)
            expect(closed, f"open after {data} and its end")

    def expectations():
        """a client that waits for 100 Continue is not left waiting, nor told to go on where it may not"""
        with Connection(served.address, ATTACKER) as connection:
            connection.send(request("POST", CHAT, b"", key, ("Expect: 100-continue",), length=11 << 20))
            refused(connection.answer(), 413, "payload_too_large")
        body = json.dumps(chat(model="none")).encode()
        with Connection(served.address, ATTACKER) as connection:
            connection.send(request("POST", CHAT, b"", key, ("Expect: 100-continue",), length=len(body)))
            expect(connection.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100"), "no 100")
            connection.send(body)
            expect(connection.answer().status == 404, "no answer")

    def nothing_was_done():
        """none of it was a job, or cost anything"""
        now = cluster.account()
        now["held_nano"] = max(now["held_nano"], books["held_nano"])  # the job that waits may have expired meanwhile
        expect((now, jobs()) == (books, count), f"{now} {jobs()}, before {books} {count}")

    def fields_of_engines():
        """fields that no worker's engine has are refused by name, before there is a job"""
        for field, value in (("n", 2), ("logprobs", True), ("tools", [{"type": "function"}]),
                             ("tool_choice", "required"), ("logit_bias", {"5": -1})):
            answer = post(chat(**{field: value}))
            refused(answer, 400, "unsupported_parameter", field)
            expect("job" not in answer.error, answer)
        # Only the engine knows that it has none of this.
        answer = post(chat(presence_penalty=0.5))
        refused(answer, 400, "unsupported_parameter", "presence_penalty")
        expect(answer.error["param"] == "presence_penalty", answer)
        for field in ("provider.data_collection", "provider.max_price.image"):
            part = {"max_price": {"image": 1}} if "max_price" in field else {"data_collection": "deny"}
            refused(post(chat(provider=part)), 400, "unsupported_parameter", field)
        refused(post(chat(provider={"only": ["nobody"]})), 404, "no_supplier_admitted", "provider")
        refused(post(chat(provider={"max_price": {"completion": "0.0000001"}})), 400, "price_above_ceiling")
        expect(post(chat(provider={"order": ["nobody"], "sort": "price"})).status == 200, "order is no exclusion")
        dry = post(chat(dry_run=True, stream=True, n=2))
        report = json.loads(dry.body)
        expect(dry.status == 200 and report["refusal"]["code"] == "unsupported_parameter", dry)
        expect(report["remedy"]["changes"] == [{"field": "n", "value": None}], report["remedy"])
        other = post(chat(model="no-such-model", models=["nor-this", STORIES]))
        expect(other.status == 200 and json.loads(other.body)["model"] == STORIES, other)

    def mutated():
        """mutated requests leave the gateway healthy, with flat memory"""
        print(f"    seed {SEED}, {MUTATIONS} requests", flush=True)
        poor = cluster.yard("account", "create", "poorer", key=cluster.root).text.strip()
        poor_key = cluster.yard("key", "create", poor, key=cluster.root).text.strip()
        full = {"model": STORIES, "messages": [{"role": "system", "content": "Be brief."},
                                             {"role": "user", "content": [{"type": "text", "text": "H\u00fc\u4f60"}]}],
                "max_tokens": 4, "temperature": 0.5, "stop": ["a", "b"], "stream": True, "seed": 1, "n": 1,
                "stream_options": {"include_usage": True}, "logit_bias": {}, "tools": []}
        seeds = [request("POST", CHAT, json.dumps(full, ensure_ascii=False).encode(), poor_key),
                 request("POST", "/v1/completions", json.dumps({"model": STORIES, "prompt": "x"}).encode(), poor_key),
                 request("POST", "/v1/embeddings", json.dumps({
                     "model": STORIES, "input": ["x", "H\u00fc"], "dimensions": 8, "encoding_format": "base64"}).encode(),
                     poor_key),
                 request("POST", "/v1/embeddings", json.dumps({"model": STORIES, "input": [[1, 2], [3]]}).encode(),
                         poor_key),
                 request("GET", "/v1/models/" + STORIES, key=poor_key), request("GET", "/v1/jobs/1", key=poor_key)]
        tokens = [b"\r\n", b"\n", b"\0", b'"', b"\\u", b"\\ud800", b"{", b"}", b"[", b"]", b",", b":", b"-", b"1e999",
                  b"null", b"true", b"\xff", b"\xc3", b"chunked", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"]

        # Whether an answer comes is not known of any: as long as one takes here, and some more.
        began = time.monotonic()
        for data in seeds:
            with Connection(served.address) as connection:
                connection.send(data)
                connection.answer()
        patience = max(0.2, 2 * (time.monotonic() - began))

        def mutate(generator):
            data = bytearray(generator.choice(seeds))
            for _ in range(generator.choice((1, 1, 2, 4, 16))):
                at = generator.randrange(len(data))
                kind = generator.randrange(4)
                if kind == 0:
                    data[at] ^= 1 << generator.randrange(8)
                elif kind == 1:
                    del data[at:at + generator.choice((1, 2, 8, 64))]
                elif kind == 2:
                    data[at:at] = generator.choice(tokens)
                else:
                    end = at + generator.randrange(32)
                    data[at:at] = data[at:end] * generator.choice((1, 2, 50))
                if not data:
                    return b"\n"
            return bytes(data)

        def lane(number):
            generator, answered = random.Random(SEED + number), 0
            for _ in range(MUTATIONS // LANES):
                with Connection(served.address, f"127.0.1.{number + 1}") as connection:
                    with contextlib.suppress(Ended):  # it waits for more, or says nothing to what is not HTTP
                        connection.send(mutate(generator))
                        connection.socket.settimeout(patience)
                        answer = connection.answer()
                        expect(answer.status < 500 or answer.status in (501, 505), answer)
                        answered += 1
            return answered

        before, began = served.own_mib(), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            answered = sum(pool.map(lane, range(LANES)))
        spent = time.monotonic() - began
        growth = served.own_mib() - before
        MEASURES["mutated"] = {"requests": MUTATIONS, "answered": answered, "growth_mib": round(growth, 1)}
        print(f"    {answered} answered, {MUTATIONS / spent:.0f}/s, {growth:+.1f} MiB", flush=True)
        expect(answered > MUTATIONS // 2, f"only {answered} of {MUTATIONS} were answered")
        expect(growth <= GROWTH_MAX_MIB, f"the gateway grew by {growth:.0f} MiB")
        expect(served.child.process.poll() is None, "the gateway is dead")

    def connection_flood():
        """a flood of connections from one address leaves others theirs, and costs little memory"""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        held, refused_ones, before = [], 0, served.own_mib()
        for _ in range(FLOOD):
            one = socket.socket()
            one.bind((ATTACKER, 0))
            one.settimeout(60)
            one.connect(("127.0.0.1", int(served.address.rsplit(":", 1)[1])))
            one.setblocking(False)
            held.append(one)
        expect(served.get("/v1/models").status == 200, "another address found no room")
        growth = served.own_mib() - before
        deadline = time.monotonic() + 60  # only ends what hangs
        while refused_ones < FLOOD - PER_ADDRESS_MAX and time.monotonic() < deadline:
            refused_ones = 0
            for one in held:
                try:
                    one.recv(1, socket.MSG_PEEK)
                    refused_ones += 1  # 429, or the end
                except BlockingIOError:
                    pass
                except OSError:
                    refused_ones += 1
            time.sleep(0.1)
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        MEASURES["connection flood"] = f"{refused_ones} of {FLOOD} refused, {growth * 1024 / FLOOD:.0f} KiB for each"
        print("    " + MEASURES["connection flood"], flush=True)
        expect(refused_ones >= FLOOD - PER_ADDRESS_MAX, f"only {refused_ones} of {FLOOD} connections were refused")
        expect(growth * 1024 <= FLOOD_KIB_EACH * FLOOD, f"the gateway grew by {growth:.0f} MiB")

    def repeated():
        """bodies, heads and connections without end, and who is slow on purpose, are not felt by the well-behaved client"""
        client.all += client.felt()
        attacks = {
            "bodies": [request("POST", CHAT, b"[" * 100_000, key), request("POST", CHAT, b'{"a":' * 50_000, key),
                       request("POST", CHAT, b"{", key, length=10 << 20)],
            "heads": [request("POST", CHAT, b"{}", key, [f"X-{n}: y" for n in range(1_000)]),
                      request("GET", "/v1/models" + "?" + "y" * 100_000, key=key)],
            "short connections": [b"", b"POST /v1/ch", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"]}
        # A debug build takes some 2 ms to take a connection and to end it: as many as one attacker makes would fill it.
        pause = {"short connections": 0.005}
        with sink() as reader:
            for name, pieces in attacks.items():
                def throw(to, pieces=pieces, pause=pause.get(name, 0)):
                    for data in pieces:
                        time.sleep(pause)
                        with Connection(to, ATTACKER) as connection, contextlib.suppress(Ended):
                            connection.send(data)
                            connection.socket.settimeout(0.05)
                            if to == served.address and len(data) > 100:
                                connection.answer()
                unfelt(client, name, lambda t=throw: t(served.address), lambda t=throw: t(reader))
            held = collections.deque()

            def stall(to):
                """One more of each way to be slow; those before the last twenty of each are given up."""
                for data in (b"", b"POST /v1/ch", head[:-40], head, CHUNKED + b"5\r\nab",
                             request("GET", "/v1/models", key=key) * 2):  # whose answers are not taken
                    time.sleep(pause["short connections"])
                    held.append(Connection(to, ATTACKER))
                    with contextlib.suppress(Ended):
                        held[-1].send(data)
                while len(held) > 120:
                    held.popleft().close()
            unfelt(client, "slow attackers", lambda: stall(served.address), lambda: stall(reader))

            def release():
                while held:
                    held.popleft().close()
            release()
            let_go.append(release)
            if IS_OPTIMISED:
                whole_bodies(reader)
        MEASURES.update(client.measures)
        if IS_OPTIMISED:
            repeated_under_tls()

    def whole_bodies(reader):
        """Bodies of nearly a mebibyte that come whole, of each kind that takes long to read; alone, and from twenty at once."""
        def filled(opening, item, closing):
            return opening + b",".join([item] * ((1_000_000 - len(opening)) // (len(item) + 1))) + closing

        start = b'{"model":"none","messages":[{"role":"user","content":"x"}],'
        text = b'{"model":"none","messages":[{"role":"user","content":"' + b"x" * 1_000_000 + b'"}]}'
        bodies = {"text": text, "ids": filled(b'{"model":"none","prompt":[', b"1", b"]}"),
                  "messages": filled(b'{"model":"none","messages":[', b'{"role":""}', b"]}"),
                  "fields": start + b",".join(b'"%d":0' % n for n in range(90_000)) + b"}",
                  "what templates print": filled(start + b'"x":[', b'{"a":0}', b"]}")}
        wrong = "sy_99_" + "A" * 43

        def throw(to, data):
            with Connection(to, ATTACKER) as connection, contextlib.suppress(Ended):
                connection.send(data)
                if to == served.address:
                    connection.answer()

        def path(name):
            return "/v1/completions" if name == "ids" else CHAT
        thrown = {f"bodies of {name}": request("POST", path(name), body, key) for name, body in bodies.items()}
        thrown["bodies with a wrong key"] = request("POST", CHAT, text, wrong)
        for name, data in thrown.items():
            unfelt(client, name, lambda d=data: throw(served.address, d), lambda d=data: throw(reader, d))

        def at_once(to, data):
            """Twenty bodies whose last byte has been held back."""
            held = [Connection(to, ATTACKER) for _ in range(20)]
            for one in held:
                one.send(data[:-1])
            for one in held:
                one.send(data[-1:])
            for one in held:
                with contextlib.suppress(Ended):
                    if to == served.address:
                        one.answer()
                one.close()
        for name in ("bodies of text", "bodies of what templates print"):
            unfelt(client, name + ", at once", lambda d=thrown[name]: at_once(served.address, d),
                   lambda d=thrown[name]: at_once(reader, d), BURST_FLOOR_MS)

    def repeated_under_tls():
        """Handshakes, floods and bodies at the gateway with a certificate, whose client has agreed on TLS before."""
        other = Bystander(lambda: asking(OverTLS, secure))
        get = fields("GET", "/healthz")
        entry = b"\x40" + h2.literal("n", "x" * 120)[1:]
        text = json.dumps(chat(model="none", messages=[{"role": "user", "content": "x" * 60_000}])).encode()

        def asked(turn, section=get, flags=h2.END_HEADERS):
            return h2.frame(h2.HEADERS, flags, 2 * turn + 1, section)

        # What each may send before it is ended: at a process that ends nothing, as much.
        attacks = {
            "rapid reset": (150, lambda n: asked(n) + h2.frame(h2.RESET, 0, 2 * n + 1, h2.number(8))),
            "window overflow": (150, lambda n: asked(n) + h2.window_update(2 * n + 1, 0x7FFFFFFF)),
            "frames that carry nothing": (550, lambda n: h2.frame(h2.PING, 0, 0, b"12345678")),
            "HPACK bomb": (10, lambda n: asked(n, get + entry + b"\xbe" * 15_000)),
            "header sections somewhat too large": (20, lambda n: asked(n, get + entry + b"\xbe" * 350)),
            "bodies over HTTP/2": (50, lambda n: asked(n, fields(more=[("content-length", str(len(text)))]))
                                   + b"".join(h2.frame(h2.DATA, 0, 2 * n + 1, text[at:at + 16_000])
                                              for at in range(0, len(text), 16_000))
                                   + h2.frame(h2.DATA, h2.END_STREAM, 2 * n + 1)),
            "handshakes": (0, None)}
        with sink(cluster.identity) as reader:
            for name, (count, attack) in attacks.items():
                def throw(to, count=count, attack=attack):
                    with contextlib.suppress(h2.Ended, TimeoutError), \
                            contextlib.closing(h2.Connection(to, None, ATTACKER)) as connection:
                        for turn in range(0, count, 10):
                            connection.send(b"".join(attack(turn + more) for more in range(10)))
                            connection.read(0)
                            if connection.goaway is not None:
                                return
                unfelt(other, "TLS: " + name, lambda t=throw: t(secure.address), lambda t=throw: t(reader))
        MEASURES.update(other.measures)
        other.end()

    def forms_of_http2():
        """every attack of HTTP/2 is ended at the gateway with a certificate, and those that come again are not felt by its client"""
        # One that is refused at once, since it asks whether it may and may not: what comes then is not read.
        opened = fields(more=[("expect", "100-continue"), ("content-length", str(10 << 20))])
        excesses = h2_attacks.excesses(lambda stream: h2.frame(h2.HEADERS, h2.END_HEADERS, stream, opened))
        forms = excesses | h2_attacks.forms(
            lambda flags, stream, extra: h2.frame(h2.HEADERS, flags, stream, fields("GET", "/healthz") + extra))
        kinds = {"CONTINUATION flood": ["CONTINUATION flood"], "oversize frame": ["oversize frame"], "HPACK bomb": ["HPACK bomb"],
                 "more than is allowed": list(excesses), "rapid reset": ["rapid reset"], "MadeYouReset": [name for name in forms if name.startswith("MadeYouReset")]}
        # One kind of all that are left, in turns.
        kinds["floods of frames"] = [name for name in forms if not any(name in names for names in kinds.values())]
        other = Bystander(lambda: asking(OverTLS, secure))

        def connected(name, to):
            connection = h2.Connection(to, None, ATTACKER)
            connection.acknowledges = name != h2_attacks.UNANSWERED
            return connection

        with sink(cluster.identity) as reader:
            for kind, names in kinds.items():
                taken = {}
                for name in names:
                    came_out, turns = h2_attacks.outcome(name, None, connected(name, secure.address), forms[name])
                    expect(came_out == h2_attacks.ENDED, f"{name}: {came_out} after {turns}")
                    taken[name] = MEASURES[f"a stranger's {name}"] = turns

                def throwing(to, taken=taken):
                    """What throws one after another; at the sink, which ends nothing, as much as the gateway took before it did."""
                    turn = itertools.cycle(taken.items())

                    def again():
                        name, turns = next(turn)
                        h2_attacks.thrown(connected(name, to), forms[name], None if to == secure.address else turns,
                                          at_once=h2_attacks.at_once(name))
                    return again
                unfelt(other, "over HTTP/2: " + kind, throwing(secure.address), throwing(reader))
        MEASURES.update(other.measures)
        other.end()

    def fields(method="POST", path=CHAT, more=(), without=()):
        """A request's header section for HTTP/2, every field as it is said."""
        said = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "gateway"),
                ("authorization", "Bearer " + key)]
        return b"".join(h2.literal(*field) for field in [*(f for f in said if f[0] not in without), *more])

    def secured():
        """over TLS and HTTP/2: what has two meanings is refused, floods end the connection, what is no TLS gets no answer"""
        served, before = secure, secure.own_mib()
        body = json.dumps(chat()).encode()
        length = ("content-length", str(len(body)))
        forms = {  # a header section, and whether a body comes with it
            "chunks": fields(more=[("transfer-encoding", "chunked")]), "a connection": fields(more=[("connection", "close")]),
            "an upgrade": fields(more=[("upgrade", "h2c")]), "a kept connection": fields(more=[("keep-alive", "5")]),
            "other trailers": fields(more=[("te", "gzip")]), "an upper case": fields(more=[("X-A", "b")]),
            "a line in a value": fields(more=[("x", "a\r\ncontent-length: 0")]), "a zero byte": fields(more=[("x", "a\0b")]),
            "a line in a name": fields(more=[("x\r\ny", "a")]), "a name with a colon": fields(more=[("x:y", "a")]),
            "an empty name": fields(more=[("", "a")]), "a space before a value": fields(more=[("x", " a")]),
            "a length that is too short": fields(more=[("content-length", "2")]),
            "a length that is too long": fields(more=[("content-length", str(len(body) + 9))]),
            "two lengths": fields(more=[length, ("content-length", "0")]),
            "a length with a sign": fields(more=[("content-length", f"+{len(body)}")]),
            "two paths": fields(more=[(":path", "/healthz")]), "no path": fields(without=[":path"]),
            "an empty path": fields(path=""), "a path of no slash": fields(path="v1/chat/completions"),
            "a path of two lines": fields(path=CHAT + "\r\nx: y"), "no method": fields(without=[":method"]),
            "no scheme": fields(without=[":scheme"]), "a status": fields(more=[(":status", "200")]),
            "an unknown pseudo-field": fields(more=[(":x", "y")]), "nobody's name": fields(without=[":authority"]),
            "a method of two words": fields(method="POST /x"),
        }
        with contextlib.closing(h2.Connection(served.address, None, ATTACKER)) as connection:
            connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, fields("GET", "/v1/models")))
            connection.until(lambda: 1 in connection.ended)
            expect(json.loads(connection.bodies[1])["object"] == "list", "no answer to a good request")
        wrong = []
        for name, section in forms.items():
            with contextlib.closing(h2.Connection(served.address, None, ATTACKER)) as connection, contextlib.suppress(h2.Ended):
                connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, section)
                                + h2.frame(h2.DATA, h2.END_STREAM, 1, body))
                connection.until(lambda: 1 in connection.ended or 1 in connection.resets or connection.goaway is not None)
                if 1 in connection.ended and b'"error"' not in connection.bodies.get(1, b""):
                    wrong.append(f"{name}: {connection.bodies.get(1)}")
        expect(not wrong, "; ".join(wrong))

        def flood(name, attack, rounds_max=30_000):
            """The connection ends, or does nothing more; answers after how much."""
            rounds = 0
            connection = h2.Connection(served.address, None, ATTACKER)
            with contextlib.closing(connection), contextlib.suppress(h2.Ended):
                while connection.goaway is None and rounds < rounds_max:
                    connection.send(b"".join(attack(rounds + extra) for extra in range(50)))
                    rounds += 50
                    connection.read(0)
            expect(rounds < rounds_max, f"{name} goes on")
            MEASURES["HTTP/2: " + name] = f"ended after {rounds}"

        get = fields("GET", "/healthz")
        field = b"\x40" + h2.literal("n", "x" * 120)[1:]
        bomb, large = field + b"\xbe" * 15_000, field + b"\xbe" * 150

        def asked(turn, section=get, flags=h2.END_HEADERS | h2.END_STREAM):
            return h2.frame(h2.HEADERS, flags, 2 * turn + 1, section)

        flood("rapid reset", lambda n: asked(n, flags=h2.END_HEADERS) + h2.frame(h2.RESET, 0, 2 * n + 1, h2.number(8)))
        flood("CONTINUATION", lambda n: asked(0, flags=0) if n == 0 else h2.frame(h2.CONTINUATION, 0, 1))
        flood("window overflow", lambda n: asked(n, flags=h2.END_HEADERS) + h2.window_update(2 * n + 1, 0x7FFFFFFF))
        flood("SETTINGS", lambda n: h2.frame(h2.SETTINGS))
        flood("PING", lambda n: h2.frame(h2.PING, 0, 0, b"12345678"))
        flood("empty DATA", lambda n: asked(0, fields(), h2.END_HEADERS) if n == 0 else h2.frame(h2.DATA, 0, 1))
        flood("HPACK bomb", lambda n: asked(n, get + bomb))
        flood("sections that are too large", lambda n: asked(n, get + large))
        flood("unknown frames", lambda n: h2.frame(0xEE, 0, 0, b"x"))

        def tls(data, minimum=None, maximum=None, protocols=("http/1.1",)):
            """What is answered to a client of such TLS, or None where there is no agreement."""
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = minimum or ssl.TLSVersion.TLSv1_2
                context.maximum_version = maximum or ssl.TLSVersion.TLSv1_3
            if protocols:
                context.set_alpn_protocols(list(protocols))
            if maximum == ssl.TLSVersion.TLSv1_1:
                context.set_ciphers("ALL:@SECLEVEL=0")
            host, port = served.address.rsplit(":", 1)
            try:
                with socket.create_connection((host, int(port)), 60, source_address=(ATTACKER, 0)) as raw, \
                        context.wrap_socket(raw) as one:
                    one.sendall(data)
                    return one.recv(1 << 16)
            except (OSError, ssl.SSLError):
                return None

        health = request("GET", "/healthz")
        expect(b"200 OK" in (tls(health) or b""), "no HTTP/1.1 over TLS 1.3")
        expect(b"200 OK" in (tls(health, maximum=ssl.TLSVersion.TLSv1_2) or b""), "no HTTP/1.1 over TLS 1.2")
        expect(b"200 OK" in (tls(health, protocols=()) or b""), "no HTTP/1.1 without ALPN")
        expect(tls(health, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1) is None, "TLS 1.1 is spoken")
        # HTTP/2's preface where HTTP/1.1 was agreed on is no request.
        expect(b"HTTP/1.1 400" in (tls(h2.PREFACE) or b""), "HTTP/2 under the name of HTTP/1.1")
        def s_client(said, *options):
            """What openssl's client, told so on its standard input, prints."""
            done = subprocess.run(
                ["openssl", "s_client", "-connect", served.address, "-bind", ATTACKER + ":0", *options],
                input=said, capture_output=True, timeout=60)
            return (done.stdout + done.stderr).lower()

        # A client of TLS 1.2 that wants another handshake, which `R` makes it do, gets none.
        _, began, then = s_client(b"R\n", "-tls1_2").partition(b"renegotiating")
        expect(began and b"error" in then and b"verify" not in then, f"another handshake: {then[-400:]}")
        # What a session takes up again may carry no data before its handshake has ended: that could be sent twice.
        resumed = s_client(request("GET", "/healthz", headers=["Connection: close"]), "-tls1_3", "-ign_eof")
        expect(b"max early data: 0" in resumed and b"200 ok" in resumed, f"early data: {resumed[-900:]}")
        for data in (health, h2.PREFACE, b"\x16\x03\x01\xff\xff" + b"x" * 9_000, bytes(range(256)) * 40):
            with Connection(served.address, ATTACKER) as connection:
                with contextlib.suppress(Ended):
                    connection.send(data)
                expect(connection.is_closed() and b"HTTP" not in connection.buffer, f"{data[:9]} was answered")
        expect(b"200 OK" in (tls(health) or b""), "the gateway does not answer any more")
        expect(served.child.process.poll() is None, "the gateway is dead")
        growth = served.own_mib() - before
        expect(growth <= GROWTH_MAX_MIB, f"the gateway grew by {growth:.0f} MiB")
        for kind in ("breach_resetsReceived", "breach_resetsSent", "breach_idleFrames", "breach_headerSection", "handshake_failed"):
            is_told(secure, kind)
        nothing_was_done()

    def slow_attackers():
        """a silent client, half a request line, half a header section, half a body: ended in time"""
        for name, one in slow.items():
            expect(one.is_closed(max(1.0, begun + 45 - time.monotonic())),
                   f"{name}: still open after {time.monotonic() - begun:.0f} s")
            MEASURES["slow: " + name] = one.buffer[:12].decode("latin-1") or "closed"
            one.close()
        is_told(served, "http_request_timeout")
        if FULL:
            wait_for("who takes no answers to be ended", lambda: not is_established(slow_reader), 60)
            MEASURES["slow: takes no answers"] = f"ended within {time.monotonic() - begun:.0f} s"
        slow_reader.close()

    def rounds():
        """all that is repeated, round upon round: what is lost of each connection would be missing in the end"""
        expect(again, "nothing was repeated before")
        # A connection of the gateway's own to a coordinator, for long bodies, comes and goes.
        at_rest = {name: one.descriptors() + 4 for name, one in gateways.items()}
        sizes = {name: [] for name in gateways}
        for _ in range(ROUNDS):
            for attack in again:
                deadline = time.monotonic() + ROUND_SECONDS
                while time.monotonic() < deadline:
                    attack()
            for release in let_go:
                release()
            for name, one in gateways.items():
                # A connection that is being closed has memory still.
                wait_for("the gateway to have closed them all", lambda n=name, o=one: o.descriptors() <= at_rest[n], 90)
                sizes[name].append(one.own_mib())
        for name, grown in sizes.items():
            print(f"    MiB {name} after each round: " + ", ".join(f"{size:.1f}" for size in grown), flush=True)
        MEASURES["memory after each round"] = sizes
        # So little is kept in clear that none of it is given back meanwhile: it levels off by itself. Under TLS it comes and goes.
        clear = sizes["in clear"]
        expect(max(clear[2:], default=0) - clear[min(1, ROUNDS - 1)] <= LEVEL_MIB, f"the gateway in clear grows: {clear}")

    def given_back():
        """MiB that either gateway has more than at the beginning, once it had time to give back what it does not use."""
        for name, one in gateways.items():
            wait_for(f"the gateway {name} to give back what it does not use",
                     lambda n=name, o=one: o.own_mib() <= memory[n] + SPARE_MAX_MIB, 60)
        return {name: one.own_mib() - memory[name] for name, one in gateways.items()}

    def unharmed():
        """the well-behaved client was served all along, the memory of both gateways is flat, and they live"""
        client.all += client.felt()
        quiet, p99 = percentile(baseline, 0.99), percentile(client.all, 0.99)
        growth = {name: one.own_mib() - memory[name] for name, one in gateways.items()}
        print(f"    p50 {percentile(baseline, 0.5):.1f} -> {percentile(client.all, 0.5):.1f} ms, p99 {quiet:.1f} -> "
              f"{p99:.1f} ms of {len(client.all)} calls; memory "
              + ", ".join(f"{name} {memory[name]:.0f} MiB, {mib:+.0f} MiB" for name, mib in growth.items()), flush=True)
        for name, one in gateways.items():
            expect(growth[name] <= GROWTH_MAX_MIB, f"the gateway {name} grew by {growth[name]:.0f} MiB")
            expect(one.child.process.poll() is None, f"the gateway {name} is dead")
        client.end()
        MEASURES["memory given back"] = kept = given_back()
        print("    memory given back: " + ", ".join(f"{name} {mib:+.1f} MiB" for name, mib in kept.items()), flush=True)
        if os.environ.get("MEASURES"):
            with open(os.environ["MEASURES"], "w") as file:
                json.dump(MEASURES, file, indent=1)

    def nobody_left():
        """a stream that waits for a worker says so, and costs nothing if its client leaves"""
        spent = cluster.account()["spent_nano"]
        status, _ = waiting.head()
        comment = next(waiting.chunks())
        expect(status == 200 and comment.startswith(b":"), (status, comment))
        waiting.close()
        wait_for("its hold to be closed", lambda: cluster.account()["held_nano"] == 0)
        job = next(line for line in cluster.yard("jobs", "--output", "json").lines if line["model"] == SCRIPTED)
        expect(job["state"] == "cancelled" and job["charge_nano"] == 0, job)
        expect(cluster.account()["spent_nano"] == spent, (cluster.account(), spent))

    checks = [json_bodies, too_much, models_and_prompts, keys, paths, framing, header_sections, trailers_and_extensions,
              pipelined, expectations, mutated, nothing_was_done, secured, fields_of_engines, repeated, forms_of_http2,
              slow_attackers,
              *([rounds] if ROUNDS else []), connection_flood, unharmed, nobody_left]
    only = os.environ.get("ONLY", "").split(",")
    main([check for check in checks if check.__name__ in only] or checks)
