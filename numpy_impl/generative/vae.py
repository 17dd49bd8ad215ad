"""Variational autoencoder (VAE): a Gaussian code, its noise an argument, and a decoder of Bernoulli pixels.

    μ | log σ² = encoder(x)                                    (1)   an MLP with 2 Z outputs
    z = μ + e^(½ log σ²) ⊙ ε                                   (2)   ε ~ N(0, 1): reparameterised
    a = decoder(z)                                             (3)   an MLP; logits of the pixels
    log p(x|z) = Σ_d (x_d a_d - softplus(a_d))                 (4)
    KL = ½ Σ_j (μ_j² + e^(log σ_j²) - 1 - log σ_j²)            (5)   of N(μ, σ²) from N(0, 1)
    ELBO = log p(x|z) - KL                                     (6)   ≤ log p(x) in the mean over ε
    loss = -1/N Σ_n ELBO_n                                     (7)
    log w_k = log p(x|z_k) + ½ Σ_j (ε_kj² + log σ_j² - z_kj²)  (8)   log p(x, z_k) / q(z_k|x)
    bound = log 1/K Σ_k w_k                                    (9)   ≤ log p(x), tighter the larger K is

Shapes: x and a (N, D), μ, log σ², z and ε (N, Z), KL, ELBO and bound (N,), loss (). vae_importance_bound takes ε as
    (K, N, Z). encoder and decoder are tuples of layers W_l (D_{l-1}, D_l), b_l (D_l,), as in intro/mlp; the encoder's
    last layer gives 2 Z numbers, μ first.

Units: nats per example. x is in [0, 1]; for grey values between, (4) is a cross-entropy and no likelihood.

Variant: summed over pixels and over latents, mean over the examples: neither term may be a mean, or their balance
    changes. The KL is the closed form, not a sample of it. Nothing is clipped: a log σ² above 709 (88 in float32)
    gives KL = ∞ and, while σ itself is finite, ELBO = -∞, which no gradient survives; -800 gives a KL of 399.5 and
    finite gradients. The bound is for evaluation and has no hand-written gradient. vae_init draws He-uniform weights
    and sets biases to zero.

Raises: ValueError if sizes or dtypes disagree, if the encoder does not give twice as many numbers as ε has, if the
    decoder's outputs are not as wide as x, if a loss has no examples or a bound no samples, or if the activation is
    unknown.

Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2014, arXiv:1312.6114; Rezende, Mohamed & Wierstra,
    2014, arXiv:1401.4082; Burda, Grosse & Salakhutdinov, "Importance weighted autoencoders", 2015, arXiv:1509.00519.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, softplus
from numpy_impl.intro.mlp import MLPParams, mlp, mlp_backward, mlp_init
from shared.support.shapes import checked


class VAEParams(NamedTuple):
    encoder: MLPParams
    decoder: MLPParams


def vae_init(rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32") -> VAEParams:
    *hidden, n_latents = sizes
    return VAEParams(
        encoder=mlp_init(rng, (*hidden, 2 * n_latents), dtype=dtype),
        decoder=mlp_init(rng, (n_latents, *reversed(hidden)), dtype=dtype),
    )


@checked
def vae(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> tuple[Float[Array, "N D"], Float[Array, "N Z"], Float[Array, "N Z"]]:
    _check(params, x, eps)
    encoded, encoder_cache = mlp(params.encoder, x, activation=activation)
    mu, logvar = np.split(encoded, 2, axis=-1)  # (1)
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps  # (2)
    a, decoder_cache = mlp(params.decoder, z, activation=activation)  # (3)
    return (a, mu, logvar), (encoder_cache, sigma, eps, decoder_cache)


def vae_backward(cache, d_outputs, *, params_only=False):
    encoder_cache, sigma, eps, decoder_cache = cache
    d_a, d_mu, d_logvar = d_outputs
    d_decoder, d_z = mlp_backward(decoder_cache, d_a)  # through (3)
    d_mu, d_logvar = d_mu + d_z, d_logvar + d_z * 0.5 * sigma * eps  # through (2)
    d_encoded = np.concatenate([d_mu, d_logvar], axis=-1)
    d_encoder, d_x = mlp_backward(encoder_cache, d_encoded, params_only=params_only)  # through (1)
    return VAEParams(d_encoder, d_decoder), d_x, None if params_only else d_z * sigma


@checked
def vae_kl(mu: Float[Array, "N Z"], logvar: Float[Array, "N Z"]) -> Float[Array, "N"]:
    with np.errstate(over="ignore"):
        excess = np.expm1(logvar)  # σ² - 1, without a loss of digits near 0
    return 0.5 * np.sum(mu * mu + excess - logvar, axis=-1), (mu, excess)  # (5)


def vae_kl_backward(cache, d_kl):
    mu, excess = cache
    return d_kl[:, None] * mu, d_kl[:, None] * 0.5 * excess  # through (5)


@checked
def vae_elbo(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> Float[Array, "N"]:
    (a, mu, logvar), cache = vae(params, x, eps, activation=activation)
    log_p = np.sum(x * a - softplus(a), axis=-1)  # (4)
    kl, kl_cache = vae_kl(mu, logvar)  # (5)
    return log_p - kl, (cache, x, a, kl_cache)  # (6)


def vae_elbo_backward(cache, d_elbo, *, params_only=False):
    cache, x, a, kl_cache = cache
    d_log_p, d_kl = d_elbo[:, None], -d_elbo  # through (6)
    d_mu, d_logvar = vae_kl_backward(kl_cache, d_kl)  # through (5)
    d_a = d_log_p * (x - sigmoid(a))  # through (4)
    d_params, d_x, d_eps = vae_backward(cache, (d_a, d_mu, d_logvar), params_only=params_only)
    return d_params, None if params_only else d_x + d_log_p * a, d_eps


@checked(N=1)
def vae_loss(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> Float[Array, ""]:
    elbo, cache = vae_elbo(params, x, eps, activation=activation)
    return -np.mean(elbo), (cache, elbo)  # (7)


def vae_loss_backward(cache, d_loss, *, params_only=False):
    cache, elbo = cache
    d_elbo = np.full_like(elbo, -d_loss / len(elbo))  # through (7)
    return vae_elbo_backward(cache, d_elbo, params_only=params_only)


@checked(K=1)
def vae_importance_bound(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "K N Z"], *, activation: str = "relu"
) -> Float[Array, "N"]:
    _check(params, x, eps)
    encoded, _ = mlp(params.encoder, x, activation=activation)
    mu, logvar = np.split(encoded, 2, axis=-1)  # (1)
    z = mu + np.exp(0.5 * logvar) * eps  # (2)
    a, _ = mlp(params.decoder, np.reshape(z, (-1, z.shape[-1])), activation=activation)
    a = np.reshape(a, (*z.shape[:2], x.shape[1]))  # (3)
    log_p = np.sum(x * a - softplus(a), axis=-1)  # (4)
    with np.errstate(over="ignore"):
        log_w = log_p + 0.5 * np.sum(eps * eps + logvar - z * z, axis=-1)  # (8)
    top = np.max(log_w, axis=0)
    top = np.where(top > -np.inf, top, 0)  # if no sample has any weight: -∞ - -∞ is not a number
    with np.errstate(divide="ignore"):
        return top + np.log(np.mean(np.exp(log_w - top), axis=0))  # (9)


def _check(params, x, eps):
    came, width = "x has", x.shape[1]
    for part, layers in zip(params._fields, params, strict=True):
        for i, layer in enumerate(layers):
            if layer.W.shape[0] != width:
                found = f"params.{part}[{i}].W has shape {tuple(layer.W.shape)}"
                raise ValueError(f"vae: {found}, expected {width} rows, as {came}")
            came, width = f"params.{part}[{i}] gives", layer.W.shape[1]
        if part == "encoder":
            if width != 2 * eps.shape[-1]:
                raise ValueError(
                    f"vae: {came} {width} columns, expected {2 * eps.shape[-1]}, twice as many as eps has"
                )
            came, width = "eps has", eps.shape[-1]
    if width != x.shape[1]:
        raise ValueError(f"vae: {came} {width} columns, expected {x.shape[1]}, as x has")
