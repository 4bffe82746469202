"""Trains the shipped model on one CPU core: the story grammar, Muon for the matrices, AdamW for the rest.

    taskset -c 1 python3 train.py --minutes 35 --checkpoint checkpoint.npz

Batch N depends on the seed and N alone, so a run that is cut off goes on from its checkpoint as if it had not been;
the learning rate follows whichever of the shares of steps and of minutes has gone further. Single turns fill 256
tokens; every 25th batch has conversations of two turns in 512. `export.py` turns a checkpoint into the GGUF.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse  # noqa: E402
import dataclasses  # noqa: E402
import json  # noqa: E402
import pathlib  # noqa: E402
import random  # noqa: E402
import time  # noqa: E402

import corpus  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import network  # noqa: E402
import numpy  # noqa: E402
import tokenizer  # noqa: E402

SHORT, LONG, LONG_EVERY = 256, 512, 25
HELD_OUT_BATCHES = 2


def batch(words, seed, number, tokens=2048):
    """Batch `number` of a seed: ids, what of them is said, and the entropy of what is said, in nats."""
    rng = random.Random(f"{seed}:{number}")
    turns, length = (2, LONG) if number % LONG_EVERY == LONG_EVERY - 1 else (1, SHORT)
    rows = tokens // length
    ids = numpy.zeros((rows, length + 1), numpy.int32)
    said = numpy.zeros((rows, length + 1), numpy.float32)
    row, nats = 0, 0.0
    while row < rows:
        made = corpus.conversation(rng, turns)
        text, counts = words.chat(made)
        if len(text) <= length + 1:
            ids[row, : len(text)], said[row, : len(text)] = text, counts
            nats += sum(turn.nats for turn in made.turns)
            row += 1
    return ids, said, nats


def orthogonal(matrix):
    """The matrix with its singular values brought near one (five Newton-Schulz steps)."""
    x = matrix / (jnp.linalg.norm(matrix) + 1e-7)
    turned = x.shape[0] > x.shape[1]
    x = x.T if turned else x
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if turned else x


def by_muon(name):
    """Whether a parameter is a layer's matrix."""
    return "." in name and "norm" not in name


def update(parameters, state, gradients, step, rate):
    """One step of Muon for the layers' matrices and of AdamW for the embedding and norms."""
    total = jnp.sqrt(sum(jnp.sum(g * g) for g in gradients.values()))
    clip = jnp.minimum(1.0, 1.0 / (total + 1e-6))
    new, moments = {}, {}
    for name, value in parameters.items():
        gradient = gradients[name] * clip
        if by_muon(name):
            first = 0.95 * state[name][0] + gradient
            turn = orthogonal(gradient + 0.95 * first) * max(1.0, value.shape[1] / value.shape[0]) ** 0.5
            new[name] = value * (1 - 0.02 * rate * 0.05) - 0.02 * rate * turn
            moments[name] = (first, state[name][1])
        else:
            first = 0.9 * state[name][0] + 0.1 * gradient
            second = 0.98 * state[name][1] + 0.02 * gradient**2
            turn = (first / (1 - 0.9**step)) / (jnp.sqrt(second / (1 - 0.98**step)) + 1e-9)
            new[name] = value - 0.004 * rate * turn
            moments[name] = (first, second)
    return new, moments


def save(path, shape, step, seconds, parameters, state):
    """Writes a checkpoint beside the old one and moves it there."""
    arrays = {f"p/{name}": value for name, value in parameters.items()}
    for name, (first, second) in state.items():
        arrays[f"a/{name}"], arrays[f"b/{name}"] = first, second
    about = json.dumps({"shape": dataclasses.asdict(shape), "step": step, "seconds": seconds})
    part = path.with_suffix(".part.npz")
    numpy.savez(part, about=about, **{name: numpy.asarray(value) for name, value in arrays.items()})
    part.replace(path)


def load(path):
    """A checkpoint as (shape, what it says of itself, parameters, optimiser state)."""
    with numpy.load(path) as file:
        about = json.loads(str(file["about"]))
        parameters = {name[2:]: jnp.asarray(file[name]) for name in file.files if name.startswith("p/")}
        state = {name: (jnp.asarray(file[f"a/{name}"]), jnp.asarray(file[f"b/{name}"])) for name in parameters}
    return network.Shape(**about["shape"]), about, parameters, state


def main():
    parser = argparse.ArgumentParser(description="Trains the shipped model.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8000, help="at most so many batches")
    parser.add_argument("--minutes", type=float, default=35.0, help="at most so long, over all runs")
    parser.add_argument("--checkpoint", type=pathlib.Path, default=pathlib.Path("checkpoint.npz"))
    options = parser.parse_args()
    words = tokenizer.for_corpus(corpus, random)
    if options.checkpoint.exists():
        shape, about, parameters, state = load(options.checkpoint)
        step, before = about["step"], about["seconds"]
    else:
        shape = network.Shape(len(words))
        parameters, step, before = network.initial(shape, options.seed), 0, 0.0
        state = {
            name: (jnp.zeros_like(value), jnp.zeros(()) if by_muon(name) else jnp.zeros_like(value))
            for name, value in parameters.items()
        }

    @jax.jit
    def learn(parameters, state, ids, said, step, rate):
        mean = lambda p: network.loss(p, shape, ids, said) / jnp.sum(said)  # noqa: E731
        value, gradients = jax.value_and_grad(mean)(parameters)
        return value, *update(parameters, state, gradients, step, rate)

    measure = jax.jit(lambda parameters, ids, said: network.loss(parameters, shape, ids, said))
    held_out = [batch(words, "held out", number, 8192) for number in range(HELD_OUT_BATCHES)]
    spoken, entropy = sum(said.sum() for _, said, _ in held_out), sum(nats for _, _, nats in held_out)
    print(f"{sum(p.size for p in parameters.values())} parameters, {len(words)} tokens in the vocabulary", flush=True)
    start, saved, recent = time.monotonic(), before, []
    while True:
        seconds = before + time.monotonic() - start
        share = max(step / options.steps, seconds / 60 / options.minutes)
        if share >= 1 or seconds - saved > 100:
            save(options.checkpoint, shape, step, seconds, parameters, state)
            saved = seconds
            found = sum(float(measure(parameters, ids, said)) for ids, said, _ in held_out)
            print(f"held out: {found / spoken:.4f} nats a token, {found / entropy:.3f} of the entropy", flush=True)
        if share >= 1:
            break
        rate = min(1.0, (step + 1) / 50) * min(1.0, max(0.0, (1 - share) / 0.6) + 0.002)
        ids, said, _ = batch(words, options.seed, step)
        step += 1
        value, parameters, state = learn(parameters, state, ids, said, float(step), rate)
        recent.append(float(value))
        if step % 25 == 0:
            print(f"step {step} {seconds:.0f} s loss {sum(recent) / len(recent):.4f} rate {rate:.3f}", flush=True)
            recent = []


if __name__ == "__main__":
    main()
