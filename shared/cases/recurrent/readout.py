"""Oracle: torch.nn's recurrent layers, torch.nn.functional's linear, mse_loss and cross_entropy with ignore_index, in
float64."""

import numpy as np

from numpy_impl.recurrent.readout import ReadoutParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.recurrent import gru, lstm, rnn, stacked
from shared.cases.recurrent._oracles import glorot, some_mask, spoilt
from shared.differences import RUN

SMALLEST = {"T": 1, "N": 1, "D": 1, "H": 1, "K": 1}


def torch_readout(params, xs, states, mask=None):
    import torch.nn.functional as F

    hs, lasts = stacked.torch_cells(params.layers, xs, states, mask)
    return F.linear(hs, params.W_o.T, params.b_o), lasts


def torch_last(params, xs, mask=None):
    import torch
    import torch.nn.functional as F

    states = stacked.zeros(params.layers, xs.shape[1])
    as_torch = lambda s: type(s)(*map(torch.tensor, s)) if isinstance(s, tuple) else torch.tensor(s)
    _, lasts = stacked.torch_cells(params.layers, xs, tuple(map(as_torch, states)), mask)
    h = lasts[-1][0] if isinstance(lasts[-1], tuple) else lasts[-1]
    return F.linear(h, params.W_o.T, params.b_o)


def torch_value_loss(params, xs, target):
    import torch.nn.functional as F

    return F.mse_loss(torch_last(params, xs), target)


def torch_label_loss(params, xs, labels):
    import torch.nn.functional as F

    return F.cross_entropy(torch_last(params, xs), labels.long())


def torch_next_loss(params, xs, labels, mask):
    import torch
    import torch.nn.functional as F

    states = stacked.zeros(params.layers, xs.shape[1])
    as_torch = lambda s: type(s)(*map(torch.tensor, s)) if isinstance(s, tuple) else torch.tensor(s)
    ys, _ = torch_readout(params, xs, tuple(map(as_torch, states)), mask)
    if not mask.any():
        return 0 * ys.sum()
    seen = torch.where(mask, labels.long(), -100)
    return F.cross_entropy(ys.flatten(0, 1), seen.flatten(), ignore_index=-100)


def initial(rng, layers, K, dtype):
    W_o = glorot(np.random.default_rng(rng.seed), len(layers[-1].W_h), K)
    return ReadoutParams(layers, W_o, np.zeros(K))


def weights(draw, D, K, *layers):
    return ReadoutParams(stacked.weights(draw, D, *layers), W_o=draw(layers[-1][1], K), b_o=draw(K))


def cases(draw, T=4, N=3, D=2, H=5, K=7):
    two = weights(draw, D, K, (gru, H + 1), (lstm, H))
    args = (two, draw(T, N, D), stacked.initial(draw, two.layers, N), some_mask(T, N))
    yield Case("readout", args, torch_readout, tolerance=RUN)
    xs, mask = draw(T, N, D), some_mask(T, N)
    for kind, name in ((rnn, "of rnn"), (gru, "of gru"), (lstm, "of lstm")):
        yield Case("readout_last", (weights(draw, D, K, (kind, H)), xs), torch_last, tolerance=RUN, name=name)
    yield Case("readout_last", (two, xs, mask), torch_last, tolerance=RUN, name="of two layers, unequal lengths")
    yield Case("readout_value_loss", (two, xs, draw(N, K)), torch_value_loss, tolerance=RUN)
    yield Case("readout_label_loss", (two, xs, draw.integers(K, N)), torch_label_loss, tolerance=RUN)
    args = (weights(draw, D, K, (rnn, H)), xs, draw.integers(K, T, N), mask)
    yield Case("readout_next_loss", args, torch_next_loss, tolerance=RUN)
    yield Case("readout_init", (Seed(5), two.layers, K), initial, {"dtype": "float64"}, grad=False)


