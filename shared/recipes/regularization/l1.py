"""The lasso on the diabetes data: as λ grows, one coefficient after the other becomes zero.

A gradient step overshoots zero and comes back, by at most the learning rate times λ: the rate falls to nothing.
`distance` says how near that comes to the exact solution, over all λ: max|w - w*| / max|w*|.
"""

import numpy as np

from shared.recipes import Budget, falling
from shared.recipes.regularization import _paths
from shared.recipes.regularization._paths import load

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=2000, batch=0, lr=0.2),
    "full": Budget(steps=20_000, batch=0, lr=0.2),
}
STRENGTHS = tuple(float(x) for x in np.geomspace(0.3, 100, 12))
SWEEPS = 1000


def init(run, data):
    return _paths.init(run, data, STRENGTHS)


def batch(run, data, i):
    return data.X, data.y, falling(run, i) / np.asarray(run.budget.lr, run.dtype)


def step(run):
    return _paths.step(run, "l1", STRENGTHS)


def evaluate(run, data, state):
    path = _paths.path(run, data, state, STRENGTHS)
    return {"distance": _paths.distance(path, exact, data)}, path


def exact(X, y, strength):
    """Coordinate descent: each coefficient at its optimum, given the others, again and again."""
    w, rest = np.zeros(X.shape[1]), y.copy()
    curvature = 2 * np.mean(X * X, axis=0)
    for _ in range(SWEEPS):
        for j, x in enumerate(X.T):
            rest += w[j] * x
            pull = 2 * x @ rest / len(y)
            w[j] = np.sign(pull) * max(abs(pull) - strength, 0) / curvature[j]
            rest -= w[j] * x
    return w


def pictures(data, outcome, folder):
    return _paths.pictures(data, outcome, folder, "Lasso: coefficients become zero, one after the other")
