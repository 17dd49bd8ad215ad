"""What a VAE is held against: torch.distributions and a stack of torch's layers; closed forms, a series and a
quadrature of the KL; Keras's losses."""

import math

import numpy as np

from numpy_impl.generative.vae import VAEParams
from shared.cases.generative._layers import he_layers, keras_mlp, torch_mlp


def posterior(params, x, activation):
    import torch

    mu, logvar = torch_mlp(params.encoder, x, activation).chunk(2, dim=1)
    return torch.distributions.Normal(mu, (logvar / 2).exp(), validate_args=False), logvar


def prior(mu):
    import torch

    return torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))


def log_likelihood(logits, x):
    import torch.nn.functional as F

    return -F.binary_cross_entropy_with_logits(logits, x.expand(logits.shape), reduction="none").sum(-1)


def torch_vae(params, x, eps, activation="relu"):
    q, logvar = posterior(params, x, activation)
    return torch_mlp(params.decoder, q.loc + q.scale * eps, activation), q.loc, logvar


def torch_kl(mu, logvar):
    import torch

    q = torch.distributions.Normal(mu, (logvar / 2).exp(), validate_args=False)
    return torch.distributions.kl_divergence(q, prior(mu)).sum(-1)


def closed_kl(mu, logvar):
    """The formula, for where σ² overflows or underflows in torch.distributions."""
    return 0.5 * (mu.square() + logvar.expm1() - logvar).sum(-1)


def series(mu, logvar):
    """e^v - 1 - v = v²/2 + v³/6 + ..., for v near 0."""
    rest = sum(logvar**i / math.factorial(i) for i in range(2, 9))
    return 0.5 * np.sum(mu**2 + rest, axis=-1)


def torch_elbo(params, x, eps, activation="relu", kl=torch_kl):
    logits, mu, logvar = torch_vae(params, x, eps, activation)
    return log_likelihood(logits, x) - kl(mu, logvar)


def torch_loss(params, x, eps, activation="relu"):
    return -torch_elbo(params, x, eps, activation).mean()


def closed_loss(params, x, eps, activation="relu"):
    return -torch_elbo(params, x, eps, activation, closed_kl).mean()


def torch_bound(params, x, eps, activation="relu"):
    """log p(x, z) - log q(z|x), every density in full."""
    import torch
    import optree

    params, x, eps = optree.tree_map(torch.tensor, (params, x, eps))
    q, _ = posterior(params, x, activation)
    z = q.loc + q.scale * eps
    log_w = log_likelihood(torch_mlp(params.decoder, z, activation), x)
    log_w = log_w + prior(z).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
    return log_w.logsumexp(0) - math.log(len(eps))


def tiny_bound(params, x, eps, activation):
    """log q(z|x) from ε itself: for a σ so small that z - μ underflows."""
    import torch
    import optree

    params, x, eps = optree.tree_map(torch.tensor, (params, x, eps))
    q, logvar = posterior(params, x, activation)
    z = q.loc + q.scale * eps
    log_w = log_likelihood(torch_mlp(params.decoder, z, activation), x) + prior(z).log_prob(z).sum(-1)
    return (log_w - (prior(eps).log_prob(eps) - logvar / 2).sum(-1)).logsumexp(0) - math.log(len(eps))


def quadrature(mu, logvar):
    """The mean of log q(z) - log p(z) under q, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(20)
    z = mu[..., None] + np.exp(0.5 * logvar)[..., None] * points
    log_ratio = 0.5 * z**2 - 0.5 * points**2 - 0.5 * logvar[..., None]
    return (log_ratio @ weights / weights.sum()).sum(axis=-1)


def keras_elbo(params, x, eps, activation):
    import keras

    mu, logvar = keras.ops.split(keras_mlp(params.encoder, x), 2, axis=-1)
    logits = keras_mlp(params.decoder, mu + keras.ops.exp(logvar / 2) * eps)
    of_pixel = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none", axis=(), dtype="float64")
    kl = -0.5 * keras.ops.sum(1 + logvar - keras.ops.square(mu) - keras.ops.exp(logvar), axis=-1)
    return (-keras.ops.sum(of_pixel(x, logits), axis=-1) - kl).numpy()


def infinite(params, x, eps, activation):
    """What the specification says of a variance that overflows."""
    return np.array(np.inf)


def nothing(params, x, eps, activation):
    return np.full(len(x), -np.inf)


def initial(rng, sizes, dtype):
    generator, (*hidden, n_latents) = np.random.default_rng(rng.seed), sizes
    encoder = he_layers(generator, (*hidden, 2 * n_latents))
    return VAEParams(encoder, he_layers(generator, (n_latents, *hidden[::-1])))
