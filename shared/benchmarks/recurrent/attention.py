"""Additive attention: forward and backward against the same in torch.nn.functional and in keras.ops."""

import numpy as np

from numpy_impl.recurrent.attention import AttentionParams
from shared.benchmarks import gradients, keras_gradients

FULL = {"S": 10, "N": 128, "Q": 256, "E": 256, "A": 128}
TINY = {"S": 4, "N": 3, "Q": 5, "E": 6, "A": 7}


def benchmarks(draw, S, N, Q, E, A):
    params = AttentionParams(draw(Q, A, scale=Q**-0.5), draw(E, A, scale=E**-0.5), draw(A, scale=A**-0.5))
    mask = np.arange(S)[:, None] < draw.labels(N, S) + 1
    args = params, draw(N, Q), draw(S, N, E), mask
    along, flat = (draw(N, E), draw(S, N)), (*params, *args[1:])
    benchmark = gradients("attention", args, along, _torch, None)
    return [benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, flat, along))]


def _torch(torch):
    F = torch.nn.functional

    def attention(params, s, hs, mask):
        fits = torch.tanh(F.linear(s, params.W_s.T) + F.linear(hs, params.W_h.T))
        alpha = F.softmax(F.linear(fits, params.w[None])[..., 0].masked_fill(~mask, -torch.inf), dim=0)
        return torch.einsum("sn,sne->ne", alpha, hs), alpha

    return attention


def _keras(keras, mode, args, along):
    ops = keras.ops

    def attention(W_s, W_h, w, s, hs, mask):
        fits = ops.tanh(ops.matmul(s, W_s) + ops.matmul(hs, W_h))
        e = ops.sum(fits * w, axis=-1) - 1e9 * (1 - ops.cast(mask, "float32"))  # as keras.layers.AdditiveAttention
        alpha = ops.softmax(e, axis=0)
        return ops.einsum("sn,sne->ne", alpha, hs), alpha

    return keras_gradients(attention, [ops.array(x) for x in args], [ops.array(x) for x in along], mode)
