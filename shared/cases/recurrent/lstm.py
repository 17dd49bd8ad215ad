"""Oracle: torch.nn.LSTM in float64, with a mask one sequence after the other on its valid steps alone; Keras on
TensorFlow and ONNX's reference evaluator as second opinions."""

import numpy as np

from numpy_impl.recurrent.lstm import LSTMParams, LSTMState
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import _oracles
from shared.cases.recurrent._oracles import glorot, some_mask
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 1, "H": 1}


def torch_lstm(params, xs, state, mask=None):
    if mask is not None:
        return _oracles.by_sequence(torch_lstm, params, xs, state, mask)
    given = state.h[None], state.c[None]
    hs, (h, c) = _oracles.torch_layer("LSTM", params, (params.b, 0 * params.b), xs, given)
    return hs, type(state)(h[0], c[0])


def keras_lstm(params, xs, state):
    import keras

    layer = keras.layers.LSTM(len(params.W_h), return_sequences=True, return_state=True, dtype="float64")
    hs, h, c = _oracles.keras_layer(layer, list(params), xs, *state)
    return hs, LSTMState(h, c)


def onnx_lstm(params, xs, state):
    """ONNX orders the gates i, o, f, c and keeps two biases."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    def gates(W):
        i, f, g, o = np.split(W, 4, axis=-1)
        return np.concatenate([i, o, f, g], axis=-1)

    names = ["X", "W", "R", "B", "", "h", "c"]
    node = onnx.helper.make_node("LSTM", names, ["Y", "Y_h", "Y_c"], hidden_size=len(params.W_h))
    double = onnx.TensorProto.DOUBLE
    inputs = [onnx.helper.make_tensor_value_info(name, double, None) for name in names if name]
    outputs = [onnx.helper.make_tensor_value_info(name, double, None) for name in ("Y", "Y_h", "Y_c")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "lstm", inputs, outputs))
    b = gates(params.b)
    feed = {"X": xs, "W": gates(params.W_x).T[None], "R": gates(params.W_h).T[None]}
    feed |= {"B": np.concatenate([b, 0 * b])[None], "h": state.h[None], "c": state.c[None]}
    hs, h, c = ReferenceEvaluator(model).run(None, feed)
    return hs[:, 0], LSTMState(h[0], c[0])


def initial(rng, D, H, dtype):
    generator = np.random.default_rng(rng.seed)
    b = np.zeros((4, H))
    b[1] = 1  # the forget gate
    return LSTMParams(W_x=glorot(generator, D, 4 * H), W_h=glorot(generator, H, 4 * H), b=b.reshape(-1))


def weights(draw, D, H):
    return LSTMParams(W_x=draw(D, 4 * H), W_h=draw(H, 4 * H), b=draw(4 * H))


def cases(draw, T=4, N=3, D=2, H=5):
    params, state = weights(draw, D, H), LSTMState(h=draw(N, H), c=draw(N, H))
    second = {"keras": keras_lstm, "onnx": onnx_lstm}
    yield Case("lstm", (params, draw(T, N, D), state), torch_lstm, tolerance=RUN, second=second)
    args = (params, draw(T, N, D), state, some_mask(T, N))
    yield Case("lstm", args, torch_lstm, tolerance=RUN, name="unequal lengths")
    yield Case("lstm_init", (Seed(5), D, H), initial, {"dtype": "float64"}, grad=False)


def split(module, *args):
    """The sequence in two calls, the second from the state that the first has left: outputs and last state."""
    return _oracles.split(module, "lstm", *args)


def whole(params, xs, state):
    import torch

    as_torch = lambda tree: type(tree)(*map(torch.tensor, tree))
    hs, last = torch_lstm(as_torch(params), torch.tensor(xs), as_torch(state))
    return [hs[:3], hs[3:]], last


def nasty(draw):
    for name, (T, N, D, H), scale in (
        ("all sizes one", (1, 1, 1, 1), 1),
        ("fifty steps", (50, 2, 3, 4), 1),
        ("two hundred steps", (200, 1, 2, 3), 1),
        ("huge inputs", (4, 2, 3, 5), 1e4),
        ("no sequences", (4, 0, 3, 5), 1),
    ):
        args = (weights(draw, D, H), scale * draw(T, N, D), LSTMState(draw(N, H), draw(N, H)))
        yield Case("lstm", args, torch_lstm, tolerance=RUN, name=name)
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[:2, 2] = False, False  # nothing but padding; padding in front
    args = (weights(draw, 3, 5), draw(6, 3, 3), LSTMState(draw(3, 5), draw(3, 5)), mask)
    yield Case("lstm", args, torch_lstm, tolerance=RUN, name="a sequence of padding alone")
    spoilt = (args[0], _oracles.spoilt(mask, args[1]), *args[2:])
    yield Case("lstm", spoilt, torch_lstm, tolerance=RUN, name="padding that is not a number")
    yield Case("lstm", (*args[:3], ~mask | mask), torch_lstm, tolerance=RUN, name="a mask that hides nothing")
    yield Case("lstm", (*args[:3], mask & ~mask), torch_lstm, tolerance=RUN, name="a mask that hides everything")
    args = (weights(draw, 3, 5), draw(7, 2, 3), LSTMState(draw(2, 5), draw(2, 5)))
    yield Case(split, args, whole, grad=False, tolerance=RUN, name="in two parts")


def bad(draw):
    params, state = weights(draw, 3, 5), LSTMState(h=draw(2, 5), c=draw(2, 5))
    xs = draw(4, 2, 3)
    yield Bad("lstm_zero_state", (params, -1), r"n is -1, expected in \[0, inf\)")
    yield Bad("lstm", (params, xs[:0], state), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad(
        "lstm", (params, draw(4, 2, 7), state), r"xs has shape \(4, 2, 7\), expected .* D = 3, as in params.W_x"
    )
    yield Bad("lstm", (params, draw(2, 3), state), r"xs has shape \(2, 3\), expected \(T, N, D\)")
    yield Bad("lstm", (params, xs, state._replace(c=draw(3, 5))), r"state.c has shape \(3, 5\), expected .* N = 2")
    yield Bad("lstm", (params._replace(b=draw(21)), xs, state), r"params.b has shape \(21,\), .* with 4\*H = 20")
    yield Bad("lstm", (params._replace(W_x=draw(3, 15)), xs, state), r"params.W_x has shape \(3, 15\)")
    yield Bad(
        "lstm", (params, xs.astype("float32"), state), "xs has dtype float32, expected float64, as params.W_x has"
    )
    yield Bad("lstm", (params, xs, draw(2, 5)), r"state is a .*, expected LSTMState\(h, c\)")
    yield Bad("lstm", (params, xs, state, np.ones((2, 4), bool)), r"mask has shape \(2, 4\), expected .* T = 4")
    yield Bad("lstm", (params, xs, state, np.ones((4, 2))), "mask has dtype float64, expected bool values")


MUTANTS = [
    Mutant("x = only_valid(mask, xs)", "x = xs if mask is None else xs * mask[..., None]",
           "The mask as a factor: padding that holds NaN stays NaN."),
    Mutant("i, f, g, o = np.split", "i, g, f, o = np.split",
           "Gate order: weights from another library load without an error and mean something else."),
    Mutant("i, f, g, o = np.split", "i, o, f, g = np.split",
           "ONNX's gate order i, o, f, c on weights stored as i, f, g, o."),
    Mutant("sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)", "sigmoid(i), sigmoid(f), sigmoid(g), sigmoid(o)",
           "A sigmoid on the candidate too: the cell can only be filled, never pulled down."),
    Mutant("sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)", "sigmoid(i), sigmoid(f + 1), tanh(g), sigmoid(o)",
           "A forget bias added in the cell as well as in the parameters (as some TensorFlow cells did)."),
    Mutant("c = f * state.c + i * g", "c = i * state.c + f * g", "Input and forget gate trade places."),
    Mutant("c = f * state.c + i * g", "c = f * state.c + (1 - f) * g", "The coupled gates of the CIFG variant."),
    Mutant("c = f * state.c + i * g", "c = state.c + i * g", "The LSTM of 1997, without a forget gate."),
    Mutant("h = o * tanh_c  # (5)", "h = o * c", "The tanh on the way out left out."),
    Mutant("params.W_x, 1) + params.b", "params.W_x, 1) + 2 * params.b",
           "The bias counted twice: PyTorch stores two biases, and both were loaded with the sum."),
    Mutant("params.W_x, 1) + params.b", "params.W_x, 1)", "No bias at all."),
    Mutant("_cell(params.W_h, z_x, state)", "_cell(params.W_h, z_x, LSTMState(0 * state.h, 0 * state.c))",
           "The state is never carried on: every step starts from the beginning."),
    Mutant("hs.append(state.h)", "hs.append(state.c)", "The cell state given out in place of the output."),
    Mutant("d_h * o * (1 - tanh_c * tanh_c) + later", "d_h * o * (1 - tanh_c * tanh_c)",
           "The gradient that comes through the cell state from later steps is lost: no long memory can be learned."),
    Mutant("d_h * o * (1 - tanh_c * tanh_c) + later", "d_h * o + later", "tanh has a derivative: 1 - tanh²."),
    Mutant("d_h * o * (1 - tanh_c * tanh_c) + later", "d_h * (1 - tanh_c * tanh_c) + later",
           "The output gate stands between h and c, in the gradient too."),
    Mutant("d_c * state.c, d_c * i", "d_c * f, d_c * i",
           "The forget gate's gradient is the old cell state, not the gate."),
    Mutant("d_g * (1 - g * g)", "d_g * g * (1 - g)",
           "The candidate is a tanh: its derivative is 1 - g², not g (1 - g)."),
    Mutant("LSTMState(d_z @ W_h.T, d_c * f)", "LSTMState(d_z @ W_h.T, d_c)",
           "What was forgotten cannot carry a gradient: the factor f is missing."),
    Mutant("LSTMState(d_z @ W_h.T, d_c * f)", "LSTMState(0 * d_z @ W_h.T, d_c * f)",
           "Backpropagation through time cut at h: only the cell state carries gradients back."),
    Mutant("from_outputs[t] + back.h)", "from_outputs[t])",
           "Outputs feed the next step as well: its gradient has to be added."),
    Mutant("np.stack([cell.state.h for cell in cells])",
           "np.stack([*(cell.state.h for cell in cells[1:]), 0 * cells[0].state.h])",
           "W_h's gradient paired with h_t instead of h_{t-1}: off by one step."),
    Mutant("row_sum(d_zs)", "row_sum(d_zs[-1])",
           "The bias acts at every step, not only the last."),
    Mutant("np.concatenate([zeros, ones, zeros, zeros])", "np.concatenate([ones, zeros, zeros, zeros])",
           "The 1 of the forget bias in the input gate's block."),
    Mutant("masked_state(mask, t, c, state.c)", "c",
           "The mask holds h alone: padding goes on changing the cell state."),
    Mutant("masked_state(mask, t, h, state.h)", "masked_state(mask, t, h, 0)",
           "h is not carried over padding: the last state of a short sequence is zero."),
    Mutant("only_valid(mask, np.stack(hs))", "np.stack(hs)",
           "The mask is not applied to the output: padded steps repeat the last one, as in Keras by default."),
    Mutant("masked_state(mask, t, h, state.h), masked_state(mask, t, c",
           "masked_state(mask, 0, h, state.h), masked_state(mask, 0, c",
           "The first step's mask for every step: the mask read along the wrong axis."),
    Mutant("from_outputs = only_valid(mask, d_hs)", "from_outputs = d_hs",
           "A padded output is the constant zero: what comes from above at it must not go back."),
    Mutant("back.c + past_c", "back.c",
           "The cell state's gradient is not carried back over padding: short sequences lose their memory."),
    Mutant("row_sum(d_zs)", "np.sum(d_zs, axis=0)[0]",
           "The bias's gradient summed over the steps, but not over the sequences."),
]  # fmt: skip
