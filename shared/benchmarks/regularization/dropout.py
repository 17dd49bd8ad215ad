"""Dropout, forward and backward, the drawing of the mask included, against torch.nn.Dropout and Keras's layer."""

import numpy as np

from shared import backends
from shared.benchmarks import FASTEST, Benchmark, compiled, keras_gradients, size, torch_gradients

FULL = {"shape": (128, 1024)}
TINY = {"shape": (200, 200)}  # enough for the two sides, who draw different masks, to agree in distribution
P = 0.5


def benchmarks(draw, shape):
    x, dy = draw(*shape), draw(*shape)
    tensor = lambda backend, array: backends.to_backend(backend, array)
    yield Benchmark(
        "dropout",
        ours=lambda path, backend, mode: _ours(path, backend, mode, x, dy),
        torch=lambda torch: torch_gradients(torch.nn.Dropout(P), (tensor("torch", x),), tensor("torch", dy)),
        keras=lambda keras, mode: _keras(keras, mode, tensor("tf", x), tensor("tf", dy)),
        modes=FASTEST | {"torch": "eager"},
        held=size((x, dy)),
        random=True,
    )


def _ours(path, backend, mode, x, dy):
    module, adapter, uniforms = backends.module(backend, path), backends.get(backend), _uniforms(backend, x.shape)
    x, dy = backends.to_backend(backend, (x, dy))

    def step(x, dy):
        mask = module.dropout_mask(uniforms(), p=P)
        y, (d_x, _) = adapter.vjp(module.dropout, (x, mask), {"p": P}, lambda _: dy)
        return y, d_x

    step = compiled(backend, step, mode)
    return lambda: step(x, dy)


def _uniforms(backend, shape):
    """Where a training loop in that column would take them from."""
    if backend == "torch":
        import torch

        return lambda: torch.rand(shape)
    if backend == "tf":
        import tensorflow as tf

        return lambda: tf.random.uniform(shape)
    generator = np.random.default_rng(0)
    return lambda: generator.random(shape, np.float32)


def _keras(keras, mode, x, dy):
    layer = keras.layers.Dropout(P)
    return keras_gradients(lambda x: layer(x, training=True), (x,), dy, mode)
