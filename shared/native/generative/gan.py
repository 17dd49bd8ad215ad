"""The generator of a GAN is an MLP with a sigmoid at the end: see shared/native/intro/mlp for names and layouts.

The discriminator is an MLP and nothing else: that file takes it as it is, with the activation named.
"""

from shared.native import loaded, onnx_model, sequential
from shared.native.generative import _halves
from shared.native.intro import mlp
from shared.native.intro.mlp import KINDS as MLP
from shared.native.intro.mlp import from_keras, from_torch, to_keras_weights, to_torch_weights

__all__ = [
    "KINDS",
    "from_keras",
    "from_torch",
    "to_keras",
    "to_keras_weights",
    "to_onnx",
    "to_torch",
    "to_torch_weights",
]

KINDS = {"gan_generate": MLP["mlp"]}


def to_torch(params, *, activation="leaky_relu", output="sigmoid"):
    import torch

    _known(output)
    layers = list(mlp.to_torch(params, activation=activation))
    end = [torch.nn.Sigmoid()] if output == "sigmoid" else []
    return loaded(torch.nn.Sequential(*layers, *end), to_torch_weights(params))


def to_keras(params, *, activation="leaky_relu", output="sigmoid"):
    import keras

    _known(output)
    layers, dtype = mlp.to_keras(params, activation=activation).layers, str(params[0].W.dtype)
    end = [keras.layers.Activation("sigmoid", dtype=dtype)] if output == "sigmoid" else []
    return sequential(len(params[0].W), [*layers, *end], to_keras_weights(params))


def to_onnx(params, *, activation="leaky_relu", output="sigmoid"):
    """z (M, Z) to x_hat (M, D)."""
    _known(output)
    name = "made" if output == "sigmoid" else "x_hat"
    nodes, weights = _halves.onnx_mlp(name, params, activation, "z")
    if output == "sigmoid":
        nodes.append(("Sigmoid", "made", "x_hat"))
    return onnx_model(nodes, weights, {"z": ["M", len(params[0].W)]}, {"x_hat": ["M", len(params[-1].b)]})


def _known(output):
    if output not in ("sigmoid", "linear"):
        raise ValueError(f"output is {output!r}, expected one of sigmoid, linear")
