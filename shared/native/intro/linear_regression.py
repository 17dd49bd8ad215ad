"""A linear regression is a linear layer with one output.

    ours     torch.nn.Linear(D, 1)     keras.layers.Dense(1)     ONNX Gemm
    w (D,)   weight (1, D), a row      kernel (D, 1), a column   B (D, 1)
    b ()     bias (1,)                 bias (1,)                 C (1,)

Outputs are (N, 1) there and (N,) here.
"""

from numpy_impl.intro.linear_regression import LinearRegressionParams
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take

KINDS = {"linear_regression": LinearRegressionParams}


def to_torch_weights(params):
    return {"weight": params.w[None], "bias": params.b.reshape(1)}


def from_torch(source):
    weight, bias = take(arrays(source), "weight", "bias")
    return _one(LinearRegressionParams, weight, bias)


def to_torch(params):
    import torch

    return loaded(torch.nn.Linear(len(params.w), 1), to_torch_weights(params))


def run_torch(function, module, X):
    return module(X)[:, 0]


def to_keras_weights(params):
    return [params.w[:, None], params.b.reshape(1)]


def from_keras(source):
    kernel, bias = listed(source, 2)
    return _one(LinearRegressionParams, kernel.T, bias)


def to_keras(params):
    import keras

    layer = keras.layers.Dense(1, dtype=str(params.w.dtype))
    return sequential(len(params.w), [layer], to_keras_weights(params))


run_keras = run_torch


def to_onnx(params):
    """X (N, D) to y (N, 1)."""
    weights = dict(zip(("w", "b"), to_keras_weights(params), strict=True))
    return onnx_model([("Gemm", "X w b", "y")], weights, {"X": ["N", len(params.w)]}, {"y": ["N", 1]})


def run_onnx(function, session, X):
    return session.run(None, {"X": X})[0][:, 0]


def _one(kind, weight, bias):
    if weight.ndim != 2 or len(weight) != 1 or bias.shape != (1,):
        raise ValueError(f"the layer has weights {weight.shape} and bias {bias.shape}, expected one output")
    return check(kind(weight[0], bias[0].reshape(())), kind)
