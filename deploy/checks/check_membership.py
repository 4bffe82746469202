#!/usr/bin/env python3
"""Coordinators come and go in order, under load: leaders are restarted by SIGTERM; the cluster grows, one loses its
disk and is replaced under a new id, and it shrinks again.

Clients submit all the time (`yard check perf`); what is printed is the longest time in which none of them got an answer.
"""

import json
import shutil
import signal

from cluster import Coordinators, Parties
from product import YARD, Child, Failed, expect, folder, free_ports, main, wait_for

MODEL = "switchyard-stories"


def waiting_jobs(group, parties):
    """A model that is offered by a worker that has left: jobs for it wait, and none runs."""
    worker = Child(
        [YARD, "worker", "run", "--join", ",".join(group.addresses), "--engine", "builtin", "--name", "w1",
         "--dir", f"{group.home}/workers/w1", "--price-input", "0.2", "--price-output", "0.6", "--end-with-input"],
        f"{group.scratch}/worker-w1.log", {"YARD_KEY": parties.supplier_key})
    drained = group.cluster.yard("worker", "drain", "--dir", f"{group.home}/workers/w1")
    expect(drained.code == 0, drained)
    wait_for("the worker to leave", lambda: worker.process.poll() is not None)


def load(group, seconds):
    """Clients that submit for so long, in the background; they have begun."""
    before = group.applied()
    clients = group.cluster.spawn("check", "perf", "--model", MODEL, "--clients", 16, "--accounts", 2,
                                  "--connections", 2, "--seconds", seconds, "--patience", 60)
    # What was applied stays so, where a queue that is looked at too late is empty again; and one round of one client is more
    # than its account and key, however slow the machine is.
    wait_for("clients to submit", lambda: group.applied() > before + 4)
    return clients


def measured(process):
    """What the clients saw, once they have ended."""
    out, err = process.communicate(timeout=120)
    expect(process.returncode == 0, err.decode(errors="replace")[-600:])
    report = json.loads(out)
    expect(report["failures"] == 0, f"{report}: {err.decode(errors='replace')[-600:]}")
    return report


def restart(group, number):
    """SIGTERM, and a new process when the old one has ended."""
    child = group.running[number]
    child.process.send_signal(signal.SIGTERM)
    expect(child.process.wait(300) == 0, f"coordinator {number} ended with {child.process.returncode}")
    group.start(number)


def rolling_restart():
    """the leader is restarted by SIGTERM, three times, while clients submit: none is refused"""
    with folder() as scratch:
        group = Coordinators(scratch, 3, ("w1",))
        try:
            parties = Parties(group.cluster)
            waiting_jobs(group, parties)
            gaps = []
            for _ in range(3):
                leader = wait_for("a leader", group.leader)
                clients = load(group, 2)
                restart(group, leader)
                gaps.append(measured(clients)["gap_max_ms"])
            print(f"longest gaps in ms: {', '.join(map(str, gaps))}", flush=True)
            group.agree()
        finally:
            group.stop()


def change(group, *arguments):
    """`yard cluster …`, which must succeed; the members by id."""
    done = group.cluster.yard("cluster", *arguments, "--output", "json", "--patience", 60)
    expect(done.code == 0, done)
    return {member["replica"]: member for member in done.lines[0]["members"]}


def refused(group, word, *arguments):
    """`yard cluster …`, which must be refused with this word."""
    done = group.cluster.yard("cluster", *arguments, "--patience", 5)
    expect(done.code == 3 and word in done.err, done)


def voters(members):
    return sorted(number for number, member in members.items() if member["role"] == "voter")


def add(group, number, address, peers):
    """A new coordinator, started and added."""
    made = group.cluster.yard("cluster", "prepare", group.home, number)
    expect(made.code == 0, made)
    launch(group, number, address, peers, made.text.strip())
    return change(group, "add", number, address)


def launch(group, number, address, peers, directory):
    """A coordinator that joins, or goes on after it has."""
    group.running[number] = Child(
        [YARD, "coordinator", "--id", str(number), "--join", "--listen", address, "--peers",
         ",".join([*peers, f"{number}={address}"]), "--dir", directory, "--end-with-input"],
        f"{group.scratch}/coordinator-{number}.log")


