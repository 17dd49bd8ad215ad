"""Oracle: torch.distributions and a stack of torch's layers; a quadrature of the KL and Keras's losses as second
opinions."""

import numpy as np

from numpy_impl.generative.vae import VAEParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._layers import bits, layers
from shared.cases.generative._vae_oracles import (
    closed_kl,
    closed_loss,
    infinite,
    initial,
    keras_elbo,
    nothing,
    quadrature,
    series,
    tiny_bound,
    torch_bound,
    torch_elbo,
    torch_kl,
    torch_loss,
    torch_vae,
)

SMALLEST = {"N": 1, "D": 1, "H": 1, "Z": 1, "K": 1}


def network(draw, D, H, Z, scale=1.0):
    return VAEParams(layers(draw, D, H, 2 * Z, scale=scale), layers(draw, Z, H + 1, D, scale=scale))


def cases(draw, N=7, D=4, H=5, Z=2, K=6):
    params = network(draw, D, H, Z)
    static = {"activation": "tanh"}
    yield Case("vae_kl", (draw(N, Z), draw(N, Z)), torch_kl, second={"numpy": quadrature})
    yield Case("vae", (params, draw(N, D), draw(N, Z)), torch_vae, static)
    yield Case(
        "vae_elbo",
        (params, draw.uniform(N, D), draw(N, Z)),
        torch_elbo,
        {"activation": "sigmoid"},
        second={"keras": keras_elbo},
    )
    yield Case("vae_loss", (params, bits(draw, N, D), draw(N, Z)), torch_loss, static)
    args = (params, bits(draw, N, D), draw(K, N, Z))
    yield Case("vae_importance_bound", args, torch_bound, static, grad=False)
    yield Case("vae_init", (Seed(3), (D, H, Z)), initial, {"dtype": "float64"}, grad=False)
    yield Case("vae_init", (Seed(4), (D, H, H + 1, Z)), initial, {"dtype": "float64"}, grad=False, name="deeper")


