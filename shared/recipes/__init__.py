"""Recipes: what trains an algorithm on real data, the same lines on any backend.

`shared/recipes/<path>.py` is the recipe of the algorithm of that path, a module of plain functions:

    BUDGETS                              {"quick": Budget(...), "full": Budget(...)}
    load(run, directory) -> data         NumPy arrays; the embedded data if directory is None, else the user's
    init(run, data) -> state             a tree of the backend's arrays: parameters, optimizer, running statistics
    batch(run, data, i) -> arrays        a tuple of all that step i takes besides the state: examples, noise, learning
                                         rate. It depends on (seed, i) alone, so a resumed run sees the same bits
    step(run) -> advance                 advance(state, *batch) -> (state, {"loss": ...}), pure, compiled whole
    evaluate(run, data, state) -> (metrics, outcome)     numbers for the record; what the pictures are drawn from
    pictures(data, outcome, folder) -> paths             PNG files and animated GIFs
    say(run, data, state, text) -> text                  what the model answers, for `triptych say` (optional)

The loop around them, with its checkpoints, is shared/training.py. Files whose names begin with an underscore are
shared by several recipes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from shared import backends


class Budget(NamedTuple):
    steps: int
    batch: int  # examples in a step; 0 means all of them
    lr: float  # learning rate of the first step
    jit: tuple[str, ...] = ()  # backends whose compiler saves more time than it takes, within these steps
    hidden: int = 0  # hidden units, where the model has them


class Run(NamedTuple):
    """What, besides the data, decides every bit of a run."""

    backend: str
    budget: Budget
    seed: int
    dtype: str
    device: str | None = None


class State(NamedTuple):
    """The state of most recipes."""

    params: Any
    optimizer: Any


INIT, SHUFFLE, NOISE = range(3)  # streams of random numbers that have nothing to do with each other


def rng(run: Run, stream: int = INIT, number: int = 0) -> np.random.Generator:
    """A generator for one purpose, alike in every backend; number: of the step or the epoch."""
    return np.random.default_rng([stream, run.seed, number])


def rows(run: Run, n: int, i: int) -> np.ndarray:
    """Which of n examples step i takes: every epoch goes through a fresh shuffle, its incomplete last batch is
    left out."""
    size = min(run.budget.batch or n, n)
    epoch, at = divmod(i, n // size)
    return _shuffled(run, n, epoch)[at * size : (at + 1) * size]


@lru_cache(maxsize=2)
def _shuffled(run: Run, n: int, epoch: int) -> np.ndarray:
    return rng(run, SHUFFLE, epoch).permutation(n)


def falling(run: Run, i: int) -> np.ndarray:
    """The learning rate of step i: it falls linearly from budget.lr and would be 0 one step after the last."""
    return np.asarray(run.budget.lr * (1 - i / run.budget.steps), run.dtype)


def start(run: Run, params, optimizer: str) -> State:
    """Parameters with a fresh optimizer; optimizer: its path, `optimizers/adam`."""
    return State(params, _named(run, optimizer, "init")(params))


def descent(run: Run, loss: Callable, optimizer: str, /, **static) -> Callable:
    """A step that follows the gradient of loss(params, *examples, **static): advance(state, *examples, lr)."""
    value_and_grad = backends.get(run.backend).value_and_grad(loss)
    update = _named(run, optimizer, "update")

    def advance(state, *batch):
        *examples, lr = batch
        value, grads = value_and_grad(state.params, *examples, **static)
        return State(*update(grads, state.optimizer, state.params, lr=lr)), {"loss": value}

    return advance


def outputs(run: Run, fn: Callable, params, *arrays: np.ndarray, **static) -> np.ndarray:
    """fn(params, *arrays, **static), from and to NumPy, without a gradient."""
    adapter = backends.get(run.backend)
    return adapter.numpy(adapter.call(fn, (params, *backends.to_backend(run.backend, arrays, run.device)), static))


def _named(run: Run, path: str, what: str) -> Callable:
    return getattr(backends.module(run.backend, path), f"{path.split('/')[-1]}_{what}")
