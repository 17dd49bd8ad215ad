"""MLP: a training step with SGD and with Adam against a stack of layers."""

from itertools import pairwise

from numpy_impl.intro.mlp import MLPLayer
from shared.benchmarks import training

FULL = {"N": 128, "sizes": (784, 512, 256, 10)}
TINY = {"N": 16, "sizes": (6, 5, 4, 3)}


def benchmarks(draw, N, sizes):
    params = tuple(MLPLayer(draw(m, n, scale=(2 / m) ** 0.5), draw(n, scale=0.1)) for m, n in pairwise(sizes))
    for optimizer in ("SGD", "Adam"):
        yield _benchmark(optimizer, params, (draw(N, sizes[0]), draw.labels(N, sizes[-1])), sizes)


def _benchmark(optimizer, params, batch, sizes):
    return training(
        f"training step, {optimizer}",
        "mlp_loss",
        params,
        batch,
        f"optimizers/{optimizer.lower()}",
        torch=lambda torch: _torch(torch, optimizer, sizes),
        keras=lambda keras: _keras(keras, optimizer, sizes),
    )


def _torch(torch, optimizer, sizes):
    layers = [layer for m, n in pairwise(sizes) for layer in (torch.nn.Linear(m, n), torch.nn.ReLU())]
    net = torch.nn.Sequential(*layers[:-1])
    return net, torch.nn.CrossEntropyLoss(), getattr(torch.optim, optimizer)(net.parameters(), lr=1e-3)


def _keras(keras, optimizer, sizes):
    hidden = [keras.layers.Dense(n, activation="relu") for n in sizes[1:-1]]
    net = keras.Sequential([keras.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1])])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return net, loss, keras.optimizers.Adam(1e-3, epsilon=1e-8) if optimizer == "Adam" else keras.optimizers.SGD(1e-3)
