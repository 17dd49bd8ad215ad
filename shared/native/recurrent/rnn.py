"""An RNN is the same everywhere; torch and ONNX keep two biases that only add up.

    ours               torch.nn.RNN(D, H)                keras.layers.SimpleRNN(H)   ONNX RNN
    W_x (D, H)         weight_ih_l0 (H, D), transposed   kernel (D, H)               W (1, H, D)
    W_h (H, H)         weight_hh_l0 (H, H), transposed   recurrent_kernel (H, H)     R (1, H, H)
    b (H,)             bias_ih_l0 = b, bias_hh_l0 = 0    bias (H,)                   B (1, 2H) = b, 0
    xs (T, N, D)       the same                          (N, T, D), batch first      the same
    h (N, H)           (1, N, H)                         (N, H)                      (1, N, H)

W_h is square: untransposed it fits as well, and is another net. From torch, b is the sum of both biases. Each of the
two then has the gradient of b: trained by gradient descent they move twice as fast as ours.
"""

import numpy as np

from numpy_impl.recurrent.rnn import RNNParams
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"rnn": RNNParams}
NAMES = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"


def to_torch_weights(params):
    return dict(zip(NAMES, (params.W_x.T, params.W_h.T, params.b, np.zeros_like(params.b)), strict=True))


def from_torch(source):
    W_x, W_h, b_x, b_h = take(arrays(source), *NAMES)
    return check(RNNParams(W_x.T, W_h.T, b_x + b_h), RNNParams)


def gradients_from_torch(gradients):
    """Gradients by torch's names as those of our leaves: both biases have the gradient of b, so one of them does."""
    return from_torch({name: 0 * g if "bias_hh" in name else g for name, g in arrays(gradients).items()})


def to_torch(params):
    import torch

    return loaded(torch.nn.RNN(len(params.W_x), len(params.W_h)), to_torch_weights(params))


def run_torch(function, module, xs, state):
    hs, h = module(xs, state[None])
    return hs, h[0]


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(RNNParams(*listed(source, 3)), RNNParams)


def to_keras(params):
    """A model of (xs, h) that gives (hs, h). Batch first."""
    import keras

    n_inputs, n_hidden, dtype = len(params.W_x), len(params.W_h), str(params.W_x.dtype)
    xs, h = keras.Input((None, n_inputs), dtype=dtype), keras.Input((n_hidden,), dtype=dtype)
    layer = keras.layers.SimpleRNN(n_hidden, return_sequences=True, return_state=True, dtype=dtype)
    model = keras.Model([xs, h], layer(xs, initial_state=h))
    model.set_weights(to_keras_weights(params))
    return model


def run_keras(function, model, xs, state):
    import keras

    hs, h = model([keras.ops.transpose(xs, (1, 0, 2)), state])
    return keras.ops.transpose(hs, (1, 0, 2)), h


def onnx_weights(params):
    return {"W": params.W_x.T[None], "R": params.W_h.T[None], "B": np.concatenate([params.b, 0 * params.b])[None]}


def to_onnx(params):
    """xs (T, N, D), h (N, H) to hs (T, N, H), h_T."""
    n_inputs, n_hidden = len(params.W_x), len(params.W_h)
    weights = onnx_weights(params) | {"first": np.array([0]), "one": np.array([1])}
    nodes = [
        ("Unsqueeze", "h first", "h_0"),
        ("RNN", "xs W R B - h_0", "Y Y_h", {"hidden_size": n_hidden}),
        ("Squeeze", "Y one", "hs"),
        ("Squeeze", "Y_h first", "h_T"),
    ]
    inputs = {"xs": ["T", "N", n_inputs], "h": ["N", n_hidden]}
    return onnx_model(nodes, weights, inputs, {"hs": ["T", "N", n_hidden], "h_T": ["N", n_hidden]})


def run_onnx(function, session, xs, state):
    hs, h = session.run(None, {"xs": xs, "h": state})
    return hs, h
