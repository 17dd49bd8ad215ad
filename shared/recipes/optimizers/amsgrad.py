"""The problem on which Adam goes the wrong way (Reddi, Kale & Kumar, 2018): x in [-1, 1] with the loss
f_t(x) = 1010 x in every 101st round and -10 x in all others. On average that is 10/101 x, so -1 is best and +1 worst.

Adam goes to +1: to the one large gradient it gives little more weight than to any of the hundred small ones. AMSGrad
goes to -1, here with its maximum before the bias correction, as in this library, and after it, which optax has: then
the first gradient of all, 1010, holds the maximum for ever, and it goes more slowly. After 100,000 rounds Adam is at
0.99547, AMSGrad at -0.08169, with the late maximum at -0.01239.
"""

from importlib import import_module
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import backends
from shared import pictures as draw
from shared.recipes import Budget

BUDGETS = {
    "quick": Budget(steps=5000, batch=20, lr=1e-3, jit=("tf",)),  # batch: rounds in a step
    "full": Budget(steps=300_000, batch=20, lr=1e-3, jit=("tf",)),
}
DIGITS = {"quick": Budget(steps=1200, batch=128, lr=4e-3, hidden=512)}  # for the network of intro/mlp
PERIOD, LARGE, SMALL = 101, 1010.0, -10.0
BETAS = {"beta1": 0.9, "beta2": 0.99}
OPTIMIZERS = {"adam": "adam", "amsgrad": "amsgrad", "late_maximum": "amsgrad"}
CLIP = {"numpy": "clip", "torch": "clip", "tf": "clip_by_value"}
POINTS = 500  # of each path in the picture


class State(NamedTuple):
    """A place and an optimizer's state for each name, and the places so far for the picture."""

    params: dict
    optimizer: dict
    path: dict


def load(run, directory):
    """One period of gradients."""
    if directory is not None:
        raise ValueError(f"data '{directory}' cannot be used: this recipe makes its own, expected none")
    return np.array([LARGE] + [SMALL] * (PERIOD - 1), run.dtype)


def init(run, data):
    zero = lambda *shape: backends.to_backend(run.backend, np.zeros(shape, run.dtype), run.device)
    states = {name: _function(run, kind, "init")(zero()) for name, kind in OPTIMIZERS.items()}
    paths = {name: zero(points(run)) for name in OPTIMIZERS}
    return State({name: zero() for name in OPTIMIZERS}, states, paths)


def _function(run, kind, what):
    return getattr(backends.module(run.backend, f"optimizers/{kind}"), f"{kind}_{what}")


def points(run):
    return min(POINTS, run.budget.steps)


def batch(run, data, i):
    """Gradients of the next rounds; by how much the correction 1 - β₂ᵗ grows in each; where step i is in the path."""
    rounds = np.arange(i * run.budget.batch, (i + 1) * run.budget.batch)
    before, after = (1 - BETAS["beta2"] ** t for t in (np.maximum(rounds, 1), rounds + 1))
    growth = after / before  # 1 in the first round
    n, steps = points(run), run.budget.steps
    last_of_its_point = i * n // steps != (i + 1) * n // steps
    mark = (np.arange(n) == i * n // steps) * last_of_its_point
    return data[rounds % PERIOD], growth.astype(run.dtype), mark.astype(run.dtype)


def step(run):
    clip = getattr(import_module(backends.LIBRARIES[run.backend]), CLIP[run.backend])
    updates = {name: _function(run, kind, "update") for name, kind in OPTIMIZERS.items()}
    mean = (LARGE + SMALL * (PERIOD - 1)) / PERIOD

    def advance(state, slopes, growth, mark):
        xs, states = dict(state.params), dict(state.optimizer)
        for i in range(run.budget.batch):
            late = states[
                "late_maximum"
            ]  # w stands for ŵ (1 - β₂ᵗ): kept the same, ŵ is the largest of the corrected
            states["late_maximum"] = late._replace(w=late.w * growth[i])
            for name, update in updates.items():
                x, states[name] = update(slopes[i], states[name], xs[name], lr=run.budget.lr, **BETAS)
                xs[name] = clip(x, -1.0, 1.0)
        path = {name: state.path[name] + mark * xs[name] for name in xs}
        return State(xs, states, path), {"loss": mean * xs["amsgrad"]}

    return advance


def evaluate(run, data, state):
    state = backends.to_numpy(run.backend, state)
    rounds = run.budget.steps * run.budget.batch
    return {name: float(x) for name, x in state.params.items()}, (rounds, state.path)


def pictures(data, outcome, folder):
    rounds, paths = outcome
    labels = {"adam": "Adam", "amsgrad": "AMSGrad", "late_maximum": "AMSGrad, maximum after the correction"}
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (name, path), (color, _, _) in zip(paths.items(), draw.STYLES, strict=True):
        at = np.linspace(0, rounds, len(path) + 1)
        axes.plot(at, [0, *path], color=color, linewidth=1.2, label=labels[name])
    axes.axhline(-1, color="#888888", linewidth=0.8, linestyle="--")
    axes.set(title="Adam goes to the worst point, AMSGrad to the best, -1", xlabel="round", ylabel="x")
    axes.set_ylim(-1.1, 1.1)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.12))
    return [draw.save(figure, folder / "path.png")]
