#!/usr/bin/env python3
"""The books: transfers, reversals, fees, closed accounts, receipts; exports that audit themselves, in this program and in Beancount."""

import decimal
import fcntl
import hashlib
import json
import os
import struct
import subprocess

import raw_http1
import scripted_engine
from product import ROOT, dev, expect, folder, main, scripted_worker, wait_for

BEAN_CHECK = ROOT / ".venv/clients/beancount/bin/bean-check"

with dev("--workers", 0, engine="http://127.0.0.1:9") as cluster, folder() as scratch:
    alice = cluster.account()["account"]
    wait_for("the state version that knows of transfers", lambda: cluster.yard(
        "ledger", "fee", "0", key=cluster.root).code == 0)

    def root(*arguments, code=0):
        done = cluster.yard(*arguments, key=cluster.root)
        expect(done.code == code, (arguments, done))
        return done

    def made(*arguments):
        return int(root("account", "create", *arguments).text)

    def balance(account):
        return root("account", "show", account, "--output", "json").lines[0]["balance_nano"]

    def transfers(*arguments):
        return root("ledger", *arguments, "--output", "json").lines

    def refused(name, *arguments, key=None):
        done = cluster.yard(*arguments, key=key or cluster.root)
        expect(done.code == 3 and done.err.startswith(f"yard: {name}:"), (arguments, done))

    fees, dispute, reserve = (made(kind, "--kind", kind) for kind in ("fees", "dispute", "reserve"))

    def moves():
        """transfers go together or not at all; each refusal has its name"""
        before = balance(alice)
        both = transfers("transfer", f"{alice}:{dispute}:0.5", f"{dispute}:{reserve}:0.25")
        expect([t["kind"] for t in both] == ["move", "move"] and both[0]["group"] == both[1]["group"], both)
        expect(balance(alice) == before - 500_000_000 and balance(reserve) == 250_000_000, "moved otherwise")
        refused("insufficient_credit", "ledger", "transfer", f"{alice}:{dispute}:1", f"{reserve}:{dispute}:0.3")
        expect(balance(alice) == before - 500_000_000, "a part of what was refused was moved")
        refused("invalid_amount", "ledger", "transfer", f"{alice}:{dispute}:0")
        refused("self_transfer", "ledger", "transfer", f"{alice}:{alice}:1")
        refused("unknown_account", "ledger", "transfer", f"{alice}:999:1")
        refused("amount_overflow", "ledger", "transfer", f"2:{alice}:18446744073.709551615")
        refused("forbidden", "ledger", "transfer", f"2:{alice}:1", key=cluster.key)
        refused("forbidden", "ledger", "export", key=cluster.key)
        for wrong, name in (("-1", "invalid_amount"), ("1e3", "invalid_amount"), ("0.0000000001", "invalid_amount"),
                            ("18446744073.709551616", "amount_overflow"), ("x", "invalid_amount")):
            done = cluster.yard("ledger", "transfer", f"2:{alice}:{wrong}", key=cluster.root)
            expect(done.code == 2 and f"{name}: " in done.err, (wrong, done))

    def reversals():
        """what was posted together is taken back together, once, by new transfers"""
        before = balance(alice), balance(dispute)
        first = transfers("transfer", f"{alice}:{dispute}:2", f"{dispute}:{reserve}:1")[0]["transfer"]
        taken = transfers("reverse", first + 1)
        expect([t["reverses"] for t in taken] == [first + 1, first], taken)
        expect((balance(alice), balance(dispute)) == before, "not as it was")
        refused("already_reversed", "ledger", "reverse", first)
        refused("wrong_state", "ledger", "reverse", taken[0]["transfer"])
        refused("not_found", "ledger", "reverse", 9_999)

    def closing():
        """a closed account takes nothing, its keys are dead, what it owns can be moved out of it"""
        account = made("gone", "--credit", "1")
        key = root("key", "create", account).text.strip()
        expect(cluster.yard("models", key=key).code == 0, "a new key does not work")
        root("account", "close", account)
        refused("account_closed", "account", "credit", account, "1")
        refused("account_closed", "key", "create", account)
        refused("unauthenticated", "models", key=key)
        root("ledger", "transfer", f"{account}:2:1")
        expect(balance(account) == 0, "not moved out")

    asked = {"model": scripted_engine.MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True,
             "stream_options": {"include_usage": True}}  # what yard run makes of it

    def fee():
        """a job's charge is split between supplier and operator to the nano-credit"""
        scripted_engine.Engine.manner = "good"
        root("ledger", "fee", "100000", "--to", fees)
        with scripted_worker(cluster, scratch) as worker:
            job = cluster.yard("run", "-m", scripted_engine.MODEL, "Hello", "--output", "json")
            expect(job.code == 0, job)
            posts(worker.key)
        with open(scratch + "/events.jsonl", "wb") as file:
            file.write(job.out)
        with open(scratch + "/request.json", "w", encoding="utf-8") as file:
            file.write(json.dumps(asked, separators=(",", ":")))
        charge = job.lines[-1]["ended"]["charge_nano"]
        *paid, sold = [t for t in transfers("show", "--limit", "512") if t["job"] == job.lines[-1]["ended"]["job"]]
        expect([t["kind"] for t in paid] == ["capture", "fee"] and charge > 0, paid)
        ended = job.lines[-1]["ended"]
        expect(sold["kind"] == "sale" and sold["amount_nano"] == 0 and sold["charge_nano"] == charge, sold)
        expect(all(sold[name] == (ended[name] or 0) for name in ("prompt_tokens", "cached_tokens", "output_tokens")), sold)
        expect(sum(t["amount_nano"] for t in paid) == charge, (paid, charge))
        tenth, rest = divmod(charge, 10)
        expect(paid[1]["amount_nano"] == tenth + (rest > 5), (paid, charge))
        expect(balance(fees) == paid[1]["amount_nano"], "the operator has something else")

    def posts(supplier):
        """What a supplier posts while its worker runs holds for the next quote, over what the worker registered with."""
        model = scripted_engine.MODEL

        def ask(*arguments):
            done = cluster.yard("market", "ask", *arguments, "--output", "json", key=supplier)
            expect(done.code == 0, (arguments, done))
            return done.lines

        def quote():
            done = cluster.yard("market", "quote", model, "--input-tokens", 1_000,
                                "--output-tokens", 100, "--output", "json")
            expect(done.code == 0, done)
            return done.lines[0]

        expect(quote()["cost_nano"] == 260_000, quote())
        expect(ask(model, "--output-price", "6", "--reserve", "1") == ask(), "not what is posted")
        expect(quote()["cost_nano"] == 800_000 and quote()["slots_free"] == 3, quote())
        ask(model, "--refuse", alice, "--output-price", "worker")
        refused("tenant_refused", "market", "quote", model, "--input-tokens", "1", "--output-tokens", "1",
                key=cluster.key)
        refused("tenant_refused", "run", "-m", model, "Hello", key=cluster.key)
        book = cluster.yard("market", "book", "--output", "json").lines[0]
        expect(not book["admits"] and book["reserve"] == 1 and book["slots_free"] == 0, book)
        refused("unknown_account", "market", "ask", model, "--only", "999", key=supplier)
        refused("forbidden", "market", "ask", model, "--reserve", "1", key=cluster.key)
        expect(ask(model, "--withdraw") == ask() == [], "still posted")
        expect(quote()["cost_nano"] == 260_000, quote())
        sales.extend(cluster.yard("supplier", "earnings", "--output", "json", key=supplier).lines)

    sales = []

    def market():
        """the price index and the supplier's earnings are what the job was billed at and paid"""
        capture = next(t for t in transfers("show", "--limit", "512") if t["kind"] == "capture")
        expect([s["earned_nano"] for s in sales] == [capture["amount_nano"]], (sales, capture))
        told = cluster.yard("market", "history", scripted_engine.MODEL, "--output", "json").lines
        expect(len(told) == 1 and told[0]["jobs"] == 1 and told[0]["input_mean"] == 200_000_000
               and told[0]["output_high"] == 600_000_000, told)
        expect(told[0]["output_tokens"] == sales[0]["output_tokens"], (told, sales))

    def receipts():
        """a receipt says what was charged and who was paid; the cluster's public key checks it offline, any changed byte fails"""
        job = next(t["job"] for t in transfers("show", "--limit", "512") if t["kind"] == "capture")
        path, ca = scratch + "/job.receipt", cluster.identity + "/ca.pem"
        done = cluster.yard("receipt", job, "--to", path)
        expect(done.code == 0, done)
        done = cluster.yard("receipt", "verify", path, "--ca", ca, "--output", "json", key="")
        expect(done.code == 0, done)
        stated = done.lines[0]
        paid = [t for t in transfers("show", "--limit", "512") if t["job"] == job and t["kind"] != "sale"]
        expect([p["transfer"] for p in stated["postings"]] == [t["transfer"] for t in paid], stated)
        expect(sum(p["amount_nano"] for p in stated["postings"]) == stated["charge_nano"] > 0, stated)
        expect(stated["job"] == job and stated["state"] == "completed" and stated["attempts"] == 1, stated)
        word = stated["worker"]
        expect(word["model_digest"] is None and word["first_event"] == 1 and len(word["key_sha256"]) == 64, stated)
        expect(word["prompt_tokens"] == stated["prompt_tokens"] > 0 and stated["reversals"] == [], stated)
        with open(path, "rb") as file:
            whole = file.read()
        for place in range(0, len(whole) - 1, len(whole) // 12):
            with open(path, "wb") as file:
                file.write(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
            done = cluster.yard("receipt", "verify", path, "--ca", ca, key="")
            expect(done.code == 3, (place, done))
        compared(path + ".whole", whole, ca, stated)
        root("receipt", job)  # who administers reads any
        stranger = root("key", "create", made("stranger", "--kind", "consumer")).text.strip()
        refused("unknown_job", "receipt", job, key=stranger)
        refused("unknown_job", "receipt", 9_999, key=cluster.key)

    def compared(path, receipt, ca, stated):
        """The receipt is about the request and the output that are at hand: by verify, and by the encodings that MONEY.md states."""
        with open(path, "wb") as file:
            file.write(receipt)
        request, events = scratch + "/request.json", scratch + "/events.jsonl"
        done = cluster.yard("receipt", "verify", path, "--ca", ca, "--request", request, "--events", events, key="")
        expect(done.code == 0, done)
        for option, name in (("--request", request), ("--events", events)):
            with open(name, "rb") as file:
                text = file.read()
            place = text.rindex(b'"Hello"') + 1 if option == "--request" else text.index(b'"text":"') + 8
            with open(scratch + "/other", "wb") as file:
                file.write(text[:place] + b"J" + text[place + 1:])
            done = cluster.yard("receipt", "verify", path, "--ca", ca, option, scratch + "/other", key="")
            expect(done.code == 3 and "is not about" in done.err, (option, done))

        def text_of(data):
            return struct.pack(">I", len(data)) + data

        with open(request, "rb") as file:
            body = file.read()
        told = bytes([1, 1]) + text_of(asked["model"].encode()) + bytes([0, 0]) + text_of(body)
        expect(hashlib.sha256(told).hexdigest() == stated["request_hash"], stated)
        place = hashlib.sha256(b"switchyard stream 1" + bytes.fromhex(stated["cluster"]) + struct.pack(">Q", stated["job"])).digest()
        with open(events, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        kinds = ("text", "reasoning", "delta", "vector")
        for event in (line["event"] for line in lines if "event" in line):
            data = bytes.fromhex(event["hex"]) if "hex" in event else event["text"].encode()
            place = hashlib.sha256(place + struct.pack(
                f">QHBII{len(event['ids'])}I", event["seq"], event["choice"], kinds.index(event["kind"]) + 1, event["tokens"],
                len(event["ids"]), *event["ids"]) + text_of(data)).digest()
        expect(place.hex() == stated["output_hash"], stated)

    def http():
        """the gateway shows and moves money as the command line does; a retry under its name moves nothing"""
        gateway = cluster.ready["gateway"].split("//")[-1]

        def ask(method, path, body=None, key=None, status=200, headers=()):
            answer = raw_http1.ask(gateway, method, path, body, key or cluster.root, headers)
            expect(answer.status == status, (method, path, answer))
            return json.loads(answer.body)

        job = next(t["job"] for t in transfers("show", "--limit", "512") if t["kind"] == "capture")
        receipt = raw_http1.ask(gateway, "GET", f"/v1/jobs/{job}/receipt", key=cluster.key)
        path = scratch + "/http.receipt"
        with open(path, "wb") as file:
            file.write(receipt.body)
        done = cluster.yard("receipt", "verify", path, "--ca", cluster.identity + "/ca.pem", "--output", "json", key="")
        expect(done.code == 0 and done.lines[0]["job"] == job, (receipt, done))

        shown = cluster.account()
        account = ask("GET", "/v1/account", key=cluster.key)
        expect(account["id"] == alice and account["budgets"] == [] and account["left"] is None, account)
        nano = round(float(account["balance"]) * 10**9)
        expect(nano == shown["balance_nano"] and account["held"] == "0", (account, shown))
        credits = ask("GET", "/v1/credits", key=cluster.key)["data"]
        expect(abs(credits["total_credits"] - credits["total_usage"] - nano / 10**9) < 1e-6, credits)

        made = ask("POST", "/v1/keys", {"name": "bot", "scopes": ["submit"], "expires_in": 3600}, cluster.key)
        expect(made["account"] == alice and made["key"].startswith(f"sy_{made['id']}_"), made)
        mine = ask("GET", "/v1/key", key=made["key"])["data"]
        expect(mine["label"] == "bot" and mine["limit"] is None and 3500 < mine["expires_in"] <= 3600, mine)
        hidden = ask("GET", "/v1/credits", key=made["key"], status=403)["error"]
        expect(hidden["code"] == "forbidden", hidden)
        listed = ask("GET", "/v1/keys", key=cluster.key)["data"]
        expect(any(line["id"] == made["id"] and "key" not in line for line in listed), listed)
        wide = ask("POST", "/v1/keys", {"scopes": ["admin"]}, cluster.key, 403)["error"]
        expect(wide["code"] == "forbidden", wide)
        expect(ask("DELETE", f"/v1/keys/{made['id']}", key=cluster.key)["revoked"], "not revoked")
        dead = ask("GET", "/v1/key", key=made["key"], status=401)["error"]
        expect(dead["code"] == "invalid_api_key", dead)

        before = balance(reserve)
        body = {"transfers": [{"from": 2, "to": int(reserve), "amount": "0.75"}]}
        unnamed = ask("POST", "/v1/transfers", body, status=400)["error"]
        expect(unnamed["param"] == "idempotency-key", unnamed)
        name = ["Idempotency-Key: books-1"]
        first = ask("POST", "/v1/transfers", body, headers=name)
        again = ask("POST", "/v1/transfers", body, headers=name)
        expect(again["duplicate"] and not first["duplicate"] and first["data"] == again["data"], (first, again))
        expect(balance(reserve) == before + 750_000_000, "moved otherwise")
        body["transfers"][0]["amount"] = "0.5"
        other = ask("POST", "/v1/transfers", body, status=409, headers=name)["error"]
        expect(other["code"] == "idempotency_conflict", other)
        poor = ask("POST", "/v1/transfers", {"transfers": [{"from": int(reserve), "to": alice, "amount": "9999"}]},
                   status=402, headers=["Idempotency-Key: books-2"])["error"]
        expect(poor["code"] == "insufficient_quota", poor)
        for amount, code in (("-1", "invalid_amount"), ("0", "invalid_amount"), ("0.1234567891", "invalid_amount"),
                             ("18446744073.709551616", "amount_overflow"), (1, "malformed_request")):
            wrong = {"transfers": [{"from": 2, "to": alice, "amount": amount}]}
            told = ask("POST", "/v1/transfers", wrong, status=400, headers=["Idempotency-Key: books-4"])["error"]
            expect(told["code"] == code, (amount, told))
        denied = ask("POST", "/v1/transfers", body, cluster.key, 403, ["Idempotency-Key: books-3"])["error"]
        expect(denied["code"] == "forbidden", denied)
        ask("GET", "/v1/ledger", key=cluster.key, status=403)

        page = ask("GET", "/v1/ledger?after=1&limit=2")
        expect([t["id"] for t in page["data"]] == [2, 3] and page["has_more"], page)
        report = ask("GET", "/v1/report")
        said = root("report", "--output", "json").lines[0]
        expect(report["object"] == "report" and report == said, (report, said))
        as_exported(ask)

        before = balance(reserve)
        back = ask("POST", f"/v1/transfers/{first['data'][0]['id']}/reversal", headers=["Idempotency-Key: back-1"])
        expect(back["data"][0]["reverses"] == first["data"][0]["id"], back)
        expect(balance(reserve) == before - 750_000_000, "not taken back")
        held = ask("GET", "/v1/fee")
        expect(held == {"object": "fee", "parts": 100_000, "account": int(fees)}, held)
        expect(ask("PUT", "/v1/fee", held | {"parts": 1}, status=400)["error"]["param"] == "object", held)
        expect(ask("PUT", "/v1/fee", {"parts": 100_000, "account": int(fees)}) == held, held)
        shut = ask("POST", "/v1/accounts", {"name": "shut", "kind": "reserve"}, headers=["Idempotency-Key: shut"])
        expect(ask("DELETE", f"/v1/accounts/{shut['id']}")["id"] == shut["id"], shut)
        named = {line["name"]: line for line in ask("GET", "/v1/accounts")["data"]}
        expect(named["shut"]["closed"] and not named["fees"]["closed"] and named["fees"]["kind"] == "fees", named)
        whose = ask("PUT", f"/v1/accounts/{alice}/owner", {"owner": "acme"})
        expect(whose == {"object": "owner", "account": alice, "owner": "acme"}, whose)
        expect(ask("GET", f"/v1/accounts/{alice}/owner", key=cluster.key) == whose, whose)
        denied = ask("PUT", f"/v1/accounts/{alice}/owner", {"owner": "x"}, cluster.key, 403)["error"]
        expect(denied["code"] == "forbidden", denied)
        told = root("account", "owner", alice, "--none", "--output", "json").lines[0]
        expect(told == {"account": alice, "owner": None}, told)
        budget = ask("POST", "/v1/budgets", {"name": "papers", "per_month": "5"}, cluster.key,
                     headers=["Idempotency-Key: papers"])
        expect(budget["month"]["limit"] == "5" and budget["level"] == "team", budget)
        budget = ask("PUT", f"/v1/budgets/{budget['id']}", {"total": "7"}, cluster.key)
        expect(budget["month"]["limit"] is None and budget["total"]["limit"] == "7", budget)
        for vague in ({}, {"closed": False}):
            told = ask("PUT", f"/v1/budgets/{budget['id']}", vague, cluster.key, 400)["error"]
            expect(told["param"] == "none", told)
        bot = ask("POST", "/v1/keys", {"budget": budget["id"], "scopes": ["submit"], "requests_per_minute": 60},
                  cluster.key)
        expect(bot["rate_limit"]["requests"] == 60, bot)
        told = cluster.yard("key", "show", "--output", "json", key=bot["key"]).lines[0]
        expect(told["left_nano"] == 7 * 10**9 and told["account"] is None and len(told["budgets"]) == 1, told)
        expect(told["key"]["requests_per_minute"] == 60, told)
        free = ask("PUT", f"/v1/keys/{bot['id']}/limit", {"none": True}, cluster.key)
        expect(free["rate_limit"] is None, free)
        new = ask("POST", f"/v1/keys/{bot['id']}/rotation", {"grace": 0}, cluster.key)
        expect(new["id"] == bot["id"] and new["key"] != bot["key"], new)
        ask("GET", "/v1/key", key=bot["key"], status=401)
        ask("GET", "/v1/key", key=new["key"])
        listed = ask("GET", f"/v1/budgets?account={alice}")["data"]
        expect([line["key"] for line in listed if line["parent"] == budget["id"]] == [bot["id"]], listed)
        budget = ask("PUT", f"/v1/budgets/{budget['id']}", {"closed": True}, cluster.key)
        expect(budget["closed"] and budget["total"]["limit"] == "7", budget)

        model = scripted_engine.MODEL
        hour = ask("GET", f"/v1/market/history?model={model}&hours=1", key=cluster.key)["data"][0]
        expect(hour["jobs"] == 1 and hour["input"]["mean"] == "0.2" and hour["output"]["high"] == "0.6", hour)
        ask("GET", f"/v1/market/book?model={model}", key=cluster.key)
        seller = next(t for t in transfers("show", "--limit", "512") if t["kind"] == "capture")["credit"]
        sold = ask("GET", f"/v1/earnings?account={seller}")["data"][0]
        expect(sold["model"] == model and round(float(sold["earned"]) * 10**9) == sales[0]["earned_nano"], sold)
        ask("GET", "/v1/market/quote?model=none&output_tokens=1", key=cluster.key, status=404)
        denied = ask("PUT", "/v1/market/asks", {"model": model, "reserve": 1}, cluster.key, 403)["error"]
        expect(denied["code"] == "forbidden" and ask("GET", "/v1/market/asks", key=cluster.key)["data"] == [], denied)

    def as_exported(ask):
        """The pages of the gateway have all that an export has: it can be written from them, to the letter."""
        path = scratch + "/pages.jsonl"
        root("ledger", "export", "--to", path)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        page, entries, accounts = None, [], []
        while not page or page["has_more"]:
            page = ask("GET", f"/v1/ledger?limit=7&after={entries[-1]['id'] if entries else 0}")
            entries += page["data"]
        while not accounts or more["has_more"]:
            more = ask("GET", f"/v1/accounts?after={accounts[-1]['id'] if accounts else 0}")
            accounts += more["data"]

        def nano(text):
            return int(decimal.Decimal(text) * 10**9)

        moved = {(side, a["id"]): sum(nano(t["amount"]) for t in entries if t[side] == a["id"])
                 for a in accounts for side in ("from", "to")}
        written = [{"account": a["id"], "name": a["name"], "kind": a["kind"],
                    "opening_debits_nano": nano(a["debits"]) - moved["from", a["id"]],
                    "opening_credits_nano": nano(a["credits"]) - moved["to", a["id"]],
                    "closing_debits_nano": nano(a["debits"]), "closing_credits_nano": nano(a["credits"])}
                   for a in accounts]
        for t in entries:
            written.append({"transfer": t["id"], "debit": t["from"], "credit": t["to"], "amount_nano": nano(t["amount"]),
                            "kind": t["kind"], "job": t["job"], "time_ms": t["log_time_ms"], "group": t["group"],
                            "reverses": t["reverses"]})
            if t["kind"] == "sale":
                written[-1].update({name: t[name] for name in ("prompt_tokens", "cached_tokens", "output_tokens")})
                written[-1].update(charge_nano=nano(t["charge"]), own_use=t["own_use"])
        head = json.loads(lines[0])
        expect([page[name] for name in ("base", "base_hash", "head", "head_hash")]
               == [head[name] for name in ("base", "base_hash", "head", "head_hash")], (page, head))
        expect([json.dumps(line, separators=(",", ":")) for line in written] == lines[1:], (written, lines))

    def audit():
        """an export audits itself without the cluster; a line that is changed, left out or moved is found"""
        whole = scratch + "/books.jsonl"
        root("ledger", "export", "--to", whole)
        done = cluster.yard("ledger", "audit", whole, "--output", "json", key="")
        expect(done.code == 0, done)
        with open(whole, encoding="utf-8") as file:
            lines = file.read().splitlines()
        head = json.loads(lines[0])
        expect(done.lines[0]["head_hash"] == head["head_hash"] and head["base"] == 0, (done, head))
        count = sum('"transfer"' in line for line in lines)
        expect(done.lines[0]["transfers"] == count == head["head"] and done.lines[0]["first_transfer"] == 1, (done, count))
        first = 1 + head["accounts"]
        amount = json.loads(lines[first])["amount_nano"]
        sale = next(n for n, line in enumerate(lines) if '"kind":"sale"' in line)
        bad = {
            "an amount": [lines[first].replace(str(amount), str(amount + 1)) if n == first else line
                          for n, line in enumerate(lines)],
            "tokens": [line.replace('"output_tokens":', '"output_tokens":1') if n == sale else line
                       for n, line in enumerate(lines)],
            "left out": lines[:-1],
            "moved": [*lines[:-2], lines[-1], lines[-2]],
            "a balance": [line.replace('"closing_credits_nano":', '"closing_credits_nano":1')
                          if n == first - 1 else line for n, line in enumerate(lines)],
            "the hash": [lines[0].replace(head["head_hash"], "0" * 64), *lines[1:]],
            "a word more": [line.replace('{', '{"note":"paid",', 1) if n == first else line
                            for n, line in enumerate(lines)],
            "credit from nowhere": restated(lines, opened={2: ("debits", 5), alice: ("credits", 5)}),
            "no export": ["{}"],
        }
        for what, changed in bad.items():
            path = scratch + "/changed.jsonl"
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(changed) + "\n")
            done = cluster.yard("ledger", "audit", path, key="")
            expect(done.code == 3, (what, done))
        # In two pieces, which join.
        later = scratch + "/later.jsonl"
        root("ledger", "export", "--to", later, "--after", head["head"] - 2)
        expect(cluster.yard("ledger", "audit", later, key="").code == 0, "the later piece is wrong")
        expect(cluster.yard("ledger", "audit", whole, later, key="").code == 3, "pieces that overlap")
        root("ledger", "transfer", f"{alice}:{reserve}:0.1")
        root("ledger", "export", "--to", later, "--after", head["head"])
        done = cluster.yard("ledger", "audit", whole, later, "--output", "json", key="")
        expect(done.code == 0 and done.lines[0]["transfers"] == count + 1, done)
        with open(later, encoding="utf-8") as file:
            joined = file.read().splitlines()
        changed = scratch + "/changed.jsonl"
        for what, wrong in {
            "credit from nowhere": restated(joined, new=[("debits", 10**9), ("credits", 10**9)]),
            "another kind": restated(joined, words={alice: {"kind": "issuance"}}),
            "another name": restated(joined, words={alice: {"name": "eve"}}),
        }.items():
            with open(changed, "w", encoding="utf-8") as file:
                file.write("\n".join(wrong) + "\n")
            expect(cluster.yard("ledger", "audit", changed, key="").code == 0, (what, "is to be good in itself"))
            done = cluster.yard("ledger", "audit", whole, changed, key="")
            expect(done.code == 3 and "the books are wrong" in done.err, (what, done))

    def restated(lines, opened={}, new=(), words={}):
        """An export whose accounts began with more, with accounts that began with something, or with other words for some."""
        head = json.loads(lines[0])
        accounts = [json.loads(line) for line in lines[1:1 + head["accounts"]]]
        for line in accounts:
            for end in ("opening", "closing"):
                if line["account"] in opened:
                    side, amount = opened[line["account"]]
                    line[f"{end}_{side}_nano"] += amount
            line.update(words.get(line["account"], {}))
        for number, (side, amount) in enumerate(new, len(accounts) + 1):
            line = accounts[0] | {"account": number, "name": f"new{number}", "kind": "issuance"}
            line.update({f"{end}_{each}_nano": amount if each == side else 0
                         for end in ("opening", "closing") for each in ("debits", "credits")})
            accounts.append(line)
        written = [head | {"accounts": len(accounts)}, *accounts]
        return [json.dumps(line, separators=(",", ":")) for line in written] + lines[1 + head["accounts"]:]

    def retold(lines):
        """An export in which the last transfer was a millisecond later, with the hash that follows from it."""
        head = json.loads(lines[0])
        moved = json.loads(lines[-1])
        lines = [*lines[:-1], lines[-1].replace(f'"time_ms":{moved["time_ms"]}', f'"time_ms":{moved["time_ms"] + 1}')]
        kinds = ("credit", "capture", "reversal", "fee", "move", "redemption", "sale")

        def optional(number):
            return b"\0" if number is None else b"\1" + struct.pack(">Q", number)

        place = bytes.fromhex(head["base_hash"])
        for line in map(json.loads, lines[1 + head["accounts"]:]):
            place = hashlib.sha256(
                place + struct.pack(">4QB", line["transfer"], line["debit"], line["credit"], line["amount_nano"],
                                    kinds.index(line["kind"]) + 1)
                + optional(line["job"]) + struct.pack(">Q", line["time_ms"]) + optional(line["group"])
                + optional(line["reverses"])
                + (struct.pack(">4Q?", *(line[name] for name in (
                    "prompt_tokens", "cached_tokens", "output_tokens", "charge_nano", "own_use")))
                   if line["kind"] == "sale" else b"")).digest()
        return [lines[0].replace(head["head_hash"], place.hex()), *lines[1:]]

    def archive():
        """an archive's pieces join, and an export joins them; a second archiver, another cluster's journal and a changed piece are refused"""
        place = scratch + "/journal"

        def add(*arguments):
            return root("ledger", "archive", place, "--output", "json", *arguments).lines

        def pieces():
            return [f"{place}/{name}" for name in sorted(os.listdir(place)) if name.endswith(".jsonl")]

        first = add()[0]
        root("ledger", "transfer", f"{alice}:{reserve}:0.1")
        expect(add("--at-least", "2") == [] and len(pieces()) == 1, "a piece before there is enough for one")
        open(first["piece"] + ".unfinished", "w").close()  # as a crash leaves it
        second = add()[0]
        expect(second["transfers"] == 1 and second["head"] == first["head"] + 1, (first, second))
        expect(add() == [] and pieces() == [first["piece"], second["piece"]], pieces())
        later = scratch + "/later.jsonl"
        root("ledger", "reverse", second["head"])  # what the piece before has
        root("ledger", "export", "--to", later, "--after", second["head"])
        done = cluster.yard("ledger", "audit", place, later, "--output", "json", key="")
        expect(done.code == 0 and done.lines[0]["transfers"] == second["head"] + 1, done)
        done = cluster.yard("report", "--from", place, later, "--output", "json", key="")
        expect(done.lines == root("report", "--output", "json").lines, done)
        expect(cluster.yard("ledger", "audit", first["piece"], later, key="").code == 3, "a piece is missing")
        elsewhere = scratch + "/elsewhere"
        os.mkdir(elsewhere)
        with open(later, encoding="utf-8") as file:
            as_if = retold(file.read().splitlines())
        with open(f"{elsewhere}/{os.path.basename(second['piece'])}", "w", encoding="utf-8") as file:
            file.write("\n".join(as_if) + "\n")
        expect(cluster.yard("ledger", "audit", elsewhere, key="").code == 0, "the retold piece is to be good in itself")
        root("ledger", "archive", elsewhere, code=3)
        lock = os.open(place, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        root("ledger", "archive", place, code=3)
        os.close(lock)
        with open(second["piece"], "r+", encoding="utf-8") as file:
            lines = file.read()
            file.seek(0)
            file.write(lines.replace('"head_hash":"', '"head_hash":"0', 1))
        root("ledger", "archive", place, code=3)

    def report():
        """the report is made of the journal alone: of a file it is the same, and its sums are the accounts'"""
        path = scratch + "/report.jsonl"
        root("ledger", "export", "--to", path)
        told = root("report", "--output", "json").lines[0]
        done = cluster.yard("report", "--from", path, "--output", "json", key="")
        expect(done.code == 0 and done.lines[0] == told, (told, done))
        sold = told["sold"]
        expect(sold["jobs"] == 1 and sold["prompt_tokens"] > 0 and told["own_use"]["jobs"] == 0, told)
        expect(sold["output_tokens"] == sales[0]["output_tokens"], (told, sales))
        earned = sum(line["earned_nano"] for line in root("account", "list", "--output", "json").lines)
        total = sum(round(float(told[name]) * 1e9) for name in ("fees", "earned"))
        expect(total == earned > 0 and told["paid_jobs"] == 1, (told, earned))

    def formats():
        """bean-check takes the Beancount export with an assertion for every balance, and refuses a changed one; CSV has every transfer"""
        books = scratch + "/books.beancount"
        root("ledger", "export", "--format", "beancount", "--to", books)
        done = subprocess.run([BEAN_CHECK, books], capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, done)
        with open(books, encoding="utf-8") as file:
            text = file.read()
        accounts = len(root("account", "list", "--output", "json").lines)
        expect(text.count(" balance ") == text.count(" open ") == accounts, "a balance is not asserted")
        place = text.rindex(" ~ 0 CREDIT")
        digit = text[place - 1]
        with open(books, "w", encoding="utf-8") as file:
            file.write(text[:place - 1] + str((int(digit) + 1) % 10) + text[place:])
        done = subprocess.run([BEAN_CHECK, books], capture_output=True, text=True, timeout=120)
        expect(done.returncode != 0 and "Balance failed" in done.stderr, done)
        table = root("ledger", "export", "--format", "csv").text.split("\r\n")
        expect(len(table) - 2 == len(transfers("show", "--limit", "512")), "not every transfer is there")

    def taken_back():
        """a receipt that is made after a reversal names it, and is as good"""
        capture = next(t for t in transfers("show", "--limit", "512") if t["kind"] == "capture")
        taken = transfers("reverse", capture["transfer"])
        path = scratch + "/taken.receipt"
        expect(cluster.yard("receipt", capture["job"], "--to", path).code == 0, "no receipt")
        done = cluster.yard("receipt", "verify", path, "--ca", cluster.identity + "/ca.pem", "--output", "json", key="")
        expect(done.code == 0, done)
        expect(sorted(done.lines[0]["reversals"]) == sorted(t["transfer"] for t in taken), (done, taken))

    main([moves, reversals, closing, fee, market, receipts, http, audit, archive, report, formats, taken_back])
