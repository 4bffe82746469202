"""What the cluster has recorded of each job, read while it still keeps it.

A cluster keeps the newest `KEPT` jobs that have ended, and a long run has more. So jobs are read as they end, each once,
and again at the end of the run those that are still there: a record never changes, and only the oldest may be gone.
"""

import json

from load import ENDED
from machines import Violation, demand

#: How many ended jobs a cluster keeps (ExchangeCore's `Limits.jobsEndedMax`). It keeps fewer of one account, and none that
#: outlives its own retention: no account of a run has so many (world.py's `CONSUMERS`), and no job asks for less time.
KEPT = 10_000
#: How many seconds pass between two readings: far fewer than `KEPT` jobs end meanwhile.
PAUSE = 15
PAGE = 1000
#: How the command line ends where the cluster did not answer in time.
UNAVAILABLE = 4


class Unread(Exception):
    """The cluster did not list its jobs in time, which a fault explains."""


class Record:
    """One ended job: its summary, whose it is, the text of its events, and which reading found it ended."""

    def __init__(self, end, key, text, reading):
        self.end, self.key, self.text, self.reading = end, key, text, reading


class Records:
    """All jobs that were seen to end."""

    def __init__(self, world, load):
        self.world, self.load = world, load
        self.by_job, self.reading = {}, 1
        #: By job, which reading was the first that found it ended.
        self.ended = {}
        #: Jobs whose record is wrong, which was said.
        self._wrong = set()
        #: By key, a job up to which all of its jobs are read.
        self._floors = dict.fromkeys(world.keys, 0)

    def watch(self, is_over):
        """Reads until the run is over. While the cluster is disturbed an answer may fail to come: the next has it."""
        while not is_over.wait(PAUSE):
            try:
                self.read()
            except Unread as unread:
                self.world.timeline.say("unread", why=str(unread)[:200])
            except Exception as wrong:  # noqa: BLE001 - whoever reads must go on, or what is given up is unread
                self.world.violated(f"jobs were listed: {wrong!r}")

    def read(self):
        """Reads every job that has ended since; a reading is counted once all keys were asked."""
        for key in self.world.keys:
            is_behind = True
            for end in self._listed(key, self._floors[key]):
                is_read = end["job"] in self.by_job or end["state"] in ENDED and self._take(end, key)
                is_behind = is_behind and is_read
                if is_behind:
                    self._floors[key] = end["job"]
        self.reading += 1

    def all_there_are(self):
        """The summaries of all jobs that the cluster lists, by number, each with its owner's key."""
        return {end["job"]: (end, key) for key in self.world.keys for end in self._listed(key, 0)}

    def _listed(self, key, after):
        while True:
            done = self.world.yard("jobs", "--after", after, "--limit", PAGE, "--output", "json", "--patience", 30, key=key)
            if done.code == UNAVAILABLE:
                raise Unread(done)
            demand(done.code == 0, done)
            lines = done.lines
            if not lines:
                return
            yield from lines
            after = lines[-1]["job"]

    def _take(self, end, key):
        """Whether the record could be read; what is wrong with it is said once."""
        job = end["job"]
        reading = self.ended.setdefault(job, self.reading)
        try:
            text = self.text(job, key)
        except Exception as wrong:  # noqa: BLE001 - the other jobs must be read all the same
            if job not in self._wrong:
                self._wrong.add(job)
                self.world.violated(f"the record of job {job}: {wrong!r}")
            return False
        if text is None:
            return False
        self.by_job[job] = Record(end, key, text, reading)
        return True

    def text(self, job, key):
        """The text of a job's events; None if no gateway gives it."""
        answer = self.load.get(f"/v1/jobs/{job}/events", key)
        if not answer:
            return None
        events = [json.loads(line) for line in answer.events]
        events = [event for event in events if "seq" in event and "text" in event]
        demand([event["seq"] for event in events] == list(range(1, len(events) + 1)), f"job {job}: events {events[:3]}…")
        return "".join(event["text"] for event in events)


def gone(records, listed, known):
    """The jobs that the cluster has given up as its oldest.

    `listed`: the jobs that are there at the end; `known`: those that were acknowledged. Raises Violation if one was lost:
    it was acknowledged and never seen to end, or could never be read; or it is gone while older ones are kept, or while
    there was room for it."""
    absent = set(known) - set(listed) - set(records.by_job)
    unseen, unread = absent - set(records.ended), absent & set(records.ended)
    demand(not unseen, f"{len(unseen)} acknowledged jobs are not there, and none was ever seen to end: {sorted(unseen)[:8]}")
    demand(not unread, f"{len(unread)} jobs are not there that had ended and could never be read: {sorted(unread)[:8]}")
    given_up = set(records.by_job) - set(listed)
    demand(not given_up or len(listed) >= KEPT,
           f"{len(given_up)} jobs are gone, and only {len(listed)} of {KEPT} are kept: {sorted(given_up)[:8]}")
    # The keys are asked one after another: what ends meanwhile is found by this reading or by the next.
    oldest = min((records.by_job[job].reading for job in listed if job in records.by_job), default=None)
    early = [job for job in given_up if oldest is not None and records.by_job[job].reading > oldest + 1]
    demand(not early, f"{len(early)} jobs are gone that ended after others that are kept: {sorted(early)[:8]}")
    return given_up
