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
    norm, lstm = module(run.backend, "normalization/layer_norm_lstm"), module(run.backend, "recurrent/lstm")
    sizes = data.train_images.shape[2], run.budget.hidden, _digits.CLASSES
    normalized = norm.layer_norm_lstm_classifier_init(rng(run), *sizes, dtype=run.dtype)
    generator, (width, hidden, classes) = rng(run), sizes
    layers = (lstm.lstm_init(generator, width, hidden, dtype=run.dtype),)
    plain = module(run.backend, "recurrent/readout").readout_init(generator, layers, classes, dtype=run.dtype)
    return Both(start(run, normalized, "optimizers/adam"), start(run, plain, "optimizers/adam"))


def step(run):
    norm, plain = module(run.backend, "normalization/layer_norm_lstm"), module(run.backend, "recurrent/readout")
    with_norm = descent(run, norm.layer_norm_lstm_classifier_loss, "optimizers/adam")
    without = descent(run, plain.readout_label_loss, "optimizers/adam")

    def advance(state, *batch):
        normalized, reported = with_norm(state.normalized, *batch)
        plain, other = without(state.plain, *batch)
        return Both(normalized, plain), {"loss": reported["loss"], "plain_loss": other["loss"]}

    return advance


def evaluate(run, data, state):
    norm, readout = module(run.backend, "normalization/layer_norm_lstm"), module(run.backend, "recurrent/readout")
    normalized = norm.layer_norm_lstm_classifier, state.normalized.params
    plain = readout.readout_last, state.plain.params
    metrics, outcome = _digits.evaluate(run, data, *normalized, arrange=standardised)
    other, _ = _digits.evaluate(run, data, *plain, arrange=standardised)
    return metrics | {f"plain_{name}": value for name, value in other.items()}, outcome
