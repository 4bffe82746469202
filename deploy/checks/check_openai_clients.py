#!/usr/bin/env python3
"""OpenAI's clients, unchanged, against the gateway: openai 3 and 2, langchain-openai, litellm, `llm`, curl.

The suites of deploy/clients run on llama.cpp and on the built-in engine. What they were answered is then compared with
the jobs of the cluster: text, usage and charge. An engine that is scripted never ends, to see it let go. `--full` runs
aiperf as well (deploy/clients/setup aiperf: two minutes, 1.2 GB).
"""

import contextlib
import json
import os
import subprocess
import sys

from authority import self_signed
from gateway import gateway
from product import MODEL, ROOT, SERVE, STORIES, YARD, Child, dev, expect, folder, join, main, promised, scripted_worker, wait_for
from scripted_engine import MODEL as SCRIPTED, Engine

CLIENTS = ROOT / "deploy/clients"
#: Nano-credits per million tokens, of all workers here.
PRICE_INPUT, PRICE_OUTPUT = 200_000_000, 600_000_000
#: Within so long a client that left is noticed, and its engine stopped.
LET_GO_SECONDS = 1.0
#: A model that gives vectors, and nothing else.
VECTORS = "switchyard-vectors"

FULL = "--full" in sys.argv
missing = subprocess.run([CLIENTS / "setup", "--check", "openai-3", "openai-2", *(["aiperf"] if FULL else [])],
                         capture_output=True, text=True)
if missing.returncode:
    print(missing.stderr, end="", file=sys.stderr)
    sys.exit(3)


@contextlib.contextmanager
def another_worker(cluster, scratch, name, engine):
    """A worker with another engine, in a cluster of `dev`."""
    directory = f"{scratch}/{name}-worker"
    join(cluster, name, directory)
    supplier = cluster.yard("account", "create", name, "--kind", "supplier", key=cluster.root).text.strip()
    key = cluster.yard("key", "create", supplier, "--scope", "work,read", key=cluster.root).text.strip()
    worker = Child([YARD, "worker", "run", "--join", ",".join(cluster.endpoints), "--engine", engine, "--name",
                    name, "--dir", directory, "--price-input", "0.2", "--price-output", "0.6",
                    "--end-with-input"], directory + ".log", {"YARD_KEY": key})
    try:
        yield
    finally:
        worker.stop()


@contextlib.contextmanager
def vector_engine(scratch):
    """Another llama.cpp, for embeddings; with several slots it gives an input another vector beside others than alone."""
    server = Child([SERVE, "--slots", "1", "--context", "4096", "--embeddings", "--alias", VECTORS],
                   scratch + "/vector-engine.log")
    try:
        yield server.ready["address"]
    finally:
        server.stop()


def account(cluster, name, *arguments, scope="submit,read"):
    """A new account's key."""
    made = cluster.yard("account", "create", name, *arguments, key=cluster.root).text.strip()
    return cluster.yard("key", "create", made, "--scope", scope, key=cluster.root).text.strip()


