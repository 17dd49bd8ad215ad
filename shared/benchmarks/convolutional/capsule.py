"""Capsule network: a training step with Adam against the same network of torch.nn's or Keras's convolutions and dense
layers, with the routing between them as einsums, which is how it is usually written."""

from functools import partial
from itertools import pairwise

import numpy as np
import optree

from numpy_impl.convolutional.capsule import CapsuleEncoder, CapsuleParams
from numpy_impl.convolutional.conv2d import Conv2DParams
from numpy_impl.intro.mlp import MLPLayer
from shared.benchmarks import LR, compiled, training

MODES = {"keras": "function"}  # XLA has slower convolutions
FULL = {"N": 64, "image": (28, 28), "kernel": 9, "F": 16, "types": 4, "P": 8, "J": 10, "D": 16, "hidden": (128, 256)}
TINY = {"N": 3, "image": (9, 10), "kernel": 3, "F": 4, "types": 2, "P": 3, "J": 4, "D": 5, "hidden": (6, 7)}


def benchmarks(draw, N, image, kernel, F, types, P, J, D, hidden):
    places = int(np.prod([(side - 2 * kernel + 1) // 2 + 1 for side in image]))
    encoder = CapsuleEncoder(
        (Conv2DParams(draw(kernel, kernel, 1, F, scale=1 / kernel), draw(F, scale=0.1)),),
        Conv2DParams(draw(kernel, kernel, F, types * P, scale=2 / (kernel * F**0.5)), draw(types * P, scale=0.1)),
        draw(places * types, P, J, D, scale=0.5),
    )
    sizes = (J * D, *hidden, image[0] * image[1])
    layers = (MLPLayer(draw(m, n, scale=(2 / m) ** 0.5), draw(n, scale=0.1)) for m, n in pairwise(sizes))
    params = CapsuleParams(encoder, tuple(layers))
    batch = abs(draw(N, *image, 1)), draw.labels(N, J)
    made = training("training step, Adam", "capsule_loss", params, batch, "optimizers/adam", None, None, MODES)
    return [made._replace(torch=partial(_torch, params=params, batch=batch), keras=partial(_keras, params, batch))]


def _torch(torch, params, batch):
    nn = torch.nn

    class CapsNet(nn.Module):
        def __init__(self):
            super().__init__()
            (conv,), primary, W = params.encoder
            self.conv = nn.Conv2d(conv.W.shape[2], conv.W.shape[3], conv.W.shape[:2])
            self.primary = nn.Conv2d(primary.W.shape[2], primary.W.shape[3], primary.W.shape[:2], stride=2)
            self.W = nn.Parameter(torch.tensor(W))
            layers = [layer for p in params.decoder for layer in (nn.Linear(*p.W.shape), nn.ReLU())]
            self.decoder = nn.Sequential(*layers[:-1], nn.Sigmoid())

        def forward(self, x, labels):
            z = self.primary(torch.relu(self.conv(x)))
            v = _capsules(torch, z.permute(0, 2, 3, 1), self.W)
            mask = nn.functional.one_hot(labels, v.shape[1]).to(v.dtype)
            y = self.decoder((v * mask[..., None]).flatten(1))
            return _loss(torch, v, mask, y, x.flatten(1), torch.relu)

    net = CapsNet()
    ours = [net.conv.weight, net.conv.bias, net.primary.weight, net.primary.bias, net.W, *net.decoder.parameters()]

    def in_our_layout(weight):
        if weight is net.W:
            return weight
        return weight.permute(2, 3, 1, 0) if weight.ndim == 4 else weight.T if weight.ndim == 2 else weight

    with torch.no_grad():
        for weight, value in zip(ours, optree.tree_leaves(params), strict=True):
            in_our_layout(weight).copy_(torch.tensor(value))
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    x, labels = torch.tensor(batch[0].transpose(0, 3, 1, 2).copy()), torch.tensor(batch[1])  # channels first

    def step():
        loss = net(x, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, [in_our_layout(weight) for weight in ours]

    return step


def _keras(params, batch, keras, mode):
    import tensorflow as tf

    (conv, primary, *dense), W, values = *_keras_layers(keras, params), optree.tree_leaves(params)
    variables = [*conv.weights, *primary.weights, W, *(w for layer in dense for w in layer.weights)]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    optimizer = keras.optimizers.Adam(LR)
    optimizer.build(variables)

    def step(x, labels):
        with tf.GradientTape() as tape:
            v = _capsules(keras.ops, primary(conv(x)), W)
            mask = keras.ops.one_hot(labels, v.shape[1])
            y = keras.ops.reshape(v * mask[..., None], (len(v), -1))
            for layer in dense:
                y = layer(y)
            loss = _loss(keras.ops, v, mask, y, keras.ops.reshape(x, y.shape), keras.ops.relu)
        t = tf.cast(optimizer.iterations + 1, "float32")
        optimizer.epsilon = 1e-8 * tf.sqrt(1 - 0.999**t)  # Keras adds it before the correction of the bias, we after
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return loss

    step, (x, labels) = compiled("tf", step, mode), map(tf.constant, batch)
    return lambda: (step(x, labels), variables)


def _keras_layers(keras, params):
    """The layers, built, and W."""
    (conv,), primary, W = params.encoder
    layers = [
        keras.layers.Conv2D(conv.W.shape[3], conv.W.shape[:2], activation="relu"),
        keras.layers.Conv2D(primary.W.shape[3], primary.W.shape[:2], strides=2),
        *(keras.layers.Dense(p.W.shape[1], activation="relu") for p in params.decoder[:-1]),
        keras.layers.Dense(params.decoder[-1].W.shape[1], activation="sigmoid"),
    ]
    weights = (conv.W, primary.W, *(p.W for p in params.decoder))
    for layer, kernel in zip(layers, weights, strict=True):
        layer.build((None,) * (kernel.ndim - 1) + kernel.shape[-2:-1])
    return layers, keras.Variable(W)


def _capsules(library, z, W):
    """From the primary convolution, channels last, to the capsules above, three rounds."""
    u = _squash(library, library.reshape(z, (z.shape[0], -1, W.shape[1])))
    predictions = library.einsum("nip,ipjd->nijd", u, W)
    b = library.zeros_like(predictions[..., 0])
    for t in range(3):
        c = library.softmax(b, -1)
        v = _squash(library, library.einsum("nij,nijd->njd", c, predictions))
        if t < 2:
            b = b + library.einsum("nijd,njd->nij", predictions, v)
    return v


def _squash(library, s):
    squared = library.sum(s * s, -1)[..., None]
    return squared / (1 + squared) * s / library.sqrt(squared + 1e-8)


def _loss(library, v, mask, y, x, relu):
    lengths = library.sqrt(library.sum(v * v, -1) + 1e-8)
    margin = mask * relu(0.9 - lengths) ** 2 + 0.5 * (1 - mask) * relu(lengths - 0.1) ** 2
    return (library.sum(margin) + 0.0005 * library.sum((y - x) ** 2)) / v.shape[0]
