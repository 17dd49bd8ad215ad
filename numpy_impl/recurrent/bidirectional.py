"""Bidirectional recurrent network: one cell reads the sequence from the front, another one from the back.

Idea: What a step means often depends on what follows it. So at every step the output holds what two cells know: one
    that has read everything before it, and one that has read everything after it.

    hs, last = cell(params.forward, xs, states_1)                        (1)
    xs_turned_t = xs_{T+1-t}                                             (2)   turned round in time, as the mask is
    hs_turned, last_turned = cell(params.backward, xs_turned, states_2)  (3)
    ys_t = [hs_t, hs_turned_{T+1-t}]                                     (4)

Gradients:
    d_hs_t, d_hs_turned_{T+1-t} = the first and the last H of d_ys_t    through (4)
    d_backward, d_xs_turned = cell_backward(d_hs_turned, d_last_turned)               through (3)
    d_xs_t = d_xs_turned_{T+1-t} + what cell_backward(d_hs, d_last) gives to xs_t     through (1) (2)
    d_forward = what cell_backward(d_hs, d_last) gives to params.forward              through (1)
    d_states = what the two calls of cell_backward give to states_1 and to states_2   through (1) (3)

Shapes: xs (T, N, D), time first; states, that of the forward and that of the backward cell; mask (T, N), True at the
    steps that count; outputs ys (T, N, 2H) and both last states.

Units: as in the cells, of which params.forward and params.backward are: rnn, gru or lstm.

Variant: the outputs stand side by side. The backward half stands at the time of its input, so at the end of a
    sequence it has seen one step only, and the last backward state belongs to the first input. A sequence that is
    padded behind its end is read backward from its last valid step on, since masked steps carry the state.

Differs:
    torch.nn.RNN, GRU, LSTM: bidirectional=True; the same outputs; states are stacked, forward before backward.
    Keras: Bidirectional(layer), with merge_mode="concat" by default; it can sum or average the halves instead.

Relation: two such layers are one bidirectional after the other. In recurrent/seq2seq one is the encoder.

Raises: ValueError if there are not two states, or if sizes or dtypes disagree.

Reference: Schuster & Paliwal, IEEE Transactions on Signal Processing 45 (1997); Graves & Schmidhuber, Neural Networks
    18 (2005), with LSTM cells.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from numpy_impl.recurrent.stacked import Cell, StackedCache, State, stacked, stacked_backward, stacked_zero_state
from shared.support.shapes import Count, checked


class BidirectionalParams(NamedTuple):
    forward: Cell
    backward: Cell


class BidirectionalCache(NamedTuple):
    width: int  # H of the forward cell
    forward_cache: StackedCache
    turned_cache: StackedCache


@checked
def bidirectional_zero_state(params: BidirectionalParams, n: Count) -> tuple[State, ...]:
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
    (hs, (last,)), forward_cache = stacked((params.forward,), xs, states[:1], mask)  # (1)
    xs_turned, mask_turned = xs[::-1], None if mask is None else mask[::-1]  # (2)
    (hs_turned, (last_turned,)), turned_cache = stacked((params.backward,), xs_turned, states[1:], mask_turned)  # (3)
    ys = np.concatenate([hs, hs_turned[::-1]], axis=-1)  # (4)
    return (ys, (last, last_turned)), BidirectionalCache(hs.shape[-1], forward_cache, turned_cache)


def bidirectional_backward(cache, d_outputs):
    H, forward_cache, turned_cache = cache
    d_ys, (d_last, d_last_turned) = d_outputs
    d_hs, d_hs_turned = d_ys[..., :H], d_ys[::-1, :, H:]  # through (4)
    d_outputs_turned = d_hs_turned, (d_last_turned,)
    (d_backward,), d_xs_turned, to_second, *_ = stacked_backward(turned_cache, d_outputs_turned)  # through (3)
    (d_forward,), from_forward, to_first, *_ = stacked_backward(forward_cache, (d_hs, (d_last,)))  # through (1)
    d_xs = from_forward + d_xs_turned[::-1]  # through (1) (2)
    return BidirectionalParams(d_forward, d_backward), d_xs, (*to_first, *to_second), None  # through (1) (3)
