"""Measures the shipped model: held-out loss, requests met, repetition, and ten samples, as Markdown for the card.

    python3 evaluate.py checkpoint.npz http://127.0.0.1:PORT     # PORT of deploy/engine/serve --model model.gguf

The loss is that of the Q8_0 matrices, computed in JAX in float32; the stories are llama.cpp's, from the GGUF.
"""

import concurrent.futures
import pathlib
import random
import re
import sys

import compare
import corpus
import export
import tokenizer
import train

REQUESTS = 150
DEFAULTS = (0.8, 0.95, 40)  # temperature, top_p and top_k of a request that names none


def missing(request, text):
    """What of the request the story does not keep, as a list of the parts' names; [] if it is met.

    A story has one name, kind, object and place throughout, whatever the request left open.
    """
    found = re.findall(r"[A-Za-z]+", text.replace("one coin, and", "").replace("Will you", ""))
    wrong = []
    for part, every, least in (
        ("name", corpus.FEMALE + corpus.MALE, 3), ("kind", corpus.KINDS, 1),
        ("object", list(corpus.OBJECTS), 3), ("place", list(corpus.PLACES), 1),
    ):  # fmt: skip
        said = [word for word in found if word in every]
        wanted = getattr(request, part)
        if len(set(said)) != 1 or len(said) < least or (wanted and said[0] != wanted):
            wrong.append(part)
    if request.color and f"{request.color} {request.object or ''}" not in text:
        wrong.append("color")
    return wrong


def repetition(text):
    """The share of a text's runs of four words that occurred before in it."""
    found = text.split()
    runs = [tuple(found[place : place + 4]) for place in range(len(found) - 3)]
    return 1 - len(set(runs)) / max(1, len(runs))


def tell(address, words, prompt, sampling, seed):
    """llama.cpp's answer under (temperature, top_p, top_k): the text and whether it came to its end."""
    temperature, top_p, top_k = sampling
    body = {
        "prompt": [tokenizer.BOS, *words.prompt(prompt)], "n_predict": 300, "temperature": temperature, "seed": seed,
        "top_k": top_k, "top_p": top_p, "min_p": 0.0, "repeat_penalty": 1.0, "cache_prompt": False,
    }  # fmt: skip
    answer = compare.post(address, "/completion", body)
    return answer["content"], answer["stop_type"] == "eos"


def main():
    checkpoint, address = sys.argv[1], sys.argv[2]
    shape, about, parameters, _ = train.load(pathlib.Path(checkpoint))
    words = tokenizer.for_corpus(corpus, random)
    rng = random.Random("held-out requests")
    turns = []
    while len(turns) < REQUESTS:
        prompt, request = corpus.ask_for(rng, share_unknown=0)
        turns.append((prompt, request, corpus.story(corpus.Draw(rng), request)))
    own = sum(not missing(request, text) for _, request, text in turns)
    print(f"the grammar's own stories: {own} of {len(turns)} met, repetition {sum(repetition(t) for *_, t in turns) / len(turns):.4f}")
    for sampling in ((0.0, 1.0, 0), (0.8, 1.0, 0), DEFAULTS):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            told = list(pool.map(lambda i: tell(address, words, turns[i][0], sampling, i), range(len(turns))))
        wrong = [missing(request, text) for (_, request, _), (text, _) in zip(turns, told)]
        count = {part: sum(part in parts for parts in wrong) for part in ("name", "kind", "object", "place", "color")}
        met, ended = sum(not parts for parts in wrong), sum(end for _, end in told)
        length = sum(len(text.split()) for text, _ in told) / len(told)
        again = sum(repetition(text) for text, _ in told) / len(told)
        print(f"temperature, top_p, top_k {sampling}: {met} of {len(turns)} met, wrong {count}, {ended} ended, {length:.0f} words, repetition {again:.4f}")
    measure = train.jax.jit(lambda p, ids, said: train.network.loss(p, shape, ids, said))
    held_out = [train.batch(words, "held out", number, 8192) for number in range(100, 106)]
    spoken, entropy = sum(said.sum() for _, said, _ in held_out), sum(nats for *_, nats in held_out)
    for name, held in (("Q8_0", export.quantised(shape, parameters)), ("F32", parameters)):
        found = sum(float(measure(held, ids, said)) for ids, said, _ in held_out)
        print(f"{name}: held-out loss {found / spoken:.4f}, entropy {entropy / spoken:.4f}, ratio {found / entropy:.3f}, {int(spoken)} tokens, step {about['step']}, {about['seconds'] / 60:.1f} minutes")
    prompts = [
        "Tell me a story about a fox named Nora who finds a kite in the forest.", "Why is the sky blue?",
        "Please write a short story about a robot named Max who breaks a clock.", "Tell me a story about a princess who wants a violin.",
        "Write me a story about a brave hedgehog called Otto who makes a red boat by the lake.", "Hello, who are you?",
        "Give me a story about a dragon and a teapot in the castle.", "Tell me a story.",
        "I would like a story about Ruby who loses a key at the market.", "What is 12 + 30?",
    ]  # fmt: skip
    for seed, prompt in enumerate(prompts, 1):
        text, _ = tell(address, words, prompt, DEFAULTS, seed)
        print(f"\n**{seed}. {prompt}** (seed {seed})\n\n" + "\n".join("> " + line if line else ">" for line in text.split("\n")))


if __name__ == "__main__":
    main()
