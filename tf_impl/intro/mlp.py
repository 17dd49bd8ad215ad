"""Multilayer perceptron (MLP): affine maps with an activation between them.

    a_0 = x,  z_l = a_{l-1} W_l + b_l                      (1)   for the hidden layers l = 1 ... L-1
    a_l = φ(z_l)                                           (2)   φ: any of activations
    z_L = a_{L-1} W_L + b_L                                (3)   logits
    loss = -1/N Σ_n log softmax(z_L)_label(n)              (4)

Shapes: x (N, D), labels (N,) integers from 0 to K-1, W_l (D_{l-1}, D_l), b_l (D_l,), logits (N, K), loss ().
    params is a tuple of layers; one layer alone is softmax regression.

Units: the loss is in nats per example.

Variant: the same activation in every hidden layer, none on the last; mean over the examples, no penalty. mlp_init
    draws He-uniform weights and sets biases to zero.

Raises: ValueError if sizes or dtypes disagree, if a loss has no examples, if a label is negative or at least K,
    or if the activation is unknown.

Reference: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986).
"""

from itertools import pairwise
from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl import activations, initializers, losses

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "softplus", "swish")


class MLPLayer(NamedTuple):
    W: Float[Array, "D_in D_out"]
    b: Float[Array, "D_out"]


MLPParams = tuple[MLPLayer, ...]


def mlp_init(rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32") -> MLPParams:
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, K), every one at least 1")
    return tuple(
        MLPLayer(initializers.he_uniform(rng, (n_in, n_out), dtype=dtype), tf.zeros([n_out], dtype))
        for n_in, n_out in pairwise(sizes)
    )


@checked
def mlp(params: MLPParams, x: Float[Array, "N D"], *, activation: str = "relu") -> Float[Array, "N K"]:
    _check(params, x, activation)
    a = x
    for layer in params[:-1]:
        z = a @ layer.W + layer.b  # (1)
        a = getattr(activations, activation)(z)  # (2)
    return a @ params[-1].W + params[-1].b  # (3)


@checked(N=1)
def mlp_loss(
    params: MLPParams, x: Float[Array, "N D"], labels: Int[Array, "N"], *, activation: str = "relu"
) -> Float[Array, ""]:
    logits = mlp(params, x, activation=activation)
    return losses.softmax_cross_entropy(logits, labels)  # (4)


def _check(params, x, activation):
    if activation not in ACTIVATIONS:
        raise ValueError(f"mlp: activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
    widths = [x.shape[-1], *(layer.W.shape[1] for layer in params)]
    for i, (layer, width) in enumerate(zip(params, widths, strict=False)):
        if layer.W.shape[0] != width:
            came = "x has" if i == 0 else f"params[{i - 1}] gives"
            raise ValueError(f"mlp: params[{i}].W has shape {tuple(layer.W.shape)}, expected {width} rows, as {came}")
