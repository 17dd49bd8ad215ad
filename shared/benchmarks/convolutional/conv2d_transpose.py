"""Transposed convolution that doubles an image, forward and backward, against torch.nn.functional.conv_transpose2d
and tf.nn.conv2d_transpose. torch gets images as they lie in memory, channels last."""

import numpy as np

from numpy_impl.convolutional.conv2d_transpose import Conv2DTransposeParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients

FULL = {"sizes": (((64, 7, 7, 64), 32), ((64, 14, 14, 32), 16))}
TINY = {"sizes": (((2, 3, 4, 5), 3), ((1, 2, 2, 3), 1))}
MODES = {"keras": "function"}  # XLA has a slower convolution
OPTIONS = {"stride": 2, "padding": "same"}


def benchmarks(draw, sizes):
    for shape, n_out in sizes:
        n, height, width, c = shape
        params = Conv2DTransposeParams(draw(4, 4, n_out, c, scale=(16 * c) ** -0.5), draw(n_out))
        yield _benchmark(params, draw(*shape), draw(n, 2 * height, 2 * width, n_out))


def _benchmark(params, x, dy):
    benchmark = gradients("conv2d_transpose", (params, x), dy, None, None, MODES, OPTIONS)
    return benchmark._replace(
        name=f"{x.shape} to {len(params.b)}, 4 x 4, stride 2",
        torch=lambda torch: _torch(torch, params, x, dy),
        keras=lambda keras, mode: _tf(mode, params, x, dy),
    )


def _torch(torch, params, x, dy):
    first = lambda array: torch.tensor(array).movedim(-1, 1)
    W = torch.tensor(np.ascontiguousarray(params.W.transpose(3, 2, 0, 1)))
    call = lambda W, b, x: torch.nn.functional.conv_transpose2d(x, W, b, stride=2, padding=1)
    differentiate = torch_gradients(call, (W, torch.tensor(params.b), first(x)), first(dy))

    def step():
        y, (d_W, d_b, d_x) = differentiate()
        return y.movedim(1, -1), d_W.permute(2, 3, 1, 0), d_b, d_x.movedim(1, -1)

    return step


def _tf(mode, params, x, dy):
    import tensorflow as tf

    call = lambda W, b, x: tf.nn.bias_add(tf.nn.conv2d_transpose(x, W, dy.shape, 2, "SAME"), b)
    return keras_gradients(call, list(map(tf.constant, (*params, x))), tf.constant(dy), mode)
