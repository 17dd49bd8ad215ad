"""The loss so far, kept in the state so that a recipe can draw it: means over equal parts of the run."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from shared import backends
from shared.recipes import Run, descent, start

POINTS = 200


class State(NamedTuple):
    params: Any
    optimizer: Any
    losses: Any  # (points,)


def points(run: Run) -> int:
    return min(POINTS, run.budget.steps)


def begin(run: Run, params) -> State:
    losses = backends.to_backend(run.backend, np.zeros(points(run), run.dtype), run.device)
    return State(*start(run, params, "optimizers/adam"), losses)


def mark(run: Run, i: int) -> np.ndarray:
    """(points,): the weight of step i at the point that it is a part of."""
    n, steps = points(run), run.budget.steps
    part = i * n // steps
    first, end = -(-part * steps // n), -(-(part + 1) * steps // n)
    return ((np.arange(n) == part) / (end - first)).astype(run.dtype)


def step(run: Run, loss: Callable) -> Callable:
    """Adam on loss(params, *examples): advance(state, *examples, mark, lr)."""
    follow = descent(run, loss, "optimizers/adam")

    def advance(state, *batch):
        *examples, mark, lr = batch
        moved, reported = follow(state, *examples, lr)
        return State(*moved, state.losses + mark * reported["loss"]), reported

    return advance


def steps(losses: np.ndarray, count: int) -> np.ndarray:
    """Where in a run of so many steps each point lies."""
    return (np.arange(len(losses)) + 0.5) * count / len(losses)
