"""VAE: a training step with Adam against stacks of layers and the same loss, its noise given."""

import numpy as np

from numpy_impl.generative.vae import VAEParams
from shared.benchmarks.generative._nets import keras_stack, layers, torch_stack, training

FULL = {"N": 128, "D": 784, "H": 400, "Z": 20}
TINY = {"N": 6, "D": 5, "H": 4, "Z": 2}


def benchmarks(draw, N, D, H, Z):
    params = VAEParams(layers(draw, D, H, 2 * Z), layers(draw, Z, H, D))
    batch = np.minimum(abs(draw(N, D)), 1), draw(N, Z)
    yield training(
        "training step",
        "vae_loss",
        params,
        batch,
        torch=lambda torch: _torch(torch, params),
        keras=lambda keras: _keras(keras, params),
    )


def _torch(torch, params):
    def cost(nets, x, eps):
        encoder, decoder = nets
        mu, logvar = encoder(x).chunk(2, dim=1)
        logits = decoder(mu + torch.exp(0.5 * logvar) * eps)
        pixels = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (pixels - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())) / len(x)

    return [torch_stack(torch, half) for half in params], cost


def _keras(keras, params):
    of_pixel, ops = keras.losses.BinaryCrossentropy(from_logits=True), keras.ops

    def cost(nets, x, eps):
        encoder, decoder = nets
        mu, logvar = ops.split(encoder(x), 2, axis=1)
        logits = decoder(mu + ops.exp(0.5 * logvar) * eps)
        kl = -0.5 * ops.sum(1 + logvar - ops.square(mu) - ops.exp(logvar), axis=1)
        return x.shape[1] * of_pixel(x, logits) + ops.mean(kl)

    return [keras_stack(keras, half) for half in params], cost
