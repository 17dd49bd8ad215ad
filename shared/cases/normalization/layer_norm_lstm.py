"""Oracle: torch.nn.functional.layer_norm around the steps of an LSTM written gate by gate, in float64."""

import numpy as np

from numpy_impl.normalization.layer_norm_lstm import LayerNormLSTMParams
from numpy_impl.recurrent.lstm import LSTMState
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import _oracles, lstm
from shared.cases.recurrent._oracles import some_mask
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 2, "H": 3}  # with fewer units, little but rounding is left of the gradients
EPS = {"eps": 1e-2}


def torch_lstm(params, xs, state, mask=None, *, eps=1e-5):
    import torch
    import torch.nn.functional as F

    if mask is not None:
        return _oracles.by_sequence(torch_lstm, params, xs, state, mask, eps=eps)

    H, (h, c), hs = len(params.W_h), state, []
    for x in xs:
        inputs = F.layer_norm(F.linear(x, params.W_x.T), (4 * H,), params.gamma_x, None, eps)
        z = inputs + F.layer_norm(F.linear(h, params.W_h.T), (4 * H,), params.gamma_h, params.b, eps)
        c = torch.sigmoid(z[:, H : 2 * H]) * c + torch.sigmoid(z[:, :H]) * torch.tanh(z[:, 2 * H : 3 * H])
        h = torch.sigmoid(z[:, 3 * H :]) * torch.tanh(F.layer_norm(c, (H,), params.gamma_c, params.beta_c, eps))
        hs.append(h)
    return torch.stack(hs), LSTMState(h, c)


def initial(rng, D, H, dtype):
    plain, ones = lstm.initial(rng, D, H, dtype), np.ones(4 * H)
    return LayerNormLSTMParams(plain.W_x, ones, plain.W_h, ones, plain.b, ones[:H], np.zeros(H))


def weights(draw, D, H):
    return LayerNormLSTMParams(
        W_x=draw(D, 4 * H),
        gamma_x=draw(4 * H),
        W_h=draw(H, 4 * H),
        gamma_h=draw(4 * H),
        b=draw(4 * H),
        gamma_c=draw(H),
        beta_c=draw(H),
    )


def cases(draw, T=4, N=3, D=2, H=5):
    params, state = weights(draw, D, H), LSTMState(draw(N, H), draw(N, H))
    yield Case("layer_norm_lstm", (params, draw(T, N, D), state), torch_lstm, EPS, tolerance=RUN)
    args = (params, draw(T, N, D), state, some_mask(T, N))
    yield Case("layer_norm_lstm", args, torch_lstm, EPS, tolerance=RUN, name="unequal lengths")
    yield Case("layer_norm_lstm_init", (Seed(5), D, H), initial, {"dtype": "float64"}, grad=False)


def nasty(draw):
    for name, (T, N, D, H), scale in (
        ("one step, one sequence", (1, 1, 3, 4), 1),
        ("fifty steps", (50, 2, 3, 4), 1),
        ("huge inputs", (4, 2, 3, 5), 1e4),
        ("inputs all zero", (4, 2, 3, 5), 0),
        ("no sequences", (4, 0, 3, 5), 1),
    ):
        args = (weights(draw, D, H), scale * draw(T, N, D), LSTMState(draw(N, H), draw(N, H)))
        yield Case("layer_norm_lstm", args, torch_lstm, EPS, tolerance=RUN, name=name)
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[:2, 2] = False, False  # nothing but padding; padding in front
    args = (weights(draw, 3, 5), draw(6, 3, 3), LSTMState(draw(3, 5), draw(3, 5)), mask)
    yield Case("layer_norm_lstm", args, torch_lstm, EPS, tolerance=RUN, name="a sequence of padding alone")
    yield Case("layer_norm_lstm", args, torch_lstm, tolerance=RUN, name="eps as it is")
    args = (args[0], _oracles.spoilt(mask, args[1]), *args[2:])
    yield Case("layer_norm_lstm", args, torch_lstm, EPS, tolerance=RUN, name="padding that is not a number")
    zeros = lambda params, n: LSTMState(np.zeros((n, 5)), np.zeros((n, 5)))
    yield Case(zero_state, (weights(draw, 3, 5), 4), zeros, grad=False, name="of four sequences")


def zero_state(module, params, n):
    """The state before the first step, of n sequences."""
    return module.layer_norm_lstm_zero_state(params, n)


