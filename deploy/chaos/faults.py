"""Every kind of fault: how it is brought about, how it is undone, and the sign that it was really there.

A kind is a function of (world, seconds) that injects, waits, heals, and answers what it saw of its own effect, in
words; None if the fault had none (then it has not fired). It raises `Violation` where a promise breaks under it.
"""

import errno
import os
import re
import shutil
import threading
import time

from world import REFUSAL, Violation, damage, demand, sh, until

#: Name → (lane, function). A lane carries out one fault at a time: so no majority of coordinators is ever down but by
#: the kinds that mean it.
KINDS = {}


def kind(name, lane):
    def named(function):
        KINDS[name] = (lane, function)
        return function
    return named


def hold(world, seconds):
    """A while under the fault."""
    world.timeline.say("under", seconds=round(seconds, 1))
    time.sleep(seconds)


def back(node):
    """What ended, as it should, starts again, as it must."""
    node.is_wanted = node.may_stop = False
    node.start()
    demand(node.wait_ready(), f"{node.name} did not start again (exit {node.process.poll()}): {node.tail()}")


# Processes

@kind("kill-leader", "coordinators")
def kill_leader(world, seconds):
    node = world.a_leader()
    node.kill()
    hold(world, seconds)
    back(node)
    return f"{node.name} led"


@kind("kill-follower", "coordinators")
def kill_follower(world, seconds):
    node = world.random.choice(world.followers())
    node.kill()
    hold(world, seconds)
    back(node)
    return node.name


@kind("kill-all-coordinators", "coordinators")
def kill_all(world, seconds):
    for node in world.coordinators:
        node.kill()
    hold(world, min(seconds, 2))
    for node in world.random.sample(world.coordinators, len(world.coordinators)):
        back(node)
    return f"{len(world.coordinators)} at once"


@kind("restart-leader", "coordinators")
def restart_leader(world, seconds):
    node = world.a_leader()
    code = node.terminate()
    demand(code == 0, f"{node.name} ended with {code} after SIGTERM: {node.tail()}")
    back(node)
    return node.name


def paused(world, node, seconds):
    node.pause()
    hold(world, seconds)
    node.resume()
    return f"{node.name} for {seconds:.1f} s"


@kind("pause-leader", "coordinators")
def pause_leader(world, seconds):
    return paused(world, world.a_leader(), seconds)


@kind("pause-follower", "coordinators")
def pause_follower(world, seconds):
    return paused(world, world.random.choice(world.followers()), seconds)


@kind("kill-worker", "edges")
def kill_worker(world, seconds):
    node = world.random.choice(world.workers)
    node.kill()
    hold(world, seconds)
    back(node)
    return node.name


@kind("pause-worker", "edges")
def pause_worker(world, seconds):
    return paused(world, world.random.choice(world.workers), seconds)


@kind("reclaim-worker", "edges")
def reclaim_worker(world, seconds):
    """The owner takes the machine back: the worker is gone within five seconds (P7)."""
    node = world.random.choice(world.workers)
    node.is_wanted = False
    began = time.monotonic()
    done = world.yard("worker", "reclaim", "--dir", f"{world.home}/workers/{node.name}")
    demand(done.code == 0, f"reclaim: {done}")
    until(f"{node.name}, reclaimed, to be gone", lambda: not node.is_running, 10)
    took = time.monotonic() - began
    hold(world, seconds / 2)
    back(node)
    return f"{node.name} gone after {took:.1f} s"


@kind("kill-gateway", "edges")
def kill_gateway(world, seconds):
    node = world.random.choice(world.gateways)
    node.kill()
    hold(world, seconds / 2)
    back(node)
    return node.name


@kind("pause-gateway", "edges")
def pause_gateway(world, seconds):
    node = world.random.choice(world.gateways)
    found = paused(world, node, seconds)
    node.cuts.append(time.monotonic())
    return found


# The network

