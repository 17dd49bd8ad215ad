"""GRU: forward and backward against torch.nn.GRU and keras.layers.GRU."""

import numpy as np

from numpy_impl.recurrent.gru import GRUParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients

FULL = {"T": 64, "N": 32, "D": 64, "H": 128}
MODES = {"torch": "eager", "tf": "function", "keras": "function"}  # compilers take minutes and gain little
TINY = {"T": 3, "N": 2, "D": 4, "H": 5}


def benchmarks(draw, T, N, D, H):
    params = GRUParams(draw(D, 3 * H, scale=D**-0.5), draw(H, 3 * H, scale=H**-0.5), draw(3 * H), draw(H))
    arrays = draw(T, N, D), draw(N, H), draw(T, N, H), draw(N, H)
    xs, state, d_hs, d_state = arrays
    benchmark = gradients("gru", (params, xs, state), (d_hs, d_state), None, None, MODES)
    return [
        benchmark._replace(
            torch=lambda torch: _torch(torch, params, *arrays),
            keras=lambda keras, mode: _keras(keras, mode, params, *arrays),
            from_keras=_time_first,
        )
    ]


def _torch(torch, params, *arrays):
    H = len(params.W_h)
    layer = torch.nn.GRU(len(params.W_x), H)
    values = (params.W_x.T, params.W_h.T, params.b, np.concatenate([np.zeros(2 * H, "f4"), params.b_n]))
    weights = (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(torch.tensor(value))
    xs, h, d_hs, d_h = (torch.tensor(x) for x in arrays)
    step = torch_gradients(lambda xs, h: layer(xs, h[None]), (xs, h), (d_hs, d_h[None]), weights)

    def run():
        outputs, (d_W_x, d_W_h, d_b, d_b_h, *others) = step()
        return outputs, d_W_x.T, d_W_h.T, d_b, d_b_h[2 * H :], others

    return run


def _keras(keras, mode, params, *arrays):
    options = {"return_sequences": True, "return_state": True, "unroll": True}  # a loop in the graph is slower
    layer = keras.layers.GRU(len(params.W_h), **options)
    xs, h, d_hs, d_h = (keras.ops.array(x) for x in arrays)
    xs, d_hs = keras.ops.swapaxes(xs, 0, 1), keras.ops.swapaxes(d_hs, 0, 1)  # Keras has the batch first
    layer.build(xs.shape)
    b_h = np.concatenate([np.zeros(2 * len(params.b_n), "f4"), params.b_n])
    layer.set_weights([_swapped(params.W_x), _swapped(params.W_h), np.stack([_swapped(params.b), b_h])])
    call = lambda xs, h: layer(xs, initial_state=h)
    return keras_gradients(call, (xs, h), [d_hs, d_h], mode, layer.trainable_variables)


def _time_first(result):
    (hs, h), (d_W_x, d_W_h, d_b, d_xs, d_h) = result
    d_b, d_b_h = np.array(d_b)
    d_params = [_swapped(np.array(x)) for x in (d_W_x, d_W_h, d_b)]
    return np.swapaxes(hs, 0, 1), h, d_params, d_b_h[2 * hs.shape[2] :], np.swapaxes(d_xs, 0, 1), d_h


def _swapped(W):
    """The first two of three blocks change places: r, z, n here, z, r, n in Keras."""
    r, z, n = np.split(W, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)
