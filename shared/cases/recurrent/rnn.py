"""Oracle: torch.nn.RNN in float64, with a mask one sequence after the other on its valid steps alone; Keras on
TensorFlow and ONNX's reference evaluator as second opinions."""

import numpy as np

from numpy_impl.recurrent.rnn import RNNParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import _oracles
from shared.cases.recurrent._oracles import glorot, some_mask
from shared.differences import RUN

RELU = {"activation": "relu"}
SMALLEST = {"T": 1, "N": 1, "D": 1, "H": 1}


def torch_rnn(params, xs, state, mask=None, *, activation="tanh"):
    if mask is not None:
        return _oracles.by_sequence(torch_rnn, params, xs, state, mask, activation=activation)
    biases, kind = (params.b, 0 * params.b), {"nonlinearity": activation}
    hs, h = _oracles.torch_layer("RNN", params, biases, xs, state[None], **kind)
    return hs, h[0]


def keras_rnn(params, xs, state, *, activation="tanh"):
    import keras

    layer = keras.layers.SimpleRNN(
        len(params.W_h), activation, return_sequences=True, return_state=True, dtype="float64"
    )
    return _oracles.keras_layer(layer, list(params), xs, state)


def onnx_rnn(params, xs, state, *, activation="tanh"):
    B = np.concatenate([params.b, 0 * params.b])
    return _oracles.onnx_layer("RNN", params.W_x, params.W_h, B, xs, state)


def initial(rng, D, H, dtype):
    generator = np.random.default_rng(rng.seed)
    return RNNParams(W_x=glorot(generator, D, H), W_h=glorot(generator, H, H), b=np.zeros(H))


def weights(draw, D, H):
    return RNNParams(W_x=draw(D, H), W_h=draw(H, H) / np.sqrt(H), b=draw(H))


def cases(draw, T=4, N=3, D=2, H=5):
    params, state = weights(draw, D, H), draw(N, H)
    second = {"keras": keras_rnn, "onnx": onnx_rnn}
    yield Case("rnn", (params, draw(T, N, D), state), torch_rnn, tolerance=RUN, second=second)
    args = (params, draw(T, N, D), state, some_mask(T, N))
    yield Case("rnn", args, torch_rnn, tolerance=RUN, name="unequal lengths")
    args = (params, draw(T, N, D), state, some_mask(T, N))
    yield Case("rnn", args[:3], torch_rnn, RELU, tolerance=RUN, second={"keras": keras_rnn}, name="relu")
    yield Case("rnn", args, torch_rnn, RELU, tolerance=RUN, name="relu, unequal lengths")
    yield Case("rnn_init", (Seed(5), D, H), initial, {"dtype": "float64"}, grad=False)


def split(module, *args):
    """The sequence in two calls, the second from the state that the first has left: outputs and last state."""
    return _oracles.split(module, "rnn", *args)


def whole(params, xs, state):
    import torch

    hs, last = torch_rnn(RNNParams(*map(torch.tensor, params)), torch.tensor(xs), torch.tensor(state))
    return [hs[:3], hs[3:]], last


def zero_state(module, params, n):
    """The state before the first step, of n sequences."""
    return module.rnn_zero_state(params, n)


def nasty(draw):
    for name, (T, N, D, H), scale in (
        ("all sizes one", (1, 1, 1, 1), 1),
        ("fifty steps", (50, 2, 3, 4), 1),
        ("two hundred steps", (200, 1, 2, 3), 1),
        ("huge inputs", (4, 2, 3, 5), 1e4),
        ("no sequences", (4, 0, 3, 5), 1),
    ):
        args = (weights(draw, D, H), scale * draw(T, N, D), draw(N, H))
        yield Case("rnn", args, torch_rnn, tolerance=RUN, name=name)
        if T < 10:  # or relu explodes, as its states are not bounded
            yield Case("rnn", args, torch_rnn, RELU, tolerance=RUN, name=f"relu, {name}")
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[:2, 2] = False, False  # nothing but padding; padding in front
    args = (weights(draw, 3, 5), draw(6, 3, 3), draw(3, 5), mask)
    yield Case("rnn", args, torch_rnn, tolerance=RUN, name="a sequence of padding alone")
    spoilt = (args[0], _oracles.spoilt(mask, args[1]), *args[2:])
    yield Case("rnn", spoilt, torch_rnn, tolerance=RUN, name="padding that is not a number")
    yield Case("rnn", (*args[:3], ~mask | mask), torch_rnn, tolerance=RUN, name="a mask that hides nothing")
    yield Case("rnn", (*args[:3], mask & ~mask), torch_rnn, tolerance=RUN, name="a mask that hides everything")
    args = (weights(draw, 3, 5), draw(7, 2, 3), draw(2, 5))
    yield Case(split, args, whole, grad=False, tolerance=RUN, name="in two parts")
    yield Case(zero_state, (args[0], 4), lambda params, n: np.zeros((n, 5)), grad=False, name="of four sequences")


