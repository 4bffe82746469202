#!/usr/bin/env python3
"""An engine without a model, as llama.cpp's server answers: its tokens say whose they are (`script.py`).

    engine.py PORT TOKENS_PER_SECOND SLOTS EPOCH

Goes on from a last message of the assistant, which must be the beginning of that answer: anything else is said on
standard error and answered with 400. Marks are milliseconds since EPOCH, a moment of the monotonic clock.
"""

import asyncio
import json
import sys
import time

import script

PORT, RATE, SLOTS, EPOCH = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])


def chunk(**members):
    return b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": script.MODEL,
                                   **members}).encode() + b"\n\n"


def framed(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def whole(writer, status, body):
    data = json.dumps(body).encode()
    writer.write(f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                 + data)


async def answer(writer, body):
    asked = script.PROMPT.search(next(m["content"] for m in body["messages"] if m["role"] == "user"))
    last = body["messages"][-1]
    try:
        name, count = asked.group(1), int(asked.group(2))
        begun = script.whole(name, last["content"]) if last["role"] == "assistant" else 0
        if begun + body["max_tokens"] != count:
            raise script.Wrong(f"{name}: {begun} of {count} tokens are there, and {body['max_tokens']} are asked for")
    except script.Wrong as wrong:
        print(f"WRONG {wrong}", file=sys.stderr, flush=True)
        return whole(writer, 400, {"error": {"message": str(wrong), "type": "invalid_request_error"}})
    mark = max(0, round((time.monotonic() - EPOCH) * 1000))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    due = time.monotonic()
    for number in range(begun, count):
        writer.write(framed(chunk(choices=[{"index": 0, "delta": {"content": script.token(name, number, mark)},
                                            "finish_reason": None}], timings={"predicted_n": number - begun + 1})))
        await writer.drain()
        due = max(due + 1 / RATE, time.monotonic() - 1)
        await asyncio.sleep(due - time.monotonic())
    writer.write(framed(chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "length"}])))
    writer.write(framed(chunk(choices=[], usage={"prompt_tokens": script.PROMPT_TOKENS + begun,
                                                 "completion_tokens": count - begun,
                                                 "total_tokens": script.PROMPT_TOKENS + count})))
    writer.write(framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split(" ", 2)
            length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n")
                           if line.startswith("content-length:")), 0)
            body = await reader.readexactly(length)
            if path == "/v1/embeddings":  # it is asked what it is for
                whole(writer, 501, {})
            elif b"switchyard-examination" in body:  # and what it can do
                whole(writer, 200, {})
            elif method == "POST":
                await answer(writer, json.loads(body))
            elif path == "/v1/models":
                whole(writer, 200, {"object": "list", "data": [
                    {"id": script.MODEL, "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx": 65536}}]})
            elif path == "/slots":
                whole(writer, 200, [{"id": slot, "n_ctx": 65536} for slot in range(SLOTS)])
            elif path == "/health":
                whole(writer, 200, {"status": "ok"})
            else:
                whole(writer, 404, {})
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # whoever asked has gone
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, limit=1 << 22)
    print(json.dumps({"ready": True}), flush=True)
    async with server:
        # It ends with its standard input, as a child of its starter does.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
