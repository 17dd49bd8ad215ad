"""Capsule decoder: an image is drawn again from the one capsule of its class.

Idea: Nothing in a margin loss asks what a capsule's direction means. If an image has to be drawn from the vector of
    its class alone, the numbers of this vector must say how the thing looks: its width, its slant, its stroke.

    h_n = v_n with all capsules but the k_n-th set to 0     (1)   as one row of J D numbers
    logits = mlp(h)                                         (2)   relu in hidden layers
    y = σ(logits)                                           (3)

Gradients:
    d_logits = d_y ⊙ y ⊙ (1 - y)                            through (3)
    d_params, d_h = mlp_backward(cache, d_logits)           through (2)
    d_v = d_h where the capsule is the k_n-th, else 0       through (1)

Shapes: capsules v (N, J, D), k (N,) integers from 0 to J-1, y (N, M) with M pixels; params is a tuple of layers W_l,
    b_l as in intro/mlp, from J D numbers to M.

Units: pixels from 0 to 1.

Variant: in training k is the label, in a test the longest capsule. The zeros of the other capsules go through the MLP
    too, so that each class has weights of its own in the first layer.

Differs:
    torch, Keras: a mask, a flatten, and a Sequential of linear layers, relu and a sigmoid at the end.

Relation: the second half of an autoencoder (generative/autoencoder), with the capsules as its code.

Raises: ValueError if sizes or dtypes disagree, or if k is negative or at least J.

Reference: Sabour, Frosst & Hinton, "Dynamic routing between capsules", NeurIPS 2017, arXiv:1710.09829, section 4.1.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from numpy_impl.activations import sigmoid, sigmoid_backward
from numpy_impl.intro.mlp import MLPParams, mlp, mlp_backward
from shared.support.shapes import Below, checked


class CapsuleDecoderCache(NamedTuple):
    shape: tuple[int, ...]
    T: Array
    logits: Array
    y: Array
    mlp: tuple


@checked
def capsule_decoder(
    params: MLPParams, v: Float[Array, "N J D"], k: Annotated[Int[Array, "N"], Below("J")]
) -> Float[Array, "N M"]:
    T = _one_hot(k, v)[..., None]
    h = np.where(T, v, 0).reshape(len(v), math.prod(v.shape[1:]))  # (1)
    logits, mlp_cache = mlp(params, h)  # (2)
    y = sigmoid(logits)  # (3)
    return y, CapsuleDecoderCache(v.shape, T, logits, y.copy(), mlp_cache)


def capsule_decoder_backward(cache, d_y):
    d_logits = sigmoid_backward(d_y, cache.logits, cache.y)  # through (3)
    d_params, d_h = mlp_backward(cache.mlp, d_logits)  # through (2)
    d_v = np.where(cache.T, d_h.reshape(cache.shape), 0)  # through (1)
    return d_params, d_v, None


def _one_hot(labels, v):
    return labels[:, None] == np.arange(v.shape[1])
