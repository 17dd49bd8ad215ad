"""The 4-2-4 encoder of 1985: four visible units on either side, two hidden units between them. One unit of each side
is on, the same one, and the sides are not connected: the two hidden units must find a code of their own for each of
the four patterns.

As in Ackley, Hinton & Sejnowski, every pattern is clamped twice in a step, with some of its bits flipped, which keeps
the weights from growing without bound. Both phases are annealed. Statistics of so few states are noisy enough to
leave most solutions in which two patterns share a code. The loss and all metrics are exact, as sums over the 2^10
states: `loss` is the mean of -log p over the four patterns, and that of a perfect encoder is `data_entropy`, log 4.
"""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import backends
from shared import pictures as draw
from shared.backends import module
from shared.recipes import NOISE, falling, rng

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

PATH = "generative/boltzmann_machine"
SIDE, HIDDEN = 4, 2
VISIBLE = 2 * SIDE
UNITS = VISIBLE + HIDDEN
TEMPERATURES = (4.0, 2.0, 1.5, 1.0, 1.0, 1.0)
WRONG_OFF, WRONG_ON = 0.15, 0.05  # how often a bit of a clamped pattern is turned off, or on, as in the paper
CODES = ("00", "01", "10", "11")


class Budget(NamedTuple):
    steps: int
    batch: int  # states of each phase
    lr: float
    jit: tuple[str, ...]


class Data(NamedTuple):
    patterns: np.ndarray  # (4, 8)
    connected: np.ndarray  # (10, 10), 1 where there is a weight


class State(NamedTuple):
    params: Any


class Outcome(NamedTuple):
    W: np.ndarray  # (10, 10), symmetric
    b: np.ndarray
    codes: np.ndarray  # (4, 4): p(hidden state | pattern)
    recall: np.ndarray  # (4, 4): p(right side | left side), each with one unit on


BUDGETS = {
    "quick": Budget(steps=4000, batch=8, lr=1.0, jit=()),
    "full": Budget(steps=20_000, batch=8, lr=1.0, jit=("tf",)),
}


def load(run, directory) -> Data:
    if directory is not None:
        raise ValueError(f"data folder '{directory}' is of no use: the four patterns are made here")
    connected = np.triu(np.ones((UNITS, UNITS), run.dtype), 1)
    connected[:SIDE, SIDE:VISIBLE] = 0
    return Data(np.tile(np.eye(SIDE, dtype=run.dtype), 2), connected)


def init(run, data):
    machine = module(run.backend, PATH)
    params = machine.boltzmann_machine_init(rng(run), UNITS, dtype=run.dtype)
    (connected,) = backends.to_backend(run.backend, (data.connected,), run.device)
    return State(params._replace(W=params.W * connected))


