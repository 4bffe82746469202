#!/usr/bin/env python3
"""The verdict on what was lost, doubled, changed, overcharged and given up, without a cluster: `python3 deploy/chaos/test_verdict.py`."""

import pathlib
import sys
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
        self.violations, self.said, self.code, self.spent = [], [], 0, dict.fromkeys(("one", "two"), 0)
        #: What happens before a key is listed, and before a job is read.
        self.before_listing, self.before_reading = {}, {}
        self.world = types.SimpleNamespace(
            keys=self.keys, consumers=self.keys, supplier="supplier", yard=self.yard, strays=0,
            cluster=types.SimpleNamespace(account=self.account), violated=lambda what: self.violations.append(str(what)),
            timeline=types.SimpleNamespace(say=lambda what, **facts: self.said.append(what)))
        self.load = types.SimpleNamespace(known={}, number=0, chats=[], by_job={}, get=self.get)
        self.records = records.Records(self.world, self.load)

    def accept(self, count=3, key="one", name=None):
        """A job that was acknowledged and runs; a stray, whose client was refused, if it has a name."""
        job = 1 + max(self.jobs.keys() | self.load.known.keys() | set(self.ended), default=0)
        if name is None:
            self.load.number += 1
            self.load.known[job] = (f"c{job}", count)
        self.jobs[job] = [key, {"job": job, "state": "running"}, (name or f"c{job}", count)]
        return job

    def end(self, job, charge=None, text=None):
        """It ends; the oldest that has ended may be given up."""
        key, _, (name, count) = self.jobs[job]
        due = (script.PROMPT_TOKENS * PRICE_INPUT + count * PRICE_OUTPUT) // 1_000_000
        summary = {"job": job, "state": "completed", "hold_nano": 0, "prompt_tokens": script.PROMPT_TOKENS,
                   "output_tokens": count, "charge_nano": due if charge is None else charge, "attempts": 1, "error": None}
        self.spent[key] += due
        made = "".join(script.token(name, number, 7) for number in range(count))
        self.jobs[job][1:] = summary, made if text is None else text
        self.ended.append(job)
        while len(self.ended) > self.kept:
            del self.jobs[self.ended.pop(0)]
        return job

    def account(self, number):
        spent = sum(self.spent.values())
        if number in self.keys:
            return {"held_nano": 0, "spent_nano": self.spent[number], "balance_nano": 10**9 - self.spent[number]}
        return {1: {"balance_nano": 0}, 2: {"kind": "issuance", "spent_nano": 2 * 10**9},
                "supplier": {"balance_nano": spent}}[number]

    def yard(self, command, _after, after, _limit, limit, *_, key, **__):
        self.before_listing.pop(key, lambda: None)()
        lines = [summary for job, (owner, summary, _) in sorted(self.jobs.items()) if owner == key and job > after]
        return types.SimpleNamespace(code=self.code, lines=lines[:limit])

    def get(self, path, key):
        job = int(path.split("/")[3])
        if self.before_reading.pop(job, lambda: True)() is None or job not in self.jobs:
            return None
        text = self.jobs[job][2]
        return types.SimpleNamespace(events=['{"seq": 1, "text": "%s"}' % text, '{"status": "completed"}'])

    def judge(self):
        """The part of the verdict that is about jobs and accounts: charges by number, and what is violated."""
        with mock.patch.object(records, "KEPT", self.kept), mock.patch.object(verdict, "until", self.until):
            ends, _, tokens = verdict.accounted(self.world, self.load, self.records, verdict.holding(self.world))
        assert self.violations or tokens == sum(end["output_tokens"] for end, _ in ends.values())
        return {number: end["charge_nano"] for number, (end, _) in ends.items()}, self.violations

    @staticmethod
    def until(what, condition, seconds):
        for _ in range(3):
            if condition():
                return
        raise Violation(f"{what} did not come within {seconds} s")


