"""Oracle: torch.nn.GRU in float64, with a mask one sequence after the other on its valid steps alone; a graph written
gate by gate in torch for reset_after=False, which torch.nn lacks; Keras on TensorFlow and ONNX's reference evaluator
as second opinions of both forms."""

import numpy as np

from numpy_impl.recurrent.gru import GRUParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import _oracles
from shared.cases.recurrent._oracles import glorot, some_mask
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 1, "H": 1}
BEFORE = {"reset_after": False}


def torch_gru(params, xs, state, mask=None, *, reset_after=True):
    import torch

    if mask is not None:
        return _oracles.by_sequence(torch_gru, params, xs, state, mask, reset_after=reset_after)
    if not reset_after:
        return reset_first(params, xs, state)
    zeros = params.b.new_zeros(2 * len(params.b_n))
    biases = (params.b, torch.cat([zeros, params.b_n]))
    hs, h = _oracles.torch_layer("GRU", params, biases, xs, state[None])
    return hs, h[0]


def reset_first(params, xs, h):
    """Cho et al. 2014: the reset gate before the matrix product."""
    import torch

    size = len(params.W_h)
    (W_r, W_z, W_n), (U_r, U_z, U_n) = params.W_x.split(size, 1), params.W_h.split(size, 1)
    b_r, b_z, b_n = params.b.split(size)
    hs = []
    for x in xs:
        reset = torch.sigmoid(x @ W_r + h @ U_r + b_r)
        update = torch.sigmoid(x @ W_z + h @ U_z + b_z)
        candidate = torch.tanh(x @ W_n + torch.mul(reset, h) @ U_n + b_n + params.b_n)
        h = torch.lerp(candidate, h, update)
        hs.append(h)
    return torch.stack(hs), h


def torch_step(params, x, state, *, reset_after=True):
    return torch_gru(params, x[None], state, reset_after=reset_after)[1]


def swapped(W):
    """Blocks r, z, n as the z, r, n of Keras and ONNX."""
    r, z, n = np.split(W, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)


def both_biases(params):
    return swapped(params.b), np.concatenate([0 * params.b_n, 0 * params.b_n, params.b_n])


def keras_gru(params, xs, state, *, reset_after=True):
    import keras

    options = {"return_sequences": True, "return_state": True, "dtype": "float64"}
    layer = keras.layers.GRU(len(params.W_h), reset_after=reset_after, **options)
    biases = both_biases(params)
    weights = [swapped(params.W_x), swapped(params.W_h), np.stack(biases) if reset_after else sum(biases)]
    return _oracles.keras_layer(layer, weights, xs, state)


def onnx_gru(params, xs, state, *, reset_after=True):
    B, weights = np.concatenate(both_biases(params)), (swapped(params.W_x), swapped(params.W_h))
    return _oracles.onnx_layer("GRU", *weights, B, xs, state, linear_before_reset=int(reset_after))


def initial(rng, D, H, dtype):
    generator = np.random.default_rng(rng.seed)
    W_x, W_h = glorot(generator, D, 3 * H), glorot(generator, H, 3 * H)
    return GRUParams(W_x, W_h, b=np.zeros(3 * H), b_n=np.zeros(H))


def weights(draw, D, H):
    return GRUParams(W_x=draw(D, 3 * H), W_h=draw(H, 3 * H), b=draw(3 * H), b_n=draw(H))


def cases(draw, T=4, N=3, D=2, H=5):
    params, xs, state = weights(draw, D, H), draw(T, N, D), draw(N, H)
    second = {"keras": keras_gru, "onnx": onnx_gru}
    yield Case("gru", (params, xs, state), torch_gru, tolerance=RUN, second=second)
    args = (params, xs, state)
    yield Case("gru", args, torch_gru, BEFORE, tolerance=RUN, second=second, name="reset before")
    args = (params, draw(T, N, D), state, some_mask(T, N))
    yield Case("gru", args, torch_gru, tolerance=RUN, name="unequal lengths")
    yield Case("gru", args, torch_gru, BEFORE, tolerance=RUN, name="reset before, unequal lengths")
    yield Case("gru_step", (params, draw(N, D), state), torch_step)
    yield Case("gru_step", (params, draw(N, D), state), torch_step, BEFORE, name="reset before")
    yield Case("gru_init", (Seed(5), D, H), initial, {"dtype": "float64"}, grad=False)


def split(module, *args):
    """The sequence in two calls, the second from the state that the first has left: outputs and last state."""
    return _oracles.split(module, "gru", *args)


def whole(params, xs, state):
    import torch

    hs, last = torch_gru(GRUParams(*map(torch.tensor, params)), torch.tensor(xs), torch.tensor(state))
    return [hs[:3], hs[3:]], last


def zero_state(module, params, n):
    """The state before the first step, of n sequences."""
    return module.gru_zero_state(params, n)


