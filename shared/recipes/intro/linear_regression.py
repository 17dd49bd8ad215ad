"""Linear regression on the diabetes data, by gradient descent on all patients at once.

The features are standardised. R² is 0.5177 at the minimum; `distance` says how near the descent has come to the
closed form there: max|w - w*| / max|w*|. Two of the blood measurements nearly determine each other (the condition
number of the features' correlation matrix is 470), so thousands of steps are needed.
"""

from typing import NamedTuple

import numpy as np

from shared import pictures as draw
from shared.backends import module, to_backend, to_numpy
from shared.data.diabetes import load_diabetes
from shared.recipes import Budget, descent, outputs, start

BUDGETS = {
    "quick": Budget(steps=6000, batch=0, lr=0.2),
    "full": Budget(steps=30_000, batch=0, lr=0.2),
}


class Data(NamedTuple):
    X: np.ndarray  # (N, D) standard deviations from the mean
    y: np.ndarray  # (N,)


class Outcome(NamedTuple):
    predicted: np.ndarray  # (N,) in the unit of y


def load(run, directory):
    X, y, _ = load_diabetes(directory)
    deviation = X.std(axis=0)
    if not deviation.all():
        raise ValueError(f"column {int(np.argmin(deviation))} of the data is constant, expected features that vary")
    return Data(((X - X.mean(axis=0)) / deviation).astype(run.dtype), y.astype(run.dtype))


def init(run, data):
    linear = module(run.backend, "intro/linear_regression")
    return start(run, linear.linear_regression_init(data.X.shape[1], dtype=run.dtype), "optimizers/sgd")


def batch(run, data, i):
    return data.X, data.y, np.asarray(run.budget.lr, run.dtype)


def step(run):
    return descent(run, module(run.backend, "intro/linear_regression").linear_regression_loss, "optimizers/sgd")


def evaluate(run, data, state):
    linear = module(run.backend, "intro/linear_regression")
    exact = to_numpy(run.backend, linear.linear_regression_fit(*to_backend(run.backend, data, run.device)))
    reached = to_numpy(run.backend, state.params)
    predicted = outputs(run, linear.linear_regression, state.params, data.X).astype(np.float64)
    error, spread = predicted - data.y, data.y - data.y.mean()
    metrics = {
        "r2": float(1 - error @ error / (spread @ spread)),
        "distance": float(np.max(np.abs(reached.w - exact.w)) / np.max(np.abs(exact.w))),
    }
    return metrics, Outcome(predicted)


def pictures(data, outcome, folder):
    figure = draw.scatter_figure(data.y, outcome.predicted, "measured", "predicted", "Linear regression")
    return [draw.save(figure, folder / "fit.png")]
