"""Attacks of HTTP/2 as lists, for whoever is attacked: a coordinator or a gateway.

Each form is a function of a turn, 0, 1, 2, … which gives the bytes of that turn; thrown until the node ends the connection. What a
request looks like is the caller's: `section(flags, stream, extra)` gives a HEADERS frame.
"""

import time

import raw_http2 as h2
from raw_http2 import Connection, Ended, frame, number, window_update

# Ends an attack that the node does not end. One that is an attack by its rate alone is over sooner, of who may do more than some machines can.
SECONDS, RATE_SECONDS = 60, 8
#: What may be on its way to a node that is behind, and was not looked at: both sockets' buffers.
IN_FLIGHT = 8 << 20
AFTER_END = h2.END_HEADERS | h2.END_STREAM
#: Between two bytes of who takes one now and then: of an answer of thirty it has taken few when a reader's time is over.
SIP_SECONDS = 5


def stream(turn):
    return 2 * turn + 3


def bomb(times):
    """Fields of HPACK: an entry of 120 bytes, named again by each further byte."""
    return b"\x40" + h2.literal("n", "x" * 120)[1:] + b"\xbe" * times


def forms(section):
    """Name to form; every one ends the connection, but of whoever has a certificate only if it comes faster than is `allowed`."""
    def asked(turn, flags=h2.END_HEADERS, extra=b""):
        return section(flags, stream(turn), extra)

    provoked = {
        "WINDOW_UPDATE of 0": (h2.END_HEADERS, lambda s: window_update(s, 0)),
        "WINDOW_UPDATE overflow": (h2.END_HEADERS, lambda s: window_update(s, 0x7FFFFFFF)),
        "PRIORITY of a wrong size": (h2.END_HEADERS, lambda s: frame(h2.PRIORITY, 0, s, b"1234")),
        "PRIORITY on itself": (h2.END_HEADERS, lambda s: frame(h2.PRIORITY, 0, s, number(s) + b"\x0f")),
        "HEADERS after the end": (AFTER_END, lambda s: section(AFTER_END, s, b"")),
        "DATA after the end": (AFTER_END, lambda s: frame(h2.DATA, 0, s, b"x")),
    }
    return {
        "rapid reset": lambda turn: asked(turn) + frame(h2.RESET, 0, stream(turn), number(8)),
        "CONTINUATION flood": lambda turn: asked(0, 0) if turn == 0 else frame(h2.CONTINUATION, 0, stream(0)),
        **{"MadeYouReset: " + name: lambda turn, f=flags, p=provoke: asked(turn, f) + p(stream(turn))
           for name, (flags, provoke) in provoked.items()},
        "SETTINGS flood": lambda turn: frame(h2.SETTINGS),
        "PING flood": lambda turn: frame(h2.PING, 0, 0, b"12345678"),
        "PRIORITY flood": lambda turn: frame(h2.PRIORITY, 0, stream(turn), number(0) + b"\x0f"),
        "empty DATA flood": lambda turn: asked(0) if turn == 0 else frame(h2.DATA, 0, stream(0)),
        "WINDOW_UPDATE flood": lambda turn: window_update(0, 1),
        "unknown frame flood": lambda turn: frame(0xEE, 0, 0, b"x"),
        "HPACK bomb": lambda turn, extra=bomb(15_000): asked(turn, extra=extra),
        "oversize frame": lambda turn: asked(turn) + frame(h2.DATA, 0, stream(turn), b"x" * 20_000),
    }


#: The same by one who never says that he has heard of the limit.
UNANSWERED = "streams beyond the limit, its SETTINGS unanswered"


def at_once(name):
    """How many turns of a form are sent before the node's answer is looked for: of some a turn is hundreds of kilobytes."""
    return 5 if name.startswith("DATA beyond") else 50


def excesses(opened, role=None):
    """Name to form, of what is more than a node has said that it takes; `opened(stream)` is a request whose rest is still to come.

    Every one ends the connection, whoever sends it. `DATA` beyond a window is a stranger's alone: a coordinator takes what comes, so that
    a window is only full where a message has become too large, and of one who has a certificate that takes a gigabyte."""
    def data(stream_, pieces):
        return frame(h2.DATA, 0, stream_, b"x" * 16_000) * pieces

    def fields(count):
        return b"".join(h2.literal(f"x-{n}", "v") for n in range(count))
    few, more, most = fields(1), fields(150), fields(500)

    def setting(key, value):
        return key.to_bytes(2, "big") + number(value)

    def after(rest):
        return lambda turn: opened(stream(turn)) + rest(stream(turn))
    beyond_windows = {"DATA beyond a stream's window": after(lambda s: data(s, 17)),
                      "DATA beyond the connection's window": after(lambda s: data(s, 6))}
    return {
        **({} if role else beyond_windows),
        "streams beyond the limit": after(lambda s: b""),
        UNANSWERED: after(lambda s: b""),
        "SETTINGS of a thousand entries": lambda turn: frame(h2.SETTINGS, 0, 0, setting(4, 65_535) * 1_000),
        "SETTINGS of half an entry": lambda turn: frame(h2.SETTINGS, 0, 0, setting(4, 65_535)[:3]),
        "SETTINGS of a window beyond any": lambda turn: frame(h2.SETTINGS, 0, 0, setting(4, 1 << 31)),
        "trailers somewhat too large": after(lambda s: frame(h2.HEADERS, AFTER_END, s, more)),
        "trailers far too large": after(lambda s: frame(h2.HEADERS, AFTER_END, s, most)),
        "trailers without an end": after(lambda s: frame(h2.HEADERS, h2.END_HEADERS, s, few) * 2),
        "trailers that name a path": after(lambda s: frame(h2.HEADERS, AFTER_END, s, h2.literal(":path", "/"))),
    }


