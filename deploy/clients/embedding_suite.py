#!/usr/bin/env python3
"""What the openai SDK's users do who want embeddings: one line `pass NAME` or `fail NAME` for each check.

    .venv/clients/NAME/bin/python deploy/clients/embedding_suite.py \\
        '{"base_url": "…/v1", "key": "…", "model": "…", "chat": "…", "journal": "…"}'

`model` gives vectors and nothing else, `chat` is a model that generates. The journal is given one line of JSON for each
answer: its job and usage.
Exit: 0 all passed, 1 not.
"""

import asyncio
import json
import math
import sys
import traceback

import openai

GIVEN = json.loads(sys.argv[1])
MODEL, CHAT = GIVEN["model"], GIVEN["chat"]
TEXTS = ["a fox", "a lost key", "the fox finds the key"]


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def alike(one, other):
    """Whether two lists of vectors are the same but for what an engine's batches do to the last digits."""
    return len(one) == len(other) and all(
        len(a) == len(b) and all(math.isclose(x, y, rel_tol=1e-3, abs_tol=1e-4) for x, y in zip(a, b))
        for a, b in zip(one, other))


def keep(raw):
    """Notes an answer for whoever compares it with the bill: (vectors, usage)."""
    answer = raw.parse()
    usage = answer.usage
    expect(answer.object == "list" and answer.model == MODEL and usage.total_tokens == usage.prompt_tokens > 0, answer)
    expect([entry.index for entry in answer.data] == list(range(len(answer.data))), answer)
    with open(GIVEN["journal"], "a") as journal:
        print(json.dumps({"job": int(raw.headers["x-switchyard-job"]), "prompt": usage.prompt_tokens}), file=journal)
    return [entry.embedding for entry in answer.data], usage


def ask(client, **fields):
    return keep(client.embeddings.with_raw_response.create(**{"model": MODEL, "input": TEXTS, **fields}))


def refused(client, status, code, *words, path="embeddings", **fields):
    try:
        if path == "chat":
            client.chat.completions.create(**{"model": MODEL, "messages": [{"role": "user", "content": "x"}], **fields})
        else:
            client.embeddings.create(**{"model": MODEL, "input": TEXTS, **fields})
    except openai.APIStatusError as error:
        expect((error.status_code, error.code) == (status, code), error)
        expect(all(word in str(error) for word in words), error)
    else:
        raise AssertionError(f"{fields} was answered")


def vectors(client):
    """base64, which is what the SDK asks for, and decimals give the same vectors; so do ids and many at once"""
    whole, usage = ask(client)
    floats, _ = ask(client, encoding_format="float")
    expect(alike(whole, floats) and not alike(whole[:1], whole[1:2]), (whole, floats))
    alone = [ask(client, input=text) for text in TEXTS]
    expect(alike(whole, [vector for (vector,), _ in alone]), (whole, alone))
    expect(usage.prompt_tokens == sum(usage.prompt_tokens for _, usage in alone), (usage, alone))
    many, _ = ask(client, input=[f"number {number}" for number in range(300)])
    expect(len(many) == 300 and len({tuple(vector) for vector in many}) == 300, len(many))
    ids, usage = ask(client, input=[[5, 6, 7], [8]])
    expect(len(ids) == 2 and usage.prompt_tokens == 4, usage)


def asynchronous(client):
    """the asynchronous client"""
    async def both():
        async with openai.AsyncOpenAI(base_url=GIVEN["base_url"], api_key=GIVEN["key"]) as other:
            return await asyncio.gather(*(
                other.embeddings.with_raw_response.create(model=MODEL, input=text) for text in TEXTS))
    answers = [keep(raw)[0][0] for raw in asyncio.run(both())]
    expect(alike(answers, ask(client)[0]), answers)


def errors(client):
    """what cannot be is refused by name, with the numbers"""
    refused(client, 400, "malformed_request", "input", input="")
    refused(client, 400, "malformed_request", "input[1]", input=["a", ""])
    refused(client, 400, "malformed_request", "2048", input=["a"] * 2049)
    refused(client, 400, "context_length_exceeded", "1602", "512", input="a b " * 400)
    refused(client, 400, "context_length_exceeded", "5000", "4096", input=[[5] * 5000])
    refused(client, 400, "unsupported_parameter", "64", "8", dimensions=8)
    refused(client, 400, "endpoint_not_served", CHAT, model=CHAT)
    refused(client, 400, "endpoint_not_served", MODEL, path="chat")
    refused(client, 404, "model_not_found", model="no-such-model")


def one_charge(client):
    """a retry under an Idempotency-Key gets the same vectors from the same job"""
    name = {"extra_headers": {"Idempotency-Key": f"vectors {openai.__version__}"}}
    raws = [client.embeddings.with_raw_response.create(model=MODEL, input=TEXTS, **name) for _ in range(2)]
    expect(len({raw.headers["x-switchyard-job"] for raw in raws}) == 1, [raw.headers for raw in raws])
    expect(len({raw.text for raw in raws} if isinstance(raws[0].text, str) else {raw.text() for raw in raws}) == 1, "")


failures = 0
client = openai.OpenAI(base_url=GIVEN["base_url"], api_key=GIVEN["key"], timeout=60, max_retries=0)
for check in (vectors, asynchronous, errors, one_charge):
    name = f"openai {openai.__version__}, embeddings: {check.__doc__}"
    try:
        check(client)
        print(f"pass {name}", flush=True)
    except Exception as error:  # noqa: BLE001 - a check that dies has failed
        failures += 1
        print(f"fail {name}: {error!r}", flush=True)
        traceback.print_exc(file=sys.stdout)
sys.exit(1 if failures else 0)
