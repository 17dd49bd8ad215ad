"""Softmax regression: a training step against one layer."""

from numpy_impl.intro.softmax_regression import SoftmaxRegressionParams
from shared.benchmarks import training

FULL = {"N": 128, "D": 784, "K": 10}
TINY = {"N": 4, "D": 5, "K": 3}


def benchmarks(draw, N, D, K):
    yield training(
        "training step",
        "softmax_regression_loss",
        SoftmaxRegressionParams(W=draw(D, K, scale=0.1), b=draw(K)),
        (draw(N, D), draw.labels(N, K)),
        "optimizers/sgd",
        torch=lambda torch: _torch(torch, D, K),
        keras=lambda keras: _keras(keras, D, K),
    )


def _torch(torch, D, K):
    net = torch.nn.Linear(D, K)
    return net, torch.nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=1e-3)


def _keras(keras, D, K):
    net = keras.Sequential([keras.Input((D,)), keras.layers.Dense(K)])
    return net, keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.optimizers.SGD(1e-3)