#: What so many of a second are is no attack, by the role of who sends them (Sources/HTTP2Session/HTTP2Limits.swift): frames of any
#: kind, those that carry nothing, and resets.
FRAMES = {None: 10_000, "client": 50_000, "worker": 200_000, "gateway": 1_000_000}
IDLE_FRAMES = {None: 500, "client": 2_000, "worker": 5_000, "gateway": 20_000}
RESETS = {None: 10, "client": 100, "worker": 205, "gateway": 16_384}


def allowed(name, role):
    """How many turns of a form a role may do in a second."""
    if name == "WINDOW_UPDATE flood":
        return FRAMES[role]
    if name == "rapid reset":
        return RESETS[role]
    return IDLE_FRAMES[role] if name.endswith(" flood") and "CONTINUATION" not in name else 0


def thrown(connection, form, turns_max=None, seconds=SECONDS, at_once=50):
    """Throws a form until the connection ends, or so often; answers (turns, GOAWAY code, or -1 for none, or None if it goes on)."""
    turns, deadline = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            connection.send(b"".join(form(turns + more) for more in range(at_once)))
            turns += at_once
            if turns == turns_max:
                return turns, None
            # The end may be behind the windows that were opened for each piece.
            while connection.read(0) and at_once < 50 and connection.goaway is None:
                pass
            if connection.goaway is not None:
                return turns, connection.goaway
        return turns, None
    except Ended:
        # What the node said last may still be in the socket.
        try:
            while connection.goaway is None:
                connection.read(0.05)
        except Ended:
            pass
        return turns, connection.goaway if connection.goaway is not None else -1
    finally:
        connection.close()


#: How an attack came out: the node ended it; it came more slowly than whoever has a certificate may, and so was none; it goes on.
ENDED, NO_ATTACK, GOES_ON = "ended", "slower than the limit", "goes on"


def outcome(name, role, connection, form):
    """How a form came out, and after how many turns. A stranger's is ended, or goes on: what he may is less than this machine can."""
    began = time.monotonic()
    if role and name == "WINDOW_UPDATE flood":
        # More than this process could make one by one.
        many = form(0) * 5_000
        turns, code = thrown(connection, lambda turn: many, None, RATE_SECONDS, 1)
        turns *= 5_000
    else:
        turns, code = thrown(connection, form, None, RATE_SECONDS if role and allowed(name, role) else SECONDS, at_once(name))
    if code is not None:
        return ENDED, turns
    # As many at once as in a second, and as many again each second.
    most = allowed(name, role) * (1 + time.monotonic() - began)
    return NO_ATTACK if role and most and turns < most + IN_FLIGHT // len(form(0)) else GOES_ON, turns


def slow(address, section, source, greeting=b""):
    """Connections of those who are slow on purpose: each is to end within the node's times, whatever it does meanwhile.

    Gives name to a function that goes on with it; it raises `Ended` once the node has ended it."""
    def silent(data):
        connection = Connection(address, None, source, preface=data)
        connection.acknowledges = False

        def go_on():
            connection.read(0.001)
        return go_on

    def hungry(window, sip):
        """Asks for fifty answers, with such a window for each, and takes a byte of one now and then."""
        connection = Connection(
            address, None, source,
            preface=h2.PREFACE + frame(h2.SETTINGS, 0, 0, b"\0\4" + number(window)) + greeting)
        connection.send(b"".join(section(AFTER_END, stream(turn), b"") for turn in range(50)))
        state = {"sipped": time.monotonic()}

        def go_on():
            connection.read(0.001)
            if len(connection.resets) == 50:
                connection.close()
                raise Ended("every stream was reset")
            if sip and time.monotonic() - state["sipped"] > SIP_SECONDS:
                state["sipped"] = time.monotonic()
                connection.send(b"".join(
                    window_update(stream(turn), 1) for turn in range(50) if stream(turn) not in connection.resets))
        return go_on

    return {
        "nothing after the handshake": silent(b""),
        "half a preface": silent(h2.PREFACE[:10]),
        "half a header section": silent(h2.PREFACE + frame(h2.SETTINGS) + greeting + section(0, 3, b"")),
        "a window of zero": hungry(0, False),
        "a reader of one byte now and then": hungry(1, True),
    }
