"""LSTM: forward and backward against torch.nn.LSTM and keras.layers.LSTM."""

import numpy as np

from numpy_impl.recurrent.lstm import LSTMParams, LSTMState
from shared.benchmarks import gradients, keras_gradients, torch_gradients

FULL = {"T": 64, "N": 32, "D": 64, "H": 128}
MODES = {"torch": "eager", "tf": "function", "keras": "function"}  # compilers take minutes and gain nothing
TINY = {"T": 3, "N": 2, "D": 4, "H": 5}


def benchmarks(draw, T, N, D, H):
    params = LSTMParams(W_x=draw(D, 4 * H, scale=D**-0.5), W_h=draw(H, 4 * H, scale=H**-0.5), b=draw(4 * H))
    xs, state = draw(T, N, D), LSTMState(draw(N, H), draw(N, H))
    d_hs, d_state = draw(T, N, H), LSTMState(draw(N, H), draw(N, H))
    benchmark = gradients("lstm", (params, xs, state), (d_hs, d_state), None, None, MODES)
    return [
        benchmark._replace(
            torch=lambda torch: _torch(torch, params, xs, state, d_hs, d_state),
            keras=lambda keras, mode: _keras(keras, mode, params, xs, state, d_hs, d_state),
            from_keras=_time_first,
        )
    ]


def _torch(torch, params, *arrays):
    layer = torch.nn.LSTM(len(params.W_x), len(params.W_h))
    values = (params.W_x.T, params.W_h.T, params.b, np.zeros_like(params.b))  # two biases, which are added up
    weights = (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(torch.tensor(value))
    layer.bias_hh_l0.requires_grad_(False)
    xs, h, c, d_hs, d_h, d_c = (torch.tensor(x) for x in _flat(*arrays))
    call = lambda xs, h, c: layer(xs, (h[None], c[None]))
    step = torch_gradients(call, (xs, h, c), (d_hs, d_h[None], d_c[None]), weights[:3])

    def run():
        outputs, (d_W_x, d_W_h, *others) = step()
        return outputs, d_W_x.T, d_W_h.T, others

    return run


def _keras(keras, mode, params, *arrays):
    options = {"return_sequences": True, "return_state": True, "unroll": True}  # a loop in the graph is slower
    layer = keras.layers.LSTM(len(params.W_h), **options)
    xs, h, c, d_hs, d_h, d_c = (keras.ops.array(x) for x in _flat(*arrays))
    xs, d_hs = keras.ops.swapaxes(xs, 0, 1), keras.ops.swapaxes(d_hs, 0, 1)  # Keras has the batch first
    layer.build(xs.shape)
    layer.set_weights(list(params))
    call = lambda xs, h, c: layer(xs, initial_state=[h, c])
    return keras_gradients(call, (xs, h, c), [d_hs, d_h, d_c], mode, layer.trainable_variables)


def _flat(xs, state, d_hs, d_state):
    return xs, *state, d_hs, *d_state


def _time_first(result):
    (hs, h, c), (*d_params, d_xs, d_h, d_c) = result
    return np.swapaxes(hs, 0, 1), h, c, d_params, np.swapaxes(d_xs, 0, 1), d_h, d_c
