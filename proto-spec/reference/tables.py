"""The tables of the documents: the text between two marks of a document follows from the registry."""

import re

MARK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.S)


def fill(text, registry):
    """`text` with every marked table made anew."""
    return MARK.sub(lambda mark: mark[1] + table(mark[2], registry) + mark[3], text)


def rows(heads, lines):
    """A Markdown table, with the empty line that ends it."""
    out = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    out += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n" + "\n".join(out) + "\n\n"


def table(name, registry):
    """The table called `name`."""
    makers = {
        "services": services,
        "enums": enums,
        "structs": structs,
        "errors": errors,
        "error-pages": error_pages,
        "numbers": numbers,
    }
    if name in makers:
        return makers[name](registry)
    return messages(registry, name)


def numbers(registry):
    """All messages in one list."""
    return rows(
        ["Number", "Message", "Class", "Direction", "Payload at most", "Meaning"],
        [
            [m["number"], f"`{m['name']}`", m["class"], m["direction"], f"{m['payloadMax']:,}", m["doc"]]
            for m in registry.messages.values()
        ],
    )


def fields(owner):
    if not owner["fields"]:
        return "\nNo fields.\n\n"
    return rows(
        ["Field", "Type", "Meaning"],
        [[f"`{f['name']}`", f"`{f['type']}`", f["doc"]] for f in owner["fields"]],
    )


def messages(registry, group):
    """The fields of every message of a group."""
    chosen = [m for m in registry.messages.values() if m["group"] == group]
    if not chosen:
        raise ValueError(f"no table is called {group}")
    return "".join(
        f"\n### {m['number']} {m['name']}\n\n"
        f"{m['doc']} ({m['direction']}; {m['class']}; at most {m['payloadMax']:,} bytes)\n{fields(m)}"
        for m in chosen
    )


def structs(registry):
    """The fields of every struct."""
    return "".join(
        f"\n### {s['name']}\n\n{s['doc']}\n{fields(s)}" for s in registry.structs.values()
    )


def enums(registry):
    """The values of every enum and bit set."""
    out = ""
    for entry in [*registry.enums.values(), *registry.bitsets.values()]:
        kind = entry.get("type", "u8")
        out += f"\n### {entry['name']}: {kind}\n\n{entry['doc']}\n"
        cases = [[case["value"], f"`{case['name']}`", case["doc"]] for case in entry["cases"]]
        out += rows(["Value", "Name", "Meaning"], cases)
    return out


def services(registry):
    """What each path carries."""
    out = ""
    for service in registry.services:
        out += f"\n### `{service['path']}`\n\n{service['doc']}\n\n"
        out += f"- Opened by: {', '.join(service['initiators'])}.\n"
        for direction, text in (("requests", "initiator"), ("responses", "responder")):
            names = ", ".join(f"`{name}`" for name in service[direction])
            out += f"- The {text} sends: {names}.\n"
        out += "\n"
    return out


def errors(registry):
    """Every error code."""
    return rows(
        ["Code", "Name", "Retry", "HTTP", "Meaning", "What would be right"],
        [
            [
                e["code"],
                f"`{e['name']}`",
                "yes" if e["retryable"] else "",
                e["http"] or "",
                e["meaning"],
                e["remedy"],
            ]
            for e in registry.errors
        ],
    )


def error_pages(registry):
    """A section for every error code: what it means to whoever runs a cluster looks it up by its name."""
    out = ""
    for e in registry.errors:
        facts = [f"Code {e['code']}"]
        facts.append(f"HTTP {e['http']}" if e["http"] else "never reaches HTTP")
        if e["retryable"]:
            facts.append("the same request may succeed later")
        out += f"\n### {e['name']}\n\n{e['meaning']} {e['remedy']}\n({'; '.join(facts)}.)\n"
    return out + "\n"
