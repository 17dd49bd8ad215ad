"""Capsule network (CapsNet): whether a thing is there is the length of a vector, how it looks the vector's direction.

    a       = relu(conv2d(x))                                           (1)   once for every layer of convs
    u_i     = squash(s_i),  s = conv2d(a) in vectors of P numbers       (2)   primary capsules: stride 2, no relu
    v       = routing(û),  û_ij = u_i W_ij                              (3)   see convolutional/routing
    l_nj    = √(|v_nj|² + ε)                                            (4)   length
    margin  = 1/N Σ_n Σ_j T max(0, m⁺ - l)² + λ (1 - T) max(0, l - m⁻)²    (5)   T_nj = 1 if j is label(n), else 0
    h_n     = v_n with all capsules but the k_n-th set to 0             (6)   as one row of J D numbers
    y       = σ(mlp(h))                                                 (7)   the image again; relu in hidden layers
    loss    = margin + α/N Σ_n |y_n - x_n|²                             (8)   k = label

Shapes: images x (N, H, W, C); W (I, P, J, D), with I capsules of P numbers below (places of the primary convolution
    times its channels / P, the channels of a capsule beside each other) and J of D numbers above; v (N, J, D); labels
    and k (N,) integers from 0 to J-1; y (N, H W C). decoder is a tuple of layers W_l, b_l, as in intro/mlp.

Units: pixels from 0 to 1; l is how sure the network is of a class, up to 1; several classes can be there at once.

Variant: m⁺ = 0.9, m⁻ = 0.1, λ = 0.5, squares as in the paper (public copies often forget them, the authors' code has
    a factor ½), the mean over the examples; α = 0.0005 times the sum over pixels (the same as 0.392 times their mean
    on MNIST). In training k is the label, in a test the longest capsule (capsule_classes). The primary capsules are
    squashed as they are (the authors' code divides by their number of types first). capsule_init draws He-uniform
    kernels and decoder weights, W from a normal distribution with standard deviation 0.1, and sets biases to 0.

Raises: ValueError if sizes or dtypes disagree, if the primary channels cannot be cut into vectors of P, if a kernel
    covers more than there is of an image, if a loss has no examples, or if a label is negative or at least J.

Reference: Sabour, Frosst & Hinton, "Dynamic routing between capsules", NeurIPS 2017, arXiv:1710.09829, and the
    authors' code.
"""

import math
from itertools import pairwise
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import relu, relu_backward, sigmoid, sigmoid_backward
from numpy_impl.convolutional.conv2d import Conv2DParams, conv2d, conv2d_backward, conv2d_geometry, conv2d_init
from numpy_impl.convolutional.routing import (
    EPS,
    Rounds,
    routing,
    routing_backward,
    routing_predictions,
    routing_predictions_backward,
    routing_squash,
    routing_squash_backward,
)
from numpy_impl.intro.mlp import MLPParams, mlp, mlp_backward, mlp_init
from shared.support.shapes import Below, NonNegative, Rate, checked

CapsuleLabels = Annotated[Int[Array, "N"], Below("J")]


class CapsuleEncoder(NamedTuple):
    convs: tuple[Conv2DParams, ...]
    primary: Conv2DParams
    W: Float[Array, "I P J D"]


class CapsuleParams(NamedTuple):
    encoder: CapsuleEncoder
    decoder: MLPParams


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
    dtype: str = "float32",
) -> CapsuleParams:
    (height, width, n_in), (P, D) = image, sizes
    kernels, widths = (kernel, kernel), (n_in, *channels)
    convs = [conv2d_init(rng, kernels, m, n, dtype=dtype) for m, n in pairwise(widths)]
    primary = conv2d_init(rng, kernels, widths[-1], types * P, dtype=dtype)
    for stride in (*(1 for _ in convs), 2):
        height, width = conv2d_geometry((height, width), kernels, stride=stride).out
    W = rng.normal(0, 0.1, (height * width * types, P, n_classes, D)).astype(dtype)
    decoder = mlp_init(rng, (n_classes * D, *hidden, image[0] * image[1] * n_in), dtype=dtype)
    return CapsuleParams(CapsuleEncoder(tuple(convs), primary, W), decoder)


