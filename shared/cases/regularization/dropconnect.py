"""Oracle: torch.einsum with the same masks, in float64; for the evaluation, torch's Normal with the variance summed
connection by connection."""

from itertools import pairwise

import numpy as np

from numpy_impl.regularization.dropconnect import DropConnectMasks, DropConnectMLPParams, DropConnectParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "D": 1, "H": 1}


def torch_dropconnect(params, x, masks, *, keep, inverted):
    import torch

    one_mask = masks.b.ndim == 1
    masked = torch.where(masks.W, params.W, torch.zeros_like(params.W))
    u = torch.einsum("ij,ni->nj" if one_mask else "nij,ni->nj", masked, x)
    u = u + params.b.masked_fill(~masks.b, 0)
    return u if not inverted else u / keep if keep else 0 * u


def torch_eval(params, x, normals, *, keep, activation="relu"):
    import torch
    import torch.nn.functional as F

    parts = torch.cat([x[:, :, None] * params.W, params.b.expand(len(x), 1, -1)], dim=1)
    kept = torch.distributions.Bernoulli(torch.tensor(keep, dtype=x.dtype))
    u = kept.mean * parts.sum(dim=1) + torch.sqrt(kept.variance * (parts**2).sum(dim=1)) * normals
    named = {"tanh": torch.tanh, "relu": F.relu, "sigmoid": torch.sigmoid}
    return named[activation](u).mean(dim=0)


def torch_mlp(params, x, masks, *, keep, inverted):
    import torch.nn.functional as F

    v = F.relu(F.linear(x, params.W_g.T, params.b_g))
    u = torch_dropconnect(DropConnectParams(params.W, params.b), v, masks, keep=keep, inverted=inverted)
    return F.linear(F.relu(u), params.W_s.T, params.b_s)


def torch_mlp_eval(params, x, normals, *, keep):
    import torch
    import torch.nn.functional as F

    params = DropConnectMLPParams(*map(torch.tensor, params))
    v = F.relu(F.linear(torch.tensor(x), params.W_g.T, params.b_g))
    r = torch_eval(DropConnectParams(params.W, params.b), v, torch.tensor(normals), keep=keep)
    return F.linear(r, params.W_s.T, params.b_s)


def torch_loss(params, x, labels, masks, *, keep, inverted):
    import torch.nn.functional as F

    return F.cross_entropy(torch_mlp(params, x, masks, keep=keep, inverted=inverted), labels)


def on_arrays(oracle):
    """A case without gradient hands NumPy arrays to its oracle."""

    def call(params, *args, **static):
        import torch

        return oracle(type(params)(*map(torch.tensor, params)), *map(torch.tensor, args), **static)

    return call


def initial(rng, *sizes, dtype):
    generator = np.random.default_rng(rng.seed)
    weights = [generator.uniform(-((6 / a) ** 0.5), (6 / a) ** 0.5, (a, b)) for a, b in pairwise(sizes)]
    return DropConnectMLPParams(*(x for W in weights for x in (W, np.zeros(W.shape[1]))))


def kept(u, *, keep):
    return ~(u >= keep)


def masks(draw, *batch, D, H, keep=0.6):
    return DropConnectMasks(W=draw.uniform(*batch, D, H) < keep, b=draw.uniform(*batch, H) < keep)


def network(draw, D, F, H, K):
    return DropConnectMLPParams(draw(D, F), draw(F), draw(F, H), draw(H), draw(H, K), draw(K))


