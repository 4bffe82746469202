#!/usr/bin/env python3
"""What the openai SDK's users do, against any OpenAI endpoint: one line `pass NAME` or `fail NAME` for each check.

    .venv/clients/openai-3/bin/python deploy/clients/sdk_suite.py '{"base_url": "…/v1", "key": "…", "model": "…"}'

Runs in either major version of the SDK, with its blocking client and then with its asynchronous one. With the
names below as well, the endpoint is taken to be a gateway of ours, and what only it promises is checked too:

    poor_key, revoked_key, scopeless_key    keys of an account without credit, of nobody any more, without `submit`
    endless, scripted                       models of the scripted engine, which never ends; which says `one two`
    journal                                 a file that is given one line of JSON for each answer: its id, usage, text

Exit: 0 all passed, 1 some failed.
"""

import asyncio
import inspect
import json
import re
import sys
import time
import traceback
import uuid

import openai

GIVEN = json.loads(sys.argv[1])
MODEL = GIVEN["model"]
QUESTION = [{"role": "user", "content": "Tell me a story about a fox."}]
EXACT = {"temperature": 0, "seed": 7, "max_tokens": 24}


class Failed(Exception):
    """The endpoint did something else than it should."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


async def done(answer):
    """What either client gives: the one at once, the other to be awaited."""
    return await answer if inspect.isawaitable(answer) else answer


async def each(stream):
    """The chunks of either client's stream, which is read to its end."""
    if hasattr(stream, "__aiter__"):
        async for chunk in stream:
            yield chunk
    else:
        for chunk in stream:
            yield chunk


def keep(client, answer, text, usage):
    """Notes an answer that was read to its end, for whoever compares it with the bill."""
    expect(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and usage.prompt_tokens > 0, usage)
    if GIVEN.get("journal"):
        with open(GIVEN["journal"], "a") as journal:
            print(json.dumps({"id": answer.id, "prompt": usage.prompt_tokens, "output": usage.completion_tokens,
                              "text": text, "model": answer.model}), file=journal)


async def chat(client, **fields):
    """One answer that is not streamed: (answer, text)."""
    answer = await done(client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **EXACT, **fields}))
    text = answer.choices[0].message.content
    expect(answer.object == "chat.completion" and answer.model == fields.get("model", MODEL), answer)
    expect(answer.choices[0].message.role == "assistant", answer)
    keep(client, answer, text, answer.usage)
    return answer, text


async def streamed(create, read, **fields):
    """A stream's chunks, each checked against what holds for all of them: (chunks, text, finish reason)."""
    chunks = [chunk async for chunk in each(await done(create(stream=True, **fields)))]
    expect(chunks, "a stream of nothing")
    expect(len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1,
           f"id, created, model and object change in a stream: {chunks[0]} {chunks[-1]}")
    choices = [c.choices[0] for c in chunks if c.choices]
    ends = [c.finish_reason for c in choices if c.finish_reason]
    expect(len(ends) == 1 and choices[-1].finish_reason, f"finish reasons {ends}, last {choices[-1]}")
    return chunks, "".join(read(c) or "" for c in choices), ends[0]


async def chat_stream(client, **fields):
    return await streamed(
        client.chat.completions.create, lambda choice: choice.delta.content,
        **{"model": MODEL, "messages": QUESTION, **EXACT, **fields})


async def models(client):
    """models.list has the model"""
    listed = [model.id async for model in each(await done(client.models.list()))]
    expect(MODEL in listed, listed)


async def chat_answers(client):
    """a chat's answer has text, a finish reason and usage"""
    answer, text = await chat(client)
    expect(text and answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 24, answer)


async def chat_streams(client):
    """a streamed chat is the text of the one that is not, in a role, deltas and one finish reason"""
    _, text = await chat(client)
    chunks, read, finish = await chat_stream(client)
    expect(read == text, f"{read!r}, but {text!r} without streaming")
    expect(finish == "length" and chunks[0].choices[0].delta.role == "assistant", chunks[0])
    expect(not any(c.usage for c in chunks), "usage that was not asked for")


async def chat_streams_with_usage(client):
    """include_usage adds one last chunk without choices, with the usage of the answer that is not streamed"""
    answer, text = await chat(client)
    chunks, read, _ = await chat_stream(client, stream_options={"include_usage": True})
    expect(read == text and not chunks[-1].choices and chunks[-1].usage, chunks[-1])
    expect(all(c.choices and c.usage is None for c in chunks[:-1]), chunks[:-1])
    expect((chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens)
           == (answer.usage.prompt_tokens, answer.usage.completion_tokens), (chunks[-1], answer))
    keep(client, chunks[-1], read, chunks[-1].usage)


async def completions(client):
    """a completion, streamed and not, is one text"""
    fields = {"model": MODEL, "prompt": "Once upon a time", **EXACT}
    answer = await done(client.completions.create(**fields))
    text = answer.choices[0].text
    expect(text and answer.object == "text_completion" and answer.choices[0].finish_reason == "length", answer)
    keep(client, answer, text, answer.usage)
    chunks, read, _ = await streamed(client.completions.create, lambda choice: choice.text,
                                     stream_options={"include_usage": True}, **fields)
    expect(read == text and chunks[-1].usage.completion_tokens == 24, f"{read!r}, but {text!r} without streaming")
    keep(client, chunks[-1], read, chunks[-1].usage)


async def stop_ends(client):
    """stop ends the text before the string"""
    _, text = await chat(client)
    # Among ASCII: an engine may cut a character that is not whole off the end, or not.
    word = re.search(r"(?<=[!-~]{2})[!-~]{2}", text).group()
    answer, short = await chat(client, stop=[word])
    expect(short == text[:text.index(word)] and answer.choices[0].finish_reason == "stop",
           f"{answer}: {text!r} up to {word!r}")
    _, read, finish = await chat_stream(client, stop=[word])
    expect((read, finish) == (short, "stop"), f"{read!r}, but {short!r} without streaming")


