#!/usr/bin/env python3
"""Configuration files: every option is in them, what is wrong is named by line and key, and nodes start from them."""

import os
import re
import subprocess

from product import YARD, Child, expect, folder, free_ports, main

ROLES = {"coordinator": ["coordinator"], "worker": ["worker", "run"], "gateway": ["gateway"]}
GATEWAY = "role: gateway\nlisten: 127.0.0.1:0\njoin:\n  - 127.0.0.1:1   # the first\n  - '127.0.0.1:2'\ninsecure: true\n"


def yard(*words):
    done = subprocess.run([YARD, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def write(path, text, mode=0o600):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def examples():
    """the example of each role has every option that its help has, and only those"""
    for role, words in ROLES.items():
        code, text, err = yard("config", "example", role)
        expect(code == 0, err)
        keys = set(re.findall(r"^# ([a-z][a-z-]*): ", text, re.M))
        told = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", yard("help", *words)[1], re.M))
        expect(keys == told - {"config", "help", "version"}, f"{role}: {keys ^ told}")


def mistakes():
    """whatever is wrong with a file is named by its line and key"""
    with folder() as scratch:
        path = scratch + "/node.yaml"
        code, out, err = yard("config", "check", write(path, GATEWAY))
        expect(code == 0 and "5 keys" not in out and "3 keys" in out, out + err)
        for text, line, word in (
                ("listen: 127.0.0.1:0\n", 1, "role"), ("role: king\n", 1, "none of"),
                (GATEWAY + "lisen: 127.0.0.1:1\n", 7, "lisen: no option"), (GATEWAY + "links: many\n", 7, "links"),
                (GATEWAY + "links: 99\n", 7, "links: --links is 99"), (GATEWAY + "threads: 1\nthreads: 2\n", 8, "line 7"),
                (GATEWAY + "share-port: yes\n", 7, "true or false"), (GATEWAY + "drain:\n", 7, "no value"),
                (GATEWAY + "links: [1]\n", 7, "in quotes"), (GATEWAY + "a\n", 7, "key: value"),
                (GATEWAY + "\tlinks: 1\n", 7, "tab"), (GATEWAY + "  links: 1\n", 7, "indented"),
                (GATEWAY + 'dir: "unfinished\n', 7, "closing quote"), (GATEWAY + "dir: 'a' b\n", 7, "after the closing"),
                (GATEWAY.replace("127.0.0.1:0", "nowhere"), 2, "listen")):
            code, _, err = yard("config", "check", write(path, text))
            expect(code == 2 and f"{path}:{line}: " in err and word in err, f"{text!r}: exit {code}, {err}")
        code, _, err = yard("coordinator", "--config", write(path, GATEWAY))
        expect(code == 2 and "gateway's" in err, err)
        code, _, err = yard("config", "check", write(path, "role: worker\nkey: sy_1_x\n", 0o644))
        expect(code == 2 and ":2: key: anybody may read it" in err, err)
        code, _, err = yard("gateway", "--config", scratch + "/none.yaml")
        expect(code == 2 and "cannot be read" in err, err)


def start():
    """nodes start from files, and what is given as well wins"""
    with folder() as scratch:
        home = scratch + "/cluster"
        expect(yard("init", home, "--coordinators", "1")[0] == 0, "yard init")
        port, other = free_ports(2)
        path = write(scratch + "/coordinator.yaml",
                     f"role: coordinator\nid: 1\nlisten: 127.0.0.1:{other}\npeers:\n  - 1=127.0.0.1:{port}\n"
                     f"dir: \"{home}/coordinator-1\"\nend-with-input: true\nkeep-log: 16\n")
        child = Child([YARD, "coordinator", "--config", path, "--listen", f"127.0.0.1:{port}"], scratch + "/log")
        child.stop()
        expect(child.ready["address"] == f"127.0.0.1:{port}", child.ready)


main([examples, mistakes, start])
