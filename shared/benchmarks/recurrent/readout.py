"""A GRU and a linear readout of its last state, with the loss of a classifier: forward and backward against torch.nn
and Keras."""

import numpy as np

from numpy_impl.recurrent.readout import ReadoutParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients
from shared.benchmarks.recurrent.gru import MODES, _swapped
from shared.benchmarks.recurrent.stacked import weights

FULL = {"T": 28, "N": 128, "D": 28, "H": 64, "K": 10}  # rows of digits
TINY = {"T": 3, "N": 2, "D": 4, "H": 5, "K": 3}


def benchmarks(draw, T, N, D, H, K):
    params = ReadoutParams((weights(draw, D, H),), W_o=draw(H, K, scale=H**-0.5), b_o=draw(K))
    xs, labels, along = draw(T, N, D), draw.labels(N, K), np.ones((), "f4")
    benchmark = gradients("readout_label_loss", (params, xs, labels), along, None, None, MODES)
    return [
        benchmark._replace(
            torch=lambda torch: _torch(torch, params, xs, labels),
            keras=lambda keras, mode: _keras(keras, mode, params, xs, labels),
            from_keras=_time_first,
        )
    ]


def _torch(torch, params, xs, labels):
    (gru,), H = params.layers, len(params.W_o)
    layer, output = torch.nn.GRU(len(gru.W_x), H), torch.nn.Linear(*params.W_o.shape)
    b_h = np.concatenate([np.zeros(2 * H, "f4"), gru.b_n])
    values = (gru.W_x.T, gru.W_h.T, gru.b, b_h, params.W_o.T, params.b_o)
    leaves = [*layer.parameters(), *output.parameters()]
    with torch.no_grad():
        for weight, value in zip(leaves, values, strict=True):
            weight.copy_(torch.tensor(value))
    targets = torch.tensor(labels)
    call = lambda xs: torch.nn.functional.cross_entropy(output(layer(xs)[1][0]), targets)
    step = torch_gradients(call, (torch.tensor(xs),), torch.ones(()), leaves)

    def run():
        loss, (d_W_x, d_W_h, d_b, d_b_h, d_W_o, *others) = step()
        return loss, d_W_x.T, d_W_h.T, d_b, d_b_h[2 * H :], d_W_o.T, others

    return run


def _keras(keras, mode, params, xs, labels):
    (gru,) = params.layers
    layer, output = keras.layers.GRU(len(params.W_o), unroll=True), keras.layers.Dense(len(params.b_o))
    xs, labels = keras.ops.swapaxes(keras.ops.array(xs), 0, 1), keras.ops.array(labels)  # batch first
    layer.build(xs.shape)
    output.build((len(labels), len(params.W_o)))
    b_h = np.concatenate([np.zeros(2 * len(gru.b_n), "f4"), gru.b_n])
    layer.set_weights([_swapped(gru.W_x), _swapped(gru.W_h), np.stack([_swapped(gru.b), b_h])])
    output.set_weights([params.W_o, params.b_o])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    variables = [*layer.trainable_variables, *output.trainable_variables]
    return keras_gradients(lambda xs: loss(labels, output(layer(xs))), (xs,), None, mode, variables)


def _time_first(result):
    loss, (d_W_x, d_W_h, d_b, d_W_o, d_b_o, d_xs) = result
    d_W_x, d_W_h, d_b = (_swapped(np.array(x)) for x in (d_W_x, d_W_h, d_b))
    H = d_b.shape[1] // 3
    return loss, d_W_x, d_W_h, d_b[0], d_b[1, 2 * H :], d_W_o, d_b_o, np.swapaxes(d_xs, 0, 1)
