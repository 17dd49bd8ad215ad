"""Oracle: torch.nn.functional.layer_norm around the steps of an LSTM written gate by gate, in float64."""

import numpy as np

from numpy_impl.normalization.layer_norm_lstm import LayerNormLSTMClassifierParams, LayerNormLSTMParams
from numpy_impl.recurrent.lstm import LSTMState
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import lstm
from shared.cases.recurrent._oracles import glorot
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 2, "H": 3, "K": 1}  # with fewer units, little but rounding is left of the gradients
EPS = {"eps": 1e-2}


def torch_lstm(params, xs, state, *, eps):
    import torch
    import torch.nn.functional as F

    H, (h, c), hs = len(params.W_h), state, []
    for x in xs:
        inputs = F.layer_norm(F.linear(x, params.W_x.T), (4 * H,), params.gamma_x, None, eps)
        z = inputs + F.layer_norm(F.linear(h, params.W_h.T), (4 * H,), params.gamma_h, params.b, eps)
        c = torch.sigmoid(z[:, H : 2 * H]) * c + torch.sigmoid(z[:, :H]) * torch.tanh(z[:, 2 * H : 3 * H])
        h = torch.sigmoid(z[:, 3 * H :]) * torch.tanh(F.layer_norm(c, (H,), params.gamma_c, params.beta_c, eps))
        hs.append(h)
    return torch.stack(hs), LSTMState(h, c)


def torch_classifier(params, xs, *, eps):
    import torch.nn.functional as F

    zeros = xs.new_zeros(xs.shape[1], len(params.W_y))
    hs, _ = torch_lstm(params.lstm, xs, LSTMState(zeros, zeros), eps=eps)
    return F.linear(hs[-1], params.W_y.T, params.b_y)


def torch_loss(params, xs, labels, *, eps):
    import torch.nn.functional as F

    return F.cross_entropy(torch_classifier(params, xs, eps=eps), labels)


def initial(rng, D, H, dtype):
    plain, ones = lstm.initial(rng, D, H, dtype), np.ones(4 * H)
    return LayerNormLSTMParams(plain.W_x, ones, plain.W_h, ones, plain.b, ones[:H], np.zeros(H))


def initial_classifier(rng, D, H, K, dtype):
    generator = np.random.default_rng(rng.seed)
    W_x, W_h, W_y = glorot(generator, D, 4 * H), glorot(generator, H, 4 * H), glorot(generator, H, K)
    lstm_params = initial(rng, D, H, dtype)._replace(W_x=W_x, W_h=W_h)
    return LayerNormLSTMClassifierParams(lstm_params, W_y, np.zeros(K))


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


def cases(draw, T=4, N=2, D=3, H=5, K=6):
    args = (weights(draw, D, H), draw(T, N, D), LSTMState(draw(N, H), draw(N, H)))
    yield Case("layer_norm_lstm", args, torch_lstm, EPS, tolerance=RUN)
    classifier = LayerNormLSTMClassifierParams(weights(draw, D, H), W_y=draw(H, K), b_y=draw(K))
    yield Case("layer_norm_lstm_classifier", (classifier, draw(T, N, D)), torch_classifier, EPS, tolerance=RUN)
    args = (classifier, draw(T, N, D), draw.integers(K, N))
    yield Case("layer_norm_lstm_classifier_loss", args, torch_loss, EPS, tolerance=RUN)
    yield Case("layer_norm_lstm_init", (Seed(5), D, H), initial, {"dtype": "float64"}, grad=False)
    args = (Seed(6), D, H, K)
    yield Case("layer_norm_lstm_classifier_init", args, initial_classifier, {"dtype": "float64"}, grad=False)


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
    classifier = LayerNormLSTMClassifierParams(params, W_y=draw(5, 6), b_y=draw(6))
    loss = "layer_norm_lstm_classifier_loss"
    yield Bad(loss, (classifier, xs, np.array([0, 6])), r"labels holds 6 at \[1\]")
    yield Bad(loss, (classifier, draw(4, 0, 3), np.zeros(0, int)), "N at least 1")


MUTANTS = [
    Mutant("    n, n_cache = layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)",
           "    n, n_cache = c, layer_norm(LayerNormParams(params.gamma_c, params.beta_c), c, eps=eps)[1]",
           "The cell state not normalized on its way out."),
    Mutant("return LSTMState(o * tanh_n, c), (state", "return LSTMState(o * tanh_n, n), (state",
           "The normalized cell state carried on: the cell forgets how much it has gathered."),
    Mutant("np.split(a + r, 4, axis=-1)",
           "np.split(layer_norm(LayerNormParams(params.gamma_h, params.b), a + r, eps=eps)[0], 4, axis=-1)",
           "The sum normalized as well as its parts."),
    Mutant("i, f, g, o = np.split(a + r", "i, g, f, o = np.split(a + r",
           "Gate order: weights from another library load without an error and mean something else."),
    Mutant("sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)", "sigmoid(i), sigmoid(f), sigmoid(g), sigmoid(o)",
           "A sigmoid on the candidate too: the cell can only be filled, never pulled down."),
    Mutant("beta=np.zeros_like(params.gamma_x)", "beta=params.b",
           "The bias added twice, once with each part."),
    Mutant("d_norm_h, d_r = layer_norm_backward(r_cache, d_z)",
           "d_norm_h, d_r = layer_norm_backward(r_cache, d_z)[0], d_z",
           "The gradient led past the normalization on its way to h."),
    Mutant("d_c = d_c + d_c_out", "d_c = d_c + d_h * o * (1 - tanh_n * tanh_n)",
           "The gradient led past the normalization on its way to c."),
    Mutant("d_c = d_c + d_c_out", "d_c = d_c_out",
           "The gradient that comes through the cell state from later steps is lost: no long memory can be learned."),
    Mutant("d_norm_x, d_as = layer_norm_backward(a_cache, d_zs)",
           "d_norm_x, d_as = layer_norm_backward(a_cache, d_zs)[0], d_zs",
           "The gradient led past the normalization of the inputs."),
    Mutant("W_h=_rows(h_before).T @ _rows(d_rs)", "W_h=_rows(h_before).T @ _rows(d_zs)",
           "W_h's gradient taken from after the normalization instead of from before it."),
    Mutant("(sum(steps) for steps in zip(*d_norms, strict=True))",
           "(steps[0] for steps in zip(*d_norms, strict=True))",
           "γ and the bias act at every step, not only the last."),
    Mutant("d_hs[t] + d_state.h, d_state.c", "d_hs[t], d_state.c",
           "Outputs feed the next step as well: its gradient has to be added."),
]  # fmt: skip
