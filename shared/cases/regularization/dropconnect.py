"""Oracle: torch.einsum with the same masks, in float64; for the evaluation, torch's Normal with the variance summed
connection by connection."""

import numpy as np

from numpy_impl.regularization.dropconnect import DropConnectMasks, DropConnectParams
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "D": 1, "H": 1}


def torch_dropconnect(params, x, masks, *, p, inverted):
    import torch

    one_mask = masks.b.ndim == 1
    masked = torch.where(masks.W, params.W, torch.zeros_like(params.W))
    u = torch.einsum("ij,ni->nj" if one_mask else "nij,ni->nj", masked, x)
    u = u + params.b.masked_fill(~masks.b, 0)
    return u if not inverted else u / (1 - p) if p < 1 else 0 * u


def torch_eval(params, x, normals, *, p, activation="relu"):
    import torch
    import torch.nn.functional as F

    parts = torch.cat([x[:, :, None] * params.W, params.b.expand(len(x), 1, -1)], dim=1)
    kept = torch.distributions.Bernoulli(torch.tensor(1 - p, dtype=x.dtype))
    u = kept.mean * parts.sum(dim=1) + torch.sqrt(kept.variance * (parts**2).sum(dim=1)) * normals
    named = {"tanh": torch.tanh, "relu": F.relu, "sigmoid": torch.sigmoid}
    return named[activation](u).mean(dim=0)


def on_arrays(oracle):
    """A case without gradient hands NumPy arrays to its oracle."""

    def call(params, *args, **static):
        import torch

        return oracle(type(params)(*map(torch.tensor, params)), *map(torch.tensor, args), **static)

    return call


def kept(u, *, p=0.5):
    return ~(u >= 1 - p)


def masks(draw, *batch, D, H, p=0.4):
    return DropConnectMasks(W=draw.uniform(*batch, D, H) < 1 - p, b=draw.uniform(*batch, H) < 1 - p)


def cases(draw, N=4, D=3, H=5):
    params, x = DropConnectParams(W=draw(D, H), b=draw(H)), draw(N, D)
    for inverted in (False, True):
        static = {"p": 0.4, "inverted": inverted}
        for name, batch in (("for each example", (N,)), ("for the batch", ())):
            label = f"masks {name}" + ", inverted" * inverted
            args = (params, x, masks(draw, *batch, D=D, H=H))
            yield Case("dropconnect", args, torch_dropconnect, static, name=label)
    for activation in ("relu", "tanh"):
        args, static = (params, x, draw(7, N, H)), {"p": 0.4, "activation": activation}
        yield Case("dropconnect_eval", args, on_arrays(torch_eval), static, grad=False, name=activation)
    yield Case("dropconnect_mask", (draw.uniform(N, D),), kept, {"p": 0.7}, grad=False)


def nasty(draw):
    params, x = DropConnectParams(W=draw(3, 5), b=draw(5)), draw(2, 3)
    for p in (1.0, 0.0):
        args = (params, x, draw(4, 2, 5))
        yield Case("dropconnect_eval", args, on_arrays(torch_eval), {"p": p}, grad=False, name=f"p = {p}")
        args = (params, x, DropConnectMasks(*(np.full(shape, p == 0) for shape in ((2, 3, 5), (2, 5)))))
        yield Case("dropconnect", args, torch_dropconnect, {"p": p, "inverted": True}, name=f"p = {p}")
    args = (DropConnectParams(draw(3, 5), np.zeros(5)), np.zeros((2, 3)), draw(4, 2, 5))
    yield Case("dropconnect_eval", args, on_arrays(torch_eval), {"p": 0.5}, grad=False, name="no variance")
    args = (DropConnectParams(draw(1, 1), draw(1)), draw(1, 1), masks(draw, 1, D=1, H=1))
    yield Case("dropconnect", args, torch_dropconnect, {"p": 0.5, "inverted": False}, name="all sizes one")
    edges = np.array([0.0, 0.25, 0.75, np.nextafter(1, 0)])
    for p in (1.0, 0.75, 0.25, 0.0):
        yield Case("dropconnect_mask", (edges,), kept, {"p": p}, grad=False, name=f"edges, p = {p}")
    yield Case("dropconnect_mask", (draw.uniform(3, 4),), kept, grad=False, name="p as it is")


def bad(draw):
    params, x, some = DropConnectParams(W=draw(3, 5), b=draw(5)), draw(2, 3), masks(draw, 2, D=3, H=5)
    yield Bad("dropconnect", (params, x, some), r"p is 1.5, expected in \[0, 1\]", {"p": 1.5})
    yield Bad("dropconnect_mask", (draw(2),), r"p is -1, expected in \[0, 1\]", {"p": -1})
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


MUTANTS = [
    Mutant("scale = 1.0 if not inverted else 1 / (1 - p) if p < 1 else 0.0", "scale = 1 / (1 - p) if p < 1 else 0.0",
           "Rescaled in training as well as in evaluation: the paper's evaluation already has the factor 1 - p."),
    Mutant("scale = 1.0 if not inverted else 1 / (1 - p) if p < 1", "scale = 1.0 if not inverted else 1 / p if p > 0",
           "p taken for the probability to keep, as the paper means it."),
    Mutant("masks.W * params.W, masks.b * params.b", "masks.W * params.W, params.b",
           "Biases left alone: in the paper they are masked like weights."),
    Mutant("masks.W * params.W, masks.b * params.b", "masks.W[..., :1] * params.W, masks.b * params.b",
           "One decision for all connections of an input: that is dropout of the inputs."),
    Mutant("(x[:, None] @ kept_W)[:, 0]", "x @ kept_W[0]",
           "The first example's mask for the whole batch: the noise of the examples no longer averages out."),
    Mutant('d_W = np.einsum("nij,ni,nj->ij", masks.W, x, d_total)', "d_W = x.T @ d_total",
           "The gradient reaches weights that were switched off, and had no part in the loss."),
    Mutant('d_W = np.einsum("nij,ni,nj->ij", masks.W, x, d_total)',
           "d_W = np.mean(masks.W, axis=0) * (x.T @ d_total)",
           "Masks averaged before they meet their examples."),
    Mutant("d_W = masks.W * (x.T @ d_total)", "d_W = x.T @ d_total", "The mask forgotten on the way back."),
    Mutant("d_b = np.sum(masks.b * d_total, axis=0)", "d_b = np.sum(d_total, axis=0)",
           "The biases' mask forgotten on the way back."),
    Mutant("d_b = np.sum(masks.b * d_total, axis=0)", "d_b = np.sum(masks.b * d_total, axis=1)[: masks.b.shape[-1]]",
           "The wrong axis: units summed instead of examples."),
    Mutant("d_total = scale * d_y", "d_total = np.asarray(d_y)", "The factor 1 / (1 - p) forgotten on the way back."),
    Mutant("mean = (1 - p) * (x @ params.W + params.b)", "mean = x @ params.W + params.b",
           "The mean of masked weights is (1 - p) W, not W: for p = 0.5, evaluation meets sums twice as large."),
    Mutant("mean = (1 - p) * (x @ params.W + params.b)", "mean = (1 - p) * (x @ params.W) + params.b",
           "The biases were masked in training and are whole in evaluation."),
    Mutant("p * (1 - p) * ((x * x)", "p**2 * (1 - p) * ((x * x)",
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
    Mutant("mask = u < 1 - p", "mask = u >= 1 - p", "A mask of what to drop."),
    Mutant("mask = u < 1 - p", "mask = u < p", "p taken for the probability to keep."),
]  # fmt: skip
