"""Oracle: torch.nn.functional around the layer of dropconnect's own oracle, in float64."""

from itertools import pairwise

import numpy as np

from numpy_impl.regularization.dropconnect import DropConnectParams
from numpy_impl.regularization.dropconnect_mlp import DropConnectMLPParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.regularization.dropconnect import masks, torch_dropconnect, torch_eval

SMALLEST = {"N": 0, "D": 1, "H": 1}


def torch_mlp(params, x, masks, *, p=0.5, inverted=False):
    import torch.nn.functional as F

    v = F.relu(F.linear(x, params.W_g.T, params.b_g))
    u = torch_dropconnect(DropConnectParams(params.W, params.b), v, masks, p=p, inverted=inverted)
    return F.linear(F.relu(u), params.W_o.T, params.b_o)


def torch_mlp_eval(params, x, normals, *, p=0.5):
    import torch
    import torch.nn.functional as F

    params = DropConnectMLPParams(*map(torch.tensor, params))
    v = F.relu(F.linear(torch.tensor(x), params.W_g.T, params.b_g))
    r = torch_eval(DropConnectParams(params.W, params.b), v, torch.tensor(normals), p=p)
    return F.linear(r, params.W_o.T, params.b_o)


def torch_loss(params, x, labels, masks, *, p, inverted):
    import torch.nn.functional as F

    return F.cross_entropy(torch_mlp(params, x, masks, p=p, inverted=inverted), labels)


def initial(rng, *sizes, dtype):
    generator = np.random.default_rng(rng.seed)
    weights = [generator.uniform(-((6 / a) ** 0.5), (6 / a) ** 0.5, (a, b)) for a, b in pairwise(sizes)]
    return DropConnectMLPParams(*(x for W in weights for x in (W, np.zeros(W.shape[1]))))


def network(draw, D, F, H, K):
    return DropConnectMLPParams(draw(D, F), draw(F), draw(F, H), draw(H), draw(H, K), draw(K))


def cases(draw, N=4, D=3, H=5):
    net, x = network(draw, D, H, H + 1, 6), draw(N + 1, D)
    own, one = masks(draw, N + 1, D=H, H=H + 1), masks(draw, D=H, H=H + 1)
    yield Case("dropconnect_mlp", (net, x, own), torch_mlp, {"p": 0.4, "inverted": False})
    args = (net, x, draw.integers(6, N + 1), own)
    yield Case("dropconnect_mlp_loss", args, torch_loss, {"p": 0.4, "inverted": False})
    args = (net, x, draw.integers(6, N + 1), one)
    yield Case("dropconnect_mlp_loss", args, torch_loss, {"p": 0.4, "inverted": True}, name="weight drop")
    args = (net, x, draw(3, N + 1, H + 1))
    yield Case("dropconnect_mlp_eval", args, torch_mlp_eval, {"p": 0.4}, grad=False)
    args, static = (Seed(4), D, H, H + 1, 6), {"dtype": "float64"}
    yield Case("dropconnect_mlp_init", args, initial, static, grad=False)


def nasty(draw):
    net, x = network(draw, 3, 4, 5, 6), draw(3, 3)
    off = masks(draw, 3, D=4, H=5, p=1.0)
    args = (net, x, np.array([0, 5, 2]), off)
    yield Case("dropconnect_mlp_loss", args, torch_loss, {"p": 1.0, "inverted": True}, name="every weight dropped")
    args = (network(draw, 1, 1, 1, 1), draw(1, 1), np.array([0]), masks(draw, 1, D=1, H=1, p=0.0))
    yield Case("dropconnect_mlp_loss", args, torch_loss, {"p": 0.5, "inverted": False}, name="all sizes one")
    on = masks(draw, 3, D=4, H=5)
    yield Case("dropconnect_mlp", (net, x, on), torch_mlp, {"inverted": True}, name="inverted, p as it is")
    yield Case("dropconnect_mlp_eval", (net, x, draw(2, 3, 5)), torch_mlp_eval, grad=False, name="p as it is")


def bad(draw):
    x, some = draw(2, 3), masks(draw, 2, D=3, H=5)
    net, labels = network(draw, 3, 4, 5, 6), np.array([0, 6])
    yield Bad("dropconnect_mlp", (net, x, some), r"masks.W has shape \(2, 3, 5\), expected .* D_in = 4")
    yield Bad("dropconnect_mlp_loss", (net, x, labels, masks(draw, 2, D=4, H=5)), r"labels holds 6 at \[1\]")
    yield Bad("dropconnect_mlp_loss", (net, x[:0], labels[:0], masks(draw, 0, D=4, H=5)), "N at least 1")
    static = {"p": -0.5}
    yield Bad("dropconnect_mlp", (net, x, masks(draw, 2, D=4, H=5)), r"p is -0.5, expected in \[0, 1\]", static)
    yield Bad("dropconnect_mlp_eval", (net, x, draw(0, 2, 5)), r"normals has shape \(0, 2, 5\), .* Z at least 1")
    yield Bad("dropconnect_mlp_eval", (net, x, draw(4, 2, 6)), r"normals has shape \(4, 2, 6\), .* H = 5")


MUTANTS = [
    Mutant("h = relu(u)  # (4)", "h = u  # (4)", "Without an activation two affine layers are one."),
    Mutant("v, masks, p=p, inverted=inverted)", "v, masks, p=p)", "The keyword is not passed on: never rescaled."),
    Mutant("d_u = relu_backward(d_h, u, h)", "d_u = d_h", "The activation's derivative left out."),
    Mutant("d_z = relu_backward(d_v, z, v)", "d_z = d_v",
           "The features' activation left out on the way back: dead units learn."),
    Mutant("d_W_g, d_b_g = x.T @ d_z,", "d_W_g, d_b_g = x.T @ d_z / len(x),", "Divided by N twice."),
    Mutant("d_b_g = x.T @ d_z, np.sum(d_z, axis=0)", "d_b_g = x.T @ d_z, np.sum(d_z, axis=1)[: d_z.shape[1]]",
           "The wrong axis: features summed instead of examples."),
    Mutant("d_W_o, d_b_o = h.T @ d_logits", "d_W_o, d_b_o = u.T @ d_logits",
           "The sums in place of the units' values: what relu had cut off takes part again."),
    Mutant("d_h = d_logits @ params.W_o.T", "d_h = d_logits @ np.abs(params.W_o.T)",
           "The gradient for the hidden units carries the signs of the weights."),
    Mutant("v, normals, p=p)  # (5)", "v, 0 * normals, p=p)  # (5)",
           "Dropout's short cut, the activation of the mean: the paper found sampling to be better."),
]  # fmt: skip
