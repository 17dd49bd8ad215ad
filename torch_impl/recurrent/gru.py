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

import torch
from torch import Tensor as Array
from jaxtyping import Bool, Float
from numpy.random import Generator

from shared.support.shapes import checked
from torch_impl.activations import sigmoid, tanh
from torch_impl.initializers import glorot_uniform


class GRUParams(NamedTuple):
    W_x: Float[Array, "D 3*H"]
    W_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"]
    b_n: Float[Array, "H"]


def gru_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32") -> GRUParams:
    kind = {"dtype": getattr(torch, dtype)}
    return GRUParams(
        W_x=glorot_uniform(rng, (n_inputs, 3 * n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, 3 * n_hidden), dtype=dtype),
        b=torch.zeros(3 * n_hidden, **kind),
        b_n=torch.zeros(n_hidden, **kind),
    )


def gru_zero_state(params: GRUParams, n: int) -> Float[Array, "N H"]:
    return params.W_h.new_zeros((n, params.W_h.shape[0]))


def _cell(params, a, state, reset_after):
    H = state.shape[1]
    if reset_after:
        u = state @ params.W_h  # (2)
        r, z = sigmoid(a[:, : 2 * H] + u[:, : 2 * H]).chunk(2, dim=-1)  # (3)
        n = tanh(a[:, 2 * H :] + r * (u[:, 2 * H :] + params.b_n))  # (4)
    else:
        u = state @ params.W_h[:, : 2 * H]  # (2)
        r, z = sigmoid(a[:, : 2 * H] + u).chunk(2, dim=-1)  # (3)
        n = tanh(a[:, 2 * H :] + (r * state) @ params.W_h[:, 2 * H :] + params.b_n)  # (5)
    return (1 - z) * n + z * state  # (6)


@checked
def gru_step(
    params: GRUParams, x: Float[Array, "N D"], state: Float[Array, "N H"], *, reset_after: bool = True
) -> Float[Array, "N H"]:
    a = x @ params.W_x + params.b  # (1)
    return _cell(params, a, state, reset_after)


@checked(T=1)
def gru(
    params: GRUParams,
    xs: Float[Array, "T N D"],
    state: Float[Array, "N H"],
    mask: Bool[Array, "T N"] | None = None,
    *,
    reset_after: bool = True,
) -> tuple[Float[Array, "T N H"], Float[Array, "N H"]]:
    steps = xs @ params.W_x + params.b  # (1), all in one matmul
    states = []
    for t, a in enumerate(steps.unbind()):
        h = _cell(params, a, state, reset_after)
        state = h if mask is None else torch.where(mask[t, :, None], h, state)  # (7)
        states.append(state)
    hs = torch.stack(states)
    hs = hs if mask is None else torch.where(mask[..., None], hs, 0)  # (7)
    return hs, state
