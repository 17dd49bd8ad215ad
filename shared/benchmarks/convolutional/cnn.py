"""A training step of LeNet, 431,080 parameters, with SGD and with Adam, against torch.nn and Keras. torch gets images
as they lie in memory, channels last, and its features come in our order, which is its own then."""

import optree

from numpy_impl.convolutional.cnn import CNNBlock, CNNParams
from numpy_impl.intro.mlp import MLPLayer
from shared.benchmarks import training

FULL = {"N": 64, "H": 28, "K": 5, "widths": (20, 50), "hidden": 500}
TINY = {"N": 4, "H": 10, "K": 3, "widths": (3, 4), "hidden": 6}
MODES = {"keras": "function"}  # XLA has slower convolutions


def benchmarks(draw, N, H, K, widths, hidden):
    first, second = widths
    left = ((H - K + 1) // 2 - K + 1) // 2
    kernel = lambda m, n: draw(K, K, m, n, scale=(2 / (K * K * m)) ** 0.5)
    layer = lambda m, n: MLPLayer(draw(m, n, scale=(2 / m) ** 0.5), draw(n, scale=0.1))
    blocks = CNNBlock(kernel(1, first), draw(first), None), CNNBlock(kernel(first, second), draw(second), None)
    params = CNNParams(blocks, (layer(left * left * second, hidden), layer(hidden, 10)))
    batch = draw(N, H, H, 1), draw.labels(N, 10)
    for optimizer in ("SGD", "Adam"):
        yield _benchmark(optimizer, params, batch)


def _benchmark(optimizer, params, batch):
    path, keras = f"optimizers/{optimizer.lower()}", lambda keras: _keras(keras, optimizer, params, batch)
    benchmark = training(f"training step, {optimizer}", "cnn_loss", params, batch, path, None, keras, MODES)
    return benchmark._replace(torch=lambda torch: _torch(torch, optimizer, params, batch))


def _torch(torch, optimizer, params, batch):
    blocks, layers = [], []
    for block in params.blocks:
        k, _, m, n = block.W.shape
        blocks += [torch.nn.Conv2d(m, n, k), torch.nn.MaxPool2d(2), torch.nn.ReLU()]
    for layer in params.dense:
        layers += [torch.nn.Linear(*layer.W.shape), torch.nn.ReLU()]
    net = torch.nn.ModuleList([torch.nn.Sequential(*blocks), torch.nn.Sequential(*layers[:-1])])
    weights = list(net.parameters())
    with torch.no_grad():
        for weight, value in zip(weights, optree.tree_leaves(params), strict=True):
            weight.copy_(torch.tensor(value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T))
    x, labels = torch.tensor(batch[0]).movedim(-1, 1), torch.tensor(batch[1])
    optimizer, loss_function = getattr(torch.optim, optimizer)(weights, lr=1e-3), torch.nn.CrossEntropyLoss()

    def step():
        loss = loss_function(net[1](net[0](x).movedim(1, -1).flatten(1)), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, [w.permute(2, 3, 1, 0) if w.ndim == 4 else w.mT if w.ndim == 2 else w for w in weights]

    return step


def _keras(keras, optimizer, params, batch):
    layers = [keras.Input(batch[0].shape[1:])]
    for block in params.blocks:
        layers += [keras.layers.Conv2D(len(block.b), len(block.W)), keras.layers.MaxPooling2D(2), keras.layers.ReLU()]
    layers.append(keras.layers.Flatten())
    hidden, output = params.dense
    layers += [keras.layers.Dense(len(hidden.b), activation="relu"), keras.layers.Dense(len(output.b))]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    adam = keras.optimizers.Adam(1e-3, epsilon=1e-8)
    return keras.Sequential(layers), loss, adam if optimizer == "Adam" else keras.optimizers.SGD(1e-3)
