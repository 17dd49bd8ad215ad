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

# A port of recurrent/lstm. Check it with: triptych check recurrent/lstm --impl THIS_FILE
# Every `raise NotImplementedError` gives way to code; the comments above it name the lines that
# compute an equation. Keep their names, and the numbers at their ends: so the check can tell in which
# equation, step and element a port goes wrong.
# Gradients are taken by the library where Triptych knows how (JAX, MLX, PyTorch, TensorFlow);
# elsewhere write f_backward beside f, as the NumPy column has it: f(...) -> (outputs, cache) and
# f_backward(cache, d_outputs) -> d_args.
# The columns import from their siblings: activations.sigmoid, activations.tanh, initializers.glorot_uniform.

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.lax import scan
from jax.nn import sigmoid
from numpy.random import Generator


class LSTMParams(NamedTuple):
    W_x: Array  # (D, 4*H)
    W_h: Array  # (H, 4*H)
    b: Array  # (4*H,)


class LSTMState(NamedTuple):
    h: Array  # (N, H)
    c: Array  # (N, H)


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


def _cell(W_h, z_x, state):
    z = z_x + state.h @ W_h  # (1)
    i, f, g, o = jnp.split(z, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)  # (2) (3)
    c = f * state.c + i * g  # (4)
    tanh_c = jnp.tanh(c)  # (5)
    h = o * tanh_c  # (5)
    return LSTMState(h, c)


def _masked(valid, new, old):
    h, c = jnp.where(valid, new.h, old.h), jnp.where(valid, new.c, old.c)
    return jnp.where(valid, h, 0), LSTMState(h, c)


def lstm(params: LSTMParams, xs: Array, state: LSTMState, mask: Array | None = None) -> tuple[Array, LSTMState]:
    # xs (T, N, D), mask (T, N), returns (T, N, H)
    x = xs if mask is None else jnp.where(mask[..., None], xs, 0)  # (1)
    zs = x @ params.W_x + params.b  # (1)

    def step(state, inputs):
        z, valid = inputs
        new = _cell(params.W_h, z, state)
        h, state = _masked(valid, new, state)  # (6)
        return state, h

    mask = jnp.ones(xs.shape[:2], bool) if mask is None else mask
    state, hs = scan(step, state, (zs, mask[..., None]))
    return hs, state