async def limits_hold(client):
    """max_tokens and max_completion_tokens limit the answer; the latter wins"""
    for fields, limit in (({"max_tokens": 2}, 2), ({"max_tokens": 9, "max_completion_tokens": 1}, 1)):
        answer, _ = await chat(client, **fields)
        expect(answer.usage.completion_tokens == limit and answer.choices[0].finish_reason == "length", answer)


async def seeds_repeat(client):
    """a seed repeats an answer of temperature 1"""
    texts = [(await chat(client, temperature=1, seed=seed))[1] for seed in (11, 11, 12)]
    expect(texts[0] == texts[1] != texts[2], texts)


# What a gateway of ours promises beyond that.

async def refused(ask, status, code, *words):
    """An error that the SDK understands: status, code, words of its message, that a retry does not help."""
    try:
        await done(ask())
    except openai.APIStatusError as error:
        told = (error.status_code, error.code, error.response.headers.get("x-should-retry"))
        expect(told == (status, code, "false"), f"{told} instead of {status} {code}: {error}")
        expect(all(str(word) in error.message for word in words), f"{error.message!r} does not name {words}")
        expect(error.request_id, f"{code} has no x-request-id")
        return error
    raise Failed(f"not refused, but {status} {code} was due")


def create(client, **fields):
    """A chat, to be asked for."""
    return lambda: client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **EXACT, **fields})


async def model(client):
    """models.retrieve gives the model"""
    one = await done(client.models.retrieve(MODEL))
    expect(one.id == MODEL and one.object == "model", one)


async def errors(client):
    """401, 402, 403, 404, 400 and 413 are errors with a code, a reason, a request id and no retry"""
    for key in ("sy_99_" + "A" * 43, "sk-of-another-kind", GIVEN["revoked_key"]):
        await refused(create(client.with_options(api_key=key)), 401, "invalid_api_key")
    await refused(create(client.with_options(api_key=GIVEN["scopeless_key"])), 403, "forbidden")
    await refused(create(client.with_options(api_key=GIVEN["poor_key"])), 402, "insufficient_quota")
    for request in (create(client, model="no-such-model"), create(client, model="no-such-model", stream=True),
                    lambda: client.models.retrieve("no-such-model")):
        await refused(request, 404, "model_not_found", "no-such-model")
    long = [{"role": "user", "content": "word " * 8_000}]
    for stream in (False, True):
        await refused(create(client, messages=long, stream=stream), 400, "context_length_exceeded")
    await refused(create(client, messages=[{"role": "user", "content": "x" * 1_100_000}]), 413, "payload_too_large")


async def tiers(client):
    """a service_tier says how soon, not what: the text is the same; one that there is not is refused"""
    texts = [(await chat(client, service_tier=tier))[1] for tier in ("default", "flex", "priority")]
    expect(len(set(texts)) == 1, texts)
    await refused(create(client, service_tier="best"), 400, "malformed_request", "service_tier", "flex")


async def one_charge(client):
    """a request that comes again with its Idempotency-Key is answered with the same job; another body is refused"""
    name = {"extra_headers": {"Idempotency-Key": str(uuid.uuid4())}, "temperature": 1}
    fields = {"stream_options": {"include_usage": True}, **name}
    first = await chat_stream(client, **fields)
    again = await chat_stream(client, **fields)
    expect(first[1:] == again[1:] and first[0][0].id == again[0][0].id, f"{first[0][-1]} then {again[0][-1]}")
    expect(first[0][-1].usage == again[0][-1].usage, f"{first[0][-1]} then {again[0][-1]}")
    keep(client, first[0][-1], first[1], first[0][-1].usage)
    await refused(create(client, max_tokens=9, stream=True, **name), 409, "idempotency_conflict")
    name = {"extra_headers": {"Idempotency-Key": str(uuid.uuid4())}, "temperature": 1}
    (first, text), (again, other) = await chat(client, **name), await chat(client, **name)
    expect((first.id, text, first.usage) == (again.id, other, again.usage), f"{first}, then {again}")


async def disconnect(client):
    """a client that leaves in mid-stream is let go"""
    stream = await done(create(client, model=GIVEN["endless"], max_tokens=3_000, stream=True)())
    read, answer = 0, None
    async for chunk in each(stream):
        answer = chunk
        read += bool(chunk.choices and chunk.choices[0].delta.content)
        if read == 10:
            break
    left = time.monotonic()  # before: on a busy machine the engine knows of it sooner than this goes on
    await done(stream.close())
    with open(GIVEN["journal"], "a") as journal:
        print(json.dumps({"id": answer.id, "left": left, "read": read}), file=journal)


async def main():
    checks = [models, chat_answers, chat_streams, chat_streams_with_usage, completions, stop_ends, limits_hold,
              seeds_repeat]
    if GIVEN.get("journal"):
        checks += [model, errors, tiers, one_charge, disconnect]
    failures = 0
    for kind in (openai.OpenAI, openai.AsyncOpenAI):
        client = kind(base_url=GIVEN["base_url"], api_key=GIVEN["key"], timeout=60)
        for check in checks:
            name = f"openai {openai.__version__} {kind.__name__}: {check.__doc__}"
            began = time.monotonic()
            try:
                await check(client)
                print(f"pass {name} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception as error:  # noqa: BLE001 - a check that dies has failed
                failures += 1
                print(f"fail {name}: {error!r}", flush=True)
                if not isinstance(error, Failed):
                    traceback.print_exc(file=sys.stdout)
        await done(client.close())
    sys.exit(1 if failures else 0)


asyncio.run(main())
