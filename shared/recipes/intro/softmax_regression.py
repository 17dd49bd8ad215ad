"""Softmax regression on MNIST, by Adam: the best linear classifier of these pixels is right on about 92.5 %."""

from shared.backends import module
from shared.recipes import Budget, _digits, descent, start
from shared.recipes._digits import batch, load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1500, batch=128, lr=5e-3),
    "full": Budget(steps=20_000, batch=256, lr=2e-3),
}


def init(run, data):
    softmax = module(run.backend, "intro/softmax_regression")
    params = softmax.softmax_regression_init(_digits.pixels(data), _digits.CLASSES, dtype=run.dtype)
    return start(run, params, "optimizers/adam")


def step(run):
    return descent(run, module(run.backend, "intro/softmax_regression").softmax_regression_loss, "optimizers/adam")


def evaluate(run, data, state):
    softmax = module(run.backend, "intro/softmax_regression")
    return _digits.evaluate(run, data, softmax.softmax_regression, state.params)
