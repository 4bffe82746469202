#!/usr/bin/env python3
"""The built-in engine says what llama.cpp says: 20 texts of 100 tokens, F32 weights and F32 cache.

Teacher-forced: after each token of a given text both engines name the most likely next one, whatever the text goes
on with. They must agree wherever the lead of llama.cpp's first over its second exceeds TOLERANCE; closer than
that, two orders of summation may rank them differently. Where they agree, their leads must, within the same
tolerance. Both models are compared as F32: the one inside the program with its weights widened, and a random one of
another shape (grouped queries, another size of heads, an output matrix of its own).
"""

import json
import os
import pathlib
import random
import subprocess
import sys

from product import ROOT, expect, folder, main

VENV = ROOT / ".venv"
if (VENV / "bin/python").exists() and pathlib.Path(sys.prefix).resolve() != VENV.resolve():
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])

import gguf  # noqa: E402
import numpy as np  # noqa: E402

BENCH = pathlib.Path(os.environ.get("YARD_BINARY", str(ROOT / ".build/debug/yard"))).with_name("yard-bench")
MODEL = ROOT / "Sources/CModelBytes/model.gguf"
TEXTS, TOKENS = 20, 100
# Logits. The largest difference of leads seen was 5e-5, on leads up to 40.
TOLERANCE = 5e-4


def widen(source, target):
    """Writes a model with every tensor as F32; the same weights, exactly."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind,
                             field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    close(writer)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_model(target):
    """A model of another shape: 6 query and 2 key heads of 24, three blocks, an output of its own."""
    width, hidden, blocks, heads, key_heads, size = 96, 160, 3, 6, 2, 24
    draw = np.random.default_rng(7)
    tokens = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % byte for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    for first in "abcdefghijklmnop":
        for second in "aeiou":
            tokens.append((first + second).encode())
            kinds.append(1)
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_rope_dimension_count(size)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(50000.0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(index) for index in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)

    def matrix(name, rows, columns):
        values = draw.standard_normal((rows, columns)) * (1.5 / np.sqrt(columns))
        writer.add_tensor(name, values.astype(np.float32))

    def norm(name):
        writer.add_tensor(name, (1 + 0.1 * draw.standard_normal(width)).astype(np.float32))

    matrix("token_embd.weight", len(tokens), width)
    matrix("output.weight", len(tokens), width)
    norm("output_norm.weight")
    for block in range(blocks):
        name = f"blk.{block}."
        norm(name + "attn_norm.weight")
        norm(name + "ffn_norm.weight")
        matrix(name + "attn_q.weight", heads * size, width)
        matrix(name + "attn_k.weight", key_heads * size, width)
        matrix(name + "attn_v.weight", key_heads * size, width)
        matrix(name + "attn_output.weight", width, heads * size)
        matrix(name + "ffn_gate.weight", hidden, width)
        matrix(name + "ffn_up.weight", hidden, width)
        matrix(name + "ffn_down.weight", width, hidden)
    close(writer)
    return len(tokens)


class LlamaCpp:
    """llama.cpp in a child: what it would say after a prefix."""

    def __init__(self, model):
        self.process = subprocess.Popen(
            [str(ROOT / "deploy/engine/complete"), "--model", str(model)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def complete(self, ids, count, **fields):
        request = {"prompt": ids, "max_tokens": count, "temperature": 0, "cache_prompt": True, **fields}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def lead(self, ids):
        """The most likely next token and its lead; None where llama.cpp keeps half a character to itself."""
        choice = self.complete(ids, 1, logprobs=2)["choices"][0]
        entries = (choice.get("logprobs") or {}).get("content")
        if not entries:
            return None
        first, second = entries[0]["top_logprobs"][:2]
        return first["id"], first["logprob"] - second["logprob"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(300)


def compare(model, texts):
    done = subprocess.run(
        [str(BENCH), "builtin-logits", "--model", str(model)], capture_output=True, text=True, timeout=600,
        input="".join(json.dumps(ids) + "\n" for ids in texts))
    expect(done.returncode == 0, done.stderr[-600:])
    ours = [json.loads(line)["top"] for line in done.stdout.splitlines()]
    expect(len(ours) == len(texts), f"{len(ours)} answers")
    peer = LlamaCpp(model)
    compared = close_calls = 0
    worst = 0.0
    for ids, tops in zip(texts, ours):
        for place, (token, lead) in enumerate(tops, 1):
            answer = peer.lead(ids[:place])
            if answer is None:
                continue
            compared += 1
            if answer[0] != token:
                close_calls += 1
                expect(answer[1] <= TOLERANCE and lead <= TOLERANCE,
                       f"after {ids[:place]} llama.cpp says {answer}, we say {(token, lead)}")
            else:
                worst = max(worst, abs(answer[1] - lead))
    peer.close()
    expect(compared >= 0.75 * sum(map(len, texts)), f"only {compared} places could be compared")
    expect(worst <= TOLERANCE, f"a lead differs by {worst}")
    print(f"     {compared} places, {close_calls} within the tolerance, leads differ by {worst:.1e} at most")


def shipped():
    """the model inside the program, as F32, agrees with llama.cpp"""
    with folder() as scratch:
        path = scratch + "/widened.gguf"
        widen(MODEL, path)
        reader = gguf.GGUFReader(MODEL)
        vocabulary = len(reader.fields["tokenizer.ggml.tokens"].contents())
        draw = random.Random(3)
        texts = []
        peer = LlamaCpp(path)
        for number in range(TEXTS):
            # A drawn beginning, and what llama.cpp writes after it, so that the text is the model's own.
            start = [1] + [draw.randrange(261, vocabulary) for _ in range(1 + number % 5)]
            answer = peer.complete(start, TOKENS, temperature=0.8, seed=number, logprobs=1, ignore_eos=True)
            entries = (answer["choices"][0].get("logprobs") or {}).get("content") or []
            texts.append((start + [entry["id"] for entry in entries])[:TOKENS])
        peer.close()
        compare(path, texts)


def another_shape():
    """a random model of another shape agrees with llama.cpp"""
    with folder() as scratch:
        path = scratch + "/random.gguf"
        vocabulary = random_model(path)
        draw = random.Random(5)
        compare(path, [[1] + [draw.randrange(3, vocabulary) for _ in range(TOKENS - 1)] for _ in range(TEXTS)])


main([shipped, another_shape])
