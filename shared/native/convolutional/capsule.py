"""Up to the capsules the network is made of layers that every library has; the routing after them is written out.

    ours                  torch                               keras                       ONNX
    convs[l].W, HWIO      convs.l.weight of a Conv2d, OIHW    kernel of a Conv2D, HWIO    Conv, OIHW
    primary.W, HWIO       primary.weight, OIHW                kernel, HWIO                Conv, OIHW
    every b               bias                                bias                        the same
    W (I, P, J, D)        W, a parameter                      kernel of an EinsumDense    W of an Einsum
    x (N, H, W, C)        the same, transposed inside         the same                    the same

A model takes images x and gives the capsules v (N, J, D). The capsules below come in our order, place by place: the
channels are last where they are cut. `iterations` is no weight: it is named again when a model is made. The decoder
is an intro/mlp.
"""

import numpy as np

from numpy_impl.convolutional.capsule import CapsuleEncoder
from numpy_impl.convolutional.conv2d import Conv2DParams
from numpy_impl.convolutional.routing import EPS
from shared.native import arrays, check, listed, loaded, onnx_model, take
from shared.native.convolutional.conv2d import fit_in_turn

KINDS = {"capsule": CapsuleEncoder}
CHECKPOINT = {"state.params.encoder": ""}


def to_torch_weights(params):
    layers = {f"convs.{i}": layer for i, layer in enumerate(params.convs)} | {"primary": params.primary}
    named = (
        {f"{name}.weight": layer.W.transpose(3, 2, 0, 1), f"{name}.bias": layer.b} for name, layer in layers.items()
    )
    return {name: x for layer in named for name, x in layer.items()} | {"W": params.W}


def from_torch(source):
    weights = arrays(source)
    count = max(1, sum(name.startswith("convs.") and name.endswith(".weight") for name in weights))
    layers = [*(f"convs.{i}" for i in range(count)), "primary"]
    *flat, W = take(weights, *(f"{name}.{what}" for name in layers for what in ("weight", "bias")), "W")
    return _encoder([x.transpose(2, 3, 1, 0) for x in flat[::2]], flat[1::2], W)


def to_torch(params, *, iterations=3):
    """A torch.nn.Module of x that gives v."""
    import torch
    from torch import nn

    def conv(layer, stride=1):
        return nn.Conv2d(*layer.W.shape[2:], tuple(layer.W.shape[:2]), stride)

    class CapsNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList([conv(layer) for layer in params.convs])
            self.primary = conv(params.primary, 2)
            self.W = nn.Parameter(torch.empty(params.W.shape))

        def forward(self, x):
            z = x.permute(0, 3, 1, 2)
            for layer in self.convs:
                z = layer(z).relu()
            z = self.primary(z).permute(0, 2, 3, 1)
            u = _squash(torch, z.reshape(len(z), *self.W.shape[:2]))
            return _routing(torch, torch.einsum("nip,ipjd->nijd", u, self.W), iterations)

    return loaded(CapsNet(), to_torch_weights(params))


def to_keras_weights(params):
    return [x for layer in (*params.convs, params.primary) for x in layer] + [params.W]


def from_keras(source):
    weights = listed(source)
    if len(weights) < 5 or len(weights) % 2 == 0:
        expected = "a kernel and a bias for two convolutions or more, and W"
        raise ValueError(f"there are {len(weights)} arrays of weights, expected {expected}")
    return _encoder(weights[:-1:2], weights[1:-1:2], weights[-1])


def to_keras(params, *, iterations=3):
    """A model of x that gives v."""
    import keras
    from keras import layers, ops

    (I, P, J, D), dtype = params.W.shape, str(params.W.dtype)
    x = z = keras.Input((None, None, params.convs[0].W.shape[2]), dtype=dtype)
    for layer in params.convs:
        z = layers.Conv2D(len(layer.b), layer.W.shape[:2], activation="relu", dtype=dtype)(z)
    z = layers.Conv2D(len(params.primary.b), params.primary.W.shape[:2], strides=2, dtype=dtype)(z)
    u = _squash(ops, ops.reshape(z, (-1, I, P)))
    predictions = layers.EinsumDense("nip,ipjd->nijd", (I, J, D), dtype=dtype)(u)
    model = keras.Model(x, _routing(ops, predictions, iterations))
    model.set_weights(to_keras_weights(params))
    return model


