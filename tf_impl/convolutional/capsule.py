"""Capsule network (CapsNet): a vector's length says whether an entity is present, its direction what it looks like.

Idea: A convolutional network with pooling forgets where things are; capsules keep it, as the direction of a vector. A
    decoder must draw the image again from the one vector of the right class, so the direction must mean something.

    a_0 = x,  z_l = conv2d(a_{l-1})                         (1)   once for every layer of convs
    a_l = relu(z_l)                                         (2)
    s = conv2d(a_L) in vectors of P numbers                 (3)   primary capsules: stride 2, no relu
    u = squash(s)                                           (4)
    predictions = routing_predictions(W, u)                 (5)   see convolutional/routing
    v, c = routing(predictions)                             (6)
    margin = capsule_margin_loss(v, labels)                 (7)   see convolutional/capsule_margin
    y = capsule_decoder(v, labels)                          (8)   see convolutional/capsule_decoder
    loss = margin + α/N Σ_n |y_n - x_n|²                    (9)

Gradients:
    d_margin = d_loss                                       through (9)
    d_y = 2 α/N d_loss (y - x)                              through (9)
    d_v = capsule_decoder_backward(cache, d_y) + capsule_margin_loss_backward(cache, d_margin)   through (7) (8)
    d_predictions = routing_backward(cache, (d_v, 0))       through (6)
    d_W, d_u = routing_predictions_backward(cache, d_predictions)   through (5)
    d_s = routing_squash_backward(cache, d_u)               through (4)
    d_primary, d_a_{L} = conv2d_backward(cache, d_s)        through (3)
    d_z_l = d_a_l ⊙ (1 if z_l > 0 else 0)                   through (2)
    d_layer_l, d_a_{l-1} = conv2d_backward(cache, d_z_l)    through (1)
    d_x = d_a_0 - d_y                                       through (1) (9)

Shapes: images x (N, H, W, C); W (I, P, J, D), with I capsules of P numbers below (places of the primary convolution
    times its channels / P, the channels of a capsule beside each other) and J of D numbers above; v (N, J, D); labels
    (N,) integers from 0 to J-1; y (N, H W C). decoder is a tuple of layers W_l, b_l, as in intro/mlp.

Units: pixels from 0 to 1.

Variant: α = 0.0005 times the sum over pixels (the same as 0.392 times their mean on MNIST), and the mean over the
    examples. Decoded is the capsule of the label in training, in a test the longest one (capsule_classes).
    capsule_init draws He-uniform kernels and decoder weights, W from a normal distribution with standard deviation
    0.1, and sets biases to 0.

Differs:
    authors' code: divides the primary capsules by the number of their types before they are squashed.
    torch, Keras, ONNX: have no capsules; native/convolutional/capsule writes them with einsum.

Raises: ValueError if sizes or dtypes disagree, if the primary channels cannot be cut into vectors of P, if a kernel
    covers more than there is of an image, if a loss has no examples, or if a label is negative or at least J.

Reference: Sabour, Frosst & Hinton, "Dynamic routing between capsules", NeurIPS 2017, arXiv:1710.09829, and the
    authors' code.
"""

import math
from itertools import pairwise
from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Dtype, NonNegative, checked
from tf_impl.activations import relu
from tf_impl.convolutional.capsule_decoder import capsule_decoder
from tf_impl.convolutional.capsule_margin import capsule_margin_loss
from tf_impl.convolutional.conv2d import Conv2DParams, conv2d, conv2d_geometry, conv2d_init
from tf_impl.convolutional.routing import Rounds, routing, routing_predictions, routing_squash
from tf_impl.intro.mlp import MLPParams, mlp_init

CapsuleLabels = Annotated[Int[Array, "N"], Below("J")]


class CapsuleEncoder(NamedTuple):
    convs: tuple[Conv2DParams, ...]
    primary: Conv2DParams
    W: Float[Array, "I P J D"]


