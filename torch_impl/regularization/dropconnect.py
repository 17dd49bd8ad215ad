"""DropConnect: in every training step, a random part of the weights is switched off; and a network trained so.

    m = 1 where u < p, else 0                              (1)   u ~ U[0, 1): a weight is kept with probability p
    u_n = s (x_n (M_n ⊙ W) + m_n ⊙ b)                      (2)   s = 1; inverted: s = 1 / p, or 0 if p = 0
    μ = p (x W + b)                                        (3)   evaluation: mean and variance of u over all masks
    σ² = p (1 - p) ((x ⊙ x) (W ⊙ W) + b ⊙ b)               (4)
    r = 1/Z Σ_z φ(μ + σ ⊙ ε_z)                             (5)   φ: any of activations; ε_z ~ N(0, 1)
    v = relu(x W_g + b_g)                                  (6)   the network: features,
    r = relu(u)                                            (7)   a layer with DropConnect; in evaluation (5),
    z = r W_s + b_s                                        (8)   and logits
    loss = -1/N Σ_n log softmax(z)_label(n)                (9)

Shapes: x (N, D_in), W (D_in, D_out), b (D_out,); masks (N, D_in, D_out) and (N, D_out), boolean, one for each
    example, or (D_in, D_out) and (D_out,), one for the whole batch; normals ε (Z, N, D_out). The network: x (N, D),
    features (N, F), hidden units (N, H), labels (N,) integers from 0 to K-1.

Units: the loss is in nats per example.

Variant: p (keep) is the probability to keep, as in the paper; in dropout it is the probability to drop. The paper's
    training has a mask for each example, masks the biases too and rescales nothing; its evaluation replaces the
    distribution of u by a Gaussian of the same moments, unit by unit, and has no gradient here. inverted=True, with
    one mask for the batch, is what is known as weight drop: evaluation then is x W + b. keep has no part in
    training unless inverted.

Raises: ValueError if shapes or dtypes disagree, if keep is outside [0, 1], if there are no normals, if a loss has no
    examples, if a label is negative or at least K, or if the activation is unknown.

Reference: Wan, Zeiler, Zhang, LeCun & Fergus, "Regularization of neural networks using DropConnect", ICML 2013,
    Algorithms 1 and 2; Merity, Keskar & Socher 2017, arXiv:1708.02182, for weight drop.
"""

from typing import Annotated, NamedTuple

import torch
from torch import Tensor as Array
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

from shared.support.shapes import Below, Rate, checked
from torch_impl import activations, losses
from torch_impl.activations import relu
from torch_impl.initializers import he_uniform
from torch_impl.intro.mlp import ACTIVATIONS


class DropConnectParams(NamedTuple):
    W: Float[Array, "D_in D_out"]
    b: Float[Array, "D_out"]


class DropConnectMasks(NamedTuple):
    W: Bool[Array, "*batch D_in D_out"]
    b: Bool[Array, "*batch D_out"]


class DropConnectMLPParams(NamedTuple):
    W_g: Float[Array, "D F"]
    b_g: Float[Array, "F"]
    W: Float[Array, "F H"]
    b: Float[Array, "H"]
    W_s: Float[Array, "H K"]
    b_s: Float[Array, "K"]


def dropconnect_mlp_init(
    rng: Generator, n_inputs: int, n_features: int, n_hidden: int, n_classes: int, *, dtype: str = "float32"
) -> DropConnectMLPParams:
    W_g, W = (he_uniform(rng, n, dtype=dtype) for n in ((n_inputs, n_features), (n_features, n_hidden)))
    W_s = he_uniform(rng, (n_hidden, n_classes), dtype=dtype)
    kind = {"dtype": getattr(torch, dtype)}
    b_g, b, b_s = (torch.zeros(n, **kind) for n in (n_features, n_hidden, n_classes))
    return DropConnectMLPParams(W_g, b_g, W, b, W_s, b_s)


@checked
def dropconnect_mask(u: Float[Array, "*shape"], *, keep: Rate = 0.5) -> Bool[Array, "*shape"]:
    return u < keep  # (1)


@checked
def dropconnect(
    params: DropConnectParams,
    x: Float[Array, "N D_in"],
    masks: DropConnectMasks,
    *,
    keep: Rate = 0.5,
    inverted: bool = False,
) -> Float[Array, "N D_out"]:
    _check(params.W, x, masks)
    scale = 1.0 if not inverted else 1 / keep if keep > 0 else 0.0
    W, b = masks.W * params.W, masks.b * params.b
    xW = x @ W if W.ndim == 2 else (x[:, None] @ W)[:, 0]
    return scale * (xW + b)  # (2)


@checked(Z=1)
def dropconnect_eval(
    params: DropConnectParams,
    x: Float[Array, "N D_in"],
    normals: Float[Array, "Z N D_out"],
    *,
    keep: Rate = 0.5,
    activation: str = "relu",
) -> Float[Array, "N D_out"]:
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
    mean = keep * (x @ params.W + params.b)  # (3)
    variance = keep * (1 - keep) * ((x * x) @ (params.W * params.W) + params.b * params.b)  # (4)
    return torch.mean(getattr(activations, activation)(mean + torch.sqrt(variance) * normals), dim=0)  # (5)


@checked
def dropconnect_mlp(
    params: DropConnectMLPParams,
    x: Float[Array, "N D"],
    masks: DropConnectMasks,
    *,
    keep: Rate = 0.5,
    inverted: bool = False,
) -> Float[Array, "N K"]:
    _check(params.W, x, masks)
    v = relu(x @ params.W_g + params.b_g)  # (6)
    u = dropconnect(DropConnectParams(params.W, params.b), v, masks, keep=keep, inverted=inverted)
    r = relu(u)  # (7)
    return r @ params.W_s + params.b_s  # (8)


@checked(Z=1)
def dropconnect_mlp_eval(
    params: DropConnectMLPParams, x: Float[Array, "N D"], normals: Float[Array, "Z N H"], *, keep: Rate = 0.5
) -> Float[Array, "N K"]:
    v = relu(x @ params.W_g + params.b_g)  # (6)
    r = dropconnect_eval(DropConnectParams(params.W, params.b), v, normals, keep=keep)
    return r @ params.W_s + params.b_s  # (8)


@checked(N=1)
def dropconnect_mlp_loss(
    params: DropConnectMLPParams,
    x: Float[Array, "N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    masks: DropConnectMasks,
    *,
    keep: Rate = 0.5,
    inverted: bool = False,
) -> Float[Array, ""]:
    logits = dropconnect_mlp(params, x, masks, keep=keep, inverted=inverted)
    return losses.softmax_cross_entropy(logits, labels)  # (9)


def _check(W, x, masks):
    batch = tuple(masks.b.shape[:-1])
    if batch not in ((), (x.shape[0],)):
        found = f"dropconnect: masks.b has shape {tuple(masks.b.shape)}"
        raise ValueError(f"{found}, expected one mask for the batch or {x.shape[0]}, one for each example")
    for mask, wanted in ((masks.W, (*batch, *W.shape)), (masks.b, (*batch, W.shape[1]))):
        if tuple(mask.shape) != wanted:
            raise ValueError(f"dropconnect: masks has shape {tuple(mask.shape)}, expected {wanted}")