def disturbed(world, seconds, pairs, counter, during=None, **rule):
    """A rule of the wire in these directions for a while; how many packets it met, if any."""
    before = world.wire.count()[counter]
    for sources, targets in pairs:
        world.wire.rule(sources, targets, **rule)
    try:
        if during:
            during()
        hold(world, seconds)
    finally:
        for sources, targets in pairs:
            world.wire.rule(sources, targets)
    met = world.wire.count()[counter] - before
    return f"{met} packets {counter}" if met else None


def others(world, node):
    return [other.name for other in world.coordinators if other is not node]


def serves_nobody(world, node):
    """Outside the majority, a coordinator acknowledges nothing and does not lead, though clients reach it."""
    def check():
        time.sleep(2)  # twice the time after which a leader that hears no majority steps down, and as much again
        done = world.yard("submit", "-m", "chaos", "--max-tokens", 1, "--endpoint", node.endpoint, "--patience", 1,
                          "Job x0: 1 tokens", key=world.consumer_key)
        demand(done.code == 4, f"{node.name} is cut off from the others, and serves: {done}")
        done = world.yard("status", "--endpoint", node.endpoint, "--patience", 2, "--output", "json")
        roles = [line["status"]["role"] for line in done.lines if "status" in line]
        demand("leader" not in roles, f"{node.name} is cut off from the others, and says that it leads: {done}")
    return check


def cut_off(world, node, seconds, ways):
    rest, own = others(world, node), [node.name]
    pairs = [pair for way, pair in (("out", (own, rest)), ("in", (rest, own))) if way in ways]
    found = disturbed(world, max(0.5, seconds - 3), pairs, "lost", serves_nobody(world, node), loss=100)
    return found and f"{node.name} {'and '.join(ways)}: {found}"


@kind("partition-leader", "coordinators")
def partition_leader(world, seconds):
    return cut_off(world, world.a_leader(), seconds, ("out", "in"))


@kind("partition-follower", "coordinators")
def partition_follower(world, seconds):
    return cut_off(world, world.random.choice(world.followers()), seconds, ("out", "in"))


@kind("one-way-from-leader", "coordinators")
def one_way_out(world, seconds):
    return cut_off(world, world.a_leader(), seconds, ("out",))


@kind("one-way-to-leader", "coordinators")
def one_way_in(world, seconds):
    return cut_off(world, world.a_leader(), seconds, ("in",))


@kind("one-way-to-follower", "coordinators")
def one_way_in_follower(world, seconds):
    return cut_off(world, world.random.choice(world.followers()), seconds, ("in",))


@kind("partition-all", "coordinators")
def partition_all(world, seconds):
    """No two coordinators hear each other: nobody may lead."""
    names = world.names("coordinator")
    found = disturbed(world, min(seconds, 4), [(names, names)], "lost", loss=100)
    return found


def everyone(world):
    return [(world.names("coordinator"), [*world.addresses]), ([*world.addresses], world.names("coordinator"))]


@kind("loss", "coordinators")
def loss(world, seconds):
    percent = world.random.choice((2, 5, 10))
    return disturbed(world, seconds, everyone(world), "lost", loss=percent)


@kind("delay", "coordinators")
def delay(world, seconds):
    return disturbed(world, seconds, everyone(world), "delayed", delay=world.random.choice((10, 40, 80)))


@kind("reorder", "coordinators")
def reorder(world, seconds):
    return disturbed(world, seconds, everyone(world), "reordered", jitter=world.random.choice((10, 30)))


@kind("duplicate", "coordinators")
def duplicate(world, seconds):
    return disturbed(world, seconds, everyone(world), "doubled", double=world.random.choice((10, 50)), jitter=5)


@kind("stall", "coordinators")
def stall(world, seconds):
    """All that one coordinator sends and is sent stands still for a while, and then comes at once."""
    own, rest = [world.random.choice(world.coordinators).name], [*world.addresses]
    return disturbed(world, seconds, [(own, rest), (rest, own)], "held", hold=1)


@kind("partition-worker", "edges")
def partition_worker(world, seconds):
    own, rest = [world.random.choice(world.workers).name], world.names("coordinator")
    return disturbed(world, seconds, [(own, rest), (rest, own)], "lost", loss=100)


