"""Variational autoencoder (VAE): a Gaussian code, its noise an argument, and a decoder of Bernoulli pixels.

Idea: The codes of an autoencoder leave gaps, and what lies in a gap decodes to nothing sensible. Here a code is a
    normal distribution, kept close to N(0, 1), so that a draw from N(0, 1) decodes to a new example. It is drawn as
    mu + sigma ⊙ eps, with noise eps that depends on nothing, because a gradient reaches mu and sigma in this form,
    but does not pass through a random draw (reparameterisation).

    mu, logvar = encoder(x)                                    (1)   an MLP with 2 Z outputs; logvar is log sigma²
    sigma = e^(½ logvar)                                       (2)
    z = mu + sigma ⊙ eps                                       (3)   eps ~ N(0, 1), so z ~ N(mu, sigma²) = q(z|x)
    a = decoder(z)                                             (4)   an MLP; logits of the pixels
    log_p = Σ_d (x_d a_d - softplus(a_d))                      (5)   log p(x|z)
    kl = ½ Σ_j (mu_j² + e^(logvar_j) - 1 - logvar_j)           (6)   of N(mu, sigma²) from N(0, 1)
    elbo = log_p - kl                                          (7)   ≤ log p(x) in the mean over eps
    loss = -1/N Σ_n elbo_n                                     (8)
    log_w_k = log_p_k + ½ Σ_j (eps_kj² + logvar_j - z_kj²)     (9)   log p(x, z_k) / q(z_k|x)
    bound = log 1/K Σ_k e^(log_w_k)                            (10)  ≤ log p(x), tighter the larger K is

Gradients:
    d_elbo = -1/N d_loss                                       through (8)   the same for every example
    d_log_p = d_elbo, d_kl = -d_elbo                           through (7)
    d_a = d_log_p ⊙ (x - σ(a))                                 through (5)
    d_decoder, d_z = mlp_backward(decoder, d_a)                through (4)
    d_sigma = d_z ⊙ eps, d_eps = d_z ⊙ sigma                   through (3)
    d_mu = d_z + d_kl ⊙ mu                                     through (3) (6)
    d_logvar = ½ d_sigma ⊙ sigma + ½ d_kl ⊙ (e^logvar - 1)     through (2) (6)
    d_encoder = mlp_backward(encoder, [d_mu | d_logvar])[0]    through (1)
    d_x = mlp_backward(encoder, [d_mu | d_logvar])[1] + d_log_p ⊙ a   through (1) (5)

Shapes: x and a (N, D); mu, logvar, sigma, z and eps (N, Z); log_p, kl, elbo and bound (N,); loss ().
    vae_importance_bound takes eps as (K, N, Z), and z, a, log_p, log_w get the axis K as well. encoder and decoder
    are tuples of layers W_l (D_{l-1}, D_l), b_l (D_l,), as in intro/mlp; the encoder's last layer gives 2 Z numbers,
    mu first. mlp_backward is that of intro/mlp: the gradients of the layers and of what they were given.

Units: nats per example. x is in [0, 1]; for grey values between, (5) is a cross-entropy and no likelihood.

Variant: sums over pixels and over latents, mean over the examples: a mean in place of one of the sums would weigh
    the two terms against each other. kl is the closed form, not a sample of it. Nothing is clipped: a logvar above
    709 (88 in float32) gives kl = ∞ and, while sigma itself is finite, elbo = -∞, with gradients that are not
    finite; -800 gives a kl of 399.5 and finite gradients. The bound is for evaluation and has no hand-written
    gradient. vae_init draws He-uniform weights and sets biases to zero.

Differs:
    torch.distributions: kl_divergence(Normal(mu, sigma), Normal(0, 1)), summed over the last axis, is kl; it is
        infinite or NaN where sigma² overflows or underflows.
    torch.nn.functional: binary_cross_entropy_with_logits(a, x, reduction="none"), summed over the last axis, is
        -log_p.
    Keras: BinaryCrossentropy(from_logits=True) is the mean over the pixels; times D it is -log_p.
    Many scripts: the mean over pixels beside the sum over latents, which weighs kl D times as much (a β-VAE).

Relation: with eps = 0 and without kl it is generative/autoencoder with the Bernoulli loss.

Raises: ValueError if sizes or dtypes disagree, if the encoder does not give twice as many numbers as eps has, if the
    decoder's outputs are not as wide as x, if a loss has no examples or a bound no samples, or if the activation is
    unknown.

Reference: Kingma & Welling, "Auto-encoding variational Bayes", 2014, arXiv:1312.6114; Rezende, Mohamed & Wierstra,
    2014, arXiv:1401.4082; Burda, Grosse & Salakhutdinov, "Importance weighted autoencoders", 2015, arXiv:1509.00519.
"""

