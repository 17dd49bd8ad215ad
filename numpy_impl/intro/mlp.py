"""Multilayer perceptron (MLP): affine maps with an activation between them.

Idea: One affine map can only cut space by a hyperplane. Hidden layers first bend space with features of their own,
    and backpropagation gets the gradients of all layers in one pass backwards, for about twice the cost of the pass
    forwards.

    z_l = a_{l-1} W_l + b_l                              (1)   for the hidden layers l = 1 ... L-1; a_0 = x
    a_l = φ(z_l)                                         (2)   φ: any of activations
    logits = a_{L-1} W_L + b_L                           (3)   = z_L
    loss = -1/N Σ_n log softmax(logits_n)_label(n)       (4)

Gradients:
    d_logits = 1/N d_loss (softmax(logits) - onehot)     through (4)   = d_z_L
    d_W_l = a_{l-1}ᵀ d_z_l, d_b_l = Σ_n d_z_l            through (1) (3)
    d_a_{l-1} = d_z_l W_lᵀ                               through (1) (3)
    d_z_l = d_a_l ⊙ φ'(z_l)                              through (2)
    d_x = d_z_1 W_1ᵀ                                     through (1) (3)

Shapes: x (N, D), labels (N,) integers from 0 to K-1, W_l (D_{l-1}, D_l), b_l (D_l,), logits (N, K), loss ().
    params is a tuple of layers; one layer alone is softmax regression.

Units: the loss is in nats per example.

Variant: the same activation in every hidden layer, none on the last; mean over the examples, no penalty. mlp_init
    draws He-uniform weights and sets biases to zero.

Differs:
    torch.nn.Linear: W is transposed, (out, in); weights and biases are drawn from U(-1/√in, 1/√in).
    Keras: Dense has the same W; it is drawn Glorot-uniform.
    scikit-learn: MLPClassifier adds a penalty α/2 ‖W‖² / N, by default with α = 0.0001.

Relation: with no hidden layer this is softmax_regression.

Raises: ValueError if sizes or dtypes disagree, if a loss has no examples, if a label is negative or at least K,
    or if the activation is unknown.

Reference: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986).
"""

from itertools import pairwise
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import activations, initializers, losses
from shared.support.shapes import Below, Chain, Dtype, checked

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "softplus", "swish")


class MLPLayer(NamedTuple):
    W: Float[Array, "D_in D_out"]
    b: Float[Array, "D_out"]


MLPParams = tuple[MLPLayer, ...]


class MLPCache(NamedTuple):
    params: MLPParams
    inputs: list[Float[Array, "N D_in"]]
    zs: list[Float[Array, "N D_out"]]
    activation: str


@checked
def mlp_init(rng: Generator, sizes: tuple[int, ...], *, dtype: Dtype = "float32") -> MLPParams:
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, K), every one at least 1")
    return tuple(
        MLPLayer(initializers.he_uniform(rng, (n_in, n_out), dtype=dtype), np.zeros(n_out, dtype))
        for n_in, n_out in pairwise(sizes)
    )


@checked
def mlp(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")], x: Float[Array, "N D"], *, activation: str = "relu"
) -> Float[Array, "N K"]:
    if activation not in ACTIVATIONS:
        raise ValueError(f"mlp: activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
    inputs, zs = [x], []
    for layer in params[:-1]:
        z = inputs[-1] @ layer.W + layer.b  # (1)
        a = getattr(activations, activation)(z)  # (2)
        inputs.append(a)
        zs.append(z)
    logits = inputs[-1] @ params[-1].W + params[-1].b  # (3)
    return logits, MLPCache(params, inputs, zs, activation)


def mlp_backward(cache, d_logits, *, params_only=False):
    params, inputs, zs, activation = cache
    d_activation = getattr(activations, f"{activation}_backward")
    d_params = [MLPLayer(W=inputs[-1].T @ d_logits, b=np.sum(d_logits, axis=0))]  # through (3)
    d_z = d_logits
    for layer, a_in, z, a in reversed(list(zip(params[1:], inputs[:-1], zs, inputs[1:], strict=True))):
        d_a = d_z @ layer.W.T  # through (1) (3)
        d_z = d_activation(d_a, z, a)  # through (2)
        d_params.append(MLPLayer(W=a_in.T @ d_z, b=np.sum(d_z, axis=0)))  # through (1)
    d_x = None if params_only else d_z @ params[0].W.T  # through (1) (3)
    return tuple(reversed(d_params)), d_x


@checked(N=1)
def mlp_loss(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")],
    x: Float[Array, "N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    *,
    activation: str = "relu",
) -> Float[Array, ""]:
    logits, mlp_cache = mlp(params, x, activation=activation)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (4)
    return loss, (mlp_cache, loss_cache)


def mlp_loss_backward(cache, d_loss, *, params_only=False):
    mlp_cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (4)
    d_params, d_x = mlp_backward(mlp_cache, d_logits, params_only=params_only)  # through (1) (2) (3)
    return d_params, d_x, None
