"""What must hold when everything has been healed and every client has ended."""

import collections
import concurrent.futures
import pathlib

from load import check_record
from machines import Violation, demand, until


def reach(world, load):
    """Checks the whole; says in a few words what was checked. Violations are kept in the world."""
    def held(check, *arguments):
        try:
            return check(*arguments)
        except (Violation, KeyError, IndexError) as violation:
            world.violated(violation if isinstance(violation, Violation) else f"{check.__name__}: {violation!r}")
            return None

    load.by_job = collections.defaultdict(list)
    for chat in load.chats:
        if chat.job is not None:
            load.by_job[chat.job].append(chat)
    held(all_there, world)
    ends = held(listed, world, load) or {}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        tokens = sum(pool.map(lambda number: held(check_record, load, number, *ends[number]) or 0, ends))
    held(books, world, ends)
    held(agree, world)
    held(engines, world)
    states = collections.Counter(end["state"] for end, _ in ends.values())
    codes = collections.Counter(chat.code for chat in load.chats if chat.code and chat.state != "completed")
    world.timeline.say("verdict", jobs=len(ends), tokens=tokens, states=states, codes=codes)
    moved = sum(end["attempts"] > 1 for end, _ in ends.values())
    snapshots = sum(pathlib.Path(node.log).read_text(errors="replace").count("is installed") for node in world.coordinators)
    return (f"{len(ends)} jobs ({', '.join(f'{count} {state}' for state, count in sorted(states.items()))}; "
            f"{moved} went on elsewhere, {sum(chat.breaks for chat in load.chats)} reconnected, "
            f"{sum(chat.divergences for chat in load.chats)} told that they diverged, "
            f"{sum(chat.replaced > 0 for chat in load.chats)} read on from less after their gateway died"
            f"{', errors ' + str(dict(codes)) if codes else ''}), {tokens} tokens, each checked and charged; {snapshots} snapshots installed")


def all_there(world):
    """Every process runs that should, and the coordinators have one leader."""
    for node in world.nodes:
        demand(node.is_running, f"{node.name} does not run at the end: {node.tail()}")
    until("one leader that all follow", lambda: len(world.statuses()) == len(world.coordinators)
          and len({status["leader"] for status in world.statuses().values()}) == 1, 30)


def listed(world, load):
    """All jobs, by number, each with its owner's key: those that were acknowledged are among them, and no more than were
    asked for."""
    def of(key):
        found, after = {}, 0
        while True:
            done = world.yard("jobs", "--after", after, "--limit", 1000, "--output", "json", "--patience", 30, key=key)
            demand(done.code == 0, done)
            if not done.lines:
                return found
            found.update((line["job"], (line, key)) for line in done.lines)
            after = done.lines[-1]["job"]

    def ended():
        return {number: job for key in world.keys for number, job in of(key).items()}

    def is_settled():
        ends = ended()
        return ends if all(end["state"] not in ("queued", "running", "cancelling") for end, _ in ends.values()) else None

    ends = until("the end of every job", is_settled, 180)
    lost = set(load.known) - set(ends)
    demand(not lost, f"{len(lost)} acknowledged jobs are not there: {sorted(lost)[:8]}")
    demand(len(ends) <= load.number + world.strays, f"{len(ends)} jobs for {load.number} requests: something was carried out twice")
    return ends


def books(world, ends):
    """No hold is open, the charges are what the accounts say, and all balances sum to what was issued."""
    for account, key in zip(world.consumers, world.keys):
        charged = sum(end["charge_nano"] for end, owner in ends.values() if owner == key)
        consumer = world.cluster.account(account)
        demand(consumer["held_nano"] == 0, f"a hold is open at rest: {consumer}")
        demand(consumer["spent_nano"] == charged, f"{consumer}, but the jobs' charges sum to {charged}")
    charged = sum(end["charge_nano"] for end, _ in ends.values())
    supplier = world.cluster.account(world.supplier)
    demand(supplier["balance_nano"] == charged, f"{supplier}, but {charged} was charged")
    issued = world.cluster.account(2)
    demand(issued["kind"] == "issuance", issued)
    total = sum(world.cluster.account(number)["balance_nano"] for number in (1, *world.consumers, world.supplier))
    demand(total == issued["spent_nano"], f"balances sum to {total}, {issued['spent_nano']} was issued")


def agree(world):
    """All coordinators have one digest at one index."""
    def agreed():
        statuses = world.statuses()
        for node, status in statuses.items():
            demand(status["diverged_at"] is None, f"{node.name} has another state than the majority: {status}")
        return len(statuses) == len(world.coordinators) and len(
            {(status["applied_index"], status["digest"]) for status in statuses.values()}) == 1

    until("one digest at one index", agreed, 60)


def engines(world):
    """No engine was asked to go on from what is no beginning of its answer."""
    for worker in world.workers:
        said = pathlib.Path(f"{world.scratch}/engine-{worker.name}.log").read_text()
        demand("WRONG" not in said and "Traceback" not in said, f"engine of {worker.name}: {said[:600]}")
