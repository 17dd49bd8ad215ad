"""Every optimizer on one network, from the same start and over the same batches, each at its own learning rate: one
picture of ten loss curves."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from shared import backends, catalogue, files, pictures
from shared.recipes import Run
from shared.recipes.intro import mlp

STEPS = 1000  # the rates in the recipes are tuned for about as many
SMOOTH = 50  # steps over which a curve is averaged, that ten can be told apart
COLORS = ("#1b6ca8", "#d1495b", "#2a9d5c", "#e08e1b", "#7b4fa3")


class Entry(NamedTuple):
    path: str
    lr: float
    losses: np.ndarray
    accuracy: float
    seconds: float


def race(folder="build/race", backend="numpy", seed=0, steps=STEPS, data=None, progress=True) -> tuple[list, Path]:
    """The entries of all optimizers, the most accurate first, and the picture.

    steps: of each. data: a folder in MNIST's format.
    Raises ValueError if backend or data are not right, if the folder cannot be written to, or if a loss is no longer
    finite.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    for name in ("numpy", backend):
        backends.get(name).threads(1)  # as in training
    folder = Path(folder)
    files.open_folder(folder)
    paths = [path for path in catalogue.paths() if path.startswith("optimizers/")]
    shown = track(paths, "the optimizers", console=Console(stderr=True), disable=not progress)
    entries = [_run(path, backend, seed, steps, data) for path in shown]
    entries.sort(key=lambda entry: -entry.accuracy)
    return entries, pictures.save(figure(entries), folder / "race.png")


def _run(path, backend, seed, steps, data) -> Entry:
    recipe = catalogue.companion("recipes", path)
    budget = getattr(recipe, "DIGITS", recipe.BUDGETS)["quick"]
    run, adapter = Run(backend, budget._replace(steps=steps), seed, "float32"), backends.get(backend)
    digits = mlp.load(run, data)
    state, losses = mlp.init(run, digits, optimizer=path), []
    advance = adapter.compile(mlp.step(run, optimizer=path), jit=False)
    begun = time.monotonic()
    for i in range(steps):
        state, reported = advance(state, *backends.to_backend(backend, mlp.batch(run, digits, i)))
        losses.append(reported["loss"])
    losses = np.array([adapter.numpy(loss) for loss in losses])
    seconds = time.monotonic() - begun
    if not np.isfinite(losses).all():
        raise ValueError(f"{path}: the loss is no longer finite with a learning rate of {budget.lr}")
    return Entry(path, budget.lr, losses, mlp.evaluate(run, digits, state)[0]["accuracy"], seconds)


def figure(entries: list[Entry]) -> Figure:
    """The curves; and each divided by the geometric mean of all, so that hard batches no longer show."""
    drawing = Figure(figsize=(9, 8), layout="constrained")
    above, below = drawing.subplots(2, 1, sharex=True)
    logs = np.log([entry.losses for entry in entries])
    curves = [(above, logs), (below, logs - logs.mean(axis=0))]
    for i, (path, lr, _, accuracy, _) in enumerate(entries):
        label = f"{path.split('/')[-1]}, η = {lr:g}: {accuracy:.2%}"
        style = {"color": COLORS[i % len(COLORS)], "linestyle": "-" if i < len(COLORS) else "--"}
        for axes, values in curves:
            smooth = np.exp(_averaged(values[i]))
            first = values.shape[1] - len(smooth)
            axes.plot(np.arange(first, values.shape[1]) + 1, smooth, label=label, linewidth=1.3, **style)
    above.set(yscale="log", ylabel=f"loss, geometric mean of {SMOOTH} steps")
    above.set_title("One network on MNIST, from one start over the same batches; test accuracy at the end")
    above.legend(fontsize=8)
    below.set(yscale="log", xlabel="step", ylabel="loss, divided by the mean of all")
    return drawing


def _averaged(values: np.ndarray) -> np.ndarray:
    width = min(SMOOTH, len(values))
    return np.convolve(values, np.ones(width) / width, "valid")
