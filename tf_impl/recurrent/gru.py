"""Gated recurrent unit (GRU).

Idea: A gate z decides, number by number, how much of the old state is kept. What is kept passes unchanged, so that a
    gradient survives many steps, where each step of a plain RNN shrinks or blows it up.

    x_t   = m_t ⊙ xs_t                               (1)   m_t is 1 where the step counts, 0 where the mask is False
    a     = x_t W_x + b                              (1)   blocks r | z | n, each (N, H)
    u     = state W_h + [0, 0, b_n]                  (2)   blocks r | z | n; state is state_{t-1}
    r, z  = σ(a_r + u_r), σ(a_z + u_z)               (3)   reset and update gate
    n     = tanh(a_n + r ⊙ u_n)                      (4)   candidate
    gated = r ⊙ state, n = tanh(a_n + gated W_n + b_n)    (5)   in place of (4) with reset_after=False; W_n is W_h's
                                                           block n, and u has the blocks r | z alone
    h     = (1 - z) ⊙ n + z ⊙ state                  (6)
    state_t = m_t ⊙ h + (1 - m_t) ⊙ state_{t-1}      (7)
    hs_t  = m_t ⊙ state_t                            (7)

Gradients:
    d_state_t = m_t ⊙ d_hs_t + (1 - m_{t+1}) ⊙ d_state_{t+1} + z ⊙ d_h + d_u W_hᵀ   through (2) (6) (7)   of t + 1
    d_state_t = m_t ⊙ d_hs_t + (1 - m_{t+1}) ⊙ d_state_{t+1} + z ⊙ d_h + r ⊙ d_gated + [d_a_r, d_a_z] [W_r, W_z]ᵀ
                                                         through (2) (5) (6) (7)   with reset_after=False
    d_h = m_t ⊙ d_state_t                                through (7)
    d_n = d_h ⊙ (1 - z)                                  through (6)
    d_z = d_h ⊙ (state - n)                              through (6)
    d_a_n = d_n ⊙ (1 - n²)                               through (4) (5)
    d_r = d_a_n ⊙ u_n                                    through (4)
    d_u_n = d_a_n ⊙ r                                    through (4)
    d_gated = d_a_n W_nᵀ                                 through (5)
    d_r = d_gated ⊙ state                                through (5)
    d_a = [d_r ⊙ r ⊙ (1 - r), d_z ⊙ z ⊙ (1 - z), d_a_n]  through (3) (4) (5)
    d_u = [d_a_r, d_a_z, d_u_n]                          through (3) (4)   blocks r and z are those of d_a
    d_W_x = Σ_t x_tᵀ d_a_t                               through (1)
    d_b = Σ_t Σ_n d_a_tn                                 through (1)
    d_xs_t = d_a_t W_xᵀ                                  through (1)
    d_W_h = Σ_t state_{t-1}ᵀ d_u_t                       through (2)
    d_W_h = Σ_t [state_{t-1}ᵀ [d_a_r, d_a_z], gated_tᵀ d_a_n]    through (2) (5)   with reset_after=False
    d_b_n = Σ_t Σ_n d_u_n                                through (2)
    d_b_n = Σ_t Σ_n d_a_n                                through (5)

Shapes: xs (T, N, D), time first; state (N, H); W_x (D, 3H), W_h (H, 3H), b (3H,), b_n (H,); mask (T, N), True at the
    steps that count; outputs hs (T, N, H) and the last state. gru_step takes one x (N, D) and gives one state.
    gru_cell and gru_cell_reset_before are (2) to (6) of one step, given a (N, 3H).

Units: n lies between -1 and 1, and so does the state if it starts there.

Variant: the reset gate acts after the matrix product, as in the paper's first version; with reset_after=False before
    it, as in its last version. z keeps the old state, as in the paper. The biases of r and z are one, b; the
    candidate has a second one, b_n, which the reset gate multiplies. A masked step is not read, whatever it
    holds: it changes nothing and passes no gradient on. gru_init draws Glorot-uniform weights and zero biases.

Differs:
    torch.nn.GRU: reset_after=True only; the same blocks r, z, n, with transposed weights and two biases for each
        block: b is the sum of those of r and z, and b_n is the last block of bias_hh. Packed sequences are its masks.
    Keras: blocks in the order z, r, n; with reset_after=True its bias is (2, 3H): b, and b_n behind zeros. A masked
        step repeats the output before it, unless zero_output_for_mask=True.
    ONNX: blocks in the order z, r, n; linear_before_reset=1 is reset_after=True, and its default 0 is False.
    Chung et al. 2014, arXiv:1412.3555: z and 1 - z change places.

Relation: an LSTM keeps its memory in a cell state apart from its output, with a gate for keeping and one for writing;
    here 1 - z writes what z does not keep. With r = 1 both forms are the same.

Raises: ValueError if sizes or dtypes disagree, or if the sequences are empty (T = 0; N = 0 is fine).

Reference: Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk & Bengio 2014, arXiv:1406.1078.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Count, Dtype, checked
from tf_impl.activations import sigmoid, tanh
from tf_impl.initializers import glorot_uniform
from tf_impl.recurrent._steps import masked_state, only_valid


class GRUParams(NamedTuple):
    W_x: Float[Array, "D 3*H"]
    W_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"]
    b_n: Float[Array, "H"]


@checked
def gru_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: Dtype = "float32") -> GRUParams:
    return GRUParams(
        W_x=glorot_uniform(rng, (n_inputs, 3 * n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, 3 * n_hidden), dtype=dtype),
        b=tf.zeros([3 * n_hidden], dtype),
        b_n=tf.zeros([n_hidden], dtype),
    )


@checked
def gru_zero_state(params: GRUParams, n: Count) -> Float[Array, "N H"]:
    return tf.zeros([n, params.W_h.shape[0]], params.W_h.dtype)


@checked
def gru_cell(
    W_h: Float[Array, "H 3*H"], b_n: Float[Array, "H"], a: Float[Array, "N 3*H"], state: Float[Array, "N H"]
) -> Float[Array, "N H"]:
    H = state.shape[1]
    u = state @ W_h  # (2)
    u_n = u[:, 2 * H :] + b_n  # (2)
    r, z = tf.split(sigmoid(a[:, : 2 * H] + u[:, : 2 * H]), 2, axis=-1)  # (3)
    a_n = a[:, 2 * H :]  # (4)
    n = tanh(a_n + r * u_n)  # (4)
    h = (1 - z) * n + z * state  # (6)
    return h


@checked
def gru_cell_reset_before(
    W_h: Float[Array, "H 3*H"], b_n: Float[Array, "H"], a: Float[Array, "N 3*H"], state: Float[Array, "N H"]
) -> Float[Array, "N H"]:
    H = state.shape[1]
    u = state @ W_h[:, : 2 * H]  # (2)
    r, z = tf.split(sigmoid(a[:, : 2 * H] + u), 2, axis=-1)  # (3)
    gated, a_n = r * state, a[:, 2 * H :]  # (5)
    n = tanh(a_n + gated @ W_h[:, 2 * H :] + b_n)  # (5)
    h = (1 - z) * n + z * state  # (6)
    return h


@checked
def gru_step(
    params: GRUParams, x: Float[Array, "N D"], state: Float[Array, "N H"], *, reset_after: bool = True
) -> Float[Array, "N H"]:
    cell = gru_cell if reset_after else gru_cell_reset_before
    a = x @ params.W_x + params.b  # (1)
    return cell(params.W_h, params.b_n, a, state)


@checked(T=1)
def gru(
    params: GRUParams,
    xs: Float[Array, "T N D"],
    state: Float[Array, "N H"],
    mask: Bool[Array, "T N"] | None = None,
    *,
    reset_after: bool = True,
) -> tuple[Float[Array, "T N H"], Float[Array, "N H"]]:
    cell = gru_cell if reset_after else gru_cell_reset_before
    x = only_valid(mask, xs)  # (1)
    all_a = tf.tensordot(x, params.W_x, 1) + params.b  # (1), all steps in one matmul
    states = []
    for t, a in enumerate(tf.unstack(all_a)):
        h = cell(params.W_h, params.b_n, a, state)
        state = masked_state(mask, t, h, state)  # (7)
        states.append(state)
    hs = only_valid(mask, tf.stack(states))  # (7)
    return hs, state
