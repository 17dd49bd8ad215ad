"""Additive attention (Bahdanau): where to look in a sequence, decided by a small network.

    q    = s W_s                                        (1)   the question, from the state of who asks
    k_j  = h_j W_h                                      (2)   a key for each place j of what was read
    e_j  = w · tanh(q + k_j)                            (3)   how well place j fits
    α_j  = e^(e_j) / Σ_i e^(e_i)                        (4)   over the valid places; 0 at the others
    c    = Σ_j α_j h_j                                  (5)   what is seen there

Shapes: s (N, Q); hs (S, N, E), place first; mask (S, N), True at valid places; W_s (Q, A), W_h (E, A), w (A,);
    q (N, A), keys (S, N, A), α (S, N), c (N, E). attention_read does (3) to (5), for questions that come one after
    the other while the keys stay.

Units: α are weights that add up to 1.

Variant: Bahdanau's, without biases. A place that is not valid gets weight 0 and no gradient, exactly, in every
    dtype; where no place is valid, α and c are 0 (a softmax over -∞ alone would be NaN). Keras's AdditiveAttention
    has no W_s and W_h, and takes 1e9 from masked scores, which in float64 leaves a row without valid places as if
    nothing were masked. Luong et al. 2015, arXiv:1508.04025, ask with the state after the step, and score by
    products. attention_init draws Glorot-uniform weights.

Raises: ValueError if sizes or dtypes disagree, or if there is no place at all (S = 0).

Reference: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import tanh
from numpy_impl.initializers import glorot_uniform
from shared.support.shapes import checked


class AttentionParams(NamedTuple):
    W_s: Float[Array, "Q A"]
    W_h: Float[Array, "E A"]
    w: Float[Array, "A"]


def attention_init(
    rng: Generator, n_asking: int, n_read: int, n_hidden: int, *, dtype: str = "float32"
) -> AttentionParams:
    return AttentionParams(
        W_s=glorot_uniform(rng, (n_asking, n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_read, n_hidden), dtype=dtype),
        w=glorot_uniform(rng, (n_hidden, 1), dtype=dtype)[:, 0],
    )


@checked(S=1)
def attention_read(
    w: Float[Array, "A"],
    q: Float[Array, "N A"],
    keys: Float[Array, "S N A"],
    hs: Float[Array, "S N E"],
    mask: Bool[Array, "S N"] | None = None,
) -> tuple[Float[Array, "N E"], Float[Array, "S N"]]:
    fits = tanh(q + keys)
    e = fits @ w  # (3)
    e = e if mask is None else np.where(mask, e, -np.inf)
    top = np.max(e, axis=0)
    p = np.exp(e - np.where(np.isfinite(top), top, 0))
    total = np.sum(p, axis=0)
    alpha = p / np.where(total > 0, total, 1)  # (4)
    c = np.einsum("sn,sne->ne", alpha, hs)  # (5)
    return (c, alpha), (w, fits, hs, alpha)


def attention_read_backward(cache, d_outputs, *, hs_too=True):
    """hs_too=False leaves out hs's gradient, α d_c: who asks many times adds them up in one product."""
    w, fits, hs, alpha = cache
    d_c, d_alpha = d_outputs
    d_alpha = d_alpha + np.einsum("ne,sne->sn", d_c, hs)  # through (5)
    d_e = alpha * (d_alpha - np.sum(alpha * d_alpha, axis=0))  # through (4)
    d_w = d_e.reshape(-1) @ fits.reshape(-1, len(w))  # through (3)
    d_keys = (1 - fits * fits) * d_e[..., None] * w  # through (3)
    d_hs = alpha[..., None] * d_c if hs_too else None  # through (5)
    return d_w, np.sum(d_keys, axis=0), d_keys, d_hs, None


@checked(S=1)
def attention(
    params: AttentionParams,
    s: Float[Array, "N Q"],
    hs: Float[Array, "S N E"],
    mask: Bool[Array, "S N"] | None = None,
) -> tuple[Float[Array, "N E"], Float[Array, "S N"]]:
    q = s @ params.W_s  # (1)
    keys = np.tensordot(hs, params.W_h, 1)  # (2)
    outputs, cache = attention_read(params.w, q, keys, hs, mask)
    return outputs, (params, s, hs, cache)


def attention_backward(cache, d_outputs):
    params, s, hs, cache = cache
    d_w, d_q, d_keys, d_hs, _ = attention_read_backward(cache, d_outputs)
    d_W_h = hs.reshape(-1, hs.shape[-1]).T @ d_keys.reshape(-1, len(d_w))  # through (2)
    d_params = AttentionParams(W_s=s.T @ d_q, W_h=d_W_h, w=d_w)  # through (1)
    return d_params, d_q @ params.W_s.T, d_hs + np.tensordot(d_keys, params.W_h.T, 1), None  # through (1) (2)
