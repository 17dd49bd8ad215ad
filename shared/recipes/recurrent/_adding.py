"""The adding problem (Hochreiter & Schmidhuber 1997): of a long row of numbers two are marked, one in each half, and
at the end their sum is asked for. Nothing else in the row helps, and whoever forgets can only say 1, the mean: a mean
squared error of 1/6.

Rows are drawn afresh for every step; `test_mse` is on rows that were not trained on.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import backends
from shared import pictures as draw
from shared.recipes import NOISE, Run, falling, outputs, rng
from shared.recipes.recurrent import _curve
from shared.recipes.recurrent._curve import State

MEMORYLESS = 1 / 6  # the variance of the sum of two numbers from U[0, 1]
TESTED, CHUNK = 2000, 500


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    hidden: int
    length: int  # of a row: T


class Task(NamedTuple):
    xs: np.ndarray  # (T, N, 2) test rows: numbers, and marks, 1 or 0
    target: np.ndarray  # (N, 1)


class Outcome(NamedTuple):
    predicted: np.ndarray  # (N,)
    losses: np.ndarray
    steps: int


def load(run: Run, directory: str | None) -> Task:
    if directory is not None:
        raise ValueError(f"data '{directory}' cannot be used: this recipe makes its own, expected none")
    return Task(*rows(np.random.default_rng(0), run.budget.length, TESTED, run.dtype))


def rows(generator: np.random.Generator, T: int, n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """xs (T, n, 2) and their sums (n, 1)."""
    xs = np.zeros((T, n, 2))
    xs[..., 0] = generator.random((T, n))
    for first, end in ((0, T // 2), (T // 2, T)):
        xs[generator.integers(first, end, n), np.arange(n), 1] = 1
    return xs.astype(dtype), np.sum(xs[..., 0] * xs[..., 1], axis=0)[:, None].astype(dtype)


def init(run: Run, data: Task, cell: str) -> State:
    layer = getattr(backends.module(run.backend, f"recurrent/{cell}"), f"{cell}_init")
    generator = rng(run)
    layers = (layer(generator, 2, run.budget.hidden, dtype=run.dtype),)
    params = backends.module(run.backend, "recurrent/readout").readout_init(generator, layers, 1, dtype=run.dtype)
    return _curve.begin(run, params)


def batch(run: Run, data: Task, i: int) -> tuple[np.ndarray, ...]:
    """Rows, sums, where the loss of step i goes in the picture, learning rate."""
    xs, target = rows(rng(run, NOISE, i), run.budget.length, run.budget.batch, run.dtype)
    return xs, target, _curve.mark(run, i), falling(run, i)


def step(run: Run):
    return _curve.step(run, backends.module(run.backend, "recurrent/readout").readout_value_loss)


def evaluate(run: Run, data: Task, state: State) -> tuple[dict, Outcome]:
    last = backends.module(run.backend, "recurrent/readout").readout_last
    starts = range(0, TESTED, CHUNK)
    found = [outputs(run, last, state.params, data.xs[:, at : at + CHUNK]) for at in starts]
    predicted = np.concatenate(found)[:, 0].astype(np.float64)
    error = predicted - data.target[:, 0]
    metrics = {"test_mse": float(np.mean(error**2)), "baseline_mse": float(np.mean((data.target - 1.0) ** 2))}
    metrics |= {"worst_error": float(np.max(np.abs(error))), "length": run.budget.length}
    losses = backends.to_numpy(run.backend, state.losses)
    return metrics, Outcome(predicted, losses, run.budget.steps)


def pictures(data: Task, outcome: Outcome, folder) -> list:
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    color, wrong, quiet = (style[0] for style in draw.STYLES)
    left.plot(_curve.steps(outcome.losses, outcome.steps), outcome.losses, color=color, linewidth=1.6)
    left.axhline(MEMORYLESS, color=wrong, linewidth=1.2, linestyle="--")
    left.text(outcome.steps, MEMORYLESS * 1.12, "without memory: 1/6", color=wrong, ha="right", va="bottom")
    left.set(yscale="log", xlabel="step", ylabel="mean squared error", title="Loss in training")
    left.set_ylim(top=max(2.0, 1.5 * outcome.losses.max()))
    left.set_xlim(0, outcome.steps)
    target, T = data.target[:, 0], len(data.xs)
    right.plot([0, 2], [0, 2], color=quiet, linewidth=0.8)
    right.axhline(1, color=wrong, linewidth=1.2, linestyle="--")
    right.text(-0.07, 1.03, "without memory: always 1", color=wrong, ha="left", va="bottom", fontsize=9)
    right.plot(target, outcome.predicted, "o", color=color, markersize=2.5, alpha=0.35, markeredgewidth=0)
    mse = np.mean((outcome.predicted - target) ** 2)
    right.set(xlabel="sum of the two marked numbers", ylabel="answer after the last step")
    right.set(title=f"{len(target)} test rows of {T} numbers: error {mse:.2g}", aspect="equal")
    right.set(xlim=(-0.1, 2.1), ylim=(-0.1, 2.1))
    return [draw.save(figure, folder / "sums.png")]
