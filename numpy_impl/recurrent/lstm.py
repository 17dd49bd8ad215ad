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

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.activations import sigmoid, tanh
from numpy_impl.initializers import glorot_uniform
from shared.support.shapes import Below, checked


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
    zeros, ones = np.zeros(n_hidden, dtype), np.ones(n_hidden, dtype)
    return LSTMParams(
        W_x=glorot_uniform(rng, (n_inputs, 4 * n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, 4 * n_hidden), dtype=dtype),
        b=np.concatenate([zeros, ones, zeros, zeros]),
    )


def lstm_zero_state(params: LSTMParams, n: int) -> LSTMState:
    zeros = np.zeros((n, params.W_h.shape[0]), params.W_h.dtype)
    return LSTMState(zeros, zeros)


def lstm_classifier_init(
    rng: Generator, n_inputs: int, n_hidden: int, n_classes: int, *, dtype: str = "float32"
) -> LSTMClassifierParams:
    return LSTMClassifierParams(
        lstm=lstm_init(rng, n_inputs, n_hidden, dtype=dtype),
        W_y=glorot_uniform(rng, (n_hidden, n_classes), dtype=dtype),
        b_y=np.zeros(n_classes, dtype),
    )


def _cell(W_h, z_x, state):
    z = z_x + state.h @ W_h  # (1)
    i, f, g, o = np.split(z, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)  # (2) (3)
    c = f * state.c + i * g  # (4)
    tanh_c = tanh(c)
    return LSTMState(o * tanh_c, c), (state, i, f, g, o, tanh_c)  # (5)


def _cell_backward(W_h, cache, d_h, d_c):
    state, i, f, g, o, tanh_c = cache
    d_o, d_c = d_h * tanh_c, d_c + d_h * o * (1 - tanh_c * tanh_c)  # through (5)
    d_i, d_f, d_g = d_c * g, d_c * state.c, d_c * i  # through (4)
    d_z = np.concatenate(
        [d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o)], axis=-1
    )  # through (2) (3)
    return d_z, LSTMState(h=d_z @ W_h.T, c=d_c * f)  # through (1) (4)


def _masked(valid, new, old):
    """Output and state of a step: new where it is valid, else zero and the old state."""
    h, c = np.where(valid, new.h, old.h), np.where(valid, new.c, old.c)
    return np.where(valid, h, 0), LSTMState(h, c)


def _masked_backward(valid, d_new, d_state):
    """Gradients of the new and of the old state; what comes from above at an output that is zero goes nowhere."""
    d_new = LSTMState(h=np.where(valid, d_new.h, 0), c=np.where(valid, d_new.c, 0))
    return d_new, LSTMState(h=np.where(valid, 0, d_state.h), c=np.where(valid, 0, d_state.c))


@checked(T=1)
def lstm(
    params: LSTMParams, xs: Float[Array, "T N D"], state: LSTMState, mask: Bool[Array, "T N"] | None = None
) -> tuple[Float[Array, "T N H"], LSTMState]:
    zs = np.tensordot(xs, params.W_x, 1) + params.b  # (1), every step in one matmul (xs @ W_x makes T small ones)
    hs, caches = [], []
    for t, z in enumerate(zs):
        new, cache = _cell(params.W_h, z, state)
        h, state = (new.h, new) if mask is None else _masked(mask[t, :, None], new, state)  # (6)
        hs.append(h)
        caches.append(cache)
    return (np.stack(hs), state), (params, xs, caches, mask)


def lstm_backward(cache, d_outputs):
    params, xs, caches, mask = cache
    d_hs, d_state = d_outputs
    d_zs = np.empty((*xs.shape[:2], params.b.size), xs.dtype)
    for t in reversed(range(len(caches))):
        d_new = LSTMState(d_hs[t] + d_state.h, d_state.c)
        if mask is not None:
            d_new, d_old = _masked_backward(mask[t, :, None], d_new, d_state)  # through (6)
        d_zs[t], d_state = _cell_backward(params.W_h, caches[t], *d_new)
        if mask is not None:
            d_state = LSTMState(d_state.h + d_old.h, d_state.c + d_old.c)
    h_before = np.stack([state.h for state, *_ in caches])  # h_{t-1}
    d_params = LSTMParams(
        W_x=_rows(xs).T @ _rows(d_zs), W_h=_rows(h_before).T @ _rows(d_zs), b=np.sum(d_zs, axis=(0, 1))
    )  # through (1), every step in one matmul
    return d_params, np.tensordot(d_zs, params.W_x.T, 1), d_state, None


def _rows(steps):
    return steps.reshape(-1, steps.shape[-1])


@checked(T=1)
def lstm_classifier(params: LSTMClassifierParams, xs: Float[Array, "T N D"]) -> Float[Array, "N K"]:
    (hs, state), cache = lstm(params.lstm, xs, lstm_zero_state(params.lstm, xs.shape[1]))
    return state.h @ params.W_y + params.b_y, (params, hs, state, cache)  # (7)


def lstm_classifier_backward(cache, d_logits):
    params, hs, state, cache = cache
    d_W_y, d_b_y, d_h = state.h.T @ d_logits, np.sum(d_logits, axis=0), d_logits @ params.W_y.T  # through (7)
    d_outputs = np.zeros_like(hs), LSTMState(h=d_h, c=np.zeros_like(state.c))
    d_lstm, d_xs, _, _ = lstm_backward(cache, d_outputs)
    return LSTMClassifierParams(d_lstm, d_W_y, d_b_y), d_xs


@checked(T=1, N=1)
def lstm_classifier_loss(
    params: LSTMClassifierParams, xs: Float[Array, "T N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    logits, cache = lstm_classifier(params, xs)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (8)
    return loss, (cache, loss_cache)


def lstm_classifier_loss_backward(cache, d_loss):
    cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (8)
    return *lstm_classifier_backward(cache, d_logits), None
