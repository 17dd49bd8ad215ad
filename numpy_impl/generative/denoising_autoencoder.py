"""Denoising autoencoder: from a corrupted example, reconstruct the clean one.

Idea: An autoencoder with a wide code may learn to copy its input. If the input is damaged and the clean one is asked
    for, copying is no longer enough: the network has to know what examples look like to fill in what is missing.

    mask = 1 where u < 1 - rate, else 0                        (1)   u ~ U[0, 1): a pixel is lost at this rate
    corrupted = mask ⊙ x                                       (2)   masking noise
    corrupted = x + sigma eps                                  (3)   Gaussian noise, eps ~ N(0, 1)
    y = decoder(φ(encoder(corrupted)))                         (4)   one MLP: the code is φ of the encoder's outputs
    error = autoencoder_error(y, x)                            (5)   y against the clean x, by mse or bernoulli

Gradients:
    d_y = autoencoder_error_backward(d_error)[0]               through (5)
    d_layers, d_corrupted = mlp_backward(layers, d_y)          through (4)   layers: the encoder's, then the decoder's
    d_x = autoencoder_error_backward(d_error)[1] + mask ⊙ d_corrupted   through (2) (5)
    d_x = autoencoder_error_backward(d_error)[1] + d_corrupted   through (3) (5)
    d_eps = sigma d_corrupted                                  through (3)

Shapes: x, corrupted, y, u, mask and eps (N, D), mask being boolean; error (). params as in generative/autoencoder:
    encoder and decoder are tuples of layers W_l (D_{l-1}, D_l), b_l (D_l,). autoencoder_error_backward is that of
    generative/autoencoder, the gradients of y and x; mlp_backward that of intro/mlp, of layers and inputs.

Units: mse is in squared units of x, per element; bernoulli in nats per example, summed over the pixels.

Variant: what masking keeps is not scaled up by 1 / (1 - rate). The encoder's and the decoder's weights are not tied.

Differs:
    torch.nn.Dropout, Keras Dropout: as corruption they divide what they keep by 1 - rate; undo it, or train on
        brighter pixels than there will be.

Relation: with corrupted = x it is generative/autoencoder, except that the code has the activation φ here, as in the
    paper, and is linear there.

Raises: ValueError if sizes or dtypes disagree, if rate is outside [0, 1], if sigma is negative, if y has not the
    width of x, if there are no examples, or if the activation or the loss is unknown.

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
    mask = u < 1 - rate  # (1)
    return mask


@checked
def denoising_autoencoder(
    params: AutoencoderParams, corrupted: Float[Array, "N D"], *, activation: str = "sigmoid"
) -> Float[Array, "N D"]:
    layers = (*params.encoder, *params.decoder)
    y, cache = mlp(layers, corrupted, activation=activation)  # (4)
    return y, (cache, len(params.encoder))


def denoising_autoencoder_backward(cache, d_y, *, params_only=False):
    mlp_cache, depth = cache
    d_layers, d_corrupted = mlp_backward(mlp_cache, d_y, params_only=params_only)  # through (4)
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


def denoising_autoencoder_loss_backward(cache, d_error, *, params_only=False):
    net_cache, error_cache = cache
    d_y, d_x = autoencoder_error_backward(error_cache, d_error)  # through (5)
    d_params, d_corrupted = denoising_autoencoder_backward(net_cache, d_y, params_only=params_only)  # through (4)
    return d_params, None if params_only else d_x, d_corrupted


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


def denoising_autoencoder_masking_loss_backward(cache, d_error, *, params_only=False):
    loss_cache, mask = cache
    d_params, d_x, d_corrupted = denoising_autoencoder_loss_backward(  # through (4) (5)
        loss_cache, d_error, params_only=params_only
    )
    if params_only:
        return d_params, None, None
    d_x = d_x + mask * d_corrupted  # through (2) (5)
    return d_params, d_x, None


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


def denoising_autoencoder_gaussian_loss_backward(cache, d_error, *, params_only=False):
    loss_cache, sigma = cache
    d_params, d_x, d_corrupted = denoising_autoencoder_loss_backward(  # through (4) (5)
        loss_cache, d_error, params_only=params_only
    )
    if params_only:
        return d_params, None, None
    d_x = d_x + d_corrupted  # through (3) (5)
    d_eps = sigma * d_corrupted  # through (3)
    return d_params, d_x, d_eps
