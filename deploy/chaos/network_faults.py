"""Faults of the network: what the wire does to packets."""

import time

from kinds import hold, kind
from machines import demand
from script import STRAY, prompt


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
        world.strays += 1  # refused to its client, it may yet have reached a log
        # Named twice, it is not the only one that is known: who knows one alone would learn of the others, and be served there.
        only = f"{node.endpoint},{node.endpoint}"
        done = world.yard("submit", "-m", "chaos", "--max-tokens", 1, "--endpoint", only, "--patience", 3,
                          prompt(STRAY, 1), key=world.keys[0])
        demand(done.code == 4, f"{node.name} is cut off from the others, and serves: {done}")
        done = world.yard("status", "--endpoint", node.endpoint, "--patience", 2, "--output", "json")
        roles = [line["status"]["role"] for line in done.lines if "status" in line]
        demand("leader" not in roles, f"{node.name} is cut off from the others, and says that it leads: {done}")
    return check


def cut_off(world, node, seconds, ways):
    rest, own = others(world, node), [node.name]
    pairs = [pair for way, pair in (("out", (own, rest)), ("in", (rest, own))) if way in ways]
    found = disturbed(world, max(0.5, seconds - 3), pairs, "lost", serves_nobody(world, node), loss=100)
    return found and f"{node.name} {' and '.join(ways)}: {found}"


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