def join(group, number, address, peers):
    """A new coordinator, added and promoted."""
    add(group, number, address, peers)
    return change(group, "promote", number)


def is_founded_again(group, number):
    """Whether a coordinator without its data starts under its old id."""
    try:
        group.start(number)
    except Failed as failure:
        expect("new id" in str(failure), failure)
        return False
    return True


def grows_and_shrinks():
    """a cluster grows to four, replaces a coordinator that lost its disk, and shrinks to three, under load"""
    with folder() as scratch:
        group = Coordinators(scratch, 3, ("w1",))
        try:
            parties = Parties(group.cluster)
            waiting_jobs(group, parties)
            peers = group.peers.split(",")
            jobs = set()
            for _ in range(3):
                done = group.cluster.yard("submit", "-m", MODEL, "Once", "--output", "json", key=parties.consumer_key)
                expect(done.code == 0, done)
                jobs.add(done.lines[0]["job"])
            clients = load(group, 7)

            fourth = f"127.0.0.1:{free_ports(1)[0]}"
            expect(voters(join(group, 4, fourth, peers)) == [1, 2, 3, 4], "there are not four voters")
            leader = wait_for("a leader", group.leader)
            lost, kept = [number for number in (1, 2, 3) if number != leader][:2]
            group.kill(lost)
            shutil.rmtree(f"{group.home}/coordinator-{lost}/data")
            expect(not is_founded_again(group, lost), "a coordinator without its data began anew")
            others = [peer for peer in peers if not peer.startswith(f"{lost}=")]
            others.append(f"4={fourth}")
            fifth = f"127.0.0.1:{free_ports(1)[0]}"
            add(group, 5, fifth, others)
            # The lost one's place is taken in what commands are told, too: they ask every endpoint for its own status.
            group.cluster.endpoints = [*(address for number, address in enumerate(group.addresses, 1) if number != lost),
                                       fifth]
            refused(group, "remove it first", "promote", 5)  # at once: it would not know who votes
            change(group, "remove", lost)
            refused(group, "ids only rise", "add", lost, group.addresses[lost - 1])
            members = change(group, "promote", 5)
            expect(voters(members) == sorted([leader, kept, 4, 5]), members)

            change(group, "transfer", 5)
            expect(wait_for("a leader", group.leader) == 5, "5 does not lead")
            refused(group, "transfer leadership", "remove", 5)
            members = change(group, "demote", 4)
            expect(voters(members) == sorted([leader, kept, 5]), members)
            members = change(group, "remove", 4)
            group.running.pop(4).stop()
            expect(voters(members) == sorted([leader, kept, 5]), members)
            report = measured(clients)
            print(f"{report['commits']} submits, longest gap {report['gap_max_ms']} ms", flush=True)

            group.kill(kept)
            group.running.pop(lost, None)
            wait_for("the leader to miss it", lambda: (change(group, "status")[kept]["contact_age_ms"] or 1e9) > 1_000)
            refused(group, "majority_at_risk", "remove", leader)
            group.start(kept)
            listed = group.cluster.yard("jobs", "--output", "json", key=parties.consumer_key).lines
            expect(jobs <= {line["job"] for line in listed}, f"{jobs} were acknowledged: {listed}")
            group.agree()
        finally:
            group.stop()


def was_away():
    """a learner that was down while its leader was added finds him, catches up and gets its vote"""
    with folder() as scratch:
        group = Coordinators(scratch, 3, ("w1",))
        try:
            peers = group.peers.split(",")
            fourth, fifth = (f"127.0.0.1:{port}" for port in free_ports(2))
            add(group, 4, fourth, peers)
            wait_for("4 to follow", lambda: (change(group, "status")[4]["contact_age_ms"] or 1e9) < 1_000)
            group.kill(4)
            join(group, 5, fifth, [*peers, f"4={fourth}"])
            group.cluster.endpoints = [*group.addresses, fifth]
            change(group, "transfer", 5)
            wait_for("5 to lead", lambda: group.leader() == 5)
            # Its log and its command line know nothing of 5.
            launch(group, 4, fourth, peers, f"{group.home}/coordinator-4")
            expect(voters(change(group, "promote", 4)) == [1, 2, 3, 4, 5], "4 has no vote")
        finally:
            group.stop()


main([rolling_restart, grows_and_shrinks, was_away])
