"""Decoder: writes a sequence one symbol at a time, from what an encoder has read.

    x_t      = row y_{t-1} of W_y                       (1)   the symbol before, embedded
    c_t      = attention(s_{t-1}; h_1 ... h_S)          (2)   with attention; without, c_t = s_0 or nothing
    a_t      = x_t W_x + c_t W_c + b                    (3)   blocks r | z | n, each (N, H)
    u_t      = s_{t-1} W_h                              (4)   blocks r | z | n
    r, z     = σ(a_r + u_r), σ(a_z + u_z)               (5)   reset and update gate
    n        = tanh(a_n + r ⊙ (u_n + b_n))              (6)   candidate
    s_t      = (1 - z) ⊙ n + z ⊙ s_{t-1}                (7)   state
    logits_t = s_t W_o + b_o                            (8)

Shapes: inputs (T, N), time first, integers from 0 to K-1: y_0 to y_{T-1}; state s_0 (N, H); hs (S, N, E) what the
    encoder made of each place, mask (S, N), True at valid places; W_y (K, D), W_x (D, 3H), W_c (E, 3H), W_h (H, 3H),
    b (3H,), b_n (H,), W_o (H, K), b_o (K,); attention: W_s (H, A), W_h (E, A), w (A,); logits (T, N, K).

Units: logits are nats, up to a constant for each step.

Variant: the cell is the GRU of recurrent/gru. Three ways to hand over what was read: "init", through the first state
    alone (Sutskever et al.; then W_c is None); "concat", that state is an input of every step too (Cho et al.; E =
    H); "attention", every step looks for itself, with the state before it (Bahdanau et al.; Luong et al. 2015 look
    with the state after it). The logits see the state alone; Cho et al. and Bahdanau et al. feed c_t and x_t to the
    output as well. decoder_step is one step for decoding, where the next input depends on the logits;
    decoder_memory is what all steps share.

Raises: ValueError if sizes or dtypes disagree, if T or S is 0, if an input is negative or at least K, or if the
    context is not one of the three.

Reference: Sutskever, Vinyals & Le 2014, arXiv:1409.3215; Cho et al. 2014, arXiv:1406.1078; Bahdanau, Cho & Bengio
    2015, arXiv:1409.0473.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, tanh
from numpy_impl.initializers import glorot_uniform
from numpy_impl.recurrent.attention import AttentionParams, attention_init, attention_read, attention_read_backward
from numpy_impl.recurrent.embedding import embedding, embedding_backward, embedding_init
from shared.support.shapes import Below, checked


class DecoderParams(NamedTuple):
    W_y: Float[Array, "K D"]
    W_x: Float[Array, "D 3*H"]
    W_c: Float[Array, "E 3*H"] | None
    W_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"]
    b_n: Float[Array, "H"]
    attention: AttentionParams | None
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


class DecoderMemory(NamedTuple):
    a: Float[Array, "N 3*H"] | None
    keys: Float[Array, "S N A"] | None
    hs: Float[Array, "S N E"]
    mask: Bool[Array, "S N"] | None


def decoder_init(
    rng: Generator,
    n_symbols: int,
    n_embedding: int,
    n_read: int,
    n_hidden: int,
    *,
    context: str = "init",
    n_attention: int = 0,
    dtype: str = "float32",
) -> DecoderParams:
    if context not in ("init", "concat", "attention"):
        raise ValueError(f"decoder_init: context is {context!r}, expected 'init', 'concat' or 'attention'")
    draw = lambda *shape: glorot_uniform(rng, shape, dtype=dtype)
    return DecoderParams(
        W_y=embedding_init(rng, n_symbols, n_embedding, dtype=dtype),
        W_x=draw(n_embedding, 3 * n_hidden),
        W_c=None if context == "init" else draw(n_read, 3 * n_hidden),
        W_h=draw(n_hidden, 3 * n_hidden),
        b=np.zeros(3 * n_hidden, dtype),
        b_n=np.zeros(n_hidden, dtype),
        attention=attention_init(rng, n_hidden, n_read, n_attention, dtype=dtype) if context == "attention" else None,
        W_o=draw(n_hidden, n_symbols),
        b_o=np.zeros(n_symbols, dtype),
    )


@checked(S=1)
def decoder_memory(
    params: DecoderParams,
    s_0: Float[Array, "N H"],
    hs: Float[Array, "S N E"],
    mask: Bool[Array, "S N"] | None = None,
) -> DecoderMemory:
    """What all steps share, once: the product with s_0 of "concat", the keys of attention."""
    if params.attention is not None:
        if params.W_c is None:
            raise ValueError("decoder: params has attention without W_c, expected both or neither")
        return DecoderMemory(None, np.tensordot(hs, params.attention.W_h, 1), hs, mask)
    if params.W_c is None:
        return DecoderMemory(None, None, hs, mask)
    if len(params.W_c) != s_0.shape[1]:
        raise ValueError(f"decoder: W_c has {len(params.W_c)} rows, expected {s_0.shape[1]}, the size of s_0")
    return DecoderMemory(s_0 @ params.W_c, None, hs, mask)


def _step(params, a, s, memory):
    look, alpha, look_cache = params.attention, None, None
    if look is not None:
        (c, alpha), look_cache = attention_read(look.w, s @ look.W_s, memory.keys, memory.hs, memory.mask)  # (2)
        a = a + c @ params.W_c  # (3)
        look_cache = c, look_cache
    H = s.shape[1]
    u = s @ params.W_h  # (4)
    rz = sigmoid(a[:, : 2 * H] + u[:, : 2 * H])
    r, z = rz[:, :H], rz[:, H:]  # (5)
    u_n = u[:, 2 * H :] + params.b_n
    n = tanh(a[:, 2 * H :] + r * u_n)  # (6)
    return (1 - z) * n + z * s, alpha, (s, rz, n, u_n, look_cache)  # (7)


def _cell_backward(W_h, cache, d_s):
    s, rz, n, u_n, _ = cache
    H = s.shape[1]
    r, z = rz[:, :H], rz[:, H:]
    d_a, d_u = np.empty((len(s), 3 * H), s.dtype), np.empty((len(s), 3 * H), s.dtype)
    d_n = d_s * (1 - z) * (1 - n * n)  # through (6) (7)
    d_u[:, :H], d_u[:, H : 2 * H], d_u[:, 2 * H :] = d_n * u_n, d_s * (s - n), d_n * r  # through (6) (7)
    d_u[:, : 2 * H] *= rz * (1 - rz)  # through (5)
    d_a[:, : 2 * H], d_a[:, 2 * H :] = d_u[:, : 2 * H], d_n
    return d_a, d_u, d_s * z + d_u @ W_h.T  # through (4) (7)


@checked(T=1, S=1)
def decoder(
    params: DecoderParams,
    inputs: Annotated[Int[Array, "T N"], Below("K")],
    s_0: Float[Array, "N H"],
    hs: Float[Array, "S N E"],
    mask: Bool[Array, "S N"] | None = None,
) -> Float[Array, "T N K"]:
    memory = decoder_memory(params, s_0, hs, mask)
    xs, lookup_cache = embedding(params.W_y, inputs)  # (1)
    steps = np.tensordot(xs, params.W_x, 1) + params.b  # (3), every step in one matmul
    steps = steps if memory.a is None else steps + memory.a
    s, states, caches = s_0, [], []
    for a in steps:
        s, _, cache = _step(params, a, s, memory)
        states.append(s)
        caches.append(cache)
    ss = np.stack(states)
    return np.tensordot(ss, params.W_o, 1) + params.b_o, (params, xs, lookup_cache, s_0, hs, ss, caches)  # (8)


def decoder_backward(cache, d_logits):
    params, xs, lookup_cache, s_0, hs, ss, caches = cache
    look = params.attention
    d_ss = np.tensordot(d_logits, params.W_o.T, 1)  # through (8)
    d_as, d_us = np.empty((2, *ss.shape[:2], params.b.size), ss.dtype)
    d_s, looks = np.zeros_like(s_0), []
    for t in reversed(range(len(caches))):
        d_as[t], d_us[t], d_s = _cell_backward(params.W_h, caches[t], d_ss[t] + d_s)
        if look is not None:
            d_c = d_as[t] @ params.W_c.T  # through (3)
            d_w, d_q, d_keys, *_ = attention_read_backward(caches[t][-1][1], (d_c, 0), hs_too=False)
            d_s += d_q @ look.W_s.T  # through (2)
            looks.append((d_c, d_w, d_q, d_keys))
    before = np.concatenate([s_0[None], ss[:-1]])  # s_{t-1}
    d_hs, d_W_c, d_look = np.zeros_like(hs), None, None
    if look is not None:
        cs, alphas = (np.stack(x) for x in zip(*((c, read[-1]) for *_, (c, read) in caches), strict=True))
        d_cs, d_ws, d_qs, d_keys = zip(*looks[::-1], strict=True)
        d_keys = sum(d_keys)
        d_hs = _weighted(alphas, np.stack(d_cs)) + np.tensordot(d_keys, look.W_h.T, 1)  # through (2)
        d_look = AttentionParams(_outer(before, np.stack(d_qs)), _outer(hs, d_keys), sum(d_ws))  # through (2)
        d_W_c = _outer(cs, d_as)  # through (3)
    elif params.W_c is not None:
        d_c = np.sum(d_as, axis=0)
        d_W_c, d_s = s_0.T @ d_c, d_s + d_c @ params.W_c.T  # through (3)
    d_W_y, _ = embedding_backward(lookup_cache, np.tensordot(d_as, params.W_x.T, 1))  # through (1) (3)
    d_params = DecoderParams(
        W_y=d_W_y,
        W_x=_outer(xs, d_as),  # through (3), every step in one matmul
        W_c=d_W_c,
        W_h=_outer(before, d_us),  # through (4)
        b=np.sum(d_as, axis=(0, 1)),
        b_n=np.sum(d_us[..., 2 * s_0.shape[1] :], axis=(0, 1)),  # through (6)
        attention=d_look,
        W_o=_outer(ss, d_logits),  # through (8)
        b_o=np.sum(d_logits, axis=(0, 1)),
    )
    return d_params, None, d_s, d_hs, None


def _outer(xs, ys):
    """Σ xᵀ y over all steps and rows."""
    return xs.reshape(-1, xs.shape[-1]).T @ ys.reshape(-1, ys.shape[-1])


def _weighted(alphas, d_cs):
    """Σ_t α_t d_c_t for every place: (T, S, N) and (T, N, E) to (S, N, E)."""
    return (alphas.transpose(2, 1, 0) @ d_cs.swapaxes(0, 1)).swapaxes(0, 1)


@checked
def decoder_step(
    params: DecoderParams,
    inputs: Annotated[Int[Array, "N"], Below("K")],
    s: Float[Array, "N H"],
    memory: DecoderMemory,
) -> tuple[Float[Array, "N K"], Float[Array, "N H"], Float[Array, "S N"] | None]:
    """Logits, the next state, and where attention looked."""
    x, _ = embedding(params.W_y, inputs)  # (1)
    a = x @ params.W_x + params.b  # (3)
    s, alpha, _ = _step(params, a if memory.a is None else a + memory.a, s, memory)
    return s @ params.W_o + params.b_o, s, alpha  # (8)