def shifted(params, mu, logvar):
    """The same net with an encoder that says mu and logvar whatever it sees."""
    *hidden, last = params.encoder
    b = np.concatenate([np.full(len(last.b) // 2, mu), np.full(len(last.b) // 2, logvar)])
    return params._replace(encoder=(*hidden, last._replace(W=0 * last.W, b=b)))


def nasty(draw):
    zero = np.zeros((3, 2))
    yield Case("vae_kl", (zero, zero), torch_kl, name="q is the prior: 0")
    yield Case("vae_kl", (1e-3 * draw(3, 2), 1e-3 * draw(3, 2)), series, grad=False, name="q is near the prior")
    for logvar in (800.0, -800.0, 100.0, -100.0):
        yield Case("vae_kl", (draw(3, 2), np.full((3, 2), logvar)), closed_kl, name=f"log-variance {logvar:.0f}")
    yield Case("vae_kl", (1e150 * draw(3, 2), draw(3, 2)), closed_kl, name="means of 1e150")
    params, x, eps = network(draw, 4, 5, 2), bits(draw, 3, 4), draw(3, 2)
    tanh = {"activation": "tanh"}
    for logvar in (-800.0, 600.0):
        args = (shifted(params, 0.5, logvar), x, eps)
        yield Case("vae_loss", args, closed_loss, tanh, name=f"log-variance {logvar:.0f} in the net")
    overflowing = shifted(params, 0.5, 800.0)
    yield Case("vae_loss", (overflowing, x, eps), infinite, tanh, grad=False, name="log-variance 800 in the net")
    args = (overflowing, x, draw(4, 3, 2))
    yield Case("vae_importance_bound", args, nothing, tanh, grad=False, name="no sample has any weight")
    args = (shifted(params, 0.5, -800.0), x, draw(4, 3, 2))
    yield Case("vae_importance_bound", args, tiny_bound, tanh, grad=False, name="log-variance -800")
    big = params._replace(decoder=layers(draw, 2, 6, 4, scale=1e4))
    yield Case("vae_loss", (big, x, eps), torch_loss, tanh, name="logits of 1e4")
    yield Case("vae_importance_bound", (big, x, draw(4, 3, 2)), torch_bound, tanh, grad=False, name="logits of 1e4")
    args = (network(draw, 1, 1, 1), bits(draw, 1, 1), draw(1, 1))
    yield Case("vae_loss", args, torch_loss, name="all sizes one")
    args = (network(draw, 4, 1, 1), bits(draw, 1, 4), draw(1, 1, 1))
    yield Case("vae_importance_bound", args, torch_bound, grad=False, name="one hidden unit, one sample")
    flat = VAEParams(layers(draw, 4, 6), layers(draw, 3, 4))
    yield Case("vae_loss", (flat, bits(draw, 5, 4), draw(5, 3)), torch_loss, name="linear, no hidden layer")
    yield Case("vae_loss", (params, x, 0 * eps), torch_loss, tanh, name="no noise")
    yield Case("vae_elbo", (params, x[:0], eps[:0]), torch_elbo, tanh, name="no examples")
    yield Case("vae", (params, x, eps), torch_vae, name="activation as it is")
    yield Case("vae_elbo", (params, x, eps), torch_elbo, name="activation as it is")


def bad(draw):
    params, x, eps = network(draw, 4, 5, 2), draw.uniform(3, 4), draw(3, 2)
    yield Bad("vae_loss", (params, draw(3, 7), eps), r"x has shape \(3, 7\), expected .* D = 4, as in params.encoder")
    narrow = r"params.encoder\[1\] has shape \(5, 4\), expected \(2\*Z\) with 2\*Z = 6"
    wrong = params._replace(decoder=layers(draw, 3, 4))
    yield Bad("vae_loss", (wrong, x, draw(3, 3)), narrow)
    yield Bad("vae_importance_bound", (wrong, x, draw(2, 3, 3)), narrow)
    yield Bad("vae_loss", (params, x, draw(2, 2)), r"eps has shape \(2, 2\), expected .* N = 3, as in x")
    yield Bad("vae_loss", (params, x, draw(3, 3)), r"eps has shape \(3, 3\), expected .* Z = 2, as in params.decoder")
    yield Bad("vae", (wrong, x, eps), r"eps has shape \(3, 2\), expected .* Z = 3, as in params.decoder\[0\].W")
    wrong = params._replace(encoder=(params.encoder[0], *layers(draw, 6, 4)))
    yield Bad("vae", (wrong, x, eps), r"encoder\[1\].W has shape \(6, 4\), expected 5 rows, as params.encoder\[0\]")
    wrong = params._replace(decoder=layers(draw, 2, 5))
    yield Bad("vae_elbo", (wrong, x, eps), r"params.decoder\[0\] has shape \(2, 5\), expected .* D = 4, as in params")
    yield Bad("vae_loss", (params, x[:0], eps[:0]), "N at least 1")
    yield Bad("vae_importance_bound", (params, x, draw(0, 3, 2)), "K at least 1")
    yield Bad("vae_importance_bound", (params, x, eps), r"eps has shape \(3, 2\), expected \(K, N, Z\)")
    yield Bad("vae_kl", (eps, draw(3, 3)), r"logvar has shape \(3, 3\), expected .* Z = 2, as in mu")
    yield Bad("vae_loss", (params, x, eps.astype("float32")), "eps has dtype float32, expected float64")
    yield Bad("vae", (params, x, eps), "activation is 'rleu', expected one of sigmoid", {"activation": "rleu"})
    yield Bad("vae_init", (Seed(1), (3, 0)), "sizes is .*, expected")


MUTANTS = [
    Mutant("kl = 0.5 * np.sum(mu * mu", "kl = 0.5 * np.mean(mu * mu",
           "The mean over the latents in place of the sum: the code is punished Z times too little."),
    Mutant("elbo = log_p - kl  # (7)", "elbo = log_p + kl  # (7)",
           "The sign of the KL: the code is driven away from the prior."),
    Mutant("d_kl = d_elbo, -d_elbo", "d_kl = d_elbo, d_elbo",
           "The sign of the KL in the gradient alone: the loss looks right, and training drives the code away."),
    Mutant("sigma = np.exp(0.5 * logvar)  # (2)\n    z = mu + sigma * eps  # (3)\n    a, decoder_cache",
           "sigma = np.exp(logvar)  # (2)\n    z = mu + sigma * eps  # (3)\n    a, decoder_cache",
           "The variance taken for the standard deviation."),
    Mutant("z = mu + sigma * eps  # (3)\n    a, decoder_cache", "z = mu + sigma + eps  # (3)\n    a, decoder_cache",
           "The noise added instead of scaled: its size is never learned."),
    Mutant("z = mu + sigma * eps  # (3)\n    a, decoder_cache", "z = mu + 0 * eps  # (3)\n    a, decoder_cache",
           "No noise: an autoencoder with a penalty."),
    Mutant("sigma = np.exp(0.5 * logvar)  # (2)\n    z = mu + sigma * eps  # (3)\n    flat",
           "sigma = np.exp(logvar)  # (2)\n    z = mu + sigma * eps  # (3)\n    flat",
           "The variance taken for the standard deviation, in the bound alone: samples too far out or too near."),
    Mutant("excess = np.expm1(logvar)", "excess = np.exp(logvar) - 1",
           "Near the prior, 1 is subtracted from something close to it: digits are lost, a KL may be below 0."),
    Mutant("excess - logvar, axis=-1)", "excess + 1 - logvar, axis=-1)",
           "The -1 forgotten: a constant ½ Z, invisible in training, and the bound is wrong by it."),
    Mutant("excess - logvar, axis=-1)", "excess - 0.5 * logvar, axis=-1)",
           "log σ for log σ²: the best variance for an unused latent is then ½, not 1."),
    Mutant("0.5 * d_kl[:, None] * excess", "d_kl[:, None] * excess", "The ½ of the KL lost on the way to log σ²."),
    Mutant("0.5 * d_kl[:, None] * excess", "0.5 * d_kl[:, None] * (excess + 1)",
           "Variances only ever shrink: the term -½ log σ², which holds them open, has no gradient."),
    Mutant("d_logvar = 0.5 * d_sigma * cache.sigma", "d_logvar = d_sigma * cache.sigma",
           "The derivative of e^(½ log σ²) has a factor ½."),
    Mutant("d_logvar = 0.5 * d_sigma * cache.sigma + direct_logvar", "d_logvar = direct_logvar",
           "The variance learns from the KL alone: no gradient through the noise, and it goes to 1 at once."),
    Mutant("d_mu = d_z + direct_mu", "d_mu = direct_mu",
           "The mean learns from the KL alone: the sampling taken for a wall that no gradient passes."),
    Mutant("d_mu = d_z + direct_mu", "d_mu = d_z",
           "The mean learns from the reconstruction alone: nothing holds the codes near the prior."),
    Mutant("np.concatenate([d_mu, d_logvar], axis=-1)", "np.concatenate([d_logvar, d_mu], axis=-1)",
           "The halves of the encoder's gradient trade places."),
    Mutant("    log_p = np.sum(x * a - softplus(a), axis=-1)  # (5)\n    kl,",
           "    log_p = np.mean(x * a - softplus(a), axis=-1)  # (5)\n    kl,",
           "The mean over pixels against the sum over latents: the KL weighs 784 times too much."),
    Mutant("loss = -np.mean(elbo)", "loss = -np.sum(elbo)",
           "The sum over examples: the step grows with the batch."),
    Mutant("-d_loss / len(elbo))", "-d_loss / elbo_cache.x.shape[1])",
           "The wrong axis on the way back: the mean over the examples is divided by the number of pixels."),
    Mutant("d_a = d_log_p[:, None] *", "d_a = np.mean(d_log_p) *",
           "The wrong axis: every example's gradient averaged over all, which is right only where they are equal."),
    Mutant("        return d_params, None, None\n    d_x = d_x + d_log_p[:, None] * cache.a  # through (5)\n",
           "        return d_params, None, None\n", "The input is the target as well."),
    Mutant("bound = total - math.log(eps.shape[0])", "bound = total",
           "The 1/K forgotten: the bound is too good by log K."),
    Mutant("total, _ = logsumexp(log_w, axis=0)\n    bound = total - math.log(eps.shape[0])",
           "bound = np.mean(log_w, axis=0)",
           "The mean of the logarithms: the ELBO again, no tighter with more samples."),
    Mutant("eps * eps + logvar - z * z", "logvar - z * z", "log q(z|x) without its exponent."),
    Mutant("eps * eps + logvar - z * z", "eps * eps - logvar - z * z",
           "The sign of log σ², which comes from -log q."),
    Mutant("encoder=mlp_init(rng, (*hidden, 2 * n_latents), dtype=dtype)",
           "encoder=mlp_init(rng, (*hidden, n_latents), dtype=dtype)", "Room for the means only."),
]  # fmt: skip
