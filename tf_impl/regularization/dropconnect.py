"""DropConnect: in every training step, a random part of the weights is switched off.

Idea: Dropout leaves a unit out altogether; here each of its connections may be missing by itself, which gives many
    more thinned networks to average over. Their average is not the network of mean weights, since the activation
    bends, so evaluation draws the sums that the units get from a Gaussian of the right mean and variance.

    mask = 1 where u < 1 - p, else 0                       (1)   u ~ U[0, 1): a weight is dropped with probability p
    total_n = x_n (masks.W_n ⊙ W) + masks.b_n ⊙ b          (2)
    y = s total                                            (3)   s = 1; inverted: s = 1 / (1 - p), or 0 if p = 1
    mean = (1 - p) (x W + b)                               (4)   evaluation: mean and variance of total over all masks
    variance = p (1 - p) ((x ⊙ x) (W ⊙ W) + b ⊙ b)         (5)
    h = 1/Z Σ_z φ(mean + √variance ⊙ normals_z)            (6)   φ: any of activations; normals ~ N(0, 1)

Gradients:
    d_total = s d_y                                        through (3)
    d_W = Σ_n masks.W_n ⊙ (x_nᵀ d_total_n)                 through (2)
    d_b = Σ_n masks.b_n ⊙ d_total_n                        through (2)
    d_x_n = d_total_n (masks.W_n ⊙ W)ᵀ                     through (2)

Shapes: x (N, D_in), W (D_in, D_out), b (D_out,); masks (N, D_in, D_out) and (N, D_out), boolean, True where a weight
    is kept, one for each example, or (D_in, D_out) and (D_out,), one for the whole batch, the same for every n;
    normals (Z, N, D_out); total, y, h (N, D_out).

Units: total, y and h have the unit of x W.

Variant: a mask for each example, biases masked too, nothing rescaled, and in evaluation the distribution of total
    replaced by a Gaussian of the same moments, unit by unit: all as in the paper. The evaluation has no gradient
    here. inverted=True, with one mask for the batch, is what is known as weight drop: evaluation then is x W + b. p
    has no part in training unless inverted.

Differs:
    the paper: p is the probability to keep. Here it is the probability to drop, as in dropout.
    torch, Keras: have no such layer.

Relation: dropout is the case where all weights of an input share one decision; dropconnect_mlp is a network with it.

Raises: ValueError if shapes or dtypes disagree, if p is outside [0, 1], if there are no normals, or if the activation
    is unknown.

Reference: Wan, Zeiler, Zhang, LeCun & Fergus, "Regularization of neural networks using DropConnect", ICML 2013,
    Algorithms 1 and 2; Merity, Keskar & Socher 2017, arXiv:1708.02182, for weight drop.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float
from tensorflow import Tensor as Array

from shared.support.shapes import Rate, checked
from tf_impl import activations
from tf_impl.intro.mlp import ACTIVATIONS


class DropConnectParams(NamedTuple):
    W: Float[Array, "D_in D_out"]
    b: Float[Array, "D_out"]


class DropConnectMasks(NamedTuple):
    W: Bool[Array, "*batch D_in D_out"]
    b: Bool[Array, "*batch D_out"]


@checked
def dropconnect_mask(u: Float[Array, "*shape"], *, p: Rate = 0.5) -> Bool[Array, "*shape"]:
    mask = u < 1 - p  # (1)
    return mask


@checked
def dropconnect(
    params: DropConnectParams,
    x: Float[Array, "N D_in"],
    masks: DropConnectMasks,
    *,
    p: Rate = 0.5,
    inverted: bool = False,
) -> Float[Array, "N D_out"]:
    _check(x, masks)
    scale = 1.0 if not inverted else 1 / (1 - p) if p < 1 else 0.0
    kept_W, kept_b = tf.cast(masks.W, x.dtype) * params.W, tf.cast(masks.b, x.dtype) * params.b
    xW = x @ kept_W if len(kept_W.shape) == 2 else (x[:, None] @ kept_W)[:, 0]
    total = xW + kept_b  # (2)
    y = scale * total  # (3)
    return y


@checked(Z=1)
def dropconnect_eval(
    params: DropConnectParams,
    x: Float[Array, "N D_in"],
    normals: Float[Array, "Z N D_out"],
    *,
    p: Rate = 0.5,
    activation: str = "relu",
) -> Float[Array, "N D_out"]:
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
    mean = (1 - p) * (x @ params.W + params.b)  # (4)
    variance = p * (1 - p) * ((x * x) @ (params.W * params.W) + params.b * params.b)  # (5)
    h = tf.reduce_mean(getattr(activations, activation)(mean + tf.sqrt(variance) * normals), axis=0)  # (6)
    return h


def _check(x, masks):
    batch = tuple(masks.b.shape[:-1])
    if batch not in ((), (x.shape[0],)) and None not in (*batch, x.shape[0]):  # None: not known yet
        found = f"dropconnect: masks.b has shape {tuple(masks.b.shape)}"
        raise ValueError(f"{found}, expected one mask for the batch or {x.shape[0]}, one for each example")
