"""RNN: forward and backward against torch.nn.RNN and keras.layers.SimpleRNN."""

import numpy as np

from numpy_impl.recurrent.rnn import RNNParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients

FULL = {"T": 64, "N": 32, "D": 64, "H": 128}
MODES = {"torch": "eager", "tf": "function", "keras": "function"}  # compilers take minutes and gain little
TINY = {"T": 3, "N": 2, "D": 4, "H": 5}


def benchmarks(draw, T, N, D, H):
    params = RNNParams(W_x=draw(D, H, scale=D**-0.5), W_h=draw(H, H, scale=H**-0.5), b=draw(H))
    arrays = draw(T, N, D), draw(N, H), draw(T, N, H), draw(N, H)
    xs, state, d_hs, d_state = arrays
    benchmark = gradients("rnn", (params, xs, state), (d_hs, d_state), None, None, MODES)
    return [
        benchmark._replace(
            torch=lambda torch: _torch(torch, params, *arrays),
            keras=lambda keras, mode: _keras(keras, mode, params, *arrays),
            from_keras=_time_first,
        )
    ]


def _torch(torch, params, *arrays):
    layer = torch.nn.RNN(len(params.W_x), len(params.W_h))
    values = (params.W_x.T, params.W_h.T, params.b, np.zeros_like(params.b))  # two biases, which are added up
    weights = (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(torch.tensor(value))
    layer.bias_hh_l0.requires_grad_(False)
    xs, h, d_hs, d_h = (torch.tensor(x) for x in arrays)
    step = torch_gradients(lambda xs, h: layer(xs, h[None]), (xs, h), (d_hs, d_h[None]), weights[:3])

    def run():
        outputs, (d_W_x, d_W_h, *others) = step()
        return outputs, d_W_x.T, d_W_h.T, others

    return run


def _keras(keras, mode, params, *arrays):
    options = {"return_sequences": True, "return_state": True, "unroll": True}  # a loop in the graph is slower
    layer = keras.layers.SimpleRNN(len(params.W_h), **options)
    xs, h, d_hs, d_h = (keras.ops.array(x) for x in arrays)
    xs, d_hs = keras.ops.swapaxes(xs, 0, 1), keras.ops.swapaxes(d_hs, 0, 1)  # Keras has the batch first
    layer.build(xs.shape)
    layer.set_weights(list(params))
    call = lambda xs, h: layer(xs, initial_state=h)
    return keras_gradients(call, (xs, h), [d_hs, d_h], mode, layer.trainable_variables)


def _time_first(result):
    (hs, h), (*d_params, d_xs, d_h) = result
    return np.swapaxes(hs, 0, 1), h, d_params, np.swapaxes(d_xs, 0, 1), d_h
