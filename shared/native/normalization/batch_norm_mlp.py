"""The network is a Sequential of linear layers, batch normalizations and sigmoids.

Hidden layer l is, in torch and Keras, layer 3 l (linear, no bias), 3 l + 1 (normalization) and 3 l + 2 (sigmoid); the
last layer is linear. For the names inside a normalization see native/normalization/batch_norm.

    ours                       torch                             Keras, in get_weights    ONNX
    params.hidden[l].W (D, C)  3l.weight (C, D)                  kernel (D, C)            MatMul
    params.hidden[l].norm      (3l+1).weight, bias               gamma, beta              BatchNormalization
    states[l]                  (3l+1).running_mean, running_var  moving_mean, _variance   the same
    params.output.W, b         weight (K, C), bias               kernel (C, K), bias      Gemm
"""

from typing import NamedTuple

from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from numpy_impl.normalization.batch_norm_mlp import BatchNormLayer, BatchNormMLPParams
from shared.native import arrays, check, listed, loaded, onnx_model, sequential, take
from shared.native.normalization import batch_norm
from shared.native.normalization.batch_norm import NAMES, BatchNormWeights


class BatchNormMLPWeights(NamedTuple):
    params: BatchNormMLPParams
    states: tuple[BatchNormState, ...]


KINDS = {"batch_norm_mlp": BatchNormMLPWeights, "batch_norm_mlp_eval": BatchNormMLPWeights}
CHECKPOINT = {"state.normalized.params": "params", "state.running": "states"}  # where the recipe keeps them


def to_torch_weights(weights):
    named = {}
    for i, (layer, state) in enumerate(zip(weights.params.hidden, weights.states, strict=True)):
        norm = batch_norm.to_torch_weights(BatchNormWeights(layer.norm, state))
        named |= {f"{3 * i}.weight": layer.W.T, **{f"{3 * i + 1}.{name}": x for name, x in norm.items()}}
    last = 3 * len(weights.states)
    return named | {f"{last}.weight": weights.params.output.W.T, f"{last}.bias": weights.params.output.b}


def from_torch(source):
    named = {name: x for name, x in arrays(source).items() if not name.endswith("num_batches_tracked")}
    count = max(1, (len(named) - 2) // 5)
    expected = []
    for i in range(count):
        expected += [f"{3 * i}.weight", *(f"{3 * i + 1}.{name}" for name in NAMES)]
    flat = take(named, *expected, f"{3 * count}.weight", f"{3 * count}.bias")
    return _network([x.T if x.ndim == 2 else x for x in flat])


def to_torch(weights, *, momentum=0.1, eps=1e-5):
    """A Sequential; as torch makes it, in training mode."""
    import torch

    norm = lambda n: torch.nn.BatchNorm1d(n, eps=eps, momentum=momentum)
    layers = []
    for layer in weights.params.hidden:
        layers += [torch.nn.Linear(*layer.W.shape, bias=False), norm(layer.W.shape[1]), torch.nn.Sigmoid()]
    layers.append(torch.nn.Linear(*weights.params.output.W.shape))
    return loaded(torch.nn.Sequential(*layers), to_torch_weights(weights))


def run_torch(function, module, x):
    return module.train(not function.endswith("eval"))(x)


def to_keras_weights(weights):
    flat = []
    for layer, state in zip(weights.params.hidden, weights.states, strict=True):
        flat += [layer.W, *layer.norm, *state]
    return [*flat, *weights.params.output]


def from_keras(source):
    return _network(listed(source))


def to_keras(weights, *, momentum=0.1, eps=1e-5):
    """A model of x (N, D)."""
    import keras

    flat = to_keras_weights(weights)
    dtype = str(flat[0].dtype)
    layers = []
    for layer in weights.params.hidden:
        layers.append(keras.layers.Dense(layer.W.shape[1], use_bias=False, dtype=dtype))
        layers.append(keras.layers.BatchNormalization(momentum=1 - momentum, epsilon=eps, dtype=dtype))
        layers.append(keras.layers.Activation("sigmoid", dtype=dtype))
    layers.append(keras.layers.Dense(len(weights.params.output.b), dtype=dtype))
    return sequential(len(flat[0]), layers, flat)


def run_keras(function, model, x):
    return model(x, training=not function.endswith("eval"))


def to_onnx(weights, *, eps=1e-5):
    """Evaluation: x (N, D) to logits (N, K)."""
    nodes, named, last = [], {}, len(weights.states)
    for i, (layer, state) in enumerate(zip(weights.params.hidden, weights.states, strict=True)):
        tensors = (layer.W, *layer.norm, *state)
        named |= dict(zip((f"{name}{i}" for name in ("W", "gamma", "beta", "mean", "var")), tensors, strict=True))
        nodes.append(("MatMul", f"a{i} W{i}", f"z{i}"))
        nodes.append(("BatchNormalization", f"z{i} gamma{i} beta{i} mean{i} var{i}", f"y{i}", {"epsilon": eps}))
        nodes.append(("Sigmoid", f"y{i}", f"a{i + 1}"))
    output = weights.params.output
    nodes.append(("Gemm", f"a{last} W b", "logits"))
    shapes = {"a0": ["N", len(named["W0"])]}, {"logits": ["N", len(output.b)]}
    return onnx_model(nodes, named | {"W": output.W, "b": output.b}, *shapes)


def run_onnx(function, session, x):
    return session.run(None, {"a0": x})[0]


def _network(flat):
    """The network from arrays in Keras's order."""
    if len(flat) < 7 or len(flat) % 5 != 2:
        raise ValueError(f"there are {len(flat)} arrays of weights, expected 5 for every hidden layer and 2")
    groups = [flat[i : i + 5] for i in range(0, len(flat) - 2, 5)]
    hidden = tuple(BatchNormLayer(W, BatchNormParams(gamma, beta)) for W, gamma, beta, _, _ in groups)
    states = tuple(BatchNormState(mean, var) for *_, mean, var in groups)
    weights = BatchNormMLPWeights(BatchNormMLPParams(hidden, MLPLayer(*flat[-2:])), states)
    return check(weights, BatchNormMLPWeights)
