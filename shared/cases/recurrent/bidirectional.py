"""Oracle: torch.nn.LSTM, GRU and RNN with bidirectional=True in float64, with a mask one sequence after the other on
its valid steps alone; two different cells by their own oracles and a turned sequence; Keras's Bidirectional on
TensorFlow as a second opinion."""

import numpy as np
import optree

from numpy_impl.recurrent.bidirectional import BidirectionalParams
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import _oracles, gru, lstm, rnn, stacked
from shared.cases.recurrent._oracles import some_mask
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 1, "H": 1}


def torch_bidirectional(params, xs, states, mask=None):
    import torch

    if mask is not None:
        return _oracles.by_sequence(torch_bidirectional, params, xs, states, mask)
    if type(params.forward) is type(params.backward):
        return _oracles.torch_network(params, xs, states, bidirectional=True)
    cells = [stacked.TORCH[type(cell).__name__] for cell in params]
    there, last = cells[0](params.forward, xs, states[0])
    back, first = cells[1](params.backward, xs.flip(0), states[1])
    return torch.cat([there, back.flip(0)], dim=2), (last, first)


def keras_bidirectional(params, xs, states):
    import keras

    options = {"return_sequences": True, "return_state": True, "dtype": "float64"}
    kind = type(params.forward).__name__
    layer, arranged = {
        "LSTMParams": (keras.layers.LSTM, list),
        "RNNParams": (keras.layers.SimpleRNN, list),
        "GRUParams": (keras.layers.GRU, gru_weights),
    }[kind]
    layer = keras.layers.Bidirectional(layer(len(params.forward.W_h), **options), dtype="float64")
    arrays = [x for cell in params for x in arranged(cell)]
    flat = optree.tree_leaves(states)
    hs, *lasts = _oracles.keras_layer(layer, arrays, xs, *flat)
    return hs, optree.tree_unflatten(optree.tree_structure(states), lasts)


def gru_weights(params):
    return [gru.swapped(params.W_x), gru.swapped(params.W_h), np.stack(gru.both_biases(params))]


def weights(draw, D, H, one, other):
    return BidirectionalParams(forward=one.weights(draw, D, H), backward=other.weights(draw, D, H))


def cases(draw, T=4, N=3, D=2, H=5):
    for kind, name in ((lstm, ""), (gru, "gru"), (rnn, "rnn")):
        params = weights(draw, D, H, kind, kind)
        args = (params, draw(T, N, D), stacked.initial(draw, params, N))
        second = {"keras": keras_bidirectional}
        yield Case("bidirectional", args, torch_bidirectional, tolerance=RUN, second=second, name=name)
    params = weights(draw, D, H, lstm, gru)
    args = (params, draw(T, N, D), stacked.initial(draw, params, N), some_mask(T, N))
    yield Case("bidirectional", args, torch_bidirectional, tolerance=RUN, name="of two kinds, unequal lengths")


def zero_state(module, params, n):
    """The state before the first step, of n sequences."""
    return module.bidirectional_zero_state(params, n)


def turned(module, params, xs, states):
    """The sequence turned round, with the cells changed over: the same outputs, turned round, halves changed over."""
    outputs = module.bidirectional(params, xs, states)
    ys, lasts = outputs[0] if isinstance(outputs[0], tuple) else outputs  # NumPy returns a cache as well
    return ys, lasts


def turned_back(params, xs, states):
    import torch

    args = optree.tree_map(torch.tensor, (BidirectionalParams(*params[::-1]), xs[::-1].copy(), states[::-1]))
    ys, (first, last) = torch_bidirectional(*args)
    H = ys.shape[2] // 2
    return torch.cat([ys[..., H:], ys[..., :H]], dim=2).flip(0), (last, first)


def nasty(draw):
    for name, (T, N, D, H), scale in (
        ("all sizes one", (1, 1, 1, 1), 1),
        ("one step", (1, 2, 3, 4), 1),
        ("fifty steps", (50, 2, 3, 4), 1),
        ("two hundred steps", (200, 1, 2, 3), 1),
        ("huge inputs", (4, 2, 3, 5), 1e4),
        ("no sequences", (4, 0, 3, 5), 1),
    ):
        params = weights(draw, D, H, gru, lstm)
        args = (params, scale * draw(T, N, D), stacked.initial(draw, params, N))
        yield Case("bidirectional", args, torch_bidirectional, tolerance=RUN, name=name)
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[:2, 2] = False, False  # nothing but padding; padding in front
    params = weights(draw, 3, 5, lstm, lstm)
    args = (params, draw(6, 3, 3), stacked.initial(draw, params, 3))
    padded = (*args, mask)
    yield Case("bidirectional", padded, torch_bidirectional, tolerance=RUN, name="a sequence of padding alone")
    spoilt = (params, _oracles.spoilt(mask, args[1]), args[2], mask)
    yield Case("bidirectional", spoilt, torch_bidirectional, tolerance=RUN, name="padding that is not a number")
    yield Case(turned, args, turned_back, grad=False, tolerance=RUN, name="round")
    yield Case(zero_state, (weights(draw, 3, 5, lstm, rnn), 4), stacked.zeros, grad=False, name="of four sequences")


