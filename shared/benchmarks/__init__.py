"""What is measured: for each algorithm, by its path, the same work done by us and by a framework's own layer.

A file `shared/benchmarks/<path>.py` has two dictionaries of sizes, `FULL` to measure and `TINY` to test, and
`benchmarks(draw, **sizes)`, which yields `Benchmark`s. NumPy and torch are held against torch.nn and torch.optim,
TensorFlow against Keras. A *step* is a function without arguments that does the work once, as a training loop
would, and returns what it computed; the tests make sure that ours and theirs compute the same.

`gradients`, `training` and `update` make the usual three kinds of benchmarks.
"""

import functools
from collections.abc import Callable
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends
from shared.backends import numpy_backend

Step = Callable[[], Any]

# How the steps of each side are called where a benchmark does not say otherwise: the way that measured fastest.
FASTEST = {"numpy": "eager", "torch": "compile", "tf": "xla", "nn": "eager", "keras": "xla"}
MODES = {"eager": "", "compile": "torch.compile", "function": "tf.function", "xla": "XLA"}


NONE = MappingProxyType({})


class Benchmark(NamedTuple):
    name: str
    ours: Callable[[str, str, str], Step]  # of an algorithm's path, a backend and a mode
    torch: Callable[[ModuleType], Step]  # of the module torch
    keras: Callable[[ModuleType, str], Step]  # of the module keras and a mode
    modes: dict[str, str]  # the better one for each side: numpy, torch, tf, nn (torch's), keras
    held: int  # bytes that exist before and after a step: its arguments and what it keeps for the next
    random: bool = False  # results agree in distribution only
    from_keras: Callable[[Any], Any] = lambda result: result  # in our layout, to be compared with ours
    library: str = ""  # what every backend is held against, where that is neither torch nor Keras


class Draw:
    """Seeded float32 arrays: `draw(3, 4)`."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * self.rng.standard_normal(shape)).astype(np.float32)

    def labels(self, n: int, n_classes: int) -> np.ndarray:
        return self.rng.integers(0, n_classes, n)


# --- forward and backward: outputs, and gradients of every floating-point argument -----------------------------


def gradients(
    name: str, args: tuple, along, torch: Callable, keras: Callable, modes: dict = NONE, static: dict = NONE
) -> Benchmark:
    """A differentiable function; `torch(torch)` and `keras(keras)` give the functions of the frameworks.

    `along` are the gradients that come from above, one for each output; `static` our function's keyword arguments.
    """
    return Benchmark(
        name,
        ours=lambda path, backend, mode: _our_gradients(path, name, args, along, backend, mode, static),
        torch=lambda library: torch_gradients(torch(library), _tensors("torch", args), _tensors("torch", along)),
        keras=lambda library, mode: keras_gradients(
            keras(library), _tensors("tf", args), _tensors("tf", along), mode
        ),
        modes=FASTEST | dict(modes),
        held=size((args, along)),
    )


def _our_gradients(path, name, args, along, backend, mode, static):
    fn, args, along = getattr(backends.module(backend, path), name), _tensors(backend, args), _tensors(backend, along)
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


# --- a training step: loss, gradients of the parameters, update -----------------------------------------------


def training(
    name: str, loss: str, params, batch: tuple, optimizer: str, torch: Callable, keras: Callable, modes: dict = NONE
) -> Benchmark:
    """A model and its loss with an optimizer; `torch(torch)` and `keras(keras)` give net, loss and optimizer.

    The net of the frameworks starts from our `params`, layer by layer.
    """
    state = _optimizer("numpy", optimizer)[0](params)
    return Benchmark(
        name,
        ours=lambda path, backend, mode: _our_training(path, loss, params, batch, optimizer, backend, mode),
        torch=lambda library: _torch_training(*torch(library), params, _tensors("torch", batch)),
        keras=lambda library, mode: _keras_training(*keras(library), params, _tensors("tf", batch), mode),
        modes=FASTEST | dict(modes),
        held=size((params, state, batch)),
    )


def _our_training(path, loss, params, batch, optimizer, backend, mode):
    value_and_grad = backends.get(backend).value_and_grad(getattr(backends.module(backend, path), loss))
    init, update = _optimizer(backend, optimizer)
    batch = _tensors(backend, batch)

    def step(params, state, *batch):
        loss, grads = value_and_grad(params, *batch)
        params, state = update(grads, state, params, lr=LR)
        return loss, params, state

    return _keeping(compiled(backend, step, mode), _tensors(backend, params), init, batch)


def _keeping(step, params, init, batch):
    """Calls step with the parameters and the optimizer state that it returned the last time."""
    kept = [params, init(params)]

    def run():
        loss, *kept[:] = step(*kept, *batch)
        return loss, kept[0]

    return run


LR = 1e-3


def _optimizer(backend, path):
    module, name = backends.module(backend, path), path.rpartition("/")[2]
    return getattr(module, name + "_init"), getattr(module, name + "_update")


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


# --- an optimizer alone ---------------------------------------------------------------------------------------


def update(
    name: str, path: str, params: list, grads: list, torch: Callable, keras: Callable, modes=NONE
) -> Benchmark:
    """One update; `torch(torch, params)` and `keras(keras)` give the optimizer of the frameworks."""
    return Benchmark(
        name,
        ours=lambda path, backend, mode: _our_update(path, params, grads, backend, mode),
        torch=lambda library: _torch_update(torch, library, params, grads),
        keras=lambda library, mode: _keras_update(keras(library), params, grads, mode),
        modes=FASTEST | dict(modes),
        held=size((params, _optimizer("numpy", path)[0](params), grads)),
    )


def _our_update(path, params, grads, backend, mode):
    init, update = _optimizer(backend, path)

    def step(params, state, grads):
        return 0, *update(grads, state, params, lr=LR)

    return _keeping(compiled(backend, step, mode), _tensors(backend, params), init, (_tensors(backend, grads),))


def _torch_update(make, torch, params, grads):
    weights = [torch.nn.Parameter(torch.tensor(value)) for value in params]
    for weight, grad in zip(weights, grads, strict=True):
        weight.grad = torch.tensor(grad)
    optimizer = make(torch, weights)

    def step():
        optimizer.step()
        return 0, weights

    return step


def _keras_update(optimizer, params, grads, mode):
    import keras

    weights, grads = [keras.Variable(value) for value in params], _tensors("tf", grads)
    optimizer.build(weights)
    step = compiled("tf", lambda grads: optimizer.apply(grads, weights), mode)

    def run():
        step(grads)
        return 0, weights

    return run


# --- small things ---------------------------------------------------------------------------------------------


def compiled(backend: str, step: Callable, mode: str) -> Callable:
    return step if mode == "eager" else backends.get(backend).compile(step, jit=mode != "function")


def size(tree) -> int:
    return sum(leaf.nbytes for leaf in optree.tree_leaves(tree))


def _tensors(backend, tree):
    return backends.to_backend(backend, tree)
