"""Faults inside a machine: its disk fails, is full, is damaged; its clock is wrong."""

import errno
import os
import re
import shutil
import time

from kinds import back, hold, kind
from machines import REFUSAL, damage, demand, sh, until


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
    says_so = False
    # Its file ends ahead of its pages: it may live from that for as long as the leader takes no new work.
    while node.is_running and time.monotonic() < deadline:
        says_so = says_so or is_nearly_full(world.statuses().get(node))
        time.sleep(0.2)
    ended = not node.is_running
    node.free_disk()
    if ended:
        demand(node.process.returncode == 70, f"{node.name} ended with {node.process.returncode}: {node.tail()}")
        demand("no room" in node.tail(), f"{node.name} does not say that its disk is full: {node.tail()}")
        back(node)
    node.may_stop = False
    return f"{node.name}: {taken >> 20} MiB taken, {'exit 70' if ended else 'and it says so'}" if ended or says_so else None


def is_nearly_full(status):
    """Whether a coordinator says that four fifths of what it may use are used: from there on a leader refuses work."""
    used, capacity = ((status or {}).get(name) for name in ("disk_used_bytes", "disk_capacity_bytes"))
    return used is not None and capacity is not None and 5 * used >= 4 * capacity


@kind("clock-wall", "coordinators")
def clock_wall(world, seconds):
    """A wall clock that is wrong for a while, and right again."""
    node = world.random.choice(world.coordinators)
    step = world.random.choice((-86_400, -3_600, -5, 5, 3_600, 86_400))
    before = node.shim["stepped_reads"]
    node.shim["realtime_step"] = step * 10**9
    # Whoever makes a link asks what time it is: certificates are valid for a time. It may well be refused.
    world.yard("status", "--endpoint", node.endpoint, "--patience", 1)
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
