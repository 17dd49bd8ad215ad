"""A batch normalization has two weights and two running statistics; the network is a Sequential with it.

    ours               torch.nn.BatchNorm1d(C)   keras.layers.BatchNormalization   ONNX BatchNormalization
    params.gamma (C,)  weight                    gamma                             scale
    params.beta (C,)   bias                      beta                              B
    state.mean (C,)    running_mean              moving_mean                       input_mean
    state.var (C,)     running_var, unbiased     moving_variance, biased           input_var
    momentum m 0.1     momentum m 0.1            momentum 1 - m, 0.99              (evaluation only)
    eps 1e-5           eps 1e-5                  epsilon 1e-3                      epsilon 1e-5
    channels last      channels second           channels last                     channels second

The running variance goes over as it is. Where Keras then trains on, its variance loses the factor n / (n - 1). m and
ε are no weights: they are named again when a model is made. For images torch.nn.BatchNorm2d has the same names.

The network's hidden layer l is, in torch and Keras, layer 3 l (linear, no bias), 3 l + 1 (normalization) and 3 l + 2
(sigmoid); the last layer is linear. torch counts batches in `num_batches_tracked`, which is left out of account.
"""

from typing import NamedTuple

import numpy as np

from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormLayer, BatchNormMLPParams, BatchNormParams, BatchNormState
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take


class BatchNormWeights(NamedTuple):
    params: BatchNormParams
    state: BatchNormState


class BatchNormMLPWeights(NamedTuple):
    params: BatchNormMLPParams
    states: tuple[BatchNormState, ...]


KINDS = {
    "batch_norm": BatchNormWeights,
    "batch_norm_eval": BatchNormWeights,
    "batch_norm_mlp": BatchNormMLPWeights,
    "batch_norm_mlp_eval": BatchNormMLPWeights,
}
CHECKPOINT = {"state.normalized.params": "params", "state.running": "states"}  # where the recipe keeps them
NAMES = "weight", "bias", "running_mean", "running_var"


def to_torch_weights(weights):
    if isinstance(weights, BatchNormWeights):
        named = dict(zip(NAMES, (*weights.params, *weights.state), strict=True))
        return named | {"num_batches_tracked": np.array(0)}
    named = {}
    for i, (layer, state) in enumerate(zip(weights.params.hidden, weights.states, strict=True)):
        norm = to_torch_weights(BatchNormWeights(layer.norm, state))
        named |= {f"{3 * i}.weight": layer.W.T, **{f"{3 * i + 1}.{name}": x for name, x in norm.items()}}
    last = 3 * len(weights.states)
    return named | {f"{last}.weight": weights.params.output.W.T, f"{last}.bias": weights.params.output.b}


