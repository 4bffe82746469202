"""The shipped model's network in JAX: Llama as llama.cpp runs it, written for one CPU core.

Pre-norm blocks with RMSNorm, rotary embedding, grouped-query attention and SwiGLU; the embedding is the output matrix.
Matrices multiply in bfloat16 with float32 sums when `fast` is set (training); everything else is float32.
"""

import dataclasses

import jax
import jax.numpy as jnp

EPSILON = 1e-5
ROPE_BASE = 10000.0


@dataclasses.dataclass(frozen=True)
class Shape:
    """The sizes of a network; every matrix's rows are multiples of 32 long, as Q8_0 asks."""

    vocabulary: int
    width: int = 192
    layers: int = 3
    heads: int = 3
    shared_heads: int = 3
    inner: int = 512

    @property
    def head(self):
        return self.width // self.heads


def initial(shape, seed):
    """Random parameters: {name: array}, matrices as (inputs, outputs), layers as `N.name`."""
    key = jax.random.key(seed)
    parameters = {"embedding": jax.random.normal(key, (shape.vocabulary, shape.width)) * 0.02, "norm": jnp.ones(shape.width)}
    kv = shape.shared_heads * shape.head
    for layer in range(shape.layers):
        sizes = {
            "q": (shape.width, shape.width), "k": (shape.width, kv), "v": (shape.width, kv), "o": (shape.width, shape.width),
            "gate": (shape.width, shape.inner), "up": (shape.width, shape.inner), "down": (shape.inner, shape.width),
        }  # fmt: skip
        for number, (name, size) in enumerate(sizes.items()):
            scale = size[0] ** -0.5 * ((2 * shape.layers) ** -0.5 if name in ("o", "down") else 1)
            draw = jax.random.normal(jax.random.fold_in(key, 100 * layer + number + 1), size)
            parameters[f"{layer}.{name}"] = draw * scale
        parameters[f"{layer}.norm1"] = jnp.ones(shape.width)
        parameters[f"{layer}.norm2"] = jnp.ones(shape.width)
    return parameters


def normalise(x, weight):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + EPSILON) * weight


def rotate(x):
    """Rotary embedding of (batch, heads, time, size), halves as pairs; export turns them into neighbours."""
    half = x.shape[-1] // 2
    angle = jnp.arange(x.shape[2])[:, None] * ROPE_BASE ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def hidden(parameters, shape, tokens, fast):
    """The normalised state after the last block, (batch, time, width), and the multiplication used."""
    kind = jnp.bfloat16 if fast else jnp.float32

    def times(x, name):  # as two dimensions: XLA multiplies three at half the speed
        flat = jnp.matmul(x.reshape(-1, x.shape[-1]).astype(kind), parameters[name].astype(kind), preferred_element_type=jnp.float32)
        return flat.reshape(*x.shape[:-1], -1)

    def heads(x, count):
        return x.reshape(batch, time, count, shape.head).transpose(0, 2, 1, 3)

    batch, time = tokens.shape
    x = parameters["embedding"][tokens]
    bias = jnp.where(jnp.tril(jnp.ones((time, time), bool)), 0.0, -1e9)
    group = shape.heads // shape.shared_heads
    for layer in range(shape.layers):
        y = normalise(x, parameters[f"{layer}.norm1"])
        q = rotate(heads(times(y, f"{layer}.q"), shape.heads)) * shape.head**-0.5
        k = jnp.repeat(rotate(heads(times(y, f"{layer}.k"), shape.shared_heads)), group, 1)
        v = jnp.repeat(heads(times(y, f"{layer}.v"), shape.shared_heads), group, 1)
        scores = jnp.einsum("bhtd,bhud->bhtu", q.astype(kind), k.astype(kind), preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores + bias, -1)
        mixed = jnp.einsum("bhtu,bhud->bhtd", weights.astype(kind), v.astype(kind), preferred_element_type=jnp.float32)
        x = x + times(mixed.transpose(0, 2, 1, 3).reshape(batch, time, shape.width), f"{layer}.o")
        y = normalise(x, parameters[f"{layer}.norm2"])
        x = x + times(jax.nn.silu(times(y, f"{layer}.gate")) * times(y, f"{layer}.up"), f"{layer}.down")
    return normalise(x, parameters["norm"])


def logits(parameters, shape, tokens, fast=False):
    """What follows each token, (batch, time, vocabulary)."""
    kind = jnp.bfloat16 if fast else jnp.float32
    x = hidden(parameters, shape, tokens, fast)
    flat = jnp.matmul(
        x.reshape(-1, shape.width).astype(kind), parameters["embedding"].T.astype(kind), preferred_element_type=jnp.float32
    )
    return flat.reshape(*tokens.shape, -1)


def loss(parameters, shape, tokens, said, fast=False):
    """The sum of -log p over the tokens that are `said`, in nats."""
    scores = logits(parameters, shape, tokens[:, :-1], fast)
    right = jnp.take_along_axis(scores, tokens[:, 1:, None], -1)[..., 0]
    return jnp.sum((jax.nn.logsumexp(scores, -1) - right) * said[:, 1:])