@checked
def capsule_primary(
    params: Conv2DParams, a: Float[Array, "N H W C"], *, size: int, stride: int = 2
) -> Float[Array, "N I P"]:
    _check(params, size)
    z, conv_cache = conv2d(params, a, stride=stride)
    u, squash_cache = routing_squash(z.reshape(len(z), math.prod(z.shape[1:]) // size, size))  # (2)
    return u, (z.shape, conv_cache, squash_cache)


def capsule_primary_backward(cache, d_u, *, params_only=False):
    shape, conv_cache, squash_cache = cache
    (d_s,) = routing_squash_backward(squash_cache, d_u)  # through (2)
    return conv2d_backward(conv_cache, d_s.reshape(shape), params_only=params_only)


@checked
def capsule(
    params: CapsuleEncoder,
    x: Float[Array, "N height width channels"],
    *,
    iterations: Rounds = 3,
    stop_gradient: bool = False,
) -> Float[Array, "N J D"]:
    a, conv_caches = x, []
    for layer in params.convs:
        z, cache = conv2d(layer, a)
        a = relu(z)  # (1)
        conv_caches.append((z, a, cache))
    u, primary_cache = capsule_primary(params.primary, a, size=params.W.shape[1])
    predictions, predictions_cache = routing_predictions(params.W, u)
    (v, c), routing_cache = routing(predictions, iterations=iterations, stop_gradient=stop_gradient)  # (3)
    return v, (conv_caches, primary_cache, predictions_cache, routing_cache)


def capsule_backward(cache, d_v, *, params_only=False):
    conv_caches, primary_cache, predictions_cache, routing_cache = cache
    (d_predictions,) = routing_backward(routing_cache, (d_v, 0))
    d_W, d_u = routing_predictions_backward(predictions_cache, d_predictions)  # through (3)
    d_primary, d_a = capsule_primary_backward(primary_cache, d_u)
    d_convs = []
    for z, a, conv_cache in reversed(conv_caches):
        first = len(d_convs) == len(conv_caches) - 1
        d_z = relu_backward(d_a, z, a)  # through (1)
        d_layer, d_a = conv2d_backward(conv_cache, d_z, params_only=params_only and first)
        d_convs.append(d_layer)
    return CapsuleEncoder(tuple(reversed(d_convs)), d_primary, d_W), d_a


@checked
def capsule_lengths(v: Float[Array, "N J D"]) -> Float[Array, "N J"]:
    lengths = np.sqrt(np.sum(v * v, axis=-1) + EPS)  # (4)
    return lengths, (v, lengths)


def capsule_lengths_backward(cache, d_lengths):
    v, lengths = cache
    d_v = (d_lengths / lengths)[..., None] * v  # through (4)
    return (d_v,)


@checked(J=1)
def capsule_classes(v: Float[Array, "N J D"]) -> Int[Array, "N"]:
    return np.argmax(np.sum(v * v, axis=-1), axis=-1)


@checked(N=1, J=1)
def capsule_margin_loss(
    v: Float[Array, "N J D"],
    labels: CapsuleLabels,
    *,
    m_plus: Rate = 0.9,
    m_minus: Rate = 0.1,
    lam: NonNegative = 0.5,
) -> Float[Array, ""]:
    T, (lengths, cache) = _one_hot(labels, v), capsule_lengths(v)
    short, long = relu(m_plus - lengths), relu(lengths - m_minus)
    margin = np.sum(np.where(T, short * short, lam * (long * long))) / len(v)  # (5)
    return margin, (T, short, long, lam, cache)


def capsule_margin_loss_backward(cache, d_loss):
    T, short, long, lam, cache = cache
    d_lengths = 2 * d_loss / len(T) * np.where(T, -short, lam * long)  # through (5)
    return *capsule_lengths_backward(cache, d_lengths), None


@checked
def capsule_decoder(params: MLPParams, v: Float[Array, "N J D"], k: CapsuleLabels) -> Float[Array, "N M"]:
    T = _one_hot(k, v)[..., None]
    h = np.where(T, v, 0).reshape(len(v), math.prod(v.shape[1:]))  # (6)
    z, cache = mlp(params, h)
    y = sigmoid(z)  # (7)
    return y, (v.shape, T, z, y, cache)


def capsule_decoder_backward(cache, dy, *, params_only=False):
    shape, T, z, y, cache = cache
    d_params, d_h = mlp_backward(cache, sigmoid_backward(dy, z, y), params_only=params_only)  # through (7)
    d_v = None if params_only else np.where(T, d_h.reshape(shape), 0)  # through (6)
    return d_params, d_v, None


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
    v, cache = capsule(params.encoder, x, iterations=iterations, stop_gradient=stop_gradient)
    margin, margin_cache = capsule_margin_loss(v, labels)
    y, decoder_cache = capsule_decoder(params.decoder, v, labels)
    error = y - _target(x, y)
    loss = margin + alpha / len(x) * np.sum(error * error)  # (8)
    return loss, (x.shape, error, alpha, cache, margin_cache, decoder_cache)


def capsule_loss_backward(cache, d_loss, *, params_only=False):
    shape, error, alpha, cache, margin_cache, decoder_cache = cache
    d_y = d_loss * 2 * alpha / len(error) * error  # through (8)
    d_decoder, d_v, _ = capsule_decoder_backward(decoder_cache, d_y)
    d_encoder, d_x = capsule_backward(
        cache, d_v + capsule_margin_loss_backward(margin_cache, d_loss)[0], params_only=params_only
    )
    return CapsuleParams(d_encoder, d_decoder), None if params_only else d_x - d_y.reshape(shape), None


def _one_hot(labels, v):
    return labels[:, None] == np.arange(v.shape[1])


def _check(params, size):
    if size < 1 or params.W.shape[3] % size:
        found = f"params.W has shape {tuple(params.W.shape)}, {params.W.shape[3]} channels out"
        raise ValueError(
            f"capsule_primary: {found}, expected a multiple of {size}, the size of a capsule (at least 1)"
        )


def _target(x, y):
    target = x.reshape(len(x), math.prod(x.shape[1:]))
    if target.shape != y.shape:
        found = f"the decoder gives {y.shape[1]} numbers"
        raise ValueError(f"capsule_loss: {found}, expected {target.shape[1]}, as x has shape {tuple(x.shape)}")
    return target
