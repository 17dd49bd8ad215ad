"""Long short-term memory (LSTM), and a classifier of sequences on top of it.

    z_t     = x_t W_x + h_{t-1} W_h + b         (1)   blocks i | f | g | o, each (N, H)
    i, f, o = σ(z_i), σ(z_f), σ(z_o)            (2)   input, forget and output gate
    g       = tanh(z_g)                         (3)   candidate
    c_t     = f ⊙ c_{t-1} + i ⊙ g               (4)   cell state
    h_t     = o ⊙ tanh(c_t)                     (5)   output
    h_t     = h_{t-1}, c_t = c_{t-1}, output 0  (6)   at the steps where a mask is False
    logits  = h_T W_y + b_y                     (7)   the classifier, on the last output
    loss    = -1/N Σ_n log softmax(logits_n)_label(n)    (8)

Shapes: xs (T, N, D), time first; h and c (N, H); W_x (D, 4H), W_h (H, 4H), b (4H,); mask (T, N), True at the
    steps that count; outputs hs (T, N, H) and the last state; W_y (H, K), b_y (K,), labels (N,) integers from 0 to
    K-1.

Units: the loss is in nats per sequence.

Variant: forget gate, no peepholes, gate blocks in the order i, f, g, o, one bias (PyTorch's two are added up; Keras
    has the same order and one bias; ONNX has i, o, f, c). A masked step changes nothing and passes no gradient on, as
    in PyTorch's packed sequences. lstm_init draws Glorot-uniform weights and sets the forget gate's bias to 1, the
    other biases to 0.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine, but not for the
    loss), or if a label is negative or at least K.

Reference: Hochreiter & Schmidhuber, Neural Computation 9 (1997); Gers, Schmidhuber & Cummins, Neural Computation 12
    (2000), for the forget gate; Zaremba, Sutskever & Vinyals 2014, arXiv:1409.2329, for this form; Jozefowicz,
    Zaremba & Sutskever, ICML 2015, for the forget bias.
"""

from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, checked
from tf_impl import losses
from tf_impl.activations import sigmoid, tanh
from tf_impl.initializers import glorot_uniform


class LSTMParams(NamedTuple):
    W_x: Float[Array, "D 4*H"]
    W_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"]


class LSTMState(NamedTuple):
    h: Float[Array, "N H"]
    c: Float[Array, "N H"]


class LSTMClassifierParams(NamedTuple):
    lstm: LSTMParams
    W_y: Float[Array, "H K"]
    b_y: Float[Array, "K"]


def lstm_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32") -> LSTMParams:
    zeros, ones = tf.zeros([n_hidden], dtype), tf.ones([n_hidden], dtype)
    return LSTMParams(
        W_x=glorot_uniform(rng, (n_inputs, 4 * n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, 4 * n_hidden), dtype=dtype),
        b=tf.concat([zeros, ones, zeros, zeros], 0),
    )


def lstm_zero_state(params: LSTMParams, n: int) -> LSTMState:
    zeros = tf.zeros([n, params.W_h.shape[0]], params.W_h.dtype)
    return LSTMState(zeros, zeros)


def lstm_classifier_init(
    rng: Generator, n_inputs: int, n_hidden: int, n_classes: int, *, dtype: str = "float32"
) -> LSTMClassifierParams:
    return LSTMClassifierParams(
        lstm=lstm_init(rng, n_inputs, n_hidden, dtype=dtype),
        W_y=glorot_uniform(rng, (n_hidden, n_classes), dtype=dtype),
        b_y=tf.zeros([n_classes], dtype),
    )


def _cell(W_h, z_x, state):
    z = z_x + state.h @ W_h  # (1)
    i, f, g, o = tf.split(z, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)  # (2) (3)
    c = f * state.c + i * g  # (4)
    return LSTMState(o * tanh(c), c)  # (5)


def _masked(valid, new, old):
    """Output and state of a step: new where it is valid, else zero and the old state."""
    h, c = tf.where(valid, new.h, old.h), tf.where(valid, new.c, old.c)
    return tf.where(valid, h, tf.zeros_like(h)), LSTMState(h, c)


@checked(T=1)
def lstm(
    params: LSTMParams, xs: Float[Array, "T N D"], state: LSTMState, mask: Bool[Array, "T N"] | None = None
) -> tuple[Float[Array, "T N H"], LSTMState]:
    zs = xs @ params.W_x + params.b  # (1), every step in one matmul
    hs = []
    for t, z in enumerate(tf.unstack(zs)):
        new = _cell(params.W_h, z, state)
        h, state = (new.h, new) if mask is None else _masked(mask[t, :, None], new, state)  # (6)
        hs.append(h)
    return tf.stack(hs), state


@checked(T=1)
def lstm_classifier(params: LSTMClassifierParams, xs: Float[Array, "T N D"]) -> Float[Array, "N K"]:
    _, state = lstm(params.lstm, xs, lstm_zero_state(params.lstm, xs.shape[1]))
    return state.h @ params.W_y + params.b_y  # (7)


@checked(T=1, N=1)
def lstm_classifier_loss(
    params: LSTMClassifierParams, xs: Float[Array, "T N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    logits = lstm_classifier(params, xs)
    return losses.softmax_cross_entropy(logits, labels)  # (8)
