"""Decoder with attention: forward and backward against torch.nn.GRUCell, and Keras's with AdditiveAttention."""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from numpy_impl.recurrent.decoder import DecoderParams
from shared.benchmarks import gradients, keras_gradients, torch_gradients
from shared.benchmarks.recurrent import _speller

FULL = {"T": 10, "S": 10, "N": 64, "K": 41, "D": 64, "H": 256, "M": 256, "A": 128}
TINY = {"T": 3, "S": 4, "N": 2, "K": 7, "D": 3, "H": 5, "M": 6, "A": 4}
MODES = {"torch": "eager", "tf": "function", "keras": "function"}  # compilers take minutes and gain nothing


def weights(draw, K, D, H, M, A):
    attention = AttentionParams(draw(H, A, scale=H**-0.5), draw(M, A, scale=M**-0.5), draw(A, scale=A**-0.5))
    W_x, W_c, W_h = draw(D, 3 * H, scale=D**-0.5), draw(M, 3 * H, scale=M**-0.5), draw(H, 3 * H, scale=H**-0.5)
    E, b, b_n = draw(K, D), draw(3 * H), draw(H)
    return DecoderParams(E, W_x, W_c, W_h, b, b_n, attention, draw(H, K, scale=H**-0.5), draw(K))


def benchmarks(draw, T, S, N, K, D, H, M, A):
    params, mask = weights(draw, K, D, H, M, A), np.arange(S)[:, None] < draw.labels(N, S) + 1
    inputs, s_0, hs, along = draw.labels((T, N), K), draw(N, H), draw(S, N, M), draw(T, N, K)
    benchmark = gradients("decoder", (params, inputs, s_0, hs, mask), along, None, None, MODES)
    return [
        benchmark._replace(
            torch=lambda torch: _torch(torch, params, inputs, s_0, hs, mask, along),
            keras=lambda keras, mode: _keras(keras, mode, params, inputs, s_0, hs, mask, along),
            from_keras=lambda result: _time_first(result, params),
        )
    ]


def _torch(torch, params, inputs, s_0, hs, mask, along):
    theirs = _speller.torch_decoder(torch, params)
    args = tuple(torch.tensor(x) for x in (inputs, s_0, hs, mask))
    step = torch_gradients(theirs.call, args, torch.tensor(along), tuple(theirs.weights))

    def run():
        logits, grads = step()
        return logits, theirs.here(grads[:-2]), grads[-2:]

    return run


def _keras(keras, mode, params, inputs, s_0, hs, mask, along):
    theirs = _speller.keras_decoder(keras, params)
    first = lambda x: keras.ops.array(x.swapaxes(0, 1))
    args = first(inputs), keras.ops.array(s_0), first(hs), first(mask)
    return keras_gradients(theirs.call, args, first(along), mode, theirs.weights)


def _time_first(result, params):
    import keras

    logits, (*grads, d_s, d_hs) = result
    return np.swapaxes(logits, 0, 1), _speller.keras_decoder(keras, params).here(grads), d_s, np.swapaxes(d_hs, 0, 1)
