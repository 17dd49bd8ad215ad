"""A convolutional network is a Sequential of named layers in torch, of unnamed ones in Keras, for l = 0, 1, ...

    ours                             torch                               Keras                      ONNX
    blocks[l].W (kH, kW, C, C_out)   conv{l}.weight (C_out, C, kH, kW)   kernel, the same           W{l}, as torch's
    blocks[l].b, or in its place     conv{l}.bias                        bias                       b{l}
    blocks[l].norm, states[l]        norm{l}: weight, bias, running_*    gamma, beta, mean, var     gamma{l} and so on
    dense[l].W (D_in, D_out)         dense{l}.weight, transposed         kernel, the same           V{l}
    dense[l].b                       dense{l}.bias                       bias                       c{l}

torch has channels first, and flattens them so: the rows of dense[0].W, which stand for rows, columns, channels, go
into the order of channels, rows, columns. Weights without a normalization are CNNParams, those with one CNNWeights.
Dropout has no weights and is not in the models.
"""

from typing import NamedTuple

import numpy as np

from numpy_impl.convolutional.cnn import CNNBlock, CNNParams
from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from shared.native import arrays, check, listed, loaded, onnx_model, take
from shared.native.convolutional.conv2d import fit_in_turn, onnx_padding


class CNNWeights(NamedTuple):
    params: CNNParams
    states: tuple[BatchNormState | None, ...]


KINDS = {"cnn": CNNParams, "cnn_train": CNNWeights}
NORM = "weight", "bias", "running_mean", "running_var"


def to_torch_weights(weights):
    params, states = _both(weights)
    named = {}
    for i, (block, state) in enumerate(zip(params.blocks, states, strict=True)):
        named[f"conv{i}.weight"] = block.W.transpose(3, 2, 0, 1)
        if block.norm is None:
            named[f"conv{i}.bias"] = block.b
        else:
            named |= {f"norm{i}.{name}": x for name, x in zip(NORM, (*block.norm, *state), strict=True)}
            named[f"norm{i}.num_batches_tracked"] = np.array(0)
    for i, layer in enumerate(params.dense):
        W = _reordered(layer.W, params.blocks[-1].W.shape[3]) if i == 0 else layer.W
        named |= {f"dense{i}.weight": W.T, f"dense{i}.bias": layer.b}
    return named


def from_torch(source):
    named = {name: x for name, x in arrays(source).items() if not name.endswith("num_batches_tracked")}
    expected = []
    for i in range(max(1, sum(name.startswith("conv") and name.endswith("weight") for name in named))):
        normalized = f"norm{i}.weight" in named
        expected += [f"conv{i}.weight", *([f"norm{i}.{name}" for name in NORM] if normalized else [f"conv{i}.bias"])]
    n_dense = max(1, sum(name.startswith("dense") and name.endswith("weight") for name in named))
    expected += [f"dense{i}.{name}" for i in range(n_dense) for name in ("weight", "bias")]
    found = dict(zip(expected, take(named, *expected), strict=True))
    flat = []
    for name, x in found.items():
        if name.endswith(".weight") and not name.startswith("norm"):
            x = np.transpose(x, (2, 3, 1, 0)) if name.startswith("conv") else x.T
        flat.append(x)
    weights = _network(flat)
    params, states = _both(weights)
    first, c = params.dense[0], params.blocks[-1].W.shape[3]
    back = np.ascontiguousarray(first.W.reshape(c, -1, first.W.shape[1]).swapaxes(0, 1)).reshape(first.W.shape)
    return _checked(params._replace(dense=(first._replace(W=back), *params.dense[1:])), states)


def to_torch(weights, *, padding="valid", pools=2):
    """A Sequential, as torch makes it in training mode."""
    from collections import OrderedDict

    import torch

    params, _ = _both(weights)
    layers = OrderedDict()
    for i, (block, pool) in enumerate(zip(params.blocks, _windows(pools, params), strict=True)):
        kH, kW, c, n_out = block.W.shape
        layers[f"conv{i}"] = torch.nn.Conv2d(c, n_out, (kH, kW), padding=padding, bias=block.norm is None)
        if block.norm is not None:
            layers[f"norm{i}"] = torch.nn.BatchNorm2d(n_out)
        layers |= {f"relu{i}": torch.nn.ReLU(), f"pool{i}": torch.nn.MaxPool2d(pool)}
    layers["flat"] = torch.nn.Flatten()
    for i, layer in enumerate(params.dense):
        layers[f"dense{i}"] = torch.nn.Linear(*layer.W.shape)
        if i + 1 < len(params.dense):
            layers[f"active{i}"] = torch.nn.ReLU()
    return loaded(torch.nn.Sequential(layers), to_torch_weights(weights))


def run_torch(function, module, x, *states):
    return module.train(function == "cnn_train")(x.permute(0, 3, 1, 2))


def to_keras_weights(weights):
    params, states = _both(weights)
    flat = []
    for block, state in zip(params.blocks, states, strict=True):
        flat += [block.W, block.b] if block.norm is None else [block.W, *block.norm, *state]
    return [*flat, *(x for layer in params.dense for x in layer)]


def from_keras(source):
    return _checked(*_both(_network(listed(source))))


