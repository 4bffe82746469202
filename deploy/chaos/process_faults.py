"""Faults of processes: they are killed, ended in order, paused, reclaimed."""

import threading
import time

from kinds import back, hold, kind, one_of
from machines import demand, until
from product import RECLAIM_SECONDS, promised


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
    with one_of(world, world.workers) as node:
        node.kill()
        hold(world, seconds)
        back(node)
        return node.name


@kind("pause-worker", "edges")
def pause_worker(world, seconds):
    with one_of(world, world.workers) as node:
        return paused(world, node, seconds)


@kind("reclaim-worker", "edges")
def reclaim_worker(world, seconds):
    """The owner takes the machine back: the worker is gone within what P7 promises on a machine that is as slow as this one now.

    The worker asks nobody for that, so no other fault is an excuse."""
    with one_of(world, world.workers) as node:
        node.is_wanted = False
        limit = promised(world, RECLAIM_SECONDS)
        began = time.monotonic()
        done = world.yard("worker", "reclaim", "--dir", f"{world.home}/workers/{node.name}")
        demand(done.code == 0, f"reclaim: {done}")
        until(f"{node.name}, reclaimed, to be gone", lambda: not node.is_running, limit)
        took = time.monotonic() - began
        demand(took <= limit, f"{node.name} was gone after {took:.1f} s, of {limit:.1f} s")
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


@kind("kill-leader-and-worker", "coordinators")
def kill_leader_and_worker(world, seconds):
    with one_of(world, world.workers) as worker:
        leader = world.a_leader()
        threads = [threading.Thread(target=node.kill) for node in (leader, worker)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        hold(world, seconds)
        back(leader)
        back(worker)
        return f"{leader.name} and {worker.name}"
