"""Kinds of fault: how each is brought about, how it is undone, and the sign that it was really there.

A kind is a function of (world, seconds) that injects, waits, heals, and answers what it saw of its own effect, in
words; None if the fault had none (then it has not fired). It raises `Violation` where a promise breaks under it.
"""

import contextlib
import time

from machines import demand

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


@contextlib.contextmanager
def one_of(world, nodes):
    """One of these nodes, which no fault of another lane has meanwhile."""
    with world.lock:
        node = world.random.choice([node for node in nodes if node not in world.taken])
        world.taken.add(node)
    try:
        yield node
    finally:
        with world.lock:
            world.taken.discard(node)
