"""A multilayer perceptron is a Sequential of linear layers, l = 0 ... L-1, with the activation between them.

    ours                      torch.nn.Sequential, layer 2 l       keras.Sequential    ONNX
    params[l].W (D_in, D_out) 2l.weight (D_out, D_in), transposed  kernel, as it is    W{l} of a Gemm
    params[l].b (D_out,)      2l.bias (D_out,)                     bias                b{l}

The activation is no weight: it is named again when a model is made. Keras has another α for leaky_relu, torch and
Keras approximate softplus or gelu unless they are told not to; the models here compute what the columns do.
"""

from typing import Annotated

from numpy_impl.intro.mlp import ACTIVATIONS, MLPLayer, MLPParams
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take
from shared.support.shapes import Chain

KINDS = {"mlp": Annotated[MLPParams, Chain("W")]}


def to_torch_weights(params):
    named = ({f"{2 * i}.weight": layer.W.T, f"{2 * i}.bias": layer.b} for i, layer in enumerate(params))
    return {name: x for layer in named for name, x in layer.items()}


def from_torch(source):
    weights = arrays(source)
    count = max(1, len(weights) // 2)
    flat = take(weights, *(f"{2 * i}.{what}" for i in range(count) for what in ("weight", "bias")))
    return check(tuple(MLPLayer(W.T, b) for W, b in zip(flat[::2], flat[1::2], strict=True)), KINDS["mlp"])


def to_torch(params, *, activation="relu"):
    import torch

    known(activation)
    make = {
        "sigmoid": torch.nn.Sigmoid,
        "tanh": torch.nn.Tanh,
        "relu": torch.nn.ReLU,
        "leaky_relu": torch.nn.LeakyReLU,
        "elu": torch.nn.ELU,
        "selu": torch.nn.SELU,
        "gelu": torch.nn.GELU,
        "softplus": lambda: torch.nn.Softplus(threshold=1e9),  # by default it is x itself above 20
        "swish": torch.nn.SiLU,
    }[activation]
    layers = [layer for p in params for layer in (torch.nn.Linear(*p.W.shape), make())]
    return loaded(torch.nn.Sequential(*layers[:-1]), to_torch_weights(params))


def to_keras_weights(params):
    return [x for layer in params for x in layer]


def from_keras(source):
    return check(layers(listed(source)), KINDS["mlp"])


def layers(weights):
    """Kernels and biases in turn as layers."""
    if not weights or len(weights) % 2:
        raise ValueError(f"there are {len(weights)} arrays of weights, expected a kernel and a bias for every layer")
    return tuple(MLPLayer(W, b) for W, b in zip(weights[::2], weights[1::2], strict=True))


def to_keras(params, *, activation="relu"):
    import keras

    known(activation)
    dtype = str(params[0].W.dtype)
    if activation == "leaky_relu":
        make = lambda: keras.layers.LeakyReLU(0.01, dtype=dtype)
    else:
        make = lambda: keras.layers.Activation(activation, dtype=dtype)
    layers = [layer for p in params for layer in (keras.layers.Dense(len(p.b), dtype=dtype), make())]
    return sequential(len(params[0].W), layers[:-1], to_keras_weights(params))


def to_onnx(params, *, activation="relu"):
    """x (N, D) to logits (N, K)."""
    known(activation)
    operation = {"relu": "Relu", "leaky_relu": "LeakyRelu", "swish": "Sigmoid"}.get(activation, activation.title())
    nodes, weights, last = [], {}, len(params) - 1
    for i, layer in enumerate(params):
        weights |= {f"W{i}": layer.W, f"b{i}": layer.b}
        nodes.append(("Gemm", f"a{i} W{i} b{i}", f"z{i}"))
        nodes.append((operation, f"z{i}", f"s{i}" if activation == "swish" else f"a{i + 1}"))
        if activation == "swish":
            nodes.append(("Mul", f"z{i} s{i}", f"a{i + 1}"))
    while nodes[-1][0] != "Gemm":
        nodes.pop()
    shapes = {"a0": ["N", len(params[0].W)]}, {f"z{last}": ["N", len(params[last].b)]}
    return onnx_model(nodes, weights, *shapes)


def known(activation):
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