def nasty(draw):
    for name, (T, N, D, H, K), scale in (
        ("all sizes one", (1, 1, 1, 1, 1), 1),
        ("fifty steps", (50, 2, 3, 4, 5), 1),
        ("huge inputs", (4, 2, 3, 5, 6), 1e4),
    ):
        params, mask = weights(draw, D, K, (gru, H)), some_mask(T, N)
        args = (params, scale * draw(T, N, D), draw.integers(K, T, N), mask)
        yield Case("readout_next_loss", args, torch_next_loss, tolerance=RUN, name=name)
    params, xs, labels = weights(draw, 3, 4, (lstm, 5)), draw(6, 3, 3), draw.integers(4, 6, 3)
    huge = params._replace(W_o=1e4 * params.W_o)
    mask = np.ones((6, 3), bool)
    mask[:, 1], mask[2:, 2] = False, False  # nothing but padding; padding behind
    yield Case("readout_next_loss", (huge, xs, labels, mask), torch_next_loss, tolerance=RUN, name="huge logits")
    yield Case("readout_next_loss", (params, xs, labels, mask & ~mask), torch_next_loss, name="of padding alone")
    one = np.arange(18).reshape(6, 3) == 7  # a single step counts
    yield Case("readout_next_loss", (params, xs, labels, one), torch_next_loss, tolerance=RUN, name="one step counts")
    for dtype in ("int8", "int16", "int32"):
        args = (params, xs, labels.astype(dtype), mask)
        yield Case("readout_next_loss", args, torch_next_loss, tolerance=RUN, name=f"labels of {dtype}")
        args = (params, xs, labels[0].astype(dtype))
        yield Case("readout_label_loss", args, torch_label_loss, tolerance=RUN, name=f"labels of {dtype}")
    yield Case("readout_last", (params, xs, mask), torch_last, tolerance=RUN, name="a sequence of padding alone")
    unread, name = spoilt(mask, xs), "padding that is not a number"
    yield Case("readout_last", (params, unread, mask), torch_last, tolerance=RUN, name=name)
    yield Case("readout_next_loss", (params, unread, labels, mask), torch_next_loss, tolerance=RUN, name=name)
    yield Case("readout_last", (params, xs[:, :0]), torch_last, tolerance=RUN, name="no sequences")
    args = (params, xs, stacked.initial(draw, params.layers, 3))
    yield Case("readout", args, torch_readout, tolerance=RUN, name="no mask")


def bad(draw):
    params, xs, mask = weights(draw, 3, 4, (gru, 5)), draw(4, 2, 3), np.ones((4, 2), bool)
    states, labels = (draw(2, 5),), draw.integers(4, 4, 2)
    yield Bad("readout", (params, xs[:0], states), r"xs has shape \(0, 2, 3\), expected .* T at least 1")
    yield Bad(
        "readout", (params._replace(W_o=draw(5, 3)), xs, states), r"params.b_o has shape \(4,\), expected .* K = 3"
    )
    yield Bad(
        "readout",
        (params, draw(4, 2, 7), states),
        r"xs has shape \(4, 2, 7\), expected .* D = 3, as in params.layers\[0\].W_x",
    )
    wrong = params._replace(W_o=draw(6, 4))
    yield Bad(
        "readout", (wrong, xs, states), r"params.W_o has shape \(6, 4\), expected .* H = 5, as in params.layers\[0\]"
    )
    yield Bad(
        "readout_last", (wrong, xs), r"params.W_o has shape \(6, 4\), expected .* H = 5, as in params.layers\[0\]"
    )
    yield Bad("readout_last", (params, xs, mask.T), r"mask has shape \(2, 4\), expected .* T = 4")
    yield Bad("readout_value_loss", (params, xs, draw(2, 3)), r"target has shape \(2, 3\), expected .* K = 4")
    yield Bad("readout_value_loss", (params, draw(4, 0, 3), draw(0, 4)), "N at least 1")
    yield Bad("readout_label_loss", (params, xs, np.array([0, 4])), r"labels holds 4 at \[1\]")
    wrong = np.where(np.arange(8).reshape(4, 2) == 5, -1, labels)
    yield Bad("readout_next_loss", (params, xs, wrong, mask), r"labels holds -1 at \[2, 1\]")
    yield Bad("readout_next_loss", (params, xs, labels.T, mask), r"labels has shape \(2, 4\), expected .* T = 4")