def to_onnx(params, *, iterations=3):
    """x (N, H, W, C) to v (N, J, D)."""
    I, P, J, D = params.W.shape
    weights = {"W": params.W, "eps": np.array(EPS), "one": np.array(1.0), "b_0": np.zeros((1, I, J))}
    weights |= {
        "below": np.array([-1, I, P]),
        "axis_1": np.array([1]),
        "axis_2": np.array([2]),
        "axis_3": np.array([3]),
    }
    nodes = [("Transpose", "x", "a_0", {"perm": [0, 3, 1, 2]})]
    for i, layer in enumerate((*params.convs, params.primary)):
        weights |= {f"K_{i}": layer.W.transpose(3, 2, 0, 1), f"c_{i}": layer.b}
        stride = 2 if i == len(params.convs) else 1
        nodes.append(("Conv", f"a_{i} K_{i} c_{i}", f"z_{i}", {"strides": [stride, stride]}))
        nodes.append(("Relu", f"z_{i}", f"a_{i + 1}"))
    nodes[-1] = ("Transpose", f"z_{len(params.convs)}", "z", {"perm": [0, 2, 3, 1]})
    nodes += [("Reshape", "z below", "s"), *_onnx_squash("s", "u")]
    nodes.append(("Einsum", "u W", "predictions", {"equation": "nip,ipjd->nijd"}))
    for t in range(iterations):
        nodes += [("Softmax", f"b_{t}", f"r_{t}", {"axis": 2}), ("Unsqueeze", f"r_{t} axis_3", f"share_{t}")]
        nodes.append(("Mul", f"share_{t} predictions", f"sent_{t}"))
        nodes.append(("ReduceSum", f"sent_{t} axis_1", f"s_{t}", {"keepdims": 0}))
        last = t == iterations - 1
        nodes += _onnx_squash(f"s_{t}", "v" if last else f"v_{t}")
        if not last:
            nodes.append(("Einsum", f"predictions v_{t}", f"agreed_{t}", {"equation": "nijd,njd->nij"}))
            nodes.append(("Add", f"b_{t} agreed_{t}", f"b_{t + 1}"))
    shapes = {"x": ["N", "H", "W", params.convs[0].W.shape[2]]}, {"v": ["N", J, D]}
    return onnx_model(nodes, weights, *shapes)


def _encoder(kernels, biases, W):
    layers = [Conv2DParams(*pair) for pair in zip(kernels, biases, strict=True)]
    return check(CapsuleEncoder(tuple(layers[:-1]), layers[-1], W), CapsuleEncoder)


def _squash(library, s):
    squared = library.sum(s * s, -1)[..., None]
    return squared / (1 + squared) * s / library.sqrt(squared + EPS)


def _routing(library, predictions, iterations):
    """From predictions (N, I, J, D) to v, in words that torch and keras.ops share."""
    b = library.zeros_like(predictions[..., 0])
    for t in range(iterations):
        c = library.softmax(b, -1)
        v = _squash(library, library.einsum("nij,nijd->njd", c, predictions))
        if t < iterations - 1:
            b = b + library.einsum("nijd,njd->nij", predictions, v)
    return v


def _onnx_squash(s, v):
    return [
        ("ReduceSumSquare", f"{s} axis_2", f"{v}_squared", {"keepdims": 1}),
        ("Add", f"{v}_squared one", f"{v}_more"),
        ("Div", f"{v}_squared {v}_more", f"{v}_part"),
        ("Add", f"{v}_squared eps", f"{v}_safe"),
        ("Sqrt", f"{v}_safe", f"{v}_length"),
        ("Div", f"{s} {v}_length", f"{v}_direction"),
        ("Mul", f"{v}_direction {v}_part", v),
    ]


def fits(params):
    """ValueError if a convolution does not take the channels of the one before it, or the capsules not its own."""
    names = [*(f"convs[{i}].W" for i in range(len(params.convs))), "primary.W"]
    fit_in_turn([*(layer.W for layer in params.convs), params.primary.W], names)
    n_out, n_inputs = params.primary.W.shape[3], params.W.shape[1]
    if n_out % n_inputs or len(params.W) % (n_out // n_inputs):
        expected = f"capsules of {n_inputs} numbers that {n_out} channels, of primary.W, can be cut into"
        raise ValueError(f"W has shape {params.W.shape}, expected {expected}")
