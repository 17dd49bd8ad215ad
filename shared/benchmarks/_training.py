"""Benchmarks of a training step: loss, gradients of the parameters, update."""

from collections.abc import Callable

import optree

from shared import backends
from shared.benchmarks._benchmark import (
    FASTEST,
    LR,
    NONE,
    Benchmark,
    compiled,
    keeping,
    optimizer_of,
    size,
    tensors,
)


def training(
    name: str, loss: str, params, batch: tuple, optimizer: str, torch: Callable, keras: Callable, modes: dict = NONE
) -> Benchmark:
    """A model and its loss with an optimizer; `torch(torch)` and `keras(keras)` give net, loss and optimizer.

    The net of the frameworks starts from our `params`, layer by layer.
    """
    state = optimizer_of("numpy", optimizer)[0](params)
    return Benchmark(
        name,
        ours=lambda path, backend, mode: _our_training(path, loss, params, batch, optimizer, backend, mode),
        torch=lambda library: _torch_training(*torch(library), params, tensors("torch", batch)),
        keras=lambda library, mode: _keras_training(*keras(library), params, tensors("tf", batch), mode),
        modes=FASTEST | dict(modes),
        held=size((params, state, batch)),
    )


def _our_training(path, loss, params, batch, optimizer, backend, mode):
    value_and_grad = backends.get(backend).value_and_grad(getattr(backends.module(backend, path), loss))
    init, update = optimizer_of(backend, optimizer)
    batch = tensors(backend, batch)

    def step(params, state, *batch):
        loss, grads = value_and_grad(params, *batch)
        params, state = update(grads, state, params, lr=LR)
        return loss, params, state

    return keeping(compiled(backend, step, mode), tensors(backend, params), init, batch)


def _torch_training(net, loss_function, optimizer, params, batch):
    import torch

    weights = list(net.parameters())
    with torch.no_grad():
        for weight, value in zip(weights, optree.tree_leaves(params), strict=True):
            weight.copy_(torch.tensor(value.T).reshape(weight.shape))
    x, y = batch

    def step():
        loss = loss_function(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, [weight.mT if weight.ndim == 2 else weight for weight in weights]

    return step


def _keras_training(net, loss_function, optimizer, params, batch, mode):
    import tensorflow as tf

    x, y = batch
    weights = net.trainable_variables
    for weight, value in zip(weights, optree.tree_leaves(params), strict=True):
        weight.assign(value.reshape(weight.shape))
    optimizer.build(weights)

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_function(y, net(x))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    step = compiled("tf", step, mode)
    return lambda: (step(x, y), weights)
