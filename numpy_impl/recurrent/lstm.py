"""Long short-term memory (LSTM).

Idea: A cell state c runs beside the output h; gates decide what is erased from it, written to it and shown of it.
    From step to step c is only multiplied by the forget gate and added to, so where this gate is open, a gradient
    passes hundreds of steps and neither vanishes nor explodes.

    x_t = m_t ⊙ xs_t                            (1)   m_t is 1 where the step counts, 0 where the mask is False
    z = x_t W_x + state.h W_h + b               (1)   blocks i | f | g | o, each (N, H); state is state_{t-1}
    i, f, o = σ(z_i), σ(z_f), σ(z_o)            (2)   input, forget and output gate
    g = tanh(z_g)                               (3)   candidate
    c = f ⊙ state.c + i ⊙ g                     (4)   cell state
    h = o ⊙ tanh(c)                             (5)
    state_t = m_t ⊙ (h, c) + (1 - m_t) ⊙ state_{t-1}    (6)
    hs_t = m_t ⊙ state_t.h                      (6)

Gradients:
    d_h = m_t ⊙ (d_hs_t + back_t.h)                      through (6)   back_t: what later steps give to state_t
    d_c = d_h ⊙ o ⊙ (1 - tanh² c) + m_t ⊙ back_t.c       through (5) (6)
    d_o = d_h ⊙ tanh(c)                                  through (5)
    d_i, d_f, d_g = d_c ⊙ g, d_c ⊙ state.c, d_c ⊙ i      through (4)
    d_z = [d_i ⊙ i ⊙ (1 - i), d_f ⊙ f ⊙ (1 - f), d_g ⊙ (1 - g²), d_o ⊙ o ⊙ (1 - o)]   through (2) (3)
    d_state = back_0, where back_{t-1} = (d_z W_hᵀ, f ⊙ d_c) + (1 - m_t) ⊙ back_t     through (1) (4) (6)
    d_W_x = Σ_t x_tᵀ d_z_t                               through (1)
    d_W_h = Σ_t state_{t-1}.hᵀ d_z_t                     through (1)
    d_b = Σ_t Σ_n d_z_tn                                 through (1)
    d_xs_t = d_z_t W_xᵀ                                  through (1)

Shapes: xs (T, N, D), time first; state.h and state.c (N, H); W_x (D, 4H), W_h (H, 4H), b (4H,); mask (T, N), True at
    the steps that count; outputs hs (T, N, H) and the last state.

Units: h lies between -1 and 1; c is not bounded.

Variant: a forget gate, no peepholes, gate blocks in the order i, f, g, o, one bias. A masked step is not read,
    whatever it holds, NaN and ∞ as well: it changes nothing, gives the output 0, and passes no gradient to xs or the
    weights. lstm_init draws Glorot-uniform weights and sets the forget gate's bias to 1, so that at first nothing is
    forgotten; the other biases are 0.

Differs:
    torch.nn.LSTM: the same gate order; transposed weights, and two biases, which add up to b; everything is drawn
        from U(-1/√H, 1/√H), the forget bias too. Packed sequences are its masks.
    Keras: the same gate order and one bias, and the same forget bias; W_h is drawn orthogonal. A masked step repeats
        the output before it, unless zero_output_for_mask=True.
    ONNX: gates in the order i, o, f, c, where c is g; transposed weights, two biases; peepholes P are optional.
    Hochreiter & Schmidhuber 1997: no forget gate, f = 1.

Relation: a GRU has one gate for keeping and writing, and no state apart from its output. An RNN has no gates.

Raises: ValueError if sizes or dtypes disagree, or if the sequences are empty (T = 0; N = 0 is fine).

Reference: Hochreiter & Schmidhuber, Neural Computation 9 (1997); Gers, Schmidhuber & Cummins, Neural Computation 12
    (2000), for the forget gate; Zaremba, Sutskever & Vinyals 2014, arXiv:1409.2329, for this form; Jozefowicz,
    Zaremba & Sutskever, ICML 2015, for the forget bias.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, tanh
from numpy_impl.initializers import glorot_uniform
from numpy_impl.recurrent._steps import masked_state, masked_state_backward, only_valid, outer_sum, row_sum
from shared.support.shapes import Count, Dtype, checked


class LSTMParams(NamedTuple):
    W_x: Float[Array, "D 4*H"]
    W_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"]


class LSTMState(NamedTuple):
    h: Float[Array, "N H"]
    c: Float[Array, "N H"]


class LSTMCache(NamedTuple):
    state: LSTMState
    i: Array
    f: Array
    g: Array
    o: Array
    tanh_c: Array


class LSTMStepsCache(NamedTuple):
    params: LSTMParams
    x: Array
    mask: Array | None
    cells: list[LSTMCache]


@checked
def lstm_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: Dtype = "float32") -> LSTMParams:
    zeros, ones = np.zeros(n_hidden, dtype), np.ones(n_hidden, dtype)
    return LSTMParams(
        W_x=glorot_uniform(rng, (n_inputs, 4 * n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, 4 * n_hidden), dtype=dtype),
        b=np.concatenate([zeros, ones, zeros, zeros]),
    )


@checked
def lstm_zero_state(params: LSTMParams, n: Count) -> LSTMState:
    shape = n, params.W_h.shape[0]
    return LSTMState(np.zeros(shape, params.W_h.dtype), np.zeros(shape, params.W_h.dtype))


def _cell(W_h, z_x, state):
    z = z_x + state.h @ W_h  # (1)
    i, f, g, o = np.split(z, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)  # (2) (3)
    c = f * state.c + i * g  # (4)
    tanh_c = tanh(c)  # (5)
    h = o * tanh_c  # (5)
    return LSTMState(h, c), LSTMCache(state, i, f, g, o, tanh_c)


def _cell_backward(W_h, cache, d_h, later):
    """Gradients of z and of the state before. later: the gradient that c gets from the steps after this one."""
    state, i, f, g, o, tanh_c = cache
    d_o = d_h * tanh_c  # through (5)
    d_c = d_h * o * (1 - tanh_c * tanh_c) + later  # through (5)
    d_i, d_f, d_g = d_c * g, d_c * state.c, d_c * i  # through (4)
    d_z = np.concatenate(
        [d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o)], axis=-1
    )  # through (2) (3)
    return d_z, LSTMState(d_z @ W_h.T, d_c * f)  # through (1) (4)


@checked(T=1)
def lstm(
    params: LSTMParams, xs: Float[Array, "T N D"], state: LSTMState, mask: Bool[Array, "T N"] | None = None
) -> tuple[Float[Array, "T N H"], LSTMState]:
    x = only_valid(mask, xs)  # (1)
    zs = np.tensordot(x, params.W_x, 1) + params.b  # (1), all steps in one matmul
    hs, caches = [], []
    for t, z_x in enumerate(zs):
        (h, c), cache = _cell(params.W_h, z_x, state)
        state = LSTMState(masked_state(mask, t, h, state.h), masked_state(mask, t, c, state.c))  # (6)
        hs.append(state.h)
        caches.append(cache)
    hs = only_valid(mask, np.stack(hs))  # (6)
    return (hs, state), LSTMStepsCache(params, x, mask, caches)


def lstm_backward(cache, d_outputs):
    params, x, mask, cells = cache
    d_hs, back = d_outputs  # back: what the steps after t give back to the state
    from_outputs = only_valid(mask, d_hs)  # through (6)
    d_zs = np.empty((*x.shape[:2], params.b.size), x.dtype)
    for t in reversed(range(len(cells))):
        d_h, past_h = masked_state_backward(mask, t, from_outputs[t] + back.h)  # through (6)
        later, past_c = masked_state_backward(mask, t, back.c)  # through (6)
        d_zs[t], back = _cell_backward(params.W_h, cells[t], d_h, later)  # through (1) (2) (3) (4) (5)
        back = LSTMState(back.h + past_h, back.c + past_c)  # through (6)
    d_W_x, d_b = outer_sum(x, d_zs), row_sum(d_zs)  # through (1), all steps in one matmul
    d_W_h = outer_sum(np.stack([cell.state.h for cell in cells]), d_zs)  # through (1)
    return LSTMParams(d_W_x, d_W_h, d_b), np.tensordot(d_zs, params.W_x.T, 1), back, None  # through (1)
