"""Swift declarations and codecs of the registry's enums, structs and messages."""

from swift_fields import FieldCode
from swift_source import HEADER, WIDTH, call, camel, cases, doc, filled

IMPORT = ["public import ExchangeTypes", ""]


class MessageSource:
    """The files of Sources/WireProtocol that follow from one registry."""

    def __init__(self, registry):
        self.registry = registry
        self.code = FieldCode(registry)

    def files(self):
        """File names and texts."""
        yield "Enums.swift", self.enums()
        yield "Structs.swift", self.declarations(self.registry.structs.values(), False)
        yield "Structs+Coding.swift", self.codings(self.registry.structs.values())
        yield "MessageKind.swift", self.kinds()
        yield "Message.swift", self.message()
        yield "Service.swift", self.services()
        for group in dict.fromkeys(m["group"] for m in self.registry.messages.values()):
            members = [m for m in self.registry.messages.values() if m["group"] == group]
            yield f"{group}Messages.swift", self.declarations(members, True)
            yield f"{group}Messages+Coding.swift", self.codings(members)

    def enums(self):
        """The enums that no other room declares."""
        lines = [HEADER]
        for entry in self.registry.enums.values():
            if "swift" in entry:
                continue
            lines += doc(entry["doc"])
            lines.append(f"public enum {entry['name']}: UInt8, Sendable, Hashable, CaseIterable {{")
            for case in entry["cases"]:
                lines += doc(case["doc"], "  ")
                lines.append(f"  case {case['name']} = {case['value']}")
            lines += ["}", ""]
        return "\n".join(lines[:-1]) + "\n"

    def fields(self, owner):
        """(name, parsed type, hint, doc) of each field."""
        for field in owner["fields"]:
            yield field["name"], field["parsed"], field.get("swift"), field["doc"]

    def declarations(self, owners, are_messages):
        """Structs with their fields and memberwise initialisers."""
        lines = [HEADER, *IMPORT]
        for owner in owners:
            if "swift" in owner:
                continue
            lines += doc(owner["doc"])
            conformance = "WireMessage" if are_messages else "Hashable, Sendable"
            lines.append(f"public struct {owner['name']}: {conformance} {{")
            if are_messages:
                lines.append(f"  /// {owner['name']} is number {owner['number']}.")
                lines.append(f"  public static let kind = MessageKind.{camel(owner['name'])}")
                lines.append("")
            parameters, assignments = [], []
            for name, kind, hint, text in self.fields(owner):
                swift = self.code.type(kind, hint)
                lines += doc(text, "  ")
                lines.append(f"  public let {name}: {swift}")
                parameters.append(f"{name}: {swift}")
                assignments.append(f"    self.{name} = {name}")
            lines += [""] if parameters else []
            lines.append("  /// Joins the fields.")
            if parameters:
                lines += call("public init", parameters, " {", "  ")
                lines += [*assignments, "  }"]
            else:
                lines.append("  public init() {}")
            lines += ["}", ""]
        return "\n".join(lines[:-1]) + "\n"

    def codings(self, owners):
        """Codecs and bound checks, in extensions."""
        lines = [HEADER, *IMPORT]
        for owner in owners:
            scope = "" if "swift" in owner else "public "
            lines.append(f"extension {owner.get('swift', owner['name'])} {{")
            lines += self.encoder(owner, scope) + [""]
            lines += self.decoder(owner, scope)
            if self.code.bounded(owner):
                lines += ["", *self.checker(owner, scope)]
            lines += ["}", ""]
        return "\n".join(lines[:-1]) + "\n"

    def encoder(self, owner, scope):
        lines = ["  /// Writes the fields in the registry's order."]
        head = f"  {scope}func encode(into writer: inout CanonicalWriter) {{"
        if not owner["fields"]:
            return lines + [head + "}"]
        lines.append(head)
        for name, kind, hint, _ in self.fields(owner):
            lines += [f"    {text}" for text in self.code.write(kind, hint, name)]
        return lines + ["  }"]

    def decoder(self, owner, scope):
        lines = ["  /// Reads what `encode` writes."]
        signature = "init(from reader: inout CanonicalReader) throws(CanonicalError) {"
        head = f"  {scope}{signature}"
        if not owner["fields"]:
            return lines + [head + "}"]
        lines.append(head)
        if "swift" in owner:
            for name, kind, hint, _ in self.fields(owner):
                lines.append(f"    let {name} = try {self.code.read(kind, hint)}")
            arguments = [f"{name}: {name}" for name, *_ in self.fields(owner)]
            return lines + [*call("self.init", arguments, "", "    "), "  }"]
        appended = {field["name"] for field in owner["fields"] if field.get("appended")}
        for name, kind, hint, _ in self.fields(owner):
            read = self.code.read(kind, hint)
            if name in appended:
                read = read.replace("reader.readOptional", "reader.readAppended", 1)
            line = f"    {name} = try {read}"
            if len(line) > WIDTH and "\n" not in line:
                head, _, arguments = line.partition("(")
                lines += [head + "(", "      " + arguments]
            elif len(line.partition("\n")[0]) > WIDTH:
                lines.append(line.replace(" { (part)", " {\n      (part)", 1))
            else:
                lines.append(line)
        return lines + ["  }"]

    def checker(self, owner, scope):
        lines = ["  /// Refuses values that a reader would refuse."]
        lines.append(f"  {scope}func checkBounds() throws(BoundsError) {{")
        for name, kind, hint, _ in self.fields(owner):
            label = f"{owner['name']}.{name}"
            lines += [f"    {text}" for text in self.code.bounds(kind, hint, name, label)]
        return lines + ["  }"]

    def kinds(self):
        """MessageKind: the number, the class and the bound of every message."""
        messages = list(self.registry.messages.values())
        lines = [HEADER]
        lines += doc(
            "The number of a message: the `type` of a frame's header. "
            "Numbers are append-only; a retired one is never given again."
        )
        lines.append("public enum MessageKind: UInt16, Sendable, Hashable, CaseIterable {")
        for message in messages:
            lines += doc(message["doc"], "  ")
            lines.append(f"  case {camel(message['name'])} = {message['number']}")
        lines += ["", "  /// The most payload bytes in a frame of this kind."]
        lines += ["  public var payloadMax: UInt32 {", "    switch self {"]
        for size in sorted({message["payloadMax"] for message in messages}):
            names = [camel(m["name"]) for m in messages if m["payloadMax"] == size]
            lines += cases(names, f"{size:_}" if size >= 10000 else str(size))
        lines += ["    }", "  }", ""]
        lines += ["  /// Whether bytes after the last known field are refused rather than skipped."]
        lines += ["  public var isStrict: Bool {", "    switch self {"]
        lines += cases([camel(m["name"]) for m in messages if m["class"] == "strict"], "true")
        lines += ["    default: false", "    }", "  }", ""]
        lines += ["  /// The name in the registry.", "  public var name: String {"]
        lines += ["    switch self {"]
        for message in messages:
            lines.append(f'    case .{camel(message["name"])}: "{message["name"]}"')
        lines += ["    }", "  }", "}"]
        return "\n".join(lines) + "\n"

    def message(self):
        """Message: any message, by kind."""
        names = list(self.registry.messages)
        lines = [HEADER, "internal import ExchangeTypes", ""]
        lines += doc("Any message, told apart by its kind.")
        lines.append("public enum Message: Sendable, Hashable {")
        for name in names:
            lines += doc(f"{name}: see there.", "  ")
            lines.append(f"  case {camel(name)}({name})")
        lines += ["", "  /// Reads the fields of a message of `kind`."]
        lines.append("  ///")
        lines.append("  /// What follows them is left unread: `init(_:)` judges it by the class.")
        lines.append("  init(")
        lines.append("    _ kind: MessageKind, from reader: inout CanonicalReader")
        lines.append("  ) throws(CanonicalError) {")
        lines.append("    switch kind {")
        for name in names:
            case = camel(name)
            lines.append(f"    case .{case}: self = .{case}(try {name}(from: &reader))")
        lines += ["    }", "  }", ""]
        lines.append("  /// The message itself.")
        lines += ["  public var content: any WireMessage {", "    switch self {"]
        for name in names:
            lines.append(f"    case .{camel(name)}(let content): content")
        lines += ["    }", "  }", "}"]
        return "\n".join(lines) + "\n"

    def services(self):
        """Service: the paths and what may travel on their streams."""
        services = self.registry.services
        lines = [HEADER, *IMPORT]
        lines += doc("What a stream is for: the `:path` of its HTTP/2 request.")
        lines.append("public enum Service: String, Sendable, Hashable, CaseIterable {")
        for service in services:
            lines += doc(service["doc"], "  ")
            lines.append(f'  case {service["name"]} = "{service["path"]}"')
        for name, table, text in (
            ("requests", "requests", "What the side that opened the stream may send."),
            ("responses", "responses", "What the side that accepted the stream may send."),
        ):
            lines += ["", f"  /// {text}", f"  public var {name}: MessageSet {{", "    switch self {"]
            for service in services:
                lines.append(f"    case .{service['name']}: Self.{service['name']}{table.capitalize()}")
            lines += ["    }", "  }"]
        lines += ["", "  /// Who may open a stream of it."]
        lines += ["  public var initiators: [NodeRole] {", "    switch self {"]
        for service in services:
            members = ", ".join("." + role for role in service["initiators"])
            lines.append(f"    case .{service['name']}: [{members}]")
        lines += ["    }", "  }", "", "  // Made once: every stream that is opened asks for its two."]
        for service in services:
            for table in ("requests", "responses"):
                members = ", ".join("." + camel(member) for member in service[table])
                head = f"  private static let {service['name']}{table.capitalize()}: MessageSet = ["
                if len(head) + len(members) + 1 <= 100:
                    lines.append(f"{head}{members}]")
                else:
                    lines += [head, *filled(members + ",", "    "), "  ]"]
        lines.append("}")
        return "\n".join(lines) + "\n"
