"""A network with DropConnect: features, a layer whose weights are dropped, classes.

Idea: A wide layer in the middle of a network is where it learns its examples by heart. DropConnect there lets every
    example see a random part of the weights; evaluation averages over all of them.

    z = x W_g + b_g                                        (1)
    v = relu(z)                                            (2)   features
    u = dropconnect(W, b; v)                               (3)
    h = relu(u)                                            (4)   in training
    h = dropconnect_eval(W, b; v)                          (5)   in evaluation, relu included
    logits = h W_o + b_o                                   (6)
    loss = -1/N Σ_n log softmax(logits_n)_label(n)         (7)

Gradients:
    d_logits = 1/N d_loss (softmax(logits) - onehot)       through (7)
    d_W_o = hᵀ d_logits, d_b_o = Σ_n d_logits              through (6)
    d_h = d_logits W_oᵀ                                    through (6)
    d_u = d_h ⊙ (1 if u > 0 else 0)                        through (4)
    d_W = s Σ_n masks.W_n ⊙ (v_nᵀ d_u_n)                   through (3)   s: 1, or 1 / (1 - p) if inverted
    d_b = s Σ_n masks.b_n ⊙ d_u_n                          through (3)
    d_v_n = s d_u_n (masks.W_n ⊙ W)ᵀ                       through (3)
    d_z = d_v ⊙ (1 if z > 0 else 0)                        through (2)
    d_W_g = xᵀ d_z, d_b_g = Σ_n d_z                        through (1)
    d_x = d_z W_gᵀ                                         through (1)

Shapes: x (N, D), features v (N, F), hidden units u and h (N, H), labels (N,) integers from 0 to K-1, logits (N, K),
    loss (); W_g (D, F), W (F, H), W_o (H, K); masks (N, F, H) and (N, H), or (F, H) and (H,), and normals (Z, N, H)
    as in dropconnect.

Units: the loss is in nats per example.

Variant: one dense layer with relu gives the features, as for the digits; the paper also has convolutions there. p is
    the probability to drop. The evaluation has no gradient here. dropconnect_mlp_init draws He-uniform weights and
    sets biases to zero.

Differs:
    the paper: p is the probability to keep; the features' weights are W_g, and W_o is W_s there.
    torch, Keras: have no such layer.

Relation: dropout_mlp switches off units, before every layer.

Raises: ValueError if shapes or dtypes disagree, if p is outside [0, 1], if there are no normals, if a loss has no
    examples, or if a label is negative or at least K.

Reference: Wan, Zeiler, Zhang, LeCun & Fergus, "Regularization of neural networks using DropConnect", ICML 2013.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.activations import relu, relu_backward
from numpy_impl.initializers import he_uniform
from numpy_impl.regularization.dropconnect import (
    DropConnectMasks,
    DropConnectParams,
    dropconnect,
    dropconnect_backward,
    dropconnect_eval,
)
from shared.support.shapes import Below, Dtype, Rate, checked


class DropConnectMLPParams(NamedTuple):
    W_g: Float[Array, "D F"]
    b_g: Float[Array, "F"]
    W: Float[Array, "F H"]
    b: Float[Array, "H"]
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


class DropConnectMLPCache(NamedTuple):
    params: DropConnectMLPParams
    x: Float[Array, "N D"]
    z: Float[Array, "N F"]
    v: Float[Array, "N F"]
    u: Float[Array, "N H"]
    h: Float[Array, "N H"]
    drop_cache: NamedTuple  # of dropconnect


@checked
def dropconnect_mlp_init(
    rng: Generator, n_inputs: int, n_features: int, n_hidden: int, n_classes: int, *, dtype: Dtype = "float32"
) -> DropConnectMLPParams:
    W_g, W = (he_uniform(rng, n, dtype=dtype) for n in ((n_inputs, n_features), (n_features, n_hidden)))
    W_o = he_uniform(rng, (n_hidden, n_classes), dtype=dtype)
    b_g, b, b_o = (np.zeros(n, dtype) for n in (n_features, n_hidden, n_classes))
    return DropConnectMLPParams(W_g, b_g, W, b, W_o, b_o)


@checked
def dropconnect_mlp(
    params: DropConnectMLPParams,
    x: Float[Array, "N D"],
    masks: DropConnectMasks,
    *,
    p: Rate = 0.5,
    inverted: bool = False,
) -> Float[Array, "N K"]:
    z = x @ params.W_g + params.b_g  # (1)
    v = relu(z)  # (2)
    u, drop_cache = dropconnect(DropConnectParams(params.W, params.b), v, masks, p=p, inverted=inverted)  # (3)
    h = relu(u)  # (4)
    logits = h @ params.W_o + params.b_o  # (6)
    return logits, DropConnectMLPCache(params, x, z, v, u, h, drop_cache)


def dropconnect_mlp_backward(cache, d_logits, *, params_only=False):
    params, x, z, v, u, h, drop_cache = cache
    d_W_o, d_b_o = h.T @ d_logits, np.sum(d_logits, axis=0)  # through (6)
    d_h = d_logits @ params.W_o.T  # through (6)
    d_u = relu_backward(d_h, u, h)  # through (4)
    (d_W, d_b), d_v, _ = dropconnect_backward(drop_cache, d_u)  # through (3)
    d_z = relu_backward(d_v, z, v)  # through (2)
    d_W_g, d_b_g = x.T @ d_z, np.sum(d_z, axis=0)  # through (1)
    d_x = None if params_only else d_z @ params.W_g.T  # through (1)
    return DropConnectMLPParams(d_W_g, d_b_g, d_W, d_b, d_W_o, d_b_o), d_x, None


@checked(Z=1)
def dropconnect_mlp_eval(
    params: DropConnectMLPParams, x: Float[Array, "N D"], normals: Float[Array, "Z N H"], *, p: Rate = 0.5
) -> Float[Array, "N K"]:
    z = x @ params.W_g + params.b_g  # (1)
    v = relu(z)  # (2)
    h = dropconnect_eval(DropConnectParams(params.W, params.b), v, normals, p=p)  # (5)
    logits = h @ params.W_o + params.b_o  # (6)
    return logits


@checked(N=1)
def dropconnect_mlp_loss(
    params: DropConnectMLPParams,
    x: Float[Array, "N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    masks: DropConnectMasks,
    *,
    p: Rate = 0.5,
    inverted: bool = False,
) -> Float[Array, ""]:
    logits, mlp_cache = dropconnect_mlp(params, x, masks, p=p, inverted=inverted)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (7)
    return loss, (mlp_cache, loss_cache)


def dropconnect_mlp_loss_backward(cache, d_loss, *, params_only=False):
    mlp_cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (7)
    grads = dropconnect_mlp_backward(mlp_cache, d_logits, params_only=params_only)  # through (1) (2) (3) (4) (6)
    d_params, d_x, _ = grads
    return d_params, d_x, None, None