with dev() as cluster, folder() as scratch, scripted_worker(cluster, scratch), \
        another_worker(cluster, scratch, "stories", "builtin"), vector_engine(scratch) as vectors, \
        another_worker(cluster, scratch, "vectors", vectors), gateway(cluster, scratch) as served, \
        contextlib.ExitStack() as stack:
    public = scratch + "/public"
    self_signed(public)
    secure = stack.enter_context(gateway(
        cluster, stack.enter_context(folder()), "--certificate", public + ".pem", "--certificate-key", public + ".key"))
    Engine.manner = "endless"
    journal = scratch + "/journal"
    revoked = account(cluster, "revoked", "--credit", "1")
    number = [line["key"] for line in cluster.yard("key", "list", "--output", "json", key=revoked).lines][0]
    expect(cluster.yard("key", "revoke", number, key=cluster.root).code == 0, "revoke")
    given = {"base_url": served.url + "/v1", "key": cluster.key}
    ours = {"journal": journal, "endless": SCRIPTED, "poor_key": account(cluster, "poor"), "revoked_key": revoked,
            "scopeless_key": account(cluster, "reader", "--credit", "1", scope="read")}

    def suite(venv, script, model, **more):
        """Runs a suite in a virtual environment; its lines count as this check's own."""
        done = subprocess.run(
            [ROOT / ".venv/clients" / venv / "bin/python", CLIENTS / script,
             json.dumps({**given, "model": model, **more})], stdin=subprocess.DEVNULL, timeout=900,
            env={**os.environ, "SSL_CERT_FILE": public + ".pem"})
        expect(done.returncode == 0, f"{script} in {venv} on {model}")

    def openai_3():
        """openai 3 on llama.cpp"""
        suite("openai-3", "sdk_suite.py", MODEL, **ours)

    def openai_2():
        """openai 2 on llama.cpp"""
        suite("openai-2", "sdk_suite.py", MODEL, **ours)

    def openai_builtin():
        """openai 3 on the built-in engine, under TLS"""
        suite("openai-3", "sdk_suite.py", STORIES, **{**ours, "base_url": secure.url + "/v1"})

    def others():
        """langchain-openai, `llm` and litellm on llama.cpp"""
        suite("openai-3", "other_suite.py", MODEL, vectors=VECTORS)
        suite("openai-2", "other_suite.py", MODEL)

    def billed():
        """each answer's usage and text are its job's, and its charge is theirs at the agreed price"""
        with open(journal) as file:
            lines = [json.loads(line) for line in file]
        answers = {int(line["id"].rpartition("-")[2]): line for line in lines if "output" in line}
        ends = {line["job"]: line for line in cluster.yard("jobs", "--limit", 1000, "--output", "json").lines}
        expect(len(answers) > 50, f"{len(answers)} answers")
        for job, answer in answers.items():
            told, end = (answer["prompt"], answer["output"]), ends.get(job)
            expect(end and (end["prompt_tokens"], end["output_tokens"]) == told, f"{answer}, but the job is {end}")
            cost = (told[0] * PRICE_INPUT + told[1] * PRICE_OUTPUT) // 1_000_000
            expect(end["state"] == "completed" and end["charge_nano"] == cost, f"{end}, but it costs {cost}")
        for job in list(answers)[::12]:
            result = cluster.yard("result", job)
            expect(result.code == 0 and result.text.rstrip("\n") == answers[job]["text"].rstrip("\n"),
                   f"{result}, but the client read {answers[job]['text']!r}")

    def embeddings():
        """vectors by openai 3 and 2; each is charged what its engine counted"""
        notes = scratch + "/vectors"
        for venv in ("openai-3", "openai-2"):
            suite(venv, "embedding_suite.py", VECTORS, chat=MODEL, journal=notes)
        with open(notes) as file:
            answers = {line["job"]: line["prompt"] for line in map(json.loads, file)}
        ends = {line["job"]: line for line in cluster.yard("jobs", "--limit", 1000, "--output", "json").lines}
        expect(len(answers) > 15, f"{len(answers)} answers")
        for job, prompt in answers.items():
            end = ends[job]
            told = (end["state"], end["prompt_tokens"], end["output_tokens"], end["charge_nano"])
            expect(told == ("completed", prompt, 0, prompt * PRICE_INPUT // 1_000_000), f"{prompt} tokens, but {end}")
        job = list(answers)[-1]
        receipt = served.get(f"/v1/jobs/{job}/receipt")
        expect(receipt.status == 200 and receipt.body.startswith(b"sys_"), receipt)
        why = json.loads(served.get(f"/v1/jobs/{job}/why").body)
        expect(why["prompt_tokens_max"] > 0 and why["completion_tokens_max"] == 0, why)
        event = json.loads(served.get(f"/v1/jobs/{job}/events").events[0])
        expect(len(event["vector"]) == 344 and event["tokens"] == 0, event)
        listed = json.loads(served.get("/v1/models/" + VECTORS).body)
        expect(listed["endpoints"] == ["/v1/embeddings"], listed)
        dry = json.loads(served.post("/v1/embeddings", {"model": VECTORS, "input": "x", "dry_run": True}).body)
        expect(dry["refusal"] is None and dry["candidates"][0]["obstacle"] is None, dry)

    def let_go():
        """a client that leaves in mid-stream stops its engine within a second, and pays what it was sent"""
        with open(journal) as file:
            gone = [line for line in map(json.loads, file) if "left" in line]
        wait_for("the engine to be let go", lambda: len(Engine.endings) >= len(gone))
        limit = promised(cluster, LET_GO_SECONDS)
        expect(len(gone) >= 4 and len(Engine.endings) == len(gone), f"{gone}, but the engine {Engine.endings}")
        for left, (written, ended) in zip(gone, Engine.endings):
            expect(0 <= ended - left["left"] <= limit, f"let go after {ended - left['left']:.2f} s")
            number = left["id"].rpartition("-")[2]
            job = wait_for("the job to end", lambda: next(
                (line for line in cluster.yard("job", number, "--output", "json").lines if line["state"] == "cancelled"),
                None))
            expect(left["read"] <= job["output_tokens"] <= written, f"{left}, {written} written, but {job}")

    def curl():
        """curl gets the same stream from this gateway, under TLS by HTTP/2 and 1.1, and from the one that `yard dev` starts"""
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "temperature": 0,
                           "seed": 7, "max_tokens": 16, "stream": True})
        texts = []
        for url, version in ((served.url, "1.1"), ("http://" + cluster.ready["gateway"], "1.1"), (secure.url, "1.1"),
                             (secure.url, "2")):
            done = subprocess.run(
                ["curl", "-sSN", "--http" + version, "--cacert", public + ".pem", "-w", "\n%{http_code} %{http_version} %{content_type}", "-H",
                 f"Authorization: Bearer {cluster.key}", "-H", "Content-Type: application/json", "-d", body,
                 url + "/v1/chat/completions"], capture_output=True, text=True, timeout=60)
            expect(done.returncode == 0, done)
            lines = [line for line in done.stdout.split("\n") if line]
            expect(lines[-1].startswith(f"200 {version} text/event-stream") and lines[-2] == "data: [DONE]", lines[-2:])
            chunks = [json.loads(line[6:]) for line in lines[:-2]]
            texts.append("".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks))
        expect(texts[0] and len(set(texts)) == 1, texts)

    def verbatim():
        """fields that we do not know reach the engine byte for byte, and a tool call comes back whole"""
        odd = ('"tools":[{"type":"function","function":{"name":"look_up","parameters":{"b":1e2,"a":1.0}}}],'
               '"x_unknown": {"z" : [1.50, "\\u00fc"], "a":-0}', '"tool_choice":"auto"', '"logit_bias": {"5":-1e1}')
        Engine.manner = "tool"
        del Engine.bodies[:]
        for stream in ("true", "false"):
            body = '{"model":"%s",%s,"stream":%s,"messages":[{"role":"user","content":"x"}]}' % (
                SCRIPTED, ",".join(odd), stream)
            answer = served.post("/v1/chat/completions", body.encode())
            expect(answer.status == 200, answer)
            if stream == "true":
                deltas = [json.loads(event)["choices"] for event in answer.events[:-1]]
                calls = [call for choices in deltas if choices for call in choices[0]["delta"].get("tool_calls", [])]
                name, arguments = calls[0]["function"]["name"], "".join(c["function"]["arguments"] for c in calls)
                finish = [choices[0]["finish_reason"] for choices in deltas if choices][-1]
            else:
                choice = json.loads(answer.body)["choices"][0]
                call, = choice["message"]["tool_calls"]
                expect(call["id"] == "call_1" and call["type"] == "function", call)
                name, arguments = call["function"]["name"], call["function"]["arguments"]
                finish = choice["finish_reason"]
            expect((name, arguments, finish) == ("look_up", '{"where": "den"}', "tool_calls"), answer)
        for sent in Engine.bodies:
            expect(all(part.encode() in sent for part in odd), sent)
        expect(len(Engine.bodies) == 2, Engine.bodies)

    def several_answers():
        """of several answers each ends with its own finish reason, one that says nothing too"""
        Engine.manner = "several"
        ends = {0: "length", 1: "stop", 2: "content_filter"}
        body = {"model": SCRIPTED, "messages": [{"role": "user", "content": "x"}], "n": 3}
        whole = served.post("/v1/chat/completions", body)
        expect(whole.status == 200, whole)
        choices = json.loads(whole.body)["choices"]
        expect({choice["index"]: choice["finish_reason"] for choice in choices} == ends, choices)
        answer = served.post("/v1/chat/completions", {**body, "stream": True})
        pieces = [choice for event in answer.events[:-1] for choice in json.loads(event)["choices"]]
        said = [(piece["index"], piece["finish_reason"]) for piece in pieces if piece["finish_reason"]]
        expect(sorted(said) == sorted(ends.items()) and answer.events[-1] == "[DONE]", answer)

    def no_truncation():
        """an engine that stops in the middle is told of in the stream, which then does not end as if it were whole"""
        Engine.manner = "truncated"
        body = {"model": SCRIPTED, "messages": [{"role": "user", "content": "x"}], "stream": True}
        answer = served.post("/v1/chat/completions", body, may_break=True)
        error = json.loads(answer.events[-1]).get("error") if answer.events else answer.error
        expect(error and error["code"] == "engine_truncated", answer)
        whole = served.post("/v1/chat/completions", {**body, "stream": False})
        expect((whole.status, whole.code) == (502, "engine_truncated"), whole)

    def at_rest():
        """no hold is open, and what the account spent is what its jobs were charged"""
        def books():
            account = cluster.account()
            charged = sum(line["charge_nano"] for line in
                          cluster.yard("jobs", "--limit", 1000, "--output", "json").lines)
            return account["held_nano"] == 0 and account["spent_nano"] == charged
        wait_for("the books to balance", books)

    def health():
        """the images' health check finds a gateway well in clear and under TLS, and says so where nobody answers"""
        def asked(port):
            return subprocess.run(["bash", ROOT / "deploy/container/health", "gateway"], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=60, env={**os.environ, "YARD_PORT": port})

        for one in (served, secure):
            done = asked(one.url.rpartition(":")[2])
            expect(done.returncode == 0, (one.url, done))
        done = asked("1")
        expect(done.returncode == 1 and "nobody answers" in done.stdout, done)

    def aiperf():
        """aiperf on llama.cpp"""
        suite("aiperf", "aiperf_suite.py", MODEL)

    main([openai_3, openai_2, openai_builtin, others, billed, embeddings, let_go, curl, verbatim, several_answers, no_truncation, health, at_rest,
          *([aiperf] if FULL else [])])
