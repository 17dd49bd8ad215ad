"""An LSTM has the same gates everywhere, in different orders; torch and ONNX keep two biases that only add up.

    ours               torch.nn.LSTM(D, H)               keras.layers.LSTM(H)        ONNX LSTM
    gates i f g o      i f g o                           i f c o, the same           i o f c
    W_x (D, 4H)        weight_ih_l0 (4H, D), transposed  kernel (D, 4H)              W (1, 4H, D), reordered
    W_h (H, 4H)        weight_hh_l0 (4H, H), transposed  recurrent_kernel (H, 4H)    R (1, 4H, H), reordered
    b (4H,)            bias_ih_l0 = b, bias_hh_l0 = 0    bias (4H,)                  B (1, 8H) = b, 0
    xs (T, N, D)       the same                          (N, T, D), batch first      the same
    h, c (N, H)        (1, N, H)                         (N, H)                      (1, N, H)

From torch, b is the sum of both biases. Each of the two then has the gradient of b: trained by gradient descent they
move twice as fast as ours. With an output layer on its last h it goes over as recurrent/readout.
"""

import numpy as np

from numpy_impl.recurrent.lstm import LSTMParams, LSTMState
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"lstm": LSTMParams}
NAMES = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"


def to_torch_weights(params):
    return dict(zip(NAMES, (params.W_x.T, params.W_h.T, params.b, np.zeros_like(params.b)), strict=True))


def from_torch(source):
    W_x, W_h, b_x, b_h = take(arrays(source), *NAMES)
    return check(LSTMParams(W_x.T, W_h.T, b_x + b_h), LSTMParams)


def gradients_from_torch(gradients):
    """Gradients by torch's names as those of our leaves: both biases have the gradient of b, so one of them does."""
    return from_torch({name: 0 * g if "bias_hh" in name else g for name, g in arrays(gradients).items()})


def to_torch(params):
    import torch

    return loaded(torch.nn.LSTM(len(params.W_x), len(params.W_h)), to_torch_weights(params))


def run_torch(function, module, xs, state):
    hs, (h, c) = module(xs, (state.h[None], state.c[None]))
    return hs, LSTMState(h[0], c[0])


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(LSTMParams(*listed(source, 3)), LSTMParams)


def to_keras(params):
    """A model of (xs, h, c) that gives (hs, h, c). Batch first."""
    import keras

    n_inputs, n_hidden, dtype = len(params.W_x), len(params.W_h), str(params.W_x.dtype)
    xs = keras.Input((None, n_inputs), dtype=dtype)
    state = [keras.Input((n_hidden,), dtype=dtype) for _ in "hc"]
    layer = keras.layers.LSTM(n_hidden, return_sequences=True, return_state=True, dtype=dtype)
    model = keras.Model([xs, *state], layer(xs, initial_state=state))
    model.set_weights(to_keras_weights(params))
    return model


def run_keras(function, model, xs, state):
    import keras

    hs, h, c = model([keras.ops.transpose(xs, (1, 0, 2)), *state])
    return keras.ops.transpose(hs, (1, 0, 2)), LSTMState(h, c)


def onnx_weights(params):
    b = _reordered(params.b)
    weights = {"W": _reordered(params.W_x).T[None], "R": _reordered(params.W_h).T[None]}
    return weights | {"B": np.concatenate([b, 0 * b])[None]}


def to_onnx(params):
    """xs (T, N, D), h, c (N, H) to hs (T, N, H), h_T, c_T."""
    n_inputs, n_hidden = len(params.W_x), len(params.W_h)
    weights = onnx_weights(params) | {"first": np.array([0]), "one": np.array([1])}
    nodes = [("Unsqueeze", f"{name} first", f"{name}_0") for name in "hc"]
    nodes.append(("LSTM", "xs W R B - h_0 c_0", "Y Y_h Y_c", {"hidden_size": n_hidden}))
    nodes += [("Squeeze", "Y one", "hs"), ("Squeeze", "Y_h first", "h_T"), ("Squeeze", "Y_c first", "c_T")]
    inputs = {"xs": ["T", "N", n_inputs], "h": ["N", n_hidden], "c": ["N", n_hidden]}
    outputs = {"hs": ["T", "N", n_hidden], "h_T": ["N", n_hidden], "c_T": ["N", n_hidden]}
    return onnx_model(nodes, weights, inputs, outputs)


def run_onnx(function, session, xs, state):
    hs, h, c = session.run(None, {"xs": xs, "h": state.h, "c": state.c})
    return hs, LSTMState(h, c)


def _reordered(W):
    """Blocks i, f, g, o as ONNX's i, o, f, c (its c is our g)."""
    i, f, g, o = np.split(W, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1)
