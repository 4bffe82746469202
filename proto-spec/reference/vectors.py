#!/usr/bin/env python3
"""Writes ../vectors with the reference encoder; the same bytes at every run.

    vectors.py            write what is stale
    vectors.py --check    write nothing; exit 1 and name what is stale

What a valid frame says follows from the registry: every number in it differs from its neighbours, so
that two fields swapped are noticed. What an invalid frame is refused for is stated here, by how it
was made, and never asked of a decoder.
"""

import hashlib
import hmac
import json
import sys

from decode import SPEC, load

#: Text of one to four bytes a character, and all that JSON must escape.
TEXTS = ["grün", "a \"quoted\\ word\"", "tab\tnewline\n\x01", "日本語", "😀", "plain"]


class Maker:
    """Values of every type: least ones, and full ones that never repeat."""

    def __init__(self, codec):
        self.codec = codec
        self.count = 0

    def least(self, spelling):
        name, _, limit = self.codec.split(spelling)
        if name in self.codec.enums:
            return next(iter(self.codec.enums[name]))
        if name in self.codec.structs:
            return {f["name"]: self.least(f["type"]) for f in self.codec.structs[name]}
        return {"bool": False, "optional": None, "list": [], "fixed": "00" * limit}.get(
            name, 0 if name.startswith("u") else ""
        )

    def full(self, spelling, pick=-1):
        name, element, limit = self.codec.split(spelling)
        self.count += 1
        if name in self.codec.enums:
            cases = list(self.codec.enums[name])
            return cases[pick % len(cases)]
        if name in self.codec.structs:
            return {f["name"]: self.full(f["type"], pick) for f in self.codec.structs[name]}
        if name == "bool":
            return pick % 2 == 1
        if name == "optional":
            return self.full(element, pick)
        if name == "list":
            return [self.full(element, pick + place) for place in range(min(2, limit))]
        if name in ("fixed", "bytes"):
            size = limit if name == "fixed" else min(limit, 5)
            return bytes((self.count * 7 + place) % 256 for place in range(size)).hex()
        if name in ("string", "text"):
            return TEXTS[self.count % len(TEXTS)] + str(self.count)
        bits = int(name[1:])
        return ((self.count * 0x9E3779B97F4A7C15) >> (64 - bits)) % (1 << bits) | 1

    def message(self, entry, value):
        return {"type": entry["name"], "fields": {f["name"]: value(f["type"]) for f in entry["fields"]}}


def valid(codec):
    """(file name, vectors) of frames that are accepted."""
    for entry in codec.by_number.values():
        maker = Maker(codec)
        messages = {"minimal": maker.message(entry, maker.least)}
        messages["full"] = maker.message(entry, maker.full)
        for pick in range(widest(codec, entry)):
            value = maker.message(entry, lambda spelling: maker.full(spelling, pick))
            messages[f"choice {pick + 1}"] = value
        yield entry["name"], [
            {"case": case, "frame": codec.encode(message).hex(), "message": message}
            for case, message in messages.items()
        ]
    yield "appended", list(appended(codec))


def widest(codec, entry):
    """The number of cases of the message's widest enum, looked for inside structs too."""

    def width(spelling):
        name, element, _ = codec.split(spelling)
        if name in codec.enums:
            return len(codec.enums[name])
        if name in codec.structs:
            return max(width(field["type"]) for field in codec.structs[name])
        return width(element) if element else 0

    return max([width(field["type"]) for field in entry["fields"]], default=0)


def appended(codec):
    """Session messages with bytes of a later version behind their last known field, or without the last."""
    for name in ("Hello", "Ping", "Failure", "ModelList", "Ended", "Chunk"):
        maker = Maker(codec)
        message = maker.message(codec.by_name[name], maker.full)
        frame = codec.encode(message)
        longer = (len(frame) - 8 + 3).to_bytes(4, "big") + frame[4:] + b"\1\2\3"
        yield {"case": name, "frame": longer.hex(), "canonical": frame.hex(), "message": message}
    for entry in codec.by_number.values():
        if not entry["fields"] or not entry["fields"][-1].get("appended"):
            continue
        message = Maker(codec).message(entry, Maker(codec).least)
        frame = codec.encode(message)
        shorter = (len(frame) - 8 - 1).to_bytes(4, "big") + frame[4:-1]
        yield {
            "case": f"{entry['name']} of an older sender", "frame": shorter.hex(),
            "canonical": frame.hex(), "message": message,
        }