def nasty(draw):
    for name, (T, N, D, H), scale in (
        ("all sizes one", (1, 1, 1, 1), 1),
        ("fifty steps", (50, 2, 3, 4), 1),
        ("two hundred steps", (200, 1, 2, 3), 1),
        ("huge inputs", (4, 2, 3, 5), 1e4),
        ("no sequences", (4, 0, 3, 5), 1),
    ):
        args = (weights(draw, D, H), scale * draw(T, N, D), draw(N, H))
        yield Case("gru", args, torch_gru, tolerance=RUN, name=name)
        yield Case("gru", args, torch_gru, BEFORE, tolerance=RUN, name=f"reset before, {name}")
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[:2, 2] = False, False  # nothing but padding; padding in front
    args = (weights(draw, 3, 5), draw(6, 3, 3), draw(3, 5), mask)
    yield Case("gru", args, torch_gru, tolerance=RUN, name="a sequence of padding alone")
    spoilt = (args[0], _oracles.spoilt(mask, args[1]), *args[2:])
    name = "padding that is not a number"
    yield Case("gru", spoilt, torch_gru, tolerance=RUN, name=name)
    yield Case("gru", spoilt, torch_gru, BEFORE, tolerance=RUN, name=f"reset before, {name}")
    yield Case("gru", (*args[:3], ~mask | mask), torch_gru, tolerance=RUN, name="a mask that hides nothing")
    yield Case("gru", (*args[:3], mask & ~mask), torch_gru, tolerance=RUN, name="a mask that hides everything")
    open_gate = args[0]._replace(b=np.concatenate([np.full(5, 50.0), args[0].b[5:]]))  # r is 1: both forms are one
    yield Case("gru", (open_gate, *args[1:3]), torch_gru, BEFORE, tolerance=RUN, name="reset before, r = 1")
    yield Case("gru_step", (args[0], draw(0, 3), draw(0, 5)), torch_step, name="no sequences")
    args = (weights(draw, 3, 5), draw(7, 2, 3), draw(2, 5))
    yield Case(split, args, whole, grad=False, tolerance=RUN, name="in two parts")
    yield Case(zero_state, (args[0], 4), lambda params, n: np.zeros((n, 5)), grad=False, name="of four sequences")


