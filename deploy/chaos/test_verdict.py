#!/usr/bin/env python3
"""The verdict on what was lost and what was given up, without a cluster: `python3 deploy/chaos/test_verdict.py`."""

import pathlib
import sys
import threading
import types
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from machines import Violation  # noqa: E402 - found through the path above; it adds that of deploy/checks
import records  # noqa: E402
import script  # noqa: E402
import verdict  # noqa: E402
from load import PRICE_INPUT, PRICE_OUTPUT  # noqa: E402


class Cluster:
    """What a cluster says of its jobs: those of each key, and their records, of which it keeps the newest."""

    def __init__(self, kept):
        self.keys, self.kept, self.jobs, self.ended = ("one", "two"), kept, {}, []
        self.violations, self.is_cut = [], False
        self.world = types.SimpleNamespace(
            keys=self.keys, yard=self.yard, strays=0, violated=lambda what: self.violations.append(str(what)),
            timeline=types.SimpleNamespace(say=lambda what, **facts: None))
        self.load = types.SimpleNamespace(known={}, number=0, chats=[], by_job={}, get=self.get)
        self.records = records.Records(self.world, self.load)

    def accept(self, count, key="one"):
        """A job that was acknowledged and runs."""
        self.load.number += 1
        job = self.load.number
        self.load.known[job] = (f"c{job}", count)
        self.jobs[job] = [key, {"job": job, "state": "running"}, ""]
        return job

    def end(self, job, state="completed", count=None, charge=None):
        """It ends; the oldest that has ended may be given up."""
        name, wanted = self.load.known[job]
        count = wanted if count is None else count
        due = (script.PROMPT_TOKENS * PRICE_INPUT + count * PRICE_OUTPUT) // 1_000_000
        summary = {"job": job, "state": state, "hold_nano": 0, "prompt_tokens": script.PROMPT_TOKENS,
                   "output_tokens": count, "charge_nano": due if charge is None else charge, "attempts": 1, "error": None}
        self.jobs[job][1:] = summary, "".join(script.token(name, number, 7) for number in range(count))
        self.ended.append(job)
        while len(self.ended) > self.kept:
            del self.jobs[self.ended.pop(0)]

    def yard(self, command, _after, after, _limit, limit, *_, key, **__):
        lines = [summary for job, (owner, summary, _) in sorted(self.jobs.items()) if owner == key and job > after]
        return types.SimpleNamespace(code=4 if self.is_cut else 0, lines=lines[:limit])

    def get(self, path, key):
        job = int(path.split("/")[3])
        if job not in self.jobs:
            return None
        text = self.jobs[job][2]
        return types.SimpleNamespace(events=['{"seq": 1, "text": "%s"}' % text, '{"status": "completed"}'])

    def judge(self):
        """The part of the verdict that is about jobs; their charges by number."""
        with mock.patch.object(records, "KEPT", self.kept):
            there, given_up = verdict.listed(self.world, self.load, self.records)
        for number, (end, key) in there.items():
            verdict.unchanged(self.records, number, end, key)
        found = {number: self.records.by_job[number] for number in (*there, *given_up)}
        for number, record in found.items():
            verdict.check_record(self.load, number, record.end, record.text)
        return {number: record.end["charge_nano"] for number, record in found.items()}