def frame(number, payload, reserved=0, length=None):
    """A frame with any header."""
    size = len(payload) if length is None else length
    header = size.to_bytes(4, "big") + number.to_bytes(2, "big") + reserved.to_bytes(2, "big")
    return (header + payload).hex()


def headers(codec):
    """Frames refused for their header."""
    ping = b"\0" * 8
    for case, number in (("zero", 0), ("a gap", 8), ("a gap", 79), ("a gap", 255), ("the last", 65535)):
        yield f"type {number}, {case}", frame(number, ping), "unknownType", 4, None
    for value in (1, 0x0100, 0xFFFF):
        yield f"reserved {value:#06x}", frame(4, ping, reserved=value), "reserved", 6, None
    yield "reserved is judged before the type", frame(0, ping, reserved=1), "reserved", 6, None
    for name in ("Ping", "Hello", "Submit", "Chunk", "Events", "AppendEntries", "WorkerListing"):
        entry = codec.by_name[name]
        over = frame(entry["number"], b"", length=entry["payloadMax"] + 1)
        yield f"{name} one byte beyond its limit", over, "tooLarge", 0, None
    yield "a length of 4 GiB", frame(4, b"", length=2**32 - 1), "tooLarge", 0, None
    yield "half a header", frame(4, ping)[:8], "cutShort", 4, None
    yield "a header alone", frame(4, ping)[:16], "cutShort", 8, None
    yield "one byte missing", frame(4, ping)[:-2], "cutShort", 15, None
    for stream, name in (
        ("control.requests", "Welcome"),
        ("control.responses", "Hello"),
        ("raft.requests", "Submit"),
        ("call.requests", "RequestVote"),
        ("call.responses", "Events"),
        ("job.requests", "Events"),
        ("job.responses", "Submit"),
        ("worker.requests", "Assign"),
        ("slot.requests", "Assign"),
        ("slot.responses", "Chunk"),
    ):
        entry = codec.by_name[name]
        large = frame(entry["number"], b"", length=entry["payloadMax"] + 1)
        yield f"{name} on {stream}, even too large", large, "notAllowed", 4, stream


def u32(value):
    return value.to_bytes(4, "big")


