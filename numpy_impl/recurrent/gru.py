"""Gated recurrent unit (GRU).

    a_t  = x_t W_x + b                          (1)   blocks r | z | n, each (N, H)
    u_t  = h_{t-1} W_h                          (2)   blocks r | z | n
    r, z = σ(a_r + u_r), σ(a_z + u_z)           (3)   reset and update gate
    n    = tanh(a_n + r ⊙ (u_n + b_n))          (4)   candidate
    n    = tanh(a_n + (r ⊙ h_{t-1}) W_n + b_n)  (5)   with reset_after=False; W_n is the last block of W_h
    h_t  = (1 - z) ⊙ n + z ⊙ h_{t-1}            (6)   state and output
    h_t  = h_{t-1}, and the output is 0         (7)   at the steps where a mask is False

Shapes: xs (T, N, D), time first; state h (N, H); W_x (D, 3H), W_h (H, 3H), b (3H,), b_n (H,); mask (T, N), True at
    the steps that count; outputs hs (T, N, H) and the last state. gru_step takes one x (N, D) and gives one state.

Units: n lies between -1 and 1, and so does h if it starts there.

Variant: the reset gate acts after the matrix product, as in the paper's first version, PyTorch (the only form there)
    and Keras; reset_after=False is the paper's last version, and the default of ONNX (linear_before_reset=0). z keeps
    the old state, as in Cho et al., PyTorch, Keras and ONNX; Chung et al. 2014, arXiv:1412.3555, swap z and 1 - z.
    Blocks as in PyTorch; Keras and ONNX have z, r, n. Of PyTorch's two biases those of r and z only add up and are
    one, b; b_n is the candidate's second one, which the reset gate multiplies. A masked step changes nothing and
    passes no gradient on, as in PyTorch's packed sequences. gru_init draws Glorot-uniform weights and zero biases.

Raises: ValueError if sizes or dtypes disagree, or if the sequences are empty (T = 0; N = 0 is fine).

Reference: Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk & Bengio 2014, arXiv:1406.1078.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, tanh
from numpy_impl.initializers import glorot_uniform
from shared.support.shapes import checked


class GRUParams(NamedTuple):
    W_x: Float[Array, "D 3*H"]
    W_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"]
    b_n: Float[Array, "H"]


def gru_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32") -> GRUParams:
    return GRUParams(
        W_x=glorot_uniform(rng, (n_inputs, 3 * n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, 3 * n_hidden), dtype=dtype),
        b=np.zeros(3 * n_hidden, dtype),
        b_n=np.zeros(n_hidden, dtype),
    )


def gru_zero_state(params: GRUParams, n: int) -> Float[Array, "N H"]:
    return np.zeros((n, params.W_h.shape[0]), params.W_h.dtype)


def _cell(params, a, state, reset_after):
    H = state.shape[1]
    if reset_after:
        u = state @ params.W_h  # (2)
        rz = sigmoid(a[:, : 2 * H] + u[:, : 2 * H])
        r, z = rz[:, :H], rz[:, H:]  # (3)
        kept = u[:, 2 * H :] + params.b_n  # what the reset gate multiplies
        n = tanh(a[:, 2 * H :] + r * kept)  # (4)
    else:
        u = state @ params.W_h[:, : 2 * H]  # (2)
        rz = sigmoid(a[:, : 2 * H] + u)
        r, z = rz[:, :H], rz[:, H:]  # (3)
        kept = state
        n = tanh(a[:, 2 * H :] + (r * kept) @ params.W_h[:, 2 * H :] + params.b_n)  # (5)
    h = (1 - z) * n + z * state  # (6)
    return h, (state, rz, n, kept)


def _cell_backward(params, cache, d_h, reset_after):
    """Gradients of a and u (of the product that takes the place of u_n with reset_after=False), and of the state."""
    state, rz, n, kept = cache
    H = state.shape[1]
    r, z = rz[:, :H], rz[:, H:]
    d_n = d_h * (1 - z) * (1 - n * n)  # through (6), and the tanh of (4) or (5)
    d_u = np.empty((len(d_h), 3 * H), d_h.dtype)
    if reset_after:
        d_r, d_u[:, 2 * H :] = d_n * kept, d_n * r  # through (4)
    else:
        d_kept = d_n @ params.W_h[:, 2 * H :].T  # through (5)
        d_r, d_u[:, 2 * H :] = d_kept * kept, d_n
    d_u[:, :H], d_u[:, H : 2 * H] = d_r, d_h * (state - n)  # through (6)
    d_u[:, : 2 * H] *= rz * (1 - rz)  # through (3)
    if reset_after:
        d_state = d_h * z + d_u @ params.W_h.T  # through (2) (6)
    else:
        d_state = d_h * z + d_u[:, : 2 * H] @ params.W_h[:, : 2 * H].T + d_kept * r
    return d_n, d_u, d_state


@checked
def gru_step(
    params: GRUParams, x: Float[Array, "N D"], state: Float[Array, "N H"], *, reset_after: bool = True
) -> Float[Array, "N H"]:
    a = x @ params.W_x + params.b  # (1)
    state, cache = _cell(params, a, state, reset_after)
    return state, (params, x, cache, reset_after)


def gru_step_backward(cache, d_state, *, params_only=False):
    params, x, cache, reset_after = cache
    d_n, d_u, d_state = _cell_backward(params, cache, d_state, reset_after)
    d_params, d_a = _params_backward(x, *_factors([cache], reset_after), d_n, d_u)
    return d_params, None if params_only else d_a @ params.W_x.T, d_state  # through (1)


@checked(T=1)
def gru(
    params: GRUParams,
    xs: Float[Array, "T N D"],
    state: Float[Array, "N H"],
    mask: Bool[Array, "T N"] | None = None,
    *,
    reset_after: bool = True,
) -> tuple[Float[Array, "T N H"], Float[Array, "N H"]]:
    steps = np.tensordot(xs, params.W_x, 1) + params.b  # (1), all in one matmul (xs @ W_x makes T small ones)
    states, caches = [], []
    for t, a in enumerate(steps):
        h, cache = _cell(params, a, state, reset_after)
        state = h if mask is None else np.where(mask[t, :, None], h, state)  # (7)
        states.append(state)
        caches.append(cache)
    hs = np.stack(states)
    hs = hs if mask is None else np.where(mask[..., None], hs, 0)  # (7)
    return (hs, state), (params, xs, mask, caches, reset_after)


def gru_backward(cache, d_outputs, *, params_only=False):
    params, xs, mask, caches, reset_after = cache
    d_hs, d_state = d_outputs
    d_hs = d_hs if mask is None else np.where(mask[..., None], d_hs, 0)
    d_ns, d_us = np.empty_like(d_hs), np.empty((*xs.shape[:2], params.b.size), xs.dtype)
    for t in reversed(range(len(caches))):
        d_h, d_carried = d_hs[t] + d_state, 0
        if mask is not None:
            d_h, d_carried = np.where(mask[t, :, None], d_h, 0), np.where(mask[t, :, None], 0, d_h)  # through (7)
        d_ns[t], d_us[t], d_state = _cell_backward(params, caches[t], d_h, reset_after)
        d_state += d_carried
    d_params, d_as = _params_backward(xs, *_factors(caches, reset_after), d_ns, d_us)
    return d_params, None if params_only else np.tensordot(d_as, params.W_x.T, 1), d_state, None  # through (1)


def _factors(caches, reset_after):
    """What W_h multiplies, of every step: for blocks r and z, and for block n."""
    states = np.stack([state for state, *_ in caches])
    if reset_after:
        return states, states
    return states, np.stack([rz[:, : state.shape[1]] * state for state, rz, *_ in caches])


def _params_backward(xs, states, kept, d_ns, d_us):
    """Gradients of the parameters, and of every a."""
    H = d_ns.shape[-1]
    d_us, xs = _rows(d_us), _rows(xs)
    d_W_h = np.concatenate(
        [_rows(states).T @ d_us[:, : 2 * H], _rows(kept).T @ d_us[:, 2 * H :]], axis=1
    )  # through (2) (5)
    d_b_n = np.sum(d_us[:, 2 * H :], axis=0)  # through (4) (5)
    d_as = np.concatenate([d_us[:, : 2 * H], _rows(d_ns)], axis=1)
    d_params = GRUParams(W_x=xs.T @ d_as, W_h=d_W_h, b=np.sum(d_as, axis=0), b_n=d_b_n)  # through (1)
    return d_params, d_as.reshape(*d_ns.shape[:-1], 3 * H)


def _rows(steps):
    return steps.reshape(-1, steps.shape[-1])
