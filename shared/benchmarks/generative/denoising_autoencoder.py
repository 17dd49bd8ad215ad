"""Denoising autoencoder: a training step with Adam, 30 % of the pixels masked, against a stack of layers."""

import numpy as np

from numpy_impl.generative.autoencoder import AutoencoderParams
from shared.benchmarks.generative._nets import keras_stack, layers, torch_stack, training

FULL = {"N": 128, "D": 784, "H": 500}
TINY = {"N": 6, "D": 5, "H": 4}


def benchmarks(draw, N, D, H):
    params = AutoencoderParams(layers(draw, D, H), layers(draw, H, D))
    batch = np.minimum(abs(draw(N, D)), 1), np.less(draw.rng.random((N, D)), 0.7)
    yield training(
        "training step, masking",
        "denoising_autoencoder_masking_loss",
        params,
        batch,
        torch=lambda torch: _torch(torch, params),
        keras=lambda keras: _keras(keras, params),
        activation="relu",
    )


def _torch(torch, params):
    def cost(nets, x, mask):
        y = nets[0](mask * x)
        return torch.nn.functional.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x)

    return [torch_stack(torch, (*params.encoder, *params.decoder))], cost


def _keras(keras, params):
    of_pixel = keras.losses.BinaryCrossentropy(from_logits=True)

    def cost(nets, x, mask):
        return x.shape[1] * of_pixel(x, nets[0](keras.ops.cast(mask, x.dtype) * x))

    return [keras_stack(keras, (*params.encoder, *params.decoder))], cost
