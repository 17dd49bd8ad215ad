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
from typing import Annotated

import tensorflow as tf
from jaxtyping import Float, Int
from tensorflow import Tensor as Array

from shared.support.shapes import Below, checked
from tf_impl.activations import sigmoid
from tf_impl.intro.mlp import MLPParams, mlp


@checked
def capsule_decoder(
    params: MLPParams, v: Float[Array, "N J D"], k: Annotated[Int[Array, "N"], Below("J")]
) -> Float[Array, "N M"]:
    T = _one_hot(k, v)[..., None]
    h = tf.reshape(tf.where(T, v, tf.zeros_like(v)), (len(v), math.prod(v.shape[1:])))  # (1)
    logits = mlp(params, h)  # (2)
    y = sigmoid(logits)  # (3)
    return y


def _one_hot(labels, v):
    return tf.cast(labels, tf.int64)[:, None] == tf.range(v.shape[1], dtype=tf.int64)
