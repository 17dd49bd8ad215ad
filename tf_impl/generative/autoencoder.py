"""Autoencoder: a network that learns to give its input back through a narrow layer, the code.

    a_0 = x,     a_l = φ(a_{l-1} W_l + b_l),  code = a_{L-1} W_L + b_L    (1)   encoder, an MLP of L layers
    h_0 = code,  h_l = φ(h_{l-1} V_l + c_l),  y    = h_{M-1} V_M + c_M    (2)   decoder, an MLP of M layers
    V_l = W_{L+1-l}ᵀ                                                      (3)   tied weights, M = L
    mse:        loss = 1/(N D) Σ_n Σ_d (y_nd - x_nd)²                     (4)   y is the reconstruction
    bernoulli:  loss = 1/N Σ_n Σ_d (softplus(y_nd) - x_nd y_nd)           (5)   σ(y) is the reconstruction

Shapes: x and y (N, D), code (N, Z); encoder and decoder are tuples of layers W_l (D_{l-1}, D_l), b_l (D_l,), as in
    intro/mlp. Tied: the encoder and a tuple of the decoder's biases c_1 ... c_L.

Units: mse is in squared units of x, per element: D times as much is the squared error per example that papers give
    for a digit. bernoulli is in nats per example, summed over the pixels.

Variant: the code is linear, without an activation; so is y. One layer each way is then a linear autoencoder, whose
    best code spans the same space as the first Z principal components. autoencoder_untied writes tied weights out:
    a weight gets the sum of two gradients, as W_l and as V_{L+1-l}. autoencoder_init mirrors the encoder's sizes,
    draws He-uniform weights and sets biases to zero.

Raises: ValueError if sizes or dtypes disagree, if y has not the width of x, if there are no examples, if tied biases
    are not one for each layer, or if the activation or the loss is unknown.

Reference: Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006);
    Baldi & Hornik, "Neural networks and principal component analysis", Neural Networks 2 (1989), for the linear one.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl import losses
from tf_impl.intro.mlp import MLPLayer, MLPParams, mlp, mlp_init

LOSSES = ("mse", "bernoulli")


class AutoencoderParams(NamedTuple):
    encoder: MLPParams
    decoder: MLPParams


class AutoencoderTiedParams(NamedTuple):
    encoder: MLPParams
    b_decoder: tuple[Float[Array, "D_out"], ...]


def autoencoder_init(rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32") -> AutoencoderParams:
    return AutoencoderParams(mlp_init(rng, sizes, dtype=dtype), mlp_init(rng, sizes[::-1], dtype=dtype))


def autoencoder_tied_init(rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32") -> AutoencoderTiedParams:
    zeros = tuple(tf.zeros([size], dtype) for size in sizes[-2::-1])
    return AutoencoderTiedParams(mlp_init(rng, sizes, dtype=dtype), zeros)


@checked
def autoencoder_untied(params: AutoencoderTiedParams) -> AutoencoderParams:
    _check_tied(params)
    layers = zip(reversed(params.encoder), params.b_decoder, strict=True)
    decoder = tuple(MLPLayer(W=tf.transpose(layer.W), b=b) for layer, b in layers)  # (3)
    return AutoencoderParams(params.encoder, decoder)


@checked
def autoencoder(
    params: AutoencoderParams, x: Float[Array, "N D"], *, activation: str = "relu"
) -> Float[Array, "N D"]:
    _check(params, x)
    code = mlp(params.encoder, x, activation=activation)  # (1)
    return mlp(params.decoder, code, activation=activation)  # (2)


@checked(N=1, D=1)
def autoencoder_error(y: Float[Array, "N D"], x: Float[Array, "N D"], *, loss: str = "mse") -> Float[Array, ""]:
    if loss not in LOSSES:
        raise ValueError(f"autoencoder: loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    if loss == "mse":
        error = losses.mse(y, x)  # (4)
        return error
    return x.shape[1] * losses.binary_cross_entropy(y, x)  # (5)


@checked(N=1)
def autoencoder_loss(
    params: AutoencoderParams, x: Float[Array, "N D"], *, activation: str = "relu", loss: str = "mse"
) -> Float[Array, ""]:
    y = autoencoder(params, x, activation=activation)
    error = autoencoder_error(y, x, loss=loss)  # (4) (5)
    return error


@checked(N=1)
def autoencoder_tied_loss(
    params: AutoencoderTiedParams, x: Float[Array, "N D"], *, activation: str = "relu", loss: str = "mse"
) -> Float[Array, ""]:
    return autoencoder_loss(autoencoder_untied(params), x, activation=activation, loss=loss)


def _check(params, x):
    came, width = "x has", x.shape[1]
    for part, layers in zip(params._fields, params, strict=True):
        for i, layer in enumerate(layers):
            if layer.W.shape[0] != width:
                found = f"params.{part}[{i}].W has shape {tuple(layer.W.shape)}"
                raise ValueError(f"autoencoder: {found}, expected {width} rows, as {came}")
            came, width = f"params.{part}[{i}] gives", layer.W.shape[1]
    if width != x.shape[1]:
        raise ValueError(f"autoencoder: {came} {width} columns, expected {x.shape[1]}, as x has")


def _check_tied(params):
    if len(params.b_decoder) != len(params.encoder):
        raise ValueError(
            f"autoencoder: params.b_decoder has {len(params.b_decoder)} biases, "
            f"expected {len(params.encoder)}, one for each layer of the encoder"
        )
    for i, (layer, b) in enumerate(zip(reversed(params.encoder), params.b_decoder, strict=True)):
        if b.shape[0] != layer.W.shape[0]:
            found = f"params.b_decoder[{i}] has shape {tuple(b.shape)}"
            raise ValueError(
                f"autoencoder: {found}, expected ({layer.W.shape[0]},), as the layer that it mirrors takes"
            )
