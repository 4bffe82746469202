"""HTTP/1.1 written by hand: requests as bytes, well-formed or not, and the answers to them. Standard library only."""

import json
import socket
import time


#: Until the other side must have closed: less than a gateway waits for a head, after which it closes in any case.
CLOSING_SECONDS = 8


class Ended(Exception):
    """The connection is over, and no answer came before."""


class Answer:
    """An answer; one that is not whole is a chunked body whose connection broke."""

    def __init__(self, status, headers, body, is_whole=True):
        self.status, self.headers, self.body, self.is_whole = status, headers, body, is_whole

    @property
    def error(self):
        """The error object of an OpenAI-shaped body; {} if there is none."""
        try:
            return json.loads(self.body).get("error") or {}
        except (ValueError, AttributeError):
            return {}

    @property
    def code(self):
        return self.error.get("code")

    @property
    def events(self):
        """The payloads of a stream's `data:` lines."""
        return [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:400]!r}"


class Connection:
    """One connection, whose answers are read as they come."""

    def __init__(self, address, source="127.0.0.1", seconds=60, deadline=None):
        """`seconds` may pass until something comes; nothing is waited for after `deadline`, a monotonic moment."""
        host, port = address.rsplit(":", 1)
        self.seconds, self.deadline = seconds, deadline
        self.socket = socket.create_connection((host, int(port)), seconds, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Ended(f"the connection ended while {len(data)} bytes were sent: {error}") from None

    def more(self):
        """Whether more came; False at the end of the connection."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise Ended("no whole answer came in time")
            self.socket.settimeout(min(left, self.seconds))
        try:
            piece = self.socket.recv(1 << 16)
        except TimeoutError:
            raise Ended("no answer came in time") from None
        except OSError:
            piece = b""
        self.buffer += piece
        return bool(piece)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise Ended(f"the connection ended with {self.buffer[:200]!r}")
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise Ended(f"the connection ended with {self.buffer[:200]!r}")
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def head(self):
        """Status and header fields, by their names in lower case, of the next answer that is not 1xx."""
        while True:
            first, *fields = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            status = int(first.split()[1])
            if status >= 200:
                return status, {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}

    def answer(self, to="POST"):
        """The next answer, whole."""
        status, headers = self.head()
        if to == "HEAD" or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            try:
                for piece in self.chunks():
                    body += piece
            except Ended:
                return Answer(status, headers, body, is_whole=False)
            return Answer(status, headers, body)
        if "content-length" in headers:
            return Answer(status, headers, self.exactly(int(headers["content-length"])))
        while self.more():
            pass
        body, self.buffer = self.buffer, b""
        return Answer(status, headers, body)

    def chunks(self):
        """The chunks of a body as they come."""
        while size := int(self.until(b"\r\n").partition(b";")[0], 16):
            yield self.exactly(size)
            self.until(b"\r\n")
        self.until(b"\r\n")

    def answers(self, seconds=CLOSING_SECONDS):
        """All answers until the other side closes, or says nothing for so long."""
        self.socket.settimeout(seconds)
        found = []
        try:
            while True:
                found.append(self.answer())
        except Ended:
            return found

    def is_closed(self, seconds=CLOSING_SECONDS):
        """Whether the other side closes within so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                if not self.more():
                    return True
            except Ended:
                return False
        return False


def request(method, path, body=b"", key=None, headers=(), length=None):
    """A well-formed request, but for what `headers` (whole lines) and `length` say."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def ask(address, method, path, body=None, key=None, headers=(), source="127.0.0.1", seconds=60, may_break=False):
    """One request on a connection of its own, and its answer. A body that is no bytes is sent as JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    with Connection(address, source, seconds) as connection:
        connection.send(request(method, path, body or b"", key, headers))
        answer = connection.answer(method)
        if not (answer.is_whole or may_break):
            raise Ended(f"the connection broke in {answer}")
        return answer
