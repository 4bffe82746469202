"""Reads registry.json and refuses one that contradicts itself."""

import json


def load(path):
    """The registry, checked."""
    spec = json.loads(path.read_text(encoding="utf-8"))
    check(spec)
    return spec


def unique(values, what):
    values = list(values)
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what} {value} is given twice")


def check(spec):
    """Names and numbers are given once and in order."""
    unique((error["code"] for error in spec["errors"]), "error code")
    unique((error["name"] for error in spec["errors"]), "error name")