def bad(draw):
    params, state, xs = weights(draw, 3, 5), draw(2, 5), draw(4, 2, 3)
    yield Bad("gru_zero_state", (params, -1), r"n is -1, expected in \[0, inf\)")
    yield Bad("gru", (params, xs[:0], state), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad("gru", (params, draw(4, 2, 7), state), r"xs has shape \(4, 2, 7\), expected .* D = 3, as in params.W_x")
    yield Bad("gru", (params, draw(2, 3), state), r"xs has shape \(2, 3\), expected \(T, N, D\)")
    yield Bad("gru", (params, xs, draw(3, 5)), r"state has shape \(3, 5\), expected .* N = 2")
    yield Bad("gru", (params._replace(b=draw(20)), xs, state), r"params.b has shape \(20,\), .* with 3\*H = 15")
    yield Bad("gru", (params._replace(b_n=draw(15)), xs, state), r"params.b_n has shape \(15,\), .* with H = 5")
    yield Bad("gru", (params, xs.astype("float32"), state), "xs has dtype float32, expected float64")
    yield Bad("gru", (params, xs, state, np.ones((2, 4), bool)), r"mask has shape \(2, 4\), expected .* T = 4")
    yield Bad("gru_step", (params, xs, state), r"x has shape \(4, 2, 3\), expected \(N, D\)")
    yield Bad("gru_step", (params, draw(3, 3), state), r"state has shape \(2, 5\), expected .* N = 3")


MUTANTS = [
    Mutant("x = only_valid(mask, xs)", "x = xs if mask is None else xs * mask[..., None]",
           "The mask as a factor: padding that holds NaN stays NaN."),
    Mutant("r, z = np.split(sigmoid(a[:, : 2 * H] + u[:, : 2 * H]), 2, axis=-1)",
           "z, r = np.split(sigmoid(a[:, : 2 * H] + u[:, : 2 * H]), 2, axis=-1)",
           "The blocks z, r, n of Keras and ONNX on weights stored as r, z, n."),
    Mutant("u_n = u[:, 2 * H :] + b_n  # (2)", "u_n = u[:, 2 * H :]\n    a = a + np.pad(b_n, (2 * H, 0))",
           "The candidate's own bias outside the reset gate's reach: no longer PyTorch's GRU."),
    Mutant("cell = gru_cell if reset_after else gru_cell_reset_before\n    x =",
           "cell = gru_cell_reset_before if reset_after else gru_cell\n    x =",
           "The two places of the reset gate confused: weights of one library run in the form of another."),
    Mutant("gated @ W_h[:, 2 * H :] + b_n", "gated @ W_h[:, 2 * H :]",
           "The second bias of the candidate forgotten where the reset gate comes first."),
    Mutant("h = (1 - z) * n + z * state  # (6)\n    return h, GRUCache",
           "h = z * n + (1 - z) * state\n    return h, GRUCache",
           "The update gate of Chung et al. 2014: z writes where here it keeps."),
    Mutant("params.W_x, 1) + params.b", "params.W_x, 1) + 2 * params.b",
           "The bias counted twice: PyTorch's two are loaded, both with the sum."),
    Mutant("n = tanh(a_n + r * u_n)", "n = sigmoid(a_n + r * u_n)",
           "A sigmoid on the candidate too: the state can never be negative."),
    Mutant("n = tanh(a_n + r * u_n)", "n = tanh(a_n + u_n)",
           "No reset gate: the minimal unit with an update gate alone."),
    Mutant("h, cache = cell(params.W_h, params.b_n, a, state)\n        state",
           "h, cache = cell(params.W_h, params.b_n, a, 0 * state)\n        state",
           "The state is never carried on: every step starts from the beginning."),
    Mutant("masked_state(mask, t, h, state)", "masked_state(mask, t, h, 0)",
           "The state is not carried over padding: the last state of a short sequence is zero."),
    Mutant("state = masked_state(mask, t, h, state)", "state = h",
           "The mask hides the outputs alone: padding goes on changing the state."),
    Mutant("only_valid(mask, np.stack(states))", "np.stack(states)",
           "The mask is not applied to the output: padded steps repeat the last one, as in Keras by default."),
    Mutant("only_valid(mask, np.stack(states))",
           "only_valid(mask if mask is None else mask[:1], np.stack(states))",
           "The first step's mask for all outputs: the mask broadcast along the wrong axis."),
    Mutant("d_n, d_z = d_h * (1 - z), d_h * (state - n)  # through (6)\n    d_a_n = d_n * (1 - n * n)  # through (4)",
           "d_n, d_z = d_h * z, d_h * (state - n)\n    d_a_n = d_n * (1 - n * n)",
           "Keeping and writing swapped in the gradient alone."),
    Mutant("d_a_n = d_n * (1 - n * n)  # through (4)", "d_a_n = d_n * n * (1 - n)",
           "The candidate is a tanh: its derivative is 1 - n², not n (1 - n)."),
    Mutant("d_n, d_z = d_h * (1 - z), d_h * (state - n)  # through (6)\n    d_a_n = d_n * (1 - n * n)  # through (4)",
           "d_n, d_z = d_h * (1 - z), d_h * (n - state)\n    d_a_n = d_n * (1 - n * n)",
           "The update gate's gradient with the sign of the other convention."),
    Mutant("d_r, d_u_n = d_a_n * u_n, d_a_n * r", "d_r, d_u_n = d_a_n * u_n, d_a_n",
           "What the reset gate multiplied, its gradient must multiply as well."),
    Mutant("d_r, d_u_n = d_a_n * u_n, d_a_n * r", "d_r, d_u_n = d_a_n * state, d_a_n * r",
           "The reset gate's gradient is the product that it gated, not the state: that is the other form."),
    Mutant("[d_r * r * (1 - r), d_z * z * (1 - z), d_a_n], axis=-1)  # through (3) (4)",
           "[d_r * (1 - r * r), d_z * (1 - z * z), d_a_n], axis=-1)",
           "The gates are sigmoids: their derivative is r (1 - r)."),
    Mutant("return d_a, d_u, d_h * z + d_u @ W_h.T", "return d_a, d_u, d_u @ W_h.T",
           "The way past the candidate is the point of a GRU: without its gradient no long memory can be learned."),
    Mutant("+ d_gated * r", "", "With the reset gate first, the state also acts through the candidate."),
    Mutant("d_state = from_outputs[t] + carried", "d_state = from_outputs[t]",
           "The state feeds the next step as well: its gradient has to be added."),
    Mutant("carried = carried + past", "carried = carried",
           "The gradient of the last state is not carried back over padding: short sequences learn nothing from it."),
    Mutant("d_h, past = masked_state_backward(mask, t, d_state)",
           "d_h, past = d_state, masked_state_backward(mask, t, d_state)[1]",
           "Gradient at padded steps reaches inputs and weights."),
    Mutant("np.stack([cell.gated for cell in cells])", "states",
           "W_n's gradient with h in place of r ⊙ h: right for the other form only."),
    Mutant("outer_sum(x, d_a), row_sum(d_a)", "outer_sum(x, d_a), np.sum(d_a, axis=0)[0]",
           "The bias's gradient summed over the steps, but not over the sequences."),
    Mutant("outer_sum(states, d_u)", "outer_sum(np.roll(states, -1, axis=0), d_u)",
           "W_h's gradient paired with the state after the step in place of the one before it."),
]  # fmt: skip
