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

import torch
from torch import Tensor as Array
from jaxtyping import Bool, Float
from numpy.random import Generator

from shared.support.shapes import checked
from torch_impl.activations import tanh
from torch_impl.initializers import glorot_uniform


class RNNParams(NamedTuple):
    W_x: Float[Array, "D H"]
    W_h: Float[Array, "H H"]
    b: Float[Array, "H"]


def rnn_init(rng: Generator, n_inputs: int, n_hidden: int, *, dtype: str = "float32") -> RNNParams:
    return RNNParams(
        W_x=glorot_uniform(rng, (n_inputs, n_hidden), dtype=dtype),
        W_h=glorot_uniform(rng, (n_hidden, n_hidden), dtype=dtype),
        b=torch.zeros(n_hidden, dtype=getattr(torch, dtype)),
    )


def rnn_zero_state(params: RNNParams, n: int) -> Float[Array, "N H"]:
    return params.W_h.new_zeros((n, params.W_h.shape[0]))


@checked(T=1)
def rnn(
    params: RNNParams, xs: Float[Array, "T N D"], state: Float[Array, "N H"], mask: Bool[Array, "T N"] | None = None
) -> tuple[Float[Array, "T N H"], Float[Array, "N H"]]:
    zs = xs @ params.W_x + params.b  # (1), every step in one matmul
    states = []
    for t, z in enumerate(zs.unbind()):
        z = torch.addmm(z, state, params.W_h)  # (1)
        h = tanh(z)  # (2)
        state = h if mask is None else torch.where(mask[t, :, None], h, state)  # (3)
        states.append(state)
    hs = torch.stack(states)
    hs = hs if mask is None else torch.where(mask[..., None], hs, 0)  # (3)
    return hs, state
