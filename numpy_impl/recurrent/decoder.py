"""Decoder: writes a sequence one symbol at a time, from what an encoder has read.

Idea: A sequence is likely if each symbol is likely after those before it. So a recurrent network reads the last
    symbol, keeps the earlier ones in its state, looks at what the encoder has read, and scores every next symbol.

    xs_t     = row inputs_t of E                        (1)   the symbol before, embedded
    keys     = hs W_k                                   (2)   with attention, once for all steps
    query_t  = s_{t-1} W_q                              (3)   with attention
    c_t      = attention_read(v, query_t, keys, hs)     (4)   with attention; else c_t = s_0, or there is none
    a_t      = xs_t W_x + c_t W_c + b                   (5)   blocks r | z | n, each (N, H)
    s_t      = gru_cell(W_h, b_n, a_t, s_{t-1})         (6)   of recurrent/gru, where u_t = s_{t-1} W_h + [0, 0, b_n]
    logits_t = s_t W_o + b_o                            (7)

Gradients:
    d_W_o, d_b_o = Σ_t s_tᵀ d_logits_t, Σ_t Σ_n d_logits_tn             through (7)
    d_s_t = d_logits_t W_oᵀ + z_{t+1} ⊙ d_s_{t+1} + d_u_{t+1} W_hᵀ + d_query_{t+1} W_qᵀ    through (3) (6) (7)
    d_s_0 = z_1 ⊙ d_s_1 + d_u_1 W_hᵀ + d_query_1 W_qᵀ + Σ_t d_a_t W_cᵀ  through (3) (5) (6)   Σ: with "concat" alone
    d_a_t, d_u_t = gru_cell_backward(d_s_t)                             through (6)
    d_W_h, d_b_n = Σ_t s_{t-1}ᵀ d_u_t, Σ_t Σ_n d_u_tn (block n)         through (6)
    d_W_x, d_b = Σ_t xs_tᵀ d_a_t, Σ_t Σ_n d_a_tn                        through (5)
    d_W_c = Σ_t c_tᵀ d_a_t                                              through (5)
    d_c_t, d_xs_t = d_a_t W_cᵀ, d_a_t W_xᵀ                              through (5)
    d_v, d_query_t, d_keys = attention_read_backward(d_c_t)             through (4)   those of v and keys: Σ_t
    d_W_q = Σ_t s_{t-1}ᵀ d_query_t                                      through (3)
    d_W_k = Σ_j hs_jᵀ d_keys_j                                          through (2)
    d_hs_j = Σ_t weights_tj d_c_t + d_keys_j W_kᵀ                       through (2) (4)
    d_E_k = Σ_t Σ_n [inputs_tn = k] d_xs_tn                             through (1)

Shapes: inputs (T, N), time first, integers from 0 to K-1; state s (N, H); hs (S, N, M), what the encoder made of
    each place j; mask (S, N), True at valid places; E (K, D), W_x (D, 3H), W_c (M, 3H), W_h (H, 3H), b (3H,), b_n
    (H,), W_o (H, K), b_o (K,); attention: W_q (H, A), W_k (M, A), v (A,), weights_t (S, N); logits (T, N, K).
    decoder_step is one step, for when its input depends on the logits before; decoder_memory is what steps share.

Units: logits are nats, up to a constant for each step.

Variant: three ways to hand over what was read: "init", through the first state alone (Sutskever et al.; W_c is None);
    "concat", that state is an input of every step too (Cho et al.; M = H); "attention", every step reads the valid
    places for itself, with a query from the state before it (Bahdanau et al.). The logits depend on the state alone.

Differs:
    Cho et al. 2014, Bahdanau et al. 2015: c_t and xs_t are inputs of the output layer as well.
    Luong et al. 2015: arXiv:1508.04025; the query is the state after the step, and c_t goes to the output alone.
    torch.nn.GRUCell: W_x over W_c is its one matrix, for xs_t and c_t side by side; biases as in recurrent/gru.
    Keras: GRUCell has the blocks in the order z, r, n, and the same single matrix.

Relation: recurrent/seq2seq puts an encoder in front, recurrent/beam_search looks for the likeliest sequence.

Raises: ValueError if sizes or dtypes disagree, if T or S is 0, if an input is negative or at least K, or if the
    context is not one of the three.

Reference: Sutskever et al. 2014, arXiv:1409.3215; Cho et al. 2014, arXiv:1406.1078; Bahdanau et al., arXiv:1409.0473.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.initializers import glorot_uniform
from numpy_impl.recurrent._steps import only_valid, outer_sum, row_sum
from numpy_impl.recurrent.attention import AttentionParams, attention_init, attention_read, attention_read_backward
from numpy_impl.recurrent.embedding import embedding, embedding_backward, embedding_init
from numpy_impl.recurrent.gru import GRUCache, gru_cell, gru_cell_backward
from shared.support.shapes import Below, Dtype, checked


class DecoderParams(NamedTuple):
    E: Float[Array, "K D"]
    W_x: Float[Array, "D 3*H"]
    W_c: Float[Array, "M 3*H"] | None
    W_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"]
    b_n: Float[Array, "H"]
    attention: AttentionParams | None
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


class DecoderMemory(NamedTuple):
    shared: Float[Array, "... 3*H"]
    keys: Float[Array, "S N A"] | None
    hs: Float[Array, "S N M"]
    mask: Bool[Array, "S N"] | None


class DecoderStepCache(NamedTuple):
    c: Array | None
    read: tuple | None
    cell: GRUCache


class DecoderCache(NamedTuple):
    params: DecoderParams
    hs: Array
    lookup: tuple
    xs: Array
    steps: list[DecoderStepCache]
    ss: Array


def decoder_init(
    rng: Generator,
    n_symbols: int,
    n_embedding: int,
    n_encoder: int,
    n_hidden: int,
    *,
    context: str = "init",
    n_attention: int = 0,
    dtype: Dtype = "float32",
) -> DecoderParams:
    if context not in ("init", "concat", "attention"):
        raise ValueError(f"decoder_init: context is {context!r}, expected 'init', 'concat' or 'attention'")
    draw = lambda *shape: glorot_uniform(rng, shape, dtype=dtype)
    attends = context == "attention"
    return DecoderParams(
        E=embedding_init(rng, n_symbols, n_embedding, dtype=dtype),
        W_x=draw(n_embedding, 3 * n_hidden),
        W_c=None if context == "init" else draw(n_encoder, 3 * n_hidden),
        W_h=draw(n_hidden, 3 * n_hidden),
        b=np.zeros(3 * n_hidden, dtype),
        b_n=np.zeros(n_hidden, dtype),
        attention=attention_init(rng, n_hidden, n_encoder, n_attention, dtype=dtype) if attends else None,
        W_o=draw(n_hidden, n_symbols),
        b_o=np.zeros(n_symbols, dtype),
    )


@checked(S=1)
def decoder_memory(
    params: DecoderParams,
    s_0: Float[Array, "N H"],
    hs: Float[Array, "S N M"],
    mask: Bool[Array, "S N"] | None = None,
) -> DecoderMemory:
    """What all steps share, computed once: b, and s_0 W_c of "concat"; the keys of "attention"."""
    hs, shared, keys = only_valid(mask, hs), params.b, None
    if params.attention is not None:
        if params.W_c is None:
            raise ValueError("decoder: params has attention without W_c, expected both or neither")
        keys = np.tensordot(hs, params.attention.W_k, 1)  # (2)
    elif params.W_c is not None:
        if len(params.W_c) != s_0.shape[1]:
            raise ValueError(f"decoder: W_c has {len(params.W_c)} rows, expected {s_0.shape[1]}, the size of s_0")
        shared = s_0 @ params.W_c + params.b  # (5)
    return DecoderMemory(shared, keys, hs, mask)


def _step(params, from_x, s, memory):
    """from_x: the part of a that needs no state. The next state, the weights of attention, the cache."""
    attention, c, weights, read_cache = params.attention, None, None, None
    if attention is not None:
        query = s @ attention.W_q  # (3)
        (c, weights), read_cache = attention_read(attention.v, query, memory.keys, memory.hs, memory.mask)  # (4)
    a = from_x if c is None else from_x + c @ params.W_c  # (5)
    s, cell_cache = gru_cell(params.W_h, params.b_n, a, s)  # (6)
    return s, weights, DecoderStepCache(c, read_cache, cell_cache)


@checked(T=1, S=1)
def decoder(
    params: DecoderParams,
    inputs: Annotated[Int[Array, "T N"], Below("K")],
    s_0: Float[Array, "N H"],
    hs: Float[Array, "S N M"],
    mask: Bool[Array, "S N"] | None = None,
) -> Float[Array, "T N K"]:
    memory = decoder_memory(params, s_0, hs, mask)
    xs, lookup_cache = embedding(params.E, inputs)  # (1)
    from_xs = np.tensordot(xs, params.W_x, 1) + memory.shared  # (5), every step in one matmul
    s, states, caches = s_0, [], []
    for from_x in from_xs:
        s, _, cache = _step(params, from_x, s, memory)
        states.append(s)
        caches.append(cache)
    ss = np.stack(states)
    logits = np.tensordot(ss, params.W_o, 1) + params.b_o  # (7)
    return logits, DecoderCache(params, memory.hs, lookup_cache, xs, caches, ss)


def decoder_backward(cache, d_logits):
    params, hs, lookup_cache, xs, steps, ss = cache
    d_W_o, d_b_o = outer_sum(ss, d_logits), row_sum(d_logits)  # through (7)
    from_logits = np.tensordot(d_logits, params.W_o.T, 1)  # through (7)
    d_all_a, d_all_u = np.empty((2, *ss.shape[:2], params.b.size), ss.dtype)
    d_hs, d_attention, d_W_c = np.zeros_like(hs), None, None
    d_queries, later, carried = [], None, 0  # carried: what step t + 1 gives back to s_t
    for t in reversed(range(len(steps))):
        d_s = from_logits[t] + carried  # through (7)
        d_a, d_u, carried = gru_cell_backward(steps[t].cell, d_s)  # through (6)
        d_all_a[t], d_all_u[t] = d_a, d_u
        if params.attention is not None:
            d_c = d_a @ params.W_c.T  # through (5)
            unused = np.zeros_like(steps[t].read.weights)  # the weights, an output of the read as well
            later = attention_read_backward(steps[t].read, (d_c, unused), later)  # through (4)
            d_v, d_query, d_keys, d_hs, _ = later  # through (4)
            carried += d_query @ params.attention.W_q.T  # through (3)
            d_queries.append(d_query)
    d_s_0 = carried  # through (3) (6)
    previous = np.stack([step.cell.state for step in steps])  # s_{t-1}
    if params.attention is not None:
        d_W_q = outer_sum(previous, np.stack(d_queries[::-1]))  # through (3)
        d_W_k = outer_sum(hs, d_keys)  # through (2)
        d_attention = AttentionParams(d_W_q, d_W_k, d_v)
        d_hs += np.tensordot(d_keys, params.attention.W_k.T, 1)  # through (2)
        d_W_c = outer_sum(np.stack([step.c for step in steps]), d_all_a)  # through (5)
    elif params.W_c is not None:
        d_shared = np.sum(d_all_a, axis=0)  # through (5)
        d_W_c = previous[0].T @ d_shared  # through (5)
        d_s_0 += d_shared @ params.W_c.T  # through (5)
    d_W_x, d_b = outer_sum(xs, d_all_a), row_sum(d_all_a)  # through (5)
    d_W_h, d_b_n = outer_sum(previous, d_all_u), row_sum(d_all_u)[-ss.shape[-1] :]  # through (6)
    d_xs = np.tensordot(d_all_a, params.W_x.T, 1)  # through (5)
    d_E, _ = embedding_backward(lookup_cache, d_xs)  # through (1)
    d_params = DecoderParams(d_E, d_W_x, d_W_c, d_W_h, d_b, d_b_n, d_attention, d_W_o, d_b_o)
    return d_params, None, d_s_0, d_hs, None


@checked
def decoder_step(
    params: DecoderParams,
    inputs: Annotated[Int[Array, "N"], Below("K")],
    s: Float[Array, "N H"],
    memory: DecoderMemory,
) -> tuple[Float[Array, "N K"], Float[Array, "N H"], Float[Array, "S N"] | None]:
    """Logits, the next state, the weights of attention."""
    x, _ = embedding(params.E, inputs)  # (1)
    from_x = x @ params.W_x + memory.shared  # (5)
    s, weights, _ = _step(params, from_x, s, memory)
    logits = s @ params.W_o + params.b_o  # (7)
    return logits, s, weights
