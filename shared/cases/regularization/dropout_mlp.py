"""Oracle: torch.nn.functional's layers and the same masks, in float64."""

from itertools import pairwise

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from shared.cases import Bad, Case, Mutant
from shared.cases.regularization.dropout import mask, torch_dropout

SMALLEST = {"N": 1, "D": 1, "H": 1, "K": 1}


def torch_mlp(params, x, masks, *, p_input=0.2, p=0.5):
    import torch.nn.functional as F

    x = torch_dropout(x, masks[0], p=p_input)
    for layer, drop in zip(params, masks[1:], strict=False):
        x = torch_dropout(F.relu(F.linear(x, layer.W.T, layer.b)), drop, p=p)
    return F.linear(x, params[-1].W.T, params[-1].b)


def torch_loss(params, x, labels, masks, *, p_input=0.2, p=0.5):
    import torch.nn.functional as F

    return F.cross_entropy(torch_mlp(params, x, masks, p_input=p_input, p=p), labels)


def network(draw, N, D, H, K):
    sizes = (D, H, H + 1, K)
    params = tuple(MLPLayer(draw(a, b), draw(b)) for a, b in pairwise(sizes))
    return params, draw(N, D), draw.integers(K, N), tuple(mask(draw, N, size) for size in sizes[:-1])


def cases(draw, N=6, D=4, H=5, K=3):
    params, x, labels, masks = network(draw, N, D, H, K)
    yield Case("dropout_mlp", (params, x, masks), torch_mlp, {"p_input": 0.1, "p": 0.4})
    yield Case("dropout_mlp_loss", (params, x, labels, masks), torch_loss, {"p_input": 0.1, "p": 0.4})


def nasty(draw):
    params, x, labels, masks = network(draw, 5, 3, 4, 3)
    for name, p_input, p in (("every hidden unit dropped", 0.0, 1.0), ("no dropout", 0.0, 0.0)):
        keep = tuple(np.full(m.shape, True) for m in masks)
        static = {"p_input": p_input, "p": p}
        yield Case("dropout_mlp_loss", (params, x, labels, keep), torch_loss, static, name=name)
    one = (MLPLayer(draw(1, 1), draw(1)),)
    args = (one, draw(1, 1), np.array([0]), (np.array([[True]]),))
    yield Case("dropout_mlp_loss", args, torch_loss, {"p_input": 0.5, "p": 0.5}, name="no hidden layer, sizes one")
    yield Case("dropout_mlp", (params, x, masks), torch_mlp, name="p as it is")
    yield Case("dropout_mlp_loss", (params, x, labels, masks), torch_loss, name="p as it is")


def bad(draw):
    params, x, labels, masks = network(draw, 5, 3, 4, 3)
    yield Bad("dropout_mlp", (params, x, masks[:2]), r"masks is a tuple of 2, expected 3")
    yield Bad("dropout_mlp", (params, x, masks), r"p_input is -1, expected in \[0, 1\]", {"p_input": -1})
    wrong = (masks[0], masks[1][:, :2], masks[2])
    yield Bad(
        "dropout_mlp", (params, x, wrong), r"masks\[1\] has shape \(5, 2\), expected \(5, 4\), as x and params\[1\]"
    )
    wrong = (masks[0][:4], *masks[1:])
    yield Bad("dropout_mlp", (params, x, wrong), r"masks\[0\] has shape \(4, 3\), expected \(5, 3\), as x and")
    yield Bad(
        "dropout_mlp", (params, draw(5, 2), masks), r"x has shape \(5, 2\), expected .* D = 3, as in params\[0\].W"
    )
    yield Bad("dropout_mlp_loss", (params, x, labels + 1, masks), r"labels holds 3 at")
    yield Bad("dropout_mlp_loss", (params, x, labels[:4], masks), r"labels has shape \(4,\), expected .* N = 5")
    nobody = tuple(m[:0] for m in masks)
    yield Bad("dropout_mlp_loss", (params, x[:0], labels[:0], nobody), "x has shape .* N at least 1")


MUTANTS = [
    Mutant("a, drop_cache = dropout(h, mask, p=p)", "a, drop_cache = dropout(h, mask, p=p_input)",
           "The hidden units dropped as rarely as the inputs."),
    Mutant("a, drop_cache = dropout(h, mask, p=p)  # (4)",
           "a, drop_cache = dropout(h, np.broadcast_to(mask[:1], h.shape), p=p)  # (4)",
           "One mask for the whole batch: every example switches off the same units."),
    Mutant("a, drop_cache = dropout(x, masks[0], p=p_input)", "a, drop_cache = dropout(x, masks[0], p=0.0)",
           "Inputs that are kept are not scaled: in evaluation the first layer gets larger sums than in training."),
    Mutant("d_h, _ = dropout_backward(drop_cache, d_a)", "d_h = d_a",
           "Dropout left out on the way back: units that were off learn from an output they had no part in."),
    Mutant("hs, drops[1:], strict=True", "hs, [*drops[2:], drops[-1]], strict=True",
           "The mask of the layer above used again on the way back."),
    Mutant("W=a_in.T @ d_z", "W=h.T @ d_z",
           "The weights' gradient from what the layer gave instead of from what it got."),
    Mutant("b=np.sum(d_z, axis=0)", "b=np.sum(d_z, axis=1)[: d_z.shape[1]]",
           "The wrong axis: units summed instead of examples."),
    Mutant("d_x, _ = dropout_backward(drops[0], d_a)", "d_x = d_a",
           "The inputs' mask forgotten on the way back: pixels that were off get a gradient."),
]  # fmt: skip