import math
from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Chain, Dtype, checked
from shared.support.sizes import sizes
from tf_impl.activations import softplus
from tf_impl.intro.mlp import MLPParams, mlp, mlp_init
from tf_impl.losses import logsumexp


class VAEParams(NamedTuple):
    encoder: Annotated[MLPParams, Chain("W", first="D", last="2*Z")]
    decoder: Annotated[MLPParams, Chain("W", first="Z", last="D")]


@checked
def vae_init(rng: Generator, sizes: tuple[int, ...], *, dtype: Dtype = "float32") -> VAEParams:
    *hidden, n_latents = sizes
    return VAEParams(
        encoder=mlp_init(rng, (*hidden, 2 * n_latents), dtype=dtype),
        decoder=mlp_init(rng, (n_latents, *reversed(hidden)), dtype=dtype),
    )


@checked
def vae(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> tuple[Float[Array, "N D"], Float[Array, "N Z"], Float[Array, "N Z"]]:
    encoded = mlp(params.encoder, x, activation=activation)
    mu, logvar = tf.split(encoded, 2, axis=-1)  # (1)
    sigma = tf.exp(0.5 * logvar)  # (2)
    z = mu + sigma * eps  # (3)
    a = mlp(params.decoder, z, activation=activation)  # (4)
    return a, mu, logvar


@checked
def vae_kl(mu: Float[Array, "N Z"], logvar: Float[Array, "N Z"]) -> Float[Array, "N"]:
    excess = tf.math.expm1(logvar)  # sigma² - 1, without a loss of digits near 0
    kl = 0.5 * tf.reduce_sum(mu * mu + excess - logvar, axis=-1)  # (6)
    return kl


@checked
def vae_elbo(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> Float[Array, "N"]:
    a, mu, logvar = vae(params, x, eps, activation=activation)
    log_p = tf.reduce_sum(x * a - softplus(a), axis=-1)  # (5)
    kl = vae_kl(mu, logvar)
    elbo = log_p - kl  # (7)
    return elbo


@checked(N=1)
def vae_loss(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "N Z"], *, activation: str = "relu"
) -> Float[Array, ""]:
    elbo = vae_elbo(params, x, eps, activation=activation)
    loss = -tf.reduce_mean(elbo)  # (8)
    return loss


@checked(K=1)
def vae_importance_bound(
    params: VAEParams, x: Float[Array, "N D"], eps: Float[Array, "K N Z"], *, activation: str = "relu"
) -> Float[Array, "N"]:
    encoded = mlp(params.encoder, x, activation=activation)
    mu, logvar = tf.split(encoded, 2, axis=-1)  # (1)
    sigma = tf.exp(0.5 * logvar)  # (2)
    z = mu + sigma * eps  # (3)
    flat = mlp(params.decoder, tf.reshape(z, (-1, z.shape[-1])), activation=activation)
    a = tf.reshape(flat, (*sizes(z)[:2], x.shape[1]))  # (4)
    log_p = tf.reduce_sum(x * a - softplus(a), axis=-1)  # (5)
    log_w = log_p + 0.5 * tf.reduce_sum(eps * eps + logvar - z * z, axis=-1)  # (9)
    total = logsumexp(log_w, axis=0)
    bound = total - math.log(eps.shape[0])  # (10)
    return bound