@kind("one-way-worker", "edges")
def one_way_worker(world, seconds):
    own, rest = [world.random.choice(world.workers).name], world.names("coordinator")
    return disturbed(world, seconds, [world.random.choice(((own, rest), (rest, own)))], "lost", loss=100)


@kind("partition-gateway", "edges")
def partition_gateway(world, seconds):
    own, rest = [world.random.choice(world.gateways).name], world.names("coordinator")
    return disturbed(world, seconds, [(own, rest), (rest, own)], "lost", loss=100)


# The disk

def disk_fails(world, counter, **fields):
    """A coordinator's disk fails: it must end by itself, and come back when the disk is well.

    Where it was LMDB's meta page that was cut short, the roots of the transaction that failed are left under the number
    of an older one: nobody can tell that from a newest page whose number went back, so the coordinator refuses to
    start, by name, and is rebuilt as it says.
    """
    node = world.random.choice(world.coordinators)
    shim = node.shim
    before = shim[counter]
    node.may_stop = True
    shim["skip"] = world.random.randrange(0, 12)
    for field, value in fields.items():
        shim[field] = value
    try:
        until(f"a write of {node.name} that fails", lambda: shim[counter] > before, 15, LookupError)
    except LookupError:
        return None
    else:
        until(f"{node.name} to end after its disk failed", lambda: not node.is_running, 15)
        code = node.process.returncode
        demand(code == 70, f"{node.name} ended with {code} when its disk failed, not 70: {node.tail()}")
    finally:
        shim.heal()
        met = shim[counter] - before
        sequel = "" if node.is_running else restarted(world, node)
        node.may_stop = False
    return f"{node.name}: {met} {counter.replace('_', ' ')}, exit 70{sequel}"


def restarted(world, node):
    """A coordinator starts after its disk has failed, or refuses and is rebuilt; which, in words."""
    node.start()
    node.is_wanted = False
    if node.wait_ready():
        node.is_wanted = True
        return ""
    said, code = node.tail(), node.process.returncode
    demand(code == 3 and REFUSAL.search(said) and "knows transaction" in said,
           f"{node.name} did not start again (exit {code}) after its disk failed: {said}")
    world.timeline.say("meta page", node=node.name, said=said[-300:])
    rebuild(world, node)
    return f"; its meta page was hit, rebuilt as {node.replica}"


@kind("write-eio", "coordinators")
def write_eio(world, seconds):
    return disk_fails(world, "failed_writes", write_error=errno.EIO)


@kind("write-enospc", "coordinators")
def write_enospc(world, seconds):
    return disk_fails(world, "failed_writes", write_error=errno.ENOSPC)


@kind("write-short", "coordinators")
def write_short(world, seconds):
    return disk_fails(world, "short_writes", write_error=-1)


@kind("sync-eio", "coordinators")
def sync_eio(world, seconds):
    return disk_fails(world, "failed_syncs", sync_error=errno.EIO)


@kind("sync-slow", "coordinators")
def sync_slow(world, seconds):
    node = world.random.choice(world.coordinators)
    before = node.shim["slow_syncs"]
    node.shim["sync_delay"] = world.random.choice((30, 100, 300)) * 1_000_000
    hold(world, seconds)
    node.shim.heal()
    met = node.shim["slow_syncs"] - before
    return f"{node.name}: {met} slow syncs" if met else None


@kind("disk-full", "coordinators")
def disk_full(world, seconds):
    """The disk of a coordinator is full: it says so or ends, and comes back when there is room."""
    node = world.random.choice(world.coordinators)
    node.may_stop = True
    taken = node.fill_disk()
    deadline = time.monotonic() + max(seconds, 12)
    while node.is_running and time.monotonic() < deadline:
        time.sleep(0.2)
    ended = not node.is_running
    node.free_disk()
    if ended:
        demand(node.process.returncode == 70, f"{node.name} ended with {node.process.returncode}: {node.tail()}")
        demand("no room" in node.tail(), f"{node.name} does not say that its disk is full: {node.tail()}")
        back(node)
    node.may_stop = False
    return f"{node.name}: {taken >> 20} MiB taken, exit 70" if ended else None


# Clocks