def bad(draw):
    params = weights(draw, 3, 5, lstm, gru)
    states, xs = stacked.initial(draw, params, 2), draw(4, 2, 3)
    yield Bad("bidirectional_zero_state", (params, -1), r"n is -1, expected in \[0, inf\)")
    yield Bad("bidirectional", (params, xs[:0], states), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad("bidirectional", (params, draw(4, 2, 7), states), r"xs has shape \(4, 2, 7\), expected .* D = 3")
    yield Bad("bidirectional", (params, xs, states[:1]), "states is a tuple of 1, expected 2, forward and backward")
    yield Bad("bidirectional", (params, xs, (*states, states[1])), "states is a tuple of 3, expected 2")
    yield Bad("bidirectional", (params, xs, states[::-1]), "state")
    wrong = params._replace(backward=gru.weights(draw, 4, 5))
    yield Bad("bidirectional", (wrong, xs, states), r"params.backward.W_x has shape \(4, 15\), expected .* D = 3")
    wrong = params._replace(backward=gru.weights(draw, 3, 4))
    yield Bad("bidirectional", (wrong, xs, states), r"params.backward.W_h has shape \(4, 12\), .* H = 5")
    yield Bad(
        "bidirectional", (params._replace(forward=xs), xs, states), "params.forward is a .*, expected RNNParams or"
    )
    wrong = np.ones((2, 4), bool)
    yield Bad("bidirectional", (params, xs, states, wrong), r"mask has shape \(2, 4\), expected .* T = 4")


MUTANTS = [
    Mutant("xs_turned, mask_turned = xs[::-1]", "xs_turned, mask_turned = xs",
           "The sequence is not turned round: two cells that read the same way."),
    Mutant("np.concatenate([hs, hs_turned[::-1]], axis=-1)", "np.concatenate([hs, hs_turned], axis=-1)",
           "The backward outputs are not turned back: at the first input stands what belongs to the last."),
    Mutant("np.concatenate([hs, hs_turned[::-1]], axis=-1)", "np.concatenate([hs_turned[::-1], hs], axis=-1)",
           "Backward half first."),
    Mutant("np.concatenate([hs, hs_turned[::-1]], axis=-1)",
           "np.concatenate([hs, np.roll(hs_turned[::-1], 1, 0)], axis=-1)",
           "The backward half one step late: each output lacks its own input."),
    Mutant("np.concatenate([hs, hs_turned[::-1]], axis=-1)",
           "np.concatenate([hs, np.broadcast_to(hs_turned[-1], hs.shape)], axis=-1)",
           "The last backward output, which has seen everything, at every step."),
    Mutant("None if mask is None else mask[::-1]", "mask",
           "The mask is not turned round with its sequence: padding is read and inputs are not."),
    Mutant("xs_turned, mask_turned = xs[::-1]", "xs_turned, mask_turned = xs[:, ::-1]",
           "Turned round along the batch: every sequence is read with its neighbour's steps."),
    Mutant("stacked((params.backward,), xs_turned, states[1:], mask_turned)",
           "stacked((params.forward,), xs_turned, states[:1], mask_turned)", "One cell for both ways."),
    Mutant("states[1:], mask_turned)", "(last,), mask_turned)",
           "The backward cell starts from where the forward cell ended."),
    Mutant("return (ys, (last, last_turned)), Bi", "return (ys, (last_turned, last)), Bi",
           "Last states in the other order."),
    Mutant("d_ys[..., :H], d_ys[::-1, :, H:]", "d_ys[..., :H], d_ys[..., H:]",
           "The gradient of the backward half is not turned round."),
    Mutant("d_ys[..., :H], d_ys[::-1, :, H:]", "d_ys[..., H:], d_ys[::-1, :, :H]",
           "Each cell gets the gradient of the other one's outputs."),
    Mutant("from_forward + d_xs_turned[::-1]", "from_forward + d_xs_turned",
           "The inputs' gradient of the backward cell is not turned back."),
    Mutant("from_forward + d_xs_turned[::-1]", "from_forward",
           "Both cells read the inputs: their gradients add up."),
    Mutant("(*to_first, *to_second)", "(*to_second, *to_first)", "The states' gradients in the other order."),
    Mutant("from_forward + d_xs_turned[::-1]", "from_forward + d_xs_turned[:, ::-1]",
           "The inputs' gradient turned back along the batch in place of time: the wrong axis."),
]  # fmt: skip
