"""Recurrent neural network of Elman (RNN), with tanh or relu.

Idea: One set of weights reads a sequence step by step, and a state carries what was read so far. So the network takes
    sequences of any length, where a dense layer needs a weight for every place.

    x_t = m_t ⊙ xs_t                            (1)   m_t is 1 where the step counts, 0 where the mask is False
    z = x_t W_x + state W_h + b                 (1)   state is state_{t-1}
    h = tanh(z)                                 (2)
    h = max(z, 0)                               (2)   with activation="relu"
    state_t = m_t ⊙ h + (1 - m_t) ⊙ state_{t-1} (3)
    hs_t = m_t ⊙ state_t                        (3)

Gradients:
    d_state_t = m_t ⊙ d_hs_t + d_z_{t+1} W_hᵀ + (1 - m_{t+1}) ⊙ d_state_{t+1}   through (1) (3)
    d_h = m_t ⊙ d_state_t                       through (3)
    d_z = d_h ⊙ (1 - h²)                        through (2)
    d_z = d_h ⊙ [h > 0]                         through (2)   with activation="relu"
    d_W_x = Σ_t x_tᵀ d_z_t                      through (1)
    d_W_h = Σ_t state_{t-1}ᵀ d_z_t              through (1)
    d_b = Σ_t Σ_n d_z_tn                        through (1)
    d_xs_t = d_z_t W_xᵀ                         through (1)

Shapes: xs (T, N, D), time first; state (N, H); W_x (D, H), W_h (H, H), b (H,); mask (T, N), True at the steps that
    count; outputs hs (T, N, H) and the last state.

Units: h lies between -1 and 1; with relu it is not negative, and not bounded.

Variant: tanh, if not given, and one bias. A masked step is not read, whatever it holds, NaN and ∞ as well: it
    changes nothing, gives the output 0, and passes no gradient to xs or the weights. rnn_init draws Glorot-uniform
    weights and zero biases.

Differs:
    torch.nn.RNN: transposed weights, and two biases, which add up to b; activation is its nonlinearity; everything is
        drawn from U(-1/√H, 1/√H). Packed sequences are its masks.
    Keras: SimpleRNN has the same weights; it draws W_h orthogonal. A masked step repeats the output before it, unless
        zero_output_for_mask=True.
    ONNX: transposed weights; B holds two biases, which add up to b.

Relation: an LSTM and a GRU are this network with gates, which let a gradient pass many steps unchanged; here each one
    multiplies it by W_hᵀ and by a slope below 1.

Raises: ValueError if sizes or dtypes disagree, if the sequences are empty (T = 0; N = 0 is fine), or if the
    activation is neither of the two.

Reference: Elman, Cognitive Science 14 (1990).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import relu, tanh
from numpy_impl.initializers import glorot_uniform
from numpy_impl.recurrent._steps import masked_state, masked_state_backward, only_valid, outer_sum, row_sum
from shared.support.shapes import Count, Dtype, checked


class RNNParams(NamedTuple):
    W_x: Float[Array, "D H"]
    W_h: Float[Array, "H H"]
    b: Float[Array, "H"]


class RNNCache(NamedTuple):
    params: RNNParams
    x: Array
    mask: Array | None
    befores: list[Array]  # state_{t-1} of every step
    all_h: list[Array]
    activation: str


@checked
def rnn_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: Dtype = "float32") -> RNNParams:
    return RNNParams(
        W_x=glorot_uniform(rng, (n_inputs, n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, n_hidden), dtype=dtype),
        b=np.zeros(n_hidden, dtype),
    )


@checked
def rnn_zero_state(params: RNNParams, n: Count) -> Float[Array, "N H"]:
    return np.zeros((n, params.W_h.shape[0]), params.W_h.dtype)


@checked(T=1)
def rnn(
    params: RNNParams,
    xs: Float[Array, "T N D"],
    state: Float[Array, "N H"],
    mask: Bool[Array, "T N"] | None = None,
    *,
    activation: str = "tanh",
) -> tuple[Float[Array, "T N H"], Float[Array, "N H"]]:
    if activation not in ("tanh", "relu"):
        raise ValueError(f"rnn: activation is {activation!r}, expected 'tanh' or 'relu'")
    x = only_valid(mask, xs)  # (1)
    zs = np.tensordot(x, params.W_x, 1) + params.b  # (1), all steps in one matmul
    states, befores, all_h = [], [], []
    for t, z_x in enumerate(zs):
        z = z_x + state @ params.W_h  # (1)
        h = tanh(z) if activation == "tanh" else relu(z)  # (2)
        befores.append(state)
        state = masked_state(mask, t, h, state)  # (3)
        states.append(state)
        all_h.append(h.copy())  # the last one is a result as well
    hs = only_valid(mask, np.stack(states))  # (3)
    return (hs, state), RNNCache(params, x, mask, befores, all_h, activation)


def rnn_backward(cache, d_outputs):
    params, x, mask, befores, all_h, activation = cache
    d_hs, carried = d_outputs  # carried: what the steps after t give back to the state
    from_outputs = only_valid(mask, d_hs)  # through (3)
    d_zs = np.empty_like(d_hs)
    for t in reversed(range(len(all_h))):
        d_state = from_outputs[t] + carried  # through (3)
        d_h, past = masked_state_backward(mask, t, d_state)  # through (3)
        slope = 1 - all_h[t] * all_h[t] if activation == "tanh" else all_h[t] > 0  # through (2)
        d_z = d_h * slope  # through (2)
        carried = d_z @ params.W_h.T + past  # through (1) (3)
        d_zs[t] = d_z
    d_W_x, d_b = outer_sum(x, d_zs), row_sum(d_zs)  # through (1), all steps in one matmul
    d_W_h = outer_sum(np.stack(befores), d_zs)  # through (1)
    return RNNParams(d_W_x, d_W_h, d_b), np.tensordot(d_zs, params.W_x.T, 1), carried, None  # through (1)
