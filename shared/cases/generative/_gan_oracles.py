"""What a GAN's functions are held against: torch.nn.functional's layers and its binary cross-entropy with labels;
Keras's."""

import numpy as np

from numpy_impl.generative.gan import GANParams
from shared.cases.generative._layers import he_layers, keras_mlp, torch_mlp


def torch_generate(generator, z, activation="leaky_relu", output="sigmoid"):
    import torch

    made = torch_mlp(generator, z, activation)
    return torch.sigmoid(made) if output == "sigmoid" else made


def torch_discriminate(discriminator, x, activation="leaky_relu"):
    return torch_mlp(discriminator, x, activation).squeeze(1)


def cross_entropy(logits, label):
    """Of the whole batch against one label."""
    import torch
    import torch.nn.functional as F

    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def far_out(logits, label):
    """The same; binary_cross_entropy_with_logits loses digits of what is far smaller than the logit."""
    import torch.nn.functional as F

    return -F.logsigmoid(logits if label else -logits).mean()


def torch_discriminator_loss(discriminator, x, x_hat, activation="leaky_relu", cost=cross_entropy):
    real, made = (
        torch_discriminate(discriminator, x, activation),
        torch_discriminate(discriminator, x_hat, activation),
    )
    return cost(real, 1.0) + cost(made, 0.0)


def torch_generator_loss(
    generator,
    discriminator,
    z,
    activation="leaky_relu",
    output="sigmoid",
    loss="non_saturating",
    cost=cross_entropy,
):
    s = torch_discriminate(discriminator, torch_generate(generator, z, activation, output), activation)
    return cost(s, 1.0) if loss == "non_saturating" else -cost(s, 0.0)


def keras_cross_entropy(logits, label):
    import keras

    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    return loss(np.full((len(logits), 1), label), logits)


def keras_discriminator_loss(discriminator, x, x_hat, activation):
    real, made = keras_mlp(discriminator, x), keras_mlp(discriminator, x_hat)
    return (keras_cross_entropy(real, 1.0) + keras_cross_entropy(made, 0.0)).numpy()


def initial(rng, generator_sizes, discriminator_sizes, dtype):
    generator = np.random.default_rng(rng.seed)
    return GANParams(he_layers(generator, generator_sizes), he_layers(generator, discriminator_sizes))
