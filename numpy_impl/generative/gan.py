"""Generative adversarial network (GAN): a generator makes examples from noise, a discriminator tells them from real.

Idea: Instead of a formula for how wrong an example looks, a second network learns to tell generated examples from
    real ones. The generator never sees a real one: all that it learns comes back through the discriminator, as the
    gradient that says how its examples would look more real.

    a = generator(z)                                           (1)   an MLP on noise z
    x_hat = σ(a), or a if output is linear                     (2)
    s = discriminator(x)                                       (3)   an MLP with one output; σ(s) is p(real)
    cost = 1/N Σ_n softplus(-s_real_n) + 1/M Σ_m softplus(s_fake_m)   (4)   discriminator: -log p(right) of both kinds
    cost = 1/M Σ_m softplus(-s_m)                              (5)   generator, non_saturating: -log p(real)
    cost = -1/M Σ_m softplus(s_m)                              (6)   generator, minimax: log (1 - p(real))

    s_real is s of real examples x, s_fake and the s of the generator's costs are s of generated examples x_hat.

Gradients:
    d_s_real = -1/N d_cost σ(-s_real)                          through (4)
    d_s_fake = 1/M d_cost σ(s_fake)                            through (4)
    d_s = -1/M d_cost σ(-s)                                    through (5)
    d_s = -1/M d_cost σ(s)                                     through (6)
    d_discriminator, d_x = mlp_backward(discriminator, d_s)    through (3)   so is d_x_hat, where x_hat is judged
    d_a = d_x_hat ⊙ x_hat ⊙ (1 - x_hat)                        through (2)   d_x_hat if output is linear
    d_generator, d_z = mlp_backward(generator, d_a)            through (1)

Shapes: x (N, D) real examples, z (M, Z) noise, a and x_hat (M, D), s (N,) or (M,), cost (). generator and
    discriminator are tuples of layers W_l (D_{l-1}, D_l), b_l (D_l,), as in intro/mlp. mlp_backward is that of
    intro/mlp: the gradients of the layers and of what they were given.

Units: nats per example. The discriminator's cost counts both kinds: it is 2 log 2 where nothing can be told apart.

Variant: (4) is a sum, without a factor ½, and labels are not smoothed. The generator's cost is the non-saturating one
    by default: minimax has almost no gradient while the discriminator wins. A step of training descends (4) for x
    and the x_hat of some z, then (5) for a fresh z and the new discriminator. Each cost is differentiated by its
    first argument, the net that it trains; x_hat comes to (4) as data. gan_init draws He-uniform weights and sets
    biases to zero.

Differs:
    torch.nn: BCEWithLogitsLoss against ones is the mean of softplus(-s), against zeros that of softplus(s). Where the
        fakes are made in the same graph, detach() keeps the discriminator's step from reaching the generator.
    Keras: BinaryCrossentropy(from_logits=True) likewise.
    Dive into Deep Learning: (4) is halved, and both steps use the same z.
    labml.ai: labels are smoothed at random, by up to 0.2.

Raises: ValueError if sizes or dtypes disagree, if the discriminator has not one output, if a cost has no examples, or
    if the activation, the output or the loss is unknown.

Reference: Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville & Bengio, "Generative adversarial
    nets", 2014, arXiv:1406.2661.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, softplus
from numpy_impl.intro.mlp import MLPCache, MLPParams, mlp, mlp_backward, mlp_init
from shared.support.shapes import Chain, checked

OUTPUTS = ("sigmoid", "linear")
LOSSES = ("non_saturating", "minimax")
GeneratorLayers = Annotated[MLPParams, Chain("W", first="Z", last="D")]
DiscriminatorLayers = Annotated[MLPParams, Chain("W", first="D", last="1")]


class GANParams(NamedTuple):
    generator: GeneratorLayers
    discriminator: DiscriminatorLayers


class GANGenerateCache(NamedTuple):
    mlp: MLPCache
    x_hat: Array
    output: str


class GANDiscriminatorCache(NamedTuple):
    discriminator: MLPCache
    s_real: Array
    s_fake: Array


class GANGeneratorCache(NamedTuple):
    generator: GANGenerateCache
    discriminator: MLPCache
    s: Array
    loss: str


def gan_init(
    rng: Generator, generator_sizes: tuple[int, ...], discriminator_sizes: tuple[int, ...], *, dtype: str = "float32"
) -> GANParams:
    generator = mlp_init(rng, generator_sizes, dtype=dtype)
    return GANParams(generator, discriminator=mlp_init(rng, discriminator_sizes, dtype=dtype))


@checked
def gan_generate(
    params: GeneratorLayers, z: Float[Array, "M Z"], *, activation: str = "leaky_relu", output: str = "sigmoid"
) -> Float[Array, "M D"]:
    if output not in OUTPUTS:
        raise ValueError(f"gan: output is {output!r}, expected one of {', '.join(OUTPUTS)}")
    a, cache = mlp(params, z, activation=activation)  # (1)
    x_hat = sigmoid(a) if output == "sigmoid" else a  # (2)
    return x_hat, GANGenerateCache(cache, x_hat.copy(), output)


def gan_generate_backward(cache, d_x_hat):
    x_hat = cache.x_hat
    d_a = d_x_hat * x_hat * (1 - x_hat) if cache.output == "sigmoid" else d_x_hat  # through (2)
    d_generator, d_z = mlp_backward(cache.mlp, d_a)  # through (1)
    return d_generator, d_z


@checked
def gan_discriminate(
    params: DiscriminatorLayers, x: Float[Array, "N D"], *, activation: str = "leaky_relu"
) -> Float[Array, "N"]:
    column, cache = mlp(params, x, activation=activation)
    s = column[:, 0]  # (3)
    return s, cache


def gan_discriminate_backward(cache, d_s, *, params_only=False):
    return mlp_backward(cache, d_s[:, None], params_only=params_only)  # through (3)


@checked(N=1, M=1)
def gan_discriminator_loss(
    discriminator: DiscriminatorLayers,
    x: Float[Array, "N D"],
    x_hat: Float[Array, "M D"],
    *,
    activation: str = "leaky_relu",
) -> Float[Array, ""]:
    both = np.concatenate([x, x_hat])  # (3)
    s, cache = gan_discriminate(discriminator, both, activation=activation)
    s_real, s_fake = s[: len(x)], s[len(x) :]  # (3)
    cost = np.mean(softplus(-s_real)) + np.mean(softplus(s_fake))  # (4)
    return cost, GANDiscriminatorCache(cache, s_real, s_fake)


def gan_discriminator_loss_backward(cache, d_cost, *, params_only=False):
    net_cache, s_real, s_fake = cache
    d_s_real = -d_cost / len(s_real) * sigmoid(-s_real)  # through (4)
    d_s_fake = d_cost / len(s_fake) * sigmoid(s_fake)  # through (4)
    d_s = np.concatenate([d_s_real, d_s_fake])  # through (3)
    d_discriminator, d_both = gan_discriminate_backward(net_cache, d_s, params_only=params_only)  # through (3)
    if params_only:
        return d_discriminator, None, None
    d_x, d_x_hat = d_both[: len(s_real)], d_both[len(s_real) :]  # through (3)
    return d_discriminator, d_x, d_x_hat


@checked(M=1)
def gan_generator_loss(
    generator: GeneratorLayers,
    discriminator: DiscriminatorLayers,
    z: Float[Array, "M Z"],
    *,
    activation: str = "leaky_relu",
    output: str = "sigmoid",
    loss: str = "non_saturating",
) -> Float[Array, ""]:
    if loss not in LOSSES:
        raise ValueError(f"gan: loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    x_hat, generator_cache = gan_generate(generator, z, activation=activation, output=output)
    s, cache = gan_discriminate(discriminator, x_hat, activation=activation)
    if loss == "non_saturating":
        cost = np.mean(softplus(-s))  # (5)
    else:
        cost = -np.mean(softplus(s))  # (6)
    return cost, GANGeneratorCache(generator_cache, cache, s, loss)


def gan_generator_loss_backward(cache, d_cost):
    s = cache.s
    if cache.loss == "non_saturating":
        d_s = -d_cost / len(s) * sigmoid(-s)  # through (5)
    else:
        d_s = -d_cost / len(s) * sigmoid(s)  # through (6)
    d_discriminator, d_x_hat = gan_discriminate_backward(cache.discriminator, d_s)  # through (3)
    d_generator, d_z = gan_generate_backward(cache.generator, d_x_hat)  # through (1) (2)
    return d_generator, d_discriminator, d_z
