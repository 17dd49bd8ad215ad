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

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Dtype, Rate, checked
from tf_impl import losses
from tf_impl.activations import relu
from tf_impl.initializers import he_uniform
from tf_impl.regularization.dropconnect import (
    DropConnectMasks,
    DropConnectParams,
    dropconnect,
    dropconnect_eval,
)


class DropConnectMLPParams(NamedTuple):
    W_g: Float[Array, "D F"]
    b_g: Float[Array, "F"]
    W: Float[Array, "F H"]
    b: Float[Array, "H"]
    W_o: Float[Array, "H K"]
    b_o: Float[Array, "K"]


@checked
def dropconnect_mlp_init(
    rng: Generator, n_inputs: int, n_features: int, n_hidden: int, n_classes: int, *, dtype: Dtype = "float32"
) -> DropConnectMLPParams:
    W_g, W = (he_uniform(rng, n, dtype=dtype) for n in ((n_inputs, n_features), (n_features, n_hidden)))
    W_o = he_uniform(rng, (n_hidden, n_classes), dtype=dtype)
    b_g, b, b_o = (tf.zeros([n], dtype) for n in (n_features, n_hidden, n_classes))
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
    u = dropconnect(DropConnectParams(params.W, params.b), v, masks, p=p, inverted=inverted)  # (3)
    h = relu(u)  # (4)
    logits = h @ params.W_o + params.b_o  # (6)
    return logits


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
    logits = dropconnect_mlp(params, x, masks, p=p, inverted=inverted)
    loss = losses.softmax_cross_entropy(logits, labels)  # (7)
    return loss
