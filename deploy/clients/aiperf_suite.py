#!/usr/bin/env python3
"""A short run of aiperf against any OpenAI endpoint: `pass NAME`, or `fail NAME` and what it said.

    .venv/clients/aiperf/bin/python deploy/clients/aiperf_suite.py '{"base_url": "…/v1", "key": "…", "model": "…"}'

Exit: 0 passed, 1 not.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

GIVEN = json.loads(sys.argv[1])
REQUESTS, OUTPUT_TOKENS = 20, 8


def make_tokenizer(folder):
    """One of bytes: aiperf counts with it, and would fetch another."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog"], trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<s>", "</s>"]))
    tokenizer.save(f"{folder}/tokenizer.json")
    pathlib.Path(folder, "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}))
    pathlib.Path(folder, "config.json").write_text('{"model_type": "llama"}')


name = f"aiperf: {REQUESTS} streamed chats, each of {OUTPUT_TOKENS} tokens and without an error"
with tempfile.TemporaryDirectory(prefix="yard-check-aiperf-") as home:
    make_tokenizer(home)
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("aiperf"), "profile", "--model", GIVEN["model"], "--url",
         GIVEN["base_url"].removesuffix("/v1"), "--api-key", GIVEN["key"], "--endpoint-type", "chat", "--streaming",
         "--concurrency", "4", "--request-count", str(REQUESTS), "--isl", "16", "--osl", str(OUTPUT_TOKENS),
         "--extra-inputs", "temperature:0", "--tokenizer", home, "--use-server-token-count", "--ui", "none",
         "--artifact-dir", home + "/out"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    found = list(pathlib.Path(home, "out").rglob("profile_export_aiperf.json"))
    report = json.loads(found[0].read_text()) if found else {}
    counts = [report.get(key, {}).get("avg") for key in ("request_count", "error_request_count", "output_sequence_length")]
    if done.returncode == 0 and counts[0] == REQUESTS and not counts[1] and counts[2] == OUTPUT_TOKENS:
        print(f"pass {name}")
    else:
        print(f"fail {name}: exit {done.returncode}, {counts}\n{done.stdout[-3000:]}")
        sys.exit(1)
