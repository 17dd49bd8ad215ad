"""Capsule decoder, forward and backward, against a mask and the frameworks' own dense operations."""

from itertools import pairwise

from numpy_impl.intro.mlp import MLPLayer
from shared.benchmarks import gradients, keras_gradients

FULL = {"N": 128, "J": 10, "D": 16, "hidden": (512, 1024), "M": 784}  # the paper's
TINY = {"N": 3, "J": 4, "D": 5, "hidden": (6, 7), "M": 8}


def benchmarks(draw, N, J, D, hidden, M):
    sizes = J * D, *hidden, M
    layers = tuple(MLPLayer(draw(m, n, scale=(2 / m) ** 0.5), draw(n, scale=0.1)) for m, n in pairwise(sizes))
    v, k, d_y = draw(N, J, D), draw.labels(N, J), draw(N, M)
    benchmark = gradients("capsule_decoder", (layers, v, k), d_y, torch=_torch, keras=None)
    flat = [x for layer in layers for x in layer]
    yield benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, (*flat, v, k), d_y))


def _torch(torch):
    def decoder(layers, v, k):
        h = (v * torch.nn.functional.one_hot(k, v.shape[1])[..., None]).flatten(1)
        for layer in layers[:-1]:
            h = torch.relu(torch.nn.functional.linear(h, layer.W.mT, layer.b))
        return torch.sigmoid(torch.nn.functional.linear(h, layers[-1].W.mT, layers[-1].b))

    return decoder


def _keras(keras, mode, args, d_y):
    ops = keras.ops

    def decoder(*args):
        *flat, v, k = args
        h = ops.reshape(v * ops.one_hot(k, v.shape[1])[..., None], (len(v), -1))
        for W, b in zip(flat[:-2:2], flat[1:-2:2], strict=True):
            h = ops.relu(ops.matmul(h, W) + b)
        return ops.sigmoid(ops.matmul(h, flat[-2]) + flat[-1])

    return keras_gradients(decoder, [ops.array(x) for x in args], ops.array(d_y), mode)
