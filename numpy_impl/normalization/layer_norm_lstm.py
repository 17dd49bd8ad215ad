"""LSTM with layer normalization of the summed inputs and of the cell, and a classifier of sequences on top of it.

    a_t     = LN(x_t W_x; γ_x, 0)               (1)   LN(·; γ, β): layer_norm over the last axis
    r_t     = LN(h_{t-1} W_h; γ_h, b)           (2)
    z_t     = a_t + r_t                         (3)   blocks i | f | g | o, each (N, H)
    i, f, o = σ(z_i), σ(z_f), σ(z_o)            (4)   input, forget and output gate
    g       = tanh(z_g)                         (5)   candidate
    c_t     = f ⊙ c_{t-1} + i ⊙ g               (6)   cell state
    h_t     = o ⊙ tanh(LN(c_t; γ_c, β_c))       (7)   output
    logits  = h_T W_y + b_y                     (8)   the classifier, on the last output
    loss    = -1/N Σ_n log softmax(logits_n)_label(n)    (9)

Shapes: xs (T, N, D), time first; h and c (N, H); W_x (D, 4H), W_h (H, 4H); γ_x, γ_h and b (4H,), γ_c and β_c (H,);
    outputs hs (T, N, H) and the last state; W_y (H, K), b_y (K,), labels (N,) integers from 0 to K-1.

Units: the loss is in nats per sequence.

Variant: that of the paper, in which the four gates are normalized together, over 4H; its three biases of z_t, which
    only add up, are one, b. Gates and state as in recurrent/lstm. layer_norm_lstm_init draws Glorot-uniform weights
    and sets every γ and the forget gate's bias to 1, the other biases to 0.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine, but not for the
    loss), if ε is not positive, or if a label is negative or at least K.

Reference: Ba, Kiros & Hinton, "Layer normalization", 2016, arXiv:1607.06450, supplementary material.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.activations import sigmoid, tanh
from numpy_impl.initializers import glorot_uniform
from numpy_impl.normalization.layer_norm import LayerNormParams, layer_norm, layer_norm_backward
from numpy_impl.recurrent.lstm import LSTMState, lstm_init, lstm_zero_state
from shared.support.shapes import Below, Positive, checked


class LayerNormLSTMParams(NamedTuple):
    W_x: Float[Array, "D 4*H"]
    gamma_x: Float[Array, "4*H"]
    W_h: Float[Array, "H 4*H"]
    gamma_h: Float[Array, "4*H"]
    b: Float[Array, "4*H"]
    gamma_c: Float[Array, "H"]
    beta_c: Float[Array, "H"]


class LayerNormLSTMClassifierParams(NamedTuple):
    lstm: LayerNormLSTMParams
    W_y: Float[Array, "H K"]
    b_y: Float[Array, "K"]


def layer_norm_lstm_init(
    rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32"
) -> LayerNormLSTMParams:
    plain = lstm_init(rng, n_inputs, n_hidden, dtype=dtype)
    ones, zeros = np.ones(n_hidden, dtype), np.zeros(n_hidden, dtype)
    return LayerNormLSTMParams(
        W_x=plain.W_x,
        gamma_x=np.tile(ones, 4),
        W_h=plain.W_h,
        gamma_h=np.tile(ones, 4),
        b=plain.b,
        gamma_c=ones,
        beta_c=zeros,
    )


def layer_norm_lstm_classifier_init(
    rng: Generator, n_inputs: int, n_hidden: int, n_classes: int, *, dtype: str = "float32"
) -> LayerNormLSTMClassifierParams:
    return LayerNormLSTMClassifierParams(
        lstm=layer_norm_lstm_init(rng, n_inputs, n_hidden, dtype=dtype),
        W_y=glorot_uniform(rng, (n_hidden, n_classes), dtype=dtype),
        b_y=np.zeros(n_classes, dtype),
    )


def _cell(params, a, state, eps):
    r, r_cache = layer_norm(LayerNormParams(params.gamma_h, params.b), state.h @ params.W_h, eps=eps)  # (2)
    i, f, g, o = np.split(a + r, 4, axis=-1)  # (3)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)  # (4) (5)
    c = f * state.c + i * g  # (6)
    n, n_cache = layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)
    tanh_n = tanh(n)
    return LSTMState(o * tanh_n, c), (state, r_cache, i, f, g, o, n_cache, tanh_n)  # (7)


def _cell_backward(W_h, cache, d_h, d_c):
    state, r_cache, i, f, g, o, n_cache, tanh_n = cache
    d_o = d_h * tanh_n
    d_norm_c, d_c_out = layer_norm_backward(n_cache, d_h * o * (1 - tanh_n * tanh_n))  # through (7)
    d_c = d_c + d_c_out
    d_i, d_f, d_g = d_c * g, d_c * state.c, d_c * i  # through (6)
    d_z = np.concatenate(
        [d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o)], axis=-1
    )  # through (4) (5)
    d_norm_h, d_r = layer_norm_backward(r_cache, d_z)  # through (2) (3)
    return d_z, d_r, (*d_norm_h, *d_norm_c), LSTMState(h=d_r @ W_h.T, c=d_c * f)


@checked(T=1)
def layer_norm_lstm(
    params: LayerNormLSTMParams, xs: Float[Array, "T N D"], state: LSTMState, *, eps: Positive = 1e-5
) -> tuple[Float[Array, "T N H"], LSTMState]:
    norm_x = LayerNormParams(params.gamma_x, beta=np.zeros_like(params.gamma_x))
    inputs, a_cache = layer_norm(norm_x, np.tensordot(xs, params.W_x, 1), eps=eps)  # (1), every step in one matmul
    hs, caches = [], []
    for a in inputs:
        state, cache = _cell(params, a, state, eps)
        hs.append(state.h)
        caches.append(cache)
    return (np.stack(hs), state), (params, xs, a_cache, caches)


def layer_norm_lstm_backward(cache, d_outputs, *, params_only=False):
    params, xs, a_cache, caches = cache
    d_hs, d_state = d_outputs
    d_zs = np.empty((*xs.shape[:2], params.b.size), xs.dtype)
    d_rs, d_norms = np.empty_like(d_zs), []
    for t in reversed(range(len(caches))):
        d_zs[t], d_rs[t], d_norm, d_state = _cell_backward(params.W_h, caches[t], d_hs[t] + d_state.h, d_state.c)
        d_norms.append(d_norm)
    h_before = np.stack([state.h for state, *_ in caches])  # h_{t-1}
    d_norm_x, d_as = layer_norm_backward(a_cache, d_zs)
    d_gamma_h, d_b, d_gamma_c, d_beta_c = (sum(steps) for steps in zip(*d_norms, strict=True))
    d_params = LayerNormLSTMParams(
        W_x=_rows(xs).T @ _rows(d_as),
        gamma_x=d_norm_x.gamma,
        W_h=_rows(h_before).T @ _rows(d_rs),
        gamma_h=d_gamma_h,
        b=d_b,
        gamma_c=d_gamma_c,
        beta_c=d_beta_c,
    )  # through (1), every step in one matmul
    return d_params, None if params_only else np.tensordot(d_as, params.W_x.T, 1), d_state


def _rows(steps):
    return steps.reshape(-1, steps.shape[-1])


@checked(T=1)
def layer_norm_lstm_classifier(
    params: LayerNormLSTMClassifierParams, xs: Float[Array, "T N D"], *, eps: Positive = 1e-5
) -> Float[Array, "N K"]:
    (hs, state), cache = layer_norm_lstm(params.lstm, xs, lstm_zero_state(params.lstm, xs.shape[1]), eps=eps)
    return state.h @ params.W_y + params.b_y, (params, hs, state, cache)  # (8)


def layer_norm_lstm_classifier_backward(cache, d_logits, *, params_only=False):
    params, hs, state, cache = cache
    d_W_y, d_b_y, d_h = state.h.T @ d_logits, np.sum(d_logits, axis=0), d_logits @ params.W_y.T  # through (8)
    d_outputs = np.zeros_like(hs), LSTMState(h=d_h, c=np.zeros_like(state.c))
    d_lstm, d_xs, _ = layer_norm_lstm_backward(cache, d_outputs, params_only=params_only)
    return LayerNormLSTMClassifierParams(d_lstm, d_W_y, d_b_y), d_xs


@checked(T=1, N=1)
def layer_norm_lstm_classifier_loss(
    params: LayerNormLSTMClassifierParams,
    xs: Float[Array, "T N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    *,
    eps: Positive = 1e-5,
) -> Float[Array, ""]:
    logits, cache = layer_norm_lstm_classifier(params, xs, eps=eps)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (9)
    return loss, (cache, loss_cache)


def layer_norm_lstm_classifier_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (9)
    return *layer_norm_lstm_classifier_backward(cache, d_logits, params_only=params_only), None
