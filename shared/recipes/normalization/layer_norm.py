"""Layer normalization in an LSTM that reads MNIST digits row by row, beside the same LSTM without it; Adam, at a
learning rate at which the plain one learns little.

`accuracy` is that of the network with normalization, `plain_accuracy` the other's. The pixels are standardised: a
blank row of zeros would be a constant vector to normalize, where the derivative is 1/√ε, and digits begin with
several.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from shared.backends import module
from shared.recipes import Budget, State, _digits, descent, rng, start
from shared.recipes._digits import load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=500, batch=64, lr=0.3, hidden=32),
    "full": Budget(steps=10_000, batch=64, lr=0.3, hidden=64),
}
MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's training pixels


class Both(NamedTuple):
    normalized: State
    plain: State


def standardised(images, dtype):
    return (_digits.rows_in_time(images, dtype) - np.asarray(MEAN, dtype)) / np.asarray(DEVIATION, dtype)


batch = partial(_digits.batch, arrange=standardised)


def init(run, data):
    def network(path):
        generator, name = rng(run), path.rpartition("/")[2]
        layer_init = getattr(module(run.backend, path), f"{name}_init")
        layers = (layer_init(generator, data.train_images.shape[2], run.budget.hidden, dtype=run.dtype),)
        params = readout.readout_init(generator, layers, _digits.CLASSES, dtype=run.dtype)
        return start(run, params, "optimizers/adam")

    readout = module(run.backend, "recurrent/readout")
    return Both(network("normalization/layer_norm_lstm"), network("recurrent/lstm"))


def step(run):
    train = descent(run, module(run.backend, "recurrent/readout").readout_label_loss, "optimizers/adam")

    def advance(state, *batch):
        normalized, reported = train(state.normalized, *batch)
        plain, other = train(state.plain, *batch)
        return Both(normalized, plain), {"loss": reported["loss"], "plain_loss": other["loss"]}

    return advance


def evaluate(run, data, state):
    last = module(run.backend, "recurrent/readout").readout_last
    metrics, outcome = _digits.evaluate(run, data, last, state.normalized.params, arrange=standardised)
    other, _ = _digits.evaluate(run, data, last, state.plain.params, arrange=standardised)
    return metrics | {f"plain_{name}": value for name, value in other.items()}, outcome
