"""Convolution, forward and backward, against torch.nn.functional.conv2d and tf.nn.conv2d. torch gets images as they
lie in memory, channels last, which is faster for it, and its own layout of the kernel."""

import numpy as np

from numpy_impl.convolutional.conv2d import Conv2DParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients

SIZES = ((64, 28, 28, 1), 5, 20), ((64, 12, 12, 20), 5, 50), ((32, 16, 16, 32), 3, 64)
FULL = {"sizes": SIZES}
TINY = {"sizes": (((2, 6, 5, 1), 3, 4), ((3, 5, 5, 3), 2, 4))}
MODES = {"keras": "function"}  # XLA has a slower convolution


def benchmarks(draw, sizes):
    for shape, k, n_out in sizes:
        yield _benchmark(draw, shape, k, n_out)


def _benchmark(draw, shape, k, n_out):
    n, height, width, c = shape
    params = Conv2DParams(draw(k, k, c, n_out, scale=(2 / (k * k * c)) ** 0.5), draw(n_out))
    x, dy = draw(*shape), draw(n, height - k + 1, width - k + 1, n_out)
    name, benchmark = f"{shape} to {n_out}, {k} x {k}", gradients("conv2d", (params, x), dy, None, None, MODES)
    return benchmark._replace(
        name=name,
        torch=lambda torch: _torch(torch, params, x, dy),
        keras=lambda keras, mode: _tf(mode, params, x, dy),
    )


def _torch(torch, params, x, dy):
    first = lambda array: torch.tensor(array).movedim(-1, 1)
    W = torch.tensor(np.ascontiguousarray(params.W.transpose(3, 2, 0, 1)))
    args = W, torch.tensor(params.b), first(x)
    differentiate = torch_gradients(lambda W, b, x: torch.nn.functional.conv2d(x, W, b), args, first(dy))

    def step():
        y, (d_W, d_b, d_x) = differentiate()
        return y.movedim(1, -1), d_W.permute(2, 3, 1, 0), d_b, d_x.movedim(1, -1)

    return step


def _tf(mode, params, x, dy):
    import tensorflow as tf

    call = lambda W, b, x: tf.nn.bias_add(tf.nn.conv2d(x, W, 1, "VALID"), b)
    *args, dy = map(tf.constant, (*params, x, dy))
    return keras_gradients(call, args, dy, mode)