MUTANTS = [
    Mutant("stacked(params.layers, xs, states, mask)  # (1)\n    ys", "stacked(params.layers, xs, states)\n    ys",
           "The mask does not reach the layers: the state wanders on through the padding."),
    Mutant("    h = _output(lasts[-1])", "    h = hs[-1]",
           "The last output in place of the last state: zero for every sequence that is padded."),
    Mutant("    h = _output(lasts[-1])", "    h = np.sum(hs, axis=0)",
           "The sum of all outputs in place of the last one."),
    Mutant("np.tensordot(hs, params.W_o, 1) + params.b_o", "np.tensordot(hs, params.W_o, 1)", "No bias."),
    Mutant("h @ params.W_o + params.b_o", "h @ params.W_o", "No bias at the last step."),
    Mutant("masked_cross_entropy(ys, labels, mask)  # (6)\n    return",
           "masked_cross_entropy(ys, labels, mask | True)\n    return",
           "Padding counted in the loss: the net learns to predict padding."),
    Mutant("    return loss, (cache, loss_cache)\n\n\ndef readout_next",
           "    return loss * np.mean(mask), (cache, loss_cache)\n\n\ndef readout_next",
           "Divided by all steps, padding included: short sequences make the loss look small."),
    Mutant("masked_cross_entropy(ys, labels, mask)  # (6)\n    return",
           "masked_cross_entropy(ys, labels, mask.T.reshape(mask.shape))\n    return",
           "The mask read along the wrong axis: sequence by sequence, where time comes first."),
    Mutant("masked_cross_entropy(ys, labels, mask)  # (6)\n    return",
           "masked_cross_entropy(ys, labels.T.reshape(labels.shape), mask)\n    return",
           "Labels sequence by sequence, where time comes first."),
    Mutant("masked_cross_entropy(ys, labels, mask)  # (6)\n    return",
           "masked_cross_entropy(ys, np.roll(labels, 1, axis=0), mask)\n    return",
           "Targets off by one: every step is asked for the letter that it has just read."),
    Mutant("d_ys, *_ = losses.masked_cross_entropy_backward(loss, d_loss)  # through (6)",
           "d_ys = d_loss / loss.count * loss.mask[..., None] * np.exp(loss.log_p)",
           "The gradient without the target's -1 pushes all logits down alike."),
    Mutant("d_ys, *_ = losses.masked_cross_entropy_backward(loss, d_loss)  # through (6)",
           "d_ys, *_ = losses.masked_cross_entropy_backward(loss._replace(mask=loss.mask | True), d_loss)",
           "The mask in the value of the loss, but not in its gradient."),
    Mutant("(_zeros(hs), d_lasts)", "(_zeros(hs) + d_h, d_lasts)",
           "The last state alone is read: the outputs get no gradient from it."),
    Mutant("*below, top = map(_zeros, lasts)", "*below, top = lasts",
           "States in place of their gradients: what is not read has the gradient 0."),
    Mutant("outer_sum(hs, d_ys)", "outer_sum(hs[-1], d_ys[-1])", "W_o acts at every step, not only the last."),
    Mutant("row_sum(d_ys)", "np.sum(d_ys, axis=0)[0]",
           "The bias's gradient summed over the steps, but not over the sequences."),
    Mutant("(d_hs, d_lasts))  # through (1)", "(0 * d_hs, d_lasts))",
           "The layers learn from their last states alone: what the outputs ask of them is dropped."),
]  # fmt: skip
