"""Swift that holds a valid frame of every kind, for the fuzzer to start from."""

import json
import textwrap

from swift_source import HEADER


def corpus(registry, folder):
    """FrameCorpus.swift, from the vectors in `folder`."""
    lines = [HEADER, "/// Valid frames in hexadecimal, the fullest of each kind."]
    lines += ["enum FrameCorpus {", "  /// Frames, one behind a blank line each.", '  static let text = """']
    for name in registry.messages:
        vectors = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        fullest = max(vectors, key=lambda vector: len(vector["frame"]))
        lines += [f"    {line}" for line in textwrap.wrap(fullest["frame"], 94)] + [""]
    return "\n".join(lines[:-1] + ['    """', "}"]) + "\n"