def cases(draw, N=4, D=3, H=5):
    params, x = DropConnectParams(W=draw(D, H), b=draw(H)), draw(N, D)
    for inverted in (False, True):
        static = {"keep": 0.6, "inverted": inverted}
        for name, batch in (("for each example", (N,)), ("for the batch", ())):
            label = f"masks {name}" + ", inverted" * inverted
            args = (params, x, masks(draw, *batch, D=D, H=H))
            yield Case("dropconnect", args, torch_dropconnect, static, name=label)
    for activation in ("relu", "tanh"):
        args, static = (params, x, draw(7, N, H)), {"keep": 0.6, "activation": activation}
        yield Case("dropconnect_eval", args, on_arrays(torch_eval), static, grad=False, name=activation)
    yield Case("dropconnect_mask", (draw.uniform(N, D),), kept, {"keep": 0.3}, grad=False)
    net, x = network(draw, D, H, H + 1, 6), draw(N + 1, D)
    own, one = masks(draw, N + 1, D=H, H=H + 1), masks(draw, D=H, H=H + 1)
    yield Case("dropconnect_mlp", (net, x, own), torch_mlp, {"keep": 0.6, "inverted": False})
    args = (net, x, draw.integers(6, N + 1), own)
    yield Case("dropconnect_mlp_loss", args, torch_loss, {"keep": 0.6, "inverted": False})
    args = (net, x, draw.integers(6, N + 1), one)
    yield Case("dropconnect_mlp_loss", args, torch_loss, {"keep": 0.6, "inverted": True}, name="weight drop")
    args = (net, x, draw(3, N + 1, H + 1))
    yield Case("dropconnect_mlp_eval", args, torch_mlp_eval, {"keep": 0.6}, grad=False)
    args, static = (Seed(4), D, H, H + 1, 6), {"dtype": "float64"}
    yield Case("dropconnect_mlp_init", args, initial, static, grad=False)


def nasty(draw):
    params, x = DropConnectParams(W=draw(3, 5), b=draw(5)), draw(2, 3)
    for keep in (0.0, 1.0):
        args = (params, x, draw(4, 2, 5))
        yield Case("dropconnect_eval", args, on_arrays(torch_eval), {"keep": keep}, grad=False, name=f"keep = {keep}")
        args = (params, x, DropConnectMasks(*(np.full(shape, bool(keep)) for shape in ((2, 3, 5), (2, 5)))))
        static = {"keep": keep, "inverted": True}
        yield Case("dropconnect", args, torch_dropconnect, static, name=f"keep = {keep}")
    args = (DropConnectParams(draw(3, 5), np.zeros(5)), np.zeros((2, 3)), draw(4, 2, 5))
    yield Case("dropconnect_eval", args, on_arrays(torch_eval), {"keep": 0.5}, grad=False, name="no variance")
    args = (DropConnectParams(draw(1, 1), draw(1)), draw(1, 1), masks(draw, 1, D=1, H=1))
    yield Case("dropconnect", args, torch_dropconnect, {"keep": 0.5, "inverted": False}, name="all sizes one")
    edges = np.array([0.0, 0.25, 0.75, np.nextafter(1, 0)])
    for keep in (0.0, 0.25, 0.75, 1.0):
        yield Case("dropconnect_mask", (edges,), kept, {"keep": keep}, grad=False, name=f"edges, keep = {keep}")


def bad(draw):
    params, x, some = DropConnectParams(W=draw(3, 5), b=draw(5)), draw(2, 3), masks(draw, 2, D=3, H=5)
    yield Bad("dropconnect", (params, x, some), r"keep is 1.5, expected in \[0, 1\]", {"keep": 1.5})
    yield Bad("dropconnect_mask", (draw(2),), r"keep is -1, expected in \[0, 1\]", {"keep": -1})
    yield Bad("dropconnect", (params, draw(2, 4), some), r"x has shape \(2, 4\), .* D_in = 3, as in params.W")
    yield Bad("dropconnect", (params, x, some._replace(b=some.b[:1])), "masks.b has shape")
    few = DropConnectMasks(some.W[:1], some.b[:1])
    yield Bad("dropconnect", (params, x, few), r"masks.b has shape \(1, 5\), expected one mask for the batch or 2")
    yield Bad("dropconnect", (params, x, some._replace(W=some.W[:, :, :4])), r"masks.W has shape \(2, 3, 4\)")
    whole = some._replace(W=some.W.astype("float64"))
    yield Bad("dropconnect", (params, x, whole), "masks.W has dtype float64, expected bool")
    yield Bad("dropconnect_eval", (params, x, draw(0, 2, 5)), r"normals has shape \(0, 2, 5\), .* Z at least 1")
    yield Bad("dropconnect_eval", (params, x, draw(4, 3, 5)), "normals has shape .* N = 2, as in x")
    yield Bad("dropconnect_eval", (params, x, draw(4, 2, 5)), "activation is 'step'", {"activation": "step"})
    net, labels = network(draw, 3, 4, 5, 6), np.array([0, 6])
    yield Bad("dropconnect_mlp", (net, x, some), r"masks has shape \(2, 3, 5\), expected \(2, 4, 5\)")
    yield Bad("dropconnect_mlp_loss", (net, x, labels, masks(draw, 2, D=4, H=5)), r"labels holds 6 at \[1\]")
    yield Bad("dropconnect_mlp_loss", (net, x[:0], labels[:0], masks(draw, 0, D=4, H=5)), "N at least 1")