def bad(draw):
    params, xs, state = weights(draw, 3, 5), draw(4, 2, 3), LSTMState(draw(2, 5), draw(2, 5))
    yield Bad("layer_norm_lstm", (params, xs[:0], state), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad("layer_norm_lstm", (params, draw(4, 2, 7), state), r"xs has shape \(4, 2, 7\), expected .* D = 3")
    wrong = params._replace(gamma_h=draw(5))
    yield Bad("layer_norm_lstm", (wrong, xs, state), r"params.gamma_h has shape \(5,\), .* with 4\*H = 20")
    wrong = params._replace(beta_c=draw(20))
    yield Bad("layer_norm_lstm", (wrong, xs, state), r"params.beta_c has shape \(20,\)")
    yield Bad("layer_norm_lstm", (params, xs, state), r"eps is 0, expected in \(0, inf\)", {"eps": 0})
    yield Bad("layer_norm_lstm", (params, xs.astype("float32"), state), "xs has dtype float32, expected float64")
    mask = np.ones((3, 2), bool)
    yield Bad("layer_norm_lstm", (params, xs, state, mask), r"mask has shape \(3, 2\), expected .* T = 4")


MUTANTS = [
    Mutant("norm_c, norm_cache = layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)  # (9)",
           "norm_c, (_, norm_cache) = c, layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)",
           "The cell state not normalized on its way out."),
    Mutant("return LSTMState(h, c), LayerNormLSTMCache", "return LSTMState(h, norm_c), LayerNormLSTMCache",
           "The normalized cell state carried on: the cell forgets how much it has gathered."),
    Mutant("z = a + r  # (5)", "z, _ = layer_norm(LayerNormParams(params.gamma_h, params.b), a + r, eps=eps)  # (5)",
           "The sum normalized as well as its parts."),
    Mutant("i, f, g, o = np.split(z", "i, g, f, o = np.split(z",
           "Gate order: weights from another library load without an error and mean something else."),
    Mutant("sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)", "sigmoid(i), sigmoid(f), sigmoid(g), sigmoid(o)",
           "A sigmoid on the candidate too: the cell can only be filled, never pulled down."),
    Mutant("beta=np.zeros_like(params.gamma_x)", "beta=params.b",
           "The bias added twice, once with each part."),
    Mutant("hs = only_valid(mask, np.stack(hs))", "hs = np.stack(hs)",
           "Outputs of padding: masked steps repeat the last output, where zeros are promised."),
    Mutant("of_r, d_u_h = layer_norm_backward(r_cache, d_r)",
           "of_r, d_u_h = layer_norm_backward(r_cache, d_r)[0], d_r",
           "The gradient led past the normalization on its way to h."),
    Mutant("of_norm_c, d_c = layer_norm_backward(norm_cache, d_norm_c)",
           "of_norm_c, d_c = layer_norm_backward(norm_cache, d_norm_c)[0], 1 * d_norm_c",
           "The gradient led past the normalization on its way to c."),
    Mutant("d_c += later  # through (11)", "d_c += 0 * later  # through (11)",
           "A dropped term: what later steps give to the cell state is lost, so no long memory can be learned."),
    Mutant("(d_gamma_x, _), d_u_x = layer_norm_backward(a_cache, d_all_a)",
           "(d_gamma_x, _), d_u_x = layer_norm_backward(a_cache, d_all_a)[0], d_all_a",
           "The gradient led past the normalization of the inputs."),
    Mutant("for cell in cells]), d_u_hs)", "for cell in cells]), d_all_a)",
           "W_h's gradient taken from after the normalization instead of from before it."),
    Mutant("(sum(steps) for steps in zip(*norms, strict=True))", "(steps[0] for steps in zip(*norms, strict=True))",
           "γ and the bias act at every step, not only the last."),
    Mutant("(d_gamma_x, _), d_u_x = layer_norm_backward(a_cache, d_all_a)",
           "(d_gamma_x, _), d_u_x = layer_norm_backward(a_cache, d_all_a)\n    d_gamma_x = d_gamma_x / len(x)",
           "The mean over the steps where the sum belongs: γ serves all of them."),
    Mutant("from_outputs[t] + back.h)", "from_outputs[t])",
           "Outputs feed the next step as well: its gradient has to be added."),
    Mutant("back = LSTMState(back.h + past_h, back.c + past_c)", "back = LSTMState(back.h + past_h, back.c)",
           "A masked step hands the cell state on unchanged, so its gradient has to pass as well."),
]  # fmt: skip
