"""An engine that counts: job 7 is answered "7.1 7.2 7.3 …", so that every token of every stream can be told from every other.

It says that it is llama.cpp, and goes on from a last message of the assistant as that does: a stream that another has
begun ends as if one had told it, or the text shows where not. Standard library only.
"""

import contextlib
import http.server
import json
import re
import threading

from engine_server import EngineServer

MODEL = "counting"
SLOTS = 8
#: Seconds between two tokens: streams last long enough to be cut.
PACE = 0.025


def prompt(job, count):
    return f"Job {job}: count to {count}"


def text(job, count):
    """The whole answer to a prompt."""
    return "".join(f"{job}.{number} " for number in range(1, count + 1))


class Engine(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        answer = {
            "/v1/models": {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "llamacpp"}]},
            "/health": {"status": "ok"},
            "/slots": [{"id": slot, "n_ctx": 65_536} for slot in range(SLOTS)],
        }.get(self.path)
        body = json.dumps(answer or {}).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/embeddings" or body.get("user") == "switchyard-examination":  # it is asked what it can do
            self.send_response(501 if self.path == "/v1/embeddings" else 200)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        messages = body["messages"]
        asked = next(m["content"] for m in messages if m["role"] == "user")
        job, count = map(int, re.fullmatch(r"Job (\d+): count to (\d+)", asked).groups())
        told = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
        with self.server.lock:
            self.server.attempts.append((job, told))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):  # whoever reads it has gone
            self.count(job, told.count(" ") + 1, count)

    def count(self, job, first, last):
        for number in range(first, last + 1):
            self.say({"choices": [{"index": 0, "delta": {"content": f"{job}.{number} "}, "finish_reason": None}]})
            if self.server.ended.wait(PACE):
                return
        self.say({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.say({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": last - first + 1}})
        self.wfile.write(b"data: [DONE]\n\n")

    def say(self, chunk):
        chunk = {"object": "chat.completion.chunk", "model": MODEL, **chunk}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()


@contextlib.contextmanager
def counting_engine(host="127.0.0.1"):
    """The server; `.address` is where it is, `.attempts` what it was asked: the job, and the text so far."""
    server = EngineServer((host, 0), Engine)
    server.ended, server.lock, server.attempts = threading.Event(), threading.Lock(), []
    server.address = f"http://{host}:{server.server_port}"
    server.listen()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
