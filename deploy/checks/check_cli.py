#!/usr/bin/env python3
"""The command line on a cluster with a real engine: what a user does on the first day."""

import contextlib
import json
import os
import signal
import socket
import subprocess

from product import MODEL, ROOT, YARD, Child, Cluster, dev, expect, folder, free_ports, main, scripted_worker, wait_for
from scripted_engine import MODEL as SCRIPTED, Engine

with dev("--log-level", "debug", "--log-format", "json") as cluster, folder() as scratch, scripted_worker(cluster, scratch):
    Engine.manner = "endless"

    def models_and_workers():
        """models, workers and status list what there is"""
        models = cluster.yard("models", "--output", "json")
        expect(models.code == 0 and MODEL in [line["model"] for line in models.lines], models)
        workers = cluster.yard("workers", "--output", "json")
        expect(workers.code == 0 and workers.lines[0]["online"], workers)
        status = cluster.yard("status", "--output", "json")
        expect(status.code == 0 and status.lines[0]["status"]["role"] == "leader", status)

    def run_streams_and_charges():
        """run prints the text, and says tokens and charge on standard error"""
        before = cluster.account()
        done = cluster.yard("run", "-m", MODEL, "--max-tokens", 24, "--seed", 1, "Hello")
        expect(done.code == 0 and done.out and "24 output tokens" in done.err, done)
        after = cluster.account()
        expect(after["spent_nano"] > before["spent_nano"] and after["held_nano"] == 0, after)

    def every_event_once():
        """a job's events are numbered without a gap, and the end counts them"""
        done = cluster.yard("run", "-m", MODEL, "--max-tokens", 40, "--output", "json", "Count")
        expect(done.code == 0, done)
        seqs = [line["event"]["seq"] for line in done.lines if "event" in line]
        end = done.lines[-1]["ended"]
        expect(seqs == list(range(1, len(seqs) + 1)) and end["events"] == len(seqs), done)
        expect(end["state"] == "completed" and end["charge_nano"] > 0, end)

    def submit_follow_result():
        """a submitted job goes on without a reader; follow, --from and result give the same bytes"""
        job = cluster.yard("submit", "-m", MODEL, "--max-tokens", 30, "Once").text.strip()
        followed = cluster.yard("follow", job)
        result = cluster.yard("result", job)
        expect(followed.code == 0 and result.code == 0 and followed.out == result.out,
               (followed, result))
        # How many events there are depends on how the pieces arrived.
        events = [line["event"] for line in cluster.yard("follow", job, "--output", "json").lines if "event" in line]
        rest = cluster.yard("follow", job, "--from", len(events), "--output", "json")
        expect(rest.lines[0].get("event") == events[-1], (rest, events[-1]))
        detached = cluster.yard("run", "--detach", "-m", MODEL, "--max-tokens", 5, "Twice")
        expect(detached.code == 0 and int(detached.text) == int(job) + 1, detached)
        expect(cluster.yard("follow", detached.text.strip()).code == 0, "what comes next compares accounts")
        listed = cluster.yard("jobs", "--output", "json")
        expect(int(job) in [line["job"] for line in listed.lines], listed)
        expect(cluster.yard("job", job).code == 0, "job")

    def why():
        """a dry run says who would be asked and leaves nothing behind; why says what became of a job"""
        before = cluster.account(), len(cluster.yard("jobs", "--output", "json").lines)
        dry = cluster.yard("run", "--dry-run", "-m", MODEL, "--max-tokens", 9, "--output", "json", "Hello")
        expect(dry.code == 0, dry)
        report = dry.lines[0]
        expect(report["refusal"] is None and report["completion_tokens_max"] == 9, report)
        expect(report["candidates"][0]["place"] == 1 and float(report["hold"]) > 0, report)
        cheap = cluster.yard("run", "--dry-run", "-m", MODEL, "--max-output-price", "0.000000001", "Hello")
        expect(cheap.code == 0 and "price_above_ceiling" in cheap.out.decode(), cheap)
        expect("provider.max_price.completion = " in cheap.out.decode(), cheap)
        expect(before == (cluster.account(), len(cluster.yard("jobs", "--output", "json").lines)), before)
        job = cluster.yard("submit", "-m", MODEL, "--max-tokens", 3, "Once").text.strip()
        expect(cluster.yard("follow", job).code == 0, job)
        report = cluster.yard("why", job, "--output", "json").lines[0]
        expect(report["job"]["status"] == "completed", report)
        expect([attempt["state"] for attempt in report["attempts"]] == ["settled"], report)
        expect(cluster.yard("why", job).code == 0, "why")
        worker = cluster.yard("workers", "--output", "json").lines[0]["worker"]
        fares = cluster.yard("worker", "why", "--worker", worker, "--output", "json", key=cluster.root)
        expect(fares.code == 0 and fares.lines[0]["offers"][0]["jobs_taken"] > 0, fares)
        shown = cluster.yard("worker", "why", "--worker", worker, key=cluster.root)
        expect(shown.code == 0 and b"came here" in shown.out, shown)

    def interrupt_cancels():
        """Ctrl-C cancels a running job, and prints what it cost"""
        process = cluster.spawn("run", "-m", SCRIPTED, "--max-tokens", 3000, "Forever")
        expect(process.stdout.read(1), "no output")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        expect(process.returncode == 130 and b"credits (cancelled)" in err, (process.returncode, err))
        expect(cluster.account()["held_nano"] == 0, "a hold is open")

    def cancel_submitted():
        """cancel ends a submitted job and its hold"""
        job = cluster.yard("submit", "-m", SCRIPTED, "--max-tokens", 3000, "Forever").text.strip()
        expect(cluster.yard("cancel", job).code == 0, "cancel")
        done = cluster.yard("follow", job)
        expect(done.code == 5 and "cancelled" in done.err, done)
        expect(cluster.account()["held_nano"] == 0, "a hold is open")

    def same_request_same_job():
        """the same request key names the same job"""
        arguments = ("submit", "-m", MODEL, "--max-tokens", 5, "--request-key", "ab" * 16, "Same")
        first, second = cluster.yard(*arguments), cluster.yard(*arguments)
        expect(first.code == 0 and first.out == second.out, (first, second))

    def accounts_and_keys():
        """an operator makes accounts and keys; a revoked key is dead"""
        root = cluster.root
        made = cluster.yard("account", "create", "alice", "--credit", "2.5", key=root)
        expect(made.code == 0, made)
        account = made.text.strip()
        key = cluster.yard("key", "create", account, "--scope", "submit,read", key=root).text.strip()
        shown = cluster.account(key=key)
        expect(shown["balance_nano"] == 2_500_000_000, shown)
        weighed = cluster.yard("account", "weight", account, 300, key=root)
        expect(weighed.code == 0 and cluster.yard("account", "weight", "0", key=key).text.strip() == "300", weighed)
        keys = cluster.yard("key", "list", "--output", "json", key=key).lines
        expect(cluster.yard("key", "revoke", keys[0]["key"], key=root).code == 0, "revoke")
        dead = cluster.yard("account", "show", key=key)
        expect(dead.code == 3 and "unauthenticated" in dead.err, dead)

    def context_without_flags():
        """yard dev makes a context, so that no flag is needed, and its file is the owner's alone"""
        bare = {**os.environ, "XDG_CONFIG_HOME": cluster.home}
        done = subprocess.run([YARD, "models"], env=bare, capture_output=True, timeout=300)
        expect(done.returncode == 0 and MODEL.encode() in done.stdout, done)
        path = cluster.home + "/switchyard/config.json"
        expect(os.stat(path).st_mode & 0o777 == 0o600, oct(os.stat(path).st_mode))
        expect(json.load(open(path))["current"] == "dev", "the context is not current")

    def version_and_completions():
        """version, completions and help, with every exit code, work without a cluster"""
        nowhere = Cluster(["127.0.0.1:1"], "", "", cluster.home)
        expect(nowhere.yard("version").code == 0, "version")
        told = nowhere.yard("version", "--output", "json")
        expect(told.code == 0 and told.lines[0]["protocol_min"] <= told.lines[0]["protocol_max"], told)
        expect(nowhere.yard("--generate-completion-script", "bash").code == 0, "completions")
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for code in ("0 done", "2 usage", "3 refused", "4 unavailable", "5 job failed", "70 a coordinator's replica died",
                     "130 interrupted"):
            # Wherever the lines are broken.
            told = [code in " ".join(text.split()) for text in (nowhere.yard("--help").text, readme)]
            expect(all(told), f"{code} is not in both --help and README.md")

    def waits_are_named():
        """whatever waits for the cluster says so before it gives up"""
        nowhere = Cluster(["127.0.0.1:1"], cluster.key, cluster.identity, cluster.home)
        verbs = (["jobs"], ["result", 1], ["models"], ["market", "book"], ["account", "list"], ["account", "create", "nobody"],
                 ["budget", "list"], ["ledger", "show"], ["supplier", "earnings"], ["why", 1])
        started = [(verb, nowhere.spawn(*verb, "--patience", 5)) for verb in verbs]
        for verb, process in started:
            _, err = process.communicate(timeout=120)
            said = [line for line in err.decode().splitlines() if line.startswith("yard: waiting for ")]
            expect(process.returncode == 4 and len(said) == 1, f"{verb}: {process.returncode}, {err}")

    def nodes_log_as_dev_was_told():
        """the nodes of yard dev log from its level on, in its format"""
        levels = {}
        for node in ("coordinator-1", "worker-1", "gateway"):
            with open(f"{cluster.ready['directory']}/logs/{node}.log") as log:
                # Another process writes it: the last line may not be whole yet.
                levels[node] = {json.loads(line)["level"] for line in log.read().split("\n")[:-1]}
        # A worker says of each attempt that it has it; the others need not have had anything to say so low.
        expect("debug" in levels["worker-1"] and levels["coordinator-1"], f"levels: {levels}")

    def an_end_before_it_is_ready():
        """yard dev that waits for an engine which says nothing ends by a signal, with its children"""
        with socket.create_server(("127.0.0.1", 0)) as silent, folder() as home:
            process = subprocess.Popen(
                [YARD, "dev", "--engine", "http://127.0.0.1:%d" % silent.getsockname()[1],
                 "--dir", home + "/cluster"],
                env={**os.environ, "XDG_CONFIG_HOME": home}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                wait_for("the worker's start",
                         lambda: os.path.exists(home + "/cluster/logs/worker-1.log"))
                process.send_signal(signal.SIGTERM)
                out, said = process.communicate(timeout=180)
            finally:
                process.kill()
            expect(process.returncode == 130 and not out, (process.returncode, out, said))

    def children(pid):
        """The processes that a process has started and that still run, with their verbs."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{entry}/stat") as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
                if int(parent) == pid and state != "Z":
                    with open(f"/proc/{entry}/cmdline") as file:
                        found[int(entry)] = (file.read().split("\0") + [""])[1]
        return found

    def runs(pid):
        """Whether a process still runs; one that nobody has waited for does not."""
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def perf_needs_no_other_flag():
        """check perf measures with a count and a time alone, and leaves no live key; an own account is at risk if asked for"""
        refused = cluster.yard("check", "perf", "--clients", 8, "--seconds", 2)
        expect(refused.code == 3 and not refused.out and "scope admin" in refused.err and "--own-account" in refused.err, refused)
        known = {line["account"] for line in cluster.yard("account", "list", "--output", "json", key=cluster.root).lines}
        for key, flags in ((cluster.key, ["--own-account"]), (cluster.root, [])):
            done = cluster.yard("check", "perf", "--clients", 8, "--seconds", 2, *flags, key=key)
            expect(done.code == 0 and done.lines[0]["commits"] > 0, done)
            wait_for("the end of the last job", lambda: cluster.account()["held_nano"] == 0)
        accounts = cluster.yard("account", "list", "--output", "json", key=cluster.root).lines
        made = {line["account"]: line["closed"] for line in accounts if line["account"] not in known}
        expect(len(made) == 16 and all(line["name"].startswith("perf-") for line in accounts if line["account"] in made), accounts)
        for account, closed in made.items():
            expect(closed != (f"account {account} stays open: wrong_state" in done.err), (account, closed, done))
            keys = cluster.yard("key", "list", account, "--output", "json", key=cluster.root).lines
            expect(keys and all(line["revoked"] for line in keys), keys)

    def perf_tells_before_it_tidies():
        """check perf on a cluster that dies says what it measured, and then once what may stay"""
        with folder() as home, dev("--dir", home + "/cluster", engine="builtin") as other:
            def applied():
                return other.yard("status", "--output", "json").lines[0]["status"]["applied_index"]

            process = subprocess.Popen(
                [YARD, "check", "perf", "--clients", "4", "--accounts", "3", "--seconds", "8", "--patience", "2"],
                env=other.environment(other.root), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
            try:
                expect(any(b"clients submit" in line for line in process.stdout), "the clients did not begin")
                before = applied()
                wait_for("clients to submit", lambda: applied() > before + 4)
                other.child.kill()
                said = process.communicate(timeout=300)[0].decode().splitlines()
            finally:
                process.kill()
            told = [place for place, line in enumerate(said) if line.startswith("{")]
            stays = [place for place, line in enumerate(said) if "may stay" in line or "stays open" in line]
            expect(process.returncode == 0 and len(told) == len(stays) == 1 and told < stays, said)
            result = json.loads(said[told[0]])
            expect(result["commits"] > 0 and result["failures"] > 0, result)
            # All three in one line, with one wait.
            rest, _, cause = said[stays[0]].partition("may stay: ")[2].partition(": ")
            expect(len(rest.split(", ")) == 3 and cause.startswith("unavailable after"), said)

    def a_dev_leaves_no_context():
        """yard dev removes its context at its end, and not another one's; killed, it leaves no child, and the next one no trace of it"""
        with folder() as home:
            path = home + "/switchyard/config.json"

            def begin(name="cluster"):
                first, first_http = free_ports(2)
                return Child([YARD, "dev", "--end-with-input", "--port", str(first), "--http-port", str(first_http),
                              "--dir", f"{home}/{name}"], f"{home}/{name}.log", {"XDG_CONFIG_HOME": home})

            def contexts():
                with open(path) as file:
                    config = json.load(file)
                return config["current"], sorted(config["contexts"])

            os.mkdir(home + "/switchyard")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                json.dump({"current": "mine", "contexts": {"mine": {"endpoints": ["127.0.0.1:1"]}}}, file)
            process = begin()
            try:
                expect(contexts() == ("dev", ["dev", "mine"]), contexts())
                begin("another").stop()
                expect(contexts() == ("dev", ["dev", "mine"]), contexts())
                with open(path) as file:
                    expect(json.load(file)["contexts"]["dev"]["endpoints"] == process.ready["coordinators"], process.ready)
            finally:
                process.stop()
            expect(contexts() == ("mine", ["mine"]), contexts())

            process = begin()
            started = children(process.process.pid)
            process.kill()
            expect(sorted(started.values()) == ["coordinator", "gateway", "worker"], started)
            wait_for("the end of the killed one's children", lambda: not any(map(runs, started)))
            expect(contexts() == ("dev", ["dev", "mine"]), contexts())
            begin().stop()
            expect(contexts() == (None, ["mine"]), contexts())

    def a_restarted_child_costs_nothing():
        """yard dev holds as many pipes after it has started a child again as before"""
        dev_pid = cluster.child.process.pid

        def pipes():
            count = 0
            for entry in os.listdir(f"/proc/{dev_pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    count += os.readlink(f"/proc/{dev_pid}/fd/{entry}").startswith("pipe:")
            return count

        def gateway():
            return {pid for pid, verb in children(dev_pid).items() if verb == "gateway"}

        before, former = pipes(), gateway()
        expect(len(former) == 1, former)
        # The others' checks began seconds ago: it has lived long enough to be started again.
        os.kill(former.copy().pop(), signal.SIGKILL)
        wait_for("another gateway", lambda: gateway() - former)
        wait_for("the former one's pipes to be closed", lambda: pipes() == before, seconds=60)

    checks = [
        models_and_workers, run_streams_and_charges, every_event_once, submit_follow_result, why,
        interrupt_cancels, cancel_submitted, same_request_same_job, accounts_and_keys,
        context_without_flags, version_and_completions, waits_are_named, nodes_log_as_dev_was_told, an_end_before_it_is_ready,
        perf_needs_no_other_flag, perf_tells_before_it_tidies, a_dev_leaves_no_context, a_restarted_child_costs_nothing,
    ]
    main(checks)
