"""Regularization paths: linear regression on the diabetes data with a penalty, at many strengths λ at once.

The features are standardised. Every λ has its own model; one step moves all of them.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import pictures as draw
from shared.backends import get, module, to_backend, to_numpy
from shared.data.diabetes import load_diabetes
from shared.recipes import State

COLORS = tuple(f"C{k}" for k in range(10))


class Data(NamedTuple):
    X: np.ndarray  # (N, D) standard deviations from the mean
    y: np.ndarray  # (N,)
    names: tuple[str, ...]  # of the features


class Path(NamedTuple):
    strengths: np.ndarray  # (L,)
    w: np.ndarray  # (L, D)
    names: tuple[str, ...]


def load(run, directory):
    X, y, names = load_diabetes(directory)
    deviation = X.std(axis=0)
    if not deviation.all():
        raise ValueError(f"column {int(np.argmin(deviation))} of the data is constant, expected features that vary")
    return Data(((X - X.mean(axis=0)) / deviation).astype(run.dtype), y.astype(run.dtype), names)


def init(run, data, strengths):
    linear = module(run.backend, "intro/linear_regression")
    params = linear.linear_regression_init(data.X.shape[1], dtype=run.dtype)
    b = to_backend(run.backend, np.asarray(data.y.mean(), run.dtype), run.device)  # the features' means are 0
    return State(tuple(params._replace(b=b) for _ in strengths), ())


def step(run, penalty, strengths):
    """A step of gradient descent for every λ. L2 adds λ to the loss's curvature: the step has to be that shorter."""
    linear, sgd = module(run.backend, "intro/linear_regression"), module(run.backend, "optimizers/sgd")
    regularizer, adapter = getattr(module(run.backend, f"regularization/{penalty}"), penalty), get(run.backend)
    value_and_grad = adapter.value_and_grad(linear.linear_regression_loss)

    def advance(state, X, y, shrink):
        new, losses = [], []
        for strength, params in zip(strengths, state.params, strict=True):
            loss, grads = value_and_grad(params, X, y)
            extra, (slopes,) = adapter.vjp(regularizer, (params,), {"strength": strength}, one_like)
            grads = grads._replace(w=grads.w + slopes.w)
            curvature = 1 / run.budget.lr + (strength if penalty == "l2" else 0)
            new.append(sgd.sgd_update(grads, sgd.SGDState(), params, lr=shrink / curvature)[0])
            losses.append(loss + extra)
        return State(tuple(new), ()), {"loss": sum(losses) / len(losses)}

    return advance


def path(run, data, state, strengths):
    reached = to_numpy(run.backend, state.params)
    return Path(np.asarray(strengths), np.stack([params.w for params in reached]), data.names)


def one_like(value):
    return 0 * value + 1


def centred(data):
    y = data.y.astype(np.float64)
    return data.X.astype(np.float64), y - y.mean()


def distance(path, exact, data):
    """max|w - w*| / max|w*| over all λ; exact(X, y, strength) gives w*."""
    wanted = np.stack([exact(*centred(data), strength) for strength in path.strengths])
    return float(np.max(np.abs(path.w - wanted)) / np.max(np.abs(wanted)))


def pictures(data, outcome, folder, title):
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, weights, color in zip(outcome.names, outcome.w.T, COLORS * len(outcome.names), strict=False):
        axes.plot(outcome.strengths, weights, color=color, label=name)
    axes.axhline(0, color="#222222", linewidth=0.6)
    axes.set(xscale="log", xlabel="λ", ylabel="coefficient of the standardised feature", title=title)
    axes.legend(fontsize=8, ncols=2)
    return [draw.save(figure, folder / "path.png")]
