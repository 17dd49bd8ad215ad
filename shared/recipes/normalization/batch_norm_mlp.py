"""Batch normalization on MNIST, after section 4.1 of its paper: three hidden layers of 100 sigmoids, batches of 60,
with and without normalization; gradient descent.

The network without it takes five steps, on five batches, for every step of the other. Both start from the same small
weights, with the same learning rate. `accuracy` is that of the network with normalization after all its steps,
`plain_accuracy` the other's, after five times as many.
"""

from typing import NamedTuple

import numpy as np
import optree

from shared.backends import get, module
from shared.recipes import Budget, State, _digits, descent, falling, rng, rows, start
from shared.recipes._digits import load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=2500, batch=60, lr=0.3, hidden=100),
    "full": Budget(steps=50_000, batch=60, lr=0.3, hidden=100, jit=("tf",)),
}
PLAIN_STEPS = 5
SMALL = 0.3  # of the usual initial weights


class Both(NamedTuple):
    normalized: State
    running: tuple  # statistics, one state for each hidden layer
    plain: State


def init(run, data):
    norm, mlp = module(run.backend, "normalization/batch_norm_mlp"), module(run.backend, "intro/mlp")
    sizes = (_digits.pixels(data), *[run.budget.hidden] * 3, _digits.CLASSES)
    params, running = norm.batch_norm_mlp_init(rng(run), sizes, dtype=run.dtype)
    hidden = tuple(layer._replace(W=SMALL * layer.W) for layer in params.hidden)
    params = params._replace(hidden=hidden, output=params.output._replace(W=SMALL * params.output.W))
    plain = optree.tree_map(lambda x: SMALL * x, mlp.mlp_init(rng(run), sizes, dtype=run.dtype))  # biases are 0
    return Both(start(run, params, "optimizers/sgd"), running, start(run, plain, "optimizers/sgd"))


def batch(run, data, i):
    """Images and labels of five batches, and the learning rate."""
    chosen = [rows(run, len(data.train_images), PLAIN_STEPS * i + k) for k in range(PLAIN_STEPS)]
    images = np.stack([_digits.flat(data.train_images[c], run.dtype) for c in chosen])
    return images, np.stack([data.train_labels[c] for c in chosen]).astype(np.int64), falling(run, i)


def step(run):
    adapter, sgd = get(run.backend), module(run.backend, "optimizers/sgd")
    norm, mlp = module(run.backend, "normalization/batch_norm_mlp"), module(run.backend, "intro/mlp")
    with_norm = descent(run, norm.batch_norm_mlp_loss, "optimizers/sgd")
    value_and_grad = adapter.value_and_grad(mlp.mlp_loss)

    def advance(state, images, labels, lr):
        _, running = adapter.call(norm.batch_norm_mlp, (state.normalized.params, images[0], state.running), {})
        normalized, reported = with_norm(state.normalized, images[0], labels[0], lr)
        plain = state.plain
        for k in range(PLAIN_STEPS):
            loss, grads = value_and_grad(plain.params, images[k], labels[k], activation="sigmoid")
            plain = State(*sgd.sgd_update(grads, plain.optimizer, plain.params, lr=lr))
        return Both(normalized, running, plain), {"loss": reported["loss"], "plain_loss": loss}

    return advance


def evaluate(run, data, state):
    norm, mlp = module(run.backend, "normalization/batch_norm_mlp"), module(run.backend, "intro/mlp")

    def normalized(params, x):
        return norm.batch_norm_mlp_eval(params, x, state.running)

    def plain(params, x):
        return get(run.backend).call(mlp.mlp, (params, x), {"activation": "sigmoid"})

    metrics, outcome = _digits.evaluate(run, data, normalized, state.normalized.params)
    other, _ = _digits.evaluate(run, data, plain, state.plain.params)
    return metrics | {f"plain_{name}": value for name, value in other.items()}, outcome
