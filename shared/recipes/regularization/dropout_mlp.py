"""Dropout on MNIST: two networks from the same start, on the same batches, one with dropout and one without; Adam.

`accuracy` is that of the network with dropout, `plain_accuracy` the other's. Dropout is for networks that can learn
their examples by heart: the quick budget trains on the first 5,000 images only, the full one on all of them.
"""

from typing import NamedTuple

import numpy as np

from shared.backends import module
from shared.recipes import NOISE, State, _digits, descent, falling, rng, rows, start
from shared.recipes._digits import pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    hidden: tuple[int, ...]
    examples: int  # the first so many training images


class Both(NamedTuple):
    dropout: State
    plain: State


BUDGETS = {
    "quick": Budget(steps=2000, batch=100, lr=1e-3, jit=(), hidden=(512, 512), examples=5000),
    "full": Budget(steps=100_000, batch=100, lr=1e-3, jit=("tf",), hidden=(1024, 1024, 1024), examples=60_000),
}
P_INPUT, P = 0.2, 0.5


def load(run, directory):
    data, n = _digits.load(run, directory), run.budget.examples
    return data._replace(train_images=data.train_images[:n], train_labels=data.train_labels[:n])


def init(run, data):
    sizes = (_digits.pixels(data), *run.budget.hidden, _digits.CLASSES)
    params = module(run.backend, "intro/mlp").mlp_init(rng(run), sizes, dtype=run.dtype)
    return Both(start(run, params, "optimizers/adam"), start(run, params, "optimizers/adam"))


def batch(run, data, i):
    """Images, labels, a mask for the images and each hidden layer, learning rate."""
    chosen = rows(run, len(data.train_images), i)
    x, labels = _digits.flat(data.train_images[chosen], run.dtype), data.train_labels[chosen].astype(np.int64)
    generator, n, draw = rng(run, NOISE, i), len(x), module("numpy", "regularization/dropout").dropout_mask
    masks = [draw(generator.random(x.shape), p=P_INPUT)]
    masks += [draw(generator.random((n, size)), p=P) for size in run.budget.hidden]
    return x, labels, *masks, falling(run, i)


def step(run):
    with_dropout = module(run.backend, "regularization/dropout_mlp").dropout_mlp_loss
    plain = descent(run, module(run.backend, "intro/mlp").mlp_loss, "optimizers/adam")
    dropout = descent(run, with_dropout, "optimizers/adam")

    def advance(state, x, labels, *others):
        *masks, lr = others
        dropped, reported = dropout(state.dropout, x, labels, tuple(masks), lr)
        whole, other = plain(state.plain, x, labels, lr)
        return Both(dropped, whole), {"loss": reported["loss"], "plain_loss": other["loss"]}

    return advance


def evaluate(run, data, state):
    mlp = module(run.backend, "intro/mlp").mlp
    metrics, outcome = _digits.evaluate(run, data, mlp, state.dropout.params)
    plain, _ = _digits.evaluate(run, data, mlp, state.plain.params)
    return metrics | {f"plain_{name}": value for name, value in plain.items()}, outcome
