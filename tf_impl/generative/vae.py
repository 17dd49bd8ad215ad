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

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl.activations import softplus
from tf_impl.intro.mlp import MLPParams, mlp, mlp_init


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
    mu, logvar = tf.split(mlp(params.encoder, x, activation=activation), 2, -1)  # (1)
    z = mu + tf.exp(0.5 * logvar) * eps  # (2)
    a = mlp(params.decoder, z, activation=activation)  # (3)
    return a, mu, logvar


@checked
def vae_kl(mu: Float[Array, "N Z"], logvar: Float[Array, "N Z"]) -> Float[Array, "N"]:
    excess = tf.math.expm1(logvar)  # σ² - 1, without a loss of digits near 0
    return 0.5 * tf.reduce_sum(mu * mu + excess - logvar, axis=-1)  # (5)


@checked
def vae_elbo(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> Float[Array, "N"]:
    a, mu, logvar = vae(params, x, eps, activation=activation)
    log_p = tf.reduce_sum(x * a - softplus(a), axis=-1)  # (4)
    kl = vae_kl(mu, logvar)  # (5)
    return log_p - kl  # (6)


@checked(N=1)
def vae_loss(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> Float[Array, ""]:
    return -tf.reduce_mean(vae_elbo(params, x, eps, activation=activation))  # (7)


@checked(K=1)
def vae_importance_bound(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "K N Z"], *, activation: str = "relu"
) -> Float[Array, "N"]:
    _check(params, x, eps)
    mu, logvar = tf.split(mlp(params.encoder, x, activation=activation), 2, -1)  # (1)
    z = mu + tf.exp(0.5 * logvar) * eps  # (2)
    a = mlp(params.decoder, tf.reshape(z, (-1, z.shape[-1])), activation=activation)
    a = tf.reshape(a, (*z.shape[:2], x.shape[1]))  # (3)
    log_p = tf.reduce_sum(x * a - softplus(a), axis=-1)  # (4)
    log_w = log_p + 0.5 * tf.reduce_sum(eps * eps + logvar - z * z, axis=-1)  # (8)
    top = tf.reduce_max(log_w, axis=0)
    top = tf.where(
        tf.math.is_finite(top), top, tf.zeros_like(top)
    )  # if no sample has any weight: -∞ - -∞ is not a number
    return top + tf.math.log(tf.reduce_mean(tf.exp(log_w - top), axis=0))  # (9)


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
