"""Oracle: torch.nn.LSTM, GRU and RNN of several layers in float64; layers of different kinds, masks and dropout by
the cells' own oracles one above the other; Keras on TensorFlow and ONNX's reference evaluator as second opinions."""

import numpy as np

from numpy_impl.recurrent.lstm import LSTMState
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import _oracles, gru, lstm, rnn
from shared.cases.recurrent._oracles import some_mask
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 1, "H": 1}
TORCH = {"RNNParams": rnn.torch_rnn, "GRUParams": gru.torch_gru, "LSTMParams": lstm.torch_lstm}
KERAS = {"RNNParams": rnn.keras_rnn, "GRUParams": gru.keras_gru, "LSTMParams": lstm.keras_lstm}
ONNX = {"RNNParams": rnn.onnx_rnn, "GRUParams": gru.onnx_gru, "LSTMParams": lstm.onnx_lstm}


def torch_stacked(params, xs, states):
    return _oracles.torch_network(params, xs, states)


def one_above_the_other(cells, params, xs, states, mask=None, drops=None, *, p=0.5):
    hs, lasts = xs, []
    for i, (layer, state) in enumerate(zip(params, states, strict=True)):
        if drops is not None and i > 0:
            hs = hs * drops[i - 1] / (1 - p) if p < 1 else 0 * hs
        masked = () if mask is None else (mask,)
        hs, last = cells[type(layer).__name__](layer, hs, state, *masked)
        lasts.append(last)
    return hs, tuple(lasts)


def torch_cells(*args, **static):
    return one_above_the_other(TORCH, *args, **static)


def keras_cells(*args):
    return one_above_the_other(KERAS, *args)


def onnx_cells(*args):
    return one_above_the_other(ONNX, *args)


def weights(draw, D, *layers):
    """layers: (kind, H), from the bottom up."""
    made = []
    for kind, H in layers:
        made.append(kind.weights(draw, D, H))
        D = H
    return tuple(made)


def initial(draw, params, N):
    states = []
    for layer in params:
        h = draw(N, len(layer.W_h))
        states.append(LSTMState(h, draw(*h.shape)) if is_lstm(layer) else h)
    return tuple(states)


def is_lstm(layer):
    return type(layer).__name__ == "LSTMParams"


def cases(draw, T=4, N=3, D=2, H=5):
    second = {"keras": keras_cells, "onnx": onnx_cells}
    for kinds, name in (((lstm, lstm), ""), ((gru, gru, gru), "gru"), ((rnn, rnn), "rnn")):
        params = weights(draw, D, *((kind, H) for kind in kinds))
        args = (params, draw(T, N, D), initial(draw, params, N))
        yield Case("stacked", args, torch_stacked, tolerance=RUN, second=second, name=name)
    params = weights(draw, D, (rnn, H), (lstm, H + 1), (gru, H + 2))
    drops = draw.uniform(T, N, H) < 0.7, draw.uniform(T, N, H + 1) < 0.7
    args = (params, draw(T, N, D), initial(draw, params, N), some_mask(T, N), drops)
    yield Case("stacked", args, torch_cells, {"p": 0.3}, tolerance=RUN, name="of all kinds, with mask and dropout")


def split(module, *args):
    """The sequence in two calls, the second from the state that the first has left: outputs and last state."""
    return _oracles.split(module, "stacked", *args)


def whole(params, xs, states):
    import torch
    import optree

    hs, last = torch_stacked(*optree.tree_map(torch.tensor, (params, xs, states)))
    return [hs[:3], hs[3:]], last


def zero_state(module, params, n):
    """The state before the first step, of n sequences."""
    return module.stacked_zero_state(params, n)


def zeros(params, n):
    h = lambda layer: np.zeros((n, len(layer.W_h)))
    return tuple(LSTMState(h(layer), h(layer)) if is_lstm(layer) else h(layer) for layer in params)


def nasty(draw):
    for name, (T, N, D, H), scale in (
        ("all sizes one", (1, 1, 1, 1), 1),
        ("fifty steps", (50, 2, 3, 4), 1),
        ("two hundred steps", (200, 1, 2, 3), 1),
        ("huge inputs", (4, 2, 3, 5), 1e4),
        ("no sequences", (4, 0, 3, 5), 1),
    ):
        params = weights(draw, D, (gru, H), (lstm, H), (rnn, H))
        args = (params, scale * draw(T, N, D), initial(draw, params, N))
        yield Case("stacked", args, torch_cells, tolerance=RUN, name=name)
    params = weights(draw, 3, (lstm, 5), (gru, 4))
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[:2, 2] = False, False  # nothing but padding; padding in front
    args = (params, draw(6, 3, 3), initial(draw, params, 3))
    yield Case("stacked", (*args, mask), torch_cells, tolerance=RUN, name="a sequence of padding alone")
    spoilt = (params, _oracles.spoilt(mask, args[1]), args[2], mask)
    yield Case("stacked", spoilt, torch_cells, tolerance=RUN, name="padding that is not a number")
    drops = (draw.uniform(6, 3, 5) < 0.5,)
    for p in (0.0, 1.0):
        kept = (np.full((6, 3, 5), p == 0),)
        yield Case("stacked", (*args, None, kept), torch_cells, {"p": p}, tolerance=RUN, name=f"p = {p:.0f}")
    yield Case("stacked", (*args, None, drops), torch_cells, tolerance=RUN, name="dropout without a mask")
    one = (params[:1], args[1], args[2][:1])
    yield Case("stacked", one, torch_cells, tolerance=RUN, name="one layer")
    yield Case("stacked", (*one, None, ()), torch_cells, tolerance=RUN, name="one layer, no masks between")
    same = weights(draw, 3, (lstm, 5), (lstm, 5))
    args = (same, draw(7, 2, 3), initial(draw, same, 2))
    yield Case(split, args, whole, grad=False, tolerance=RUN, name="in two parts")
    params = weights(draw, 3, (rnn, 5), (lstm, 4), (gru, 3))
    yield Case(zero_state, (params, 4), zeros, grad=False, name="of four sequences")


