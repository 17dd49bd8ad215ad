"""Logistic regression: a training step against a layer with one output."""

import numpy as np

from numpy_impl.intro.logistic_regression import LogisticRegressionParams
from shared.benchmarks import training

FULL = {"N": 256, "D": 784}
TINY = {"N": 4, "D": 3}


def benchmarks(draw, N, D):
    yield training(
        "training step",
        "logistic_regression_loss",
        LogisticRegressionParams(w=draw(D, scale=0.1), b=draw()),
        (draw(N, D), draw.labels(N, 2).astype(np.float32)),
        "optimizers/sgd",
        torch=lambda torch: _torch(torch, D),
        keras=lambda keras: _keras(keras, D),
    )


def _torch(torch, D):
    net = torch.nn.Sequential(torch.nn.Linear(D, 1), torch.nn.Flatten(0))
    return net, torch.nn.BCEWithLogitsLoss(), torch.optim.SGD(net.parameters(), lr=1e-3)


def _keras(keras, D):
    net = keras.Sequential([keras.Input((D,)), keras.layers.Dense(1), keras.layers.Reshape(())])
    return net, keras.losses.BinaryCrossentropy(from_logits=True), keras.optimizers.SGD(1e-3)
