"""What the cases of this chapter share: stacks of layers in torch and Keras, weights for them, random bits."""

from itertools import pairwise

from numpy_impl.intro.mlp import MLPLayer


def torch_mlp(layers, x, activation):
    import torch
    import torch.nn.functional as F

    function = {"sigmoid": torch.sigmoid}.get(activation) or getattr(F, activation)
    for layer in layers[:-1]:
        x = function(F.linear(x, layer.W.T, layer.b))
    return F.linear(x, layers[-1].W.T, layers[-1].b)


def keras_mlp(layers, x):
    """With sigmoids."""
    import keras

    for layer in layers[:-1]:
        x = keras.ops.sigmoid(x @ layer.W + layer.b)
    return x @ layers[-1].W + layers[-1].b


def he_layers(generator, sizes):
    import numpy as np

    bounds = [(6 / n_in) ** 0.5 for n_in, _ in pairwise(sizes)]
    pairs = zip(bounds, pairwise(sizes), strict=True)
    return tuple(MLPLayer(W=generator.uniform(-bound, bound, pair), b=np.zeros(pair[1])) for bound, pair in pairs)


def layers(draw, *sizes, scale=1.0):
    return tuple(MLPLayer(W=scale * draw(a, b), b=scale * draw(b)) for a, b in pairwise(sizes))


def bits(draw, *shape):
    return 1.0 * (draw.uniform(*shape) < 0.5)
