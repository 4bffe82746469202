"""Checks a GGUF against llama.cpp: the same tokens, and the same greedy answer as the JAX network.

    python3 compare.py checkpoint.npz http://127.0.0.1:PORT     # PORT of deploy/engine/serve --model MODEL.gguf
"""

import json
import pathlib
import random
import sys
import urllib.request

import corpus
import numpy
import tokenizer
import train


def post(address, path, body):
    """What the server answers to a JSON body."""
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def main():
    checkpoint, address = sys.argv[1], sys.argv[2]
    shape, _, parameters, _ = train.load(pathlib.Path(checkpoint))
    words = tokenizer.for_corpus(corpus, random)
    scores = train.jax.jit(lambda p, ids: train.network.logits(p, shape, ids))
    rng = random.Random("compare")
    same = differ = near = 0
    texts = ["Caf\u00e9 \u2603 naïve  two  spaces\n\nline", " lead", "", "Zog the qwxyz!"]
    for text in texts + [corpus.turn(rng).prompt for _ in range(50)]:
        theirs = post(address, "/tokenize", {"content": text, "add_special": False})["tokens"]
        assert theirs == words.encode(text), (text, theirs, words.encode(text))
    for _ in range(10):
        prompt = [tokenizer.BOS, *words.prompt(corpus.turn(rng).prompt)]
        body = {"prompt": prompt, "n_predict": 100, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        theirs = post(address, "/completion", body)["tokens"]
        ids = numpy.zeros((1, 512), numpy.int32)
        ids[0, : len(prompt) + len(theirs)] = prompt + theirs
        rows = numpy.asarray(scores(parameters, ids))[0, len(prompt) - 1 : len(prompt) + len(theirs) - 1]
        for row, token in zip(rows, theirs):
            if int(row.argmax()) == token:
                same += 1
            elif row.max() - row[token] < 0.05:
                near += 1
            else:
                differ += 1
    print(f"argmax: {same} equal, {near} differ within 0.05 of the top logit, {differ} differ by more")


if __name__ == "__main__":
    main()
