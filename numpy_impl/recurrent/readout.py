"""Linear readout of recurrent layers, at every step or at the last one, and what it costs.

    h_t, s = stacked(layers, x_t)               (1)   rnn, gru or lstm, one layer or several
    y_t    = h_t W_y + b_y                      (2)   at every step
    y      = h_T W_y + b_y                      (3)   at the last step that counts, from zero states
    value_loss  = mean over all elements of (y - target)²         (4)
    label_loss  = -1/N Σ_n log softmax(y_n)_label(n)              (5)
    next_loss   = -1/M Σ_tn m_tn log softmax(y_tn)_label(t, n)    (6)   M = Σ_tn m_tn, the steps that count

Shapes: layers as in recurrent/stacked; xs (T, N, D), time first; mask m (T, N), True at the steps that count; W_y
    (H, K), b_y (K,); outputs (T, N, K) of every step or (N, K) of the last one; targets (N, K); labels integers from
    0 to K-1, (N,) for label_loss and (T, N) for next_loss.

Units: cross-entropies are in nats, per sequence in (5), per step that counts in (6).

Variant: the loss of all steps is a mean over the steps that count, whatever their sequences' lengths, as PyTorch's
    ignore_index and Keras's masks give it; if none counts, it is 0. At a masked step y_t is b_y. readout_init draws a
    Glorot-uniform W_y and a zero b_y.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine, but not for a loss),
    or if a label is negative or at least K, also at a masked step.

Reference: Elman, Cognitive Science 14 (1990), for the prediction of the next letter; Hochreiter & Schmidhuber, Neural
    Computation 9 (1997), for a value at the end.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.initializers import glorot_uniform
from numpy_impl.recurrent.lstm import LSTMState
from numpy_impl.recurrent.stacked import Cell, State, stacked, stacked_backward, stacked_zero_state
from shared.support.shapes import Below, checked


class ReadoutParams(NamedTuple):
    layers: tuple[Cell, ...]
    W_y: Float[Array, "H K"]
    b_y: Float[Array, "K"]


def readout_init(
    rng: Generator, layers: tuple[Cell, ...], n_outputs: int, *, dtype: str = "float32"
) -> ReadoutParams:
    n_hidden = layers[-1].W_h.shape[0]
    return ReadoutParams(layers, glorot_uniform(rng, (n_hidden, n_outputs), dtype=dtype), np.zeros(n_outputs, dtype))


@checked(T=1)
def readout(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
) -> tuple[Float[Array, "T N K"], tuple[State, ...]]:
    _check(params)
    (hs, lasts), cache = stacked(params.layers, xs, states, mask)  # (1)
    ys = np.tensordot(hs, params.W_y, 1) + params.b_y  # (2)
    return (ys, lasts), (params, hs, cache)


def readout_backward(cache, d_outputs):
    params, hs, cache = cache
    d_ys, d_lasts = d_outputs
    d_hs, d_W_y = np.tensordot(d_ys, params.W_y.T, 1), _rows(hs).T @ _rows(d_ys)  # through (2)
    d_layers, d_xs, d_states, *_ = stacked_backward(cache, (d_hs, d_lasts))  # through (1)
    return ReadoutParams(d_layers, d_W_y, np.sum(d_ys, axis=(0, 1))), d_xs, d_states, None


@checked(T=1)
def readout_last(
    params: ReadoutParams, xs: Float[Array, "T N D"], mask: Bool[Array, "T N"] | None = None
) -> Float[Array, "N K"]:
    _check(params)
    states = stacked_zero_state(params.layers, xs.shape[1])
    (hs, lasts), cache = stacked(params.layers, xs, states, mask)  # (1)
    h = _output(lasts[-1])
    return h @ params.W_y + params.b_y, (params, hs, lasts, cache)  # (3)


def readout_last_backward(cache, d_y):
    params, hs, lasts, cache = cache
    *below, top = (_zeros(last) for last in lasts)
    d_W_y, d_b_y, d_h = _output(lasts[-1]).T @ d_y, np.sum(d_y, axis=0), d_y @ params.W_y.T  # through (3)
    d_lasts = *below, top._replace(h=d_h) if isinstance(top, LSTMState) else d_h
    d_outputs = np.zeros_like(hs), d_lasts
    d_layers, d_xs, *_ = stacked_backward(cache, d_outputs)  # through (1)
    return ReadoutParams(d_layers, d_W_y, d_b_y), d_xs, None


def _output(state):
    return state.h if isinstance(state, LSTMState) else state


def _zeros(state):
    return LSTMState(*map(np.zeros_like, state)) if isinstance(state, LSTMState) else np.zeros_like(state)


def _check(params):
    n_hidden = params.layers[-1].W_h.shape[0]
    if params.W_y.shape[0] != n_hidden:
        found = f"params.W_y has shape {tuple(params.W_y.shape)}"
        raise ValueError(f"readout: {found}, expected {n_hidden} rows, as params.layers[-1] gives")


@checked(T=1, N=1)
def readout_value_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], target: Float[Array, "N K"]
) -> Float[Array, ""]:
    y, cache = readout_last(params, xs)
    loss, loss_cache = losses.mse(y, target)  # (4)
    return loss, (cache, loss_cache)


def readout_value_loss_backward(cache, d_loss):
    cache, loss_cache = cache
    d_y, d_target = losses.mse_backward(loss_cache, d_loss)  # through (4)
    d_params, d_xs, _ = readout_last_backward(cache, d_y)
    return d_params, d_xs, d_target


@checked(T=1, N=1)
def readout_label_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    y, cache = readout_last(params, xs)
    loss, loss_cache = losses.softmax_cross_entropy(y, labels)  # (5)
    return loss, (cache, loss_cache)


def readout_label_loss_backward(cache, d_loss):
    cache, loss_cache = cache
    d_y, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (5)
    d_params, d_xs, _ = readout_last_backward(cache, d_y)
    return d_params, d_xs, None


@checked(T=1, N=1)
def readout_next_loss(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    labels: Annotated[Int[Array, "T N"], Below("K")],
    mask: Bool[Array, "T N"],
) -> Float[Array, ""]:
    (ys, lasts), cache = readout(params, xs, stacked_zero_state(params.layers, xs.shape[1]), mask)
    log_p, _ = losses.log_softmax(_rows(ys))
    picked = np.take_along_axis(log_p, labels.reshape(-1, 1), axis=1)[:, 0]
    weights = mask.reshape(-1) / np.maximum(np.sum(mask), 1).astype(ys.dtype)
    return -np.sum(weights * picked), (log_p, labels, weights, lasts, cache)  # (6)


def readout_next_loss_backward(cache, d_loss):
    log_p, labels, weights, lasts, cache = cache
    d_logits = np.exp(log_p)
    d_logits[np.arange(labels.size), labels.reshape(-1)] -= 1
    d_ys = (d_loss * weights[:, None] * d_logits).reshape(*labels.shape, -1)  # through (6)
    d_outputs = d_ys, tuple(map(_zeros, lasts))
    d_params, d_xs, *_ = readout_backward(cache, d_outputs)
    return d_params, d_xs, None, None


def _rows(steps):
    return steps.reshape(-1, steps.shape[-1])
