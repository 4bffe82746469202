"""Attacks of HTTP/2 as lists, for whoever is attacked: a coordinator or a gateway.

Each form is a function of a turn, 0, 1, 2, … which gives the bytes of that turn; thrown until the node ends the connection. What a
request looks like is the caller's: `section(flags, stream, extra)` gives a HEADERS frame.
"""

import time

import raw_http2 as h2
from raw_http2 import Connection, Ended, frame, number, window_update

# Ends an attack that the node does not end.
SECONDS = 60
AFTER_END = h2.END_HEADERS | h2.END_STREAM
#: Between two bytes of who takes one now and then: of an answer of thirty it has taken few when a reader's time is over.
SIP_SECONDS = 5
#: An entry of 120 bytes, named again by each further byte.
BOMB = b"\x40" + h2.literal("n", "x" * 120)[1:] + b"\xbe" * 15_000


def stream(turn):
    return 2 * turn + 3


def forms(section):
    """Name to form; every one ends the connection of a stranger, and of whoever has a certificate, but for what `RATES` has."""
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
        "HPACK bomb": lambda turn: asked(turn, extra=BOMB),
        "oversize frame": lambda turn: asked(turn) + frame(h2.DATA, 0, stream(turn), b"x" * 20_000),
    }


#: What so many of a second are is no attack, by the role of who sends them: frames of any kind, and those that carry nothing.
FRAMES = {None: 10_000, "client": 50_000, "worker": 200_000}
IDLE_FRAMES = {None: 500, "client": 2_000, "worker": 5_000}


def allowed(name, role):
    """How many turns of a form a role may do in a second."""
    if name == "WINDOW_UPDATE flood":
        return FRAMES[role]
    return IDLE_FRAMES[role] if name.endswith(" flood") and "CONTINUATION" not in name else 0


def thrown(connection, form, turns_max=None):
    """Throws a form until the connection ends, or so often; answers (turns, GOAWAY code, or -1 for none, or None if it goes on)."""
    turns, deadline = 0, time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            connection.send(b"".join(form(turns + more) for more in range(50)))
            turns += 50
            if turns == turns_max:
                return turns, None
            connection.read(0)
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
    turns, code = thrown(connection, form)
    if code is not None:
        return ENDED, turns
    return NO_ATTACK if role and turns / (time.monotonic() - began) < allowed(name, role) else GOES_ON, turns


def slow(address, section, source, greeting=b""):
    """Connections of those who are slow on purpose: each is to end within the node's times, whatever it does meanwhile.

    Gives name to a function that goes on with it; it raises `Ended` once the node has ended it."""
    def silent(data):
        connection = Connection(address, None, source, preface=data)

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
