"""Two GRU layers, one on top of the other: forward and backward against torch.nn.GRU and keras.layers.GRU."""

import numpy as np

from numpy_impl.recurrent.gru import GRUParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients
from shared.benchmarks.recurrent.gru import FULL, MODES, TINY, _swapped

__all__ = ["FULL", "TINY", "benchmarks"]


def benchmarks(draw, T, N, D, H):
    return [network("stacked", draw, T, N, D, H, (weights(draw, D, H), weights(draw, H, H)), H)]


def weights(draw, D, H):
    return GRUParams(draw(D, 3 * H, scale=D**-0.5), draw(H, 3 * H, scale=H**-0.5), draw(3 * H), draw(H))


def network(name, draw, T, N, D, H, cells, n_outputs, kind=tuple):
    """Two cells, arranged as `name` says; kind: the type of their parameters, made of a tuple of both."""
    xs, states = draw(T, N, D), (draw(N, H), draw(N, H))
    d_hs, d_states = draw(T, N, n_outputs), (draw(N, H), draw(N, H))
    benchmark = gradients(name, (kind(cells), xs, states), (d_hs, d_states), None, None, MODES)
    arrays = xs, *states, d_hs, *d_states
    both_ways = name == "bidirectional"
    return benchmark._replace(
        torch=lambda torch: _torch(torch, cells, arrays, both_ways),
        keras=lambda keras, mode: _keras(keras, mode, cells, arrays, both_ways),
        from_keras=_time_first,
    )


def _torch(torch, cells, arrays, both_ways):
    (D, _), H = cells[0].W_x.shape, len(cells[0].W_h)
    layer = torch.nn.GRU(D, H, num_layers=1 if both_ways else 2, bidirectional=both_ways)
    weights, zeros = list(layer.parameters()), np.zeros(2 * H, "f4")
    values = [x for p in cells for x in (p.W_x.T, p.W_h.T, p.b, np.concatenate([zeros, p.b_n]))]
    with torch.no_grad():
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(torch.tensor(value))
    xs, one, other, d_hs, d_one, d_other = (torch.tensor(x) for x in arrays)
    call = lambda xs, one, other: layer(xs, torch.stack([one, other]))
    step = torch_gradients(call, (xs, one, other), (d_hs, torch.stack([d_one, d_other])), weights)

    def run():
        (hs, h), grads = step()
        ours = [(grads[i].T, grads[i + 1].T, grads[i + 2], grads[i + 3][2 * H :]) for i in (0, 4)]
        return hs, *h, ours, grads[8:]

    return run


def _keras(keras, mode, cells, arrays, both_ways):
    options = {"return_sequences": True, "return_state": True, "unroll": True}  # a loop in the graph is slower
    layers = [keras.layers.GRU(len(p.W_h), **options) for p in cells]
    xs, one, other, d_hs, d_one, d_other = (keras.ops.array(x) for x in arrays)
    xs, d_hs = keras.ops.swapaxes(xs, 0, 1), keras.ops.swapaxes(d_hs, 0, 1)  # Keras has the batch first
    values = []
    for p in cells:
        b_h = np.concatenate([np.zeros(2 * len(p.b_n), "f4"), p.b_n])
        values.append([_swapped(p.W_x), _swapped(p.W_h), np.stack([_swapped(p.b), b_h])])
    if both_ways:
        both = keras.layers.Bidirectional(layers[0])
        both.build(xs.shape)
        both.set_weights([*values[0], *values[1]])
        variables = both.trainable_variables
        call = lambda xs, one, other: both(xs, initial_state=[one, other])
    else:
        for layer, cell, value in zip(layers, cells, values, strict=True):
            layer.build((*xs.shape[:2], len(cell.W_x)))
            layer.set_weights(value)
        variables = [v for layer in layers for v in layer.trainable_variables]

        def call(xs, one, other):
            hs, last = layers[0](xs, initial_state=one)
            hs, top = layers[1](hs, initial_state=other)
            return hs, last, top

    return keras_gradients(call, (xs, one, other), [d_hs, d_one, d_other], mode, variables)


def _time_first(result):
    (hs, *lasts), grads = result
    d_params = []
    for i in (0, 3):
        d_W_x, d_W_h, d_b = (_swapped(np.array(x)) for x in grads[i : i + 3])
        H = d_b.shape[1] // 3
        d_params.append((d_W_x, d_W_h, d_b[0], d_b[1, 2 * H :]))
    d_xs, *d_states = grads[6:]
    return np.swapaxes(hs, 0, 1), lasts, d_params, np.swapaxes(d_xs, 0, 1), d_states
