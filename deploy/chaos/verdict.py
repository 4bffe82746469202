"""What must hold when everything has been healed and every client has ended."""

import collections
import concurrent.futures
import pathlib

from load import ENDED, check_record
from machines import Violation, demand, until
from records import Record, gone
from script import Wrong


def reach(world, load, records):
    """Checks the whole; says in a few words what was checked. Violations are kept in the world."""
    def held(check, *arguments):
        try:
            return check(*arguments)
        except (Violation, Wrong, KeyError, IndexError) as violation:
            world.violated(violation if isinstance(violation, (Violation, Wrong)) else f"{check.__name__}: {violation!r}")
            return None

    load.by_job = collections.defaultdict(list)
    for chat in load.chats:
        if chat.job is not None:
            load.by_job[chat.job].append(chat)
    held(all_there, world)
    there, given_up = held(listed, world, load, records) or ({}, set())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: held(unchanged, records, number, *there[number]), there))
    ends = {number: (records.by_job[number].end, records.by_job[number].key)
            for number in (*there, *given_up) if number in records.by_job}
    tokens = sum(held(check_record, load, number, end, records.by_job[number].text) or 0 for number, (end, _) in ends.items())
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
            f"{', errors ' + str(dict(codes)) if codes else ''}), {tokens} tokens, each checked and charged; "
            f"{f'{len(given_up)} jobs, the oldest, were read before they were given up; ' if given_up else ''}{snapshots} snapshots installed")


def all_there(world):
    """Every process runs that should, and the coordinators have one leader."""
    for node in world.nodes:
        demand(node.is_running, f"{node.name} does not run at the end: {node.tail()}")
    until("one leader that all follow", lambda: len(world.statuses()) == len(world.coordinators)
          and len({status["leader"] for status in world.statuses().values()}) == 1, 30)


def listed(world, load, records):
    """The records of all jobs, by number: those that were acknowledged are among them, and no more than were asked for."""
    def settled():
        there = records.all_there_are()
        return there if all(end["state"] in ENDED for end, _ in there.values()) else None

    there = until("the end of every job", settled, 180)
    given_up = gone(records.by_job, there, load.known)
    count = len(there) + len(given_up)
    demand(count <= load.number + world.strays, f"{count} jobs for {load.number} requests: something was carried out twice")
    return there, given_up


def unchanged(records, number, end, key):
    """Reads a job's record; what was read of it before is the same."""
    text = records.text(number, key)
    demand(text is not None, f"the record of job {number} cannot be read")
    before = records.by_job.setdefault(number, Record(end, key, text, records.reading))
    demand(before.end == end, f"job {number} was {before.end} when it had ended, and is {end}")
    demand(before.text == text, f"job {number} had {before.text[-160:]!r} when it had ended, and has {text[-160:]!r}")


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
