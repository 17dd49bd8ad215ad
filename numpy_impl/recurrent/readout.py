"""A linear readout on recurrent layers, with its losses.

Idea: The states of recurrent layers mean nothing by themselves; a linear layer turns them into what a task asks for.
    It is the same at every step, whether all outputs are wanted, as for the next letter, or the last one, as for a
    label of the whole sequence.

    hs, lasts = stacked(layers, xs, states)                       (1)   rnn, gru or lstm, one layer or several
    ys_t = hs_t W_o + b_o                                         (2)   at every step
    y = h W_o + b_o                                               (3)   h: of the top layer's last state, from zeros
    value_loss = losses.mse(y, target)                            (4)
    label_loss = losses.softmax_cross_entropy(y, labels)          (5)
    next_loss = losses.masked_cross_entropy(ys, labels, mask)     (6)   a mean over the steps that count

Gradients:
    d_y, d_target = losses.mse_backward(d_loss)                   through (4)
    d_y = losses.softmax_cross_entropy_backward(d_loss)           through (5)
    d_ys = losses.masked_cross_entropy_backward(d_loss)           through (6)
    d_hs_t = d_ys_t W_oᵀ                                          through (2)
    d_h = d_y W_oᵀ                                                through (3)
    d_W_o = Σ_t hs_tᵀ d_ys_t                                      through (2)
    d_W_o = hᵀ d_y                                                through (3)
    d_b_o = Σ_t Σ_n d_ys_tn                                       through (2)
    d_b_o = Σ_n d_y_n                                             through (3)
    d_layers, d_xs, d_states = stacked_backward(d_hs, d_lasts)    through (1)   for (3) d_hs is 0, and d_lasts but d_h

Shapes: layers as in recurrent/stacked; xs (T, N, D), time first; mask (T, N), True at the steps that count; W_o
    (H, K), b_o (K,); outputs ys (T, N, K) of every step or y (N, K) of the last one; targets (N, K); labels integers
    from 0 to K-1, (N,) for label_loss and (T, N) for next_loss.

Units: cross-entropies are in nats, per sequence in (5), per step that counts in (6).

Variant: next_loss is a mean over the steps that count, whatever their sequences' lengths; if none counts, it is 0. At
    a masked step ys_t is b_o. readout_init draws a Glorot-uniform W_o and a zero b_o.

Differs:
    torch.nn: an nn.LSTM (GRU, RNN) and an nn.Linear, whose weight is transposed; the mask of next_loss is
        cross_entropy's ignore_index.
    Keras: an LSTM (GRU, SimpleRNN) layer, with return_sequences=True for (2), and a Dense layer. Its masked loss
        is the same mean.

Relation: recurrent/seq2seq reads one sequence and writes another one; its decoder has such a readout at every step.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine, but not for a loss),
    or if a label is negative or at least K, also at a masked step.

Reference: Elman, Cognitive Science 14 (1990), for the prediction of the next letter; Hochreiter & Schmidhuber, Neural
    Computation 9 (1997), for a value at the end.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.initializers import glorot_uniform
from numpy_impl.recurrent._steps import outer_sum, row_sum
from numpy_impl.recurrent.lstm import LSTMState
from numpy_impl.recurrent.stacked import Cell, StackedCache, State, stacked, stacked_backward, stacked_zero_state
from shared.support.shapes import Below, Chain, Dtype, checked


class ReadoutParams(NamedTuple):
    layers: Annotated[tuple[Cell, ...], Chain("W_x", gives="W_h", axis=0, first="D", last="H")]
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


class ReadoutCache(NamedTuple):
    params: ReadoutParams
    hs: Array
    lasts: tuple[Any, ...]
    layers: StackedCache


@checked
def readout_init(
    rng: Generator, layers: tuple[Cell, ...], n_outputs: int, *, dtype: Dtype = "float32"
) -> ReadoutParams:
    W_o = glorot_uniform(rng, (layers[-1].W_h.shape[0], n_outputs), dtype=dtype)
    return ReadoutParams(layers, W_o, np.zeros(n_outputs, dtype))


@checked(T=1)
def readout(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
) -> tuple[Float[Array, "T N K"], tuple[State, ...]]:
    (hs, lasts), cache = stacked(params.layers, xs, states, mask)  # (1)
    ys = np.tensordot(hs, params.W_o, 1) + params.b_o  # (2)
    return (ys, lasts), ReadoutCache(params, hs, lasts, cache)


def readout_backward(cache, d_outputs):
    params, hs, _, layers = cache
    d_ys, d_lasts = d_outputs
    d_hs = np.tensordot(d_ys, params.W_o.T, 1)  # through (2)
    d_W_o, d_b_o = outer_sum(hs, d_ys), row_sum(d_ys)  # through (2)
    d_layers, d_xs, d_states, *_ = stacked_backward(layers, (d_hs, d_lasts))  # through (1)
    return ReadoutParams(d_layers, d_W_o, d_b_o), d_xs, d_states, None


@checked(T=1)
def readout_last(
    params: ReadoutParams, xs: Float[Array, "T N D"], mask: Bool[Array, "T N"] | None = None
) -> Float[Array, "N K"]:
    states = stacked_zero_state(params.layers, xs.shape[1])
    (hs, lasts), cache = stacked(params.layers, xs, states, mask)  # (1)
    h = _output(lasts[-1])  # (3)
    y = h @ params.W_o + params.b_o  # (3)
    return y, ReadoutCache(params, hs, lasts, cache)


def readout_last_backward(cache, d_y):
    params, hs, lasts, layers = cache
    d_h = d_y @ params.W_o.T  # through (3)
    d_W_o, d_b_o = outer_sum(_output(lasts[-1]), d_y), row_sum(d_y)  # through (3)
    *below, top = map(_zeros, lasts)
    d_lasts = *below, top._replace(h=d_h) if isinstance(top, LSTMState) else d_h
    d_layers, d_xs, *_ = stacked_backward(layers, (_zeros(hs), d_lasts))  # through (1)
    return ReadoutParams(d_layers, d_W_o, d_b_o), d_xs, None


def _output(state):
    return state.h if isinstance(state, LSTMState) else state


def _zeros(state):
    return LSTMState(*map(np.zeros_like, state)) if isinstance(state, LSTMState) else np.zeros_like(state)


@checked(T=1, N=1)
def readout_value_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], target: Float[Array, "N K"]
) -> Float[Array, ""]:
    y, cache = readout_last(params, xs)  # (1) (3)
    loss, loss_cache = losses.mse(y, target)  # (4)
    return loss, (cache, loss_cache)


def readout_value_loss_backward(cache, d_loss):
    last, loss = cache
    d_y, d_target = losses.mse_backward(loss, d_loss)  # through (4)
    d_params, d_xs, _ = readout_last_backward(last, d_y)  # through (1) (3)
    return d_params, d_xs, d_target


@checked(T=1, N=1)
def readout_label_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    y, cache = readout_last(params, xs)  # (1) (3)
    loss, loss_cache = losses.softmax_cross_entropy(y, labels)  # (5)
    return loss, (cache, loss_cache)


def readout_label_loss_backward(cache, d_loss):
    last, loss = cache
    d_y, _ = losses.softmax_cross_entropy_backward(loss, d_loss)  # through (5)
    d_params, d_xs, _ = readout_last_backward(last, d_y)  # through (1) (3)
    return d_params, d_xs, None


@checked(T=1, N=1)
def readout_next_loss(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    labels: Annotated[Int[Array, "T N"], Below("K")],
    mask: Bool[Array, "T N"],
) -> Float[Array, ""]:
    states = stacked_zero_state(params.layers, xs.shape[1])
    (ys, _), cache = readout(params, xs, states, mask)  # (1) (2)
    loss, loss_cache = losses.masked_cross_entropy(ys, labels, mask)  # (6)
    return loss, (cache, loss_cache)


def readout_next_loss_backward(cache, d_loss):
    steps, loss = cache
    d_ys, *_ = losses.masked_cross_entropy_backward(loss, d_loss)  # through (6)
    d_params, d_xs, *_ = readout_backward(steps, (d_ys, tuple(map(_zeros, steps.lasts))))  # through (1) (2)
    return d_params, d_xs, None, None