class VerdictTests(unittest.TestCase):
    def filled(self, kept=4, jobs=8):
        """A cluster that has given up all jobs but the last ones, each of which was read as it ended."""
        cluster = Cluster(kept)
        for number in range(jobs):
            cluster.end(cluster.accept(3, cluster.keys[number % 2]))
            cluster.records.read()
        return cluster

    def test_what_was_given_up_as_the_oldest_counts_with_its_charge(self):
        cluster = self.filled()
        self.assertEqual(sorted(cluster.jobs), [5, 6, 7, 8])
        self.assertEqual(cluster.judge(), dict.fromkeys(range(1, 9), 3600))

    def test_a_job_that_was_never_seen_to_end_is_lost(self):
        cluster = self.filled()
        cluster.load.known[9] = ("c9", 3)
        with self.assertRaisesRegex(Violation, r"1 acknowledged jobs are not there, and none was ever seen to end: \[9\]"):
            cluster.judge()

    def test_a_job_that_ended_and_is_gone_though_there_is_room_is_lost(self):
        cluster = self.filled(kept=9)
        del cluster.jobs[2]
        with self.assertRaisesRegex(Violation, r"1 jobs are gone, and only 7 of 9 are kept: \[2\]"):
            cluster.judge()

    def test_a_job_that_is_gone_before_older_ones_is_lost(self):
        cluster = self.filled()
        cluster.jobs[2], cluster.jobs[8] = ["two", cluster.records.by_job[2].end, cluster.records.by_job[2].text], None
        del cluster.jobs[8]
        with self.assertRaisesRegex(Violation, r"jobs are gone that ended after others that are kept: \[\d, .*8\]"):
            cluster.judge()

    def test_a_job_that_was_carried_out_twice_is_found_though_it_was_given_up(self):
        cluster = self.filled()
        cluster.load.number -= 1
        with self.assertRaisesRegex(Violation, "8 jobs for 7 requests"):
            cluster.judge()

    def test_a_record_that_changed_after_its_end_is_found(self):
        cluster = self.filled()
        cluster.jobs[6][2] = cluster.jobs[6][2].replace(".7", ".8")
        with self.assertRaisesRegex(Violation, "job 6 had .* when it had ended, and has "):
            cluster.judge()
        cluster = self.filled()
        cluster.jobs[6][1] = {**cluster.jobs[6][1], "charge_nano": 0}
        with self.assertRaisesRegex(Violation, "job 6 was .* when it had ended, and is "):
            cluster.judge()

    def test_a_wrong_charge_of_a_job_that_was_given_up_is_found(self):
        cluster = Cluster(2)
        cluster.end(cluster.accept(3), charge=3599)
        cluster.records.read()
        for _ in range(2):
            cluster.end(cluster.accept(3))
            cluster.records.read()
        self.assertNotIn(1, cluster.jobs)
        with self.assertRaisesRegex(Violation, "job 1: 3599 charged, 3600 is due"):
            cluster.judge()

    def test_a_wrong_text_of_a_job_that_was_given_up_is_found(self):
        cluster = Cluster(2)
        cluster.end(cluster.accept(3))
        cluster.jobs[1][2] = " c1.0.7 c1.2.7"
        cluster.records.read()
        for _ in range(2):
            cluster.end(cluster.accept(3))
            cluster.records.read()
        with self.assertRaisesRegex(script.Wrong, "c1: token 1 is"):
            cluster.judge()

    def test_a_job_is_read_once_and_one_that_runs_is_read_when_it_has_ended(self):
        cluster = Cluster(9)
        slow = cluster.accept(3)
        cluster.end(cluster.accept(3))
        with mock.patch.object(cluster.records, "text", wraps=cluster.records.text) as read:
            cluster.records.read()
            cluster.records.read()
            cluster.end(slow)
            cluster.records.read()
        self.assertEqual([call.args[0] for call in read.call_args_list], [2, 1])
        self.assertEqual(set(cluster.judge()), {1, 2})

    def test_a_cluster_that_does_not_answer_is_asked_again(self):
        cluster = Cluster(9)
        cluster.end(cluster.accept(3))
        rounds = []

        class Over:
            def wait(self, _):
                rounds.append(dict(cluster.records.by_job))
                cluster.is_cut = len(rounds) == 1
                return len(rounds) == 3

        cluster.records.watch(Over())
        self.assertEqual([len(found) for found in rounds], [0, 0, 1])
        self.assertEqual(cluster.violations, [])

    def test_an_answer_that_is_none_is_a_violation(self):
        cluster = Cluster(9)
        cluster.end(cluster.accept(3))
        cluster.load.get = lambda path, key: types.SimpleNamespace(events=["not JSON"])
        over = threading.Event()
        with mock.patch.object(over, "wait", side_effect=[False, True]):
            cluster.records.watch(over)
        self.assertRegex(cluster.violations[0], "a record was read: JSONDecodeError")


if __name__ == "__main__":
    unittest.main()
