"""Benchmarks of an optimizer alone: one update."""

from collections.abc import Callable

from shared.benchmarks._benchmark import FASTEST, LR, NONE, Benchmark, compiled, keeping, optimizer, size, tensors


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
        held=size((params, optimizer("numpy", path)[0](params), grads)),
    )


def _our_update(path, params, grads, backend, mode):
    init, update = optimizer(backend, path)

    def step(params, state, grads):
        return 0, *update(grads, state, params, lr=LR)

    return keeping(compiled(backend, step, mode), tensors(backend, params), init, (tensors(backend, grads),))


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

    weights, grads = [keras.Variable(value) for value in params], tensors("tf", grads)
    optimizer.build(weights)
    step = compiled("tf", lambda grads: optimizer.apply(grads, weights), mode)

    def run():
        step(grads)
        return 0, weights

    return run
