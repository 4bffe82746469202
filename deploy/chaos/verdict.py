"""What must hold when everything has been healed and every client has ended."""

import collections
import concurrent.futures
import pathlib

from load import ENDED, check_record, name_of
from machines import Violation, demand, until
from records import Record, gone
from script import STRAY, Wrong


def reach(world, load, records):
    """Checks the whole; says in a few words what was checked. Violations are kept in the world."""
    load.by_job = collections.defaultdict(list)
    for chat in load.chats:
        if chat.job is not None:
            load.by_job[chat.job].append(chat)
    held = holding(world)
    held(all_there, world)
    ends, given_up, tokens = accounted(world, load, records, held)
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


def holding(world):
    """Who carries out a check, and keeps what it finds, or why it could not be carried out, as a violation."""
    def held(check, *arguments):
        try:
            return check(*arguments)
        except Exception as wrong:  # noqa: BLE001 - the other checks say more
            world.violated(wrong if isinstance(wrong, (Violation, Wrong)) else f"{check.__name__}: {wrong!r}")
            return None
    return held


def accounted(world, load, records, held):
    """That every job is there once, its record right and as it was, and all of it in the accounts: the summaries of all
    jobs with their owners' keys, which of them were given up, and how many tokens they have."""
    found = held(listed, world, load, records)
    there, given_up = found or ({}, set(records.by_job))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: held(unchanged, records, number, *there[number]), there))
    known = {number: records.by_job[number] for number in (*there, *given_up) if number in records.by_job}
    tokens = sum(held(check_record, load, number, record.end, record.text) or 0 for number, record in known.items())
    held(once, world, load, known)
    ends = {number: (record.end, record.key) for number, record in known.items()}
    if found:
        held(books, world, ends)
    return ends, given_up, tokens


def all_there(world):
    """Every process runs that should, and the coordinators have one leader."""
    for node in world.nodes:
        demand(node.is_running, f"{node.name} does not run at the end: {node.tail()}")
    until("one leader that all follow", lambda: len(world.statuses()) == len(world.coordinators)
          and len({status["leader"] for status in world.statuses().values()}) == 1, 30)


def listed(world, load, records):
    """The summaries of all jobs that are there, with their owners' keys, and the numbers of those that were given up:
    what was acknowledged is among them, and no more than was asked for."""
    until("the end of every job", lambda: all(end["state"] in ENDED for end, _ in records.all_there_are().values()), 180)
    # Once more: while the keys were asked one after another, the end of one job may have given up another.
    there = records.all_there_are()
    given_up = gone(records, there, load.known)
    count = len(there) + len(given_up)
    demand(count <= load.number + world.strays, f"{count} jobs for {load.number} requests: something was carried out twice")
    return there, given_up


def once(world, load, known):
    """No request is two jobs. Each has a name, which its job's text says too; strays share one."""
    jobs = collections.defaultdict(list)
    for number, record in known.items():
        name = load.known[number][0] if number in load.known else name_of(record.text)
        if name:
            jobs[name].append(number)
    strays = jobs.pop(STRAY, [])
    demand(len(strays) <= world.strays, f"{len(strays)} jobs of {world.strays} requests that were to be refused: {strays[:8]}")
    doubled = {name: numbers for name, numbers in jobs.items() if len(numbers) > 1}
    demand(not doubled, f"{len(doubled)} requests are several jobs: {dict(list(doubled.items())[:4])}")


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
