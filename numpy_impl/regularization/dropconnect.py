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

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import activations, losses
from numpy_impl.activations import relu, relu_backward
from numpy_impl.initializers import he_uniform
from numpy_impl.intro.mlp import ACTIVATIONS
from shared.support.shapes import Below, Rate, checked


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
    b_g, b, b_s = (np.zeros(n, dtype) for n in (n_features, n_hidden, n_classes))
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
    return scale * (xW + b), (x, masks, W, scale)  # (2)


def dropconnect_backward(cache, d_u):
    x, masks, W, scale = cache
    d_u = scale * d_u
    d_b = np.sum(masks.b * d_u, axis=0)
    if W.ndim == 2:
        return DropConnectParams(masks.W * (x.T @ d_u), d_b), d_u @ W.T, None  # through (2)
    d_W = np.einsum("nij,ni,nj->ij", masks.W, x, d_u)  # through (2)
    return DropConnectParams(d_W, d_b), (W @ d_u[:, :, None])[:, :, 0], None


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
    return np.mean(getattr(activations, activation)(mean + np.sqrt(variance) * normals), axis=0)  # (5)


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
    z = x @ params.W_g + params.b_g
    v = relu(z)  # (6)
    u, cache = dropconnect(DropConnectParams(params.W, params.b), v, masks, keep=keep, inverted=inverted)
    r = relu(u)  # (7)
    return r @ params.W_s + params.b_s, (params, x, z, v, u, r, cache)  # (8)


def dropconnect_mlp_backward(cache, d_logits, *, params_only=False):
    params, x, z, v, u, r, cache = cache
    d_W_s, d_b_s, d_r = r.T @ d_logits, np.sum(d_logits, axis=0), d_logits @ params.W_s.T  # through (8)
    (d_W, d_b), d_v, _ = dropconnect_backward(cache, relu_backward(d_r, u, r))  # through (7)
    d_z = relu_backward(d_v, z, v)
    d_W_g, d_b_g = x.T @ d_z, np.sum(d_z, axis=0)  # through (6)
    d_params = DropConnectMLPParams(d_W_g, d_b_g, d_W, d_b, d_W_s, d_b_s)
    return d_params, None if params_only else d_z @ params.W_g.T, None


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
    logits, cache = dropconnect_mlp(params, x, masks, keep=keep, inverted=inverted)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (9)
    return loss, (cache, loss_cache)


def dropconnect_mlp_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (9)
    d_params, d_x, _ = dropconnect_mlp_backward(cache, d_logits, params_only=params_only)
    return d_params, d_x, None, None


def _check(W, x, masks):
    batch = tuple(masks.b.shape[:-1])
    if batch not in ((), (x.shape[0],)):
        found = f"dropconnect: masks.b has shape {tuple(masks.b.shape)}"
        raise ValueError(f"{found}, expected one mask for the batch or {x.shape[0]}, one for each example")
    for mask, wanted in ((masks.W, (*batch, *W.shape)), (masks.b, (*batch, W.shape[1]))):
        if tuple(mask.shape) != wanted:
            raise ValueError(f"dropconnect: masks has shape {tuple(mask.shape)}, expected {wanted}")