def to_keras(weights, *, padding="valid", pools=2):
    """A model of images of any size that leaves as many features as there are."""
    import keras

    params, _ = _both(weights)
    options = {"dtype": str(params.dense[0].W.dtype)}
    layers = [keras.Input((None, None, params.blocks[0].W.shape[2]), **options)]
    for block, pool in zip(params.blocks, _windows(pools, params), strict=True):
        kernel, n_out, bias = block.W.shape[:2], block.W.shape[3], block.norm is None
        layers.append(keras.layers.Conv2D(n_out, kernel, padding=padding, use_bias=bias, **options))
        if block.norm is not None:
            layers.append(keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **options))
        layers += [keras.layers.ReLU(**options), keras.layers.MaxPooling2D(pool, **options)]
    layers.append(keras.layers.Reshape((len(params.dense[0].W),), **options))
    for i, layer in enumerate(params.dense):
        active = "relu" if i + 1 < len(params.dense) else None
        layers.append(keras.layers.Dense(len(layer.b), activation=active, **options))
    model = keras.Sequential(layers)
    model.set_weights(to_keras_weights(weights))
    return model


def run_keras(function, model, x, *states):
    return model(x, training=function == "cnn_train")


def to_onnx(weights, *, padding="valid", pools=2):
    """Evaluation: x (N, H, W, C) to logits (N, K)."""
    params, states = _both(weights)
    nodes, named, a = [("Transpose", "x", "a", {"perm": (0, 3, 1, 2)})], {}, "a"
    for i, (block, state, pool) in enumerate(zip(params.blocks, states, _windows(pools, params), strict=True)):
        named |= {f"W{i}": block.W.transpose(3, 2, 0, 1)} | ({} if block.b is None else {f"b{i}": block.b})
        bias = "" if block.b is None else f" b{i}"
        nodes.append(("Conv", f"{a} W{i}{bias}", f"z{i}", onnx_padding(padding)))
        u = f"z{i}"
        if block.norm is not None:
            names = [f"{name}{i}" for name in ("gamma", "beta", "mean", "var")]
            named |= dict(zip(names, (*block.norm, *state), strict=True))
            nodes.append(("BatchNormalization", f"{u} {' '.join(names)}", f"u{i}", {"epsilon": 1e-5}))
            u = f"u{i}"
        window = {"kernel_shape": (pool, pool), "strides": (pool, pool)}
        nodes += [("Relu", u, f"r{i}"), ("MaxPool", f"r{i}", f"a{i}", window)]
        a = f"a{i}"
    nodes += [("Transpose", a, "last", {"perm": (0, 2, 3, 1)}), ("Flatten", "last", "f0")]
    for i, layer in enumerate(params.dense):
        named |= {f"V{i}": layer.W, f"c{i}": layer.b}
        nodes.append(("Gemm", f"f{i} V{i} c{i}", f"y{i}"))
        nodes.append(("Relu", f"y{i}", f"f{i + 1}"))
    nodes[-2:] = [(*nodes[-2][:2], "logits")]
    shapes = {"x": ["N", "H", "W", params.blocks[0].W.shape[2]]}, {"logits": ["N", len(params.dense[-1].b)]}
    return onnx_model(nodes, named, *shapes)


def run_onnx(function, session, x, *states):
    return session.run(None, {"x": x})[0]


def fits(weights):
    """ValueError if a block does not take the channels of the one before it, or the first dense layer not those of
    the last."""
    (blocks, dense), _ = _both(weights)
    fit_in_turn([block.W for block in blocks], [f"blocks[{i}].W" for i in range(len(blocks))])
    shape, channels = dense[0].W.shape, blocks[-1].W.shape[3]
    if shape[0] % channels:
        raise ValueError(f"dense[0].W has shape {shape}, expected rows for each of {channels} channels")


def _both(weights):
    """Parameters and one state for every block, also where a file ends with the last state that there is."""
    params, states = weights if isinstance(weights, CNNWeights) else (weights, ())
    return CNNWeights(params, (*states, *[None] * (len(params.blocks) - len(states))))


def _windows(pools, params):
    return pools if isinstance(pools, tuple) else (pools,) * len(params.blocks)


def _reordered(W, c):
    """Rows of rows, columns, channels as rows of channels, rows, columns."""
    return np.ascontiguousarray(W.reshape(-1, c, W.shape[1]).swapaxes(0, 1)).reshape(W.shape)


def _network(flat):
    """The network from arrays in Keras's order: a kernel and its bias or the four vectors of a normalization, ..."""
    found = f"there are {len(flat)} arrays of weights"
    flat, blocks, states = list(flat), [], []
    while flat and flat[0].ndim == 4:
        W, n = flat[0], next((i for i, x in enumerate(flat[1:]) if x.ndim > 1), len(flat) - 1)
        vectors = flat[1 : 1 + n]
        if n not in (1, 4):
            raise ValueError(f"{found}, {n} of them vectors after kernel {len(blocks)}, expected 1 or 4")
        blocks.append(CNNBlock(W, vectors[0], None) if n == 1 else CNNBlock(W, None, BatchNormParams(*vectors[:2])))
        states.append(None if n == 1 else BatchNormState(*vectors[2:]))
        flat = flat[1 + n :]
    if not blocks or not flat or len(flat) % 2:
        raise ValueError(
            f"{found}, {len(flat)} of them after {len(blocks)} blocks, expected pairs after at least one"
        )
    dense = tuple(MLPLayer(W, b) for W, b in zip(flat[::2], flat[1::2], strict=True))
    return CNNWeights(CNNParams(tuple(blocks), dense), tuple(states))


def _checked(params, states):
    """CNNParams, or CNNWeights if there is a normalization."""
    if any(states):
        return check(CNNWeights(params, states), CNNWeights)
    return check(params, CNNParams)
