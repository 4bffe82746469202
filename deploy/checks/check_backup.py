#!/usr/bin/env python3
"""A backup that is taken while jobs are submitted, and a cluster that begins again from it; `yard doctor` on the way."""

import json
import os
import shutil
import subprocess

from cluster import Coordinators, Parties
from product import STORIES, YARD, Child, Failed, expect, folder, free_ports, main, wait_for


def yard(*words, **environment):
    """A command that asks no cluster."""
    done = subprocess.run([YARD, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "XDG_CONFIG_HOME": "/nowhere", **environment})
    return done.returncode, done.stdout, done.stderr


def findings(done):
    """What `yard doctor --output json` said, by check: the levels."""
    found = {}
    for line in done.lines:
        found.setdefault(line["check"], []).append(line["level"])
        expect(line["level"] in ("ok", "unknown") or line["advice"], f"nothing to do is said: {line}")
    return found


def worker(group, parties, address):
    """The worker; it knows the restored coordinator's address as well."""
    return Child(
        [YARD, "worker", "run", "--join", ",".join([*group.addresses, address]), "--engine", "builtin", "--name", "w1", "--dir",
         f"{group.home}/workers/w1", "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
        f"{group.scratch}/worker-w1.log", {"YARD_KEY": parties.supplier_key})


def heard(group):
    """What the worker says of itself."""
    code, out, err = yard("worker", "status", "--dir", f"{group.home}/workers/w1", "--output", "json")
    expect(code == 0, err)
    return json.loads(out)


def move_leadership(group):
    """Two more elections, of which the worker hears: the terms that a restored cluster would begin with are taken."""
    def moved():
        leader = group.leader()
        return leader and group.cluster.yard("cluster", "transfer", leader % 3 + 1, "--patience", 60).code == 0

    for _ in range(2):
        wait_for("leadership to move", moved)
    term = max(status["term"] for status in group.statuses())
    wait_for("the worker to hear of it", lambda: heard(group)["term"] >= term)
    return term


def backup():
    """a backup under load is verified, refused where it is damaged or foreign, and restored as a cluster that goes on"""
    with folder() as scratch:
        group = Coordinators(scratch)
        restored, running, ringless = None, None, []
        address = f"127.0.0.1:{free_ports(1)[0]}"
        try:
            parties = Parties(group.cluster)
            running = worker(group, parties, address)
            done = group.cluster.yard("run", "-m", STORIES, "--max-tokens", "30", "--output", "json", "A story",
                                      key=parties.consumer_key)
            expect(done.code == 0, done)
            job = done.lines[-1]["ended"]
            group.agree()  # the end of the job, and whatever was before it, is on all three
            before = min(status["applied_index"] for status in group.statuses())
            healthy = group.cluster.yard("doctor", "--dir", f"{group.home}/workers/w1", "--output", "json")
            found = findings(healthy)
            for check in ("coordinators", "quorum", "lag", "storage", "versions", "agreement", "certificate", "engine"):
                expect(set(found.get(check, [])) == {"ok"}, f"{check}: {found.get(check)}, {healthy}")
            refused = group.cluster.yard("doctor", "--identity", f"{group.home}/coordinator-1/identity", "--output", "json")
            found = findings(refused)
            expect(refused.code == 0 and found["coordinators"] == found["quorum"] == ["unknown"],
                   f"of a healthy cluster that refuses who asks nothing is known: {refused}")

            quiet = of_the_leader(group, scratch)
            expect(quiet["index"] > before, f"what was created before the backup of the leader is in it: {quiet}, {before}")

            running.stop()  # jobs of the load wait
            load = group.cluster.spawn("check", "perf", "--model", STORIES, "--clients", 8, "--accounts", 2, "--connections",
                                       2, "--seconds", 5, "--patience", 60)
            wait_for("clients to submit", lambda: group.applied() > quiet["index"] + 4)  # as many as one round of one
            file = scratch + "/switchyard.backup"
            made = taken(group, 2, file)
            out, err = load.communicate(timeout=120)
            expect(load.returncode == 0 and json.loads(out)["failures"] == 0, err.decode()[-600:])
            expect(made["index"] >= before and os.stat(file).st_mode & 0o077 == 0, made)
            asked = group.cluster.yard("backup", "--dir", f"{group.home}/coordinator-2", scratch + "/asked.backup", "--patience", "120",
                                       "--output", "json")
            expect(asked.code == 0 and made["index"] <= asked.lines[0]["committed"] <= asked.lines[0]["index"]
                   and asked.lines[0]["entries_behind"] == 0 and made["committed"] is None, (asked, made))
            code, _, err = yard("backup", "--dir", f"{group.home}/coordinator-2", file)
            expect(code == 3 and "is there already" in err, err)
            refusals(scratch, group, file)

            running = worker(group, parties, address)
            before = move_leadership(group)
            group.agree()
            end = next(status["applied_index"] for status in group.statuses() if status["replica"] == 3)
            for number in (1, 2, 3):
                group.kill(number)
            code, out, err = yard("backup", "--dir", f"{group.home}/coordinator-3", scratch + "/stopped.backup", "--patience",
                                  "0", "--output", "json")
            expect(code == 0, err)
            stopped = json.loads(out)
            expect(stopped["index"] + stopped["entries_behind"] >= end, f"entries up to {end} are neither in it nor told of: {stopped}")
            code, _, err = yard("doctor", "--endpoint", group.addresses[0], "--identity", group.cluster.identity, "--key",
                                group.root, "--patience", "1")
            expect(code == 3 and "quorum" in err, err)
            restored = again(group, file, made, address)
            status = [line["status"] for line in group.cluster.yard("status", "--output", "json").lines if "status" in line]
            expect(status[0]["applied_index"] >= made["index"], (status, made))
            kept = group.cluster.yard("job", job["job"], "--output", "json", key=parties.consumer_key)
            expect(kept.code == 0 and all(kept.lines[0][name] == job[name] for name in ("state", "events", "charge_nano")),
                   (kept, job))
            wait_for("the worker, which has run all the time, to be taken by 4", lambda: heard(group)["leader"] == 4)
            expect(heard(group)["term"] > before, heard(group))
            done = group.cluster.yard("run", "-m", STORIES, "--max-tokens", "10", "--output", "json", "Another",
                                      key=parties.consumer_key)
            expect(done.code == 0 and done.lines[-1]["ended"]["job"] > job["job"], done)
            members = group.cluster.yard("cluster", "status", "--output", "json").lines[0]["members"]
            expect([m["replica"] for m in members if m["role"] == "voter"] == [4], members)
            expect(sorted(m["replica"] for m in members if m["role"] == "retired") == [1, 2, 3], members)
            restored.stop()
            ringless = without_keys(group, file, job, parties)
        finally:
            for child in (running, restored, *ringless):
                if child:
                    child.stop()
            for number in list(group.running):
                group.running[number].stop()


def of_the_leader(group, scratch):
    """A backup of the leader, right after an account was created; of another try, if leadership changed meanwhile."""
    for number in range(10):
        leader = wait_for("a leader", group.leader)
        created = group.cluster.yard("account", "create", f"created-a-moment-ago-{number}")
        expect(created.code == 0, created)
        made = taken(group, leader, f"{scratch}/quiet-{number}.backup")
        if group.leader() == leader:
            return made
    raise Failed("leadership changes all the time")


def taken(group, number, file):
    """A backup of coordinator `number` that has all that its log had when it began, however slow the machine is."""
    code, out, err = yard("backup", "--dir", f"{group.home}/coordinator-{number}", file, "--patience", "120", "--output",
                          "json")
    expect(code == 0 and json.loads(out)["entries_behind"] == 0, f"exit {code}, {out}, {err}")
    return json.loads(out)


def refusals(scratch, group, file):
    """What is damaged, or of another cluster, says so."""
    whole = open(file, "rb").read()
    middle = len(whole) // 2
    for name, content, word in (("cut", whole[:middle], "cut short"), ("other", b"no backup at all, but long enough", "not a backup"),
                                ("changed", whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:], "damaged")):
        path = f"{scratch}/{name}.backup"
        with open(path, "wb") as out:
            out.write(content)
        code, _, err = yard("restore", path, "--verify")
        expect(code == 3 and word in err, f"{name}: exit {code}, {err}")
    code, out, err = yard("restore", file, "--verify")
    expect(code == 0 and "whole" in out, err)
    foreign = scratch + "/foreign"
    expect(yard("init", foreign, "--coordinators", "1")[0] == 0, "yard init")
    code, _, err = yard("restore", file, "--dir", foreign + "/coordinator-1", "--id", "4", "--address", "127.0.0.1:1")
    expect(code == 3 and "of cluster" in err, err)
    code, _, err = yard("restore", file, "--dir", group.home + "/coordinator-2", "--id", "2", "--address", "127.0.0.1:1")
    expect(code == 3 and "above 3" in err, err)


