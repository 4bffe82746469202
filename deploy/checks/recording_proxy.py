"""A proxy between a worker and its engine that records what each attempt was given, and marks it.

Every streamed delta gets the attempt's salt appended, so that no two attempts have a piece of text in
common: output spliced from two of them is the transcript of neither. Standard library only.
"""

import contextlib
import http.client
import http.server
import itertools
import json
import sys
import threading
import urllib.parse

salts = itertools.count(1)


class Attempt:
    """One request to an engine, by its name, and what the worker was sent for it."""

    def __init__(self, body, engine):
        self.engine = engine
        self.salt = f"<{next(salts)}>"
        # The last message is the output so far when the attempt goes on from another's.
        self.prompt = next(m["content"] for m in body["messages"] if m["role"] == "user")
        self.text, self.usage, self.finish = "", None, None

    def mark(self, chunk):
        """Salts a chunk of the engine's stream, and keeps what it says."""
        for choice in chunk.get("choices", []):
            delta = choice.get("delta", {})
            if delta.get("content"):
                delta["content"] += self.salt
                self.text += delta["content"]
            self.finish = choice.get("finish_reason") or self.finish
        self.usage = chunk.get("usage") or self.usage
        return chunk


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.forward(None)

    def do_POST(self):
        self.forward(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def forward(self, body):
        engine = http.client.HTTPConnection(self.server.engine, timeout=600)
        with contextlib.closing(engine):
            try:
                engine.request(self.command, self.path, body,
                               {"Content-Type": "application/json"} if body else {})
                answer = engine.getresponse()
                if answer.getheader("Content-Type", "").startswith("text/event-stream"):
                    self.stream(answer, json.loads(body))
                else:
                    self.whole(answer)
            except OSError:
                # Either side has gone: the other is to see it as it is, a connection that ends.
                self.close_connection = True

    def whole(self, answer):
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self, answer, body):
        attempt = Attempt(body, self.server.name)
        self.server.attempts.append(attempt)  # a list's append is atomic
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in answer:
            if line.startswith(b"data: {"):
                marked = attempt.mark(json.loads(line[6:]))
                line = b"data: " + json.dumps(marked, ensure_ascii=False).encode() + b"\n"
            if line.strip():
                self.send_piece(line + b"\n")
        self.send_piece(b"")

    def send_piece(self, content):
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # A worker that has cancelled, or ended, hangs up between two requests as well.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def recording_proxy(engine, attempts, name=None):
    """Its address, in front of the engine at this address; attempts are appended to the list."""
    server = Server(("127.0.0.1", 0), Handler)
    server.engine, server.attempts, server.name = urllib.parse.urlsplit(engine).netloc, attempts, name
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