class CapsuleParams(NamedTuple):
    encoder: CapsuleEncoder
    decoder: MLPParams


@checked
def capsule_init(
    rng: Generator,
    image: tuple[int, int, int],
    n_classes: int,
    *,
    kernel: int = 9,
    channels: tuple[int, ...] = (256,),
    types: int = 32,
    sizes: tuple[int, int] = (8, 16),
    hidden: tuple[int, ...] = (512, 1024),
    dtype: Dtype = "float32",
) -> CapsuleParams:
    (height, width, n_in), (P, D) = image, sizes
    kernels, widths = (kernel, kernel), (n_in, *channels)
    convs = [conv2d_init(rng, kernels, m, n, dtype=dtype) for m, n in pairwise(widths)]
    primary = conv2d_init(rng, kernels, widths[-1], types * P, dtype=dtype)
    for stride in (*(1 for _ in convs), 2):
        height, width = conv2d_geometry((height, width), kernels, stride=stride).out
    W = tf.constant(rng.normal(0, 0.1, (height * width * types, P, n_classes, D)), dtype)
    decoder = mlp_init(rng, (n_classes * D, *hidden, image[0] * image[1] * n_in), dtype=dtype)
    return CapsuleParams(CapsuleEncoder(tuple(convs), primary, W), decoder)


@checked
def capsule_primary(
    params: Conv2DParams, a: Float[Array, "N H W C"], *, size: int, stride: int = 2
) -> Float[Array, "N I P"]:
    _check(params, size)
    z = conv2d(params, a, stride=stride)
    s = tf.reshape(z, (len(z), math.prod(z.shape[1:]) // size, size))  # (3)
    u = routing_squash(s)  # (4)
    return u


@checked
def capsule(
    params: CapsuleEncoder,
    x: Float[Array, "N height width channels"],
    *,
    iterations: Rounds = 3,
    stop_gradient: bool = False,
) -> Float[Array, "N J D"]:
    a = x
    for layer in params.convs:
        z = conv2d(layer, a)  # (1)
        a = relu(z)  # (2)
    u = capsule_primary(params.primary, a, size=params.W.shape[1])
    predictions = routing_predictions(params.W, u)  # (5)
    v, c = routing(predictions, iterations=iterations, stop_gradient=stop_gradient)  # (6)
    return v


@checked(J=1)
def capsule_classes(v: Float[Array, "N J D"]) -> Int[Array, "N"]:
    return tf.argmax(tf.reduce_sum(v * v, axis=-1), axis=-1)


@checked(N=1)
def capsule_loss(
    params: CapsuleParams,
    x: Float[Array, "N height width channels"],
    labels: CapsuleLabels,
    *,
    iterations: Rounds = 3,
    stop_gradient: bool = False,
    alpha: NonNegative = 0.0005,
) -> Float[Array, ""]:
    v = capsule(params.encoder, x, iterations=iterations, stop_gradient=stop_gradient)
    margin = capsule_margin_loss(v, labels)  # (7)
    y = capsule_decoder(params.decoder, v, labels)  # (8)
    error = y - _target(x, y)
    loss = margin + alpha * tf.reduce_mean(tf.reduce_sum(error * error, axis=1))  # (9)
    return loss


def _check(params, size):
    if size < 1 or params.W.shape[3] % size:
        found = f"params.W has shape {tuple(params.W.shape)}, {params.W.shape[3]} channels out"
        raise ValueError(
            f"capsule_primary: {found}, expected a multiple of {size}, the size of a capsule (at least 1)"
        )


def _target(x, y):
    target = tf.reshape(x, (len(x), math.prod(x.shape[1:])))
    if target.shape[1] != y.shape[1]:
        found = f"the decoder gives {y.shape[1]} numbers"
        raise ValueError(f"capsule_loss: {found}, expected {target.shape[1]}, as x has shape {tuple(x.shape)}")
    return target
