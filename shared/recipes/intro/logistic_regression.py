"""Logistic regression on MNIST, the digit 3 against the digit 5, by gradient descent on all of them at once.

The mean image is subtracted, which changes only the intercept and makes the descent some ten times faster. A penalty
½ λ ‖w‖² makes the minimum unique, the same as that of scikit-learn's LogisticRegression(C=1 / (N λ)): 95.8 % of the
test images. `gradient` is the length of the gradient that is left, 0 at the minimum.
"""

from typing import NamedTuple

import numpy as np

from shared.backends import get, module, to_numpy
from shared.data.mnist import Digits, as_rows
from shared.recipes import Budget, State, _digits, outputs, start
from shared.recipes._digits import Outcome

BUDGETS = {
    "quick": Budget(steps=1000, batch=0, lr=1.3),
    "full": Budget(steps=5000, batch=0, lr=1.3),
}
CLASSES = 3, 5
PENALTY = 0.01  # λ


class Data(NamedTuple):
    digits: Digits  # threes and fives only
    X: np.ndarray  # (N, D) training images, the mean image subtracted
    y: np.ndarray  # (N,) 0 for a three, 1 for a five
    X_test: np.ndarray


def load(run, directory):
    train_images, train_labels, test_images, test_labels = _digits.load(run, directory)
    train, test = np.isin(train_labels, CLASSES), np.isin(test_labels, CLASSES)
    if len(np.unique(train_labels[train])) < 2 or not test.any():
        raise ValueError("the data has no labels 3 and 5, expected images of both classes")
    digits = Digits(train_images[train], train_labels[train], test_images[test], test_labels[test])
    X, X_test = as_rows(digits.train_images, "float64"), as_rows(digits.test_images, "float64")
    mean, y = X.mean(axis=0), digits.train_labels == CLASSES[1]
    return Data(digits, (X - mean).astype(run.dtype), y.astype(run.dtype), (X_test - mean).astype(run.dtype))


def init(run, data):
    logistic = module(run.backend, "intro/logistic_regression")
    return start(run, logistic.logistic_regression_init(data.X.shape[1], dtype=run.dtype), "optimizers/sgd")


def batch(run, data, i):
    return data.X, data.y, np.asarray(run.budget.lr, run.dtype)


def step(run):
    logistic, sgd = module(run.backend, "intro/logistic_regression"), module(run.backend, "optimizers/sgd")
    value_and_grad = get(run.backend).value_and_grad(logistic.logistic_regression_loss)

    def advance(state, X, y, lr):
        loss, grads = value_and_grad(state.params, X, y)
        grads = grads._replace(w=grads.w + PENALTY * state.params.w)  # of ½ λ ‖w‖²; the intercept is free
        return State(*sgd.sgd_update(grads, state.optimizer, state.params, lr=lr)), {"loss": loss}

    return advance


def evaluate(run, data, state):
    logistic = module(run.backend, "intro/logistic_regression").logistic_regression
    z = outputs(run, logistic, state.params, data.X_test).astype(np.float64)
    five = data.digits.test_labels == CLASSES[1]
    cost = np.logaddexp(0, np.where(five, -z, z))
    outcome = Outcome(np.where(z > 0, CLASSES[1], CLASSES[0]), cost)
    metrics = {
        "accuracy": float(np.mean(outcome.predicted == data.digits.test_labels)),
        "test_loss": float(cost.mean()),
        "gradient": _gradient(data, to_numpy(run.backend, state.params)),
    }
    return metrics, outcome


def _gradient(data, params):
    """Length of the gradient of loss + ½ λ ‖w‖², float64."""
    w, X = params.w.astype(np.float64), data.X.astype(np.float64)
    error = 0.5 * (1 + np.tanh((X @ w + params.b) / 2)) - data.y
    return float(np.linalg.norm([*(X.T @ error / len(error) + PENALTY * w), error.mean()]))


def pictures(data, outcome, folder):
    return _digits.pictures(data.digits, outcome, folder)
