"""Denoising autoencoder: from a corrupted example, reconstruct the clean one.

    m = 1 where u < 1 - ν, else 0                          (1)   u ~ U[0, 1): a pixel is lost with probability ν
    x̃ = m ⊙ x                                              (2)   masking noise
    x̃ = x + σ ε                                            (3)   Gaussian noise, ε ~ N(0, 1)
    y = decoder(φ(encoder(x̃)))                             (4)   one MLP: the code is φ of the encoder's outputs
    loss = error of y against the clean x                  (5)   mse or bernoulli, as in generative/autoencoder

Shapes: x, x̃, y, u, m and ε (N, D), m being boolean; params as in generative/autoencoder: encoder and decoder are
    tuples of layers W_l (D_{l-1}, D_l), b_l (D_l,).

Units: mse is in squared units of x, per element; bernoulli in nats per example, summed over the pixels.

Variant: what masking keeps is not scaled up by 1 / (1 - ν), as dropout would scale it. The code has the activation φ,
    as in the paper, where generative/autoencoder has a linear one. The encoder's and the decoder's weights are not
    tied. With x̃ = x it is an autoencoder.

Raises: ValueError if sizes or dtypes disagree, if ν is outside [0, 1], if σ is negative, if y has not the width of
    x, if there are no examples, or if the activation or the loss is unknown.

Reference: Vincent, Larochelle, Bengio & Manzagol, "Extracting and composing robust features with denoising
    autoencoders", ICML 2008.
"""

from jaxtyping import Bool, Float
from numpy import ndarray as Array

from numpy_impl.generative.autoencoder import AutoencoderParams, autoencoder_error, autoencoder_error_backward
from numpy_impl.intro.mlp import mlp, mlp_backward
from shared.support.shapes import NonNegative, Rate, checked


@checked
def denoising_autoencoder_mask(u: Float[Array, "*shape"], *, rate: Rate = 0.3) -> Bool[Array, "*shape"]:
    return u < 1 - rate  # (1)


@checked
def denoising_autoencoder(
    params: AutoencoderParams, corrupted: Float[Array, "N D"], *, activation: str = "sigmoid"
) -> Float[Array, "N D"]:
    _check(params, corrupted)
    y, cache = mlp((*params.encoder, *params.decoder), corrupted, activation=activation)  # (4)
    return y, (cache, len(params.encoder))


def denoising_autoencoder_backward(cache, d_y, *, params_only=False):
    cache, depth = cache
    d_layers, d_corrupted = mlp_backward(cache, d_y, params_only=params_only)  # through (4)
    return AutoencoderParams(d_layers[:depth], d_layers[depth:]), d_corrupted


@checked(N=1)
def denoising_autoencoder_loss(
    params: AutoencoderParams,
    x: Float[Array, "N D"],
    corrupted: Float[Array, "N D"],
    *,
    activation: str = "sigmoid",
    loss: str = "bernoulli",
) -> Float[Array, ""]:
    y, cache = denoising_autoencoder(params, corrupted, activation=activation)
    error, error_cache = autoencoder_error(y, x, loss=loss)  # (5)
    return error, (cache, error_cache)


def denoising_autoencoder_loss_backward(cache, d_loss, *, params_only=False):
    cache, error_cache = cache
    d_y, d_x = autoencoder_error_backward(error_cache, d_loss)  # through (5)
    d_params, d_corrupted = denoising_autoencoder_backward(cache, d_y, params_only=params_only)
    return d_params, d_x, d_corrupted


@checked(N=1)
def denoising_autoencoder_masking_loss(
    params: AutoencoderParams,
    x: Float[Array, "N D"],
    mask: Bool[Array, "N D"],
    *,
    activation: str = "sigmoid",
    loss: str = "bernoulli",
) -> Float[Array, ""]:
    corrupted = mask * x  # (2)
    error, cache = denoising_autoencoder_loss(params, x, corrupted, activation=activation, loss=loss)
    return error, (cache, mask)


def denoising_autoencoder_masking_loss_backward(cache, d_loss, *, params_only=False):
    cache, mask = cache
    d_params, d_clean, d_corrupted = denoising_autoencoder_loss_backward(cache, d_loss, params_only=params_only)
    return d_params, None if params_only else d_clean + mask * d_corrupted, None  # through (2)


@checked(N=1)
def denoising_autoencoder_gaussian_loss(
    params: AutoencoderParams,
    x: Float[Array, "N D"],
    eps: Float[Array, "N D"],
    *,
    sigma: NonNegative = 0.3,
    activation: str = "sigmoid",
    loss: str = "bernoulli",
) -> Float[Array, ""]:
    corrupted = x + sigma * eps  # (3)
    error, cache = denoising_autoencoder_loss(params, x, corrupted, activation=activation, loss=loss)
    return error, (cache, sigma)


def denoising_autoencoder_gaussian_loss_backward(cache, d_loss, *, params_only=False):
    cache, sigma = cache
    d_params, d_clean, d_corrupted = denoising_autoencoder_loss_backward(cache, d_loss, params_only=params_only)
    if params_only:
        return d_params, None, None
    return d_params, d_clean + d_corrupted, sigma * d_corrupted  # through (3)


def _check(params, x):
    came, width = "x has", x.shape[1]
    for part, layers in zip(params._fields, params, strict=True):
        for i, layer in enumerate(layers):
            if layer.W.shape[0] != width:
                found = f"params.{part}[{i}].W has shape {tuple(layer.W.shape)}"
                raise ValueError(f"denoising_autoencoder: {found}, expected {width} rows, as {came}")
            came, width = f"params.{part}[{i}] gives", layer.W.shape[1]
    if width != x.shape[1]:
        raise ValueError(f"denoising_autoencoder: {came} {width} columns, expected {x.shape[1]}, as x has")
