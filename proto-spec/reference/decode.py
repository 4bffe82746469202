#!/usr/bin/env python3
"""A second implementation of the protocol's frames, to check the first against.

    decode.py decode HEX     print the message of one frame as JSON
    decode.py encode         read messages as JSON, one a line; print frames as hex
    decode.py stream         read frames as hex, one a line; print JSON, or the error, a line each
    decode.py check          verify every vector of ../vectors, both ways

Python 3.9 or later, standard library only. It reads registry.json and framing.md's rules and shares
nothing with the generator.
"""

import json
import pathlib
import sys

SPEC = pathlib.Path(__file__).resolve().parent.parent
HEADER = 8


class WireFailure(Exception):
    """Why bytes are refused: a kind, and the offset in the payload (in the frame for headers)."""

    def __init__(self, kind, offset):
        super().__init__(f"{kind} at {offset}")
        self.kind = kind
        self.offset = offset


class Reader:
    """The bytes of one payload and a place in them."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if self.left() < count:
            raise WireFailure("truncated", self.at)
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def number(self, size):
        return int.from_bytes(self.take(size), "big")


class Codec:
    """Everything that the registry says, as functions from bytes to JSON values and back."""

    def __init__(self, registry):
        self.enums = {e["name"]: {c["name"]: c["value"] for c in e["cases"]} for e in registry["enums"]}
        self.structs = {s["name"]: s["fields"] for s in registry["structs"]}
        self.by_number = {m["number"]: m for m in registry["messages"]}
        self.by_name = {m["name"]: m for m in registry["messages"]}
        self.services = {s["name"]: s for s in registry["services"]}

    @staticmethod
    def split(spelling):
        """`list<T,N>` as (list, T, N), `string<N>` as (string, None, N), `u8` as (u8, None, 0)."""
        if "<" not in spelling:
            return spelling, None, 0
        name, rest = spelling[:-1].split("<", 1)
        if name == "optional":
            return name, rest, 0
        if name == "list":
            element, limit = rest.rsplit(",", 1)
            return name, element, int(limit)
        return name, None, int(rest)

    def least(self, spelling):
        """The fewest bytes that a value of a type takes."""
        name, _, limit = self.split(spelling)
        if name in ("u16", "u32", "u64"):
            return int(name[1:]) // 8
        if name == "fixed":
            return limit
        if name in ("string", "text", "bytes", "list"):
            return 4
        if name in self.structs:
            return sum(self.least(field["type"]) for field in self.structs[name])
        return 1

    def read(self, spelling, reader):
        name, element, limit = self.split(spelling)
        if name in ("u8", "u16", "u32", "u64"):
            return reader.number(int(name[1:]) // 8)
        if name in ("bool", "optional"):
            flag = reader.number(1)
            if flag > 1:
                raise WireFailure("notBoolean", reader.at - 1)
            if name == "bool":
                return flag == 1
            return self.read(element, reader) if flag else None
        if name == "fixed":
            return reader.take(limit).hex()
        if name in ("string", "text", "bytes"):
            at = reader.at
            count = reader.number(4)
            if count > limit:
                raise WireFailure("tooLong", at)
            raw = reader.take(count)
            if name == "bytes":
                return raw.hex()
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise WireFailure("notUTF8", at) from error
        if name == "list":
            at = reader.at
            count = reader.number(4)
            if count > limit:
                raise WireFailure("tooLong", at)
            if count * self.least(element) > reader.left():
                raise WireFailure("truncated", at)
            return [self.read(element, reader) for _ in range(count)]
        if name in self.enums:
            number = reader.number(1)
            for case, value in self.enums[name].items():
                if value == number:
                    return case
            raise WireFailure("unknownValue", reader.at - 1)
        return {f["name"]: self.read(f["type"], reader) for f in self.structs[name]}

    def write(self, spelling, value):
        name, element, _ = self.split(spelling)
        if name in ("u8", "u16", "u32", "u64"):
            return value.to_bytes(int(name[1:]) // 8, "big")
        if name == "bool":
            return b"\1" if value else b"\0"
        if name == "optional":
            return b"\0" if value is None else b"\1" + self.write(element, value)
        if name == "fixed":
            return bytes.fromhex(value)
        if name in ("string", "text", "bytes"):
            raw = bytes.fromhex(value) if name == "bytes" else value.encode("utf-8")
            return len(raw).to_bytes(4, "big") + raw
        if name == "list":
            return len(value).to_bytes(4, "big") + b"".join(self.write(element, v) for v in value)
        if name in self.enums:
            return bytes([self.enums[name][value]])
        return b"".join(self.write(f["type"], value[f["name"]]) for f in self.structs[name])

    def decode(self, data, stream=None):
        """The message in the frame `data`; `stream` is `service.requests` or `service.responses`."""
        if len(data) < HEADER:
            raise WireFailure("cutShort", len(data))
        length, number, reserved = (
            int.from_bytes(data[a:b], "big") for a, b in ((0, 4), (4, 6), (6, 8))
        )
        if reserved:
            raise WireFailure("reserved", 6)
        if number not in self.by_number:
            raise WireFailure("unknownType", 4)
        message = self.by_number[number]
        if stream:
            service, direction = stream.split(".")
            if message["name"] not in self.services[service][direction]:
                raise WireFailure("notAllowed", 4)
        if length > message["payloadMax"]:
            raise WireFailure("tooLarge", 0)
        if len(data) - HEADER < length:
            raise WireFailure("cutShort", len(data))
        reader = Reader(data[HEADER : HEADER + length])
        fields = {}
        for f in message["fields"]:
            # An appended field is missing in frames of older senders.
            absent = f.get("appended") and not reader.left()
            fields[f["name"]] = None if absent else self.read(f["type"], reader)
        if message["class"] == "strict" and reader.left():
            raise WireFailure("trailing", reader.at)
        return {"type": message["name"], "fields": fields}

    def encode(self, message):
        """The frame of a message."""
        entry = self.by_name[message["type"]]
        payload = b"".join(
            self.write(f["type"], message["fields"][f["name"]]) for f in entry["fields"]
        )
        header = len(payload).to_bytes(4, "big") + entry["number"].to_bytes(2, "big") + b"\0\0"
        return header + payload


def load():
    """The codec of ../registry.json."""
    return Codec(json.loads((SPEC / "registry.json").read_text(encoding="utf-8")))


def compact(value):
    """The one spelling of a JSON value that both implementations print."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check(codec):
    """Verifies every vector; returns how many failed."""
    wrong = total = 0
    for path in sorted((SPEC / "vectors/valid").glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8")):
            total += 1
            data = bytes.fromhex(vector["frame"])
            same = codec.decode(data) == vector["message"]
            again = codec.encode(vector["message"]).hex() == vector.get("canonical", vector["frame"])
            if not same or not again:
                wrong += 1
                print(f"{path.name} {vector['case']}: decodes {same}, encodes {again}")
    for path in sorted((SPEC / "vectors/invalid").glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8")):
            total += 1
            try:
                codec.decode(bytes.fromhex(vector["frame"]), vector.get("stream"))
                found = "accepted"
            except WireFailure as failure:
                found = f"{failure.kind} at {failure.offset}"
            if found != f"{vector['error']} at {vector['offset']}":
                wrong += 1
                print(f"{path.name} {vector['case']}: {found}")
    print(f"{total} vectors, {wrong} wrong")
    return wrong


def main(arguments):
    codec = load()
    if arguments[:1] == ["decode"] and len(arguments) == 2:
        print(compact(codec.decode(bytes.fromhex(arguments[1]))))
    elif arguments == ["encode"]:
        for line in sys.stdin:
            print(codec.encode(json.loads(line)).hex())
    elif arguments == ["stream"]:
        for line in sys.stdin:
            try:
                print(compact(codec.decode(bytes.fromhex(line.strip()))))
            except WireFailure as failure:
                print(f"error: {failure}")
    elif arguments == ["check"]:
        return 1 if check(codec) else 0
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
