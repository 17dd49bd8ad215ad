"""A small capsule network on MNIST: the longest of ten capsules names the digit, and a decoder draws the image again
from that capsule's 16 numbers; by Adam.

The pictures show images beside what the decoder makes of their capsules, and what each of the 16 numbers stands for:
a capsule is drawn with one of them changed.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import pictures as draw
from shared.backends import module
from shared.data.mnist import as_rows
from shared.recipes import _digits, descent, outputs, rng, start
from shared.recipes._digits import load

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    kernel: int
    channels: tuple[int, ...]  # of the convolutions before the capsules
    types: int  # of primary capsules
    hidden: tuple[int, ...]  # of the decoder


class Outcome(NamedTuple):
    """What the network makes of the test images."""

    predicted: np.ndarray  # (N,) class numbers
    cost: np.ndarray  # (N,) margin loss
    drawn: np.ndarray  # (n, H, W) the first n images again, from 0 to 1
    changed: np.ndarray  # (images, 16, changes, H, W) some images with one number of their capsule changed
    names: np.ndarray  # (images,) which classes these are


BUDGETS = {
    "quick": Budget(400, 64, 3e-3, ("tf",), kernel=9, channels=(16,), types=4, hidden=(128, 256)),
    "full": Budget(10_000, 64, 2e-3, ("torch", "tf"), kernel=9, channels=(32,), types=8, hidden=(256, 512)),
}
SIZES = 8, 16  # numbers in a primary capsule and in a digit's
CHANGES = np.linspace(-0.25, 0.25, 11)
DRAWN, SHOWN = 32, (2, 4, 5)  # how many images are drawn again; the digits whose capsules are changed


def images(grey: np.ndarray, dtype: str) -> np.ndarray:
    """(N, H, W) grey values to (N, H, W, 1) in [0, 1]."""
    return as_rows(grey, dtype).reshape(*grey.shape, 1)


batch = partial(_digits.batch, arrange=images)


def init(run, data):
    capsule, budget, shape = module(run.backend, "convolutional/capsule"), run.budget, data.train_images.shape[1:]
    sizes = {"kernel": budget.kernel, "channels": budget.channels, "types": budget.types, "hidden": budget.hidden}
    params = capsule.capsule_init(rng(run), (*shape, 1), _digits.CLASSES, sizes=SIZES, **sizes, dtype=run.dtype)
    return start(run, params, "optimizers/adam")


def step(run):
    return descent(run, module(run.backend, "convolutional/capsule").capsule_loss, "optimizers/adam")


def evaluate(run, data, state):
    """Besides the accuracy, the margin loss and the squared error of the image drawn again, means over the images."""
    capsule, params, labels = module(run.backend, "convolutional/capsule"), state.params, data.test_labels
    classes = lambda v: np.sum(v * v, axis=-1).argmax(axis=-1)
    capsule_decoder = module(run.backend, "convolutional/capsule_decoder").capsule_decoder
    decode = lambda v, k: outputs(run, capsule_decoder, params.decoder, v, k)
    vs, errors = [], []
    for at in range(0, len(labels), _digits.CHUNK):
        x = images(data.test_images[at : at + _digits.CHUNK], run.dtype)
        vs.append(outputs(run, capsule.capsule, params.encoder, x))
        again = decode(vs[-1], classes(vs[-1]))
        errors.append(np.sum((again - x.reshape(again.shape)) ** 2, axis=-1))
    v = np.concatenate(vs)
    predicted, lengths = classes(v), np.sqrt(np.sum(v.astype(np.float64) ** 2, axis=-1))
    present = np.arange(_digits.CLASSES) == labels[:, None]
    cost = np.sum(
        np.where(present, np.maximum(0.9 - lengths, 0) ** 2, np.maximum(lengths - 0.1, 0) ** 2 / 2), axis=-1
    )
    metrics = {"accuracy": float(np.mean(predicted == labels)), "test_margin": float(cost.mean())}
    metrics["squared_error"] = float(np.mean(np.concatenate(errors)))

    shape = data.test_images.shape[1:]
    drawn = decode(v[:DRAWN], predicted[:DRAWN]).reshape(-1, *shape)
    surest = np.array([np.argmax(np.where(labels == k, lengths[:, k], -1)) for k in SHOWN])
    names = predicted[surest]
    along = (CHANGES[:, None] * np.eye(SIZES[1])[:, None]).astype(run.dtype)  # (16, changes, 16)
    changed = v[surest][:, None, None] + along[:, :, None]  # (images, 16, changes, classes, 16)
    ks = np.broadcast_to(names[:, None, None], changed.shape[:3]).reshape(-1)
    changed = decode(changed.reshape(-1, *v.shape[1:]), ks).reshape(*changed.shape[:3], *shape)
    return metrics, Outcome(predicted, cost, drawn, changed, names)


def pictures(data, outcome: Outcome, folder: Path) -> list[Path]:
    return [
        *_digits.pictures(data, outcome, folder),
        draw.save(_drawn_figure(data, outcome), folder / "reconstructions.png"),
        draw.save(_changed_figure(outcome), folder / "dimensions.png"),
    ]


def _drawn_figure(data, outcome, columns: int = 8) -> Figure:
    """Test images, and beside each what the decoder makes of its longest capsule."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    figure.suptitle("Test images, and each again from the 16 numbers of its longest capsule")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_anchor("N")
    n, height, width = outcome.drawn.shape
    gap = width // 3
    dy, dx = height + height // 3, 2 * width + gap
    grid = np.zeros((-(-n // columns) * dy, columns * dx - gap))
    for i in range(n):
        y, x = i // columns * dy + dy - height, i % columns * dx
        grid[y : y + height, x : x + 2 * width] = np.hstack([data.test_images[i] / 255, outcome.drawn[i]])
        name, label = outcome.predicted[i], data.test_labels[i]
        text, color = (f"{name}", draw.RIGHT) if name == label else (f"{name}, not {label}", draw.WRONG)
        axes.text(x + width, y, text, fontsize=8, color=color, ha="center")
    axes.imshow(grid, cmap="gray_r", vmin=0, vmax=1)
    return figure


def _changed_figure(outcome) -> Figure:
    """For each of some images a table: a row for each number of its capsule, a column for each change of it."""
    count, dimensions, changes, height, width = outcome.changed.shape
    figure = Figure(figsize=(4.2 * count, 6.6), layout="constrained")
    figure.suptitle("What each number of a capsule stands for: the image drawn with that number changed")
    for axes, tables, name in zip(figure.subplots(1, count), outcome.changed, outcome.names, strict=True):
        axes.imshow(
            tables.swapaxes(1, 2).reshape(dimensions * height, changes * width), cmap="gray_r", vmin=0, vmax=1
        )
        axes.set_title(f"capsule of class {name}", fontsize=11)
        axes.set_yticks((np.arange(dimensions) + 0.5) * height, np.arange(1, dimensions + 1), fontsize=8)
        middle, last = changes // 2, changes - 1
        at = (np.array([0, middle, last]) + 0.5) * width
        axes.set_xticks(at, [f"{CHANGES[0]:+.2f}", "unchanged", f"{CHANGES[-1]:+.2f}"], fontsize=8)
        for side in (middle * width, (middle + 1) * width):
            axes.axvline(side - 0.5, color=draw.STYLES[0][0], linewidth=0.8)
        axes.tick_params(length=0)
    return figure
