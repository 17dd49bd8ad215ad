"""What the benchmarks of this chapter share: stacks of layers, and a step by any loss of nets and batch."""

from itertools import pairwise

import optree

from numpy_impl.intro.mlp import MLPLayer
from shared import backends
from shared.benchmarks import FASTEST, LR, Benchmark, compiled, size


def layers(draw, *sizes):
    return tuple(MLPLayer(draw(m, n, scale=(1 / m) ** 0.5), draw(n, scale=0.1)) for m, n in pairwise(sizes))


def torch_stack(torch, layers, *last):
    """Linear layers with these weights, ReLUs between them."""
    modules = [module for W, _ in layers for module in (torch.nn.Linear(*W.shape), torch.nn.ReLU())]
    net = torch.nn.Sequential(*modules[:-1], *last)
    with torch.no_grad():
        for weight, value in zip(net.parameters(), optree.tree_leaves(layers), strict=True):
            weight.copy_(torch.tensor(value.T))
    return net


def keras_stack(keras, layers, last=None):
    *hidden, end = (len(b) for _, b in layers)
    dense = [*(keras.layers.Dense(n, activation="relu") for n in hidden), keras.layers.Dense(end, activation=last)]
    net = keras.Sequential([keras.Input((len(layers[0].W),)), *dense])
    net.set_weights(optree.tree_leaves(layers))
    return net


def training(name, function, params, batch, torch, keras, **static):
    """A step of Adam on function(params, *batch). `torch(torch)` and `keras(keras)` give the nets of the
    frameworks and a loss of (nets, *batch)."""
    return Benchmark(
        name,
        ours=lambda path, backend, mode: _ours(path, function, params, batch, backend, mode, static),
        torch=lambda library: _torch(library, *torch(library), batch),
        keras=lambda library, mode: _keras(library, *keras(library), batch, mode),
        modes=dict(FASTEST),
        held=3 * size(params) + size(batch),
    )


def _ours(path, function, params, batch, backend, mode, static):
    value_and_grad = backends.get(backend).value_and_grad(getattr(backends.module(backend, path), function))
    adam = backends.module(backend, "optimizers/adam")

    def step(params, state, *batch):
        value, grads = value_and_grad(params, *batch, **static)
        return value, *adam.adam_update(grads, state, params, lr=LR)

    step, batch = compiled(backend, step, mode), backends.to_backend(backend, batch)
    params = backends.to_backend(backend, params)
    kept = [params, adam.adam_init(params)]

    def run():
        value, *kept[:] = step(*kept, *batch)
        return value, kept[0]

    return run


def _torch(torch, nets, loss, batch):
    weights = [weight for net in nets for weight in net.parameters()]
    optimizer, batch = torch.optim.Adam(weights, lr=LR), backends.to_backend("torch", batch)

    def step():
        value = loss(nets, *batch)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value, [weight.mT if weight.ndim == 2 else weight for weight in weights]

    return step


def _keras(keras, nets, loss, batch, mode):
    import tensorflow as tf

    optimizer = keras.optimizers.Adam(LR, epsilon=1e-8)
    weights = [weight for net in nets for weight in net.trainable_variables]
    optimizer.build(weights)

    def step(*batch):
        with tf.GradientTape() as tape:
            value = loss(nets, *batch)
        optimizer.apply(tape.gradient(value, [weight.value for weight in weights]), weights)
        return value

    step, batch = compiled("tf", step, mode), backends.to_backend("tf", batch)
    return lambda: (step(*batch), weights)
