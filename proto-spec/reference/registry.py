"""Reads registry.json, understands its types and refuses a registry that contradicts itself.

A type is a name with arguments: `u8 u16 u32 u64 bool`, `string<N>` and `text<N>` (UTF-8 of at most
N bytes; a sender cuts a text that is longer), `bytes<N>` (at most N), `fixed<N>` (exactly N),
`optional<T>`, `list<T,N>` (at most N), or the name of an enum or a struct. A field that is `appended` came
with a later version: a payload that ends right before it reads as none (versioning.md).
"""

import json
import re
from typing import NamedTuple, Optional

INTEGER_BYTES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


class Type(NamedTuple):
    """One type: `name`, the type inside an optional or a list, and the bound."""

    name: str
    element: Optional["Type"] = None
    limit: int = 0


def parse(text):
    """The type that `text` spells."""
    match = re.fullmatch(r"(\w+)(?:<(.+)>)?", text)
    if not match:
        raise ValueError(f"not a type: {text}")
    name, inside = match.groups()
    if name == "optional":
        return Type(name, parse(inside))
    if name == "list":
        element, limit = inside.rsplit(",", 1)
        return Type(name, parse(element), int(limit))
    return Type(name, None, int(inside or 0))


class Registry:
    """The registry, checked, with its types parsed and its names looked up."""

    def __init__(self, spec):
        self.spec = spec
        self.services = spec["services"]
        self.enums = {entry["name"]: entry for entry in spec["enums"]}
        self.bitsets = {entry["name"]: entry for entry in spec["bitsets"]}
        self.structs = {entry["name"]: entry for entry in spec["structs"]}
        self.messages = {entry["name"]: entry for entry in spec["messages"]}
        self.errors = spec["errors"]
        for owner in [*spec["structs"], *spec["messages"]]:
            for field in owner["fields"]:
                field["parsed"] = parse(field["type"])
        self.check()

    def size(self, kind, bound):
        """The fewest (`bound` = min) or most (`bound` = max) bytes that a value of a type takes."""
        if kind.name in INTEGER_BYTES:
            return INTEGER_BYTES[kind.name]
        if kind.name == "bool" or kind.name in self.enums:
            return 1
        if kind.name == "fixed":
            return kind.limit
        if kind.name in ("string", "text", "bytes"):
            return 4 + bound(0, kind.limit)
        if kind.name == "optional":
            return 1 + bound(0, self.size(kind.element, bound))
        if kind.name == "list":
            return 4 + bound(0, kind.limit * self.size(kind.element, bound))
        return self.size_of_fields(self.structs[kind.name], bound)

    def size_of_fields(self, owner, bound):
        """The fewest or most bytes that a struct or a message takes."""
        return sum(self.size(field["parsed"], bound) for field in owner["fields"])

    def check(self):
        """Names and numbers are given once, in order; every bound is one that a reader can hold."""
        for entries, number in ((self.spec["messages"], "number"), (self.errors, "code")):
            numbers = [entry[number] for entry in entries]
            if numbers != sorted(set(numbers)) or not all(0 < n < 65536 for n in numbers):
                raise ValueError(f"{number}s must ascend and be given once")
        for table in ("services", "enums", "bitsets", "structs", "messages", "errors"):
            names = [entry["name"] for entry in self.spec[table]]
            if len(names) != len(set(names)):
                raise ValueError(f"a name in {table} is given twice")
        for entry in [*self.spec["enums"], *self.spec["bitsets"]]:
            values = [case["value"] for case in entry["cases"]]
            if values != sorted(set(values)):
                raise ValueError(f"values of {entry['name']} must ascend and be given once")
        for message in self.spec["messages"]:
            if message["number"] > 255:
                raise ValueError("a MessageSet has 256 places")
            least = self.size_of_fields(message, min)
            if not least <= message["payloadMax"] <= 8 << 20:
                raise ValueError(f"payloadMax of {message['name']}: {least} bytes at least")
            appended = [bool(field.get("appended")) for field in message["fields"]]
            if appended != sorted(appended) or (any(appended) and message["class"] != "session"):
                raise ValueError(f"{message['name']}: only a session message's last fields are appended")
        for owner in [*self.spec["structs"], *self.spec["messages"]]:
            for field in owner["fields"]:
                if field.get("appended") and (
                    field["parsed"].name != "optional" or owner["name"] in self.structs
                ):
                    raise ValueError(f"{owner['name']}.{field['name']} cannot be appended")
        for service in self.services:
            for name in service["requests"] + service["responses"]:
                if name not in self.messages:
                    raise ValueError(f"{service['name']} names no message: {name}")


def load(path):
    """The registry at `path`."""
    return Registry(json.loads(path.read_text(encoding="utf-8")))
