"""Benchmarks of a differentiable function: outputs, and gradients of every floating-point argument."""

import functools
from collections.abc import Callable

import optree

from shared import backends
from shared.backends import numpy_backend
from shared.benchmarks._benchmark import (
    FASTEST,
    NONE,
    Benchmark,
    Step,
    compiled,
    size,
    tensors,
)


def gradients(
    name: str, args: tuple, along, torch: Callable, keras: Callable, modes: dict = NONE, static: dict = NONE
) -> Benchmark:
    """A differentiable function; `torch(torch)` and `keras(keras)` give the functions of the frameworks.

    `along` are the gradients that come from above, one for each output; `static` our function's keyword arguments.
    """
    return Benchmark(
        name,
        ours=lambda path, backend, mode: _our_gradients(path, name, args, along, backend, mode, static),
        torch=lambda library: torch_gradients(torch(library), tensors("torch", args), tensors("torch", along)),
        keras=lambda library, mode: keras_gradients(keras(library), tensors("tf", args), tensors("tf", along), mode),
        modes=FASTEST | dict(modes),
        held=size((args, along)),
    )


def _our_gradients(path, name, args, along, backend, mode, static):
    fn, args, along = getattr(backends.module(backend, path), name), tensors(backend, args), tensors(backend, along)
    if backend == "numpy":
        return _numpy_gradients(fn, numpy_backend.backward(fn), args, along, static)
    fn = functools.partial(fn, **static)
    step = compiled(backend, _torch_gradients(fn) if backend == "torch" else _tf_gradients(fn), mode)
    return lambda: step(args, along)


def _torch_gradients(fn):
    """As the adapter's vjp, in words that torch.compile takes into one graph."""
    import torch

    def step(args, along):
        args = optree.tree_map(lambda x: x.detach().requires_grad_() if x.is_floating_point() else x, args)
        inputs = [x for x in optree.tree_leaves(args) if x.is_floating_point()]
        outputs = fn(*args)
        grads = torch.autograd.grad(optree.tree_leaves(outputs), inputs, optree.tree_leaves(along))
        return optree.tree_map(torch.detach, outputs), grads

    return step


def _tf_gradients(fn):
    vjp = backends.get("tf").vjp
    return lambda args, along: vjp(fn, args, {}, lambda _: along)


def _numpy_gradients(fn, backward, args, along, static):
    def elementwise():
        y = fn(*args)
        return y, backward(along, *args, y)

    def step():
        outputs, cache = fn(*args, **static)
        return outputs, backward(cache, along)

    return elementwise if fn.__module__.endswith(".activations") else step


def torch_gradients(call: Callable, args, along, weights: tuple = ()) -> Step:
    """torch: `call(*args)` and its gradients with respect to weights and arguments."""
    import torch

    inputs = [*weights, *(x.requires_grad_() for x in optree.tree_leaves(args) if backends.is_float(x))]

    def step():
        outputs = call(*args)
        return outputs, torch.autograd.grad(optree.tree_leaves(outputs), inputs, optree.tree_leaves(along))

    return step


def keras_gradients(call: Callable, args, along, mode: str, weights: tuple = ()) -> Step:
    """TensorFlow: `call(*args)` and its gradients with respect to weights and arguments."""
    import tensorflow as tf

    def step(args, along):
        inputs = [x for x in args if backends.is_float(x)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = call(*args)
        return outputs, tape.gradient(outputs, [*(weight.value for weight in weights), *inputs], along)

    step = compiled("tf", step, mode)
    return lambda: step(args, along)
