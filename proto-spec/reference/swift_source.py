"""Swift from the registry, laid out as swift-format would lay it out."""

import textwrap

HEADER = "// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.\n"
WIDTH = 100


def camel(name):
    """snake_case as camelCase."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def doc(text, indent=""):
    """A documentation comment: the first sentence is its summary, the rest its discussion."""
    summary, _, discussion = text.partition(". ")
    paragraphs = [summary + "."] if discussion else [text]
    if discussion:
        paragraphs.append(discussion)
    lines = []
    for number, paragraph in enumerate(paragraphs):
        if number:
            lines.append(f"{indent}///")
        lines += [
            f"{indent}/// {line}" for line in textwrap.wrap(paragraph, WIDTH - len(indent) - 4)
        ]
    return lines


def error_codes(spec):
    """Sources/ExchangeTypes/ErrorCode.swift."""
    errors = [error for error in spec["errors"] if not error.get("retired")]
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
    lines.append("  /// Whether the same request, sent again later or elsewhere, may succeed.")
    lines += ["  public var isRetryable: Bool {", "    switch self {"]
    lines += cases([error for error in errors if error["retryable"]], "true")
    lines += ["    default: false", "    }", "  }", ""]
    lines.append("  /// The HTTP status of an answer that carries this code; nil if none ever does.")
    lines += ["  public var httpStatus: Int? {", "    switch self {"]
    for status in sorted({error["http"] for error in errors if error["http"] is not None}):
        lines += cases([error for error in errors if error["http"] == status], str(status))
    lines += ["    default: nil", "    }", "  }", "}"]
    return "\n".join(lines) + "\n"


def cases(errors, value):
    """A `case .a, .b: value` of a switch, wrapped."""
    text = "case " + ", ".join("." + camel(error["name"]) for error in errors) + f": {value}"
    wrapped = textwrap.wrap(
        text, WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
    )
    if len(wrapped) == 1:
        return wrapped
    body = text[: -len(f" {value}")]
    wrapped = textwrap.wrap(body, WIDTH, initial_indent="    ", subsequent_indent="      ")
    return wrapped + [f"      {value}"]