def bad(draw):
    params, state, xs = weights(draw, 3, 5), draw(2, 5), draw(4, 2, 3)
    yield Bad("rnn_zero_state", (params, -1), r"n is -1, expected in \[0, inf\)")
    yield Bad("rnn", (params, xs, state), "activation is 'elu', expected 'tanh' or 'relu'", {"activation": "elu"})
    yield Bad("rnn", (params, xs[:0], state), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad("rnn", (params, draw(4, 2, 7), state), r"xs has shape \(4, 2, 7\), expected .* D = 3, as in params.W_x")
    yield Bad("rnn", (params, draw(2, 3), state), r"xs has shape \(2, 3\), expected \(T, N, D\)")
    yield Bad("rnn", (params, xs, draw(3, 5)), r"state has shape \(3, 5\), expected .* N = 2")
    yield Bad("rnn", (params._replace(W_h=draw(5, 4)), xs, state), r"params.W_h has shape \(5, 4\)")
    yield Bad("rnn", (params, xs.astype("float32"), state), "xs has dtype float32, expected float64")
    yield Bad("rnn", (params, xs, state, np.ones((2, 4), bool)), r"mask has shape \(2, 4\), expected .* T = 4")
    yield Bad("rnn", (params, xs, state, np.ones((4, 2))), "mask has dtype float64, expected bool values")


MUTANTS = [
    Mutant("x = only_valid(mask, xs)", "x = xs if mask is None else xs * mask[..., None]",
           "The mask as a factor: padding that holds NaN stays NaN."),
    Mutant("params.W_x, 1) + params.b", "params.W_x, 1) + 2 * params.b",
           "The bias counted twice: PyTorch stores two biases, and both were loaded with the sum."),
    Mutant("params.W_x, 1) + params.b", "params.W_x, 1)", "No bias at all."),
    Mutant("z_x + state @ params.W_h", "z_x + state @ params.W_h.T",
           "W_h is square: transposed, as another library stores it, it fits as well and means something else."),
    Mutant("z_x + state @ params.W_h", "z_x + 0 * state @ params.W_h",
           "The state is never carried on: every step starts from the beginning."),
    Mutant('tanh(z) if activation == "tanh" else relu(z)', 'relu(z) if activation == "tanh" else tanh(z)',
           "The two nonlinearities of torch.nn.RNN changed over."),
    Mutant('1 - all_h[t] * all_h[t] if activation == "tanh" else all_h[t] > 0', "1 - all_h[t] * all_h[t]",
           "The slope of tanh for relu as well."),
    Mutant("else all_h[t] > 0", "else befores[t] > 0", "The slope of relu by the state before the step."),
    Mutant("masked_state(mask, t, h, state)", "masked_state(mask, t, h, 0)",
           "The state is not carried over padding: the last state of a short sequence is zero."),
    Mutant("state = masked_state(mask, t, h, state)", "state = h",
           "The mask hides the outputs alone: padding goes on changing the state."),
    Mutant("only_valid(mask, np.stack(states))", "np.stack(states)",
           "The mask is not applied to the output: padded steps repeat the last one, as in Keras by default."),
    Mutant("only_valid(mask, np.stack(states))",
           "only_valid(mask if mask is None else mask[:1], np.stack(states))",
           "The first step's mask for all outputs: the mask broadcast along the wrong axis."),
    Mutant("1 - all_h[t] * all_h[t]", "all_h[t] * (1 - all_h[t])",
           "The derivative of a sigmoid: that of tanh is 1 - h²."),
    Mutant("1 - all_h[t] * all_h[t]", "1 - befores[t] * befores[t]",
           "The slope at the step before: off by one."),
    Mutant("d_state = from_outputs[t] + carried", "d_state = from_outputs[t]",
           "Outputs feed the next step as well: its gradient has to be added."),
    Mutant("carried = d_z @ params.W_h.T", "carried = d_z @ params.W_h",
           "W_h not transposed on the way back: it is square, so no shape complains."),
    Mutant("carried = d_z @ params.W_h.T", "carried = 0 * d_z @ params.W_h.T",
           "Backpropagation through time cut after one step."),
    Mutant("outer_sum(np.stack(befores), d_zs)", "outer_sum(np.stack(all_h), d_zs)",
           "W_h's gradient paired with h_t instead of h_{t-1}: off by one step."),
    Mutant("row_sum(d_zs)", "row_sum(d_zs[-1])",
           "The bias acts at every step, not only the last."),
    Mutant("from_outputs = only_valid(mask, d_hs)", "from_outputs = d_hs",
           "A padded output is the constant zero: what comes from above at it must not go back."),
    Mutant("d_h, past = masked_state_backward(mask, t, d_state)",
           "d_h, past = d_state, masked_state_backward(mask, t, d_state)[1]",
           "Gradient at padded steps reaches the weights."),
    Mutant("carried = d_z @ params.W_h.T + past", "carried = d_z @ params.W_h.T",
           "The gradient of the last state is not carried back over padding: short sequences learn nothing from it."),
    Mutant("row_sum(d_zs)", "np.sum(d_zs, axis=0)[0]",
           "The bias's gradient summed over the steps, but not over the sequences."),
]  # fmt: skip