def without_keys(group, file, job, parties):
    """Coordinator 5, which begins with the backup and without a key ring: nobody has the old key, and 6 gets a vote all the same."""
    children, peers = [], []
    for number, port in zip((5, 6), free_ports(2)):
        address = f"127.0.0.1:{port}"
        prepared = group.cluster.yard("cluster", "prepare", group.home, number)
        expect(prepared.code == 0, prepared)
        directory = prepared.text.strip()
        os.remove(directory + "/keyring")
        if not children:
            code, _, err = yard("restore", file, "--dir", directory, "--id", str(number), "--address", address)
            expect(code == 0, err)
        peers.append(f"{number}={address}")
        children.append(Child(
            [YARD, "coordinator", "--id", str(number), "--join", "--listen", address, "--peers", ",".join(peers), "--dir", directory,
             "--end-with-input"], f"{group.scratch}/coordinator-{number}.log"))
        if number == 5:
            group.addresses = group.cluster.endpoints = [address]
            wait_for("coordinator 5 to lead", lambda: group.leader() == 5)
    lost = group.cluster.yard("result", job["job"], key=parties.consumer_key)
    expect(lost.code != 0 and "keyrings" in lost.err, f"what was sealed under a lost key is not read: {lost}")
    added = group.cluster.yard("cluster", "add", 6, peers[-1].split("=")[1], "--patience", 60)
    expect(added.code == 0, added)
    promoted = group.cluster.yard("cluster", "promote", 6, "--patience", 60, "--output", "json")
    expect(promoted.code == 0, promoted)
    expect(sorted(m["replica"] for m in promoted.lines[0]["members"] if m["role"] == "voter") == [5, 6], promoted)
    return children


def again(group, file, made, address):
    """A new coordinator, 4, that begins with the backup; the key ring was kept beside it."""
    prepared = group.cluster.yard("cluster", "prepare", group.home, 4)
    expect(prepared.code == 0, prepared)
    directory = prepared.text.strip()
    shutil.copy(group.home + "/coordinator-2/keyring", directory + "/keyring")
    code, _, err = yard("restore", file, "--dir", directory, "--id", "5", "--address", address)
    expect(code == 3 and "not of coordinator 5" in err, f"it is not refused that nothing could be started there: {code}, {err}")
    code, out, err = yard("restore", file, "--dir", directory, "--id", "4", "--address", address, "--output", "json")
    expect(code == 0 and json.loads(out)["digest"] == made["digest"], err)
    restored = Child(
        [YARD, "coordinator", "--id", "4", "--join", "--listen", address, "--peers", f"4={address}", "--dir", directory,
         "--end-with-input"], f"{group.scratch}/coordinator-4.log")
    group.addresses = [address]
    group.cluster.endpoints = [address]
    wait_for("coordinator 4 to lead", lambda: group.leader() == 4)
    return restored


main([backup])
