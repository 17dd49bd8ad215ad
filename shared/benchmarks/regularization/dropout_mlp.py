"""An MLP with dropout, loss and gradients, against the frameworks' linear layers with the same masks."""

from itertools import pairwise

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from shared.benchmarks import gradients, keras_gradients

FULL = {"N": 128, "sizes": (784, 512, 256, 10)}
TINY = {"N": 16, "sizes": (6, 5, 4, 3)}
P_INPUT, P = 0.2, 0.5  # the defaults


def benchmarks(draw, N, sizes):
    params = tuple(MLPLayer(draw(m, n, scale=(2 / m) ** 0.5), draw(n, scale=0.1)) for m, n in pairwise(sizes))
    masks = tuple(draw(N, n) > 0 for n in sizes[:-1])
    x, labels, d_loss = draw(N, sizes[0]), draw.labels(N, sizes[-1]), np.float32(1)
    benchmark = gradients(
        "dropout_mlp_loss",
        (params, x, labels, masks),
        d_loss,
        torch=lambda torch: lambda *args: _torch(torch.nn.functional, *args),
        keras=None,
    )
    return [benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, params, x, labels, masks, d_loss))]


def _scales(n):
    return [1 / (1 - P_INPUT), *[1 / (1 - P)] * (n - 1)]


def _torch(F, params, x, labels, masks):
    scales = _scales(len(params))
    for i, (layer, mask, scale) in enumerate(zip(params, masks, scales, strict=True)):
        x = F.linear((F.relu(x) if i else x) * mask * scale, layer.W.T, layer.b)
    return F.cross_entropy(x, labels)


def _keras(keras, mode, params, x, labels, masks, d_loss):
    args = [keras.ops.array(array) for array in (*(array for layer in params for array in layer), x)]
    labels, masks = keras.ops.array(labels), [keras.ops.array(mask.astype(np.float32)) for mask in masks]
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def call(*args):
        *weights, x = args
        layers = zip(weights[::2], weights[1::2], masks, _scales(len(masks)), strict=True)
        for i, (W, b, mask, scale) in enumerate(layers):
            x = keras.ops.matmul((keras.ops.relu(x) if i else x) * mask * scale, W) + b
        return cross_entropy(labels, x)

    return keras_gradients(call, args, keras.ops.array(d_loss), mode)
