"""LSTM with layer normalization of the summed inputs and of the cell.

Idea: In a recurrent network, sums that are a little too large grow from step to step, and saturate the gates.
    Batch statistics would differ from step to step and with the length of a sequence; layer normalization needs none,
    so it stands in every step, and one learning rate serves all of them.

    x_t = m_t ⊙ xs_t                            (1)   m_t is 1 where the step counts, 0 where the mask is False
    u_x = x_t W_x                               (1)
    a = LN(u_x; γ_x, 0)                         (2)   LN(·; γ, β): layer_norm over the last axis
    u_h = state.h W_h                           (3)   state is state_{t-1}
    r = LN(u_h; γ_h, b)                         (4)
    z = a + r                                   (5)   blocks i | f | g | o, each (N, H)
    i, f, o = σ(z_i), σ(z_f), σ(z_o)            (6)   input, forget and output gate
    g = tanh(z_g)                               (7)   candidate
    c = f ⊙ state.c + i ⊙ g                     (8)   cell state
    norm_c = LN(c; γ_c, β_c)                    (9)
    h = o ⊙ tanh(norm_c)                        (10)
    state_t = m_t ⊙ (h, c) + (1 - m_t) ⊙ state_{t-1}    (11)
    hs_t = m_t ⊙ state_t.h                      (11)

Gradients:
    d_h = m_t ⊙ (d_hs_t + back_t.h)                                   through (11)   back_t: what later steps give
    d_o = d_h ⊙ tanh(norm_c)                                          through (10)
    d_norm_c = d_h ⊙ o ⊙ (1 - tanh² norm_c)                           through (10)
    d_c = layer_norm_backward(cache_c, d_norm_c) + m_t ⊙ back_t.c     through (9) (11)
    d_i, d_f, d_g = d_c ⊙ g, d_c ⊙ state.c, d_c ⊙ i                   through (8)
    d_z = [d_i ⊙ i ⊙ (1 - i), d_f ⊙ f ⊙ (1 - f), d_g ⊙ (1 - g²), d_o ⊙ o ⊙ (1 - o)]   through (6) (7)
    d_a, d_r = d_z, d_z                                               through (5)
    d_u_h = layer_norm_backward(cache_h, d_r)                         through (4)
    d_state = back_0, where back_{t-1} = (d_u_h W_hᵀ, f ⊙ d_c) + (1 - m_t) ⊙ back_t   through (3) (8) (11)
    d_u_x = layer_norm_backward(cache_x, d_a)                         through (2)
    d_W_x = Σ_t x_tᵀ d_u_x_t                                          through (1)
    d_W_h = Σ_t state_{t-1}.hᵀ d_u_h_t                                through (3)
    d_gamma_x = Σ_t Σ_n d_a_t ⊙ x_hat of (2)                          through (2)
    d_gamma_h, d_b = Σ_t Σ_n d_r_t ⊙ x_hat of (4), Σ_t Σ_n d_r_t      through (4)
    d_gamma_c, d_beta_c = Σ_t Σ_n d_norm_c_t ⊙ x_hat of (9), Σ_t Σ_n d_norm_c_t       through (9)
    d_xs_t = d_u_x_t W_xᵀ                                             through (1)

Shapes: xs (T, N, D), time first; h and c (N, H); W_x (D, 4H), W_h (H, 4H); γ_x, γ_h and b (4H,), γ_c and β_c (H,);
    mask (T, N), True at the steps that count; outputs hs (T, N, H) and the last state.

Units: h lies between -1 and 1; c is not bounded.

Variant: that of the paper, in which the four gates are normalized together, over 4H; its three biases of z, which
    only add up, are one, b. Gates, state and mask as in recurrent/lstm. layer_norm_lstm_init draws Glorot-uniform
    weights and sets every γ and the forget gate's bias to 1, the other biases to 0.

Differs:
    torch, Keras: have no such layer; a loop over the steps with their layer normalization is the same.

Relation: recurrent/lstm without (2), (4) and (9). recurrent/readout takes it as a layer, with ε = 1e-5.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine), or if ε is not
    positive.

Reference: Ba, Kiros & Hinton, "Layer normalization", 2016, arXiv:1607.06450, supplementary material.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, tanh
from numpy_impl.normalization.layer_norm import LayerNormCache, LayerNormParams, layer_norm, layer_norm_backward
from numpy_impl.recurrent._steps import masked_state, masked_state_backward, only_valid, outer_sum
from numpy_impl.recurrent.lstm import LSTMParams, LSTMState, lstm_init, lstm_zero_state
from shared.support.shapes import Count, Dtype, Positive, checked


class LayerNormLSTMParams(NamedTuple):
    W_x: Float[Array, "D 4*H"]
    gamma_x: Float[Array, "4*H"]
    W_h: Float[Array, "H 4*H"]
    gamma_h: Float[Array, "4*H"]
    b: Float[Array, "4*H"]
    gamma_c: Float[Array, "H"]
    beta_c: Float[Array, "H"]


class LayerNormLSTMCache(NamedTuple):
    state: LSTMState
    r: LayerNormCache
    i: Array
    f: Array
    g: Array
    o: Array
    norm_c: LayerNormCache
    tanh_c: Array


class LayerNormLSTMStepsCache(NamedTuple):
    params: LayerNormLSTMParams
    x: Array
    mask: Array | None
    a: LayerNormCache
    cells: list[LayerNormLSTMCache]


@checked
def layer_norm_lstm_init(
    rng: Generator, n_inputs: int, n_hidden: int, *, dtype: Dtype = "float32"
) -> LayerNormLSTMParams:
    plain = lstm_init(rng, n_inputs, n_hidden, dtype=dtype)
    return LayerNormLSTMParams(
        W_x=plain.W_x,
        gamma_x=np.ones(4 * n_hidden, dtype),
        W_h=plain.W_h,
        gamma_h=np.ones(4 * n_hidden, dtype),
        b=plain.b,
        gamma_c=np.ones(n_hidden, dtype),
        beta_c=np.zeros(n_hidden, dtype),
    )


@checked
def layer_norm_lstm_zero_state(params: LayerNormLSTMParams, n: Count) -> LSTMState:
    return lstm_zero_state(LSTMParams(params.W_x, params.W_h, params.b), n)


def _cell(params, a, state, eps):
    u_h = state.h @ params.W_h  # (3)
    r, r_cache = layer_norm(LayerNormParams(params.gamma_h, params.b), u_h, eps=eps)  # (4)
    z = a + r  # (5)
    i, f, g, o = np.split(z, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)  # (6) (7)
    c = f * state.c + i * g  # (8)
    norm_c, norm_cache = layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)  # (9)
    tanh_c = tanh(norm_c)  # (10)
    h = o * tanh_c  # (10)
    return LSTMState(h, c), LayerNormLSTMCache(state, r_cache, i, f, g, o, norm_cache, tanh_c)


def _cell_backward(W_h, cache, d_h, later):
    """later: the gradient that c gets from the steps after this one. Gradients of z, of u_h, of the two layer norms'
    parameters in this step, and of the state before."""
    state, r_cache, i, f, g, o, norm_cache, tanh_c = cache
    d_o = d_h * tanh_c  # through (10)
    d_norm_c = d_h * o * (1 - tanh_c * tanh_c)  # through (10)
    of_norm_c, d_c = layer_norm_backward(norm_cache, d_norm_c)  # through (9)
    d_c += later  # through (11)
    d_i, d_f, d_g = d_c * g, d_c * state.c, d_c * i  # through (8)
    d_z = np.concatenate(
        [d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o)], axis=-1
    )  # through (6) (7)
    d_a = d_r = d_z  # through (5)
    of_r, d_u_h = layer_norm_backward(r_cache, d_r)  # through (4)
    back = LSTMState(d_u_h @ W_h.T, d_c * f)  # through (3) (8)
    return d_a, d_u_h, (*of_r, *of_norm_c), back


@checked(T=1)
def layer_norm_lstm(
    params: LayerNormLSTMParams,
    xs: Float[Array, "T N D"],
    state: LSTMState,
    mask: Bool[Array, "T N"] | None = None,
    *,
    eps: Positive = 1e-5,
) -> tuple[Float[Array, "T N H"], LSTMState]:
    norm_x = LayerNormParams(params.gamma_x, beta=np.zeros_like(params.gamma_x))
    x = only_valid(mask, xs)  # (1)
    u_x = np.tensordot(x, params.W_x, 1)  # (1), all steps in one matmul
    all_a, a_cache = layer_norm(norm_x, u_x, eps=eps)  # (2)
    hs, cells = [], []
    for t, a in enumerate(all_a):
        (h, c), cell = _cell(params, a, state, eps)
        state = LSTMState(masked_state(mask, t, h, state.h), masked_state(mask, t, c, state.c))  # (11)
        hs.append(state.h)
        cells.append(cell)
    hs = only_valid(mask, np.stack(hs))  # (11)
    return (hs, state), LayerNormLSTMStepsCache(params, x, mask, a_cache, cells)


def layer_norm_lstm_backward(cache, d_outputs):
    params, x, mask, a_cache, cells = cache
    d_hs, back = d_outputs  # back: what the steps after t give back to the state
    from_outputs = only_valid(mask, d_hs)  # through (11)
    d_all_a = np.empty((*x.shape[:2], params.b.size), x.dtype)
    d_u_hs, norms = np.empty_like(d_all_a), []
    for t in reversed(range(len(cells))):
        d_h, past_h = masked_state_backward(mask, t, from_outputs[t] + back.h)  # through (11)
        later, past_c = masked_state_backward(mask, t, back.c)  # through (11)
        d_all_a[t], d_u_hs[t], norm, back = _cell_backward(
            params.W_h, cells[t], d_h, later
        )  # through (3) (4) (5) (6) (7) (8) (9) (10)
        back = LSTMState(back.h + past_h, back.c + past_c)  # through (11)
        norms.append(norm)
    (d_gamma_x, _), d_u_x = layer_norm_backward(a_cache, d_all_a)  # through (2), all steps at once
    d_gamma_h, d_b, d_gamma_c, d_beta_c = (sum(steps) for steps in zip(*norms, strict=True))  # through (4) (9)
    d_W_x = outer_sum(x, d_u_x)  # through (1), all steps in one matmul
    d_W_h = outer_sum(np.stack([cell.state.h for cell in cells]), d_u_hs)  # through (3)
    d_params = LayerNormLSTMParams(d_W_x, d_gamma_x, d_W_h, d_gamma_h, d_b, d_gamma_c, d_beta_c)
    d_xs = np.tensordot(d_u_x, params.W_x.T, 1)  # through (1)
    d_state = back  # through (3) (8) (11)
    return d_params, d_xs, d_state, None
