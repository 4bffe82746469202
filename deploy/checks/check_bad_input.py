#!/usr/bin/env python3
"""Bad input: every refusal names what was wrong and what would be right, and leaves nothing half done."""

import json
import os
import shutil
import subprocess

import raw_http1
from product import MODEL, ROOT, YARD, Cluster, dev, expect, folder, free_ports, main, scripted_worker, wait_for
from scripted_engine import MODEL as SCRIPTED, Engine


CODES = {error["name"] for error in json.loads((ROOT / "proto-spec/registry.json").read_text())["errors"]}


def refused(done, *words, code=3):
    """One line on standard error that has these words, and this exit code.

    What the cluster refuses is `CODE: what was wrong; what would be right`, with the code once."""
    last = [line for line in done.err.splitlines() if line.startswith("yard: ")][-1:]
    missing = [word for word in words if word not in "".join(last)]
    expect(done.code == code and last and not missing, f"wanted {code} {words}: {done}")
    name, _, sentence = last[0].removeprefix("yard: ").partition(": ")
    if name in CODES:
        expect(name not in sentence and all(sentence.split("; ", 1)[:2]) and "; " in sentence, done)


with dev() as cluster, folder() as scratch:

    def another_account():
        """(a second account with a key of its own)"""
        account = cluster.yard("account", "create", "poor", key=cluster.root).text.strip()
        return cluster.yard("key", "create", account, key=cluster.root).text.strip()

    poor = another_account()

    def untouched():
        for key in (poor, cluster.key):
            expect(cluster.account(key=key)["held_nano"] == 0, "a hold is open")

    def unknown_model():
        """an unknown model is named"""
        refused(cluster.yard("run", "-m", "no-such-model", "Hello"), "model_not_found",
                "no-such-model", "yard models")
        untouched()

    def no_credit():
        """no credit: the job is refused before it starts"""
        refused(cluster.yard("run", "-m", MODEL, "Hello", key=poor), "insufficient_credit",
                "available 0", "add credit")
        untouched()

    def beyond_the_context():
        """a prompt over the context states both numbers"""
        done = cluster.yard("run", "-m", MODEL, "--max-tokens", 10, "-", stdin=b"word " * 8_000)
        refused(done, "context_length_exceeded", "limit 4096", "needed")
        untouched()

    def beyond_the_size():
        """a request over the size limit states both numbers"""
        done = cluster.yard("run", "-m", MODEL, "-", stdin=b"x" * 1_100_000)
        refused(done, "payload_too_large", "1048576", "1100")
        untouched()

    def unknown_key():
        """a key that does not exist, is malformed or absent"""
        refused(cluster.yard("models", key="sy_99_" + "A" * 43), "unauthenticated")
        refused(cluster.yard("models", key="hello"), "unauthenticated", "sy_")
        scopeless = cluster.yard("account", "create", "x", key=cluster.key)
        refused(scopeless, "forbidden", "scope admin")

    def unknown_job():
        """a job that does not exist and one of another account get the same answer"""
        job = cluster.yard("submit", "-m", MODEL, "--max-tokens", 2, "Mine").text.strip()
        for verb in ("job", "cancel", "follow", "result"):
            absent = cluster.yard(verb, 10**9, key=poor)
            foreign = cluster.yard(verb, job, key=poor)
            refused(absent, "job")
            refused(foreign, "job")
            expect(absent.err.replace(str(10**9), "N") == foreign.err.replace(job, "N"),
                   (absent, foreign))

    def unknown_account():
        """an account that does not exist or is another's"""
        refused(cluster.yard("account", "show", 10**6), "account")
        refused(cluster.yard("account", "show", 1, key=poor), "account")
        refused(cluster.yard("account", "credit", 10**6, 5, key=cluster.root), "account")

    def no_such_credit():
        """an account whose credit is refused has been made: its number is printed; no credit at all makes none"""
        for amount in ("0", "0.0"):
            done = cluster.yard("account", "create", "nothing", "--credit", amount, key=cluster.root)
            expect(done.code == 2 and not done.out and "--credit is 0" in done.err, done)
        # More than all that may ever be issued, with what has been.
        done = cluster.yard("account", "create", "nothing", "--credit", "18446744073.709551615", key=cluster.root)
        refused(done, "amount_overflow")
        account = done.text.strip()
        expect(f"account {account} is made" in done.err, done)
        shown = cluster.account(account, key=cluster.root)
        expect(shown["name"] == "nothing" and shown["balance_nano"] == 0, shown)

    def another_body():
        """another body under one request key is refused, and names the job"""
        name = ("--request-key", "cd" * 16)
        first = cluster.yard("submit", "-m", MODEL, "--max-tokens", 2, *name, "One")
        other = cluster.yard("submit", "-m", MODEL, "--max-tokens", 2, *name, "Two")
        refused(other, "idempotency_conflict", first.text.strip())

    def usage():
        """arguments that make no sense exit 2 and say what would"""
        for arguments in (
            ["run"], ["run", "-m", MODEL, "--max-tokens", "0", "x"], ["follow", "abc"],
            ["follow", "1", "--from", "0"], ["account", "credit", "1", "1.2.3"], ["frobnicate"],
            ["key", "create", "1", "--scope", "everything"], ["dev", "--coordinators", "0"],
            ["models", "--endpoint", "nowhere"], ["check", "perf", "--model", "m" * 257],
        ):
            done = cluster.yard(*arguments)
            expect(done.code == 2 and done.err.strip(), f"{arguments}: {done}")

    def nobody_there():
        """no coordinator at the address: unavailable, with the address, within the patience"""
        port = free_ports(1)[0]
        done = cluster.yard("models", "--endpoint", f"127.0.0.1:{port}", "--patience", "1")
        refused(done, f"127.0.0.1:{port}", code=4)
        expect(done.seconds < 25, done.seconds)  # of 30 without --patience

    def another_cluster():
        """a directory of another cluster or id, and a certificate of another cluster, are refused"""
        made = subprocess.run([YARD, "init", scratch + "/other", "--coordinators", "2"],
                              capture_output=True, timeout=300)
        expect(made.returncode == 0, made)
        again = subprocess.run([YARD, "init", scratch + "/other"], capture_output=True, timeout=300)
        expect(again.returncode == 3 and b"holds a cluster already" in again.stderr, again)
        first, second = free_ports(2)
        both = f"1=127.0.0.1:{first},2=127.0.0.1:{second}"

        def start(identifier, directory, peers=both):
            return cluster.yard("coordinator", "--id", identifier, "--listen", f"127.0.0.1:{first}",
                                "--peers", peers, "--dir", directory, "--end-with-input")

        one, two = scratch + "/other/coordinator-1", scratch + "/other/coordinator-2"
        files = sorted(os.listdir(one))
        refused(start(2, one), "that of coordinator coordinator-1", "this node is coordinator")
        expect(sorted(os.listdir(one)) == files, "a coordinator under another id claimed the directory")
        for peers in (f"1=127.0.0.1:{first}", both + f",3=127.0.0.1:{second + 1}"):
            refused(start(1, one, peers), "made for coordinators 1, 2", "all of them and no other")
        expect(start(1, one).code == 0, "coordinator 1 ends with its standard input")
        refused(start(2, one), "that of coordinator coordinator-1")
        shutil.rmtree(two + "/data", ignore_errors=True)
        shutil.copytree(one + "/data", two + "/data")
        refused(start(2, two), "replica")
        foreign = cluster.ready["directory"] + "/coordinator-1/data"
        shutil.rmtree(one + "/data")
        shutil.copytree(foreign, one + "/data")
        refused(start(1, one), "cluster")
        refused(cluster.yard("worker", "run", "--join", cluster.endpoints[0], "--engine", "builtin", "--dir",
                             scratch + "/other/gateway"), "that of gateway", "yard node join")
        refused(cluster.yard("gateway", "--listen", "127.0.0.1:0", "--join", cluster.endpoints[0], "--dir", one),
                "that of coordinator", "yard node join")
        os.remove(one + "/cluster.json")
        refused(start(1, one), "cluster.json is missing", "yard init")
        os.symlink("cluster.json", one + "/cluster.json")
        refused(start(1, one), "cannot be read", "belongs to the user")
        stranger = Cluster(cluster.endpoints, cluster.key, scratch + "/other/client/identity",
                           cluster.home)
        refused(stranger.yard("models"), "cluster")

    def port_in_use():
        """a port in use is named"""
        port = int(cluster.endpoints[0].rsplit(":", 1)[1])
        subprocess.run([YARD, "init", scratch + "/port", "--coordinators", "1"], check=True,
                       capture_output=True, timeout=300)
        done = cluster.yard("coordinator", "--id", 1, "--listen", f"127.0.0.1:{port}", "--peers",
                            f"1=127.0.0.1:{port}", "--dir", scratch + "/port/coordinator-1")
        refused(done, str(port), "in use")
        for role in (["coordinator", "--id", 1, "--peers", f"1=192.0.2.7:{port}", "--dir", scratch + "/port/coordinator-1"],
                     ["gateway", "--join", cluster.endpoints[0], "--dir", scratch + "/port/gateway", "--clear-http"]):
            refused(cluster.yard(*role, "--listen", f"192.0.2.7:{port}"), f"192.0.2.7:{port}", "no interface of this machine")

    def locked_directory():
        """a directory in use is named"""
        directory = cluster.ready["directory"] + "/coordinator-1"
        port = int(cluster.endpoints[0].rsplit(":", 1)[1])
        done = cluster.yard("coordinator", "--id", 1, "--listen", "127.0.0.1:0", "--peers",
                            f"1=127.0.0.1:{port}", "--dir", directory)
        refused(done, directory)

    def bad_engines():
        """an engine that hangs up, is slow, answers garbage, closes mid-stream, sends no usage, is full, is not there"""
        with scripted_worker(cluster, scratch) as worker:
            def run(manner):
                Engine.manner = manner
                return cluster.yard("run", "-m", SCRIPTED, "--max-tokens", 8, "Hello")

            for manner in ("good", "slow", "no usage"):
                done = run(manner)
                expect(done.code == 0 and done.out == b"one two\n", f"{manner}: {done}")
            for manner, word in (("garbage", "engine_garbled"), ("truncated", "engine_truncated"),
                                 ("hangs up", "engine_truncated")):
                refused(run(manner), word, code=5)
            untouched()

            # A full engine is left alone for as long as it names, and longer if it stays full: none of that is a try.
            Engine.refusals = 3
            done = run("good")
            expect(done.code == 0 and done.out == b"one two\n" and Engine.refusals == 0, done)
            expect(done.seconds >= 3, done)
            untouched()

            # A job waits for an engine that nobody can reach, for as long as it may, and runs once somebody can.
            Engine.manner = "good"
            with worker.engine.absent():
                said = raw_http1.ask(cluster.ready["gateway"].removeprefix("http://"), "POST", "/v1/chat/completions", {
                    "model": SCRIPTED, "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}, cluster.key,
                    ["x-switchyard-max-wait-ms: 1000"])
                expect((said.status, said.code) == (504, "deadline_expired"), said)
                untouched()
                waiting = cluster.spawn("run", "-m", SCRIPTED, "--max-tokens", 8, "Hello")
                wait_for("a job that waits", lambda: cluster.account()["held_nano"] > 0)
            out, err = waiting.communicate(timeout=120)
            expect(waiting.returncode == 0 and out == b"one two\n", (out, err))
            untouched()

    main([
        unknown_model, no_credit, beyond_the_context, beyond_the_size, unknown_key, unknown_job,
        unknown_account, no_such_credit, another_body, usage, nobody_there, another_cluster, port_in_use,
        locked_directory, bad_engines,
    ])
