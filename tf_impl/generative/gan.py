"""Generative adversarial network (GAN): a generator makes examples from noise, a discriminator tells them from real.

    x̂ = ψ(G(z))                                            (1)   G: an MLP; ψ: sigmoid or the identity
    s = D(x)                                               (2)   D: an MLP with one output; σ(s) is p(real)
    d_loss = 1/N Σ_n softplus(-D(x_n)) + 1/M Σ_m softplus(D(x̂_m))    (3)   -log p(right), of either kind
    g_loss = 1/M Σ_m softplus(-D(x̂_m))                     (4)   non_saturating: -log p(real)
    g_loss = -1/M Σ_m softplus(D(x̂_m))                     (5)   minimax: log (1 - p(real))

Shapes: x (N, D) real examples, z (M, Z) noise, x̂ (M, D), s (N,); losses (). generator and discriminator are tuples of
    layers W_l (D_{l-1}, D_l), b_l (D_l,), as in intro/mlp.

Units: nats per example, one half of each kind: d_loss is 2 log 2 where nothing can be told apart.

Variant: d_loss is a sum, without the factor ½ of some texts, and labels are not smoothed. The generator's loss is the
    non-saturating one by default: minimax has almost no gradient while the discriminator wins. A step of training
    descends d_loss of (real, made from z), then g_loss with a fresh z and the new discriminator. Nothing has to be
    detached: d_loss takes x̂ as data, and each loss is differentiated with respect to its first argument, the net that
    it trains. gan_init draws He-uniform weights and sets biases to zero.

Raises: ValueError if sizes or dtypes disagree, if the discriminator has not one output, if a loss has no examples, or
    if the activation, the output or the loss is unknown.

Reference: Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville & Bengio, "Generative adversarial
    nets", 2014, arXiv:1406.2661.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl.activations import sigmoid, softplus
from tf_impl.intro.mlp import MLPParams, mlp, mlp_init

OUTPUTS = ("sigmoid", "linear")
LOSSES = ("non_saturating", "minimax")


class GANParams(NamedTuple):
    generator: MLPParams
    discriminator: MLPParams


def gan_init(
    rng: Generator, generator_sizes: tuple[int, ...], discriminator_sizes: tuple[int, ...], *, dtype: str = "float32"
) -> GANParams:
    generator = mlp_init(rng, generator_sizes, dtype=dtype)
    return GANParams(generator, discriminator=mlp_init(rng, discriminator_sizes, dtype=dtype))


@checked
def gan_generate(
    params: MLPParams, z: Float[Array, "M Z"], *, activation: str = "leaky_relu", output: str = "sigmoid"
) -> Float[Array, "M D"]:
    if output not in OUTPUTS:
        raise ValueError(f"gan: output is {output!r}, expected one of {', '.join(OUTPUTS)}")
    _check("generator", params, z, "z")
    made = mlp(params, z, activation=activation)
    x_hat = sigmoid(made) if output == "sigmoid" else made  # (1)
    return x_hat


@checked
def gan_discriminate(
    params: MLPParams, x: Float[Array, "N D"], *, activation: str = "leaky_relu"
) -> Float[Array, "N"]:
    _check("discriminator", params, x, "x")
    if params[-1].W.shape[1] != 1:
        raise ValueError(f"gan: the discriminator has {params[-1].W.shape[1]} outputs, expected 1")
    s = mlp(params, x, activation=activation)
    return s[:, 0]  # (2)


@checked(N=1, M=1)
def gan_discriminator_loss(
    discriminator: MLPParams,
    x: Float[Array, "N D"],
    x_hat: Float[Array, "M D"],
    *,
    activation: str = "leaky_relu",
) -> Float[Array, ""]:
    s = gan_discriminate(discriminator, tf.concat([x, x_hat], 0), activation=activation)  # (2)
    real, fake = s[: len(x)], s[len(x) :]
    return tf.reduce_mean(softplus(-real)) + tf.reduce_mean(softplus(fake))  # (3)


@checked(M=1)
def gan_generator_loss(
    generator: MLPParams,
    discriminator: MLPParams,
    z: Float[Array, "M Z"],
    *,
    activation: str = "leaky_relu",
    output: str = "sigmoid",
    loss: str = "non_saturating",
) -> Float[Array, ""]:
    if loss not in LOSSES:
        raise ValueError(f"gan: loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    x_hat = gan_generate(generator, z, activation=activation, output=output)  # (1)
    s = gan_discriminate(discriminator, x_hat, activation=activation)  # (2)
    sign = -1 if loss == "non_saturating" else 1
    return -sign * tf.reduce_mean(softplus(sign * s))  # (4) (5)


def _check(name, layers, x, came):
    width, came = x.shape[1], f"{came} has"
    for i, layer in enumerate(layers):
        if layer.W.shape[0] != width:
            found = f"{name}[{i}].W has shape {tuple(layer.W.shape)}"
            raise ValueError(f"gan: {found}, expected {width} rows, as {came}")
        width, came = layer.W.shape[1], f"{name}[{i}] gives"
