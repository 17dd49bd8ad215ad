"""Linear readout of recurrent layers, at every step or at the last one, and what it costs.

    h_t, s = stacked(layers, x_t)               (1)   rnn, gru or lstm, one layer or several
    y_t    = h_t W_o + b_o                      (2)   at every step
    y      = h_T W_o + b_o                      (3)   at the last step that counts, from zero states
    value_loss  = mean over all elements of (y - target)²         (4)
    label_loss  = -1/N Σ_n log softmax(y_n)_label(n)              (5)
    next_loss   = -1/M Σ_tn m_tn log softmax(y_tn)_label(t, n)    (6)   M = Σ_tn m_tn, the steps that count

Shapes: layers as in recurrent/stacked; xs (T, N, D), time first; mask m (T, N), True at the steps that count; W_o
    (H, K), b_o (K,); outputs (T, N, K) of every step or (N, K) of the last one; targets (N, K); labels integers from
    0 to K-1, (N,) for label_loss and (T, N) for next_loss.

Units: cross-entropies are in nats, per sequence in (5), per step that counts in (6).

Variant: the loss of all steps is a mean over the steps that count, whatever their sequences' lengths, as PyTorch's
    ignore_index and Keras's masks give it; if none counts, it is 0. At a masked step y_t is b_o. readout_init draws a
    Glorot-uniform W_o and a zero b_o.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine, but not for a loss),
    or if a label is negative or at least K, also at a masked step.

Reference: Elman, Cognitive Science 14 (1990), for the prediction of the next letter; Hochreiter & Schmidhuber, Neural
    Computation 9 (1997), for a value at the end.
"""

from typing import Annotated, NamedTuple

import torch
from torch import Tensor as Array
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

from shared.support.shapes import Below, checked
from torch_impl import losses
from torch_impl.initializers import glorot_uniform
from torch_impl.recurrent.lstm import LSTMState
from torch_impl.recurrent.stacked import Cell, State, stacked, stacked_zero_state


class ReadoutParams(NamedTuple):
    layers: tuple[Cell, ...]
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


def readout_init(
    rng: Generator, layers: tuple[Cell, ...], n_outputs: int, *, dtype: str = "float32"
) -> ReadoutParams:
    n_hidden = layers[-1].W_h.shape[0]
    return ReadoutParams(
        layers,
        glorot_uniform(rng, (n_hidden, n_outputs), dtype=dtype),
        torch.zeros(n_outputs, dtype=getattr(torch, dtype)),
    )


@checked(T=1)
def readout(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
) -> tuple[Float[Array, "T N K"], tuple[State, ...]]:
    _check(params)
    hs, lasts = stacked(params.layers, xs, states, mask)  # (1)
    ys = hs @ params.W_o + params.b_o  # (2)
    return ys, lasts


@checked(T=1)
def readout_last(
    params: ReadoutParams, xs: Float[Array, "T N D"], mask: Bool[Array, "T N"] | None = None
) -> Float[Array, "N K"]:
    _check(params)
    states = stacked_zero_state(params.layers, xs.shape[1])
    hs, lasts = stacked(params.layers, xs, states, mask)  # (1)
    h = _output(lasts[-1])
    return h @ params.W_o + params.b_o  # (3)


def _output(state):
    return state.h if isinstance(state, LSTMState) else state


def _check(params):
    n_hidden = params.layers[-1].W_h.shape[0]
    if params.W_o.shape[0] != n_hidden:
        found = f"params.W_o has shape {tuple(params.W_o.shape)}"
        raise ValueError(f"readout: {found}, expected {n_hidden} rows, as params.layers[-1] gives")


@checked(T=1, N=1)
def readout_value_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], target: Float[Array, "N K"]
) -> Float[Array, ""]:
    y = readout_last(params, xs)
    return losses.mse(y, target)  # (4)


@checked(T=1, N=1)
def readout_label_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    y = readout_last(params, xs)
    return losses.softmax_cross_entropy(y, labels)  # (5)


@checked(T=1, N=1)
def readout_next_loss(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    labels: Annotated[Int[Array, "T N"], Below("K")],
    mask: Bool[Array, "T N"],
) -> Float[Array, ""]:
    ys, _ = readout(params, xs, stacked_zero_state(params.layers, xs.shape[1]), mask)
    log_p = losses.log_softmax(ys.flatten(0, 1))
    picked = torch.take_along_dim(log_p, labels.reshape(-1, 1), dim=1)[:, 0]
    weights = mask.reshape(-1) / mask.sum().clamp(min=1).to(ys.dtype)
    return -torch.sum(weights * picked)  # (6)
