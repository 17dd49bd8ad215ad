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

from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Chain, Dtype, checked
from shared.support.sizes import sizes
from tf_impl import losses
from tf_impl.initializers import glorot_uniform
from tf_impl.recurrent.lstm import LSTMState
from tf_impl.recurrent.stacked import Cell, State, stacked, stacked_zero_state


class ReadoutParams(NamedTuple):
    layers: Annotated[tuple[Cell, ...], Chain("W_x", gives="W_h", axis=0, first="D", last="H")]
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


@checked
def readout_init(
    rng: Generator, layers: tuple[Cell, ...], n_outputs: int, *, dtype: Dtype = "float32"
) -> ReadoutParams:
    W_o = glorot_uniform(rng, (layers[-1].W_h.shape[0], n_outputs), dtype=dtype)
    return ReadoutParams(layers, W_o, tf.zeros([n_outputs], dtype))


@checked(T=1)
def readout(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
) -> tuple[Float[Array, "T N K"], tuple[State, ...]]:
    hs, lasts = stacked(params.layers, xs, states, mask)  # (1)
    ys = tf.tensordot(hs, params.W_o, 1) + params.b_o  # (2)
    return ys, lasts


@checked(T=1)
def readout_last(
    params: ReadoutParams, xs: Float[Array, "T N D"], mask: Bool[Array, "T N"] | None = None
) -> Float[Array, "N K"]:
    states = stacked_zero_state(params.layers, sizes(xs)[1])
    hs, lasts = stacked(params.layers, xs, states, mask)  # (1)
    h = _output(lasts[-1])  # (3)
    y = h @ params.W_o + params.b_o  # (3)
    return y


def _output(state):
    return state.h if isinstance(state, LSTMState) else state


@checked(T=1, N=1)
def readout_value_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], target: Float[Array, "N K"]
) -> Float[Array, ""]:
    y = readout_last(params, xs)  # (1) (3)
    loss = losses.mse(y, target)  # (4)
    return loss


@checked(T=1, N=1)
def readout_label_loss(
    params: ReadoutParams, xs: Float[Array, "T N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    y = readout_last(params, xs)  # (1) (3)
    loss = losses.softmax_cross_entropy(y, labels)  # (5)
    return loss


@checked(T=1, N=1)
def readout_next_loss(
    params: ReadoutParams,
    xs: Float[Array, "T N D"],
    labels: Annotated[Int[Array, "T N"], Below("K")],
    mask: Bool[Array, "T N"],
) -> Float[Array, ""]:
    states = stacked_zero_state(params.layers, sizes(xs)[1])
    ys, _ = readout(params, xs, states, mask)  # (1) (2)
    loss = losses.masked_cross_entropy(ys, labels, mask)  # (6)
    return loss
