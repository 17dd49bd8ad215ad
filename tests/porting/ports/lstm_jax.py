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

# A port of recurrent/lstm. Check it with: triptych check recurrent/lstm --impl THIS_FILE
# Every `raise NotImplementedError` gives way to code; the comments above it name the lines that
# compute an equation. Keep their names, and the numbers at their ends: so the check can tell in which
# equation, step and element a port goes wrong.
# Gradients are taken by the library where Triptych knows how (JAX, MLX, PyTorch, TensorFlow);
# elsewhere write f_backward beside f, as the NumPy column has it: f(...) -> (outputs, cache) and
# f_backward(cache, d_outputs) -> d_args.
# The columns import from their siblings: losses, activations.sigmoid, activations.tanh, initializers.glorot_uniform.

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.lax import scan
from jax.nn import log_softmax, sigmoid
from numpy.random import Generator


class LSTMParams(NamedTuple):
    W_x: Array  # (D, 4*H)
    W_h: Array  # (H, 4*H)
    b: Array  # (4*H,)


class LSTMState(NamedTuple):
    h: Array  # (N, H)
    c: Array  # (N, H)


class LSTMClassifierParams(NamedTuple):
    lstm: LSTMParams
    W_y: Array  # (H, K)
    b_y: Array  # (K,)


def lstm_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32") -> LSTMParams:
    zeros, ones = jnp.zeros(n_hidden, dtype), jnp.ones(n_hidden, dtype)
    return LSTMParams(
        W_x=_glorot_uniform(rng, n_inputs, 4 * n_hidden, dtype),
        W_h=_glorot_uniform(rng, n_hidden, 4 * n_hidden, dtype),
        b=jnp.concatenate([zeros, ones, zeros, zeros]),
    )


def _glorot_uniform(rng, n_in, n_out, dtype):
    bound = (6 / (n_in + n_out)) ** 0.5
    return jnp.asarray(rng.uniform(-bound, bound, (n_in, n_out)), dtype)


def lstm_zero_state(params: LSTMParams, n: int) -> LSTMState:
    zeros = jnp.zeros((n, params.W_h.shape[0]), params.W_h.dtype)
    return LSTMState(zeros, zeros)


def lstm_classifier_init(
    rng: Generator, n_inputs: int, n_hidden: int, n_classes: int, *, dtype: str = "float32"
) -> LSTMClassifierParams:
    return LSTMClassifierParams(
        lstm=lstm_init(rng, n_inputs, n_hidden, dtype=dtype),
        W_y=_glorot_uniform(rng, n_hidden, n_classes, dtype),
        b_y=jnp.zeros(n_classes, dtype),
    )


def _cell(W_h, z_x, state):
    z = z_x + state.h @ W_h  # (1)
    i, f, g, o = jnp.split(z, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)  # (2) (3)
    c = f * state.c + i * g  # (4)
    return LSTMState(o * jnp.tanh(c), c)  # (5)


def _masked(valid, new, old):
    h, c = jnp.where(valid, new.h, old.h), jnp.where(valid, new.c, old.c)
    return jnp.where(valid, h, 0), LSTMState(h, c)


def lstm(params: LSTMParams, xs: Array, state: LSTMState, mask: Array | None = None) -> tuple[Array, LSTMState]:
    # xs (T, N, D), mask (T, N), returns (T, N, H)
    zs = xs @ params.W_x + params.b  # (1)

    def step(state, inputs):
        z, valid = inputs
        new = _cell(params.W_h, z, state)
        h, state = _masked(valid, new, state)  # (6)
        return state, h

    mask = jnp.ones(xs.shape[:2], bool) if mask is None else mask
    state, hs = scan(step, state, (zs, mask[..., None]))
    return hs, state


def lstm_classifier(params: LSTMClassifierParams, xs: Array) -> Array:
    # xs (T, N, D), returns (N, K)
    _, state = lstm(params.lstm, xs, lstm_zero_state(params.lstm, xs.shape[1]))
    return state.h @ params.W_y + params.b_y  # (7)


def lstm_classifier_loss(params: LSTMClassifierParams, xs: Array, labels: Array) -> Array:
    # xs (T, N, D), labels (N,) integers, returns ()
    log_p = log_softmax(lstm_classifier(params, xs))
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=-1))  # (8)
