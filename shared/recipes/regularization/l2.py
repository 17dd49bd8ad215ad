"""Ridge regression on the diabetes data: how the coefficients shrink as λ grows, none ever reaching zero.

`distance` says how near the descent has come to the closed form, over all λ: max|w - w*| / max|w*|.
"""

import numpy as np

from shared.recipes import Budget
from shared.recipes.regularization import _paths
from shared.recipes.regularization._paths import load

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=2000, batch=0, lr=0.2),
    "full": Budget(steps=20_000, batch=0, lr=0.2),
}
STRENGTHS = tuple(float(x) for x in np.geomspace(0.01, 1000, 12))


def init(run, data):
    return _paths.init(run, data, STRENGTHS)


def batch(run, data, i):
    return data.X, data.y, np.ones((), run.dtype)


def step(run):
    return _paths.step(run, "l2", STRENGTHS)


def evaluate(run, data, state):
    path = _paths.path(run, data, state, STRENGTHS)
    return {"distance": _paths.distance(path, exact, data)}, path


def exact(X, y, strength):
    covariance = 2 * X.T @ X / len(y)
    return np.linalg.solve(covariance + strength * np.eye(X.shape[1]), 2 * X.T @ y / len(y))


def pictures(data, outcome, folder):
    return _paths.pictures(data, outcome, folder, "Ridge: coefficients shrink together")
