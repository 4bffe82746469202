#!/usr/bin/env python3
"""Writes everything that follows from registry.json: Swift sources and the tables of the documents.

    python3 generate.py            write what is stale
    python3 generate.py --check    write nothing; exit 1 and name what is stale

Python 3.9 or later, standard library only. registry.py reads the registry; swift_source.py,
swift_fields.py, swift_messages.py, swift_tests.py and swift_corpus.py make the Swift; tables.py
makes the tables.
"""

import pathlib
import sys

import registry
import swift_corpus
import swift_messages
import swift_source
import swift_tests
import tables

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPEC = ROOT / "proto-spec"
WIRE = ROOT / "Sources" / "WireProtocol"


def products(spec):
    """Every generated file and its text."""
    yield ROOT / "Sources/ExchangeTypes/ErrorCode.swift", swift_source.error_codes(spec)
    for name, text in swift_messages.MessageSource(spec).files():
        yield WIRE / "Generated" / name, text
    for name, text in swift_tests.TestSource(spec).files():
        yield ROOT / "Tests/WireProtocolTests/Generated" / name, text
    corpus = swift_corpus.corpus(spec, SPEC / "vectors/valid")
    yield ROOT / "Sources/yard-bench/FrameCorpus.swift", corpus
    documents = [SPEC / name for name in ("messages.md", "errors.md", "handshake.md")]
    for path in [*documents, ROOT / "deploy/runbook.md"]:
        yield path, tables.fill(path.read_text(encoding="utf-8"), spec)


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = 0
    for path, text in products(registry.load(SPEC / "registry.json")):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(("stale: " if arguments else "wrote: ") + str(path.relative_to(ROOT)))
        if not arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
