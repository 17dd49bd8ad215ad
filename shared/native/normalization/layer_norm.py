"""A layer normalization over the last axis has the same two weights everywhere, under other names.

    ours         torch.nn.LayerNorm(C)   keras.layers.LayerNormalization   ONNX LayerNormalization
    gamma (C,)   weight (C,)             gamma (C,)                        Scale (C,)
    beta (C,)    bias (C,)               beta (C,)                         B (C,)
    eps 1e-5     eps 1e-5                epsilon 1e-3                      epsilon 1e-5

ε is no weight: it is named again when a model is made, and 1e-5 unless it is.
"""

from numpy_impl.normalization.layer_norm import LayerNormParams
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take

KINDS = {"layer_norm": LayerNormParams}


def to_torch_weights(params):
    return {"weight": params.gamma, "bias": params.beta}


def from_torch(source):
    return check(LayerNormParams(*take(arrays(source), "weight", "bias")), LayerNormParams)


def to_torch(params, *, eps=1e-5):
    import torch

    return loaded(torch.nn.LayerNorm(len(params.gamma), eps), to_torch_weights(params))


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(LayerNormParams(*listed(source, 2)), LayerNormParams)


def to_keras(params, *, eps=1e-5):
    """A model of x (N, C)."""
    import keras

    layer = keras.layers.LayerNormalization(epsilon=eps, dtype=str(params.gamma.dtype))
    return sequential(len(params.gamma), [layer], to_keras_weights(params))


def run_keras(function, model, x):
    import keras

    return keras.ops.reshape(model(keras.ops.reshape(x, (-1, x.shape[-1]))), x.shape)


def to_onnx(params, *, eps=1e-5):
    """x (N, C) to y (N, C)."""
    weights = {"gamma": params.gamma, "beta": params.beta}
    node = "LayerNormalization", "x gamma beta", "y", {"axis": -1, "epsilon": eps}
    shape = ["N", len(params.gamma)]
    return onnx_model([node], weights, {"x": shape}, {"y": shape})


def run_onnx(function, session, x):
    return session.run(None, {"x": x.reshape(-1, x.shape[-1])})[0].reshape(x.shape)
