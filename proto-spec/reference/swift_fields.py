"""How a field of each type is declared, written, read and bounded in Swift."""

from registry import INTEGER_BYTES

UINT = {"u8": "UInt8", "u16": "UInt16", "u32": "UInt32", "u64": "UInt64"}
#: Swift types of two 64-bit halves that stand for 16 raw bytes.
HALVES = {"RequestKey", "DelegationID"}


class FieldCode:
    """Snippets of Swift for the types of one registry."""

    def __init__(self, registry):
        self.registry = registry

    def named(self, name):
        """The Swift name of an enum or a struct."""
        entry = self.registry.enums.get(name) or self.registry.structs[name]
        return entry.get("swift", name)

    def type(self, kind, hint):
        """The Swift type."""
        if kind.name == "optional":
            return self.type(kind.element, hint) + "?"
        if kind.name == "list":
            return f"[{self.type(kind.element, hint)}]"
        if hint:
            return hint
        if kind.name in UINT:
            return UINT[kind.name]
        return {
            "bool": "Bool",
            "string": "String",
            "text": "String",
            "bytes": "[UInt8]",
            "fixed": "[UInt8]",
        }.get(kind.name) or self.named(kind.name)

    def write(self, kind, hint, value, writer="writer"):
        """Statements that write `value`."""
        if kind.name in ("optional", "list"):
            inner = "; ".join(self.write(kind.element, hint, "$1", "$0"))
            return [f"{writer}.write({value}) {{ {inner} }}"]
        if kind.name == "fixed" and hint in HALVES:
            return [f"{writer}.write({value}.high)", f"{writer}.write({value}.low)"]
        if hint == "Secret":
            return [f"{writer}.writeRaw({value}.bytes)"]
        if hint or kind.name in self.registry.enums:
            return [f"{writer}.write({value}.rawValue)"]
        if kind.name == "fixed":
            return [f"{writer}.writeRaw({value})"]
        if kind.name == "text":
            return [f"{writer}.write({value}.cut(toBytes: {kind.limit}))"]
        if kind.name in self.registry.structs:
            target = "&" + writer
            return [f"{value}.encode(into: {target})"]
        return [f"{writer}.write({value})"]

    def read(self, kind, hint, reader="reader"):
        """An expression, to stand behind `try`, that reads a value."""
        if kind.name == "optional":
            return self.nested(f"{reader}.readOptional", "", kind.element, hint)
        if kind.name == "list":
            least = self.registry.size(kind.element, min)
            arguments = f"limit: {kind.limit}, elementBytesMin: {least}"
            return self.nested(f"{reader}.readList", arguments, kind.element, hint)
        if kind.name == "fixed" and hint in HALVES:
            return f"{hint}(high: {reader}.read(), low: {reader}.read())"
        if hint == "Secret":
            return f"{hint}({reader}.readRaw(count: {kind.limit}))"
        if kind.name == "fixed" and hint:
            return f"{hint}(rawValue: {reader}.read())"
        if kind.name in INTEGER_BYTES:
            if hint:
                return f"{hint}(rawValue: {reader}.read())"
            return f"{reader}.read({UINT[kind.name]}.self)"
        if kind.name == "bool":
            return f"{reader}.readBool()"
        if kind.name in ("string", "text"):
            return f"{reader}.readString(limit: {kind.limit})"
        if kind.name == "bytes":
            return f"{reader}.readBytes(limit: {kind.limit})"
        if kind.name == "fixed":
            return f"{reader}.readRaw(count: {kind.limit})"
        if kind.name in self.registry.enums:
            return f"{reader}.readCase({self.named(kind.name)}.self)"
        return f"{self.named(kind.name)}(from: &{reader})"

    def nested(self, function, arguments, kind, hint):
        """A call of `function` with a reader of one element."""
        if kind.name in self.registry.structs:
            before = f"{arguments}, " if arguments else ""
            return f"{function}({before}{self.named(kind.name)}.init(from:))"
        call = f"{function}({arguments})" if arguments else function
        element = self.read(kind, hint, "part").replace("\n", "\n  ")
        return f"{call} {{ (part) throws(CanonicalError) in\n      try {element}\n    }}"

    def bounds(self, kind, hint, value, label):
        """Statements that throw a BoundsError where `value` is beyond its bound."""
        if kind.name == "string":
            return [f'try checkCount({value}.utf8.count, of: "{label}", atMost: {kind.limit})']
        if kind.name == "bytes":
            return [f'try checkCount({value}.count, of: "{label}", atMost: {kind.limit})']
        if hint == "Secret":
            value += ".bytes"
        if kind.name == "fixed" and hint in (None, "Secret"):
            return [f'try checkCount({value}.count, of: "{label}", exactly: {kind.limit})']
        if kind.name in self.registry.structs:
            inside = self.registry.structs[kind.name]
            return [f"try {value}.checkBounds()"] if self.bounded(inside) else []
        if kind.name == "optional":
            inner = self.bounds(kind.element, hint, value, label)
            return [f"if let {value} {{ {inner[0]} }}"] if inner else []
        if kind.name == "list":
            lines = [f'try checkCount({value}.count, of: "{label}", atMost: {kind.limit})']
            inner = self.bounds(kind.element, hint, "element", label)
            if inner:
                lines += [f"for element in {value} {{", f"  {inner[0]}", "}"]
            return lines
        return []

    def bounded(self, owner):
        """Whether any field has a bound that its Swift type does not keep by itself."""
        return any(
            self.bounds(field["parsed"], field.get("swift"), field["name"], "")
            for field in owner["fields"]
        )
