"""Bidirectional recurrent network: one cell reads the sequence from the front, another one from the back.

    h_t, s = cell(params.forward, x_t)          (1)   t = 1 ... T
    x̄_t    = x_{T+1-t}                          (2)   the sequence turned round, and its mask too
    h̄_t, s̄ = cell(params.backward, x̄_t)        (3)
    y_t    = [h_t, h̄_{T+1-t}]                   (4)   at every input what leads to it from both sides

Shapes: xs (T, N, D), time first; states, that of the forward and that of the backward cell; mask (T, N), True at the
    steps that count; outputs (T, N, 2H) and both last states.

Units: as in the cells, of which params.forward and params.backward are: rnn, gru or lstm.

Variant: outputs side by side, as in PyTorch and in Keras's merge_mode="concat"; the backward half stands at the time
    of its input, so at the end of a sequence it has seen one step only, and the last backward state belongs to the
    first input. A sequence that is padded behind its end is read backward from its last valid step on, since masked
    steps carry the state. Two such layers are one bidirectional after the other.

Raises: ValueError if there are not two states, or if sizes or dtypes disagree.

Reference: Schuster & Paliwal, IEEE Transactions on Signal Processing 45 (1997); Graves & Schmidhuber, Neural Networks
    18 (2005), with LSTM cells.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from numpy_impl.recurrent.stacked import Cell, State, stacked, stacked_backward, stacked_zero_state
from shared.support.shapes import checked


class BidirectionalParams(NamedTuple):
    forward: Cell
    backward: Cell


def bidirectional_zero_state(params: BidirectionalParams, n: int) -> tuple[State, ...]:
    return stacked_zero_state(tuple(params), n)


@checked(T=1)
def bidirectional(
    params: BidirectionalParams,
    xs: Float[Array, "T N D"],
    states: tuple[State, ...],
    mask: Bool[Array, "T N"] | None = None,
) -> tuple[Float[Array, "T N 2*H"], tuple[State, ...]]:
    if len(states) != 2:
        raise ValueError(f"bidirectional: states is a tuple of {len(states)}, expected 2, forward and backward")
    (hs, (last,)), cache = stacked((params.forward,), xs, states[:1], mask)  # (1)
    xs_turned, mask_turned = xs[::-1], None if mask is None else mask[::-1]  # (2)
    (hs_turned, (last_turned,)), cache_turned = stacked((params.backward,), xs_turned, states[1:], mask_turned)  # (3)
    ys = np.concatenate([hs, hs_turned[::-1]], axis=-1)  # (4)
    return (ys, (last, last_turned)), (hs.shape[-1], cache, cache_turned)


def bidirectional_backward(cache, d_outputs):
    H, cache, cache_turned = cache
    d_ys, (d_last, d_last_turned) = d_outputs
    d_hs, d_hs_turned = d_ys[..., :H], d_ys[::-1, :, H:]  # through (4)
    d_turned = stacked_backward(cache_turned, (d_hs_turned, (d_last_turned,)))  # through (3)
    d_there = stacked_backward(cache, (d_hs, (d_last,)))  # through (1)
    d_params, d_states = BidirectionalParams(*d_there[0], *d_turned[0]), (*d_there[2], *d_turned[2])
    d_xs = d_there[1] + d_turned[1][::-1]  # through (2)
    return d_params, d_xs, d_states, None
