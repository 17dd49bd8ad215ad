"""MLP with batch normalization: a training step with SGD against a stack of layers."""

from itertools import pairwise

from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormParams
from numpy_impl.normalization.batch_norm_mlp import BatchNormLayer, BatchNormMLPParams
from shared.benchmarks import training

FULL = {"N": 128, "sizes": (784, 512, 256, 10)}
TINY = {"N": 16, "sizes": (6, 5, 4, 3)}


def benchmarks(draw, N, sizes):
    weights = [draw(m, n, scale=(2 / m) ** 0.5) for m, n in pairwise(sizes)]
    norms = [BatchNormParams(1 + draw(n, scale=0.1), draw(n, scale=0.1)) for n in sizes[1:-1]]
    hidden = tuple(BatchNormLayer(*layer) for layer in zip(weights, norms, strict=False))
    params = BatchNormMLPParams(hidden, MLPLayer(weights[-1], draw(sizes[-1], scale=0.1)))
    yield training(
        "training step, SGD",
        "batch_norm_mlp_loss",
        params,
        (draw(N, sizes[0]), draw.labels(N, sizes[-1])),
        "optimizers/sgd",
        torch=lambda torch: _torch(torch, sizes),
        keras=lambda keras: _keras(keras, sizes),
    )


def _torch(torch, sizes):
    layers = []
    for m, n in pairwise(sizes[:-1]):
        layers += [torch.nn.Linear(m, n, bias=False), torch.nn.BatchNorm1d(n), torch.nn.Sigmoid()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(*sizes[-2:]))
    return net, torch.nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=1e-3)


def _keras(keras, sizes):
    class Training(keras.Sequential):
        def __call__(self, x):
            return super().__call__(x, training=True)

    layers = []
    for n in sizes[1:-1]:
        layers.append(keras.layers.Dense(n, use_bias=False))
        layers += [keras.layers.BatchNormalization(epsilon=1e-5), keras.layers.Activation("sigmoid")]
    net = Training([keras.Input((sizes[0],)), *layers, keras.layers.Dense(sizes[-1])])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return net, loss, keras.optimizers.SGD(1e-3)