def payloads(codec):
    """Frames refused for their payload: (case, message, payload, error, offset)."""
    maker = Maker(codec)

    def least(name):
        return codec.encode(maker.message(codec.by_name[name], maker.least))[8:]

    for entry in codec.by_number.values():
        body = least(entry["name"])
        if entry["class"] == "strict":
            yield "a trailing byte", entry["name"], body + b"\0", "trailing", len(body)
        if body:
            name, element, _ = codec.split(entry["fields"][0]["type"])
            if name == "list":
                yield "half a count", entry["name"], body[:2], "truncated", 0
            elif name not in codec.structs and not entry["fields"][0].get("appended"):
                yield "no payload", entry["name"], b"", "truncated", 0

    hello = {"versionMin": 1, "versionMax": 1, "role": "client", "clusterID": "00" * 16, "node": 0}
    hello.update(name="n", incarnation=0, features=[], software="")
    start = codec.encode({"type": "Hello", "fields": hello})[8:33]
    # versionMin 0, versionMax 2, role 4, clusterID 5, node 21, name 29
    start += b"\0" * (29 - len(start))
    yield "role 0", "Hello", start[:4] + b"\0" + start[5:], "unknownValue", 4
    yield "role 5", "Hello", start[:4] + b"\5" + start[5:], "unknownValue", 4
    yield "role 255", "Hello", start[:4] + b"\xff" + start[5:], "unknownValue", 4
    yield "a name of 129 bytes", "Hello", start + u32(129) + b"n" * 129, "tooLong", 29
    yield "a name of 4 GiB", "Hello", start + u32(2**32 - 1), "tooLong", 29
    yield "a name cut short", "Hello", start + u32(5) + b"name", "truncated", 33
    texts = {
        "a lone continuation byte": b"\x80",
        "an overlong NUL": b"\xc0\x80",
        "an overlong slash": b"\xe0\x80\xaf",
        "a surrogate": b"\xed\xa0\x80",
        "half a character": b"\xe6\x97",
        "beyond U+10FFFF": b"\xf4\x90\x80\x80",
        "byte 0xFF": b"n\xff",
        "Latin-1": "grün".encode("latin-1"),
    }
    for case, raw in texts.items():
        yield f"a name with {case}", "Hello", start + u32(len(raw)) + raw, "notUTF8", 29
    named = start + u32(1) + b"n" + b"\0" * 8
    yield "33 features", "Hello", named + u32(33) + u32(0) * 33, "tooLong", 42
    yield "32 features claimed, 1 there", "Hello", named + u32(32) + u32(0), "truncated", 42
    yield "a feature too long", "Hello", named + u32(1) + u32(65) + b"f" * 65, "tooLong", 46
    yield "a feature not UTF-8", "Hello", named + u32(1) + u32(1) + b"\xfe", "notUTF8", 46

    vote = least("RequestVote")
    yield "disruptLeader 2", "RequestVote", vote[:-2] + b"\2\0", "notBoolean", 33
    yield "preVote 255", "RequestVote", vote[:-1] + b"\xff", "notBoolean", 34
    append = least("AppendEntries")[:-4]
    entry = b"\0" * 8
    yield "1,025 entries", "AppendEntries", append + u32(1025), "tooLong", 33
    yield "entries claimed, none there", "AppendEntries", append + u32(1024), "truncated", 33
    yield "entry kind 0", "AppendEntries", append + u32(1) + entry + b"\0" + u32(0), "unknownValue", 45
    yield "entry kind 4", "AppendEntries", append + u32(1) + entry + b"\4" + u32(0), "unknownValue", 45
    large = append + u32(1) + entry + b"\1" + u32(16385) + b"\0" * 16385
    yield "an entry of 16,385 bytes", "AppendEntries", large, "tooLong", 46
    behind = append + u32(1) + entry + b"\1" + u32(1) + b"\0" + b"\0"
    yield "a byte behind the entries", "AppendEntries", behind, "trailing", 51
    snapshot = least("InstallSnapshot")[:-8]
    yield "65 servers", "InstallSnapshot", snapshot + u32(65), "tooLong", len(snapshot)
    server = b"\0" * 8 + u32(0) + b"\3" + u32(0)
    yield "server role 3", "InstallSnapshot", snapshot + u32(1) + server, "unknownValue", len(snapshot) + 16

    submit = least("Submit")
    yield "mode 0", "Submit", submit[:16] + b"\0" + submit[17:], "unknownValue", 16
    yield "mode 3", "Submit", submit[:16] + b"\3" + submit[17:], "unknownValue", 16
    yield "endpoint 4", "Submit", submit[:17] + b"\4" + submit[18:], "unknownValue", 17
    yield "a body of 1 MiB and 1 byte", "Submit", submit[:22] + u32(1048577), "tooLong", 22
    yield "an optional's flag 2", "Submit", submit[:26] + b"\2" + submit[27:], "notBoolean", 26
    yield "a price cut short", "Submit", submit[:26] + b"\1" + b"\0" * 7, "truncated", 27
    follow = least("Follow")
    yield "half a hash", "Follow", follow[:16] + b"\1" + b"\0" * 16, "truncated", 17
    events = least("Events")[:12]
    event = b"\0" * 8 + b"\0\0"
    yield "257 events", "Events", events + u32(257), "tooLong", 12
    yield "events claimed, none there", "Events", events + u32(256) + b"\0" * 72, "truncated", 12
    yield "event kind 5", "Events", events + u32(1) + event + b"\5" + b"\0" * 84, "unknownValue", 26
    chunk = least("Chunk")[:12]
    ids = chunk + u32(1) + event + b"\1" + u32(1)
    yield "257 token ids", "Chunk", ids + u32(257) + b"\0" * 1032, "tooLong", 31
    yield "token ids claimed, none there", "Chunk", ids + u32(256) + u32(0), "truncated", 31
    yield "12,289 bytes of text", "Chunk", ids + u32(0) + u32(12289) + b"a" * 12289, "tooLong", 35
    yield "text cut short", "Chunk", ids + u32(0) + u32(2) + b"a", "truncated", 39
    yield "1,025 jobs", "Purge", u32(1025) + b"\0" * 8200, "tooLong", 0
    yield "jobs claimed, half there", "Purge", u32(2) + b"\0" * 15, "truncated", 0
    finished = least("AttemptFinished")
    yield "finish 0", "AttemptFinished", finished[:12] + b"\0" + finished[13:], "unknownValue", 12
    yield "finish 7", "AttemptFinished", finished[:12] + b"\7" + finished[13:], "unknownValue", 12
    yield "retryElsewhere 2", "AttemptFinished", finished[:-1] + b"\2", "notBoolean", len(finished) - 1


