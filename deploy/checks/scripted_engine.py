"""An OpenAI-compatible server that behaves, or misbehaves, as it is told. Standard library only."""

import contextlib
import http.server
import json
import socket
import threading
import time

from engine_server import EngineServer

MODEL = "scripted"
#: A call of a tool as engines stream it: its name first, its arguments in pieces.
TOOL_CALL = (
    {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": ""}},
    {"function": {"arguments": '{"where": '}}, {"function": {"arguments": '"den"}'}})


class Engine(http.server.BaseHTTPRequestHandler):
    """Answers every request in the manner that the class names."""

    protocol_version = "HTTP/1.1"
    manner = "good"
    words = ("one ", "two")
    #: Which an endless answer has again and again.
    endless_word = "on "
    #: How many requests it refuses next for want of room, naming a second.
    refusals = 0
    #: What it was asked, and of each endless answer: tokens given, when its reader was found to be gone.
    bodies, endings = [], []

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        body = json.dumps({"object": "list", "data": [
            {"id": MODEL, "object": "model", "max_model_len": 4096}]}).encode()
        if self.path.endswith("/models"):
            self.send_response(200)
        else:
            body = b"{}"
            self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/embeddings" or b"switchyard-examination" in body:  # it is asked what it can do
            self.send_response(404 if self.path == "/v1/embeddings" else 200)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.bodies.append(body)
        if self.refusals > 0:
            type(self).refusals -= 1
            body = b'{"error":{"message":"no room","type":"rate_limit_error"}}'
            self.send_response(429)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)
        if self.manner == "hangs up":
            # Closing it would not end it: what reads it and what writes it hold it open.
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

        def say(text):
            self.wfile.write(b"data: " + text + b"\n\n")
            self.wfile.flush()

        def choice(delta, finish=None, index=0):
            say(json.dumps({"object": "chat.completion.chunk", "model": MODEL, "choices": [
                {"index": index, "delta": delta, "finish_reason": finish}]}).encode())

        def delta(content, finish=None):
            choice({"content": content}, finish)

        def end(tokens):
            say(json.dumps({"object": "chat.completion.chunk", "choices": [],
                            "usage": {"prompt_tokens": 3, "completion_tokens": tokens}}).encode())
            say(b"[DONE]")

        if self.manner == "silent":
            return self.server.release.wait()
        if self.manner == "garbage":
            return say(b"{ this is not JSON")
        if self.manner == "endless":
            given = 0
            with contextlib.suppress(OSError):  # until whoever reads it has enough
                while not self.server.release.wait(0.02):
                    delta(self.endless_word)
                    given += 1
            return self.endings.append((given, time.monotonic()))
        if self.manner == "several":
            choice({"content": self.words[0]})
            choice({"content": self.words[1]}, index=1)
            for index, finish in enumerate(("length", "stop", "content_filter")):
                choice({}, finish, index)
            return end(2)
        if self.manner == "tool":
            for piece in TOOL_CALL:
                choice({"tool_calls": [{"index": 0, **piece}]})
            choice({}, "tool_calls")
            return end(9)
        delta(self.words[0])
        if self.manner == "slow":
            self.server.release.wait(2)
        delta(self.words[1], None if self.manner == "truncated" else "stop")
        if self.manner == "truncated":
            return
        if self.manner == "no usage":
            return say(b"[DONE]")
        end(2)


@contextlib.contextmanager
def scripted_server():
    """The server; `.address` is where it is."""
    server = EngineServer(("127.0.0.1", 0), Engine)
    server.release = threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.listen()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()


@contextlib.contextmanager
def scripted_engine():
    """The address of one that stays."""
    with scripted_server() as server:
        yield server.address


