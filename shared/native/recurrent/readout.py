"""One recurrent layer, of any kind, and a linear layer on its last output: a classifier of sequences.

    ours               torch, a ModuleDict               Keras, a model              ONNX
    layers (one)       layer: nn.RNN, GRU or LSTM        SimpleRNN, GRU or LSTM      RNN, GRU or LSTM
    W_o (H, K)         output.weight (K, H), transposed  Dense kernel (H, K)         W_o (H, K) of a Gemm
    b_o (K,)           output.bias                       Dense bias                  b_o
    xs (T, N, D)       the same                          (N, T, D), batch first      the same
    y (N, K)           the same                          the same                    the same

The layer's weights are those of recurrent/rnn, gru or lstm. Their kind is told by the number of blocks in W_h: one,
three or four. The reset gate of a GRU acts after the matrix product.
"""

import numpy as np

from numpy_impl.recurrent.readout import ReadoutParams
from shared.native import arrays, check, listed, loaded, onnx_model, take
from shared.native.recurrent import gru, lstm, rnn

KINDS = {"readout_last": ReadoutParams}
CELLS = {1: rnn, 3: gru, 4: lstm}
NAMES = {rnn: ("RNN", "SimpleRNN"), gru: ("GRU", "GRU"), lstm: ("LSTM", "LSTM")}  # of torch and ONNX, of Keras


def _layer(params):
    """The only layer, and the module of its kind."""
    if len(params.layers) != 1:
        raise ValueError(f"there are {len(params.layers)} recurrent layers, expected one")
    (layer,) = params.layers
    return layer, _kind(layer.W_h)


def _kind(W_h):
    blocks = max(W_h.shape) // min(W_h.shape)
    if blocks not in CELLS:
        raise ValueError(
            f"W_h has shape {W_h.shape}: {blocks} blocks, expected 1, 3 or 4, as an RNN, GRU or LSTM has"
        )
    return CELLS[blocks]


def to_torch_weights(params):
    layer, kind = _layer(params)
    weights = {f"layer.{name}": x for name, x in kind.to_torch_weights(layer).items()}
    return weights | {"output.weight": params.W_o.T, "output.bias": params.b_o}


def from_torch(source):
    return _from_torch(source, "from_torch")


def gradients_from_torch(gradients):
    """Gradients by torch's names as those of our leaves."""
    return _from_torch(gradients, "gradients_from_torch")


def _from_torch(source, function):
    names = [f"layer.{name}" for name in rnn.NAMES]  # those of every kind
    *layer, W_o, b_o = take(arrays(source), *names, "output.weight", "output.bias")
    kind = _kind(layer[1])
    layer = getattr(kind, function)(dict(zip(rnn.NAMES, layer, strict=True)))
    return check(ReadoutParams((layer,), W_o.T, b_o), ReadoutParams)


def to_torch(params):
    import torch

    layer, kind = _layer(params)
    output = torch.nn.Linear(*params.W_o.shape)
    return loaded(torch.nn.ModuleDict({"layer": kind.to_torch(layer), "output": output}), to_torch_weights(params))


def run_torch(function, module, xs):
    return module["output"](module["layer"](xs)[0][-1])


def to_keras_weights(params):
    layer, kind = _layer(params)
    return [*kind.to_keras_weights(layer), params.W_o, params.b_o]


def from_keras(source):
    *layer, W_o, b_o = listed(source, 5)
    return check(ReadoutParams((_kind(layer[1]).from_keras(layer),), W_o, b_o), ReadoutParams)


def gradients_from_keras(gradients):
    """Gradients in Keras's order as those of our leaves."""
    *layer, W_o, b_o = listed(gradients, 5)
    kind = _kind(layer[1])
    of_layer = getattr(kind, "gradients_from_keras", kind.from_keras)
    return check(ReadoutParams((of_layer(layer),), W_o, b_o), ReadoutParams)


def to_keras(params):
    """A model of xs that gives y. Batch first."""
    import keras

    layer, kind = _layer(params)
    dtype = str(params.W_o.dtype)
    xs = keras.Input((None, len(layer.W_x)), dtype=dtype)
    h = getattr(keras.layers, NAMES[kind][1])(len(layer.W_h), dtype=dtype)(xs)
    model = keras.Model(xs, keras.layers.Dense(len(params.b_o), dtype=dtype)(h))
    model.set_weights(to_keras_weights(params))
    return model


def run_keras(function, model, xs):
    import keras

    return model(keras.ops.transpose(xs, (1, 0, 2)))


def to_onnx(params):
    """xs (T, N, D) to y (N, K)."""
    layer, kind = _layer(params)
    options = {"hidden_size": len(layer.W_h)} | ({"linear_before_reset": 1} if kind is gru else {})
    weights = kind.onnx_weights(layer) | {"first": np.array([0]), "W_o": params.W_o, "b_o": params.b_o}
    nodes = [
        (NAMES[kind][0], "xs W R B", "Y Y_h", options),
        ("Squeeze", "Y_h first", "h"),
        ("Gemm", "h W_o b_o", "y"),
    ]
    return onnx_model(nodes, weights, {"xs": ["T", "N", len(layer.W_x)]}, {"y": ["N", len(params.b_o)]})


def run_onnx(function, session, xs):
    return session.run(None, {"xs": xs})[0]
