"""A GRU has the same gates everywhere, in different orders and with its reset gate in one of two places.

    ours               torch.nn.GRU(D, H)                keras.layers.GRU(H)         ONNX GRU
    blocks r z n       r z n                             z r n                       z r n
    W_x (D, 3H)        weight_ih_l0 (3H, D), transposed  kernel (D, 3H)              W (1, 3H, D)
    W_h (H, 3H)        weight_hh_l0 (3H, H), transposed  recurrent_kernel (H, 3H)    R (1, 3H, H)
    b (3H,), b_n (H,)  bias_ih_l0 = b,                   bias (2, 3H), the same two  B (1, 6H) = b, 0, 0, b_n
                       bias_hh_l0 = 0, 0, b_n            in its order
    reset_after        True, the only form               reset_after, a (3H,) bias   linear_before_reset,
                                                         if False                    0 by default
    xs (T, N, D)       the same                          (N, T, D), batch first      the same
    h (N, H)           (1, N, H)                         (N, H)                      (1, N, H)

From torch and Keras the two biases of r and z are added up. With reset_after=False those of n only add up as well;
Keras then has one bias, and from there b_n is 0.
"""

import numpy as np

from numpy_impl.recurrent.gru import GRUParams
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"gru": GRUParams}
NAMES = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"


def to_torch_weights(params):
    return dict(zip(NAMES, (params.W_x.T, params.W_h.T, *_two_biases(params)), strict=True))


def from_torch(source):
    W_x, W_h, b_x, b_h = take(arrays(source), *NAMES)
    return check(GRUParams(W_x.T, W_h.T, *_our_biases(b_x, b_h)), GRUParams)


def gradients_from_torch(gradients):
    """Gradients by torch's names as those of our leaves: both biases of r and z have the gradient of b."""
    found = arrays(gradients)
    b_h = found["bias_hh_l0"]
    return from_torch(found | {"bias_hh_l0": np.where(np.arange(len(b_h)) < len(b_h) // 3 * 2, 0, b_h)})


def to_torch(params):
    import torch

    return loaded(torch.nn.GRU(len(params.W_x), len(params.W_h)), to_torch_weights(params))


def run_torch(function, module, xs, state):
    hs, h = module(xs, state[None])
    return hs, h[0]


def to_keras_weights(params, *, reset_after=True):
    biases = [_swapped(b) for b in _two_biases(params)]
    bias = np.stack(biases) if reset_after else sum(biases)
    return [_swapped(params.W_x), _swapped(params.W_h), bias]


def from_keras(source):
    """Of a layer with reset_after=True; one without it has one bias, and b_n becomes 0."""
    W_x, W_h, b = listed(source, 3)
    b_x, b_h = b if b.ndim == 2 else (b, np.zeros_like(b))
    params = GRUParams(_swapped(W_x), _swapped(W_h), *_our_biases(_swapped(b_x), _swapped(b_h)))
    return check(params, GRUParams)


def gradients_from_keras(gradients):
    """Gradients in Keras's order as those of our leaves: both biases of r and z have the gradient of b."""
    W_x, W_h, b = listed(gradients, 3)
    gates = np.arange(b.shape[1]) < b.shape[1] // 3 * 2
    return from_keras([W_x, W_h, np.where([[False], [True]] & gates, 0, b)])


def to_keras(params, *, reset_after=True):
    """A model of (xs, h) that gives (hs, h). Batch first."""
    import keras

    n_inputs, n_hidden, dtype = len(params.W_x), len(params.W_h), str(params.W_x.dtype)
    xs, h = keras.Input((None, n_inputs), dtype=dtype), keras.Input((n_hidden,), dtype=dtype)
    options = {"return_sequences": True, "return_state": True, "reset_after": reset_after, "dtype": dtype}
    model = keras.Model([xs, h], keras.layers.GRU(n_hidden, **options)(xs, initial_state=h))
    model.set_weights(to_keras_weights(params, reset_after=reset_after))
    return model


def run_keras(function, model, xs, state):
    import keras

    hs, h = model([keras.ops.transpose(xs, (1, 0, 2)), state])
    return keras.ops.transpose(hs, (1, 0, 2)), h


def onnx_weights(params):
    weights = {"W": _swapped(params.W_x).T[None], "R": _swapped(params.W_h).T[None]}
    return weights | {"B": np.concatenate([_swapped(b) for b in _two_biases(params)])[None]}


def to_onnx(params, *, reset_after=True):
    """xs (T, N, D), h (N, H) to hs (T, N, H), h_T."""
    n_inputs, n_hidden = len(params.W_x), len(params.W_h)
    weights = onnx_weights(params) | {"first": np.array([0]), "one": np.array([1])}
    options = {"hidden_size": n_hidden, "linear_before_reset": int(reset_after)}
    nodes = [
        ("Unsqueeze", "h first", "h_0"),
        ("GRU", "xs W R B - h_0", "Y Y_h", options),
        ("Squeeze", "Y one", "hs"),
        ("Squeeze", "Y_h first", "h_T"),
    ]
    inputs = {"xs": ["T", "N", n_inputs], "h": ["N", n_hidden]}
    return onnx_model(nodes, weights, inputs, {"hs": ["T", "N", n_hidden], "h_T": ["N", n_hidden]})


def run_onnx(function, session, xs, state):
    hs, h = session.run(None, {"xs": xs, "h": state})
    return hs, h


def _two_biases(params):
    """Ours as one bias for the inputs and one for the state."""
    return params.b, np.concatenate([np.zeros_like(params.b[: -len(params.b_n)]), params.b_n])


def _our_biases(b_x, b_h):
    """The two biases as b and b_n."""
    gates = 2 * (len(b_h) // 3)
    return np.concatenate([b_x[:gates] + b_h[:gates], b_x[gates:]]), b_h[gates:]


def _swapped(W):
    """The first two of three blocks change places: r, z, n here, z, r, n in Keras and ONNX."""
    r, z, n = np.split(W, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)