def from_torch(source):
    named = {name: x for name, x in arrays(source).items() if not name.endswith("num_batches_tracked")}
    if "weight" in named:
        gamma, beta, mean, var = take(named, *NAMES)
        return _checked(BatchNormWeights(BatchNormParams(gamma, beta), BatchNormState(mean, var)))
    count = max(1, (len(named) - 2) // 5)
    expected = []
    for i in range(count):
        expected += [f"{3 * i}.weight", *(f"{3 * i + 1}.{name}" for name in NAMES)]
    flat = take(named, *expected, f"{3 * count}.weight", f"{3 * count}.bias")
    return _network([x.T if x.ndim == 2 else x for x in flat])


def to_torch(weights, *, momentum=0.1, eps=1e-5):
    """A BatchNorm1d, or a Sequential; as torch makes them, in training mode."""
    import torch

    norm = lambda n: torch.nn.BatchNorm1d(n, eps=eps, momentum=momentum)
    if isinstance(weights, BatchNormWeights):
        return loaded(norm(len(weights.params.gamma)), to_torch_weights(weights))
    layers = []
    for layer in weights.params.hidden:
        layers += [torch.nn.Linear(*layer.W.shape, bias=False), norm(layer.W.shape[1]), torch.nn.Sigmoid()]
    layers.append(torch.nn.Linear(*weights.params.output.W.shape))
    return loaded(torch.nn.Sequential(*layers), to_torch_weights(weights))


def run_torch(function, module, x):
    y = module.train(not function.endswith("eval"))(x.reshape(-1, x.shape[-1]))
    return y.reshape(*x.shape[:-1], -1)


def to_keras_weights(weights):
    if isinstance(weights, BatchNormWeights):
        return [*weights.params, *weights.state]
    flat = []
    for layer, state in zip(weights.params.hidden, weights.states, strict=True):
        flat += [layer.W, *layer.norm, *state]
    return [*flat, *weights.params.output]


def from_keras(source):
    flat = listed(source)
    if len(flat) == 4:
        return _checked(BatchNormWeights(BatchNormParams(*flat[:2]), BatchNormState(*flat[2:])))
    return _network(flat)


def to_keras(weights, *, momentum=0.1, eps=1e-5):
    """A model of x (N, C)."""
    import keras

    flat = to_keras_weights(weights)
    dtype = str(flat[0].dtype)
    norm = lambda: keras.layers.BatchNormalization(momentum=1 - momentum, epsilon=eps, dtype=dtype)
    if isinstance(weights, BatchNormWeights):
        return sequential(len(flat[0]), [norm()], flat)
    layers = []
    for layer in weights.params.hidden:
        layers.append(keras.layers.Dense(layer.W.shape[1], use_bias=False, dtype=dtype))
        layers += [norm(), keras.layers.Activation("sigmoid", dtype=dtype)]
    layers.append(keras.layers.Dense(len(weights.params.output.b), dtype=dtype))
    return sequential(len(flat[0]), layers, flat)


def run_keras(function, model, x):
    import keras

    y = model(keras.ops.reshape(x, (-1, x.shape[-1])), training=not function.endswith("eval"))
    return keras.ops.reshape(y, (*x.shape[:-1], -1))


def to_onnx(weights, *, eps=1e-5):
    """Evaluation: x (N, C) to y (N, C); the network's x (N, D) to logits (N, K)."""
    if isinstance(weights, BatchNormWeights):
        named = dict(zip(("gamma", "beta", "mean", "var"), to_keras_weights(weights), strict=True))
        shape = ["N", len(weights.params.gamma)]
        node = "BatchNormalization", "x gamma beta mean var", "y", {"epsilon": eps}
        return onnx_model([node], named, {"x": shape}, {"y": shape})
    nodes, named, last = [], {}, len(weights.states)
    for i, (layer, state) in enumerate(zip(weights.params.hidden, weights.states, strict=True)):
        tensors = (layer.W, *layer.norm, *state)
        named |= dict(zip((f"{name}{i}" for name in ("W", "gamma", "beta", "mean", "var")), tensors, strict=True))
        nodes.append(("MatMul", f"a{i} W{i}", f"u{i}"))
        nodes.append(("BatchNormalization", f"u{i} gamma{i} beta{i} mean{i} var{i}", f"y{i}", {"epsilon": eps}))
        nodes.append(("Sigmoid", f"y{i}", f"a{i + 1}"))
    output = weights.params.output
    nodes.append(("Gemm", f"a{last} W b", "logits"))
    shapes = {"a0": ["N", len(named["W0"])]}, {"logits": ["N", len(output.b)]}
    return onnx_model(nodes, named | {"W": output.W, "b": output.b}, *shapes)


def run_onnx(function, session, x):
    y = session.run(None, {session.get_inputs()[0].name: x.reshape(-1, x.shape[-1])})[0]
    return y.reshape(*x.shape[:-1], -1)


def _network(flat):
    """The network from arrays in Keras's order."""
    if len(flat) < 7 or len(flat) % 5 != 2:
        raise ValueError(f"there are {len(flat)} arrays of weights, expected 5 for every hidden layer and 2")
    groups = [flat[i : i + 5] for i in range(0, len(flat) - 2, 5)]
    hidden = tuple(BatchNormLayer(W, BatchNormParams(gamma, beta)) for W, gamma, beta, _, _ in groups)
    states = tuple(BatchNormState(mean, var) for *_, mean, var in groups)
    return _checked(BatchNormMLPWeights(BatchNormMLPParams(hidden, MLPLayer(*flat[-2:])), states))


def _checked(weights):
    return check(weights, type(weights))
