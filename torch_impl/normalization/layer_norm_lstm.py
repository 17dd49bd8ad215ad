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

import torch
from torch import Tensor as Array
from jaxtyping import Float, Int
from numpy.random import Generator

from shared.support.shapes import Below, Positive, checked
from torch_impl import losses
from torch_impl.activations import sigmoid, tanh
from torch_impl.initializers import glorot_uniform
from torch_impl.normalization.layer_norm import LayerNormParams, layer_norm
from torch_impl.recurrent.lstm import LSTMState, lstm_init, lstm_zero_state


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
    kind = {"dtype": getattr(torch, dtype)}
    ones, zeros = torch.ones(n_hidden, **kind), torch.zeros(n_hidden, **kind)
    return LayerNormLSTMParams(
        W_x=plain.W_x,
        gamma_x=ones.repeat(4),
        W_h=plain.W_h,
        gamma_h=ones.repeat(4),
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
        b_y=torch.zeros(n_classes, dtype=getattr(torch, dtype)),
    )


def _cell(params, a, state, eps):
    r = layer_norm(LayerNormParams(params.gamma_h, params.b), state.h @ params.W_h, eps=eps)  # (2)
    i, f, g, o = torch.chunk(a + r, 4, dim=-1)  # (3)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)  # (4) (5)
    c = f * state.c + i * g  # (6)
    n = layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)
    return LSTMState(o * tanh(n), c)  # (7)


@checked(T=1)
def layer_norm_lstm(
    params: LayerNormLSTMParams, xs: Float[Array, "T N D"], state: LSTMState, *, eps: Positive = 1e-5
) -> tuple[Float[Array, "T N H"], LSTMState]:
    norm_x = LayerNormParams(params.gamma_x, beta=torch.zeros_like(params.gamma_x))
    inputs = layer_norm(norm_x, xs @ params.W_x, eps=eps)  # (1), every step in one matmul
    hs = []
    for a in inputs:
        state = _cell(params, a, state, eps)
        hs.append(state.h)
    return torch.stack(hs), state


@checked(T=1)
def layer_norm_lstm_classifier(
    params: LayerNormLSTMClassifierParams, xs: Float[Array, "T N D"], *, eps: Positive = 1e-5
) -> Float[Array, "N K"]:
    _, state = layer_norm_lstm(params.lstm, xs, lstm_zero_state(params.lstm, xs.shape[1]), eps=eps)
    return state.h @ params.W_y + params.b_y  # (8)


@checked(T=1, N=1)
def layer_norm_lstm_classifier_loss(
    params: LayerNormLSTMClassifierParams,
    xs: Float[Array, "T N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    *,
    eps: Positive = 1e-5,
) -> Float[Array, ""]:
    logits = layer_norm_lstm_classifier(params, xs, eps=eps)
    return losses.softmax_cross_entropy(logits, labels)  # (9)