def batch(run, data, i):
    """Where the phases start, clamped and free; their uniforms; temperatures; which weights there are; the patterns;
    learning rate."""
    generator, n, sweeps = rng(run, NOISE, i), run.budget.batch, len(TEMPERATURES)
    v = np.tile(data.patterns, (n // SIDE, 1))
    u = generator.random(v.shape)
    v = np.where(v == 1, u >= WRONG_OFF, u < WRONG_ON)
    clamped = np.concatenate([v, generator.random((n, HIDDEN)) < 0.5], axis=1).astype(run.dtype)
    free = (generator.random((n, UNITS)) < 0.5).astype(run.dtype)
    u = generator.random((2, sweeps, n, UNITS), run.dtype)
    return clamped, free, *u, np.array(TEMPERATURES, run.dtype), data.connected, data.patterns, falling(run, i)


def step(run):
    machine, sgd = module(run.backend, PATH), module(run.backend, "optimizers/sgd")
    sample, call = machine.boltzmann_machine_gibbs, backends.get(run.backend).call
    hidden, every = tuple(range(VISIBLE, UNITS)), tuple(range(UNITS))

    def advance(state, clamped, free, u_clamped, u_free, temperatures, connected, patterns, lr):
        params = state.params
        clamped = sample(params, clamped, u_clamped, temperatures, free=hidden)
        free = sample(params, free, u_free, temperatures, free=every)
        grads = machine.boltzmann_machine_gradient(clamped, free)
        grads = grads._replace(W=grads.W * connected)
        new, _ = sgd.sgd_update(grads, sgd.sgd_init(params), params, lr=lr)
        return State(new), {"loss": call(machine.boltzmann_machine_loss, (params, patterns), {})}

    return advance


def evaluate(run, data, state):
    """distinct_codes: how many hidden states are the most probable one of some pattern. Of the worst pattern:
    min_code_probability, p(its most probable hidden state | pattern), and min_recall, p(right side | left side)."""
    W, b = backends.to_numpy(run.backend, state.params)
    every = (np.arange(2**UNITS)[:, None] >> np.arange(UNITS)[::-1]) % 2.0
    symmetric = np.float64(W + W.T)
    log_p = every @ b + 0.5 * np.sum(every @ symmetric * every, axis=1)
    p = np.exp(log_p - log_p.max()).reshape(2**SIDE, 2**SIDE, 2**HIDDEN)
    p /= p.sum()
    one_on = 2 ** np.arange(SIDE)[::-1]
    same = p[one_on, one_on]
    codes = same / same.sum(axis=1, keepdims=True)
    recall = p[one_on].sum(axis=2)[:, one_on] / p[one_on].sum(axis=(1, 2))[:, None]
    metrics = {
        "distinct_codes": len(set(codes.argmax(axis=1).tolist())),
        "min_code_probability": float(codes.max(axis=1).min()),
        "min_recall": float(np.diag(recall).min()),
        "loss": float(-np.mean(np.log(same.sum(axis=1)))),
        "data_entropy": float(np.log(SIDE)),
    }
    return metrics, Outcome(symmetric, b, codes, recall)


def pictures(data, outcome, folder):
    return [draw.save(_figure(outcome), folder / "encoder.png")]


def _figure(outcome):
    """Weights as in the paper, white for positive and black for negative; codes; recall."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    weights, codes, recall = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    names = (
        [f"left {i + 1}" for i in range(SIDE)] + [f"right {i + 1}" for i in range(SIDE)] + ["hidden 1", "hidden 2"]
    )
    W = outcome.W + np.diag(outcome.b)
    most = np.abs(W).max()
    weights.set_facecolor("#8d99a6")
    for i, j in np.ndindex(W.shape):
        side = 0.95 * np.sqrt(abs(W[i, j]) / most)
        color = "white" if W[i, j] > 0 else "black"
        square = (j - side / 2, i - side / 2), (j + side / 2, i + side / 2)
        weights.fill([square[0][0], square[1][0], square[1][0], square[0][0]],
                     [square[0][1], square[0][1], square[1][1], square[1][1]], color=color, linewidth=0)  # fmt: skip
    for at in (SIDE - 0.5, VISIBLE - 0.5):
        weights.axhline(at, color="#5c6670", linewidth=0.8)
        weights.axvline(at, color="#5c6670", linewidth=0.8)
    weights.set(xlim=(-0.5, UNITS - 0.5), ylim=(UNITS - 0.5, -0.5), aspect="equal")
    weights.set_xticks(range(UNITS), names, rotation=90)
    weights.set_yticks(range(UNITS), names)
    weights.set_title(f"weights, biases on the diagonal\narea: size, up to {most:.1f}; white: positive", fontsize=10)
    digits = [str(i + 1) for i in range(SIDE)]
    _table(codes, outcome.codes, "p(hidden units | pattern)", CODES, digits, "the two hidden units", "pattern")
    _table(
        recall, outcome.recall, "p(right side | left side)", digits, digits, "unit on the right", "unit on the left"
    )
    return figure


def _table(axes, p, title, columns, rows, x_label, y_label):
    axes.imshow(p, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(p):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.5 else draw.RIGHT)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=10)
    axes.set(xlabel=x_label, ylabel=y_label)
