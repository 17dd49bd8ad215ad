"""A batch normalization has two weights and two running statistics.

    ours               torch.nn.BatchNorm1d(C)   keras.layers.BatchNormalization   ONNX BatchNormalization
    params.gamma (C,)  weight                    gamma                             scale
    params.beta (C,)   bias                      beta                              B
    state.mean (C,)    running_mean              moving_mean                       input_mean
    state.var (C,)     running_var, unbiased     moving_variance, biased           input_var
    momentum m 0.1     momentum m 0.1            momentum 1 - m, 0.99              (evaluation only)
    eps 1e-5           eps 1e-5                  epsilon 1e-3                      epsilon 1e-5
    channels last      channels second           channels last                     channels second

The running variance goes over as it is. Where Keras then trains on, its variance loses the factor n / (n - 1). m and
ε are no weights: they are named again when a model is made. For images torch.nn.BatchNorm2d has the same names. torch
counts batches in `num_batches_tracked`, which is left out of account.
"""

from typing import NamedTuple

import numpy as np

from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take


class BatchNormWeights(NamedTuple):
    params: BatchNormParams
    state: BatchNormState


KINDS = {"batch_norm": BatchNormWeights, "batch_norm_eval": BatchNormWeights}
NAMES = "weight", "bias", "running_mean", "running_var"


def to_torch_weights(weights):
    named = dict(zip(NAMES, (*weights.params, *weights.state), strict=True))
    return named | {"num_batches_tracked": np.array(0)}


def from_torch(source):
    named = {name: x for name, x in arrays(source).items() if name != "num_batches_tracked"}
    return _weights(take(named, *NAMES))


def to_torch(weights, *, momentum=0.1, eps=1e-5):
    """A BatchNorm1d; as torch makes it, in training mode."""
    import torch

    norm = torch.nn.BatchNorm1d(len(weights.params.gamma), eps=eps, momentum=momentum)
    return loaded(norm, to_torch_weights(weights))


def run_torch(function, module, x):
    y = module.train(not function.endswith("eval"))(x.reshape(-1, x.shape[-1]))
    return y.reshape(*x.shape[:-1], -1)


def to_keras_weights(weights):
    return [*weights.params, *weights.state]


def from_keras(source):
    return _weights(listed(source, 4))


def to_keras(weights, *, momentum=0.1, eps=1e-5):
    """A model of x (N, C)."""
    import keras

    flat = to_keras_weights(weights)
    norm = keras.layers.BatchNormalization(momentum=1 - momentum, epsilon=eps, dtype=str(flat[0].dtype))
    return sequential(len(flat[0]), [norm], flat)


def run_keras(function, model, x):
    import keras

    y = model(keras.ops.reshape(x, (-1, x.shape[-1])), training=not function.endswith("eval"))
    return keras.ops.reshape(y, (*x.shape[:-1], -1))


def to_onnx(weights, *, eps=1e-5):
    """Evaluation: x (N, C) to y (N, C)."""
    named = dict(zip(("gamma", "beta", "mean", "var"), to_keras_weights(weights), strict=True))
    shape = ["N", len(weights.params.gamma)]
    node = "BatchNormalization", "x gamma beta mean var", "y", {"epsilon": eps}
    return onnx_model([node], named, {"x": shape}, {"y": shape})


def run_onnx(function, session, x):
    y = session.run(None, {session.get_inputs()[0].name: x.reshape(-1, x.shape[-1])})[0]
    return y.reshape(*x.shape[:-1], -1)


def _weights(flat):
    gamma, beta, mean, var = flat
    weights = BatchNormWeights(BatchNormParams(gamma, beta), BatchNormState(mean, var))
    return check(weights, BatchNormWeights)