@kind("clock-wall", "coordinators")
def clock_wall(world, seconds):
    """A wall clock that is wrong for a while, and right again."""
    node = world.random.choice(world.coordinators)
    step = world.random.choice((-86_400, -3_600, -5, 5, 3_600, 86_400))
    before = node.shim["stepped_reads"]
    node.shim["realtime_step"] = step * 10**9
    hold(world, seconds)
    met = node.shim["stepped_reads"] - before
    node.shim["realtime_step"] = 0
    return f"{node.name}: {step:+d} s, read {met} times" if met else None


@kind("clock-leap", "coordinators")
def clock_leap(world, seconds):
    """A monotonic clock that leaps ahead, as after a machine's sleep: it never goes back."""
    node = world.random.choice(world.coordinators)
    step = world.random.choice((1, 3, 6))
    before = node.shim["stepped_reads"]
    node.shim["monotonic_step"] += step * 10**9
    hold(world, min(seconds, 2))
    met = node.shim["stepped_reads"] - before
    return f"{node.name}: {step:+d} s, read {met} times" if met else None


# Damage

@kind("bit-flip", "coordinators")
def bit_flip(world, seconds):
    """One bit of a stopped coordinator's file is flipped, until it is one that matters: it refuses to start, says
    what is damaged and how it comes back, and does come back so."""
    node = world.random.choice(world.followers())
    node.kill()
    harmless = 0
    for _ in range(12):
        where = damage(node.data, world.random)
        node.start()
        node.is_wanted = False
        if not node.wait_ready():
            break
        harmless += 1  # nobody reads that bit
        node.kill()
    else:
        back(node)
        return None
    said, code = node.tail(), node.process.returncode
    demand(code == 3 and REFUSAL.search(said), f"{node.name}, with {where} flipped, ended with exit {code}: {said}")
    rebuild(world, node)
    sentence = REFUSAL.search(said).group(0)
    return f"{node.name}: {where} after {harmless} that nobody reads: {sentence[:60]}…; rebuilt as {node.replica}"


def ordered(world, *words):
    """`yard cluster …`, again as long as the cluster is busy or has no leader."""
    deadline = time.monotonic() + 90
    while True:
        done = world.yard("cluster", *words, "--patience", 20)
        if done.code == 0:
            return done
        is_done_already = words[0] == "remove" and "no coordinator" in done.err
        if is_done_already or time.monotonic() > deadline or not re.search(
                "change_in_progress|outcome_unknown|unavailable|not_leader|majority_at_risk", done.err) and done.code != 4:
            demand(is_done_already, f"yard cluster {' '.join(map(str, words))}: {done}")
            return done
        world.timeline.say("again", order=list(map(str, words)), why=done.err[-160:])
        time.sleep(0.5)


def rebuild(world, node):
    """As `yard cluster --help` says: removed, prepared under a new id, started with --join, added, promoted."""
    old = node.directory
    ordered(world, "remove", node.replica)
    if world.options.keep:
        sh("cp", "-a", "--sparse=always", old, f"{world.scratch}/damaged-{node.replica}")
    world.highest += 1
    made = world.yard("cluster", "prepare", world.home, world.highest)
    demand(made.code == 0, f"yard cluster prepare: {made}")
    sh("umount", old)
    image = f"{world.scratch}/disk-{node.replica}.img"
    if os.path.exists(image):
        os.unlink(image)
    shutil.rmtree(old)
    node.replica, node.joins = world.highest, True
    node.peers = ",".join(f"{one.replica}={one.endpoint}" for one in world.coordinators)
    node.give_disk()
    back(node)
    ordered(world, "add", node.replica, node.endpoint)
    ordered(world, "promote", node.replica)
    world.timeline.say("rebuilt", node=node.name, replica=node.replica)


# Many at once

@kind("kill-leader-and-worker", "coordinators")
def kill_leader_and_worker(world, seconds):
    leader, worker = world.a_leader(), world.random.choice(world.workers)
    threads = [threading.Thread(target=node.kill) for node in (leader, worker)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hold(world, seconds)
    back(leader)
    if not worker.is_running:
        back(worker)
    return f"{leader.name} and {worker.name}"
