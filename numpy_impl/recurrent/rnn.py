"""Recurrent neural network of Elman (RNN), with tanh.

    z_t = x_t W_x + h_{t-1} W_h + b             (1)
    h_t = tanh(z_t)                             (2)   state and output
    h_t = h_{t-1}, and the output is 0          (3)   at the steps where a mask is False

Shapes: xs (T, N, D), time first; state h (N, H); W_x (D, H), W_h (H, H), b (H,); mask (T, N), True at the steps that
    count; outputs hs (T, N, H) and the last state.

Units: h lies between -1 and 1.

Variant: tanh (torch.nn.RNN and Keras's SimpleRNN have it as the default, too), one bias (PyTorch's two are added up;
    ONNX stores both). A masked step changes nothing and passes no gradient to xs or the weights: as with PyTorch's
    packed sequences and Keras's zero_output_for_mask (Keras without it repeats the last output). rnn_init draws
    Glorot-uniform weights and zero biases (PyTorch: everything from U(-1/√H, 1/√H); Keras: W_h orthogonal).

Raises: ValueError if sizes or dtypes disagree, or if the sequences are empty (T = 0; N = 0 is fine).

Reference: Elman, Cognitive Science 14 (1990).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import tanh
from numpy_impl.initializers import glorot_uniform
from shared.support.shapes import checked


class RNNParams(NamedTuple):
    W_x: Float[Array, "D H"]
    W_h: Float[Array, "H H"]
    b: Float[Array, "H"]


def rnn_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32") -> RNNParams:
    return RNNParams(
        W_x=glorot_uniform(rng, (n_inputs, n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, n_hidden), dtype=dtype),
        b=np.zeros(n_hidden, dtype),
    )


def rnn_zero_state(params: RNNParams, n: int) -> Float[Array, "N H"]:
    return np.zeros((n, params.W_h.shape[0]), params.W_h.dtype)


@checked(T=1)
def rnn(
    params: RNNParams, xs: Float[Array, "T N D"], state: Float[Array, "N H"], mask: Bool[Array, "T N"] | None = None
) -> tuple[Float[Array, "T N H"], Float[Array, "N H"]]:
    zs = np.tensordot(xs, params.W_x, 1) + params.b  # (1), every step in one matmul (xs @ W_x makes T small ones)
    states = [state]
    for t, z in enumerate(zs):
        z += state @ params.W_h  # (1)
        h = tanh(z)  # (2)
        state = h if mask is None else np.where(mask[t, :, None], h, state)  # (3)
        states.append(state)
    states = np.stack(states)
    hs = states[1:] if mask is None else np.where(mask[..., None], states[1:], 0)  # (3)
    return (hs, state), (params, xs, states, mask)


def rnn_backward(cache, d_outputs):
    params, xs, states, mask = cache
    d_hs, d_state = d_outputs
    slopes = 1 - states[1:] * states[1:]
    if mask is not None:
        d_hs = np.where(mask[..., None], d_hs, 0)
        slopes = np.where(mask[..., None], slopes, 0)
    d_zs = np.empty_like(slopes)
    for t in reversed(range(len(d_zs))):
        d_h = d_hs[t] + d_state
        d_zs[t] = d_h * slopes[t]  # through (2)
        d_state = d_zs[t] @ params.W_h.T  # through (1)
        if mask is not None:
            d_state += np.where(mask[t, :, None], 0, d_h)  # through (3)
    d_params = RNNParams(
        W_x=_rows(xs).T @ _rows(d_zs), W_h=_rows(states[:-1]).T @ _rows(d_zs), b=np.sum(d_zs, axis=(0, 1))
    )  # through (1), every step in one matmul
    return d_params, np.tensordot(d_zs, params.W_x.T, 1), d_state, None


def _rows(steps):
    return steps.reshape(-1, steps.shape[-1])