def invalid(codec):
    """(file name, vectors) of frames that are refused."""
    vectors = []
    for case, data, error, offset, stream in headers(codec):
        vectors.append({"case": case, "frame": data, "error": error, "offset": offset})
        if stream:
            vectors[-1]["stream"] = stream
    yield "header", vectors
    vectors = []
    for case, name, payload, error, offset in payloads(codec):
        data = frame(codec.by_name[name]["number"], payload)
        vectors.append({"case": f"{name}: {case}", "frame": data, "error": error, "offset": offset})
    yield "payload", vectors


def hashes(codec):
    """Chain hashes and stream MACs, from framing.md's definitions alone."""
    cluster, job, epoch, key = "0123456789abcdeffedcba9876543210", 7, 3, bytes(range(32))
    maker = Maker(codec)
    value = hashlib.sha256(
        b"switchyard stream 1" + bytes.fromhex(cluster) + job.to_bytes(8, "big")
    ).digest()
    steps = [value.hex()]
    events = []
    for seq in range(1, 4):
        event = maker.full("Event", seq)
        event["seq"] = seq
        events.append(codec.write("Event", event).hex())
        value = hashlib.sha256(value + bytes.fromhex(events[-1])).digest()
        steps.append(value.hex())
    claim = job.to_bytes(8, "big") + epoch.to_bytes(4, "big") + (3).to_bytes(8, "big")
    claim += (1).to_bytes(8, "big") + value
    return {
        "cluster": cluster,
        "job": job,
        "events": events,
        "hashes": steps,
        "key": key.hex(),
        "epoch": epoch,
        "lastSeq": 3,
        "durableThrough": 1,
        "mac": hmac.new(key, claim, hashlib.sha256).hexdigest(),
    }


def files(codec):
    """(path, text) of every vector file."""
    for folder, made in (("valid", valid(codec)), ("invalid", invalid(codec))):
        for name, vectors in made:
            lines = [json.dumps(vector, ensure_ascii=False) for vector in vectors]
            text = "[\n" + ",\n".join(lines) + "\n]\n"
            yield SPEC / "vectors" / folder / f"{name}.json", text
    yield SPEC / "vectors/hashes.json", json.dumps(hashes(codec), indent=2) + "\n"


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = 0
    expected = dict(files(load()))
    for path, text in expected.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(("stale: " if arguments else "wrote: ") + str(path.relative_to(SPEC)))
        if not arguments:
            path.write_text(text, encoding="utf-8")
    for path in sorted(set((SPEC / "vectors").rglob("*.json")) - set(expected)):
        stale += 1
        print(f"not made here: {path.relative_to(SPEC)}")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
