"""Swift from the registry, laid out as swift-format would lay it out."""

import json
import textwrap

HEADER = "// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.\n"
WIDTH = 100


def camel(name):
    """snake_case as camelCase; names that start with a capital start with a small letter."""
    head, *rest = name.split("_")
    return head[0].lower() + head[1:] + "".join(part.capitalize() for part in rest)


def filled(text, first, later=None):
    """`text` in lines of at most WIDTH, indented by `first` and then by `later`."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=first if later is None else later
    )


def doc(text, indent=""):
    """A documentation comment: the first sentence is its summary, the rest its discussion."""
    summary, _, discussion = text.partition(". ")
    paragraphs = [summary + ".", discussion] if discussion else [text]
    lines = []
    for number, paragraph in enumerate(paragraphs):
        if number:
            lines.append(f"{indent}///")
        room = WIDTH - len(indent) - 4
        lines += [f"{indent}/// {line}" for line in textwrap.wrap(paragraph, room)]
    return lines


def call(head, arguments, tail, indent):
    """`head(arguments)tail` in one line or with the arguments in lines of their own."""
    flat = f"{indent}{head}({', '.join(arguments)}){tail}"
    if len(flat) <= WIDTH:
        return [flat]
    inside = filled(", ".join(arguments).replace(": ", ":\0"), indent + "  ")
    inside = [line.replace(":\0", ": ") for line in inside]
    return [f"{indent}{head}(", *inside, f"{indent}){tail}"]


def error_codes(registry):
    """Sources/ExchangeTypes/ErrorCode.swift."""
    errors = [error for error in registry.errors if not error.get("retired")]
    lines = [HEADER]
    lines += doc(
        "What went wrong, as it travels in frames, receipts and HTTP answers. "
        "Numbers and names are append-only; a retired one is never given again."
    )
    lines.append("public enum ErrorCode: UInt16, Sendable, CaseIterable, Hashable {")
    for error in errors:
        lines += doc(error["meaning"] + " " + error["remedy"], "  ")
        lines.append(f"  case {camel(error['name'])} = {error['code']}")
    lines += ["", "  /// The name in snake_case, as HTTP clients and logs see it."]
    lines += ["  public var name: String {", "    switch self {"]
    for error in errors:
        lines.append(f'    case .{camel(error["name"])}: "{error["name"]}"')
    lines += ["    }", "  }", ""]
    for field, text in (("meaning", "What is wrong, as a sentence of the table of errors."),
                        ("remedy", "What would be right, as a sentence of the table of errors.")):
        lines += [f"  /// {text}", f"  public var {field}: String {{", "    switch self {"]
        for error in errors:
            lines += value_case(camel(error["name"]), error[field])
        lines += ["    }", "  }", ""]
    lines.append("  /// Whether the same request, sent again later or elsewhere, may succeed.")
    lines += ["  public var isRetryable: Bool {", "    switch self {"]
    lines += cases([camel(error["name"]) for error in errors if error["retryable"]], "true")
    lines += ["    default: false", "    }", "  }", ""]
    lines.append("  /// The HTTP status of an answer that carries this code; nil if none ever does.")
    lines += ["  public var httpStatus: Int? {", "    switch self {"]
    for status in sorted({error["http"] for error in errors if error["http"] is not None}):
        names = [camel(error["name"]) for error in errors if error["http"] == status]
        lines += cases(names, str(status))
    lines += ["    default: nil", "    }", "  }", "}"]
    return "\n".join(lines) + "\n"


def value_case(name, text):
    """`case .name: "text"` of a switch, wrapped."""
    line = f"    case .{name}: {json.dumps(text)}"
    return [line] if len(line) <= WIDTH else [f"    case .{name}:", f"      {json.dumps(text)}"]


def cases(names, value, indent="    "):
    """A `case .a, .b: value` of a switch, wrapped."""
    text = "case " + ", ".join("." + name for name in names) + ":"
    if len(indent + text) + 1 + len(value) <= WIDTH:
        return [f"{indent}{text} {value}"]
    return filled(text, indent, indent + "  ") + [f"{indent}  {value}"]