MUTANTS = [
    Mutant("scale = 1.0 if not inverted else 1 / keep if keep > 0 else 0.0",
           "scale = 1 / keep if keep > 0 else 0.0",
           "Rescaled in training as well as in evaluation: the paper's evaluation already has the factor p."),
    Mutant("scale = 1.0 if not inverted else 1 / keep", "scale = 1.0 if not inverted else 1 / (1 - keep)",
           "p taken for the probability to drop: library functions for dropout mean that."),
    Mutant("W, b = masks.W * params.W, masks.b * params.b", "W, b = masks.W * params.W, params.b",
           "Biases left alone: in the paper they are masked like weights."),
    Mutant("W, b = masks.W * params.W, masks.b * params.b",
           "W, b = masks.W[..., :1] * params.W, masks.b * params.b",
           "One decision for all connections of an input: that is dropout of the inputs."),
    Mutant("(x[:, None] @ W)[:, 0]", "x @ W[0]",
           "The first example's mask for the whole batch: the noise of the examples no longer averages out."),
    Mutant('d_W = np.einsum("nij,ni,nj->ij", masks.W, x, d_u)', "d_W = x.T @ d_u",
           "The gradient reaches weights that were switched off, and had no part in the loss."),
    Mutant('d_W = np.einsum("nij,ni,nj->ij", masks.W, x, d_u)', "d_W = np.mean(masks.W, axis=0) * (x.T @ d_u)",
           "Masks averaged before they meet their examples."),
    Mutant("DropConnectParams(masks.W * (x.T @ d_u), d_b)", "DropConnectParams(x.T @ d_u, d_b)",
           "The mask forgotten on the way back."),
    Mutant("d_b = np.sum(masks.b * d_u, axis=0)", "d_b = np.sum(d_u, axis=0)",
           "The biases' mask forgotten on the way back."),
    Mutant("    d_u = scale * d_u\n", "    d_u = np.asarray(d_u)\n",
           "The factor 1 / p forgotten on the way back."),
    Mutant("mean = keep * (x @ params.W + params.b)", "mean = x @ params.W + params.b",
           "The mean of masked weights is p W, not W: evaluation meets sums twice as large as training (p = 0.5)."),
    Mutant("mean = keep * (x @ params.W + params.b)", "mean = keep * (x @ params.W) + params.b",
           "The biases were masked in training and are whole in evaluation."),
    Mutant("keep * (1 - keep) * ((x * x)", "keep * (1 - keep) ** 2 * ((x * x)",
           "Not a Bernoulli variable's variance, which is p (1 - p)."),
    Mutant("(x * x) @ (params.W * params.W)", "(x @ params.W) ** 2",
           "The square of a sum instead of the sum of squares."),
    Mutant("np.sqrt(variance) * normals", "variance * normals", "The variance in place of the standard deviation."),
    Mutant("np.mean(getattr(activations, activation)(mean + np.sqrt(variance) * normals), axis=0)",
           "getattr(activations, activation)(mean + 0 * normals[0])",
           "Dropout's short cut, the activation of the mean: the paper found sampling to be better."),
    Mutant("np.mean(getattr(activations, activation)(mean + np.sqrt(variance) * normals), axis=0)",
           "getattr(activations, activation)(np.mean(mean + np.sqrt(variance) * normals, axis=0))",
           "The activation of the mean instead of the mean of the activation."),
    Mutant("return u < keep", "return u >= keep", "A mask of what to drop."),
]  # fmt: skip
