"""An LSTM that reads MNIST digits row by row, 28 time steps of 28 pixels, and then names the digit; by Adam."""

from functools import partial

from shared.backends import module
from shared.recipes import Budget, _digits, descent, rng, start
from shared.recipes._digits import load, pictures, rows_in_time

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1000, batch=128, lr=4e-3, hidden=64),
    "full": Budget(steps=10_000, batch=128, lr=4e-3, hidden=128),
}

batch = partial(_digits.batch, arrange=rows_in_time)


def init(run, data):
    generator, width = rng(run), data.train_images.shape[2]
    layers = (module(run.backend, "recurrent/lstm").lstm_init(generator, width, run.budget.hidden, dtype=run.dtype),)
    readout_init = module(run.backend, "recurrent/readout").readout_init
    return start(run, readout_init(generator, layers, _digits.CLASSES, dtype=run.dtype), "optimizers/adam")


def step(run):
    return descent(run, module(run.backend, "recurrent/readout").readout_label_loss, "optimizers/adam")


def evaluate(run, data, state):
    last = module(run.backend, "recurrent/readout").readout_last
    return _digits.evaluate(run, data, last, state.params, arrange=rows_in_time)
