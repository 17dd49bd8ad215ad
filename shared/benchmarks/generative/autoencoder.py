"""Deep autoencoder: a training step with Adam against a stack of layers, by either loss."""

import numpy as np

from numpy_impl.generative.autoencoder import AutoencoderParams
from shared.benchmarks.generative._nets import keras_stack, layers, torch_stack, training

FULL = {"N": 128, "sizes": (784, 512, 128, 30)}
TINY = {"N": 6, "sizes": (5, 4, 3, 2)}


def benchmarks(draw, N, sizes):
    params = AutoencoderParams(layers(draw, *sizes), layers(draw, *sizes[::-1]))
    numbers = abs(draw(N, sizes[0]))
    for loss, x in (("mse", numbers), ("bernoulli", np.minimum(numbers, 1))):
        yield training(
            f"training step, {loss}",
            "autoencoder_loss",
            params,
            (x,),
            torch=lambda torch, loss=loss: _torch(torch, params, loss),
            keras=lambda keras, loss=loss: _keras(keras, params, loss),
            loss=loss,
        )


def _torch(torch, params, loss):
    def cost(nets, x):
        encoder, decoder = nets
        y = decoder(encoder(x))
        if loss == "mse":
            return torch.nn.functional.mse_loss(y, x)
        return torch.nn.functional.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x)

    return [torch_stack(torch, half) for half in params], cost


def _keras(keras, params, loss):
    mse = keras.losses.MeanSquaredError()
    of_pixel = keras.losses.BinaryCrossentropy(from_logits=True)

    def cost(nets, x):
        encoder, decoder = nets
        y = decoder(encoder(x))
        return mse(x, y) if loss == "mse" else x.shape[1] * of_pixel(x, y)

    return [keras_stack(keras, half) for half in params], cost
