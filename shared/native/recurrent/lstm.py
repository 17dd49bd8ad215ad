"""An LSTM has the same gates everywhere, in different orders; torch and ONNX keep two biases that only add up.

    ours               torch.nn.LSTM(D, H)               keras.layers.LSTM(H)        ONNX LSTM
    gates i f g o      i f g o                           i f c o, the same           i o f c
    W_x (D, 4H)        weight_ih_l0 (4H, D), transposed  kernel (D, 4H)              W (1, 4H, D), reordered
    W_h (H, 4H)        weight_hh_l0 (4H, H), transposed  recurrent_kernel (H, 4H)    R (1, 4H, H), reordered
    b (4H,)            bias_ih_l0 = b, bias_hh_l0 = 0    bias (4H,)                  B (1, 8H) = b, 0
    xs (T, N, D)       the same                          (N, T, D), batch first      the same
    h, c (N, H)        (1, N, H)                         (N, H)                      (1, N, H)

From torch, b is the sum of both biases. Each of the two then has the gradient of b: trained by gradient descent they
move twice as fast as ours. The classifier has `output` as a second layer, torch.nn.Linear or Dense, on the last h.
"""

import numpy as np

from numpy_impl.recurrent.lstm import LSTMClassifierParams, LSTMParams, LSTMState
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"lstm": LSTMParams, "lstm_classifier": LSTMClassifierParams}
NAMES = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"


def to_torch_weights(params):
    if isinstance(params, LSTMClassifierParams):
        lstm = {f"lstm.{name}": x for name, x in to_torch_weights(params.lstm).items()}
        return lstm | {"output.weight": params.W_y.T, "output.bias": params.b_y}
    return dict(zip(NAMES, (params.W_x.T, params.W_h.T, params.b, np.zeros_like(params.b)), strict=True))


def from_torch(source):
    weights = arrays(source)
    if not any(name.startswith("lstm.") for name in weights):
        W_x, W_h, b_x, b_h = take(weights, *NAMES)
        return check(LSTMParams(W_x.T, W_h.T, b_x + b_h), LSTMParams)
    names = [f"lstm.{name}" for name in NAMES]
    *lstm, W_y, b_y = take(weights, *names, "output.weight", "output.bias")
    lstm = from_torch(dict(zip(NAMES, lstm, strict=True)))
    return check(LSTMClassifierParams(lstm, W_y.T, b_y), LSTMClassifierParams)


def gradients_from_torch(gradients):
    """Gradients by torch's names as those of our leaves: both biases have the gradient of b, so one of them does."""
    return from_torch({name: 0 * g if "bias_hh" in name else g for name, g in arrays(gradients).items()})


def to_torch(params):
    """A torch.nn.LSTM; for the classifier a ModuleDict of `lstm` and `output`."""
    import torch

    lstm = params.lstm if isinstance(params, LSTMClassifierParams) else params
    module = torch.nn.LSTM(len(lstm.W_x), len(lstm.W_h))
    if isinstance(params, LSTMClassifierParams):
        module = torch.nn.ModuleDict({"lstm": module, "output": torch.nn.Linear(*params.W_y.shape)})
    return loaded(module, to_torch_weights(params))


def run_torch(function, module, xs, state=None):
    if function == "lstm_classifier":
        return module["output"](module["lstm"](xs)[0][-1])
    hs, (h, c) = module(xs, (state.h[None], state.c[None]))
    return hs, LSTMState(h[0], c[0])


def to_keras_weights(params):
    if isinstance(params, LSTMClassifierParams):
        return [*params.lstm, params.W_y, params.b_y]
    return list(params)


def from_keras(source):
    weights = listed(source)
    if len(weights) == 3:
        return check(LSTMParams(*weights), LSTMParams)
    *lstm, W_y, b_y = listed(weights, 5)
    return check(LSTMClassifierParams(LSTMParams(*lstm), W_y, b_y), LSTMClassifierParams)


def to_keras(params):
    """A model of (xs, h, c) that gives (hs, h, c); for the classifier, of xs that gives the logits. Batch first."""
    import keras

    lstm = params.lstm if isinstance(params, LSTMClassifierParams) else params
    n_inputs, n_hidden, dtype = len(lstm.W_x), len(lstm.W_h), str(lstm.W_x.dtype)
    xs = keras.Input((None, n_inputs), dtype=dtype)
    if isinstance(params, LSTMClassifierParams):
        h = keras.layers.LSTM(n_hidden, dtype=dtype)(xs)
        model = keras.Model(xs, keras.layers.Dense(len(params.b_y), dtype=dtype)(h))
    else:
        state = [keras.Input((n_hidden,), dtype=dtype) for _ in "hc"]
        layer = keras.layers.LSTM(n_hidden, return_sequences=True, return_state=True, dtype=dtype)
        model = keras.Model([xs, *state], layer(xs, initial_state=state))
    model.set_weights(to_keras_weights(params))
    return model


def run_keras(function, model, xs, state=None):
    import keras

    batch_first = keras.ops.transpose(xs, (1, 0, 2))
    if function == "lstm_classifier":
        return model(batch_first)
    hs, h, c = model([batch_first, *state])
    return keras.ops.transpose(hs, (1, 0, 2)), LSTMState(h, c)


def to_onnx(params):
    """xs (T, N, D), h, c (N, H) to hs (T, N, H), h_T, c_T; for the classifier, xs to logits (N, K)."""
    lstm = params.lstm if isinstance(params, LSTMClassifierParams) else params
    n_inputs, n_hidden, b = len(lstm.W_x), len(lstm.W_h), _reordered(lstm.b)
    weights = {"W": _reordered(lstm.W_x).T[None], "R": _reordered(lstm.W_h).T[None]}
    weights |= {"B": np.concatenate([b, 0 * b])[None], "first": np.array([0])}
    inputs, size = {"xs": ["T", "N", n_inputs]}, {"hidden_size": n_hidden}
    if isinstance(params, LSTMClassifierParams):
        nodes = [
            ("LSTM", "xs W R B", "Y Y_h Y_c", size),
            ("Squeeze", "Y_h first", "h"),
            ("Gemm", "h W_y b_y", "logits"),
        ]
        weights |= {"W_y": params.W_y, "b_y": params.b_y}
        return onnx_model(nodes, weights, inputs, {"logits": ["N", len(params.b_y)]})
    nodes = [("Unsqueeze", f"{name} first", f"{name}_0") for name in "hc"]
    weights |= {"one": np.array([1])}
    nodes.append(("LSTM", "xs W R B - h_0 c_0", "Y Y_h Y_c", size))
    nodes += [("Squeeze", "Y one", "hs"), ("Squeeze", "Y_h first", "h_T"), ("Squeeze", "Y_c first", "c_T")]
    inputs |= {"h": ["N", n_hidden], "c": ["N", n_hidden]}
    return onnx_model(
        nodes, weights, inputs, {"hs": ["T", "N", n_hidden], "h_T": ["N", n_hidden], "c_T": ["N", n_hidden]}
    )


def run_onnx(function, session, xs, state=None):
    if function == "lstm_classifier":
        return session.run(None, {"xs": xs})[0]
    hs, h, c = session.run(None, {"xs": xs, "h": state.h, "c": state.c})
    return hs, LSTMState(h, c)


def _reordered(W):
    """Blocks i, f, g, o as ONNX's i, o, f, c (its c is our g)."""
    i, f, g, o = np.split(W, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1)