class VerdictTests(unittest.TestCase):
    def filled(self, kept=4, jobs=8):
        """A cluster that has given up all jobs but the last ones, each of which was read as it ended."""
        cluster = Cluster(kept)
        for number in range(jobs):
            cluster.end(cluster.accept(key=cluster.keys[number % 2]))
            cluster.records.read()
        return cluster

    def assert_violated(self, cluster, *patterns):
        _, violations = cluster.judge()
        self.assertEqual(len(violations), len(patterns), violations)
        for violation, pattern in zip(violations, patterns):
            self.assertRegex(violation, pattern)

    def test_what_was_given_up_as_the_oldest_counts_with_its_charge(self):
        cluster = self.filled()
        self.assertEqual(sorted(cluster.jobs), [5, 6, 7, 8])
        self.assertEqual(cluster.judge(), (dict.fromkeys(range(1, 9), 3600), []))

    def test_a_job_that_was_never_seen_to_end_is_lost(self):
        cluster = self.filled()
        cluster.load.known[9] = ("c9", 3)
        self.assert_violated(cluster, r"^1 acknowledged jobs are not there, and none was ever seen to end: \[9\]$")

    def test_a_job_that_ended_and_could_never_be_read_is_lost(self):
        cluster = Cluster(1)
        cluster.before_reading[cluster.end(cluster.accept())] = lambda: None
        cluster.records.read()
        cluster.end(cluster.accept())
        self.assert_violated(cluster, r"^1 jobs are not there that had ended and could never be read: \[1\]$")

    def test_a_job_that_ended_and_is_gone_though_there_is_room_is_lost(self):
        cluster = self.filled(kept=9)
        del cluster.jobs[2]
        self.assert_violated(cluster, r"^1 jobs are gone, and only 7 of 9 are kept: \[2\]$")

    def test_a_job_that_is_gone_before_older_ones_is_lost(self):
        cluster = self.filled(jobs=9)
        old = cluster.records.by_job[5]
        cluster.jobs[5] = [old.key, old.end, old.text]
        del cluster.jobs[9]
        self.assert_violated(cluster, r"^1 jobs are gone that ended after others that are kept: \[9\]$")

    def test_what_ends_while_the_keys_are_asked_is_found_by_the_next_reading(self):
        cluster = Cluster(1)
        first, second = cluster.accept(key="one"), cluster.accept(key="two")
        # The first ends when its key has been listed, the second before its own is.
        cluster.before_listing["two"] = lambda: (cluster.end(first), cluster.end(second))
        cluster.kept = 2
        cluster.records.read()
        cluster.records.read()
        self.assertEqual([cluster.records.by_job[job].reading for job in (first, second)], [2, 1])
        cluster.kept = 1
        del cluster.jobs[cluster.ended.pop(0)]
        self.assertEqual(cluster.judge(), ({1: 3600, 2: 3600}, []))

    def test_what_is_given_up_while_the_keys_are_asked_at_the_end_is_no_loss(self):
        cluster = self.filled(kept=4, jobs=4)
        late = cluster.accept(key="two")
        cluster.before_listing["two"] = lambda: cluster.end(late)
        self.assertEqual(cluster.judge(), (dict.fromkeys(range(1, 6), 3600), []))

    def test_a_request_that_is_two_jobs_is_found_beside_strays(self):
        cluster = self.filled()
        cluster.world.strays = 1
        cluster.end(cluster.accept(name="c3"))
        self.assert_violated(cluster, r"^1 requests are several jobs: \{'c3': \[9, 3\]\}$")

    def test_strays_are_as_many_as_were_sent_at_most(self):
        cluster = self.filled()
        cluster.world.strays = 2
        for _ in range(2):
            cluster.end(cluster.accept(name=script.STRAY))
        cluster.records.read()
        self.assertEqual(cluster.judge()[1], [])
        cluster.end(cluster.accept(name=script.STRAY))
        cluster.load.number += 1  # one that never became a job
        self.assert_violated(cluster, "^3 jobs of 2 requests that were to be refused: ")

    def test_a_job_that_was_carried_out_twice_is_found_though_it_was_given_up(self):
        cluster = self.filled()
        cluster.load.number -= 1
        self.assert_violated(cluster, "^8 jobs for 7 requests: ")

    def test_a_record_that_changed_after_its_end_is_found(self):
        cluster = self.filled()
        cluster.jobs[6][2] = cluster.jobs[6][2].replace(".7", ".8")
        self.assert_violated(cluster, "^job 6 had .* when it had ended, and has ")
        cluster = self.filled()
        cluster.jobs[6][1] = {**cluster.jobs[6][1], "charge_nano": 0}
        self.assert_violated(cluster, "^job 6 was .* when it had ended, and is ")

    def test_a_wrong_charge_of_a_job_that_was_given_up_is_found_in_it_and_in_the_accounts(self):
        cluster = Cluster(2)
        cluster.end(cluster.accept(), charge=3599)
        cluster.records.read()
        for _ in range(2):
            cluster.end(cluster.accept())
            cluster.records.read()
        self.assertNotIn(1, cluster.jobs)
        self.assert_violated(cluster, "^job 1: 3599 charged, 3600 is due", "'spent_nano': 10800.*, but the jobs' charges sum to 10799$")

    def test_an_account_that_paid_twice_for_a_job_that_was_given_up_is_found(self):
        cluster = self.filled()
        cluster.spent["one"] += 3600
        self.assert_violated(cluster, "'spent_nano': 18000.*, but the jobs' charges sum to 14400$")

    def test_a_wrong_text_of_a_job_that_was_given_up_is_found(self):
        cluster = Cluster(2)
        cluster.end(cluster.accept(), text=" c1.0.7 c1.2.7")
        cluster.records.read()
        for _ in range(2):
            cluster.end(cluster.accept())
            cluster.records.read()
        self.assert_violated(cluster, "^c1: token 1 is ")

    def test_a_record_that_is_no_json_at_the_end_does_not_end_the_verdict(self):
        cluster = self.filled(kept=9)
        cluster.jobs[6][2] = 'a " in it'
        self.assert_violated(cluster, "^unchanged: JSONDecodeError")

    def test_a_job_that_does_not_end_is_a_violation_and_what_was_read_is_checked_all_the_same(self):
        cluster = self.filled(kept=9)
        cluster.accept()
        cluster.records.by_job[2].text = " c2.0.7"
        self.assert_violated(cluster, "^the end of every job did not come", "^job 2: 3 tokens charged, the record has 1")

    def test_a_job_is_read_once_and_one_that_runs_is_read_when_it_has_ended(self):
        cluster = Cluster(9)
        slow = cluster.accept()
        cluster.end(cluster.accept())
        with mock.patch.object(cluster.records, "text", wraps=cluster.records.text) as read:
            cluster.records.read()
            cluster.records.read()
            cluster.end(slow)
            cluster.records.read()
            cluster.records.read()
        self.assertEqual([call.args[0] for call in read.call_args_list], [2, 1])
        self.assertEqual(set(cluster.judge()[0]), {1, 2})

    def test_a_job_that_could_not_be_read_is_read_by_the_next_reading_and_ended_when_it_was_found(self):
        cluster = Cluster(9)
        cluster.before_reading[cluster.end(cluster.accept())] = lambda: None
        cluster.records.read()
        self.assertEqual(cluster.records.by_job, {})
        cluster.records.read()
        self.assertEqual(cluster.records.by_job[1].reading, 1)

    def test_a_list_of_several_pages_is_read_to_its_end(self):
        cluster = Cluster(9)
        for _ in range(5):
            cluster.end(cluster.accept())
        with mock.patch.object(records, "PAGE", 2):
            cluster.records.read()
            self.assertEqual(sorted(cluster.records.by_job), [1, 2, 3, 4, 5])
            self.assertEqual(cluster.judge()[1], [])

    def watched(self, cluster, *codes):
        """How many jobs were read after each of some readings, in which the cluster's lists end with these codes."""
        counts = []

        class Over:
            def wait(self, _):
                counts.append(len(cluster.records.by_job))
                cluster.code = codes[len(counts) - 1] if len(counts) <= len(codes) else 0
                return len(counts) > len(codes)

        cluster.records.watch(Over())
        return counts[1:]

    def test_a_cluster_that_does_not_answer_in_time_is_asked_again(self):
        cluster = Cluster(9)
        cluster.end(cluster.accept())
        self.assertEqual(self.watched(cluster, 4, 0), [0, 1])
        self.assertEqual((cluster.violations, cluster.said), ([], ["unread"]))

    def test_a_list_that_is_refused_is_a_violation(self):
        cluster = Cluster(9)
        cluster.end(cluster.accept())
        self.assertEqual(self.watched(cluster, 3, 0), [0, 1])
        self.assertRegex(cluster.violations[0], "^jobs were listed: Violation")

    def test_a_record_that_is_wrong_is_said_once_and_the_others_are_read(self):
        cluster = Cluster(9)
        cluster.end(cluster.accept(), text='a " in it')
        cluster.end(cluster.accept())
        self.assertEqual(self.watched(cluster, 0, 0), [1, 1])
        self.assertEqual(len(cluster.violations), 1)
        self.assertRegex(cluster.violations[0], "^the record of job 1: JSONDecodeError")


if __name__ == "__main__":
    unittest.main()
