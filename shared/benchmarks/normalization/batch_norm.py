"""Batch normalization in training, forward and backward, running statistics included, against
torch.nn.functional.batch_norm and Keras's layer. torch has channels first: images are given to it as they lie in
memory, channels last, and as a copy, channels first."""

import numpy as np
import optree

from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from shared import backends
from shared.benchmarks import FASTEST, Benchmark, compiled, keras_gradients, size, torch_gradients

FULL = {"dense": (128, 512), "images": (32, 16, 16, 64)}
TINY = {"dense": (4, 5), "images": (2, 3, 3, 4)}


def benchmarks(draw, dense, images):
    for shape, contiguous in ((dense, False), (images, False), (images, True)):
        yield _benchmark(draw, shape, contiguous)


def _benchmark(draw, shape, contiguous):
    n_channels = shape[-1]
    params = BatchNormParams(draw(n_channels), draw(n_channels))
    state = BatchNormState(draw(n_channels), np.ones(n_channels, np.float32))
    x, dy = draw(*shape), draw(*shape)
    return Benchmark(
        f"batch_norm {shape}" + " and torch (N, C, H, W)" * contiguous,
        ours=lambda path, backend, mode: _ours(path, backend, mode, params, x, state, dy),
        torch=lambda torch: _torch(torch, contiguous, params, x, state, dy),
        keras=lambda keras, mode: _keras(keras, mode, params, x, state, dy),
        modes=FASTEST,
        held=size((params, x, state, dy)),
        from_keras=lambda result: _unbiased(result, state, x.size // n_channels),
    )


def _ours(path, backend, mode, params, x, state, dy):
    """y, the new state, and gradients of the parameters and of x."""
    module, adapter = backends.module(backend, path), backends.get(backend)
    params, x, state, dy = backends.to_backend(backend, (params, x, state, dy))
    no_gradient = optree.tree_map(np.zeros_like, state) if backend == "numpy" else None

    def numpy_step():
        (y, new), cache = module.batch_norm(params, x, state)
        d_params, d_x, _ = module.batch_norm_backward(cache, (dy, no_gradient))
        return y, new, d_params, d_x

    def step(params, x, state, dy):
        kept = []

        def normalized(params, x):
            y, new = module.batch_norm(params, x, state)
            kept.extend(s.detach() if hasattr(s, "detach") else s for s in new)
            return y

        y, grads = adapter.vjp(normalized, (params, x), {}, lambda _: dy)
        return y, kept, grads

    if backend == "numpy":
        return numpy_step
    step = compiled(backend, step, mode)
    return lambda: step(params, x, state, dy)


def _torch(torch, contiguous, params, x, state, dy):
    first = lambda array: torch.tensor(array).movedim(-1, 1)
    x, dy = (first(array).contiguous() if contiguous else first(array) for array in (x, dy))
    old = backends.to_backend("torch", state)
    new = []

    def normalized(params, x):
        new[:] = (s.clone() for s in old)  # kept in place
        return torch.nn.functional.batch_norm(x, *new, *params, training=True)

    differentiate = torch_gradients(normalized, (backends.to_backend("torch", params), x), dy)

    def step():
        y, (d_gamma, d_beta, d_x) = differentiate()
        return y.movedim(1, -1), new, d_gamma, d_beta, d_x.movedim(1, -1)

    return step


def _keras(keras, mode, params, x, state, dy):
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    layer.build(x.shape)
    layer.set_weights([*params, *state])
    old = [keras.ops.array(s) for s in state]

    def normalized(x):
        for variable, value in zip(layer.non_trainable_variables, old, strict=True):
            variable.assign(value)
        return layer(x, training=True)

    step = keras_gradients(normalized, (keras.ops.array(x),), keras.ops.array(dy), mode, layer.trainable_variables)
    return lambda: (step(), layer.non_trainable_variables)


def _unbiased(result, state, n):
    ((y, grads), (mean, var)) = result
    old = 0.9 * state.var
    return y, mean, old + (np.asarray(var) - old) * n / (n - 1), grads
