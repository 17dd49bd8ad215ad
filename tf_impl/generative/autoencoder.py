"""Autoencoder: a network that learns to give its input back through a narrow layer, the code.

Idea: A network that is asked for its own input learns nothing if it can pass it on unchanged. The narrow layer in the
    middle prevents that: what goes through it has to be the few numbers from which the rest can be told.

    code = encoder(x)                                          (1)   an MLP of L layers; no activation on the code
    y = decoder(code)                                          (2)   an MLP; no activation on y
    decoder.W_l = encoder.W_{L+1-l}ᵀ, decoder.b_l = b_decoder_l   (3)   tied weights: the decoder has L layers, too
    error = 1/(N D) Σ_n Σ_d (y_nd - x_nd)²                     (4)   mse: y is the reconstruction
    error = 1/N Σ_n Σ_d (softplus(y_nd) - x_nd y_nd)           (5)   bernoulli: σ(y) is the reconstruction

Gradients:
    d_y = 2/(N D) d_error (y - x)                              through (4)
    d_y = 1/N d_error (σ(y) - x)                               through (5)
    d_decoder, d_code = mlp_backward(decoder, d_y)             through (2)
    d_encoder = mlp_backward(encoder, d_code)[0]               through (1)
    d_x = mlp_backward(encoder, d_code)[1] - d_y               through (1) (4)
    d_x = mlp_backward(encoder, d_code)[1] - 1/N d_error y     through (1) (5)
    d_W_l = d_encoder.W_l + (d_decoder.W_{L+1-l})ᵀ             through (3)   of tied weights
    d_b_decoder_l = d_decoder.b_l                              through (3)

Shapes: x and y (N, D), code (N, Z), error (). encoder and decoder are tuples of layers W_l (D_{l-1}, D_l), b_l
    (D_l,), as in intro/mlp. Tied: the encoder, and the decoder's biases as a tuple b_decoder. mlp_backward is that of
    intro/mlp: the gradients of the layers and of what they were given.

Units: mse is in squared units of x, per element: D times as much is the squared error per example that papers give
    for a digit. bernoulli is in nats per example, summed over the pixels.

Variant: the code is linear, and so is y. autoencoder_untied writes tied weights out. autoencoder_init mirrors the
    encoder's sizes, draws He-uniform weights and sets biases to zero.

Differs:
    torch.nn: MSELoss is mse; BCEWithLogitsLoss is a mean over the pixels, too: times D it is bernoulli.
    Keras: MeanSquaredError is mse; BinaryCrossentropy(from_logits=True), times D, is bernoulli.

Relation: generative/denoising_autoencoder is given a corrupted x and asked for the clean one; generative/vae makes
    the code a distribution. With one layer each way it is linear, and its best code spans the same space as the first
    Z principal components.

Raises: ValueError if sizes or dtypes disagree, if y has not the width of x, if there are no examples, if tied biases
    are not one for each layer, or if the activation or the loss is unknown.

Reference: Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313 (2006);
    Baldi & Hornik, "Neural networks and principal component analysis", Neural Networks 2 (1989), for the linear one.
"""

from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Chain, Dtype, checked
from tf_impl import losses
from tf_impl.intro.mlp import MLPLayer, MLPParams, mlp, mlp_init

LOSSES = ("mse", "bernoulli")


class AutoencoderParams(NamedTuple):
    encoder: Annotated[MLPParams, Chain("W", first="D", last="Z")]
    decoder: Annotated[MLPParams, Chain("W", first="Z", last="D")]


class AutoencoderTiedParams(NamedTuple):
    encoder: Annotated[MLPParams, Chain("W", first="D", last="Z")]
    b_decoder: tuple[Float[Array, "D_out"], ...]


@checked
def autoencoder_init(rng: Generator, sizes: tuple[int, ...], *, dtype: Dtype = "float32") -> AutoencoderParams:
    return AutoencoderParams(mlp_init(rng, sizes, dtype=dtype), mlp_init(rng, sizes[::-1], dtype=dtype))


@checked
def autoencoder_tied_init(
    rng: Generator, sizes: tuple[int, ...], *, dtype: Dtype = "float32"
) -> AutoencoderTiedParams:
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
    code = mlp(params.encoder, x, activation=activation)  # (1)
    y = mlp(params.decoder, code, activation=activation)  # (2)
    return y


@checked(N=1, D=1)
def autoencoder_error(y: Float[Array, "N D"], x: Float[Array, "N D"], *, loss: str = "mse") -> Float[Array, ""]:
    if loss not in LOSSES:
        raise ValueError(f"autoencoder: loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    if loss == "mse":
        error = losses.mse(y, x)  # (4)
    else:
        per_pixel = losses.binary_cross_entropy(y, x)
        error = x.shape[1] * per_pixel  # (5)
    return error


@checked(N=1)
def autoencoder_loss(
    params: AutoencoderParams, x: Float[Array, "N D"], *, activation: str = "relu", loss: str = "mse"
) -> Float[Array, ""]:
    y = autoencoder(params, x, activation=activation)
    error = autoencoder_error(y, x, loss=loss)
    return error


@checked(N=1)
def autoencoder_tied_loss(
    params: AutoencoderTiedParams, x: Float[Array, "N D"], *, activation: str = "relu", loss: str = "mse"
) -> Float[Array, ""]:
    untied = autoencoder_untied(params)
    error = autoencoder_loss(untied, x, activation=activation, loss=loss)
    return error


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