def bad(draw):
    params = weights(draw, 3, (rnn, 5), (lstm, 4))
    states, xs = initial(draw, params, 2), draw(4, 2, 3)
    yield Bad("stacked_zero_state", (params, -1), r"n is -1, expected in \[0, inf\)")
    yield Bad("stacked", (params, xs[:0], states), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad("stacked", ((), xs, ()), "params is tuple of length 0, expected a tuple of at least one")
    yield Bad("stacked", (params, xs, states[:1]), "states is a tuple of 1, expected 2, one for each layer")
    yield Bad("stacked", (params[::-1], xs, states[::-1]), r"params\[1\].W_x has shape \(3, 5\), expected 4 rows")
    yield Bad("stacked", (params, draw(4, 2, 7), states), r"xs has shape .* D = 3, as in params\[0\].W_x")
    wrong = (params[0], lstm.weights(draw, 4, 4))
    yield Bad("stacked", (wrong, xs, states), r"params\[1\].W_x .*, expected 5 rows, as params\[0\] gives")
    yield Bad("stacked", (params, xs, states[::-1]), "state")
    yield Bad(
        "stacked", ((params[0], (1, 2)), xs, states), r"params\[1\] is a tuple, expected RNNParams or GRUParams"
    )
    broken = params[0]._replace(b=draw(6))
    yield Bad("stacked", ((broken, params[1]), xs, states), r"params\[0\].b has shape \(6,\), expected .* H = 5")
    yield Bad("stacked", (params, xs, states, np.ones((2, 4), bool)), r"mask has shape \(2, 4\), expected .* T = 4")
    drops = np.ones((4, 2, 5), bool)
    yield Bad("stacked", (params, xs, states, None, (drops, drops)), "drops is a tuple of 2, expected 1, one between")
    yield Bad("stacked", (params, xs, states, None, (drops[..., 1:],)), r"drops\[0\] .* expected \(4, 2, 5\)")
    yield Bad("stacked", (params, xs, states, None, (drops,)), r"p is 1.5, expected .*\[0, 1\]", {"p": 1.5})


MUTANTS = [
    Mutant("drop_caches = xs, None", "drop_caches = 0 * xs, None",
           "The first layer does not see the inputs."),
    Mutant("(hs, last), cache = cell(layer, x, state, mask)", "(hs, last), cache = cell(layer, x, states[0], mask)",
           "Every layer starts from the first one's state."),
    Mutant("(hs, last), cache = cell(layer, x, state, mask)", "(hs, last), cache = cell(layer, x, state)",
           "The mask is lost on the way: every layer reads the padding."),
    Mutant("(hs, last), cache = cell(layer, x, state, mask)",
           "(hs, last), cache = cell(layer, x, state, mask if l == 0 else None)",
           "Only the first layer knows of the mask: to the others its zero outputs are an input like any."),
    Mutant("        lasts.append(last)", "        lasts.insert(0, last)", "Last states from the top down."),
    Mutant("return (hs, tuple(lasts)), S", "return (hs, (lasts[-1],) * len(lasts)), S",
           "The last state of the top layer for all: an encoder then starts every layer of its decoder from it."),
    Mutant("(hs, None) if drops is None else", "(hs, None) if drops is None or l == 1 else",
           "No dropout between the first two layers: it was meant to be left out before the first one."),
    Mutant("dropout(hs, drops[l - 1], p=p)", "dropout(hs, drops[l - 1], p=0.0)",
           "Dropout without the scale 1 / (1 - p): in evaluation the next layer's inputs are larger than before."),
    Mutant("dropout(hs, drops[l - 1], p=p)", "dropout(hs, ~drops[l - 1], p=p)", "What should be kept is dropped."),
    Mutant("(d_hs, d_lasts[l])", "(d_hs, d_lasts[-1 - l])",
           "Gradients of the last states meet the layers in the wrong order."),
    Mutant("d_hs = d_x if drops[l - 1] is None else dropout_backward(drops[l - 1], d_x)[0]", "d_hs = d_x",
           "The gradient goes through units that were switched off."),
    Mutant("return tuple(reversed(d_params)), d_x", "return tuple(d_params), d_x",
           "Gradients in the order of the way back: the first layer gets the last one's."),
    Mutant("tuple(reversed(d_states)), None", "tuple(d_states), None",
           "The states' gradients in the order of the way back."),
    Mutant("return gru, gru_backward", "return lambda *args: gru(*args, reset_after=False), gru_backward",
           "The other place of the GRU's reset gate, Keras's and ONNX's option, in a stack."),
    Mutant("cell_backward(cells[l], (d_hs, d_lasts[l]))", "cell_backward(cells[l], (0 * d_hs, d_lasts[l]))",
           "A layer that learns from its last state alone: what the layer above needs from its outputs is dropped."),
    Mutant("cell_backward(cells[l], (d_hs, d_lasts[l]))",
           "cell_backward(cells[l], (d_hs.sum(axis=1, keepdims=True) + 0 * d_hs, d_lasts[l]))",
           "Outputs' gradients summed over the sequences: every sequence gets those of its neighbours as well."),
]  # fmt: skip
