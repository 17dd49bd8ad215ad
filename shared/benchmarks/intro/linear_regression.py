"""Linear regression: a training step with gradient descent, and the closed form against least-squares solvers."""

import numpy as np

from numpy_impl.intro.linear_regression import LinearRegressionParams
from shared import backends
from shared.benchmarks import Benchmark, size, training

FULL = {"N": 1000, "D": 100}
TINY = {"N": 12, "D": 3}


def benchmarks(draw, N, D):
    X, y = draw(N, D), draw(N)
    yield training(
        "training step",
        "linear_regression_loss",
        LinearRegressionParams(w=draw(D), b=draw()),
        (X, y),
        "optimizers/sgd",
        torch=lambda torch: _torch(torch, D),
        keras=lambda keras: _keras(keras, D),
    )
    yield _fit(X, y)


def _torch(torch, D):
    net = torch.nn.Sequential(torch.nn.Linear(D, 1), torch.nn.Flatten(0))
    return net, torch.nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=1e-3)


def _keras(keras, D):
    net = keras.Sequential([keras.Input((D,)), keras.layers.Dense(1), keras.layers.Reshape(())])
    return net, keras.losses.MeanSquaredError(), keras.optimizers.SGD(1e-3)


def _fit(X, y):
    with_ones = np.column_stack([X, np.ones(len(X), X.dtype)])

    def ours(path, backend, mode):
        fn, args = backends.module(backend, path).linear_regression_fit, backends.to_backend(backend, (X, y))
        return lambda: fn(*args)

    def torch_step(torch):
        A, b = torch.tensor(with_ones), torch.tensor(y)
        return lambda: _split(torch.linalg.lstsq(A, b).solution)

    def keras_step(keras, mode):
        A, b = keras.ops.array(with_ones), keras.ops.array(y)
        return lambda: _split(keras.ops.lstsq(A, b))

    modes = dict.fromkeys(("numpy", "torch", "tf", "nn", "keras"), "eager")
    return Benchmark("fit", ours, torch_step, keras_step, modes, held=size((X, y)))


def _split(solution):
    return solution[:-1], solution[-1]
