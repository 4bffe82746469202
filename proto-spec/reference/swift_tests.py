"""Swift for the tests: dumps of typed messages as the reference's JSON, and random messages."""

from registry import INTEGER_BYTES
from swift_fields import HALVES, UINT, FieldCode
from swift_source import HEADER, camel


class TestSource:
    """The files of Tests/WireProtocolTests/Generated that follow from one registry."""

    def __init__(self, registry):
        self.registry = registry
        self.code = FieldCode(registry)

    def files(self):
        """File names and texts."""
        structs = list(self.registry.structs.values())
        yield "StructDumps.swift", self.dumps(structs)
        yield "StructSamples.swift", self.samples(structs)
        for number, part in enumerate(self.halves(), 1):
            yield f"MessageDumps{number}.swift", self.dumps(part)
            yield f"MessageSamples{number}.swift", self.samples(part)
        yield "AnyMessage.swift", self.any_message()

    def halves(self):
        """The messages in two parts of about the same number."""
        messages = list(self.registry.messages.values())
        middle = len(messages) // 2
        return messages[:middle], messages[middle:]

    def heading(self):
        return [HEADER, "import ExchangeTypes", "import WireProtocol", ""]

    def dumps(self, owners):
        """`json` of each struct or message: its fields in the registry's order."""
        lines = self.heading()
        for owner in owners:
            lines += [f"extension {owner.get('swift', owner['name'])}: JSONDumpable {{"]
            lines.append("  var json: String {")
            if not owner["fields"]:
                lines += ["    JSON.object([])", "  }", "}", ""]
                continue
            pairs = []
            for field in owner["fields"]:
                name = field["name"]
                value = self.dump(field["parsed"], field.get("swift"), name)
                pairs.append(f'("{name}", {value})')
            if len(pairs) == 1:
                lines.append(f"    JSON.object([{pairs[0]}])")
            else:
                lines += ["    JSON.object([", *(f"      {pair}," for pair in pairs), "    ])"]
            lines += ["  }", "}", ""]
        return "\n".join(lines[:-1]) + "\n"

    def dump(self, kind, hint, value):
        if kind.name in ("optional", "list"):
            return f"JSON.{kind.name}({value}) {{ {self.dump(kind.element, hint, '$0')} }}"
        if kind.name in INTEGER_BYTES:
            return f"JSON.number({value}.rawValue)" if hint else f"JSON.number({value})"
        if kind.name == "bool":
            return f"JSON.boolean({value})"
        if kind.name in ("string", "text"):
            return f"JSON.text({value})"
        if hint == "Secret":
            return f"JSON.hexadecimal({value}.bytes)"
        if kind.name == "bytes" or (kind.name == "fixed" and not hint):
            return f"JSON.hexadecimal({value})"
        if kind.name == "fixed" or kind.name in self.registry.enums:
            return f"JSON.name({value})"
        return f"{value}.json"

    def samples(self, owners):
        """`sample` of each struct or message: random fields within their bounds."""
        lines = self.heading()
        for owner in owners:
            name = owner.get("swift", owner["name"])
            lines.append(f"extension {name} {{")
            lines.append(f"  static func sample(_ source: inout SampleSource) -> {name} {{")
            if owner["fields"]:
                lines.append(f"    {name}(")
                fields = [
                    f"      {field['name']}: "
                    + self.sample(field["parsed"], field.get("swift"), "source")
                    for field in owner["fields"]
                ]
                lines += [field + "," for field in fields[:-1]] + [fields[-1] + ")"]
            else:
                lines.append(f"    {name}()")
            lines += ["  }", "}", ""]
        return "\n".join(lines[:-1]) + "\n"

    def sample(self, kind, hint, source):
        if kind.name == "optional":
            return f"{source}.optional {{ {self.sample(kind.element, hint, '$0')} }}"
        if kind.name == "list":
            inner = self.sample(kind.element, hint, "$0")
            return f"{source}.list(atMost: {kind.limit}) {{ {inner} }}"
        if kind.name in INTEGER_BYTES:
            number = f"{source}.number({UINT[kind.name]}.self)"
            return f"{hint}(rawValue: {number})" if hint else number
        if kind.name == "fixed" and hint in HALVES:
            return f"{hint}(high: {source}.number(), low: {source}.number())"
        if hint == "Secret":
            return f"{hint}({source}.bytes(count: {kind.limit}))"
        if kind.name == "fixed" and hint:
            return f"{hint}(rawValue: {source}.number())"
        if kind.name == "fixed":
            return f"{source}.bytes(count: {kind.limit})"
        if kind.name == "bool":
            return f"{source}.boolean()"
        if kind.name in ("string", "text"):
            return f"{source}.text(atMost: {kind.limit})"
        if kind.name == "bytes":
            return f"{source}.bytes(atMost: {kind.limit})"
        if kind.name in self.registry.enums:
            name = self.code.named(kind.name)
            if "." not in name:
                return f"{source}.pick({name}.allCases)"
            cases = [case["name"] for case in self.registry.enums[kind.name]["cases"]]
            return f"{source}.pick([{', '.join('.' + case for case in cases)}])"
        target = "&source" if source == "source" else "&$0"
        return f"{self.code.named(kind.name)}.sample({target})"

    def any_message(self):
        """The message inside a Message, and a random message of any kind."""
        names = list(self.registry.messages)
        lines = self.heading()
        lines += ["extension Message: JSONDumpable {", "  var json: String {", "    switch self {"]
        for name in names:
            lines.append(f'    case .{camel(name)}(let it): JSON.typed("{name}", it.json)')
        lines += ["    }", "  }", ""]
        lines.append("  static func sample(_ kind: MessageKind, _ source: inout SampleSource) -> Message {")
        lines.append("    switch kind {")
        for name in names:
            case = camel(name)
            lines.append(f"    case .{case}: .{case}(.sample(&source))")
        lines += ["    }", "  }", "}"]
        return "\n".join(lines) + "\n"
