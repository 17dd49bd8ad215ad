"""A convolutional network like LeNet on MNIST: 20 and 50 kernels of 5 x 5, then 500 hidden units; by Adam.

The quick budget sees every image once or twice. The full one has dropout before each of the two dense layers. Images
of less than 16 x 16 get zeros around them before each convolution, or nothing would be left after the second.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from shared import pictures as draw
from shared.backends import get, module, to_numpy
from shared.recipes import NOISE, State, _digits, falling, outputs, rng, rows, start
from shared.recipes._digits import load

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    p: float = 0.0  # of a feature or hidden unit to be dropped


class Outcome(NamedTuple):
    predicted: np.ndarray  # (N,) class numbers
    cost: np.ndarray  # (N,) cross-entropy, nats
    kernels: np.ndarray  # (kH, kW, 20) of the first convolution
    images: np.ndarray  # (4, H, W) grey values
    maps: np.ndarray  # (4, H', W', 20) what the first convolution and a relu make of them


BUDGETS = {
    "quick": Budget(steps=1500, batch=64, lr=2e-3, jit=("tf",)),
    "full": Budget(steps=12_000, batch=128, lr=1e-3, jit=("torch", "tf"), p=0.5),
}
SMALL = 16  # pixels
SHOWN = 4  # images whose feature maps are drawn


def arrange(images, dtype):
    """(N, H, W) grey values to (N, H, W, 1) in [0, 1]."""
    return _digits.flat(images, dtype).reshape(*images.shape, 1)


def padding(size):
    return "same" if min(size) < SMALL else "valid"


def init(run, data):
    size, cnn = data.train_images.shape[1:], module(run.backend, "convolutional/cnn")
    dense = (500, _digits.CLASSES)
    params, _ = cnn.cnn_init(rng(run), (*size, 1), dense=dense, padding=padding(size), dtype=run.dtype)
    return start(run, params, "optimizers/adam")


def batch(run, data, i):
    """Images, labels, learning rate; with dropout, masks for the features and for the hidden units before it."""
    chosen = rows(run, len(data.train_images), i)
    x, labels = arrange(data.train_images[chosen], run.dtype), data.train_labels[chosen].astype(np.int64)
    masks, generator = [], rng(run, NOISE, i)
    if run.budget.p:
        dropout_mask = module("numpy", "regularization/dropout").dropout_mask
        for n_units in (_features(*x.shape[1:3]), 500):
            masks.append(dropout_mask(generator.random((len(x), n_units)), p=run.budget.p))
    return x, labels, *masks, falling(run, i)


def _features(height, width):
    lost = 0 if padding((height, width)) == "same" else 4
    for _ in range(2):
        height, width = (height - lost) // 2, (width - lost) // 2
    return height * width * 50


def step(run):
    cnn, adam = module(run.backend, "convolutional/cnn"), module(run.backend, "optimizers/adam")
    value_and_grad = get(run.backend).value_and_grad(cnn.cnn_loss)

    def advance(state, x, labels, *others):
        *masks, lr = others
        options = {"padding": padding(x.shape[1:3]), "p": run.budget.p}
        loss, grads = value_and_grad(state.params, x, labels, tuple(masks) or None, **options)
        return State(*adam.adam_update(grads, state.optimizer, state.params, lr=lr)), {"loss": loss}

    return advance


def evaluate(run, data, state):
    cnn, around = module(run.backend, "convolutional/cnn"), padding(data.test_images.shape[1:])

    def logits(params, x):
        return cnn.cnn(params, x, (None, None), padding=around)

    metrics, outcome = _digits.evaluate(run, data, logits, state.params, arrange=arrange)
    conv2d, block = module(run.backend, "convolutional/conv2d"), state.params.blocks[0]
    images = data.test_images[:SHOWN]
    maps = outputs(run, conv2d.conv2d, conv2d.Conv2DParams(block.W, block.b), arrange(images, run.dtype))
    kernels = to_numpy(run.backend, block.W)[:, :, 0]
    return metrics, Outcome(*outcome, kernels, images, np.maximum(maps, 0))


def pictures(data, outcome, folder):
    return [*_digits.pictures(data, outcome, folder), draw.save(figure(outcome), Path(folder) / "features.png")]


def figure(outcome):
    """The kernels of the first convolution, and below each of them what it finds in a few images."""
    shown, n_kernels = len(outcome.images), outcome.kernels.shape[-1]
    kernels = np.kron(np.moveaxis(outcome.kernels, -1, 0), np.ones((1, 4, 4)))[None]  # as large as the maps
    maps = np.moveaxis(outcome.maps, -1, 1)
    maps = maps / np.maximum(maps.max(axis=(0, 2, 3), keepdims=True), 1e-9)
    result = Figure(figsize=(13, 3.7), layout="constrained")
    options = {"width_ratios": (1, n_kernels), "height_ratios": (1, shown)}
    (corner, top), (left, right) = result.subplots(2, 2, gridspec_kw=options)
    limit = np.max(np.abs(kernels))
    corner.text(1, 0.5, "kernels", ha="right", va="center")
    top.imshow(_grid(kernels), cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    left.imshow(_grid(outcome.images[:, None] / 255), cmap="gray_r", vmin=0, vmax=1, aspect="auto")
    right.imshow(_grid(maps), cmap="magma", vmin=0, vmax=1, aspect="auto")
    for axes in (corner, top, left, right):
        axes.set_axis_off()
    result.suptitle("The first convolution: its kernels (red: positive), and what each of them finds in an image")
    return result


def _grid(tiles):
    """(rows, columns, h, w) tiles as one image, with room between them."""
    h, w = tiles.shape[2:]
    gap_h, gap_w = max(1, h // 10), max(1, w // 10)
    framed = np.full((*tiles.shape[:2], h + gap_h, w + gap_w), np.nan)
    framed[:, :, :h, :w] = tiles
    return framed.swapaxes(1, 2).reshape(tiles.shape[0] * (h + gap_h), -1)
